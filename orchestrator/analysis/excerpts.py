"""Texts of a package for display: printable, bounded, and cut around where two of them differ."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from orchestrator.analysis.formats.text import hunks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Ends = tuple[int, int]
    Spell = Callable[[bytes], str]

SHOWN = 200
"""Characters of a text of the evidence that are shown, around where it differs."""

LONGEST = 600
"""Characters of a text that no cause explains."""

_SPELLED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_LINES = re.compile(rb"([\n\0])")
_ODD = re.compile("[\x01-\x08\x0e-\x1f\x7f\ufffd]")  # control characters, and what is not UTF-8
_BLANK = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)  # printable for Python, and invisible
_WORDS = re.compile(rb"[0-9A-Za-z_\x80-\xff]+|[^0-9A-Za-z_\x80-\xff]")
_LARGE = 64 << 10  # bytes of a text that is compared word by word
_SHORT = 20  # equal bytes between two stretches that are shown as one
_LEAST = 60  # characters for each of several stretches
_PARTIAL = re.compile(r"\\(?:u[0-9a-f]{0,3}|x[0-9a-f]?)?\Z")
_COUNT = 20  # characters of the number of those that are not shown
_CONTEXT = 8  # bytes before the first that differs, in hex
_SCARCE = 16  # of so many bytes of a text, one at most is odd
_CONTINUED = range(0x80, 0xC0)  # bytes within a character of UTF-8
_FIRST, _LAST = 0x20, 0x7E  # of the printable characters of ASCII


def from_its_line(texts: tuple[bytes, bytes], alone: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return two texts from the line, or the string of a table, in which a cause alone makes them differ.

    They are returned as they are where their lines do not correspond to those of the texts without other traces.
    """
    pieces = [_LINES.split(text) for text in (*texts, *alone)]
    if len(set(map(len, pieces))) > 1:
        return texts
    at = next((at for at, (ours, theirs) in enumerate(zip(pieces[2], pieces[3], strict=True)) if ours != theirs), 0)
    return b"".join(pieces[0][at:]), b"".join(pieces[1][at:])


def excerpt(first: bytes, second: bytes, most: int) -> tuple[str, str]:
    """Return two texts for display, of at most so many characters; bytes that are no text in hex.

    If they differ in several stretches that are far apart, each is shown with a little of what is around it, and what
    there is no room for is counted. Where they look alike, the characters that are not ASCII are spelled; where they
    still do, as an end of line and its escape sequence, both are shown in hex.
    """
    if _is_text(first) and _is_text(second):
        texts = _excerpt_of_texts(first, second, most)
        if texts[0] != texts[1] or first == second:
            return texts
    return _in_hex(first, second, most)


def _excerpt_of_texts(first: bytes, second: bytes, most: int) -> tuple[str, str]:
    begin = max(0, _first_unlike(first, second) - most // 4)
    spell = _spelled if _look_alike(first, second) else printable
    if _is_all(first, second, begin + most):
        return _cut(first, begin, most, spell), _cut(second, begin, most, spell)
    return _apart(first, second, most, spell)


def _is_all(first: bytes, second: bytes, end: int) -> bool:
    """Return whether two texts have a common end from there on, at the latest."""
    rest = max(len(first), len(second)) - end
    size = min(len(first), len(second), max(rest, 0))
    return rest <= 0 or (size == rest and first[len(first) - size :] == second[len(second) - size :])


def _apart(first: bytes, second: bytes, most: int, spell: Spell) -> tuple[str, str]:
    """Return the stretches in which two texts differ, as many as there is room for, and the number of the others."""
    stretches = _stretches(first, second)
    number = max(1, min(len(stretches), most // _LEAST))
    room = (most - _COUNT) // number
    more = f" (and {len(stretches) - number} more)" if len(stretches) > number else ""
    ours, theirs = ([one[side] for one in stretches[:number]] for side in (0, 1))
    return _side(first, ours, room, spell) + more, _side(second, theirs, room, spell) + more


def _side(text: bytes, stretches: Sequence[Ends], room: int, spell: Spell) -> str:
    """Return the stretches of one text; nothing of one that is empty."""
    if not text:
        return ""
    windows = "…".join(_window(text, begin, end, room, spell) for begin, end in stretches)
    return windows + ("…" if stretches[-1][1] + room // 8 < len(text) else "")


def _window(text: bytes, begin: int, end: int, room: int, spell: Spell) -> str:
    """Return a stretch of a text with what is around it, in that many characters at most; of a long one, both ends."""
    low, high = _whole(text, max(0, begin - room // 8)), _whole(text, min(len(text), end + room // 8))
    head = "…" if low else ""
    if high - low <= room - 2:
        return head + _clipped(spell(text[low:high]), room - 2)
    half = room // 2 - 2
    first = text[low : _whole(text, low + half)]
    return (
        head + _clipped(spell(first), half) + "…" + _last(text[_whole(text, max(low, end - half)) : end], half, spell)
    )


def _last(text: bytes, most: int, spell: Spell) -> str:
    """Return the end of a text that fits into so many characters, from the beginning of a character."""
    while len(shown := spell(text)) > most:
        text = text[max(1, (len(shown) - most) // 6) :].lstrip(bytes(_CONTINUED))
    return shown


def _whole(text: bytes, at: int) -> int:
    """Return an offset, or that of the character in UTF-8 within which it is."""
    places = range(at, max(-1, at - 4), -1)
    return next((place for place in places if place >= len(text) or text[place] not in _CONTINUED), at)


def _stretches(first: bytes, second: bytes) -> list[tuple[Ends, Ends]]:
    """Return begin and end, on both sides, of each stretch of words that differs."""
    if max(len(first), len(second)) > _LARGE:
        at = _first_unlike(first, second)
        tail = _first_unlike(first[at:][::-1], second[at:][::-1])
        ends = len(first) - tail, len(second) - tail
        shown = [(at, at + _SHORT), (max(at, ends[0] - _SHORT), ends[0])]
        other = [(at, at + _SHORT), (max(at, ends[1] - _SHORT), ends[1])]
        return list(zip(shown, other, strict=True))
    pieces = _WORDS.findall(first), _WORDS.findall(second)
    ours, theirs = (_offsets(each) for each in pieces)
    found: list[tuple[Ends, Ends]] = []
    for low, end, low_2, end_2 in hunks(*pieces):
        stretch = (ours[low], ours[end]), (theirs[low_2], theirs[end_2])
        if found and stretch[0][0] - found[-1][0][1] <= _SHORT and stretch[1][0] - found[-1][1][1] <= _SHORT:
            stretch = (found[-1][0][0], stretch[0][1]), (found[-1][1][0], stretch[1][1])
            found.pop()
        found.append(stretch)
    return found


def _offsets(pieces: Sequence[bytes]) -> list[int]:
    found = [0]
    for piece in pieces:
        found.append(found[-1] + len(piece))
    return found


def _first_unlike(first: bytes, second: bytes) -> int:
    """Return the offset of the first byte in which two texts differ; the shorter's length if it begins the other."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if first[low:middle] == second[low:middle] else (low, middle - 1)
    return low


def _cut(data: bytes, begin: int, most: int, spell: Spell) -> str:
    begin, end = _whole(data, begin), _whole(data, min(len(data), begin + most))
    whole = spell(data[begin:end])
    piece = _clipped(whole, most - 2)
    return ("…" if begin else "") + piece + ("…" if end < len(data) or piece != whole else "")


def _clipped(text: str, most: int) -> str:
    """Return the beginning of a text, which does not end within an escape sequence."""
    return text if len(text) <= most else _PARTIAL.sub("", text[:most])


def _is_text(data: bytes) -> bool:
    odd = len(_ODD.findall(data.decode("utf-8", "replace")))
    return _SCARCE * odd <= len(data) and 2 * data.count(b"\0") <= len(data) + 1


def _in_hex(first: bytes, second: bytes, most: int) -> tuple[str, str]:
    """Return the bytes of both sides around the first that differs: as hex, and as text where they are printable."""
    begin = max(0, _first_unlike(first, second) - _CONTEXT)
    count = most // 4 - 4
    return _dumped(first, begin, count), _dumped(second, begin, count)


def _dumped(data: bytes, begin: int, count: int) -> str:
    if not data:
        return ""
    piece = data[begin : begin + count]
    seen = "".join(chr(byte) if _FIRST <= byte <= _LAST else "." for byte in piece)
    return ("…" if begin else "") + f"{piece.hex(' ')} |{seen}|" + ("…" if begin + count < len(data) else "")


def printable(data: bytes) -> str:
    """Return bytes as printable text, safe for a terminal and on one line."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join(char if _is_visible(char) else _SPELLED.get(char, _escaped(char)) for char in text)


def _is_visible(char: str) -> bool:
    return char.isprintable() and not (char > "\x7f" and _BLANK.match(char))


def _spelled(data: bytes) -> str:
    """Return bytes as printable text of ASCII."""
    return "".join(char if char.isascii() else _escaped(char) for char in printable(data))


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}"


def _look_alike(first: bytes, second: bytes) -> bool:
    """Return whether two texts differ only in how characters are composed, or in letters beside letters of ASCII.

    Letters of several alphabets look alike, such as the Latin and the Cyrillic a.
    """
    ours, theirs = (text[:_LARGE].decode("utf-8", "replace") for text in (first, second))
    if (ours.isascii() and theirs.isascii()) or ours == theirs:
        return False
    if len(ours) == len(theirs):
        unlike = [(one, two) for one, two in zip(ours, theirs, strict=True) if one != two]
        return all(one.isascii() is not two.isascii() for one, two in unlike)
    return unicodedata.normalize("NFKC", ours) == unicodedata.normalize("NFKC", theirs)
