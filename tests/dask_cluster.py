"""A scheduler and workers of Dask in this process: real connections on loopback, judges that are plain functions."""

from __future__ import annotations

import asyncio
import hashlib
import math
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from distributed import Scheduler, Worker
from tornado.ioloop import PeriodicCallback

from orchestrator.errors import WheelproofError
from orchestrator.farm import worker as preload
from orchestrator.farm.cluster import resources
from orchestrator.farm.cluster.values import ImageRequest, SentJob, SentRecipe, Terms
from orchestrator.farm.cluster.worker_farm import Running, WorkerFarm
from orchestrator.farm.plan import Job
from orchestrator.job.inputs import inputs_of
from orchestrator.model import Image, UsedImage, digest
from tests import sample_results, samples

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.farm.cluster.worker_farm import Judge, Log
    from orchestrator.model import Result

TERMS = Terms("run", None, None, (), crates_private=False, isolation="auto", long=900)
RECIPE = SentRecipe(
    "bookworm", "bookworm", "debian@sha256:1", datetime(2026, 1, 1, tzinfo=UTC), (), (), "", None, None, ()
)
IMAGE_REQUEST = ImageRequest(TERMS, RECIPE)
MANIFEST = samples.IMAGE.manifest
KNOWN = "f" * 64
"""The id of a job whose record the orchestrator has."""

_SECONDS = 10.0  # for what Dask does


def job(name: str, *, long: bool = False) -> Job:
    """Return a job of a project."""
    task = replace(samples.TASK, requirement=f"{name}==1.0")
    return Job(task, replace(samples.RELEASE, project=name), long=long)


def sent(one: Job) -> SentJob:
    """Return a job as it is sent."""
    task, release, known = one.task, one.release, (KNOWN,)
    return SentJob(TERMS, task, release, RECIPE, MANIFEST, "", long=one.long, again=False, known=known)


def result(one: SentJob | Job, **others: Any) -> Result:  # noqa: ANN401 - as of `sample`
    """Return a result of a job, of its image and its inputs."""
    task, release = one.task, one.release
    image = UsedImage(samples.IMAGE.name, samples.IMAGE.id, MANIFEST, samples.IMAGE.base)
    found = sample_results.sample(release.project, release.version, image=image, **others)
    inputs = inputs_of(task, release, samples.IMAGE, found.inputs.build_requirements) if found.inputs else None
    return replace(
        found,
        job=digest(inputs) if inputs else found.job,
        sdist=release.sdist,
        requirement=task.requirement,
        source_date_epoch=task.source_date_epoch,
        inputs=inputs,
    )


def judged(one: SentJob, _running: Running, _log: Log) -> Result:
    """Judge a job at once."""
    return result(one)


class StubEngine:
    """An engine that runs nothing."""

    def __init__(self) -> None:
        """Nothing was stopped yet."""
        self.stopped = threading.Event()

    def stop(self) -> None:
        """Note the stop."""
        self.stopped.set()


class StubFarm(WorkerFarm):
    """The farm of a worker without an engine."""

    def __init__(self, folder: Path, builds: int = 1, **faults: Any) -> None:  # noqa: ANN401 - by name
        """`faults`: `engine`, an error of the engine; `image`, one of images; `disk`, why it is unfit; `clock`."""
        super().__init__(folder, builds, [0])
        self.faults = faults
        self.swept = 0
        self.before = 0.0  # of the last sweep

    def engine(self, isolation: str) -> Engine:  # noqa: ARG002 - as the method
        """Return an engine, unless it is dead."""
        if isinstance(fault := self.faults.get("engine"), WheelproofError):
            raise fault
        return cast("Engine", StubEngine())

    def engine_fault(self) -> str:
        """Return why it is dead."""
        return str(self.faults.get("engine", ""))

    def sweep(self, before: float = math.inf) -> int:
        """Count, instead of removing containers; raises the engine's error."""
        self.before = before
        if isinstance(fault := self.faults.get("engine"), WheelproofError):
            raise fault
        self.swept += 1
        return 0

    def describe(self, request: ImageRequest, log: Log) -> Image:
        """Return the image, or raise its error."""
        if isinstance(fault := self.faults.get("image"), WheelproofError):
            raise fault
        log(request.recipe.name, "describing")
        return samples.IMAGE

    def unfit(self, clock: float) -> str:
        """Return why it is unfit."""
        return str(self.faults.get("disk", "")) or super().unfit(self.faults.get("clock", clock))


class Yard:
    """A scheduler and workers, in the event loop of a thread."""

    def __init__(self, folder: Path) -> None:
        """Start the scheduler; workers have their folders in `folder`."""
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="yard", daemon=True)
        self._thread.start()
        self.stations: dict[str, preload.Station] = {}  # by the worker's name
        self.scheduler = self.do(self._scheduler())

    def do(self, act: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - as the coroutine gives it
        """Run a coroutine in the loop."""
        return asyncio.run_coroutine_threadsafe(act, self._loop).result(_SECONDS)

    @property
    def address(self) -> str:
        """Where the scheduler is."""
        return str(self.scheduler.address)

    async def _scheduler(self) -> Scheduler:
        scheduler: Scheduler = await Scheduler(
            host="127.0.0.1", port=0, dashboard=False, dashboard_address="127.0.0.1:0"
        )
        return scheduler

    def worker(
        self,
        name: str,
        judge: Judge = judged,
        *,
        farm: WorkerFarm | None = None,
        given: Mapping[str, float] | None = None,
        change: Callable[[Worker], None] = lambda _: None,
    ) -> preload.Station:
        """Have a worker join; `given` are the operator's resources, and `change` is called before it does."""
        station: preload.Station = self.do(
            self._worker(name, judge, farm or StubFarm(self._folder / name), given or {}, change),
        )
        self.stations[name] = station
        return station

    async def _worker(
        self,
        name: str,
        judge: Judge,
        farm: WorkerFarm,
        given: Mapping[str, float],
        change: Callable[[Worker], None],
    ) -> preload.Station:
        worker = Worker(
            self.address,
            name=name,
            local_directory=str(self._folder / "dask"),
            heartbeat_interval="100ms",
            nthreads=1,
            resources=dict(given),
        )
        station = await asyncio.to_thread(
            preload.begin, worker, farm, lambda one, running, log, _elsewhere: judge(one, running, log)
        )
        change(worker)
        worker.periodic_callbacks[resources.NAME] = PeriodicCallback(station.look, 100)
        worker.periodic_callbacks[resources.NAME].start()
        await worker
        return station

    def end(self, name: str) -> None:
        """End a worker as Dask does on SIGTERM: the preload's teardown comes first."""
        self.do(self._end(self.stations.pop(name)))

    async def _end(self, station: preload.Station) -> None:
        await preload.dask_teardown(station.worker)
        await station.worker.close(executor_wait=False)

    def kill(self, name: str) -> None:
        """End a worker without a word, as a power failure does."""
        self.do(self._kill(self.stations[name]))

    async def _kill(self, station: preload.Station) -> None:
        comm: Any = station.worker.batched_stream.comm
        comm.abort()
        await station.worker.close(executor_wait=False, nanny=False)

    def end_scheduler(self) -> None:
        """End the scheduler."""
        self.do(self.scheduler.close())

    def close(self) -> None:
        """End all."""
        for name in tuple(self.stations):
            with suppress(Exception):
                self.end(name)
        self.end_scheduler()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()


@contextmanager
def yard(folder: Path) -> Iterator[Yard]:
    """Give a scheduler without workers."""
    one = Yard(folder)
    try:
        yield one
    finally:
        one.close()


def kept(farm: WorkerFarm, content: bytes) -> str:
    """Keep a wheel on a worker; return its hash."""
    sha256 = hashlib.sha256(content).hexdigest()
    with farm.store.bench() as folder:
        (folder / "wheel").write_bytes(content)
        farm.store.wheels.keep(folder / "wheel", sha256)
    return sha256


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """Act in another thread, and wait for its end."""
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join(90)
