"""The story of one job: inputs, build pair, judgement, explanation, result."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator.job import inputs as job_inputs
from orchestrator.job.build_pair import build_twice, builder_of
from orchestrator.job.explain import conclude
from orchestrator.job.judge import JudgedBuilds, failed, id_without_building, without_building
from orchestrator.job.recipes import RecipeRunner, with_recipes
from orchestrator.job.result import Subject, result_of
from orchestrator.job.wheel_name import of_release
from orchestrator.model import Failure, Origin, Result, digest

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.build.builder import Output
    from orchestrator.job.inputs import Effects, Settled
    from orchestrator.job.judge import Judgement
    from orchestrator.model import Image, Release, Task


def rebuild(task: Task, release: Release, image: Image, effects: Effects) -> Result | Path:
    """Judge one release on one image, or return the existing record of the same inputs.

    Raises
    ------
    WheelproofError
        The farm failed. Nothing is known about the package, and the job stays open.

    """
    subject = Subject(task, release, image, effects.now())
    if (early := without_building(task, release, image)) is not None:
        return _without_building(subject, early, effects)
    settled = job_inputs.settle(release, image, effects, task.config_settings)
    if isinstance(settled, Failure):
        return _unsettled(subject, settled, effects)
    # Also where the dynamic build requirements are unknown: such a job is identified by the static ones.
    known = partial(effects.known, release.project)
    inputs = job_inputs.inputs_of(task, release, image, settled.lock.digest)
    if (record := job_inputs.recorded(task, inputs, known)) is not None:
        return record
    pair = build_twice(task, release, image, settled, effects)
    if isinstance(pair, Failure):
        return _unsettled(subject, pair, effects)
    return _judged(subject, *pair, effects)


def _judged(subject: Subject, settled: Settled, first: Output, second: Output, effects: Effects) -> Result:
    """Judge the two builds, explain where they differ, and return the result."""
    task, release, image = subject.task, subject.release, subject.image
    build = builder_of(task, release, image, settled, effects, first.build)
    pair = first.build, second.build
    if release.origin is not Origin.FOLDER:  # a folder's version is known from its builds only
        pair = of_release(release, *pair)
    runner = RecipeRunner(task, release, image, settled, effects, first.build)
    judged = with_recipes(conclude(pair, build, effects.read, effects.diagnose, runner), runner)
    inputs = job_inputs.inputs_of(task, release, image, settled.lock.digest)
    return result_of(subject, digest(inputs), judged, effects, inputs, settled.lock)


def _without_building(subject: Subject, early: Judgement, effects: Effects) -> Result | Path:
    """Return the result of a release whose verdict needs no build, or its existing record."""
    job = id_without_building(subject.release, subject.image, early)
    known = effects.known(subject.release.project, job)
    return known or result_of(subject, job, JudgedBuilds(early), effects)


def judge_unbuilt_sdist(
    task: Task, release: Release, image: Image, failure: Failure, effects: Effects
) -> Result | Path:
    """Judge a packed folder whose sdist cannot be built."""
    subject = Subject(task, release, image, effects.now())
    if (early := without_building(task, release, image)) is not None:
        return _without_building(subject, early, effects)
    return _unsettled(subject, failure, effects)


def _unsettled(subject: Subject, failure: Failure, effects: Effects) -> Result:
    """Return the result of a job whose inputs cannot be settled."""
    inputs = job_inputs.unsettled(subject.task, subject.release, subject.image, failure)
    return result_of(subject, digest(inputs), JudgedBuilds(failed(failure)), effects, inputs)
