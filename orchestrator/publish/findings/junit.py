"""Findings as JUnit XML, as Jenkins, GitLab and others read it: one suite for each image, one test case for each job.

A package that fails a gate is a failure, a job without a verdict an error, what was not checked is skipped.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from orchestrator.publish.findings.model import Breach, CheckedJob, Level, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.publish.findings.model import Finding, Report

_NOT_ALLOWED = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_ANYWHERE = "all images"
"""The suite of what is of no image."""

_NOT_CHECKED = frozenset({State.LEFT_OUT, State.EXCLUDED})


def document(report: Report) -> str:
    """Return the whole document."""
    suites: dict[str, list[CheckedJob]] = {}
    for job in (*report.jobs, *_of_no_job(report)):
        suites.setdefault(job.image or _ANYWHERE, []).append(job)
    every = [job for jobs in suites.values() for job in jobs]
    totals = {name: value for name, value in _totals(every).items() if name != "skipped"}  # as Jenkins' schema has it
    root = ET.Element("testsuites", {"name": "wheelproof", **totals})
    for image, jobs in sorted(suites.items()):
        suite = ET.SubElement(root, "testsuite", {"name": _text(image), **_totals(jobs)})
        for job in jobs:
            _case(suite, job)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _of_no_job(report: Report) -> Iterator[CheckedJob]:
    for finding in report.others:
        yield CheckedJob(finding.rule, "", State.JUDGED, findings=(finding,))


def _totals(jobs: Sequence[CheckedJob]) -> dict[str, str]:
    outcomes = Counter(map(outcome, jobs))
    return {
        "tests": str(len(jobs)),
        "failures": str(outcomes["failure"]),
        "errors": str(outcomes["error"]),
        "skipped": str(outcomes["skipped"]),
        "time": f"{sum(job.seconds for job in jobs):.3f}",
    }


def outcome(job: CheckedJob) -> str:
    """Return how a test case ends: failure, error, skipped, or nothing if it passes."""
    if job.state in _NOT_CHECKED:
        return "skipped"
    if job.state is State.OPEN:
        return "error"
    return "failure" if any(finding.level is Level.ERROR for finding in job.findings) else ""


def _case(suite: ET.Element, job: CheckedJob) -> None:
    names = {"classname": _text(f"wheelproof.{job.image or _ANYWHERE}"), "name": _text(job.name)}
    case = ET.SubElement(suite, "testcase", {**names, "time": f"{job.seconds:.3f}"})
    ends = outcome(job)
    deciding = [finding for finding in job.findings if _decides(finding, ends)]
    if ends == "skipped":
        ET.SubElement(case, "skipped", message=_text("; ".join(finding.message for finding in deciding)))
    elif ends:
        first = deciding[0]
        ended = ET.SubElement(case, ends, message=_text(first.message), type=first.rule)
        ended.text = _text("\n".join(map(_described, deciding)))
    if others := [finding for finding in job.findings if finding not in deciding]:
        ET.SubElement(case, "system-out").text = _text("\n".join(map(_described, others)))


def _decides(finding: Finding, ends: str) -> bool:
    if ends == "error":
        return finding.breach is Breach.OPEN
    return ends == "skipped" or (ends == "failure" and finding.level is Level.ERROR)


def _described(finding: Finding) -> str:
    return "\n".join(filter(None, (f"{finding.level} [{finding.rule}] {finding.message}", finding.detail)))


def _text(text: str) -> str:
    r"""Return a text with only characters that XML 1.0 allows (2.2); others are written as \x1b."""
    return _NOT_ALLOWED.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
