"""The packages of the campaigns: tiny sdists without requirements, whose verdicts are known by construction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import cause_cases
from tests.cause_cases import PACKAGES, PYPROJECT
from tests.samples import tar

if TYPE_CHECKING:
    from pathlib import Path

VERDICTS = {"blameless": "reproducible", "umask": "sensitive", "random": "intrinsic", "exits": "ftbfs"}
"""Projects of tests/packages that together get every verdict; two of them need experiments."""

EXTENSION: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "extension": ("sensitive", ("archive-modes",), ("umask",))
}
"""What is found of the project that `compiling` writes: its verdict, the causes, the variations."""

_BACKEND = (PACKAGES / "backend.py").read_bytes()

_COMPILES = '''
"""Compiles C for about {seconds:g} s, and lets the umask decide the mode of what it made: sensitive."""

import os
import subprocess
import zipfile

LINE = "double f{{0}}(double x) {{{{ for (int i = 0; i < 9; i++) x += x * (i + {{0}}) / (x - i); return x; }}}}\\n"


def commit():
    with open("extension.c", "w") as source:
        source.writelines(LINE.format(number) for number in range({functions}))
    subprocess.run(["gcc", "-O2", "-fPIC", "-shared", "-o", "extension.so", "extension.c"], check=True)
    with open("extension.so", "rb") as built:
        return {{"extension/extension.so": built.read()}}


def write(path, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.external_attr = os.stat("extension.so").st_mode << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
'''
_FUNCTIONS = 2000  # that gcc compiles in a second


def packed(slugs: tuple[str, ...], folder: Path) -> list[str]:
    """Write sdists of projects of tests/packages; return their paths, as the command takes them."""
    return [str(cause_cases.pack(slug, folder)) for slug in slugs]


def compiling(folder: Path, seconds: float) -> str:
    """Write the sdist of `extension`, whose compiler runs for about that long in each build; return its path."""
    sin = _COMPILES.format(functions=int(_FUNCTIONS * seconds), seconds=seconds)
    return str(sdist("extension", folder, {"backend.py": _BACKEND, "sin.py": sin.encode()}))


def sdist(name: str, folder: Path, members: dict[str, bytes]) -> Path:
    """Write the sdist of a project whose build backend is its own; `members` may replace what every project has."""
    base = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        "NAME": name.encode(),
        "pyproject.toml": PYPROJECT,
    }
    root = f"{name}-1.0"
    return tar(folder / f"{root}.tar.gz", ((f"{root}/{path}", text) for path, text in (base | members).items()))
