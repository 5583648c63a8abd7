"""Findings as SARIF 2.1.0, the OASIS standard for results of static analysis, as code scanning on GitHub reads it.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from orchestrator import __version__
from orchestrator.publish.findings import rules
from orchestrator.publish.findings.model import Level, Place
from orchestrator.publish.findings.rules import RULES
from orchestrator.util import escapes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.publish.findings.model import Finding, Report, Rule

MOST = 5000
"""Results of a run that GitHub shows; of more, it takes the most serious ones."""

_ROOT = "SRCROOT"
_NOT_OF_CODE = frozenset({rules.OPEN.slug, rules.LEFT_OUT.slug, rules.EXCLUDED.slug, rules.NOTHING_CHECKED.slug})
"""Findings about the run itself."""

_OF_CODE = tuple(rule for rule in RULES if rule.slug not in _NOT_OF_CODE)
_NUMBERS = {rule.slug: number for number, rule in enumerate(_OF_CODE)}


def document(report: Report, fallback: str) -> str:
    """Return the whole document; a finding without a place is shown in the file `fallback`, since GitHub needs one."""
    findings = tuple(one for one in report.findings if one.rule not in _NOT_OF_CODE)
    others = tuple(one for one in report.findings if one.rule in _NOT_OF_CODE)
    run = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The folder in which wheelproof ran."}}},
        "invocations": [_invocation(others, len(findings) - MOST)],
        "results": _results(findings[:MOST], Place(fallback)),
    }
    content = {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(escapes.all_escaped(content), indent=1) + "\n"


def _invocation(others: Sequence[Finding], left: int) -> dict[str, object]:
    """Return how the run went; a job without a verdict is no result about code, but an error of the run."""
    notifications = [_notification(one.level, one.message, one.rule) for one in others[:MOST]]
    if left > 0:
        text = f"{left} more findings, the least serious ones, are left out"
        notifications.append(_notification(Level.WARNING, text))
    succeeded = all(one.level is not Level.ERROR for one in others)
    return {"executionSuccessful": succeeded, "toolExecutionNotifications": notifications}


def _notification(level: Level, text: str, rule: str = "") -> dict[str, object]:
    described: dict[str, object] = {"level": level.value, "message": {"text": text}}
    return {**described, "descriptor": {"id": rule}} if rule else described


def _driver() -> dict[str, object]:
    return {
        "name": "wheelproof",
        "semanticVersion": __version__,
        "rules": list(map(_rule, _OF_CODE)),
        "notifications": [_rule(rule) for rule in RULES if rule.slug in _NOT_OF_CODE],
    }


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.slug,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": rule.fix, "markdown": f"{rule.fix}\n\nSee docs/findings.md#{rule.slug} of wheelproof."},
        "defaultConfiguration": {"level": rule.level.value},
        "properties": {"tags": ["reproducibility"]},
    }


def _results(findings: Sequence[Finding], fallback: Place) -> list[dict[str, object]]:
    seen: Counter[str] = Counter()
    results = []
    for finding in findings:
        print_ = fingerprint(finding)
        results.append(_result(finding, fallback, f"{print_}:{seen[print_]}"))
        seen[print_] += 1
    return results


def _result(finding: Finding, fallback: Place, print_: str) -> dict[str, object]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": _NUMBERS[finding.rule],
        "level": finding.level.value,
        "message": {"text": " ".join(filter(None, (f"{finding.message}.", finding.detail)))},
        "locations": [_location(finding.place or fallback)],
        "partialFingerprints": {"wheelproof/v1": print_},
        "properties": {"project": finding.project, "version": finding.version, "image": finding.image},
    }


def fingerprint(finding: Finding) -> str:
    """Return what is the same for one problem in each run: a new version of a project does not change it."""
    parts = (finding.rule, finding.project or finding.requirement, finding.requirement, finding.image)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _location(place: Place) -> dict[str, object]:
    relative = not PurePosixPath(place.file).is_absolute()
    uri = quote(place.file, errors="surrogateescape")  # a name that is not UTF-8 has its bytes
    artifact = {"uri": uri, "uriBaseId": _ROOT} if relative else {"uri": f"file://{uri}"}
    return {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": max(1, place.line)}}}
