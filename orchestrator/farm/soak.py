"""Rebuild what was built least often, in the time that a run may spend on it: nights with equal inputs add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.farm.plan import seconds_of
from orchestrator.model import Verdict
from orchestrator.results.store import read
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.farm import run
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
    tasks: Iterable[Task],
    outcome: run.RunOutcome,
    carry_out: Callable[[tuple[Task, ...]], run.RunOutcome],
) -> run.RunOutcome:
    """Build again, for about so many seconds of builds, what a run of these tasks left reproducible.

    The outcome is that of the run, with the new records in place of the former ones: a result with equal inputs that
    disagrees is the release's verdict. What the farm could not build again is not open, since it has a verdict.
    """
    wanted = frozenset(task.requirement for task in tasks)  # not what checks an exclusion
    again = chosen(_candidates(store, wanted, outcome), seconds)
    if not again:
        return outcome
    logs.info("building again what was built least often", jobs=len(again))
    return outcome.renewed_by(carry_out(again))


def _candidates(store: Results, wanted: frozenset[str], outcome: run.RunOutcome) -> Iterator[Candidate]:
    for path, task in zip(outcome.records, outcome.tasks, strict=True):
        result = read(path) if task.requirement in wanted else None
        took = seconds_of(result) if result else None
        if result and took and result.verdict is Verdict.REPRODUCIBLE:
            standing = _standing(store, result)
            if standing and not standing.unlike:
                yield Candidate(task, standing.alike, result.finished.timestamp(), took)


def _standing(store: Results, result: Result) -> Standing | None:
    return next((one for one in store.standings(result.project) if one.job == result.job), None)
