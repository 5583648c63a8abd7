"""Files and folders of the cache: there whole or not at all, and made by one worker at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import ResultsError
from orchestrator.model import DAY, digest
from orchestrator.util import logs
from orchestrator.util.room import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

SEAL = "seal"
"""The file of a finished folder that holds the hash of all others."""

_UNFINISHED = ".unfinished-"
_DAMAGED = ".damaged-"
_TRIES = 3
_WHOLE: set[Path] = set()


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
        with _kept_from_sweep(lent):
            yield lent
    except OSError as error:
        raise _refused(folder, error) from error  # before what is in it is removed: it tells what has run out
    finally:
        shutil.rmtree(lent, ignore_errors=True)


def _refused(folder: Path, error: OSError) -> ResultsError:
    doing, advice = f"writing the cache in {folder}", "see to the rights there, or name another folder for it"
    return refused(doing, folder, error, advice)


@contextmanager
def _kept_from_sweep(lent: Path) -> Iterator[None]:
    """Hold a folder, so that no sweep takes it for one that a killed process left."""
    with ExitStack() as held:
        for _ in range(_TRIES):  # a sweep may come between making it and holding it
            lent.mkdir(mode=0o700, exist_ok=True)
            with suppress(OSError), ExitStack() as holding:
                descriptor = holding.enter_context(_held(lent))
                if os.path.samestat(os.fstat(descriptor), lent.stat()):
                    held.push(holding.pop_all())
                    break
        yield


def write_checked(path: Path, content: str) -> None:
    """Write a text under its own hash, for `read_checked`."""
    write(path, f"{hashlib.sha256(content.encode()).hexdigest()}\n{content}")


def read_checked(path: Path) -> str | None:
    """Return a text that `write_checked` wrote; None where it is not there, or not as it was written."""
    try:
        sha256, _, content = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return content if hashlib.sha256(content.encode()).hexdigest() == sha256 else None


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
    """Return a finished folder, if there is one that is as it was made.

    One that is not, say because the host lost its power, is moved aside, for the caller to make it again: what
    would be built with it would be judged by it. Containers that use it keep it, until it is swept away.

    Raises
    ------
    ResultsError
        It cannot be moved.

    """
    with _TURNS.turn(str(place)):
        if place in _WHOLE and place.is_dir():  # looked at once in each run: nobody trusts the days before
            return place
        if place.is_dir() and _is_whole(place):
            _WHOLE.add(place)
            return place
        if os.path.lexists(place):
            _set_aside(place)
        return None


def _is_whole(place: Path) -> bool:
    try:
        return (place / SEAL).read_text() == sum_of(place)
    except (OSError, UnicodeDecodeError):
        return False


def _set_aside(place: Path) -> None:
    logs.warning("a folder of the cache is not as it was made, and is made again", folder=str(place))
    try:
        aside = Path(tempfile.mkdtemp(prefix=_DAMAGED, dir=place.parent))
        place.rename(aside / place.name)
    except OSError as error:
        msg = f"repairing the cache: {place} is damaged, and cannot be moved: {error}; remove it, and run again"
        raise ResultsError(msg) from error


def _write_seal(folder: Path) -> None:
    """Leave the folder's own time as it is, for two folders of one content to be the same."""
    seal, when = folder / SEAL, folder.stat().st_mtime_ns
    seal.write_text(sum_of(folder))
    seal.chmod(0o644)
    for path in (seal, folder):
        os.utime(path, ns=(when, when))


def sum_of(folder: Path) -> str:
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
    """Remove what ended processes left unfinished in a folder, and what was damaged, a day later."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        with suppress(OSError), _held(path):
            shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(f"{_DAMAGED}*"):
        with suppress(OSError):
            if path.lstat().st_mtime < time.time() - DAY:
                shutil.rmtree(path, ignore_errors=True)


def sweep_all(cache: Path) -> None:
    """Sweep every folder of a cache in which something is made: itself, and two levels below."""
    for folder in (cache, *cache.glob("[!.]*/"), *cache.glob("[!.]*/[!.]*/")):
        sweep(folder)


@contextmanager
def _held(folder: Path) -> Iterator[int]:
    """Hold a folder alone; an OSError where another does, it is gone, or its file system has no locks."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however that ends
        yield descriptor
    finally:
        os.close(descriptor)


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


_TURNS = Turns()
