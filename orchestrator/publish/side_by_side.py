"""Splits two texts into a common beginning, the part that differs, and a common end."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile


@dataclass(frozen=True, slots=True)
class TextSide:
    """One of two texts in three parts; only the middle part differs from the other text's."""

    before: str
    differing: str
    after: str


def sides(first: str, second: str) -> tuple[TextSide, TextSide]:
    """Split two texts at the begin and the end of their difference."""
    before = _alike(first, second)
    after = _alike(first[before:][::-1], second[before:][::-1])
    return _side(first, before, after), _side(second, before, after)


def _alike(first: str, second: str) -> int:
    """Count the characters of the common beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _side(text: str, before: int, after: int) -> TextSide:
    end = len(text) - after
    return TextSide(text[:before], text[before:end], text[end:])
