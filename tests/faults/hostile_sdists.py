"""Sdists that attack the farm, each small and each in one way; they are built in containers only."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.cause_cases import PACKAGES, PYPROJECT
from tests.faults import packages
from tests.samples import special, tar

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Mapping
    from pathlib import Path

_ZEROS = 512 << 20  # bytes, which LZMA packs into less than 100 KB

# Writes one line into every pipe of the process that started the build, as if that process had.
_FRAME = """
import os
import time


def commit():
    for pid in {{1, os.getppid()}}:
        for name in range(64):
            try:
                place = f"/proc/{{pid}}/fd/{{name}}"
                if os.readlink(place).startswith("pipe:"):
                    os.write(os.open(place, os.O_WRONLY | os.O_NONBLOCK), {line!r} * {times})
            except OSError:
                pass
    time.sleep(0.5)
    return {{"frame/__init__.py": b""}}
"""
_REQUIRES = "def commit():\n    return {{}}\n\n\nREQUIRES = {requires}\n"
_NAMED = """
import os


def commit():
    return {{"named/__init__.py": b""}}


def write(path, contents):
    place = os.path.join(os.path.dirname(path).encode(), {name!r})
    with open(place, "wb") as stream:
        stream.write(b"PK\\5\\6" + bytes(18))
"""
_SHIPS = """
import shutil


def commit():
    return {}


def write(path, contents):
    shutil.copy("packed", path)
"""
_SHOUTS = """
def commit():
    for number in range(20000):
        print("Command '" + "a" * 100 + "b" * 300)
    raise RuntimeError("made to fail")
"""
_PLAIN = 'def commit():\n    return {"plain/__init__.py": b""}\n'


@dataclass(frozen=True, slots=True)
class Case:
    """One attack: what its sdist has beside what every sdist has."""

    name: str
    sin: str = _PLAIN
    more: Mapping[str, bytes] = field(default_factory=dict)
    special: tuple[tarfile.TarInfo, ...] = ()

    def write(self, folder: Path) -> Path:
        """Write its sdist."""
        backend = (PACKAGES / "backend.py").read_bytes()
        if self.special:
            return self._special(folder, backend)
        members = {"backend.py": backend, "sin.py": self.sin.encode(), **self.more}
        return packages.sdist(self.name, folder, members)

    def _special(self, folder: Path, backend: bytes) -> Path:
        root = f"{self.name}-1.0"
        files = {"PKG-INFO": b"", "pyproject.toml": PYPROJECT, "backend.py": backend, "sin.py": self.sin.encode()}
        plain = [(f"{root}/{path}", content) for path, content in files.items()]
        return tar(folder / f"{root}.tar.gz", (*plain, *self.special))


def _frame(name: str, line: bytes, times: int = 1) -> Case:
    return Case(f"frame_{name}", _FRAME.format(line=line, times=times))


def _requires(name: str, requires: str) -> Case:
    return Case(f"requires_{name}", _REQUIRES.format(requires=requires))


def _named(name: str, file: bytes) -> Case:
    return Case(f"named_{name}", _NAMED.format(name=file))


def _wheel_of_zeros(compression: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive, archive.open("zeros", "w") as member:
        for _ in range(_ZEROS >> 20):
            member.write(bytes(1 << 20))
    return packed.getvalue()


def cases() -> tuple[Case, ...]:
    """Return all attacks."""
    failure = {"failure": {"phase": "wheel", "reason": "time-out", "detail": "forged"}}
    probe = {"probe": {"umask": float("nan")}}
    unicode_name = b'{"file": "frame-1.0-py3-none-any\\ud800.whl", "size": 3}\nabc'
    return (
        _frame("list", b"[1]\n"),
        _frame("text", b'"hello"\n'),
        _frame("infinite", b'{"file": "x", "size": 1e999}\n'),
        _frame("failure", json.dumps(failure).encode() + b"\n"),
        _frame("probe", json.dumps(probe).encode() + b"\n"),
        _frame("surrogate", unicode_name),
        _frame("deep", b'{"x":' + b"[" * 60_000 + b"\n"),
        _frame("many", b"{}\n", 20_000),
        _requires("surrogate", '["\\ud800"]'),
        _requires("digits", '["tool >= " + "9" * 5000]'),
        _requires("many", "[\"tool; python_version != '%d'\" % number for number in range(2000)]"),
        _named("lines", b"named-1.0-py3-none-any\n" + b"0" * 64 + b"  other-1.0-py3-none-any.whl"),
        _named("not_utf8", b"named_not_utf8-1.0-py3-none-any\xff.whl"),
        _named("other", b"innocent-1.0-py3-none-any.whl"),
        Case("packed_zeros", _SHIPS, {"packed": _wheel_of_zeros(zipfile.ZIP_LZMA)}),
        Case("log", _SHOUTS),
        Case("toml_key", more={"pyproject.toml": PYPROJECT + b".".join([b"a"] * 30_000) + b" = 1\n"}),
        Case("toml_digits", more={"pyproject.toml": PYPROJECT.replace(b"[]", b'["tool >= ' + b"9" * 5000 + b'"]')}),
        Case("link", special=(special("link-1.0/a\udcff", b"2", "b\udcff"),)),
        Case("device", special=(special("device-1.0/a\udcff", b"3"),)),
    )
