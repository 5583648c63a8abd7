"""What a file system that has no room left comes to: the end of a run, and one message with the folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from tempfile import gettempdir

from orchestrator.errors import NoRoomError, ResultsError

SCARCE = 256 << 20
"""Bytes that are too few to unpack build requirements into."""

_BYTES = "no space is left"
_INODES = "the file system has no inodes left, so no more files can be made"
_QUOTA = "the quota of disk space or files is used up"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FEW = 1000  # files


def refused(doing: str, folder: Path, error: OSError, advice: str) -> ResultsError:
    """Return what to raise for an error of the disk: NoRoomError where it is full, with what it is that ran out."""
    if error.errno not in _FULL:
        return ResultsError(f"{doing}: {error}; {advice}")
    return NoRoomError(
        f"{doing}: {_what_ran_out(folder, error)} in {folder}; make room there, or name another folder, and run again"
    )


def shortage(error: BaseException) -> NoRoomError | None:
    """Return the full disk that is behind an error, if one is."""
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
    """Tell whether a message of another process of ours is that of a full file system."""
    return any(words in complaint for words in (_BYTES, _INODES, _QUOTA))


def _unforeseen(error: OSError) -> str:
    name = error.filename2 or error.filename
    if not isinstance(name, str | bytes):
        return f"writing a file: {error}; make room for the results, the cache and {gettempdir()}, and run again"
    folder = Path(os.fsdecode(name)).parent
    return f"working in {folder}: {_what_ran_out(folder, error)}; make room there, and run again"


def is_scarce(folder: Path) -> bool:
    """Tell whether a folder's file system is full, or nearly; another program's word for it may be a package's."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize < SCARCE or bool(status.f_files and status.f_favail < _FEW)


def _what_ran_out(folder: Path, error: OSError) -> str:
    """Tell apart the bytes, the number of files, and a user's quota of either."""
    if error.errno == errno.EDQUOT:
        return _QUOTA
    existing = next((one for one in (folder, *folder.parents) if one.exists()), Path("/"))
    try:
        status = os.statvfs(existing)
    except OSError:
        return _BYTES
    if status.f_files and status.f_favail == 0:
        return _INODES
    return _BYTES
