"""The story of one verification: clues of a published wheel, recreations, builds, outcome. No I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator import __version__
from orchestrator.analysis.clues.catalogue import followed, found
from orchestrator.analysis.counterpart import of_one_kind
from orchestrator.job.confirming import confirmed
from orchestrator.job.recreating import BUILDS, Course, Published, Rebuilt, is_published, nearest, pins_of, search
from orchestrator.model import (
    METHOD,
    VERIFICATION_SCHEMA,
    VERIFY_METHOD,
    Failure,
    Outcome,
    Reason,
    Recreation,
    Severity,
    UsedImage,
    Verdict,
    Verification,
    VerifyInputs,
    WheelFile,
    admits,
    digest,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.analysis.clues.facts import WheelFacts
    from orchestrator.job.recreating import VerifyEffects, VerifySubject
    from orchestrator.model import Build, OfferedWheel, RebuildAttempt, Result

_CAUSE, _LONGEST_REASON = "cause:", 400  # how the resolver begins its second line; characters
_SEVERITY = {
    Outcome.IDENTICAL: Severity.NONE,
    Outcome.RESTAMPED: Severity.ARCHIVE,
    Outcome.METADATA: Severity.METADATA,
}


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
    published = Published(path, WheelFile(wheel.filename, sha256, path.stat().st_size), wheel.uploaded)
    if (record := effects.known(release.project, digest(inputs_of(subject, published)))) is not None:
        return record
    if subject.result and _gave(subject.result, published):
        return _by_verdict(subject, subject.result, published, effects)
    return _compared(subject, published, effects.job.fetch(release.sdist), effects)


def _compared(subject: VerifySubject, published: Published, sdist: Path, effects: VerifyEffects) -> Verification:
    """Rebuild a published wheel from its sdist as its clues show, and compare."""
    facts = effects.facts(published.path, published.file, published.uploaded, sdist)
    if isinstance(facts, Failure):
        return _unreadable(subject, published, facts, effects)
    requires, python = subject.release.requires_python, subject.image.target.python
    if not admits(requires, python):
        why = f"{Reason.WRONG_PYTHON}: it requires Python {requires}, and the image has {python}"
        return _verification(subject, effects, published, Outcome.UNBUILDABLE, why)
    course = Course(sdist)
    facts = search(subject, facts, published, effects, course)
    return _concluded(subject, facts, published, effects, course)


def _unreadable(subject: VerifySubject, published: Published, why: Failure, effects: VerifyEffects) -> Verification:
    """Return the outcome of a file that installers refuse, or that is too large for us, which is no difference."""
    reason = f"the published wheel cannot be read: {why.detail}"
    if why.reason is Reason.WHEEL_TOO_LARGE:
        return _verification(subject, effects, published, Outcome.UNBUILDABLE, reason)
    return replace(_verification(subject, effects, published, Outcome.DIFFERS, reason), failure=why)


def _gave(result: Result, published: Published) -> bool:
    """Return whether both builds of a verdict are the published wheel."""
    return result.verdict is Verdict.REPRODUCIBLE and all(is_published(build, published) for build in result.builds[:2])


def may_have_given(result: Result, wheel: OfferedWheel) -> bool:
    """Return whether both builds of a verdict may be a published wheel, as far as known before it is fetched."""
    built = [build.wheel for build in result.builds[:2]]
    return result.verdict is Verdict.REPRODUCIBLE and all(
        one is not None and one.filename == wheel.filename and wheel.sha256 in {"", one.sha256} for one in built
    )


def _by_verdict(subject: VerifySubject, result: Result, published: Published, effects: VerifyEffects) -> Verification:
    """Return the outcome of a wheel that the builds of a verdict gave."""
    verification = _verification(subject, effects, published, Outcome.IDENTICAL, "")
    proving = {name for recipe in result.recipes for name in recipe.builds}
    return replace(
        verification,
        rebuilt_sha256=published.file.sha256,
        recreation=Recreation(as_of=result.as_of, source_date_epoch=result.source_date_epoch),
        build_requirements=result.build_requirements,
        provided=result.provided,
        severity=Severity.NONE,
        builds=(*result.builds[:2], *(build for build in result.builds[2:] if build.name in proving)),
        recipes=result.recipes,
    )


def inputs_of(subject: VerifySubject, published: Published) -> VerifyInputs:
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


# --- the outcome -----------------------------------------------------------------------------


def _concluded(
    subject: VerifySubject, facts: WheelFacts, published: Published, effects: VerifyEffects, course: Course
) -> Verification:
    """Build the best recreation again, under all variations that it does not fix, and conclude."""
    best = nearest(course.rebuilt, published.file.filename)
    if best is None or best.build is None or best.build.wheel is None:
        return _unbuildable(subject, facts, published, effects, course)
    if not of_one_kind(best.build.wheel.filename, published.file.filename):
        why = f"our build gives {best.build.wheel.filename}, a wheel of another kind"
        verification = _verification(subject, effects, published, Outcome.NO_COUNTERPART, why, course)
        return replace(_rebuilt(verification, facts, best), severity=None)
    confirmation = confirmed(best, subject, published, effects, course)
    closeness = confirmation.closeness
    verification = _verification(subject, effects, published, closeness.outcome, closeness.reason, course)
    verification = replace(
        _rebuilt(verification, facts, best, confirmation.hold),
        rebuilt_sha256=closeness.sha256 or best.build.wheel.sha256,
        taken=closeness.taken if closeness.outcome is Outcome.RESTAMPED else (),
        lines=closeness.lines,
        recipes=confirmation.recipes,
    )
    return _diagnosed(verification, published, best.build, effects)


def _rebuilt(verification: Verification, facts: WheelFacts, best: Rebuilt, hold: tuple[str, ...] = ()) -> Verification:
    """Add the recreation that came nearest, and what it follows from."""
    recreation = replace(best.attempt.recreation, hold=hold)
    assert best.settled is not None  # noqa: S101 - of an attempt that was built
    return replace(
        verification,
        clues=followed(facts, recreation),
        recreation=recreation,
        build_requirements=pins_of(best.settled),
        provided=best.settled.lock.provided,
        severity=_SEVERITY.get(verification.outcome),
    )


def _diagnosed(verification: Verification, published: Published, build: Build, effects: VerifyEffects) -> Verification:
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
    subject: VerifySubject, facts: WheelFacts, published: Published, effects: VerifyEffects, course: Course
) -> Verification:
    failure = why_unbuildable(course.tried)
    why = reason_of(failure) if failure else "nothing could be built"
    verification = _verification(subject, effects, published, Outcome.UNBUILDABLE, why, course)
    return replace(verification, failure=failure, clues=found(facts))


def why_unbuildable(tried: Sequence[RebuildAttempt]) -> Failure | None:
    """Return the failure that is most informative about a release: the first of a build, or else the first of all.

    Inputs that cannot be had are often a version that a clue named and the index lacks: no fault of the release.
    """
    failed = [attempt for attempt in tried if attempt.failure is not None]
    return next((one.failure for one in failed if one.build), failed[0].failure if failed else None)


def reason_of(failure: Failure) -> str:
    """Return a failure in a line: the first of its text, and the one in which the resolver names the requirement."""
    lines = [line.strip() for line in (failure.evidence or failure.detail).splitlines() if line.strip()]
    causes = [line.removeprefix(_CAUSE).strip() for line in lines[1:] if line.startswith(_CAUSE)]
    return f"{failure.reason}: {'; '.join((*lines[:1], *causes[:1]))}"[:_LONGEST_REASON]


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
    published: Published | None,
    outcome: Outcome,
    why: str,
    course: Course | None = None,
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
