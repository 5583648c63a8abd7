"""JSON of strangers, read so that no two readers understand it differently: bounded, and without repeated keys."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

DEEPEST = 32
"""Levels of arrays and objects."""


def read(data: bytes, longest: int) -> Any:  # noqa: ANN401 - whatever JSON has a form for
    """Return the value of a JSON text in UTF-8.

    Raises
    ------
    ValueError
        It is no JSON, has a repeated key or a number that JSON cannot represent, or exceeds a bound.

    """
    if len(data) > longest:
        msg = f"it has more than {longest} bytes"
        raise ValueError(msg)
    try:
        value = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        _refuse_depth()
    _check_depth(value)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        msg = "it has an object with the same key twice"
        raise ValueError(msg)
    return value


def _refuse_constant(text: str) -> NoReturn:
    msg = f"{text} is no number of JSON"
    raise ValueError(msg)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse_constant("a number that is too large")
    return number


def _check_depth(value: Any) -> None:  # noqa: ANN401 - whatever JSON has a form for
    """Refuse what is nested too deeply, level by level and without recursion."""
    level = [value]
    for _ in range(DEEPEST):
        level = [item for one in level if isinstance(one, dict | list) for item in _items(one)]
        if not level:
            return
    _refuse_depth()


def _items(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _refuse_depth() -> NoReturn:
    msg = f"it is nested more than {DEEPEST} levels deep"
    raise ValueError(msg)
