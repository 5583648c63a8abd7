"""What statements claim, as replays and agreements need it. Their files are hostile: see `statements.reading`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from orchestrator.errors import EvidenceError
from orchestrator.images.other_python import OtherPython
from orchestrator.model import names
from orchestrator.model.names import BadNameError
from orchestrator.model.statement import MANIFEST_DIGEST, PAYLOAD_TYPE, PROVENANCE, VERDICT, VerdictClaim
from orchestrator.publish.evidence import bounded
from orchestrator.publish.statements import files, reading
from orchestrator.results.agreement import AS_OF, MANIFEST, PACKAGE, REQUIREMENT, SDIST, FarmClaim, Input, Wheel
from orchestrator.util import signing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from orchestrator.model import Provided
    from orchestrator.model.inputs import Pin
    from orchestrator.model.statement import VerificationClaim
    from orchestrator.publish.statements.reading import ReadStatement

ENDINGS = (files.UNSIGNED, files.SIGNED, files.KEYLESS)
"""The endings of files with statements."""

_DEBIAN = re.compile(r"pkg:deb/(?:debian|ubuntu)/([^@?]+)@([^@?]+)\?arch=([^@?&]+)")
_CPYTHON = re.compile(r"pkg:generic/cpython@(3\.\d{1,2})\?checksum=sha256:([0-9a-f]{64})")
_BESIDE = 64  # files with the provenance of a build that are read beside a statement
_SHOWN = 100  # characters of a text that a message repeats


def opened(path: Path) -> ReadStatement:
    """Return the statement in a file, whether or not it is in an envelope; its signatures are not checked.

    Raises
    ------
    EvidenceError
        There is no statement in it of a form that this program writes.

    """
    data = bounded(path)
    value = signing.read(data)
    if isinstance(value, dict) and isinstance(value.get(files.BUNDLED), dict):  # a bundle of sigstore
        value = value[files.BUNDLED]
    if not signing.is_envelope(value):
        return reading.read(data.rstrip(b"\n"))
    envelope = signing.opened(value)
    if envelope.payload_type != PAYLOAD_TYPE:
        msg = f"its payload is not of the type {PAYLOAD_TYPE}"
        raise EvidenceError(msg)
    return reading.read(envelope.payload)


def packages_beside(path: Path) -> Mapping[str, Mapping[str, str]]:
    """Return the packages of images, by manifest, that the provenances in the folder of a statement list."""
    found: dict[str, Mapping[str, str]] = {}
    beside = sorted(one for one in path.parent.glob("*.provenance.*") if one.name.endswith(ENDINGS))
    for file in beside[:_BESIDE]:
        try:
            manifest, packages = packages_of(opened(file))
        except EvidenceError:
            continue
        if packages:
            found.setdefault(manifest, packages)
    return found


def packages_of(statement: ReadStatement) -> tuple[str, Mapping[str, str]]:
    """Return the manifest of the image of a provenance, and its Debian packages; both empty of another statement.

    Nothing shows that they belong together but the manifest itself, which is their digest.
    """
    if statement.predicate_type != PROVENANCE:
        return "", {}
    manifest, packages = "", {}
    for one in statement.predicate["buildDefinition"]["resolvedDependencies"]:
        match one:
            case {"digest": {"wheelproofManifest": str(digest)}}:
                manifest = digest
            case {"uri": str(uri)} if len(one) == _OF_PACKAGE and (found := _DEBIAN.fullmatch(uri)):
                name, version, architecture = map(unquote, found.groups())
                packages[f"{name}:{architecture}"] = version
            case {"uri": str(uri)} if len(one) == _OF_PACKAGE and (found := _CPYTHON.fullmatch(uri)):
                packages |= OtherPython(found[1], "", found[2]).packages
    return manifest, packages


assert MANIFEST_DIGEST == "wheelproofManifest"  # noqa: S101 - a pattern has only literal keys
_OF_PACKAGE = 2  # fields of a dependency that is a package of an image: its name and its URI


# --- for agreements --------------------------------------------------------------------------


def farm_claim(statement: ReadStatement, farm: str, *, published: bool) -> FarmClaim | None:
    """Return what a farm claims of one wheel; None where a statement is of another kind than asked for.

    `published`: verifications of published wheels count instead of builds. The packages of its image are not among
    its inputs: see `package_inputs`.

    Raises
    ------
    EvidenceError
        Its wheel is one of another release.

    """
    claim, wheel = statement.claim, _wheel(statement.claim) if statement.claim else None
    if claim is None or (statement.predicate_type == VERDICT) == published:
        return None
    if wheel:
        _check_name(wheel, claim)
    image = claim.image
    about = "" if isinstance(claim, VerdictClaim) else claim.wheel
    return FarmClaim(
        farm,
        claim.project,
        claim.version,
        image.name[:_SHOWN] if image else "",
        statement.about.id,
        claim.started,
        wheel,
        (claim.verdict if isinstance(claim, VerdictClaim) else claim.outcome).value,
        tuple(_inputs(claim)),
        about,
    )


def _check_name(wheel: Wheel, claim: VerdictClaim | VerificationClaim) -> None:
    try:
        names.wheel_of(wheel.filename, claim.project, claim.version)
    except BadNameError as error:
        raise EvidenceError(str(error)) from error


_VERIFIED = ("identical", "restamped")


def _wheel(claim: VerdictClaim | VerificationClaim) -> Wheel | None:
    """Return the wheel that a farm's first build gave; or the published wheel, if it verified that."""
    if not isinstance(claim, VerdictClaim):
        return Wheel(claim.wheel, claim.sha256) if claim.outcome.value in _VERIFIED else None
    wheel = claim.builds[0].wheel if claim.builds else None
    return Wheel(wheel.filename, wheel.sha256) if wheel else None


def package_inputs(packages: Mapping[str, str]) -> tuple[Input, ...]:
    """Return the packages of an image as inputs of a claim."""
    return tuple(Input(PACKAGE, name[:_SHOWN], version[:_SHOWN]) for name, version in packages.items())


def _inputs(claim: VerdictClaim | VerificationClaim) -> Iterator[Input]:
    yield Input(SDIST, "", claim.sdist.sha256 if claim.sdist else "none")
    yield from _requirements(claim.build_requirements, claim.provided)
    if claim.image:
        yield Input(MANIFEST, "", f"{claim.image.name[:_SHOWN]} {claim.image.manifest}")
    yield from (Input(kind, "", str(value)[:_SHOWN]) for kind, value in _settings(claim).items() if value)


def _requirements(pins: tuple[Pin, ...], provided: tuple[Provided, ...]) -> Iterator[Input]:
    yield from (Input(REQUIREMENT, pin.name, f"{pin.version} (sha256 {pin.sha256[:12]})") for pin in pins)
    yield from (Input(REQUIREMENT, one.name, f"{one.version} of Debian, {one.package_version}") for one in provided)


def _settings(claim: VerdictClaim | VerificationClaim) -> dict[str, Any]:
    """Return what else decides the bytes of a wheel, by the names of records; limits and budgets do not."""
    if isinstance(claim, VerdictClaim):
        inputs = claim.inputs
        return {
            "method": inputs.method,
            AS_OF: claim.as_of,
            "source-date-epoch": inputs.source_date_epoch,
            "profile": inputs.profile,
            "frontend": inputs.frontend.value,
            "config-settings": inputs.config_settings,
            "runtime": inputs.runtime,
        }
    return {
        "method": f"{claim.inputs.method} of builds {claim.inputs.build_method}" if claim.inputs else "",
        "recreation": claim.recreation,
    }
