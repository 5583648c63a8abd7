"""The command since: what it prints of a release's past, and which requests it refuses."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.cli.since import _moment, _step, _turn, counted, hints, sentences
from orchestrator.errors import UsageError
from orchestrator.farm.since import Explored, Past
from orchestrator.model import Failure, Phase, Pin, Reason, Verdict
from orchestrator.results import bisect
from orchestrator.results.bisect import Step, Turn, Upload
from tests.sample_results import sample
from tests.unit.cli.commands import ROOT, run

MARCH = datetime(2024, 3, 13, 11, 20, 58, 112_000, tzinfo=UTC)
OLD = Pin("setuptools", "69.1.1", "1" * 64, "setuptools-69.1.1-py3-none-any.whl", "")
NEW = Pin("setuptools", "69.2.0", "2" * 64, "setuptools-69.2.0-py3-none-any.whl", "")
UPLOAD = Upload("setuptools", "69.2.0", NEW.filename, MARCH)
ERROR = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, "")


def step(pin: Pin, verdict: Verdict = Verdict.REPRODUCIBLE, compared: str = "a" * 64, *, later: bool = False) -> Step:
    """Return a step, before the upload or after it."""
    failure = ERROR if verdict is Verdict.FTBFS else None
    moment = UPLOAD.visible if later else MARCH - timedelta(days=1)
    return Step(moment, sample(verdict=verdict, pins=(pin,), failure=failure), "" if failure else compared)


def past(earlier: Step, later: Step, *, content: bool = False, by_chance: bool = False) -> Past:
    """Return what two steps show."""
    pairs = () if by_chance else bisect.turning_points((earlier, later))
    turns = tuple(bisect.turn(*pair, [UPLOAD], {}) for pair in pairs)
    explored = Explored((earlier, later), turns, (UPLOAD,), by_chance)
    return Past("six", "1.16.0", "bookworm", explored, jobs=2, builds=5, reused=1, content=content)


def said(*steps: Step, content: bool = False, by_chance: bool = False) -> str:
    """Return the sentence, without the release."""
    (sentence,) = sentences(past(*steps, content=content, by_chance=by_chance))
    assert sentence.startswith("six 1.16.0 on bookworm: ")
    return sentence.removeprefix("six 1.16.0 on bookworm: ")


@pytest.mark.parametrize(
    ("later", "what"),
    [
        (step(NEW, compared="b" * 64, later=True), "changes the bytes from aaaaaaaaaaaa to bbbbbbbbbbbb"),
        (step(NEW, Verdict.SENSITIVE, later=True), "changes the verdict from reproducible to sensitive"),
        (step(NEW, Verdict.FTBFS, later=True), "changes the verdict from reproducible to ftbfs (build-error)"),
    ],
)
def test_the_sentence_names_day_release_and_change(later: Step, what: str) -> None:
    """And that it is proven."""
    change = "since 2024-03-13: setuptools 69.1.1 -> 69.2.0 (uploaded 2024-03-13 11:20 UTC)"
    assert said(step(OLD), later) == f"{change} {what} (proven: with nothing else swapped)"


def test_contents_are_not_called_bytes() -> None:
    """They are what was compared."""
    assert "changes the contents from" in said(step(OLD), step(NEW, compared="b" * 64, later=True), content=True)


def test_no_change_is_reported_with_what_was_not_looked_for() -> None:
    """Both ends agree; what equal inputs change names no release."""
    assert said(step(OLD), step(NEW, later=True)) == (
        "nothing changed: as of 2024-03-12 11:20 and as of 2024-03-13 11:20 it is reproducible, with equal bytes; "
        "changes in between that were reverted are not looked for (--every does)."
    )
    assert "no release can be named" in said(step(OLD), step(NEW, later=True), by_chance=True)


def test_what_is_not_proven_is_called_so() -> None:
    """A limit, and a moment without a lock."""
    slow = step(NEW, Verdict.FTBFS, later=True)
    failure = Failure(Reason.TIME_OUT, Phase.BUILD_WHEEL, "")
    slow = replace(slow, result=replace(slow.result, failure=failure, reason=failure.reason))
    assert "(not proven: a build ran into a limit, or was killed)" in said(step(OLD), slow)
    unsettled = replace(step(OLD, Verdict.FTBFS), result=replace(step(OLD, Verdict.FTBFS).result, builds=()))
    assert "the upload of setuptools absent -> 69.2.0" in said(unsettled, step(NEW, later=True))
    assert "(by the resolver:" in said(unsettled, step(NEW, later=True))


def test_several_culprits_are_named_together_or_each_alone() -> None:
    """As the swaps showed."""
    other = replace(NEW, name="wheel", version="0.43")
    both = past(step(OLD), step(NEW, Verdict.SENSITIVE, later=True))
    (turn,) = both.explored.turns
    changed = (*turn.changed, bisect.ReleaseChange("wheel", None, other.version))

    def sentence(*culprits: tuple[str, ...]) -> str:
        turns: tuple[Turn, ...] = (replace(turn, changed=changed, culprits=culprits),)
        return next(iter(sentences(replace(both, explored=replace(both.explored, turns=turns)))))

    assert "UTC) and wheel absent -> 0.43, together, changes" in sentence(("setuptools", "wheel"))
    assert "UTC); wheel absent -> 0.43, and each alone, changes" in sentence(("setuptools",), ("wheel",))


def test_the_two_wheels_can_be_compared_while_they_are_kept() -> None:
    """By the command that is printed; contents need no hint to contents."""
    earlier, later = step(OLD), step(NEW, compared="b" * 64, later=True)
    assert [line.split()[:5] for line in hints(past(earlier, later, content=True), lambda _: Path("a b.whl"))] == [
        ["To", "see", "what:", "wheelproof", "compare"]
    ]
    assert "compare 'a b.whl' 'a b.whl'" in next(hints(past(earlier, later), lambda _: Path("a b.whl")))
    (hint,) = hints(past(earlier, later), lambda _: None)
    assert "--content" in hint
    assert not list(hints(past(earlier, step(NEW, Verdict.SENSITIVE, later=True)), lambda _: Path("a")))


def test_all_work_is_counted() -> None:
    """Builds, jobs that had a result, and moments."""
    line = counted(past(step(OLD), step(NEW, later=True)), 12.4)
    assert line.startswith("2 of 2 moments judged, in 12 s: 5 builds for 2 new results; used again: 1.")


@pytest.mark.parametrize(
    ("text", "words"),
    [("yesterday", "write a day"), ("2024-03-01T10:00", "has no time zone"), ("0001-01-01", "is out of range")],
)
def test_only_days_and_moments_are_taken(text: str, words: str) -> None:
    """A day begins in UTC."""
    with pytest.raises(UsageError, match=words):
        _moment(text)
    assert _moment("2024-03-01") == _moment("2024-03-01T01:00:00+01:00") == datetime(2024, 3, 1, tzinfo=UTC)


def test_a_request_that_cannot_succeed_is_refused(tmp_path: Path) -> None:
    """Before anything is asked of the index, or built."""
    (tmp_path / "config.yaml").write_text("index: http://127.0.0.1:1/simple/\n")
    ended = run("since", "./six", folder=tmp_path)
    assert (ended.status, "only releases of the index have one" in ended.err) == (2, True), ended.err


@pytest.mark.parametrize("what", ["step", "turn"])
def test_usage_documents_the_json(what: str) -> None:
    """Field by field."""
    found = past(step(OLD), step(NEW, Verdict.SENSITIVE, later=True))
    values = {"step": _step(found.explored.steps[0], ()), "turn": _turn(found.explored.turns[0], found)}
    text = (ROOT / "docs/usage.md").read_text("utf-8")
    (table,) = re.findall(rf"A {what} of `since --json`:\n\n(.*?)\n\n", text, re.DOTALL)
    columns = " ".join(re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE))
    assert re.findall(r"`(.*?)`", columns) == list(values[what])
