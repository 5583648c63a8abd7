"""Errors of a full file system: they end a run with one message that names the folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from tempfile import gettempdir

from orchestrator.errors import NoRoomError, ResultsError

SCARCE = 256 << 20
"""Free bytes below which build requirements may not be unpacked."""

_BYTES = "no space is left"
_INODES = "the file system has no inodes left, so no more files can be created"
_QUOTA = "the quota of disk space or files is used up"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FEW = 1000  # files


def refused(doing: str, folder: Path, error: OSError, advice: str) -> ResultsError:
    """Return the error to raise for an error of the disk: a NoRoomError that names what ran out, if it is full."""
    if error.errno not in _FULL:
        return ResultsError(f"{doing}: {error}; {advice}")
    return NoRoomError(
        f"{doing}: {_what_ran_out(folder, error)} in {folder}; make room there, or name another folder, and run again"
    )


def shortage(error: BaseException) -> NoRoomError | None:
    """Return a NoRoomError if an error was caused by a full disk, or None."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, NoRoomError):
            return link
        if isinstance(link, OSError) and link.errno in _FULL:
            return NoRoomError(_unforeseen(link))
        link = link.__cause__ or link.__context__
    return None


def is_told_of(complaint: str) -> bool:
    """Return whether another process of ours reports a full file system."""
    return any(words in complaint for words in (_BYTES, _INODES, _QUOTA))


def _unforeseen(error: OSError) -> str:
    name = error.filename2 or error.filename
    if not isinstance(name, str | bytes):
        return f"writing a file: {error}; make room for the results, the cache and {gettempdir()}, and run again"
    folder = Path(os.fsdecode(name)).parent
    return f"working in {folder}: {_what_ran_out(folder, error)}; make room there, and run again"


def is_scarce(folder: Path) -> bool:
    """Return whether a folder's file system is nearly full. A package may forge another program's message."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize < SCARCE or bool(status.f_files and status.f_favail < _FEW)


def _what_ran_out(folder: Path, error: OSError) -> str:
    """Distinguish bytes, inodes, and a user's quota of either."""
    if error.errno == errno.EDQUOT:
        return _QUOTA
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    try:
        status = os.statvfs(existing)
    except OSError:
        return _BYTES
    if status.f_files and status.f_favail == 0:
        return _INODES
    return _BYTES
