"""Verdicts: what two or three builds of a release prove."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.analysis.compare import compare
from orchestrator.build import variations
from orchestrator.experiments.explain import Explained
from orchestrator.experiments.runner import insist, same
from orchestrator.model import (
    LIMIT_REASONS,
    Failure,
    Phase,
    Reason,
    Severity,
    Verdict,
    Wheel,
    admits,
    digest,
)
from orchestrator.model.chance import bound

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.model import (
        Build,
        Difference,
        Environment,
        Image,
        Recipe,
        Release,
        Task,
        Variant,
        WheelFile,
    )


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the reason for it."""

    verdict: Verdict
    reason: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class JudgedBuilds:
    """The builds of a job, and what follows from them."""

    judgement: Judgement
    builds: tuple[Build, ...] = ()
    variants: tuple[Variant, ...] = ()
    differences: tuple[Difference, ...] = ()
    explained: Explained = field(default_factory=Explained)
    recipes: tuple[Recipe, ...] = ()


def without_building(task: Task, release: Release, image: Image) -> Judgement | None:
    """Judge a release whose verdict needs no build; None where builds are needed."""
    if release.sdist is None:
        return Judgement(Verdict.NO_SDIST, f"{release.project} {release.version} has no sdist on the index")
    if not admits(release.requires_python, image.target.python):
        detail = f"requires Python {release.requires_python}, the image has {image.target.python}"
        return failed(Failure(Reason.WRONG_PYTHON, Phase.REQUIREMENTS, detail))
    if (release.sdist.size or 0) > task.limits.download:
        detail = f"the sdist has {release.sdist.size} bytes, more than {task.limits.download}"
        return failed(Failure(Reason.SDIST_TOO_LARGE, Phase.UNPACK, detail))
    return None


def id_without_building(release: Release, image: Image, judgement: Judgement) -> str:
    """Return the job id of a release that is judged without a build."""
    return digest((release.project, release.version, image.name, judgement))


def varied(task: Task, first: Build, second: Build) -> tuple[Variant, ...]:
    """Return what differed between the environments of two builds; nothing if one of them was not probed.

    Raises
    ------
    WheelproofError
        A variation did not act as asked.

    """
    if first.probe is None or second.probe is None:
        return ()
    variants = variations.variants(first.probe, second.probe, task.hold, task.remove, spread=task.spread)
    insist(variants)
    return variants


def compared(first: Build, second: Build, read: Callable[[Build], Wheel | Failure]) -> tuple[Difference, ...]:
    """Return what differs between the wheels of two builds; nothing if one of them has none."""
    if first.wheel is None or second.wheel is None or same(first, second):
        return ()
    return compare(_opened(first.wheel, read(first)), _opened(second.wheel, read(second)))


def build_control(task: Task, first: Build, build: Callable[[str, Environment], Build]) -> Build:
    """Build once more in the first build's environment.

    Raises
    ------
    WheelproofError
        The environment was not the same.

    """
    third = build("control", first.environment)
    if first.probe and third.probe:
        all_held = tuple(name for name in variations.names(spread=task.spread) if name not in task.remove)
        insist(variations.variants(first.probe, third.probe, all_held, task.remove, spread=task.spread))
    return third


def judge_pair(first: Build, second: Build) -> Judgement | None:
    """Judge two builds; None where a control build has to decide."""
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
    """Judge two builds that disagree by a third one in the first's environment."""
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


def agreed(first: Build, second: Build) -> Explained:
    """Return how strong the evidence of two builds is that agree."""
    if not same(first, second):
        return Explained()
    return Explained(severity=Severity.NONE, builds_compared=2, flake_bound=bound(2))


def _opened(file: WheelFile, parsed: Wheel | Failure) -> Wheel:
    """Return the parsed wheel; of one that cannot be parsed, name and hash, so that these are compared."""
    return parsed if isinstance(parsed, Wheel) else Wheel(file.filename, file.sha256)
