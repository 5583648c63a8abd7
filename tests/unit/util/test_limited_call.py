"""What hostile bytes do to a parser stays in the process that parses them, and comes back as a value."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.errors import ResultsError, UsageError, WheelproofError
from orchestrator.model import Failure, Missing, Phase, Reason, Want
from orchestrator.util import limited_call
from orchestrator.util.limited_call import Bound, Bounds, Exceeded, Spent, run_limited

BOUNDS = Bounds(memory=64 << 20, seconds=60, patience=60)


@dataclass(frozen=True)
class Forged:
    """What no caller asks for."""

    reason: str = "no reason at all"


def hang() -> None:
    """Never answer, and take no processor time."""
    time.sleep(60)


def spin() -> None:
    """Never answer, within one call of a library."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def eat() -> int:
    """Need more memory than there is."""
    return len(b"x" * (1 << 30))


def long() -> str:
    """Answer at length."""
    return "x" * 10_000


def refuse() -> None:
    """Raise what the farm raises."""
    msg = "it cannot be; try another"
    raise UsageError(msg)


def look_away(path: Path) -> bytes:
    """Read what is not there."""
    return path.read_bytes()


def failure() -> Failure:
    """Return a value of the farm's, with text that is no text."""
    return Failure(Reason.BROKEN_SDIST, Phase.UNPACK, "caf\udce9 \x00", missing=(Missing(Want.TOOL, "cc"),))


def forge() -> Forged:
    """Return another value than was asked for."""
    return Forged()


def die_once(place: Path) -> int:
    """Be killed the first time, as by somebody else."""
    if not place.exists():
        place.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 7


def die() -> None:
    """Be killed each time, as by somebody else."""
    os.kill(os.getpid(), signal.SIGKILL)


def open_files() -> tuple[str, ...]:
    """List what is open but for the standard streams."""
    links = []
    for one in range(3, 1024):  # whatever else this process has open
        with suppress(OSError):
            links.append(str(Path(f"/proc/self/fd/{one}").readlink()).partition(":")[0])
    return tuple(sorted(links))


@pytest.mark.parametrize(
    ("function", "bounds", "bound"),
    [
        (hang, Bounds(1 << 26, patience=0.3), Bound.TIME),
        (spin, Bounds(1 << 26, seconds=1), Bound.PROCESSOR),
        (eat, BOUNDS, Bound.MEMORY),
        (long, Bounds(1 << 26, answer=1000), Bound.ANSWER),
        (os.abort, BOUNDS, Bound.CRASH),
        (float, BOUNDS, Bound.FAULT),
        (forge, BOUNDS, Bound.FAULT),
    ],
)
def test_a_bound_that_is_exceeded_is_a_value(function: object, bounds: Bounds, bound: Bound) -> None:
    """It is known which, and the caller goes on, whatever happens there."""
    found = run_limited(function, kind=Failure, bounds=bounds)  # type: ignore[arg-type]
    assert isinstance(found, Exceeded)
    assert found.bound is bound
    assert run_limited(pow, 2, 10, kind=int, bounds=BOUNDS) == 1024


def test_an_answer_is_of_its_type() -> None:
    """Enumerations and tuples come back as what they were, and text that is no Unicode too."""
    assert run_limited(failure, kind=Failure, bounds=BOUNDS) == failure()


def test_the_farms_own_errors_are_raised(tmp_path: Path) -> None:
    """As what they are; and what the host cannot read is no fault of what was to be read."""
    with pytest.raises(UsageError, match="try another"):
        run_limited(refuse, kind=None, bounds=BOUNDS)
    with pytest.raises(ResultsError, match="No such file"):
        run_limited(look_away, tmp_path / "none", kind=bytes, bounds=BOUNDS)


def test_a_process_that_somebody_kills_is_tried_once_more(tmp_path: Path) -> None:
    """Then it is the farm's error: neither a finding about the bytes, nor a request to stop."""
    assert run_limited(die_once, tmp_path / "died", kind=int, bounds=BOUNDS) == 7
    with pytest.raises(WheelproofError, match=r"ended by signal 9, 2 times; see what kills") as caught:
        run_limited(die, kind=None, bounds=BOUNDS)
    assert type(caught.value) is WheelproofError


def test_a_helper_that_somebody_kills_is_replaced() -> None:
    """Whether it is idle, or has a child at work."""
    run_limited(pow, 2, 10, kind=int, bounds=BOUNDS)
    (former,) = limited_call.processes()
    os.kill(former, signal.SIGKILL)
    assert run_limited(pow, 2, 10, kind=int, bounds=BOUNDS) == 1024
    (now,) = limited_call.processes()
    assert now != former
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(run_limited, time.sleep, 1, kind=None, bounds=BOUNDS)
        time.sleep(0.3)
        os.kill(now, signal.SIGKILL)
        assert waiting.result() is None


def test_a_child_has_nothing_of_ours_open(tmp_path: Path) -> None:
    """No lock, and no socket of the engine's: only that of its call, and the pipe by which it learns of our end."""
    with (tmp_path / "lock").open("w"):
        assert run_limited(open_files, kind=tuple[str, ...], bounds=BOUNDS) == ("pipe", "socket")


def test_calls_of_many_threads_do_not_mix() -> None:
    """Each gets its own answer."""
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda number: run_limited(pow, number, 2, kind=int, bounds=BOUNDS), range(40)))
    assert found == [number**2 for number in range(40)]


PROGRAM = """
import threading, time
from orchestrator.util import limited_call
from tests.unit.util.test_limited_call import BOUNDS, spin
threading.Thread(target=limited_call.run_limited, args=(spin,), kwargs={"kind": None, "bounds": BOUNDS},
    daemon=True).start()
while not limited_call.processes():
    time.sleep(0.01)
print(limited_call.processes()[0], flush=True)
time.sleep(60)
"""


def _members(group: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] not in "ZX":
                found.append(int(stat.parent.name))
    return found


def _waited(group: int, number: int) -> int:
    """Wait until a group has that many processes, for half a minute; return how many it has."""
    end = time.monotonic() + 30
    while len(_members(group)) != number and time.monotonic() < end:
        time.sleep(0.02)
    return len(_members(group))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_helpers_end_with_the_farm(number: int) -> None:
    """However it ends, and in the middle of a regular expression; nothing is left behind."""
    path = os.pathsep.join(sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    ) as farm:
        assert farm.stdout is not None
        group = int(farm.stdout.readline())
        begun = _waited(group, 2)
        farm.send_signal(number)
    assert begun == 2
    assert _waited(group, 0) == 0


def test_the_terminals_signals_do_not_reach_a_helper() -> None:
    """It has a session for itself."""
    run_limited(pow, 2, 10, kind=int, bounds=BOUNDS)
    (helper,) = limited_call.processes()
    assert os.getsid(helper) == helper != os.getsid(0)


def test_what_a_call_used_is_known() -> None:
    """For whoever measures."""
    spent: list[Spent] = []
    run_limited(pow, 2, 10, kind=int, bounds=BOUNDS, spent=spent.append)
    assert 1 << 20 < spent[0].memory < 200 << 20
    assert spent[0].seconds < 1


def test_a_call_costs_little() -> None:
    """Some milliseconds once the helper is warm; the least of many counts, as other tests take the processors."""
    run_limited(pow, 2, 10, kind=int, bounds=BOUNDS)
    took, helpers = [], limited_call.processes()
    for _ in range(60):
        begun = time.perf_counter()
        run_limited(pow, 2, 10, kind=int, bounds=BOUNDS)
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.1
    assert limited_call.processes() == helpers
