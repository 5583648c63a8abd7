"""What is known about jobs before a run: no image is built, no container runs, and no engine is needed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from orchestrator.farm.input_effects import NotKnownYet, ToolBench
from orchestrator.farm.plan import Forecast, is_compared, nearest
from orchestrator.job import inputs, judge, tool_policies
from orchestrator.job.inputs import Effects
from orchestrator.model import Failure, Result
from orchestrator.results.store import read

if TYPE_CHECKING:
    from orchestrator.farm.input_effects import InputEffects
    from orchestrator.farm.plan import Job
    from orchestrator.model import Image, Inputs, Task


class _NotBuiltYet(NotKnownYet):
    """A tool has to be built first."""


def foresee(job: Job, image: Image, input_effects: InputEffects) -> Forecast:
    """Collect what is known about a job: a former result, its inputs, and the record of the same inputs.

    Raises
    ------
    WheelproofError
        The index does not answer, or the cache cannot be written.

    """
    task, release = job.task, job.release
    find = partial(input_effects.results.find, release.project)
    if release.sdist is None:
        return Forecast()
    if (early := judge.without_building(task, release, image)) is not None:
        path = find(judge.id_without_building(release, image, early))
        return Forecast(failure=early.failure, judged=read(path) if path else None)
    former = nearest(task, release.version, input_effects.results.heads(release.project))
    if not is_compared(job, former):
        return Forecast(former)
    try:
        return _settled(job, image, former, input_effects)
    except NotKnownYet as pending:
        return Forecast(former, pending=str(pending), builds=isinstance(pending, _NotBuiltYet))


def _settled(job: Job, image: Image, former: Result | None, input_effects: InputEffects) -> Forecast:
    """Settle the inputs as a run does, and look for their record."""
    task, release = job.task, job.release
    bench = ToolBench(input_effects, image, task.limits)
    effects = tool_policies.by_policy(task, image, _without_builds(input_effects, task), bench)
    settled = inputs.settle(release, image, effects, task.config_settings)
    if isinstance(settled, Failure):
        unsettled = inputs.unsettled(task, release, image, settled, effects.now().date())
        return Forecast(former, unsettled, failure=settled, judged=_judged(job, unsettled, input_effects))
    wanted = inputs.inputs_of(task, release, image, settled.lock.digest)
    return Forecast(former, wanted, settled.asked, judged=_judged(job, wanted, input_effects))


def _judged(job: Job, wanted: Inputs, input_effects: InputEffects) -> Result | None:
    path = inputs.recorded(job.task, wanted, partial(input_effects.results.find, job.release.project))
    return read(path) if path else None


def _without_builds(input_effects: InputEffects, task: Task) -> Effects:
    """Return the effects of a job that settle its inputs; all that builds raises NotKnownYet."""
    settling = input_effects.settling(task.limits, input_effects.crates_kept)
    return Effects(
        fetch=settling.fetch,
        describe=settling.describe,
        lock=input_effects.lock_for(task),
        recall=settling.recall,
        crates=settling.crates,
        materialize=_not_built,
        remember=_not_built,
        build=_not_built,
        read=_not_built,
        diagnose=_not_built,
        known=input_effects.results.find,
        salt=lambda: "",
        now=lambda: datetime.now(UTC),
    )


def _not_built(*_: object) -> NoReturn:
    msg = "its build tools are built first"
    raise _NotBuiltYet(msg)
