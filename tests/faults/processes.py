"""Processes of this machine, as /proc lists them: whose they are, and how much memory they use."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

PROC = Path("/proc")
MARK = "WHEELPROOF_FAULTS"
"""An environment variable of every process that a campaign starts; its value is the campaign's folder."""

_EVERY = 0.05  # seconds between two samples


def pids() -> Iterator[int]:
    """List the processes that exist."""
    return (int(name) for name in os.listdir(PROC) if name.isdigit())  # noqa: PTH208 - iterdir is a slow one


def read(pid: int, name: str) -> bytes:
    """Read one file of a process; nothing if the process is gone."""
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""


def marked(folder: Path) -> list[int]:
    """List the living processes that a campaign in that folder started, helpers of helpers included.

    A helper is known by its environment, or by its working folder where it was given another environment.
    """
    mark = f"{MARK}={folder}".encode()
    return [
        pid
        for pid in pids()
        if pid != os.getpid() and (mark in read(pid, "environ").split(b"\0") or _works_in(pid, folder))
    ]


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return (PROC / str(pid) / "cwd").readlink().is_relative_to(folder)
    except OSError:
        return False


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> bool:
    """Send a signal; False if the process is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def named(names: frozenset[str]) -> Iterator[int]:
    """List the processes of those names."""
    wanted = {f"{name}\n".encode() for name in names}
    return (pid for pid in pids() if read(pid, "comm") in wanted)


def is_in(pid: int, containers: Iterable[str]) -> bool:
    """Whether a process runs in one of the containers with those ids."""
    group = read(pid, "cgroup").decode()
    return any(identity in group for identity in containers)


class Meter:
    """Samples the memory of a process and all its descendants while the context lasts.

    The unit is bytes of proportional set size: a page that several processes share counts once.
    """

    def __init__(self, pid: int) -> None:
        """Measure from that process down."""
        self.peak = 0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="meter", daemon=True)

    def __enter__(self) -> Self:
        """Begin to measure."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(_EVERY):
            self.peak = max(self.peak, sum(map(_memory, descendants(self._pid))))


def descendants(root: int) -> list[int]:
    """List a process and its descendants, it first."""
    children: dict[int, list[int]] = {}
    for pid in pids():
        fields = read(pid, "stat").rpartition(b")")[2].split()  # behind the name: the state, the parent
        if fields:
            children.setdefault(int(fields[1]), []).append(pid)
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _memory(pid: int) -> int:
    for line in read(pid, "smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) << 10
    return 0
