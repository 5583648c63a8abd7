"""The values of a gate: what was checked, and what was found of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.model import Result
    from orchestrator.results.regressions import Turn
    from orchestrator.results.summary import Verified


class Level(StrEnum):
    """How serious a finding is, the most serious first."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Breach(StrEnum):
    """What a finding fails, with an exit status for each."""

    REQUIREMENT = "requirement"
    REGRESSION = "regression"
    OPEN = "open"  # the farm failed: there is no verdict


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of finding; its slug is its address in docs/findings.md."""

    slug: str
    level: Level  # where no gate makes it an error
    summary: str  # what it is, in one sentence
    fix: str  # what the reader can do


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file in which a requirement is written."""

    file: str  # as the command line has it; untrusted
    line: int = 1  # from 1


class State(StrEnum):
    """What became of one thing that was asked for."""

    JUDGED = "judged"
    OPEN = "open"
    LEFT_OUT = "left-out"  # its marker does not fit the image
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Checked:
    """One requirement on one image, with all that its findings follow from; texts of a package are untrusted."""

    requirement: str
    image: str
    state: State
    place: Place | None = None
    result: Result | None = None
    why: str = ""  # where it is not judged
    turns: tuple[Turn, ...] = ()  # how it changed, where that was asked for
    unlike: int = 0  # results of other runs with equal inputs and another wheel or verdict
    published: tuple[Verified, ...] = ()  # the outcomes of the release's published wheels


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; all of its texts are one line, printable and cut."""

    rule: str  # its slug
    level: Level
    message: str  # one plain sentence
    detail: str = ""  # the cause, and what fixes it
    project: str = ""
    version: str = ""
    image: str = ""
    requirement: str = ""
    place: Place | None = None
    breach: Breach | None = None  # what it fails

    @property
    def anchor(self) -> str:
        """Where the documentation explains it."""
        return f"docs/findings.md#{self.rule}"


@dataclass(frozen=True, slots=True)
class CheckedJob:
    """What was checked, without its result, and the findings of it."""

    name: str  # the project and its version, or the requirement
    image: str
    state: State
    requirement: str = ""
    verdict: str = ""
    seconds: float = 0.0  # of real time
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All that a gate has checked."""

    jobs: tuple[CheckedJob, ...]
    others: tuple[Finding, ...] = ()  # of no job

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, the most serious first."""
        every = (*self.others, *(finding for job in self.jobs for finding in job.findings))
        return tuple(sorted(every, key=lambda finding: tuple(Level).index(finding.level)))

    def breaching(self, breach: Breach) -> tuple[Finding, ...]:
        """Return the findings that fail that."""
        return tuple(finding for finding in self.findings if finding.breach is breach)
