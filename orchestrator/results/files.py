"""Files of the results: written atomically, and those that are named by their hashes."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orchestrator.util.room import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_T = TypeVar("_T")

TEMPORARY = ".new-"
"""How the name of a file begins that is not written to its end."""

_NUMBERS = count()
_PLACE = os.urandom(8).hex()  # processes on other hosts, and in other namespaces, may write into a folder too


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
            _in_folder(self._folder, lambda: file.replace(place))

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
        temporary = _temporary(path.parent)
        descriptor = _in_folder(path.parent, lambda: os.open(temporary, _NEW, 0o600))
        try:
            try:
                _write(descriptor, data)
                os.fchmod(descriptor, 0o644)
                if lasting:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextmanager
def temporary_folder(within: Path) -> Iterator[Path]:
    """Make a folder, and remove it at the end with all that is in it; raises OSError where it cannot be made."""
    folder = Path(_temporary(within))
    folder.mkdir(0o700)
    try:
        yield folder
    finally:
        try:
            folder.rmdir()  # the usual case: all files in it were moved
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def _temporary(folder: Path) -> str:
    """Return a path that nothing else uses. Names of `tempfile` take longer than what is done with them here."""
    return f"{folder}/{TEMPORARY}{_PLACE}-{os.getpid()}-{next(_NUMBERS)}"


def _in_folder(folder: Path, act: Callable[[], _T]) -> _T:
    """Do something in a folder, which is made if it is not there."""
    try:
        return act()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        return act()


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextmanager
def disk_errors(doing: str, folder: Path) -> Iterator[None]:
    """Turn an error of the file system into ResultsError."""
    try:
        yield
    except OSError as error:
        raise refused(doing, folder, error, "check disk space and permissions there, and run again") from error
