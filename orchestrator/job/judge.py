"""Verdicts: what two or three builds of a release come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.experiments.runner import same
from orchestrator.model import (
    LIMIT_REASONS,
    Failure,
    Phase,
    Reason,
    Verdict,
    admits,
)

if TYPE_CHECKING:
    from orchestrator.model import (
        Build,
        Image,
        Release,
        Task,
    )


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, with what it rests on."""

    verdict: Verdict
    reason: str = ""
    failure: Failure | None = None


def without_building(task: Task, release: Release, image: Image) -> Judgement | None:
    """Judge what needs no build."""
    if release.sdist is None:
        return Judgement(Verdict.NO_SDIST, f"{release.project} {release.version} has no sdist on the index")
    if not admits(release.requires_python, image.target.python):
        detail = f"requires Python {release.requires_python}, the image has {image.target.python}"
        return failed(Failure(Reason.WRONG_PYTHON, Phase.REQUIREMENTS, detail))
    if (release.sdist.size or 0) > task.limits.download:
        detail = f"the sdist has {release.sdist.size} bytes, more than {task.limits.download}"
        return failed(Failure(Reason.SDIST_TOO_LARGE, Phase.UNPACK, detail))
    return None


def judge_pair(first: Build, second: Build) -> Judgement | None:
    """Judge what two builds are enough for; None where a control build has to tell more."""
    failures = [build.failure for build in (first, second) if build.failure]
    limits = [failure for failure in failures if failure.reason in LIMIT_REASONS]
    if limits:
        return failed(limits[0])
    if len(failures) > 1:
        return failed(failures[0])
    if same(first, second):
        return Judgement(Verdict.REPRODUCIBLE)
    return None


def judge_three(first: Build, second: Build, control: Build) -> Judgement:
    """Judge by a third build, in the first's environment, what two disagree on."""
    if control.failure and control.failure.reason in LIMIT_REASONS:
        return failed(control.failure)
    if same(first, control):
        why = "fails to build in the second environment" if second.failure else ""
        return Judgement(Verdict.SENSITIVE, why, second.failure)
    if first.failure and control.failure:
        return Judgement(Verdict.SENSITIVE, "fails to build in the first environment", first.failure)
    failure = first.failure or control.failure
    why = "fails to build at times, in one and the same environment" if failure else ""
    return Judgement(Verdict.INTRINSIC, why, failure)


def failed(failure: Failure) -> Judgement:
    """Judge by a failure to build."""
    return Judgement(Verdict.FTBFS, failure.reason.value, failure)
