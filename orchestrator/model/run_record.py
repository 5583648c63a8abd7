"""The record of a run: what was asked for, what was judged, what stayed open, and what changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

RUN_SCHEMA = 1
"""Version of the JSON form of a run's record."""


@dataclass(frozen=True, slots=True)
class InputChange:
    """One input that differs from the previous result; None where it was absent."""

    what: str  # sdist, build-requirement, as-of, image, variation, source-date-epoch, limits, build-tools, profile …
    name: str  # empty if there is only one of its kind
    earlier: str | None
    later: str | None


class FaultKind(StrEnum):
    """Which part of the farm left a job without a verdict, or a whole run; never the package."""

    INDEX = "index"  # it does not answer, or answers wrongly
    ABSENT = "absent"  # the index answers, and has no such project or release
    ENGINE = "engine"
    WORKERS = "workers"  # Dask's scheduler or its workers
    IMAGE = "image"
    RESULTS = "results"  # the results or the cache cannot be read or written
    REQUEST = "request"  # it cannot be built as requested, for example on no image that the release admits
    STOPPED = "stopped"
    PROGRAM = "program"  # a fault of wheelproof


class RunStatus(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"  # everything that was wanted has a verdict
    OPEN = "open"  # some jobs got no verdict
    FAILED = "failed"  # the farm failed: no job got a verdict
    INTERRUPTED = "interrupted"  # it was stopped; only last_run.json has this


class ChangeKind(StrEnum):
    """What changed with a run."""

    WORSE = "worse"  # the verdict, the bytes of a wheel with equal inputs, or the outcome of verifying
    BETTER = "better"
    CHANGED = "changed"  # neither: for example other bytes from other inputs, with the same verdict
    OPENED = "opened"  # a job has no verdict, and the run before had left it closed
    CLOSED = "closed"  # a job is no longer open
    WITHDRAWN = "withdrawn"  # the index no longer offers a release that it offered
    RETURNED = "returned"  # the index offers it again
    FAILED = "failed"  # the farm gives no verdicts
    RECOVERED = "recovered"  # the farm gives verdicts again


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job without a verdict."""

    requirement: str  # as configured or requested
    image: str  # empty: not known
    kind: FaultKind
    why: str  # the message of the error; untrusted, cut
    since: datetime  # UTC; the start of the first run that left it open


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A tracked release that has a verdict and that the index no longer offers."""

    requirement: str
    image: str
    project: str  # normalized (PEP 503)
    version: str
    why: str
    since: datetime  # UTC; the start of the first run that missed it


@dataclass(frozen=True, slots=True)
class RunFault:
    """Why a run as a whole gave no verdicts."""

    kind: FaultKind
    why: str
    since: datetime  # UTC; the start of the first run that failed so


@dataclass(frozen=True, slots=True)
class RunChange:
    """One change that a run noticed."""

    kind: ChangeKind
    when: datetime  # UTC: when the result was finished, or the run
    requirement: str = ""  # of a job without a verdict; otherwise empty
    project: str = ""  # normalized (PEP 503); empty: of the farm
    version: str = ""
    image: str = ""  # the image, and the way of building if it is not the default; empty: not known
    subject: str = ""  # of worse, better and changed: verdict, bytes or published
    earlier: str = ""  # a verdict in words, the first digits of a wheel's SHA-256, or an outcome of verifying
    later: str = ""  # as `earlier`
    earlier_version: str = ""  # where it is another one
    reason: str = ""  # why the verdict is what it is, or why the job is open; untrusted, cut
    fault: FaultKind | None = None  # of a job without a verdict
    culprit: str = ""  # a phrase; empty: not known
    inputs: tuple[InputChange, ...] = ()  # the inputs that changed, or the first of many
    wheel: str = ""  # of a published wheel, its file name
    job: str = ""  # of the result that shows it, or the id of the verification


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run that changed something; the JSON of results/runs/, field by field."""

    schema: int
    started: datetime  # UTC, as all moments here
    finished: datetime
    wheelproof: str
    status: RunStatus
    whole: bool  # whether everything that is tracked was wanted
    wanted: int  # tasks
    judged: int  # jobs with a new record
    unchanged: int  # jobs whose record is of an earlier run
    records: tuple[str, ...]  # the records written: <project>/<file name> in results/records
    open: tuple[OpenJob, ...]  # all jobs that are open after the run, those of earlier runs included
    withdrawn: tuple[Withdrawn, ...]  # all that are withdrawn after the run
    changes: tuple[RunChange, ...]
    failure: RunFault | None = None
    verifications: tuple[str, ...] = ()  # the records of verifications written, as `records`


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run, whether it changed anything or not; the JSON of results/last_run.json."""

    schema: int
    started: datetime
    finished: datetime
    wheelproof: str
    status: RunStatus
    wanted: int
    judged: int
    unchanged: int
    open: int
    withdrawn: int
    changes: int
    failure: str = ""
    record: str = ""  # the run's record, if it has one: runs/<file name>
