"""The result of a job."""

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
from orchestrator.model.recipe import ProgramChange, Recipe

SCHEMA = 6
"""Version of a result's JSON form."""


# --- the judgement ---------------------------------------------------------------------------


class Verdict(StrEnum):
    """The verdict on a release."""

    REPRODUCIBLE = "reproducible"
    SENSITIVE = "sensitive"
    INTRINSIC = "intrinsic"
    FTBFS = "ftbfs"
    NO_SDIST = "no-sdist"
    EXCLUDED = "excluded"


class Mode(StrEnum):
    """How a variation is set for a task."""

    VARIED = "varied"
    HELD = "held"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Variant:
    """The outcome of one variation in one job."""

    name: str
    mode: Mode
    acted: bool  # the two builds were observed to differ in it


@dataclass(frozen=True, slots=True)
class Caution:
    """A reason to doubt that other machines agree, which no variation here can test."""

    name: str  # its slug: depends-on-cpu
    builds: tuple[str, ...]  # the names of the builds that show it
    evidence: str  # the line or text that shows it; untrusted, printable and cut


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one job in one run; the JSON of results/, field by field."""

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
    inputs: Inputs | None  # None if there was nothing to build: no-sdist
    requirement: str
    started: datetime
    finished: datetime
    wheelproof: str
    # Explained, where two builds differ.
    severity: Severity | None = None  # None if it could not be compared, or nothing was built
    causes: tuple[CauseFinding, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    remedies: tuple[Remedied, ...] = ()
    recipe: tuple[str, ...] = ()  # the smallest set of remedies that was proven to give equal bytes
    recipe_why: str = ""  # why there is no recipe, or what it costs
    recipes: tuple[Recipe, ...] = ()  # that set as files; empty in records of earlier releases
    changes: tuple[ProgramChange, ...] = ()  # what that set changes besides its purpose
    cautions: tuple[Caution, ...] = ()
    left_open: str = ""  # questions left open by the budget
    builds_compared: int = 0  # the number of builds with the first's exact bytes, the first included
    flake_bound: float | None = None  # the highest rate at which another build may differ unseen, at 95 %
    kind: TagComparison | None = None
    published: Published | None = None  # in records of earlier releases, and where `run --published` prints results
    tools: tuple[Tool, ...] = ()  # build requirements that were built here, in build order
    provided: tuple[Provided, ...] = ()  # build requirements from Debian, in the image
    expected: tuple[str, ...] = ()  # hashes of wheels of it that were built elsewhere
    as_of: datetime | None = None  # UTC; the build requirements are those of that moment; None: of the run, or unknown


# --- exclusions ------------------------------------------------------------------------------


class Fate(StrEnum):
    """The outcome of checking an exclusion."""

    STILL_NEEDED = "still-needed"
    LIFTED = "lifted"  # its custom image builds it
    STALE = "stale"  # the stock image builds it
    NEVER = "never"  # it is not to be lifted, regardless of builds


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of an excluded project on one image; the job's record has the details."""

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
    stock: Attempt  # on the image for the project without the exclusion
    custom: Attempt | None = None  # on the image that the exclusion names
    wheelproof: str = ""
