"""What a remedy changes in a program is found in real programs, compiled here with and without it."""

from __future__ import annotations

import subprocess
import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.formats import program
from orchestrator.analysis.formats.text import Plain
from orchestrator.analysis.program_changes import (
    MOST,
    Overview,
    Part,
    compared,
    listed,
    overview,
    paired,
    program_changes,
    programs,
)
from orchestrator.analysis.wheel import Given
from orchestrator.model import Limits, WheelFile
from orchestrator.model.recipe import ProgramAspect, ProgramChange
from orchestrator.sources import reading
from orchestrator.util.cache import sha256_of
from tests import elf_builder

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = r"""
#include <assert.h>
#include <stdio.h>
#include <string.h>
static int weight(const char *text, int at) { return text[at] * (at + 1); }
int total(const char *text, int count) {
    char copy[64];
    int sum = 0;
    assert(count >= 0);
    strcpy(copy, text);
    for (int at = 0; at < count && at < 64; at++) sum += weight(copy, at);
    return sum;
}
int shown(const char *text) {
    char line[32];
    sprintf(line, "%s in " __FILE__, text);
    return total(line, 7) + total(text, 5);
}
int twice(const char *text) { return shown(text) + shown(text + 1); }
"""
PYTHON = ("-DNDEBUG", "-g", "-fwrapv", "-O2", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-Wl,-z,now")
"""Flags as a distribution's Python has them."""
BARE = (
    *("-w", "-fPIC", "-shared", "-U_FORTIFY_SOURCE", "-fno-stack-protector", "-fno-stack-clash-protection"),
    *("-fcf-protection=none", "-Wl,-z,lazy", "-Wl,-z,relro", "-Wl,--build-id"),
)
"""No distribution's own defaults."""
NAME, MEMBER = "pkg-1.0-py3-none-any.whl", "pkg/fast.so"


@cache
def compiled(*flags: str) -> bytes:
    """Return a shared library that is compiled with those flags, in a folder whose name follows from them."""
    with TemporaryDirectory(prefix="folder-of-a-length-" + "x" * (len(flags) + 1)) as folder:
        (Path(folder) / "fast.c").write_text(SOURCE)
        own = [flag.replace("HERE", folder) for flag in flags]
        command = ["gcc", *BARE, "-o", "fast.so", f"{folder}/fast.c", *own]
        subprocess.run(command, check=True, cwd=folder)
        return (Path(folder) / "fast.so").read_bytes()


def given(folder: Path, members: Mapping[str, bytes]) -> Given:
    """Write a wheel."""
    folder.mkdir()
    path = folder / NAME
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return Given(path, WheelFile(NAME, sha256_of(path), path.stat().st_size))


def changes(tmp_path: Path, first: Mapping[str, bytes], second: Mapping[str, bytes]) -> tuple[ProgramChange, ...]:
    """Compare two wheels of those members."""
    return program_changes(given(tmp_path / "first", first), given(tmp_path / "second", second))


def between(tmp_path: Path, first: bytes, second: bytes) -> tuple[ProgramChange, ...]:
    """Compare two wheels with one program each."""
    return changes(tmp_path, {MEMBER: first}, {MEMBER: second})


def part(content: bytes) -> Part:
    """Return a program as it is compared."""
    return Part("ELF file", program.read(Plain(content)))


def costs(found: tuple[ProgramChange, ...]) -> set[ProgramAspect]:
    """Return the aspects of all costs."""
    return {change.aspect for change in found if change.cost}


def texts(found: tuple[ProgramChange, ...], aspect: ProgramAspect) -> list[tuple[str, str]]:
    """Return what changed in one aspect."""
    return [(change.before, change.after) for change in found if change.aspect is aspect]


def test_a_prefix_map_costs_nothing(tmp_path: Path) -> None:
    """Shorter names of folders are no change that is listed."""
    mapped = compiled(*PYTHON, "-ffile-prefix-map=HERE=.")
    assert mapped != compiled(*PYTHON)
    assert between(tmp_path, compiled(*PYTHON), mapped) == ()


def test_replaced_flags_cost_optimisation_and_assertions(tmp_path: Path) -> None:
    """CFLAGS instead of Python's own flags: what the former remedy did."""
    found = between(tmp_path, compiled(*PYTHON), compiled("-ffile-prefix-map=HERE=."))
    aspects = {ProgramAspect.OPTIMISATION, ProgramAspect.HARDENING, ProgramAspect.IMPORTS, ProgramAspect.DEBUG_INFO}
    assert aspects <= costs(found)
    ((before, after),) = texts(found, ProgramAspect.OPTIMISATION)
    assert before == "-O2; 0 of 3 functions set up a frame pointer"
    assert after == "level not recorded; 4 of 4 functions set up a frame pointer, as with -O0"
    assert ("no assertions", "assertions are on: imports __assert_fail") in texts(found, ProgramAspect.IMPORTS)


@pytest.mark.parametrize("evidence", ["-g", "-frecord-gcc-switches"])
@pytest.mark.parametrize(
    ("first", "second", "cost"),
    [("-O2", "-O0", True), ("-O3", "-O2", True), ("-O2", "-O3", False), ("-O1", "-Og", True), ("-O2", "-O2", None)],
)
def test_a_recorded_level_is_compared(
    tmp_path: Path, *, evidence: str, first: str, second: str, cost: bool | None
) -> None:
    """A lower level is a cost, a higher one is listed; the compiler itself records them."""
    found = between(tmp_path, compiled(evidence, first), compiled(evidence, second))
    levels = [(one.before, one.after, one.cost) for one in found if one.aspect is ProgramAspect.OPTIMISATION]
    assert levels == ([] if cost is None else [(first, second, cost)])


def test_no_level_is_no_optimisation(tmp_path: Path) -> None:
    """GCC records no switch for its default."""
    found = between(tmp_path, compiled("-g", "-O2"), compiled("-g"))
    assert texts(found, ProgramAspect.OPTIMISATION) == [("-O2", "-O0")]


def test_an_unknown_level_is_left_out(tmp_path: Path) -> None:
    """Nothing records -Og, and its code has no frame pointers either; but it inlines less."""
    found = between(tmp_path, compiled("-O2"), compiled("-Og"))
    assert texts(found, ProgramAspect.OPTIMISATION) == []
    ((before, after),) = texts(found, ProgramAspect.SIZE)
    assert before.endswith("in 3 functions")
    assert after.endswith("in 4 functions")


@pytest.mark.parametrize(
    ("more", "aspect", "before", "after"),
    [
        ("-g0", ProgramAspect.DEBUG_INFO, None, "none"),
        ("-s", ProgramAspect.DEBUG_INFO, "symbol table: present", "symbol table: none"),
        ("-Wl,--build-id=none", ProgramAspect.DEBUG_INFO, "build id: present", "build id: none"),
        ("-fno-stack-protector", ProgramAspect.HARDENING, "stack protector: yes", "stack protector: no"),
        (
            "-U_FORTIFY_SOURCE",
            ProgramAspect.HARDENING,
            "fortified functions: __sprintf_chk, __strcpy_chk",
            "fortified functions: none",
        ),
        ("-Wl,-z,lazy", ProgramAspect.HARDENING, "relro: full", "relro: partial"),
        ("-Wl,-z,norelro", ProgramAspect.HARDENING, "relro: full", "relro: none"),
        ("-Wl,-z,execstack", ProgramAspect.HARDENING, "executable stack: no", "executable stack: yes"),
        ("-fno-wrapv", ProgramAspect.OPTIMISATION, "-fwrapv", "not in all of these units any more"),
        ("-UNDEBUG", ProgramAspect.IMPORTS, "no assertions", "assertions are on: imports __assert_fail"),
    ],
)
def test_each_loss_is_a_cost_of_its_aspect(
    tmp_path: Path, more: str, aspect: ProgramAspect, before: str | None, after: str
) -> None:
    """One flag, one loss; the other direction is no cost."""
    whole, less = compiled(*PYTHON), compiled(*PYTHON, more)
    found = between(tmp_path, whole, less)
    assert any(
        one.after == after and before in {one.before, None} for one in found if one.aspect is aspect and one.cost
    )
    gained = program_changes(given(tmp_path / "third", {MEMBER: less}), given(tmp_path / "fourth", {MEMBER: whole}))
    assert aspect not in costs(gained)


@pytest.mark.parametrize(
    ("first", "second", "lost"),
    [
        ("-fstack-clash-protection", "-O2", ["-fstack-clash-protection"]),
        ("-fstack-protector-strong", "-fstack-protector", ["-fstack-protector-strong"]),
        ("-fstack-protector", "-fstack-protector-strong", []),
        ("-fcf-protection=none", "-fcf-protection=full", []),
        ("-fcf-protection=full", "-fcf-protection=branch", ["-fcf-protection=full"]),
    ],
)
def test_a_switch_is_lost_unless_a_stronger_takes_its_place(
    tmp_path: Path, first: str, second: str, lost: list[str]
) -> None:
    """The compiler itself records the switches of each unit."""
    found = between(tmp_path, compiled("-g", "-O2", first), compiled("-g", "-O2", second))
    switches = [(before, after) for before, after in texts(found, ProgramAspect.HARDENING) if before.startswith("-f")]
    assert switches == [(switch, "not in all of these units any more") for switch in lost]


def test_a_library_that_is_no_longer_needed_is_a_cost(tmp_path: Path) -> None:
    """The C library is none: every Python has it, and a program may need nothing of it."""
    linked = compiled("-O2", "-Wl,--no-as-needed", "-l:libresolv.so.2")
    assert texts(found := between(tmp_path, linked, compiled("-O2")), ProgramAspect.IMPORTS) == [
        ("libraries: libc.so.6, libresolv.so.2", "libraries: libc.so.6")
    ]
    assert costs(found) == {ProgramAspect.IMPORTS}
    bare = list(compared(MEMBER, part(compiled("-O2")), part(compiled("-O2", "-nostdlib"))))
    assert [one.cost for one in bare if one.before == "libraries: libc.so.6"] == [False]


def test_control_flow_protection_is_read_from_its_note(tmp_path: Path) -> None:
    """The linker keeps the note only if all objects have it, so that the runtime's own are left out."""
    flags = ("-nostdlib", "-O2", "-DNDEBUG")
    found = between(tmp_path, compiled(*flags, "-fcf-protection=full"), compiled(*flags, "-fcf-protection=none"))
    assert ("control-flow protection: full", "control-flow protection: none") in texts(found, ProgramAspect.HARDENING)


def test_members_that_vanish_are_a_cost(tmp_path: Path) -> None:
    """One that appears is listed only."""
    found = changes(tmp_path, {"pkg/a.py": b"", "pkg/b.py": b""}, {"pkg/a.py": b"", "pkg/c.py": b""})
    assert found == (
        ProgramChange("pkg/b.py", ProgramAspect.MEMBERS, "present", "gone"),
        ProgramChange("pkg/c.py", ProgramAspect.MEMBERS, "absent", "present", cost=False),
    )


def test_a_made_up_name_is_the_same_member() -> None:
    """A name with a hash in it, as mypyc gives, is paired with its only likeness; of two, none is."""
    first, second = "0af31c__mypyc.so", "99bbce__mypyc.so"
    assert paired(["a.py", first], ["a.py", second]) == {"a.py": "a.py", first: second}
    assert paired([first], [second, "77bbce__mypyc.so"]) == {}


def test_a_renamed_program_is_compared(tmp_path: Path) -> None:
    """The new name is no cost, what is lost is."""
    found = changes(tmp_path, {"0af31c__mypyc.so": compiled(*PYTHON)}, {"99bbce__mypyc.so": compiled(*PYTHON, "-O0")})
    assert ProgramAspect.OPTIMISATION in costs(found)
    assert ProgramAspect.MEMBERS not in costs(found)


def test_a_broken_program_is_a_cost_only_if_it_was_whole(tmp_path: Path) -> None:
    """Nothing is known of one that could never be read."""
    whole, broken = compiled(*PYTHON), compiled(*PYTHON)[:2000]
    (change,) = between(tmp_path, whole, broken)
    assert (change.before, change.after, change.cost) == ("ELF file", "cannot be read", True)
    ((again),) = compared(MEMBER, Part("cannot be read"), Part("no ELF file"))
    assert not again.cost
    assert list(compared(MEMBER, Part("no ELF file"), Part("no ELF file"))) == []


@pytest.mark.parametrize("at", range(0, 64, 4))
def test_damage_raises_nothing(tmp_path: Path, at: int) -> None:
    """Damaged headers and sections give changes or none, never an exception."""
    whole = bytearray(compiled(*PYTHON))
    step = len(whole) // 64
    for place in (at, *range(64 + at * step, 64 + (at + 2) * step, 7)):
        whole[place] ^= 0xA5
    assert isinstance(between(tmp_path, compiled(*PYTHON), bytes(whole)), tuple)


def test_hostile_names_are_one_printable_line(tmp_path: Path) -> None:
    """Names of members and sections are escaped and cut."""
    name = "pkg/\x1b[31m\u202e" + "x" * 5000
    found = changes(tmp_path, {name + ".py": b"", name: elf_builder.write(elf_builder.Piece(".a", b"1", 2))}, {})
    assert found
    assert all(len(text) < 300 and text.isprintable() for one in found for text in (one.path, one.before, one.after))


def test_equal_changes_are_listed_once_and_long_lists_are_counted() -> None:
    """The most serious come first."""
    alike = [ProgramChange(f"{at}.so", ProgramAspect.OPTIMISATION, "-O2", "-O0") for at in range(50)]
    harmless = [ProgramChange(f"{at}.py", ProgramAspect.MEMBERS, "absent", "present", cost=False) for at in range(9)]
    sizes = [ProgramChange(f"{at}.so", ProgramAspect.SIZE, f"{at} bytes", "9 bytes") for at in range(50)]
    found = listed([*harmless, *sizes, *alike])
    assert [(one.path, one.before, one.after, one.cost) for one in found] == [
        ("0.so", "-O2", "-O0 (and of 49 more members)", True),
        ("0.so", "0 bytes", "9 bytes", True),
        ("1.so", "1 bytes", "9 bytes", True),
        ("", "", "48 more changes", True),
        ("0.py", "absent", "present (and of 8 more members)", False),
    ]
    assert len(found) <= MOST


def test_programs_of_a_wheel_are_read(tmp_path: Path) -> None:
    """Only the ELF files, by their paths."""
    found = programs(given(tmp_path / "first", {MEMBER: compiled(*PYTHON), "pkg/a.py": b""}))
    assert list(found) == [MEMBER]
    assert found[MEMBER].guards["relro"] == 2


def test_an_overview_has_the_worst_of_all_programs(tmp_path: Path) -> None:
    """The table has one line for each wheel."""
    whole, lazy = compiled(*PYTHON), compiled(*PYTHON, "-Wl,-z,lazy")
    seen = overview(given(tmp_path / "first", {"a.so": whole, "b.so": lazy, "c.py": b""}))
    assert (seen.programs, seen.level, seen.fortified) == (2, "-O2", 4)
    assert "relro: partial, executable stack: no, stack protector: yes" in seen.hardening
    assert 0 < seen.code < seen.loaded
    bare = overview(given(tmp_path / "second", {"a.so": compiled()}))
    assert bare.level == "not recorded (4 of 4 functions set up a frame pointer)"
    assert overview(given(tmp_path / "third", {})) == Overview(0, 0, 0, "none", "", 0, 0)


def test_the_limited_call_gives_the_same(tmp_path: Path) -> None:
    """Changes survive the way through a child process; a wheel that cannot be read is a cost."""
    pair = [given(tmp_path / str(at), {MEMBER: compiled(*PYTHON, more)}) for at, more in enumerate(("-O2", "-O0"))]
    found = reading.program_changes(pair[0], pair[1], Limits())
    assert found == program_changes(pair[0], pair[1])
    assert ProgramAspect.OPTIMISATION in costs(found)
    (tmp_path / "0" / NAME).write_bytes(b"PK\3\4 no wheel")
    (change,) = reading.program_changes(pair[0], pair[1], Limits())
    assert change.cost
    assert change.before.startswith("cannot be read: ")
