"""Writes the folder of a wheelhouse: whole, or not at all."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator.errors import ResultsError, UsageError
from orchestrator.model.statement import BUILDER
from orchestrator.publish.statements.files import UNSIGNED, bare
from orchestrator.publish.wheelhouse import OWN, RECORD, files_of, wheels_of
from orchestrator.recipes.wheelhouse import PROGRAM, SOURCES
from orchestrator.sources import reading
from orchestrator.util import cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orchestrator.model import Result, Sdist, WheelFile, Wheelhouse
    from orchestrator.model.statement import Statement
    from orchestrator.results.store import Results

_FOLDER, _FILE, _EXECUTABLE = 0o755, 0o644, 0o755
_CHUNK = 1 << 20
_LONGEST_LIST = 1 << 24  # bytes of a SHA256SUMS that are read
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # renameat2(2)
_NO_EXCHANGE = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})
SUMS = "SHA256SUMS"
_WHAT = "the wheelhouse"


def check_place(out: Path) -> None:
    """Check that a folder may be written: it does not exist, is empty, or has a former wheelhouse and nothing else.

    What a user has put there is no part of it: a signature, a wheel that its SHA256SUMS does not list, sdists.

    Raises
    ------
    UsageError
        It is another folder, or no folder, or a mount point, which cannot be replaced at once; or it is in no folder
        that can be written.

    """
    place = Path(os.path.realpath(out))  # `resolve` raises where links lead to each other
    above = next((one for one in place.parents if os.path.lexists(one)), place)
    if not above.is_dir():
        _refuse(out, f"is in {above}, which is no folder; name another")
    if not os.access(above, os.W_OK | os.X_OK):
        _refuse(out, f"is in {above}, which cannot be written; check its permissions, or name another")
    if not os.path.lexists(out):
        return
    if not out.is_dir():
        _refuse(out, "is no folder; name another")
    if os.path.ismount(place):
        _refuse(out, "is a mount point, which cannot be replaced at once; name a folder in it")
    try:
        is_former, is_empty = (out / RECORD).is_file(), not os.listdir(out)  # noqa: PTH208 - names alone
        foreign = next(_foreign(out), "") if is_former else ""
    except OSError as error:
        _refuse(out, f"cannot be read: {error.strerror}; name another")
    if not (is_former or is_empty):
        _refuse(out, "has other files than those of a wheelhouse; name another folder")
    if foreign:
        _refuse(out, f"has the file {ascii(foreign)[:200]}, which no wheelhouse wrote; move it, or name another folder")


def _foreign(out: Path) -> Iterator[str]:
    """Yield the paths of files in a former wheelhouse that are none of it."""
    yield from (name for name in _files(out) if not OWN.fullmatch(name))
    yield from _unlisted(out)


def _files(out: Path) -> Iterator[str]:
    """Yield the path of each file in a folder, and of each link, relative to it."""

    def fail(error: OSError) -> None:
        raise error

    for folder, folders, names in os.walk(out, onerror=fail):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118
        yield from (os.path.relpath(os.path.join(folder, name), out) for name in (*names, *links))  # noqa: PTH118


def _unlisted(out: Path) -> Iterator[str]:
    """Yield the paths of wheels and sdists in a former wheelhouse that its lists of hashes do not have."""
    for folder, pattern in ((out, "*.whl"), (out / SOURCES, "*")):
        listed = _listed(folder / SUMS)
        found = (one for one in folder.glob(pattern) if one.name not in listed)
        yield from (str(one.relative_to(out)) for one in found if one.name != SUMS)


def _listed(sums: Path) -> frozenset[str]:
    """Return the names in a file of sha256sum; none if there is no such file."""
    if not sums.is_file():
        return frozenset()
    with sums.open("rb") as stream:
        lines = stream.read(_LONGEST_LIST).splitlines()
    return frozenset(os.fsdecode(line.partition(b"  ")[2]) for line in lines)


def _refuse(out: Path, why: str) -> None:
    msg = f"writing {_WHAT}: {out} {why}"
    raise UsageError(msg)


def write(
    house: Wheelhouse,
    records: Mapping[str, Result],
    store: Results,
    out: Path,
    *,
    builder: str = BUILDER,
    ending: str = UNSIGNED,
    content: Callable[[Statement], bytes] = bare,
    sources: Mapping[str, Path] = MappingProxyType({}),
) -> None:
    """Write the folder of a wheelhouse in place of a former one; its parents are made. See `files_of`.

    `sources` are sdists of its wheels that nobody else can fetch, by SHA-256; they are handed out in `sources/`.

    The folder is complete at every moment, or as it was before, also where the program is killed. Whatever the umask,
    all may read it.

    Raises
    ------
    UsageError
        The folder may not be written: see `check_place`.
    ResultsError
        A wheel is not kept any more, or has other bytes than those that were built; or the disk fails.
    FaultError
        See `files_of`.

    """
    check_place(out)
    place, wheels = out.resolve(), wheels_of(house)
    kept = {path: _kept(store, wheel) for path, wheel in wheels.items()}
    python = {wheel.sha256: reading.wheel_requires_python(kept[path]) for path, wheel in wheels.items()}
    files = files_of(house, records, python, store.packages, builder, ending, content)
    handed = sorted({one.sdist for one in house.wheels if one.sdist.sha256 in sources}, key=lambda one: one.filename)
    if handed:
        lines = (f"{one.sha256}  {one.filename}\n" for one in handed)
        files[f"{SOURCES}/SHA256SUMS"] = "".join(lines).encode()
    with _replaced(place) as new:
        for path, wheel in wheels.items():
            _copy(kept[path], wheel, new / path)
        for sdist in handed:
            _copy(sources[sdist.sha256], sdist, new / SOURCES / sdist.filename)
        for path, data in files.items():
            _write(data, new / path, _EXECUTABLE if path == PROGRAM else _FILE)


def _kept(store: Results, wheel: WheelFile) -> Path:
    path = store.wheels.find(wheel.sha256)
    if path is None:
        msg = (
            f"writing {_WHAT}: {wheel.filename} is not kept any more; "
            "allow more room for wheels in config.yaml, and run again"
        )
        raise ResultsError(msg)
    return path


@contextmanager
def _replaced(place: Path) -> Iterator[Path]:
    """Give a new folder beside the place. At the end it takes the place at once; on an error, it is removed."""
    cache.sweep(place.parent)
    with cache.unfinished(place.parent, _WHAT) as beside:
        new = beside / "new"
        new.mkdir()
        yield new
        for folder, _, _ in os.walk(new):
            os.chmod(folder, _FOLDER)  # noqa: PTH101 - as os.walk gives it
        _to_disk(new)
        exchange(new, place)


def _copy(file: Path, wheel: WheelFile | Sdist, target: Path) -> None:
    """Copy a wheel or an sdist; raises ResultsError if its bytes are not those that were built."""
    target.parent.mkdir(exist_ok=True)
    sha256 = hashlib.sha256()
    with file.open("rb") as source, target.open("xb") as copy:
        while piece := source.read(_CHUNK):
            sha256.update(piece)
            copy.write(piece)
        os.fchmod(copy.fileno(), _FILE)
    if sha256.hexdigest() != wheel.sha256:
        msg = f"writing {_WHAT}: {file}, the file {wheel.filename}, is damaged; remove it, and build the release again"
        raise ResultsError(msg)


def _write(data: bytes, target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as stream:
        stream.write(data)
        os.fchmod(stream.fileno(), mode)


# --- the disk --------------------------------------------------------------------------------

_LIBC = ctypes.CDLL(None, use_errno=True)


def _to_disk(folder: Path) -> None:
    """Wait until the file system of a folder has all files on the disk (syncfs(2)), as one wait for all."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(AttributeError):  # a C library without it
            _LIBC.syncfs(descriptor)
    finally:
        os.close(descriptor)


def exchanged(new: Path, place: Path) -> bool:
    """Exchange two folders (renameat2(2)); return whether this system can. Raises OSError where they cannot be."""
    try:
        call = _LIBC.renameat2
    except AttributeError:
        return False
    if call(_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(place), _RENAME_EXCHANGE) == 0:
        return True
    if (number := ctypes.get_errno()) in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(place))


def exchange(new: Path, place: Path, exchanged: Callable[[Path, Path], bool] = exchanged) -> None:
    """Put a folder in the place of another one, in one step if the system can; the other one is left beside the new."""
    try:
        new.rename(place)  # there is none, or an empty one
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        if not exchanged(new, place):
            _replace(new, place)


def _replace(new: Path, place: Path) -> None:
    old = new.with_name("old")
    place.rename(old)
    try:
        new.rename(place)
    except OSError:
        old.rename(place)
        raise
