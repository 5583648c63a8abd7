"""Reads, compares and diagnoses two wheel files, which may be hostile. No engine, no index, no configuration."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from orchestrator.analysis import wheel
from orchestrator.analysis.compare import compare
from orchestrator.analysis.contents import opened
from orchestrator.analysis.diagnose import diagnose
from orchestrator.analysis.wheel import Given
from orchestrator.analysis.wheel_side import WheelSide
from orchestrator.errors import UsageError
from orchestrator.model import NO_GROUNDS, Failure, Limits, WheelFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.model import Diagnosis, Grounds

LIMITS = Limits()

SECONDS = 300
"""The time limit of comparing two wheels."""

ROOM = 3 << 30
"""Bytes of address space that comparing two wheels may take."""


@dataclass(frozen=True, slots=True)
class FileComparison:
    """Two wheels and how they differ."""

    first: WheelFile
    second: WheelFile
    equal: bool  # the bytes and the name
    diagnosis: Diagnosis

    def as_json(self) -> dict[str, Any]:
        """Return what `wheelproof compare --json` prints."""
        fields = asdict(self.diagnosis)
        return {
            "first": _named(self.first),
            "second": _named(self.second),
            "equal": self.equal,
            "severity": fields["severity"],
            "causes": fields["causes"],
            "unexplained": fields["unexplained"],
            "differences": fields["differences"],
        }


def _named(file: WheelFile) -> dict[str, Any]:
    return {"filename": file.filename, "sha256": file.sha256, "size": file.size}


def explained(first: Path, second: Path) -> FileComparison:
    """Compare two wheel files and explain the differences.

    Raises
    ------
    UsageError
        One of them does not exist, is not a wheel, or is not safe to read.

    """
    ours, theirs = _given(first), _given(second)
    diagnosis = _explained(ours, theirs, LIMITS, NO_GROUNDS, _refuse)
    return FileComparison(ours.file, theirs.file, not diagnosis.differences, diagnosis)


def diagnosed(first: Given, second: Given, limits: Limits = LIMITS, grounds: Grounds = NO_GROUNDS) -> Diagnosis | None:
    """Explain the differences of two wheels; None if one of them cannot be read."""
    try:
        return _explained(first, second, limits, grounds, _pass)
    except _Unreadable:
        return None


class _Unreadable(Exception):  # noqa: N818 - it never leaves this module
    """A wheel cannot be read."""


def _explained(
    first: Given, second: Given, limits: Limits, grounds: Grounds, refuse: Callable[[Given, Failure], NoReturn]
) -> Diagnosis:
    with ExitStack() as stack:
        ours, theirs = (_specimen(given, limits, refuse, stack) for given in (first, second))
        return diagnose(ours, theirs, compare(ours.wheel, theirs.wheel), grounds=grounds)


def _specimen(
    given: Given, limits: Limits, refuse: Callable[[Given, Failure], NoReturn], stack: ExitStack
) -> WheelSide:
    parsed = wheel.read(given.path, given.file, limits.wheel, limits.members)
    if isinstance(parsed, Failure):
        refuse(given, parsed)
    contents = stack.enter_context(opened(given.path, given.file, limits.wheel, limits.members))
    if isinstance(contents, Failure):
        refuse(given, contents)
    return WheelSide(parsed, contents, given.traces)


def _pass(_given: Given, failure: Failure) -> NoReturn:
    raise _Unreadable(failure.detail)


def _refuse(given: Given, failure: Failure) -> NoReturn:
    msg = f"reading {given.path}: {failure.reason}: {failure.detail}; name a wheel that an installer would take"
    raise UsageError(msg)


def _given(path: Path) -> Given:
    try:
        if not path.is_file():
            msg = f"reading {path}: it is {'no plain file' if path.exists() else 'not there'}; name a wheel"
            raise UsageError(msg)
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return Given(path, WheelFile(path.name, sha256, path.stat().st_size))
    except (OSError, ValueError) as error:
        msg = f"reading {path}: {error}; name a wheel that can be read"
        raise UsageError(msg) from error
