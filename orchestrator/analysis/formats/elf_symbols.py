"""Reads symbol tables, and finds sections with the same symbols in a different order."""

from __future__ import annotations

import re
import struct
from collections import Counter, defaultdict
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

from orchestrator.analysis.formats.alignment import Alignment, Gap
from orchestrator.analysis.formats.elf_padding import Between, fills
from orchestrator.analysis.formats.machine_words import signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from orchestrator.analysis.causes.model import Content
    from orchestrator.analysis.formats.elf import Elf, Section

FOR_DEBUGGERS, FOR_THE_LOADER = "SHT_SYMTAB", "SHT_DYNSYM"

_ENTRY = {8: "IBBHQQ", 4: "IIIBBH"}  # the fields of an entry of a symbol table, by the width of an address
_FIELDS = {8: (0, 1, 2, 3, 4, 5), 4: (0, 3, 4, 5, 1, 2)}  # where name, info, other, section, value and size are
_MOST = 100_000  # symbols, or entries of a table
_LARGEST = 24 << 20
_LONGEST_NAME = 1 << 10
_KINDS = (1, 2)  # STT_OBJECT, STT_FUNC
_FILE = 4  # STT_FILE
_WORD = 4
_TABLE_HEAD = 12  # bytes of .eh_frame_hdr before its table, as GNU ld writes it


@dataclass(frozen=True, slots=True)
class Symbol:
    """One entry of a symbol table."""

    name: str
    section: str
    value: int
    size: int
    kind: int  # STT_...
    binding: str
    source: str = ""  # the file that it is local to

    @property
    def local(self) -> bool:
        """Whether other objects of the library cannot refer to it."""
        return int(self.binding.split()[1], 16) < 1 << _WORD

    @property
    def label(self) -> str:
        """Its name, after the file that it is local to."""
        return f"{self.source}: {self.name}" if self.local else self.name

    def text(self, place: Callable[[int], int]) -> bytes:
        """Format it, with its address on the second side."""
        return f"{self.section} {place(self.value):#x} size {self.size:#x} {self.binding} {self.name}\0".encode()


def read(content: Content, found: Elf, kind: str = FOR_DEBUGGERS) -> tuple[Symbol, ...] | None:
    """Read a table of symbols by its kind; None if there are none or too many, or their form is unusual."""
    table = next((section for section in found.sections if section.kind == kind), None)
    if table is None or table.entry != _entry(found).size or table.size % table.entry:
        return None
    if table.size // table.entry > _MOST or table.link >= len(found.sections):
        return None
    strings = found.sections[table.link]
    if strings.size > _LARGEST:
        return None
    names = content.read(strings.offset, strings.size)
    raw = content.read(table.offset, table.size)
    return tuple(_symbols(raw[: len(raw) // table.entry * table.entry], names, found))


def _entry(found: Elf) -> struct.Struct:
    return struct.Struct(("<" if found.order == "little" else ">") + _ENTRY[found.width])


def _symbols(raw: bytes, names: bytes, found: Elf) -> Iterator[Symbol]:
    """Yield the entries of a table; local symbols have the file that is listed before them."""
    source = ""
    in_order = itemgetter(*_FIELDS[found.width])
    for name, info, other, index, value, size in map(in_order, _entry(found).iter_unpack(raw)):
        end = names.find(b"\0", name, name + _LONGEST_NAME)
        text = names[name:end].decode("ascii", "replace") if name <= end else f"at {name}"
        section = found.sections[index].name if index < len(found.sections) else str(index)
        kind = info & 0xF
        source = text if kind == _FILE else source
        yield Symbol(
            text, section, value, size, kind, f"kind {info:#x} {other:#x}", source if info < 1 << _WORD else ""
        )


# --- sections in a different order ---------------------------------------------------------------

Pair = tuple["Section", "Section"]
Read = tuple["Content", "Content"]


@dataclass(frozen=True, slots=True)
class Shuffle:
    """A section with the same parts in a different order: where each is, and the names in both orders."""

    alignment: Alignment
    names: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    lengths: frozenset[int] = frozenset()  # offsets on the first side of words that are lengths of what follows them
    padding: tuple[tuple[Between, ...], tuple[Between, ...]] = ((), ())  # between functions, in both orders


def shuffles(
    pairs: Iterable[Pair], contents: Read, ours: Sequence[Symbol], theirs: Sequence[Symbol], machine: str
) -> dict[str, Shuffle]:
    """Find the loaded sections with the same symbols in a different order; empty if no order changed.

    If one section's order changed, texts in sections without symbols may follow it.
    """
    loaded = [pair for pair in pairs if pair[0].loaded and pair[1].loaded and pair[0].memory]
    named = by_section(ours), by_section(theirs)
    found: dict[str, Shuffle] = {}
    moved = any(_is_moved(named[0].get(one.name, []), named[1].get(one.name, [])) for one, _ in loaded)
    for pair in loaded if moved else ():
        atoms = named[0].get(pair[0].name, []), named[1].get(pair[0].name, [])
        if not atoms[0] and not _has_texts(pair[0]):
            continue
        if (shuffle := _shuffle(pair, contents, atoms, machine)) is not None:
            found[pair[0].name] = shuffle
    return found


def _has_texts(section: Section) -> bool:
    return section.kind == "SHT_STRTAB" or section.name.startswith(".rodata")


Atoms = list[tuple[int, int, str]]
"""Address, size and name of parts of a section, in order."""


def by_section(symbols: Sequence[Symbol]) -> Mapping[str, Atoms]:
    """Return the named parts of each section, without overlapping ones; of two names of a part, the first."""
    found: dict[str, Atoms] = defaultdict(list)
    for one in sorted(symbols, key=lambda one: (one.section, one.value, -one.size, one.name)):
        parts = found[one.section]
        if one.kind in _KINDS and one.size and not (parts and one.value < parts[-1][0] + parts[-1][1]):
            parts.append((one.value, one.size, one.label))
    return found


def _is_moved(ours: Atoms, theirs: Atoms) -> bool:
    first, second = [(name, size) for _, size, name in ours], [(name, size) for _, size, name in theirs]
    return first != second and len(set(first)) == len(first) and Counter(first) == Counter(second)


def _shuffle(pair: Pair, contents: Read, atoms: tuple[Atoms, Atoms], machine: str) -> Shuffle | None:
    """Map the parts to their places; None if a stretch between them is more than padding."""
    if max(side.size for side in pair) > _LARGEST or len({(size, name) for _, size, name in atoms[0]}) < len(atoms[0]):
        return None
    if Counter((size, name) for _, size, name in atoms[0]) != Counter((size, name) for _, size, name in atoms[1]):
        return None
    if not all(_is_inside(parts, one) for parts, one in zip(atoms, pair, strict=True)):
        return None
    there = {(size, name): address - pair[1].address for address, size, name in atoms[1]}
    gaps = [
        Gap(begin := address - pair[0].address, begin + size, there[size, name], there[size, name] + size)
        for address, size, name in atoms[0]
    ]
    rest = _rest(pair, contents, gaps, machine) if pair[0].size and pair[1].size else Shuffle(Alignment())
    if rest is None:
        return None
    gaps += rest.alignment.gaps
    names = tuple(name for _, _, name in atoms[0]), tuple(name for _, _, name in atoms[1])
    return Shuffle(Alignment(tuple(sorted(gaps, key=lambda gap: gap.first))), names, padding=rest.padding)


def _is_inside(atoms: Atoms, section: Section) -> bool:
    end = section.address + (section.size or section.memory)
    return all(section.address <= address and address + size <= end for address, size, _ in atoms)


def _rest(pair: Pair, contents: Read, gaps: list[Gap], machine: str) -> Shuffle | None:
    """Pair the stretches between the named parts of both sides; those between functions are its padding."""
    data = [content.read(left.offset, left.size) for content, left in zip(contents, pair, strict=True)]
    ours = _between([(gap.first, gap.first_end) for gap in gaps], len(data[0]))
    theirs = _between([(gap.second, gap.second_end) for gap in gaps], len(data[1]))
    if pair[0].executable:
        return _rest_of_code(pair, data, (ours, theirs), machine)
    first, second = _texts(data[0], ours), _texts(data[1], theirs)
    if {text: len(places) for text, places in first.items()} != {text: len(places) for text, places in second.items()}:
        return None
    texts = [
        Gap(left, left + len(text), right, right + len(text))
        for text, places in first.items()
        for left, right in zip(places, second[text], strict=True)
    ]
    return Shuffle(Alignment(tuple(texts)))


def _between(taken: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    found, at = [], 0
    for begin, end in [*sorted(taken), (size, size)]:
        if at < begin:
            found.append((at, min(begin, size)))
        at = max(at, end)
    return found


def _rest_of_code(
    pair: Pair, data: list[bytes], stretches: tuple[list[tuple[int, int]], list[tuple[int, int]]], machine: str
) -> Shuffle | None:
    """Pair the data before and after all functions, and code without names; the rest has to be padding."""
    ours, theirs = stretches
    found = []
    for at, edge in ((0, 0), (-1, len(data[0]))):
        if ours and theirs and edge in ours[at] and ours[at][1] - ours[at][0] == theirs[at][1] - theirs[at][0]:
            found.append(Gap(*ours.pop(at), *theirs.pop(at)))
    nameless = _nameless(data, stretches, machine)
    places = (
        _left(ours, ((gap.first, gap.first_end) for gap in nameless)),
        _left(theirs, ((gap.second, gap.second_end) for gap in nameless)),
    )
    first, second = (
        tuple(Between(one.address + begin, each[begin:end]) for begin, end in left)
        for one, each, left in zip(pair, data, places, strict=True)
    )
    shared = {one.data for one in first} & {one.data for one in second}
    padded = all(fills(one, machine) for one in shared)
    return Shuffle(Alignment((*found, *nameless)), padding=(first, second)) if padded else None


def _nameless(
    data: list[bytes], stretches: tuple[list[tuple[int, int]], list[tuple[int, int]]], machine: str
) -> list[Gap]:
    """Pair the stretches that are no padding, such as the code that the compiler adds to each library, in order.

    They are paired by their ends: before them may be padding that the preceding function needs. None is paired if the
    sides have different numbers of them.
    """
    ours, theirs = (
        [(begin, end) for begin, end in places if not fills(each[begin:end], machine)]
        for each, places in zip(data, stretches, strict=True)
    )
    if len(ours) != len(theirs):
        return []
    sizes = (min(end - begin, there_end - there) for (begin, end), (there, there_end) in zip(ours, theirs, strict=True))
    return [
        Gap(end - size, end, there_end - size, there_end)
        for (_, end), (_, there_end), size in zip(ours, theirs, sizes, strict=True)
    ]


def _left(stretches: list[tuple[int, int]], paired: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what is left of stretches whose ends are paired."""
    begins = {end: begin for begin, end in paired}
    shorter = ((begin, begins.get(end, end)) for begin, end in stretches)
    return [(begin, end) for begin, end in shorter if begin < end]


def _texts(data: bytes, stretches: list[tuple[int, int]]) -> dict[bytes, list[int]]:
    """Return the strings in some stretches, with their offsets; zeros between them are padding."""
    found: dict[bytes, list[int]] = defaultdict(list)
    for begin, end in stretches:
        for text in re.finditer(rb"[^\0]+", data[begin:end]):
            found[text[0]].append(begin + text.start())
    return found


# --- tables that follow --------------------------------------------------------------------------


def frames(pair: Pair, contents: Read, ours: Elf, place: Callable[[int], int | None]) -> Shuffle | None:
    """Pair the records of .eh_frame by their functions; None unless all have a partner.

    The linker pads each object's last record, except that of the last object.
    """
    data = [content.read(one.offset, min(one.size, _LARGEST)) for content, one in zip(contents, pair, strict=True)]
    first, second = (list(frame_records(raw, one.address, ours)) for raw, one in zip(data, pair, strict=True))
    about = {function: (begin, end) for begin, end, function in second if function is not None}
    heads = [(begin, end) for begin, end, function in reversed(second) if function is None]
    gaps: list[Gap] = []
    lengths = set()
    for begin, end, function in first:
        partner = about.pop(place(function) or -1, None) if function is not None else heads.pop() if heads else None
        if partner is None or (record := _record(data, (begin, end), partner)) is None:
            return None
        gaps += record
        lengths |= {begin} if len(record) > 1 else set()
    alignment = Alignment(tuple(sorted(gaps, key=lambda gap: (gap.first, gap.first_end))))
    return None if about or heads else Shuffle(alignment, lengths=frozenset(lengths))


def _record(data: list[bytes], ours: tuple[int, int], theirs: tuple[int, int]) -> list[Gap] | None:
    """Pair two records: whole if they have one length; else length, contents and padding, which is of zeros."""
    (begin, end), (there, there_end) = ours, theirs
    size = min(end - begin, there_end - there)
    if end - begin == there_end - there:
        return [Gap(begin, end, there, there_end)]
    if (data[0][begin + size : end] + data[1][there + size : there_end]).strip(b"\0") or size < _WORD:
        return None
    return [
        Gap(begin, begin + _WORD, there, there + _WORD),
        Gap(begin + _WORD, begin + size, there + _WORD, there + size),
        Gap(begin + size, end, there + size, there_end),
    ]


def frame_records(data: bytes, address: int, found: Elf) -> Iterator[tuple[int, int, int | None]]:
    """Yield begin and end of each record, and the address of its function; None for a CIE, which has many."""
    at = 0
    while at + _WORD <= len(data):
        length = int.from_bytes(data[at : at + _WORD], found.order)
        end = at + _WORD + length
        common = length < 2 * _WORD + 1 or not any(data[at + _WORD : at + 2 * _WORD])
        function = None
        if not common:
            begin = at + 2 * _WORD
            function = address + begin + signed(int.from_bytes(data[begin : begin + _WORD], found.order))
        yield at, min(end, len(data)), function
        at = end


def frame_table(pair: Pair, contents: Read, ours: Elf, place: Callable[[int], int | None]) -> Shuffle | None:
    """Pair the entries of .eh_frame_hdr, which are sorted by address, by their functions."""
    first, second = (
        content.read(left.offset, min(left.size, _LARGEST)) for content, left in zip(contents, pair, strict=True)
    )
    if len(first) != len(second) or len(first) < _TABLE_HEAD or (len(first) - _TABLE_HEAD) % (2 * _WORD):
        return None
    entries = range(_TABLE_HEAD, len(first), 2 * _WORD)

    def function(data: bytes, at: int, base: int) -> int:
        return base + signed(int.from_bytes(data[at : at + _WORD], ours.order))

    there = {function(second, at, pair[1].address): at for at in entries}
    gaps = [Gap(0, _TABLE_HEAD, 0, _TABLE_HEAD)]
    for at in entries:
        right = there.pop(place(function(first, at, pair[0].address)) or -1, None)
        if right is None:
            return None
        gaps.append(Gap(at, at + 2 * _WORD, right, right + 2 * _WORD))
    return None if there else Shuffle(Alignment(tuple(gaps)))


def relocations(pair: Pair, contents: Read, ours: Elf, place: Callable[[int], int | None]) -> Shuffle | None:
    """Pair the relocations of a linked object by the places that they change; None unless all have a partner."""
    entry = pair[0].entry
    if entry not in (3 * ours.width, 2 * ours.width) or pair[0].size != pair[1].size or pair[0].size > _LARGEST:
        return None
    first, second = (content.read(one.offset, one.size) for content, one in zip(contents, pair, strict=True))
    places = range(0, len(first) - entry + 1, entry)
    there = {int.from_bytes(second[at : at + ours.width], ours.order): at for at in places}
    gaps = []
    for at in places:
        right = there.pop(place(int.from_bytes(first[at : at + ours.width], ours.order)) or -1, None)
        if right is None:
            return None
        gaps.append(Gap(at, at + entry, right, right + entry))
    return Shuffle(Alignment(tuple(gaps))) if gaps else None
