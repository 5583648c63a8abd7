"""Reads of an ELF file what its users get: what is loaded and imported, how it is compiled and hardened."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.analysis.formats import elf, elf_symbols
from orchestrator.analysis.formats.elf_loaded import BUILD_ID, LARGEST, File

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.analysis.causes.model import Content
    from orchestrator.analysis.formats.elf import Elf

LEVELS = ("-O0", "-Og", "-O1", "-Os", "-Oz", "-O2", "-O3", "-Ofast")
"""The optimisation levels of GCC, the lowest first."""

GUARDS = {
    "relro": ("none", "partial", "full"),  # relocations that are read-only after loading
    "executable stack": ("yes", "no"),
    "stack protector": ("no", "yes"),
    "position-independent": ("no", "yes"),
    "text relocations": ("yes", "no"),
    "control-flow protection": ("none", "partial", "full"),
}
"""What makes a program harder to exploit: the states of each, the worst first."""

_ASSEMBLER, _LTO, _GNU = "GNU AS", "GNU GIMPLE", "GNU "
_NEITHER = 256  # bytes of a note; longer ones are not read
_CHECKED = re.compile(r"__\w+_chk")
_FAILED = ("__stack_chk_fail", "__stack_chk_fail_local", "__stack_chk_guard")
_FRAMED = re.compile(rb"(?:\xf3\x0f\x1e\xfa)?\x55\x48\x89\xe5")  # endbr64; push %rbp; mov %rsp,%rbp
_PROLOGUE = 8  # bytes
_X86_64, _AARCH64 = "EM_X86_64", "EM_AARCH64"
_PROPERTY = {_X86_64: 0xC0000002, _AARCH64: 0xC0000000}  # GNU_PROPERTY_..._FEATURE_1_AND
_NEEDED, _TEXT_RELOCATIONS, _NOW, _FLAGS, _FLAGS_1 = 1, 22, 24, 30, 0x6FFFFFFB  # DT_...
_DYNAMIC = 1 << 16  # bytes
_SWITCH = re.compile(r"-[fmO][\w=+.,-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Program:
    """What users get of one ELF file; sizes in bytes of memory."""

    loaded: int
    code: int
    sections: frozenset[str]  # names of those that are loaded
    imports: frozenset[str] | None  # None: the table cannot be read
    libraries: frozenset[str]  # that it needs
    switches: tuple[frozenset[str], ...]  # of each unit that GCC compiled and that records them
    framed: int  # functions that set up a frame pointer, which GCC leaves out from -O1 on
    functions: int  # whose first instructions are read; 0 on other machines than x86-64
    guards: Mapping[str, int]  # the index of the state in GUARDS
    debug: int  # bytes of .debug_info in the file
    symbols: bool  # for debuggers
    build_id: bool

    @property
    def levels(self) -> Counter[str]:
        """The number of units by optimisation level; empty if unknown."""
        return Counter(_level(switches) for switches in self.switches)

    @property
    def fortified(self) -> frozenset[str]:
        """The checked functions that it imports in place of unchecked ones."""
        return frozenset(name for name in self.imports or () if _CHECKED.fullmatch(name) and name not in _FAILED)


def read(content: Content) -> Program | None:
    """Read an ELF file; None if it is none or is broken."""
    structure = elf.read(content)
    return None if structure is None else _program(File(content, structure))


def _program(file: File) -> Program:
    found = file.elf
    names = {section.name for section in found.sections}
    symbols = elf_symbols.read(file.content, found, elf_symbols.FOR_THE_LOADER)
    imports = None if symbols is None else _imports(symbols, found)
    dynamic = _dynamic(file)
    framed, functions = _framed(file)
    return Program(
        loaded=sum(section.memory for section in found.sections if section.loaded),
        code=sum(section.memory for section in found.sections if section.loaded and section.executable),
        sections=frozenset(section.name for section in found.sections if section.loaded),
        imports=imports,
        libraries=_libraries(file, dynamic),
        switches=tuple(_switches(file)),
        framed=framed,
        functions=functions,
        guards={} if found.relocatable else _guards(file, imports, dynamic),
        debug=sum(section.size for section in found.sections if section.name == ".debug_info"),
        symbols=".symtab" in names,
        build_id=BUILD_ID in names,
    )


def _imports(symbols: Iterable[elf_symbols.Symbol], found: Elf) -> frozenset[str]:
    return frozenset(symbol.name for symbol in symbols if symbol.name and symbol.section == found.sections[0].name)


# --- how it was compiled -------------------------------------------------------------------------


def _switches(file: File) -> Iterable[frozenset[str]]:
    """Return the switches of each unit, by the debug information or else by -frecord-gcc-switches."""
    texts = elf.producers(file.elf, partial(_part, file)) or _recorded(file)
    return [_parsed(text) for text in texts if text.startswith(_GNU) and not text.startswith((_ASSEMBLER, _LTO))]


def _part(file: File, name: str) -> Content | None:
    section = next((section for section in file.elf.sections if section.name == name and section.size), None)
    return None if section is None else file.part(section)


def _recorded(file: File) -> tuple[str, ...]:
    content = _part(file, ".GCC.command.line")
    raw = b"" if content is None else content.read(0, LARGEST)
    return tuple(text.decode("utf-8", "replace") for text in raw.split(b"\0"))


def _parsed(producer: str) -> frozenset[str]:
    """Return the switches of a unit; of several optimisation levels the last, which counts."""
    words = [word for word in producer.split() if _SWITCH.fullmatch(word)]
    levels = [word for word in words if word.startswith("-O")]
    return frozenset([word for word in words if not word.startswith("-O")] + levels[-1:])


def _level(switches: frozenset[str]) -> str:
    level = next((switch for switch in switches if switch.startswith("-O")), LEVELS[0])
    return {"-O": "-O1"}.get(level, level if level in LEVELS else LEVELS[-2])  # -O9 is -O3


def _framed(file: File) -> tuple[int, int]:
    """Count the functions in .text that set up a frame pointer, and all that are in the table of frames."""
    sections = {section.name: section for section in file.elf.sections}
    text, frames = sections.get(".text"), sections.get(".eh_frame")
    if text is None or frames is None or dict(file.elf.header).get("e_machine") != _X86_64:
        return 0, 0
    code = file.content.read(text.offset, min(text.size, LARGEST))
    records = file.content.read(frames.offset, min(frames.size, LARGEST))
    places = {at - text.address for _, _, at in elf_symbols.frame_records(records, frames.address, file.elf) if at}
    inside = [at for at in places if 0 <= at < len(code)]
    return sum(1 for at in inside if _FRAMED.match(code[at : at + _PROLOGUE])), len(inside)


# --- how it is hardened --------------------------------------------------------------------------


def _dynamic(file: File) -> tuple[tuple[int, int], ...]:
    """Return the tags and values of the dynamic section."""
    section = next((section for section in file.elf.sections if section.kind == "SHT_DYNAMIC"), None)
    if section is None:
        return ()
    raw, width = file.content.read(section.offset, min(section.size, _DYNAMIC)), file.elf.width
    words = [int.from_bytes(raw[at : at + width], file.elf.order) for at in range(0, len(raw) - width + 1, width)]
    return tuple(zip(words[::2], words[1::2], strict=False))


def _libraries(file: File, dynamic: tuple[tuple[int, int], ...]) -> frozenset[str]:
    strings = _part(file, ".dynstr")
    if strings is None:
        return frozenset()
    places = [value for tag, value in dynamic if tag == _NEEDED and value < strings.size]
    return frozenset(strings.read(at, 1 << 10).split(b"\0")[0].decode("utf-8", "replace") for at in places)


def _guards(file: File, imports: frozenset[str] | None, dynamic: tuple[tuple[int, int], ...]) -> dict[str, int]:
    tags = dict(dynamic)
    kinds = {segment.kind: segment.flags for segment in file.elf.segments}
    now = _NOW in tags or bool(tags.get(_FLAGS, 0) & 8) or bool(tags.get(_FLAGS_1, 0) & 1)
    guards = {
        "relro": (1 + now) * ("PT_GNU_RELRO" in kinds),
        "executable stack": int("PT_GNU_STACK" in kinds and not kinds["PT_GNU_STACK"] & 1),
        "position-independent": int(file.elf.kind == "ET_DYN"),
        "text relocations": int(_TEXT_RELOCATIONS not in tags and not tags.get(_FLAGS, 0) & 4),
        "control-flow protection": _control_flow(file).bit_count(),
    }
    return guards if imports is None else {**guards, "stack protector": int(not imports.isdisjoint(_FAILED))}


def _control_flow(file: File) -> int:
    """Return the two bits of the property note: IBT and SHSTK on x86-64, BTI and PAC on AArch64."""
    note = _part(file, ".note.gnu.property")
    raw = b"" if note is None else note.read(0, _NEITHER)
    wanted = _PROPERTY.get(dict(file.elf.header).get("e_machine", ""))
    words = [int.from_bytes(raw[at : at + 4], file.elf.order) for at in range(16, len(raw) - 11, 4)]
    places = [at for at, word in enumerate(words) if word == wanted]
    at = 16 + 4 * places[0] + 8 if places else len(raw)
    return int.from_bytes(raw[at : at + 4], file.elf.order) & 3
