"""The alarm: records a run, and reports what it changed to the operator's own command.

`watched` surrounds a run. It compares the results with those of the runs before, writes the record of the run
if there is news, and calls the command that the configuration names under `on-change`.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING

from orchestrator import __version__, config
from orchestrator.config.tasks import pinned
from orchestrator.errors import (
    AbsentError,
    ConfigError,
    EngineError,
    FaultError,
    ImageError,
    Interrupted,
    NoReleaseError,
    PackageIndexError,
    ResultsError,
    UsageError,
    WheelproofError,
    WorkersError,
)
from orchestrator.farm.run import RunOutcome
from orchestrator.farm.workers import attempted
from orchestrator.model import RUN_SCHEMA, FaultKind, LastRun, OpenJob, RunFault, RunRecord, RunStatus, Withdrawn
from orchestrator.model.names import is_path
from orchestrator.publish import news
from orchestrator.results import changes
from orchestrator.results.summary import verified
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from orchestrator.config import Config
    from orchestrator.model import RunChange, Task
    from orchestrator.results.store import Results

TIME = 60
"""Seconds that the command of `on-change` may take."""

_LONGEST = 500  # characters of the message of an open job

_KINDS: tuple[tuple[type[WheelproofError], FaultKind], ...] = (
    (AbsentError, FaultKind.ABSENT),
    (NoReleaseError, FaultKind.ABSENT),
    (PackageIndexError, FaultKind.INDEX),
    (EngineError, FaultKind.ENGINE),
    (WorkersError, FaultKind.WORKERS),
    (ImageError, FaultKind.IMAGE),
    (ResultsError, FaultKind.RESULTS),
    (UsageError, FaultKind.REQUEST),
    (ConfigError, FaultKind.REQUEST),
    (Interrupted, FaultKind.STOPPED),
)
"""The first that fits counts."""


@dataclass(slots=True)
class Watch:
    """What a run hands to the alarm, and what the alarm finds."""

    outcome: RunOutcome | None = None  # set by the run
    record: RunRecord | None = field(default=None, init=False)  # set by the alarm, if there is news

    @property
    def lines(self) -> tuple[str, ...]:
        """The changes in words; empty if there are none."""
        return news.lines(self.record) if self.record else ()


@contextmanager
def watched(
    settings: Config,
    store: Results,
    tasks: Sequence[Task],
    *,
    whole: bool,
    publish: Callable[[], None] = lambda: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Watch]:
    """Record a run of these tasks; `whole` is whether they are all that is tracked.

    The run sets `outcome` and calls nothing else. A failure of the whole run is recorded too, and raised again.
    Where it was stopped, only last_run.json is written: the next run reports what this one changed.

    Raises
    ------
    ResultsError
        The record cannot be written.

    """
    watch, started = Watch(), now()
    if unheard := store.unheard():
        _reported(settings, store, unheard)
    before = next(store.runs(), None)
    try:
        yield watch
    except (Interrupted, KeyboardInterrupt):
        with suppress(WheelproofError):
            store.note_last_run(_stopped(started, now(), len(tasks)))
        raise
    except Exception as error:
        known = error if isinstance(error, WheelproofError) else FaultError.of(error)
        failure = RunFault(kind_of(known), str(known)[:_LONGEST], started)
        if failure.kind is not FaultKind.REQUEST and _asks_for_tracked(settings, tasks):
            ended = _ended(settings, store, tasks, before, (started, now()), watch.outcome or RunOutcome((), ()))
            unrecorded = attempted(
                _recorded, settings, store, replace(ended, whole=whole, failure=failure), before, watch
            )
            if unrecorded:
                logs.warning("the run is not recorded", fault=str(unrecorded))
        raise
    if watch.outcome is not None:
        ended = _ended(settings, store, tasks, before, (started, now()), watch.outcome)
        _recorded(settings, store, replace(ended, whole=whole), before, watch, publish)


def _asks_for_tracked(settings: Config, tasks: Iterable[Task]) -> bool:
    wanted = {task.requirement for task in tasks}
    return any(task.requirement in wanted for task in config.tasks(settings))


def kind_of(error: WheelproofError) -> FaultKind:
    """Return which part of the farm an error is of."""
    return next((kind for of, kind in _KINDS if isinstance(error, of)), FaultKind.PROGRAM)


def _stopped(started: datetime, finished: datetime, wanted: int) -> LastRun:
    return LastRun(RUN_SCHEMA, started, finished, __version__, RunStatus.INTERRUPTED, wanted, 0, 0, 0, 0, 0)


def _recorded(
    settings: Config,
    store: Results,
    ended: changes.Ended,
    before: RunRecord | None,
    watch: Watch,
    publish: Callable[[], None] = lambda: None,
) -> None:
    """Write the record of a run if it has news, then the site, and call the operator's command for changes.

    A site that cannot be written does not silence the command. If the process is killed before the command has
    ended, the next run calls it.
    """
    run = changes.run_record(ended, before)
    name, calls = "", bool(run.changes and settings.on_change)
    if calls:
        store.note_unheard(run)
    if changes.has_news(run, before):
        name = f"runs/{store.write_run(run).name}"
        watch.record = run
    store.note_last_run(changes.last_run(run, run.status, name))
    unpublished = attempted(publish) if name else None
    if calls:
        _reported(settings, store, run)
    if unpublished:
        raise unpublished


def _reported(settings: Config, store: Results, run: RunRecord) -> None:
    """Call the operator's command for the changes of a run, once."""
    if settings.on_change:
        call(settings.on_change, news.as_json(run))
    store.note_heard()


# --- how a run ended -------------------------------------------------------------------------


def _ended(
    settings: Config,
    store: Results,
    tasks: Sequence[Task],
    before: RunRecord | None,
    moments: tuple[datetime, datetime],
    outcome: RunOutcome,
) -> changes.Ended:
    """Gather how a run ended. Records that a killed run left, after the last that has a record, count as its own."""
    started, finished = moments
    since = min(before.finished, started) if before else started
    records, verifications = store.names_since(since), store.verified_since(since)
    judged = {f"{path.parent.name}/{path.name}" for path in outcome.records}
    requirements = frozenset(task.requirement for task in config.tasks(settings))
    unpinned = frozenset(one for one in requirements if not is_path(one) and not pinned(one))
    rules = changes.Rules(config.tracked(settings), settings.exclusions, since, store.packages, unpinned)
    changed = (*_of_results(store, records, rules), *_of_published(store, verifications, rules))
    return changes.Ended(
        started=started,
        finished=finished,
        wheelproof=__version__,
        whole=True,
        wanted=tuple((task.requirement, task.image) for task in tasks),
        tracked=requirements,
        judged=len(judged & set(records)),
        unchanged=len(judged - set(records)),
        records=records,
        verifications=verifications,
        open=open_jobs(outcome, started),
        resolved=tuple(_resolved(store, outcome, since)),
        gone=tuple(_gone(store, outcome, started)),
        changes=changed,
    )


def _of_results(store: Results, names: Iterable[str], rules: changes.Rules) -> Iterator[RunChange]:
    for project in sorted({name.partition("/")[0] for name in names} & {wanted.project for wanted in rules.tracked}):
        yield from changes.of_project(store.standings_until(project, rules.since), store.standings(project), rules)


def _of_published(store: Results, names: Iterable[str], rules: changes.Rules) -> Iterator[RunChange]:
    for project in sorted({name.partition("/")[0] for name in names}):
        before = map(verified, store.verifications(project, until=rules.since))
        yield from changes.of_published(before, store.verified(project), rules.tracked)


def open_jobs(outcome: RunOutcome, since: datetime) -> tuple[OpenJob, ...]:
    """Return the jobs that a run left open, each requirement and image once."""
    found: dict[tuple[str, str], OpenJob] = {}
    for (requirement, why), error, task in zip_longest(outcome.open, outcome.faults, outcome.unjudged):
        kind = kind_of(error) if error else FaultKind.PROGRAM
        job = OpenJob(requirement, task.image if task else "", kind, why[:_LONGEST], since)
        found.setdefault((job.requirement, job.image), job)
    return tuple(found.values())


def _resolved(store: Results, outcome: RunOutcome, since: datetime) -> Iterator[changes.Resolved]:
    """Yield what the index gave for each requirement, with the version that it gave before this run."""
    for job in outcome.jobs:
        task, release = job.task, job.release
        if is_path(task.requirement):
            continue
        former = "" if pinned(task.requirement) else _former(store, task, release.project, since)
        yield changes.Resolved(
            task.requirement, task.image, release.project, release.version, yanked=release.yanked, former=former
        )


def _former(store: Results, task: Task, project: str, since: datetime) -> str:
    """Return the version of the last result on an image before a run, if this very requirement gave it."""
    latest = store.latest(project, task.image)
    if latest and latest.started > since:  # of this run
        entries = (one for one in store.entries(project) if one.image == task.image and one.started <= since)
        entry = next(entries, None)
        latest = store.result(entry) if entry else None
    return latest.version if latest and latest.requirement == task.requirement else ""


def _gone(store: Results, outcome: RunOutcome, started: datetime) -> Iterator[Withdrawn]:
    """Yield the releases that the index does not have, although results of them exist."""
    for job in open_jobs(outcome, started):
        if job.kind is FaultKind.ABSENT and not is_path(job.requirement):
            project, version = config.project(job.requirement), pinned(job.requirement)
            known = (one for one in store.entries(project) if version in {"", one.version})
            if former := next(known, None):
                yield Withdrawn(job.requirement, job.image, project, former.version, job.why, started)


# --- the operator's command ------------------------------------------------------------------


def call(command: Sequence[str], content: str, seconds: float = TIME) -> bool:
    """Run a command without a shell, with `content` on its standard input; return whether it succeeded.

    What it prints goes to standard error, and it has the environment of the run. Its failure, and that it takes
    too long, is a warning in the log, and never one of the run.
    """
    fault = attempted(_called, command, content, seconds)
    if fault:
        logs.warning("the command of on-change failed", command=command[0], fault=str(fault)[:_LONGEST])
    return not fault


def _called(command: Sequence[str], content: str, seconds: float) -> str:
    """Run a command; return why it failed, or nothing."""
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own
            list(command), stdin=subprocess.PIPE, stdout=2, start_new_session=True
        )
    except OSError as error:
        return f"starting it: {error.strerror or error}; on-change is a list: the program and its arguments"
    try:
        process.communicate(content.encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"it is stopped after {seconds:g} s"
    finally:
        _end(process)
    return f"it ended with status {process.returncode}" if process.returncode else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the processes that a command has left, if it did not end by itself."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
