"""The smallest common recipe of a set of releases, by what their records have proven. Pure."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.experiments.outcomes import HOST, ORDER
from orchestrator.experiments.remedies import NAMES, applies, fixes, named
from orchestrator.model import LADDER, RemedyOutcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.model import Remedied, Result

    Remedies = frozenset[str]

MOST_STATES = 50_000
"""Unions that a search looks at; records of real sets need a few hundred."""

NEXT = 20
"""How many of the next smallest recipes are considered after a proof failed."""

_ORDER = {name: number for number, name in enumerate(NAMES)}
_UNWRITABLE = frozenset(fixes((ORDER, HOST)))


@dataclass(frozen=True, slots=True)
class Needs:
    """What a release needs of a common recipe: any of these sets of remedies gives equal bytes, by its record."""

    name: str  # unique in the set
    alternatives: tuple[Remedies, ...]  # none of them contains another; an empty set: nothing is needed
    backend: str = ""  # of PEP 517, as pyproject.toml names it

    def acting(self, remedies: Iterable[str]) -> Remedies:
        """Return those remedies that its build backend has."""
        return frozenset(name for name in remedies if applies(named(name), self.backend))

    def met_by(self, remedies: Iterable[str]) -> bool:
        """Return whether these remedies contain one of the sets."""
        acting = self.acting(remedies)
        return any(one <= acting for one in self.alternatives)


@dataclass(frozen=True, slots=True)
class Common:
    """Remedies that meet the needs of all releases of a set."""

    remedies: tuple[str, ...]  # in the catalogue's order
    smallest: bool = True  # whether every smaller set was ruled out; if not, there were too many


@dataclass(frozen=True, slots=True)
class Round:
    """What the proof of one recipe showed."""

    common: Common
    proven: frozenset[str]  # the names of the releases whose wheels it gave twice
    failed: frozenset[str]


# --- what a record proves --------------------------------------------------------------------


def alternatives_of(result: Result) -> tuple[Remedies, ...]:
    """Return the sets of remedies with which a release gave equal bytes; none: no set is known.

    These are: no remedy at all; the recipe; sets that the search for it tried with success; and the remedies that hold
    the isolated variations, unless a recipe refuted one of them. A set that makes a program worse is only returned
    where it is the recipe. Of an intrinsic difference only the recipe is: equal bytes of others may be luck.
    """
    if result.verdict is Verdict.REPRODUCIBLE:
        return (frozenset(),)
    if result.verdict not in {Verdict.SENSITIVE, Verdict.INTRINSIC}:
        return ()
    found = [frozenset(result.recipe)] if result.recipe else []
    if result.verdict is Verdict.SENSITIVE:
        found += (one for one in (*_tried(result), *_held(result)) if _is_gentle(one, result))
    return _minimal(one for one in found if one <= _ORDER.keys())


def _tried(result: Result) -> Iterator[Remedies]:
    """Yield the sets of remedies of which every experiment gave equal bytes."""
    made: dict[Remedies, bool] = {}
    for one in result.experiments:
        if one.remedies:
            key = frozenset(one.remedies)
            made[key] = made.get(key, True) and one.equal
    yield from (names for names, equal in made.items() if equal)


def _held(result: Result) -> Iterator[Remedies]:
    """Yield the remedies that hold what isolation has shown to matter, unless recipes have refuted that."""
    held = frozenset(fixes(result.holds))
    refuted = {one.name for one in result.remedies if one.outcome is RemedyOutcome.REJECTED}
    if held and held.isdisjoint(refuted | _UNWRITABLE):
        yield held


def _is_gentle(remedies: Remedies, result: Result) -> bool:
    """Return whether no remedy of a set was shown to make the program worse."""
    costly = {one.name for one in result.remedies if one.outcome is RemedyOutcome.COSTLY}
    return costly.isdisjoint(remedies)


def _minimal(sets: Iterable[Remedies]) -> tuple[Remedies, ...]:
    """Return the sets that contain no other, each once, the cheapest first."""
    unique = sorted(set(sets), key=cost)
    return tuple(one for one in unique if not any(other < one for other in unique))


# --- the smallest union ----------------------------------------------------------------------


def cost(remedies: Iterable[str]) -> tuple[object, ...]:
    """Return what a recipe is judged by: fewer remedies first, then gentler ones, then the catalogue's order.

    Finishing steps change the wheel, flags of compilers the program, settings how a backend works; the others only
    the environment.
    """
    names = sorted(remedies, key=_ORDER.__getitem__)
    written = [named(name).written for name in names]
    finishing = sum(bool(one.finish) for one in written)
    compiling = sum(bool(one.flags) for one in written)
    settings = sum(not named(name).variation for name in names)
    return len(names), finishing, compiling, settings, tuple(map(_ORDER.__getitem__, names))


def in_order(remedies: Iterable[str]) -> tuple[str, ...]:
    """Return remedies in the catalogue's order."""
    return tuple(sorted(remedies, key=_ORDER.__getitem__))


def smallest(needs: Iterable[Needs]) -> Common:
    """Return the smallest recipe that meets all these needs; those without an alternative are passed over."""
    some = tuple(needs)
    for found in _covers(some):
        return Common(in_order(found))
    gentlest = (min(one.alternatives, key=cost) for one in some if one.alternatives)
    return Common(in_order(frozenset().union(*gentlest)), smallest=False)


def _covers(needs: Sequence[Needs]) -> Iterator[Remedies]:
    """Yield recipes that meet all needs, the cheapest first, as far as the search may go.

    A recipe costs more than any part of it, so the first that is complete is the smallest.
    """
    open_ = sorted(
        {one.alternatives for one in needs if one.alternatives}, key=lambda sets: (len(sets), *map(cost, sets))
    )
    start: Remedies = frozenset()
    waiting = [(cost(start), start)]
    seen = {start}
    for _ in range(MOST_STATES):
        if not waiting:
            return
        _, union = heapq.heappop(waiting)
        unmet = next((sets for sets in open_ if not any(one <= union for one in sets)), None)
        if unmet is None:
            yield union
            continue
        for one in unmet:
            if (more := union | one) not in seen:
                seen.add(more)
                heapq.heappush(waiting, (cost(more), more))


def reasons(common: Common, needs: Iterable[Needs]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each remedy with the sorted names of the releases whose needs are not met without it."""
    some = tuple(needs)

    def because(name: str) -> tuple[str, ...]:
        rest = frozenset(common.remedies) - {name}
        return tuple(sorted(one.name for one in some if one.met_by(common.remedies) and not one.met_by(rest)))

    return tuple((name, because(name)) for name in common.remedies)


# --- after a proof that failed ---------------------------------------------------------------


def following(needs: Iterable[Needs], rounds: Sequence[Round]) -> Common | None:
    """Return the recipe to try next: it is expected to give more wheels than the best so far, or the same with less.

    None: none is. Considered are the next smallest recipes, those of the releases that did not fail, and each former
    recipe without one of its remedies, since that remedy may be what broke others.
    """
    some = tuple(needs)
    best = best_of(rounds)
    tried = {frozenset(one.common.remedies) for one in rounds}
    expected = {found: _expected(found, some, rounds) for found in _candidates(some, rounds) if found not in tried}
    if not expected:
        return None
    found = min(expected, key=lambda one: (-len(expected[one]), -len(expected[one] & best.proven), cost(one)))
    is_more = len(expected[found]) > len(best.proven)
    is_less = expected[found] >= best.proven and cost(found) < cost(best.common.remedies)
    return Common(in_order(found), smallest=False) if is_more or is_less else None


def best_of(rounds: Sequence[Round]) -> Round:
    """Return the round that gave the most wheels, of equal ones the cheapest recipe's."""
    return min(rounds, key=lambda one: (-len(one.proven), cost(one.common.remedies)))


def _candidates(needs: Sequence[Needs], rounds: Sequence[Round]) -> Iterator[Remedies]:
    yield from islice(_covers(needs), NEXT)
    for one in rounds:
        yield from islice(_covers([need for need in needs if need.name not in one.failed]), 1)
        whole = frozenset(one.common.remedies)
        yield from (whole - {name} for name in one.common.remedies)


def _expected(remedies: Remedies, needs: Sequence[Needs], rounds: Sequence[Round]) -> frozenset[str]:
    """Name the releases whose needs these remedies meet, without those that failed with them or with fewer."""
    return frozenset(one.name for one in needs if one.met_by(remedies) and not _failed(one, remedies, rounds))


def _failed(need: Needs, remedies: Remedies, rounds: Sequence[Round]) -> bool:
    acting = need.acting(remedies)
    return any(need.name in one.failed and need.acting(one.common.remedies) <= acting for one in rounds)


# --- what comes nearest ----------------------------------------------------------------------


def nearest(result: Result) -> tuple[tuple[str, ...], str]:
    """Return the remedies that come nearest to equal bytes of one release, and what they give, or why there are none.

    The sentence has no full stop. It is about this release alone.
    """
    if result.verdict is Verdict.REPRODUCIBLE:
        return (), "its wheel is the same without any remedy"
    if result.recipe:
        costs = f"; {result.recipe_why}" if result.recipe_why else ""
        return result.recipe, f"alone, it gives equal bytes with these{costs}"
    tried = [one for one in result.remedies if one.severity_after is not None]
    if tried:
        best = min(tried, key=_seriousness)
        left = f"the remaining difference is {best.severity_after}"
        return (best.name,), f"{left}, instead of {result.severity}" if result.severity else left
    return (), result.recipe_why or "no remedy was tried"


def _seriousness(remedied: Remedied) -> tuple[int, object]:
    assert remedied.severity_after is not None  # noqa: S101 - the caller has looked
    return LADDER.index(remedied.severity_after), cost((remedied.name,))
