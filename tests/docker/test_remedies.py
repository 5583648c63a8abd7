"""Each variation is isolated by experiments, and each remedy is found and proven by the text of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.build import variations
from orchestrator.experiments.remedies import REMEDIES
from orchestrator.model import Budget, Proof, RecipeProof, RemedyOutcome, Verdict
from tests.cause_cases import PACKAGES
from tests.docker.case_builder import described
from tests.samples import EPOCH

if TYPE_CHECKING:
    from orchestrator.model import Result
    from tests.docker.case_builder import CaseBuilder

CAUSE_NAMES = {cause.name for cause in CAUSES}
MENDED = [
    remedy.name
    for remedy in REMEDIES
    if (PACKAGES / remedy.name / "sin.py").is_file() and remedy.name != "same-length-path"
]
COSTLY = {"no-debug-info": 10, "strip-debug": 13}  # offered only where nothing else works; the builds that show it
WITHOUT_EPOCH = {"set-epoch"}
UNSCRIPTABLE = {"fileordering"}  # the file system decides in which order files are listed
SPEECHLESS = {"num-cpus", "shell"}  # a bare number, a word: no trace that could not be somebody else's


def proven(result: Result) -> set[str]:
    """Name the remedies that were proven."""
    return {remedy.name for remedy in result.remedies if remedy.outcome is RemedyOutcome.PROVEN}


@pytest.mark.parametrize("name", variations.names(spread=False))
def test_a_captured_variation_is_isolated(cases: CaseBuilder, name: str) -> None:
    """Experiments isolate only it, and the text of a recipe that keeps it equal gives one wheel."""
    result = cases.judge(name, budget=Budget(builds=12), recipes=True)
    assert result.verdict is Verdict.SENSITIVE, described(result)
    assert result.holds == (name,), described(result)
    if name in CAUSE_NAMES:
        assert {cause_finding.name for cause_finding in result.causes} == {name}, described(result)
    causes = [(cause_finding.variations, cause_finding.proof) for cause_finding in result.causes]
    assert causes == ([] if name in SPEECHLESS else [((name,), Proof.ISOLATED)]), described(result)
    assert bool(result.unexplained) is (name in SPEECHLESS), described(result)
    if name in UNSCRIPTABLE:
        assert (result.recipe, result.recipes, proven(result)) == ((), (), set()), described(result)
        assert "order files are listed" in result.recipe_why, described(result)
    else:
        assert f"fix-{name}" in proven(result), described(result)
        assert result.recipes[0].proof is RecipeProof.PROVEN, described(result)
    assert result.builds_compared >= 2, "the first, and one that held the variation"


@pytest.mark.parametrize("name", MENDED)
def test_a_remedy_fixes_its_cause(cases: CaseBuilder, name: str) -> None:
    """A remedy is found where less invasive ones fail."""
    budget = Budget(builds=COSTLY.get(name, 24))  # the search for one without a cost would go on
    result = cases.judge(name, epoch=None if name in WITHOUT_EPOCH else EPOCH, budget=budget, recipes=True)
    assert result.verdict in (Verdict.SENSITIVE, Verdict.INTRINSIC), described(result)
    assert name in result.recipe, described(result)
    costly = {remedy.name: remedy.changes for remedy in result.remedies if remedy.outcome is RemedyOutcome.COSTLY}
    assert (name in costly) is (name in COSTLY), described(result)
    assert all(any(change.cost for change in changes) for changes in costly.values())
    last = [build for build in result.builds if name in build.name]
    assert len({build.wheel.sha256 for build in last if build.wheel}) == 1, described(result)


def test_two_causes_are_named_and_isolated_together(cases: CaseBuilder) -> None:
    """With both kept equal, the builds are the same bytes; the second has the planted value of each."""
    result = cases.judge("two-sins", recipes=True)
    assert result.holds == ("build-path", "domain-host"), described(result)
    assert {cause_finding.name: cause_finding.variations for cause_finding in result.causes} == {
        "build-path": ("build-path",),
        "host-name": ("domain-host",),
    }, described(result)
    assert result.unexplained == (), described(result)
    held = {experiment.hold: experiment.equal for experiment in result.experiments if not experiment.remedies}
    assert held == {("build-path", "domain-host"): True}
    assert set(result.recipe) == {"fix-build-path", "fix-domain-host"}
    assert len(result.builds) <= 2 + 3


def test_an_unknown_cause_stays_unexplained(cases: CaseBuilder) -> None:
    """Builds still isolate its variation and prove a remedy."""
    result = cases.judge("unknown-sin", recipes=True)
    assert [(unexplained.path, unexplained.aspect.value) for unexplained in result.unexplained] == [
        ("sin/captured.txt", "content")
    ] * len(result.unexplained)
    assert result.unexplained, described(result)
    assert result.causes == (), described(result)
    assert result.holds == ("build-path",), described(result)
    assert result.recipe == ("fix-build-path",)
    assert len(result.builds) <= 3 + 11


def test_a_variation_that_makes_a_build_fail_is_isolated(cases: CaseBuilder) -> None:
    """By builds, with the line of the log that shows the failure."""
    result = cases.judge("fragile", recipes=True)
    assert result.verdict is Verdict.SENSITIVE
    assert [(cause_finding.name, cause_finding.variations, cause_finding.proof) for cause_finding in result.causes] == [
        ("fragile", ("home",), Proof.ISOLATED)
    ], described(result)
    assert "/nonexistent/" in result.causes[0].evidence[0].second
    assert (result.holds, result.recipe) == (("home",), ("fix-home",))
    assert len(result.builds) <= 3 + 7


def test_paths_of_equal_length_suffice_if_only_the_length_matters(cases: CaseBuilder) -> None:
    """No trace shows that, so the experiments isolate the path."""
    result = cases.judge("same-length-path", recipes=True)
    assert result.holds == ("build-path",), described(result)
