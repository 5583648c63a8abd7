"""Statements as files: their names, and what is in them, signed or not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.errors import EvidenceError
from orchestrator.model import Result
from orchestrator.model.statement import PAYLOAD_TYPE, PROVENANCE, VERDICT
from orchestrator.publish.buildinfo import buildinfo_of
from orchestrator.publish.statements import statements_of
from orchestrator.results.places import stem_of
from orchestrator.util import signing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orchestrator.model import Verification
    from orchestrator.model.statement import Statement

UNSIGNED, SIGNED, KEYLESS = ".statement.json", ".intoto.jsonl", ".sigstore.json"
"""The endings of files: a bare statement, an envelope with signatures, a bundle of sigstore."""

BUNDLED = "dsseEnvelope"
"""The field of a bundle of sigstore that has the envelope."""

_PLAIN = re.compile(r"[a-z0-9][a-z0-9.-]{0,150}")


def files_of(
    record: Result | Verification,
    packages: Mapping[str, str] | None,
    builder: str,
    ending: str,
    content: Callable[[Statement, str], bytes],
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file of a record: its statements, and the .buildinfo of its first wheel.

    `content` returns what is in the file of a statement, which has that name.
    """
    folder = f"{record.project}/{stem_of(record)}"
    for number, statement in enumerate(statements_of(record, packages, builder)):
        name = f"{folder}/{_name(statement, number)}{ending}"
        yield name, content(statement, name)
    if isinstance(record, Result) and (found := buildinfo_of(record, packages)):
        yield f"{folder}/{found[0]}", found[1]


def _name(statement: Statement, number: int) -> str:
    if statement.predicate_type == PROVENANCE:
        build = statement.build if _PLAIN.fullmatch(statement.build) else f"build-{number}"
        return f"{build}.provenance"
    return "verdict" if statement.predicate_type == VERDICT else "verification"


def bare(statement: Statement) -> bytes:
    """Return a statement that nobody signed, as a file."""
    return statement.payload + b"\n"


def enveloped(statement: Statement, former: bytes, key: signing.SigningKey) -> bytes:
    """Return a statement in an envelope that the key signed; signatures in the `former` file over it are kept."""
    return signing.written(signing.signed(_kept(statement, former), key))


def bundled(statement: Statement, former: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Return a statement's bundle of sigstore: the `former` file if it has the same, since each is logged for ever."""
    try:
        value = signing.read(former)
        kept = signing.opened(value.get(BUNDLED) if isinstance(value, dict) else None)
    except EvidenceError:
        return sign(statement.payload)
    return former if (kept.payload, kept.payload_type) == (statement.payload, PAYLOAD_TYPE) else sign(statement.payload)


def _kept(statement: Statement, former: bytes) -> signing.Envelope:
    """Return the envelope of a former file if it has the same statement, or else one without signatures."""
    fresh = signing.Envelope(statement.payload, PAYLOAD_TYPE)
    try:
        found = signing.opened(signing.read(former))
    except EvidenceError:
        return fresh
    return found if (found.payload, found.payload_type) == (fresh.payload, fresh.payload_type) else fresh
