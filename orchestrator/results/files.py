"""Files of the results: written atomically, and those that are named by their hashes."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.util.room import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPORARY = ".new-"
"""How the name of a file begins that is not written to its end."""


class Store:
    """Files named by their hashes, limited to a number of bytes in all."""

    def __init__(self, folder: Path, bound: int) -> None:
        """Keep files in that folder; the oldest are removed when there are more than `bound` bytes."""
        self._folder = folder
        self._bound = bound

    def keep(self, file: Path, sha256: str) -> None:
        """Take in a file of the same file system, by moving it."""
        place = self._folder / sha256
        with disk_errors(f"keeping {place}", self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            file.replace(place)

    def find(self, sha256: str) -> Path | None:
        """Return the file of that hash, if it is still kept."""
        path = self._folder / sha256
        return path if path.is_file() else None

    def prune(self) -> int:
        """Remove the oldest files over the bound; return how many."""
        with suppress(FileNotFoundError):
            total, removed = 0, 0
            for _, name, size in sorted(map(_age, os.scandir(self._folder))):
                total += size
                if total > self._bound:
                    (self._folder / name).unlink(missing_ok=True)
                    removed += 1
            return removed
        return 0


def _age(entry: os.DirEntry[str]) -> tuple[int, str, int]:
    """Return a key that sorts the newest first; small, since there is one for every file."""
    status = entry.stat()
    return -status.st_mtime_ns, entry.name, status.st_size


def inside(folder: Path) -> list[Path]:
    """Return the paths in a folder; none if there is no such folder."""
    try:
        return [folder / name for name in os.listdir(folder)]  # noqa: PTH208 - iterdir raises late
    except (FileNotFoundError, NotADirectoryError):
        return []


def write_file(path: Path, data: bytes, *, lasting: bool = True) -> None:
    """Write a file atomically, whenever the program is killed.

    A `lasting` file also survives a power failure. That costs a wait for the disk, which is too much
    for files that can be written again at any time: the site has four pages for each record.
    """
    with disk_errors(f"writing {path}", path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                os.fchmod(stream.fileno(), 0o644)
                if lasting:
                    stream.flush()
                    os.fsync(stream.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextmanager
def disk_errors(doing: str, folder: Path) -> Iterator[None]:
    """Turn an error of the file system into ResultsError."""
    try:
        yield
    except OSError as error:
        raise refused(doing, folder, error, "check disk space and permissions there, and run again") from error
