"""The same items in a different order: which items moved, and what kind of order it looks like."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.erasers import changed, differing, token
from orchestrator.analysis.formats import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.analysis.causes.erasers import Texts
    from orchestrator.analysis.causes.model import SidePair

HASH, FILES, LOCALE = "hash-order", "file-order", "locale-sorting"
LARGE = 2 << 20
"""Bytes; longer tokens are not compared by order."""

_WORD = re.compile(rb"[^\s,;:|()\[\]{}<>\"'`=]+")
_FILE = re.compile(rb"(?:.*/)?[\w.+-]*\.[A-Za-z]\w{0,7}")
_DEEPEST = 10  # brackets within brackets
_ENDS = re.compile(rb"[\n\0]")
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
    """Return the items that two texts have in different orders; None if they differ in anything else.

    Items are words, if all that is between them is equal; or what commas separate within one pair of brackets.
    """
    if len(first) != len(second) or len(first) > LARGE or Counter(first) != Counter(second):
        return None
    ours, theirs = _WORD.findall(first), _WORD.findall(second)
    if Counter(ours) != Counter(theirs):
        return None
    if _WORD.split(first) != _WORD.split(second):
        ours, theirs = _bracketed(first, second)
    moved = trimmed(ours, theirs)
    return moved if len(moved[0]) > 1 and Counter(ours) == Counter(theirs) else None


_BRACKETS = re.compile(rb"[()\[\]{},]")
_DEPTHS = {b"(": 1, b"[": 1, b"{": 1, b")": -1, b"]": -1, b"}": -1, b",": 0}


def _bracketed(first: bytes, second: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the items of the only list, set or mapping that differs; the texts around it are one item each."""
    ours, theirs = _split(first), _split(second)
    for _ in range(_DEEPEST):
        unlike = _unlike(ours, theirs) if len(ours) == len(theirs) else []
        if len(unlike) != 1:
            break
        ours, theirs = _split(ours[unlike[0]]), _split(theirs[unlike[0]])
    return [item.strip(b" ") for item in ours], [item.strip(b" ") for item in theirs]


def _unlike(first: Sequence[bytes], second: Sequence[bytes]) -> list[int]:
    return [place for place, both in enumerate(zip(first, second, strict=True)) if both[0] != both[1]]


def _split(text: bytes) -> list[bytes]:
    """Split a text at its outermost commas; of one with brackets around all of them, within these brackets."""
    found, depth, begin = [], 0, 0
    places = list(_BRACKETS.finditer(text))
    inside = places and places[0][0] != b"," and b"," not in _outermost(text)
    floor = 1 if inside else 0
    for place in places:
        depth += _DEPTHS[place[0]]
        if (place[0] == b"," and depth == floor) or (inside and (depth, _DEPTHS[place[0]]) in ((1, 1), (0, -1))):
            found.append(text[begin : place.start()])
            begin = place.end()
    return [*found, text[begin:]]


def _outermost(text: bytes) -> bytes:
    """Return the brackets and commas of a text that are within no brackets."""
    depth, found = 0, []
    for place in _BRACKETS.finditer(text):
        depth += min(_DEPTHS[place[0]], 0)
        found += [place[0]] if not depth else []
        depth += max(_DEPTHS[place[0]], 0)
    return b"".join(found)


def _lines(text: bytes) -> list[bytes]:
    """Return the lines of a text, with their white space; a comma after an item belongs to the list."""
    return [line.removesuffix(b",") for line in _ENDS.split(text) if line]


def moved_lines(pair: SidePair, places: Sequence[str]) -> dict[str, Texts]:
    """Return the tokens that consist only of lines that both sides have, equally often."""
    texts = {place: token(pair, place) for place in places}
    ours = Counter(line for first, _ in texts.values() for line in _lines(first))
    theirs = Counter(line for _, second in texts.values() for line in _lines(second))
    return {
        place: both
        for place, both in texts.items()
        if all(ours[line] == theirs[line] for text in both for line in _lines(text))
        and any(len(line) > 1 for text in both for line in _lines(text))
    }


def arranged(pair: SidePair) -> tuple[dict[str, Texts], str]:
    """Return the tokens with the same items in a different order, and the name of its likely origin."""
    places = differing(pair)
    if sum(len(text) for place in places for text in token(pair, place)) > LARGE:
        return {}, HASH
    if pair[0].member.kind == mapping.KIND:
        return _of_mapping({place: token(pair, place) for place in places})
    alone = {place: moved for place in places if (moved := moved_words(*token(pair, place)))}
    left = [place for place in places if place not in alone]
    lines = moved_lines(pair, left)
    if lines:
        named = looks_like(*trimmed(*(_joined(lines, left, side) for side in (0, 1))))
    elif left and (moved := moved_words(*_whole(pair, left))):
        lines, named = {place: token(pair, place) for place in left}, looks_like(*moved)
    elif alone:
        named = looks_like(*next(iter(alone.values())))
    else:
        return {}, HASH
    return {place: token(pair, place) for place in (*alone, *lines)}, named


def _of_mapping(texts: dict[str, Texts]) -> tuple[dict[str, Texts], str]:
    """Return the token of two mappings that differ in the order of their keys, and the order's likely origin."""
    for first, second in texts.values():
        ours, theirs = _lines(first), _lines(second)
        if len(ours) == 1:
            ours, theirs = (_WORD.findall(text) for text in (first, second))
        return texts, looks_like(*trimmed(ours, theirs)) if Counter(ours) == Counter(theirs) else HASH
    return {}, HASH


def _joined(lines: dict[str, Texts], places: Sequence[str], side: int) -> list[bytes]:
    return [line for place in places if place in lines for line in _lines(lines[place][side])]


def _whole(pair: SidePair, places: Sequence[str]) -> Texts:
    texts = [token(pair, place) for place in places]
    return b"\n".join(first for first, _ in texts), b"\n".join(second for _, second in texts)


def another_order(name: str) -> Callable[[SidePair], SidePair]:
    """Return an eraser of different orders of the same items, if the order is likely of that origin."""

    def erase(pair: SidePair) -> SidePair:
        tokens, named = arranged(pair)
        if not tokens or name != named:
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
