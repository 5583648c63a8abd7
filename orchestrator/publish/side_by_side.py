"""Aligns two texts token by token, and marks the tokens in which they differ."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ALIGNED = 100  # tokens of one text that are aligned one by one; aligning takes up to the cube of it

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")  # a word or number, white space, an operator
_NO_WIDTH = frozenset({"Mn", "Me", "Cf"})
_LEAST = 20  # columns


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text that the other text has, too, or has not."""

    text: str
    differs: bool


Marked = tuple[Piece, ...]
"""A text in pieces."""


def sides(first: str, second: str) -> tuple[Marked, Marked]:
    """Split two texts into what they have in common and the tokens in which they differ.

    If more than ALIGNED tokens are between the first and the last difference, all of these are marked.
    """
    tokens, others = _TOKEN.findall(first), _TOKEN.findall(second)
    parts = list(_parts(tokens, others))
    return _marked((one, differs) for one, _, differs in parts), _marked(
        (other, differs) for _, other, differs in parts
    )


def window(first: str, second: str, bound: int) -> tuple[str, str]:
    """Cut two texts to about `bound` characters each, so that the first place in which they differ is left."""
    if max(len(first), len(second)) <= bound:
        return first, second
    start = max(0, _alike(first, second) - bound // 3)
    return _cut(first, start, bound), _cut(second, start, bound)


def carets(text: Marked, width: int) -> Iterator[tuple[str, str]]:
    """Yield a text in rows of at most `width` columns, each with a row of carets below what differs, or ""."""
    row, marks, used = "", "", 0
    for piece in text:
        for one in piece.text:
            size = _columns(one)
            if used + size > max(width, _LEAST):
                yield row, marks.rstrip()
                row, marks, used = "", "", 0
            row, marks, used = row + one, marks + ("^" if piece.differs else " ") * size, used + size
    yield row, marks.rstrip()


def is_wholly_other(first: Marked, second: Marked) -> bool:
    """Check whether two texts have nothing in common but white space, so that marks show nothing."""
    return all(piece.differs or not piece.text.strip() for piece in (*first, *second))


def unmarked(text: Marked) -> Marked:
    """Return a text without its marks."""
    return (Piece("".join(piece.text for piece in text), differs=False),)


def _parts(first: list[str], second: list[str]) -> Iterator[tuple[list[str], list[str], bool]]:
    """Yield the parts of both lists of tokens, and whether they differ there."""
    before = _alike(first, second)
    after = _alike(first[before:][::-1], second[before:][::-1])
    end, other_end = len(first) - after, len(second) - after
    yield first[:before], second[:before], False
    yield from _aligned(first[before:end], second[before:other_end])
    yield first[end:], second[other_end:], False


def _aligned(first: list[str], second: list[str]) -> Iterator[tuple[list[str], list[str], bool]]:
    if max(len(first), len(second)) > ALIGNED:
        yield first, second, True
        return
    for kind, start, end, other, other_end in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        yield first[start:end], second[other:other_end], kind != "equal"


def _marked(parts: Iterable[tuple[Sequence[str], bool]]) -> Marked:
    return tuple(Piece("".join(tokens), differs) for tokens, differs in parts if tokens)


def _alike(first: Sequence[str], second: Sequence[str]) -> int:
    """Count the items of the common beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _cut(text: str, start: int, bound: int) -> str:
    before = f"[... {start} characters left out] " if start else ""
    left = len(text) - start - bound
    return f"{before}{text[start : start + bound]}{f' [... {left} characters left out]' if left > 0 else ''}"


def _columns(character: str) -> int:
    """Return how many columns of a terminal a character takes (UAX 11)."""
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
