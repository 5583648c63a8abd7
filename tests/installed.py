"""Wheelproof as users install it: an sdist, a wheel, and a fresh environment that has the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

EPOCH = "1767225600"
"""SOURCE_DATE_EPOCH of all builds here: 2026-01-01."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment that has wheelproof, outside any checkout."""

    python: Path

    def run(self, folder: Path, *arguments: str) -> Ended:
        """Run the installed command in a folder."""
        command = [str(self.python.with_name("wheelproof")), *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment())
        return Ended(done.returncode, done.stdout, done.stderr)


def environment() -> dict[str, str]:
    """Return an environment in which Python finds nothing of this checkout."""
    kept = ("DOCKER_HOST", "HOME", "PATH", "XDG_RUNTIME_DIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


_IGNORED = shutil.ignore_patterns(".venv", ".cache", ".git", ".*_cache", ".hypothesis", "*.egg-info", "__pycache__")


def checkout(folder: Path) -> Path:
    """Copy this checkout, without what git ignores, so that building leaves nothing in it."""
    return shutil.copytree(ROOT, folder, ignore=_not_source)


def _not_source(folder: str, names: list[str]) -> set[str]:
    at_top = {"build"} if Path(folder) == ROOT else set()
    return _IGNORED(folder, names) | at_top


def build(kind: str, source: Path, folder: Path, umask: int = 0o022) -> Path:
    """Build an sdist or a wheel from a source tree, with the pinned build backend and without a network."""
    uv = Path(sysconfig.get_path("scripts"), "uv")
    options = ["--no-config", "--offline", "--no-build-isolation", "--python", sys.executable, "--quiet"]
    command = [str(uv), "build", f"--{kind}", *options, "--out-dir", str(folder), str(source)]
    subprocess.run(command, check=True, env={**environment(), "SOURCE_DATE_EPOCH": EPOCH}, umask=umask)
    (path,) = folder.glob("wheelproof-*")
    return path


def unpack(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist; return its folder."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (path,) = folder.iterdir()
    return path


def install(wheel: Path, folder: Path) -> Installed:
    """Install a wheel into a fresh environment, which takes all dependencies from the one of the tests."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    (libraries,) = folder.glob("lib/python*/site-packages")
    (libraries / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    uv = Path(sysconfig.get_path("scripts"), "uv")
    options = ["--no-config", "--offline", "--no-deps", "--quiet", "--python", str(python)]
    subprocess.run([str(uv), "pip", "install", *options, str(wheel)], check=True, env=environment())
    return Installed(python)
