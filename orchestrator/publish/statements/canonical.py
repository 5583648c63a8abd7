"""Statements as bytes: the JSON Canonicalization Scheme (RFC 8785). The only module that imports rfc8785."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rfc8785

from orchestrator.model.statement import STATEMENT_TYPE
from orchestrator.util import escapes

if TYPE_CHECKING:
    from orchestrator.model.statement import Subject

_EXACT = 2**53 - 1
"""The largest integer that every reader of JSON reads exactly (RFC 8785, 3.2.2.3)."""


def payload(subject: Subject, predicate_type: str, predicate: object) -> bytes:
    """Return the canonical bytes of a statement; texts are escaped as in records."""
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": subject.name, "digest": {"sha256": subject.sha256}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def canonical(value: object) -> bytes:
    """Return a JSON-like value as canonical bytes; an integer that is too large is written as a text of digits."""
    return rfc8785.dumps(_exact(escapes.all_escaped(value)))


def _exact(value: Any) -> Any:  # noqa: ANN401 - whatever JSON has a form for
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    is_large = isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT
    return str(value) if is_large else value


def is_canonical(value: Any, data: bytes) -> bool:  # noqa: ANN401 - whatever JSON has a form for
    """Return whether these bytes are the canonical form of the value."""
    try:
        return rfc8785.dumps(value) == data
    except rfc8785.CanonicalizationError:
        return False
