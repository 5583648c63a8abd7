"""What experiments find is true by definition: judged packages that nobody wrote, whose every build is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import made_up
import pytest
from made_up import outcome
from made_up_farm import Farm, luck_of
from made_up_truth import has_recipe, is_minimal, is_sound, truth_of

from orchestrator.build.builder import Output
from orchestrator.model import Verdict

if TYPE_CHECKING:
    from orchestrator.build.container import Order
    from orchestrator.model import Result

COUNT = 60
"""Packages of one test."""

LISTS = range(10, 15)
"""Seeds of lists of packages, other ones than the script's."""


class Deaf(Farm):
    """A farm that holds nothing: each build after the first is one in the second environment, whatever is asked."""

    def build(self, order: Order, _answered: object) -> Output:
        remedies = self.texts[order.recipe.file.name] if order.recipe else None
        seen = self.package.held(()) if order.name.startswith("second") else order.environment
        given = outcome(self.package, seen, remedies, luck_of(self.package.seed, order.name))
        return Output(self.given(order.name, order.environment, given), None, self.file(""))


def untrue(farm: Farm) -> list[str]:
    """Name the parts of a result that are not just what is true by the package's definition."""
    package, result = farm.package, farm.judge()
    truth = truth_of(package)
    held = tuple(sorted(result.holds))
    checks = {
        "verdict": result.verdict.value == truth.verdicts[0],
        "holds": held in truth.holds if truth.holds and result.verdict is Verdict.SENSITIVE else not held,
        "recipe": is_sound(package, result.recipe) and is_minimal(package, result.recipe)
        if result.recipe
        else result.verdict is not Verdict.SENSITIVE or not has_recipe(package),
    }
    return [name for name, is_true in checks.items() if not is_true]


@pytest.mark.parametrize("seed", LISTS)
def test_without_chance_all_that_is_found_is_true(seed: int) -> None:
    """The hold set is a minimal one, the recipe works and has nothing to spare; where none is found there is none."""
    packages = [made_up.telling(made_up.package(seed, number)) for number in range(COUNT)]
    found = {package.seed: untrue(Farm(package)) for package in packages}
    assert {name: parts for name, parts in found.items() if parts} == {}


def test_a_farm_that_does_not_hold_is_found_out() -> None:
    """So the check can fail: what is found of a sensitive package is then untrue, unless a recipe does the holding."""
    packages = [made_up.telling(made_up.package(10, number)) for number in range(30)]
    sensitive = [package for package in packages if truth_of(package).holds not in ((), ((),), (("umask",),))]
    assert len(sensitive) > 10
    assert all(untrue(Deaf(package)) for package in sensitive)


def test_every_sort_of_package_is_among_them() -> None:
    """Each kind, each verdict, each rule."""
    packages = [made_up.package(1, number) for number in range(2000)]
    assert {package.kind for package in packages} == set(made_up.KINDS)
    assert {trait.rule for package in packages for trait in package.traits} == set(made_up.Rule)
    verdicts = {verdict for package in packages[:500] for verdict in truth_of(package).verdicts}
    assert verdicts == {Verdict.REPRODUCIBLE, Verdict.SENSITIVE, Verdict.INTRINSIC, Verdict.FTBFS}


@pytest.mark.parametrize("seed", LISTS)
def test_no_build_contradicts_the_verdict(seed: int) -> None:
    """Chance may hide from a few builds, but what they do show is never left out."""
    for number in range(COUNT):
        result = Farm(made_up.package(seed, number)).judge()
        assert contradicted(result) == [], number


def contradicted(result: Result) -> list[str]:
    """Name the builds of the backend that contradict a result."""
    first = result.builds[0].wheel
    plain = [build for build in result.builds if not build.environment.recipe]
    if result.verdict is Verdict.REPRODUCIBLE:
        return [build.name for build in plain if build.wheel != first]
    if result.verdict is not Verdict.SENSITIVE or not result.holds or result.reason.startswith("gives other bytes"):
        return []  # the clock runs on between two builds
    enough = {one.build for one in result.experiments if {*result.holds} <= {*one.hold} and not one.remedies}
    assert sum(build.wheel == first for build in result.builds) > 1, "a build shows that the hold set is enough"
    return [build.name for build in plain if build.name in enough and build.wheel != first]


@pytest.mark.parametrize("kind", ["flaky", "flaky-and-modes", "race", "random-folder"])
def test_flaky_packages_are_reproducible_only_where_all_their_builds_agree(kind: str) -> None:
    """And if chance is in each build, never."""
    packages = [one for one in (made_up.package(16, number) for number in range(3000)) if one.kind == kind][:40]
    assert len(packages) == 40
    for package in packages:
        result = Farm(package).judge()
        always = any(one.rate == 1 and one.outcomes > 1000 and not one.needs for one in package.traits)
        agreed = contradicted(result) == [] and not always
        assert result.verdict is not Verdict.REPRODUCIBLE or agreed, package
