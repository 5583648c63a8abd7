"""Postprocessing of finished wheels, on small wheels."""

from __future__ import annotations

import base64
import hashlib
import stat
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from orchestrator.analysis.wheel import read
from orchestrator.guest import postprocess
from orchestrator.model import Wheel, WheelFile
from tests.samples import EPOCH

if TYPE_CHECKING:
    from pathlib import Path

NAME = "pkg-1.0-py3-none-any.whl"
RECORD = "pkg-1.0.dist-info/RECORD"
MEMBERS = {
    "pkg/a.py": b"a = 1\n",
    "pkg/run": b"#!/bin/sh\n",
    "pkg-1.0.dist-info/METADATA": b"Name: pkg\n",
    "pkg-1.0.dist-info/sboms/pkg.cyclonedx.json": b"{}",
}


def write(path: Path, order: list[str], *, mode: int, when: int, compression: int, extra: bytes = b"") -> Path:
    """Write one of many archives of the same contents."""
    record = "".join(f"{name},sha256=x,1\n" for name in order) + f"{RECORD},,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name in [*order, RECORD]:
            info = zipfile.ZipInfo(name, (2020, 1, when, 0, 0, 0))
            info.external_attr = (mode | (0o111 if name == "pkg/run" else 0) | stat.S_IFREG) << 16
            info.extra = extra
            archive.writestr(info, MEMBERS.get(name, record.encode()), compression)
    return path


def finished(path: Path, *steps: str) -> Wheel:
    """Postprocess a wheel, and read it as the farm would."""
    assert postprocess.main([str(EPOCH), ",".join(steps), str(path)]) == 0
    found = read(path, WheelFile(NAME, hashlib.sha256(path.read_bytes()).hexdigest(), 1), 1 << 20, 100)
    assert isinstance(found, Wheel), found
    return found


def test_all_archives_of_the_same_contents_become_one(tmp_path: Path) -> None:
    """For any order, modes, times, packing and extra fields."""
    order = list(MEMBERS)
    ours = write(tmp_path / "1", order, mode=0o644, when=1, compression=zipfile.ZIP_DEFLATED)
    theirs = write(tmp_path / "2", order[::-1], mode=0o664, when=2, compression=zipfile.ZIP_STORED, extra=b"ab\0\0")
    first, second = finished(ours, "canonical-archive"), finished(theirs, "canonical-archive")
    assert first == second
    assert [member.path for member in first.members] == [
        "pkg/a.py",
        "pkg/run",
        "pkg-1.0.dist-info/METADATA",
        "pkg-1.0.dist-info/sboms/pkg.cyclonedx.json",
        RECORD,
    ]
    assert {member.path: member.mode for member in first.members}["pkg/run"] == 0o100755
    assert {member.time for member in first.members} == {(2020, 7, 31, 2, 47, 38)}


def test_record_matches_the_result(tmp_path: Path) -> None:
    """The hash and size of each member, by PEP 376 and PEP 427; contents are unchanged."""
    path = write(tmp_path / "1", list(MEMBERS), mode=0o644, when=1, compression=zipfile.ZIP_STORED)
    wheel = finished(path, "no-sbom")
    kept = ["pkg/a.py", "pkg/run", "pkg-1.0.dist-info/METADATA"]
    lines = (*(f"{name},{_hash(MEMBERS[name])},{len(MEMBERS[name])}" for name in kept), f"{RECORD},,")
    assert wheel.record == tuple(f"{line}\n" for line in lines)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [*kept, RECORD]
        assert all(archive.read(name) == MEMBERS[name] for name in kept)


def _hash(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def test_an_invalid_wheel_is_an_error(tmp_path: Path) -> None:
    """The guest reports that the remedy could not be applied."""
    path = tmp_path / "broken"
    path.write_bytes(b"no zip")
    command = [sys.executable, "-I", postprocess.__file__, "0", "strip-debug", str(path)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1
    assert path.read_bytes() == b"no zip"
