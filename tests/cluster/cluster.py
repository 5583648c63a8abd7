"""A Dask cluster on one machine: a scheduler, and workers with hosts and engines of their own, all with TLS.

    with cluster(2, images=[bookworm.id], preload="orchestrator.farm.worker") as made, made.client() as client:
        client.wait_for_workers(2)
        made.workers[0].kill()

All are real processes, as an operator starts them. At the end nothing is left of a cluster, and at the begin of the
next nothing of those whose tests were killed. Where network namespaces are not permitted, hosts are addresses of
loopback, and all workers use the machine's engine; a DegradedWarning has the reason.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
from distributed import Client

from tests.clock import Clock
from tests.cluster import network
from tests.cluster.certificates import Certificates, Party, certificates
from tests.faults import processes
from tests.faults.harness import PLACE, eventually, remove
from tests.faults.second_engine import SecondEngine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from tests.cluster.network import Host, Network

ROOT = Path(__file__).parents[2]

PREFIX = "wheelproof-cluster-"
"""Of the name of each cluster: its folder, its namespaces, the comments of its firewall's rules."""

_STATUS = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")  # without TLS, for this host alone
_THREADS = "32"  # as scripts/systemd has it: resources limit what runs at a time
_START = 30.0  # seconds for a process to begin
_STOP = 30.0  # seconds for it to end when asked to


class DegradedWarning(UserWarning):
    """Something that a cluster lacks on this machine, and why."""


@dataclass(slots=True)
class Worker:
    """A worker of Dask with its nanny, a host and an engine."""

    name: str
    home: Path  # of its log, its cache, and what else it needs
    host: Host
    engine: SecondEngine | None  # None: the machine's
    options: tuple[str, ...]  # of `dask worker`
    environment: dict[str, str]  # may be changed; it acts from the next start
    process: subprocess.Popen[bytes] | None = None
    paused: bool = False

    @property
    def cache(self) -> Path:
        """The folder that it works in, `--folder` of the preload."""
        return self.home / "cache"

    @property
    def log(self) -> str:
        """What worker and nanny have printed."""
        return _read(self.home / "log")

    def start(self) -> None:
        """Start it; whether it has joined is the scheduler's to answer."""
        command = [*self.host.enter, sys.executable, "-m", "dask", "worker", *self.options]
        self.process = _begin(command, self.home / "log", self.environment)

    def stop(self) -> int:
        """Ask it to end, as an operator does, and return its exit status; what does not end is killed."""
        assert self.process is not None
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP)
        self.kill()
        return self.process.wait()

    def kill(self, *, nanny: bool = True) -> None:
        """Kill it with SIGKILL; a nanny that is left alone starts another."""
        self._signal(signal.SIGKILL, self._pids(nanny=nanny))
        if nanny and self.process:
            self.process.wait()

    def ended(self) -> bool:
        """Whether worker and nanny have ended, as they do when they have lost the scheduler; `start` is next."""
        return self.process is None or self.process.poll() is not None

    def pause(self, *, nanny: bool = True) -> None:
        """Let it hang, as on a host that swaps; a nanny that is left alone can restart it."""
        self._signal(signal.SIGSTOP, self._pids(nanny=nanny))
        self.paused = True

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT, self._pids(nanny=True))
        self.paused = False

    def set_clock(self, moment: datetime) -> None:
        """Let the worker begin at that moment, from its next start; certificates stay valid."""
        self.environment |= Clock(self.home).at(moment)

    def set_code(self, module: str, change: str) -> None:
        """Let the worker run, from its next start, a copy of wheelproof with a line more in one module."""
        copy = Path(tempfile.mkdtemp(prefix="code-", dir=self.home))
        shutil.copytree(ROOT / "orchestrator", copy / "orchestrator", ignore=shutil.ignore_patterns("__pycache__"))
        with (copy / Path(*module.split("."))).with_suffix(".py").open("a") as stream:
            stream.write(f"{change}\n")
        self.environment["PYTHONPATH"] = f"{copy}{os.pathsep}{ROOT}"  # which has the tests

    def containers(self) -> list[dict[str, Any]]:
        """List the containers on its engine, whoever made them and whatever they do."""
        client = docker.APIClient(self.environment.get("DOCKER_HOST"), version="auto")
        try:
            found: list[dict[str, Any]] = client.containers(all=True)
        finally:
            client.close()
        return found

    def fill(self, left: int = 0) -> None:
        """Use up the disk of its cache, but for that many bytes; an OSError where it has none of its own."""
        if not self.cache.is_mount():
            msg = f"filling {self.cache}: it is no file system of its own; ask for `disk`"
            raise OSError(msg)
        with suppress(OSError), (self.cache / "filler").open("wb", buffering=0) as stream:  # until it is full
            while True:
                stream.write(bytes(1 << 16))
        with (self.cache / "filler").open("r+b") as stream:
            stream.truncate(max(0, (self.cache / "filler").stat().st_size - left))

    def make_room(self) -> None:
        """Undo `fill`."""
        (self.cache / "filler").unlink()

    def _pids(self, *, nanny: bool) -> list[int]:
        if self.process is None:
            return []
        return processes.descendants(self.process.pid)[0 if nanny else 1 :]

    def _signal(self, number: signal.Signals, pids: list[int]) -> None:
        for pid in pids:
            processes.kill(pid, number)


@dataclass(slots=True)
class Cluster:
    """A scheduler and its workers."""

    folder: Path
    network: Network
    certificates: Certificates
    environment: dict[str, str]
    workers: tuple[Worker, ...] = ()
    scheduler: subprocess.Popen[bytes] | None = None
    address: str = ""  # "tls://HOST:PORT", the same after another start

    @property
    def log(self) -> str:
        """What the scheduler has printed."""
        return _read(self.folder / "log")

    def start_scheduler(self) -> None:
        """Start the scheduler, and wait for its address; a RuntimeError has the end of its log."""
        described = self.folder / "scheduler.json"
        described.unlink(missing_ok=True)
        port = self.address.rpartition(":")[2] or "0"
        options = ("--protocol", "tls", "--host", self.network.gateway, "--port", port, *_STATUS)
        files = ("--scheduler-file", str(described), *self.certificates.scheduler.options())
        command = [sys.executable, "-m", "dask", "scheduler", *options, *files]
        process = self.scheduler = _begin(command, self.folder / "log", self.environment)
        eventually(lambda: process.poll() is not None or _address(described), _START)
        self.address = _address(described)
        if not self.address:
            msg = f"starting a scheduler: it has no address; its log ends:\n{self.log[-2000:]}"
            raise RuntimeError(msg)

    def kill_scheduler(self) -> None:
        """Kill the scheduler with SIGKILL."""
        if self.scheduler:
            self.scheduler.kill()
            self.scheduler.wait()

    def kill_all(self) -> None:
        """Kill scheduler, workers and engines with SIGKILL."""
        self.kill_scheduler()
        for worker in self.workers:
            worker.kill()
            if worker.engine:
                worker.engine.kill(containerd=True)

    @contextmanager
    def client(self, party: Party | None = None, **options: Any) -> Iterator[Client]:  # noqa: ANN401 - as Client's
        """Connect a client, with the client's certificate if no other is given."""
        security = (party or self.certificates.client).security()
        with Client(self.address, security=security, set_as_default=False, **options) as client:
            yield client

    def all_variables(self) -> dict[str, str]:
        """Return the environment for another process of this cluster, such as a command of the farm."""
        return {**os.environ, **self.environment}

    def dask(self) -> dict[str, str]:
        """Return the section `dask` of a config.yaml that uses this cluster."""
        files = self.certificates.client
        paths = {"ca": files.ca, "certificate": files.certificate, "key": files.key}
        return {"address": self.address, **{name: str(path) for name, path in paths.items()}}


@contextmanager
def cluster(
    count: int,
    *,
    engines: bool = True,
    images: Sequence[str] = (),  # identities of images of the machine's engine
    preload: str = "",
    builds: int = 2,
    disk: int = 0,  # bytes of each worker's cache, if it is to have a file system of its own
    environment: Mapping[str, str] | None = None,  # of all processes, such as settings of Dask
) -> Iterator[Cluster]:
    """Start a scheduler and workers, who need not have joined yet; at the end, remove all."""
    with _folder() as folder:
        made = _prepare(folder, count, {**_environment(folder), **(environment or {})})
        try:
            made.start_scheduler()
            made.workers = tuple(_worker(made, number, preload, builds, engines) for number in range(count))
            for worker in made.workers:
                _make_cache(worker, disk)
            with ThreadPoolExecutor(count or 1) as threads:
                list(threads.map(lambda worker: _start(worker, images), made.workers))
            yield made
        finally:
            made.kill_all()


def _prepare(folder: Path, count: int, environment: dict[str, str]) -> Cluster:
    (folder / "tls").mkdir()
    return Cluster(folder, _network(folder.name, count), certificates(folder / "tls"), environment)


def _network(name: str, count: int) -> Network:
    try:
        return network.namespaces(name, count)
    except OSError as error:
        _warn(f"all workers are on loopback: {error}")
        return network.loopback(count)


def _environment(folder: Path) -> dict[str, str]:
    """Return what all processes of a cluster have: our code, our mark, and no settings and folders of others' Dask."""
    dask = {"DASK_CONFIG": str(folder / "dask"), "DASK_TEMPORARY_DIRECTORY": str(folder / "dask")}
    return {"PYTHONPATH": str(ROOT), processes.MARK: str(folder), **dask}


def _worker(made: Cluster, number: int, preload: str, builds: int, engines: bool) -> Worker:  # noqa: FBT001
    home, host = made.folder / str(number), made.network.hosts[number]
    home.mkdir()
    engine = _engine(home, host) if engines else None
    name = f"worker-{number}"
    options = (
        *(made.address, "--name", name, "--host", host.address, *_STATUS),
        *("--nworkers", "1", "--nthreads", _THREADS, "--memory-limit", "0", "--resources", f"builds={builds}"),
        *("--local-directory", str(home / "dask"), *made.certificates.worker.options()),
        *(("--preload", preload, "--folder", str(home / "cache")) if preload else ()),
    )
    environment = {**made.environment, **({"DOCKER_HOST": engine.address} if engine else {})}
    return Worker(name, home, host, engine, options, environment)


def _engine(home: Path, host: Host) -> SecondEngine | None:
    """Return an engine for a host; it takes the rights that a namespace takes, so no loopback host has one."""
    if host.cable and shutil.which("dockerd") and shutil.which("containerd"):
        (home / "engine").mkdir()
        return SecondEngine(home / "engine", host.enter)
    _warn(f"{home.name} uses the machine's engine: others need a namespace, dockerd and containerd")
    return None


def _make_cache(worker: Worker, disk: int) -> None:
    worker.cache.mkdir()
    if disk:
        command = ["mount", "-t", "tmpfs", "-o", f"size={disk},mode=755", "tmpfs", str(worker.cache)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            _warn(f"the cache of {worker.name} has no disk of its own: {done.stderr.strip()}")


def _start(worker: Worker, identities: Sequence[str]) -> None:
    if worker.engine:
        worker.engine.start(identities)
    worker.start()


def _warn(what: str) -> None:
    warnings.warn(what, DegradedWarning, stacklevel=3)


# --- processes and folders -------------------------------------------------------------------


def _begin(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    whole = {**os.environ, **environment}
    with log.open("ab") as stream:  # not in this folder, whose code would come before that of PYTHONPATH
        return subprocess.Popen(
            command, stdout=stream, stderr=stream, env=whole, cwd=log.parent, start_new_session=True
        )


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _address(described: Path) -> str:
    """Return the address in a scheduler file; nothing before it is whole."""
    try:
        return str(json.loads(described.read_bytes())["address"])
    except (OSError, ValueError):
        return ""


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder for a cluster, and remove at the end what belongs to it; and at first, what killed tests left."""
    with _locked(PLACE):
        sweep_leftovers()
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PLACE))
        alive = _lock(folder)
    try:
        yield folder
    finally:
        _sweep(folder)
        os.close(alive)


def sweep_leftovers() -> None:
    """Remove the clusters whose tests do not run any more."""
    for folder in PLACE.glob(f"{PREFIX}*/"):
        with suppress(BlockingIOError), _locked(folder, fcntl.LOCK_NB):
            _sweep(folder)


@contextmanager
def _locked(folder: Path, how: int = 0) -> Iterator[None]:
    descriptor = _lock(folder, how)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path, how: int = 0) -> int:
    """Lock a folder until this process ends or the descriptor is closed, which no child inherits."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _sweep(folder: Path) -> None:
    """Remove what belongs to a cluster: processes, containers, mounts, control groups, network, files."""
    for engine in folder.glob("*/engine/"):
        SecondEngine(engine).sweep()
    for pid in processes.marked(folder):
        processes.kill(pid)
    eventually(lambda: not processes.marked(folder))
    for cache in folder.glob("*/cache/"):
        if cache.is_mount():
            subprocess.run(["umount", "--lazy", str(cache)], check=False)  # noqa: S607 - of the system
    network.remove(folder.name)
    remove(folder)
