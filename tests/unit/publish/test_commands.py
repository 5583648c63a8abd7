"""The commands of a report show a difference: they are run as they are, with a build that records its environment."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.variations import NAMES
from orchestrator.publish.commands import NEEDS, WAYS, commands, needs
from tests.samples import tar

if TYPE_CHECKING:
    from pathlib import Path

PRIVILEGED = ("domain-host", "user-group", "shell", "kernel")
"""What some hosts allow to root alone, or not in a container."""

THEIRS = ("src", "home", "elsewhere", "raw", "tmp1")
"""What a maintainer may have in the folder already."""

BUILD = """#!/bin/sh
# Stands for `python3 -m build --wheel [--no-isolation] --outdir FOLDER SOURCE`.
while [ "$1" != --outdir ]; do shift; done
mkdir -p "$2"
test -f "$3/setup.py" || exit 3
{ umask; echo "$SOURCE_DATE_EPOCH $TZ $LC_ALL $HOME $PATH $TMPDIR $PYTHONHASHSEED $CAPTURE_ENVIRONMENT $3"; nproc
} >"$2/pkg-1.0-py3-none-any.whl"
"""


def run(folder: Path, variations: tuple[str, ...], sdist: str = "pkg-1.0.tar.gz") -> int:
    """Run the three commands, and return the exit status of the last."""
    tools = folder / "tools"
    tools.mkdir()
    (tools / "python3").write_text(BUILD, encoding="utf-8")
    (tools / "python3").chmod(0o755)
    tar(folder / sdist, [("pkg-1.0/setup.py", b"")])
    for theirs in THEIRS:
        (folder / theirs).mkdir()
        (folder / theirs / "kept").touch()
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(folder)}
    statuses = [
        subprocess.run(
            ["/bin/sh", "-c", line], cwd=folder, env=environment, check=False, capture_output=True
        ).returncode
        for line in commands(sdist, variations, 1_596_163_658)
    ]
    assert statuses[:2] == [0, 0]
    assert {file.name for file in folder.iterdir()} == {"1", "2", sdist, "tools", *THEIRS}
    assert all((folder / theirs / "kept").exists() for theirs in THEIRS)
    return statuses[2]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {*PRIVILEGED, *NEEDS, "environment-path"}])
def test_the_two_builds_differ_in_the_variation(tmp_path: Path, name: str) -> None:
    """And leave nothing but their wheels."""
    if name == "num-cpus" and len(os.sched_getaffinity(0)) == 1:
        pytest.skip("there is one processor")
    assert run(tmp_path, (name,)) == 1


def test_without_a_variation_the_same_build_is_made_twice(tmp_path: Path) -> None:
    """So that a difference is the build's own."""
    assert run(tmp_path, ()) == 0


def test_a_hostile_file_name_is_quoted(tmp_path: Path) -> None:
    """It is no command and no option."""
    assert run(tmp_path, ("umask",), "-$(touch owned)'; touch owned.tar.gz") == 1


def test_each_variation_has_its_way() -> None:
    """Two settings that differ, except where every isolated build differs by itself, and where another host does it."""
    assert set(WAYS) == set(NAMES)
    assert [name for name, (first, second) in WAYS.items() if first == second] == ["environment-path", "host"]
    assert needs(NAMES) == tuple(NEEDS.values())


def test_a_zip_is_unpacked_by_python() -> None:
    """For tar cannot."""
    assert "python3 -m zipfile -e pkg-1.0.zip rebuild-src" in commands("pkg-1.0.zip", (), None)[0]
    assert "SOURCE_DATE_EPOCH" not in commands("pkg-1.0.zip", (), None)[0]
