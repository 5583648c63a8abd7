"""Checks RECORD of a wheel against its members, and the RECORDs of two wheels against each other."""

from __future__ import annotations

import base64
import csv
import re
from typing import TYPE_CHECKING

from orchestrator.analysis.excerpts import SHOWN, printable

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from orchestrator.model import Member

_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_FIELDS = 3  # path, hash, size (the specification of binary distributions)
_UNLISTED = (".jws", ".p7s")  # signatures, which RECORD does not list


def is_unlike(record: bytes, path: str, members: Iterable[Member]) -> str:
    """Return in what RECORD, the member at `path`, contradicts the members of its wheel; "" if it does not.

    Each file has one line with its SHA-256 and size; RECORD itself has neither.
    """
    rows = _rows(record)
    if rows is None:
        return "RECORD cannot be read"
    left = dict(rows)
    if len(left) < len(rows):
        return "RECORD lists a file twice"
    for member in members:
        if member.path.endswith("/") and not member.size:
            continue
        row = left.pop(member.path, None)
        if row is None and member.path in [path + ending for ending in _UNLISTED]:
            continue
        if row != (("", "") if member.path == path else (_hash(member.sha256), str(member.size))):
            return f"RECORD has no line that fits {_shown(member.path)}"
    return f"RECORD lists {_shown(min(left))}, which is not in the wheel" if left else ""


def follows(published: bytes, ours: bytes, changed: Container[str]) -> bool | None:
    """Return whether two RECORDs differ in the hashes and sizes of changed members alone; None: in the order too."""
    sides = [_by_path(record) for record in (published, ours)]
    first, second = sides
    if first is None or second is None or first.keys() != second.keys():
        return False
    for path, line in first.items():
        if line != second[path] and (path not in changed or _form(line) != _form(second[path])):
            return False
    return True if list(first) == list(second) else None


def _by_path(record: bytes) -> dict[str, bytes] | None:
    """Return the lines by path; None if one is none, or a path occurs twice."""
    lines, rows = _LINE.findall(record), _rows(record)
    if rows is None or len(rows) != len(lines):
        return None
    found = {path: line for (path, _), line in zip(rows, lines, strict=True)}
    return found if len(found) == len(lines) else None


def _form(line: bytes) -> bytes:
    """Return a line without its last two fields."""
    begin, end = line.rstrip(b"\r\n").rsplit(b",", 2)[0], line[len(line.rstrip(b"\r\n")) :]
    return begin + end


def _rows(record: bytes) -> list[tuple[str, tuple[str, str]]] | None:
    """Return path, hash and size of each line."""
    try:
        rows = [row for line in _LINE.findall(record) for row in csv.reader([line.decode()], strict=True)]
    except (ValueError, csv.Error):
        return None
    if any(len(row) != _FIELDS for row in rows):
        return None
    return [(path, (sha256, size)) for path, sha256, size in rows]


def _hash(sha256: str) -> str:
    """Return a SHA-256 as RECORD has it: URL-safe base64 without padding."""
    return "sha256=" + base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=").decode()


def _shown(path: str) -> str:
    return printable(path.encode("utf-8", "surrogateescape"))[:SHOWN]
