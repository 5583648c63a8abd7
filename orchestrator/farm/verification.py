"""Verifications of many published wheels: which wheels are meant, on which images, and their records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from orchestrator import config
from orchestrator.analysis.counterpart import Counterpart, counterpart_of, counterparts
from orchestrator.errors import NoRoomError, UsageError, WheelproofError
from orchestrator.farm import assemble, progress, uses
from orchestrator.farm.run import LOOKING, RunOutcome
from orchestrator.farm.uses import Uses, is_tracked
from orchestrator.farm.workers import Threads, attempted, run_jobs
from orchestrator.job.recreating import VerifySubject
from orchestrator.job.verify import verify
from orchestrator.model import AUTO_IMAGE, OfferedWheel, Outcome, Verification, admits
from orchestrator.results.store import read
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.farm.assemble import Farm
    from orchestrator.farm.workers import Cancellation, Pool
    from orchestrator.model import Image, Release, Result, Task
    from orchestrator.requirement_files import Wanted
    from orchestrator.results.store import Results

    Judged = Callable[[VerifySubject], Result | None]

_ABSENT = "the index has no wheel of this release with that hash"
_SDIST_ALONE = "only the hash of its sdist is listed, and of no wheel"

_Claims = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """A release whose wheel is verified, or the single wheels of it that a file lists."""

    task: Task  # without its image
    images: tuple[str, ...]  # to choose from, the preferred one first
    claims: _Claims = ()  # (file name, which may be empty, and SHA-256) of the wheels; none: the release's
    known_only: bool = False  # whether a claim with a hash that the index does not know is passed over


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """One published wheel, and the image that is to build it."""

    subject: VerifySubject  # without its result: each is read when its job begins
    long: bool = False

    @property
    def task(self) -> Task:
        """The task of the wheel's release."""
        return self.subject.task

    @property
    def release(self) -> Release:
        """The release of the wheel."""
        return self.subject.release


@dataclass(frozen=True, slots=True)
class Opened:
    """A place that is ready to verify wheels on these images."""

    images: Mapping[str, Image]
    pool: Pool[VerifyJob, Verification | Path]
    stop: Cancellation


class Place(ABC):
    """Where wheels are verified: on this host, or on other ones."""

    @abstractmethod
    def known(self, names: tuple[str, ...]) -> Mapping[str, Image]:
        """Return images as far as they are known without making any; raises as `assemble.known_images`."""

    @abstractmethod
    def opened(self, tasks: tuple[Task, ...], judged: Judged) -> AbstractContextManager[Opened]:
        """Make the images of tasks, and be ready to verify wheels on them.

        `judged` finds the result of a run on the release and the image of a subject. Raises as `verify_all`.
        """


class Here(Place):
    """Wheels are verified on this host, with its engine."""

    def __init__(
        self, settings: Config, store: Results, *, jobs: int | None, again: bool, log: Callable[[str, str], None]
    ) -> None:
        """Verify with at most so many builds at once; `log` gets a project and what is done for it."""
        self._settings = settings
        self._store = store
        self._jobs = jobs
        self._again = again
        self._log = log

    def known(self, names: tuple[str, ...]) -> Mapping[str, Image]:
        """Return images as the engine has them, or else as their locks list them."""
        found = assemble.known_images(self._settings, names, progress.note)
        return {name: known.image for name, known in found.items()}

    @contextmanager
    def opened(self, tasks: tuple[Task, ...], judged: Judged) -> Iterator[Opened]:
        """Make the images of tasks; remove the containers of this farm before and after."""
        farm = assemble.open_farm(self._settings, self._store, tasks, jobs=self._jobs, log=self._log)

        def work(job: VerifyJob) -> Verification | Path:
            subject = replace(job.subject, result=judged(job.subject))
            return verified(farm, subject, long=job.long, again=self._again)

        effects = farm.job_effects
        pool: Threads[VerifyJob, Verification | Path] = Threads(work, effects.slots.room)
        with assemble.container_cleanup(effects):
            yield Opened(farm.images, pool, effects.stop)


def requested(
    settings: Config, wanted: Sequence[str], listed: Sequence[Wanted], on: Sequence[str]
) -> tuple[VerifyRequest, ...]:
    """Return what a command asks for; without an image of its own, a project is built on the first that admits it.

    Raises
    ------
    UsageError
        A requirement is not valid, or is none of the index.

    """
    paths = [one for one in wanted if config.is_path(one)]
    if paths:
        msg = f"verifying {paths[0]}: only releases of the index have published wheels; write NAME or NAME==VERSION"
        raise UsageError(msg)
    return requests_of(
        config.tasks(settings, wanted, on, wanted=listed), listed, lambda task: images_of(settings, task, on)
    )


def images_of(settings: Config, task: Task, on: Sequence[str]) -> tuple[str, ...]:
    """Return the images that a project's wheel may be built on: those asked for, its own, or the automatic ones."""
    own = settings.packages.get(config.project(task.requirement), settings.defaults).images
    return expanded(settings, tuple(on) or own or (AUTO_IMAGE,))


def expanded(settings: Config, images: Iterable[str]) -> tuple[str, ...]:
    """Return images, each once, with those that `auto` chooses from in its place."""
    found = (settings.auto_images if name == AUTO_IMAGE else (name,) for name in images)
    return tuple(dict.fromkeys(chain.from_iterable(found)))


def requests_of(
    tasks: Iterable[Task], wanted: Iterable[Wanted], images: Callable[[Task], tuple[str, ...]]
) -> tuple[VerifyRequest, ...]:
    """Return what is asked for: each release once, with the wheels that files list of it."""
    claims: dict[str, dict[tuple[str, str], None]] = {}
    for one in wanted:
        listed = (*one.wheels, *(("", sha256) for sha256 in (*one.hashes, *one.own)))
        claims.setdefault(one.requirement, {}).update(dict.fromkeys(listed))
    found: dict[str, VerifyRequest] = {}
    for task in tasks:
        former = found.get(task.requirement)
        names = (*(former.images if former else ()), *images(task))
        found[task.requirement] = VerifyRequest(
            replace(task, hashes=(), expected=()), tuple(dict.fromkeys(names)), tuple(claims.get(task.requirement, ()))
        )
    return tuple(found.values())


def subjects_of(
    request: VerifyRequest, release: Release, images: Mapping[str, Image], started: datetime
) -> Iterator[VerifySubject]:
    """Yield the wheels of a release that are verified, each with its image, or with the reason why it has none."""
    known = [images[name] for name in request.images]
    fitting = [image for image in known if admits(release.requires_python, image.target.python)] or known

    def subject(found: Counterpart) -> VerifySubject:
        image = images[found.image or fitting[0].name]
        task = replace(request.task, image=image.name)
        meant = found.wheel if found.image else None
        return VerifySubject(task, release, image, started, meant, found.reason, claimed=found.wheel)

    if not request.claims:
        yield subject(counterparts(release.wheels, fitting))
        return
    sdist = release.sdist.sha256 if release.sdist else ""
    of_wheels = [claim for claim in request.claims if claim[1] != sdist]
    if not of_wheels and not request.known_only:
        yield subject(Counterpart(None, "", _SDIST_ALONE))
    for filename, sha256 in of_wheels:
        offered = next((one for one in release.wheels if one.sha256 == sha256), None)
        if offered is not None:
            yield subject(counterpart_of(offered, fitting))
        elif not request.known_only:
            yield subject(Counterpart(OfferedWheel(filename, "", sha256), "", _ABSENT))


def verify_all(
    settings: Config,
    store: Results,
    requests: Sequence[VerifyRequest],
    *,
    jobs: int | None,
    again: bool,
    outcome: RunOutcome | None = None,
) -> RunOutcome:
    """Verify all wheels that are asked for; write a record of each, and show the progress.

    A failure of one, of the farm or of the program, never stops the others. `outcome` is that of a run whose builds
    may be the published wheels already.

    Raises
    ------
    WheelproofError
        The farm failed, or was stopped.

    """
    displays: list[progress.Progress] = []
    left = _Left()

    def log(project: str, doing: str) -> None:
        if displays:
            displays[-1].doing(project, doing)
        else:
            progress.note(f"{project}: {doing}")

    with _place(settings, store, jobs=jobs, again=again, log=log) as place:
        subjects = _look_up(settings, store, requests, left, place.known)
        names = dict.fromkeys(subject.image.name for subject in subjects)
        if not names:
            return left.outcome(())
        tasks = tuple(replace(subjects[0].task, image=name) for name in names)
        with place.opened(tasks, _judged(outcome)) as opened, progress.shown(len(subjects)) as display:
            displays.append(display)
            return left.outcome(_run(opened, store, subjects, display, left))


@contextmanager
def _place(
    settings: Config, store: Results, *, jobs: int | None, again: bool, log: Callable[[str, str], None]
) -> Iterator[Place]:
    """Give the place where wheels are verified."""
    if settings.dask is not None:
        from orchestrator.farm.cluster import verifying  # noqa: PLC0415 - Dask is an extra

        with verifying.connected(settings, store, again=again, log=log) as place:
            yield place
        return
    yield Here(settings, store, jobs=jobs, again=again, log=log)


@dataclass(slots=True)
class _Left:
    """What is left open, and why."""

    open: list[tuple[str, str]] = field(default_factory=list)
    faults: list[WheelproofError] = field(default_factory=list)

    def failed(self, requirement: str, error: WheelproofError) -> None:
        """Note that a requirement is not verified, for a fault of the farm."""
        self.open.append((requirement, str(error)))
        self.faults.append(error)
        logs.fault("not verified", error, requirement=requirement)

    def outcome(self, records: Iterable[Path]) -> RunOutcome:
        """Return the outcome of a run with these records."""
        return RunOutcome(tuple(records), tuple(self.open), tuple(self.faults))


def _judged(outcome: RunOutcome | None) -> Judged:
    """Return how to find the result of a run on the release and the image of a subject; each is read when needed."""
    paths: dict[str, list[Path]] = {}
    for path in outcome.records if outcome else ():
        paths.setdefault(path.parent.name, []).append(path)

    def find(subject: VerifySubject) -> Result | None:
        results = (read(path) for path in paths.get(subject.release.project, ()))
        of = subject.release.version, subject.image.name
        return next((result for result in results if result and (result.version, result.image.name) == of), None)

    return find


def verified(farm: Farm, subject: VerifySubject, *, long: bool, again: bool) -> Verification | Path:
    """Verify one wheel on the farm of this host, or return the existing record of the same inputs or outcome."""
    job_effects = farm.job_effects
    used = Uses(job_effects.cache, job_effects.buildenvs.place)
    effects = job_effects.verify_effects(subject.release.project, subject.task.limits, long=long, again=again)
    found = verify(subject, used.of_verification(effects))
    if isinstance(found, Verification) and not again:
        found = job_effects.repeated_verification(found) or found
    key, built = uses.key_of(job_effects.label, subject.task, verifies=True), isinstance(found, Verification)
    uses.write(used.cache, key, used.items, tracked=is_tracked(subject.task), built=built)
    return found


def _run(
    opened: Opened, store: Results, subjects: Sequence[VerifySubject], display: progress.Progress, left: _Left
) -> list[Path]:
    """Verify all wheels, and return the records."""
    records: list[Path] = []
    images = opened.images
    for image in images.values():
        store.keep_image(image)
    jobs = [VerifyJob(replace(one, image=images[one.image.name]), one.task.long) for one in subjects]

    def done(job: VerifyJob, outcome: Verification | Path | WheelproofError) -> None:
        project, name = job.release.project, _shown(job.subject)
        if isinstance(outcome, WheelproofError):
            left.failed(job.task.requirement, outcome)
            shown_as = "open", str(outcome)
        elif isinstance(outcome, Verification):
            records.append(store.write_verification(outcome))
            shown_as = outcome.outcome.value, outcome.reason
        else:
            records.append(outcome)
            shown_as = "unchanged", ""
        if isinstance(fault := attempted(display.finished, project, name, *shown_as), WheelproofError):
            logs.fault("a line of the display is missing", fault, project=project)

    run_jobs(jobs, opened.pool, done, stop=opened.stop)
    return records


def _shown(subject: VerifySubject) -> str:
    """Return how the display names a wheel."""
    offered = subject.wheel or subject.claimed
    return (offered.filename if offered else "") or f"{subject.release.project} {subject.release.version}"


def _look_up(
    settings: Config,
    store: Results,
    requests: Sequence[VerifyRequest],
    left: _Left,
    known: Callable[[tuple[str, ...]], Mapping[str, Image]],
) -> tuple[VerifySubject, ...]:
    """Find the release of each request, and the wheels that are verified; each wheel once."""
    images = known(tuple(dict.fromkeys(name for request in requests for name in request.images)))
    inputs = assemble.open_inputs(settings, store)

    def release(request: VerifyRequest) -> Release:
        return newest([inputs.release(request.task, images[name]) for name in request.images])

    pool = ThreadPoolExecutor(LOOKING)
    try:
        found = tuple(pool.map(lambda request: attempted(release, request), requests))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a command that is stopped does not wait for the index
    subjects: dict[tuple[str, str, str], VerifySubject] = {}
    for request, answer in zip(requests, found, strict=True):
        if isinstance(answer, NoRoomError):
            raise answer
        if isinstance(answer, WheelproofError):
            left.failed(request.task.requirement, answer)
            continue
        for subject in subjects_of(request, answer, images, datetime.now(UTC)):
            offered = subject.wheel or subject.claimed
            subjects.setdefault((answer.project, answer.version, offered.sha256 if offered else ""), subject)
    return tuple(subjects.values())


def outcomes(store: Results, outcome: RunOutcome) -> Iterator[Verification]:
    """Read the verifications of a run one by one, sorted: what differs comes first."""
    found = (one for path in outcome.records if (one := store.verification(path)) is not None)
    order = (Outcome.DIFFERS, *(one for one in Outcome if one is not Outcome.DIFFERS))
    yield from sorted(found, key=lambda one: (order.index(one.outcome), one.project, one.version, one.wheel))


def newest(releases: Sequence[Release]) -> Release:
    """Return the newest of releases, the first of equals; a version that cannot be compared is as it comes."""
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415

    try:
        return max(releases, key=lambda release: Version(release.version))
    except InvalidVersion:
        return releases[0]
