"""Files and folders of the cache: each is written whole or not at all, and by one worker at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
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
    from collections.abc import Iterable, Iterator

READABLE = 0o022
"""The umask of all processes that write a cache: the users of containers have to read its files."""

SEAL = "seal"
"""The file of a finished folder with the hash of all its other files."""

_UNFINISHED = ".unfinished-"
_DAMAGED = ".damaged-"
_TRIES = 3
_LATELY = DAY  # seconds until a use is noted again
_BLOCK = 512  # bytes (stat(2), st_blocks)
_WHOLE: set[Path] = set()


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def unfinished(folder: Path, what: str = "the cache") -> Iterator[Path]:
    """Create a temporary folder beside the finished ones. What is left in it at the end is removed.

    `what` is what the folder has, for the message of an error.

    Raises
    ------
    ResultsError
        The disk fails, here or in the caller's block.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lent = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder))
    except OSError as error:
        raise _refused(folder, error, what) from error
    try:
        with _kept_from_sweep(lent):
            yield lent
    except OSError as error:
        raise _refused(folder, error, what) from error  # before the folder is removed: its state shows what has run out
    finally:
        shutil.rmtree(lent, ignore_errors=True)


def _refused(folder: Path, error: OSError, what: str) -> ResultsError:
    doing, advice = f"writing {what} in {folder}", "check the permissions there, or name another folder for it"
    return refused(doing, folder, error, advice)


@contextmanager
def _kept_from_sweep(lent: Path) -> Iterator[None]:
    """Lock a folder, so that no sweep removes it as left over from a killed process."""
    with ExitStack() as locks:
        for _ in range(_TRIES):  # a sweep may come between creating and locking it
            lent.mkdir(mode=0o700, exist_ok=True)
            with suppress(OSError), ExitStack() as attempt:
                descriptor = attempt.enter_context(_locked(lent))
                if os.path.samestat(os.fstat(descriptor), lent.stat()):
                    locks.push(attempt.pop_all())
                    break
        yield


def write_checked(path: Path, content: str) -> None:
    """Write a text after a line with its hash, for `read_checked`."""
    write(path, f"{hashlib.sha256(content.encode()).hexdigest()}\n{content}")


def read_checked(path: Path) -> str | None:
    """Return a text that `write_checked` wrote; None if it is absent or was changed."""
    try:
        sha256, _, content = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return content if hashlib.sha256(content.encode()).hexdigest() == sha256 else None


def write(path: Path, content: str, what: str = "the cache") -> None:
    """Write a file atomically: neither a reader nor a crash sees a part of it. `what` is as in `unfinished`."""
    with unfinished(path.parent, what) as folder:
        (folder / path.name).write_text(content, encoding="utf-8")
        (folder / path.name).replace(path)


def keep(file: Path, place: Path, what: str = "the cache") -> None:
    """Copy a file to its place in a folder of its folder, such as sdists/SHA-256/, atomically.

    `what` is as in `unfinished`.
    """
    with unfinished(place.parent.parent, what) as folder:
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, folder / place.name)
        (folder / place.name).replace(place)


def settle(folder: Path, place: Path) -> Path:
    """Seal a finished folder and move it to its place. If another process was faster, its folder is kept."""
    _write_seal(folder)
    try:
        folder.rename(place)
    except OSError:
        if not place.is_dir():
            raise
    return place


def settled(place: Path) -> Path | None:
    """Return a finished folder if it exists and is undamaged, or None.

    A damaged folder, for example after a power failure, is moved aside, for the caller to make it again: it
    would change what builds give. Containers that use it keep it until it is swept.

    Raises
    ------
    ResultsError
        A damaged folder cannot be moved.

    """
    with _TURNS.turn(str(place)):
        if place in _WHOLE and place.is_dir():  # checked once in each run: the disk may have failed since the last
            return place
        if place.is_dir() and _is_whole(place):
            _WHOLE.add(place)
            return place
        if os.path.lexists(place):
            _set_aside(place)
        return None


def doubt_all() -> None:
    """Have each finished folder checked again when it is used next, as a new process does."""
    _WHOLE.clear()


def _is_whole(place: Path) -> bool:
    try:
        return (place / SEAL).read_text() == sum_of(place)
    except (OSError, UnicodeDecodeError):
        return False


def _set_aside(place: Path) -> None:
    logs.warning("a folder of the cache is damaged, and is made again", folder=str(place))
    try:
        aside = Path(tempfile.mkdtemp(prefix=_DAMAGED, dir=place.parent))
        place.rename(aside / place.name)
    except OSError as error:
        msg = f"repairing the cache: {place} is damaged, and cannot be moved: {error}; remove it, and run again"
        raise ResultsError(msg) from error


def content_of(place: Path) -> str:
    """Return the hash of a file's content, or of all that a sealed folder has; raises OSError where it is gone."""
    return (place / SEAL).read_text() if place.is_dir() else sha256_of(place)


def _write_seal(folder: Path) -> None:
    """Write the seal and keep the folder's time, so that folders of equal content are equal."""
    seal, when = folder / SEAL, folder.stat().st_mtime_ns
    seal.write_text(sum_of(folder))
    seal.chmod(0o644)
    for path in (seal, folder):
        os.utime(path, ns=(when, when))


def sum_of(folder: Path) -> str:
    """Return the hash of all that a build could read in a folder, except its seal."""
    entries = []
    for path, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            file = Path(path, name)
            inside = str(file.relative_to(folder))
            if inside != SEAL:
                entries.append(
                    (inside, file.lstat().st_mode, str(file.readlink()) if file.is_symlink() else sha256_of(file))
                )
    return digest(entries)


def sweep(folder: Path) -> None:
    """Remove unfinished folders of ended processes, and damaged folders older than a day."""
    for path in _left(folder, _UNFINISHED):
        with suppress(OSError), _locked(path):
            shutil.rmtree(path, ignore_errors=True)
    for path in _left(folder, _DAMAGED):
        with suppress(OSError):
            if path.lstat().st_mtime < time.time() - DAY:
                shutil.rmtree(path, ignore_errors=True)


def _left(folder: Path, prefix: str) -> list[Path]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - ten times as fast as `glob`, and a folder may have 100,000 names
    except OSError:
        return []
    return [folder / name for name in names if name.startswith(prefix)]


def sweep_all(cache: Path) -> None:
    """Sweep the cache and its folders, where all that is unfinished is made; nothing below them is listed."""
    for folder in (cache, *cache.glob("[!.]*/"), *cache.glob("debian/[!.]*/")):
        sweep(folder)


def touch(path: Path) -> bool:
    """Note that a file is used now, by its time; return whether it is there. No build sees such a file."""
    try:
        if path.stat().st_mtime < time.time() - _LATELY:
            os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:
        pass  # another user's cache that may only be read
    return True


def remove(cache: Path, paths: Iterable[Path]) -> None:
    """Remove files and folders of a cache, each at once: a reader sees all of it or nothing."""
    with unfinished(cache) as trash:
        for number, path in enumerate(paths):
            with suppress(FileNotFoundError):
                path.rename(trash / str(number))
        for folder, _, _ in os.walk(trash):
            with suppress(OSError):
                Path(folder).chmod(0o700)  # uv keeps some of them read-only


def size_on_disk(path: Path | str, *, linked: bool = False) -> int:
    """Return the bytes that a file or a folder takes; in a folder, files with other hard links only if `linked`."""
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        return status.st_blocks * _BLOCK
    files = (os.lstat(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)  # noqa: PTH118
    return sum(one.st_blocks * _BLOCK for one in files if linked or one.st_nlink == 1)


_OCCUPIED: dict[Path, int] = {}
"""Caches that this process uses -> the descriptor of a lock that it shares until it ends."""


def occupy(cache: Path) -> None:
    """Keep everybody from pruning a cache until this process ends; wait while somebody prunes it.

    Raises
    ------
    ResultsError
        The cache cannot be written.

    """
    if (key := cache.resolve()) not in _OCCUPIED:
        try:
            (key / "uses").mkdir(parents=True, exist_ok=True)
            _OCCUPIED[key] = os.open(key / "uses" / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise _refused(cache, error, "the cache") from error
        fcntl.flock(_OCCUPIED[key], fcntl.LOCK_SH)


@contextmanager
def alone(cache: Path) -> Iterator[bool]:
    """Use a cache alone, so that it can be pruned; give False where another process uses it."""
    occupy(cache)
    descriptor = _OCCUPIED[cache.resolve()]
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield False
        return
    try:
        yield True
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_SH)


@contextmanager
def locked_file(path: Path) -> Iterator[bool]:
    """Lock a file of another program, if it is there and nobody has locked it; give whether that is so."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Lock a folder. Raises OSError if another process has the lock, the folder is gone, or there are no locks."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when the process ends, however it ends
        yield descriptor
    finally:
        os.close(descriptor)


class Turns:
    """One lock for each key, kept only while a thread has it or waits for it."""

    def __init__(self) -> None:
        """Start with no keys."""
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def turn(self, key: str) -> Iterator[None]:
        """Lock a key: wait until no other thread works on it."""
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
