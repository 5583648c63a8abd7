"""What got worse and what got better is decided by results alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.model import Failure, Outcome, Phase, Profile, Reason, Result, Verdict
from orchestrator.results.regressions import (
    Direction,
    Subject,
    Turn,
    before,
    compared,
    last_version,
    published_turns,
    turns,
)
from orchestrator.results.summary import Standing, Verified, summarize
from tests.sample_results import IMAGE, SCRIPT, SETUPTOOLS, sample, with_recipe
from tests.samples import NOON

NEWER = replace(SETUPTOOLS, version="80.10.0", sha256="1" * 64)
LATER = NOON + timedelta(days=30)
WORSE, BETTER, OTHER = Direction.WORSE, Direction.BETTER, Direction.OTHER

GOOD = sample()
SENSITIVE = sample(verdict=Verdict.SENSITIVE, days=1, pins=(NEWER,))
INTRINSIC = sample(verdict=Verdict.INTRINSIC, days=1, pins=(NEWER,))
REPAIRED = with_recipe(replace(SENSITIVE, recipe=("fix-umask",), recipes=(SCRIPT,)))
UNPROVEN = replace(REPAIRED, recipes=(SCRIPT,))
UNSHOWN = replace(REPAIRED, builds=SENSITIVE.builds)  # it has no build that ran the recipe
BROKEN = sample(verdict=Verdict.FTBFS, days=1)
SLOW = replace(BROKEN, reason="time-out", failure=Failure(Reason.TIME_OUT, Phase.BUILD_WHEEL))
KILLED = replace(BROKEN, reason="killed", failure=Failure(Reason.KILLED, Phase.BUILD_WHEEL))
GONE = sample(verdict=Verdict.NO_SDIST, days=1)


def at(days: float, result: Result) -> Result:
    """Return a result of another moment."""
    return replace(result, finished=NOON + timedelta(days=days))


def rehashed(result: Result, sha256: str) -> Result:
    """Return a result whose wheels have that hash."""
    builds = tuple(replace(one, wheel=replace(one.wheel, sha256=sha256)) for one in result.builds if one.wheel)
    return replace(result, builds=builds)


@pytest.mark.parametrize(
    ("earlier", "later", "direction"),
    [
        (GOOD, SENSITIVE, WORSE),
        (GOOD, INTRINSIC, WORSE),
        (GOOD, REPAIRED, WORSE),
        (GOOD, BROKEN, WORSE),
        (GOOD, GONE, WORSE),
        (REPAIRED, UNPROVEN, WORSE),
        (REPAIRED, UNSHOWN, WORSE),
        (REPAIRED, BROKEN, WORSE),
        (SENSITIVE, BROKEN, WORSE),
        (INTRINSIC, SLOW, WORSE),
        (BROKEN, GONE, WORSE),
        (SENSITIVE, GOOD, BETTER),
        (SENSITIVE, REPAIRED, BETTER),
        (BROKEN, SENSITIVE, BETTER),
        (GONE, BROKEN, BETTER),
        (SENSITIVE, INTRINSIC, OTHER),
        (INTRINSIC, SENSITIVE, OTHER),
        (BROKEN, SLOW, OTHER),
        (GOOD, KILLED, OTHER),
        (KILLED, GOOD, OTHER),
        (GOOD, GOOD, None),
        (SENSITIVE, SENSITIVE, None),
        (REPAIRED, REPAIRED, None),
        (SENSITIVE, UNSHOWN, None),
    ],
)
def test_each_transition_has_a_direction(earlier: Result, later: Result, direction: Direction | None) -> None:
    """A build that lost a process to a signal is neither worse nor better: it settles nothing."""
    turn = compared(earlier, later)
    assert (turn and turn.direction) == direction


@pytest.mark.parametrize(
    ("earlier", "later", "is_worse"),
    [
        (rehashed(GOOD, "1"), rehashed(sample(days=1), "2"), True),  # equal inputs, two answers
        (rehashed(GOOD, "1"), rehashed(sample(days=1), "1"), False),
        (rehashed(GOOD, "1"), rehashed(sample(days=1, pins=(NEWER,)), "2"), False),  # other inputs: a drift
        (rehashed(SENSITIVE, "1"), rehashed(SENSITIVE, "2"), False),  # known to depend on the environment
    ],
)
def test_other_bytes_with_equal_inputs_are_worse(earlier: Result, later: Result, *, is_worse: bool) -> None:
    """Each run found two equal wheels, and the runs disagree: chance decides."""
    turn = compared(earlier, later)
    assert bool(turn) is is_worse
    if turn:
        assert (turn.subject, turn.earlier, turn.later) == (Subject.BYTES, "1", "2")
        assert turn.culprit == "none of the inputs: the same inputs give one answer now and another then"


def standings(*results: Result) -> tuple[Standing, ...]:
    """Return the standings of some results."""
    return tuple(summarize(results, (), LATER).standings)


def test_the_culprit_is_named() -> None:
    """By the change of inputs, in the words of `drift`."""
    (turn,) = turns(standings(GOOD), standings(GOOD, SENSITIVE))
    assert turn == Turn(
        "six",
        "1.16.0",
        "bookworm",
        Subject.VERDICT,
        "reproducible",
        "sensitive",
        WORSE,
        turn.inputs,
        "setuptools 80.9.0, now 80.10.0",
        job=SENSITIVE.job,
    )
    assert [change.name for change in turn.inputs] == ["setuptools"]


@pytest.mark.parametrize(
    ("earlier", "later", "direction"),
    [
        ((GOOD, KILLED), at(3, SENSITIVE), WORSE),
        ((GOOD, KILLED), at(3, GOOD), None),
        ((SENSITIVE, at(2, KILLED)), at(3, GOOD), BETTER),
        ((KILLED,), at(3, GOOD), OTHER),
        ((GOOD,), KILLED, OTHER),
    ],
)
def test_a_run_is_compared_with_the_last_verdict_that_was_settled(
    earlier: tuple[Result, ...], later: Result, direction: Direction | None
) -> None:
    """A night in which a build was killed hides no regression."""
    found = turns(standings(*earlier), standings(*earlier, later))
    assert [turn.direction for turn in found] == ([direction] if direction else [])


def _built_with(name: str, result: Result) -> Result:
    assert result.inputs
    return replace(result, inputs=replace(result.inputs, profile=Profile(name)))


@pytest.mark.parametrize(
    ("earlier", "after", "expected"),
    [
        ((), (SENSITIVE,), []),  # a first verdict is no change
        ((GOOD,), (GOOD,), []),
        ((sample(version="1.9"),), (sample(version="1.10", verdict=Verdict.FTBFS),), [("1.9", "1.10", WORSE)]),
        ((sample(version="1.10"),), (sample(version="1.9", verdict=Verdict.FTBFS),), []),  # no later version
        ((sample("idna", "1.9"),), (sample(version="1.10", verdict=Verdict.FTBFS),), []),
        ((GOOD,), (_built_with("securedrop", SENSITIVE),), []),  # another way of building
        (
            (sample(version="1.0", verdict=Verdict.FTBFS), sample(version="1.1")),
            (sample(version="1.2", verdict=Verdict.SENSITIVE),),
            [("1.1", "1.2", WORSE)],
        ),
    ],
)
def test_a_new_version_is_compared_with_the_last_one(
    earlier: tuple[Result, ...], after: tuple[Result, ...], expected: list[tuple[str, str, Direction]]
) -> None:
    """A regression of a project: its new release is worse than the one before."""
    found = turns(standings(*earlier), standings(*earlier, *after))
    assert [(turn.earlier_version, turn.version, turn.direction) for turn in found] == expected
    assert all(not turn.culprit for turn in found)


@pytest.mark.parametrize(
    ("result", "others", "direction"),
    [
        (SENSITIVE, (GOOD,), WORSE),
        (at(3, SENSITIVE), (SENSITIVE, GOOD), WORSE),  # a second run must not pass because of the first one's record
        (GOOD, (SENSITIVE, at(-1, GOOD)), BETTER),
        (GOOD, (at(-1, GOOD), at(-2, SENSITIVE)), BETTER),
        (GOOD, (at(-1, GOOD),), None),
        (GOOD, (), None),
        (SENSITIVE, (KILLED, GOOD), WORSE),  # what settles nothing hides no change
        (INTRINSIC, (SENSITIVE, GOOD), WORSE),  # nor does what is neither better nor worse
        (SLOW, (BROKEN, at(-1, GOOD)), WORSE),
        (SLOW, (BROKEN, sample(version="1.9")), WORSE),
        (SLOW, (BROKEN,), OTHER),
        (SENSITIVE, (replace(KILLED, version="1.15"), sample(version="1.15")), WORSE),
        (SENSITIVE, (sample(version="1.9"), sample(version="1.15")), WORSE),  # the last version is reproducible
        (SENSITIVE, (sample(version="1.15", verdict=Verdict.FTBFS), sample(version="1.9")), BETTER),
        (SENSITIVE, (sample(version="2.0"),), None),
        (SENSITIVE, (sample(version="1.15", image=replace(IMAGE, name="trixie")),), None),
    ],
)
def test_the_last_change_of_a_release_counts(
    result: Result, others: tuple[Result, ...], direction: Direction | None
) -> None:
    """Whenever it was; and without one, the last version of the project."""
    turn = before(result, others).turn
    assert (turn and turn.direction) == direction


def test_builds_with_equal_inputs_and_other_bytes_are_counted() -> None:
    """Those with other inputs are another matter."""
    others = (rehashed(at(-1, GOOD), "2"), rehashed(at(-2, GOOD), "1"), rehashed(SENSITIVE, "3"), at(-3, BROKEN))
    assert before(rehashed(GOOD, "1"), others).unlike == 1
    once = rehashed(replace(GOOD, verdict=Verdict.INTRINSIC, finished=NOON - timedelta(days=4)), "1")
    assert before(rehashed(GOOD, "1"), (*others, once)).unlike == 2  # the same first wheel, and another verdict


@pytest.mark.parametrize(
    ("version", "others", "last"),
    [("1.10", ("1.2", "1.9", "2.0"), "1.9"), ("1.0", ("1.0", "2.0"), ""), ("1.0", (), ""), ("1", ("odd",), "odd")],
)
def test_versions_are_ordered_by_pep_440(version: str, others: tuple[str, ...], last: str) -> None:
    """A version that is none comes first."""
    assert last_version(version, others) == last


def published(outcome: Outcome, version: str = "1.0", image: str = "bookworm", project: str = "six") -> Verified:
    """Return the outcome of a published wheel."""
    return Verified(f"id-{outcome}", project, version, f"{project}-{version}.whl", version, image, outcome, "", NOON)


IDENTICAL, DIFFERS = published(Outcome.IDENTICAL), published(Outcome.DIFFERS)


@pytest.mark.parametrize(
    ("earlier", "after", "expected"),
    [
        ((IDENTICAL,), (DIFFERS,), [WORSE]),
        ((IDENTICAL,), (published(Outcome.UNBUILDABLE),), [WORSE]),
        ((DIFFERS,), (published(Outcome.RESTAMPED),), [BETTER]),
        ((IDENTICAL,), (published(Outcome.NO_COUNTERPART),), [OTHER]),
        ((IDENTICAL,), (IDENTICAL, published(Outcome.DIFFERS, image="trixie")), []),  # one image suffices
        ((), (DIFFERS,), []),
        ((IDENTICAL,), (IDENTICAL, published(Outcome.DIFFERS, "1.1")), [WORSE]),
        ((DIFFERS,), (DIFFERS, published(Outcome.DIFFERS, "1.1")), []),
        ((published(Outcome.IDENTICAL, project="idna"),), (DIFFERS,), []),
    ],
)
def test_a_published_wheel_may_get_worse(
    earlier: tuple[Verified, ...], after: tuple[Verified, ...], expected: list[Direction]
) -> None:
    """The strongest outcome of any image counts, and a new version is compared with the last one."""
    assert [turn.direction for turn in published_turns(earlier, after)] == expected
