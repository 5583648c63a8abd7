"""What a file asks for, and what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from orchestrator.model import names
from orchestrator.model.names import BadNameError, WheelName

LONGEST = 16 << 20
"""Characters of a file."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_WIDEST = 60  # characters of a value that a message repeats


@dataclass(frozen=True, slots=True)
class Wanted:
    """One project of a file: a version of it, where the file names one, and what its files hash to."""

    project: str  # normalized (PEP 503)
    version: str  # normalized (PEP 440); empty where the file leaves it open
    specifier: str  # "==1.16.0", ">=2", or nothing
    file: str
    line: int  # from 1; 0 where it has none
    hashes: tuple[str, ...] = ()  # SHA-256 of files of any kind, where the file does not say of which
    sdists: tuple[tuple[str, str], ...] = ()  # (file name, SHA-256)
    wheels: tuple[tuple[str, str], ...] = ()
    own: tuple[str, ...] = ()  # SHA-256 of wheels that whoever wrote the file built
    marker: str = ""  # PEP 508

    @property
    def allowed(self) -> tuple[str, ...]:
        """Of what the sdist may hash to, or, where the file does not say of which of its files, any file."""
        return tuple(sha256 for _, sha256 in self.sdists) or self.hashes

    @property
    def requirement(self) -> str:
        """What an index is asked for."""
        return f"{self.project}{self.specifier}"

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """What is wrong, and where; `line` is 0 where it is the whole file."""

    file: str
    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a file gave."""

    wanted: tuple[Wanted, ...]
    mistakes: tuple[Mistake, ...] = ()


def short(value: object) -> str:
    """Repeat a value, escaped, for it goes to a terminal, and cut."""
    text = repr(value)
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}..."


def is_sha256(text: object) -> bool:
    """Tell whether this is a SHA-256 in lower-case hexadecimal digits."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def name_of(text: str) -> NormalizedName:
    """Return a project's normalized name; a ValueError says that it is none."""
    try:
        return canonicalize_name(text, validate=True)
    except ValueError:
        msg = f"{short(text)} is no project's name (PEP 503)"
        raise ValueError(msg) from None


def version_of(text: str) -> str:
    """Return a normalized version; a ValueError says that it is none."""
    try:
        return str(Version(text))
    except ValueError:  # InvalidVersion, or more digits than Python reads
        msg = f"{short(text)} is no version (PEP 440)"
        raise ValueError(msg) from None


def parsed(filename: str) -> tuple[str, str, bool]:
    """Tell of which project and version a file is, and whether it is a wheel; a ValueError says that it is neither."""
    try:
        name = names.parsed(filename)
    except BadNameError:
        msg = f"{short(filename)} is the name of neither a wheel nor an sdist"
        raise ValueError(msg) from None
    return name.project, str(name.version), isinstance(name, WheelName)
