"""Check evidence: signatures by given keys, the form of a statement, and the record that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import EvidenceError
from orchestrator.model.statement import PAYLOAD_TYPE
from orchestrator.publish.statements import drafts_of, reading
from orchestrator.publish.statements.canonical import canonical
from orchestrator.publish.statements.files import BUNDLED
from orchestrator.util import signing, strict_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.model import Result, Verification
    from orchestrator.publish.statements import Draft
    from orchestrator.publish.statements.reading import ReadStatement
    from orchestrator.util.signing import PublicKey


@dataclass(frozen=True, slots=True)
class Checked:
    """A statement whose form is right, and which of the given keys signed it."""

    statement: ReadStatement
    signers: tuple[str, ...]  # ids of given keys; empty: it is not signed, and no key was given
    others: int = 0  # signatures that no given key verifies


def check(data: bytes, keys: Sequence[PublicKey]) -> Checked:
    """Check the bytes of a file: an envelope that at least one of the keys signed, or a statement without keys.

    Raises
    ------
    EvidenceError
        It is not signed by any of the keys, or it is no statement of a form that this program writes. An
        envelope is not accepted without a key, nor is a bare statement with one.

    """
    value = signing.read(data)
    if isinstance(value, dict) and BUNDLED in value:
        msg = (
            "it is a bundle of sigstore: check it with `sigstore verify identity`, which knows its certificates and log"
        )
        raise EvidenceError(msg)
    if not signing.is_envelope(value):
        if keys:
            msg = "it is not signed"
            raise EvidenceError(msg)
        return Checked(reading.read(data.rstrip(b"\n")), ())
    return _opened(signing.opened(value), keys)


def _opened(envelope: signing.Envelope, keys: Sequence[PublicKey]) -> Checked:
    if not keys:
        msg = "its signatures are not checked: name the public key of who signed it with --key"
        raise EvidenceError(msg)
    found = signing.signers(envelope, keys)
    if not found:
        msg = f"none of its signatures ({len(envelope.signatures)}) is of a given key, or it was changed afterwards"
        raise EvidenceError(msg)
    if envelope.payload_type != PAYLOAD_TYPE:
        msg = f"its payload is not of the type {PAYLOAD_TYPE}"
        raise EvidenceError(msg)
    others = signing.strangers(envelope, keys)
    return Checked(reading.read(envelope.payload), tuple(key.id for key in found), others)


def compare(statement: ReadStatement, record: Result | Verification, packages: Mapping[str, str] | None) -> None:
    """Check that a statement has what the record has; a field that an earlier release did not write may be missing.

    Where the packages of the image are not known, whichever of them a provenance lists are not compared.

    Raises
    ------
    EvidenceError
        It differs from the record; the message names the field.

    """
    drafts = drafts_of(record, packages, _builder(statement))
    ours = [draft.written() for draft in drafts if _same(draft, statement)]
    if not ours:
        msg = "the record here gives no statement of its subject and its type"
        raise EvidenceError(msg)
    if any(one.payload == statement.payload for one in ours):
        return
    expected = strict_json.read(ours[0].payload, reading.LONGEST)["predicate"]
    claimed = _unlisted(statement.predicate) if packages is None and lists_packages(statement) else statement.predicate
    for name, value in claimed.items():
        if name not in expected or canonical(value) != canonical(expected[name]):
            msg = f"its field {name[:100]} is not that of the record here"
            raise EvidenceError(msg)


def lists_packages(statement: ReadStatement) -> bool:
    """Return whether a provenance claims to list the packages of the image."""
    used = statement.predicate.get("buildDefinition", {}).get("resolvedDependencies", [])
    return any(
        isinstance(one, dict)
        and isinstance(noted := one.get("annotations"), dict)
        and noted.get("packagesListed") is True
        for one in used
    )


def _unlisted(predicate: dict[str, Any]) -> dict[str, Any]:
    """Return a provenance as it would be without the packages of the image."""
    definition = predicate["buildDefinition"]
    used = [_unnoted(one) for one in definition["resolvedDependencies"] if not _is_of_image(one)]
    return {**predicate, "buildDefinition": {**definition, "resolvedDependencies": used}}


def _is_of_image(one: Any) -> bool:  # noqa: ANN401 - hostile
    return isinstance(one, dict) and one.keys() == {"name", "uri"} and str(one["uri"]).startswith(_OF_SYSTEMS)


def _unnoted(one: Any) -> Any:  # noqa: ANN401 - hostile
    match one:
        case {"annotations": {"packagesListed": True} as noted}:
            return {**one, "annotations": {**noted, "packagesListed": False}}
    return one


_OF_SYSTEMS = ("pkg:deb/", "pkg:rpm/")


def _same(ours: Draft, statement: ReadStatement) -> bool:
    named = (ours.subject, ours.predicate_type, ours.build)
    return named == (statement.subject, statement.predicate_type, statement.about.build)


def _builder(statement: ReadStatement) -> str:
    """Return the id of the builder, which is the choice of whoever signs, and no part of the record."""
    return statement.about.builder
