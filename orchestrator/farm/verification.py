"""Verifications of many published wheels: which wheels are meant, on which images, and their records."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator import config
from orchestrator.analysis.counterpart import Counterpart, counterpart_of, counterparts
from orchestrator.errors import NoRoomError, UsageError, WheelproofError
from orchestrator.farm import assemble, progress
from orchestrator.farm.run import AHEAD, LOOKING, RunOutcome
from orchestrator.farm.workers import attempted, run_jobs
from orchestrator.job.verify import VerifySubject, verify
from orchestrator.model import OfferedWheel, Outcome, Verification, admits
from orchestrator.results.store import read
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.farm.assemble import Farm
    from orchestrator.model import Image, Release, Result, Task
    from orchestrator.requirement_files import Wanted
    from orchestrator.results.store import Results

_ABSENT = "the index has no wheel of this release with that hash"
AUTOMATIC = ("bookworm", "trixie")

_Claims = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """A release whose wheel is verified, or the single wheels of it that a file lists."""

    task: Task  # without its image
    images: tuple[str, ...]  # to choose from, the preferred one first
    claims: _Claims = ()  # (file name, which may be empty, and SHA-256) of the wheels; none: the release's


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """One published wheel, and the image that is to build it."""

    subject: VerifySubject
    long: bool = False


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
    return tuple(on) or own or AUTOMATIC


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
    for filename, sha256 in request.claims:
        offered = next((one for one in release.wheels if one.sha256 == sha256), None)
        if offered is not None:
            yield subject(counterpart_of(offered, fitting))
        elif sha256 != sdist:
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

    def log(project: str, doing: str) -> None:
        if displays:
            displays[-1].doing(project, doing)

    names = dict.fromkeys(name for request in requests for name in request.images)
    tasks = tuple(replace(requests[0].task, image=name) for name in names)
    farm = assemble.open_farm(settings, store, tasks, jobs=jobs, log=log)
    for image in farm.images.values():
        store.keep_image(image)
    with assemble.container_cleanup(farm.job_effects), ExitStack() as stack:

        def shown(total: int) -> progress.Progress:
            displays.append(stack.enter_context(progress.shown(total)))
            return displays[-1]

        return _run(farm, store, requests, shown, _judged(outcome), again=again)


def _judged(outcome: RunOutcome | None) -> Callable[[VerifySubject], Result | None]:
    """Return how to find the result of a run on the release and the image of a subject; each is read when needed."""
    paths: dict[str, list[Path]] = {}
    for path in outcome.records if outcome else ():
        paths.setdefault(path.parent.name, []).append(path)

    def find(subject: VerifySubject) -> Result | None:
        results = (read(path) for path in paths.get(subject.release.project, ()))
        of = subject.release.version, subject.image.name
        return next((result for result in results if result and (result.version, result.image.name) == of), None)

    return find


def _run(
    farm: Farm,
    store: Results,
    requests: Sequence[VerifyRequest],
    shown: Callable[[int], progress.Progress],
    judged: Callable[[VerifySubject], Result | None],
    *,
    again: bool,
) -> RunOutcome:
    records: list[Path] = []
    left: list[tuple[str, str]] = []
    faults: list[WheelproofError] = []

    def failed(requirement: str, error: WheelproofError) -> None:
        left.append((requirement, str(error)))
        faults.append(error)
        logs.fault("not verified", error, requirement=requirement)

    wanted = _look_up(farm, requests, failed)
    display = shown(len(wanted))

    def work(job: VerifyJob) -> Verification | Path:
        subject = replace(job.subject, result=judged(job.subject))
        effects = farm.job_effects.verify_effects(
            subject.release.project, subject.task.limits, long=job.long, again=again
        )
        return verify(subject, effects)

    def done(job: VerifyJob, outcome: Verification | Path | WheelproofError) -> None:
        subject = job.subject
        name = subject.wheel.filename if subject.wheel else f"{subject.release.project} {subject.release.version}"
        if isinstance(outcome, WheelproofError):
            failed(subject.task.requirement, outcome)
            shown_as = "open", str(outcome)
        elif isinstance(outcome, Verification):
            records.append(store.write_verification(outcome))
            shown_as = outcome.outcome.value, outcome.reason
        else:
            records.append(outcome)
            shown_as = "unchanged", ""
        if isinstance(fault := attempted(display.finished, subject.release.project, name, *shown_as), WheelproofError):
            logs.fault("a line of the display is missing", fault, project=subject.release.project)

    effects = farm.job_effects
    run_jobs(
        wanted,
        work,
        done,
        workers=effects.slots.count + AHEAD,
        longs=max(1, effects.slots.count - 1),
        stop=effects.stop,
    )
    return RunOutcome(tuple(records), tuple(left), tuple(faults))


def _look_up(
    farm: Farm, requests: Sequence[VerifyRequest], failed: Callable[[str, WheelproofError], None]
) -> tuple[VerifyJob, ...]:
    """Find the release of each request, and the wheels that are verified."""
    with ThreadPoolExecutor(LOOKING) as pool:
        found = tuple(pool.map(lambda request: attempted(_release, farm, request), requests))
    jobs: dict[tuple[str, str, str, str], VerifyJob] = {}
    for request, release in zip(requests, found, strict=True):
        if isinstance(release, NoRoomError):
            raise release
        if isinstance(release, WheelproofError):
            failed(request.task.requirement, release)
            continue
        for subject in subjects_of(request, release, farm.images, datetime.now(UTC)):
            offered = subject.wheel or subject.claimed
            key = (
                release.project,
                release.version,
                offered.filename if offered else "",
                offered.sha256 if offered else "",
            )
            jobs.setdefault(key, VerifyJob(subject, request.task.long))
    return tuple(jobs.values())


def _release(farm: Farm, request: VerifyRequest) -> Release:
    """Return the newest release that one of the images admits; of equals, as the first of them sees it."""
    images = [farm.images[name] for name in request.images]
    releases = [farm.job_effects.release(request.task, image) for image in images]
    return newest(releases)


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
