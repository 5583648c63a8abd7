"""Mistakes of single values, in our own words, and contradictions between values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from pydantic import ValidationError

from orchestrator.config.schema import File, Names
from orchestrator.config.suggestions import nearest
from orchestrator.config.tasks import requirement_of
from orchestrator.config.yaml_source import KEY, Loc
from orchestrator.requirement_files.entries import short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

_WORDS = {
    "bool_type": "must be true or false, not {}",
    "date_type": "must be a date such as 2026-01-31, not {}",
    "dict_type": "must be a mapping of keys to values, not {}",
    "greater_than_equal": "must be at least {ge}, not {}",
    "int_type": "must be a whole number, not {}",
    "less_than_equal": "must be at most {le}, not {}",
    "list_type": "must be a list, not {}",
    "missing": "is missing",
    "model_type": "must be a mapping of keys to values, not {}",
    "string_pattern_mismatch": "must be lower-case letters, digits and hyphens",
    "string_too_short": "must not be empty",
    "string_type": "must be text, not {}; put it in quotes",
}

Found = tuple[Loc, str]


def validated(data: object, names: Names) -> tuple[File | None, tuple[Found, ...]]:
    """Check data against the schema; return the file if it is valid, or else all mistakes."""
    try:
        return File.model_validate(data, context=names), ()
    except ValidationError as error:
        known = File.model_json_schema()
        return None, tuple(_described(one, known) for one in error.errors(include_url=False))


def _described(error: ErrorDetails, known: dict[str, Any]) -> Found:
    loc, kind, context = error["loc"], error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return (*loc, KEY), f"unknown key{nearest(str(loc[-1]), _keys(known, loc[:-1]))}"
    if kind == "value_error":
        return loc, str(context["error"])
    words = _WORDS.get(kind, kind.replace("_", " "))
    return loc, words.format(short(error["input"]), **context)


def _keys(known: dict[str, Any], loc: Loc) -> tuple[str, ...]:
    """Return the keys that the mapping at `loc` may have, by the schema."""
    node = known
    for step in loc:
        below = {**node.get("patternProperties", {}), "": node.get("additionalProperties") or node.get("items")}
        node = node.get("properties", {}).get(step) or next(one for one in below.values() if one)
        node = next((one for one in node.get("anyOf", ()) if "$ref" in one), node)  # a mapping or null
        node = known["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    return tuple(node.get("properties", {}))


# --- contradictions between values -----------------------------------------------------------
# These checks use the plain data, so that they work even if other values are not valid.


def contradictions(data: object) -> Iterator[Found]:
    """Find contradictions and repetitions."""
    yield from _clashes(data, ("variations",), set(), set())
    held, removed = _texts(data, "variations", "hold"), _texts(data, "variations", "remove")
    for name in _below(data, "packages"):
        yield from _clashes(data, ("packages", name), set(held), set(removed))
    for name in _below(data, "groups"):
        yield from _repeated(data, ("groups", name, "packages"))
    yield from _same_projects(data)
    yield from _unknown_profiles(data)


def _unknown_profiles(data: object) -> Iterator[Found]:
    known = _below(data, "profiles")
    for part in ("groups", "packages"):
        for name, one in _below(data, part).items():
            profile = _below(one).get("profile")
            if isinstance(profile, str) and profile not in known:
                yield (part, name, "profile"), f"there is no profile {short(profile)}{nearest(profile, known)}"


def _clashes(data: object, at: tuple[str, ...], held: set[str], removed: set[str]) -> Iterator[Found]:
    hold, remove = _texts(data, *at, "hold"), _texts(data, *at, "remove")
    for name, number in remove.items():
        if name in held | set(hold):
            yield (*at, "remove", number), f"{short(name)} is held as well; do one of the two"
    for name, number in hold.items():
        if name in removed:
            yield (*at, "hold", number), f"{short(name)} is removed for all packages; do one of the two"


def _repeated(data: object, at: tuple[str, ...]) -> Iterator[Found]:
    seen: dict[str, str] = {}
    listed = _below(data, *at)
    for number, one in listed.items():
        try:
            normal = requirement_of(one) if isinstance(one, str) else None
        except ValueError:
            continue
        if normal is not None and seen.setdefault(normal, number) != number:
            yield (*at, number), f"{short(one)} stands twice in this group, here and as [{seen[normal]}]"


def _same_projects(data: object) -> Iterator[Found]:
    first: dict[str, str] = {}
    for name in _below(data, "packages"):
        if (earlier := first.setdefault(canonicalize_name(str(name)), name)) != name:
            yield ("packages", name, KEY), f"the same project as {short(earlier)} (PEP 503); keep one of them"
    seen = set()
    for number, one in _below(data, "exclusions").items():
        name = canonicalize_name(str(_below(one).get("project", number)))
        if name in seen:
            yield ("exclusions", number, "project"), f"{short(name)} is excluded twice"
        seen.add(name)


def _below(data: object, *steps: str) -> dict[Any, Any]:
    """Return the items of a nested mapping or list, by key or number; nothing if it is neither."""
    for step in steps:
        data = data.get(step) if isinstance(data, dict) else None
    if isinstance(data, list):
        return dict(enumerate(data))
    return data if isinstance(data, dict) else {}


def _texts(data: object, *steps: str) -> dict[str, int]:
    return {one: number for number, one in _below(data, *steps).items() if isinstance(one, str)}
