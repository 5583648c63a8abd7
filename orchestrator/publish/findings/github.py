"""Findings as workflow commands of GitHub Actions, which show them as annotations.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions; escaping as in GitHub's toolkit.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.publish.findings.model import Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.publish.findings.model import Finding, Report

MOST = 10
"""Annotations of one level that GitHub shows for a step; it drops the others."""

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def lines(report: Report) -> Iterator[str]:
    """Yield a command for each finding, the most serious first; the last of a level counts those that are left."""
    for level, of_level in groupby(report.findings, key=lambda finding: finding.level):
        found = tuple(of_level)
        shown = found if len(found) <= MOST else found[: MOST - 1]
        yield from map(_command, shown)
        if left := len(found) - len(shown):
            yield _written(_COMMANDS[level], {"title": "wheelproof"}, _more(left, found[len(shown) :]))


def _more(left: int, findings: Sequence[Finding]) -> str:
    first = ", ".join(dict.fromkeys(finding.project or finding.requirement for finding in findings[:MOST]))
    return f"{left} more like these: {first}{', …' if left > MOST else ''}; the log lists all"


def _command(finding: Finding) -> str:
    place = finding.place
    properties = {"file": place.file, "line": str(place.line)} if place else {}
    properties["title"] = f"wheelproof: {finding.rule}"
    return _written(_COMMANDS[finding.level], properties, "\n".join(filter(None, (finding.message, finding.detail))))


def _written(command: str, properties: dict[str, str], message: str) -> str:
    pairs = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{command} {pairs}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
