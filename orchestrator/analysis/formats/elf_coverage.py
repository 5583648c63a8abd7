"""Finds in a linked object what GCC's --coverage puts there: stamps, and checksums that follow from a source's path."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.analysis.formats import coverage
from orchestrator.analysis.formats.elf_loaded import LARGEST, Token
from orchestrator.model import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from orchestrator.analysis.formats.elf_loaded import File, Files
    from orchestrator.analysis.formats.elf_symbols import Symbol

_FUNCTION = "__gcov_."  # and the function's name: its number and checksums
_MOST_FUNCTIONS = 2000
_WORD = 4
_LONGEST = 1 << 12  # bytes of a path
_COUNTS = b".gcda"
_SUFFIXES = (b"", b".c", b".cc", b".cpp", b".cxx", b".C", b".f90", b".pyx.c")
_MOST_FOLDERS = 40
_DROPPED = 3  # folders of the build that the path of the source may lack


@dataclass(frozen=True, slots=True)
class _Memory:
    """The words of a file by their addresses, with those that the loader writes."""

    file: File
    written: Mapping[int, int] = field(repr=False)

    def read(self, address: int, size: int) -> bytes:
        """Return the bytes from there on, fewer at the end of the section."""
        for section in self.file.elf.sections:
            if section.loaded and section.address <= address < section.address + section.size:
                left = section.address + section.size - address
                return self.file.content.read(section.offset + address - section.address, min(size, left))
        return b""

    def word(self, address: int) -> int:
        return int.from_bytes(self.read(address, _WORD), self.file.elf.order)

    def pointer(self, address: int) -> int:
        stored = int.from_bytes(self.read(address, self.file.elf.width), self.file.elf.order)
        return self.written.get(address, stored)

    def text(self, address: int) -> bytes:
        return self.read(address, _LONGEST).split(b"\0")[0]


@dataclass(frozen=True, slots=True)
class _Unit:
    """What one object has: the address of its information, the path of its counts, and its functions' addresses."""

    address: int
    counts: bytes
    functions: tuple[tuple[int, bytes], ...]  # with their names


def derived(files: Files, symbols: Sequence[Sequence[Symbol]], place: Callable[[int], int | None]) -> frozenset[int]:
    """Return the addresses on the first side of words that are stamps, or follow from the paths of both sides."""
    ours, theirs = (dict(_marks(file, each)) for file, each in zip(files, symbols, strict=True))
    return frozenset(
        address
        for address, text in ours.items()
        if text is not None and (there := place(address)) is not None and theirs.get(there) == text
    )


def stamps(files: Files, symbols: Sequence[Sequence[Symbol]]) -> Iterator[Token]:
    """List the stamps of the objects, in their order."""
    texts = []
    for file, each in zip(files, symbols, strict=True):
        memory = _memory(file, each)
        found = [] if memory is None else [memory.word(_stamp(memory, one)) for one in _units(memory, each)]
        texts.append(b"".join(b"%08x\n" % stamp for stamp in found))
    yield Token(coverage.STAMP, texts[0], texts[1], Severity.DATA)


def _functions(symbols: Iterable[Symbol]) -> list[Symbol]:
    return [one for one in symbols if one.name.startswith(_FUNCTION) and one.size][:_MOST_FUNCTIONS]


def _memory(file: File, symbols: Sequence[Symbol]) -> _Memory | None:
    """Return the words of a linked object that has functions with counts."""
    return None if file.elf.relocatable or not _functions(symbols) else _Memory(file, dict(_written(file)))


def _written(file: File) -> Iterator[tuple[int, int]]:
    """Yield the addresses that the loader writes, with the addends."""
    width, order = file.elf.width, file.elf.order
    for section in file.elf.sections:
        if section.kind == "SHT_RELA" and section.loaded and section.size <= LARGEST:
            raw = file.content.read(section.offset, section.size)
            for at in range(0, len(raw) - 3 * width + 1, 3 * width):
                address = int.from_bytes(raw[at : at + width], order)
                yield address, int.from_bytes(raw[at + 2 * width : at + 3 * width], order)


def _units(memory: _Memory, symbols: Sequence[Symbol]) -> Iterator[_Unit]:
    """Yield the objects, by the addresses of their information."""
    found: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
    for one in _functions(symbols):
        found[memory.pointer(one.value)].append((one.value, one.name.removeprefix(_FUNCTION).encode()))
    for address, functions in sorted(found.items()):
        if coverage.is_version(memory.read(address, _WORD)):
            counts = memory.text(memory.pointer(_stamp(memory, address) + 2 * _WORD))
            yield _Unit(address, counts, tuple(sorted(functions)))


def _stamp(memory: _Memory, where: _Unit | int) -> int:
    """Return the address of the stamp: behind the version and the pointer to the next object."""
    address = where if isinstance(where, int) else where.address
    return address + 2 * memory.file.elf.width


def _marks(file: File, symbols: Sequence[Symbol]) -> Iterator[tuple[int, bytes | None]]:
    """Yield the addresses of words, and texts that are equal where what they follow from is; None if it is unknown."""
    memory = _memory(file, symbols)
    if memory is None:
        return
    for unit in _units(memory, symbols):
        yield _stamp(memory, unit), b"stamp"
        texts = [text for address, name in unit.functions for text in _of_function(memory, unit, address, name)]
        yield from texts
        if all(text is not None for _, text in texts) and _is_sum(memory, unit):
            yield _stamp(memory, unit) + _WORD, b"sum of the functions"


def _of_function(memory: _Memory, unit: _Unit, address: int, name: bytes) -> Iterator[tuple[int, bytes | None]]:
    number, lines = (memory.word(address + memory.file.elf.width + at) for at in (0, _WORD))
    known = ((source, line) for source in _sources(unit.counts) if (line := coverage.line_of(lines, source, name)))
    source, begin = next(known, (b"", 0))
    own = bool(source) and coverage.is_identity(number, source, name, unit.counts.removesuffix(_COUNTS))
    yield address + memory.file.elf.width, b"number" if own else b"%08x" % number
    yield address + memory.file.elf.width + _WORD, b"line %d" % begin if source else None


def _is_sum(memory: _Memory, unit: _Unit) -> bool:
    """Return whether the object's checksum follows from the words of its functions."""
    wanted = memory.word(_stamp(memory, unit) + _WORD)
    return any(_sum(memory, order) == wanted for order in (unit.functions, unit.functions[::-1]))


def _sum(memory: _Memory, functions: Iterable[tuple[int, bytes]]) -> int:
    state = 0
    for address, _ in functions:
        for at in range(3):
            word = memory.word(address + memory.file.elf.width + at * _WORD)
            state = coverage.checksum(state, word.to_bytes(_WORD, "big"))
    return state


def _sources(counts: bytes) -> Iterator[bytes]:
    """Yield paths that the source may have: near its counts, perhaps outside folders of the build."""
    folders, _, name = counts.removesuffix(_COUNTS).rpartition(b"/")
    parts = folders.split(b"/")[:_MOST_FOLDERS]
    for length in range(_DROPPED + 1):
        for at in range(1, len(parts) - length + 1) if length else (0,):
            kept = b"/".join((*parts[:at], *parts[at + length :]))
            yield from (kept + b"/" + name + suffix for suffix in _SUFFIXES)
