"""The files of a site and the records it was generated from, to check quickly whether the site is complete.

Only the size and time of each file are compared, since a site has many pages. A file that
was truncated, for example by a power failure, differs in size; a file that was changed, in time.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from orchestrator import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from importlib.resources.abc import Traversable
    from pathlib import Path

NAME = "site_files.json"
"""The manifest's name in the results' folder. It is written last."""

MADE = "site_made.json"
"""What each page was made from, so that only pages that change are written. It counts only for files as above."""

_SOURCES = ("records", "exclusions", "verifications", "runs")
_Files = dict[str, list[int]]  # path relative to the results -> size in bytes, time of change in nanoseconds


def sources(folder: Path) -> str:
    """Return the hash of the code and of the folders of records with their times, which change with every record.

    The time of a folder is the one that no program can set.
    """
    places = sorted(
        (place.name, entry.name, entry.stat().st_ctime_ns if entry.is_dir() else entry.stat().st_mtime_ns)
        for place in (folder / source for source in _SOURCES)
        for entry in _inside(place)
        if entry.is_dir() or entry.name.endswith(".json")
    )
    return hashlib.sha256(ascii([program(__version__), places]).encode()).hexdigest()


@cache
def program(wheelproof_version: str) -> str:
    """Return a hash of all that writes pages: the version, and the code, which may change without it."""
    found = hashlib.sha256(wheelproof_version.encode())
    for file in _code(files("orchestrator")):
        found.update(file.read_bytes())
    return found.hexdigest()


def _code(folder: Traversable) -> Iterator[Traversable]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _code(entry)
        elif entry.name.endswith((".py", ".html", ".css", ".js")):
            yield entry


def _inside(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def read(folder: Path) -> tuple[str, str, _Files]:
    """Return the hashes of a site's sources and of what was asked for, and its files; empty if they cannot be read."""
    try:
        content = json.loads((folder / NAME).read_bytes())
        files = {str(name): [int(size), int(time)] for name, (size, time) in content["files"].items()}
        return str(content["sources"]), str(content.get("asked", "")), files
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return "", "", {}


def unchanged(folder: Path) -> Callable[[str], bool]:
    """Return a function that reports whether a file of the site is as the manifest has it."""
    *_, files = read(folder)
    return lambda name: name in files and _look(folder / name) == files[name]


def taken(folder: Path, made_from: str, names: Iterable[str], asked: str = "") -> str:
    """Return the manifest's text: the current state of the files in `names`, and the hash of what was asked for."""
    files = {name: status for name in sorted(names) if (status := _look(folder / name))}
    return json.dumps({"sources": made_from, "asked": asked, "files": files}, separators=(",", ":")) + "\n"


def is_whole(folder: Path, asked: str | None = None) -> bool:
    """Return whether this very code wrote a site, and its files are unchanged and cover all records.

    It must be of what is `asked` for, a hash, if that is given.
    """
    made_from, was_asked, files = read(folder)
    if asked not in {None, was_asked}:
        return False
    return (
        bool(files) and all(_look(folder / name) == status for name, status in files.items())
    ) and made_from == sources(folder)


def _look(path: Path) -> list[int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
