"""A Docker engine of the campaign's own, which may be killed: nothing of the machine's engine is touched."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import docker

from tests.faults import processes
from tests.faults.harness import PLACE, eventually, remove
from tests.faults.shared_images import share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_START = 60.0  # seconds for the engine to answer
_STOP = 20.0  # seconds for it to end
_GROUPS = Path("/sys/fs/cgroup")
_PROGRAMS = (b"dockerd", b"containerd")  # its shims are called containerd-shim

# What would clash with an engine that the machine has: the plugins that listen for Kubernetes.
_CONTAINERD = 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'


class SecondEngine:
    """A dockerd and its containerd, with separate folders, sockets and control groups, and without a network."""

    def __init__(self, folder: Path, enter: tuple[str, ...] = ()) -> None:
        """Keep everything in that folder, whose path must be short: it contains sockets.

        `enter` comes before each command, such as `nsenter` with a network namespace.
        """
        self.address = f"unix://{folder}/docker.sock"
        self._data = folder / "data"
        self._folder = folder
        self._enter = enter
        self._group = f"/{'-'.join(folder.parts[1:])}"  # of control groups
        self._containerd: subprocess.Popen[bytes] | None = None
        self._dockerd: subprocess.Popen[bytes] | None = None

    def start(self, images: Sequence[str] = ()) -> None:
        """Start what does not run, and wait until it answers; a RuntimeError has the end of its log.

        At its first start, it can be given images of the machine's engine.
        """
        to_copy = share(self._data, images) if images else ()
        (self._folder / "containerd.toml").write_text(_CONTAINERD)
        (self._folder / "daemon.json").write_text("{}")  # instead of the machine's
        containerd = self._folder / "containerd.sock"
        if self._containerd is None:
            self._containerd = self._begin(
                "containerd",
                *("--config", self._folder / "containerd.toml", "--address", containerd),
                *("--root", self._folder / "containerd", "--state", self._folder / "containerd-state"),
            )
        (self._folder / "docker.pid").unlink(missing_ok=True)  # a killed engine leaves it
        self._dockerd = self._begin(
            "dockerd",
            *("--config-file", self._folder / "daemon.json", "--host", self.address),
            *("--data-root", self._data, "--exec-root", self._folder / "exec"),
            *("--pidfile", self._folder / "docker.pid", "--containerd", containerd),
            *("--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", self._group),
            *("--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"),
        )
        if not eventually(self._answers, _START):
            msg = f"starting a second engine: no answer after {_START:g} s; its log ends:\n{self._log()}"
            raise RuntimeError(msg)
        for identity in to_copy:
            self._copy_image(identity)

    def kill(self, *, containerd: bool) -> None:
        """Kill the engine with SIGKILL, and its containerd if asked to."""
        for process in (self._dockerd, self._containerd if containerd else None):
            if process is not None:
                process.kill()
                process.wait()
        if containerd:
            self._containerd = None

    def pause(self) -> None:
        """Let the engine hang: it accepts connections and answers nothing."""
        if self._dockerd is not None:
            self._dockerd.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused engine go on."""
        if self._dockerd is not None:
            self._dockerd.send_signal(signal.SIGCONT)

    def _copy_image(self, identity: str) -> None:
        """Bring an image over from the machine's engine, with its names and labels."""
        here = docker.APIClient(base_url=os.environ.get("DOCKER_HOST"), version="auto")
        there = docker.APIClient(base_url=self.address, version="auto")
        try:
            name = here.inspect_image(identity)["RepoTags"][0]
            for step in there.load_image(here.get_image(name)):
                if "error" in step:
                    msg = f"copying {name} to a second engine: {step['error']}"
                    raise RuntimeError(msg)
        finally:
            here.close()
            there.close()

    def stop(self) -> None:
        """End the engine and everything that it started, and remove its folder."""
        for process in (self._dockerd, self._containerd):
            if process is not None:
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGCONT)  # it may be paused
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP)
                process.kill()
                process.wait()
        self.sweep()

    def sweep(self) -> None:
        """Kill and remove all that there is of an engine, who ever started it, with its folder."""
        shims = [path.read_text() for path in self._folder.glob("containerd-state/*/*/*/address")]
        for pid in self._left():
            processes.kill(pid)
        eventually(lambda: not self._left())
        for address in shims:  # sockets in /run, which killed ones leave
            Path(address.removeprefix("unix://")).unlink(missing_ok=True)
        for mounted in reversed(_mounts(self._folder)):
            subprocess.run(["umount", "--lazy", mounted], check=False)  # noqa: S607 - of the system
        for group in sorted(_GROUPS.glob(f"**{self._group}/**/"), reverse=True):
            with suppress(OSError):
                group.rmdir()
        remove(self._folder)

    def _left(self) -> list[int]:
        """List the processes of this engine, its shims and its containers."""
        mark, group = f"{self._folder}/".encode(), f"{self._group}/".encode()
        return [
            pid
            for pid in processes.pids()
            if (any(name in (line := processes.read(pid, "cmdline")) for name in _PROGRAMS) and mark in line)
            or group in processes.read(pid, "cgroup")
        ]

    def _answers(self) -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(1)
            asking.connect(self.address.removeprefix("unix://"))
            asking.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in asking.recv(64)
        return False

    def _begin(self, *command: str | Path) -> subprocess.Popen[bytes]:
        with (self._folder / f"{command[0]}.log").open("ab") as log:
            whole = [*self._enter, *map(str, command)]
            return subprocess.Popen(whole, stdout=log, stderr=log, start_new_session=True)

    def _log(self) -> str:
        return (self._folder / "dockerd.log").read_text(errors="replace")[-2000:]


@contextmanager
def second_engine(images: Sequence[str] = ()) -> Iterator[SecondEngine]:
    """Give a second engine that runs, with images of the machine's, in a folder of no farm; nothing is left of it."""
    engine = SecondEngine(Path(tempfile.mkdtemp(prefix="wheelproof-engine-", dir=PLACE)))
    try:
        engine.start(images)
        yield engine
    finally:
        engine.stop()


def _mounts(folder: Path) -> list[str]:
    """List what is mounted below a folder, in the order of mounting."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [place for line in lines if (place := line.split()[4]).startswith(f"{folder}/")]
