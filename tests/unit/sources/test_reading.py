"""What packages made is read with bounds: what exceeds them is a result, and no harm to the farm."""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.failure_signs import Explanation
from orchestrator.errors import ResultsError, UsageError
from orchestrator.guest.archive import directory_of_zip
from orchestrator.model import Failure, Limits, Reason, WheelFile
from orchestrator.requirement_files import Read
from orchestrator.sources import reading
from orchestrator.sources.sdist import Source
from tests.loopback_index import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.util.limited_call import Spent

LIMITS = Limits()
NAME = "x-1.0-py3-none-any.whl"
PEAK = 180 << 20
"""Bytes that a call may take at its peak, Python and all; two at once leave the farm half of 400 MB."""


def zipped(method: int, members: dict[str, bytes], packed: Callable[[bytes], bytes]) -> bytes:
    """Return a zip whose members claim a method, and are packed as that has it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, packed(content))
    whole = bytearray(made.getvalue())
    for mark, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        at = whole.find(mark)
        while at >= 0:
            whole[at + offset : at + offset + 2] = method.to_bytes(2, "little")
            at = whole.find(mark, at + 4)
    return bytes(whole)


def lzma_member(_content: bytes) -> bytes:
    """Return a member packed by LZMA that asks for a dictionary of 4 GB."""
    return b"\x09\x04\x05\x00" + b"\x5d" + (0xFFFFFFFF).to_bytes(4, "little") + bytes(64)


def pax(headers: int, members: int) -> bytes:
    """Return an sdist with many global headers, which each of its members takes on."""
    made = io.BytesIO()
    with tarfile.open(
        fileobj=made, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers={f"k{n}": "v" for n in range(headers)}
    ) as archive:
        for number in range(members):
            member = tarfile.TarInfo(f"x-1.0/{number}")
            member.pax_headers = {"comment": "c"}
            archive.addfile(member)
    return made.getvalue()


DOTTED = b"a" + b".a" * 20_000 + b" = 1\n"

HOSTILE = {
    "dotted-key": ("x-1.0.tar.gz", sdist("x", "1.0", {"pyproject.toml": DOTTED}), Reason.SDIST_TOO_LARGE),
    "pax-headers": ("x-1.0.tar.gz", pax(20_000, 2_000), Reason.SDIST_TOO_LARGE),
    "bzip2": (
        "x-1.0.zip",
        zipped(12, {"x-1.0/pyproject.toml": bytes(100 << 20)}, bz2.compress),
        Reason.BROKEN_SDIST,
    ),
    "lzma": ("x-1.0.zip", zipped(14, {"x-1.0/pyproject.toml": b"x"}, lzma_member), Reason.BROKEN_SDIST),
    "nothing": ("x-1.0.tar.gz", b"", Reason.BROKEN_SDIST),
    "xz": ("x-1.0.tar.gz", lzma.compress(bytes(1 << 20)), Reason.BROKEN_SDIST),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_sdist_is_a_result(tmp_path: Path, case: str) -> None:
    """Within bounds of memory and time."""
    name, content, reason = HOSTILE[case]
    (tmp_path / name).write_bytes(content)
    spent: list[Spent] = []
    found = reading.describe(tmp_path / name, LIMITS, spent.append)
    assert isinstance(found, Failure)
    assert found.reason is reason
    assert spent[-1].memory < PEAK
    assert spent[-1].seconds < 32


def test_an_honest_sdist_is_described(tmp_path: Path) -> None:
    """The farm's path is built, not a path in the helper's answer."""
    path = tmp_path / "x-1.0.tar.gz"
    path.write_bytes(sdist("x", "1.0", {"pyproject.toml": b'[build-system]\nrequires = ["flit_core"]\n'}))
    assert reading.describe(path, LIMITS) == Source(path, ("flit_core",), "setuptools.build_meta:__legacy__")


def test_a_file_that_is_gone_is_no_finding(tmp_path: Path) -> None:
    """The farm slipped; nothing is known about the package."""
    gone, claimed = tmp_path / NAME, WheelFile(NAME, "", 0)
    for act in (
        lambda: reading.describe(gone, LIMITS),
        lambda: reading.survey(gone, claimed, LIMITS),
        lambda: reading.read_wheel(gone, claimed, LIMITS),
        lambda: reading.requires(gone),
        lambda: reading.explain(gone, (1000,)),
    ):
        with pytest.raises(ResultsError, match=r"No such file.*run again"):
            act()


@pytest.mark.parametrize(("method", "packed"), [(12, bz2.compress), (14, lzma_member)])
def test_wheels_are_compressed_as_wheels_are(tmp_path: Path, method: int, packed: Callable[[bytes], bytes]) -> None:
    """Of another method, a hundred bytes may unpack to gigabytes."""
    path = tmp_path / NAME
    path.write_bytes(zipped(method, {"x-1.0.dist-info/METADATA": b"Requires-Dist: six\n"}, packed))
    claimed = WheelFile(NAME, "", path.stat().st_size)
    for found in (reading.survey(path, claimed, LIMITS), reading.read_wheel(path, claimed, LIMITS)):
        assert isinstance(found, Failure)
        assert found.reason is Reason.BROKEN_WHEEL
    assert reading.requires(path) == ()


def test_what_a_wheel_requires_is_read(tmp_path: Path) -> None:
    """As it is written."""
    path = tmp_path / NAME
    path.write_bytes(wheel("x", "1.0", requires=("six", f"y>={'9' * 5000}")))
    assert reading.requires(path) == ("six", f"y>={'9' * 5000}")


def test_a_comment_does_not_hide_how_long_a_list_of_members_is(tmp_path: Path) -> None:
    """What looks like an end record inside the real one, or in its comment, is none."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"")
    honest = path.read_bytes()
    end = honest.rfind(b"PK\5\6")
    large = (1 << 30).to_bytes(4, "little")
    # The disk's and the list's numbers are such that the record, with nothing behind it, seems to begin again.
    inside = honest[: end + 12] + large + b"PK\5\6" + bytes(2)
    path.write_bytes(inside)
    assert directory_of_zip(str(path))[0] == 1 << 30
    path.write_bytes(honest[:-2] + (30).to_bytes(2, "little") + b"PK\5\6" + bytes(8) + large + bytes(14))
    assert directory_of_zip(str(path))[0] == 1 << 30


def test_a_log_that_takes_too_long_is_a_plain_error(tmp_path: Path) -> None:
    """And what shows the reason is found in the end of a long one."""
    log = tmp_path / "log"
    log.write_text(("Command '" + "a" * 100 + "b" * 300 + "\n") * 20_000)
    assert reading.explain(log, (1 << 20, 8 << 20)) == Explanation(Reason.BUILD_ERROR)
    log.write_text("x.c:1:1: fatal error: ffi.h: No such file or directory\n" + "nothing\n" * 1000)
    assert reading.explain(log, (1000, 20_000)).reason is Reason.MISSING_HEADER


@pytest.mark.parametrize("name", ["poetry.lock", "pylock.toml"])
def test_a_file_that_takes_too_much_is_the_users_mistake(tmp_path: Path, name: str) -> None:
    """It is reported with its name, like any other."""
    (tmp_path / name).write_bytes(DOTTED)
    found = reading.wanted(tmp_path / name)
    assert found.wanted == ()
    assert "memory" in found.mistakes[0].what
    (tmp_path / "r.txt").write_text("six==1.16\n")
    assert isinstance(reading.wanted(tmp_path / "r.txt"), Read)
    assert [one.project for one in reading.wanted(tmp_path / "r.txt").wanted] == ["six"]


def test_a_projects_pyproject_that_takes_too_much_is_the_users_mistake(tmp_path: Path) -> None:
    """Nothing is packed."""
    (tmp_path / "pyproject.toml").write_bytes(DOTTED)
    with pytest.raises(UsageError, match=r"pyproject\.toml: it needed more than .* memory"):
        reading.project_of(tmp_path)
