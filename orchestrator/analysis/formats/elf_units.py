"""Pairs the parts of debug information when the objects of a library are linked in a different order."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from posixpath import basename
from typing import TYPE_CHECKING

from orchestrator.analysis.formats import dwarf, elf
from orchestrator.analysis.formats.alignment import Alignment, Gap
from orchestrator.analysis.formats.elf_loaded import LARGEST
from orchestrator.analysis.formats.elf_symbols import Shuffle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orchestrator.analysis.causes.model import Content
    from orchestrator.analysis.formats.elf import Unit
    from orchestrator.analysis.formats.elf_loaded import File, Files
    from orchestrator.analysis.formats.elf_symbols import Pair

Partners = tuple[tuple["Unit", "Unit"], ...]

_FAR = 1 << 64  # beyond any offset


def shuffles(files: Files, pairs: Iterable[Pair], place: Callable[[int], int | None]) -> dict[str, Shuffle]:
    """Pair the parts of each debug section by the compile units that they belong to, by section name.

    `place` maps an address of the first file to the second. A section is left out if its parts have no partners of
    the same length; it is empty if the units have none.
    """
    ours, theirs = (elf.units(file.elf, _reader(file)) for file in files)
    partners = _partners(ours, theirs, place)
    if all(one.begin == other.begin for one, other in partners):
        return {}
    found = {}
    for pair in pairs:
        if (pairing := _pairing(pair, files, partners)) is not None:
            found[pair[0].name] = pairing
    return found


def _reader(file: File) -> Callable[[str], Content | None]:
    sections = {section.name: section for section in file.elf.sections if section.size}
    return lambda name: file.part(sections[name]) if name in sections else None


def _partners(ours: tuple[Unit, ...], theirs: tuple[Unit, ...], place: Callable[[int], int | None]) -> Partners:
    """Pair units of the same file name and address; empty unless all have a partner."""
    left: Mapping[tuple[str, int | None], list[Unit]] = defaultdict(list)
    for unit in reversed(theirs):
        left[basename(unit.name), unit.address].append(unit)
    found = []
    for unit in ours:
        same = left[basename(unit.name), None if unit.address is None else place(unit.address)]
        if not same:
            return ()
        found.append((unit, same.pop()))
    return tuple(found) if len(ours) == len(theirs) else ()


def _pairing(pair: Pair, files: Files, partners: Partners) -> Shuffle | None:
    """Pair the parts of one section; None if they do not correspond."""
    name = pair[0].name
    parts = [file.part(section) for file, section in zip(files, pair, strict=True)]
    if not name.startswith(".debug_") or max(part.size for part in parts) > LARGEST:
        return None
    follow = _FOLLOW.get(name)
    return (
        None
        if follow is None
        else follow(parts[0].read(0, LARGEST), parts[1].read(0, LARGEST), files[0].elf.order, partners)
    )


def _shuffle(parts: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> Shuffle | None:
    gaps = [Gap(*ours, *theirs) for ours, theirs in parts]
    return Shuffle(Alignment(tuple(sorted(gaps, key=lambda gap: gap.first)))) if all(gap.even for gap in gaps) else None


def _lines(first: bytes, second: bytes, order: dwarf.Order, partners: Partners) -> Shuffle | None:
    if (found := dwarf.pair_lines(first, second, order, {one.lines: other.lines for one, other in partners})) is None:
        return None
    return Shuffle(found[0], lengths=found[1])


def _info(_first: bytes, _second: bytes, _order: dwarf.Order, partners: Partners) -> Shuffle | None:
    return _shuffle(((one.begin, one.end), (other.begin, other.end)) for one, other in partners)


def _abbreviations(first: bytes, second: bytes, _order: dwarf.Order, partners: Partners) -> Shuffle | None:
    """Pair the tables of abbreviations, several of which may be shared by units."""
    there = {ours.abbreviations: theirs.abbreviations for ours, theirs in partners}
    if any(there[ours.abbreviations] != theirs.abbreviations for ours, theirs in partners):
        return None
    ends = (
        dict(zip(begins := sorted(set(offsets)), [*begins[1:], end], strict=True))
        for offsets, end in ((there.keys(), len(first)), (there.values(), len(second)))
    )
    ours, theirs = ends
    return _shuffle(((begin, end), (there[begin], theirs[there[begin]])) for begin, end in ours.items())


def _address_tables(first: bytes, second: bytes, order: dwarf.Order, partners: Partners) -> Shuffle | None:
    """Pair the tables of addresses, each of which has the offset of its unit."""
    units = {ours.begin: theirs.begin for ours, theirs in partners}
    ours, theirs = (
        None
        if found is None
        else {int.from_bytes(data[begin + 6 : begin + 10], order): (begin, end) for begin, end in found}
        for data in (first, second)
        for found in [dwarf.parts(data, order)]
    )
    if ours is None or theirs is None or {units.get(unit) for unit in ours} != theirs.keys():
        return None
    return _shuffle((stretch, theirs[units[unit]]) for unit, stretch in ours.items())


def _lists(first: bytes, second: bytes, order: dwarf.Order, places: Iterable[tuple[int, int]]) -> Shuffle | None:
    """Pair lists of locations or ranges, from which units refer to these offsets on both sides."""
    ours, theirs = dwarf.parts(first, order), dwarf.parts(second, order)
    if ours is None or theirs is None or len(ours) != len(theirs):
        return None
    found = {_around(ours, left): _around(theirs, right) for left, right in places if (left, right) != (-1, -1)}
    if found.keys() != set(ours) or set(found.values()) != set(theirs):
        return None
    return _shuffle((left, right) for left, right in found.items() if left and right)


def _around(parts: tuple[tuple[int, int], ...], offset: int) -> tuple[int, int] | None:
    """Return the part that contains an offset."""
    at = bisect_right(parts, (offset, _FAR)) - 1
    return parts[at] if at >= 0 and parts[at][0] <= offset < parts[at][1] else None


_FOLLOW: Mapping[str, Callable[[bytes, bytes, dwarf.Order, Partners], Shuffle | None]] = {
    ".debug_info": _info,
    ".debug_line": _lines,
    ".debug_abbrev": _abbreviations,
    ".debug_aranges": _address_tables,
    ".debug_loclists": lambda first, second, order, partners: _lists(
        first, second, order, ((one.locations, other.locations) for one, other in partners)
    ),
    ".debug_rnglists": lambda first, second, order, partners: _lists(
        first, second, order, ((one.ranges, other.ranges) for one, other in partners)
    ),
}
