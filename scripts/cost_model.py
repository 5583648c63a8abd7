"""Reckon what a run on Dask workers costs: its time, and what the orchestrator, the scheduler and the network do.

    .venv/bin/python scripts/cost_model.py [--seconds 60] [--builds 2] [--kilobytes 600]

prints a line for some numbers of workers and releases. The constants were measured by scripts/bench_workers.py; a test
compares what this predicts with what that measures.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

ORCHESTRATOR = 0.012
"""CPU seconds of the orchestrator for a job: sending it, fetching its files, writing its record."""

SCHEDULER = 0.007
"""CPU seconds of the scheduler for a job."""

WATCHING = 0.001
"""CPU seconds of the scheduler for each worker and second: heartbeats, and what the orchestrator asks of them."""

WRITING = 0.015
"""Seconds of real time for which the record of a job is written, one after the other."""

SENT = 40_000
"""Bytes that go out with a job, most of them the recipe of its image."""

ORCHESTRATOR_BASE, ORCHESTRATOR_JOB, ORCHESTRATOR_WORKER = 110_000_000, 1_500, 300_000
"""Bytes of memory of the orchestrator: without a job, for each job of the list, and for each worker."""

RECORD = 35_000
"""Bytes of a record."""


@dataclass(frozen=True, slots=True)
class Load:
    """A run."""

    workers: int
    builds: int  # at once, on each worker
    releases: int
    seconds: float  # of real time that a job has a slot: all of its builds together, one after the other
    files: int  # bytes of wheels and logs that a job gives


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run costs."""

    seconds: float  # of real time
    busy: float  # share of the slots' time in which they build
    orchestrator: float  # share of one processor
    scheduler: float  # likewise
    memory: int  # bytes, of the orchestrator
    network: int  # bytes through the scheduler's host, in and out
    rate: float  # bytes per second of that, on average
    disk: int  # bytes of records, which are kept; wheels and logs are bounded by `keep`


def cost(load: Load) -> Cost:
    """Return what a run costs: its slowest part decides how long it takes.

    At the end slots are empty, half of a job's time on average. The orchestrator and the scheduler are one thread each.
    """
    slots = load.workers * load.builds
    building = load.releases * load.seconds / slots + load.seconds / 2
    watching = 1 - WATCHING * load.workers  # what the scheduler has left for jobs
    serial = load.releases * max(ORCHESTRATOR, WRITING, SCHEDULER / watching)
    seconds = max(building, serial)
    network = 2 * load.releases * (SENT + RECORD + load.files)
    return Cost(
        seconds=seconds,
        busy=load.releases * load.seconds / (seconds * slots),
        orchestrator=load.releases * ORCHESTRATOR / seconds,
        scheduler=load.releases * SCHEDULER / seconds + WATCHING * load.workers,
        memory=ORCHESTRATOR_BASE + ORCHESTRATOR_JOB * load.releases + ORCHESTRATOR_WORKER * load.workers,
        network=network,
        rate=network / seconds,
        disk=RECORD * load.releases,
    )


WORKERS = (1, 3, 10, 20, 50, 100)
RELEASES = (2_000, 20_000, 100_000)


def table(builds: int, seconds: float, files: int) -> str:
    """Return a table in Markdown of some runs."""
    lines = [
        "| workers | releases | time | slots busy | orchestrator, CPU | scheduler, CPU | memory | network | disk |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for releases in RELEASES:
        for workers in WORKERS:
            load = Load(workers, builds, releases, seconds, files)
            lines.append(_line(load, cost(load)))
    return "\n".join(lines)


def _line(load: Load, one: Cost) -> str:
    cells = (
        f"{load.workers}",
        f"{load.releases:,}",
        _time(one.seconds),
        f"{one.busy:.0%}",
        f"{one.orchestrator:.1%}",
        f"{one.scheduler:.1%}",
        f"{one.memory / 1e6:.0f} MB",
        f"{one.network / 1e9:.1f} GB, {one.rate / 1e6:.2f} MB/s",
        f"{one.disk / 1e9:.2f} GB",
    )
    return f"| {' | '.join(cells)} |"


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86_400:.1f} d"


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=60, help="of real time for which a job has a slot")
    options.add_argument("--builds", type=int, default=2, help="slots of each worker")
    options.add_argument("--kilobytes", type=int, default=600, help="of wheels and logs that a job gives")
    given = options.parse_args()
    print(table(given.builds, given.seconds, given.kilobytes * 1000))


if __name__ == "__main__":
    main()
