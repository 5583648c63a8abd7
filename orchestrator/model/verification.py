"""The verification of a published wheel: whether it comes out of its source again, and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.model.build import Build, Failure
from orchestrator.model.diagnosis import CauseFinding, Difference, Severity, Unexplained
from orchestrator.model.inputs import Pin, Provided, Sdist, UsedImage
from orchestrator.model.recipe import Recipe
from orchestrator.model.request import Limits, Recreation

VERIFICATION_SCHEMA = 1
"""Version of a verification's JSON form."""

VERIFY_METHOD = 1
"""Version of the way from a published wheel to an outcome; a change that may change an outcome increments it."""


class Outcome(StrEnum):
    """What rebuilding shows of a published wheel; of the first three, the strongest comes first."""

    IDENTICAL = "identical"  # our build has the published bytes
    RESTAMPED = "restamped"  # ours has them once named archive fields are taken from the published file
    METADATA = "metadata"  # only lines of the dist-info folder differ, each with its cause
    DIFFERS = "differs"  # what is installed differs
    UNBUILDABLE = "unbuildable"
    NO_SDIST = "no-sdist"
    NO_COUNTERPART = "no-counterpart"


STRENGTH = (Outcome.IDENTICAL, Outcome.RESTAMPED, Outcome.METADATA, Outcome.DIFFERS)
"""Outcomes of a comparison, the strongest first."""


def weaker(first: Outcome, second: Outcome) -> Outcome:
    """Return the weaker of two outcomes of a comparison: a wheel that comes out only once is not verified."""
    return max(first, second, key=STRENGTH.index)


class ArchiveField(StrEnum):
    """A field of an archive that may be taken from the published file."""

    TIMES = "times"
    MODES = "modes"  # with the system by which a mode is read (APPNOTE.TXT, 4.4.2)
    ORDER = "order"
    COMPRESSION = "compression"  # only the packed bytes: another zlib, or another level


BY_MODES = "by its modes, "
"""In the reason of an outcome, what begins the text on modes that installers follow; names of members come after it."""


@dataclass(frozen=True, slots=True)
class ClueFinding:
    """What one clue reveals; `name` is its slug in the catalogue, `value` untrusted, printable and cut."""

    name: str
    value: str
    used: bool = False  # whether the recreation that decided the outcome follows it


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file of the dist-info folder that differs; the texts are untrusted, printable and cut."""

    path: str
    published: str  # empty: the published file has no such line
    ours: str
    cause: str = ""  # the slug of the cause; empty: none is known


@dataclass(frozen=True, slots=True)
class Closeness:
    """How near a build's wheel comes to the published one; paths are sorted and bounded in number."""

    outcome: Outcome  # one of STRENGTH
    taken: tuple[ArchiveField, ...] = ()  # what differs in the archive's fields, in the order of ArchiveField
    sha256: str = ""  # of our members with the taken fields; empty where that was not made
    other_zlib: bool = False  # all but the packed bytes is proven equal: header fields and unpacked bytes
    changed: tuple[str, ...] = ()  # members whose bytes differ
    missing: tuple[str, ...] = ()  # members of the published wheel that ours lacks
    added: tuple[str, ...] = ()  # members of ours that the published wheel lacks
    lines: tuple[Line, ...] = ()  # of the dist-info folder, bounded in number
    severity: Severity = Severity.NONE  # of all that differs
    reason: str = ""  # one sentence: what decided the outcome; its texts of the package are printable and cut


@dataclass(frozen=True, slots=True)
class RebuildAttempt:
    """One recreation, and how near its build came."""

    recreation: Recreation
    build: str  # its name among the builds; empty: nothing could be built
    closeness: Closeness | None = None  # None: there is no wheel
    failure: Failure | None = None
    build_requirements: tuple[str, ...] = ()  # name==version
    wheel: str = ""  # the file name of its wheel; empty: there is none, or the record does not have it


@dataclass(frozen=True, slots=True)
class VerifyInputs:
    """All inputs that decide an outcome. Their hash is the verification's id."""

    method: int  # of verification
    build_method: int
    project: str
    version: str
    wheel: str  # SHA-256 of the published wheel
    filename: str
    uploaded: str  # RFC 3339; empty if the index does not tell it
    sdist: str  # SHA-256; empty: there is none
    image: str  # its name
    manifest: str
    limits: Limits
    budget: int  # builds
    runtime: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """The verification of one published wheel; the JSON of its record, field by field."""

    schema: int
    id: str
    project: str
    version: str
    wheel: str  # the published file's name
    sha256: str  # the published file's
    outcome: Outcome
    requirement: str
    started: datetime
    finished: datetime
    wheelproof: str
    inputs: VerifyInputs | None = None  # None: nothing could be built
    image: UsedImage | None = None
    sdist: Sdist | None = None
    uploaded: str = ""  # RFC 3339
    rebuilt_sha256: str = ""  # of our wheel: as it was built, or restamped
    taken: tuple[ArchiveField, ...] = ()
    clues: tuple[ClueFinding, ...] = ()
    recreation: Recreation | None = None  # the one that decided the outcome
    build_requirements: tuple[Pin, ...] = ()
    provided: tuple[Provided, ...] = ()
    causes: tuple[CauseFinding, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    differences: tuple[Difference, ...] = ()
    lines: tuple[Line, ...] = ()
    severity: Severity | None = None
    builds: tuple[Build, ...] = ()
    attempts: tuple[RebuildAttempt, ...] = ()
    reason: str = ""  # one sentence
    failure: Failure | None = None
    recipes: tuple[Recipe, ...] = ()  # that yield the published bytes
