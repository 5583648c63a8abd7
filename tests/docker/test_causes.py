"""Each cause is built from a package, explained, and isolated by experiments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.build import variations
from orchestrator.model import Budget, Proof, Severity, Verdict
from tests.cause_cases import PACKAGES
from tests.docker.case_builder import described

if TYPE_CHECKING:
    from orchestrator.analysis.causes.model import Cause
    from tests.docker.case_builder import CaseBuilder

JUDGED_ELSEWHERE = set(
    variations.names(spread=False)
)  # a cause with a variation's name: `test_remedies` judges the same package
SAMPLED = [
    cause
    for cause in CAUSES
    if (PACKAGES / cause.name / "sin.py").is_file()
    and "host" not in cause.variations
    and cause.name not in JUDGED_ELSEWHERE
]
"""Those that one host can show."""


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
