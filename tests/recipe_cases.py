"""Tiny releases whose recipes are really run: their build backend is in the sdist and needs nothing but Python."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.model import Pin, Sdist, WheelFile
from orchestrator.recipes import RecipeInputs, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.model import RecipeForm

PYTHON = sys.executable
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
"""With uv, which is installed beside our Python."""


SHA = "0123456789abcdef" * 4
PIN = Pin("setuptools", "80.9.0", SHA, "setuptools-80.9.0-py3-none-any.whl", "https://index.invalid/setuptools.whl")
PLAIN = RecipeInputs(
    project="pkg",
    version="1.0",
    sdist=Sdist("pkg-1.0.tar.gz", "https://index.invalid/pkg-1.0.tar.gz", SHA),
    backend="setuptools.build_meta",
    pins=(PIN,),
    remedies=(),
    python="3.11",
    native=True,
    image="bookworm",
    base=f"debian:bookworm-20260918-slim@sha256:{SHA}",
    packages=(("gcc-12:amd64", "12.2.0-14+deb12u1"), ("libyaml-dev:amd64", "0.2.5-1"), ("perl:amd64", "5.36.0-7")),
    source_date_epoch=None,
    config_settings=(),
    wheel=WheelFile("pkg-1.0-cp311-cp311-linux_x86_64.whl", SHA, 1),
)
"""The inputs of a recipe for a compiled wheel, whose sdist does not exist."""

BACKEND = """
import os, sys, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    sys.stdout.flush()
    members = {"pkg.py": b"", **content(config_settings)}
    name = "pkg-1.0-py3-none-any.whl"
    info = "pkg-1.0.dist-info/"
    members[info + "METADATA"] = b"Metadata-Version: 2.1\\nName: pkg\\nVersion: 1.0\\n"
    members[info + "WHEEL"] = b"Wheel-Version: 1.0\\nGenerator: pkg\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    members[info + "RECORD"] = "".join(member + ",,\\n" for member in [*members, info + "RECORD"]).encode()
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as archive:
        for member, data in members.items():
            archive.writestr(zipfile.ZipInfo(member), data)
    return name

"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def sdist_files(content: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the files of an sdist; `content` is the body of content(settings), which returns members of the wheel."""
    body = "".join(f"    {line}\n" for line in content.splitlines())
    backend = f"{BACKEND}def content(settings):\n{body}"
    metadata_ = "Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n"
    return {"pyproject.toml": PYPROJECT, "backend.py": backend, "PKG-INFO": metadata_, **(more or {})}


def tar(path: Path, files: Mapping[str, str]) -> Path:
    """Write a .tar.gz with one top folder."""
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"pkg-1.0/{name}")
            info.size, info.mtime, info.mode = len(text.encode()), 1_500_000_000, 0o600
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


def zipped(path: Path, files: Mapping[str, str]) -> Path:
    """Write a .zip with one top folder."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(f"pkg-1.0/{name}", (2017, 7, 14, 2, 40, 0)), text)
    return path


def installed_pip(folder: Path) -> Pin:
    """Write a wheel of the installed pip, as no index is at hand; return it as a pin."""
    distribution = metadata.distribution("pip")
    path = folder / f"pip-{distribution.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in distribution.files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                archive.writestr(zipfile.ZipInfo(str(file)), Path(str(file.locate())).read_bytes())
    return Pin("pip", distribution.version, hashlib.sha256(path.read_bytes()).hexdigest(), path.name, path.as_uri())


def inputs(sdist: Path, *remedies: str, pins: tuple[Pin, ...] = (), native: bool = False) -> RecipeInputs:
    """Return the inputs of a recipe that fetches that file, and whose wheel is not known yet."""
    return RecipeInputs(
        project="pkg",
        version="1.0",
        sdist=Sdist(sdist.name, sdist.as_uri(), hashlib.sha256(sdist.read_bytes()).hexdigest()),
        backend="backend",
        pins=pins,
        remedies=remedies,
        python=VERSION,
        native=native,
        image="bookworm",
        base="",
        packages=(("gcc-12:amd64", "12.2.0-14+deb12u1"),),
        source_date_epoch=None,
        config_settings=(),
        backend_path=(".",),
    )


def expecting(given: RecipeInputs, wheel: Path) -> RecipeInputs:
    """Return inputs that expect that wheel."""
    content = wheel.read_bytes()
    return replace(given, wheel=WheelFile(wheel.name, hashlib.sha256(content).hexdigest(), len(content)))


def run(
    form: RecipeForm,
    given: RecipeInputs,
    folder: Path,
    *,
    links: Path,
    shell: str = "dash",
    arguments: tuple[str, ...] = (),
    before: tuple[str, ...] = (),
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a recipe in a folder, which is created, without an index; TMPDIR is a folder beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f"{folder.name} tmp"
    temporary.mkdir(exist_ok=True)
    (folder / "recipe.sh").write_text(write(form, given))
    environment = {
        "PATH": PATH,
        "HOME": "/nonexistent",
        "TMPDIR": str(temporary),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(links),
        "UV_OFFLINE": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(links),
        "PYTHON": PYTHON,
        **(variables or {}),
    }
    return subprocess.run(
        [*before, shell, "recipe.sh", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
