"""Reads the headers of DWARF sections: lengths of parts, and line tables (versions 2 to 4) with names in full.

From version 5 on, the names are in `.debug_line_str` and the table contains their offsets, so its length is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.formats.alignment import Alignment, Gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Literal

    Order = Literal["little", "big"]

_OLD = range(2, 5)
_MOST_UNITS = 100_000
_WORD = 4
_HEAD = 10  # unit_length, version, header_length of the 32-bit format (DWARF 4, 6.2.4)
_WIDE = 0xFFFF_FFF0  # from here on a length is an escape


@dataclass(frozen=True, slots=True)
class LineTable:
    """The place of one unit's line table, and the names in it; offsets in the section."""

    begin: int
    names: int  # where its folders and files begin
    program: int  # where its program begins, by its header's length
    end: int


def parts(data: bytes, order: Order) -> tuple[tuple[int, int], ...] | None:
    """List begin and end of the parts of a section, each of which begins with its length; None if it is broken."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + _WORD], order)
        end = at + _WORD + length
        if length >= _WIDE or not length or end > len(data) or len(found) >= _MOST_UNITS:
            return None
        found.append((at, end))
        at = end
    return tuple(found)


def line_tables(data: bytes, order: Order) -> tuple[LineTable, ...] | None:
    """List the line tables of a section; None if it is broken or a table has another version."""
    found: list[LineTable] = []
    at = 0
    while at < len(data):
        one = _line_table(data, at, order)
        if one is None or len(found) >= _MOST_UNITS:
            return None
        found.append(one)
        at = one.end
    return tuple(found)


def _line_table(data: bytes, at: int, order: Order) -> LineTable | None:
    length = int.from_bytes(data[at : at + _WORD], order)
    version = int.from_bytes(data[at + 4 : at + 6], order)
    header = int.from_bytes(data[at + 6 : at + _HEAD], order)
    end, program = at + _WORD + length, at + _HEAD + header
    if length >= _WIDE or version not in _OLD or end > len(data):
        return None
    fixed = at + _HEAD + (6 if version == _OLD[-1] else 5)
    names = fixed + data[fixed - 1] - 1 if fixed <= end else end
    return LineTable(at, names, program, end) if fixed <= names <= program <= end else None


def align_lines(first: bytes, second: bytes, order: Order) -> tuple[Alignment, frozenset[int]] | None:
    """Align two sections of line tables, unit by unit.

    Return also the offsets on the first side of the words that are lengths, which are derived from
    their contents. None if the sections have different numbers of units.
    """
    ours, theirs = line_tables(first, order), line_tables(second, order)
    if ours is None or theirs is None or len(ours) != len(theirs):
        return None
    gaps = [gap for left, right in zip(ours, theirs, strict=True) for gap in _gaps(left, right)]
    lengths = frozenset(place for table in ours for place in (table.begin, table.begin + 6))
    return Alignment(tuple(gaps)), lengths


def pair_lines(
    first: bytes, second: bytes, order: Order, partners: Mapping[int, int]
) -> tuple[Alignment, frozenset[int]] | None:
    """Pair the line tables by their offsets, as `align_lines` returns them; None if one has no partner.

    The tables of version 5 are paired whole, and have the same length on both sides.
    """
    ours, theirs = parts(first, order), parts(second, order)
    there = dict(theirs or ())
    if ours is None or {partners.get(begin) for begin, _ in ours} != there.keys():
        return None
    gaps: list[Gap] = []
    lengths: set[int] = set()
    for begin, end in ours:
        right = partners[begin]
        if end - begin == there[right] - right:
            gaps.append(Gap(begin, end, right, there[right]))
            continue
        tables = _line_table(first, begin, order), _line_table(second, right, order)
        if tables[0] is None or tables[1] is None:
            return None
        gaps += _gaps(tables[0], tables[1])
        lengths |= {begin, begin + 6}
    return Alignment(tuple(gaps)), frozenset(lengths)


def _gaps(ours: LineTable, theirs: LineTable) -> Iterator[Gap]:
    ends = (
        (ours.begin, ours.begin + _WORD, theirs.begin, theirs.begin + _WORD),
        (ours.begin + _WORD, ours.begin + 6, theirs.begin + _WORD, theirs.begin + 6),
        (ours.begin + 6, ours.begin + _HEAD, theirs.begin + 6, theirs.begin + _HEAD),
        (ours.begin + _HEAD, ours.names, theirs.begin + _HEAD, theirs.names),
        (ours.names, ours.program, theirs.names, theirs.program),
        (ours.program, ours.end, theirs.program, theirs.end),
    )
    for begin, end, begin_there, end_there in ends:
        yield Gap(begin, end, begin_there, end_there)
