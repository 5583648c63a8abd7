"""What is true of a made-up package, by definition: computed by brute force from all that it depends on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from made_up import UNSCRIPTABLE, VERSION, Broken, Effect, outcome

from orchestrator.experiments.remedies import REMEDIES, applies, named
from orchestrator.model import LIMIT_REASONS, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from made_up import Content, Package

    from orchestrator.model import Environment

MOST_REMEDIES = 6
"""Of so many remedies that work, all sets are tried."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of a package."""

    verdicts: tuple[str, ...]  # each is true; of several, the first is the stronger one
    holds: tuple[tuple[str, ...], ...]  # the minimal sets of variations to hold, sorted; none: no set is enough
    by_chance: bool  # whether builds in the first environment may differ for another reason than the clock
    chance: bool  # whether builds in any one environment may differ, or fail at times


def _never(_what: str, _rate: float, _outcomes: int) -> int:
    return 0


def _always(_what: str, _rate: float, _outcomes: int) -> int:
    return 1


def _clock_runs(what: str, _rate: float, _outcomes: int) -> int:
    return int(what.startswith("tick"))


def _coins_fall(what: str, _rate: float, _outcomes: int) -> int:
    return int(not what.startswith("tick"))


def truth_of(package: Package) -> Truth:
    """Return what is true of a package."""
    first, second = package.first, package.held(())
    ours = outcome(package, first, None, _never)
    coins = outcome(package, first, None, _coins_fall) != ours
    clock = outcome(package, first, None, _clock_runs) != ours
    stays = outcome(package, second, None, _never) == outcome(package, second, None, _always)
    theirs = outcome(package, second, None, _never)
    holds = _minimal_sets(package, ours) if not isinstance(ours, Broken) and not coins else ()
    return Truth(
        _verdicts((ours, theirs), coins=coins, clock=clock, stays=stays, limit=_may_reach_limit(package)),
        holds,
        coins,
        coins or clock or not stays,
    )


def _verdicts(
    pair: tuple[Content | Broken, Content | Broken], *, coins: bool, clock: bool, stays: bool, limit: bool
) -> tuple[str, ...]:
    failing = [isinstance(one, Broken) for one in pair]
    also = (Verdict.FTBFS,) if limit or (all(failing) and not coins) else ()
    if also and all(failing):
        return also
    if coins:
        return (Verdict.INTRINSIC, *also)
    if clock:
        return (Verdict.SENSITIVE, Verdict.INTRINSIC, *also)
    return (Verdict.REPRODUCIBLE if pair[0] == pair[1] and stays else Verdict.SENSITIVE, *also)


def _may_reach_limit(package: Package) -> bool:
    return any(one.reason in LIMIT_REASONS for one in package.faults)


def relevant(package: Package) -> tuple[str, ...]:
    """Return the variations that a package depends on and that are varied for it."""
    named_by = {name for one in package.traits for name in (*one.variations, one.needs)}
    named_by |= {one.variation for one in package.faults}
    named_by |= {"time" for one in package.traits if one.ticks}
    return tuple(name for name in package.names if name in named_by)


def _minimal_sets(package: Package, ours: Content | Broken) -> tuple[tuple[str, ...], ...]:
    """Return the sets of held variations with which every build gives the first one's bytes; no smaller one does."""
    found: list[frozenset[str]] = []
    names = relevant(package)
    for count in range(len(names) + 1):
        for chosen in map(frozenset, itertools.combinations(names, count)):
            if not any(less <= chosen for less in found) and _is_enough(package, chosen, ours):
                found.append(chosen)
    return tuple(tuple(sorted(one)) for one in found)


def _is_enough(package: Package, held: Collection[str], ours: Content | Broken) -> bool:
    """Check whether all builds give the first one's bytes; a clock that is held is one that has stopped."""
    environment = package.held(held)
    luck = _coins_fall if "time" in held else _always
    return outcome(package, environment, None, _never) == ours == outcome(package, environment, None, luck)


# --- recipes ---------------------------------------------------------------------------------


def is_sound(package: Package, recipe: Collection[str]) -> bool:
    """Check whether a recipe gives the same bytes in every run, in both environments."""
    remedies = tuple(one for one in REMEDIES if one.name in recipe)
    shared = {one.variation for one in remedies if one.variation and (one.written.check or one.written.note)}
    names = tuple(one.name for one in remedies)
    found = set()
    for plain in (package.first, package.held(shared)):
        environment: Environment = plain
        for remedy in remedies:
            environment = remedy.apply(environment, VERSION)
        found |= {outcome(package, environment, names, luck) for luck in (_never, _always)}
    return len(found) == 1 and not any(isinstance(one, Broken) for one in found)


def is_minimal(package: Package, recipe: Collection[str]) -> bool:
    """Check whether no remedy of a sound recipe can be left out."""
    return not any(is_sound(package, [one for one in recipe if one != name]) for name in recipe)


def has_recipe(package: Package) -> bool:
    """Check whether any set of remedies is a sound recipe."""
    fixes = [f"fix-{name}" for name in relevant(package) if name not in UNSCRIPTABLE]
    works = _working(package)
    sets = (chosen for count in range(len(works) + 1) for chosen in itertools.combinations(works, count))
    return any(is_sound(package, (*fixes, *chosen)) for chosen in sets)


def _working(package: Package) -> list[str]:
    every: Iterable[str] = (name for one in package.traits for name, effect in one.effects if effect is Effect.WORKS)
    known = [name for name in dict.fromkeys(every) if applies(named(name), package.backend)]
    return known[:MOST_REMEDIES]
