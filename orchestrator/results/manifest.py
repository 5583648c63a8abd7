"""Which files a site has, and which records it was made from: whether all of it is there can be told by looking once.

Contents are not read, since a site has many pages: size and time of each are compared. A file that
was cut or emptied, by a power failure say, differs in its size; one that was changed, in its time.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "site_files.json"
"""The file in the results' folder, written last, which has them."""

_SOURCES = ("records", "exclusions")
_Files = dict[str, list[int]]  # path relative to the results -> size in bytes, time of change in nanoseconds


def sources(folder: Path) -> str:
    """Return the hash of the names of all that a site is made from; what was written is never changed."""
    names = sorted(
        f"{Path(place, name).relative_to(folder)}\n"
        for source in _SOURCES
        for place, _, files in os.walk(folder / source)
        for name in files
        if name.endswith(".json")
    )
    return hashlib.sha256("".join(names).encode("utf-8", "surrogateescape")).hexdigest()


def read(folder: Path) -> tuple[str, _Files]:
    """Return the sources and the files of a site; nothing where that cannot be read."""
    try:
        content = json.loads((folder / NAME).read_bytes())
        files = {str(name): [int(size), int(time)] for name, (size, time) in content["files"].items()}
        return str(content["sources"]), files
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return "", {}


def taken(folder: Path, made_from: str, names: Iterable[str], known: _Files) -> str:
    """Return the text of the manifest: of the files that are known, and those names as they are now."""
    files = known | {name: found for name in names if (found := _look(folder / name))}
    return json.dumps({"sources": made_from, "files": files}, separators=(",", ":")) + "\n"


def is_whole(folder: Path) -> bool:
    """Tell whether a site is there as it was written, and was made from all records that there are."""
    made_from, files = read(folder)
    return (
        bool(files) and all(_look(folder / name) == found for name, found in files.items())
    ) and made_from == sources(folder)


def _look(path: Path) -> list[int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
