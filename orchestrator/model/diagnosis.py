"""Two wheels, their differences, and the causes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.model.recipe import ProgramChange

if TYPE_CHECKING:
    from collections.abc import Iterable


# --- comparison ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a wheel: everything that a rebuild has to match."""

    path: str
    sha256: str
    size: int
    mode: int  # the 16 bits of the external attributes with st_mode
    time: tuple[int, int, int, int, int, int]  # year to second, in steps of two
    packing: str  # digest of how it is packed: compression, flags, extra fields, system
    packed: str  # SHA-256 of the packed bytes


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel, unpacked as far as comparison needs it; members in the archive's order."""

    filename: str
    sha256: str
    members: tuple[Member, ...] = ()
    record: tuple[str, ...] = ()  # the lines of its RECORD, with their ends


class Aspect(StrEnum):
    """The kinds of difference between two wheels."""

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
    """How serious a difference is, in ascending order; a wheel's is the highest of its members'."""

    NONE = "none"  # the same bytes
    ARCHIVE = "archive"  # times, modes, order, packing of members
    METADATA = "metadata"  # dist-info and derived data
    DEBUG = "debug-only"  # everything loaded at run time is equal
    DATA = "data"  # strings or tables that are loaded, with the same code
    CODE = "code"
    MEMBERS = "members"  # other members, or other tags


LADDER = tuple(Severity)
"""From equal bytes to the most serious difference."""


def deepest(severities: Iterable[Severity]) -> Severity:
    """Return the highest of some severities; that of equal bytes if there are none."""
    return max(severities, key=LADDER.index, default=Severity.NONE)


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference of two wheels; `path` is empty for one of the whole archive."""

    path: str
    aspect: Aspect
    consequence: bool = False  # derived from the others, as RECORD is
    severity: Severity | None = None  # None until it is diagnosed


# --- the diagnosis ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Grounds:
    """What builds have shown of two wheels; by default nothing, as of wheels that were built elsewhere.

    An order has a meaning for whatever reads a program or a list. There, a cause may be named only if one of
    its variations is among the `suspected`: before builds have decided, those that differ between the two
    environments; afterwards, those that builds have shown to cause the difference.
    """

    suspected: tuple[str, ...] = ()
    disproved: tuple[str, ...] = ()  # variations that do not cause the difference
    by_member: tuple[tuple[str, tuple[str, ...]], ...] = ()  # path -> without which its bytes are the same
    repeatable: bool = False  # whether builds in equal environments gave the same bytes


NO_GROUNDS = Grounds()


@dataclass(frozen=True, slots=True)
class Traces:
    """The values that one build's environment planted; empty if unknown."""

    values: tuple[tuple[str, str], ...] = ()  # (variation, the exact text), the longest first
    words: tuple[tuple[str, str], ...] = ()  # the same, for values that occur in texts by chance
    clock: tuple[float, float] | None = None  # the build's clock, first and last, in seconds since 1970
    utc_offset: int = 0  # seconds
    source_date_epoch: int | None = None


class Proof(StrEnum):
    """How well a cause is proven, in ascending order."""

    POSSIBLE = "possible"  # the difference looks like it
    TRACE = "trace"  # a value that the environment planted is there, or the two files themselves show it
    ISOLATED = "isolated"  # builds show it: equal with its variations held, or unequal in equal environments


@dataclass(frozen=True, slots=True)
class Evidence:
    """One place where two wheels show a cause, side by side; the texts are untrusted, printable and cut."""

    path: str  # of the member; empty for the archive itself
    where: str  # the section, line or field
    first: str
    second: str
    chance: str = ""  # what is random there: "identifier", "token", "address"...; empty: it is not random


@dataclass(frozen=True, slots=True)
class CauseFinding:
    """A cause that was found in a pair of wheels; `name` is its slug in the catalogue."""

    name: str
    members: tuple[str, ...]  # the paths of the first wheel that show it, sorted
    variations: tuple[str, ...] = ()  # which cause it; empty: none, it differs in every build
    proof: Proof = Proof.TRACE
    evidence: tuple[Evidence, ...] = ()  # a few


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A difference that no cause is shown to explain; the texts are untrusted, printable and cut.

    `looks_like` names a cause that is only possible: the difference has its form, and nothing more is known.
    """

    path: str
    aspect: Aspect
    where: str = ""  # the section, line or field; empty for the whole
    first: str = ""  # what the first wheel has there
    second: str = ""
    before: str = ""  # the line before, equal on both sides
    chance: bool = False  # whether builds in equal environments differ there, too
    variations: tuple[str, ...] = ()  # without which builds have the same bytes in this member
    looks_like: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How serious the difference is, what causes it, and what is unexplained."""

    severity: Severity
    causes: tuple[CauseFinding, ...]
    unexplained: tuple[Unexplained, ...]
    differences: tuple[Difference, ...]  # each with its severity


def unaccounted(
    differences: Iterable[Difference], causes: Iterable[CauseFinding], unexplained: Iterable[Unexplained]
) -> tuple[Difference, ...]:
    """Return the differences that neither a cause nor an unexplained place accounts for; there must be none.

    What is derived from other differences needs no account of its own.
    """
    told = {one.path for one in unexplained}
    for finding in causes:
        told |= {*finding.members, *(one.path for one in finding.evidence)}
    return tuple(one for one in differences if not one.consequence and one.path not in told)


@dataclass(frozen=True, slots=True)
class Experiment:
    """One build that tests a hypothesis, and the build that it was compared with."""

    build: str  # its name among the builds
    against: str  # the name of the other
    hold: tuple[str, ...]  # the variations kept as in the first build
    remedies: tuple[str, ...]  # what was applied to both
    equal: bool  # the bytes and the name
    severity: Severity | None = None  # if they differ and were diagnosed


class RemedyOutcome(StrEnum):
    """The outcome of a remedy."""

    PROVEN = "proven"  # in the set that was proven, or alone
    COSTLY = "costly"  # it gives equal bytes, and a program that is worse
    REJECTED = "rejected"
    NOT_TRIED = "not-tried"


@dataclass(frozen=True, slots=True)
class Remedied:
    """A remedy that the causes suggest, and its outcome; `name` is its slug in the catalogue."""

    name: str
    outcome: RemedyOutcome
    severity_after: Severity | None = None  # None if it was not tried or the build failed
    why: str = ""  # one sentence, if it was rejected or not tried
    changes: tuple[ProgramChange, ...] = ()  # what it changes besides its purpose, with the others of its set


@dataclass(frozen=True, slots=True)
class TagComparison:
    """The wheel's tags, compared with those that the index publishes for the version; as in file names."""

    ours: tuple[str, ...]
    published: tuple[str, ...]  # empty: the index has no wheels of it
    fallback: bool = False  # ours is pure, but all published ones are for a platform


@dataclass(frozen=True, slots=True)
class Published:
    """The wheel on the index as a third party: how it differs from the first build's.

    If only the names differ, because one is for manylinux and the other for the exact machine, that
    is not a difference here: both file names are shown anyway.
    """

    filename: str  # empty: the index has none for the same tags
    sha256: str
    same: bool
    severity: Severity | None = None
    causes: tuple[CauseFinding, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    outcome: str = ""  # of the verification from which it is printed; empty in records
