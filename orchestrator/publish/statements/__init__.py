"""A record as in-toto Statements: one for what was judged, and one of SLSA provenance for each wheel that was built.

All are pure functions of the record and of its image's list of packages, so that whoever has the same record has the
same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.model import Result, Verification
from orchestrator.model.statement import BUILDER, PROVENANCE, VERDICT, VERIFICATION, Statement, Subject
from orchestrator.publish.statements import claims, provenance
from orchestrator.publish.statements.canonical import payload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.model import Build


def statements_of(
    record: Result | Verification, packages: Mapping[str, str] | None, builder: str = BUILDER
) -> tuple[Statement, ...]:
    """Return the statements about a record: that of its verdict or outcome first, then those of its builds.

    There is none where nothing has a hash to be named by: a release without an sdist, or a wheel that the index does
    not have. `packages` are those of the record's image, name:architecture to version; None if they are not recorded.
    """
    if isinstance(record, Result):
        return _of_verdict(record, packages, builder)
    return _of_verification(record, packages, builder)


def _of_verdict(result: Result, packages: Mapping[str, str] | None, builder: str) -> tuple[Statement, ...]:
    claim = claims.of_verdict(result)
    if claim is None:
        return ()
    subject = claims.subject_of(claim)
    built = (
        _built(build, provenance.of_build(result, build, packages, builder)) for build in result.builds if build.wheel
    )
    return (Statement(subject, VERDICT, "", payload(subject, VERDICT, claims.as_value(claim))), *built)


def _of_verification(
    verification: Verification, packages: Mapping[str, str] | None, builder: str
) -> tuple[Statement, ...]:
    if not verification.wheel or not verification.sha256:
        return ()
    subject, claim = Subject(verification.wheel, verification.sha256), claims.of_verification(verification)
    deciding = (build for build in verification.builds if build.wheel and build.name in claim.deciding)
    built = (
        _built(build, provenance.of_rebuild(verification, build, packages, builder))
        for build in deciding
        if verification.recreation
    )
    return (Statement(subject, VERIFICATION, "", payload(subject, VERIFICATION, claims.as_value(claim))), *built)


def _built(build: Build, predicate: dict[str, object]) -> Statement:
    assert build.wheel is not None  # noqa: S101 - the callers choose those
    subject = Subject(build.wheel.filename, build.wheel.sha256)
    return Statement(subject, PROVENANCE, build.name, payload(subject, PROVENANCE, predicate))
