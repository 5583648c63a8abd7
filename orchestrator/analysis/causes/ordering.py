"""The same items in a different order: which items moved, and what kind of order it looks like."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.erasers import changed, differing, token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.analysis.causes.erasers import Texts
    from orchestrator.analysis.causes.model import SidePair

HASH, FILES, LOCALE = "hash-order", "file-order", "locale-sorting"
LARGE = 2 << 20
"""Bytes; longer tokens are not compared by order."""

_WORD = re.compile(rb"[^\s,;:|()\[\]{}<>\"'`=]+")
_FILE = re.compile(rb"(?:.*/)?[\w.+-]*\.[A-Za-z]\w{0,7}")
_LISTING = 5  # items that are reversed by accident once in 119 times
_ESTONIAN = {letter: place for place, letter in enumerate("abcdefghijklmnopqrsšzžtuvwõäöüxy")}


def looks_like(first: Sequence[bytes], second: Sequence[bytes]) -> str:
    """Name the likely origin of two orders of the same items: hashes, a listing of files, or a locale."""
    if _one_sorted(first, second) or _one_sorted(second, first):
        return LOCALE
    if list(reversed(first)) == list(second):
        files = sum(1 for item in first if _FILE.fullmatch(item) or b"/" in item)
        if len(first) >= _LISTING or 2 * files >= len(first):
            return FILES
    return HASH


def _one_sorted(plain: Sequence[bytes], other: Sequence[bytes]) -> bool:
    words = [item.decode("utf-8", "replace") for item in other]
    return (
        len(plain) > 1
        and list(plain) == sorted(plain)
        and any(words == sorted(words, key=key) for key in (_estonian, _folded))
    )


def _estonian(word: str) -> tuple[list[int], str]:
    return [_ESTONIAN.get(letter, ord(letter) - 1000) for letter in word.lower()], word.swapcase()


def _folded(word: str) -> tuple[str, str]:
    return word.lower(), word.swapcase()


def trimmed(first: Sequence[bytes], second: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return two sequences without their common beginning and end."""
    low, high = 0, min(len(first), len(second))
    while low < high and first[low] == second[low]:
        low += 1
    end = 0
    while end < high - low and first[-1 - end] == second[-1 - end]:
        end += 1
    return list(first[low : len(first) - end]), list(second[low : len(second) - end])


def moved_words(first: bytes, second: bytes) -> tuple[list[bytes], list[bytes]] | None:
    """Return the words that two texts have in different orders; None if they differ in anything else."""
    if len(first) != len(second) or len(first) > LARGE or Counter(first) != Counter(second):
        return None
    ours, theirs = _WORD.findall(first), _WORD.findall(second)
    if Counter(ours) != Counter(theirs):
        return None
    moved = trimmed(ours, theirs)
    return moved if len(moved[0]) > 1 else None


def _lines(text: bytes) -> list[bytes]:
    return [line for raw in re.split(rb"[\n\0]", text) if (line := raw.strip().rstrip(b",;\\"))]


def moved_lines(pair: SidePair, places: Sequence[str]) -> tuple[Counter[bytes], dict[str, Texts]]:
    """Return the lines that moved between the sides, and the tokens that consist only of such lines."""
    texts = {place: token(pair, place) for place in places}
    ours = Counter(line for first, _ in texts.values() for line in _lines(first))
    theirs = Counter(line for _, second in texts.values() for line in _lines(second))
    moved = ours & theirs
    whole = {
        place: both
        for place, both in texts.items()
        if all(moved[line] == ours[line] for line in _lines(both[0]))
        and all(moved[line] == theirs[line] for line in _lines(both[1]))
        and any(len(line) > 1 for text in both for line in _lines(text))
    }
    return moved, whole


def arranged(pair: SidePair) -> tuple[dict[str, Texts], str]:
    """Return the tokens with the same items in a different order, and the name of its likely origin."""
    places = differing(pair)
    if sum(len(text) for place in places for text in token(pair, place)) > LARGE:
        return {}, HASH
    alone = {place: moved for place in places if (moved := moved_words(*token(pair, place)))}
    left = [place for place in places if place not in alone]
    _, lines = moved_lines(pair, left)
    if lines:
        named = looks_like(*trimmed(*(_joined(lines, left, side) for side in (0, 1))))
    elif left and (moved := moved_words(*_whole(pair, left))):
        lines, named = {place: token(pair, place) for place in left}, looks_like(*moved)
    elif alone:
        named = looks_like(*next(iter(alone.values())))
    else:
        return {}, HASH
    return {place: token(pair, place) for place in (*alone, *lines)}, named


def _joined(lines: dict[str, Texts], places: Sequence[str], side: int) -> list[bytes]:
    return [line for place in places if place in lines for line in _lines(lines[place][side])]


def _whole(pair: SidePair, places: Sequence[str]) -> Texts:
    texts = [token(pair, place) for place in places]
    return b"\n".join(first for first, _ in texts), b"\n".join(second for _, second in texts)


def another_order(name: str = "") -> Callable[[SidePair], SidePair]:
    """Return an eraser of different orders of the same items; with a name, only of orders of that origin."""

    def erase(pair: SidePair) -> SidePair:
        tokens, named = arranged(pair)
        if not tokens or name not in ("", named):
            return pair
        return changed(pair, dict.fromkeys(tokens, (b"", b"")))

    return erase


VARIATIONS = ("hash-seed", "fileordering", "locales")
"""The variations that change an order; what an order looks like does not show which of them does."""

_VARIATIONS = {HASH: ("hash-seed",), FILES: ("fileordering",), LOCALE: ("locales",)}


def suspects(pair: SidePair) -> tuple[str, ...]:
    """Return the variations to which the order of some items points."""
    return _VARIATIONS[arranged(pair)[1]]


def suspects_of_items(first: Sequence[bytes], second: Sequence[bytes]) -> tuple[str, ...]:
    """Return the variations to which two orders of the same items point."""
    return _VARIATIONS[looks_like(*trimmed(first, second))]


def record_lines(text: bytes) -> list[bytes]:
    """Return the lines of a part of RECORD."""
    return _lines(text)
