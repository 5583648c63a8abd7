"""The entries of a file, and its mistakes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from orchestrator.model import names
from orchestrator.model.names import BadNameError, WheelName

if TYPE_CHECKING:
    from packaging.requirements import Requirement

LONGEST = 16 << 20
"""The most characters of a file."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_WIDEST = 60  # characters of a value that a message repeats


@dataclass(frozen=True, slots=True)
class Wanted:
    """One project of a file: its version, if the file names one, and the hashes of its files."""

    project: str  # normalized (PEP 503)
    version: str  # normalized (PEP 440); empty if the file names none
    specifier: str  # "==1.16.0", ">=2", or nothing
    file: str
    line: int  # from 1; 0 if unknown
    hashes: tuple[str, ...] = ()  # SHA-256 of sdists or wheels, if the file does not name them
    sdists: tuple[tuple[str, str], ...] = ()  # (file name, SHA-256)
    wheels: tuple[tuple[str, str], ...] = ()
    own: tuple[str, ...] = ()  # SHA-256 of wheels that the file's author built
    marker: str = ""  # PEP 508
    extras: tuple[str, ...] = ()  # of the project, normalized; they change what else is needed, but no wheel

    @property
    def allowed(self) -> tuple[str, ...]:
        """The SHA-256 that the sdist may have; if the file names no sdists, those of any of its files."""
        return tuple(sha256 for _, sha256 in self.sdists) or self.hashes

    @property
    def requirement(self) -> str:
        """The requirement to look up on an index."""
        return f"{self.project}{self.specifier}"

    @property
    def place(self) -> str:
        """The file and line of the entry."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """What is wrong, and where; `line` is 0 for the whole file."""

    file: str
    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Read:
    """The content of a file: its entries, and its mistakes."""

    wanted: tuple[Wanted, ...]
    mistakes: tuple[Mistake, ...] = ()
    groups: tuple[str, ...] = ()  # all that the file names; none: files of its kind have no groups
    extras: tuple[str, ...] = ()  # all that the file names


def short(value: object) -> str:
    """Return a value, escaped and shortened, for a message on a terminal."""
    text = repr(value)
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}..."


def is_sha256(text: object) -> bool:
    """Return whether a value is a SHA-256 in lower-case hexadecimal digits."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def name_of(text: str) -> NormalizedName:
    """Return a project's normalized name; raise ValueError if it is invalid."""
    try:
        return canonicalize_name(text, validate=True)
    except ValueError:
        msg = f"{short(text)} is not a valid project name (PEP 503)"
        raise ValueError(msg) from None


def version_of(text: str) -> str:
    """Return a normalized version; raise ValueError if it is invalid."""
    try:
        return str(Version(text))
    except ValueError:  # InvalidVersion, or more digits than Python reads
        msg = f"{short(text)} is not a version (PEP 440)"
        raise ValueError(msg) from None


def pinned(requirement: Requirement) -> str:
    """Return the version that a requirement pins, or "" if it admits several; raise ValueError if it is invalid."""
    parts = list(requirement.specifier)
    if len(parts) == 1 and parts[0].operator in {"==", "==="} and not parts[0].version.endswith(".*"):
        return version_of(parts[0].version)
    return ""


def parsed(filename: str) -> tuple[str, str, bool]:
    """Return a file's project and version, and whether it is a wheel; raise ValueError if it is neither kind."""
    try:
        name = names.parsed(filename)
    except BadNameError:
        msg = f"{short(filename)} is the name of neither a wheel nor an sdist"
        raise ValueError(msg) from None
    return name.project, str(name.version), isinstance(name, WheelName)
