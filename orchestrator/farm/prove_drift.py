"""Builds a former run's inputs again, each time with one of them swapped, to prove which one changed a wheel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.farm import assemble
from orchestrator.job import build_pair
from orchestrator.job import inputs as job_inputs
from orchestrator.job.replaying import task_of
from orchestrator.model import Failure, Task
from orchestrator.results.drift import Tried, swaps
from orchestrator.util import logs

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.farm.effects import JobEffects
    from orchestrator.job.inputs import Effects
    from orchestrator.model import Image, Lock, Release
    from orchestrator.results.drift import Swap, WheelDrift
    from orchestrator.results.store import Results


def prove(drift: WheelDrift, settings: Config, store: Results) -> tuple[Tried, ...]:
    """Build the inputs of a drift's earlier result unchanged and with each swap, on today's image.

    Empty where the index now has another sdist, because that would prove nothing.

    Raises
    ------
    WheelproofError
        The farm failed.

    """
    assert drift.earlier.inputs is not None  # noqa: S101 - only built results drift
    task = task_of(drift.earlier, drift.earlier.inputs)
    farm = assemble.open_farm(settings, store, (task,))
    image = farm.images[task.image]
    with assemble.container_cleanup(farm.job_effects):
        release = farm.job_effects.release(task, image)
        if release.sdist is None or drift.earlier.sdist is None or release.sdist.sha256 != drift.earlier.sdist.sha256:
            return ()
        return tuple(_tried(swap, task, release, image, farm.job_effects) for swap in swaps(drift))


def _tried(swap: Swap, task: Task, release: Release, image: Image, job_effects: JobEffects) -> Tried:
    effects = with_lock(job_effects.effects(release.project, task.limits, long=False, again=True), swap.lock)
    settled = job_inputs.settle(release, image, effects, task.config_settings)
    built = settled if isinstance(settled, Failure) else build_pair.build_twice(task, release, image, settled, effects)
    wheel = None if isinstance(built, Failure) else built[1].build.wheel
    what = f"with the later {', '.join(swap.names)}" if swap.names else "as it was"
    logs.info("built again", project=release.project, how=what, sha256=wheel.sha256 if wheel else "")
    return Tried(swap, wheel.sha256 if wheel else "")


def with_lock(effects: Effects, lock: Lock) -> Effects:
    """Return effects with which build requirements are those of that lock, whatever is required."""
    return replace(effects, lock=lambda _wanted, _target: lock)
