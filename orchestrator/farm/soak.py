"""Rebuild what was built least often, in the time that a run may spend on it: nights with equal inputs add up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.farm import run
from orchestrator.farm.plan import seconds_of
from orchestrator.model import AUTO_IMAGE, Verdict
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from orchestrator.model import Result, Task
    from orchestrator.results.store import Results
    from orchestrator.results.summary import Standing


@dataclass(frozen=True, slots=True)
class Candidate:
    """A task whose result is reproducible, and how often it was built with these inputs."""

    task: Task
    alike: int  # builds that agreed, in all records
    finished: float  # when it was built last, in seconds since 1970
    seconds: float  # of its builds in the last run, together


def chosen(candidates: Iterable[Candidate], seconds: float) -> tuple[Task, ...]:
    """Choose what is built again in so many seconds of builds: the fewest builds first, then the oldest.

    What takes longer than the time that is left is passed over, so that one long job does not end it.
    """
    tasks = []
    for one in sorted(candidates, key=lambda one: (one.alike, one.finished)):
        if one.seconds <= seconds:
            seconds -= one.seconds
            tasks.append(one.task)
    return tuple(tasks)


def soak(
    seconds: float,
    store: Results,
    tasks: Sequence[Task],
    outcome: run.RunOutcome,
    carry_out: Callable[[tuple[Task, ...]], run.RunOutcome],
) -> run.RunOutcome:
    """Build again, for about so many seconds of builds, what a run left reproducible; return the outcome after it.

    A result with equal inputs that disagrees is a record as any other, and so it is the release's verdict. A job that
    cannot be built again keeps the verdict that it has.
    """
    again = chosen(_candidates(store, tasks, run.results(outcome)), seconds)
    if not again:
        return outcome
    logs.info("building again what was built least often", jobs=len(again))
    made = {_job(path): path for path in carry_out(again).records}
    return replace(
        outcome, records=tuple(made.pop(_job(path), path) for path in outcome.records) + tuple(made.values())
    )


def _job(record: Path) -> tuple[str, str]:
    """Return the project and the beginning of the job's id, by the path of a record."""
    return record.parent.name, record.stem.rpartition("-")[2]


def _candidates(store: Results, tasks: Sequence[Task], results: Iterable[Result]) -> Iterator[Candidate]:
    by_request = {(task.requirement, image): task for task in tasks for image in _images(task)}
    for result in results:
        task = by_request.get((result.requirement, result.image.name)) or by_request.get((result.requirement, ""))
        standing = _standing(store, result)
        took = seconds_of(result)
        if task and took and standing and result.verdict is Verdict.REPRODUCIBLE and not standing.unlike:
            yield Candidate(task, standing.alike, result.finished.timestamp(), took)


def _images(task: Task) -> tuple[str, ...]:
    return ("",) if task.image == AUTO_IMAGE else (task.image,)


def _standing(store: Results, result: Result) -> Standing | None:
    return next((one for one in store.standings(result.project) if one.job == result.job), None)
