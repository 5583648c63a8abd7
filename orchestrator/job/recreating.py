"""Rebuilds of a published wheel as its clues show: one recreation after the other. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.analysis.clues.recreations import next_recreation
from orchestrator.analysis.counterpart import is_pure, of_one_kind
from orchestrator.build.variations import second_environment
from orchestrator.job import inputs as job_inputs
from orchestrator.job.build_pair import environments, no_answer, order_for
from orchestrator.job.repair import settle_repair
from orchestrator.job.wheel_name import of_release
from orchestrator.model import (
    STRENGTH,
    BuildTools,
    Closeness,
    Failure,
    Lock,
    Outcome,
    Phase,
    Reason,
    RebuildAttempt,
    Recreation,
    WheelFile,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from orchestrator.analysis.clues.facts import WheelFacts
    from orchestrator.job.inputs import Effects, Settled
    from orchestrator.model import (
        Build,
        Diagnosis,
        Environment,
        Image,
        OfferedWheel,
        Pin,
        Release,
        Result,
        Target,
        Task,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyEffects:
    """The effects of one verification, besides those of a job."""

    job: Effects
    lock: Callable[[Recreation], Callable[[Sequence[str], Target], Lock | Failure]]
    fetch: Callable[[OfferedWheel], tuple[Path, str]]  # the published file, and its SHA-256
    facts: Callable[[Path, WheelFile, str, Path | None], WheelFacts | Failure]  # and when uploaded, and the sdist
    switches: Callable[[Path], tuple[tuple[str, str], ...]]  # that the sdist's build files read
    closeness: Callable[[Path, WheelFile, Build], Closeness | Failure]
    diagnose: Callable[[Path, WheelFile, Build], Diagnosis | None]  # the published wheel against a build
    known: Callable[[str, str], Path | None]  # (project, id) -> the existing record


@dataclass(frozen=True, slots=True)
class VerifySubject:
    """What is verified: a published wheel, and the image that is to build it; `reason` is why one is missing."""

    task: Task
    release: Release
    image: Image
    started: datetime
    wheel: OfferedWheel | None
    reason: str = ""
    claimed: OfferedWheel | None = None  # the wheel that is meant, where it cannot be verified
    result: Result | None = None  # of the same release on the same image, whose builds may be the published wheel


@dataclass(frozen=True, slots=True)
class Published:
    """The published wheel at hand."""

    path: Path
    file: WheelFile
    uploaded: str


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """One attempt with all that belongs to it."""

    attempt: RebuildAttempt
    task: Task
    settled: Settled | None = None
    build: Build | None = None


@dataclass(slots=True)
class Course:
    """What has been built so far, of which sdist."""

    sdist: Path
    rebuilt: list[Rebuilt] = field(default_factory=list)
    builds: list[Build] = field(default_factory=list)

    @property
    def tried(self) -> tuple[RebuildAttempt, ...]:
        """The attempts so far."""
        return tuple(one.attempt for one in self.rebuilt)


BUILDS = 6
"""The most builds that one verification makes."""

MATCHES = (Outcome.IDENTICAL, Outcome.RESTAMPED)
"""The outcomes of a build that has the published bytes, or all of them but named fields of the archive."""


def search(
    subject: VerifySubject, facts: WheelFacts, published: Published, effects: VerifyEffects, course: Course
) -> WheelFacts:
    """Build one recreation after the other, until the bytes match, or no clue or no build is left.

    Return the facts, with the switches of a pure wheel's sdist where these were needed.
    """
    while len(course.builds) < BUILDS - 1:
        recreation = next_recreation(facts, course.tried)
        if recreation is None:
            return facts
        course.rebuilt.append(rebuild(subject, recreation, published, effects, course))
        closeness = course.rebuilt[-1].attempt.closeness
        if closeness is not None and closeness.outcome in MATCHES:
            return facts
        if len(course.tried) == 1 and is_pure(published.file.filename):
            facts = replace(facts, switches=effects.switches(course.sdist))
    return facts


def rebuild(
    subject: VerifySubject, recreation: Recreation, published: Published, effects: VerifyEffects, course: Course
) -> Rebuilt:
    """Settle the inputs as a recreation has them, build once, and compare."""
    task = task_of(subject.task, recreation)
    job = replace(effects.job, lock=effects.lock(recreation))
    settled = job_inputs.settle(subject.release, subject.image, job, task.config_settings)
    if not isinstance(settled, Failure):
        tools = effects.lock(replace(recreation, overrides=()))
        settled = settle_repair(settled, recreation, subject.image.target, tools)
    if isinstance(settled, Failure):
        return Rebuilt(RebuildAttempt(recreation, "", failure=settled), task)
    first, _ = environments(task, subject.release, job.salt(), job.now())
    made = built_once(f"rebuild-{len(course.builds) + 1}", first, replace(subject, task=task), settled, job)
    if isinstance(made, Failure):
        return Rebuilt(RebuildAttempt(recreation, "", failure=made), task)
    settled, build = made
    course.builds.append(build)
    closeness = closeness_of(published, build, effects)
    attempt = RebuildAttempt(
        recreation,
        build.name,
        closeness if isinstance(closeness, Closeness) else None,
        closeness if isinstance(closeness, Failure) else None,
        tuple(f"{pin.name}=={pin.version}" for pin in pins_of(settled)),
        build.wheel.filename if build.wheel else "",
    )
    return Rebuilt(attempt, task, settled, build)


def pins_of(settled: Settled) -> tuple[Pin, ...]:
    """Return everything that a build has of the index: its requirements, then the tools that repair its wheel."""
    return (*settled.lock.pins, *(settled.repair.pins if settled.repair else ()))


def task_of(task: Task, recreation: Recreation) -> Task:
    """Return the task of a recreation: nothing but the publisher's settings, limits and what cannot be varied."""
    return replace(task, recreation=recreation, profile=None, tools=BuildTools(), hashes=(), expected=())


def built_once(
    name: str, environment: Environment, subject: VerifySubject, settled: Settled, job: Effects
) -> tuple[Settled, Build] | Failure:
    """Build once; ask the backend for its dynamic build requirements first, where they are not known."""
    order = order_for(
        name,
        environment,
        task=subject.task,
        release=subject.release,
        image=subject.image,
        settled=settled,
        effects=job,
        ask=not settled.asked,
    )
    output = job.build(order, no_answer if settled.asked else lambda answer: job.remember(settled.question, answer))
    if not output.missing:
        return settled, of_release(subject.release, output.build, output.build)[0]
    extended = job_inputs.extend(settled, output.asked or (), subject.image, job)
    return extended if isinstance(extended, Failure) else built_once(name, environment, subject, extended, job)


def is_published(build: Build, published: Published) -> bool:
    """Return whether a build is the published wheel: its tags, which its name alone gives to installers, too."""
    wheel, file = build.wheel, published.file
    return wheel is not None and (wheel.filename, wheel.sha256) == (file.filename, file.sha256)


def closeness_of(published: Published, build: Build, effects: VerifyEffects) -> Closeness | Failure:
    """Return how near a build comes to the published wheel, or why there is nothing to compare."""
    if build.wheel is None:
        return build.failure or Failure(Reason.NO_WHEEL, Phase.BUILD_WHEEL)
    if is_published(build, published):
        return Closeness(Outcome.IDENTICAL, sha256=build.wheel.sha256)
    return effects.closeness(published.path, published.file, build)


def nearest(rebuilt: Sequence[Rebuilt], filename: str) -> Rebuilt | None:
    """Return the attempt that came nearest to the published wheel of that name; of equals, the first.

    A wheel of the same kind is nearer than any of another. None if no attempt has a wheel.
    """
    built = [one for one in rebuilt if one.attempt.closeness is not None]
    return min(built, key=lambda one: _distance(one.attempt, filename), default=None)


def _distance(attempt: RebuildAttempt, filename: str) -> tuple[bool, int, int, int]:
    closeness = attempt.closeness
    assert closeness is not None  # noqa: S101 - the caller has checked
    different = len(closeness.changed) + len(closeness.missing) + len(closeness.added)
    is_other = not of_one_kind(attempt.wheel, filename)
    return is_other, STRENGTH.index(closeness.outcome), different, len(closeness.lines)


def varied(
    name: str,
    best: Rebuilt,
    hold: tuple[str, ...],
    subject: VerifySubject,
    published: Published,
    effects: VerifyEffects,
    course: Course,
) -> tuple[Closeness | Failure, Build]:
    """Build the best recreation in the second environment, with these variations kept; a Failure if it has no wheel."""
    assert best.settled is not None  # noqa: S101 - of an attempt that was built
    assert best.build is not None  # noqa: S101 - as above
    task = best.task
    fixed = (*task.hold, *task.remove, *best.attempt.recreation.fixes, *hold)
    environment = second_environment(best.build.environment, fixed)
    job = replace(effects.job, lock=effects.lock(best.attempt.recreation))
    made = built_once(name, environment, replace(subject, task=task), replace(best.settled, asked=True), job)
    assert not isinstance(made, Failure)  # noqa: S101 - its build requirements are settled
    build = made[1]
    course.builds.append(build)
    return closeness_of(published, build, effects), build
