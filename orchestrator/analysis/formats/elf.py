"""Reads the structure of ELF files, which may be hostile; the only module that imports elftools."""

from __future__ import annotations

import inspect
import io
import re
import zlib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct import ConstructError
from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo
from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.analysis.causes.model import Content

MAGIC = b"\x7fELF"
ALLOC, EXECUTE, STRINGS, COMPRESSED = 0x2, 0x4, 0x20, 0x800
LOAD = "PT_LOAD"
NO_BITS, NULL = "SHT_NOBITS", "SHT_NULL"

_MOST_SECTIONS, _MOST_SEGMENTS = 20_000, 1000
_HEADER_SIZES = {64: 64, 32: 52}
_MOST_UNITS = 1000  # whose producers are read
_MOST_WALKED = 4 << 20  # bytes of debug information whose entries are read one by one
_LISTS = ("DW_AT_location", "DW_AT_frame_base", "DW_AT_ranges", "DW_AT_GNU_call_site_value")
_LONGEST_PRODUCER = 1 << 12
_OVERLAP = 4  # segments do: notes and RELRO data are in others
_ODD = re.compile(r"[^\w.$@+-]", re.ASCII)
_LONGEST_NAME = 200
_COMPRESSION = {8: (24, 0, 8, 8), 4: (12, 0, 4, 4)}  # size of Elf_Chdr; place of ch_type, of ch_size, its width
_ZLIB = 1
_DEBUG = {  # parameters of the library, and the sections that names of producers are in
    "debug_info_sec": ".debug_info",
    "debug_abbrev_sec": ".debug_abbrev",
    "debug_str_sec": ".debug_str",
    "debug_line_str_sec": ".debug_line_str",
    "debug_str_offsets_sec": ".debug_str_offsets",
}
# A hostile file makes the library raise any of these.
_BROKEN = (
    ELFError,
    DWARFError,
    ConstructError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Section:
    """One line of the table of section headers; sizes and places in bytes."""

    name: str  # printable and unique among the sections
    kind: str  # SHT_...
    flags: int
    address: int
    offset: int
    size: int  # in the file: zero where it has none there
    memory: int  # in memory
    link: int
    info: int
    alignment: int
    entry: int

    @property
    def loaded(self) -> bool:
        """Whether it is loaded at run time."""
        return bool(self.flags & ALLOC)

    @property
    def executable(self) -> bool:
        """Whether it contains instructions."""
        return bool(self.flags & EXECUTE)


@dataclass(frozen=True, slots=True)
class Segment:
    """One program header."""

    kind: str  # PT_...
    flags: int
    offset: int
    address: int
    physical: int
    size: int  # in the file
    memory: int
    alignment: int


@dataclass(frozen=True, slots=True)
class Elf:
    """The structure of an ELF file, without its contents."""

    width: int  # bytes of an address: 4 or 8
    order: Literal["little", "big"]
    kind: str  # ET_...
    header: tuple[tuple[str, str], ...]  # the fields except the tables' offsets
    header_size: int
    table: tuple[int, int]  # offset of the section headers, and their size in bytes
    program_table: tuple[int, int]
    sections: tuple[Section, ...]
    segments: tuple[Segment, ...]

    @property
    def relocatable(self) -> bool:
        """Whether it is a relocatable object."""
        return self.kind == "ET_REL"


@dataclass(frozen=True, slots=True)
class Unit:
    """One compile unit of the debug information; offsets in its sections, in bytes."""

    begin: int
    end: int
    name: str  # of its source
    address: int | None  # of its code; None if it is in several parts
    lines: int  # offset of its line table; -1 if it has none
    abbreviations: int  # offset of its table of abbreviations
    locations: int  # offset of one of its lists of locations; -1 if it has none
    ranges: int  # offset of one of its lists of ranges; -1 if it has none


class _Stream(io.BytesIO):
    """A content as a file object, for the library."""

    def __init__(self, content: Content) -> None:
        super().__init__()
        self._content = content
        self._at = 0

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._content.size - self._at)
        found = self._content.read(self._at, left if size is None or size < 0 else min(size, left)) if left else b""
        self._at += len(found)
        return found

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = max(0, offset + (0, self._at, self._content.size)[whence])
        return self._at

    def tell(self) -> int:
        return self._at


def read(content: Content) -> Elf | None:
    """Read the structure; None if it is not an ELF file, is broken, or refers beyond its end."""
    if content.read(0, 4) != MAGIC:
        return None
    try:
        return _read(ELFFile(_Stream(content)), content)
    except _BROKEN:
        return None


def _read(file: Any, content: Content) -> Elf | None:  # noqa: ANN401 - the library has no types
    header = file.header
    table = header["e_shoff"], file.num_sections() * header["e_shentsize"]
    programs = header["e_phoff"], file.num_segments() * header["e_phentsize"]
    if file.num_sections() > _MOST_SECTIONS or file.num_segments() > _MOST_SEGMENTS:
        return None
    if max(sum(table), sum(programs)) > content.size:
        return None
    found = Elf(
        width=file.elfclass // 8,
        order="little" if file.little_endian else "big",
        kind=str(header["e_type"]),
        header=(*_fields(header), ("EI_PAD", str(list(content.read(9, 7))))),
        header_size=_HEADER_SIZES[file.elfclass],
        table=table,
        program_table=programs,
        sections=_sections(file, content),
        segments=tuple(
            _segment(header)
            for header in _table(file, file.structs.Elf_Phdr, "e_phoff", "e_phentsize", file.num_segments())
        ),
    )
    return found if _is_inside(found.sections, content) and _is_inside(found.segments, content) else None


def _is_inside(parts: Sequence[Section | Segment], content: Content) -> bool:
    """Return whether all parts are inside the file, and overlap so little that all can be read."""
    ends = max((part.offset + part.size for part in parts), default=0)
    return ends <= content.size and sum(part.size for part in parts) <= _OVERLAP * content.size


def _fields(header: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401
    ident = tuple(sorted((name, str(value)) for name, value in header["e_ident"].items()))
    names = ("e_type", "e_machine", "e_version", "e_flags", "e_ehsize", "e_phentsize", "e_phnum", "e_phoff", "e_entry")
    return (*ident, *((name, str(header[name])) for name in names))


def _sections(file: Any, content: Content) -> tuple[Section, ...]:  # noqa: ANN401
    names: dict[str, int] = {}
    headers = _table(file, file.structs.Elf_Shdr, "e_shoff", "e_shentsize", file.num_sections())
    strings = _names(headers, file, content)
    found = []
    for header in headers:
        name = _name(strings, header["sh_name"])
        names[name] = names.get(name, 0) + 1
        found.append(_section(header, name if names[name] == 1 else f"{name}#{names[name]}"))
    return tuple(found)


def _table(file: Any, entry: Any, place: str, size: str, count: int) -> list[Any]:  # noqa: ANN401
    """Read a table of headers; the library's function also reads what they describe."""
    found = []
    for at in range(count):
        file.stream.seek(file.header[place] + at * file.header[size])
        found.append(entry.parse_stream(file.stream))
    return found


def _names(headers: list[Any], file: Any, content: Content) -> bytes:  # noqa: ANN401
    at = file.get_shstrndx()
    if not 0 < at < len(headers):
        return b""
    return content.read(headers[at]["sh_offset"], min(headers[at]["sh_size"], 1 << 22))


def _name(strings: bytes, at: int) -> str:
    end = strings.find(b"\0", at)
    name = strings[at : min(end, at + _LONGEST_NAME)] if 0 <= at <= end else b"at_%d" % at
    return _ODD.sub("_", name.decode("ascii", "replace"))


def _section(header: Any, name: str) -> Section:  # noqa: ANN401
    kind = str(header["sh_type"])
    return Section(
        name=name,
        kind=kind,
        flags=header["sh_flags"],
        address=header["sh_addr"],
        offset=header["sh_offset"],
        size=0 if kind in (NO_BITS, NULL) else header["sh_size"],
        memory=header["sh_size"],
        link=header["sh_link"],
        info=header["sh_info"],
        alignment=header["sh_addralign"],
        entry=header["sh_entsize"],
    )


def _segment(header: Any) -> Segment:  # noqa: ANN401
    return Segment(
        kind=str(header["p_type"]),
        flags=header["p_flags"],
        offset=header["p_offset"],
        address=header["p_vaddr"],
        physical=header["p_paddr"],
        size=header["p_filesz"],
        memory=header["p_memsz"],
        alignment=header["p_align"],
    )


def uncompressed(raw: bytes, elf: Elf, limit: int) -> bytes | None:
    """Unpack a compressed section; None if it is broken, larger than the limit, or in an unknown format."""
    head, kind, size, width = _COMPRESSION[elf.width]
    if len(raw) < head or int.from_bytes(raw[kind : kind + 4], elf.order) != _ZLIB:
        return None
    claimed = int.from_bytes(raw[size : size + width], elf.order)
    if claimed > limit:
        return None
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(raw[head:], claimed + 1)
    except zlib.error:
        return None
    return found if len(found) == claimed else None


def producers(found: Elf, part: Callable[[str], Content | None]) -> tuple[str, ...]:
    """Return the producer of each compile unit in the debug information, with the switches that GCC records.

    `part` returns a section's contents by its name. Only the first 1,000 units are read. Empty if there is no debug
    information, or it is broken.
    """
    try:
        info = _debug_information(found, part)
        return tuple(_producers(info)) if info.has_debug_info and info.debug_abbrev_sec else ()
    except _BROKEN:
        return ()


def units(found: Elf, part: Callable[[str], Content | None]) -> tuple[Unit, ...]:
    """Return the compile units of the debug information; empty if it has none, is too large, or is broken."""
    try:
        info = _debug_information(found, part)
        if info.debug_info_sec is None or info.debug_abbrev_sec is None or info.debug_info_sec.size > _MOST_WALKED:
            return ()
        every = tuple(islice(info.iter_CUs(), _MOST_UNITS + 1))
        return tuple(map(_unit, every)) if len(every) <= _MOST_UNITS else ()
    except _BROKEN:
        return ()


def _unit(unit: Any) -> Unit:  # noqa: ANN401
    attributes = unit.get_top_DIE().attributes
    name = attributes["DW_AT_name"].value
    offsets = [
        one
        for entry in unit.iter_DIEs()
        for one in entry.attributes.values()
        if one.form == "DW_FORM_sec_offset" and one.name in _LISTS
    ]
    return Unit(
        begin=unit.cu_offset,
        end=unit.cu_offset + unit.size,
        name=name.decode("utf-8", "replace"),
        address=attributes["DW_AT_low_pc"].value if "DW_AT_high_pc" in attributes else None,
        lines=attributes["DW_AT_stmt_list"].value if "DW_AT_stmt_list" in attributes else -1,
        abbreviations=unit["debug_abbrev_offset"],
        locations=next((one.value for one in offsets if one.name != "DW_AT_ranges"), -1),
        ranges=next((one.value for one in offsets if one.name == "DW_AT_ranges"), -1),
    )


def _debug_information(found: Elf, part: Callable[[str], Content | None]) -> DWARFInfo:
    """Return the library's view, which reads the sections in pieces; its own function reads them whole."""
    fields = [name for name in inspect.signature(DWARFInfo).parameters if name != "config"]
    sections = {name: None if name not in _DEBUG else _descriptor(_DEBUG[name], part) for name in fields}
    return DWARFInfo(DwarfConfig(found.order == "little", "", found.width), **sections)


def _descriptor(name: str, part: Callable[[str], Content | None]) -> DebugSectionDescriptor | None:
    content = part(name)
    return None if content is None else DebugSectionDescriptor(_Stream(content), name, 0, content.size, 0)


def _producers(info: DWARFInfo) -> Iterator[str]:
    for unit in islice(info.iter_CUs(), _MOST_UNITS):
        producer = unit.get_top_DIE().attributes.get("DW_AT_producer")
        if producer is not None and isinstance(producer.value, bytes):
            yield producer.value[:_LONGEST_PRODUCER].decode("utf-8", "replace")
