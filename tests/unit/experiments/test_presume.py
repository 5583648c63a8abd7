"""Settling a difference by its traces: what is built, and where a control build is wanted all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.experiments.explain import explain
from orchestrator.experiments.presume import Presumed, presume, traced
from orchestrator.experiments.runner import Case, Tools
from orchestrator.model import (
    Aspect,
    Budget,
    Diagnosis,
    Difference,
    Failure,
    Phase,
    Proof,
    Reason,
    RemedyOutcome,
    Severity,
    Unexplained,
    Verdict,
)
from tests.samples import FIRST, SECOND, TASK, built
from tests.unit.experiments.test_explain import MODES, PATHS, World, modes, modes_traced, native
from tests.unit.experiments.test_explain import traced as native_traced

if TYPE_CHECKING:
    from orchestrator.experiments.explain import Explained
    from orchestrator.model import Build, CauseFinding, Environment

SEED = replace(MODES, name="order-of-dict", variations=("hash-seed",))
NAMES = ("build-path", "umask", "time", "hash-seed")


def presumed(world: World) -> Presumed:
    """Judge the first two builds of a world, without a control build."""
    first, second = (world.build(name, one) for name, one in (("first", FIRST), ("second", SECOND)))
    world.made.clear()
    case = Case(replace(TASK, budget=world.budget), "1.0", None, first, second)
    return presume(case, Tools(world.build, world.run, world.diagnose, world.cures, world.alike))


def explained(found: Presumed) -> Explained:
    """Go on as a job does once a difference is settled."""
    found.runner.judge(Verdict.SENSITIVE)
    return explain(found.runner.case, found.runner.tools, found)


def test_the_runs_of_the_recipe_settle_what_it_holds() -> None:
    """Two containers for verdict, hold set, recipe and proof, besides the two that differ."""
    world = World(modes, finds=modes_traced)
    found = explained(presumed(world))
    assert sorted(world.made) == ["first-with-fix-umask", "second-with-fix-umask"]
    assert (found.holds, found.recipe) == (("umask",), ("fix-umask",))
    assert found.causes == (replace(MODES, proof=Proof.ISOLATED),)
    assert found.proof == ("first-with-fix-umask", "second-with-fix-umask")
    assert (found.builds_compared, found.flake_bound) == (3, 1.0)


def test_two_traces_are_held_together_and_none_alone() -> None:
    """Each is there in the second build, which held nothing. The remedies are others, so a plain build shows it."""
    world = World(native, finds=native_traced)
    found = explained(presumed(world))
    both = "fix-umask+prefix-map-source"
    assert world.made == ["second-holding-build-path+umask", f"first-with-{both}", f"second-with-{both}"]
    assert (found.holds, found.recipe) == (("build-path", "umask"), ("fix-umask", "prefix-map-source"))
    assert {one.name: one.proof for one in found.causes} == dict.fromkeys((MODES.name, PATHS.name), Proof.ISOLATED)


@pytest.mark.parametrize("budget", [Budget(remedies=False), Budget(builds=2)])
def test_without_room_for_a_recipe_the_variation_is_held(budget: Budget) -> None:
    """One build, as the third that a control build would have been."""
    world = World(modes, finds=modes_traced, budget=budget)
    assert presumed(world).holds == {"umask"}
    assert world.made == ["second-holding-umask"]


def test_without_a_request_for_its_proof_no_recipe_is_run() -> None:
    """Holding what was isolated is a remedy: three containers for verdict, hold set and recipe."""
    world = World(modes, finds=modes_traced, budget=Budget(recipes=()))
    found = explained(presumed(world))
    assert world.made == ["second-holding-umask"]
    assert (found.holds, found.recipe, found.proof) == (("umask",), ("fix-umask",), ())
    assert {one.name: one.outcome for one in found.remedies}["fix-umask"] is RemedyOutcome.PROVEN


def test_a_recipe_whose_wheel_is_another_is_run_all_the_same() -> None:
    """Its folders are not those of the first build, so holding the path tells nothing of it."""
    paths = replace(PATHS, name="path")
    world = World(
        lambda one: one.build_path,
        finds=lambda first, second: Diagnosis(
            Severity.DEBUG, (paths,) * (first.environment.build_path != second.environment.build_path), (), ()
        ),
        cures={"path": ("fix-build-path",)},
        budget=Budget(recipes=()),
    )
    found = explained(presumed(world))
    assert world.made == ["second-holding-build-path", "first-with-fix-build-path", "second-with-fix-build-path"]
    assert found.proof == ("first-with-fix-build-path", "second-with-fix-build-path")


def test_without_a_budget_nothing_is_built() -> None:
    """Then the control build decides."""
    world = World(modes, finds=modes_traced, budget=Budget(builds=0))
    assert (presumed(world).holds, world.made) == (frozenset(), [])


def test_a_difference_without_a_trace_is_not_settled() -> None:
    """Holding the umask is not enough; the build that shows it counts in the isolation that follows."""
    world = World(lambda one: (one.umask, one.hash_seed), finds=modes_traced)
    found = presumed(world)
    assert found.holds == frozenset()
    made = list(world.made)
    assert made[-1] == "second-holding-umask"
    found.runner.judge(Verdict.SENSITIVE, built("control", FIRST, repr((FIRST.umask, FIRST.hash_seed))))
    after = explain(found.runner.case, found.runner.tools, found)
    assert set(after.holds) == {"hash-seed", "umask"}
    assert len(set(world.made)) == len(world.made), "no build is made twice under one name"


def test_a_build_that_differs_by_itself_is_not_settled() -> None:
    """It is not called sensitive because its files show a umask as well."""
    ticks = iter(range(100))
    world = World(lambda one: (one.umask, next(ticks)), finds=modes_traced)
    found = presumed(world)
    assert found.holds == frozenset()
    found.runner.judge(Verdict.INTRINSIC, built("control", FIRST, "another"))
    after = explain(found.runner.case, found.runner.tools, found)
    assert (after.holds, after.recipe) == ((), ())


def unsteady(*odd: str) -> World:
    """Return a world that follows its umask, and gives other bytes in the builds of those names."""
    world = World(modes, finds=modes_traced)
    names = world.made  # the last one is that of the build being made
    return replace(world, captures=lambda one: (one.umask, names[-1] in odd))


HOLDING, CONTROL = "second-holding-umask", "control"
RUNS = ("first-with-fix-umask", "second-with-fix-umask")
AGAIN = tuple(f"{name}-again" for name in RUNS)


@pytest.mark.parametrize("odd", [(RUNS[0], CONTROL), (RUNS[1], CONTROL), (*RUNS, CONTROL), ("first", HOLDING)])
@pytest.mark.parametrize("budget", [Budget(), Budget(builds=6)])
def test_chance_in_runs_of_a_recipe_asks_for_the_control_build(odd: tuple[str, ...], budget: Budget) -> None:
    """The build that holds the umask agrees by chance with the first, but the control build does not."""
    world = replace(unsteady(*odd), budget=budget)
    found = explained(presumed(world))
    assert world.made.count(CONTROL) == 1
    assert (found.flaky != "", found.holds) == (True, ())


def test_a_recipe_that_does_something_else_leaves_the_verdict() -> None:
    """It gives one wheel, if not the first one's, and the control build agrees with the first."""
    world = unsteady(*RUNS, *AGAIN)
    found = explained(presumed(world))
    assert (found.flaky, found.holds, found.recipe, found.proof) == ("", ("umask",), ("fix-umask",), AGAIN)
    assert world.made.count(CONTROL) == 1
    assert found.builds_compared > 2


@pytest.mark.parametrize("reason", [Reason.TIME_OUT, Reason.BUILD_ERROR])
def test_a_control_build_that_reached_a_limit_shows_no_chance(reason: Reason) -> None:
    """One that fails on its own does."""
    world = unsteady(RUNS[1])
    build = world.build

    def made(name: str, environment: Environment) -> Build:
        one = build(name, environment)
        failure = Failure(reason, Phase.BUILD_WHEEL, "it ended")
        return replace(one, wheel=None, failure=failure) if name == CONTROL else one

    found = presumed(world)
    found.runner.tools = replace(found.runner.tools, build=made)
    after = explained(found)
    if reason is Reason.TIME_OUT:
        assert (after.flaky, after.holds) == ("", ("umask",))
        assert "control reached a limit of the farm" in after.left_open
    else:
        assert (after.flaky, after.holds) == ("fails to build at times, in one and the same environment", ())


def test_without_a_budget_for_the_control_build_the_doubt_is_named() -> None:
    """Nothing else decides."""
    world = replace(unsteady(RUNS[1], CONTROL), budget=Budget(builds=3))
    found = explained(presumed(world))
    assert (found.flaky, found.holds) == ("", ("umask",))
    assert "agreed by chance was not looked into" in found.left_open


def finding(*causes: CauseFinding, unexplained: tuple[Unexplained, ...] = ()) -> Explained:
    """Return what a diagnosis adds to a result."""
    world = World(native, finds=lambda _first, _second: Diagnosis(Severity.DATA, causes, unexplained, ()))
    return presumed(replace(world, budget=Budget(builds=0))).found


@pytest.mark.parametrize(
    "found",
    [
        finding(),
        finding(MODES, replace(SEED, proof=Proof.POSSIBLE)),
        finding(MODES, replace(SEED, variations=("hash-seed", "locales"))),
        finding(MODES, replace(SEED, variations=())),
        finding(MODES, replace(SEED, variations=("time",))),
        finding(MODES, replace(SEED, variations=("host",))),
        finding(MODES, replace(SEED, name="alike")),
        finding(MODES, unexplained=(Unexplained("a.py", Aspect.CONTENT),)),
        replace(finding(MODES), differences=(Difference("b.py", Aspect.CONTENT, severity=Severity.CODE),)),
    ],
)
def test_only_traces_that_leave_nothing_open_are_presumed(found: Explained) -> None:
    """Not a guess, not one of several variations, no chance, no clock, nothing that was not varied, nothing left."""
    assert traced(found, NAMES, {"alike": {"hash-seed": "alike"}}) == frozenset()
    assert traced(finding(MODES, SEED), NAMES, {}) == {"umask", "hash-seed"}


def test_a_recipe_that_gives_other_bytes_answers_nothing() -> None:
    """Then the variation is held in a build without the recipe."""

    def captures(environment: Environment) -> object:
        return environment.umask, environment.recipe != ""

    def run(name: str, environment: Environment, *rest: object) -> Build:
        return world.run(name, replace(environment, recipe="text"), *rest)  # type: ignore[arg-type]

    world = World(captures, finds=modes_traced)
    first, second = world.build("first", FIRST), world.build("second", SECOND)
    world.made.clear()
    found = presume(
        Case(TASK, "1.0", None, first, second), Tools(world.build, run, world.diagnose, world.cures, world.alike)
    )
    assert found.holds == {"umask"}
    assert world.made[-1] == "second-holding-umask"
