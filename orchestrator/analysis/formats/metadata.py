"""JSON of the dist-info folder, split into its values."""

from __future__ import annotations

import json

_LONGEST_PLACE = 2000  # characters


class _Number(str):
    """A number as it is written, so that 1.0 and 1.00 are unequal."""

    __slots__ = ()


def flattened(data: bytes) -> dict[str, bytes] | None:
    """Return a JSON document by place, such as `metadata.timestamp` or `components[3].name`, in its order.

    None if it is not JSON, or has a key twice. The caller bounds its size, the parser its nesting.
    """
    found: dict[str, bytes] = {}
    try:
        left: list[tuple[str, object]] = [
            ("", json.loads(data, object_pairs_hook=_once, parse_float=_Number, parse_int=_Number))
        ]
        while left:
            place, value = left.pop()
            if isinstance(value, dict) and value:
                left += [(f"{place}.{key}" if place else key, inner) for key, inner in reversed(value.items())]
            elif isinstance(value, list) and value:
                left += [(f"{place}[{number}]", inner) for number, inner in reversed(list(enumerate(value)))]
            elif place in found or len(place) > _LONGEST_PLACE:
                return None
            else:
                found[place] = value.encode() if isinstance(value, _Number) else json.dumps(value).encode()
    except (ValueError, RecursionError):
        return None
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        msg = "a key occurs twice"
        raise ValueError(msg)
    return dict(pairs)
