"""The method of the tracker of 2020, beside a verdict: what its two builds gave, and why the two results differ."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class PipWheel:
    """A wheel that `pip wheel` left; it may be that of a dependency."""

    filename: str  # untrusted
    sha256: str


@dataclass(frozen=True, slots=True)
class PipBuild:
    """One run of `pip wheel`."""

    seconds: float
    status: int | None  # pip's exit status; None: it was ended by its limit of time
    wheels: tuple[PipWheel, ...]  # in the order of the folder


@dataclass(frozen=True, slots=True)
class PipDifference:
    """What differs between two wheels of the same name; all of it is untrusted."""

    filename: str
    members: tuple[str, ...]  # none: the content is equal, and fields of the archive differ
    first: tuple[str, ...]  # the folders of pip whose paths are in those members of the first wheel
    second: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What the container reports of one requirement: one build if it failed, or else two."""

    requirement: str
    pip: str  # version
    python: str
    builds: tuple[PipBuild, ...]
    differences: tuple[PipDifference, ...]


class Verdict2020(StrEnum):
    """The result of the method of 2020."""

    REPRODUCIBLE = "reproducible"
    NOT_REPRODUCIBLE = "not-reproducible"
    FAILED = "failed"  # pip failed, or left no wheel of that name: the tracker had no result
    OPEN = "open"  # the farm, its network or the index failed: nothing is known


@dataclass(frozen=True, slots=True)
class Outcome2020:
    """The result of the method of 2020 for one requirement."""

    project: str  # normalized (PEP 503)
    verdict: Verdict2020
    first: PipWheel | None = None  # picked as in 2020: by the beginning of its name
    second: PipWheel | None = None
    why: str = ""  # of `failed` and `open`: one line, untrusted and printable
    trial: Trial | None = None

    @property
    def version(self) -> str:
        """The version in the name of the first wheel; empty if there is none."""
        return version_of(self.first.filename) if self.first else ""


@dataclass(frozen=True, slots=True)
class Ground:
    """A reason why the method of 2020 and wheelproof agree or differ, and the fact that it follows from."""

    name: str  # a slug
    text: str  # one sentence


def version_of(filename: str) -> str:
    """Return the version in the name of a wheel, as it is written there (binary distribution format, PEP 427)."""
    return [*filename.split("-"), "", ""][1]
