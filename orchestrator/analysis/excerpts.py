"""Texts of a package for display: printable, bounded, and cut around where two of them differ."""

from __future__ import annotations

import re

SHOWN = 200
"""Characters of a text of the evidence that are shown, around where it differs."""

LONGEST = 600
"""Characters of a text that no cause explains."""

_SPELLED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_LINES = re.compile(rb"([\n\0])")
_ODD = re.compile("[\x01-\x08\x0e-\x1f\x7f\ufffd]")  # control characters, and what is not UTF-8
_CONTEXT = 8  # bytes before the first that differs, in hex
_SCARCE = 16  # of so many bytes of a text, one at most is odd
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
    """Return two texts for display, of at most so many characters; bytes that are no text in hex."""
    if not (_is_text(first) and _is_text(second)):
        return _in_hex(first, second, most)
    at = _first_unlike(first, second)
    begin = max(0, at - most // 4)
    return _cut(first, begin, most), _cut(second, begin, most)


def _first_unlike(first: bytes, second: bytes) -> int:
    """Return the offset of the first byte in which two texts differ; the shorter's length if it begins the other."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (ours, theirs) in pairs if ours != theirs), min(len(first), len(second)))


def _cut(data: bytes, begin: int, most: int) -> str:
    whole = printable(data[begin : begin + most])
    piece = whole[: most - 2]
    return ("…" if begin else "") + piece + ("…" if begin + most < len(data) or piece != whole else "")


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
    return "".join(char if char.isprintable() else _SPELLED.get(char, f"\\u{ord(char):04x}") for char in text)
