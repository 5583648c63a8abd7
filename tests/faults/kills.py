"""Campaign: the orchestrator is killed with SIGKILL at a random moment of a run."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING

from tests.faults import packages
from tests.faults.harness import (
    PATIENCE,
    completed,
    containers,
    ended,
    eventually,
    kept,
    leftovers,
    ran,
    truth,
    workspace,
)
from tests.faults.report import RIGHT, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docker.farm_fixture import FarmFixture

_ORPHAN_EVERY = 20  # one trial in so many looks at how long a container outlives its orchestrator
_LIMIT = 3  # seconds of a build's time there
_GRACE = 5.0  # seconds beyond it, for a busy engine


def kills(count: int, seed: int) -> Iterator[Trial]:
    """Kill a run, then run again: no record lost, the true verdicts, nothing left."""
    random = Random(seed)  # noqa: S311 - no secret
    with workspace() as place:
        paths = packages.packed(tuple(packages.VERDICTS), place.folder)
        for number in range(count):
            if number % _ORPHAN_EVERY == _ORPHAN_EVERY // 2:
                with place.farm(str(number), limits={"time": f"{_LIMIT}s"}) as farm:
                    yield _orphan(farm)
            else:
                with place.farm(str(number)) as farm:
                    yield _kill(farm, random.uniform(0, truth().seconds), paths)


def _kill(farm: FarmFixture, moment: float, paths: list[str]) -> Trial:
    begun = time.monotonic()
    process = farm.begin("run", *paths)
    time.sleep(moment)
    process.kill()
    _, wrong = ended(process, begun, PATIENCE)  # its helpers have its standard error, too
    before = kept(farm)
    wrong += completed(farm, paths, truth().findings, before)
    what = f"killed after {moment:.2f} s, with {len(before)} of {len(paths)} records"
    return Trial(what, RIGHT if not wrong else "wrong", wrong, time.monotonic() - begun)


def _orphan(farm: FarmFixture) -> Trial:
    """Kill a run whose build never ends: the build must end at its limit all the same."""
    begun = time.monotonic()
    paths = packages.packed(("never-ends",), farm.folder)
    process = farm.begin("run", *paths)
    eventually(lambda: _runs(farm))
    process.kill()
    _, wrong = ended(process, begun, PATIENCE)
    if not eventually(lambda: not _runs(farm), _LIMIT + _GRACE):
        wrong += (f"a container still runs {_GRACE:g} s after its limit of {_LIMIT} s, without an orchestrator",)
    run, late = ran(farm, "run", *paths)
    wrong += late + leftovers(farm)
    if run.status or farm.verdicts() != {"never-ends": "ftbfs"}:
        wrong += (f"the next run ended with status {run.status} and {farm.verdicts()}",)
    return Trial("killed while a build never ends", RIGHT if not wrong else "wrong", wrong, time.monotonic() - begun)


def _runs(farm: FarmFixture) -> bool:
    return any(one["State"] == "running" for one in containers(farm))
