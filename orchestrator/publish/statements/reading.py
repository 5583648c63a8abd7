"""Read statements that others wrote. Their bytes are hostile: size, depth, form and consistency are checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from packaging.utils import canonicalize_name
from pydantic import TypeAdapter, ValidationError

from orchestrator.errors import EvidenceError
from orchestrator.model import Outcome, Verdict
from orchestrator.model.names import SdistName, WheelName, is_sha256, sdist_of, wheel_for, wheel_of
from orchestrator.model.statement import (
    BUILD_TYPE,
    BUILDER,
    MEMBER,
    PROVENANCE,
    STATEMENT_TYPE,
    ClaimedBuild,
    MemberClaim,
    Subject,
    VerdictClaim,
    VerificationClaim,
)
from orchestrator.publish.statements import canonical, claims
from orchestrator.util import escapes, strict_json

LONGEST = 8 << 20
"""Bytes of a statement."""

_PAIR = 2
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.!+_-]{0,254}")
_MOMENT = TypeAdapter(datetime)
_WRITTEN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
"""A moment with its time zone (RFC 3339); a number, which pydantic takes as well, has no unit."""


@dataclass(frozen=True, slots=True)
class About:
    """What identifies the record of a statement, and for a provenance, its build and its builder's id."""

    project: str  # normalized (PEP 503)
    version: str
    started: datetime
    id: str  # of the job or the verification
    build: str = ""
    builder: str = BUILDER


@dataclass(frozen=True, slots=True)
class ReadStatement:
    """A statement of known form. `predicate` has hostile texts, escaped as in records; those of `claim` are read back.

    `claim` is None if it is the provenance of a build, or about a wheel of a wheelhouse: that is `member`.
    """

    subject: Subject
    predicate_type: str
    about: About
    predicate: dict[str, Any]
    claim: VerdictClaim | VerificationClaim | None
    payload: bytes
    member: MemberClaim | None = None


def read(payload: bytes) -> ReadStatement:
    """Return the statement of these bytes.

    Raises
    ------
    EvidenceError
        It is no statement of a form that this program writes, or contradicts itself.

    """
    try:
        return _read(payload)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        msg = f"reading a statement: the field {place[:200]} is wrong: {first['msg'][:200]}"
        raise EvidenceError(msg) from error
    except ValueError as error:  # UnicodeDecodeError and BadNameError, too
        msg = f"reading a statement: {str(error)[:500]}"
        raise EvidenceError(msg) from error


def _read(payload: bytes) -> ReadStatement:
    value = strict_json.read(payload, LONGEST)
    if not isinstance(value, dict) or value.keys() != {"_type", "subject", "predicateType", "predicate"}:
        _refuse("it does not have the fields of an in-toto statement")
    if value["_type"] != STATEMENT_TYPE:
        _refuse(f"its type is not {STATEMENT_TYPE}")
    if not canonical.is_canonical(value, payload):
        _refuse("it is not in canonical form (RFC 8785)")
    subject, kind, predicate = _subject(value["subject"]), value["predicateType"], value["predicate"]
    if not isinstance(predicate, dict):
        _refuse("its predicate is not an object")
    if kind == PROVENANCE:
        about = _about(_about_provenance(predicate))
        wheel_for(subject.name, about.project)  # of any version: a build may generate its own
        return ReadStatement(subject, kind, about, predicate, None, payload)
    if not isinstance(kind, str) or kind not in claims.FORMS:
        _refuse("its predicate is of a type that this program does not know")
    claim = claims.form(kind).validate_python(escapes.all_unescaped(predicate))
    _check_moments(predicate["started"], predicate["finished"])
    if kind == MEMBER:
        check_member(claim, subject)
        about = _about(About(claim.project, claim.version, claim.started, claim.wheelhouse))
        return ReadStatement(subject, kind, about, predicate, None, payload, claim)
    check_claim(claim, subject)
    id_ = claim.job if isinstance(claim, VerdictClaim) else claim.id
    about = _about(About(claim.project, claim.version, claim.started, id_))
    return ReadStatement(subject, kind, about, predicate, claim, payload)


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)


def _check_moments(*written: object) -> None:
    if not all(isinstance(one, str) and _WRITTEN.fullmatch(one) for one in written):
        _refuse("it has a time that is not written with its time zone, as in RFC 3339")


def _subject(value: Any) -> Subject:  # noqa: ANN401 - hostile
    match value:
        case [{"name": str(name), "digest": {"sha256": str(sha256)} as digest, **rest}] if (
            len(digest) == 1 and not rest
        ):
            return Subject(_file_name(name), _sha256(sha256))
    _refuse("its subject is not one file with its SHA-256")


def _file_name(name: str) -> str:
    return (WheelName(name) if name.endswith(".whl") else SdistName(name)).filename


def _sha256(text: str) -> str:
    if not is_sha256(text):
        _refuse("it has a SHA-256 that is none")
    return text


def _about(about: About) -> About:
    """Check what identifies a record: names of files follow from it."""
    if canonicalize_name(about.project, validate=True) != about.project or not _VERSION.fullmatch(about.version):
        _refuse("it names no release")
    _sha256(about.id)
    return about


def _about_provenance(predicate: dict[str, Any]) -> About:
    match predicate:
        case {
            "buildDefinition": {
                "buildType": build_type,
                "externalParameters": {"project": str(project), "version": str(version)},
                "internalParameters": {"build": str(build)},
                "resolvedDependencies": [*_],
            },
            "runDetails": {
                "builder": {"id": str(builder)},
                "metadata": {"invocationId": str(id_), "startedOn": str(started)},
            },
        } if build_type == BUILD_TYPE:
            _check_moments(started)
            names = (escapes.unescaped(one) for one in (build, builder))
            return About(project, version, _MOMENT.validate_python(started), id_, *names)
    _refuse(f"its predicate is not the provenance of a build of type {BUILD_TYPE}")


# --- what a claim must not contradict --------------------------------------------------------


def check_claim(claim: claims.Claim, subject: Subject) -> None:
    """Raise ValueError if a claim contradicts itself, or names a file that cannot be one of its release."""
    _check_files(claim)
    if isinstance(claim, VerdictClaim):
        _check_verdict(claim, subject)
    else:
        _check_verification(claim, subject)


def _check_files(claim: claims.Claim | MemberClaim) -> None:
    wheels = [build.wheel for build in claim.builds if build.wheel]
    for wheel in wheels:
        wheel_for(wheel.filename, claim.project)
        _sha256(wheel.sha256)
    for pin in claim.build_requirements:
        wheel_for(pin.filename, pin.name)
        _sha256(pin.sha256)
    if claim.sdist is not None:
        sdist_of(claim.sdist.filename, claim.project, claim.version)
        _sha256(claim.sdist.sha256)


def check_member(claim: MemberClaim, subject: Subject) -> None:
    """Raise ValueError if a claim about a wheel of a wheelhouse contradicts itself."""
    _check_files(claim)
    wheel_of(subject.name, claim.project, claim.version)
    for sha256 in (claim.script, claim.data, *filter(None, (claim.job,))):
        _sha256(sha256)
    if not _is_pair(claim.builds) or not all(_is(build, subject) for build in claim.builds):
        _refuse("its subject is not the wheel that two builds gave")
    first, second = (build.environment for build in claim.builds)
    if not first.recipe or first.recipe != second.recipe:
        _refuse("its builds did not run one recipe")
    if not set(claim.differing) - {"salt"} or claim.differing != claims.differing(claim.builds):
        _refuse("its builds do not differ in what it names")


def _is_pair(builds: tuple[ClaimedBuild, ...]) -> bool:
    return len(builds) == _PAIR and builds[0].name != builds[1].name


def _check_verdict(claim: VerdictClaim, subject: Subject) -> None:
    inputs, image = claim.inputs, claim.image
    of = (inputs.project, inputs.version, inputs.sdist, inputs.image, inputs.manifest)
    if of != (claim.project, claim.version, claim.sdist.sha256, image.name, image.manifest):
        _refuse("its inputs are not those of the release and the image that it names")
    if subject != claims.subject_of(claim):
        _refuse("its subject is not the file that its builds gave")
    if claim.verdict is Verdict.REPRODUCIBLE and not _are_alike(claim):
        _refuse("its verdict is reproducible, and its builds did not give the same wheel twice")
    if claim.verdict is Verdict.REPRODUCIBLE:
        wheel_of(subject.name, claim.project, claim.version)


def _are_alike(claim: VerdictClaim) -> bool:
    """Return whether the two builds that a verdict compares gave the same file."""
    compared = claim.builds[:_PAIR]
    wheels = {(build.wheel.filename, build.wheel.sha256) for build in compared if build.wheel}
    return len(compared) == _PAIR and all(build.wheel for build in compared) and len(wheels) == 1


def _check_verification(claim: VerificationClaim, subject: Subject) -> None:
    if subject != Subject(claim.wheel, claim.sha256):
        _refuse("its subject is not the published wheel that it names")
    wheel_of(claim.wheel, claim.project, claim.version)
    if claim.inputs is not None and (claim.project, claim.version) != (claim.inputs.project, claim.inputs.version):
        _refuse("its inputs are not those of the release that it names")
    if claim.outcome is Outcome.IDENTICAL and not any(_is(build, subject) for build in claim.builds):
        _refuse("its outcome is identical, and no build of it gave the published wheel")


def _is(build: ClaimedBuild, subject: Subject) -> bool:
    return build.wheel is not None and Subject(build.wheel.filename, build.wheel.sha256) == subject
