"""Two texts side by side: what they share at their begin and at their end, and what differs in between."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile


@dataclass(frozen=True, slots=True)
class TextSide:
    """One of two texts, in three pieces; only the middle one is unlike the other text's."""

    before: str
    differing: str
    after: str


def sides(first: str, second: str) -> tuple[TextSide, TextSide]:
    """Part two texts where they begin and where they end to differ."""
    before = _alike(first, second)
    after = _alike(first[before:][::-1], second[before:][::-1])
    return _side(first, before, after), _side(second, before, after)


def _alike(first: str, second: str) -> int:
    """Count the characters with which both texts begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _side(text: str, before: int, after: int) -> TextSide:
    end = len(text) - after
    return TextSide(text[:before], text[before:end], text[end:])
