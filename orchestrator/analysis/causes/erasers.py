"""The parts of erasers: they change only tokens in which two sides still differ."""

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
"""One token on both sides."""


@dataclass(frozen=True, slots=True)
class Known:
    """The values that the environments of both sides are known to have planted."""

    first: Traces
    second: Traces


def differing(pair: SidePair) -> tuple[str, ...]:
    """Name the places of the tokens in which two sides differ, in order; a missing token counts as empty."""
    first, second = pair[0].member.tokens, pair[1].member.tokens
    places = (*first, *(place for place in second if place not in first))
    return tuple(place for place in places if first.get(place, b"") != second.get(place, b""))


def token(pair: SidePair, place: str) -> Texts:
    """Return one token of both sides."""
    return pair[0].member.tokens.get(place, b""), pair[1].member.tokens.get(place, b"")


def changed(pair: SidePair, tokens: Mapping[str, Texts]) -> SidePair:
    """Return both sides with some tokens replaced."""
    if not tokens:
        return pair
    first, second = pair
    return (
        _with(first, {place: texts[0] for place, texts in tokens.items()}),
        _with(second, {place: texts[1] for place, texts in tokens.items()}),
    )


def _with(side: Side, tokens: Mapping[str, bytes]) -> Side:
    return Side(replace(side.member, tokens={**side.member.tokens, **tokens}), side.traces)


CLOSELY = 256 << 10
"""Bytes of a token, on either side, up to which it is searched closely."""

ALTOGETHER = 4 * CLOSELY
"""Bytes of all tokens of one member that are searched closely."""


def by_token(erase: Callable[[Texts, Known], Texts], *, closely: bool = True) -> Callable[[SidePair], SidePair]:
    """Return an eraser that processes each token separately; if `closely`, only within the limits on bytes."""

    def erased(pair: SidePair) -> SidePair:
        known = Known(pair[0].traces, pair[1].traces)
        found = {}
        room = ALTOGETHER
        for place in differing(pair):
            before = token(pair, place)
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
    """Return an eraser of whole tokens, at the wanted places."""
    return lambda pair: changed(pair, {place: (b"", b"") for place in differing(pair) if wanted(place)})


def in_turn(*erasers: Callable[[SidePair], SidePair]) -> Callable[[SidePair], SidePair]:
    """Return an eraser that applies several, one after the other."""

    def erased(pair: SidePair) -> SidePair:
        for erase in erasers:
            pair = erase(pair)
        return pair

    return erased


def cut(text: bytes, places: Iterable[re.Match[bytes]], marker: bytes) -> bytes:
    """Replace each match with the marker; matches do not overlap."""
    pieces, at = [], 0
    for place in places:
        pieces += [text[at : place.start()], marker]
        at = place.end()
    return b"".join([*pieces, text[at:]])


def values(traces: Traces, variations: Iterable[str]) -> tuple[bytes, ...]:
    """Return the values planted by those variations that never occur by chance; the longest first."""
    return _of(traces.values, variations)


def words(traces: Traces, variations: Iterable[str]) -> tuple[bytes, ...]:
    """Return the other values of those variations, which may occur by chance; the longest first."""
    return _of(traces.words, variations)


def _of(planted: tuple[tuple[str, str], ...], variations: Iterable[str]) -> tuple[bytes, ...]:
    wanted = set(variations)
    return tuple(text.encode() for variation, text in planted if variation in wanted and text)
