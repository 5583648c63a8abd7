"""Two wheels, in what they differ, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


# --- comparison ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a wheel: everything that a rebuild has to match."""

    path: str
    sha256: str
    size: int
    mode: int  # the 16 bits of the external attributes that hold st_mode
    time: tuple[int, int, int, int, int, int]  # year to second, in steps of two
    packing: str  # digest of how it is packed: compression, flags, extra fields, system
    packed: str  # SHA-256 of the bytes as they are packed


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel, unpacked as far as comparison needs it; members in the archive's order."""

    filename: str
    sha256: str
    members: tuple[Member, ...] = ()
    record: tuple[str, ...] = ()  # the lines of its RECORD


class Aspect(StrEnum):
    """In what two wheels disagree."""

    FILENAME = "filename"
    TAGS = "tags"
    PRESENCE = "presence"
    CONTENT = "content"
    MODE = "mode"
    TIME = "time"
    ORDER = "order"
    PACKING = "packing"
    ARCHIVE = "archive"


class Severity(StrEnum):
    """How deep a difference goes, in rising order; a wheel's is its deepest member's."""

    NONE = "none"  # the same bytes
    ARCHIVE = "archive"  # times, modes, order, packing of members
    METADATA = "metadata"  # dist-info, and what is derived
    DEBUG = "debug-only"  # all that is loaded at run time is the same
    DATA = "data"  # strings or tables that are loaded, with the same code
    CODE = "code"
    MEMBERS = "members"  # other members, or other tags


LADDER = tuple(Severity)
"""From the same bytes down to the deepest difference."""


def deepest(severities: Iterable[Severity]) -> Severity:
    """Return the deepest of some severities; of none, that of the same bytes."""
    return max(severities, key=LADDER.index, default=Severity.NONE)


@dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement of two wheels; `path` is empty where it is one of the whole archive."""

    path: str
    aspect: Aspect
    consequence: bool = False  # follows from the others, as RECORD does
    severity: Severity | None = None  # None until it is diagnosed


# --- the diagnosis ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Traces:
    """What one build's environment planted, and would be found in its wheel; nothing, where it is unknown."""

    values: tuple[tuple[str, str], ...] = ()  # (variation, the very text), the longest first
    words: tuple[tuple[str, str], ...] = ()  # the same, of what stands in many a text by chance
    clock: tuple[float, float] | None = None  # the build's clock, first and last, in seconds since 1970
    utc_offset: int = 0  # seconds
    source_date_epoch: int | None = None


class Proof(StrEnum):
    """What stands behind a cause."""

    TRACE = "trace"  # erasing its trace makes the difference go away
    ISOLATED = "isolated"  # and so does holding its variations, and nothing less


@dataclass(frozen=True, slots=True)
class Evidence:
    """One place where two wheels show a cause, side by side; the texts are printable, cut, and not to be trusted."""

    path: str  # of the member; empty for the archive itself
    where: str  # the section, line or field
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class CauseFinding:
    """A cause that was found in a pair of wheels; `name` is its slug in the catalogue."""

    name: str
    members: tuple[str, ...]  # the paths of the first wheel that show it, sorted
    variations: tuple[str, ...] = ()  # which do it; empty: none does, it differs by itself
    proof: Proof = Proof.TRACE
    evidence: tuple[Evidence, ...] = ()  # a few


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A difference that is left when the traces of all known causes are erased."""

    path: str
    aspect: Aspect
    where: str = ""  # the section, line or field; empty where it is the whole


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How deep a difference goes, what does it, and what stays unexplained."""

    severity: Severity
    causes: tuple[CauseFinding, ...]
    unexplained: tuple[Unexplained, ...]
    differences: tuple[Difference, ...]  # each with its severity


@dataclass(frozen=True, slots=True)
class Experiment:
    """One build that was made to prove something, and the build that it was compared with."""

    build: str  # its name among the builds
    against: str  # the name of the other
    hold: tuple[str, ...]  # the variations that were held
    remedies: tuple[str, ...]  # what was applied to both
    equal: bool  # the bytes and the name
    severity: Severity | None = None  # where they differ and were looked at


class RemedyOutcome(StrEnum):
    """What became of a remedy."""

    PROVEN = "proven"
    REJECTED = "rejected"
    NOT_TRIED = "not-tried"


@dataclass(frozen=True, slots=True)
class Remedied:
    """A remedy that the causes suggest, and what came of it; `name` is its slug in the catalogue."""

    name: str
    outcome: RemedyOutcome
    severity_after: Severity | None = None  # None where it was not tried, or the build failed
    why: str = ""  # one sentence, where it was rejected or not tried


@dataclass(frozen=True, slots=True)
class TagComparison:
    """What the wheel is for, against what the index publishes for the version: tags, as in file names."""

    ours: tuple[str, ...]
    published: tuple[str, ...]  # empty: the index has no wheels of it
    fallback: bool = False  # ours is pure where all that is published is for a platform


@dataclass(frozen=True, slots=True)
class Published:
    """The wheel on the index as a third party: how it differs from the first build's.

    Where the name alone tells them apart, because one is for manylinux and the other for the very
    machine, that is no difference here: the two file names are seen anyway.
    """

    filename: str  # empty: the index has none for the same tags
    sha256: str
    same: bool
    severity: Severity | None = None
    causes: tuple[CauseFinding, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
