"""What a run changed: verdicts, open jobs, withdrawn releases; and changes.json, which lists the recent changes. Pure.

The standings of a project before a run and after it give its changes (`of_project`). `run_record` adds what
opened, closed, was withdrawn and came back, compared with the record of the last run that changed something.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime  # noqa: TC003 - pydantic looks at the types of fields
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from orchestrator.model import (
    AUTO_IMAGE,
    RUN_SCHEMA,
    ChangeKind,
    FaultKind,
    LastRun,
    OpenJob,
    RunChange,
    RunFault,
    RunRecord,
    RunStatus,
    Verdict,
    Withdrawn,
)
from orchestrator.results.drift import culprit, drift_of
from orchestrator.results.regressions import Direction, Subject, Turn, published_turns, turns
from orchestrator.results.summary import summary_of, version_key
from orchestrator.util import escapes
from orchestrator.util.forms import form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from orchestrator.model import Exclusion, Tracked
    from orchestrator.results.drift import WheelDrift
    from orchestrator.results.summary import Standing, Verified

CHANGES_SCHEMA = 1
"""Version of the form of changes.json."""

MOST = 1000
"""How many changes changes.json lists."""

RUNS = 400
"""How many records of runs are read for lists of recent changes, so that these cost the same after years."""

_SHORT = 12  # digits of a hash, enough to distinguish two
_INPUTS = 50  # inputs that a change lists; another image may have hundreds of other packages
_LONGEST = 1000  # characters of a culprit
_KINDS = {
    Direction.WORSE: ChangeKind.WORSE,
    Direction.BETTER: ChangeKind.BETTER,
    Direction.OTHER: ChangeKind.CHANGED,
}
_Key = tuple[str, str]  # requirement, image


# --- verdicts --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides whether a change of a project is one of what is tracked."""

    tracked: tuple[Tracked, ...]
    exclusions: tuple[Exclusion, ...]
    since: datetime  # UTC; results that were started later are new
    packages: Callable[[str], Mapping[str, str] | None] = lambda _manifest: None  # of an image, by its manifest
    requirements: frozenset[str] = frozenset()  # those tracked that name no version: the index decides which they give


def of_project(before: Iterable[Standing], after: Iterable[Standing], rules: Rules) -> tuple[RunChange, ...]:
    """Return what new results changed in what is tracked of one project, given its standings before and after.

    A release that is not tracked, and a project's first verdict, change nothing.
    """
    several = tuple(after)
    shown = tuple(_current(several, rules))
    current = [one for one in (*shown, *_given(several, shown, rules)) if one.started > rules.since]
    if not current:
        return ()
    former = {standing.key: standing for standing in before}
    moments = {one.job: one.finished for one in current}
    found = turns(former.values(), current)
    known = {(turn.version, turn.image, turn.way) for turn in found}
    others = [one for one in current if one.key in former and (one.version, one.image, one.way) not in known]
    drifts = [
        drift_of(former[one.key].latest, one.latest, rules.packages) for one in others if _drifts(former[one.key], one)
    ]
    return (*(_changed(turn, moments[turn.job]) for turn in found), *map(_drifted, drifts))


def _current(several: Sequence[Standing], rules: Rules) -> Iterator[Standing]:
    """Yield what is tracked of the standings of one project."""
    name = several[0].project if several else ""
    exclusions = [one for one in rules.exclusions if one.project == name]
    tracked = [one for one in rules.tracked if one.project == name]
    summary = summary_of(several, exclusions, rules.since, tracked)
    return (standing for standing in summary.current if _is_tracked(standing, tracked))


def _given(several: Iterable[Standing], shown: Iterable[Standing], rules: Rules) -> Iterator[Standing]:
    """Yield what the index gives now instead of a higher version, which is withdrawn or yanked, on each image."""
    known = {(one.image, one.way): one for one in shown}
    last: dict[tuple[str, tuple[str, ...]], Standing] = {}
    for one in sorted(several, key=lambda one: (one.finished, one.job)):
        last[one.image, one.way] = one
    for place, one in last.items():
        is_new = one.started > rules.since and place in known and known[place].version != one.version
        if is_new and one.latest.requirement in rules.requirements:
            yield one


def _is_tracked(standing: Standing, tracked: Iterable[Tracked]) -> bool:
    return any(
        one.project == standing.project and one.version in {"", standing.version} and one.image in {"", standing.image}
        for one in tracked
    )


def _changed(turn: Turn, when: datetime) -> RunChange:
    return RunChange(
        _KINDS[turn.direction],
        when,
        project=turn.project,
        version=turn.version,
        image=", ".join((turn.image, *turn.way)),
        subject=turn.subject.value,
        earlier=turn.earlier,
        later=turn.later,
        earlier_version=turn.earlier_version,
        culprit=_cut(turn.culprit),
        inputs=turn.inputs[:_INPUTS],
        wheel=turn.wheel,
        job=turn.job,
    )


def _drifts(former: Standing, later: Standing) -> bool:
    """Return whether a release has other bytes and an equal verdict; an intrinsic one has others with each build."""
    is_other = former.wheel and later.wheel and former.wheel != later.wheel
    is_equal = former.verdict is later.verdict is not Verdict.INTRINSIC
    return bool(is_other and is_equal)


def _drifted(drift: WheelDrift) -> RunChange:
    later = drift.later
    return RunChange(
        ChangeKind.CHANGED,
        later.finished,
        project=later.project,
        version=later.version,
        image=later.image.name,
        subject=Subject.BYTES.value,
        earlier=drift.was[:_SHORT],
        later=drift.now[:_SHORT],
        culprit=_cut(culprit(drift)),
        inputs=drift.changed[:_INPUTS],
        job=later.job,
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def of_published(
    before: Iterable[Verified], after: Iterable[Verified], tracked: Sequence[Tracked]
) -> tuple[RunChange, ...]:
    """Return what changed of the published wheels of tracked projects."""
    latter = tuple(after)
    moments = {one.id: one.finished for one in latter}
    names = {one.project for one in tracked}
    return tuple(_changed(turn, moments[turn.job]) for turn in published_turns(before, latter) if turn.project in names)


# --- jobs without a verdict, and releases that are gone ------------------------------------------


@dataclass(frozen=True, slots=True)
class Resolved:
    """The release that the index gave for a requirement."""

    requirement: str
    image: str
    project: str
    version: str
    yanked: bool = False
    former: str = ""  # the version of the last result that this requirement gave on this image; empty: none


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended, before it is compared with the runs before it."""

    started: datetime
    finished: datetime
    wheelproof: str
    whole: bool  # whether everything that is tracked was wanted
    wanted: tuple[_Key, ...]
    tracked: frozenset[str] = frozenset()  # requirements; the others open and close without an alarm
    judged: int = 0
    unchanged: int = 0
    records: tuple[str, ...] = ()
    verifications: tuple[str, ...] = ()
    open: tuple[OpenJob, ...] = ()
    resolved: tuple[Resolved, ...] = ()
    gone: tuple[Withdrawn, ...] = ()  # what the index does not have, although it has a verdict
    changes: tuple[RunChange, ...] = ()
    failure: RunFault | None = None


def run_record(ended: Ended, before: RunRecord | None) -> RunRecord:
    """Return the record of a run; `before` is the last run that has a record."""
    left = _open_after(ended, before)
    withdrawn = _withdrawn_after(ended, before)
    failure = _since(ended.failure or _failure(ended), before)
    news = (
        *_farm_changes(failure, before, ended.finished),
        *ended.changes,
        *_withdrawal_changes(ended, withdrawn, before.withdrawn if before else ()),
        *([] if failure else _open_changes(ended, left, before)),
    )
    return RunRecord(
        schema=RUN_SCHEMA,
        started=ended.started,
        finished=ended.finished,
        wheelproof=ended.wheelproof,
        status=RunStatus.FAILED if failure else RunStatus.OPEN if ended.open else RunStatus.COMPLETE,
        whole=ended.whole,
        wanted=len(ended.wanted),
        judged=ended.judged,
        unchanged=ended.unchanged,
        records=ended.records,
        open=left,
        withdrawn=withdrawn,
        changes=news,
        failure=failure,
        verifications=ended.verifications,
    )


def has_news(run: RunRecord, before: RunRecord | None) -> bool:
    """Return whether a run adds a record: it wrote or changed something, or the farm gave no verdict."""
    opened = before.open if before else ()
    gone = before.withdrawn if before else ()
    return bool(
        run.changes
        or run.records
        or run.verifications
        or run.status is RunStatus.FAILED
        or set(map(_of, run.open)) != set(map(_of, opened))
        or set(map(_gone, run.withdrawn)) != set(map(_gone, gone))
    )


def last_run(run: RunRecord, status: RunStatus, record: str) -> LastRun:
    """Return what monitoring reads of a run; `record` is its record's name, if it has one."""
    return LastRun(
        run.schema,
        run.started,
        run.finished,
        run.wheelproof,
        status,
        run.wanted,
        run.judged,
        run.unchanged,
        len(run.open),
        len(run.withdrawn),
        len(run.changes),
        run.failure.why if run.failure else "",
        record,
    )


def _failure(ended: Ended) -> RunFault | None:
    """Return why the farm gave no verdict; None if it gave any, or if nothing that is tracked was asked for.

    What the index does not have is no failure of the farm.
    """
    tracked = (job for job in ended.open if job.requirement in ended.tracked)
    faults = [job for job in tracked if job.kind not in {FaultKind.ABSENT, FaultKind.REQUEST}]
    is_idle = not (ended.judged or ended.unchanged)
    return RunFault(faults[0].kind, faults[0].why, ended.started) if faults and is_idle else None


def _since(failure: RunFault | None, before: RunRecord | None) -> RunFault | None:
    if failure and before and before.failure and before.failure.kind is failure.kind:
        return replace(failure, since=before.failure.since)
    return failure


def _of(job: OpenJob) -> _Key:
    return (job.requirement, job.image)


def _gone(one: Withdrawn) -> tuple[str, str, str]:
    return (one.requirement, one.image, one.version)


def _is_wanted(key: _Key, ended: Ended) -> bool:
    """Return whether a run that did not fail as a whole asked for a job."""
    requirement, image = key
    alike = {
        key,
        (requirement, AUTO_IMAGE),
        *((requirement, name) for _, name in ended.wanted if image in {"", AUTO_IMAGE}),
    }
    return not alike.isdisjoint(ended.wanted)


def _remains(key: _Key, ended: Ended) -> bool:
    """Return whether what was true of a job before a run still is, since the run did not ask for it."""
    return bool(ended.failure) or (not ended.whole and not _is_wanted(key, ended))


def _open_after(ended: Ended, before: RunRecord | None) -> tuple[OpenJob, ...]:
    former = {_of(job): job for job in before.open} if before else {}
    left = {_of(job): job for job in ended.open if job.requirement in ended.tracked}
    now = {key: replace(job, since=former[key].since) if key in former else job for key, job in left.items()}
    kept = {key: job for key, job in former.items() if key not in now and _remains(key, ended)}
    return tuple(job for _, job in sorted((kept | now).items()))


def _withdrawn_after(ended: Ended, before: RunRecord | None) -> tuple[Withdrawn, ...]:
    """Return what is withdrawn: what this run missed, and what was missed before and has not been looked up since."""
    former = {_gone(one): one for one in before.withdrawn} if before else {}
    missed = (*ended.gone, *(one for found in ended.resolved if (one := _missed(found, ended.started))))
    left = {_gone(one): one for one in missed if one.requirement in ended.tracked}
    now = {key: replace(one, since=former[key].since) if key in former else one for key, one in left.items()}
    kept = {key: one for key, one in former.items() if key not in now and _is_still_gone(one, ended)}
    return tuple(one for _, one in sorted((kept | now).items()))


def _is_still_gone(one: Withdrawn, ended: Ended) -> bool:
    """Return whether a release that was withdrawn before still counts as withdrawn after a run."""
    answer = _answer(one, ended)
    if answer is not None:
        return answer.yanked or version_key(answer.version) < version_key(one.version)
    unknown = any(job.requirement == one.requirement for job in ended.open)
    return unknown or _remains((one.requirement, one.image), ended)


def _answer(one: Withdrawn, ended: Ended) -> Resolved | None:
    alike = (found for found in ended.resolved if found.requirement == one.requirement)
    return next((found for found in alike if one.image in {"", AUTO_IMAGE, found.image}), None)


def _missed(found: Resolved, started: datetime) -> Withdrawn | None:
    """Return the release that a requirement gave before, if the index now gives a lower one, or that it is yanked."""
    if found.yanked:
        why = "it is yanked on the index"
        return Withdrawn(found.requirement, found.image, found.project, found.version, why, started)
    if found.former and version_key(found.version) < version_key(found.former):
        why = f"the index gave {found.former} before, and now gives {found.version}"
        return Withdrawn(found.requirement, found.image, found.project, found.former, why, started)
    return None


def _farm_changes(failure: RunFault | None, before: RunRecord | None, when: datetime) -> Iterator[RunChange]:
    former = before.failure if before else None
    if failure and (former is None or former.kind is not failure.kind):
        yield RunChange(ChangeKind.FAILED, when, reason=failure.why, fault=failure.kind)
    if former and not failure:
        yield RunChange(ChangeKind.RECOVERED, when, reason=former.why, fault=former.kind)


def _withdrawal_changes(
    ended: Ended, withdrawn: Sequence[Withdrawn], before: Sequence[Withdrawn]
) -> Iterator[RunChange]:
    known, now = set(map(_gone, before)), set(map(_gone, withdrawn))
    yield from (_withdrawal(ChangeKind.WITHDRAWN, one, ended.finished) for one in withdrawn if _gone(one) not in known)
    for one in before:
        answer = _answer(one, ended)
        if _gone(one) not in now and answer and answer.version == one.version:
            yield _withdrawal(ChangeKind.RETURNED, one, ended.finished)


def _withdrawal(kind: ChangeKind, one: Withdrawn, when: datetime) -> RunChange:
    reason = one.why if kind is ChangeKind.WITHDRAWN else ""
    return RunChange(
        kind,
        when,
        requirement=one.requirement,
        project=one.project,
        version=one.version,
        image=one.image,
        reason=reason,
    )


def _open_changes(ended: Ended, left: Sequence[OpenJob], before: RunRecord | None) -> Iterator[RunChange]:
    """Yield what opened and closed, where the farm gives verdicts.

    What is withdrawn is no news a second time. What a failure of the whole farm left open is news only where it
    stays open after that.
    """
    known = {_of(job): job for job in (before.open if before else ()) if not _is_of_failure(job, before)}
    now, gone = set(map(_of, left)), {one.requirement for one in ended.gone}
    for job in left:
        if _of(job) not in known and not (job.kind is FaultKind.ABSENT and job.requirement in gone):
            yield _opening(ChangeKind.OPENED, job, ended.finished)
    for key, job in known.items():
        if key not in now and _is_wanted(key, ended):
            yield _opening(ChangeKind.CLOSED, job, ended.finished)


def _is_of_failure(job: OpenJob, run: RunRecord | None) -> bool:
    return run is not None and run.failure is not None and job.since >= run.failure.since


def _opening(kind: ChangeKind, job: OpenJob, when: datetime) -> RunChange:
    return RunChange(kind, when, requirement=job.requirement, image=job.image, reason=job.why, fault=job.kind)


# --- changes.json ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NotedChange(RunChange):
    """A change, and the run that noticed it."""

    run: datetime | None = None  # UTC; when it was started, which its record in results/runs is named by


@dataclass(frozen=True, slots=True)
class Changes:
    """The recent changes, newest first; the JSON of results/changes.json."""

    schema: int
    changes: tuple[NotedChange, ...]


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of changes.json."""
    return form(Changes).json_schema(mode="serialization")


def as_json(runs: Iterable[RunRecord]) -> str:
    """Return changes.json; `runs` are the records of runs, newest first, of which it reads no more than it needs."""
    found: list[NotedChange] = []
    for run in runs:
        found += [_noted(change, run.started) for change in run.changes]
        if len(found) >= MOST:
            break
    value = form(Changes).dump_python(Changes(CHANGES_SCHEMA, tuple(found[:MOST])), mode="json")
    return to_json(escapes.all_escaped(value), indent=1).decode() + "\n"


def _noted(change: RunChange, run: datetime) -> NotedChange:
    return NotedChange(**{one.name: getattr(change, one.name) for one in fields(RunChange)} | {"run": run})
