"""Reads where each byte of a zip archive belongs, so that no byte of it can be overlooked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO

_LOCAL, _CENTRAL, _END = 30, 46, 22  # bytes without texts (APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16)
_LONGEST_COMMENT = (1 << 16) - 1
_DESCRIBED = 1 << 3  # checksum and sizes follow the data (4.4.4)
_DESCRIPTORS = (12, 16, 20, 24)  # bytes, with or without a signature, and of zip64 (4.3.9)
_LATER = 0xFFFFFFFF  # a number that a zip64 field has


@dataclass(frozen=True, slots=True)
class Entry:
    """A member: both of its headers as they are written, and the place of its packed bytes."""

    local: bytes  # with name and extra field
    central: bytes  # with name, extra field and comment
    begin: int  # of the packed bytes
    size: int  # of the packed bytes
    descriptor: bytes  # what follows them; empty without bit 3 of the flags

    @property
    def name(self) -> bytes:
        """The name in the list of members."""
        return self.central[_CENTRAL : _CENTRAL + number(self.central, 28, 2)]


@dataclass(frozen=True, slots=True)
class Layout:
    """An archive of members without a gap, their list, and what ends it; nothing else is in the file."""

    entries: tuple[Entry, ...]  # in the order of the list, which is that of their data
    end: bytes  # the end record with its comment


def number(data: bytes, at: int, size: int) -> int:
    """Return an unsigned number of a header."""
    return int.from_bytes(data[at : at + size], "little")


def layout(stream: IO[bytes]) -> Layout | str:
    """Return an archive's layout, or which bytes of the file belong to no member and to no list of members.

    Memory grows with the list of members, which the caller has bounded.
    """
    place, end = _end(stream)
    if not end:
        return "it has no end record, or bytes after it"
    begin, size = number(end, 16, 4), number(end, 12, 4)
    if begin + size != place:
        return "it has bytes between its list of members and its end record, before its first member, or is zip64"
    stream.seek(begin)
    listed = _listed(stream.read(size))
    if len(listed) != number(end, 10, 2):
        return "its list of members is not as long as its end record says"
    entries, at = [], 0
    for central, after in zip(listed, [number(one, 42, 4) for one in listed[1:]] + [begin], strict=False):
        entry = _entry(stream, central, at, after)
        if isinstance(entry, str):
            return entry
        entries.append(entry)
        at = after
    return Layout(tuple(entries), end) if at == begin else "it has bytes before its list of members"


def _end(stream: IO[bytes]) -> tuple[int, bytes]:
    """Return the end record that ends the file, with its comment, and its place; empty if there is none."""
    size = stream.seek(0, os.SEEK_END)
    begin = max(0, size - _END - _LONGEST_COMMENT)
    stream.seek(begin)
    tail = stream.read()
    plain = tail[-_END:]
    at = len(tail) - _END if plain.startswith(b"PK\5\6") and plain.endswith(b"\0\0") else tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END or number(tail, at + 20, 2) != len(tail) - at - _END:
        return 0, b""
    return begin + at, tail[at:]


def _listed(directory: bytes) -> list[bytes]:
    """Return the list's entries; empty if they do not fill it."""
    found, at = [], 0
    while at < len(directory):
        length = _CENTRAL + sum(number(directory, at + place, 2) for place in (28, 30, 32))
        if not directory.startswith(b"PK\1\2", at) or at + length > len(directory):
            return []
        found.append(directory[at : at + length])
        at += length
    return found


def _entry(stream: IO[bytes], central: bytes, begin: int, end: int) -> Entry | str:
    """Return the member that fills the file from `begin` to `end`, or what else is there."""
    named = central[_CENTRAL : _CENTRAL + number(central, 28, 2)].decode("utf-8", "replace")
    stream.seek(begin)
    local = stream.read(_LOCAL)
    if number(central, 42, 4) != begin or len(local) < _LOCAL or not local.startswith(b"PK\3\4"):
        return f"it has bytes before {named}, or its members are not in the order of their list"
    local += stream.read(number(local, 26, 2) + number(local, 28, 2))
    packed, data = number(central, 20, 4), begin + len(local)
    rest = end - data - packed
    described = number(central, 8, 2) & _DESCRIBED
    if packed == _LATER or rest not in (_DESCRIPTORS if described else (0,)):
        return f"it has bytes after the data of {named}, or a size of zip64"
    stream.seek(data + packed)
    return Entry(local, central, data, packed, stream.read(rest))
