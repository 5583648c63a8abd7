"""Digests of values."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import date


def digest(value: object) -> str:
    """Return the SHA-256 of a JSON-like value, including dataclasses, independent of the order of keys."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: object) -> object:
    """Convert a value that JSON does not support."""
    if isinstance(value, date):
        return value.isoformat()
    return asdict(value)  # type: ignore[call-overload] # anything else is a TypeError
