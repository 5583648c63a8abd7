"""What verifying published wheels found, in each form in which a reader sees it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.model import (
    ArchiveField,
    Aspect,
    Closeness,
    Difference,
    LineEnds,
    Outcome,
    RebuildAttempt,
    RecipeProof,
    Recreation,
    Severity,
)
from orchestrator.model.verification import BY_MODES
from orchestrator.publish import outcomes, terminal, terminal_verification, verification
from orchestrator.publish.made import Made
from orchestrator.publish.site import LIST_BOUND, Sources, page_name, site
from orchestrator.publish.site_data import site_data
from orchestrator.results import manifest
from orchestrator.results.store import Results
from orchestrator.results.summary import Summary, summarize
from tests.sample_results import IMAGE, LOGS, SCRIPT, log_name, sample
from tests.sample_verifications import RECREATION, hostile_verification, verified
from tests.samples import NOON
from tests.unit.publish.test_claims import printed
from tests.unit.publish.test_site import ALWAYS, CATALOGUES, DATA, STORE, Page

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.model import Build, Recipe, Result, Verification

TRIXIE = replace(IMAGE, name="trixie")
EVERY = tuple(
    verified(f"of-{outcome}" if outcome is not Outcome.IDENTICAL else "six", outcome=outcome) for outcome in Outcome
)
COMPARED = (Outcome.IDENTICAL, Outcome.RESTAMPED, Outcome.METADATA, Outcome.DIFFERS)


def summary_of(verifications: Iterable[Verification], *results: Result) -> Summary:
    """Return the summary of those records."""
    return summarize(results, (), NOON + timedelta(days=9), (), verifications)


def pages(*verifications: Verification, results: tuple[Result, ...] = ()) -> dict[str, str]:
    """Return the site of those verifications and results, by path."""
    return dict(
        site(
            summary_of(verifications, *results),
            STORE.get,
            "0.1.0",
            sources=Sources(verifications=lambda project: [one for one in verifications if one.project == project]),
        )
    )


def page_of(one: Verification) -> str:
    """Return what a reader sees of a verification on its project's page."""
    return Page(pages(one)[f"packages/{page_name(one.project)}"]).text


# --- sentences -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.IDENTICAL, ("The wheel on the index is rebuilt to the same bytes.", "in a second environment")),
        (
            Outcome.RESTAMPED,
            (
                "Every file of the wheel on the index is rebuilt to the same bytes.",
                "With the times and the permissions of its archive taken from the published wheel, ours has the same",
            ),
        ),
        (Outcome.METADATA, ("1 line of its dist-info folder differs, with a known cause.",)),
        (
            Outcome.DIFFERS,
            (
                "not what its source gives here.",
                "1 file differs (six.py) and 1 file is in the published wheel only (left_over.py).",
                "Code that may run differs.",
            ),
        ),
        (Outcome.UNBUILDABLE, ("could not be rebuilt: its build needs the network, and builds have none.",)),
        (Outcome.NO_SDIST, ("no source distribution on the index",)),
        (Outcome.NO_COUNTERPART, ("can be rebuilt here: needs image manylinux_2_28.",)),
    ],
)
def test_each_outcome_has_its_sentence(outcome: Outcome, expected: tuple[str, ...]) -> None:
    """On the page of the project and in the terminal."""
    one = verified(outcome=outcome)
    for words in (page_of(one), printed(terminal_verification.story(one, {}, terminal.WHOLE))):
        assert not [text for text in expected if text not in " ".join(words.split())]


@pytest.mark.parametrize("outcome", [Outcome.RESTAMPED, Outcome.METADATA])
def test_modes_that_installers_follow_are_told(outcome: Outcome) -> None:
    """A file that runs for one of both wheels only is not passed over as a field of the archive."""
    words = "installers make only one of both executable: pkg/run.py"
    one = replace(verified(outcome=outcome), reason=f"all is as published; {BY_MODES}{words}")
    assert any(words in sentence for sentence in verification.sentences(one))
    assert not any("modes are not" in sentence for sentence in verification.sentences(verified(outcome=outcome)))


@pytest.mark.parametrize("outcome", [Outcome.IDENTICAL, Outcome.RESTAMPED, Outcome.METADATA])
def test_line_ends_that_the_sdist_has_not_are_told(outcome: Outcome) -> None:
    """Every installed file differs from the sdist's then."""
    one = verified(outcome=outcome)
    assert one.recreation is not None
    other = replace(one, recreation=replace(one.recreation, line_ends=LineEnds.CRLF))
    assert "as on Windows" in " ".join(verification.sentences(other))
    assert "Windows" not in " ".join(verification.sentences(one))


@pytest.mark.parametrize("outcome", [Outcome.IDENTICAL, Outcome.RESTAMPED])
def test_equal_bytes_are_claimed_only_if_the_hashes_show_them(outcome: Outcome) -> None:
    """A record that calls a wheel identical proves nothing."""
    for sha256 in ("", "f" * 64):
        words = " ".join(verification.sentences(replace(verified(outcome=outcome), rebuilt_sha256=sha256)))
        assert "do not show it" in words
        assert "is rebuilt" not in words
    assert "do not show it" in " ".join(verification.sentences(replace(verified(), sha256="", rebuilt_sha256="")))


def test_a_second_environment_is_claimed_only_if_a_build_in_it_gave_the_bytes() -> None:
    """And what was kept the same there is named."""
    one = verified()
    assert "too, which differs on purpose. Set alike in both: umask." in " ".join(verification.sentences(one))
    once = replace(one, builds=one.builds[:1])
    first, second = one.builds
    assert second.wheel is not None
    other = replace(one, builds=(first, replace(second, wheel=replace(second.wheel, sha256="e" * 64))))
    by_recipe = replace(verified(outcome=Outcome.RESTAMPED), builds=(first, replace(second, name="varied-by-sh")))
    assert "in a second environment, too" in " ".join(verification.sentences(by_recipe))
    without = replace(by_recipe, builds=(first, replace(other.builds[1], name="varied-by-sh")))
    for unproven in (once, other, without):
        assert "does not show it in a second environment" in " ".join(verification.sentences(unproven))


def test_another_zlib_is_stated() -> None:
    """The packed bytes are not ours then, whatever the hash is."""
    one = verified(outcome=Outcome.RESTAMPED)
    attempt = one.attempts[0]
    assert attempt.closeness is not None
    closeness = replace(attempt.closeness, taken=(ArchiveField.COMPRESSION,), other_zlib=True)
    taken = replace(one, taken=(ArchiveField.COMPRESSION,), attempts=(replace(attempt, closeness=closeness),))
    words = " ".join(verification.sentences(taken))
    assert "With the packed bytes of its archive taken from the published wheel" in words
    assert "Some packed bytes are not made by the zlib used here" in words
    assert "zlib" not in " ".join(verification.sentences(one))


def test_a_line_without_a_cause_is_not_counted_as_explained() -> None:
    """Whatever the outcome of the record is."""
    one = verified(outcome=Outcome.METADATA)
    words = " ".join(verification.sentences(replace(one, lines=(*one.lines, replace(one.lines[0], cause="")))))
    serious = replace(one, differences=(Difference("six.py", Aspect.CONTENT, severity=Severity.CODE),))
    assert "do not show it" in " ".join(verification.sentences(serious))
    assert "Nothing that" not in " ".join(verification.sentences(serious))
    assert "2 lines of its dist-info folder differ, 1 of them with a known cause." in words


def test_only_the_attempt_that_decided_is_described() -> None:
    """An earlier one may have been further away."""
    one = verified(outcome=Outcome.DIFFERS)
    far = RebuildAttempt(Recreation(), "rebuild-0", Closeness(Outcome.DIFFERS, changed=("far.py",)))
    found = verification.nearest(
        replace(one, attempts=(far, *one.attempts), recreation=replace(RECREATION, hold=("time",)))
    )
    assert found is not None
    assert found.changed == ("six.py",)
    assert verification.nearest(replace(one, attempts=(far,))) is None


def test_what_an_attempt_left_different_is_described() -> None:
    """Files, lines, fields of the archive; or why there is no wheel."""
    left = [
        verification.left(verified(outcome=outcome).attempts[0]).partition(" (")[0]
        for outcome in (Outcome.IDENTICAL, Outcome.RESTAMPED, Outcome.METADATA, Outcome.DIFFERS)
    ]
    assert left == ["nothing", "the archive's times and permissions", "1 file differs", "1 file differs"]
    failed = RebuildAttempt(RECREATION, "", failure=verified(outcome=Outcome.UNBUILDABLE).failure)
    assert verification.left(failed) == "no wheel: its build needs the network, and builds have none"


def test_each_setting_of_a_recreation_is_shown() -> None:
    """A new one cannot be forgotten; what is not set is left out, but for SOURCE_DATE_EPOCH, whose absence is set."""
    every = Recreation(
        NOON,
        ("flit-core==3.12.0",),
        1,
        2,
        "UTC+2",
        0o077,
        LineEnds.CRLF,
        (("key", "value"),),
        ("home",),
        "manylinux_2_28_x86_64",
        ("auditwheel==6.4.2",),
        (("DISABLE_PKG_CEXT", "1"),),
    )
    assert not [one for one in fields(Recreation) if getattr(every, one.name) == getattr(Recreation(), one.name)]
    assert len(verification.settings(every)) == len(fields(Recreation))
    assert verification.settings(Recreation()) == (("SOURCE_DATE_EPOCH", "not set"),)
    assert verification.settings(Recreation(source_date_epoch=10**30)) == (("SOURCE_DATE_EPOCH", str(10**30)),)


def test_every_outcome_and_every_field_has_words() -> None:
    """A new one cannot be forgotten, nor be outside the lists and the counts."""
    assert set(outcomes.LABELS) == set(outcomes.ORDER) == set(Outcome)
    assert set(outcomes.ARCHIVE_FIELDS) == set(ArchiveField)
    assert {*Outcome} - {*outcomes.DECIDED} == {Outcome.NO_SDIST, Outcome.NO_COUNTERPART}
    assert not [one for one in Outcome if not verification.sentences(verified(outcome=one))]


def test_a_recipe_is_proven_by_a_build_that_ran_its_text_and_gave_the_published_wheel() -> None:
    """And by nothing else, whatever the record calls it."""
    one = verified()
    recipe = replace(SCRIPT, sha256=one.sha256, proof=RecipeProof.PROVEN, builds=("recipe",), why="")
    text = hashlib.sha256(recipe.text.encode()).hexdigest()
    first = one.builds[0]
    build = replace(first, name="recipe", environment=replace(first.environment, recipe=text))
    assert first.wheel is not None

    def said(*builds: Build, of: Recipe = recipe) -> str:
        ((title, _),) = verification.recipes(replace(one, builds=builds, recipes=(of,)))
        return title

    assert said(first, build) == "pip: proven: this text was run as it is in a container, and gave the published wheel"
    for unproven in (
        said(first),
        said(replace(build, name="other")),
        said(replace(build, environment=first.environment)),
        said(replace(build, wheel=None)),
        said(replace(build, wheel=replace(first.wheel, sha256="e" * 64))),
        said(build, of=replace(recipe, text="exit 0")),
        said(build, of=replace(recipe, sha256="e" * 64)),
        said(build, of=replace(recipe, sha256="")),
    ):
        assert unproven.startswith("pip: recorded as proven; ")
    assert verification.recipes(replace(one, recipes=(replace(recipe, proof=RecipeProof.REJECTED),))) == ()


# --- the first page --------------------------------------------------------------------------


def test_the_first_page_counts_published_wheels() -> None:
    """Those without a source or an image are apart, and what the others are is words."""
    text = Page(pages(*EVERY)["index.html"]).text
    assert "2 of 5 published wheels are rebuilt to the bit" in text
    assert "1 as built, 1 once named fields of the archive are taken from the published wheel." in text
    assert (
        "The others: 1 with other lines of the dist-info folder alone, 1 with other files and 1 that could not" in text
    )
    assert "Not counted: 1 without an sdist and 1 without a counterpart here." in text


def test_a_wheel_counts_once_by_its_strongest_outcome() -> None:
    """Whichever image gave it; other wheels of the release count for themselves."""
    both = (verified(outcome=Outcome.UNBUILDABLE), replace(verified(image=TRIXIE), sha256=verified().sha256))
    other = verified(wheel="six-1.16.0-cp311-cp311-linux_x86_64.whl", outcome=Outcome.DIFFERS)
    assert "1 of 1 published wheels are rebuilt" in Page(pages(*both)["index.html"]).text
    assert "1 of 2 published wheels are rebuilt" in Page(pages(*both, other)["index.html"]).text


def test_a_later_wheel_takes_the_place_of_none() -> None:
    """A release without a wheel that could be verified is forgotten where one was verified later, and only then."""
    none = verified(outcome=Outcome.NO_COUNTERPART)
    assert [one.outcome for one in summary_of((none, verified(days=1))).published] == [Outcome.IDENTICAL]
    assert len(summary_of((none, verified(days=-1))).published) == 2
    assert len(summary_of((none, verified("other", days=1))).published) == 2


def test_without_verifications_the_first_page_is_as_before() -> None:
    """None is counted, and there is no column."""
    source = pages(results=(sample(),))["index.html"]
    assert "0 published wheels were compared" in Page(source).text
    assert ">Published<" not in source


def test_what_differs_is_listed_first_and_linked() -> None:
    """The link leads to the verification; other outcomes are not in the list."""
    site_pages = pages(*EVERY, results=(sample(),))
    source = site_pages["index.html"]
    (section,) = re.findall(r"not what their source give.*?</section>", source, re.DOTALL)
    (link,) = Page(section).links
    path, _, fragment = link.partition("#")
    assert path == "packages/of-differs.html"
    assert fragment in Page(site_pages[path]).anchors
    assert source.index("not what their source give") < source.index("All packages")


def test_the_table_has_the_outcomes_of_each_release() -> None:
    """Beside the verdict of the same version; a release without a verdict has a row, too."""
    differing = verified(wheel="six-1.16.0-cp311-cp311-linux_x86_64.whl", outcome=Outcome.DIFFERS)
    page = Page(
        pages(verified(), differing, verified("six", "1.17.0"), results=(sample(), sample("idna")))["index.html"]
    )
    rows = [attributes for tag, attributes in page.tags if tag == "tr" and "data-word" in attributes]
    assert [(row["data-word"], row.get("data-published")) for row in rows] == [
        ("reproducible", None),
        ("reproducible", "differs identical"),
        ("", "identical"),
    ]
    assert "six 1.16.0 reproducible differs identical" in page.text
    assert "six 1.17.0 identical bookworm" in page.text
    buttons = [attributes["value"] for tag, attributes in page.tags if tag == "button"]
    assert {"differs", "identical"} <= set(buttons)
    assert len(set(buttons)) == len(buttons)


def test_the_form_of_2020_has_no_verifications() -> None:
    """Its readers know verdicts only."""
    with_both = summary_of(EVERY, sample())
    assert site_data(with_both, "bookworm") == site_data(summary_of((), sample()), "bookworm")


# --- the page of a project -------------------------------------------------------------------


def test_a_project_page_has_all_of_a_verification() -> None:
    """Clues, settings, requirements, attempts, builds and recipes; without any verdict, too."""
    text = page_of(verified())
    for expected in (
        "1.16.0 on the index, rebuilt on bookworm",
        "umask 0022 yes",
        "timezone UTC+2 no",
        "build requirements set to setuptools==80.9.0",
        "SOURCE_DATE_EPOCH 1596163658 (2020-07-31",
        "setuptools 80.9.0",
        "wheel 0.38.4 python3-wheel 0.38.4-2",
        "rebuild-1 identical",
        "pip: not run",
        "uploaded 2021-05-05T14:18:17Z",
        verified().sha256,
    ):
        assert expected in text
    assert "has no verdict yet" not in text


def test_the_sides_are_those_of_the_record() -> None:
    """The published wheel is the first one: what it has must never be shown as ours."""
    for one in (verified(outcome=Outcome.DIFFERS), verified(outcome=Outcome.METADATA)):
        text = page_of(one)
        theirs, ours = ("theirs = 1", "mine = 1") if one.unexplained else ("(80.9.0)", "(80.8.0)")
        assert re.search(
            rf"the index[^:]*?{re.escape(theirs)} ours[^:]*?{re.escape(ours)}", text.replace("Generator: ", "")
        )
        words = printed(terminal_verification.story(one, {}, terminal.WHOLE))
        assert re.search(rf"index .*{re.escape(theirs)}\n(?:[ ^]*\n)?\s*ours .*{re.escape(ours)}", words)


def test_logs_of_verifications_have_pages() -> None:
    """Named by their builds."""
    site_pages = pages(verified())
    log = f"logs/{log_name(LOGS[0])}.html"
    assert "six-1.16.0-py3-none-any.whl, bookworm, rebuild-1 build" in Page(site_pages[log]).text
    assert f"../{log}" in Page(site_pages["packages/six.html"]).links


def test_a_package_cannot_make_a_page_without_end() -> None:
    """Lists are cut, and the cut is marked."""
    one = verified(outcome=Outcome.DIFFERS)
    lines = tuple(replace(verified(outcome=Outcome.METADATA).lines[0], path=f"odd/{n}") for n in range(LIST_BOUND + 7))
    text = pages(replace(one, lines=lines, reason="z" * 100_000))["packages/six.html"]
    assert text.count("odd/") == LIST_BOUND
    assert "And 7 more, which are not shown." in text
    assert text.count("z") < 10_000
    wheels = [verified(wheel=f"six-1.16.0-{number}-py3-none-any.whl") for number in range(40)]
    assert Page(pages(*wheels)["packages/six.html"]).text.count("on the index, rebuilt on") == 12


@pytest.mark.parametrize("outcome", list(Outcome))
def test_hostile_text_makes_no_element_and_hides_nothing(outcome: Outcome) -> None:
    """Not on any page, whatever the outcome."""
    one = hostile_verification("six", outcome)
    for path, text in pages(one).items():
        page = Page(text)
        assert not [tag for tag, _ in page.tags if tag in {"img", "iframe", "object", "form", "base"}]
        assert [tag for tag, _ in page.tags].count("script") == (path == "index.html")
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
        assert not [link for link in page.links if re.match(r"\s*[a-z]+:", link)]
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "⟨U+001B⟩[31mred" in page_of(one)


def test_each_table_names_its_columns() -> None:
    """For those who hear a page: each heading has a scope, each article a heading, each id is unique."""
    for one in (*EVERY, hostile_verification()):
        page = Page(pages(one)[f"packages/{page_name(one.project)}"])
        assert not [attributes for tag, attributes in page.tags if tag == "th" and "scope" not in attributes]
        names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(set(names)) == len(names)
        assert [tag for tag, _ in page.tags].count("article") >= 1
        fragments = [link[1:] for link in page.links if link.startswith("#")]
        assert fragments
        assert set(fragments) <= page.anchors


# --- while a run goes on ---------------------------------------------------------------------


def test_only_the_page_of_a_new_verification_is_written_again() -> None:
    """And the records of no other project are read."""
    read: list[str] = []
    made = Made()
    six = {"packages/six.html", "data/six.json", "badge/six.json", "badge/six.svg"}

    def again(*verifications: Verification) -> set[str]:
        def records(project: str) -> list[Verification]:
            read.append(project)
            return [one for one in verifications if one.project == project]

        summary = summary_of(verifications, sample("six"), sample("idna"))
        sources = Sources(verifications=records)
        return {path for path, _ in site(summary, lambda _: None, "0", sources=sources, made=made)}

    assert again() >= {*ALWAYS, *CATALOGUES, *six, "packages/idna.html"}
    assert again() == ALWAYS | DATA
    assert read == []
    assert again(verified()) == ALWAYS | DATA | six
    assert again(verified()) == ALWAYS | DATA
    assert again(replace(verified(outcome=Outcome.DIFFERS), id="later")) == ALWAYS | DATA | six
    assert read == ["six", "six"]


def test_a_new_verification_makes_the_site_stale(tmp_path: Path) -> None:
    """As a new result does."""
    store = Results(tmp_path, wheels=1, logs=1)
    before = manifest.sources(tmp_path)
    store.write_verification(verified())
    assert manifest.sources(tmp_path) != before
