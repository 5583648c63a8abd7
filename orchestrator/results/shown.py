"""What the builds of a record show, whatever else it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.experiments.remedies import fixes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.model import Experiment, Result


def has_recipe(result: Result) -> bool:
    """Return whether a record names a set of remedies, and its builds show that they give equal bytes."""
    return bool(result.recipe) and is_shown(result, result.recipe)


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


def _agreed(found: Iterable[Experiment]) -> bool:
    outcomes = {one.equal for one in found}
    return outcomes == {True}


def gave_one_wheel(result: Result, names: tuple[str, ...]) -> bool:
    """Check whether builds of these names gave one wheel."""
    builds = [next((build for build in result.builds if build.name == name), None) for name in names]
    wheels = {one.wheel.sha256 if one and one.wheel else "" for one in builds}
    return len(wheels) == 1 and "" not in wheels
