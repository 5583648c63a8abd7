"""Which failure is the reason of a published wheel that could not be rebuilt."""

from __future__ import annotations

from orchestrator.job.verify import why_unbuildable
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
