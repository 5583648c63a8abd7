"""Statements about records, as in-toto has them (Statement v1), and our predicates.

The fields of our predicates are those of records, with the same names and meanings, so that whoever has a statement
can repeat what it describes. docs/evidence.md explains them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.model.build import Environment, Failure, Reason, WheelFile
from orchestrator.model.diagnosis import Experiment, Proof, Severity
from orchestrator.model.inputs import Inputs, Pin, Provided, Sdist, Tool, UsedImage
from orchestrator.model.recipe import Recipe
from orchestrator.model.request import Recreation
from orchestrator.model.result import Variant, Verdict
from orchestrator.model.verification import ArchiveField, Outcome, VerifyInputs
from orchestrator.model.wheelhouse import MemberKind

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
"""The payload type of a DSSE envelope with a statement."""

PROVENANCE = "https://slsa.dev/provenance/v1"
VERDICT = "urn:wheelproof:verdict:v1"
VERIFICATION = "urn:wheelproof:verification:v1"
MEMBER = "urn:wheelproof:member:v1"
"""The types of predicates: of one build, of the verdict on a release, of the verification of a published wheel, of a
wheel of a wheelhouse."""

BUILD_TYPE = "urn:wheelproof:build:v1"
"""How a provenance's build was done: docs/evidence.md describes it."""

BUILDER = "urn:wheelproof:farm"
"""The id of a builder, unless whoever signs chooses another."""

MANIFEST_DIGEST = "wheelproofManifest"
"""In a set of digests: the SHA-256 of the list of an image's packages and of the way to install them."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The file that a statement is about: a wheel, or an sdist from which no wheel came."""

    name: str  # the file's
    sha256: str


@dataclass(frozen=True, slots=True)
class ClaimedBuild:
    """One build: its environment, and the wheel that it gave or the reason why it gave none."""

    name: str  # first, second, control, or that of an experiment
    environment: Environment
    wheel: WheelFile | None
    failure: Reason | None = None


@dataclass(frozen=True, slots=True)
class ClaimedCause:
    """Why two wheels differ; `name` is the slug of a cause in docs/causes.md."""

    name: str
    proof: Proof
    variations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerdictClaim:
    """The verdict on one release, and all that is needed to repeat it; a predicate of type VERDICT."""

    job: str  # the id of its inputs
    project: str
    version: str
    requirement: str
    verdict: Verdict
    reason: str
    wheelproof: str  # the version of the program
    started: datetime
    finished: datetime
    inputs: Inputs
    image: UsedImage
    sdist: Sdist
    build_requirements: tuple[Pin, ...]
    provided: tuple[Provided, ...]
    tools: tuple[Tool, ...]
    source_date_epoch: int | None
    as_of: datetime | None
    builds: tuple[ClaimedBuild, ...]  # the first two are those that the verdict compares
    variations: tuple[Variant, ...]
    experiments: tuple[Experiment, ...]
    holds: tuple[str, ...]
    severity: Severity | None
    causes: tuple[ClaimedCause, ...]
    differences: int  # how many
    unexplained: int  # how many of them no cause is shown to explain
    recipe: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    cautions: tuple[str, ...]  # slugs
    builds_compared: int
    flake_bound: float | None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class VerificationClaim:
    """What rebuilding showed of one published wheel, and all that is needed to repeat it; of type VERIFICATION."""

    id: str  # of its inputs
    project: str
    version: str
    requirement: str
    wheel: str  # the published file's name
    sha256: str  # the published file's
    outcome: Outcome
    reason: str
    wheelproof: str  # the version of the program
    started: datetime
    finished: datetime
    uploaded: str
    inputs: VerifyInputs | None
    image: UsedImage | None
    sdist: Sdist | None
    recreation: Recreation | None
    build_requirements: tuple[Pin, ...]
    provided: tuple[Provided, ...]
    builds: tuple[ClaimedBuild, ...]
    deciding: tuple[str, ...]  # the names of the builds with `recreation` and `build_requirements`
    rebuilt_sha256: str
    taken: tuple[ArchiveField, ...]
    severity: Severity | None
    causes: tuple[ClaimedCause, ...]
    differences: int  # how many
    unexplained: int
    recipes: tuple[Recipe, ...]
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class MemberClaim:
    """That two builds of one recipe gave a wheel, and all that is needed to repeat them; a predicate of type MEMBER.

    The fields are those of the wheelhouse and of its wheel.
    """

    wheelhouse: str  # its id
    kind: MemberKind
    requirement: str
    project: str
    version: str
    job: str  # the id of the inputs of its verdict; of a tool: empty
    wheelproof: str  # the version of the program
    started: datetime  # of the wheelhouse
    finished: datetime
    profile: str
    image: UsedImage
    sdist: Sdist
    build_requirements: tuple[Pin, ...]
    remedies: tuple[str, ...]  # the common recipe
    source_date_epoch: int | None
    script: str  # the SHA-256 of rebuild.sh
    data: str  # the SHA-256 of rebuild/NAME-VERSION.txt
    builds: tuple[ClaimedBuild, ...]  # two, each of which ran rebuild.sh with that text
    differing: tuple[str, ...]  # the fields in which their environments differ


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement: what it is about, and its canonical bytes (RFC 8785), which are what is signed."""

    subject: Subject
    predicate_type: str
    build: str  # the name of a provenance's build; otherwise empty
    payload: bytes
