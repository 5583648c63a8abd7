"""Digests of values."""

from __future__ import annotations

import hashlib
import json
from dataclasses import Field, fields
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LEFT_OUT: Mapping[str, bool] = MappingProxyType({"left-out-of-digests": True})
"""Metadata of a dataclass's field: a digest leaves the field out while it has its default.

So a field can be added to a value, and ids that were computed without it stay as they are. Two values with different
fields have different digests as before, because a field that is not left out has another value than its default.
"""


def digest(value: object) -> str:
    """Return the SHA-256 of a JSON-like value, including dataclasses, independent of the order of keys."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: Any) -> object:  # noqa: ANN401 - anything that JSON does not support
    """Convert a date, or one dataclass without what is in it, which JSON hands back; raises TypeError for others."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, type):
        msg = f"a class has no digest: {value!r}"
        raise TypeError(msg)
    return {one.name: getattr(value, one.name) for one in fields(value) if not _is_left_out(one, value)}


def _is_left_out(one: Field[Any], value: object) -> bool:
    return bool(one.metadata) and LEFT_OUT.items() <= one.metadata.items() and getattr(value, one.name) == one.default
