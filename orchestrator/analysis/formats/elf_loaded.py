"""Which parts of an ELF file are loaded at run time, and so how severe a difference in each is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.analysis.formats import elf
from orchestrator.analysis.formats.render import BytesContent, Stretch, contents_equal
from orchestrator.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.analysis.causes.model import Content
    from orchestrator.analysis.formats.elf import Elf, Section

BUILD_ID = ".note.gnu.build-id"

LARGEST = 24 << 20
"""Bytes up to which a section is read into memory whole."""

RELOCATIONS = ("SHT_REL", "SHT_RELA")

_NOTE_HEAD = 12
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Token:
    """One place in which two sides differ."""

    name: str
    first: bytes = field(repr=False)
    second: bytes = field(repr=False)
    depth: Severity


@dataclass(frozen=True, slots=True)
class File:
    """An ELF file and its structure."""

    content: Content
    elf: Elf

    def part(self, section: Section) -> Content:
        """Return a section's contents, unpacked if compressed."""
        part = Stretch(self.content, section.offset, section.size)
        if section.flags & elf.COMPRESSED and section.size <= LARGEST:
            raw = elf.uncompressed(part.read(0, part.size), self.elf, LARGEST)
            return part if raw is None else BytesContent(raw)
        return part


Files = tuple[File, File]


def loaded_equal(files: Files) -> bool:
    """Return whether all that is loaded at run time is equal: program headers and the bytes of the segments.

    The build id and the offsets of the section headers are ignored: nothing reads them at run time.
    """
    (first, ours), (second, theirs) = ((file.content, file.elf) for file in files)
    if ours.relocatable or ours.header != theirs.header or ours.segments != theirs.segments or not ours.segments:
        return False
    masks = [*_table_fields(ours), *id_places(files[0])]
    if masks != [*_table_fields(theirs), *id_places(files[1])]:
        return False
    holes = sorted(masks)
    return all(
        contents_equal(Stretch(first, begin, end - begin), Stretch(second, begin, end - begin))
        for begin, end in without(segments_of(ours), holes)
    )


def segments_of(found: Elf) -> list[tuple[int, int]]:
    """Return the stretches of the file that are loaded."""
    return merged(
        (segment.offset, segment.offset + segment.size) for segment in found.segments if segment.kind == elf.LOAD
    )


def _table_fields(found: Elf) -> list[tuple[int, int]]:
    """Return the ranges in the ELF header of the section headers' offset, size and number."""
    return [(0x28, 0x30), (0x3A, 0x40)] if found.width == 8 else [(0x20, 0x24), (0x2E, 0x34)]  # noqa: PLR2004 - bytes


def id_places(file: File) -> list[tuple[int, int]]:
    """Return the range of the build id, if its note has the standard form."""
    for section in file.elf.sections:
        if section.name == BUILD_ID and section.kind == "SHT_NOTE":
            raw = file.content.read(section.offset, _NOTE_HEAD + 4 + _LONGEST_ID + 1)[: section.size]
            order = file.elf.order
            sizes = [int.from_bytes(raw[at : at + 4], order) for at in (0, 4, 8)]
            if sizes[::2] == [4, 3] and raw[12:16] == b"GNU\0" and sizes[1] == section.size - 16 <= _LONGEST_ID:
                return [(section.offset + 16, section.offset + section.size)]
    return []


def merged(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return stretches in order, with adjacent ones merged."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(stretches):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        elif begin < end:
            found.append((begin, end))
    return found


def without(stretches: list[tuple[int, int]], holes: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the stretches minus others; both are in order and without overlaps."""
    for begin, end in stretches:
        at = begin
        for hole, hole_end in holes:
            if hole < end and hole_end > at:
                if at < hole:
                    yield at, hole
                at = max(at, hole_end)
        if at < end:
            yield at, end


def depth_of(section: Section, found: Elf) -> Severity:
    """Return the severity of a difference in a section."""
    if found.relocatable:
        return _depth_in_object(section, found)
    if section.loaded:
        return Severity.CODE if section.executable else Severity.DATA
    inside = any(begin < section.offset + section.size and section.offset < end for begin, end in segments_of(found))
    return Severity.CODE if inside and section.size else Severity.DEBUG


def _depth_in_object(section: Section, found: Elf) -> Severity:
    """Return the severity of a difference in a relocatable object: there, names of symbols matter."""
    name = section.name
    if section.kind in RELOCATIONS and section.info < len(found.sections):
        target = found.sections[section.info]
        if target.kind not in RELOCATIONS:
            return _depth_in_object(target, found)
    if section.executable or name.startswith(".gnu.lto_"):
        return Severity.CODE
    if not section.loaded and name.startswith((".debug", ".gnu.debuglto", ".comment", ".zdebug")):
        return Severity.DEBUG
    return Severity.DATA
