"""Each variation in two environments: the value that was requested, and the value that the probe saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.build.variations import BY_NAME

if TYPE_CHECKING:
    from orchestrator.model import Build, Mode, Result

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Value:
    """The value of one variation in one build; `seen` is None where no probe ran."""

    asked: str
    seen: str | None


@dataclass(frozen=True, slots=True)
class Facet:
    """One variation in the first and the second build."""

    name: str
    mode: Mode
    acted: bool
    first: Value
    second: Value


def facets(result: Result) -> tuple[Facet, ...]:
    """Return the environments of the first and the second build side by side, one variation a line."""
    builds = {build.name: build for build in result.builds}
    return tuple(
        Facet(
            variant.name,
            variant.mode,
            variant.acted,
            _value(variant.name, builds.get("first")),
            _value(variant.name, builds.get("second")),
        )
        for variant in result.variations
    )


def _value(name: str, build: Build | None) -> Value:
    variation = BY_NAME.get(name)
    if build is None or variation is None:
        return Value(_UNKNOWN, None)
    return Value(variation.shown(build.environment), variation.seen(build.probe) if build.probe else None)
