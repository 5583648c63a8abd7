"""A Dask worker that judges jobs: `dask worker ADDRESS --preload orchestrator.farm.worker --resources "builds=2"`.

The functions here run in the worker's process: those of the preload by Dask's event loop, the others as Dask tasks.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from distributed import get_worker
from distributed.threadpoolexecutor import ThreadPoolExecutor
from tornado.ioloop import PeriodicCallback

from orchestrator import __version__
from orchestrator.errors import WheelproofError
from orchestrator.farm import capacity
from orchestrator.farm.cluster import values
from orchestrator.farm.cluster.values import Reply, SentFile
from orchestrator.farm.cluster.worker_farm import Running, WorkerFarm, reply
from orchestrator.farm.workers import AHEAD
from orchestrator.model import Limits
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distributed import Worker

    from orchestrator.build.engine import Engine
    from orchestrator.farm.cluster.worker_farm import Judge

NAME = "wheelproof"
"""Under which a worker's metrics have what it announces."""

JOBS, LONG, REMOTE = "wheelproof-jobs", "wheelproof-long", "wheelproof-remote"
"""Resources: jobs at once, long ones among them, and single builds for jobs of other workers."""

BUILDS = "builds"
"""The resource that the operator gives: slots for builds."""

ENDLESS = 1_000_000.0
"""Of the resource that only says which program a worker runs."""

SPARE = 4
"""Threads besides those of jobs and builds: they send pieces of files, and wait for nothing."""

_LOOK = 1.0  # seconds between two looks for jobs that nobody waits for any more
_AGAIN = 10  # looks between two tries to become fit
_ACTIVE = frozenset({"executing", "long-running"})


def resource_of_code(code: str) -> str:
    """Return the resource that workers with that program have."""
    return f"wheelproof-{code}"


def resources(builds: int, code: str) -> dict[str, float]:
    """Return what a worker announces to the scheduler."""
    return {
        BUILDS: float(builds),
        JOBS: float(builds + AHEAD),
        LONG: float(max(1, builds - 1)),
        REMOTE: float(builds),
        resource_of_code(code): ENDLESS,
    }


@dataclass
class Station:
    """What a worker's process has: its farm, and the jobs that run."""

    worker: Worker
    farm: WorkerFarm
    judge: Judge
    running: dict[str, Running] = field(default_factory=dict)
    unfit: str = "it has not begun yet"
    open: ExitStack = field(default_factory=ExitStack)
    looks: int = 0

    def prepare(self) -> None:
        """Become fit: lock the folder, and remove what a former worker left; `unfit` has the reason if that fails."""
        try:
            self.open.enter_context(self.farm.locked())
            if left := self.farm.sweep():
                logs.info("removed what a former worker left behind", containers=left)
        except WheelproofError as error:
            self.open.close()
            self.unfit = str(error)
            logs.warning("this worker takes no jobs", fault=self.unfit)
        else:
            self.unfit = ""

    async def look(self) -> None:
        """Stop the jobs that nobody waits for any more; try again to become fit."""
        for key, running in tuple(self.running.items()):
            task = self.worker.state.tasks.get(key)
            if (task is None or task.state not in _ACTIVE) and not running.stop.asked:
                running.cancel()
        self.looks += 1
        if self.unfit and self.looks % _AGAIN == 0:
            await asyncio.to_thread(self.prepare)
            if not self.unfit:
                await self.worker.set_resources(**self.resources)

    @property
    def resources(self) -> dict[str, float]:
        """What this worker announces; without jobs while it is unfit."""
        found = resources(self.farm.slots.count, values.code())
        return dict.fromkeys(found, 0.0) if self.unfit else found

    def announced(self) -> dict[str, str]:
        """Return what the orchestrator reads about this worker."""
        return {"version": __version__, "code": values.code(), "unfit": self.unfit}

    def begun(self, key: str, engine: Engine) -> Running:
        """Note that a job runs."""
        self.running[key] = Running(engine=engine)
        return self.running[key]

    def close(self) -> None:
        """Kill the containers of all jobs, and give the folder free."""
        for running in self.running.values():
            running.stop.ask()
            if running.engine is not None:
                running.engine.stop()
        if not self.unfit:
            try:
                self.farm.sweep()
            except WheelproofError as error:  # the next worker in this folder removes them
                logs.warning("containers may be left", fault=str(error))
        self.open.close()


_STATIONS: dict[str, Station] = {}  # by the id of the worker: a process may have several


def begin(worker: Worker, farm: WorkerFarm, judge: Judge) -> Station:
    """Have a worker judge jobs with a function; before it joins the scheduler."""
    station = Station(worker, farm, judge)
    _STATIONS[worker.id] = station
    station.prepare()
    count = farm.slots.count
    worker.state.total_resources.update(station.resources)
    worker.state.available_resources.update(station.resources)
    worker.state.nthreads = max(worker.state.nthreads, 2 * count + AHEAD + SPARE)
    worker.executors["default"] = ThreadPoolExecutor(worker.state.nthreads, thread_name_prefix="job")
    worker.metrics[NAME] = lambda _worker: station.announced()
    return station


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, resolve_path=True),
    default=lambda: Path.home() / ".cache" / "wheelproof-worker",
    envvar="WHEELPROOF_WORKER_FOLDER",
    help="Where this worker keeps caches, wheels and logs; it has it alone.",
)
async def dask_setup(worker: Worker, folder: Path) -> None:
    """Let Dask's worker judge jobs, before it joins the scheduler. Dask calls this."""
    builds = int(worker.state.total_resources.get(BUILDS, 0)) or _builds()
    farm = WorkerFarm(folder, builds, sorted(os.sched_getaffinity(0)))
    station = await asyncio.to_thread(begin, worker, farm, farm.judge)
    worker.periodic_callbacks[NAME] = PeriodicCallback(station.look, _LOOK * 1000)
    worker.periodic_callbacks[NAME].start()


def _builds() -> int:
    """Return how many builds this host has processors and memory for."""
    return capacity.builds_at_once(*capacity.measured(), Limits().memory)


async def dask_teardown(worker: Worker) -> None:
    """Kill all containers of this worker when it ends. Dask calls this."""
    station = _STATIONS.pop(worker.id, None)
    if station is not None:
        await asyncio.to_thread(station.close)


# --- tasks -----------------------------------------------------------------------------------


def _station() -> Station:
    return _STATIONS[get_worker().id]


def _log(topic: str) -> Callable[[str, str], None]:
    """Return a function that hands on what is being done, as events of Dask."""
    worker = get_worker()
    return lambda project, doing: worker.log_event(topic, {"project": project, "doing": doing})


def judge(data: bytes, topic: str) -> tuple[bytes, bytes]:
    """Judge the job of that JSON; return the reply's JSON, and the first piece of its files."""
    station, worker = _station(), get_worker()
    answer = _judged(station, data, topic)
    first = station.farm.piece(answer.files, 0)
    return values.encoded(values.REPLY, replace(answer, worker=worker.address)), first


def _judged(station: Station, data: bytes, topic: str) -> Reply:
    if station.unfit:
        return Reply(refused=station.unfit)
    key, clock = str(station.worker.get_current_task()), station.worker.scheduler_delay
    try:
        return reply(data, station.farm, partial(station.begun, key), station.judge, _log(topic), clock)
    finally:
        station.running.pop(key, None)


def next_piece(files: list[tuple[str, str, int]], offset: int) -> bytes:
    """Return a further piece of files: (store, SHA-256, size) of each."""
    return _station().farm.piece([SentFile(*file) for file in files], offset)


def describe(data: bytes, topic: str) -> bytes:
    """Return the image of a request as JSON, or the error as a reply's JSON; make it first, if it is not there."""
    request = values.decoded(values.IMAGE_REQUEST, data)
    try:
        return values.encoded(values.IMAGE, _station().farm.describe(request, _log(topic)))
    except WheelproofError as error:
        return values.encoded(values.REPLY, values.failure(error))


def announced(workers: Mapping[str, Mapping[str, object]]) -> dict[str, Mapping[str, str]]:
    """Return what each worker that judges jobs announces, by its address; from what the scheduler knows of workers."""
    found = ((address, one.get("metrics")) for address, one in workers.items())
    return {address: metrics[NAME] for address, metrics in found if isinstance(metrics, dict) and NAME in metrics}
