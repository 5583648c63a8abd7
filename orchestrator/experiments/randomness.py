"""Recognizes what is random in two texts: words of one form in the same places, and everything else equal. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_CUT = "…"
_WORDS = re.compile(r"[A-Za-z0-9_.+-]+")
_MOST = 20  # words that differ
_UUID = re.compile(r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX = re.compile(r"(?i)[0-9a-f]+")
_LETTERS = re.compile(r"[A-Za-z0-9_-]+")
_NUMBER = re.compile(r"[0-9]{1,7}")  # as a process id
_SECONDS = re.compile(r"(?:[0-9]+\.[0-9]+(?:e-?[0-9]+)?|[0-9]+)(?:s|ms|us|ns|sec|secs|seconds)?")
_OF_TIME = re.compile(
    r"(?i)(?<![a-z])(?:seconds?|secs?|elapsed|took|takes|duration|time|finished in|done in|[mun]?s)(?![a-z])"
)
_LONGEST_TIME = 1e8  # a day, in milliseconds
_REAL = re.compile(r"-?[0-9]+(?:\.[0-9]+(?:e-?[0-9]+)?)?")
_RANDOM_NAME = re.compile(r"[A-Za-z0-9_]{6,12}")
_SHORTEST_HEX, _SHORTEST = 12, 8
_DIGITS, _CASES = re.compile(r"[0-9]"), re.compile(r"[a-z].*[A-Z]|[A-Z].*[a-z]")


def kind_of(first: str, second: str) -> str:
    """Return what is random in two texts; empty if they differ in more than that, or were cut.

    The kinds are "identifier", "address", "temporary name", "token", "duration", "counter" and "number". Chance
    is not to be read from two texts: builds in one environment must have shown it.
    """
    first, second = (text.replace(r"\n", "\n") for text in (first, second))  # as the places of several lines have it
    if _CUT in first + second or _WORDS.split(first) != _WORDS.split(second):
        return ""
    pairs = list(zip(_WORDS.finditer(first), _WORDS.finditer(second), strict=True))
    unlike = [(ours, theirs) for ours, theirs in pairs if ours[0] != theirs[0]]
    if not 0 < len(unlike) <= _MOST or _are_moved(unlike):
        return ""
    kinds = {_kind(first, ours, theirs) for ours, theirs in unlike}
    return kinds.pop() if len(kinds) == 1 else ""


def _are_moved(unlike: list[tuple[re.Match[str], re.Match[str]]]) -> bool:
    """Return whether a word of one side is elsewhere on the other: an order is random, and not the words."""
    ours, theirs = ({both[side][0] for both in unlike} for side in (0, 1))
    return not ours.isdisjoint(theirs)


def _kind(text: str, first: re.Match[str], second: re.Match[str]) -> str:
    before = text[max(0, first.start() - 40) : first.start()]
    after = text[first.end() : first.end() + 12]
    return next((name for name, fits in _KINDS if fits(before, first[0], second[0], after)), "")


def _is_identifier(_before: str, first: str, second: str, _after: str) -> bool:
    both = (first, second)
    return all(map(_UUID.fullmatch, both)) or (
        len(first) == len(second) >= _SHORTEST_HEX and all(map(_HEX.fullmatch, both)) and not first.isdigit()
    )


def _is_address(_before: str, first: str, second: str, _after: str) -> bool:
    return all(one.startswith("0x") and len(one) > len("0x00000") for one in (first, second))


def _is_temporary(before: str, first: str, second: str, after: str) -> bool:
    """Return whether two parts of a path have one prefix, one ending, and letters of mkdtemp between."""
    if not (before.endswith(("/", "\\")) or after.startswith(("/", "\\"))):
        return False
    ours, theirs = _unlike_part(first, second)
    return len(first) == len(second) and bool(_RANDOM_NAME.search(first)) and _is_mixed(ours, theirs)


def _unlike_part(first: str, second: str) -> tuple[str, str]:
    """Return the parts between separators in which two names differ; they may be several."""
    pairs = zip(re.split(r"[.-]", first), re.split(r"[.-]", second), strict=False)
    unlike = [both for both in pairs if both[0] != both[1]]
    return "".join(ours for ours, _ in unlike), "".join(theirs for _, theirs in unlike)


def _is_mixed(first: str, second: str) -> bool:
    """Return whether one of two texts has digits among letters, or letters of both cases, as no word has."""
    return any((_DIGITS.search(one) and not one.isdigit()) or _CASES.search(one) for one in (first, second))


def _is_token(_before: str, first: str, second: str, _after: str) -> bool:
    both = (first, second)
    return (
        len(first) == len(second) >= _SHORTEST
        and all(map(_LETTERS.fullmatch, both))
        and all(_is_mixed(one, one) for one in both)
    )


def _is_duration(before: str, first: str, second: str, after: str) -> bool:
    both = (first, second)
    if not all(map(_SECONDS.fullmatch, both)) or any(float(one.rstrip("musnecod")) > _LONGEST_TIME for one in both):
        return False
    return bool(_OF_TIME.search(before) or _OF_TIME.search(after) or not all(one[-1].isdigit() for one in both))


def _is_counter(_before: str, first: str, second: str, _after: str) -> bool:
    return all(map(_NUMBER.fullmatch, _unlike_part(first, second))) and _NUMBER.sub("", first) == _NUMBER.sub(
        "", second
    )


def _is_number(_before: str, first: str, second: str, _after: str) -> bool:
    return all(map(_REAL.fullmatch, (first, second)))


_KINDS: tuple[tuple[str, Callable[[str, str, str, str], bool]], ...] = (
    ("address", _is_address),
    ("identifier", _is_identifier),
    ("temporary name", _is_temporary),
    ("duration", _is_duration),
    ("counter", _is_counter),
    ("number", _is_number),
    ("token", _is_token),
)
