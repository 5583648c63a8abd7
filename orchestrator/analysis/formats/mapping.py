"""Reads mappings, JSON, TOML, YAML and INI, whose keys have no order; to find texts that differ only in that order."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import yaml

KIND = "mapping"
ORDER = "order of keys"
"""The place of the token of two mappings that differ only in the order of their keys."""

_LARGEST = {".json": 4 << 20, ".toml": 256 << 10, ".yaml": 64 << 10, ".yml": 64 << 10}  # bytes; YAML is read slowly
_LARGEST |= {".ini": 64 << 10, ".cfg": 64 << 10}
_OF_LINES = (".ini", ".cfg")  # of which a line is a key, a section or a comment
_LONGEST_LINE = 1000  # bytes of a line of INI: configparser's patterns take the square of its length
_VALUES = 200_000
_DEEPEST = 100
_NO_DEFAULTS = "\0"  # no section gives its values to the others

Value = tuple[Any, ...]
"""A value with its kind: ("mapping", pairs), ("list", items), or a scalar's kind and text."""


class NoMappingError(ValueError):
    """The text is no mapping, has a key twice, or exceeds a limit."""


def keys_moved(path: str, first: bytes, second: bytes) -> bool:
    """Return whether two texts are equal mappings of the same bytes, and only the order of keys differs.

    Lists keep their order. A text with a key twice is no mapping, since the order decides between the two.
    """
    ending = next((ending for ending in _LARGEST if path.lower().endswith(ending)), "")
    if not ending or len(first) != len(second) or len(first) > _LARGEST[ending]:
        return False
    if Counter(first) != Counter(second) or (
        (b"#" in first or ending in _OF_LINES) and Counter(first.split(b"\n")) != Counter(second.split(b"\n"))
    ):
        return False  # something else differs: a comment, white space, the spelling of a value
    with suppress(*_REFUSED):
        ours, theirs = _READERS[ending](first), _READERS[ending](second)
        return ours != theirs and _ordered(ours) == _ordered(theirs)
    return False


_REFUSED = (ValueError, LookupError, RecursionError, TypeError, AttributeError)


def _ordered(value: Value) -> bytes:
    """Return a value as a text that does not depend on the order of its keys."""
    return json.dumps(_sorted(value, 0), ensure_ascii=True).encode()


def _sorted(value: Value, depth: int) -> list[Any]:
    if depth > _DEEPEST:
        msg = "nested too deep"
        raise NoMappingError(msg)
    kind, content = value[0], value[1:]
    if kind == "mapping":
        pairs = [(_sorted(key, depth + 1), _sorted(inner, depth + 1)) for key, inner in content]
        return [kind, *sorted(pairs, key=lambda pair: json.dumps(pair[0]))]
    return [kind, *(_sorted(item, depth + 1) for item in content)] if kind == "list" else list(value)


def _mapping(pairs: list[tuple[Value, Value]]) -> Value:
    if len({repr(key) for key, _ in pairs}) < len(pairs):
        msg = "a key occurs twice"
        raise NoMappingError(msg)
    return ("mapping", *pairs)


# --- JSON ------------------------------------------------------------------------------------


def _json(data: bytes) -> Value:
    """Read JSON; numbers keep their spelling, so that 1 and 1.0 are unequal."""
    return _of_json(
        json.loads(
            data,
            object_pairs_hook=lambda pairs: _mapping([(("str", key), _of_json(value)) for key, value in pairs]),
            parse_float=lambda text: ("float", text),
            parse_int=lambda text: ("int", text),
            parse_constant=lambda text: ("float", text),
        )
    )


def _of_json(value: Any) -> Value:  # noqa: ANN401 - any value of JSON
    if isinstance(value, tuple):
        return value
    if isinstance(value, list):
        return ("list", *map(_of_json, value))
    return (type(value).__name__, value)


# --- TOML ------------------------------------------------------------------------------------


def _toml(data: bytes) -> Value:
    import tomllib  # noqa: PLC0415 - few wheels contain any

    return _of_toml(tomllib.loads(data.decode(), parse_float=lambda text: ("float", text)))


def _of_toml(value: Any) -> Value:  # noqa: ANN401 - any value of TOML
    if isinstance(value, dict):
        return _mapping([(("str", key), _of_toml(inner)) for key, inner in value.items()])
    if isinstance(value, list):
        return ("list", *map(_of_toml, value))
    return value if isinstance(value, tuple) else (type(value).__name__, str(value))


# --- YAML ------------------------------------------------------------------------------------


def _yaml(data: bytes) -> Value:
    """Read one document of YAML without making objects; an alias counts as often as it is used."""
    import yaml  # noqa: PLC0415 - few wheels contain any

    try:
        return _of_yaml(yaml.compose(data.decode(), Loader=yaml.SafeLoader), [_VALUES], 0)
    except yaml.YAMLError as error:
        raise NoMappingError(str(error)) from error


def _of_yaml(node: yaml.Node | None, left: list[int], depth: int) -> Value:
    left[0] -= 1
    if left[0] < 0 or depth > _DEEPEST or node is None:
        msg = "no document, or more than is read"
        raise NoMappingError(msg)
    kind = getattr(node, "id", "")
    if kind == "mapping":
        if not _are_distinct([key for key, _ in node.value]):
            msg = "keys of which two may be equal"
            raise NoMappingError(msg)
        pairs = [(_of_yaml(key, left, depth + 1), _of_yaml(one, left, depth + 1)) for key, one in node.value]
        return _mapping([(("tag", ""), ("tag", node.tag)), *pairs])
    if kind == "sequence":
        return ("list", ("tag", node.tag), *(_of_yaml(item, left, depth + 1) for item in node.value))
    return (node.tag, node.value)


_TAG = "tag:yaml.org,2002:"
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,18}")


def _are_distinct(keys: list[yaml.Node]) -> bool:
    """Return whether keys with different texts are different: texts and plain numbers are, `1`, `0x1` and `yes` not."""
    return len(keys) < 2 or all(  # noqa: PLR2004 - a single key has no equal
        getattr(key, "id", "") == "scalar"
        and (key.tag in (f"{_TAG}str", f"{_TAG}merge") or (key.tag == f"{_TAG}int" and _NUMBER.fullmatch(key.value)))
        for key in keys
    )


# --- INI -------------------------------------------------------------------------------------


def _ini(data: bytes) -> Value:
    """Read sections of keys; raises on a section, or a key in any case, that occurs twice."""
    lines = data.split(b"\n")
    if max(map(len, lines)) > _LONGEST_LINE or len(data.decode().splitlines()) > len(lines) - (not lines[-1]):
        msg = "a line is too long, or readers disagree on what a line is"
        raise NoMappingError(msg)
    import configparser  # noqa: PLC0415 - few wheels contain any

    parser = configparser.RawConfigParser(default_section=_NO_DEFAULTS, strict=True, allow_no_value=True)
    parser.optionxform = str  # type: ignore[method-assign,assignment] # as configparser's documentation has it
    try:
        parser.read_string(data.decode())
    except configparser.Error as error:
        raise NoMappingError(str(error)) from error
    sections = [(("str", name), parser.items(name)) for name in parser.sections()]
    if any(len({key.lower() for key, _ in keys}) < len(keys) for _, keys in sections):
        msg = "a key occurs twice"
        raise NoMappingError(msg)
    return _mapping(
        [(name, _mapping([(("str", key), ("str", str(value))) for key, value in keys])) for name, keys in sections]
    )


_READERS: dict[str, Callable[[bytes], Value]] = {
    ".json": _json,
    ".toml": _toml,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".ini": _ini,
    ".cfg": _ini,
}
