"""Finds that a compiler was told to compile for the processor of the build host, by a log or by debug information.

Such a wheel depends on the machine that built it, and no variation of ours changes that. Logs and wheels are written
by the package: what they show is evidence of a caution, and decides nothing.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.analysis.failure_signs import EVIDENCE, printable
from orchestrator.analysis.formats import ar, elf
from orchestrator.analysis.formats.text import Plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.analysis.causes.model import Content
    from orchestrator.analysis.formats.elf import Elf, Section

LONGEST_LINE = 256 << 10
"""Bytes of a log's line that are searched; the rest of a longer one is skipped."""

LARGEST_MEMBER = 64 << 20
"""Bytes; a larger member of a wheel is skipped."""

_MAY_SHOW = re.compile(rb"=\s?native|[xX]H[oO][sS][tT]|-xhost")
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    LookupError,
)


# --- a command -----------------------------------------------------------------------------------

_TOKEN = re.compile(r"(?:[^\s\"'`\\]|\\.|\"[^\"]*\"|'[^']*')+")
_BREAKS = frozenset(("&&", "||", ";", "|", "&"))
_ESCAPES = re.compile(r"\x1b\[[0-9;:?]{0,20}[A-Za-z]")
_LOGGED = re.compile(r"^\s*(?:(?:INFO|DEBUG|WARNING):[\w.]{0,80}:|\[[^\]]{0,40}\]|\([^)]{0,40}\)|\d{1,6}:|\++)")
_LABEL = re.compile(r"(?:libtool|compile|link|running|Running|Executing|exec|command|Command|cmd):|Running|Executing")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w{0,100}=.*", re.DOTALL)
_WRAPPERS = frozenset(
    (
        "ccache",
        "sccache",
        "distcc",
        "icecc",
        "buildcache",
        "env",
        "time",
        "nice",
        "sh",
        "bash",
        "dash",
        "libtool",
        "exec",
    )
)
_COMPILER = re.compile(
    r"(?:[\w.]{1,40}-){0,4}"
    r"(?:gcc|g\+\+|cc|c\+\+|cpp|c89|c99|clang|clang\+\+|clang-cl|gfortran|flang|f77|f95|gdc|ldc2|gnat|rustc|cargo|zig"
    r"|icc|icpc|icx|icpx|ifort|ifx|dpcpp|nvcc|nvc|nvc\+\+|nvfortran|pgcc|pgc\+\+|hipcc|mpicc|mpicxx|mpic\+\+|mpifort"
    r"|mpif77|mpif90)"
    r"(?:-\d{1,3}(?:\.\d{1,3}){0,2})?(?:\.exe)?"
)
_TRIAL = re.compile(
    r"(?:^|/)(?:_?conftest|_configtest|testfile|CMakeTmp|CMakeScratch|meson-private)\b|test\w{1,20}Compiler\."
)
_ACTS = re.compile(
    r"-[coSE]|-o.+|/c|/Fo.+|--crate-(?:name|type)|--emit.*|rustc"
    r"|.+\.(?:c|cc|cpp|cxx|c\+\+|C|m|mm|cu|f|for|F|f\d\d|F\d\d|s|S|rs|o|obj|a)"
)
_OPTIONS = re.compile(r"\s*(?:compile|extra) options: '([^']*)'")  # of numpy.distutils, in a line after the compiler's
_CHOICES = re.compile(r"(?:^|(?<=[\s,\"'=]))(?:-C|-Z|-?-?)(m(?:arch|tune|cpu)|tp|(?:target|tune)-cpu)[= ](\w[\w.+-]*)")
_HOST = re.compile(r"(?:^|(?<=[\s,\"']))(?:-x|/Qx|-Qx)(?:Host|HOST|host)(?![\w-])")
_NATIVE = re.compile(r"(?:native|host)(?:\+.*)?")


def in_line(line: str) -> str | None:
    """Return the option by which a line of a log has a compiler use the processor of the host; None if it has none.

    The line must be a call of a compiler: prose, and the trials of build systems, are not.
    """
    if options := _OPTIONS.match(line):
        return _option(["", *options[1].split()])
    found = (_option(command) for command in _commands(line) if _compiles(command))
    return next((option for option in found if option), None)


def _compiles(command: list[str]) -> bool:
    """Return whether a call of a compiler does something, and not for the trial of a build system."""
    return any(map(_ACTS.fullmatch, command[1:])) and not any(map(_TRIAL.search, command))


def _commands(line: str) -> Iterator[list[str]]:
    """Yield the words of each call of a compiler in a line, the compiler's name first."""
    words: list[str] = []
    for word in (*_words(line), ";"):
        ends = word.endswith(";")
        if word not in _BREAKS:
            words.append(word.rstrip(";"))
        if word in _BREAKS or ends:
            if command := _call(words):
                yield command
            words = []


def _words(line: str) -> list[str]:
    line = _ESCAPES.sub("", line)
    while (label := _LOGGED.match(line)) and label.end():
        line = line[label.end() :]
    return [_unquoted(word) for word in _TOKEN.findall(line)]


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word


def _call(words: list[str]) -> list[str]:
    """Return a command without what comes before its compiler; empty if it calls none."""
    wrapped = False
    at = 0
    while at < len(words):
        name = words[at].rpartition("/")[2]
        if _COMPILER.fullmatch(name):
            return words[at:]
        if name in _WRAPPERS:
            wrapped = True
        elif wrapped and words[at] == "-u":
            at += 1  # env's variable to unset
        elif not (_ASSIGNMENT.fullmatch(words[at]) or _LABEL.fullmatch(words[at]) or (wrapped and name[:1] == "-")):
            return []
        at += 1
    return []


def _option(command: list[str]) -> str | None:
    """Return the option that names the host's processor, if none after it names another."""
    text = " ".join(word for word in command[1:] if not word.startswith(("-D", "/D")))
    last: dict[str, re.Match[str]] = {choice[1]: choice for choice in _CHOICES.finditer(text)}
    native = (choice[0] for choice in last.values() if _NATIVE.fullmatch(choice[2]))
    host = _HOST.search(text)
    return next(native, None) or (host[0] if host else None)


# --- a log ---------------------------------------------------------------------------------------


def in_log(log: Path) -> str:
    """Return the first line of a log that shows it, printable and cut around the option; empty if none does."""
    with log.open("rb") as stream:
        while line := stream.readline(LONGEST_LINE):
            if _MAY_SHOW.search(line):
                text = line.decode("utf-8", "replace")
                if option := in_line(text):
                    return _shown(text, option)
            while line and not line.endswith(b"\n"):
                line = stream.readline(LONGEST_LINE)
    return ""


def _shown(text: str, option: str) -> str:
    """Return a text as one printable line that contains the option."""
    at = text.find(option)
    before, after = text[: max(at, 0)], text[max(at, 0) :]
    if len(before) < EVIDENCE // 2:
        return printable(text)
    return printable(f"{before[: EVIDENCE // 4]} … {before[-EVIDENCE // 4 :]}{after}")


# --- a wheel -------------------------------------------------------------------------------------

_MACHINE_CODE = (elf.MAGIC, ar.MAGIC)
_SECTIONS = (".debug_str", ".debug_info", ".debug_line_str", ".GCC.command.line")
# gcc writes -march=native and -mtune=native as what they mean here, which includes the sizes of the caches.
_RECORDED = re.compile(rb"--param[= ]l1-cache-(?:line-)?size=\d{1,9}|-m(?:arch|tune|cpu)=native(?![\w-])")
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")
_LONGEST_RECORD = 8000  # bytes on each side of what shows it
_MOST_RECORDS = 1000


def in_wheel(wheel: Path) -> str:
    """Return the first record of a compiler in a wheel that shows it; empty if none does.

    The text is the member's path, ": " and the record, printable and cut. A wheel that cannot be read has none.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            return next(filter(None, (_in_member(archive, info) for info in archive.infolist())), "")
    except _BROKEN:
        return ""


def _in_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    if info.file_size > LARGEST_MEMBER:
        return ""
    with archive.open(info) as stream:
        head = stream.read(max(map(len, _MACHINE_CODE)))
        if not head.startswith(_MACHINE_CODE):
            return ""
        content = Plain(head + stream.read(LARGEST_MEMBER))
    shown = next(filter(None, map(_in_object, _objects(content))), "")
    return printable(f"{info.orig_filename}: {shown}") if shown else ""


def _objects(content: Content) -> Iterator[Content]:
    library = ar.read(content)
    yield from (content,) if library is None else (member.content for member in library.objects)


def _in_object(content: Content) -> str:
    """Return the record of a compiler in an object that shows it; empty if there is none."""
    read = elf.read(content)
    sections = [section for section in read.sections if section.name in _SECTIONS] if read else []
    return next(filter(None, (in_records(_contents(content, read, one)) for one in sections if read)), "")


def _contents(content: Content, read: Elf, section: Section) -> bytes:
    raw = content.read(section.offset, section.size)
    return (elf.uncompressed(raw, read, LARGEST_MEMBER) or b"") if section.flags & elf.COMPRESSED else raw


def in_records(data: bytes) -> str:
    """Return the string among others in which a compiler recorded that its call named the host's processor."""
    for found in islice(_RECORDED.finditer(data), _MOST_RECORDS):
        before = _UNPRINTABLE.split(data[max(0, found.start() - _LONGEST_RECORD) : found.start()])[-1]
        after = _UNPRINTABLE.split(data[found.start() : found.end() + _LONGEST_RECORD])[0]
        if b"GNU " in before or (b"clang" in before and b"native" in found[0]):
            return _shown((before + after).decode("ascii"), found[0].decode("ascii"))
    return ""
