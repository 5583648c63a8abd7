"""Wheels of other builders: what their tools did is named, and never explains other code."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.analysis.causes.foreign import CAUSES as FOREIGN
from orchestrator.analysis.causes.model import Side
from orchestrator.analysis.formats import native
from orchestrator.analysis.formats.render import BytesContent
from orchestrator.analysis.formats.text import member_pair, text
from orchestrator.analysis.matching import explain
from orchestrator.model import Severity, Traces
from tests import elf_builder
from tests.elf_builder import ALLOC, EXECUTE, STRINGS, Piece

if TYPE_CHECKING:
    from orchestrator.analysis.formats.text import MemberPair

Found = tuple[tuple[str, ...], tuple[str, ...]]
"""The causes, and the places that stay unexplained."""


def explained(pair: MemberPair) -> Found:
    """Explain two sides of a member, of whose environments nothing is known."""
    ours, theirs = pair
    found = explain((Side(ours, Traces()), Side(theirs, Traces())), CAUSES)
    return tuple(found.causes), found.left


def look(first: bytes, second: bytes) -> Found:
    """Explain two native files."""
    return explained(native.normalize("pkg/x.so", BytesContent(first), BytesContent(second)))


def compiled_by(compiler: bytes, code: bytes = b"\x90" * 16) -> bytes:
    """Return a file with a compiler's name."""
    return elf_builder.write(Piece(".text", code, ALLOC | EXECUTE), Piece(".comment", compiler + b"\0", STRINGS))


def test_another_compiler_is_named_and_does_not_explain_code() -> None:
    """The instructions may differ for any reason."""
    ours, theirs = b"GCC: (Debian 12.2.0-14+deb12u1) 12.2.0", b"GCC: (GNU) 10.2.1 20210130 (Red Hat 10.2.1-11)"
    clang = b"Debian clang version 14.0.6"
    assert look(compiled_by(ours), compiled_by(theirs)) == (("other-compiler",), ())
    assert look(compiled_by(ours), compiled_by(clang)) == (("other-compiler",), ())
    assert look(compiled_by(ours), compiled_by(theirs, b"\x91" * 16)) == (("other-compiler",), (".text",))
    assert look(compiled_by(b"made here"), compiled_by(b"made there"))[0] == ()
    assert look(compiled_by(ours), compiled_by(ours + b"\0and more")) == ((), (".comment (strings)",))


@cache
def stripped(*options: str, source: str = "int f(int x) { return x + 1; }") -> bytes:
    """Compile a library, and strip it with each of the given options."""
    with TemporaryDirectory() as folder:
        Path(folder, "x.c").write_text(source, encoding="utf-8")
        build = ["gcc", "-g", "-shared", "-fPIC", f"-ffile-prefix-map={folder}=.", "-o", "x.so", "x.c"]
        for command in (build, *(["strip", option, "x.so"] for option in options)):
            subprocess.run(command, check=True, cwd=folder)
        return Path(folder, "x.so").read_bytes()


def test_a_stripped_file_is_named() -> None:
    """From either side; other code beside it is unexplained."""
    whole, bare = stripped(), stripped("--strip-all")
    assert look(whole, bare) == look(bare, whole) == (("stripped",), ())
    other = stripped("--strip-all", source="int f(int x) { return x + 2; }")
    causes, left = look(whole, other)
    assert causes == ("stripped",)
    assert ".text" in left


def test_sections_on_both_sides_are_not_stripped() -> None:
    """Each file has a section that the other lacks, or one that is loaded."""
    first, second = (elf_builder.write(Piece(name, b"something")) for name in (".debug_info", ".debug_line"))
    assert look(first, second)[0] == ()
    loaded = elf_builder.write(Piece(".symtab.own", b"something", ALLOC))
    assert look(loaded, elf_builder.write(Piece(".other", b"1", ALLOC)))[0] == ()


@pytest.mark.parametrize(
    ("path", "repaired"),
    [
        ("pkg.libs/libz-0b1c2d3e.so.1", True),
        ("pkg.libs/libgfortran-040039e1.so.5.0.0", True),
        ("pkg-1.0.dist-info/sboms/auditwheel.cdx.json", True),
        ("pkg.libs/libz.so.1", False),
        ("pkg/libz-0b1c2d3e.so.1", False),
        ("pkg.libs/evil.py", False),
        ("pkg-1.0.dist-info/sboms/other.json", False),
    ],
)
def test_members_of_a_repaired_wheel(path: str, repaired: bool) -> None:  # noqa: FBT001 - a column of the table
    """Only libraries with a hash in their names, in the folder for them."""
    both = member_pair(path, "presence", iter([("member", b"present", b"absent")]), Severity.MEMBERS)
    assert ("repaired" in explained(both)[0]) is repaired


@pytest.mark.parametrize(
    ("first", "second", "repaired"),
    [
        (b"Tag: cp311-cp311-linux_x86_64", b"Tag: cp311-cp311-manylinux_2_17_x86_64", True),
        (
            b"Tag: cp311-cp311-linux_x86_64",
            b"Tag: cp311-cp311-manylinux1_x86_64\nTag: cp311-cp311-manylinux_2_5_x86_64",
            True,
        ),
        (
            b"Tag: cp311-cp311-linux_x86_64",
            b"Tag: cp311-cp311-manylinux1_x86_64\nTag: cp39-abi3-manylinux_2_5_x86_64",
            False,
        ),
        (b"Tag: cp311-cp311-linux_x86_64", b"Tag: cp312-cp312-manylinux_2_17_x86_64", False),
        (b"Tag: cp311-cp311-linux_x86_64", b"Tag: cp311-cp311-macosx_11_0_arm64", False),
        (b"Tag: cp311-cp311-manylinux_2_17_x86_64", b"Tag: cp311-cp311-manylinux_2_28_x86_64", False),
        (b"Generator: on linux_x86_64", b"Generator: on manylinux_2_17_x86_64", False),
    ],
)
def test_tags_of_a_repaired_wheel(first: bytes, second: bytes, repaired: bool) -> None:  # noqa: FBT001
    """One side is for the exact machine, the other is portable, and all else is equal."""
    both = text("pkg-1.0.dist-info/WHEEL", "metadata", first + b"\n", second + b"\n", Severity.METADATA)
    assert ("repaired" in explained(both)[0]) is repaired


def searching(path: bytes) -> bytes:
    """Return a file with a search path."""
    strings = b"\0" + path + b"\0"
    dynamic = (1).to_bytes(8, "little").join([(29).to_bytes(8, "little"), bytes(16)])
    return elf_builder.write(
        Piece(".dynamic", dynamic, ALLOC, elf_builder.DYNAMIC, link=".dynstr"),
        Piece(".dynstr", strings, ALLOC, elf_builder.STRTAB),
    )


def test_a_search_path_of_copied_libraries_is_named() -> None:
    """Another path is not that of a repaired wheel."""
    assert "repaired" in look(searching(b""), searching(b"$ORIGIN/../pkg.libs"))[0]
    for other in (b"$ORIGIN/lib", b"/home/me/pkg.libs", b"$ORIGIN/../pkg.libs:/home/me"):
        assert "repaired" not in look(searching(b""), searching(other))[0]


REPAIRED = {
    "DT_RUNPATH": (b"/opt/lib\n", b""),
    "DT_RPATH": (b"", b"$ORIGIN/../pkg.libs\n"),
    "DT_NEEDED": (b"libz.so.1\nlibc.so.6\n", b"libz-0b1c2d3e.so.1\nlibc.so.6\n"),
    ".dynstr": (b"0xa8: /opt/lib\n", b"0xa8: $ORIGIN/../pkg.libs\0XXXX\0libz-0b1c2d3e.so.1\n"),
    "between sections": (b"", b"ZZZZ\0\0\0\0ZZ\nXX"),
}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({}, ()),
        ({".text": (b"0x4: \\x1b\n", b"0x4: \\x1a\n")}, (".text",)),
        ({".dynstr": (b"0xa8: /opt/lib\n", b"0xa8: $ORIGIN/../pkg.libs\0system\n")}, (".dynstr",)),
        ({".dynstr": (b"0xa8: puts\n", b"0xa8: XXXX\0$ORIGIN/../pkg.libs\n")}, (".dynstr",)),
        ({"between sections": (b"", b"ZZZZ\xc3")}, ("between sections",)),
        ({"between sections": (b"ZZ", b"XX")}, ("between sections",)),
        (
            {"DT_RPATH": (b"", b"$ORIGIN/../pkg.libs:/home/me\n")},
            ("DT_RUNPATH", "DT_RPATH", ".dynstr"),
        ),
        ({"DT_NEEDED": (b"libz.so.1\n", b"libevil-0b1c2d3e.so.1\n")}, ("DT_NEEDED", ".dynstr")),
        ({"DT_NEEDED": (b"libz.so.1\nlibc.so.6\n", b"libc.so.6\nlibz-0b1c2d3e.so.1\n")}, ("DT_NEEDED", ".dynstr")),
        ({"DT_NEEDED": (b"libz.so.1\n", b"libz-0b1c2d3e.so.1\nlibc.so.6\n")}, ("DT_NEEDED", ".dynstr")),
        ({"DT_NEEDED": (b"libz.so.1\nlibc.so.6\n", b"libz-0b1c2d3e.so.1\nlibc.so.6.1\n")}, ("DT_NEEDED", ".dynstr")),
        (
            {
                "DT_NEEDED": (b"libz.so.1\nlibc.so.6\n", b"libz-0b1c2d3e.so.1.2.11\nlibc.so.6\n"),
                ".dynstr": (b"0xa8: /opt/lib\n", b"0xa8: libz-0b1c2d3e.so.1.2.11\0$ORIGIN/../pkg.libs\n"),
            },
            (),
        ),
        ({"DT_NEEDED": (b"libz.so.1\n", b"libz-0b1c2d3e.so.11\n")}, ("DT_NEEDED", ".dynstr")),
    ],
)
def test_what_a_repair_leaves_in_a_file(change: dict[str, tuple[bytes, bytes]], left: tuple[str, ...]) -> None:
    """Room that patchelf overwrote, and names that the loader's entries have, too; nothing else."""
    tokens = ((place, *texts) for place, texts in (REPAIRED | change).items())
    found = explained(member_pair("pkg/m.so", "elf", tokens, Severity.CODE))
    assert found == (("repaired",), left)


def test_foreign_causes_come_first() -> None:
    """A reader sees them before the places that are listed."""
    assert CAUSES[: len(FOREIGN)] == FOREIGN
