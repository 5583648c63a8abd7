"""What the builds of a record show, whatever else it names."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from orchestrator.experiments.remedies import fixes
from orchestrator.model import RecipeProof

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.model import Build, Experiment, Recipe, Result

_PAIR = 2  # builds that run a recipe, at least


def has_recipe(result: Result) -> bool:
    """Return whether a recipe of a record was run as it is in builds that gave the bytes that it names."""
    return bool(result.recipe) and any(
        one.proof is RecipeProof.PROVEN and ran_equal(result, one) for one in result.recipes
    )


def ran_equal(result: Result, recipe: Recipe) -> bool:
    """Check whether at least two builds ran that text, and all of them gave the wheel that it names.

    All but one of them may have run it as it was before the hash of its wheel was known, which is the same program.
    """
    from orchestrator.recipes import without_wheel  # noqa: PLC0415 - slow to import, and comparing wheels has no use for it

    text, unnamed = (sha256(one.encode()).hexdigest() for one in (recipe.text, without_wheel(recipe.text)))
    builds = [_build(result, name) for name in dict.fromkeys(recipe.builds)]
    ran = [one for one in builds if one is not None and one.environment.recipe in {text, unnamed}]
    if all(one.environment.recipe != text for one in ran):
        return False
    wheels = {one.wheel.sha256 if one.wheel else "" for one in ran}
    named = wheels == {recipe.sha256} if recipe.sha256 else len(wheels) == 1 and "" not in wheels
    return _PAIR <= len(ran) == len(builds) and named


def built_equal(result: Result, remedies: Iterable[str]) -> bool:
    """Check whether builds with exactly that set of remedies gave equal bytes each time."""
    wanted = frozenset(remedies)
    return _agreed(one for one in result.experiments if one.remedies and frozenset(one.remedies) == wanted)


def held_equal(result: Result, variations: Iterable[str]) -> bool:
    """Check whether builds with exactly those variations held, and no remedy, gave equal bytes each time."""
    wanted = frozenset(variations)
    found = [one for one in result.experiments if not one.remedies and frozenset(one.hold) == wanted]
    if found:
        return _agreed(found)
    everything = wanted and wanted >= {one.name for one in result.variations if one.acted}
    return bool(everything) and gave_one_wheel(result, ("first", "control"))


def is_shown(result: Result, remedies: tuple[str, ...]) -> bool:
    """Check whether builds with that set of remedies gave equal bytes, or with what it holds held."""
    return built_equal(result, remedies) or held_by(result, remedies)


def held_by(result: Result, remedies: tuple[str, ...]) -> bool:
    """Check whether those remedies only hold variations, and builds with these held gave equal bytes."""
    variations = tuple(name.removeprefix("fix-") for name in remedies)
    return bool(remedies) and fixes(variations) == remedies and held_equal(result, variations)


def held_in_recipe(result: Result, variations: Iterable[str]) -> bool:
    """Check whether builds ran a recipe that holds exactly those variations, and all gave the first build's bytes."""
    remedies = fixes(variations)
    names = {one.build for one in result.experiments if frozenset(one.remedies) == frozenset(remedies)}
    names |= {one.against for one in result.experiments if frozenset(one.remedies) == frozenset(remedies)}
    return bool(remedies) and built_equal(result, remedies) and gave_one_wheel(result, ("first", *sorted(names)))


def _agreed(found: Iterable[Experiment]) -> bool:
    outcomes = {one.equal for one in found}
    return outcomes == {True}


def gave_one_wheel(result: Result, names: tuple[str, ...]) -> bool:
    """Check whether builds of these names gave one wheel."""
    builds = [_build(result, name) for name in names]
    wheels = {one.wheel.sha256 if one and one.wheel else "" for one in builds}
    return len(wheels) == 1 and "" not in wheels


def _build(result: Result, name: str) -> Build | None:
    return next((build for build in result.builds if build.name == name), None)
