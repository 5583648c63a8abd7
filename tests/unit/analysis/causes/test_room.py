"""The room that a removed search path leaves in a library."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.wheel_builder import causes, diagnosed, left

if TYPE_CHECKING:
    from pathlib import Path

SHORT, LONG = "/tmp/build/lib", "/var/tmp/build/lib"  # noqa: S108 - in a library


def library(folder: Path, rpath: str, value: int = 1) -> bytes:
    """Return a library whose search path was overwritten with zeros, as CMake does when it installs one."""
    folder.mkdir()
    (folder / "f.c").write_text(f"int f(void) {{ return {value}; }}\n")
    command = ["gcc", "-shared", "-O1", "-Wl,--build-id=none", f"-Wl,-rpath,{rpath}", "-o", "lib.so", "f.c"]
    subprocess.run(command, cwd=folder, check=True)
    return (folder / "lib.so").read_bytes().replace(rpath.encode(), bytes(len(rpath)))


def test_the_room_of_a_removed_search_path_is_its_length(tmp_path: Path) -> None:
    """Nothing but the length of .dynstr differs: the cause is the search path, and nothing is unexplained."""
    pair = library(tmp_path / "a", SHORT), library(tmp_path / "b", LONG)
    assert pair[0] != pair[1]
    found = diagnosed({"pkg/lib.so": pair[0]}, {"pkg/lib.so": pair[1]})
    assert (causes(found), left(found)) == (["rpath"], [])


def test_other_code_is_not_explained_by_that_room(tmp_path: Path) -> None:
    """Although the length of the search path differs, too."""
    pair = library(tmp_path / "a", SHORT), library(tmp_path / "b", LONG, value=2)
    assert left(diagnosed({"pkg/lib.so": pair[0]}, {"pkg/lib.so": pair[1]}))
