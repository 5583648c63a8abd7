"""Takes two versions of an ELF file apart: what differs, section by section, and how deep that goes."""

from __future__ import annotations

import lzma
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.analysis.formats import dwarf, elf, elf_symbols, machine_words
from orchestrator.analysis.formats.alignment import Alignment, Gap, align, runs
from orchestrator.analysis.formats.elf_headers import MOVED, between, dynamic, structure
from orchestrator.analysis.formats.elf_loaded import (
    BUILD_ID,
    LARGEST,
    RELOCATIONS,
    File,
    Unit,
    depth_of,
    id_places,
    loaded_equal,
)
from orchestrator.analysis.formats.elf_symbols import Shuffle
from orchestrator.analysis.formats.machine_words import Dictionary, Layout, Span, Strings
from orchestrator.analysis.formats.render import Kept, Stretch, beyond, same, spell, spell_strings
from orchestrator.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.analysis.causes.model import Content
    from orchestrator.analysis.formats.elf import Elf, Section
    from orchestrator.analysis.formats.elf_loaded import Files

UNORDERED = " (strings)"
"""Ends the name of a unit of strings, each ended by NUL, whose order says nothing."""

ORDER = "order of symbols"
"""A unit that lists the symbols of some sections, each ended by NUL, in the order in which they stand in memory."""

_TLS = 0x400
_DATA = (".rodata", ".data")
_STRING_SECTIONS = (".debug_str", ".debug_line_str", ".comment")
_SEED = re.compile(r"\.[0-9a-f]{8,16}$")  # at the end of names that link-time optimisation makes up


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
        """Whether what stands in it may have moved: as a whole it may be as long as before."""
        alike = self.alignment is not None and all(gap.even for gap in self.alignment.gaps)
        return self.contents[0].size != self.contents[1].size or not alike


def units(first: Content, second: Content, ours: Elf, theirs: Elf) -> tuple[Unit, ...]:
    """List the places in which two ELF files differ: not one of their bytes is left out but what follows from others.

    The places of the section headers and of what is not loaded follow from the sizes of the sections;
    the build id follows from everything else, and is listed only where it differs alone.
    """
    files = File(first, ours), File(second, theirs)
    pairs, alone = _pair(ours, theirs)
    shuffled = _shuffled(files, pairs)
    changed = [one for pair in pairs if (one := _changed(files, pair, shuffled)) is not None]
    equal = loaded_equal(files)
    found = [
        *structure(files),
        *(unit for section in alone for unit in _alone(files, section)),
        *_order(shuffled, pairs),
        *_contents(files, pairs, changed, _layout(pairs, changed, shuffled)),
        *between(files),
    ]
    found = [unit for unit in found if unit.first != unit.second]
    if equal:
        found = [Unit(unit.name, unit.first, unit.second, Severity.DEBUG) for unit in found]
    elif all(unit.depth is Severity.DEBUG for unit in found) and not ours.relocatable:
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


def _changed(files: Files, pair: tuple[Section, Section], shuffled: Mapping[str, Shuffle]) -> _Changed | None:
    raw = (
        Stretch(files[0].content, pair[0].offset, pair[0].size),
        Stretch(files[1].content, pair[1].offset, pair[1].size),
    )
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
        return _shifted(section, first, second) or Alignment(whole), frozenset()
    if max(first.size, second.size) > LARGEST:
        return None, frozenset()
    ours, theirs = first.read(0, first.size), second.read(0, second.size)
    if section.name == ".debug_line" and (lines := dwarf.align_lines(ours, theirs, found.order)) is not None:
        return lines
    return align(ours, theirs), frozenset()


def _shifted(section: Section, first: Content, second: Content) -> Alignment | None:
    """Align data of one length in which a text grew into padding that comes later, so that what is between moved.

    None where nothing moved: where the two sides, byte for byte, have more in common.
    """
    if not section.name.startswith(_DATA) or section.kind != "SHT_PROGBITS" or first.size > LARGEST:
        return None
    ours, theirs = first.read(0, first.size), second.read(0, second.size)
    found = align(ours, theirs)
    if found is None or all(gap.even for gap in found.gaps):
        return None
    skipped = sum(max(gap.first_end - gap.first, gap.second_end - gap.second) for gap in found.gaps)
    return found if 2 * skipped < sum(end - begin for begin, end in runs(ours, theirs)) else None


def _is_strings(section: Section) -> bool:
    return section.kind == "SHT_STRTAB" or bool(section.flags & elf.STRINGS) or section.name in _STRING_SECTIONS


def _alone(files: Files, where: tuple[int, Section]) -> Iterator[Unit]:
    side, section = where
    file = files[side]
    if section.size:
        head = file.content.read(section.offset, min(section.size, 1 << 12))
        first, second = (head, b"") if side == 0 else (b"", head)
        yield Unit(section.name, first, second, depth_of(section, file.elf))


def _contents(
    files: Files, pairs: list[tuple[Section, Section]], changed: list[_Changed], placed: Layout
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
    yield from dynamic(files)


def _shuffled(files: Files, pairs: list[tuple[Section, Section]]) -> dict[str, Shuffle]:
    """Find the sections of which the parts stand in another order, and with them the tables that follow that order."""
    tables = [one for one in pairs if one[0].kind == "SHT_SYMTAB"]
    contents = files[0].content, files[1].content
    if (
        not tables
        or files[0].elf.relocatable
        or same(*(file.part(one) for file, one in zip(files, tables[0], strict=True)))
    ):
        return {}
    ours, theirs = (elf_symbols.read(file.content, file.elf) for file in files)
    if ours is None or theirs is None or not (found := elf_symbols.shuffles(pairs, contents, ours, theirs)):
        return {}
    for name, follow in ((".eh_frame", elf_symbols.frames), (".eh_frame_hdr", elf_symbols.frame_table)):
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


def _symbols(one: _Changed, files: Files, placed: Layout) -> tuple[bytes, bytes] | None:
    """List the symbols that only one side has, each ended by NUL: of an object that is linked, nothing counts them.

    None where they are not in the common form, or too many.
    """
    ours, theirs = (elf_symbols.read(file.content, file.elf) for file in files)
    if ours is None or theirs is None or files[0].elf.relocatable or one.sections[0].kind != "SHT_SYMTAB":
        return None
    first = Counter(symbol.text(lambda value: placed.place(value) or value) for symbol in ours)
    second = Counter(symbol.text(int) for symbol in theirs)
    texts = [b"".join(sorted(each.elements())) for each in (first - second, second - first)]
    return texts[0], texts[1]


def _deeper(one: _Changed, files: Files) -> Severity:
    depths = depth_of(one.sections[0], files[0].elf), depth_of(one.sections[1], files[1].elf)
    return max(depths, key=list(Severity).index)


def _is_build_id(one: _Changed, files: Files) -> bool:
    """Tell whether a section holds a build id, and nothing else, on both sides."""
    places = [id_places(file) for file in files]
    return bool(places[0] and places[1]) and one.sections[0].size == one.sections[1].size


def _strings(one: _Changed) -> Strings | None:
    if not _is_strings(one.sections[0]) or one.alignment is None:
        return None
    first, second = one.contents
    return Strings(first.read(0, first.size), second.read(0, second.size), one.alignment)


def _layout(pairs: list[tuple[Section, Section]], changed: list[_Changed], shuffled: Mapping[str, Shuffle]) -> Layout:
    uneven = {one.name: one.alignment for one in changed if one.uneven}
    uneven |= {name: shuffle.alignment for name, shuffle in shuffled.items()}
    return machine_words.layout(
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
    relocated = section.kind in RELOCATIONS and section.info < len(found.sections)
    about = found.sections[section.info].name if relocated else section.name
    debug = about.startswith((".debug", ".zdebug", ".gnu.debug"))
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
    nested = any(section.name == one.name for each in found if each for section in each.sections)
    if found[0] is None or found[1] is None or nested or contents[0].data == contents[1].data:
        return Unit(one.name, *beyond(*one.contents), depth)
    inner = units(contents[0], contents[1], found[0], found[1])
    first, second = (
        b"".join(unit.name.encode() + b"\n" + (unit.first, unit.second)[side] for unit in inner) for side in (0, 1)
    )
    return Unit(one.name, first, second, depth)


def _unpacked(content: Content) -> Kept | None:
    try:
        unpacker = lzma.LZMADecompressor(memlimit=64 << 20)
        return Kept(unpacker.decompress(content.read(0, LARGEST), LARGEST))
    except (lzma.LZMAError, EOFError, MemoryError):
        return None


def _build_id(files: Files, pairs: list[tuple[Section, Section]]) -> tuple[Unit, ...]:
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
