"""Reads static libraries: archives of objects (ar(5)), which may be hostile."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.analysis.formats.render import Stretch

if TYPE_CHECKING:
    from orchestrator.analysis.causes.model import Content

MAGIC = b"!<arch>\n"

_HEADER = 60
_MOST = 20_000  # members
_LONGEST_TABLE = 8 << 20
_ODD = re.compile(rb"[^\w.+@-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Object:
    """One member of a static library."""

    name: str  # printable and unique
    header: str  # time, owner, group, mode
    place: int  # of its header
    content: Stretch = field(repr=False)


@dataclass(frozen=True, slots=True)
class Library:
    """A static library: its objects in order, and the index of their symbols, as (name, name of the object)."""

    objects: tuple[Object, ...]
    index: tuple[tuple[str, str], ...]
    tables: tuple[str, ...]  # the headers of the index and of the table of long names


def read(content: Content) -> Library | None:
    """Read a static library; None if it is something else or broken."""
    if content.read(0, len(MAGIC)) != MAGIC:
        return None
    objects: list[Object] = []
    names: dict[str, int] = {}
    tables: list[str] = []
    table, index = b"", b""
    at = len(MAGIC)
    while at < content.size:
        header = content.read(at, _HEADER)
        size = _number(header[48:58])
        if len(header) < _HEADER or header[58:] != b"`\n" or size is None or at + _HEADER + size > content.size:
            return None
        if len(objects) >= _MOST:
            return None
        part, label = Stretch(content, at + _HEADER, size), header[:16].rstrip()
        if label in (b"//", b"/"):
            data = part.read(0, min(size, _LONGEST_TABLE))
            tables.append(_described(header))
            table, index = (data, index) if label == b"//" else (table, data)
        else:
            objects.append(Object(_name(label, table, names), _described(header), at, part))
        at += _HEADER + size + size % 2
    return Library(tuple(objects), _index(index, objects), tuple(tables))


def _number(digits: bytes) -> int | None:
    return int(digits) if digits.strip().isdigit() else None


def _name(label: bytes, table: bytes, names: dict[str, int]) -> str:
    if label.startswith(b"/") and (place := _number(label[1:])) is not None:
        label = table[place : place + 256].split(b"\n")[0]
    name = _ODD.sub(b"_", label.rstrip(b"/")).decode("ascii", "replace")
    names[name] = names.get(name, 0) + 1
    return name if names[name] == 1 else f"{name}#{names[name]}"


def _described(header: bytes) -> str:
    time, owner, group, mode = (
        header[begin:end].decode("ascii", "replace").strip() for begin, end in ((16, 28), (28, 34), (34, 40), (40, 48))
    )
    return f"time {time} owner {owner} group {group} mode {mode}"


def _index(data: bytes, objects: list[Object]) -> tuple[tuple[str, str], ...]:
    """Read the index of symbols; it refers to objects by the offsets of their headers."""
    count = int.from_bytes(data[:4], "big")
    if not 0 < count <= len(data) // 4:
        return ()
    named = {member.place: member.name for member in objects}
    places = [int.from_bytes(data[at : at + 4], "big") for at in range(4, 4 + 4 * count, 4)]
    symbols = data[4 + 4 * count :].split(b"\0")
    return tuple(
        (symbol.decode("ascii", "replace"), named.get(place, str(place)))
        for symbol, place in zip(symbols, places, strict=False)
    )
