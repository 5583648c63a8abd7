"""Recipes that a fake runs: what a text does to the environment in which it runs."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from orchestrator.build import variations
from orchestrator.experiments.remedies import named
from tests.samples import FIRST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.model import Environment, WheelFile


def changed_fields(name: str) -> tuple[str, ...]:
    """Name the fields of an environment that a variation changes."""
    others = tuple(other for other in variations.NAMES if other != name)
    alone = variations.second_environment(FIRST, others, spread=True)
    return tuple(one.name for one in fields(FIRST) if getattr(FIRST, one.name) != getattr(alone, one.name))


def inside(environment: Environment, remedies: Iterable[str]) -> Environment:
    """Return what a build sees inside a recipe: variations are held, and `flags` has the names of other remedies."""
    for remedy in map(named, remedies):
        if remedy.variation:
            held = {field: getattr(FIRST, field) for field in changed_fields(remedy.variation)}
            environment = replace(environment, **held)
        else:
            environment = replace(environment, flags=(*environment.flags, remedy.name))
    return environment


def digest(remedies: Iterable[str], expected: WheelFile | None) -> str:
    """Return what identifies a text."""
    return f"{' '.join(remedies)} {expected and expected.sha256}"
