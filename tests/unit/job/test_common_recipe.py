"""The search for the smallest common recipe is pure; brute force shows that it misses nothing."""

from __future__ import annotations

from itertools import chain, combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.experiments.remedies import NAMES
from orchestrator.job.common_recipe import (
    Common,
    Needs,
    Round,
    best_of,
    cost,
    following,
    in_order,
    reasons,
    smallest,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOME = ("fix-umask", "fix-build-path", "set-epoch", "no-date", "prefix-map-source", "strip-debug", "canonical-archive")
UMASK, PATH = frozenset({"fix-umask"}), frozenset({"fix-build-path"})
STRIP, MAP = frozenset({"strip-debug"}), frozenset({"prefix-map-source"})
NOTHING: frozenset[str] = frozenset()


def _needs(name: str, *alternatives: frozenset[str], backend: str = "setuptools.build_meta") -> Needs:
    return Needs(name, alternatives, backend)


def _subsets(names: Sequence[str]) -> Iterator[frozenset[str]]:
    return map(frozenset, chain.from_iterable(combinations(names, size) for size in range(len(names) + 1)))


_ALTERNATIVES = st.lists(st.frozensets(st.sampled_from(SOME), max_size=3), min_size=1, max_size=3).map(tuple)


@given(st.lists(_ALTERNATIVES, max_size=6))
def test_nothing_smaller_meets_all_needs(families: list[tuple[frozenset[str], ...]]) -> None:
    """The recipe is the cheapest of all subsets of the catalogue's remedies that occur."""
    needs = [_needs(str(number), *family) for number, family in enumerate(families)]
    best = min((one for one in _subsets(SOME) if all(need.met_by(one) for need in needs)), key=cost)
    assert smallest(needs) == Common(in_order(best))


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ([], ()),
        ([_needs("six", NOTHING)], ()),
        ([_needs("a", UMASK), _needs("b", PATH), _needs("c", NOTHING)], tuple(sorted(UMASK | PATH, key=NAMES.index))),
        ([_needs("a", UMASK | PATH, STRIP), _needs("b", UMASK | PATH)], tuple(sorted(UMASK | PATH, key=NAMES.index))),
        ([_needs("a", PATH, STRIP), _needs("b", MAP, STRIP)], ("strip-debug",)),  # one remedy instead of two
        ([_needs("a", PATH, STRIP, MAP)], ("fix-build-path",)),  # the environment before compilers and wheels
        ([_needs("a", STRIP, MAP)], ("prefix-map-source",)),
        ([_needs("a")], ()),  # nothing can be done for it
    ],
)
def test_smallest(needs: list[Needs], expected: tuple[str, ...]) -> None:
    """Fewer remedies are preferred to gentler ones."""
    assert smallest(needs).remedies == expected


def test_a_remedy_of_another_backend_does_nothing() -> None:
    """A setting of setuptools meets no need of a release that hatchling builds."""
    remedies = frozenset({"no-date"})
    assert _needs("a", remedies).met_by(remedies)
    assert not _needs("a", remedies, backend="hatchling.build").met_by(remedies)


def test_reasons_name_those_that_need_a_remedy() -> None:
    """A release with another way is not a reason."""
    needs = [_needs("b", UMASK), _needs("a", UMASK), _needs("c", PATH), _needs("d", UMASK, PATH), _needs("e", NOTHING)]
    assert dict(reasons(smallest(needs), needs)) == {"fix-umask": ("a", "b"), "fix-build-path": ("c",)}


def _round(remedies: frozenset[str], proven: str, failed: str) -> Round:
    return Round(Common(in_order(remedies)), frozenset(proven), frozenset(failed))


@pytest.mark.parametrize(
    ("needs", "rounds", "expected"),
    [
        ([_needs("a", UMASK)], [_round(UMASK, "a", "")], None),  # all are proven
        ([_needs("a", UMASK), _needs("b", NOTHING)], [_round(UMASK, "a", "b")], None),  # without it, as many
        # One remedy breaks two releases, and one release needs it.
        (
            [_needs("a", STRIP), _needs("b", NOTHING), _needs("c", NOTHING), _needs("d", UMASK)],
            [_round(STRIP | UMASK, "ad", "bc"), _round(UMASK, "bcd", "")],
            None,
        ),
        (
            [_needs("a", STRIP), _needs("b", NOTHING), _needs("c", NOTHING), _needs("d", UMASK)],
            [_round(STRIP | UMASK, "ad", "bc")],
            ("fix-umask",),
        ),
        # Another cover serves all.
        ([_needs("a", UMASK, PATH), _needs("b", NOTHING)], [_round(UMASK, "a", "b")], ("fix-build-path",)),
        # What only the failed one needed is not part of the recipe of the others.
        ([_needs("a", UMASK), _needs("b", PATH)], [_round(UMASK | PATH, "a", "b")], ("fix-umask",)),
    ],
)
def test_following(needs: list[Needs], rounds: list[Round], expected: tuple[str, ...] | None) -> None:
    """Another recipe is tried if it is expected to keep more, or as many with fewer remedies."""
    found = following(needs, rounds)
    assert (found and found.remedies) == expected


def test_best_of_rounds() -> None:
    """More wheels count more than a smaller recipe."""
    rounds = [_round(UMASK, "a", "b"), _round(UMASK | PATH, "ab", ""), _round(UMASK | STRIP, "ab", "")]
    assert best_of(rounds) is rounds[1]


def test_rounds_end() -> None:
    """No recipe is tried again, so that the rounds come to an end even if all fail."""
    needs = [_needs("a", UMASK, PATH), _needs("b", PATH, STRIP), _needs("c", NOTHING)]
    rounds = [_round(frozenset(smallest(needs).remedies), "", "abc")]
    while (found := following(needs, rounds)) is not None:
        assert found.remedies not in {one.common.remedies for one in rounds}
        rounds.append(_round(frozenset(found.remedies), "", "abc"))
