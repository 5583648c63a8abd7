"""Two wheel files, explained: read without harm, compared, diagnosed. No engine, no index, no configuration."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from orchestrator import wheel
from orchestrator.compare import compare
from orchestrator.errors import UsageError
from orchestrator.model import Diagnosis, Failure, Limits, Severity, Traces, Unexplained, WheelFile

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Difference, Wheel

LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two wheels and how they differ."""

    first: WheelFile
    second: WheelFile
    equal: bool  # the bytes and the name
    diagnosis: Diagnosis

    def as_json(self) -> dict[str, Any]:
        """Return what `wheelproof compare --json` prints."""
        found = asdict(self.diagnosis)
        return {
            "first": _named(self.first),
            "second": _named(self.second),
            "equal": self.equal,
            "severity": found["severity"],
            "causes": found["causes"],
            "unexplained": found["unexplained"],
            "differences": found["differences"],
        }


def _named(file: WheelFile) -> dict[str, Any]:
    return {"filename": file.filename, "sha256": file.sha256, "size": file.size}


@dataclass(frozen=True, slots=True)
class Given:
    """A wheel on our disk, under the name by which it is to be known, and what its build planted, if that is known."""

    path: Path
    file: WheelFile
    traces: Traces = Traces()  # noqa: RUF009 - frozen


def diagnosed(first: Given, second: Given, limits: Limits = LIMITS) -> Diagnosis | None:
    """Tell why two wheels differ; None where one of them cannot be read."""
    one = wheel.read(first.path, first.file, limits.wheel, limits.members)
    other = wheel.read(second.path, second.file, limits.wheel, limits.members)
    if isinstance(one, Failure) or isinstance(other, Failure):
        return None
    return _diagnosed(compare(one, other))


def explained(first: Path, second: Path) -> Pair:
    """Compare two wheel files of anybody's, and tell why they differ.

    Raises
    ------
    UsageError
        One of them is not there, is no wheel, or is one that is not safe to look into.

    """
    one, other = _file(first), _file(second)
    differences = compare(_read(first, one), _read(second, other))
    return Pair(one, other, not differences, _diagnosed(differences))


def _file(path: Path) -> WheelFile:
    try:
        if not path.is_file():
            msg = f"reading {path}: it is {'no plain file' if path.exists() else 'not there'}; name a wheel"
            raise UsageError(msg)
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return WheelFile(path.name, sha256, path.stat().st_size)
    except (OSError, ValueError) as error:
        msg = f"reading {path}: {error}; name a wheel that can be read"
        raise UsageError(msg) from error


def _read(path: Path, file: WheelFile) -> Wheel:
    found = wheel.read(path, file, LIMITS.wheel, LIMITS.members)
    if isinstance(found, Failure):
        msg = f"reading {path}: {found.reason}: {found.detail}; name a wheel that an installer would take"
        raise UsageError(msg)
    return found


def _diagnosed(differences: tuple[Difference, ...]) -> Diagnosis:
    left = tuple(Unexplained(one.path, one.aspect) for one in differences if not one.consequence)
    return Diagnosis(Severity.CODE if differences else Severity.NONE, (), left, differences)
