"""What erasers are made of: they change only units in which two sides still differ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.model import Side

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping

    from orchestrator.analysis.causes.model import SidePair
    from orchestrator.model import Traces

Texts = tuple[bytes, bytes]
"""One unit, as it is on either side."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the environments of both sides are known to have planted."""

    first: Traces
    second: Traces


def differing(pair: SidePair) -> tuple[str, ...]:
    """Name the places of the units in which two sides differ, in order; a unit that one lacks is empty there."""
    first, second = pair[0].view.units, pair[1].view.units
    places = (*first, *(place for place in second if place not in first))
    return tuple(place for place in places if first.get(place, b"") != second.get(place, b""))


def unit(pair: SidePair, place: str) -> Texts:
    """Return one unit of both sides."""
    return pair[0].view.units.get(place, b""), pair[1].view.units.get(place, b"")


def changed(pair: SidePair, units: Mapping[str, Texts]) -> SidePair:
    """Return both sides with some units replaced."""
    if not units:
        return pair
    first, second = pair
    return (
        _with(first, {place: texts[0] for place, texts in units.items()}),
        _with(second, {place: texts[1] for place, texts in units.items()}),
    )


def _with(side: Side, units: Mapping[str, bytes]) -> Side:
    return Side(replace(side.view, units={**side.view.units, **units}), side.traces)


CLOSELY = 256 << 10
"""Bytes of a unit, on either side, up to which it is looked at closely."""

ALTOGETHER = 4 * CLOSELY
"""Bytes of all units of one part that are looked at closely."""


def by_unit(erase: Callable[[Texts, Known], Texts], *, closely: bool = True) -> Callable[[SidePair], SidePair]:
    """Return an eraser that looks at each unit by itself; closely, at no more than so many bytes."""

    def erased(pair: SidePair) -> SidePair:
        known = Known(pair[0].traces, pair[1].traces)
        found = {}
        room = ALTOGETHER
        for place in differing(pair):
            before = unit(pair, place)
            size = max(map(len, before))
            if closely and (size > CLOSELY or size > room):
                continue
            room -= size
            after = erase(before, known)
            if after != before:
                found[place] = after
        return changed(pair, found)

    return erased


def by_place(wanted: Callable[[str], bool]) -> Callable[[SidePair], SidePair]:
    """Return an eraser of whole units, those at the wanted places."""
    return lambda pair: changed(pair, {place: (b"", b"") for place in differing(pair) if wanted(place)})


def in_turn(*erasers: Callable[[SidePair], SidePair]) -> Callable[[SidePair], SidePair]:
    """Return an eraser that does what several do, one after the other."""

    def erased(pair: SidePair) -> SidePair:
        for erase in erasers:
            pair = erase(pair)
        return pair

    return erased


def cut(text: bytes, places: Iterable[re.Match[bytes]], marker: bytes) -> bytes:
    """Put the marker in the place of each match, of which none overlaps the one before."""
    pieces, at = [], 0
    for place in places:
        pieces += [text[at : place.start()], marker]
        at = place.end()
    return b"".join([*pieces, text[at:]])


def values(traces: Traces, variations: Iterable[str]) -> tuple[bytes, ...]:
    """Return what an environment planted by those variations, and stands nowhere by chance; the longest first."""
    return _of(traces.values, variations)


def words(traces: Traces, variations: Iterable[str]) -> tuple[bytes, ...]:
    """Return what else an environment had by those variations, which may stand anywhere; the longest first."""
    return _of(traces.words, variations)


def _of(planted: tuple[tuple[str, str], ...], variations: Iterable[str]) -> tuple[bytes, ...]:
    wanted = set(variations)
    return tuple(text.encode() for variation, text in planted if variation in wanted and text)
