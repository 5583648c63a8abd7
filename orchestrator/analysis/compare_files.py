"""Reads, compares and diagnoses two wheel files, which may be hostile. No engine, no index, no configuration."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from packaging.utils import parse_wheel_filename

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
    """Compare two wheel files, or any two zip archives, and explain the differences.

    Names are compared only if both are those of wheels: the farm keeps wheels under their hashes.

    Raises
    ------
    UsageError
        One of them does not exist, is no zip archive, is encrypted, exceeds a limit, or has the name of a wheel that
        no installer would take.

    """
    ours, theirs = _given(first), _given(second)
    any_zip = not (_is_named(ours) and _is_named(theirs))
    name = next((given.file.filename for given in (ours, theirs) if _is_named(given)), ours.file.filename)
    pair = [replace(given, file=replace(given.file, filename=name)) if any_zip else given for given in (ours, theirs)]
    diagnosis = _explained(pair[0], pair[1], LIMITS, NO_GROUNDS, _refuse, any_zip=any_zip)
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
    first: Given,
    second: Given,
    limits: Limits,
    grounds: Grounds,
    refuse: Callable[[Given, Failure], NoReturn],
    *,
    any_zip: bool = False,
) -> Diagnosis:
    with ExitStack() as stack:
        ours, theirs = (_side(given, limits, refuse, stack, any_zip=any_zip) for given in (first, second))
        return diagnose(ours, theirs, compare(ours.wheel, theirs.wheel), grounds=grounds)


def _side(
    given: Given, limits: Limits, refuse: Callable[[Given, Failure], NoReturn], stack: ExitStack, *, any_zip: bool
) -> WheelSide:
    parsed = wheel.read(given.path, given.file, limits.wheel, limits.members, any_zip=any_zip)
    if isinstance(parsed, Failure):
        refuse(given, parsed)
    contents = stack.enter_context(opened(given.path, given.file, limits.wheel, limits.members, any_zip=any_zip))
    if isinstance(contents, Failure):
        refuse(given, contents)
    return WheelSide(parsed, contents, given.traces)


def _is_named(given: Given) -> bool:
    """Return whether a file has the name of a wheel."""
    try:
        return bool(parse_wheel_filename(given.file.filename))
    except ValueError:  # InvalidWheelFilename, or a version with more digits than Python reads
        return False


def _pass(_given: Given, failure: Failure) -> NoReturn:
    raise _Unreadable(failure.detail)


def _refuse(given: Given, failure: Failure) -> NoReturn:
    advice = "name a wheel that an installer would take, or a zip archive"
    msg = f"reading {given.path}: {failure.reason}: {failure.detail}; {advice}"
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
