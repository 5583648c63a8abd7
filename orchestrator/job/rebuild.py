"""The story of one job: settle its inputs, build it twice, compare, judge. Its effects come as callables."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from orchestrator import __version__
from orchestrator.analysis import failure_signs, wheel_tags
from orchestrator.analysis.compare import compare
from orchestrator.build import variations
from orchestrator.config import is_path
from orchestrator.errors import WheelproofError
from orchestrator.experiments.explain import Explained, bound, explain
from orchestrator.experiments.runner import Case, Tools, insist, same
from orchestrator.job.build_pair import build_twice, no_answer, order_for, unanswered
from orchestrator.job.inputs import NOTHING, inputs_of, recorded, settle
from orchestrator.job.judge import Judgement, failed, judge_pair, judge_three, without_building
from orchestrator.model import (
    DETAIL,
    SCHEMA,
    Failure,
    Inputs,
    Lock,
    Phase,
    Reason,
    Result,
    Severity,
    UsedImage,
    Verdict,
    Wheel,
    digest,
)
from orchestrator.model.names import BadNameError, WrongNameError, wheel_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from orchestrator.job.inputs import Effects
    from orchestrator.model import (
        Build,
        Diagnosis,
        Difference,
        Environment,
        Image,
        Release,
        TagComparison,
        Task,
        Variant,
        WheelFile,
    )


@dataclass(frozen=True, slots=True)
class JudgedBuilds:
    """The builds of a job and what they say."""

    judgement: Judgement
    builds: tuple[Build, ...] = ()
    variants: tuple[Variant, ...] = ()
    differences: tuple[Difference, ...] = ()
    explained: Explained = field(default_factory=Explained)


def rebuild(task: Task, release: Release, image: Image, effects: Effects) -> Result | Path:
    """Judge one release on one image, or return the record that the same inputs have already.

    Raises
    ------
    WheelproofError
        The farm slipped. Nothing is known about the package, and the job stays open.

    """
    started = effects.now()

    def result(job: str, trial: JudgedBuilds, inputs: Inputs | None = None, lock: Lock = NOTHING) -> Result:
        found = _result(task, release, image, job, trial, started, effects.now(), inputs=inputs, lock=lock)
        return with_help(found, release, image, effects)

    def unsettled(failure: Failure) -> Result | Path:
        """Judge by a failure to settle the inputs; the index may mend that any day, so it holds for one."""
        inputs = inputs_of(task, release, image, f"unsettled on {started.date()}: {failure.detail}")
        job = digest(inputs)
        return effects.known(release.project, job) or result(job, JudgedBuilds(failed(failure)), inputs)

    if (early := without_building(task, release, image)) is not None:
        job = digest((release.project, release.version, image.name, early))
        return effects.known(release.project, job) or result(job, JudgedBuilds(early))
    settled = settle(release, image, effects, task.config_settings)
    if isinstance(settled, Failure):
        return unsettled(settled)
    # Also where the build backend was not asked, or never answered: then the job stands for just this.
    known = partial(effects.known, release.project)
    if (record := recorded(task, inputs_of(task, release, image, settled.lock.digest), known)) is not None:
        return record
    built = build_twice(task, release, image, settled, effects)
    if isinstance(built, Failure):
        return unsettled(built)
    settled, first, second = built
    inputs = inputs_of(task, release, image, settled.lock.digest)

    def build(name: str, environment: Environment) -> Build:
        ask = name == "control" and unanswered(first.build)
        order = order_for(
            name, environment, task=task, release=release, image=image, settled=settled, effects=effects, ask=ask
        )
        return effects.build(order, no_answer).build

    pair = (first.build, second.build) if _is_folder(task) else of_release(release, first.build, second.build)
    trial = conclude(task, *pair, build, effects.read)
    trial = explain_difference(task, release, trial, build, effects.diagnose)
    found = result(digest(inputs), trial, inputs, settled.lock)
    return replace(found, published=effects.published(release, first.build)) if task.published else found


def _is_folder(task: Task) -> bool:
    """Tell whether a project's folder was named, whose version nobody but its own builds gives."""
    return is_path(task.requirement) and not task.requirement.endswith((".tar.gz", ".zip"))


def of_release(release: Release, first: Build, second: Build) -> tuple[Build, Build]:
    """Return both builds; as failed ones where they agree on a version that is not the release's.

    pip refuses such a wheel. Where they do not agree on the version, that is a difference like any
    other: the build makes the version up, and of what it does may be found.
    """
    if first.wheel is None or second.wheel is None:
        return first, second
    filenames = first.wheel.filename, second.wheel.filename
    wrong = [_wrong_name(filename, release) for filename in filenames]
    versions = {tuple(filename.split("-")[1:2]) for filename in filenames}
    if None in wrong or len(versions) > 1:
        return first, second
    return replace(first, wheel=None, failure=wrong[0]), replace(second, wheel=None, failure=wrong[1])


def _wrong_name(filename: str, release: Release) -> Failure | None:
    try:
        wheel_of(filename, release.project, release.version)
    except BadNameError as error:
        return wrong_name(error)
    return None


def wrong_name(error: BadNameError) -> Failure:
    """Return what a wheel fails with that may not be called as it is."""
    reason = Reason.WRONG_NAME if isinstance(error, WrongNameError) else Reason.BROKEN_WHEEL
    return Failure(reason, Phase.WHEEL, str(error)[:DETAIL], failure_signs.printable(str(error)))


def conclude(
    task: Task,
    first: Build,
    second: Build,
    build: Callable[[str, Environment], Build],
    read: Callable[[Build], Wheel | Failure],
) -> JudgedBuilds:
    """Judge two builds, with a third in the very environment of the first where they disagree."""
    pair = (first, second)
    seen: tuple[Variant, ...] = ()
    if first.probe and second.probe:
        seen = variations.variants(first.probe, second.probe, task.hold, task.remove)
        insist(seen)
    if (judgement := judge_pair(*pair)) is not None:
        return JudgedBuilds(judgement, pair, seen, explained=_agreed(*pair))
    third = build("control", first.environment)
    if first.probe and third.probe:
        all_held = tuple(name for name in variations.NAMES if name not in task.remove)
        insist(variations.variants(first.probe, third.probe, all_held, task.remove))
    builds = (*pair, third)
    return JudgedBuilds(judge_three(*builds), builds, seen, _compared(*pair, read))


def _agreed(first: Build, second: Build) -> Explained:
    """Say how much stands behind two builds that agree."""
    if not same(first, second):
        return Explained()
    return Explained(severity=Severity.NONE, builds_compared=2, flake_bound=bound(2))


def explain_difference(
    task: Task,
    release: Release,
    trial: JudgedBuilds,
    build: Callable[[str, Environment], Build],
    diagnose: Callable[[Build, Build], Diagnosis | None],
) -> JudgedBuilds:
    """Explain why builds differ, where they do; experiments may show that it was chance all along."""
    if trial.judgement.verdict not in (Verdict.SENSITIVE, Verdict.INTRINSIC):
        return trial
    # Not before: most nights build little, and the causes bring a library with them.
    from orchestrator.analysis.causes.catalogue import CURES, TOLD_APART  # noqa: PLC0415

    first, second, control = trial.builds
    case = Case(task, release.version, trial.judgement.verdict, first, second, control, trial.differences)
    explained = explain(case, Tools(build, diagnose, CURES, TOLD_APART))
    flaky = Judgement(Verdict.INTRINSIC, explained.flaky, trial.judgement.failure)
    return replace(
        trial,
        judgement=flaky if explained.flaky else trial.judgement,
        builds=(*trial.builds, *explained.builds),
        differences=explained.differences or trial.differences,
        explained=explained,
    )


def _compared(first: Build, second: Build, read: Callable[[Build], Wheel | Failure]) -> tuple[Difference, ...]:
    if first.wheel is None or second.wheel is None or same(first, second):
        return ()
    return compare(_opened(first.wheel, read(first)), _opened(second.wheel, read(second)))


def _opened(file: WheelFile, found: Wheel | Failure) -> Wheel:
    """Return the wheel; of one that cannot be read, at least its name and hash are compared."""
    return found if isinstance(found, Wheel) else Wheel(file.filename, file.sha256)


def with_help(result: Result, release: Release, image: Image, effects: Effects) -> Result:
    """Add what helps to understand a verdict, and decides nothing: packages that a build lacked, the wheel's kind."""
    failure = result.failure and failure_signs.with_evidence(result.failure)
    if failure is not None and result.verdict is Verdict.FTBFS:
        failure = replace(failure, debian_packages=effects.packages(failure.missing, image))
    return replace(result, failure=failure, kind=_kind(result, release, effects.read))


def _kind(result: Result, release: Release, read: Callable[[Build], Wheel | Failure]) -> TagComparison | None:
    made = next((build for build in result.builds if build.wheel), None)

    def members() -> tuple[str, ...]:
        with suppress(WheelproofError):  # it is not kept any more
            found = read(made) if made else None
            return tuple(member.path for member in found.members) if isinstance(found, Wheel) else ()
        return ()

    offered = (wheel.filename for wheel in release.wheels)
    return wheel_tags.of(made.wheel.filename, offered, members) if made and made.wheel else None


def _result(  # noqa: PLR0913 - a record has as many parts as it has
    task: Task,
    release: Release,
    image: Image,
    job: str,
    trial: JudgedBuilds,
    started: datetime,
    finished: datetime,
    *,
    inputs: Inputs | None,
    lock: Lock,
) -> Result:
    judgement, explained = trial.judgement, trial.explained
    return Result(
        schema=SCHEMA,
        job=job,
        project=release.project,
        version=release.version,
        image=UsedImage(image.name, image.id, image.manifest, image.base, image.drift),
        verdict=judgement.verdict,
        holds=explained.holds,
        reason=judgement.reason,
        failure=judgement.failure,
        sdist=release.sdist,
        build_requirements=lock.pins,
        source_date_epoch=task.source_date_epoch,
        builds=trial.builds,
        variations=trial.variants,
        differences=trial.differences,
        inputs=inputs,
        requirement=task.requirement,
        started=started,
        finished=finished,
        wheelproof=__version__,
        tools=lock.tools,
        provided=lock.provided,
        expected=task.expected,
        severity=explained.severity,
        causes=explained.causes,
        unexplained=explained.unexplained,
        experiments=explained.experiments,
        remedies=explained.remedies,
        recipe=explained.recipe,
        left_open=explained.left_open,
        builds_compared=explained.builds_compared,
        flake_bound=explained.flake_bound,
    )
