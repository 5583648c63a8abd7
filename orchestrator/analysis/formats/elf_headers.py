"""Compares two ELF files' headers, the bytes between their sections, and the loader's instructions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.formats import elf
from orchestrator.analysis.formats.elf_loaded import LARGEST, Token, merged, segments_of, without
from orchestrator.analysis.formats.render import BytesContent, Stretch, beyond
from orchestrator.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.analysis.formats.elf import Elf, Section, Segment
    from orchestrator.analysis.formats.elf_loaded import File, Files

MOVED = " (moved)"
"""Suffix of a token that lists words which changed only because the length of something else changed."""

_MOST_SEGMENTS = 100  # whose sections are listed
_PIECE = 1 << 20
_SHOWN = 1 << 16  # bytes between sections
_DYNAMIC = {1: "DT_NEEDED", 14: "DT_SONAME", 15: "DT_RPATH", 29: "DT_RUNPATH"}


def structure(files: Files) -> Iterator[Token]:
    """Compare the ELF header, the program headers and the section headers."""
    ours, theirs = files[0].elf, files[1].elf
    deep = [name for name, value in ours.header if dict(theirs.header).get(name) != value]
    mild = all(name in ("e_entry", "e_phnum", "e_phoff") for name in deep)
    yield Token("ELF header", _lines(ours.header), _lines(theirs.header), Severity.DATA if mild else Severity.CODE)
    texts = [_lines((segment.kind, _anchored(segment, each)) for segment in each.segments) for each in (ours, theirs)]
    yield Token("program headers", texts[0], texts[1], Severity.CODE)
    places = [_lines((segment.kind, _placed(segment)) for segment in each.segments) for each in (ours, theirs)]
    yield Token("program headers" + MOVED, places[0], places[1], Severity.DATA)
    depth = Severity.DATA if ours.relocatable else Severity.DEBUG
    headers = [
        _lines((section.name, _described(section, each)) for section in each.sections) for each in (ours, theirs)
    ]
    yield Token("section headers", headers[0], headers[1], depth)
    moved = [
        _lines((section.name, f"{section.address:#x}") for section in each.sections if section.loaded)
        for each in (ours, theirs)
    ]
    yield Token("section headers" + MOVED, moved[0], moved[1], depth)


def _anchored(segment: Segment, found: Elf) -> str:
    """Describe a segment by its sections; by its address if it has none."""
    head = f"flags {segment.flags:#x} alignment {segment.alignment:#x}"
    end, memory_end = segment.offset + segment.size, segment.address + segment.memory
    inside = [
        section
        for section in found.sections
        if section.loaded
        and segment.offset <= section.offset <= section.offset + section.size <= end
        and segment.address <= section.address <= section.address + section.memory <= memory_end
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
    """Return whether a section's address is the one given by its segment."""
    return any(
        segment.kind == elf.LOAD
        and segment.address <= section.address <= section.address + section.memory <= segment.address + segment.memory
        and (section.kind == elf.NO_BITS or section.address - section.offset == segment.address - segment.offset)
        for segment in found.segments[:_MOST_SEGMENTS]
    )


def _lines(fields: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\n" for name, value in fields).encode()


def between(files: Files) -> Iterator[Token]:
    """Compare the bytes outside all sections; zeros are padding."""
    ours, theirs = (list(_stray(file)) for file in files)
    if [one.data for one, _ in ours] != [one.data for one, _ in theirs]:
        deep = any(loaded for _, loaded in (*ours, *theirs))
        first, second = (b"\n".join(one.data for one, _ in each) for each in (ours, theirs))
        yield Token("between sections", first, second, Severity.CODE if deep else Severity.DEBUG)


def _stray(file: File) -> Iterator[tuple[BytesContent, bool]]:
    found = file.elf
    taken = [
        (0, found.header_size),
        (found.table[0], sum(found.table)),
        (found.program_table[0], sum(found.program_table)),
        *((section.offset, section.offset + section.size) for section in found.sections),
    ]
    loaded = segments_of(found)
    for begin, end in without([(0, file.content.size)], merged(taken)):
        part = Stretch(file.content, begin, end - begin)
        if end - begin > LARGEST or any(part.read(at, _PIECE).strip(b"\0") for at in range(0, part.size, _PIECE)):
            data = part.read(0, part.size) if part.size <= _SHOWN else beyond(part, part)[0]
            yield BytesContent(data), any(begin < there_end and there < end for there, there_end in loaded)


def dynamic(files: Files) -> Iterator[Token]:
    """Name the dynamic entries: the libraries that the loader needs, and its search paths."""
    ours, theirs = (_needs(file) for file in files)
    for name in _DYNAMIC.values():
        yield Token(name, ours.get(name, b""), theirs.get(name, b""), Severity.DATA)


def _needs(file: File) -> dict[str, bytes]:
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
