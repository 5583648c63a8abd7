"""How many builds run at once is decided by tables of numbers."""

from __future__ import annotations

import pytest

from orchestrator.farm.capacity import builds_at_once, groups, measured, room

GIB = 1 << 30


@pytest.mark.parametrize(
    ("cores", "memory", "build", "expected"),
    [
        (2, 24 * GIB, 6 * GIB, 2),
        (16, 32 * GIB, 6 * GIB, 5),
        (16, 31 * GIB, 6 * GIB, 5),
        (16, 31 * GIB - 1, 6 * GIB, 4),
        (16, 256 * GIB, 6 * GIB, 16),
        (8, 8 * GIB, 6 * GIB, 1),
        (8, 4 * GIB, 6 * GIB, 1),
        (8, 0, 6 * GIB, 1),
        (8, 9 * GIB, GIB, 8),
    ],
)
def test_builds_are_as_many_as_cores_and_memory_have_room_for(
    cores: int, memory: int, build: int, expected: int
) -> None:
    """Each may use all that its limit allows, and something is left for the farm; one runs in any case."""
    assert builds_at_once(cores, memory, build) == expected


MEMINFO = "MemTotal:       24683000 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\n"


@pytest.mark.parametrize(
    ("meminfo", "limits", "expected"),
    [
        (MEMINFO, [], 20_000_000 << 10),
        ("MemTotal:       24683000 kB\n", [], 24_683_000 << 10),
        (MEMINFO, ["max\n", "4294967296\n", "8589934592\n"], 4 * GIB),
        (MEMINFO, ["9223372036854771712\n"], 20_000_000 << 10),
        (MEMINFO, ["-1\n", ""], 20_000_000 << 10),
        ("", [], 0),
    ],
)
def test_memory_is_what_is_available_within_the_limits(meminfo: str, limits: list[str], expected: int) -> None:
    """Of the machine, and of the control groups around the farm."""
    assert room(meminfo, limits) == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("0::/\n", ["/sys/fs/cgroup/memory.max"]),
        (
            "0::/a.slice/b.service\n",
            [f"/sys/fs/cgroup{path}/memory.max" for path in ("/a.slice/b.service", "/a.slice", "")],
        ),
        (
            "8:cpu,memory:/x\n3:cpuset:/y\n",
            ["/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"],
        ),
        ("", []),
        ("nonsense\n", ["/sys/fs/cgroup/memory.max"]),
    ],
)
def test_limits_are_those_of_all_groups_around(own: str, expected: list[str]) -> None:
    """In either version of control groups."""
    assert list(groups(own)) == expected


def test_what_cannot_be_read_is_no_error() -> None:
    """A farm runs one build at once then."""

    def read(path: str) -> str:
        raise FileNotFoundError(path)

    assert measured(read)[1] == 0
    assert measured()[1] > 0
