"""What goes out to a worker and what comes back, as JSON that is checked against its form."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

from pydantic import Field, TypeAdapter

import orchestrator
from orchestrator import errors
from orchestrator.errors import FaultError, WheelproofError
from orchestrator.images.other_python import OtherPython  # noqa: TC001 - pydantic reads it
from orchestrator.images.recipe import ImageRecipe
from orchestrator.job.recreating import VerifySubject
from orchestrator.job.verify import may_have_given
from orchestrator.model import Image, OfferedWheel, Release, Result, Target, Task, Verification
from orchestrator.results import coding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.config import Config

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Terms:
    """What all jobs of one run share, as far as it may change a result."""

    run: str  # a random word: what is remembered for a run only is forgotten with it
    index: str | None
    crates: str | None
    crates_downloads: tuple[str, ...]
    crates_private: bool
    isolation: str
    long: int  # seconds

    def applied(self, settings: Config) -> Config:
        """Return a worker's configuration under these terms."""
        return replace(
            settings,
            index=self.index,
            crates=self.crates,
            crates_downloads=self.crates_downloads,
            crates_private=self.crates_private,
            isolation=self.isolation,
            long=self.long,
        )


def terms(settings: Config, run: str) -> Terms:
    """Return the terms of a run."""
    return Terms(
        run,
        settings.index,
        settings.crates,
        settings.crates_downloads,
        settings.crates_private,
        settings.isolation,
        settings.long,
    )


@dataclass(frozen=True, slots=True)
class SentRecipe:
    """The recipe of an image, with its lock."""

    name: str
    suite: str
    base: str
    snapshot: datetime
    lock: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]  # (name, content in base64)
    snapshots: str
    below: SentRecipe | None
    target: Target | None
    earlier: tuple[datetime, ...]
    distribution: str = "debian"
    sources: tuple[str, ...] = ()
    python: OtherPython | None = None

    def recipe(self) -> ImageRecipe:
        """Return the recipe; raises ValueError where a file is no base64."""
        return ImageRecipe(
            name=self.name,
            suite=self.suite,
            base=self.base,
            snapshot=self.snapshot,
            lock=self.lock,
            files=tuple((name, base64.b64decode(content, validate=True)) for name, content in self.files),
            snapshots=self.snapshots,
            below=self.below.recipe() if self.below else None,
            target=self.target,
            earlier=self.earlier,
            distribution=self.distribution,
            sources=self.sources,
            python=self.python,
        )


def sent_recipe(recipe: ImageRecipe) -> SentRecipe:
    """Return a recipe as it is sent."""
    return SentRecipe(
        name=recipe.name,
        suite=recipe.suite,
        base=recipe.base,
        snapshot=recipe.snapshot,
        lock=recipe.lock,
        files=tuple((name, base64.b64encode(content).decode()) for name, content in recipe.files),
        snapshots=recipe.snapshots,
        below=sent_recipe(recipe.below) if recipe.below else None,
        target=recipe.target,
        earlier=recipe.earlier,
        distribution=recipe.distribution,
        sources=recipe.sources,
        python=recipe.python,
    )


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """An image that a worker is asked to describe, and to make where it does not have it."""

    terms: Terms
    recipe: SentRecipe


@dataclass(frozen=True, slots=True)
class SentJob:
    """One job, with all that a worker needs for it."""

    terms: Terms
    task: Task
    release: Release
    recipe: SentRecipe
    manifest: str  # of the image: a worker that has another one refuses the job
    runtime: str  # of its containers, likewise
    long: bool
    again: bool
    known: tuple[str, ...] = ()  # the ids of jobs that the orchestrator has an answer to
    sdist: str = ""  # the user's own sdist or packed folder, in base64; empty: it is on the index
    declared: str | None = None  # the project that a packed folder declares; None: it is asked


class Work(Protocol):
    """A job of this program: of a run, or one that verifies a wheel."""

    @property
    def task(self) -> Task:
        """Its task."""
        ...

    @property
    def release(self) -> Release:
        """The release of the task."""
        ...

    @property
    def long(self) -> bool:
        """Whether it is expected to take long."""
        ...


def sent_job(
    agreed: Terms, job: Work, image: Image, recipe: ImageRecipe, *, again: bool, known: tuple[str, ...]
) -> SentJob:
    """Return a job of a release of the index as it is sent."""
    return SentJob(
        terms=agreed,
        task=job.task,
        release=job.release,
        recipe=sent_recipe(recipe),
        manifest=image.manifest,
        runtime=image.runtime,
        long=job.long,
        again=again,
        known=known,
    )


@dataclass(frozen=True, slots=True)
class SentVerification:
    """One published wheel that is to be verified; `job` has its release and what is as in a job."""

    job: SentJob
    started: datetime
    wheel: OfferedWheel | None
    reason: str  # this and the next two as in VerifySubject
    claimed: OfferedWheel | None
    result: Result | None

    @property
    def manifest(self) -> str:
        """That of the image, as of a job."""
        return self.job.manifest

    def subject(self, image: Image) -> VerifySubject:
        """Return what is verified, on a worker that has that image."""
        job, now = self.job, datetime.now(UTC)
        return VerifySubject(
            task=job.task,
            release=job.release,
            image=image,
            started=min(self.started, now),  # the clocks may differ by some seconds
            wheel=self.wheel,
            reason=self.reason,
            claimed=self.claimed,
            result=self.result,
        )


def sent_verification(job: SentJob, subject: VerifySubject) -> SentVerification:
    """Return a verification as it is sent; a result that cannot prove the wheel stays here."""
    result, wheel = subject.result, subject.wheel
    useful = result if result and wheel and may_have_given(result, wheel) else None
    return SentVerification(job, subject.started, wheel, subject.reason, subject.claimed, useful)


def asked(sent: SentJob | SentVerification) -> tuple[str, bytes, SentJob]:
    """Return the function of a worker that does what is sent, its argument as JSON, and the job of it."""
    if isinstance(sent, SentJob):
        return "judge", encoded(JOB, sent), sent
    return "verify_published", encoded(VERIFICATION, sent), sent.job


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that comes back: a wheel or a log."""

    store: Annotated[str, Field(pattern=r"^(wheels|logs|sent)$")]  # where it is kept
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]  # bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What a worker answers to a job: exactly one of the first five fields is set."""

    result: Result | None = None
    verification: Verification | None = None
    known: str = ""  # the id of the job, or of the verification, that has an answer
    refused: str = ""  # why this worker cannot judge at present; another one may
    only: bool = False  # the refusal is of this job alone: the worker takes other jobs
    failed: str = ""  # the farm's own error, which leaves the job open
    kind: str = ""  # of the error: the name of its class
    files: tuple[SentFile, ...] = ()  # what the result names, in the order in which it is sent
    worker: str = ""  # its address


_SUFFIXES = frozenset({".json", ".lock", ".py"})  # of files of the program that change what a job gives
_EMPTY = "empty"  # a file that containers get

JOB = TypeAdapter(SentJob)
VERIFICATION = TypeAdapter(SentVerification)
REPLY = TypeAdapter(Reply)
IMAGE_REQUEST = TypeAdapter(ImageRequest)
IMAGE = TypeAdapter(Image)

encoded = coding.encoded


def decoded(form: TypeAdapter[_T], data: bytes) -> _T:
    """Return the value of JSON; raises ValueError where it has another form."""
    try:
        return coding.decoded(form, data)
    except RecursionError as error:
        msg = "the JSON is nested too deeply"
        raise ValueError(msg) from error


def failure(error: WheelproofError) -> Reply:
    """Return the reply that hands over an error."""
    return Reply(failed=str(error), kind=type(error).__name__)


def error_of(reply: Reply) -> WheelproofError:
    """Return the error that a reply hands over; a kind that is unknown here is a fault of the program."""
    kind = getattr(errors, reply.kind, None)
    if isinstance(kind, type) and issubclass(kind, WheelproofError):
        return kind(reply.failed)
    return FaultError(reply.failed)


@cache
def code() -> str:
    """Return the digest of this program: workers and orchestrator have to agree on it."""
    return code_of(Path(orchestrator.__file__).parent)


def code_of(folder: Path) -> str:
    """Return the digest of the program in a folder: of all its modules, and of the files that they read."""
    whole = hashlib.sha256()
    for path in sorted(_of_the_program(folder)):
        content = path.read_bytes()
        whole.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()[:16]


def _of_the_program(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and (path.suffix in _SUFFIXES or path.name == _EMPTY):
            yield path
