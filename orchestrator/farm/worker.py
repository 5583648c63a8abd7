"""A Dask worker that judges jobs: `dask worker ADDRESS --preload orchestrator.farm.worker --resources "builds=2"`.

The functions here run in the worker's process: those of the preload by Dask's event loop, the others as Dask tasks.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from distributed import get_worker
from distributed.threadpoolexecutor import ThreadPoolExecutor
from tornado.ioloop import PeriodicCallback

from orchestrator import __version__
from orchestrator.errors import WheelproofError, WorkersError
from orchestrator.farm import capacity
from orchestrator.farm.cluster import orders, peer, resources, values
from orchestrator.farm.cluster.orders import SentOutput
from orchestrator.farm.cluster.values import Reply, SentFile
from orchestrator.farm.cluster.worker_farm import NotHereError, Refusal, Running, WorkerFarm
from orchestrator.farm.workers import attempted
from orchestrator.model import Limits
from orchestrator.util import cache, logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Worker

    from orchestrator.farm.cluster.worker_farm import Judge, Log

_T = TypeVar("_T")
_LOOK = 1.0  # seconds between two looks for jobs that nobody waits for any more
_AGAIN = 10  # looks between two tries to become fit
_SWEEP = 60  # looks between two removals of what no job has any more, where none has failed
_TIDY = 3600  # looks between two prunings of stores and cache
_ACTIVE = frozenset({"executing", "long-running"})
_ENDS = "it is being stopped"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class Station:
    """What a worker's process has: its farm, and the jobs that run."""

    worker: Worker
    farm: WorkerFarm
    judge: Judge
    running: dict[str, Running] = field(default_factory=dict)
    given: dict[str, float] = field(default_factory=dict)  # resources that the operator gives
    unfit: str = "it has not begun yet"
    open: ExitStack = field(default_factory=ExitStack)
    looks: int = 0
    failed: float = 0.0  # when a job failed, whose containers may be left: a time, in seconds of Unix; 0: none
    ends: bool = False
    begins: threading.Lock = field(default_factory=threading.Lock)  # held while a job begins, or while none may

    def prepare(self) -> None:
        """Become fit: lock the folder, and remove what a former worker left; `unfit` has the reason if that fails."""
        try:
            self.open.enter_context(self.farm.locked())
            if why := self.farm.unfit(clock=0):  # the scheduler's time is not known yet
                raise NotHereError(why)
            if left := self.farm.sweep():
                logs.info("removed what a former worker left behind", containers=left)
        except WheelproofError as error:
            self.open.close()
            if self.unfit != str(error):  # it is tried again every few seconds, for days
                logs.warning("this worker takes no jobs", fault=str(error))
            self.unfit = str(error)
        else:
            self.unfit = ""

    async def look(self) -> None:
        """Stop the jobs that nobody waits for any more; try again to become fit."""
        for key, running in tuple(self.running.items()):
            task = self.worker.state.tasks.get(key)
            if (task is None or task.state not in _ACTIVE) and not running.stop.asked:
                running.cancel()
        self.looks += 1
        if self.unfit and not self.ends and self.looks % _AGAIN == 0:
            await asyncio.to_thread(self.prepare)
            if not self.unfit:
                await self.worker.set_resources(**self.resources)
        if self.failed or self.looks % _SWEEP == 0:
            await asyncio.to_thread(self.clear)
        if self.looks % _TIDY == 0:
            await asyncio.to_thread(self.tidy)

    def clear(self) -> None:
        """Remove the containers of jobs that ended, such as with their engine; those of jobs that run stay."""
        with self.begins:
            failed, begun = self.failed, [running.begun for running in self.running.values()]
        before = math.floor(min(begun, default=time.time()))  # an engine counts whole seconds
        if self.unfit or self.ends or isinstance(attempted(self.farm.sweep, before), WheelproofError):
            return  # the next look tries again
        with self.begins:
            if self.failed == failed < before:
                self.failed = 0.0

    def tidy(self) -> None:
        """Keep the bounds of stores and cache, if no job runs."""
        with self.begins:
            if not self.running and not self.unfit:
                self.farm.tidy()

    @property
    def resources(self) -> dict[str, float]:
        """What this worker announces; nothing while it is unfit."""
        found = resources.offered(self.farm.slots.count, values.code(), self.given)
        return dict.fromkeys(found, 0.0) if self.unfit else found

    def announced(self) -> dict[str, str]:
        """Return what the orchestrator and other workers read about this one."""
        host = _BOOT.read_text().strip() if _BOOT.is_file() else ""
        return {"version": __version__, "code": values.code(), "unfit": self.unfit, "host": host}

    def run(self, act: Callable[[Running], _T], isolation: str, key: str = "") -> _T | Refusal | WheelproofError:
        """Do the work of a task, so that it can be stopped; `key` is its name, empty: that of this thread's task."""
        key, clock = key or str(self.worker.get_current_task()), self.worker.scheduler_delay
        if self.unfit:
            return Refusal(self.unfit)

        def begun() -> _T:
            engine = self.farm.engine(isolation)
            with self.begins:
                if self.ends:
                    raise NotHereError(_ENDS)
                running = self.running[key] = Running(engine=engine)
            return act(running)

        try:
            outcome = self.farm.attempted(begun, clock)
            if isinstance(outcome, Refusal | WheelproofError):
                self.failed = time.time()
            return Refusal(_ENDS) if self.ends and isinstance(outcome, WheelproofError) else outcome
        finally:
            self.running.pop(key, None)

    def close(self) -> None:
        """Kill the containers of all jobs, and leave the folder to others."""
        with self.begins:
            self.ends = True
        for running in tuple(self.running.values()):
            running.stop.ask()
            if running.engine is not None:
                attempted(running.engine.stop)  # what it leaves is swept
        if not self.unfit:
            try:
                self.farm.sweep()
            except WheelproofError as error:  # the next worker in this folder removes them
                logs.warning("containers may be left", fault=str(error))
        self.open.close()


_STATIONS: dict[str, Station] = {}  # by the id of the worker: a process may have several


def begin(worker: Worker, farm: WorkerFarm, judge: Judge) -> Station:
    """Have a worker judge jobs with a function; before it joins the scheduler."""
    os.umask(cache.READABLE)
    station = Station(worker, farm, judge, given=dict(worker.state.total_resources))
    _STATIONS[worker.id] = station
    _unprofiled(worker)
    station.prepare()
    worker.state.total_resources.update(station.resources)
    worker.state.available_resources.update(station.resources)
    worker.state.nthreads = max(worker.state.nthreads, resources.threads(farm.slots.count))
    worker.executors["default"] = ThreadPoolExecutor(worker.state.nthreads, thread_name_prefix="job")
    worker.metrics[resources.NAME] = lambda _worker: station.announced()
    return station


def _unprofiled(worker: Worker) -> None:
    """Take no samples of the threads' stacks, as Dask does a hundred times a second.

    Until Python 3.11.9 and 3.12.3, `sys._current_frames` can lock all threads of the process for ever, where a thread
    begins or ends at that moment (https://github.com/python/cpython/issues/106883). Debian bookworm has 3.11.2.
    """
    for name in ("profile", "profile-cycle"):
        if (callback := worker.periodic_callbacks.pop(name, None)) is not None:
            callback.stop()


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
    builds = int(worker.state.total_resources.get(resources.BUILDS, 0)) or _builds()
    if builds > (most := _builds()):
        logs.warning("this host may have too few processors or too little memory", builds=builds, room_for=most)
    farm = WorkerFarm(folder, builds, sorted(os.sched_getaffinity(0)))
    station = await asyncio.to_thread(begin, worker, farm, farm.judge)
    worker.periodic_callbacks[resources.NAME] = PeriodicCallback(station.look, _LOOK * 1000)
    worker.periodic_callbacks[resources.NAME].start()


def _builds() -> int:
    """Return how many builds this host has processors and memory for."""
    return capacity.builds_at_once(*capacity.measured(), Limits().memory)


async def dask_teardown(worker: Worker) -> None:
    """Kill all containers of this worker when it ends. Dask calls this."""
    station = _STATIONS.pop(worker.id, None)
    if station is not None:
        await asyncio.to_thread(station.close)


# --- tasks, as `tasks.submit` names them -----------------------------------------------------


def _station() -> Station:
    return _STATIONS[get_worker().id]


def _log(topic: str) -> Log:
    """Return a function that hands on what is being done, as events of Dask."""
    worker = get_worker()
    return lambda project, doing: worker.log_event(topic, {"project": project, "doing": doing})


def judge(data: bytes, topic: str) -> tuple[bytes, bytes]:
    """Judge the job of that JSON; return the reply's JSON, and the first piece of its files."""
    station, sent, log = _station(), values.decoded(values.JOB, data), _log(topic)
    farm = station.farm

    def act(running: Running) -> Reply:
        peers = peer.Peers(sent, topic, farm.cache, farm.store, running.stop)
        outcome = station.judge(sent, running, log, peers.build)
        return Reply(known=outcome.name) if isinstance(outcome, Path) else farm.reply(outcome)

    return _replied(station, station.run(act, sent.terms.isolation))


def verify_published(data: bytes, topic: str) -> tuple[bytes, bytes]:
    """Verify the published wheel of that JSON; return as `judge`."""
    station, sent, log = _station(), values.decoded(values.VERIFICATION, data), _log(topic)
    farm = station.farm

    def act(running: Running) -> Reply:
        found = station.farm.verify(sent, running, log)
        return Reply(known=found.name) if isinstance(found, Path) else farm.verified_reply(found, sent)

    return _replied(station, station.run(act, sent.job.terms.isolation))


def _replied(station: Station, outcome: Reply | Refusal | WheelproofError) -> tuple[bytes, bytes]:
    """Return the JSON of the reply to a job, and the first piece of its files."""
    if isinstance(outcome, Refusal):
        outcome = Reply(refused=outcome.why, only=outcome.only)
    elif isinstance(outcome, WheelproofError):
        outcome = Reply(failed=str(outcome), kind=type(outcome).__name__)
    reply = replace(outcome, worker=station.worker.address)
    return values.encoded(values.REPLY, reply), _piece(station, reply.files, 0)


def build(data: bytes, topic: str) -> bytes:
    """Do the build of that JSON, of a job of another worker; return the JSON of what came of it."""
    station, sent, log = _station(), values.decoded(orders.ORDER, data), _log(topic)
    places = partial(peer.places, station.farm.parcels.place)

    def act(running: Running) -> SentOutput:
        return station.farm.build(sent, running, log, places)

    outcome = station.run(act, sent.terms.isolation)
    if isinstance(outcome, Refusal):
        outcome = SentOutput(refused=outcome.why)
    elif isinstance(outcome, WheelproofError):
        outcome = SentOutput(failed=str(outcome), kind=type(outcome).__name__)
    return values.encoded(orders.OUTPUT, replace(outcome, worker=station.worker.address))


def next_piece(files: list[tuple[str, str, int]], offset: int) -> bytes:
    """Return a piece of files: (store, SHA-256, size) of each."""
    return _piece(_station(), [SentFile(*file) for file in files], offset)


def _piece(station: Station, files: Sequence[SentFile], offset: int) -> bytes:
    """Return a piece of files; raises WorkersError where one is not kept any more: its job is judged again."""
    try:
        return station.farm.piece(files, offset)
    except OSError as error:
        msg = f"reading a wheel or a log of a job on the worker {station.worker.address}: {error}; run again"
        raise WorkersError(msg) from error


def pack(path: str, content: str) -> bytes:
    """Make a part of this worker's cache ready to be sent; return its JSON."""
    return values.encoded(orders.PACKED, _station().farm.parcels.pack(path, content))


def describe(data: bytes, topic: str) -> bytes:
    """Return the image of a request as JSON, or the error as a reply's JSON; make it first, if it is not there."""
    request = values.decoded(values.IMAGE_REQUEST, data)
    try:
        return values.encoded(values.IMAGE, _station().farm.describe(request, _log(topic)))
    except WheelproofError as error:
        return values.encoded(values.REPLY, values.failure(error))
