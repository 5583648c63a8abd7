"""Each cause is built from a package, explained, proven by experiments, and fixed by a remedy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.build import variations
from orchestrator.experiments.remedies import REMEDIES
from orchestrator.model import Budget, Proof, RecipeProof, RemedyOutcome, Severity, Verdict
from tests.cause_cases import PACKAGES
from tests.docker.case_builder import CaseBuilder
from tests.samples import EPOCH

if TYPE_CHECKING:
    from orchestrator.analysis.causes.model import Cause
    from orchestrator.build.engine import Engine
    from orchestrator.model import Image, Result

BY_NAME = {cause.name: cause for cause in CAUSES}
SAMPLED = [cause for cause in CAUSES if (PACKAGES / cause.name / "sin.py").is_file() and "host" not in cause.variations]
"""Those that one host can show."""

MENDED = [
    remedy.name
    for remedy in REMEDIES
    if (PACKAGES / remedy.name / "sin.py").is_file() and remedy.name != "same-length-path"
]
COSTLY = {"no-debug-info": 10, "strip-debug": 13}  # offered only where nothing else works; the builds that show it
WITHOUT_EPOCH = {"set-epoch"}
UNSCRIPTABLE = {"fileordering"}  # the file system decides in which order files are listed
SPEECHLESS = {"num-cpus", "shell"}  # a bare number, a word: no trace that could not be somebody else's


@pytest.fixture(scope="module")
def cases(
    engine: Engine, bookworm: Image, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> CaseBuilder:
    """A farm for all tests here."""
    return CaseBuilder(engine, bookworm, request.getfixturevalue("cache"), tmp_path_factory.mktemp("cases"))


def described(result: Result) -> str:
    """Describe the result, for a test that fails."""
    return f"{result.verdict} {result.holds} {result.causes} {result.unexplained} {result.remedies} {result.left_open}"


def proven(result: Result) -> set[str]:
    """Name the remedies that were proven."""
    return {remedy.name for remedy in result.remedies if remedy.outcome is RemedyOutcome.PROVEN}


@pytest.mark.parametrize("cause", SAMPLED, ids=lambda cause: cause.name)
def test_each_cause_is_named(cases: CaseBuilder, cause: Cause) -> None:
    """The diagnosis has only that cause, its isolated variation, and nothing unexplained."""
    result = cases.judge(cause.name)
    assert {cause_finding.name for cause_finding in result.causes} == {cause.name}, described(result)
    assert result.unexplained == (), described(result)
    if result.verdict is Verdict.SENSITIVE:
        assert result.holds, described(result)
        assert {cause_finding.proof for cause_finding in result.causes} == {Proof.ISOLATED}, described(result)
        assert set(result.causes[0].variations) == set(result.holds), described(result)
        assert not cause.variations or set(result.holds) <= set(cause.variations), described(result)
    else:
        assert result.verdict is Verdict.INTRINSIC, described(result)
    assert len(result.builds) <= 3 + 40


@pytest.mark.parametrize("name", variations.names(spread=False))
def test_a_captured_variation_is_isolated(cases: CaseBuilder, name: str) -> None:
    """Experiments isolate only it, and the text of a recipe that keeps it equal gives one wheel."""
    result = cases.judge(name, budget=Budget(builds=12), recipes=True)
    assert result.verdict is Verdict.SENSITIVE, described(result)
    assert result.holds == (name,), described(result)
    causes = [(cause_finding.variations, cause_finding.proof) for cause_finding in result.causes]
    assert causes == ([] if name in SPEECHLESS else [((name,), Proof.ISOLATED)]), described(result)
    assert bool(result.unexplained) is (name in SPEECHLESS), described(result)
    if name in UNSCRIPTABLE:
        assert (result.recipe, result.recipes, proven(result)) == ((), (), set()), described(result)
        assert "order files are listed" in result.recipe_why, described(result)
    else:
        assert f"fix-{name}" in proven(result), described(result)
        assert result.recipes[0].proof is RecipeProof.PROVEN, described(result)
    assert result.builds_compared >= 3


def test_two_builds_on_one_host_are_not_taken_for_two(cases: CaseBuilder) -> None:
    """The probes show the processor and the kernel, another container the kernel's identity; builds cannot see it."""
    result = cases.judge("host", budget=Budget(builds=0), spread=True)
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    assert result.verdict is Verdict.REPRODUCIBLE, described(result)
    assert [one.acted for one in result.variations if one.name == "host"] == [False]
    assert all(one.acted for one in result.variations if one.name != "host")
    assert [(one.name, one.evidence) for one in result.cautions] == [
        ("not-spread", f"both builds ran on the kernel with the boot id {boot_id}")
    ]
    for build in result.builds:
        assert build.probe is not None
        assert build.probe.processor in Path("/proc/cpuinfo").read_text(encoding="utf-8")
        assert build.probe.kernel_version == Path("/proc/version").read_text(encoding="utf-8").strip()[:300]
        assert (build.probe.boot_id, len(build.probe.cpu_flags)) == (boot_id, 16)


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
    """With either one kept equal, the builds differ; with both, they are the same bytes."""
    result = cases.judge("two-sins", recipes=True)
    assert result.holds == ("build-path", "domain-host"), described(result)
    assert {cause_finding.name: cause_finding.variations for cause_finding in result.causes} == {
        "build-path": ("build-path",),
        "host-name": ("domain-host",),
    }, described(result)
    assert result.unexplained == (), described(result)
    alone = {experiment.hold: experiment.equal for experiment in result.experiments if not experiment.remedies}
    assert alone[("build-path",)] is alone[("domain-host",)] is False
    assert set(result.recipe) == {"fix-build-path", "fix-domain-host"}
    assert len(result.builds) <= 3 + 6


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


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("gzip-man", {"nested-archive", "build-date"}),
        ("scikit-folder", {"random-folder", "embedded-path", "debug-path"}),
        ("coverage-path", {"build-path", "embedded-path", "coverage-stamp"}),
    ],
)
def test_what_differs_in_equal_environments_is_explained(cases: CaseBuilder, name: str, named: set[str]) -> None:
    """A clock that runs, and a folder of random name, behind other causes."""
    result = cases.judge(name)
    assert {cause.name for cause in result.causes} == named, described(result)
    assert result.unexplained == (), described(result)


def test_a_day_of_the_week_is_not_reproducible(cases: CaseBuilder) -> None:
    """Whenever it is built: between the two clocks lie no whole weeks."""
    result = cases.judge("weekday")
    assert result.verdict is Verdict.SENSITIVE, described(result)
    assert [cause.name for cause in result.causes] == ["build-date"], described(result)
    assert result.holds == ("time",), described(result)


def test_a_reproducible_package_needs_no_explanation(cases: CaseBuilder) -> None:
    """The record has only two builds, and the bound that they prove."""
    result = cases.judge("blameless")
    assert (result.verdict, result.severity, result.causes) == (Verdict.REPRODUCIBLE, Severity.NONE, ())
    assert (result.builds_compared, result.flake_bound, len(result.builds)) == (2, 1.0, 2)


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
