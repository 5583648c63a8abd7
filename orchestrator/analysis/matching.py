"""Finds the causes of one part: those whose traces have to be erased to make its tokens equal. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.archive import MODE, PACKING, TIME
from orchestrator.analysis.causes.erasers import differing, token
from orchestrator.analysis.formats.members import DERIVED
from orchestrator.model import NO_GROUNDS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from orchestrator.analysis.causes.model import Cause, Side, SidePair
    from orchestrator.model import Grounds

_PASSES = 2  # a cause may become visible only after another is erased
_CHECKED = 20  # tokens of one member that are checked for a shared cause


@dataclass(frozen=True, slots=True)
class CauseMatch:
    """The explanation of a part: by cause, its places and suspected variations; and the places left unexplained."""

    state: SidePair  # both sides without all traces
    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    suspects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    alone: Mapping[str, SidePair] = field(default_factory=dict)  # by cause: both sides without all other traces


def explain(pair: SidePair, causes: Sequence[Cause], grounds: Grounds = NO_GROUNDS, path: str = "") -> CauseMatch:
    """Find the causes needed to make the tokens of a part equal, and the tokens that stay unequal.

    Earlier causes are preferred. A cause is omitted if as many tokens are equal without it, unless its
    trace never occurs by chance and shares its token with an unknown difference. What builds have
    disproved, by the `grounds` and for the member's `path`, is not considered.
    """
    every = differing(pair)
    paths = _members(every, path)
    able = [cause for cause in causes if _is_able(cause, grounds, paths)]
    acted, state = _acted(pair, [cause for cause in able if _shows_in(pair[0].member.kind, cause, grounds)])
    left = differing(state)
    needed = _needed(pair, acted, left)
    explained: dict[str, tuple[str, ...]] = {}
    suspects: dict[str, tuple[str, ...]] = {}
    alone: dict[str, SidePair] = {}
    for cause in (*acted, *(cause for cause in able if pair[0].member.kind in cause.besides)):
        others = _erased(pair, [other for other in needed if other is not cause])
        places = tuple(place for place in differing(others) if place not in left) if cause in needed else ()
        if not places:
            places = _besides(cause, pair) if cause not in acted else _shared(cause, pair, left)
        if places:
            explained[cause.name] = places
            alone[cause.name] = others
            suspects[cause.name] = _suspects(cause, _only(others, places), grounds, _members(places, path))
    return CauseMatch(state, explained, suspects, tuple(place for place in every if place in set(left)), alone)


def _needed(pair: SidePair, acted: Sequence[Cause], left: Sequence[str]) -> list[Cause]:
    """Return the causes without which more tokens than those in `left` differ; the last ones are tried first."""
    needed = list(acted)
    for cause in reversed(acted):
        fewer = [other for other in needed if other is not cause]
        if set(differing(_erased(pair, fewer))) <= set(left):
            needed = fewer
    return needed


def _shows_in(kind: str, cause: Cause, grounds: Grounds) -> bool:
    """Return whether a cause can show in a kind of member; where an order has a meaning, only if builds suspect it."""
    return kind in cause.kinds or (kind in cause.by_builds and not set(grounds.suspected).isdisjoint(_acting(cause)))


def _members(places: Collection[str], path: str) -> frozenset[str]:
    """Return the paths that tokens are about: the part's own, or in an archive's headers those of members."""
    return frozenset(
        next((place.removeprefix(start) for start in (TIME, MODE, PACKING) if place.startswith(start)), path)
        for place in places
    )


def _is_able(cause: Cause, grounds: Grounds, paths: Collection[str]) -> bool:
    """Return whether builds leave it possible that a cause makes some members differ."""
    if cause.random:
        return not grounds.repeatable
    return not cause.variations or bool(_possible(cause, grounds, paths))


def _acting(cause: Cause) -> tuple[str, ...]:
    """Return the variations that can leave a cause's trace."""
    return tuple(dict.fromkeys((*cause.variations, *cause.alike)))


def _possible(cause: Cause, grounds: Grounds, paths: Collection[str]) -> tuple[str, ...]:
    """Return the variations that can have left a cause's trace in some members."""
    every = _acting(cause)
    by_member = dict(grounds.by_member)
    of_members = {name for path in paths for name in by_member.get(path, every)}
    return tuple(name for name in every if name not in grounds.disproved and name in of_members)


def _suspects(cause: Cause, pair: SidePair, grounds: Grounds, paths: Collection[str]) -> tuple[str, ...]:
    """Return the variations to which a cause's tokens point, or all that are possible if builds disprove these."""
    guessed = cause.suspects(pair) if cause.suspects else cause.variations
    possible = _possible(cause, grounds, paths)
    return tuple(name for name in guessed if name in possible) or (possible if guessed else ())


def _acted(pair: SidePair, causes: Sequence[Cause]) -> tuple[list[Cause], SidePair]:
    """Erase all causes in turn; return those that changed something, and the remaining sides."""
    acted: list[Cause] = []
    for _ in range(_PASSES):
        for cause in causes:
            if not differing(pair):
                return acted, pair
            after = _erase_derived(cause.erase(pair), pair)
            if after != pair and cause not in acted:
                acted.append(cause)
            pair = after
    return [cause for cause in causes if cause in acted], pair


def _erase_derived(after: SidePair, before: SidePair) -> SidePair:
    """Erase the differences that are derived from the ones just erased."""
    erase = DERIVED.get(after[0].member.kind)
    return erase(after) if erase and after != before else after


def _erased(pair: SidePair, causes: Sequence[Cause]) -> SidePair:
    return _acted(pair, causes)[1]


def _only(pair: SidePair, places: Sequence[str]) -> SidePair:
    """Return both sides with only the tokens of some places."""
    first, second = pair

    def cut(side: Side) -> Side:
        return replace(
            side, member=replace(side.member, tokens={place: side.member.tokens.get(place, b"") for place in places})
        )

    return cut(first), cut(second)


def _shared(cause: Cause, pair: SidePair, left: Sequence[str]) -> tuple[str, ...]:
    """Return the unequal tokens from which a cause's unmistakable trace was erased on both sides."""
    if not _is_telling(cause, pair):
        return ()
    alone = cause.erase(_only(pair, left[:_CHECKED]))
    return tuple(
        place
        for place in left[:_CHECKED]
        if all(first != second for first, second in zip(token(alone, place), token(pair, place), strict=True))
    )


def _besides(cause: Cause, pair: SidePair) -> tuple[str, ...]:
    """Return the headers of a whole nested archive that are equal without a cause's trace."""
    left = set(differing(cause.erase(pair)))
    return tuple(place for place in differing(pair) if place not in left and ": " not in place)


def _is_telling(cause: Cause, pair: SidePair) -> bool:
    """Return whether a cause is recognized by values that both environments planted, each its own."""
    first, second = ([one for one in side.traces.values if one[0] in cause.variations] for side in pair)
    return cause.suspects is None and bool(first) and bool(second) and first != second
