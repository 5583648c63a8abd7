"""Findings as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.publish.findings.model import Report


def lines(report: Report) -> Iterator[str]:
    """Yield two lines for each finding, the most serious first."""
    for finding in report.findings:
        place = f"{finding.place.file}:{finding.place.line}: " if finding.place else ""
        yield f"{place}{finding.level} [{finding.rule}] {finding.message}"
        yield f"    {finding.detail}" if finding.detail else ""
