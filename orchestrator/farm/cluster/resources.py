"""What workers announce to the scheduler, and what tasks ask for: resources of Dask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.farm.workers import AHEAD

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "wheelproof"
"""Under which a worker's metrics have what it announces: its version, the digest of its program, why it is unfit."""

BUILDS = "builds"
"""The resource that the operator gives: slots for builds."""

JOBS, LONG, REMOTE = "wheelproof-jobs", "wheelproof-long", "wheelproof-remote"
"""Resources: jobs at once, long ones among them, and single builds for jobs of other workers."""

ENDLESS = 1_000_000.0
"""Of the resource that only says which program a worker runs."""

SPARE = 4
"""Threads of a worker besides those of jobs and builds: they send pieces of files, and wait for nothing."""

FIRST, BUILD, PIECE = 0, 50, 100
"""Priorities of Dask: what other workers and the orchestrator wait for comes before jobs."""


def of_code(code: str) -> str:
    """Return the resource that workers with that program have."""
    return f"wheelproof-{code}"


def offered(builds: int, code: str, given: Mapping[str, float]) -> dict[str, float]:
    """Return what a worker with that many slots announces; no more jobs and remote builds than its operator gives.

    With `wheelproof-jobs=0`, it only does builds for jobs of other workers.
    """
    found = {
        BUILDS: float(builds),
        JOBS: float(builds + AHEAD),
        LONG: float(max(1, builds - 1)),
        REMOTE: float(builds),
        of_code(code): ENDLESS,
    }
    return found | {name: min(found[name], given[name]) for name in (JOBS, LONG, REMOTE) if name in given}


def threads(builds: int) -> int:
    """Return how many threads a worker needs, so that no task that another one waits for ever waits for a thread."""
    return builds + AHEAD + builds + SPARE


def announced(workers: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, str]]:
    """Return what each worker that judges jobs announces, by its address; from what the scheduler knows of workers."""
    metrics = {address: one.get("metrics") or {} for address, one in workers.items()}
    return {address: given[NAME] for address, given in metrics.items() if NAME in given}


def able(workers: Mapping[str, Mapping[str, Any]], code: str, resource: str) -> dict[str, int]:
    """Return how much of a resource each worker with that program has, by its address; those that have some."""
    given = {address: one.get("resources") or {} for address, one in workers.items()}
    return {
        address: int(has[resource]) for address, has in given.items() if has.get(of_code(code)) and has.get(resource)
    }
