"""A project -> entries in the form of tests.reproducible-builds.org's reproducible.json, which other trackers read.

The file is a list of objects with package, version, suite, architecture, status and build_date, whose values of status
and dates are those of https://tests.reproducible-builds.org; see also https://rb.zq1.de/spec/json-format.txt.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from orchestrator.model import Reason, Verdict
from orchestrator.publish.sanitize import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator.model import Result
    from orchestrator.publish.comparison import Debian
    from orchestrator.results.summary import Project

_STATUS = {
    Verdict.REPRODUCIBLE: "reproducible",
    Verdict.SENSITIVE: "FTBR",
    Verdict.INTRINSIC: "FTBR",
    Verdict.FTBFS: "FTBFS",
    Verdict.NO_SDIST: "E404",
    Verdict.EXCLUDED: "blacklisted",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One release on one image."""

    package: str
    version: str
    suite: str  # the image, and the way of building if it is not the default
    architecture: str  # of the image, as Debian names it; empty: not known
    status: str  # reproducible, FTBR, FTBFS, timeout, E404 (no source) or blacklisted (excluded)
    build_date: str  # UTC, YYYY-MM-DD HH:MM; of an exclusion, its day


def entries(project: Project, debians: Mapping[str, Debian]) -> Iterator[Entry]:
    """Yield what is current of a project, and its exclusions."""
    for one in project.current:
        finished = f"{one.latest.finished.astimezone(UTC):%Y-%m-%d %H:%M}"
        yield Entry(
            project.name, one.version, one.place, _architecture(one.image, debians), _status(one.latest), finished
        )
    for exclusion in project.exclusions:
        status = _STATUS[Verdict.EXCLUDED]
        yield Entry(project.name, "", exclusion.image, "", status, f"{exclusion.since} 00:00")


def _architecture(image: str, debians: Mapping[str, Debian]) -> str:
    return debians[image].architecture if image in debians else ""


def _status(result: Result) -> str:
    if result.failure and result.failure.reason is Reason.TIME_OUT and result.verdict is Verdict.FTBFS:
        return "timeout"
    return _STATUS[result.verdict]


def text(found: Iterable[Entry]) -> str:
    """Return the file's text."""
    return json_text([asdict(one) for one in found])
