"""Isolation is pure: an oracle answers what holding a set of variations gives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.build.variations import NAMES
from orchestrator.experiments.isolate import Suspects, contradiction, next_step

if TYPE_CHECKING:
    from collections.abc import Callable


def run(oracle: Callable[[frozenset[str]], bool], suspects: Suspects) -> tuple[frozenset[str], int, bool]:
    """Return the answer, the number of builds that it took, and whether all variations were searched."""
    seen: dict[frozenset[str], bool] = {}
    while (step := next_step(NAMES, suspects, seen)).found is None:
        assert step.hold, "neither an answer nor a question"
        assert not set(step.hold) & seen.keys(), "asked twice"
        assert frozenset() not in step.hold, "that is the second build"
        assert frozenset(NAMES) not in step.hold, "that is the control build"
        seen |= {held: oracle(held) for held in step.hold}
    return step.found, len(seen), step.searched


@pytest.mark.parametrize(
    ("needed", "suspects", "builds", "searched"),
    [
        # The traces are right: one build for one suspect, three for two.
        ({"umask"}, Suspects(("umask",)), 1, False),
        ({"umask", "build-path"}, Suspects(("build-path", "umask")), 3, False),
        # Of four that can bring it about, one does.
        ({"hash-seed"}, Suspects((), ("fileordering", "hash-seed", "locales", "num-cpus")), 5, False),
        ({"umask", "hash-seed"}, Suspects(("umask",), ("fileordering", "hash-seed", "locales", "num-cpus")), 6, False),
        # A suspect that has nothing to do with it is dropped.
        ({"umask"}, Suspects(("home", "umask")), 3, False),
        # The traces are silent, or wrong.
        ({"kernel"}, Suspects(), 7, True),
        ({"kernel"}, Suspects(("umask",)), 9, True),
    ],
)
def test_the_minimal_set_is_found_by_few_builds(
    needed: set[str],
    suspects: Suspects,
    builds: int,
    searched: bool,  # noqa: FBT001
) -> None:
    """As many as are allowed in each of these usual cases."""
    found, asked, was_searched = run(lambda held: needed <= held, suspects)
    assert found == needed
    assert asked <= builds
    assert was_searched is searched


NAME = st.sampled_from(NAMES)
SOME = st.frozensets(NAME, max_size=4)


@given(needed=st.frozensets(NAME, min_size=1, max_size=4), certain=SOME, possible=SOME)
def test_of_any_one_minimal_set_isolation_finds_just_that(
    needed: frozenset[str], certain: frozenset[str], possible: frozenset[str]
) -> None:
    """Whatever is suspected, within a bound that grows with what is needed and suspected alone."""
    suspects = Suspects(tuple(sorted(certain)), tuple(sorted(possible - certain)))
    found, asked, searched = run(lambda held: needed <= held, suspects)
    assert found == needed
    assert searched is not (needed <= suspects.all)
    one = 2 * math.ceil(math.log(len(NAMES), 3)) + 1
    assert asked <= 2 + len(certain) + one * (len(needed) + 1)


@given(ways=st.lists(st.frozensets(NAME, min_size=1, max_size=3), min_size=1, max_size=3), certain=SOME)
def test_of_several_ways_isolation_finds_one_that_is_minimal(
    ways: list[frozenset[str]], certain: frozenset[str]
) -> None:
    """What it names is enough, and nothing less is."""

    def oracle(held: frozenset[str]) -> bool:
        return any(way <= held for way in ways)

    found, _, _ = run(oracle, Suspects(tuple(sorted(certain))))
    assert oracle(found)
    assert not any(oracle(found - {name}) for name in found)


def test_what_is_known_to_be_needed_is_not_asked_about() -> None:
    """A build that fails without it has shown that already."""
    step = next_step(NAMES, Suspects(), {frozenset({"home"}): True}, frozenset({"home"}))
    assert step.found == frozenset({"home"})


def test_experiments_of_one_step_can_be_built_at_once() -> None:
    """Each suspect's own test, and both cuts of a search."""
    both = frozenset({"umask", "build-path"})
    step = next_step(NAMES, Suspects(("build-path", "umask")), {both: True})
    assert set(step.hold) == {frozenset({"umask"}), frozenset({"build-path"})}
    assert len(next_step(NAMES, Suspects(), {}).hold) == 2


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ({frozenset("a"): True, frozenset("ab"): False}, (frozenset("a"), frozenset("ab"))),
        ({frozenset("a"): False, frozenset("ab"): True}, None),
        ({frozenset("a"): True, frozenset("b"): False}, None),
    ],
)
def test_answers_that_contradict_each_other_are_noticed(
    seen: dict[frozenset[str], bool], found: tuple[frozenset[str], frozenset[str]] | None
) -> None:
    """Holding more must not make a build less like the first."""
    assert contradiction(seen) == found
