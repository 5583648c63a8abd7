"""Campaign: the container engine is killed with SIGKILL during a run, and started again a moment later."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING

from tests.faults import packages
from tests.faults.harness import completed, ended, false_verdicts, kept, last_line, truth, workspace
from tests.faults.report import OPEN, RIGHT, Trial
from tests.faults.second_engine import SecondEngine, second_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docker.farm_fixture import FarmFixture

_FIRST = 0.5  # seconds; before that, no run has spoken to its engine
_AWAY = 3.0  # seconds that the engine stays away at most
_STATUSES = {0, 4, 9}  # every job has a verdict, the engine fails, some jobs are open


def engine_crashes(count: int, seed: int) -> Iterator[Trial]:
    """Kill the engine of a run: each verdict is true or missing, and the next run completes."""
    random = Random(seed)  # noqa: S311 - no secret
    with workspace() as place:
        paths = packages.packed(tuple(packages.VERDICTS), place.folder)
        with second_engine([truth().image]) as engine:
            place.environment["DOCKER_HOST"] = engine.address
            for number in range(count):
                with place.farm(str(number)) as farm:
                    yield _crash(farm, engine, random, paths)


def _crash(farm: FarmFixture, engine: SecondEngine, random: Random, paths: list[str]) -> Trial:
    moment = random.uniform(_FIRST, truth().seconds)
    away, both = random.uniform(0, _AWAY), random.random() < 1 / 3
    begun = time.monotonic()
    process = farm.begin("run", *paths)
    time.sleep(moment)
    engine.kill(containerd=both)
    time.sleep(away)
    engine.start()
    run, wrong = ended(process, begun)
    if run.status not in _STATUSES:
        wrong += (f"status {run.status}: {last_line(run.err)}",)
    wrong += false_verdicts(farm, truth().findings)
    before = kept(farm)
    wrong += completed(farm, paths, truth().findings, before)
    outcome = RIGHT if len(before) == len(paths) else OPEN
    killed = "dockerd and containerd" if both else "dockerd"
    return Trial(f"{killed} killed after {moment:.2f} s, for {away:.1f} s", outcome, wrong, time.monotonic() - begun)
