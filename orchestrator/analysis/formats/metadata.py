"""JSON of the dist-info folder, split into its values."""

from __future__ import annotations

import json

_LONGEST_PLACE = 2000  # characters


def flattened(data: bytes) -> dict[str, bytes] | None:
    """Return a JSON document by place, such as `metadata.timestamp` or `components[3].name`; None if it is not JSON.

    The caller bounds its size, the parser its nesting.
    """
    found: dict[str, bytes] = {}
    try:
        left: list[tuple[str, object]] = [("", json.loads(data))]
        while left:
            place, value = left.pop()
            if isinstance(value, dict) and value:
                left += [(f"{place}.{key}" if place else str(key), inner) for key, inner in value.items()]
            elif isinstance(value, list) and value:
                left += [(f"{place}[{number}]", inner) for number, inner in enumerate(value)]
            else:
                found[place] = json.dumps(value).encode()
            if len(place) > _LONGEST_PLACE:
                return None
    except (ValueError, RecursionError):
        return None
    return found
