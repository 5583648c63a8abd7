"""Which failure is the reason of a published wheel that could not be rebuilt."""

from __future__ import annotations

from orchestrator.job.verify import reason_of, why_unbuildable
from orchestrator.model import Failure, Phase, Reason, RebuildAttempt, Recreation

MISSING = Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS)
BROKEN = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL)


def attempt(failure: Failure | None, build: str = "") -> RebuildAttempt:
    """Return an attempt that failed so."""
    return RebuildAttempt(Recreation(), build, failure=failure)


def test_a_build_tells_more_than_missing_inputs() -> None:
    """A version that a clue names, and the index lacks, is no fault of the release."""
    assert why_unbuildable((attempt(MISSING), attempt(BROKEN, "rebuild-1"), attempt(MISSING))) is BROKEN


def test_without_a_build_the_first_failure_counts() -> None:
    """Later attempts follow fewer clues."""
    assert why_unbuildable((attempt(MISSING), attempt(BROKEN))) is MISSING
    assert why_unbuildable(()) is None


def test_the_reason_names_the_requirement_that_is_missing() -> None:
    """Which is in a later line of what the resolver says; other lines of a failure are left out."""
    detail = "No solution found when resolving dependencies\n  cause: Because only sbom<0.1.2 is available"
    resolved = Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, detail)
    failed = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, "first\nsecond\nthird")

    assert reason_of(resolved) == (
        "missing-build-requirement: No solution found when resolving dependencies; Because only sbom<0.1.2 is available"
    )
    assert reason_of(failed) == "build-error: first"
    assert len(reason_of(Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, "x" * 10_000))) < 1000
