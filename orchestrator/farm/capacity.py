"""The number of builds that this machine has CPUs and memory for."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

RESERVE = 1 << 30
"""Bytes for everything besides builds: the farm, its helpers, the engine and its process for each container."""

GROUPS = "/sys/fs/cgroup"


def builds_at_once(cores: int, room: int, build: int) -> int:
    """Return how many builds to run at once: one for each core, if there is memory for the limit of each.

    `room` is the memory for all builds and `build` the limit of one, both in bytes. At least one build
    runs, because it may need less than its limit.
    """
    return max(1, min(cores, (room - RESERVE) // build))


def room(meminfo: str, limits: Iterable[str]) -> int:
    """Return the bytes of memory that can be used.

    `meminfo` is the text of /proc/meminfo (proc(5)); its MemAvailable counts, or MemTotal where the
    kernel has no such line. `limits` are texts of control groups: bytes, or "max" (cgroup-v2.rst,
    memory.max; in the first version, no limit is a number beyond all memory).
    """
    sizes = dict(re.findall(r"^(MemTotal|MemAvailable):\s+(\d+) kB$", meminfo, re.MULTILINE))
    there = int(sizes.get("MemAvailable") or sizes.get("MemTotal") or 0) << 10
    return min([there, *(int(limit) for limit in limits if limit.strip().isdecimal())])


def groups(own: str) -> Iterator[str]:
    """Yield the paths of the files with the limits on a process's memory, those of the groups around it too.

    `own` is the text of /proc/self/cgroup (cgroups(7)): `hierarchy:controllers:path` in each line.
    """
    for line in own.splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            yield from (f"{GROUPS}{above}/memory.max" for above in _upward(path))
        elif "memory" in controllers.split(","):
            yield from (f"{GROUPS}/memory{above}/memory.limit_in_bytes" for above in _upward(path))


def _upward(path: str) -> Iterator[str]:
    while path not in {"", "/"}:
        yield path
        path = path.rpartition("/")[0]
    yield ""


def measured(read: Callable[[str], str] = lambda path: Path(path).read_text(encoding="ascii")) -> tuple[int, int]:
    """Return the cores and the bytes of memory that this process, and so its builds, may use.

    The memory is 0 where the kernel does not report it.
    """
    limits, meminfo, own = [], "", ""
    with suppress(OSError, ValueError):
        meminfo, own = read("/proc/meminfo"), read("/proc/self/cgroup")
    for path in groups(own):
        with suppress(OSError, ValueError):
            limits.append(read(path))
    return len(os.sched_getaffinity(0)), room(meminfo, limits)
