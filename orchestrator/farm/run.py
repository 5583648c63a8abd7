"""One run: from tasks to results, and to a site that is written while they arrive."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import NoRoomError, OpenJobsError, PackageIndexError, TransientIndexError, WheelproofError
from orchestrator.farm.ahead import Ahead
from orchestrator.farm.plan import Job, is_compared, ordered, seconds_of
from orchestrator.farm.spool import Spool
from orchestrator.farm.workers import Cancellation, Pool, attempted, run_jobs
from orchestrator.model.names import is_path
from orchestrator.publish.wording import told_apart
from orchestrator.results.store import read
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from orchestrator.farm.progress import Progress
    from orchestrator.farm.workers import Room
    from orchestrator.model import Release, Result, Task

LOOKING = 8
"""How many releases are looked up at once."""

PUBLISH_EVERY = 15
"""Seconds between two writings of the site; it takes no more than a twentieth of a run."""

_SHARE = 20


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended: a record for each job with a verdict, and what stayed open, and why."""

    records: tuple[Path, ...]
    open: tuple[tuple[str, str], ...]
    faults: tuple[WheelproofError, ...] = ()  # the errors that left jobs open, as far as they are known
    tasks: tuple[Task, ...] = ()  # of the records, in their order
    unjudged: tuple[Task, ...] = ()  # of the first of `open`, in their order; other parts of a run follow them
    left_out: tuple[Task, ...] = ()  # tasks whose markers do not fit their images
    jobs: tuple[Job, ...] = ()  # those whose release is known

    def with_faults_of(self, other: RunOutcome) -> RunOutcome:
        """Return this outcome, with what stayed open in another one that followed it."""
        return replace(self, open=(*self.open, *other.open), faults=(*self.faults, *other.faults))

    def renewed_by(self, other: RunOutcome) -> RunOutcome:
        """Return this outcome, with the records of another one of some of its tasks in place of its own."""
        newer = dict(zip(other.tasks, other.records, strict=True))
        records = (newer.get(task, path) for path, task in zip(self.records, self.tasks, strict=True))
        return replace(self, records=tuple(records))

    def followed_by(self, other: RunOutcome) -> RunOutcome:
        """Return this outcome and that of a second round of jobs as one."""
        return RunOutcome(*((*getattr(self, field.name), *getattr(other, field.name)) for field in fields(self)))

    def insist(self) -> None:
        """Raise OpenJobsError where some jobs got no verdict, or PackageIndexError where no answer of the index is why.

        The message advises to run again where one of the errors may pass by itself.
        """
        if self.open:
            lines = "\n".join(f"  {requirement}: {why}" for requirement, why in self.open)
            advice = "; run again to go on with them" if any(one.is_transient for one in self.faults) else ""
            is_index_down = self.faults and all(isinstance(one, TransientIndexError) for one in self.faults)
            kind = PackageIndexError if is_index_down and not self.records else OpenJobsError
            msg = f"{len(self.open)} of the jobs got no verdict{advice}\n{lines}"
            raise kind(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """The effects that find the releases of tasks."""

    release: Callable[[Task], Release]
    latest: Callable[[str, str, str], Result | None]  # (project, image, version or "") -> the newest result
    stop: Cancellation
    long: float  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext(LookUp):
    """The effects of a run."""

    pool: Pool[Job, Result | Path]  # judges jobs; a path is that of the record of the same inputs
    write: Callable[[Result], Path]
    publish: Callable[[], None]
    is_published: Callable[[], bool]  # whether there is a site that only new results can make stale
    expect: Callable[[int], None] = lambda _short: None  # adjusts the number of pending short jobs
    publish_every: float = PUBLISH_EVERY  # seconds
    prepare: Callable[[Job], object] = lambda _job: None  # fetches what a job needs into the caches, before its turn


def look_up(
    tasks: Iterable[Task],
    context: LookUp,
    failed: Callable[[Task, WheelproofError], None],
    noted: Callable[[Job], None] = lambda _job: None,
) -> tuple[Job, ...]:
    """Find the release of every task, and sort the jobs; a task whose release is not found stays open.

    `noted` gets each job as soon as its release is known, in any thread.

    Raises
    ------
    NoRoomError
        A file system is full.

    """

    def find(task: Task) -> Job | None:
        if context.stop.asked:
            return None
        job = attempted(_job, task, context)
        if isinstance(job, NoRoomError):
            raise job
        if isinstance(job, WheelproofError):
            failed(task, job)
            return None
        return job

    waiting = deque(enumerate(tasks))
    found: list[Job | None] = [None] * len(waiting)

    def serve() -> None:
        with suppress(IndexError):  # none is waiting
            while True:
                number, task = waiting.popleft()
                found[number] = job = find(task)
                if job is not None:
                    noted(job)

    pool = ThreadPoolExecutor(LOOKING)
    looking = [pool.submit(serve) for _ in range(min(LOOKING, len(waiting)))]
    context.stop.wait(lambda seconds: not wait(looking, seconds).not_done)
    pool.shutdown(wait=False, cancel_futures=True)
    for future in looking:
        if future.done() and not future.cancelled():
            future.result()
    return ordered(_once(job for job in tuple(found) if job is not None))


def _once(jobs: Iterable[Job]) -> Iterator[Job]:
    """Drop jobs that equal another one: the same release, image and settings, requested in other words."""
    seen = set()
    for job in jobs:
        key = replace(job, task=replace(job.task, requirement="", group="", long=False))
        if key not in seen:
            seen.add(key)
            yield job


def _job(task: Task, context: LookUp) -> Job:
    release = context.release(task)
    own = context.latest(release.project, task.image, release.version)
    seconds = _seconds(own)
    if seconds is None:  # another version is the next best measure
        seconds = _seconds(context.latest(release.project, task.image, ""))
    job = Job(task, release, seconds, long=task.long if seconds is None else seconds > context.long)
    return replace(job, compared=is_compared(job, own))


def _seconds(former: Result | None) -> float | None:
    return seconds_of(former) if former else None


def run(tasks: Iterable[Task], context: RunContext, shown: Callable[[int], Progress]) -> RunOutcome:
    """Judge all tasks. A failure of one job, of the farm or of the program, never stops the others.

    Raises
    ------
    NoRoomError
        A file system is full. The results until then are kept.
    ResultsError
        The results cannot be written.
    Interrupted
        The run was stopped. The results until then are written and published.

    """
    with Spool() as spool:
        ahead = Ahead(lambda job: context.prepare(spool.whole(job)), context.stop)
        with ahead.working():
            return _run(tasks, context, shown, spool, ahead)


def _run(
    tasks: Iterable[Task], context: RunContext, shown: Callable[[int], Progress], spool: Spool, ahead: Ahead
) -> RunOutcome:
    records: list[Path] = []
    judged: list[Task] = []
    left: list[tuple[Task, str]] = []
    faults: list[WheelproofError] = []

    def failed(task: Task, error: WheelproofError) -> None:
        left.append((task, str(error)))
        faults.append(error)
        logs.fault("no verdict", error, requirement=task.requirement)

    looking = replace(context, release=lambda task: spool.put(context.release(task)))
    jobs = look_up(tasks, looking, failed, ahead.found)
    ahead.follow(jobs)
    progress = shown(len(jobs))
    names = _names(jobs)
    site = _Site(context.publish, context.publish_every)
    written = 0
    several = len({job.task.image for job in jobs}) > 1
    context.expect(sum(not job.long for job in jobs))

    def done(job: Job, outcome: Result | Path | WheelproofError) -> None:
        nonlocal written
        name, where = job.release.project, f" on {job.task.image}" if several else ""
        subject = names.get((name, job.task.requirement), name)
        job_name = f"{subject} {job.release.version}{where}"
        if isinstance(outcome, WheelproofError):
            failed(job.task, outcome)
            shown_as = name, job_name, "open", str(outcome)
        elif isinstance(outcome, Path):
            records.append(outcome)
            judged.append(job.task)
            shown_as = name, job_name, "unchanged", ""
        else:
            records.append(context.write(outcome))
            judged.append(job.task)
            written += 1
            shown_as = (
                name,
                f"{subject if subject != name else outcome.project} {outcome.version}{where}",
                outcome.verdict,
                outcome.reason,
            )
            attempted(site.perhaps)  # where it fails, the last writing still comes
        context.expect(-(not job.long))
        # The record is written already, so a fault of the display is only logged.
        if isinstance(fault := attempted(progress.finished, *shown_as), WheelproofError):
            logs.fault("a line of the display is missing", fault, project=name)
        if site.full:
            raise site.full

    try:
        run_jobs(jobs, _Whole(context.pool, spool, ahead), done, stop=context.stop)
    except BaseException as error:
        unwritten = attempted(_finish, site, context, written)
        if isinstance(unwritten, WheelproofError) and not isinstance(error, NoRoomError):  # that is reported already
            logs.warning("the site is not written", fault=str(unwritten))
        raise
    _finish(site, context, written)
    return RunOutcome(
        tuple(records),
        tuple((task.requirement, why) for task, why in left),
        tuple(faults),
        tuple(judged),
        tuple(task for task, _ in left),
        jobs=jobs,
    )


def _names(jobs: Iterable[Job]) -> dict[tuple[str, str], str]:
    """Return the names of those (project, requirement) that are not simply named as the project."""
    subjects = [(job.release.project, job.task.requirement) for job in jobs]
    local = {project for project, requirement in subjects if is_path(requirement)}
    subjects = [subject for subject in subjects if subject[0] in local]
    return dict(zip(subjects, told_apart(subjects), strict=True))


class _Whole(Pool[Job, "Result | Path"]):
    """A pool that gets jobs with all that their releases have, and notes which have begun."""

    def __init__(self, pool: Pool[Job, Result | Path], spool: Spool, ahead: Ahead) -> None:
        self._pool = pool
        self._spool = spool
        self._ahead = ahead

    def room(self) -> Room:
        return self._pool.room()

    def close(self) -> None:
        self._pool.close()

    def start(self, job: Job, ended: Callable[[Result | Path | WheelproofError], None]) -> None:
        self._ahead.begun(job)
        whole = attempted(self._spool.whole, job)
        if isinstance(whole, WheelproofError):
            ended(whole)
        else:
            self._pool.start(whole, ended)


def _finish(site: _Site, context: RunContext, written: int) -> None:
    if written or not context.is_published():
        site.last()


class _Site:
    """Writes the site during the run, but only so often that it takes at most a twentieth of the time."""

    def __init__(self, publish: Callable[[], None], every: float) -> None:
        self._publish = publish
        self._every = every
        self._next = 0.0
        self._stale = False
        self._complained = ""
        self.full: NoRoomError | None = None  # why the site cannot be written, where that ends the run
        self._writing: threading.Thread | None = None

    def perhaps(self) -> None:
        """Start to write the site, if no writing is under way and the last one is long enough ago."""
        self._stale = True
        if time.monotonic() >= self._next and not (self._writing and self._writing.is_alive()):
            writing = threading.Thread(target=self._write, name="publishing")
            writing.start()
            self._writing = writing

    def _write(self) -> None:
        begun = time.monotonic()
        self._stale = False
        fault = attempted(self._publish)
        if isinstance(fault, WheelproofError):  # the last writing reports it, if it fails too
            self._stale = True
            if isinstance(fault, NoRoomError):
                self.full = fault
            elif str(fault) != self._complained:
                self._complained = str(fault)
                logs.fault("the site is not written", fault)
        took = time.monotonic() - begun
        self._next = begun + max(self._every, took * _SHARE)

    def last(self) -> None:
        """Write the site unless it is up to date, and wait for it."""
        if self._writing:
            self._writing.join()
        if self._stale or not self._writing:
            self._publish()


def results(outcome: RunOutcome, projects: Collection[str] | None = None) -> Iterator[Result]:
    """Read the results of a run one by one; only those of `projects`, where that is given."""
    for path in outcome.records:
        wanted = projects is None or path.parent.name in projects
        if wanted and (result := read(path)) is not None:
            yield result
