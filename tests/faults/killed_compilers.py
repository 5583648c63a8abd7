"""Campaign: a compiler in a container is killed from outside, as a guard against memory shortage would."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tests.faults import packages, processes
from tests.faults.harness import LATEST, completed, containers, ended, false_verdicts, kept, last_line, workspace
from tests.faults.report import OPEN, RIGHT, Trial

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.docker.farm_fixture import FarmFixture

_SECONDS = 0.4  # that the compiler runs, on a quiet machine
_VICTIMS = (frozenset({"cc1"}), frozenset({"cc1"}), frozenset({"gcc"}))  # two of three: the compiler proper
_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)  # such guards send either
_BUILDS = 3  # first, second and control
_LOOK = 0.01  # seconds
_STATUSES = {0, 9}  # every job has a verdict, some jobs are open


@dataclass(frozen=True, slots=True)
class Blow:
    """Which process is killed: the so-many-th of a name, so long after it was seen, with which signal."""

    names: frozenset[str]
    nth: int
    after: float  # seconds
    number: signal.Signals

    def __str__(self) -> str:
        """Describe it in a few words."""
        return f"{self.number.name} to {'/'.join(self.names)} of build {self.nth} after {self.after:.2f} s"


def killed_compilers(count: int, seed: int) -> Iterator[Trial]:
    """Kill a compiler in a run: the verdict is true or missing, and the next run completes."""
    random = Random(seed)  # noqa: S311 - no secret
    with workspace() as place:
        paths = [packages.compiling(place.folder, _SECONDS)]
        for number in range(count):
            blow = Blow(
                random.choice(_VICTIMS),
                1 + number % _BUILDS,
                random.uniform(0, _SECONDS / 2),
                random.choice(_SIGNALS),
            )
            with place.farm(str(number)) as farm:
                yield _killed(farm, blow, paths)


def _killed(farm: FarmFixture, blow: Blow, paths: list[str]) -> Trial:
    begun = time.monotonic()
    process = farm.begin("run", "--jobs", "1", *paths)  # one build after the other
    struck = _strike(farm, process, blow)
    run, wrong = ended(process, begun)
    if not struck:
        wrong += ("nothing was killed: every compiler ended first",)
    if run.status not in _STATUSES:
        wrong += (f"status {run.status}: {last_line(run.err)}",)
    wrong += false_verdicts(farm, packages.EXTENSION)
    before = kept(farm)
    outcome = RIGHT if before else OPEN
    if not wrong:
        wrong = completed(farm, paths, packages.EXTENSION, before)
    return Trial(str(blow), "wrong" if wrong else outcome, wrong, time.monotonic() - begun)


def _strike(farm: FarmFixture, process: subprocess.Popen[str], blow: Blow) -> bool:
    """Wait for the process that is to be killed, and kill it, or the next if it was gone; return whether one was."""
    seen: set[int] = set()
    end = time.monotonic() + LATEST
    while process.poll() is None and time.monotonic() < end:
        for pid in processes.named(blow.names):
            if pid not in seen and processes.is_in(pid, [one["Id"] for one in containers(farm)]):
                seen.add(pid)
                if len(seen) >= blow.nth:
                    time.sleep(blow.after)
                    if processes.kill(pid, blow.number):
                        return True
        time.sleep(_LOOK)
    return False
