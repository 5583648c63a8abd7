"""Files and folders of the cache: there whole or not at all, and made by one worker at a time."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import ResultsError
from orchestrator.model import DAY, digest
from orchestrator.room import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

SEAL = "seal"
"""The file of a finished folder that holds the hash of all others."""

_UNFINISHED = ".unfinished-"


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """Lend a new folder beside the finished ones; what is still in it at the end is removed.

    Raises
    ------
    ResultsError
        The disk fails, whether here or in what the caller does.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lent = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder))
    except OSError as error:
        raise _refused(folder, error) from error
    try:
        yield lent
    except OSError as error:
        raise _refused(folder, error) from error  # before what is in it is removed: it tells what has run out
    finally:
        shutil.rmtree(lent, ignore_errors=True)


def _refused(folder: Path, error: OSError) -> ResultsError:
    doing, advice = f"writing the cache in {folder}", "see to the rights there, or name another folder for it"
    return refused(doing, folder, error, advice)


def write(path: Path, content: str) -> None:
    """Write a file so that no reader, and no crash, ever sees a part of it."""
    with unfinished(path.parent) as folder:
        (folder / path.name).write_text(content, encoding="utf-8")
        (folder / path.name).replace(path)


def keep(file: Path, place: Path) -> None:
    """Copy a file to its place, so that nobody ever sees a part of it there."""
    with unfinished(place.parent) as folder:
        shutil.copyfile(file, folder / place.name)
        (folder / place.name).replace(place)


def settle(made: Path, place: Path) -> Path:
    """Seal a finished folder, and move it to its place; where another process was faster, its work is as good."""
    _write_seal(made)
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():
            raise
    return place


def settled(place: Path) -> Path | None:
    """Return a finished folder, if there is one.

    Raises
    ------
    ResultsError
        It is not as it was made, say because the host lost its power: what would be built with
        it would be judged by it.

    """
    if not place.is_dir():
        return None
    _insist_on_seal(place)
    return place


@cache
def _insist_on_seal(place: Path) -> None:
    """Look once for each folder: whoever runs at night shall not trust the days before."""
    try:
        whole = (place / SEAL).read_text() == _sum_of(place)
    except (OSError, UnicodeDecodeError):
        whole = False
    if not whole:
        msg = f"using {place}: it is not as it was made; remove the folder {place.parents[1]}, and run again"
        raise ResultsError(msg)


def _write_seal(folder: Path) -> None:
    """Leave the folder's own time as it is, for two folders of one content to be the same."""
    seal, when = folder / SEAL, folder.stat().st_mtime_ns
    seal.write_text(_sum_of(folder))
    seal.chmod(0o644)
    for path in (seal, folder):
        os.utime(path, ns=(when, when))


def _sum_of(folder: Path) -> str:
    """Hash all that a build could read of a folder, but for its seal."""
    found = []
    for path, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            one = Path(path, name)
            inside = str(one.relative_to(folder))
            if inside != SEAL:
                found.append((inside, one.lstat().st_mode, str(one.readlink()) if one.is_symlink() else sha256_of(one)))
    return digest(found)


def sweep(folder: Path) -> None:
    """Remove what killed processes left unfinished; a day is longer than any work on it."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        with suppress(OSError):
            if path.lstat().st_mtime < time.time() - DAY:
                shutil.rmtree(path, ignore_errors=True)


class Turns:
    """One lock for each key, kept only while somebody holds it or waits for it."""

    def __init__(self) -> None:
        """Begin with no keys."""
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def turn(self, key: str) -> Iterator[None]:
        """Wait until no other thread is at work on this key."""
        with self._guard:
            lock, users = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, users = self._locks.pop(key)
                if users > 1:
                    self._locks[key] = (lock, users - 1)
