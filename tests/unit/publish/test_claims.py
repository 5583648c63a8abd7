"""How sure a claim is, and what no cause explains, in each form in which a reader sees it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.model import (
    Aspect,
    CauseFinding,
    Diagnosis,
    Difference,
    Evidence,
    Experiment,
    Proof,
    Severity,
    Unexplained,
    Verdict,
)
from orchestrator.publish import advice, comparison, proof, terminal, wording
from orchestrator.publish.explanation import explanation
from orchestrator.publish.site import site
from orchestrator.results.summary import summarize
from tests.sample_results import FIRST, HOSTILE, SECOND, sample
from tests.samples import NOON, built

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.model import Result
    from orchestrator.publish.terminal import Block

SUMMARY = "The archive records permissions that follow the umask."
LIBRARY, MODULE, METADATA = "pkg/a.so", "pkg/a.py", "pkg-1.0.dist-info/METADATA"
FENCES = "`` ``` ````\n```\n# owned\n</pre></mark>"
BIDI = "if x: \u202e\u2066# owned\u2069 return\x1b]0;t\x07\x9b31m\r\b"


def printed(blocks: Iterable[Block]) -> str:
    """Return what a terminal without an end of lines shows."""
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, terminal.Table):
            lines += map(" ".join, block.rows)
        else:
            lines += [block] if isinstance(block, str) else block.lines(1000)
    return "\n".join(lines)


def judged(*causes: CauseFinding, **others: object) -> Result:
    """Return a sensitive result of schema 4 with those causes."""
    result = replace(sample(verdict=Verdict.SENSITIVE), severity=Severity.CODE, schema=4, causes=causes)
    return replace(result, **others)  # type: ignore[arg-type]


def page(result: Result) -> str:
    """Return the source of the result's page."""
    pages = dict(site(summarize([result], (), NOON), lambda _: None, "0.1.0"))
    return pages["packages/six.html"]


def first_page(result: Result) -> str:
    """Return the source of the first page."""
    return dict(site(summarize([result], (), NOON), lambda _: None, "0.1.0"))["index.html"]


def cause(strength: Proof, *variations: str, name: str = "archive-modes", chance: str = "") -> CauseFinding:
    """Return a cause with one piece of evidence."""
    return CauseFinding(name, (MODULE,), variations, strength, (Evidence(MODULE, "mode", "0644", "0664", chance),))


# --- how sure a claim is -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (cause(Proof.POSSIBLE, "umask"), "it may be this: the difference has the form; nothing shows it"),
        (
            cause(Proof.TRACE, "umask"),
            "its trace is there: each side has what its own environment planted, and without it they are the same",
        ),
        (cause(Proof.TRACE, name="generator"), "its trace is there: the two files themselves show it"),
        (cause(Proof.TRACE, name="of-a-later-release"), "its trace is there: without it, the two sides are the same"),
    ],
)
def test_the_strength_of_a_claim_is_a_sentence_everywhere(found: CauseFinding, sentence: str) -> None:
    """In the terminal, in the comparison of two files, on the page, in the report and in JSON."""
    result = judged(found)
    assert proof.of_cause(result, found) == sentence
    assert explanation(result)["causes"][0]["claim"] == sentence
    diagnosis = Diagnosis(Severity.CODE, (found,), (), ())
    for text in (
        printed(terminal.story(result, {})),
        printed(terminal.of_pair(diagnosis, {})),
        advice.report(result),
        page(result),
    ):
        assert sentence in text


def test_what_is_only_possible_is_never_stated_as_a_fact() -> None:
    """Not even what the cause means, to whom it belongs, or in a list of names."""
    result = judged(cause(Proof.POSSIBLE, "umask"))
    text = advice.report(result)
    assert "# Wheels are not reproducible, perhaps because of setuptools: six" in text
    assert "## Perhaps `archive-modes`\n\nIt may be this, and nothing shows it. If it is this: " in text
    assert "**Whose it would be:**" in text
    assert "**What to change, if it is this:**" in text
    assert "It depends on" not in text
    assert f"If it is this: {SUMMARY}" in printed(terminal.story(result, {"archive-modes": SUMMARY}))
    assert "<p>If it is this: " in page(result)
    assert '<span class="proof possible">possible</span>' in page(result)
    assert wording.blamed(result) == "perhaps archive-modes"
    assert "data-causes" not in first_page(result)
    assert "perhaps archive-modes" in first_page(result)


@pytest.mark.parametrize(
    ("strength", "depends"),
    [
        (Proof.TRACE, "It may depend on `umask`."),
        (Proof.ISOLATED, "It depends on `umask`."),
    ],
)
def test_a_report_names_what_a_cause_depends_on_as_far_as_it_is_known(strength: Proof, depends: str) -> None:
    """Only builds prove a variation."""
    text = advice.report(judged(cause(strength, "umask")))
    assert depends in text
    assert "perhaps" not in text.lower()
    never = advice.report(judged(cause(Proof.TRACE, name="generator")))
    assert "It is not known to depend on anything that was varied." in never


def test_a_possible_cause_is_marked_where_images_are_compared() -> None:
    """Its name still leads to the catalogue."""
    one = judged(cause(Proof.POSSIBLE, "umask"))
    other = replace(one, image=replace(one.image, name="trixie"), causes=())
    (project,) = summarize([one, other], (), NOON).projects
    (compared,) = comparison.comparisons(project.standings, project.current, {})
    (line,) = [line for line in compared.lines if line.name == "Causes"]
    assert set(line.cells) == {("perhaps archive-modes",), ()}
    source = dict(site(summarize([one, other], (), NOON), lambda _: None, "0.1.0"))["packages/six.html"]
    assert 'perhaps <code><a href="../causes.html#archive-modes">archive-modes</a></code>' in source


def test_records_before_schema_4_keep_their_sentence() -> None:
    """They call both a trace."""
    found = cause(Proof.TRACE, "umask")
    old = "found by its trace: without the trace, the two sides are the same there"
    assert proof.of_cause(judged(found, schema=3), found) == old
    assert proof.of_cause(judged(found), found) != old


def test_what_no_variation_causes_is_shown_by_builds_in_one_environment() -> None:
    """Or, if the record has no such builds, it is not claimed."""
    random = cause(Proof.ISOLATED, name="random-id")
    first, again = (built(name, FIRST, letter * 64) for name, letter in (("first", "a"), ("control", "b")))
    shown = "two builds in one environment differ there"
    none = "recorded as differing in one environment; the record has no two builds that show it"
    for builds, said in (
        ((first, again), shown),
        ((first, replace(again, environment=SECOND)), none),
        ((first, replace(again, wheel=first.wheel)), none),
        ((first, replace(again, wheel=None)), none),
        ((), none),
    ):
        assert proof.of_cause(judged(random, builds=builds, experiments=()), random) == said
    result = judged(random, builds=())
    everything = tuple(one.name for one in result.variations if one.acted)
    for hold, said in ((everything, shown), (everything[1:], none)):
        held = Experiment("held", "first", hold, (), equal=False)
        assert proof.of_cause(replace(result, experiments=(held,)), random) == said
    assert proof.of_claim(random) == shown


def test_the_kind_of_randomness_is_shown() -> None:
    """Beside the place."""
    result = judged(cause(Proof.ISOLATED, name="random-id", chance="identifier"))
    assert f"{MODULE} mode (random: identifier)" in printed(terminal.story(result, {}))
    assert f"In `{MODULE}` `mode`, which is random (`identifier`):" in advice.report(result)
    assert "random: identifier" in page(result)


# --- what no cause explains --------------------------------------------------------------------

LEFT = Unexplained(
    MODULE, Aspect.CONTENT, "line 7", "    return a < b", "    return a > b", "def f(a, b):", looks_like="file-order"
)


def test_both_sides_of_what_is_unexplained_are_shown_everywhere() -> None:
    """With the line before, what builds show, and the token that differs marked."""
    left = replace(LEFT, chance=True, variations=("umask", "home"))
    result = judged(unexplained=(left,))
    notes = (
        "Builds in one environment differ here, too.",
        "It differs only when umask and home vary.",
        "It looks like file-order, which nothing shows.",
    )
    assert wording.notes(left) == notes
    assert "It differs only when umask varies." in wording.notes(replace(left, variations=("umask",)))
    assert wording.notes(Unexplained(MODULE, Aspect.CONTENT)) == ()
    for text in (printed(terminal.story(result, {})), page(result), advice.report(result)):
        assert all(note in text for note in notes)
        assert "def f(a, b):" in text
    lines = printed(terminal.story(result, {})).splitlines()
    at = lines.index("        first       return a < b")
    assert lines[at - 1 : at + 4] == [
        "        before  def f(a, b):",
        "        first       return a < b",
        "                             ^",
        "        second      return a > b",
        "                             ^",
    ]
    assert "return a <mark>&lt;</mark> b" in page(result)
    assert "return a <mark>&gt;</mark> b" in page(result)
    assert (
        "```diff\n def f(a, b):\n-    return a < b\n              ^\n+    return a > b\n              ^\n```"
        in advice.report(result)
    )
    (entry,) = json.loads(json.dumps(explanation(result)))["unexplained"]
    assert (entry["first"], entry["second"], entry["chance"]) == (left.first, left.second, True)


def test_what_differs_in_code_is_first() -> None:
    """Members, causes, sections and differences; what has no severity is before all."""
    differences = (
        Difference(METADATA, Aspect.CONTENT, severity=Severity.METADATA),
        Difference("RECORD", Aspect.CONTENT, consequence=True, severity=Severity.MEMBERS),
        Difference(MODULE, Aspect.MODE, severity=Severity.ARCHIVE),
        Difference(LIBRARY, Aspect.CONTENT, severity=Severity.CODE),
    )
    left = tuple(Unexplained(path, Aspect.CONTENT) for path in (METADATA, LIBRARY, "unknown"))
    causes = tuple(CauseFinding(path, (path,)) for path in (MODULE, METADATA, LIBRARY))
    text = printed(terminal.of_pair(Diagnosis(Severity.CODE, causes, left, differences), {}))
    found = re.findall(rf"^  ({METADATA}|{LIBRARY}|unknown): content$", text, re.MULTILINE)
    assert found == ["unknown", LIBRARY, METADATA]
    assert re.findall(r"^  (\S+) \(trace\)$", text, re.MULTILINE) == [LIBRARY, METADATA, MODULE]
    assert text.index("Unexplained") < text.index("Causes")
    assert [line.split()[0] for line in text.splitlines()[-4:]] == [LIBRARY, METADATA, MODULE, "RECORD"]
    less = Diagnosis(Severity.CODE, causes, left[:1], differences)
    assert printed(terminal.of_pair(less, {})).index("Causes") < printed(terminal.of_pair(less, {})).index("Unexpl")
    source = page(judged(*causes, unexplained=left, differences=differences))
    assert source.index("<h3>Unexplained") < source.index("<h3>Causes")
    source = page(judged(*causes, unexplained=left[:1], differences=differences))
    assert source.index("<h3>Causes") < source.index("<h3>Unexplained")


def test_many_places_are_folded_and_no_member_is_dropped_silently() -> None:
    """All of them are printed if they are asked for."""
    many = tuple(replace(LEFT, path=f"{member}.py", where=f"line {at}") for member in range(300) for at in range(5))
    diagnosis = Diagnosis(Severity.CODE, (), many, ())
    short, everything = (printed(terminal.of_pair(diagnosis, {}, it)) for it in (terminal.SHORT, terminal.WHOLE))
    assert short.count("and 2 more places") == 200
    assert "and 100 more members, which --all and --json print" in short
    assert (short.count(": content"), everything.count(": content")) == (200, 300)
    assert (short.count("line "), everything.count("line ")) == (600, 1500)
    assert "more" not in everything
    source = page(judged(unexplained=(*many, *(replace(LEFT, where=str(at)) for at in range(20)))))
    assert "And 14 more places in it, which are not shown." in source
    assert source.count('<article class="unexplained">') == 301


def test_a_place_far_from_the_begin_of_a_long_text_is_shown() -> None:
    """Within the bound of each form."""
    left = replace(LEFT, first="a " * 5000 + "X", second="a " * 5000 + "Y")
    result = judged(unexplained=(left,))
    assert "<mark>X</mark>" in page(result)
    assert re.search(r"^-\[\.\.\. \d+ characters left out\].*X$", advice.report(result), re.MULTILINE)
    text = printed(terminal.story(result, {}))
    assert re.search(r"^ +first +\[\.\.\. \d+ characters left out\].*X\n +\^$", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) < 1000


@pytest.mark.parametrize("hostile", [HOSTILE, FENCES, BIDI, "\n# owned\n", "\t", "`", "\ud800"])
def test_hostile_sides_are_harmless(hostile: str) -> None:
    """On the page, in the terminal and in Markdown; what differs by nothing else is still seen."""
    left = Unexplained(MODULE, Aspect.CONTENT, hostile, hostile + "a", hostile + "b", hostile, looks_like=hostile)
    text = printed(terminal.story(judged(unexplained=(left,)), {}))
    shown = [line for line in text.splitlines() if line.startswith(("        first", "        second"))]
    assert len({line.split(maxsplit=1)[1] for line in shown}) == 2
    assert all(one.isprintable() for line in shown for one in line)
    source = page(judged(unexplained=(left,)))
    assert not re.search(r"<img|<script>document|\x1b|[\u202e\u2066\x9b]", source)
    assert source.count("</pre></mark>") == 0
    markdown = advice.report(judged(unexplained=(left,)))
    assert not re.search(r"[\x1b\u202e\u2066\x9b\r\x07]", markdown)
    assert not re.search(r"^# owned", markdown, re.MULTILINE)
    fenced = re.search(r"^(`{3,})diff\n(.*?)^\1$", markdown, re.MULTILINE | re.DOTALL)
    assert fenced
    assert {line[0] for line in fenced[2].splitlines()} <= {" ", "-", "+"}


def test_a_side_that_differs_by_a_hidden_character_is_not_shown_as_equal() -> None:
    """A tab, a line end and a mark of direction are spelt out."""
    for first, second in (("a\tb", "a b"), ("a", "a\r"), ("a\u200bb", "ab"), ("a\x00", "a\x01")):
        result = judged(unexplained=(replace(LEFT, first=first, second=second),))
        lines = advice.report(result).splitlines()
        (one,) = [line[1:] for line in lines if line.startswith("-a")]
        (other,) = [line[1:] for line in lines if line.startswith("+a")]
        assert one != other
        shown = printed(terminal.story(result, {})).splitlines()
        sides = [line.split(maxsplit=1)[1] for line in shown if line.startswith(("        first", "        second"))]
        assert sides[0] != sides[1]
