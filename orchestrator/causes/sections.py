"""Takes two versions of an ELF file apart: what differs, section by section, and how deep that goes."""

from __future__ import annotations

import lzma
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.causes import dwarf, elf, symbols, words
from orchestrator.causes.alignment import Alignment, Gap, align
from orchestrator.causes.spelling import Kept, Part, beyond, same, spell, spell_strings
from orchestrator.causes.symbols import Shuffle
from orchestrator.causes.words import Dictionary, Layout, Span, Strings
from orchestrator.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator.causes.elf import Elf, Section, Segment
    from orchestrator.causes.model import Content

MOVED = " (moved)"
"""Ends the name of a unit that lists words which changed only because something else changed its length."""

UNORDERED = " (strings)"
"""Ends the name of a unit of strings, each ended by NUL, whose order says nothing."""

ORDER = "order of symbols"
"""A unit that lists the symbols of some sections, each ended by NUL, in the order in which they stand in memory."""

BUILD_ID = ".note.gnu.build-id"

_LARGEST = 24 << 20  # bytes of a section that is held as a whole
_TLS = 0x400
_STRING_SECTIONS = (".debug_str", ".debug_line_str", ".comment")
_NOTE_HEAD = 12
_LONGEST_ID = 64
_SEED = re.compile(r"\.[0-9a-f]{8,16}$")  # at the end of names that link-time optimisation makes up
_MOST_SEGMENTS = 100  # whose sections are looked for
_DYNAMIC = {1: "DT_NEEDED", 14: "DT_SONAME", 15: "DT_RPATH", 29: "DT_RUNPATH"}


@dataclass(frozen=True, slots=True)
class Unit:
    """One place in which two sides differ."""

    name: str
    first: bytes = field(repr=False)
    second: bytes = field(repr=False)
    depth: Severity


@dataclass(frozen=True, slots=True)
class _File:
    content: Content
    elf: Elf

    def part(self, section: Section) -> Content:
        """Return what a section holds, unpacked where it is compressed."""
        part = Part(self.content, section.offset, section.size)
        if section.flags & elf.COMPRESSED and section.size <= _LARGEST:
            raw = elf.uncompressed(part.read(0, part.size), self.elf, _LARGEST)
            return part if raw is None else Kept(raw)
        return part


@dataclass(frozen=True, slots=True)
class _Changed:
    """A section whose contents differ."""

    sections: tuple[Section, Section]
    contents: tuple[Content, Content] = field(repr=False)
    alignment: Alignment | None  # None where nothing in common was found
    lengths: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        return self.sections[0].name

    @property
    def uneven(self) -> bool:
        return self.contents[0].size != self.contents[1].size


def units(first: Content, second: Content, ours: Elf, theirs: Elf) -> tuple[Unit, ...]:
    """List the places in which two ELF files differ: not one of their bytes is left out but what follows from others.

    The places of the section headers and of what is not loaded follow from the sizes of the sections;
    the build id follows from everything else, and is listed only where it differs alone.
    """
    files = _File(first, ours), _File(second, theirs)
    pairs, alone = _pair(ours, theirs)
    shuffled = _shuffled(files, pairs)
    changed = [one for pair in pairs if (one := _changed(files, pair, shuffled)) is not None]
    equal = loaded_equal(files)
    found = [
        *_structure(files),
        *(unit for section in alone for unit in _alone(files, section)),
        *_order(shuffled, pairs),
        *_contents(files, pairs, changed, _layout(pairs, changed, shuffled)),
        *_between(files),
    ]
    found = [unit for unit in found if unit.first != unit.second]
    if equal:
        found = [Unit(unit.name, unit.first, unit.second, Severity.DEBUG) for unit in found]
    elif all(unit.depth is Severity.DEBUG for unit in found):
        found.append(Unit("loaded segments", *beyond(first, second), Severity.CODE))
    return tuple(found) or _build_id(files, pairs) or (Unit("layout", *beyond(first, second), Severity.DEBUG),)


def _pair(ours: Elf, theirs: Elf) -> tuple[list[tuple[Section, Section]], list[tuple[int, Section]]]:
    """Put sections of one name together, but for its random part; and list those that stand on one side only."""
    names = {one.name for one in ours.sections} & {one.name for one in theirs.sections}
    here, there = (
        {one.name if one.name in names else _SEED.sub(".<seed>", one.name): one for one in each.sections}
        for each in (ours, theirs)
    )
    if len(here) < len(ours.sections) or len(there) < len(theirs.sections):
        here, there = ({one.name: one for one in each.sections} for each in (ours, theirs))
    alone = [(0, one) for name, one in here.items() if name not in there]
    pairs = [(one, there[name]) for name, one in here.items() if name in there]
    return pairs, [*alone, *((1, one) for name, one in there.items() if name not in here)]


def _changed(
    files: tuple[_File, _File], pair: tuple[Section, Section], shuffled: Mapping[str, Shuffle]
) -> _Changed | None:
    raw = Part(files[0].content, pair[0].offset, pair[0].size), Part(files[1].content, pair[1].offset, pair[1].size)
    if same(*raw):
        return None
    contents = files[0].part(pair[0]), files[1].part(pair[1])
    if pair[0].name in shuffled:
        return _Changed(pair, contents, shuffled[pair[0].name].alignment)
    alignment, lengths = _alignment(pair[0], contents, files[0].elf)
    return _Changed(pair, contents, alignment, lengths)


def _alignment(
    section: Section, contents: tuple[Content, Content], found: Elf
) -> tuple[Alignment | None, frozenset[int]]:
    first, second = contents
    strings = _is_strings(section)
    if first.size == second.size and not strings:
        whole = (Gap(0, first.size, 0, first.size),) if first.size else ()
        return Alignment(whole), frozenset()
    if max(first.size, second.size) > _LARGEST:
        return None, frozenset()
    ours, theirs = first.read(0, first.size), second.read(0, second.size)
    if section.name == ".debug_line" and (lines := dwarf.align_lines(ours, theirs, found.order)) is not None:
        return lines
    return align(ours, theirs), frozenset()


def _is_strings(section: Section) -> bool:
    return section.kind == "SHT_STRTAB" or bool(section.flags & elf.STRINGS) or section.name in _STRING_SECTIONS


# --- how deep ------------------------------------------------------------------------------------


def loaded_equal(files: tuple[_File, _File]) -> bool:
    """Tell whether all that is loaded at run time is the same: program headers, and the bytes of the segments.

    The build id does not count, nor do the places of the section headers, which nothing reads at run time.
    """
    (first, ours), (second, theirs) = ((one.content, one.elf) for one in files)
    if ours.relocatable or ours.header != theirs.header or ours.segments != theirs.segments or not ours.segments:
        return False
    masks = [*_table_fields(ours), *_id_places(files[0])]
    if masks != [*_table_fields(theirs), *_id_places(files[1])]:
        return False
    holes = sorted(masks)
    return all(
        same(Part(first, begin, end - begin), Part(second, begin, end - begin))
        for begin, end in _without(_loaded(ours), holes)
    )


def _loaded(found: Elf) -> list[tuple[int, int]]:
    return _merged((one.offset, one.offset + one.size) for one in found.segments if one.kind == elf.LOAD)


def _table_fields(found: Elf) -> list[tuple[int, int]]:
    """Return where in the ELF header the places and sizes of the section headers stand."""
    return [(0x28, 0x30), (0x3A, 0x40)] if found.width == 8 else [(0x20, 0x24), (0x2E, 0x34)]  # noqa: PLR2004 - bytes


def _id_places(file: _File) -> list[tuple[int, int]]:
    """Return where the build id stands, if it does so in the one form that it has."""
    for section in file.elf.sections:
        if section.name == BUILD_ID and section.kind == "SHT_NOTE":
            raw = file.content.read(section.offset, _NOTE_HEAD + 4 + _LONGEST_ID + 1)[: section.size]
            order = file.elf.order
            sizes = [int.from_bytes(raw[at : at + 4], order) for at in (0, 4, 8)]
            if sizes[::2] == [4, 3] and raw[12:16] == b"GNU\0" and sizes[1] == section.size - 16 <= _LONGEST_ID:
                return [(section.offset + 16, section.offset + section.size)]
    return []


def _merged(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for begin, end in sorted(stretches):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        elif begin < end:
            found.append((begin, end))
    return found


def _without(stretches: list[tuple[int, int]], holes: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield what is left of some stretches; both in order, neither overlapping itself."""
    for begin, end in stretches:
        at = begin
        for hole, hole_end in holes:
            if hole < end and hole_end > at:
                if at < hole:
                    yield at, hole
                at = max(at, hole_end)
        if at < end:
            yield at, end


def _depth(section: Section, found: Elf) -> Severity:
    if found.relocatable:
        return _depth_in_object(section, found)
    if section.loaded:
        return Severity.CODE if section.executable else Severity.DATA
    inside = any(begin < section.offset + section.size and section.offset < end for begin, end in _loaded(found))
    return Severity.CODE if inside and section.size else Severity.DEBUG


def _depth_in_object(section: Section, found: Elf) -> Severity:
    """Tell how deep a difference goes in what is still to be linked: names of symbols matter there."""
    name = section.name
    if section.kind in ("SHT_REL", "SHT_RELA") and section.info < len(found.sections):
        target = found.sections[section.info]
        if target.kind not in ("SHT_REL", "SHT_RELA"):
            return _depth_in_object(target, found)
    if section.executable or name.startswith(".gnu.lto_"):
        return Severity.CODE
    if not section.loaded and name.startswith((".debug", ".gnu.debuglto", ".comment", ".zdebug")):
        return Severity.DEBUG
    return Severity.DATA


# --- the tables ----------------------------------------------------------------------------------


def _structure(files: tuple[_File, _File]) -> Iterator[Unit]:
    ours, theirs = files[0].elf, files[1].elf
    deep = [name for name, value in ours.header if dict(theirs.header).get(name) != value]
    mild = all(name in ("e_entry", "e_phnum", "e_phoff") for name in deep)
    yield Unit("ELF header", _lines(ours.header), _lines(theirs.header), Severity.DATA if mild else Severity.CODE)
    texts = [_lines((one.kind, _anchored(one, each)) for one in each.segments) for each in (ours, theirs)]
    yield Unit("program headers", texts[0], texts[1], Severity.CODE)
    places = [_lines((one.kind, _placed(one)) for one in each.segments) for each in (ours, theirs)]
    yield Unit("program headers" + MOVED, places[0], places[1], Severity.DATA)
    depth = Severity.DATA if ours.relocatable else Severity.DEBUG
    headers = [_lines((one.name, _described(one, each)) for one in each.sections) for each in (ours, theirs)]
    yield Unit("section headers", headers[0], headers[1], depth)
    moved = [_lines((one.name, f"{one.address:#x}") for one in each.sections if one.loaded) for each in (ours, theirs)]
    yield Unit("section headers" + MOVED, moved[0], moved[1], depth)


def _anchored(segment: Segment, found: Elf) -> str:
    """Describe a segment by the sections in it; by its own place where it has none."""
    head = f"flags {segment.flags:#x} alignment {segment.alignment:#x}"
    end, memory_end = segment.offset + segment.size, segment.address + segment.memory
    inside = [
        one
        for one in found.sections
        if one.loaded
        and segment.offset <= one.offset <= one.offset + one.size <= end
        and segment.address <= one.address <= one.address + one.memory <= memory_end
    ]
    if not inside or len(found.segments) > _MOST_SEGMENTS:
        return f"{head} {_placed(segment)}"
    first, last = min(inside, key=lambda one: one.address), max(inside, key=lambda one: one.address + one.memory)
    before = first.offset - segment.offset, first.address - segment.address
    after = end - max(one.offset + one.size for one in inside), memory_end - last.address - last.memory
    return f"{head} physical {segment.physical - segment.address} {before} {first.name} to {last.name} {after}"


def _placed(segment: Segment) -> str:
    return f"{segment.offset:#x} {segment.address:#x} {segment.physical:#x} {segment.size:#x} {segment.memory:#x}"


def _described(section: Section, found: Elf) -> str:
    return (
        f"{section.kind} flags {section.flags:#x} link {section.link} info {section.info} "
        f"alignment {section.alignment:#x} entry {section.entry:#x}"
        + (f" size {section.memory:#x}" if section.kind in (elf.NO_BITS, elf.NULL) else "")
        + (f" offset {section.offset:#x}" if section.kind == elf.NULL else "")
        + ("" if section.loaded and _is_in_place(section, found) else f" address {section.address:#x}")
    )


def _is_in_place(section: Section, found: Elf) -> bool:
    """Tell whether a section stands in memory where a segment puts it."""
    return any(
        one.kind == elf.LOAD
        and one.address <= section.address <= section.address + section.memory <= one.address + one.memory
        and (section.kind == elf.NO_BITS or section.address - section.offset == one.address - one.offset)
        for one in found.segments[:_MOST_SEGMENTS]
    )


def _lines(fields: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\n" for name, value in fields).encode()


def _between(files: tuple[_File, _File]) -> Iterator[Unit]:
    """Compare what stands in no section: zeros say nothing."""
    ours, theirs = (list(_stray(file)) for file in files)
    if [one.data for one, _ in ours] != [one.data for one, _ in theirs]:
        deep = any(loaded for _, loaded in (*ours, *theirs))
        first, second = (b"\n".join(one.data for one, _ in each) for each in (ours, theirs))
        yield Unit("between sections", first, second, Severity.CODE if deep else Severity.DEBUG)


def _stray(file: _File) -> Iterator[tuple[Kept, bool]]:
    found = file.elf
    taken = [
        (0, found.header_size),
        (found.table[0], sum(found.table)),
        (found.program_table[0], sum(found.program_table)),
        *((one.offset, one.offset + one.size) for one in found.sections),
    ]
    loaded = _loaded(found)
    for begin, end in _without([(0, file.content.size)], _merged(taken)):
        part = Part(file.content, begin, end - begin)
        if end - begin > _LARGEST or any(part.read(at, 1 << 20).strip(b"\0") for at in range(0, part.size, 1 << 20)):
            data = part.read(0, part.size) if part.size <= 1 << 16 else beyond(part, part)[0]
            yield Kept(data), any(begin < there_end and there < end for there, there_end in loaded)


# --- the sections --------------------------------------------------------------------------------


def _alone(files: tuple[_File, _File], where: tuple[int, Section]) -> Iterator[Unit]:
    side, section = where
    file = files[side]
    if section.size:
        head = file.content.read(section.offset, min(section.size, 1 << 12))
        first, second = (head, b"") if side == 0 else (b"", head)
        yield Unit(section.name, first, second, _depth(section, file.elf))


def _contents(
    files: tuple[_File, _File], pairs: list[tuple[Section, Section]], changed: list[_Changed], placed: Layout
) -> Iterator[Unit]:
    tables = {one.name: table for one in changed if (table := _strings(one)) is not None}
    sizes = frozenset((one.memory, other.memory) for one, other in pairs if one.loaded and one.memory != other.memory)
    for one in changed:
        depth = _deeper(one, files)
        if one.name == BUILD_ID and _is_build_id(one, files):
            continue
        if one.name == ".gnu_debugdata":
            yield _packed(one, depth)
        elif one.alignment is None:
            yield Unit(one.name, *beyond(*one.contents), depth)
        elif (listed := _symbols(one, files, placed)) is not None:
            yield Unit(one.name + UNORDERED, *listed, depth)
        elif one.name in tables and not one.sections[0].loaded:
            table = tables[one.name]
            yield Unit(one.name + UNORDERED, *spell_strings(table.first, table.second, table.alignment), depth)
        else:
            yield from _spelled(one, depth, _dictionary(one, files[0].elf, tables, changed, placed, sizes))
    yield from _dynamic(files)


def _shuffled(files: tuple[_File, _File], pairs: list[tuple[Section, Section]]) -> dict[str, Shuffle]:
    """Find the sections of which the parts stand in another order, and with them the tables that follow that order."""
    tables = [one for one in pairs if one[0].kind == "SHT_SYMTAB"]
    contents = files[0].content, files[1].content
    if (
        not tables
        or files[0].elf.relocatable
        or same(*(file.part(one) for file, one in zip(files, tables[0], strict=True)))
    ):
        return {}
    ours, theirs = (symbols.read(file.content, file.elf) for file in files)
    if ours is None or theirs is None or not (found := symbols.shuffles(pairs, contents, ours, theirs)):
        return {}
    for name, follow in ((".eh_frame", symbols.frames), (".eh_frame_hdr", symbols.frame_table)):
        place = _layout(pairs, [], found).place
        for pair in pairs:
            if pair[0].name == name and (alignment := follow(pair, contents, files[0].elf, place)) is not None:
                found[name] = Shuffle(alignment)
    return found


def _order(shuffled: Mapping[str, Shuffle], pairs: list[tuple[Section, Section]]) -> Iterator[Unit]:
    """List the symbols of the sections in which they stand in another order."""
    code = any(one.executable for one, _ in pairs if one.name in shuffled)
    first, second = (
        b"".join(f"{name}: {one}\0".encode() for name, shuffle in shuffled.items() for one in shuffle.names[side])
        for side in (0, 1)
    )
    yield Unit(ORDER, first, second, Severity.CODE if code else Severity.DATA)


def _symbols(one: _Changed, files: tuple[_File, _File], placed: Layout) -> tuple[bytes, bytes] | None:
    """List the symbols that only one side has, each ended by NUL: of an object that is linked, nothing counts them.

    None where they are not in the common form, or too many.
    """
    ours, theirs = (symbols.read(file.content, file.elf) for file in files)
    if ours is None or theirs is None or files[0].elf.relocatable or one.sections[0].kind != "SHT_SYMTAB":
        return None
    first = Counter(symbol.text(lambda value: placed.place(value) or value) for symbol in ours)
    second = Counter(symbol.text(int) for symbol in theirs)
    texts = [b"".join(sorted(each.elements())) for each in (first - second, second - first)]
    return texts[0], texts[1]


def _deeper(one: _Changed, files: tuple[_File, _File]) -> Severity:
    depths = _depth(one.sections[0], files[0].elf), _depth(one.sections[1], files[1].elf)
    return max(depths, key=list(Severity).index)


def _is_build_id(one: _Changed, files: tuple[_File, _File]) -> bool:
    """Tell whether a section holds a build id, and nothing else, on both sides."""
    places = [_id_places(file) for file in files]
    return bool(places[0] and places[1]) and one.sections[0].size == one.sections[1].size


def _strings(one: _Changed) -> Strings | None:
    if not _is_strings(one.sections[0]) or one.alignment is None:
        return None
    first, second = one.contents
    return Strings(first.read(0, first.size), second.read(0, second.size), one.alignment)


def _layout(pairs: list[tuple[Section, Section]], changed: list[_Changed], shuffled: Mapping[str, Shuffle]) -> Layout:
    uneven = {one.name: one.alignment for one in changed if one.uneven}
    uneven |= {name: shuffle.alignment for name, shuffle in shuffled.items()}
    return words.layout(
        [
            Span(
                one.address,
                one.address + one.memory,
                other.address,
                other.address + other.memory,
                uneven.get(one.name),
                one.executable,
            )
            for one, other in pairs
            if one.loaded and other.loaded and one.memory and not one.flags & _TLS
        ]
    )


def _dictionary(
    one: _Changed,
    found: Elf,
    tables: dict[str, Strings],
    changed: list[_Changed],
    placed: Layout,
    sizes: frozenset[tuple[int, int]],
) -> Dictionary | None:
    section = one.sections[0]
    if _is_strings(section):
        return None
    debug = section.name.startswith((".debug", ".zdebug", ".gnu.debug"))
    if debug:
        names = [name for name in tables if name.startswith((".debug", ".gnu.debug"))]
    else:
        linked = {found.sections[at].name for at in (section.link,) if at < len(found.sections)}
        names = [name for name in tables if name in linked]
    places = [
        (other.alignment, other.contents[0].size)
        for other in changed
        if debug and other.uneven and other.alignment is not None and other.name.startswith(".debug")
    ]
    return Dictionary(
        order=found.order,
        width=found.width,
        strings=tuple(tables[name] for name in names),
        places=tuple(places),
        layout=placed,
        sizes=sizes if section.kind == "SHT_DYNAMIC" else frozenset(),
    )


def _spelled(one: _Changed, depth: Severity, dictionary: Dictionary | None) -> Iterator[Unit]:
    assert one.alignment is not None  # noqa: S101 - for the reader: it was asked
    loaded = one.sections[0].loaded
    addresses = (one.sections[0].address, one.sections[1].address) if loaded else None
    found = spell(*one.contents, one.alignment, dictionary, addresses, one.lengths)
    yield Unit(one.name, *found.texts, depth)
    if depth is not Severity.DEBUG:
        yield Unit(one.name + MOVED, *found.moved, depth)


def _packed(one: _Changed, depth: Severity) -> Unit:
    """Look into a small ELF file that holds symbols for debuggers, packed by xz."""
    contents = [_unpacked(content) for content in one.contents]
    if contents[0] is None or contents[1] is None:
        return Unit(one.name, *beyond(*one.contents), depth)
    found = elf.read(contents[0]), elf.read(contents[1])
    if found[0] is None or found[1] is None or contents[0].data == contents[1].data:
        return Unit(one.name, *beyond(*one.contents), depth)
    inner = units(contents[0], contents[1], found[0], found[1])
    first, second = (
        b"".join(unit.name.encode() + b"\n" + (unit.first, unit.second)[side] for unit in inner) for side in (0, 1)
    )
    return Unit(one.name, first, second, depth)


def _unpacked(content: Content) -> Kept | None:
    try:
        unpacker = lzma.LZMADecompressor(memlimit=64 << 20)
        return Kept(unpacker.decompress(content.read(0, _LARGEST), _LARGEST))
    except (lzma.LZMAError, EOFError, MemoryError):
        return None


def _dynamic(files: tuple[_File, _File]) -> Iterator[Unit]:
    """Tell by name what the loader is told to look for, and where."""
    ours, theirs = (_needs(file) for file in files)
    for name in _DYNAMIC.values():
        yield Unit(name, ours.get(name, b""), theirs.get(name, b""), Severity.DATA)


def _needs(file: _File) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for section in file.elf.sections:
        if section.kind == "SHT_DYNAMIC" and section.link < len(file.elf.sections):
            strings = file.part(file.elf.sections[section.link])
            raw = file.content.read(section.offset, min(section.size, 1 << 16))
            width, order = file.elf.width, file.elf.order
            for at in range(0, len(raw) - 2 * width + 1, 2 * width):
                tag = int.from_bytes(raw[at : at + width], order)
                value = int.from_bytes(raw[at + width : at + 2 * width], order)
                if tag in _DYNAMIC and value < strings.size:
                    text = strings.read(value, 1 << 12).split(b"\0")[0]
                    found[_DYNAMIC[tag]] = found.get(_DYNAMIC[tag], b"") + text + b"\n"
    return found


def _build_id(files: tuple[_File, _File], pairs: list[tuple[Section, Section]]) -> tuple[Unit, ...]:
    """Tell of a build id that differs alone: what it was made from is no longer there."""
    for one, other in pairs:
        if one.name == BUILD_ID:
            first, second = (
                file.content.read(section.offset, min(section.size, 256))
                for file, section in zip(files, (one, other), strict=True)
            )
            if first != second:
                return (Unit(f"{BUILD_ID}, alone", *beyond(Kept(first), Kept(second)), Severity.DEBUG),)
    return ()
