"""The gate of a run: what was checked, read from results, and the error that a release that fails it gives."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config import is_path, project
from orchestrator.errors import OpenJobsError, RegressionError, RequirementError
from orchestrator.model import Require, Verdict
from orchestrator.publish.findings.judged import published_of
from orchestrator.publish.findings.model import Breach, Checked, Place, State
from orchestrator.results.regressions import before, published_before
from orchestrator.results.store import read
from orchestrator.results.summary import published_wheels, verified

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from orchestrator.farm.run import RunOutcome
    from orchestrator.model import Exclusion, Result, Task
    from orchestrator.publish.findings.model import Finding, Report
    from orchestrator.results.store import Results

_LISTED = 20  # findings in a message
_BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True, slots=True)
class Gate:
    """What a run must meet."""

    require: Require | None = None
    regressions: bool = False  # a release that got worse fails

    @property
    def needs_history(self) -> bool:
        """Whether earlier results are read: they show regressions, and bytes that chance decides."""
        return self.regressions or self.require in {Require.REPRODUCIBLE, Require.RECIPE}


def checked(
    outcome: RunOutcome,
    store: Results,
    gate: Gate,
    places: Places,
    exclusions: tuple[Exclusion, ...] = (),
) -> Iterator[Checked]:
    """Yield what a run checked, and what it did not, one result at a time.

    `exclusions` are those of what was asked for; jobs that only check them are left out.
    """
    names = {one.project for one in exclusions}
    for path, task in zip(outcome.records, outcome.tasks, strict=True):
        if path.parent.name not in names:
            yield _judged(path, task, store, gate, places)
    for (requirement, why), task in zip_longest(outcome.open, outcome.unjudged):
        if task is None:
            yield Checked(requirement, "", State.OPEN, why=why)
        else:
            yield Checked(places.requirement(task), task.image, State.OPEN, places.of(task), why=why)
    for task in outcome.left_out:
        if _name(task) not in names:
            why = f"its marker does not apply there: {task.marker}"
            yield Checked(places.requirement(task), task.image, State.LEFT_OUT, places.of(task), why=why)
    for one in exclusions:
        why = f"{one.reason} (since {one.since})"
        yield Checked(one.project, one.image, State.EXCLUDED, places.of_exclusion(one), why=why)


def _name(task: Task) -> str:
    return project(task.requirement)


def _judged(path: Path, task: Task, store: Results, gate: Gate, places: Places) -> Checked:
    result = read(path)
    place, requirement = places.of(task), places.requirement(task)
    if result is None:
        return Checked(requirement, task.image, State.OPEN, place, why=f"its record {path} cannot be read")
    wheels = published_of(published_wheels(store.verifications(result.project)), result.version)
    found = partial(Checked, requirement, task.image, State.JUDGED, place, result, published=wheels)
    if not gate.regressions and (not gate.needs_history or result.verdict is not Verdict.REPRODUCIBLE):
        return found()
    history = before(result, _others(store, result))
    if not gate.regressions:
        return found(unlike=history.unlike)
    of_wheels = published_before(map(verified, store.every_verification(result.project)), result.version)
    turns = (*([history.turn] if history.turn else []), *of_wheels)
    return found(turns=turns, unlike=history.unlike)


def _others(store: Results, result: Result) -> Iterator[Result]:
    """Yield the other results of a result's project, newest first."""
    this = result.job, result.started
    return (one for one in store.of(result.project) if (one.job, one.started) != this)


# --- places ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Places:
    """Finds the line in which something was requested or excluded."""

    config_file: Path
    lines: Mapping[tuple[str, str], int]  # as `config.lines` has them
    base: Path  # absolute; places are relative to it where they are below it

    def of(self, task: Task) -> Place | None:
        """Return where a task was requested; None if it was on the command line, by name."""
        if task.source:
            file, _, line = task.source.rpartition(":")
            has_line = bool(file) and line.isdecimal()
            return Place(self.shown(Path(file)), int(line)) if has_line else Place(self.shown(Path(task.source)))
        if is_path(task.requirement):
            return Place(self.shown(_build_file(Path(task.requirement))))
        return self._configured(task.group, task.requirement) if task.group else None

    def requirement(self, task: Task) -> str:
        """Return what was requested, in the same words on each machine: a path is relative."""
        return self.shown(Path(task.requirement)) if is_path(task.requirement) else task.requirement

    def shown(self, path: Path) -> str:
        """Return a path relative to the base, if it is below it."""
        whole = Path(os.path.normpath(path.absolute()))
        return whole.relative_to(self.base).as_posix() if whole.is_relative_to(self.base) else str(whole)

    def of_exclusion(self, exclusion: Exclusion) -> Place | None:
        """Return where a project is excluded."""
        return self._configured("", exclusion.project)

    def _configured(self, group: str, name: str) -> Place | None:
        line = self.lines.get((group, name))
        return Place(self.shown(self.config_file), line) if line else None


def _build_file(path: Path) -> Path:
    return next((path / name for name in _BUILD_FILES if (path / name).is_file()), path)


# --- the end of a run ------------------------------------------------------------------------


def insist(report: Report, outcome: RunOutcome, gate: Gate) -> None:
    """Raise the error of a run that does not pass; the jobs without a verdict are listed with it.

    A release that surely fails comes before a job that got no verdict: a second run would fail, too.

    Raises
    ------
    RequirementError
        A release does not meet the requirement, or nothing was checked.
    RegressionError
        A release got worse.
    OpenJobsError
        Some jobs got no verdict, and no release surely fails.

    """
    open_ = report.breaching(Breach.OPEN)
    if failing := report.breaching(Breach.REQUIREMENT):
        raise RequirementError(_message(_headed(report, failing, gate), failing, open_))
    if failing := report.breaching(Breach.REGRESSION):
        head = f"{_releases(failing)} of {_count(report)} releases got worse"
        raise RegressionError(_message(head, failing, open_))
    outcome.insist()
    if open_:
        raise OpenJobsError(_message("some results cannot be read", open_, ()))


def passed(report: Report, gate: Gate) -> str:
    """Return in a sentence what a run that passes has met."""
    count = _count(report)
    met = f" --require {gate.require}" if gate.require else ""
    worse = f"{' and' if met else ''} --fail-on regression" if gate.regressions else ""
    return f"{count} {'release passes' if count == 1 else 'releases pass'}{met}{worse}"


def _headed(report: Report, failing: Collection[Finding], gate: Gate) -> str:
    if not (count := _count(report)):
        return "the gate does not pass"
    fails = _releases(failing)
    return f"{fails} of {count} releases {'does' if fails == 1 else 'do'} not meet --require {gate.require}"


def _releases(failing: Collection[Finding]) -> int:
    return len({(one.project, one.version, one.image, one.requirement) for one in failing})


def _count(report: Report) -> int:
    return sum(job.state is State.JUDGED for job in report.jobs)


def _message(head: str, failing: Collection[Finding], open_: Collection[Finding]) -> str:
    lines = [f"  {finding.message}" for finding in failing][:_LISTED]
    more = [f"  and {len(failing) - _LISTED} more"] if len(failing) > _LISTED else []
    left = [f"  {finding.message}" for finding in open_][:_LISTED]
    head_of_open = [f"{len(open_)} of the jobs got no verdict, and are not judged"] if open_ else []
    return "\n".join((head, *lines, *more, *head_of_open, *left))
