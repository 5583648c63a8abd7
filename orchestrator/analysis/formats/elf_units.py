"""Pairs the parts of debug information when the objects of a library are linked in a different order."""

from __future__ import annotations

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

_MOST_ALIKE = 64  # parts of one length that are compared with each other
_LISTS = (".debug_loclists", ".debug_rnglists")


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
    first, second = (part.read(0, part.size) for part in parts)
    order = files[0].elf.order
    if name == ".debug_line":
        return _lines(first, second, order, partners)
    if name == ".debug_info":
        return _shuffle(((one.begin, one.end), (other.begin, other.end)) for one, other in partners)
    if name == ".debug_abbrev":
        return _abbreviations(len(first), len(second), partners)
    if name == ".debug_aranges":
        return _address_tables(first, second, order, partners)
    return _lists(first, second, order) if name in _LISTS else None


def _shuffle(parts: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> Shuffle | None:
    gaps = [Gap(*ours, *theirs) for ours, theirs in parts]
    return Shuffle(Alignment(tuple(sorted(gaps, key=lambda gap: gap.first)))) if all(gap.even for gap in gaps) else None


def _lines(first: bytes, second: bytes, order: dwarf.Order, partners: Partners) -> Shuffle | None:
    if (found := dwarf.pair_lines(first, second, order, {one.lines: other.lines for one, other in partners})) is None:
        return None
    return Shuffle(found[0], lengths=found[1])


def _abbreviations(size: int, other_size: int, partners: Partners) -> Shuffle | None:
    """Pair the tables of abbreviations, several of which may be shared by units."""
    there = {ours.abbreviations: theirs.abbreviations for ours, theirs in partners}
    if any(there[ours.abbreviations] != theirs.abbreviations for ours, theirs in partners):
        return None
    ends = (
        dict(zip(begins := sorted(set(offsets)), [*begins[1:], end], strict=True))
        for offsets, end in ((there.keys(), size), (there.values(), other_size))
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


def _lists(first: bytes, second: bytes, order: dwarf.Order) -> Shuffle | None:
    """Pair lists of locations or ranges, which name no unit: with the most similar part of the same length."""
    ours, theirs = dwarf.parts(first, order), dwarf.parts(second, order)
    if ours is None or theirs is None or sorted(map(_size, ours)) != sorted(map(_size, theirs)):
        return None
    left: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for stretch in theirs:
        left[_size(stretch)].append(stretch)
    found = []
    for begin, end in ours:
        alike = left[end - begin]
        best = min(alike[:_MOST_ALIKE], key=lambda there: _distance(first[begin:end], second[there[0] : there[1]]))
        alike.remove(best)
        found.append(((begin, end), best))
    return _shuffle(found)


def _size(stretch: tuple[int, int]) -> int:
    return stretch[1] - stretch[0]


def _distance(ours: bytes, theirs: bytes) -> int:
    """Return in how many bits two texts of one length differ."""
    return (int.from_bytes(ours, "little") ^ int.from_bytes(theirs, "little")).bit_count()
