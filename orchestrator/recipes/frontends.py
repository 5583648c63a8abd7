"""What a recipe installs besides the build requirements: pinned, with the hashes of the files that an index has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from orchestrator.model import RecipeForm

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENTRY = re.compile(r"^([a-z0-9-]+)==(\S+)((?:\s+\\?\s*--hash=sha256:[0-9a-f]{64})+)", re.MULTILINE)
_HASH = re.compile(r"[0-9a-f]{64}")
_OF_FORM: dict[RecipeForm, tuple[str, ...]] = {
    RecipeForm.SH: (),
    RecipeForm.BUILD: ("build", "packaging", "pyproject-hooks"),
    RecipeForm.UV: (),
    RecipeForm.DOCKERFILE: (),
    RecipeForm.GITHUB: (),
    RecipeForm.DEBIAN_RULES: (),
}


@dataclass(frozen=True, slots=True)
class Pinned:
    """One project, pinned to a version; any file with one of the hashes will do."""

    name: str  # normalized
    version: str
    hashes: tuple[str, ...]  # SHA-256


@cache
def lock() -> dict[str, Pinned]:
    """Return frontends.lock by name."""
    text = resources.files("orchestrator.recipes").joinpath("frontends.lock").read_text("utf-8")
    found = (Pinned(name, version, tuple(_HASH.findall(rest))) for name, version, rest in _ENTRY.findall(text))
    return {one.name: one for one in found}


def wanted(form: RecipeForm, requires: Iterable[str], pinned: Iterable[str]) -> tuple[Pinned, ...]:
    """Return what a form installs besides the build requirements, by name.

    `requires` are the projects that remedies need, `pinned` those that are build requirements anyway: their
    version is used. A project that the lock does not have raises KeyError.
    """
    names = {*_OF_FORM[form], *requires} - set(pinned)
    return tuple(lock()[name] for name in sorted(names))


def begins_with(form: RecipeForm) -> tuple[Pinned, ...]:
    """Return what a form finds installed on the user's machine: the farm's containers get it, in these versions."""
    return (lock()["uv" if form is RecipeForm.UV else "pip"],)
