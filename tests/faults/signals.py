"""Campaign: a run is asked to stop, or loses its standard error or its terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import cycle, zip_longest
from random import Random
from typing import TYPE_CHECKING

from tests.docker.farm_fixture import ROOT
from tests.faults import packages
from tests.faults.harness import (
    PATIENCE,
    completed,
    ended,
    eventually,
    false_verdicts,
    kept,
    last_line,
    leftovers,
    sound,
    truth,
    workspace,
)
from tests.faults.report import OPEN, RIGHT, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.docker.farm_fixture import FarmFixture

_STOPPED = 130  # the exit status
_SIGNALS = (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGINT)


def signals(count: int, seed: int) -> Iterator[Trial]:
    """Stop a run, or take its standard error away: nothing is left, nothing lost, and the next run completes."""
    random = Random(seed)  # noqa: S311 - no secret
    with workspace() as place:
        paths = packages.packed(tuple(packages.VERDICTS), place.folder)
        stopped, lose = ([partial(_stopped, one) for one in _SIGNALS], [partial(_lost, *one) for one in _LOST])
        trials = cycle(one for pair in zip_longest(stopped, lose) for one in pair if one)
        for number, trial in zip(range(count), trials, strict=False):
            with place.farm(str(number)) as farm:
                yield trial(farm, random.uniform(0, truth().seconds / 2), paths)


def _stopped(number: signal.Signals, farm: FarmFixture, moment: float, paths: list[str]) -> Trial:
    begun = time.monotonic()
    process = farm.begin("run", *paths)
    eventually(farm.results.exists)  # it has begun, and heeds signals
    time.sleep(moment)
    process.send_signal(number)
    run, wrong = ended(process, time.monotonic(), PATIENCE)
    before = kept(farm)
    done = run.status == 0 and len(before) == len(paths)  # it had ended before
    if run.status != _STOPPED and not done:
        wrong += (f"status {run.status}, not {_STOPPED}: {last_line(run.err)}",)
    wrong += false_verdicts(farm, truth().findings) + leftovers(farm)
    wrong += completed(farm, paths, truth().findings, before)
    outcome = "wrong" if wrong else RIGHT if done else OPEN
    return Trial(f"{number.name} {moment:.2f} s after the begin", outcome, wrong, time.monotonic() - begun)


def _lost(
    what: str,
    lose: Callable[[FarmFixture, list[str], float], int],
    status: int,
    farm: FarmFixture,
    moment: float,
    paths: list[str],
) -> Trial:
    begun = time.monotonic()
    found = lose(farm, ["run", *paths], moment)
    wrong: tuple[str, ...] = ()
    if found != status:
        wrong += (f"status {found}, not {status}",)
    before = kept(farm)
    if status == 0:
        wrong += sound(farm, truth().findings, before)
    wrong += completed(farm, paths, truth().findings, before)
    return Trial(what, "wrong" if wrong else RIGHT, wrong, time.monotonic() - begun)


# --- how standard error is lost; each returns the exit status ----------------------------------


def _reader_goes(farm: FarmFixture, arguments: list[str], moment: float) -> int:
    """Close the other end of the pipe in the middle of the run, as `| head` does."""
    read, write = os.pipe()
    process = _begin(farm, arguments, write)
    eventually(farm.results.exists)
    time.sleep(moment)
    os.close(read)
    return _status(process)


def _no_reader(farm: FarmFixture, arguments: list[str], _moment: float) -> int:
    """Write into a pipe that nobody reads from the beginning."""
    read, write = os.pipe()
    os.close(read)
    return _status(_begin(farm, arguments, write))


def _no_room(farm: FarmFixture, arguments: list[str], _moment: float) -> int:
    """Write to a device that is always full."""
    return _status(_begin(farm, arguments, os.open("/dev/full", os.O_WRONLY)))


def _closed(farm: FarmFixture, arguments: list[str], _moment: float) -> int:
    """Begin without a standard error, as `2>&-` does."""
    script = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-m", "orchestrator", *arguments]
    return _status(_begin(farm, script, os.open(os.devnull, os.O_WRONLY), whole=True))


def _terminal_goes(farm: FarmFixture, arguments: list[str], moment: float) -> int:
    """Close the terminal: the system sends SIGHUP, and writing fails."""
    ours, theirs = os.openpty()
    process = _begin(
        farm, ["setsid", "--ctty", "--wait", sys.executable, "-m", "orchestrator", *arguments], theirs, whole=True
    )
    eventually(farm.results.exists)
    time.sleep(moment)
    os.close(ours)
    return _status(process)


_LOST: tuple[tuple[str, Callable[[FarmFixture, list[str], float], int], int], ...] = (
    ("standard error's reader goes", _reader_goes, 0),
    ("standard error has no reader", _no_reader, 0),
    ("standard error is a full device", _no_room, 0),
    ("standard error is closed", _closed, 0),
    ("the terminal goes", _terminal_goes, _STOPPED),
)


def _begin(farm: FarmFixture, command: list[str], error: int, *, whole: bool = False) -> subprocess.Popen[bytes]:
    """Begin a command with that standard error, which is also its standard input and output where it is a terminal."""
    terminal = os.isatty(error)
    try:
        return subprocess.Popen(
            command if whole else [sys.executable, "-m", "orchestrator", *command],
            cwd=farm.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **farm.environment},
            stdin=error if terminal else subprocess.DEVNULL,
            stdout=error if terminal else subprocess.DEVNULL,
            stderr=error,
            start_new_session=not terminal,  # setsid(1) makes one
        )
    finally:
        os.close(error)


def _status(process: subprocess.Popen[bytes]) -> int:
    """Wait for a command to end, and kill it if it does not."""
    try:
        return process.wait(4 * PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
