"""A record as in-toto Statements: one for what was judged, and one of SLSA provenance for each wheel that was built.

All are pure functions of the record and of its image's list of packages, so that whoever has the same record has the
same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.model import Result, Verification
from orchestrator.model.statement import BUILDER, MEMBER, PROVENANCE, VERDICT, VERIFICATION, Statement, Subject
from orchestrator.publish.statements import claims, provenance, reading
from orchestrator.publish.statements.canonical import payload
from orchestrator.recipes.wheelhouse import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orchestrator.model import MemberWheel, Wheelhouse


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement that is not written yet."""

    subject: Subject
    predicate_type: str
    build: str  # the name of a provenance's build; otherwise empty
    predicate: Callable[[], object]

    def written(self) -> Statement:
        """Return the statement."""
        data = payload(self.subject, self.predicate_type, self.predicate())
        return Statement(self.subject, self.predicate_type, self.build, data)


def statements_of(
    record: Result | Verification, packages: Mapping[str, str] | None, builder: str = BUILDER
) -> tuple[Statement, ...]:
    """Return the statements about a record: that of its verdict or outcome first, then those of its builds.

    There is none where nothing has a hash to be named by: a release without an sdist, or a wheel that the index does
    not have. `packages` are those of the record's image, name:architecture to version; None if they are not recorded.
    """
    return tuple(draft.written() for draft in drafts_of(record, packages, builder))


def of_member(
    house: Wheelhouse,
    member: MemberWheel,
    record: Result | None,
    packages: Mapping[str, str] | None,
    builder: str = BUILDER,
) -> tuple[Statement, ...]:
    """Return the statements about a wheel of a wheelhouse: that it is a member, and the provenance of both builds.

    `record` is that of the wheel's job, if it has one.
    """
    subject = Subject(member.wheel.filename, member.wheel.sha256)
    claim = claims.as_value(claims.of_member(house, member))
    drafts = [Draft(subject, MEMBER, "", lambda: claim)]
    for build in member.builds:
        make = partial(provenance.of_member, house, member, record, build, packages, builder)
        drafts.append(Draft(subject, PROVENANCE, build.name, make))
    return tuple(draft.written() for draft in drafts)


def refused_member(house: Wheelhouse, member: MemberWheel) -> str:
    """Return why no statement may be made about a wheel of a wheelhouse; empty if one may.

    A check would reject it, or its builds ran another text than the wheelhouse has: the recipe of a build's
    environment is the SHA-256 of rebuild.sh, NUL and the data.
    """
    try:
        claim = claims.of_member(house, member)
        reading.check_member(claim, Subject(member.wheel.filename, member.wheel.sha256))
    except ValueError as error:  # BadNameError, too
        return str(error)
    recipe = digest_of(house.script, member.data)
    if any(build.environment.recipe != recipe for build in member.builds):
        return "its builds did not run the rebuild.sh and the data of the wheelhouse"
    return ""


def refused(record: Result | Verification) -> str:
    """Return why a check rejects the statements about a record; empty if it does not.

    A wheel of one build may have any name, and a record may be of another farm.
    """
    if isinstance(record, Verification):
        claim: claims.Claim | None = claims.of_verification(record) if record.wheel and record.sha256 else None
    else:
        claim = claims.of_verdict(record)
    if claim is None:
        return ""
    try:
        reading.check_claim(claim, claims.subject_of(claim))
    except ValueError as error:
        return str(error)
    return ""


def drafts_of(
    record: Result | Verification, packages: Mapping[str, str] | None, builder: str = BUILDER
) -> Iterator[Draft]:
    """Yield what `statements_of` writes."""
    if isinstance(record, Result):
        return _of_verdict(record, packages, builder)
    return _of_verification(record, packages, builder)


def _of_verdict(result: Result, packages: Mapping[str, str] | None, builder: str) -> Iterator[Draft]:
    claim = claims.of_verdict(result)
    if claim is None:
        return
    yield Draft(claims.subject_of(claim), VERDICT, "", partial(claims.as_value, claim))
    for build in result.builds:
        if build.wheel:
            make = partial(provenance.of_build, result, build, packages, builder)
            yield Draft(Subject(build.wheel.filename, build.wheel.sha256), PROVENANCE, build.name, make)


def _of_verification(verification: Verification, packages: Mapping[str, str] | None, builder: str) -> Iterator[Draft]:
    if not verification.wheel or not verification.sha256:
        return
    claim = claims.of_verification(verification)
    yield Draft(claims.subject_of(claim), VERIFICATION, "", partial(claims.as_value, claim))
    for build in verification.builds:
        if build.wheel and build.name in claim.deciding:
            make = partial(provenance.of_rebuild, verification, build, packages, builder)
            yield Draft(Subject(build.wheel.filename, build.wheel.sha256), PROVENANCE, build.name, make)
