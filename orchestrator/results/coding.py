"""Values as JSON and back: each text escaped as in `escapes`, since a text of a package may be no Unicode."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from pydantic_core import PydanticSerializationError, to_json

from orchestrator.util import escapes

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_T = TypeVar("_T")
_PERHAPS_ESCAPED = (b"\x7f", b"\\b", b"\\f", b"\\r", b"\\u", b"NaN", b"Infinity")
"""In JSON that is ASCII and has none of these, no text would be escaped, and no number is refused."""


def encoded(form: TypeAdapter[_T], value: _T, *, indent: int | None = None) -> bytes:
    """Return a value as JSON; raises ValueError where it has an infinite number, or one that is none."""
    plain = form.dump_python(value, mode="json")
    with suppress(PydanticSerializationError):  # a lone surrogate
        data = to_json(plain, indent=indent)
        if data.isascii() and not any(one in data for one in _PERHAPS_ESCAPED):
            return data  # the usual case, which is faster
    return to_json(escapes.all_escaped(plain), indent=indent)


def compact(form: TypeAdapter[_T], value: _T) -> bytes:
    """Return a value without numbers that are no integers, as `encoded` does, but faster for the usual texts."""
    with suppress(PydanticSerializationError):  # a lone surrogate
        data = form.dump_json(value)
        if data.isascii() and b"\\u" not in data and b"\x7f" not in data:
            return data  # nothing in it would be escaped
    return encoded(form, value)


def decoded(form: TypeAdapter[_T], data: bytes) -> _T:
    """Return the value of JSON; raises ValueError or RecursionError where it has another form."""
    if not escapes.is_marked(data):
        return form.validate_json(data)
    return form.validate_python(escapes.all_unescaped(json.loads(data)))
