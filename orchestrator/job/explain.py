"""The explanation of a job whose builds differ."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.experiments.explain import explain
from orchestrator.experiments.runner import Case, Tools
from orchestrator.job.judge import Judgement
from orchestrator.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.experiments.explain import Explained
    from orchestrator.job.judge import JudgedBuilds
    from orchestrator.job.recipes import RecipeRunner
    from orchestrator.model import Build, Diagnosis, Environment, Grounds, Release, Task


def explain_difference(
    task: Task,
    release: Release,
    judged: JudgedBuilds,
    build: Callable[[str, Environment], Build],
    diagnose: Callable[[Build, Build, Grounds], Diagnosis | None],
    runner: RecipeRunner,
) -> JudgedBuilds:
    """Explain why builds differ, where they do. Experiments may change the verdict to intrinsic: a flaky build."""
    if judged.judgement.verdict not in (Verdict.SENSITIVE, Verdict.INTRINSIC):
        return judged
    # Imported here: most runs build little, and the causes import a library.
    from orchestrator.analysis.causes.catalogue import CURES, TOLD_APART  # noqa: PLC0415

    first, second, control = judged.builds
    case = Case(task, release.version, judged.judgement.verdict, first, second, control, judged.differences)
    tools = Tools(
        build,
        runner.run,
        diagnose,
        CURES,
        TOLD_APART,
        backend=runner.settled.source.backend,
        changes=runner.changes,
        obstacle=runner.obstacle,
    )
    explained = explain(case, tools)
    return replace(
        judged,
        judgement=_judged_again(judged.judgement, explained),
        builds=(*judged.builds, *explained.builds),
        differences=explained.differences or judged.differences,
        explained=explained,
    )


def _judged_again(former: Judgement, explained: Explained) -> Judgement:
    """Return the judgement after experiments: a flaky build is intrinsic, one that follows the clock is sensitive."""
    if explained.clock:
        return Judgement(Verdict.SENSITIVE, explained.clock, former.failure)
    return Judgement(Verdict.INTRINSIC, explained.flaky, former.failure) if explained.flaky else former
