"""A whole farm for a test: the real command, a config, an index on loopback, separate results."""

from __future__ import annotations

import hashlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import docker
import yaml

from tests.cause_cases import pack
from tests.command import command
from tests.loopback_index import LoopbackIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds; nothing that is waited for takes a tenth of it


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str
    seconds: float


@dataclass(slots=True)
class FarmFixture:
    """One farm; each command runs in a separate process, as a user's would."""

    folder: Path
    index: LoopbackIndex
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    umask: int = -1  # as this process's
    begun: list[subprocess.Popen[str]] = field(default_factory=list)

    def publish(self, *slugs: str) -> None:
        """Put packages of tests/packages on the index."""
        for slug in slugs:
            path = pack(slug, self.folder)
            self.index.publish(path.name, path.read_bytes())
            path.unlink()

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def label(self) -> str:
        """What the containers of this farm are labelled with."""
        return hashlib.sha256(str(self.results.resolve()).encode()).hexdigest()[:16]

    def configure(self, **settings: Any) -> None:  # noqa: ANN401 - any YAML value
        """Change settings, and write config.yaml."""
        self.settings |= settings
        (self.folder / "config.yaml").write_text(yaml.safe_dump({"index": self.index.url, **self.settings}))

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in a new session."""
        if not (self.folder / "config.yaml").exists():
            self.configure()
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *arguments],
            cwd=self.folder,
            env=self._variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            umask=self.umask,
        )
        self.begun.append(process)
        return process

    def run(self, *arguments: str) -> Ended:
        """Run a command to its end."""
        if not (self.folder / "config.yaml").exists():
            self.configure()
        begun = time.monotonic()
        status, out, err = command(arguments, self.folder, self._variables, self.umask, 5 * PATIENCE)
        return Ended(status, out.decode(), err.decode(), time.monotonic() - begun)

    @property
    def _variables(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), **self.environment}

    def records(self, project: str = "*") -> list[Path]:
        """List the records that there are."""
        return sorted(self.results.glob(f"records/{project}/*.json"))

    def verdicts(self) -> dict[str, str]:
        """Return the verdict of each project's newest record."""
        return {path.parent.name: json.loads(path.read_bytes())["verdict"] for path in self.records()}

    def containers(self) -> list[dict[str, Any]]:
        """List the containers of this farm, whatever they do."""
        client = docker.APIClient(version="auto")
        try:
            found: list[dict[str, Any]] = client.containers(all=True, filters={"label": f"wheelproof={self.label}"})
        finally:
            client.close()
        return found

    def running(self) -> int:
        """Count the containers of this farm that run."""
        return sum(one["State"] == "running" for one in self.containers())

    def unfinished(self) -> list[Path]:
        """List what would be left of writing that was not finished."""
        return [path for path in self.results.glob("**/*") if path.name.startswith(".new-")]


def until(is_so: Callable[[], object]) -> None:
    """Wait until a condition is true; raise AssertionError if it never is."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.02)


def farm_on(folder: Path, host: str = "127.0.0.1") -> Iterator[FarmFixture]:
    """Give a farm with an empty index at that address, and make sure that it leaves neither process nor container."""
    with LoopbackIndex(host=host) as index:
        farm = FarmFixture(folder, index)
        yield farm
        for process in farm.begun:
            process.kill()
            process.communicate()
        client = docker.APIClient(version="auto")
        for one in farm.containers():
            client.remove_container(one["Id"], force=True)
        client.close()


class FlakyEngine:
    """The engine of this machine behind a socket of our own, which drops connections on command."""

    def __init__(self, path: Path) -> None:
        """Listen at that path, from the context's begin."""
        self.address = f"unix://{path}"
        self._refuses = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(64)

    def __enter__(self) -> Self:
        """Pass on what comes."""
        self._threads.append(threading.Thread(target=self._accept))
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self.drop()
        for thread in self._threads:
            thread.join()

    def drop(self) -> None:
        """Break all connections that there are."""
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def die(self) -> None:
        """Break all connections, and those to come."""
        self._refuses = True
        self.drop()

    def live(self) -> None:
        """Take connections again."""
        self._refuses = False

    def _accept(self) -> None:
        with self._listening, suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self._refuses:
                    near.close()
                else:
                    self._threads.append(threading.Thread(target=self._carry, args=(near,)))
                    self._threads[-1].start()

    def _carry(self, near: socket.socket) -> None:
        """Copy bytes both ways until both sides close."""
        with near, socket.socket(socket.AF_UNIX) as far:
            far.connect(_engine())
            with self._lock:
                self._open |= {near, far}
            with suppress(OSError):
                _pass_on(near, far)
            with self._lock:
                self._open -= {near, far}


def _pass_on(near: socket.socket, far: socket.socket) -> None:
    target = {near: far, far: near}
    speaking = {near, far}
    while speaking:
        for source in select.select(speaking, (), ())[0]:
            if piece := source.recv(1 << 16):
                target[source].sendall(piece)
            else:
                speaking.discard(source)
                target[source].shutdown(socket.SHUT_WR)


def _engine() -> str:
    """Return the path of the socket of this machine's engine."""
    return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
