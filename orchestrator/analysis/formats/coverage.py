"""Reads GCC's notes for coverage, and recognizes the checksums that follow from the path of a source.

From GCC 12 on; earlier notes have another form, and are compared as bytes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STAMP = "coverage stamp"
"""The place, or the end of the place, of the number by which notes, code and counts are recognized as one build's."""

KIND = "raw"

MAGIC = b"oncg"

_FUNCTION, _LINES = 0x01000000, 0x01450000  # tags of records
_WORD = 4
_FIRST_VERSION = b"B20"  # in reverse order in the file, after a letter for its state
_HEAD = 16  # bytes of magic, version, stamp and checksum
_MOST_RECORDS = 100_000
_MOST_BYTES = 8 << 20
_POLYNOMIAL = 0x04C11DB7  # of CRC-32, as GCC computes it: the highest bit first, without inversion
_SIGN, _ALL, _TOP = 1 << 31, (1 << 32) - 1, 24
_MOST_LINES = 1 << 20


# --- checksums -----------------------------------------------------------------------------------


def _row(byte: int) -> int:
    state = byte << _TOP
    for _ in range(8):
        state = ((state << 1) & _ALL) ^ (_POLYNOMIAL if state & _SIGN else 0)
    return state


_TABLE = tuple(map(_row, range(256)))
_BACK = {row & 0xFF: number for number, row in enumerate(_TABLE)}  # the lowest byte of each row is unique


def checksum(state: int, data: bytes) -> int:
    """Continue a checksum with some bytes."""
    for byte in data:
        state = ((state << 8) & _ALL) ^ _TABLE[(state >> _TOP) ^ byte]
    return state


def before(state: int, data: bytes) -> int:
    """Return the checksum that these bytes continued: the inverse of `checksum`."""
    for byte in reversed(data):
        number = _BACK[state & 0xFF]
        state = ((state ^ _TABLE[number]) >> 8) | ((number ^ byte) << _TOP)
    return state


def line_of(lines: int, source: bytes, name: bytes) -> int | None:
    """Return the line from which a function's checksum of lines follows, with its source's path and its name.

    None if it does not follow from them.
    """
    line = before(before(lines, name + b"\0"), source + b"\0")
    return line if 0 < line < _MOST_LINES else None


def is_identity(identity: int, source: bytes, name: bytes, path: bytes) -> bool:
    """Return whether a function's number follows from its source, its name and the end of its object's path.

    The path is without suffix. This is so for functions that other objects cannot call.
    """
    state = checksum(0, source + b"\0" + name + b"\0")
    parts = path.split(b"/")
    ends = (b"/".join(parts[at:]) for at in range(len(parts)))
    return any(checksum(state, end + b"\0") & ~_SIGN == identity for end in ends)


def is_version(word: bytes) -> bool:
    """Return whether four bytes are a version whose form is known."""
    return word[::-1][:3] >= _FIRST_VERSION and word[::-1][:1].isalpha() and word[::-1][1:3].isdigit()


# --- notes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notes:
    """The places of a file of notes, and their texts."""

    places: tuple[tuple[str, bytes], ...] = field(repr=False)


@dataclass(slots=True)
class _Reader:
    """Reads words and texts, from an offset on; a ValueError if there are none."""

    data: bytes
    at: int = 0

    def word(self) -> int:
        return int.from_bytes(self.take(_WORD), "little")

    def text(self) -> bytes:
        """Read a text with its length in bytes, which counts the NUL at its end."""
        return self.take(self.word())[:-1]

    def take(self, size: int) -> bytes:
        found = self.data[self.at : self.at + size]
        if len(found) < size:
            raise ValueError(size)
        self.at += size
        return found


def notes(data: bytes, path: str) -> Notes | None:
    """Read a file of notes; None if it is none, is broken, or has another form.

    `path` is that of the file. A checksum that follows from the path of a source is given as a text, which is
    equal for all paths.
    """
    if not data.startswith(MAGIC) or not is_version(data[_WORD : 2 * _WORD]) or len(data) > _MOST_BYTES:
        return None
    try:
        return Notes(tuple(_numbered(_places(_Reader(data), path.encode("utf-8", "surrogateescape")))))
    except ValueError:
        return None


def _numbered(places: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Give places of one name a number."""
    seen: Counter[str] = Counter()
    for name, text in places:
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{name} #{seen[name]}"), text


def _places(reader: _Reader, path: bytes) -> Iterator[tuple[str, bytes]]:
    yield "version", reader.take(2 * _WORD)
    yield STAMP, b"%08x" % reader.word()
    yield "checksum", b"%08x" % reader.word()
    yield "folder", reader.text()
    yield "unexecuted blocks", b"%d" % reader.word()
    function = "no function"
    for _ in range(_MOST_RECORDS):
        if reader.at == len(reader.data):
            return
        tag, size = reader.word(), reader.word()
        inner = _Reader(reader.take(size))
        if tag == _FUNCTION:
            function, found = _function(inner, path)
            yield from found
        elif tag == _LINES:
            yield f"{function}: lines", _lines(inner)
        else:
            yield f"{function}: record {tag:#x}", inner.data.hex(" ", _WORD).encode()
        if tag in (_FUNCTION, _LINES) and inner.at < size:
            yield f"{function}: more", inner.data[inner.at :].hex().encode()
    raise ValueError(_MOST_RECORDS)


def _function(reader: _Reader, path: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Return a function's name, and the places of its record."""
    identity, lines, flow = reader.word(), reader.word(), reader.word()
    name, artificial, source = reader.text(), reader.word(), reader.text()
    place = f"function {name.decode('ascii', 'backslashreplace')}"
    ours = path.removesuffix(b".gcno")
    begin = line_of(lines, source, name)
    return place, [
        (f"{place}: number", b"as derived" if is_identity(identity, source, name, ours) else b"%08x" % identity),
        (f"{place}: checksum of lines", b"%08x" % lines if begin is None else b"as derived from line %d" % begin),
        (f"{place}: checksum of flow", b"%08x" % flow),
        (f"{place}: source", source),
        (f"{place}: is artificial", b"%d" % artificial),
        (f"{place}: position", b"%d:%d to %d:%d" % tuple(reader.word() for _ in range(4))),
    ]


def _lines(reader: _Reader) -> bytes:
    """Format a record of lines: the number of the block, and the lines of each source."""
    found = [b"block %d:" % reader.word()]
    while reader.at < len(reader.data):
        if line := reader.word():
            found.append(b"%d" % line)
        elif source := reader.text():
            found.append(source)
        else:
            break
    return b" ".join(found)
