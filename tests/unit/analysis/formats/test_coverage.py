"""Notes for coverage are read, and checksums that follow from a path are recognized; others are shown."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.analysis.causes.model import Side
from orchestrator.analysis.formats import coverage
from orchestrator.analysis.formats.coverage import before, checksum, is_identity, line_of, notes
from orchestrator.analysis.formats.members import normalize
from orchestrator.analysis.formats.render import BytesContent
from orchestrator.analysis.matching import explain
from orchestrator.model import Traces
from tests import elf_builder
from tests.elf_builder import ALLOC, EXECUTE, STRTAB, Piece

if TYPE_CHECKING:
    from orchestrator.analysis.matching import CauseMatch

HERE, THERE = "/build/0123456789ab/six-1.16.0", "/srv/ba9876543210/second/build/source-ba9876543210"
TRACES = Traces(values=(("build-path", HERE),)), Traces(values=(("build-path", THERE),))
WORDS = some.integers(0, (1 << 32) - 1)


def explained(path: str, first: bytes, second: bytes) -> tuple[CauseMatch, tuple[str, ...]]:
    """Explain the differences of two contents of one member; return also their places."""
    ((ours, theirs),) = normalize(path, BytesContent(first), BytesContent(second))
    return explain((Side(ours, TRACES[0]), Side(theirs, TRACES[1])), CAUSES), tuple(ours.tokens)


def sums(folder: str, name: str = "half", line: int = 7) -> tuple[int, int]:
    """Return the number and the checksum of lines that GCC gives a function of six.c."""
    source, function = f"{folder}/six.c".encode() + b"\0", name.encode() + b"\0"
    number = checksum(checksum(0, source + function), b"six\0") & 0x7FFFFFFF
    return number, checksum(checksum(line, source), function)


def test_checksums_are_those_of_gcc() -> None:
    """Of the file a.c, as GCC 12 compiled it, with a function f in its first line and in its third."""
    assert line_of(0x8DEBF0A2, b"a.c", b"f") == 1
    assert line_of(0x8E5AA9AC, b"a.c", b"f") == 3
    assert line_of(0x8E5AA9AC, b"b.c", b"f") is None
    assert is_identity(0x09407BF8, b"/build/b7d910afc078/coverage-stamp-1.0/speedups.c", b"half", b"sin/speedups")
    assert not is_identity(0x09407BF8, b"/build/b7d910afc078/coverage-stamp-1.0/speedups.c", b"half", b"sin/others")


@given(WORDS, some.binary(max_size=50))
def test_a_checksum_is_undone(state: int, data: bytes) -> None:
    """For any bytes."""
    assert before(checksum(state, data), data) == state


# --- notes -----------------------------------------------------------------------------------


def noted(folder: str, stamp: int = 1, line: int = 7, lines: tuple[int, ...] = (7, 9), flow: int = 5) -> bytes:
    """Return notes of a function in a file of that folder."""
    number, checked = sums(folder)
    source = f"{folder}/six.c".encode() + b"\0"
    counted = struct.pack("<I", len(source)) + source
    function = struct.pack("<IIII", number, checked, flow, 5) + b"half\0" + bytes(4) + counted
    function += struct.pack("<IIII", line, 1, 9, 1)
    listed = struct.pack("<II", 2, 0) + counted + struct.pack(f"<{len(lines)}I", *lines) + bytes(8)
    root = folder.encode() + b"\0"
    return (
        struct.pack("<4s4sIII", b"oncg", b"*22B", stamp, 0, len(root)) + root + struct.pack("<I", 1)
        + struct.pack("<II", 0x01000000, len(function)) + function
        + struct.pack("<II", 0x01410000, 4) + struct.pack("<I", 6)
        + struct.pack("<II", 0x01450000, len(listed)) + listed
    )  # fmt: skip


def test_all_of_the_notes_follows_from_path_and_stamp() -> None:
    """The checksums, too."""
    found, places = explained("six.gcno", noted(HERE), noted(THERE, stamp=2))
    assert (set(found.causes), found.left) == ({"build-path", "coverage-stamp"}, ())
    assert places == ("coverage stamp", "folder", "function half: source", "function half: lines")
    assert explained("six.gcno", noted(HERE), noted(HERE, stamp=2))[0].causes.keys() == {"coverage-stamp"}


@pytest.mark.parametrize(
    ("other", "place"),
    [
        (noted(THERE, line=8), "function half: position"),
        (noted(THERE, lines=(7, 8)), "function half: lines"),
        (noted(THERE, flow=6), "function half: checksum of flow"),
        (noted(THERE).replace(struct.pack("<I", sums(THERE)[1]), b"\1\2\3\4"), "function half: checksum of lines"),
        (noted(THERE).replace(struct.pack("<I", sums(THERE)[0]), b"\1\2\3\4"), "function half: number"),
    ],
)
def test_what_does_not_follow_from_the_path_stays_unexplained(other: bytes, place: str) -> None:
    """Each in its place."""
    found, _ = explained("six.gcno", noted(HERE), other)
    assert (set(found.causes), found.left) == ({"build-path"}, (place,))


@given(some.data())
def test_no_byte_of_notes_is_lost(data: some.DataObject) -> None:
    """Whatever changes, a place differs; no content raises an exception."""
    first = noted(HERE)
    at = data.draw(some.integers(0, len(first) - 1))
    second = first[:at] + bytes([first[at] ^ data.draw(some.integers(1, 255))]) + first[at + 1 :]
    assert explained("six.gcno", first, second)[1]
    assert explained("six.gcno", first, first[:at] + b"x")[1]


def test_earlier_notes_have_another_form() -> None:
    """They are compared as bytes."""
    assert notes(noted(HERE).replace(b"*22B", b"*39A"), "six.gcno") is None


# --- code ------------------------------------------------------------------------------------


def counting(folder: str, stamp: int = 1, wrong: tuple[int, int] = (0, 0), name: str = "half") -> bytes:
    """Return a shared object with the counts of a function; `wrong` is added to its number and its checksum."""
    counts = f"{folder}/six.gcda\0".encode()
    pieces = [
        Piece(".text", b"\x90" * 64, ALLOC | EXECUTE),
        Piece(".data", bytes(80), ALLOC),
        Piece(".rodata", counts + b"the last text\0", ALLOC),
        Piece(".symtab", bytes(24), kind=elf_builder.SYMTAB, link=".strtab", entry=24),
        Piece(".strtab", f"\0__gcov_.{name}\0".encode(), kind=STRTAB),
    ]
    laid = elf_builder.write(*pieces)
    data, text = elf_builder.place(laid, ".data"), elf_builder.place(laid, ".rodata")
    words = [(one + add) & 0xFFFFFFFF for one, add in zip(sums(folder, name), wrong, strict=True)]
    total = 0
    for word in (*words, 5):
        total = checksum(total, word.to_bytes(4, "big"))
    function = struct.pack("<QIIIIQQ", data + 40, *words, 5, 0, 1, 0)
    information = struct.pack("<QQIIQQ", int.from_bytes(b"*22B", "little"), 0, stamp, total, text, 0)
    pieces[1] = Piece(".data", function + information, ALLOC)
    pieces[3] = Piece(
        ".symtab",
        struct.pack("<IBBHQQ", 1, 1, 0, 2, data, 40),
        kind=elf_builder.SYMTAB,
        link=".strtab",
        entry=24,
    )
    return elf_builder.write(*pieces)


def test_the_checksums_of_code_follow_from_the_path() -> None:
    """The path of the counts leads to that of the source."""
    found, places = explained("six.so", counting(HERE), counting(THERE, stamp=2))
    assert (set(found.causes), found.left) == ({"embedded-path", "coverage-stamp"}, ())
    assert coverage.STAMP in places
    alone, _ = explained("six.so", counting(HERE), counting(HERE, stamp=2))
    assert (set(alone.causes), alone.left) == ({"coverage-stamp"}, ())


@pytest.mark.parametrize("wrong", [(1, 0), (0, 1)])
def test_another_checksum_stays_unexplained(wrong: tuple[int, int]) -> None:
    """Even if the sum of all is right."""
    found, _ = explained("six.so", counting(HERE), counting(THERE, 2, wrong))
    assert ".data" in found.left


def test_a_version_alone_is_no_information() -> None:
    """Without a function that leads to it."""
    first, second = (counting(HERE, stamp).replace(b"__gcov_.", b"__othr_.") for stamp in (1, 2))
    found, places = explained("six.so", first, second)
    assert (dict(found.causes), found.left) == ({}, (".data",))
    assert coverage.STAMP not in places
