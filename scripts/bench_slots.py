"""Measure what the orchestrator itself takes with many slots: real records, stores and site, stub builds.

    .venv/bin/python scripts/bench_slots.py [--slots 1 2 4 8 16] [--rounds 6] [--seconds 0.3] [--repetitions 3]

A stub build holds its slot for that many seconds and uses no CPU, like the thread that waits for a container.
`--rounds` is the number of jobs for each slot; there are never fewer than 24 jobs. Each line has the median of the
repetitions, with the lowest and the highest:

- jobs a minute, and how busy the slots were, until the last record;
- CPU milliseconds of a job: of the orchestrator, and of the process that writes the site, without their start, and
  without what the stubs take to make up wheels, probes and logs;
- per cent of one core for a hundred jobs a minute, of both together;
- milliseconds of a job in which a slot was free while a build waited for one, in which the store's functions did not
  use the CPU (the disk, a lock, or another thread had it), and in which the end of the run waited for the site.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import stub_farm

from orchestrator.farm import progress, run
from orchestrator.farm.workers import Cancellation, CpuSlots, Threads
from orchestrator.job import rebuild
from orchestrator.publish import publisher_process
from orchestrator.results.history import accumulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.farm.plan import Job
    from orchestrator.model import Result

FEWEST = 24
"""Jobs of a measurement, at least."""

_MINUTE = 60.0
_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run took, in seconds; CPU without what the processes took to start."""

    jobs: int
    wall: float
    held: float  # by builds, over all slots
    cpu: float  # of the orchestrator, without its stubs
    site_cpu: float  # of the process that writes the site
    idle: float  # in which a slot was free while a build waited
    store: float  # in which functions of the store waited
    end: float  # from the last record to the last page


@dataclass(frozen=True, slots=True)
class Figures:
    """What is printed of one run."""

    jobs_a_minute: float
    busy: float  # per cent of the slots
    cpu: float  # milliseconds a job, as all that follow but one
    site_cpu: float
    core: float  # per cent of one core, for a hundred jobs a minute
    idle: float
    store: float
    end: float


def figures(measured: Measured, slots: int) -> Figures:
    """Return what is printed of a run with that many slots."""
    each = 1000 / measured.jobs
    both = measured.cpu + measured.site_cpu
    judging = measured.wall - measured.end
    return Figures(
        jobs_a_minute=measured.jobs / judging * _MINUTE,
        busy=100 * measured.held / (judging * slots),
        cpu=measured.cpu * each,
        site_cpu=measured.site_cpu * each,
        core=100 * both / measured.jobs * _HUNDRED / _MINUTE,
        idle=measured.idle * each,
        store=measured.store * each,
        end=measured.end * each,
    )


class Watch:
    """Measures how long slots are held, and how long one is free while a build waits for one."""

    def __init__(self, slots: CpuSlots, clock: Callable[[], float] = time.monotonic) -> None:
        """Watch those slots."""
        self.held = 0.0  # seconds, over all slots
        self.idle = 0.0
        self._slots, self._clock = slots, clock
        self._waiting, self._running, self._since = 0, 0, clock()
        self._lock = threading.Lock()

    def note(self, *, waiting: int = 0, running: int = 0) -> None:
        """Note that so many more builds wait for a slot, and that so many more have one."""
        with self._lock:
            now = self._clock()
            passed, self._since = now - self._since, now
            self.held += passed * self._running
            if self._waiting and self._running < self._slots.count:
                self.idle += passed
            self._waiting += waiting
            self._running += running

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Wait for a slot, and have it."""
        self.note(waiting=1)
        with self._slots.acquire(long=False):
            self.note(waiting=-1, running=1)
            try:
                yield
            finally:
                self.note(running=-1)


def unused() -> float:
    """Return a clock of this thread that stands while it uses the CPU, in seconds."""
    return time.monotonic() - time.thread_time()


def measured(slots: int, jobs: int, seconds: float, folder: Path) -> Measured:
    """Run that many jobs, whose builds take so many seconds each."""
    settings, store = stub_farm.opened(folder)
    watch, waits, stop = Watch(CpuSlots(slots, (0,), long=settings.long)), stub_farm.Summed(unused), Cancellation()
    written = 0.0

    @contextmanager
    def slot() -> Iterator[None]:
        with watch.hold():
            stop.event.wait(seconds)
            yield

    def judge(job: Job) -> Result | Path:
        effects = stub_farm.effects(store, job.release.project, slot)
        effects = replace(effects, known=waits.of(effects.known))
        return rebuild.rebuild(job.task, job.release, stub_farm.IMAGE, effects)

    def write(result: Result) -> Path:
        nonlocal written
        path = store.write(accumulated(result, store.entries(result.project)))
        written = time.monotonic()
        return path

    publisher = publisher_process.PublisherProcess(folder / "config.yaml", store.folder)
    context = run.RunContext(
        release=stub_farm.release,
        latest=waits.of(store.latest),
        pool=Threads(judge, CpuSlots(slots, (0,)).room),
        write=waits.of(write),
        publish=publisher.publish,
        is_published=lambda: False,
        stop=stop,
        long=settings.long,
    )
    with store.locked(), publisher, progress.shown(jobs) as display:
        others = children()
        publisher.publish()  # its process has started and has its templates
        (site,) = set(children()) - set(others)
        begun, cpu, site_cpu = time.monotonic(), _own_cpu(), cpu_of(site)
        stub_farm.checked(run.run(stub_farm.tasks(jobs), context, lambda _total: display), jobs)
        ended = time.monotonic()
        return Measured(
            jobs=jobs,
            wall=ended - begun,
            held=watch.held,
            cpu=_own_cpu() - cpu,
            site_cpu=cpu_of(site) - site_cpu,
            idle=watch.idle,
            store=waits.seconds,
            end=ended - written,
        )


def _own_cpu() -> float:
    """Return the CPU seconds of this process, without those of its stubs."""
    return time.process_time() - stub_farm.OWN.seconds


def children() -> tuple[int, ...]:
    """Return the processes that this one started, and that run."""
    tasks = Path("/proc/self/task").iterdir()
    return tuple(int(child) for task in tasks for child in (task / "children").read_text().split())


def cpu_of(process: int) -> float:
    """Return the CPU seconds that a process has used."""
    after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, after_name[11:13])) / os.sysconf("SC_CLK_TCK")


def line(slots: int, several: Sequence[Figures]) -> str:
    """Return the line of several runs with that many slots."""
    columns = zip(*(asdict(one).values() for one in several), strict=True)
    return f"{slots:>5}" + "".join(f"{_spread(tuple(column)):>20}" for column in columns)


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


HEAD = f"{'slots':>5}" + "".join(
    f"{name:>20}" for name in ("jobs/min", "busy %", "CPU ms", "site ms", "core %", "idle ms", "store ms", "end ms")
)


def _in_own_process(slots: int, options: argparse.Namespace) -> Figures:
    jobs = max(FEWEST, slots * options.rounds)
    command = [sys.executable, __file__, "--one", json.dumps([slots, jobs, options.seconds])]
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603 - ours
    return figures(Measured(**json.loads(printed)), slots)


def main() -> None:
    """Print a line for each number of slots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--rounds", type=int, default=6, help="jobs for each slot")
    parser.add_argument("--seconds", type=float, default=0.3, help="that a build takes")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        with tempfile.TemporaryDirectory() as name, Path(os.devnull).open("w") as nothing, redirect_stderr(nothing):
            slots, jobs, seconds = options.one
            print(json.dumps(asdict(measured(slots, jobs, seconds, Path(name)))))
        return
    print(HEAD)
    for slots in options.slots:
        print(line(slots, [_in_own_process(slots, options) for _ in range(options.repetitions)]), flush=True)


if __name__ == "__main__":
    main()
