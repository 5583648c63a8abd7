"""Decides what is run, in which order, and says why."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.model import Inputs, Release, Result, Task

NEWCOMER, KNOWN = 1, 2

_JUDGING = 3  # first, second, control


@dataclass(frozen=True, slots=True)
class Job:
    """One task whose release is known, and what former runs tell of it."""

    task: Task
    release: Release
    seconds: float | None = None  # what its builds took the last time, all together
    long: bool = False

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.release.project} {self.release.version}"


def seconds_of(result: Result) -> float | None:
    """Return what a result's first builds took, in seconds of real time; None where nothing was built.

    Those that only explain a difference are many, but none of them is longer than these.
    """
    return sum(build.seconds for build in result.builds[:_JUDGING]) if result.builds else None


def ordered(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Put first what is known to be long; then what was never built, smallest first; then the rest.

    The rest is taken longest first, so that no long one is left alone at the end.
    """
    return tuple(sorted(jobs, key=_rank))


def _rank(job: Job) -> tuple[int, float]:
    if job.long:
        return 0, -(job.seconds or 0)
    if job.seconds is None:
        return NEWCOMER, (job.release.sdist.size or 0) if job.release.sdist else 0
    return KNOWN, -job.seconds


_SAID = {
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
}


def why(inputs: Inputs, former: Inputs) -> str:
    """Say what changed since a former job; nothing where nothing did."""
    changed = (field.name for field in fields(inputs) if getattr(inputs, field.name) != getattr(former, field.name))
    return ", ".join(dict.fromkeys(_SAID.get(name, name) for name in changed))


def nearest(task: Task, version: str, results: Iterable[Result]) -> Result | None:
    """Return, of a project's results, newest first, the one to which a task is compared: like it in all it can be.

    It is of the task's image; and, one before the other, of its version and built in its way.
    """

    def rank(one: Result) -> tuple[bool, bool]:
        return one.version == version, one.inputs is not None and _way(one.inputs) == way

    way = (task.profile, task.tools.policy, task.tools.frontend)
    return max((one for one in results if one.image.name == task.image), key=rank, default=None)


def _way(inputs: Inputs) -> tuple[object, ...]:
    return inputs.profile, inputs.policy, inputs.frontend
