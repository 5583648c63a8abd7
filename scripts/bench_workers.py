"""Measure a run on Dask workers: the real scheduler, orchestrator, records and stores, with stub builders.

    .venv/bin/python scripts/bench_workers.py [--workers 8 32 64] [--rounds 25] [--seconds 2]
    .venv/bin/python scripts/bench_workers.py --memory 100 1000 20000

The first measures how busy the workers are kept: a stub builder sleeps instead of building, and returns a result, a
wheel and a log for each build. `--rounds` is the number of jobs for each slot. The second measures the memory of the
orchestrator and the scheduler for runs of that many jobs that take no time. All processes are on this machine, and all
connections on its loopback device. `cost_model.py` reckons with what this measures.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import stub_farm

from orchestrator import config
from orchestrator.farm import progress, run, worker
from orchestrator.farm.cluster import client, resources, values
from orchestrator.farm.cluster.values import SentJob
from orchestrator.farm.cluster.worker_farm import WorkerFarm
from orchestrator.farm.workers import Cancellation
from orchestrator.images import recipe
from orchestrator.job import rebuild
from orchestrator.job.inputs import inputs_of
from orchestrator.model import OfferedWheel, Task, digest
from orchestrator.publish import publisher_process
from orchestrator.results.history import accumulated
from orchestrator.results.store import Results
from orchestrator.util import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.build.engine import Engine
    from orchestrator.farm.cluster.worker_farm import Log, Running
    from orchestrator.farm.plan import Job
    from orchestrator.model import Build, Inputs, Release, Result
    from orchestrator.results.files import Store

TOGETHER = 8
"""Stub workers in one process."""

WHEEL = 120_000
"""Bytes of most wheels."""

LARGE, EVERY = 3_000_000, 50
"""Bytes of a large wheel, which comes in several pieces, and one in how many it is."""

OFFERED = 30
"""Wheels that an index offers of a release with code in C."""

LOG = 12_000
"""Bytes of a log."""

SMALL = {"DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH": "20", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Settings of the scheduler, as docs/scaling.md has them."""

QUIET = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__TICK__CYCLE": "10s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
}
"""Settings of stub workers: many share a processor here, so that what each does while it waits would count often."""

LONGEST = 1800.0
"""Seconds after which a measurement is stopped."""

_LOOK = 0.2  # seconds between two looks at the memory
_LOOPBACK = "127.0.0.1"


# --- stub workers ----------------------------------------------------------------------------


class StubEngine:
    """An engine without containers."""

    def stop(self) -> None:
        """Kill no container."""


class StubFarm(WorkerFarm):
    """The farm of a worker whose builds only take time."""

    def __init__(self, folder: Path, builds: int, seconds: float) -> None:
        """Use that folder and as many slots; each job takes one of them for so many seconds."""
        super().__init__(folder, builds, (0,))
        self._seconds = seconds

    def engine(self, isolation: str) -> Engine:  # noqa: ARG002 - as WorkerFarm has it
        """Return a stub."""
        return cast("Engine", StubEngine())

    def engine_fault(self) -> str:
        """Return that the stub works."""
        return ""

    def sweep(self, before: float = 0) -> int:  # noqa: ARG002 - as above
        """Remove nothing."""
        return 0

    def pretend(self, sent: SentJob, _running: Running, log: Log, _elsewhere: object) -> Result | Path:
        """Judge a job without building anything: the result of a similar project, with other files."""
        project = sent.release.project
        log(project, "waits for a slot")
        with self.slots.acquire(long=sent.long):
            log(project, "builds")
            ends = time.monotonic() + self._seconds
            alike = pattern(stub_farm.number_of(project))
            assert alike.inputs is not None  # noqa: S101 - it was built
            inputs = inputs_of(sent.task, sent.release, stub_farm.IMAGE, alike.inputs.build_requirements)
            job = digest(inputs)
            outcome = Path(job) if job in sent.known else self._made(alike, sent, inputs, job)
            time.sleep(max(0, ends - time.monotonic()))
        return outcome

    def _made(self, alike: Result, sent: SentJob, inputs: Inputs, job: str) -> Result:
        started = datetime.now(UTC)
        return replace(
            alike,
            job=job,
            project=sent.release.project,
            requirement=sent.task.requirement,
            sdist=sent.release.sdist,
            source_date_epoch=sent.task.source_date_epoch,
            inputs=inputs,
            builds=tuple(self._with_files(build, job) for build in alike.builds),
            started=started,
            finished=started + timedelta(seconds=self._seconds),
        )

    def _with_files(self, build: Build, job: str) -> Build:
        """Return a build with a log and a wheel that no other job has; equal wheels stay equal."""
        assert build.wheel is not None  # noqa: S101 - stub builds succeed
        wheel, log = content(job, build.wheel.sha256), content(job, build.name, LOG)
        kept = _keep(self.store.wheels, wheel, self.folder), _keep(self.store.logs, log, self.folder)
        return replace(build, wheel=replace(build.wheel, sha256=kept[0], size=len(wheel)), log=kept[1])


def _keep(store: Store, data: bytes, folder: Path) -> str:
    """Keep the content of a file; return its SHA-256."""
    sha256 = hashlib.sha256(data).hexdigest()
    file = folder / f"{sha256}-{threading.get_ident()}"
    file.write_bytes(data)
    store.keep(file, sha256)
    return sha256


@cache
def patterns() -> tuple[Result, ...]:
    """Return a real result of each kind of project that `stub_farm` has."""
    with tempfile.TemporaryDirectory() as folder:
        store = Results(Path(folder), wheels=0, logs=0)
        tasks = [Task(f"project-{number}", stub_farm.IMAGE.name) for number in range(stub_farm.PROJECTS_ALIKE)]
        return tuple(cast("Result", _judged(task, store)) for task in tasks)


def _judged(task: Task, store: Results) -> Result | Path:
    effects = stub_farm.effects(store, task.requirement)
    return rebuild.rebuild(task, stub_farm.release(task), stub_farm.IMAGE, effects)


def pattern(number: int) -> Result:
    """Return the result that the project of that number is like."""
    return patterns()[number % stub_farm.PROJECTS_ALIKE]


def content(job: str, what: str, size: int = 0) -> bytes:
    """Return the bytes of a file, which do not compress: of a wheel, if no size is given."""
    size = size or (LARGE if int(job[:8], 16) % EVERY == 0 else WHEEL)
    return f"{job} {what}\n".encode() + noise()[:size]


@cache
def noise() -> bytes:
    """Return bytes that do not compress."""
    return os.urandom(LARGE)


async def host(address: str, folder: Path, builds: int, seconds: float, count: int) -> None:
    """Have stub workers in this process, until its standard input is closed."""
    from distributed import Worker  # noqa: PLC0415 - the orchestrator measures without it
    from tornado.ioloop import PeriodicCallback  # noqa: PLC0415

    async with asyncio.TaskGroup() as group:
        ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        for number in range(count):
            place = folder / f"worker-{os.getpid()}-{number}"
            place.mkdir(parents=True)
            one = Worker(
                address,
                nthreads=1,
                name=place.name,
                host=_LOOPBACK,
                local_directory=str(place / "dask"),
                resources={resources.BUILDS: builds},
                memory_limit=0,
                dashboard=False,
            )
            farm = StubFarm(place / "farm", builds, seconds)
            station = await asyncio.to_thread(worker.begin, one, farm, farm.pretend)
            one.periodic_callbacks[resources.NAME] = PeriodicCallback(station.look, 1000)
            one.periodic_callbacks[resources.NAME].start()
            group.create_task(_joined(one))
        await ended
        os._exit(0)  # the folder is removed with all that is in it


async def _joined(one: Any) -> None:  # noqa: ANN401 - distributed.Worker
    await one


@contextmanager
def cluster(folder: Path, workers: int, builds: int, seconds: float) -> Iterator[tuple[str, list[int]]]:
    """Start a scheduler with stub workers; yield its address, and all process ids, its own first."""
    with ExitStack() as stack:
        file = folder / "scheduler.json"
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", _LOOPBACK, "--port", "0"]
        command += ["--no-dashboard", "--scheduler-file", str(file), "--idle-timeout", "120 s"]
        scheduler = stack.enter_context(_process(command, folder / "scheduler.log", SMALL))
        address = _soon(lambda: json.loads(file.read_text())["address"] if file.is_file() else None)
        processes = [scheduler.pid]
        for begun in range(0, workers, TOGETHER):
            given = {"address": address, "folder": str(folder), "builds": builds, "seconds": seconds}
            given["count"] = min(TOGETHER, workers - begun)
            command = [sys.executable, __file__, "--host", json.dumps(given)]
            process = stack.enter_context(_process(command, folder / f"workers-{begun}.log", QUIET))
            processes.append(process.pid)
        yield address, processes


@contextmanager
def _process(
    command: list[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("wb") as stream,
        subprocess.Popen(  # noqa: S603 - ours
            command, stdin=subprocess.PIPE, stdout=stream, stderr=stream, env={**_environment(), **(environment or {})}
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _environment() -> dict[str, str]:
    """Return the environment, with this repository's modules."""
    here = Path(__file__).resolve().parent
    return {**os.environ, "PYTHONPATH": f"{here.parent}:{here}"}


def _soon(look: Callable[[], Any]) -> Any:  # noqa: ANN401 - what `look` returns
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if found := look():
            return found
        time.sleep(0.05)
    msg = "starting the scheduler: it did not start within 60 s"
    raise SystemExit(msg)


# --- the orchestrator ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """One measurement."""

    address: str
    processes: list[int]  # ids: of the scheduler, and of the stub workers
    folder: str
    workers: int
    builds: int  # slots of each worker
    jobs: int
    seconds: float  # of a job
    site: bool  # whether it is written during the run, as in a real one


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run took; memory in bytes, as resident."""

    wall: float  # seconds
    cpu: float  # of the orchestrator's process
    scheduler_cpu: float
    workers_cpu: float  # of all stub workers
    middle: int  # memory in the middle half of the run, the mean
    peak: int
    scheduler_middle: int
    scheduler_peak: int
    records: int
    kept: int  # bytes of wheels, logs and records that came


def orchestrate(asked: Asked) -> Measured:
    """Run jobs on the workers as `wheelproof run --dask` does; raises SystemExit where one got no verdict."""
    folder, (scheduler, *others) = Path(asked.folder), asked.processes
    (folder / "config.yaml").touch()
    settings = config.Config()
    store = Results(folder / "results", wheels=settings.keep.wheels, logs=settings.keep.logs)
    sampled = _Samples((os.getpid(), scheduler))
    stop = Cancellation()
    with store.locked(), ExitStack() as stack:
        publisher = publisher_process.PublisherProcess(folder / "config.yaml", store.folder)
        stack.enter_context(publisher)
        connected = stack.enter_context(client.connected(config.DaskSettings(asked.address), stop))
        display = stack.enter_context(progress.shown(asked.jobs))
        connected.listen(display.doing)
        _soon(lambda: len(connected.offer().addresses) == asked.workers)
        context = run.RunContext(
            release=release,
            latest=store.latest,
            pool=client.Workers(connected, _sender(store), store, lambda one: store.repeated(one) or one, store.find),
            write=lambda result: store.write(accumulated(result, store.entries(result.project))),
            publish=publisher.publish if asked.site else lambda: None,
            is_published=lambda: False,
            stop=stop,
            long=settings.long,
        )
        tasks = [
            Task(f"project-{number}", stub_farm.IMAGE.name, source_date_epoch=1_596_163_658)
            for number in range(asked.jobs)
        ]
        begun, before = time.monotonic(), (time.process_time(), cpu_of(scheduler), sum(map(cpu_of, others)))
        stack.enter_context(sampled)
        outcome = run.run(tasks, context, lambda _total: display)
        wall = time.monotonic() - begun
        after = time.process_time(), cpu_of(scheduler), sum(map(cpu_of, others))
    if len(outcome.records) != asked.jobs:
        msg = f"{asked.jobs} jobs gave {len(outcome.records)} records; {outcome.open[:1]}"
        raise SystemExit(msg)
    own, of_scheduler = sampled.middle()
    cpu = [late - early for early, late in zip(before, after, strict=True)]
    return Measured(
        wall=wall,
        cpu=cpu[0],
        scheduler_cpu=cpu[1],
        workers_cpu=cpu[2],
        middle=own,
        peak=memory_of(os.getpid(), "VmHWM"),
        scheduler_middle=of_scheduler,
        scheduler_peak=memory_of(scheduler, "VmHWM"),
        records=len(outcome.records),
        kept=_bytes(store),
    )


def release(task: Task) -> Release:
    """Return a release with the wheels that an index would offer: many for each third one."""
    bare = stub_farm.release(task)
    count = OFFERED if stub_farm.number_of(bare.project) % stub_farm.PROJECTS_ALIKE == 0 else 1
    names = (f"{bare.project}-1.2.3-cp3{number}-cp3{number}-manylinux_2_28_x86_64.whl" for number in range(count))
    wheels = (
        OfferedWheel(name, f"https://files.example/packages/{digest(name)}/{name}", digest(name)) for name in names
    )
    return replace(bare, wheels=tuple(wheels))


def _sender(store: Results) -> Callable[[Job], SentJob]:
    """Return what makes a job as it is sent, with a real recipe."""
    agreed = values.terms(config.Config(), "stub")
    real = values.sent_recipe(recipe.load(recipe.folders(shipped.IMAGES), stub_farm.IMAGE.name))

    def send(job: Job) -> SentJob:
        return SentJob(
            agreed,
            job.task,
            job.release,
            real,
            stub_farm.IMAGE.manifest,
            stub_farm.IMAGE.runtime,
            long=job.long,
            again=False,
            known=store.answers(job.release.project),
        )

    return send


def _bytes(store: Results) -> int:
    places = (store.folder / name for name in ("records", "wheels", "logs"))
    return sum(path.stat().st_size for place in places for path in place.rglob("*") if path.is_file())


class _Samples:
    """The memory of some processes, again and again."""

    def __init__(self, processes: Sequence[int]) -> None:
        self._processes = processes
        self._seen: list[tuple[int, ...]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_LOOK):
            self._seen.append(tuple(memory_of(one, "VmRSS") for one in self._processes))

    def middle(self) -> tuple[int, ...]:
        """Return the mean of each in the middle half of the time; the present one where there was no time."""
        quarter = len(self._seen) // 4
        middle = self._seen[quarter : len(self._seen) - quarter]
        middle = middle or [tuple(memory_of(one, "VmRSS") for one in self._processes)]
        return tuple(sum(column) // len(middle) for column in zip(*middle, strict=True))


def memory_of(process: int, kind: str) -> int:
    """Return the memory of a process in bytes; `kind` as in proc_pid_status(5)."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(f"{kind}:"))


def cpu_of(process: int) -> float:
    """Return the CPU seconds that a process has used."""
    after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, after_name[11:13])) / os.sysconf("SC_CLK_TCK")


# --- measurements ----------------------------------------------------------------------------


def measure(workers: int, builds: int, jobs: int, seconds: float, *, site: bool) -> Measured:
    """Measure one run in processes of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-workers-") as name:
        folder = Path(name)
        with cluster(folder, workers, builds, seconds) as (address, processes):
            asked = Asked(address, processes, name, workers, builds, jobs, seconds, site)
            command = [sys.executable, __file__, "--orchestrate", json.dumps(asdict(asked))]
            with (folder / "run.log").open("wb") as log:
                done = subprocess.run(  # noqa: S603 - ours
                    command, stdout=subprocess.PIPE, stderr=log, timeout=LONGEST, env=_environment(), check=False
                )
            if done.returncode:
                raise SystemExit((folder / "run.log").read_text()[-2000:])
            return Measured(**json.loads(done.stdout))


def efficiency(measured: Measured, slots: int, seconds: float) -> float:
    """Return the share of the slots' time in which they worked."""
    return measured.records * seconds / (measured.wall * slots)


def _figures(measured: Measured, workers: int, builds: int, seconds: float) -> str:
    jobs = measured.records
    busy = f"{efficiency(measured, workers * builds, seconds):.3f}" if seconds else ""
    return (
        f"{workers:8}{jobs:8}{measured.wall:9.1f}{busy:>12}"
        f"{jobs / measured.wall:8.1f}{1e3 * measured.cpu / jobs:9.1f}{1e3 * measured.scheduler_cpu / jobs:9.1f}"
        f"{1e3 * measured.workers_cpu / jobs:9.1f}"
        f"{measured.middle / 1e6:9.1f}{measured.peak / 1e6:8.1f}"
        f"{measured.scheduler_middle / 1e6:9.1f}{measured.scheduler_peak / 1e6:8.1f}"
        f"{measured.kept / jobs / 1e3:9.0f}{os.getloadavg()[0]:7.1f}"
    )


@cache
def _print_head() -> None:
    print(f"{'':45}{'CPU, ms a job':>27}{'orchestrator, MB':>17}{'scheduler, MB':>17}{'kB':>9}")
    print(
        f"{'workers':>8}{'jobs':>8}{'seconds':>9}{'efficiency':>12}{'jobs/s':>8}{'orch.':>9}{'sched.':>9}{'workers':>9}"
        f"{'middle':>9}{'peak':>8}{'middle':>9}{'peak':>8}{'a job':>9}{'load':>7}"
    )


def _print(workers: int, builds: int, jobs: int, seconds: float, *, site: bool) -> None:
    _print_head()
    print(_figures(measure(workers, builds, jobs, seconds, site=site), workers, builds, seconds), flush=True)


def main() -> None:
    """Print a line for each measurement."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--workers", type=int, nargs="+", default=[8, 32, 64])
    options.add_argument("--builds", type=int, default=1, help="slots of each worker")
    options.add_argument("--rounds", type=int, default=25, help="jobs for each slot")
    options.add_argument("--seconds", type=float, default=2.0, help="that a job takes")
    options.add_argument("--memory", type=int, nargs="+", metavar="JOBS", help="measure runs of jobs that take no time")
    options.add_argument("--site", action="store_true", help="write the site during the run, as a real run does")
    options.add_argument("--host", type=json.loads, help=argparse.SUPPRESS)
    options.add_argument("--orchestrate", type=json.loads, help=argparse.SUPPRESS)
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that processes and folders are removed
    if given.host:
        asyncio.run(host(**{**given.host, "folder": Path(given.host["folder"])}))
    elif given.orchestrate:
        print(json.dumps(asdict(orchestrate(Asked(**given.orchestrate)))))
    elif given.memory:
        for jobs in given.memory:
            _print(given.workers[0], given.builds, jobs, 0, site=given.site)
    else:
        for workers in given.workers:
            jobs = workers * given.builds * given.rounds
            _print(workers, given.builds, jobs, given.seconds, site=given.site)


if __name__ == "__main__":
    main()
