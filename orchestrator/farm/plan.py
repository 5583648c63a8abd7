"""Decides what is run, in which order, and why: pure functions over values."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.build_requirements.markers import applies
from orchestrator.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.model import Exclusion, Failure, Image, Inputs, Release, Result, Target, Task

_JUDGING = 3  # first, second, control
_SMALL = 3  # releases that begin before the largest


@dataclass(frozen=True, slots=True)
class Job:
    """One task whose release is known, with what is known from former runs."""

    task: Task
    release: Release
    seconds: float | None = None  # of its builds in the last run, together
    long: bool = False
    compared: bool = False  # whether a former result is of the same sdist: probably its record answers the job

    @property
    def name(self) -> str:
        """Project and version."""
        return f"{self.release.project} {self.release.version}"


def seconds_of(result: Result) -> float | None:
    """Return what a result's first builds took, in seconds of real time; None where nothing was built.

    Those that only explain a difference are many, but none of them is longer than these.
    """
    return sum(build.seconds for build in result.builds[:_JUDGING]) if result.builds else None


def ordered(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Sort jobs: first the long ones; then those that were never built, by the size of their sdist; then the rest.

    Of those that were never built, a few small ones come first: the first verdicts come soon, and large sdists are
    fetched meanwhile. Then the largest come first, since they probably take longest, and none of them should run alone
    at the end. The rest is sorted by time, longest first, likewise.
    """
    every = tuple(jobs)
    long = (job for job in every if job.long)
    new = sorted((job for job in every if not job.long and job.seconds is None), key=_size)
    small, large = new[:_SMALL], sorted(new[_SMALL:], key=_size, reverse=True)
    known = (job for job in every if not job.long and job.seconds is not None)
    return (*_longest_first(long), *small, *large, *_longest_first(known))


def _longest_first(jobs: Iterable[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: -(job.seconds or 0))


def _size(job: Job) -> int:
    return (job.release.sdist.size or 0) if job.release.sdist else 0


_CHANGES = {
    "method": "the method changed",
    "version": "another version",
    "sdist": "another sdist",
    "build_requirements": "other build requirements",
    "manifest": "another image",
    "source_date_epoch": "another epoch",
    "hold": "other variations",
    "remove": "other variations",
    "limits": "other limits",
    "budget": "another budget",
    "published": "the published wheel is wanted too",
    "policy": "other build tools",
    "frontend": "another frontend",
    "profile": "another profile",
    "config_settings": "other config settings",
    "runtime": "another container runtime",
    "spread": "one or two hosts",
}


def why(inputs: Inputs, former: Inputs) -> str:
    """List what changed since a former job; empty where nothing did."""
    changed = (field.name for field in fields(inputs) if getattr(inputs, field.name) != getattr(former, field.name))
    return ", ".join(dict.fromkeys(_CHANGES.get(name, name) for name in changed))


def nearest(task: Task, version: str, results: Iterable[Result]) -> Result | None:
    """Return the result that a task is compared with, out of a project's results, newest first.

    It is of the task's image. A result of the same version is preferred, and then one that was built with
    the same profile, tools and frontend.
    """

    def rank(result: Result) -> tuple[bool, bool]:
        return result.version == version, result.inputs is not None and _way(result.inputs) == way

    way = (task.profile, task.tools.policy, task.tools.frontend)
    return max((result for result in results if result.image.name == task.image), key=rank, default=None)


def _way(inputs: Inputs) -> tuple[object, ...]:
    return inputs.profile, inputs.policy, inputs.frontend


def matching(tasks: Iterable[Task], targets: Mapping[str, Target]) -> tuple[tuple[Task, ...], tuple[str, ...]]:
    """Return the tasks whose markers fit their images, and a line about each of the others."""
    fits, others = [], []
    for task in tasks:
        if applies(task.marker, targets[task.image]):
            fits.append(task)
        else:
            others.append(f"{task.requirement} is left out on {task.image}: {task.source} wants it where {task.marker}")
    return tuple(fits), tuple(others)


# --- the plan --------------------------------------------------------------------------------


class ImageState(StrEnum):
    """How an image is known."""

    BUILT = "built"  # the engine has it
    NOT_BUILT = "not built"  # the engine does not have it: it is taken as its lock lists it
    NO_ENGINE = "no engine"  # no engine answers: it is taken as its lock lists it, its runtime as configured


@dataclass(frozen=True, slots=True)
class KnownImage:
    """An image as far as it is known before a run."""

    image: Image
    state: ImageState


_EXPECTED = {
    ImageState.BUILT: "",
    ImageState.NOT_BUILT: ", if the image comes out as its lock lists it (it is not built yet)",
    ImageState.NO_ENGINE: ", if image and runtime are as configured (no engine answers)",
}
"""The condition of a line that depends on the content of the image."""

_NOT_BUILT = {ImageState.NOT_BUILT: "; the image is not built yet"}
"""The note of a line that does not depend on it."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is known about a job before it runs."""

    former: Result | None = None  # the result that the job is compared with
    inputs: Inputs | None = None
    asked: bool = True  # the inputs include the dynamic build requirements
    failure: Failure | None = None  # the verdict needs no build
    judged: Result | None = None  # the record of the same inputs
    pending: str = ""  # what has to be done before the inputs are known
    builds: bool = False  # what is pending is a build


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One line of a plan."""

    project: str
    version: str
    action: str
    image: str
    why: str


def is_compared(job: Job, former: Result | None) -> bool:
    """Return whether the job's inputs decide: its release is that of the former result, which was built."""
    sdist = job.release.sdist
    return (
        former is not None
        and former.inputs is not None
        and sdist is not None
        and former.inputs.sdist == sdist.sha256
        and not job.release.packed
    )


def row(job: Job, known: KnownImage, forecast: Forecast, *, again: bool, checks: bool = False) -> PlanRow:
    """Return the line about one job; `checks`: the job checks an exclusion."""
    action, why, by_image = _decide(job, known.image, forecast, again=again)
    why += _EXPECTED[known.state] if by_image else _NOT_BUILT.get(known.state, "")
    why += "; it checks an exclusion" if checks else ""
    return PlanRow(job.release.project, job.release.version, action, job.task.image, why)


def _decide(job: Job, image: Image, forecast: Forecast, *, again: bool) -> tuple[str, str, bool]:
    """Return (action, why, whether that depends on the content of the image)."""
    former, judged = forecast.former, forecast.judged
    if job.release.sdist is None:
        return Verdict.NO_SDIST.value, "the release has no sdist", False
    if judged and not again:
        return "skip", f"unchanged since {judged.finished:%Y-%m-%d}: {judged.verdict}", True
    if forecast.failure:
        return "judge", forecast.failure.reason.value, True
    if former is None or not is_compared(job, former):
        return _without_comparison(job, image, former)
    if forecast.pending:
        return "build" if forecast.builds else "perhaps", forecast.pending, True
    return ("build", "asked to", False) if judged else ("build", _changes(forecast, former), True)


def _without_comparison(job: Job, image: Image, former: Result | None) -> tuple[str, str, bool]:
    """Decide about a job whose release was not built before; as `_decide`."""
    if former is None or (former.version == job.release.version and former.inputs is None):
        return "build", "never built", False
    if job.release.packed:
        other = former.image.manifest != image.manifest
        return "build", "another image" if other else "the folder is not as it was", True
    return "build", f"another release than {former.version}", False


def _changes(forecast: Forecast, former: Result) -> str:
    """List what changed since the former result; build requirements only where all of them are known."""
    assert forecast.inputs is not None  # noqa: S101 - nothing is pending
    assert former.inputs is not None  # noqa: S101 - it is compared
    if forecast.asked:
        return why(forecast.inputs, former.inputs) or "no record has its job id"
    static = replace(forecast.inputs, build_requirements=former.inputs.build_requirements)
    changes = (why(static, former.inputs), "its build backend is asked for its requirements first")
    return ", ".join(filter(None, changes))


def rows(
    jobs: Iterable[PlanRow],
    open_: Iterable[tuple[str, str]],
    due: Iterable[Exclusion],
    excluded: Iterable[Exclusion],
) -> tuple[PlanRow, ...]:
    """Return the lines of a plan: its jobs, custom images that exclusions may need, open tasks, exclusions.

    `open_` has (requirement, why) of each task whose release is not known, `due` the exclusions to check.
    """
    return (
        *jobs,
        *(
            PlanRow(exclusion.project, "", "perhaps", exclusion.image, "where its usual image does not build it")
            for exclusion in due
            if exclusion.image and not exclusion.never
        ),
        *(PlanRow(requirement, "", "open", "", why) for requirement, why in open_),
        *(
            PlanRow(exclusion.project, "", "excluded", "", f"{exclusion.reason} (since {exclusion.since})")
            for exclusion in excluded
        ),
    )
