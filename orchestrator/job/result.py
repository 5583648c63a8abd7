"""The result of one job: the value that is recorded."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator import __version__
from orchestrator.analysis import failure_signs, wheel_tags
from orchestrator.analysis.cautions import DEPENDS_ON_CPU
from orchestrator.errors import WheelproofError
from orchestrator.job import hosts
from orchestrator.job.inputs import NOTHING
from orchestrator.model import SCHEMA, Caution, Result, UsedImage, Verdict, Wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from orchestrator.experiments.explain import Explained
    from orchestrator.job.inputs import Effects
    from orchestrator.job.judge import JudgedBuilds
    from orchestrator.model import Build, Failure, Image, Inputs, Lock, ProgramChange, Release, TagComparison, Task


@dataclass(frozen=True, slots=True)
class Subject:
    """What a job judges."""

    task: Task
    release: Release
    image: Image
    started: datetime


def result_of(
    subject: Subject,
    job: str,
    judged: JudgedBuilds,
    effects: Effects,
    inputs: Inputs | None = None,
    lock: Lock = NOTHING,
) -> Result:
    """Return the result of a job; `job` is its id."""
    return _with_help(_result(subject, job, judged, effects.now(), inputs, lock), subject, effects)


def _result(
    subject: Subject, job: str, judged: JudgedBuilds, finished: datetime, inputs: Inputs | None, lock: Lock
) -> Result:
    task, release, image = subject.task, subject.release, subject.image
    judgement, explained = judged.judgement, judged.explained
    return Result(
        schema=SCHEMA,
        job=job,
        project=release.project,
        version=release.version,
        image=UsedImage(image.name, image.id, image.manifest, image.base, image.drift),
        verdict=judgement.verdict,
        holds=explained.holds,
        reason=judgement.reason,
        failure=judgement.failure,
        sdist=release.sdist,
        build_requirements=lock.pins,
        source_date_epoch=task.source_date_epoch,
        builds=judged.builds,
        variations=judged.variants,
        differences=judged.differences,
        inputs=inputs,
        requirement=task.requirement,
        started=subject.started,
        finished=finished,
        wheelproof=__version__,
        tools=lock.tools,
        provided=lock.provided,
        expected=task.expected,
        severity=explained.severity,
        causes=explained.causes,
        unexplained=explained.unexplained,
        experiments=explained.experiments,
        remedies=explained.remedies,
        recipe=explained.recipe,
        recipes=judged.recipes,
        recipe_why=explained.recipe_why,
        changes=_changes(explained),
        left_open=explained.left_open,
        builds_compared=explained.builds_compared,
        flake_bound=explained.flake_bound,
        as_of=task.locked_as_of,
    )


def _changes(explained: Explained) -> tuple[ProgramChange, ...]:
    """Return what the recipe changes besides its purpose."""
    found = (one.changes for one in explained.remedies if one.name in explained.recipe)
    return next(filter(None, found), ())


def _with_help(result: Result, subject: Subject, effects: Effects) -> Result:
    """Add what helps a reader and decides nothing: the Debian packages that a build lacked, the wheel's tags."""
    failure = result.failure and failure_signs.with_evidence(result.failure)
    if failure is not None and result.verdict is Verdict.FTBFS:
        failure = replace(failure, debian_packages=effects.packages(failure.missing, subject.image))
    cautions = (
        *_cautions(result, effects.cpu_caution),
        *_of_folder(result, subject.release),
        *hosts.not_spread(result),
    )
    return replace(result, failure=failure, kind=_tags(result, subject.release, effects.read), cautions=cautions)


def _cautions(result: Result, of: Callable[[Build], str]) -> tuple[Caution, ...]:
    """Return the signs that a build depends on its processor, and what builds on two of them showed."""
    found = [(build.name, why) for build in result.builds[:1] if build.wheel and (why := of(build))]
    also = hosts.agreement(result)
    return tuple(Caution(DEPENDS_ON_CPU, (name,), f"{why}; {also}" if also else why) for name, why in found)


def _of_folder(result: Result, release: Release) -> tuple[Caution, ...]:
    """Return the signs that another day gives the folder another sdist, from which both builds started."""
    names = tuple(build.name for build in result.builds[:1])
    return tuple(Caution(name, names, failure_signs.printable(evidence)) for name, evidence in release.dated)


def _tags(result: Result, release: Release, read: Callable[[Build], Wheel | Failure]) -> TagComparison | None:
    build = next((build for build in result.builds if build.wheel), None)

    def members() -> tuple[str, ...]:
        with suppress(WheelproofError):  # the store no longer has the wheel
            wheel = read(build) if build else None
            return tuple(member.path for member in wheel.members) if isinstance(wheel, Wheel) else ()
        return ()

    offered = (wheel.filename for wheel in release.wheels)
    return wheel_tags.of(build.wheel.filename, offered, members) if build and build.wheel else None
