"""The judgement of two builds, and the explanation where they differ."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.experiments.runner import Case, Tools
from orchestrator.job import judge
from orchestrator.job.judge import JudgedBuilds, Judgement
from orchestrator.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.experiments.explain import Explained
    from orchestrator.experiments.presume import Presumed
    from orchestrator.job.recipes import RecipeRunner
    from orchestrator.model import Build, Diagnosis, Environment, Failure, Grounds, Wheel


def conclude(
    pair: tuple[Build, Build],
    build: Callable[[str, Environment], Build],
    read: Callable[[Build], Wheel | Failure],
    diagnose: Callable[[Build, Build, Grounds], Diagnosis | None],
    runner: RecipeRunner,
) -> JudgedBuilds:
    """Judge two builds, with more where they disagree, and explain why they differ.

    Raises
    ------
    WheelproofError
        The farm failed, or a variation did not act as asked. The job stays open.

    """
    task = runner.task
    variants = judge.varied(task, *pair)
    if (judgement := judge.judge_pair(*pair)) is not None:
        return JudgedBuilds(judgement, pair, variants, explained=judge.agreed(*pair))
    # Imported here: most runs build little, and the causes import a library.
    from orchestrator.experiments.explain import explain  # noqa: PLC0415
    from orchestrator.experiments.presume import presume  # noqa: PLC0415

    presumed = presume(Case(task, runner.release.version, None, *pair), _tools(runner, build, diagnose))
    differences = presumed.found.differences or judge.compared(*pair, read)  # a diagnosis has them, too
    presumed.runner.case = replace(presumed.runner.case, differences=differences)
    judgement = _judged(pair, presumed, build)
    case = presumed.runner.case
    judged = JudgedBuilds(judgement, (*case.builds, *presumed.runner.builds), variants, differences)
    if case.verdict not in (Verdict.SENSITIVE, Verdict.INTRINSIC):
        return judged
    explained = explain(case, presumed.runner.tools, presumed)
    return replace(
        judged,
        judgement=_judged_again(judgement, explained),
        builds=(*case.builds, *explained.builds),
        differences=explained.differences or differences,
        explained=explained,
    )


def _tools(
    runner: RecipeRunner,
    build: Callable[[str, Environment], Build],
    diagnose: Callable[[Build, Build, Grounds], Diagnosis | None],
) -> Tools:
    from orchestrator.analysis.causes.catalogue import CURES, TOLD_APART  # noqa: PLC0415 - as above

    return Tools(
        build,
        runner.run,
        diagnose,
        CURES,
        TOLD_APART,
        backend=runner.settled.source.backend,
        changes=runner.changes,
        obstacle=runner.obstacle,
    )


def _judged(pair: tuple[Build, Build], presumed: Presumed, build: Callable[[str, Environment], Build]) -> Judgement:
    """Judge two builds that disagree: by what holding the suspects gave, or else by a control build."""
    if presumed.holds:
        presumed.runner.judge(Verdict.SENSITIVE)
        return Judgement(Verdict.SENSITIVE)
    control = judge.build_control(presumed.runner.case.task, pair[0], build)
    judgement = judge.judge_three(*pair, control)
    presumed.runner.judge(judgement.verdict, control)
    return judgement


def _judged_again(former: Judgement, explained: Explained) -> Judgement:
    """Return the judgement after experiments: a flaky build is intrinsic, one that follows the clock is sensitive."""
    if explained.clock:
        return Judgement(Verdict.SENSITIVE, explained.clock, former.failure)
    if not explained.flaky:
        return former
    failures = (build.failure for build in explained.builds if build.name.startswith("control") and build.failure)
    return Judgement(Verdict.INTRINSIC, explained.flaky, former.failure or next(failures, None))
