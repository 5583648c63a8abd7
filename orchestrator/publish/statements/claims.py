"""Our predicates: a verdict on a release, what rebuilding showed of a published wheel, a wheel of a wheelhouse."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from orchestrator.model import Environment, Verdict
from orchestrator.model.statement import (
    MEMBER,
    VERDICT,
    VERIFICATION,
    ClaimedBuild,
    ClaimedCause,
    MemberClaim,
    Subject,
    VerdictClaim,
    VerificationClaim,
)
from orchestrator.util import forms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import TypeAdapter

    from orchestrator.model import (
        Build,
        CauseFinding,
        MemberWheel,
        Recreation,
        Result,
        Verification,
        Wheelhouse,
    )

Claim = VerdictClaim | VerificationClaim

FORMS: dict[str, type[VerdictClaim | VerificationClaim | MemberClaim]] = {
    VERDICT: VerdictClaim,
    VERIFICATION: VerificationClaim,
    MEMBER: MemberClaim,
}
"""Our predicates, by their types."""

_CONFIRMING = ("varied", "varied-again", "varied-by-sh")
"""The builds of a verification that repeat the best recreation."""


def of_verdict(result: Result) -> VerdictClaim | None:
    """Return what is claimed of a release; None if there was nothing to build."""
    if result.inputs is None or result.sdist is None:
        return None
    return VerdictClaim(
        job=result.job,
        project=result.project,
        version=result.version,
        requirement=result.requirement,
        verdict=result.verdict,
        reason=result.reason,
        wheelproof=result.wheelproof,
        started=result.started,
        finished=result.finished,
        inputs=result.inputs,
        image=result.image,
        sdist=result.sdist,
        build_requirements=result.build_requirements,
        provided=result.provided,
        tools=result.tools,
        source_date_epoch=result.source_date_epoch,
        as_of=result.as_of,
        builds=_builds(result.builds),
        variations=result.variations,
        experiments=result.experiments,
        holds=result.holds,
        severity=result.severity,
        causes=_causes(result.causes),
        differences=len(result.differences),
        unexplained=len(result.unexplained),
        recipe=result.recipe,
        recipes=result.recipes,
        cautions=tuple(caution.name for caution in result.cautions),
        builds_compared=result.builds_compared,
        flake_bound=result.flake_bound,
        failure=result.failure,
    )


def of_verification(verification: Verification) -> VerificationClaim:
    """Return what is claimed of a published wheel."""
    return VerificationClaim(
        id=verification.id,
        project=verification.project,
        version=verification.version,
        requirement=verification.requirement,
        wheel=verification.wheel,
        sha256=verification.sha256,
        outcome=verification.outcome,
        reason=verification.reason,
        wheelproof=verification.wheelproof,
        started=verification.started,
        finished=verification.finished,
        uploaded=verification.uploaded,
        inputs=verification.inputs,
        image=verification.image,
        sdist=verification.sdist,
        recreation=verification.recreation,
        build_requirements=verification.build_requirements,
        provided=verification.provided,
        builds=_builds(verification.builds),
        deciding=deciding(verification),
        rebuilt_sha256=verification.rebuilt_sha256,
        taken=verification.taken,
        severity=verification.severity,
        causes=_causes(verification.causes),
        differences=len(verification.differences),
        unexplained=len(verification.unexplained),
        recipes=verification.recipes,
        failure=verification.failure,
    )


def of_member(house: Wheelhouse, member: MemberWheel) -> MemberClaim:
    """Return what is claimed of a wheel of a wheelhouse."""
    return MemberClaim(
        wheelhouse=house.id,
        kind=member.kind,
        requirement=member.requirement,
        project=member.project,
        version=member.version,
        job=member.job,
        wheelproof=house.wheelproof,
        started=house.started,
        finished=house.finished,
        profile=house.profile,
        image=member.image,
        sdist=member.sdist,
        build_requirements=member.pins,
        remedies=house.remedies,
        source_date_epoch=house.source_date_epoch,
        script=hashlib.sha256(house.script.encode()).hexdigest(),
        data=hashlib.sha256(member.data.encode()).hexdigest(),
        builds=_builds(member.builds),
        differing=differing(_builds(member.builds)),
    )


def differing(builds: Iterable[ClaimedBuild]) -> tuple[str, ...]:
    """Return the fields in which the environments of builds differ, sorted by name."""
    every = [one.environment for one in builds]
    names = (one.name for one in fields(Environment))
    return tuple(sorted(name for name in names if any(getattr(one, name) != getattr(every[0], name) for one in every)))


def subject_of(claim: Claim) -> Subject:
    """Return what a claim is about: the published wheel, the first build's, or the sdist where none is built."""
    if not isinstance(claim, VerdictClaim):
        return Subject(claim.wheel, claim.sha256)
    first = claim.builds[0].wheel if claim.builds else None
    if first is not None and claim.verdict is not Verdict.FTBFS:
        return Subject(first.filename, first.sha256)
    return Subject(claim.sdist.filename, claim.sdist.sha256)


def deciding(verification: Verification) -> tuple[str, ...]:
    """Name the builds with the recreation and the build requirements that decided the outcome.

    A record has the build requirements, with their hashes, of these alone. Where the builds of a verdict gave the
    published wheel, there are no attempts, and all builds are of the verdict's inputs.
    """
    if verification.recreation is None:
        return ()
    if not verification.attempts:
        return tuple(build.name for build in verification.builds)
    best = {
        attempt.build
        for attempt in verification.attempts
        if _unheld(attempt.recreation) == _unheld(verification.recreation)
    }
    return tuple(build.name for build in verification.builds if build.name in {*best, *_CONFIRMING})


def _unheld(recreation: Recreation) -> Recreation:
    """Return a recreation without what was kept for its second build only."""
    return replace(recreation, hold=())


def _builds(builds: Iterable[Build]) -> tuple[ClaimedBuild, ...]:
    return tuple(
        ClaimedBuild(build.name, build.environment, build.wheel, build.failure.reason if build.failure else None)
        for build in builds
    )


def _causes(causes: Iterable[CauseFinding]) -> tuple[ClaimedCause, ...]:
    return tuple(ClaimedCause(cause.name, cause.proof, cause.variations) for cause in causes)


def as_value(claim: Claim | MemberClaim) -> Any:  # noqa: ANN401 - whatever JSON has a form for
    """Return a predicate as values of JSON."""
    predicate_type = next(name for name, kind in FORMS.items() if isinstance(claim, kind))
    return form(predicate_type).dump_python(claim, mode="json")


def form(predicate_type: str) -> TypeAdapter[Any]:
    """Return what reads and writes predicates of a type."""
    return forms.form(FORMS[predicate_type])


def schema(predicate_type: str) -> dict[str, object]:
    """Return the JSON Schema of a predicate of ours."""
    return {"$id": predicate_type, **form(predicate_type).json_schema(mode="serialization")}
