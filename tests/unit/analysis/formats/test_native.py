"""Native members are compared section by section; no content breaks that, and no difference is lost."""

from __future__ import annotations

import lzma
import struct
import zlib
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from orchestrator.analysis.causes import native as native_causes
from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.analysis.causes.model import Side, SidePair
from orchestrator.analysis.formats import native
from orchestrator.analysis.formats.alignment import align
from orchestrator.analysis.formats.render import BytesContent
from orchestrator.analysis.matching import explain
from orchestrator.model import Severity, Traces, deepest
from tests import elf_builder
from tests.cause_cases import PACKAGES
from tests.elf_builder import ALLOC, COMPRESSED, EXECUTE, STRINGS, STRTAB, Piece

HERE = "/build/0123456789ab/six-1.16.0"
THERE = "/srv/ba9876543210/second/build/source-ba9876543210"
FIRST = Traces(
    values=(("build-path", HERE), ("build-path", HERE.rpartition("/")[0]), ("tmpdir", "/tmp/aaaaaaaaaaaa")),  # noqa: S108
    clock=(1_795_363_200.0, 1_795_363_260.0),  # 2026-11-22 16:00 UTC
)
SECOND = Traces(
    values=(("build-path", THERE), ("tmpdir", "/var/bbbbbbbbbbbb/tmp")),
    clock=(1_829_773_380.0, 1_829_773_440.0),  # 2027-12-25 22:23 UTC
)
CODE = Piece(".text", b"\x90" * 64, ALLOC | EXECUTE)


@dataclass(frozen=True)
class Found:
    """The diagnosis of two files."""

    severity: Severity
    causes: tuple[str, ...]
    left: tuple[str, ...]
    tokens: tuple[str, ...]


def look(first: bytes, second: bytes, traces: tuple[Traces, Traces] = (FIRST, SECOND)) -> Found:
    """Compare two files, and explain the differences."""
    pair = normalize(first, second, traces)
    found = explain(pair, CAUSES)
    tokens = tuple(pair[0].member.tokens)
    return Found(deepest(pair[0].member.depths.values()), tuple(found.causes), found.left, tokens)


def normalize(first: bytes, second: bytes, traces: tuple[Traces, Traces] = (FIRST, SECOND)) -> SidePair:
    """Normalize two files."""
    ours, theirs = native.normalize("pkg/x.so", BytesContent(first), BytesContent(second))
    return Side(ours, traces[0]), Side(theirs, traces[1])


def debugged(folder: str, number: int = 0, *, flags: int = STRINGS) -> bytes:
    """Return a file with debug information: offsets of strings that follow a path."""
    strings = f"{folder}\0src/six.c\0/usr/include\0int\0".encode()
    info = struct.pack(
        "<HIBIIIH",
        5,
        strings.index(b"src"),
        7,
        strings.index(b"int\0"),
        strings.index(b"/usr"),
        0,
        number,
    )
    return elf_builder.write(
        elf_builder.build_id(folder.encode().ljust(20)[-20:]),
        CODE,
        Piece(".debug_info", info, alignment=1),
        Piece(".debug_line_str", strings, flags, alignment=1),
    )


# --- debug information -----------------------------------------------------------------------


def test_a_path_in_debug_information_explains_all_places_that_it_moves() -> None:
    """All loaded data is equal; the build id and the offsets of strings are derived."""
    assert look(debugged(HERE), debugged(THERE)) == Found(
        Severity.DEBUG, ("debug-path",), (), (".debug_line_str (strings)",)
    )


def test_in_foreign_wheels_two_folders_at_one_place_are_a_path() -> None:
    """Without knowledge of either build."""
    unknown = Traces(), Traces()
    found = look(debugged("/root/a/six"), debugged("/home/someone/work/six"), unknown)
    assert (found.causes, found.left) == (("debug-path",), ())
    other = look(debugged("/usr/include/one"), debugged("/usr/include/other"), unknown)
    assert (other.causes, other.left) == ((), (".debug_line_str (strings)",))


def test_a_number_that_differs_beside_a_path_stays_unexplained() -> None:
    """The path is named nevertheless."""
    found = look(debugged(HERE), debugged(THERE, 77))
    assert (found.severity, found.causes, found.left) == (Severity.DEBUG, ("debug-path",), (".debug_info",))


def test_an_offset_that_leads_to_another_text_stays_unexplained() -> None:
    """Though it leads to a string."""
    second = bytearray(debugged(THERE))
    word = elf_builder.place(bytes(second), ".debug_info") + 2
    strings = f"{THERE}\0src/six.c\0/usr/include\0int\0".encode()
    second[word : word + 4] = struct.pack("<I", strings.index(b"/usr"))
    assert look(debugged(HERE), bytes(second)).left == (".debug_info",)


def test_compressed_debug_sections_are_unpacked() -> None:
    """As the compiler's -gz makes them."""

    def packed(folder: str) -> bytes:
        strings = f"{folder}\0{'x' * 50}\0".encode()
        data = struct.pack("<IIQQ", 1, 0, len(strings), 1) + zlib.compress(strings)
        return elf_builder.write(CODE, Piece(".debug_line_str", data, STRINGS | COMPRESSED))

    assert look(packed(HERE), packed(THERE)).causes == ("debug-path",)
    bomb = struct.pack("<IIQQ", 1, 0, 1 << 50, 1) + b"junk"
    broken = elf_builder.write(CODE, Piece(".debug_line_str", bomb, STRINGS | COMPRESSED))
    assert look(packed(HERE), broken).left


def test_packed_symbols_for_debuggers_are_compared() -> None:
    """A small ELF file in an ELF file."""

    def packed(folder: str) -> bytes:
        return elf_builder.write(CODE, Piece(".gnu_debugdata", lzma.compress(debugged(folder))))

    assert look(packed(HERE), packed(THERE)) == Found(Severity.DEBUG, ("debug-path",), (), (".gnu_debugdata",))
    assert look(packed(HERE), elf_builder.write(CODE, Piece(".gnu_debugdata", b"\xfd7zXZ\0broken"))).left
    twice = [
        elf_builder.write(CODE, Piece(".gnu_debugdata", lzma.compress(packed(folder)))) for folder in (HERE, THERE)
    ]
    assert look(twice[0], twice[1]).left == (".gnu_debugdata",)


def line_table(folder: str, program: bytes = b"\1\2\3") -> bytes:
    """Return a line table of DWARF 4, which contains names in full."""
    fixed = b"\1\1\1\xfb\x0e\x0d" + bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1])
    names = folder.encode() + b"\0\0six.c\0\1\0\0\0"
    header = fixed + names
    rest = struct.pack("<HI", 4, len(header)) + header + program
    return struct.pack("<I", len(rest)) + rest


def test_older_line_tables_contain_full_paths_and_change_their_length() -> None:
    """Offsets of tables in other sections are derived."""

    def older(folder: str, program: bytes = b"\1\2\3") -> bytes:
        first = line_table(folder)
        return elf_builder.write(
            CODE,
            Piece(".debug_line", first + line_table(f"{folder}/src", program), alignment=1),
            Piece(".debug_info", struct.pack("<HIB", 4, len(first), 1), alignment=1),
        )

    assert look(older(HERE), older(THERE)) == Found(Severity.DEBUG, ("debug-path",), (), (".debug_line",))
    assert look(older(HERE), older(THERE, b"\1\2\4")).left == (".debug_line",)


def test_a_build_id_that_differs_alone_has_no_cause() -> None:
    """The data that it hashes was stripped."""
    found = look(
        elf_builder.write(elf_builder.build_id(b"1" * 20), CODE),
        elf_builder.write(elf_builder.build_id(b"2" * 20), CODE),
    )
    assert found == Found(Severity.DEBUG, (), (".note.gnu.build-id, alone",), (".note.gnu.build-id, alone",))


# --- how deep --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("piece", "severity"),
    [
        (Piece(".rodata", b"one", ALLOC), Severity.DATA),
        (Piece(".text.unlikely", b"one", ALLOC | EXECUTE), Severity.CODE),
        (Piece(".comment", b"one"), Severity.DEBUG),
        (Piece(".strtab", b"one\0", kind=STRTAB), Severity.DEBUG),
        (Piece(".unheard-of", b"one", ALLOC), Severity.DATA),
    ],
)
def test_severity_depends_on_what_is_loaded(piece: Piece, severity: Severity) -> None:
    """Names do not matter."""
    other = replace(piece, data=piece.data.replace(b"one", b"two"))
    found = look(elf_builder.write(CODE, piece), elf_builder.write(CODE, other))
    assert found.severity is severity
    assert found.left


def test_segments_decide_what_is_loaded() -> None:
    """The flags of a section do not."""
    first = elf_builder.write(CODE, Piece(".debug_str", b"what is loaded and runs", ALLOC | EXECUTE))
    lying = bytearray(first)
    table = struct.unpack_from("<Q", first, 40)[0]
    lying[table + 64 * 2 + 8] = 0  # its flags
    other = bytes(lying).replace(b"and runs", b"and RUNS")
    assert look(bytes(lying), other).severity is Severity.CODE


def test_loaded_data_outside_sections_is_code() -> None:
    """A file may have no section headers."""
    first = bytearray(elf_builder.write(CODE))
    first[40:48] = bytes(8)
    first[58:64] = bytes(6)
    second = bytes(first).replace(b"\x90\x90", b"\x90\x91", 1)
    assert look(bytes(first), second).severity is Severity.CODE


SAMPLE = elf_builder.write(
    elf_builder.build_id(b"5" * 20),
    CODE,
    Piece(".rodata", b"a text\0another\0" + bytes(20) + b"the last\0", ALLOC),
    Piece(".dynstr", b"\0puts\0libc.so.6\0", ALLOC, STRTAB),
    Piece(
        ".symtab",
        bytes(24) + struct.pack("<IBBHQQ", 1, 2, 0, 2, 0x40, 8),
        kind=elf_builder.SYMTAB,
        link=".strtab",
        entry=24,
    ),
    Piece(".strtab", b"\0main\0", kind=STRTAB),
    Piece(".debug_info", bytes(range(64))),
    Piece(".debug_str", b"int\0char\0", STRINGS),
)


def loaded(file: bytes) -> set[int]:
    """Return the places of all bytes that matter at run time: segments, without the build id and section headers."""
    offset, count = struct.unpack_from("<Q", file, 32)[0], struct.unpack_from("<H", file, 56)[0]
    found: set[int] = set()
    for number in range(count):
        kind, _, place, _, _, size = struct.unpack_from("<IIQQQQ", file, offset + 56 * number)
        found |= set(range(place, place + size)) if kind == 1 else set()
    note = elf_builder.place(file, ".note.gnu.build-id") + 16
    return found - set(range(note, note + 20)) - set(range(40, 48)) - set(range(58, 64))


@given(some.data())
@settings(max_examples=100, deadline=None)
def test_no_change_is_lost_and_none_that_is_loaded_is_called_debug_information(data: some.DataObject) -> None:
    """Any byte may be changed, removed or inserted; and no broken file raises an exception."""
    changed = bytearray(SAMPLE)
    places = data.draw(some.lists(some.integers(0, len(SAMPLE) - 1), min_size=1, max_size=6))
    for at in places:
        changed[at] = data.draw(some.integers(0, 255))
    second = bytes(changed)[: data.draw(some.integers(len(SAMPLE) - 40, len(SAMPLE)))]
    deep = any(second[at : at + 1] != SAMPLE[at : at + 1] for at in loaded(SAMPLE))
    for pair in ((SAMPLE, second), (second, SAMPLE)):
        found = look(*pair)
        assert bool(found.tokens) is (second != SAMPLE)
        assert set(found.causes).isdisjoint(cause.name for cause in native_causes.CAUSES), found
        assert not deep or found.severity in (Severity.DATA, Severity.CODE)


@given(some.binary(max_size=400), some.binary(max_size=400))
def test_no_hostile_object_or_library_breaks_it(first: bytes, second: bytes) -> None:
    """Only headers, and any bytes after them."""
    for head in (b"\x7fELF\x02\x01\x01", b"\x7fELF\x01\x02\x01", b"!<arch>\n", SAMPLE[:64]):
        found = look(head + first, head + second)
        assert bool(found.tokens) is (first != second)


# --- what is loaded --------------------------------------------------------------------------


def embedding(path: str, target: bytes = b"the last text") -> bytes:
    """Return a file whose code refers to texts that follow a path."""
    texts = path.encode() + b"/x.c\0a text\0the last text\0"
    texts += bytes(-len(texts) % 8) + b"even now\0"

    def made(text: Piece, where: int) -> Piece:
        words = [struct.pack("<i", where + texts.index(word) - (at + 4)) for at, word in text_at.items()]
        data = bytearray(text.data)
        for at, word in zip(text_at, words, strict=True):
            data[at - base : at - base + 4] = word
        return replace(text, data=bytes(data))

    rodata = Piece(".rodata", texts, ALLOC)
    file = elf_builder.write(CODE, rodata)
    base = elf_builder.place(file, ".text")
    text_at = {base + 3: b"a text", base + 11: target, base + 29: b"even now"}
    return elf_builder.write(made(CODE, elf_builder.place(file, ".rodata")), rodata)


def test_data_that_moved_after_a_path_is_not_a_separate_difference() -> None:
    """Words of code that refer to the same texts are equal."""
    found = look(embedding(HERE), embedding(THERE))
    assert (found.severity, found.causes, found.left) == (Severity.CODE, ("embedded-path",), ())


def test_a_word_with_another_target_did_not_only_move() -> None:
    """The path is named, and the rest is unexplained."""
    found = look(embedding(HERE), embedding(THERE, b"a text"))
    assert found.causes == ("embedded-path",)
    assert ".text" in found.left


def test_a_path_of_the_same_length_moves_nothing() -> None:
    """So nothing is derived."""
    path = "/build/0000000000ff/six-2.99.0"
    found = look(embedding(HERE), embedding(path), (FIRST, replace(SECOND, values=(("build-path", path),))))
    assert (found.severity, found.causes, found.left) == (Severity.DATA, ("embedded-path",), ())


def test_data_that_moved_between_a_path_and_padding_is_not_a_separate_difference() -> None:
    """The section has the same length on both sides; a real difference at its end is still unexplained."""

    def data(path: str, number: int = 7) -> Piece:
        texts = path.encode() + b"/x.c\0" + b"".join(b"this is text number %d\0" % at for at in range(40))
        return Piece(".rodata", texts + bytes(-len(texts) % 2048) + struct.pack("<Q", number), ALLOC)

    first = elf_builder.write(CODE, data(HERE))
    assert len(data(HERE).data) == len(data(THERE).data)
    found = look(first, elf_builder.write(CODE, data(THERE)))
    assert (found.severity, found.causes, found.left) == (Severity.DATA, ("embedded-path",), ())
    assert look(first, elf_builder.write(CODE, data(THERE, 8))).left == (".rodata",)


def table(path: str, add: int = 0, other: int = 7) -> bytes:
    """Return a file with a table of strings without NUL, and their lengths; `add` is added to that of the path."""
    lengths = struct.pack("<III", 10, len(path) + 6 + add, other)
    return elf_builder.write(
        CODE, Piece(".rodata", lengths + f"some texts{path}/m.pyx".encode() + b"another\0the last text\0", ALLOC)
    )


def test_the_length_of_a_text_follows_from_the_path_in_it() -> None:
    """In a table of strings without ends, as Cython writes them; one length for each path, and no other."""
    found = look(table(HERE), table(THERE))
    assert (found.causes, found.left) == (("embedded-path",), ())
    grown = len(THERE) - len(HERE)
    for second in (table(THERE, add=1), table(THERE, other=8), table(THERE, other=7 + grown)):
        assert ".rodata" in look(table(HERE), second).left
    assert look(table(HERE), table(HERE, add=grown)).left == (".rodata",)


@pytest.mark.parametrize("traces", [(FIRST, FIRST), (Traces(), Traces())])
def test_a_folder_with_a_random_name_is_not_a_planted_path(traces: tuple[Traces, Traces]) -> None:
    """It differs in equal environments; if the rest differs too, it is a path."""
    first, second = (f"/tmp/tmp{letters}/sin-1.0" for letters in ("ab12cd34", "zz99_yx8"))  # noqa: S108 - only names
    found = look(embedding(first), embedding(second), traces)
    assert (found.severity, found.causes, found.left) == (Severity.DATA, ("random-folder",), ())
    assert "embedded-path" in look(embedding(HERE), embedding(THERE)).causes


def test_a_table_of_strings_is_sorted_by_the_folders_in_it() -> None:
    """Where neither environment is known, a path's partner is the one of its file name, not of its place."""
    tables = (
        b"/build/a/helper.c\0/tmp/a/tmpab12cd34/build\0/build/a/x-1.0\0",
        b"/srv/b/tmp/tmpzz99_yx8/build\0/srv/b/c/helper.c\0/srv/b/c/source\0",
    )
    first, second = (elf_builder.write(CODE, Piece(".debug_line_str", table, STRINGS)) for table in tables)
    found = look(first, second, (Traces(), Traces()))
    assert (found.severity, found.causes, found.left) == (Severity.DEBUG, ("debug-path", "random-folder"), ())
    other = elf_builder.write(CODE, Piece(".debug_line_str", tables[1].replace(b"helper.c", b"helpee.c"), STRINGS))
    assert look(first, other, (Traces(), Traces())).left


def searching(path: str) -> bytes:
    """Return a file with library search paths."""
    strings = f"\0libc.so.6\0{path}/lib\0puts\0".encode()
    entries = [(1, 1), (29, strings.index(path.encode())), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    return elf_builder.write(
        CODE,
        Piece(".dynamic", dynamic, ALLOC, elf_builder.DYNAMIC, link=".dynstr"),
        Piece(".dynstr", strings, ALLOC, STRTAB),
    )


def test_a_search_path_is_distinguished_from_other_paths() -> None:
    """Its text is among the names of symbols, whose size is derived."""
    found = look(searching(HERE), searching(THERE))
    assert (found.severity, found.causes, found.left) == (Severity.DATA, ("rpath",), ())
    assert "DT_RUNPATH" in found.tokens


@pytest.mark.parametrize(
    ("first", "second", "causes"),
    [
        (b"of Nov 22 2026", b"of Dec 25 2027", ("compile-date",)),
        (b"2026-11-22T16:00:31Z", b"2027-12-25T22:23:40Z", ("compile-date",)),
        (b"16:00:31", b"22:23:40", ("compile-date",)),
        (b"of Nov 22 2026", b"of Dec 25 2029", ()),  # not the build's
        (b"03:00:31", b"09:23:40", ()),
        (b"host first-0123", b"host secnd-9876", ()),
    ],
)
def test_only_a_date_of_the_build_is_a_cause(first: bytes, second: bytes, causes: tuple[str, ...]) -> None:
    """The clock of each build is known."""
    files = [
        elf_builder.write(CODE, Piece(".rodata", b"before\0" + text + b"\0after\0", ALLOC)) for text in (first, second)
    ]
    found = look(files[0], files[1])
    assert found.causes == causes
    assert bool(found.left) is not bool(causes)


@pytest.mark.parametrize(
    ("first", "second", "causes"),
    [
        (1_795_363_231, 1_829_773_420, ("compile-date",)),
        (0x6B031180, 0x6D102080, ("compile-date",)),  # one byte is equal
        (1_795_363_231, 1_829_773_520, ()),  # not the second build's
        (1_829_773_420, 1_795_363_231, ()),  # each is the other's
        (7, 9, ()),
    ],
)
def test_only_the_seconds_of_the_build_are_a_cause(first: int, second: int, causes: tuple[str, ...]) -> None:
    """A number in data, beside others that are equal."""
    found = look(counting(first), counting(second))
    assert (found.causes, bool(found.left)) == (causes, not causes)


def counting(number: int, *, after: int = 5, at: int = 8) -> bytes:
    """Return a file whose data has a number of 64 bits at an offset, and one of 32 bits after it."""
    return elf_builder.write(CODE, Piece(".data", bytes(at) + struct.pack("<QI", number, after), ALLOC))


def test_what_differs_beside_the_seconds_of_the_build_is_not_explained() -> None:
    """The number after it, the upper half of its own, and a number that is not aligned."""
    first, second = 1_795_363_231, 1_829_773_420
    assert look(counting(first), counting(second, after=6)).left == (".data",)
    assert look(counting(first), counting(second | 1 << 32)).left == (".data",)
    assert look(counting(first, at=9), counting(second, at=9)).left == (".data",)


def test_seconds_that_happen_to_be_a_text_are_a_cause() -> None:
    """Each of the four bytes is a letter."""
    traces = Traces(clock=(0x6B6B6B60, 0x6B6B6B70)), Traces(clock=(0x6D6D6D60, 0x6D6D6D70))
    files = counting(0x6B6B6B6B), counting(0x6D6D6D6D)
    assert look(*files, traces).causes == ("compile-date",)
    assert look(*files).left == (".data",)


def test_the_seconds_of_the_build_in_code_are_not_explained() -> None:
    """Whatever they are, an instruction differs."""
    first, second = (
        elf_builder.write(Piece(".text", bytes(8) + struct.pack("<Q", number), ALLOC | EXECUTE))
        for number in (1_795_363_231, 1_829_773_420)
    )
    assert look(first, second).left == (".text",)


PARTS = {"one": b"the first", "two": b"and the second", "three": b"the third of them"}


def linked(order: tuple[str, ...], wrong: str = "") -> bytes:
    """Return a file of a few functions, each of which refers to a separate text, in that order."""
    texts = b"".join(PARTS[name] + b"\0" for name in order)
    names = b"\0" + b"".join(name.encode() + b"\0" for name in order)
    pieces = [
        Piece(".text", bytes(16 * len(order)), ALLOC | EXECUTE),
        Piece(".rodata", texts, ALLOC),
        Piece(".symtab", bytes(24 * len(order)), kind=elf_builder.SYMTAB, link=".strtab", entry=24),
        Piece(".strtab", names, kind=STRTAB),
    ]
    laid = elf_builder.write(*pieces)
    code, data = (elf_builder.place(laid, name) for name in (".text", ".rodata"))
    text, symbols = bytearray(), bytearray()
    for name in order:
        target = data + texts.index(PARTS[wrong if name == "one" and wrong else name])
        here = code + len(text)
        symbols += struct.pack("<IBBHQQ", names.index(name.encode() + b"\0"), 2, 0, 1, here, 12)
        text += struct.pack("<4si4s4s", name.encode()[:3], target - (here + 8), b"\xc3" * 4, b"\x90" * 4)
    pieces[0], pieces[2] = replace(pieces[0], data=bytes(text)), replace(pieces[2], data=bytes(symbols))
    return elf_builder.write(*pieces)


ORDERS = (("one", "two", "three"), ("three", "one", "two"))


def test_objects_in_another_order_are_the_same_objects() -> None:
    """Each has the same references; a changed one is unexplained."""
    found = look(linked(ORDERS[0]), linked(ORDERS[1]))
    assert (found.severity, found.causes, found.left) == (Severity.CODE, ("object-order",), ())
    assert look(linked(ORDERS[0]), linked(ORDERS[1], wrong="two")).left == (".text",)


def test_a_place_is_shown_with_its_symbol() -> None:
    """Bytes of code, and words that only moved."""
    pair = normalize(linked(ORDERS[0]), linked(ORDERS[1], wrong="two"))
    assert pair[0].member.tokens[".text"].startswith(b"0x4 (one+0x4): ")
    assert b" (two+0x4): " in pair[0].member.tokens[".text (moved)"]


EXPLAINED = (
    (linked(ORDERS[0]), linked(ORDERS[1])),
    (debugged(HERE), debugged(THERE)),
    (embedding(HERE), embedding(THERE)),
    (searching(HERE), searching(THERE)),
)


@given(some.sampled_from(EXPLAINED), some.data())
@settings(max_examples=120, deadline=None)
def test_an_additional_difference_stays_unexplained(files: tuple[bytes, bytes], data: some.DataObject) -> None:
    """Any other byte, except in the build id and in the offsets of the sections' names."""
    first, second = files
    assert look(first, second).left == ()
    at = data.draw(some.integers(0, len(second) - 1))
    changed = bytearray(second)
    changed[at] ^= data.draw(some.integers(1, 255))
    identity = elf_builder.place(second, ".note.gnu.build-id") + 16 if b"build-id" in second else len(second)
    table = struct.unpack_from("<Q", second, 40)[0]
    if not identity <= at < identity + 20 and not (at >= table and (at - table) % 64 < 4):
        assert look(first, bytes(changed)).left, at


# --- libraries and objects -------------------------------------------------------------------


def test_the_objects_of_a_static_library_are_compared() -> None:
    """Each separately; their names and times are compared too."""
    first = elf_builder.library(("one.o", debugged(HERE)), ("two.o", SAMPLE))
    second = elf_builder.library(("one.o", debugged(THERE)), ("two.o", SAMPLE))
    assert look(first, second) == Found(Severity.DEBUG, ("debug-path",), (), ("one.o: .debug_line_str (strings)",))
    later = elf_builder.library(("one.o", debugged(HERE)), ("two.o", SAMPLE), time=1)
    headers = look(first, later)
    assert (headers.causes, headers.left) == (("static-library-headers",), ())
    assert headers.severity is Severity.METADATA
    both = look(first, elf_builder.library(("one.o", debugged(THERE, 77)), ("two.o", SAMPLE), time=1))
    assert (both.causes, both.left) == (("static-library-headers", "debug-path"), ("one.o: .debug_info",))
    renamed = elf_builder.library(("one.o", debugged(HERE)), ("too.o", SAMPLE))
    assert look(first, renamed).severity is Severity.CODE


def test_random_names_of_link_time_optimisation_are_a_cause() -> None:
    """Sections are paired without the random part of their names."""
    files = [
        elf_builder.write(Piece(f".gnu.lto_.decls.{seed}", b"the same"), relocatable=True)
        for seed in ("515dc3f2eb6348c6", "0f5dc3f2eb6348ff")
    ]
    found = look(files[0], files[1])
    assert (found.causes, found.left) == (("lto-symbols",), ())
    other = files[1].replace(b"the same", b"THE SAME")
    assert look(files[0], other).severity is Severity.CODE
    assert look(files[0], other).left


# --- the parts of it -------------------------------------------------------------------------

STRINGS_OF = some.lists(some.binary(max_size=12).map(lambda text: text.replace(b"\0", b"0")), max_size=40)


@given(STRINGS_OF, STRINGS_OF, STRINGS_OF)
def test_aligned_bytes_are_equal_and_the_rest_are_gaps(
    shared: list[bytes], ours: list[bytes], theirs: list[bytes]
) -> None:
    """Joined again, they give both sides."""
    first = b"".join(text + b"\0" for text in (*shared, *ours, *shared))
    second = b"".join(text + b"\0" for text in (*shared, *theirs, *shared))
    found = align(first, second)
    assert found is not None
    left = right = 0
    for gap in found.gaps:
        assert first[left : gap.first] == second[right : gap.second]
        left, right = gap.first_end, gap.second_end
    assert first[left:] == second[right:]
    for offset in range(len(first)):
        there = found.place(offset)
        if found.gap(offset) is None:
            assert there is not None
            assert first[offset] == second[there]


def test_each_cause_of_native_code_is_complete() -> None:
    """It has a package and texts."""
    for cause in native_causes.CAUSES:
        assert (PACKAGES / cause.name / "sin.py").is_file(), cause.name
        assert all((cause.summary, cause.why, cause.shows, cause.example, cause.remedies)), cause.name
