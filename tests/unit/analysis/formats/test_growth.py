"""The time for reading a file grows linearly with its size, not quadratically."""

from __future__ import annotations

import importlib.util
import io
import marshal
import tarfile
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.formats import marshal as marshalled
from orchestrator.analysis.formats import members
from orchestrator.analysis.formats.text import Plain
from orchestrator.requirement_files import lock_entries, locks

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL, TIMES = 1000, 4
FACTOR = 9
"""How many times as long may take what is four times as much: the square would be sixteen."""


def zips(number: int, mark: bytes) -> bytes:
    """Return an archive of archives."""
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a", mark)
    with zipfile.ZipFile(outer, "w") as archive:
        for place in range(number):
            archive.writestr(f"{place}.zip", inner.getvalue())
    return outer.getvalue()


def tars(number: int, mark: bytes) -> bytes:
    """Return a tar archive of many members."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for place in range(number):
            member = tarfile.TarInfo(f"m{place}")
            member.size = len(mark)
            archive.addfile(member, io.BytesIO(mark))
    return made.getvalue()


def bytecode(number: int) -> bytes:
    """Return a module of code objects that all have one name."""
    source = "\n".join("x = lambda: 0" for _ in range(number))
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(compile(source, "m.py", "exec"))


def lock(number: int) -> str:
    """Return a lock of many packages."""
    return "".join(f'\n\n[[package]]\nname = "p{place}"\nversion = "1"\nfiles = []\n' for place in range(number))


def growth(act: Callable[[int], Callable[[], object]]) -> float:
    """Return how many times the processor time of a call for `SMALL` takes a call for `TIMES` as much."""
    spent = []
    for number in (SMALL, TIMES * SMALL):
        call = act(number)
        took = []
        for _ in range(3):
            begun = time.process_time()
            call()
            took.append(time.process_time() - begun)
        spent.append(min(took))
    return spent[1] / spent[0]


@pytest.mark.parametrize("made", [zips, tars])
def test_archives_are_compared_in_time(made: Callable[[int, bytes], bytes]) -> None:
    """For any number of unequal members of a nested archive."""

    def act(number: int) -> Callable[[], object]:
        first, second = Plain(made(number, b"a")), Plain(made(number, b"b"))
        return lambda: members.normalize("p/x.bin", first, second)

    assert growth(act) < FACTOR


def test_bytecode_is_read_in_time() -> None:
    """For any number of code objects with one name; each has a separate place."""

    def act(number: int) -> Callable[[], object]:
        data = bytecode(number)
        return lambda: marshalled.read(data)

    assert growth(act) < FACTOR
    places = [place for place in marshalled.read(bytecode(3)).tokens if place.endswith(": name")]
    assert places == ["<lambda>: name", "<lambda> (2): name", "<lambda> (3): name", "<module>: name"]


def test_the_packages_of_a_lock_are_counted_in_time() -> None:
    """Each has its line."""

    def act(number: int) -> Callable[[], object]:
        text = lock(10 * number)
        return lambda: list(lock_entries.package_lines(text))

    assert growth(act) < FACTOR
    assert [one.line for one in locks.parse(lock(3), "poetry.lock").wanted] == [3, 9, 15]
