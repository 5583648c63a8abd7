"""Checks and adapts installed wheels: called in a helper process, since the files are untrusted.

No file is read into memory whole. RECORD is the list of the files of an installed wheel (PEP 376, PEP 627).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = "/usr/bin/python3"
"""The interpreter in the image, as scripts name it."""

_CHUNK = 1 << 20
_HEAD = 1 << 14  # bytes of a script in which an installer names the interpreter
_LONGEST_LINE = 1 << 16  # characters of RECORD: a path has 4,096 bytes at most
_FIXED = hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}  # hash functions whose digest has a fixed length

# If a path is too long for a first line or contains spaces, the line runs sh.
_SH = re.compile(rb"""#!/bin/sh\n'''exec' (?P<quote>["']?)(?P<path>[^\n]*?)(?P=quote) "\$0" "\$@"\n' '''\n""")


def unlike_record(lib: Path) -> str:
    """Name a file that differs from its wheel's RECORD, or that no RECORD lists; empty if there is none."""
    listed: dict[str, list[str]] = {}
    records = sorted(lib.glob("*.dist-info/RECORD"))  # not those of vendored packages: their wheel lists them
    for record in records:
        inside = str(record.relative_to(lib))
        try:
            with _text(record) as stream:
                listed |= {os.path.normpath(row[0]): row[1:] for row in csv.reader(_lines(stream)) if row}
        except csv.Error:
            return inside
        listed.pop(inside, None)
    for path, _, files in os.walk(lib):
        for name in files:
            one = Path(path, name)
            inside = str(one.relative_to(lib))
            if one not in records and not _is_as_listed(one, listed.pop(inside, [])):
                return inside
    return next(iter(listed), "")


def _is_as_listed(path: Path, listed: list[str]) -> bool:
    kind, _, code = listed[0].partition("=") if listed else ("", "", "")
    if kind not in _FIXED or path.is_symlink():
        return False
    with path.open("rb") as stream:
        actual = hashlib.file_digest(stream, kind).digest()
    return _coded(actual) == code.rstrip("=")


def localize_scripts(lib: Path, interpreter: str) -> None:
    """Make scripts name the image's interpreter instead of this one, and update their lines in RECORD."""
    changed: dict[str, list[str]] = {}
    for script in (path for path in sorted((lib / "bin").glob("*")) if path.is_file()):
        with script.open("rb") as stream:
            head = stream.read(_HEAD)
            localized = localize(head, interpreter)
            if localized != head:
                changed[f"bin/{script.name}"] = _written(script, localized, stream)
    for record in lib.glob("*.dist-info/RECORD") if changed else ():
        _correct(record, changed)


def localize(script: bytes, interpreter: str) -> bytes:
    """Replace this interpreter in a script's first line with the image's Python."""
    first_line = f"#!{PYTHON}\n".encode()
    direct = f"#!{interpreter}\n".encode()
    if script.startswith(direct):
        return first_line + script[len(direct) :]
    behind_sh = _SH.match(script)
    if behind_sh and behind_sh["path"] == interpreter.encode():
        return first_line + script[behind_sh.end() :]
    return script


def _written(script: Path, head: bytes, rest: IO[bytes]) -> list[str]:
    """Replace a script, which may have other hard links; return its hash and size in RECORD's form."""
    sha256, size, anew = hashlib.sha256(), 0, script.with_name(f"{script.name}.anew")
    with anew.open("wb") as out:
        piece = head
        while piece:
            out.write(piece)
            sha256.update(piece)
            size += len(piece)
            piece = rest.read(_CHUNK)
    anew.chmod(script.stat().st_mode)
    anew.replace(script)
    return [f"sha256={_coded(sha256.digest())}", str(size)]


def _correct(record: Path, changed: dict[str, list[str]]) -> None:
    """Replace the rows in a RECORD; one that is not CSV is left unchanged."""
    anew = record.with_name(f"{record.name}.anew")
    try:
        with _text(record) as stream, anew.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
            rows = csv.writer(out, lineterminator="\n")
            for row in csv.reader(_lines(stream)):
                rows.writerow([row[0], *changed[row[0]]] if row and row[0] in changed else row)
    except csv.Error:
        anew.unlink()
        return
    anew.chmod(record.stat().st_mode)
    anew.replace(record)


def _text(record: Path) -> IO[str]:
    return record.open(encoding="utf-8", errors="surrogateescape", newline="")


def _lines(stream: IO[str]) -> Iterator[str]:
    """Yield lines; one that is longer than any valid line of RECORD is yielded in pieces."""
    while line := stream.readline(_LONGEST_LINE):
        yield line


def _coded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
