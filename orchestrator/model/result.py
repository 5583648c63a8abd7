"""What a job comes to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.model.build import Build, Failure
from orchestrator.model.diagnosis import (
    CauseFinding,
    Difference,
    Experiment,
    Published,
    Remedied,
    Severity,
    TagComparison,
    Unexplained,
)
from orchestrator.model.inputs import Inputs, Pin, Provided, Sdist, Tool, UsedImage

SCHEMA = 2
"""Version of a result's JSON form."""


# --- the judgement ---------------------------------------------------------------------------


class Verdict(StrEnum):
    """Where a release stands."""

    REPRODUCIBLE = "reproducible"
    SENSITIVE = "sensitive"
    INTRINSIC = "intrinsic"
    FTBFS = "ftbfs"
    NO_SDIST = "no-sdist"
    EXCLUDED = "excluded"


class Mode(StrEnum):
    """What was asked of a variation."""

    VARIED = "varied"
    HELD = "held"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Variant:
    """What became of one variation in one job."""

    name: str
    mode: Mode
    acted: bool  # the two builds were seen to differ in it


@dataclass(frozen=True, slots=True)
class Result:
    """What one job found in one run; the JSON of results/, field by field."""

    schema: int
    job: str
    project: str
    version: str
    image: UsedImage
    verdict: Verdict
    holds: tuple[str, ...]
    reason: str  # of ftbfs: a Reason; otherwise one sentence, or nothing
    failure: Failure | None
    sdist: Sdist | None
    build_requirements: tuple[Pin, ...]
    source_date_epoch: int | None
    builds: tuple[Build, ...]
    variations: tuple[Variant, ...]
    differences: tuple[Difference, ...]
    inputs: Inputs | None  # None where nothing had to be settled: no-sdist
    requirement: str
    started: datetime
    finished: datetime
    wheelproof: str
    # Explained, where two builds differ.
    severity: Severity | None = None  # None where it could not be looked at, or nothing was built
    causes: tuple[CauseFinding, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    remedies: tuple[Remedied, ...] = ()
    recipe: tuple[str, ...] = ()  # the smallest set of remedies that was proven to give equal bytes
    left_open: str = ""  # what the budget did not allow to be found out
    builds_compared: int = 0  # how many builds gave the first's very bytes, itself included
    flake_bound: float | None = None  # the highest rate at which another build may differ unseen, at 95 %
    kind: TagComparison | None = None
    published: Published | None = None
    tools: tuple[Tool, ...] = ()  # build requirements that were built here, in the order in which they were
    provided: tuple[Provided, ...] = ()  # build requirements that the image has from Debian
    expected: tuple[str, ...] = ()  # what somebody else's wheels of it hash to


# --- exclusions ------------------------------------------------------------------------------


class Fate(StrEnum):
    """What became of an exclusion when it was checked."""

    STILL_NEEDED = "still-needed"
    LIFTED = "lifted"  # its custom image builds it
    STALE = "stale"  # the stock image builds it
    NEVER = "never"  # it is not to be lifted, whatever is built


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an excluded project came to on one image; the whole story is the record of the job."""

    image: str
    version: str
    job: str
    verdict: Verdict
    why: str = ""  # as the record's reason


@dataclass(frozen=True, slots=True)
class ExclusionCheck:
    """One check of one exclusion."""

    project: str  # normalized (PEP 503)
    checked: datetime
    outcome: Fate
    why: str  # one sentence
    stock: Attempt  # on the image that it would be built on if it were not excluded
    custom: Attempt | None = None  # on the image that the exclusion names
    wheelproof: str = ""
