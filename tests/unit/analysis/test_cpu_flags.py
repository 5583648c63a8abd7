"""Compiling for the host's processor is found in calls of compilers and in their records, and nowhere else."""

from __future__ import annotations

import shutil
import subprocess
import time
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.cautions import CAUTIONS, DEPENDS_ON_CPU
from orchestrator.analysis.cpu_flags import LONGEST_LINE, in_line, in_log, in_records, in_wheel
from orchestrator.analysis.failure_signs import EVIDENCE
from orchestrator.sources import reading

if TYPE_CHECKING:
    from pathlib import Path

CALLS = [
    ("gcc -pthread -Wno-unused-result -O3 -march=native -fPIC -I/usr/include -c c13.c -o build/c13.o", "-march=native"),
    ("x86_64-linux-gnu-gcc -O2 -mtune=native -c a.c -o a.o", "-mtune=native"),
    ("/usr/bin/aarch64-linux-gnu-g++-12 -mcpu=native -c a.cpp", "-mcpu=native"),
    ("aarch64-linux-gnu-gcc -march=native+nocrypto -c a.c", "-march=native+nocrypto"),
    (
        "[1/2] cc -Ic37.so.p -I. -fdiagnostics-color=always -march=native -MD -o c37.so.p/c37.c.o -c ../c37.c",
        "-march=native",
    ),
    ("[ 50%] /usr/bin/ccache /usr/bin/c++ -march=native -o CMakeFiles/x.dir/x.cpp.o -c /x/x.cpp", "-march=native"),
    ("cd /x/build && /usr/bin/cc  -march=native -o CMakeFiles/x.o -c /x/x.c", "-march=native"),
    (": && /usr/bin/c++ -fPIC -O3 -march=native -shared -o x.so x.o && :", "-march=native"),
    ("/bin/sh ../libtool --tag=CC --mode=compile gcc -march=native -c x.c", "-march=native"),
    ("libtool: compile:  gcc -march=native -c x.c -fPIC", "-march=native"),
    ("INFO:root:gcc -march=native -c x.c", "-march=native"),
    ("++ CFLAGS=-O2 gcc -march=native -c x.c", "-march=native"),
    ('running: env -u IPHONEOS_DEPLOYMENT_TARGET LC_ALL="C" "cc" "-O3" "-march=native" "-c" "x.c"', "-march=native"),
    (
        "     Running `CARGO=/usr/bin/cargo CARGO_PKG_NAME='a b' rustc --crate-name x -C target-cpu=native`",
        "target-cpu=native",
    ),
    ("     Running `rustc --crate-name x src/lib.rs -Ctarget-cpu=native -L x`", "-Ctarget-cpu=native"),
    ("Running `cargo rustc --release -- -C target-cpu=native`", "target-cpu=native"),
    ("nvcc -Xcompiler -O3,-march=native -c x.cu", "-march=native"),
    ("icpx -O3 -xHost -c x.cpp", "-xHost"),
    ("ifort -O3 -xHOST -c x.f90", "-xHOST"),
    ("nvc -O3 -tp=native -c x.c", "-tp=native"),
    ("\x1b[1mgcc\x1b[0m -march=native -c x.c", "-march=native"),
    ("extra options: '-O3 -march=native'", "-march=native"),
    ("gcc -march=x86-64 -march=native -c x.c", "-march=native"),
]

OTHERS = [
    "Compiler for C supports arguments -march=native: YES",
    "-- Performing Test HAVE_FLAG_-march=native - Success",
    "warning: compiling with -march=native makes wheels that run only here",
    "gcc would accept -march=native here",
    "gcc: error: unrecognized -march=native",
    "echo gcc -march=native -c x.c",
    "copying gcc -march=native -c x.c",
    "cc1 -march=native x.c",
    "my-native-gcc-tool -march=native -c x.c",
    "gcc -march=x86-64-v3 -mtune=generic -c x.c",
    "gcc -march=native -march=x86-64-v2 -c x.c",
    "gcc -march=nativeish -c x.c",
    'gcc -DFLAGS="-march=native" -c x.c',
    "gcc -O2 -c native.c -o march=native.o",
    "gcc -march=native -o conftest conftest.c",
    "gcc -march=native -c /x/CMakeFiles/CMakeTmp/src.c",
    "rustc --crate-name x -C target-cpu=x86-64-v3",
    "export CFLAGS=-march=native",
    "icpx -xHostile -c x.cpp",
    "-march=native",
    "",
]


@pytest.mark.parametrize(("line", "option"), CALLS, ids=[line[:40] for line, _ in CALLS])
def test_a_call_of_a_compiler_shows_it(tmp_path: Path, line: str, option: str) -> None:
    """Through wrappers, as build tools print them."""
    assert (in_line(line) or "").endswith(option)
    log = tmp_path / "log"
    log.write_text("\n".join((*OTHERS, line, "done")))
    assert option in in_log(log)


@pytest.mark.parametrize("line", OTHERS)
def test_what_is_no_such_call_shows_nothing(line: str) -> None:
    """Prose, trials of build systems, other programs and options that a later one replaces."""
    assert in_line(line) is None


def test_what_is_shown_is_one_printable_line_with_the_option(tmp_path: Path) -> None:
    """However long the line is, and whatever is in it."""
    log = tmp_path / "log"
    log.write_bytes(b"gcc \x1b[31m\x07 " + b"-Ixxxxxxxx " * 1000 + b"-march=native " + b"-Iy " * 1000 + b"-c \xff.c\n")
    shown = in_log(log)
    assert "-march=native" in shown
    assert shown.isprintable()
    assert shown.startswith("gcc")
    assert len(shown) <= EVIDENCE


def test_a_line_of_any_length_is_read_in_pieces(tmp_path: Path) -> None:
    """Only its beginning is searched: the rest has no name of a compiler."""
    log = tmp_path / "log"
    log.write_bytes(b"x" * 3 * LONGEST_LINE + b"gcc -march=native -c x.c\ngcc -mtune=native -c x.c")
    assert "-mtune=native" in in_log(log)


@pytest.mark.parametrize(
    "piece", ["gcc -march=native ", "'\"", "=native ;", "(" * 50, "gcc ", "-march=native,", "\\", "1:"]
)
def test_no_line_takes_long(piece: str) -> None:
    """A line of 256 KiB, made of what the patterns look for."""
    begin = time.monotonic()
    in_line("gcc =native" + piece * (LONGEST_LINE // len(piece)))
    assert time.monotonic() - begin < 5


@given(st.text(st.sampled_from(" \"'`\\;&|=-,gccmarh/native.[]1:+"), max_size=80))
def test_any_line_has_an_answer(line: str) -> None:
    """It is written by the package."""
    assert in_line(line) is None or "native" in line


# --- records of compilers ------------------------------------------------------------------------

SOURCE = "double sum(const double *v, int n) { double t = 0; while (n--) t += v[n]; return t; }\n"
GCC = shutil.which("gcc") or "gcc"


def compiled(folder: Path, *options: str) -> Path:
    """Compile with gcc, and return a wheel of the shared object."""
    (folder / "x.c").write_text(SOURCE)
    subprocess.run([GCC, "-shared", "-fPIC", *options, "-o", "x.so", "x.c"], check=True, cwd=folder)
    path = folder / "x-1.0-cp311-cp311-linux_x86_64.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.txt", "GNU C17 --param=l1-cache-size=32")
        archive.write(folder / "x.so", "x/x.so")
    return path


@pytest.mark.parametrize(
    "options",
    [
        ("-g", "-march=native"),
        ("-g", "-mtune=native"),
        ("-g", "-gdwarf-4", "-march=native"),
        ("-g", "-gz=zlib", "-march=native"),
        ("-g", "-flto", "-O2", "-march=native"),
        ("-frecord-gcc-switches", "-march=native"),
    ],
    ids=" ".join,
)
def test_a_compilers_record_shows_it(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Its producer has the sizes of the caches, also where the log has no calls."""
    shown = in_wheel(compiled(tmp_path, *options))
    assert shown.startswith("x/x.so: GNU "), shown
    assert "l1-cache" in shown
    assert shown.isprintable()


@pytest.mark.parametrize("options", [("-g", "-march=x86-64-v3"), ("-g", "-O2"), ("-g0", "-march=native")], ids=" ".join)
def test_other_records_show_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A named processor; and what is not recorded cannot be found."""
    assert in_wheel(compiled(tmp_path, *options)) == ""


def test_only_the_string_of_a_compiler_counts() -> None:
    """Others may quote an option: names of macros, texts."""
    assert in_records(b"int\0-march=native\0--param=l1-cache-size=32\0char") == ""
    assert in_records(b"int\0Debian clang version 14 -march=native -g\0") == "Debian clang version 14 -march=native -g"
    assert in_records(b"-march=native " * 1_000_000) == ""


def test_a_wheel_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    """It may be no archive, or have members that claim to be code."""
    path = tmp_path / "x.whl"
    path.write_bytes(b"PK")
    assert in_wheel(path) == ""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.so", b"\x7fELF" + b"\xff" * 100)
        archive.writestr("b.a", b"!<arch>\n" + b"\xff" * 100)
    assert in_wheel(path) == ""


def test_a_log_comes_first_and_a_wheel_is_enough(tmp_path: Path) -> None:
    """Both are read in a limited process."""
    log = tmp_path / "log"
    log.write_text("gcc -march=native -c x.c\n")
    wheel = compiled(tmp_path, "-g", "-march=native")
    assert reading.cpu_caution(log, wheel) == "gcc -march=native -c x.c"
    log.write_text("running build_ext\n")
    assert reading.cpu_caution(log, wheel).startswith("x/x.so: GNU ")
    assert reading.cpu_caution(log, None) == ""


def test_each_caution_is_complete() -> None:
    """The documentation is made of its texts."""
    for caution in CAUTIONS:
        assert all(text.endswith(".") for text in (caution.summary, caution.why, caution.shows, caution.repair))
        assert caution.name != DEPENDS_ON_CPU or in_line(caution.example)
