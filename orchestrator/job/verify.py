"""The story of one verification: clues of a published wheel, recreations, builds, outcome. No I/O of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator import __version__
from orchestrator.analysis.clues.catalogue import followed, found
from orchestrator.analysis.clues.recreations import next_recreation
from orchestrator.build.variations import second_environment
from orchestrator.job import inputs as job_inputs
from orchestrator.job.build_pair import environments, no_answer, order_for
from orchestrator.job.repair import settle_repair
from orchestrator.job.wheel_name import of_release
from orchestrator.model import (
    METHOD,
    NO_GROUNDS,
    STRENGTH,
    VERIFICATION_SCHEMA,
    VERIFY_METHOD,
    ArchiveField,
    BuildTools,
    Closeness,
    Failure,
    Lock,
    Outcome,
    Phase,
    Reason,
    RebuildAttempt,
    Recreation,
    Severity,
    UsedImage,
    Verdict,
    Verification,
    VerifyInputs,
    WheelFile,
    admits,
    digest,
    weaker,
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

BUILDS = 6
"""The most builds that one verification makes."""

_SEVERITY = {
    Outcome.IDENTICAL: Severity.NONE,
    Outcome.RESTAMPED: Severity.ARCHIVE,
    Outcome.METADATA: Severity.METADATA,
}
_MATCHES = (Outcome.IDENTICAL, Outcome.RESTAMPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyEffects:
    """The effects of one verification, besides those of a job."""

    job: Effects
    lock: Callable[[Recreation], Callable[[Sequence[str], Target], Lock | Failure]]
    fetch: Callable[[OfferedWheel], tuple[Path, str]]  # the published file, and its SHA-256
    facts: Callable[[Path, WheelFile, str, Path | None], WheelFacts | Failure]  # and when uploaded, and the sdist
    closeness: Callable[[Path, WheelFile, Build], Closeness | Failure]
    diagnose: Callable[[Path, WheelFile, Build], Diagnosis | None]  # the published wheel against a build
    known: Callable[[str, str], Path | None]  # (project, id) -> the existing record


@dataclass(frozen=True, slots=True)
class VerifySubject:
    """What is verified: a published wheel, and the image that is to build it; `reason` says why one is missing."""

    task: Task
    release: Release
    image: Image
    started: datetime
    wheel: OfferedWheel | None
    reason: str = ""
    claimed: OfferedWheel | None = None  # the wheel that is meant, where it cannot be verified
    result: Result | None = None  # of the same release on the same image, whose builds may be the published wheel


@dataclass(frozen=True, slots=True)
class _Published:
    """The published wheel at hand."""

    path: Path
    file: WheelFile
    uploaded: str


@dataclass(frozen=True, slots=True)
class _Rebuilt:
    """One attempt with all that belongs to it."""

    attempt: RebuildAttempt
    task: Task
    settled: Settled | None = None
    build: Build | None = None


@dataclass(slots=True)
class _Course:
    """What has been built so far."""

    rebuilt: list[_Rebuilt] = field(default_factory=list)
    builds: list[Build] = field(default_factory=list)

    @property
    def tried(self) -> tuple[RebuildAttempt, ...]:
        return tuple(one.attempt for one in self.rebuilt)


def verify(subject: VerifySubject, effects: VerifyEffects) -> Verification | Path:
    """Verify one published wheel, or return the existing record of the same inputs.

    Raises
    ------
    WheelproofError
        The farm failed. Nothing is known about the wheel.

    """
    release, wheel = subject.release, subject.wheel
    if release.sdist is None or wheel is None:
        return _without_building(subject, effects)
    path, sha256 = effects.fetch(wheel)
    published = _Published(path, WheelFile(wheel.filename, sha256, path.stat().st_size), wheel.uploaded)
    if (record := effects.known(release.project, digest(inputs_of(subject, published)))) is not None:
        return record
    if subject.result and _is_published(subject.result, sha256):
        return _by_verdict(subject, subject.result, published, effects)
    return _compared(subject, published, effects.job.fetch(release.sdist), effects)


def _compared(subject: VerifySubject, published: _Published, sdist: Path, effects: VerifyEffects) -> Verification:
    """Rebuild a published wheel from its sdist as its clues tell, and compare."""
    facts = effects.facts(published.path, published.file, published.uploaded, sdist)
    if isinstance(facts, Failure):
        why = f"the published wheel cannot be read: {facts.detail}"
        return replace(_verification(subject, effects, published, Outcome.DIFFERS, why), failure=facts)
    requires, python = subject.release.requires_python, subject.image.target.python
    if not admits(requires, python):
        why = f"{Reason.WRONG_PYTHON}: it requires Python {requires}, and the image has {python}"
        return _verification(subject, effects, published, Outcome.UNBUILDABLE, why)
    course = _Course()
    _search(subject, facts, published, effects, course)
    return _concluded(subject, facts, published, effects, course)


def _is_published(result: Result, sha256: str) -> bool:
    """Return whether both builds of a verdict are the published wheel."""
    return result.verdict is Verdict.REPRODUCIBLE and all(
        build.wheel is not None and build.wheel.sha256 == sha256 for build in result.builds[:2]
    )


def _by_verdict(subject: VerifySubject, result: Result, published: _Published, effects: VerifyEffects) -> Verification:
    """Return the outcome of a wheel that the builds of a verdict gave."""
    verification = _verification(subject, effects, published, Outcome.IDENTICAL, "")
    return replace(
        verification,
        rebuilt_sha256=published.file.sha256,
        recreation=Recreation(as_of=result.as_of, source_date_epoch=result.source_date_epoch),
        build_requirements=result.build_requirements,
        provided=result.provided,
        severity=Severity.NONE,
        builds=result.builds[:2],
        recipes=result.recipes,
    )


def inputs_of(subject: VerifySubject, published: _Published) -> VerifyInputs:
    """Collect all inputs that decide an outcome."""
    release, image = subject.release, subject.image
    return VerifyInputs(
        method=VERIFY_METHOD,
        build_method=METHOD,
        project=release.project,
        version=release.version,
        wheel=published.file.sha256,
        filename=published.file.filename,
        uploaded=published.uploaded,
        sdist=release.sdist.sha256 if release.sdist else "",
        image=image.name,
        manifest=image.manifest,
        limits=subject.task.limits,
        budget=BUILDS,
        runtime=image.runtime,
    )


# --- the search ------------------------------------------------------------------------------


def _search(
    subject: VerifySubject, facts: WheelFacts, published: _Published, effects: VerifyEffects, course: _Course
) -> None:
    """Build one recreation after the other, until the bytes match, or no clue or no build is left."""
    while len(course.builds) < BUILDS - 1:
        recreation = next_recreation(facts, course.tried)
        if recreation is None:
            return
        course.rebuilt.append(_rebuilt(subject, recreation, published, effects, course))
        closeness = course.rebuilt[-1].attempt.closeness
        if closeness is not None and closeness.outcome in _MATCHES:
            return


def _rebuilt(
    subject: VerifySubject, recreation: Recreation, published: _Published, effects: VerifyEffects, course: _Course
) -> _Rebuilt:
    """Settle the inputs as a recreation has them, build once, and compare."""
    task = task_of(subject.task, recreation)
    job = replace(effects.job, lock=effects.lock(recreation))
    settled = job_inputs.settle(subject.release, subject.image, job, task.config_settings)
    if not isinstance(settled, Failure):
        tools = effects.lock(replace(recreation, overrides=()))
        settled = settle_repair(settled, recreation, subject.image.target, tools)
    if isinstance(settled, Failure):
        return _Rebuilt(RebuildAttempt(recreation, "", failure=settled), task)
    first, _ = environments(task, subject.release, job.salt(), job.now())
    made = _built(f"rebuild-{len(course.builds) + 1}", first, replace(subject, task=task), settled, job)
    if isinstance(made, Failure):
        return _Rebuilt(RebuildAttempt(recreation, "", failure=made), task)
    settled, build = made
    course.builds.append(build)
    closeness = _closeness(published, build, effects)
    attempt = RebuildAttempt(
        recreation,
        build.name,
        closeness if isinstance(closeness, Closeness) else None,
        closeness if isinstance(closeness, Failure) else None,
        tuple(f"{pin.name}=={pin.version}" for pin in _pins(settled)),
    )
    return _Rebuilt(attempt, task, settled, build)


def _pins(settled: Settled) -> tuple[Pin, ...]:
    """Return everything that a build has of the index: its requirements, then the tools that repair its wheel."""
    return (*settled.lock.pins, *(settled.repair.pins if settled.repair else ()))


def task_of(task: Task, recreation: Recreation) -> Task:
    """Return the task of a recreation: nothing but the publisher's settings, limits and what cannot be varied."""
    return replace(task, recreation=recreation, profile=None, tools=BuildTools(), hashes=(), expected=())


def _built(
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
    return extended if isinstance(extended, Failure) else _built(name, environment, subject, extended, job)


def _closeness(published: _Published, build: Build, effects: VerifyEffects) -> Closeness | Failure:
    if build.wheel is None:
        return build.failure or Failure(Reason.NO_WHEEL, Phase.BUILD_WHEEL)
    if build.wheel.sha256 == published.file.sha256:
        return Closeness(Outcome.IDENTICAL, sha256=build.wheel.sha256)
    return effects.closeness(published.path, published.file, build)


# --- the outcome -----------------------------------------------------------------------------


def _concluded(
    subject: VerifySubject, facts: WheelFacts, published: _Published, effects: VerifyEffects, course: _Course
) -> Verification:
    """Build the best recreation again, under all variations that it does not fix, and conclude."""
    best = nearest(course.rebuilt)
    if best is None:
        return _unbuildable(subject, facts, published, effects, course)
    closeness, hold = _confirmed(best, subject, published, effects, course)
    recreation = replace(best.attempt.recreation, hold=hold)
    verification = _verification(subject, effects, published, closeness.outcome, closeness.reason, course)
    settled, build = best.settled, best.build
    assert settled is not None  # noqa: S101 - of an attempt that was built
    assert build is not None  # noqa: S101 - as above
    verification = replace(
        verification,
        rebuilt_sha256=closeness.sha256 or (build.wheel.sha256 if build.wheel else ""),
        taken=closeness.taken if closeness.outcome is Outcome.RESTAMPED else (),
        clues=followed(facts, recreation),
        recreation=recreation,
        build_requirements=_pins(settled),
        provided=settled.lock.provided,
        lines=closeness.lines,
        severity=_SEVERITY.get(closeness.outcome),
    )
    return _diagnosed(verification, published, build, effects)


def nearest(rebuilt: Sequence[_Rebuilt]) -> _Rebuilt | None:
    """Return the attempt that came nearest to the published wheel; of equals, the first. None if none has a wheel."""
    built = [one for one in rebuilt if one.attempt.closeness is not None]
    return min(built, key=_distance, default=None)


def _distance(one: _Rebuilt) -> tuple[int, int, int]:
    closeness = one.attempt.closeness
    assert closeness is not None  # noqa: S101 - the caller has checked
    different = len(closeness.changed) + len(closeness.missing) + len(closeness.added)
    return STRENGTH.index(closeness.outcome), different, len(closeness.lines)


def _confirmed(
    best: _Rebuilt, subject: VerifySubject, published: _Published, effects: VerifyEffects, course: _Course
) -> tuple[Closeness, tuple[str, ...]]:
    """Return the weaker closeness of two builds, and the variations that were held for the second one.

    Where the second build is further away, the variations that its difference from the first one suggests are held,
    and it is built once more: its publisher's build had one value of them, which the first build happens to have.
    """
    first = best.attempt.closeness
    assert first is not None  # noqa: S101 - of an attempt that was built
    hold = best.attempt.recreation.hold
    again, second = _varied("varied", best, hold, subject, published, effects, course)
    if again is None or _at_least(again, first) or len(course.builds) >= BUILDS:
        return _weaker(first, again), hold
    assert second is not None  # noqa: S101 - it has a wheel
    assert best.build is not None  # noqa: S101 - of an attempt that was built
    suspects = _suspects(best.build, second, effects)
    held = tuple(sorted({*hold, *suspects}))
    if held == hold:
        return _weaker(first, again), hold
    once_more, _ = _varied("varied-again", best, held, subject, published, effects, course)
    if once_more is not None and _at_least(once_more, first):
        return _weaker(first, once_more), held
    return _weaker(first, again), hold


def _varied(
    name: str,
    best: _Rebuilt,
    hold: tuple[str, ...],
    subject: VerifySubject,
    published: _Published,
    effects: VerifyEffects,
    course: _Course,
) -> tuple[Closeness | None, Build | None]:
    """Build the best recreation in the second environment, with these variations held; None if there is no wheel."""
    assert best.settled is not None  # noqa: S101 - of an attempt that was built
    assert best.build is not None  # noqa: S101 - as above
    task = best.task
    fixed = (*task.hold, *task.remove, *best.attempt.recreation.fixes, *hold)
    environment = second_environment(best.build.environment, fixed)
    job = replace(effects.job, lock=effects.lock(best.attempt.recreation))
    made = _built(name, environment, replace(subject, task=task), replace(best.settled, asked=True), job)
    assert not isinstance(made, Failure)  # noqa: S101 - its build requirements are settled
    build = made[1]
    course.builds.append(build)
    closeness = _closeness(published, build, effects)
    return (None, None) if isinstance(closeness, Failure) else (closeness, build)


def _at_least(one: Closeness, other: Closeness) -> bool:
    return weaker(one.outcome, other.outcome) is other.outcome


def _weaker(first: Closeness, second: Closeness | None) -> Closeness:
    """Return the closeness that the weaker build has; a build that fails in another environment proves nothing."""
    if second is None:
        why = "our wheel comes out in one environment only: the build fails in the other one"
        return replace(first, outcome=Outcome.UNBUILDABLE, reason=why)
    if _at_least(second, first):
        return replace(first, taken=tuple(one for one in ArchiveField if one in {*first.taken, *second.taken}))
    if second.outcome in _MATCHES:
        return second
    return replace(second, reason=f"our two builds differ: {second.reason}")


def _suspects(first: Build, second: Build, effects: VerifyEffects) -> tuple[str, ...]:
    """Return the variations that may cause the difference between two builds of ours."""
    diagnosis = effects.job.diagnose(first, second, NO_GROUNDS)
    return tuple({name for cause in diagnosis.causes for name in cause.variations}) if diagnosis else ()


def _diagnosed(verification: Verification, published: _Published, build: Build, effects: VerifyEffects) -> Verification:
    """Add why the wheels differ, where they do: possibilities, since nothing is known of the publisher's build."""
    if verification.outcome not in (Outcome.METADATA, Outcome.DIFFERS):
        return verification
    diagnosis = effects.diagnose(published.path, published.file, build)
    if diagnosis is None:
        return verification
    return replace(
        verification,
        severity=diagnosis.severity,
        causes=diagnosis.causes,
        unexplained=diagnosis.unexplained,
        differences=diagnosis.differences,
    )


def _unbuildable(
    subject: VerifySubject, facts: WheelFacts, published: _Published, effects: VerifyEffects, course: _Course
) -> Verification:
    failure = next((one.attempt.failure for one in course.rebuilt if one.attempt.failure), None)
    why = f"{failure.reason}: {failure.evidence or failure.detail}" if failure else "nothing could be built"
    verification = _verification(subject, effects, published, Outcome.UNBUILDABLE, _first_line(why), course)
    return replace(verification, failure=failure, clues=found(facts))


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:300] if lines else ""


def _without_building(subject: VerifySubject, effects: VerifyEffects) -> Verification | Path:
    """Return the outcome of a release of which nothing is built, or its existing record."""
    release, offered = subject.release, subject.wheel or subject.claimed
    outcome, why = Outcome.NO_COUNTERPART, subject.reason
    if release.sdist is None:
        outcome, why = Outcome.NO_SDIST, f"{release.project} {release.version} has no sdist on the index"
    if (record := effects.known(release.project, _id_unbuilt(subject, outcome))) is not None:
        return record
    verification = _verification(subject, effects, None, outcome, why)
    return replace(verification, wheel=offered.filename, sha256=offered.sha256) if offered else verification


def _verification(
    subject: VerifySubject,
    effects: VerifyEffects,
    published: _Published | None,
    outcome: Outcome,
    why: str,
    course: _Course | None = None,
) -> Verification:
    release, image = subject.release, subject.image
    inputs = inputs_of(subject, published) if published else None
    return Verification(
        schema=VERIFICATION_SCHEMA,
        id=digest(inputs) if inputs else _id_unbuilt(subject, outcome),
        project=release.project,
        version=release.version,
        wheel=published.file.filename if published else "",
        sha256=published.file.sha256 if published else "",
        outcome=outcome,
        requirement=subject.task.requirement,
        started=subject.started,
        finished=effects.job.now(),
        wheelproof=__version__,
        inputs=inputs,
        image=UsedImage(image.name, image.id, image.manifest, image.base, image.drift),
        sdist=release.sdist,
        uploaded=published.uploaded if published else "",
        builds=tuple(course.builds) if course else (),
        attempts=course.tried if course else (),
        reason=why,
    )


def _id_unbuilt(subject: VerifySubject, outcome: Outcome) -> str:
    """Return the id of an outcome that needs no build: of what decides it."""
    release, offered = subject.release, subject.wheel or subject.claimed
    of = (release.project, release.version, offered.filename if offered else "", offered.sha256 if offered else "")
    return digest((VERIFY_METHOD, *of, subject.image.manifest, outcome, subject.reason))
