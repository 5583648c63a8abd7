"""Compares our wheel with the corresponding one on the index."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from orchestrator.model import Published, WheelFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from packaging.tags import Tag

    from orchestrator.model import Diagnosis, OfferedWheel

_MANYLINUX = re.compile(r"manylinux(?:(1|2010|2014)|_([0-9]{1,4})_([0-9]{1,4}))_(\w+)")
_GLIBC = {"1": (2, 5), "2010": (2, 12), "2014": (2, 17)}  # PEP 600: the glibc of the older names

NONE = Published("", "", same=False)
"""The result if the index has no wheel for the same tags."""


def published(
    ours: WheelFile,
    offered: Sequence[OfferedWheel],
    fetch: Callable[[OfferedWheel], tuple[Path, str]],
    explain: Callable[[Path, WheelFile], Diagnosis | None],
) -> Published:
    """Fetch the published wheel for the tags of ours, and compare it.

    `fetch` returns a file and its SHA-256. `explain` gets that file, and
    under which name and hash it is to be read; None where it cannot be.

    Raises
    ------
    PackageIndexError
        The index does not answer, or the file does not have the announced hash.

    """
    found = counterpart(ours.filename, offered)
    if found is None:
        return NONE
    file, sha256 = fetch(found)
    if sha256 == ours.sha256:
        return Published(found.filename, sha256, same=True)
    diagnosis = explain(file, WheelFile(_named_as(ours.filename, found.filename), sha256, file.stat().st_size))
    if diagnosis is None:
        return Published(found.filename, sha256, same=False)
    return Published(
        found.filename,
        sha256,
        same=False,
        severity=diagnosis.severity,
        causes=diagnosis.causes,
        unexplained=diagnosis.unexplained,
    )


def counterpart(ours: str, offered: Iterable[OfferedWheel]) -> OfferedWheel | None:
    """Return the offered wheel of the same name, or else the one for the same Python, ABI and kind of machine.

    A wheel for the exact machine (linux_x86_64) corresponds to one for manylinux on the same
    processor; of several, to the one for the newest glibc, which an installer would choose.
    """
    ranked = [(rank, wheel) for wheel in offered if (rank := _rank(ours, wheel.filename)) is not None]
    return max(ranked, key=lambda pair: (pair[0], pair[1].filename))[1] if ranked else None


def _rank(ours: str, theirs: str) -> tuple[int, int, int] | None:
    """Return how well a published wheel matches ours, the higher the better; None if it does not."""
    if ours == theirs:
        return (3, 0, 0)
    first, second = _tags(ours), _tags(theirs)
    if first & second:
        return (2, 0, 0)
    fitting = [glibc for left in first for right in second if (glibc := _alike(left, right)) is not None]
    return (1, *max(fitting)) if fitting else None


def _tags(filename: str) -> frozenset[Tag]:
    try:
        return parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return frozenset()


def _alike(ours: Tag, theirs: Tag) -> tuple[int, int] | None:
    """Return the glibc that a manylinux tag requires, if the rest of the tag matches ours."""
    if (ours.interpreter, ours.abi) != (theirs.interpreter, theirs.abi):
        return None
    match = _MANYLINUX.fullmatch(theirs.platform)
    if match is None or ours.platform != f"linux_{match[4]}":
        return None
    return _GLIBC[match[1]] if match[1] else (int(match[2]), int(match[3]))


def _named_as(ours: str, theirs: str) -> str:
    """Return the name for comparing a published wheel: ours, if only the kind of Linux differs."""
    return theirs if _tags(ours) & _tags(theirs) else ours
