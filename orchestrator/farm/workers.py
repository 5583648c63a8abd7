"""Many jobs: workers that keep the processors busy, and stop when asked to."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections import Counter, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from orchestrator.errors import FaultError, Interrupted, NoRoomError, WheelproofError
from orchestrator.util.room import shortage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.farm.plan import Job

PATIENCE = 3.0
"""Seconds that a run which was asked to stop waits for what is under way to end."""

STOPPED = "the run was stopped; run again to go on where it stood"

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_GLANCE = 0.2  # seconds between two looks at whether it was asked to stop
_LOOK = 1.0  # seconds between two looks at whether a build turned out to be long
_P = ParamSpec("_P")
_T = TypeVar("_T")


def stop_signals() -> tuple[signal.Signals, ...]:
    """List the signals that ask a run to stop.

    Not SIGHUP where it is ignored: nohup(1) does that for a run that is to outlive its terminal. A
    shell that starts a job in its background has SIGINT and SIGQUIT ignored, but means nothing by it.
    """
    return tuple(
        number for number in _SIGNALS if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    )


class CpuSlots:
    """Places for builds, each with a processor of its own; long builds never take them all.

    A build that is known to be long may take the last place only when nothing short is left that
    could want it. Where every place is held by one that turned out to be long, there is one more.
    """

    def __init__(
        self,
        count: int,
        processors: Iterable[int],
        *,
        long: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Offer `count` places; the processors are shared out in turn; `long` is in seconds."""
        self.count = count
        self._processors = tuple(processors)
        self._free = deque(self._processors[number % len(self._processors)] for number in range(count))
        self._long = long
        self._clock = clock
        self._ends_short: dict[int, float] = {}  # of each build that runs: when it counts as long
        self._short_left = 0
        self._changed = threading.Condition()

    def expect(self, short: int) -> None:
        """Be told how many more short jobs there are (or, negative, are no longer)."""
        with self._changed:
            self._short_left += short
            self._changed.notify_all()

    @contextmanager
    def acquire(self, *, long: bool) -> Iterator[int]:
        """Wait for a place; give its processor."""
        with self._changed:
            while not self._changed.wait_for(lambda: self._admits(long=long), timeout=_LOOK):
                pass  # time alone may have made room
            extra = not self._free
            processor = self._processors[-1] if extra else self._free.popleft()
            build = object()
            self._ends_short[id(build)] = self._clock() + (0 if long else self._long)
        try:
            yield processor
        finally:
            with self._changed:
                del self._ends_short[id(build)]
                if not extra:
                    self._free.append(processor)
                self._changed.notify_all()

    def _admits(self, *, long: bool) -> bool:
        now = self._clock()
        longs = sum(end <= now for end in self._ends_short.values())
        if long:
            reserved = 1 if self._short_left > 0 and self.count > 1 else 0
            return bool(self._free) and longs < self.count - reserved
        return bool(self._free) or longs == len(self._ends_short)


class Cancellation:
    """A request to stop, seen by all workers."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self.event = threading.Event()
        self._patience_ends = 0.0

    def ask(self) -> None:
        """Ask all workers to take nothing new."""
        if not self.asked:
            self._patience_ends = time.monotonic() + PATIENCE
        self.event.set()

    def wait(self, ended: Callable[[float], bool]) -> None:
        """Wait for something to end; but once it was asked to stop, only as long as patience lasts.

        `ended` waits itself, no longer than the seconds that it is given, and says whether it is so.
        """
        while not ended(_GLANCE):
            if self.asked and time.monotonic() > self._patience_ends:
                return

    @property
    def asked(self) -> bool:
        """Whether it was asked for."""
        return self.event.is_set()


def run_jobs(
    jobs: Iterable[Job],
    work: Callable[[Job], _T],
    done: Callable[[Job, _T | WheelproofError], None],
    *,
    workers: int,
    longs: int,
    stop: Cancellation,
) -> None:
    """Do all jobs, several at a time and no more than `longs` long ones beside short ones.

    Where nothing short is left there may be one more, for the places that the last build of a job leaves free.

    `done` gets each job's outcome: what `work` returned, or the farm's own error, which leaves the
    job open and never stops another. Whatever else `work` raises, or `done` for what `work` returned,
    is a fault of the program in that one job: `done` gets it as a FaultError. `done` is called by one
    thread at a time.

    Raises
    ------
    NoRoomError
        A file system is full. The other workers finish what they do, and take nothing new.
    WheelproofError
        `done` raised it: nothing can be kept any more. The same holds for whatever it raises when it
        gets a FaultError.
    Interrupted
        It was asked to stop.

    """
    queue = _Queue(jobs, longs)
    reports = _Reports(done, stop)
    faults = reports.faults

    def one_worker() -> None:
        while not stop.asked and not faults and (job := queue.take()) is not None:
            try:
                reports.take(job, attempted(work, job))
            except BaseException as fault:  # noqa: BLE001 - handed to the caller below
                faults.append(fault)
            finally:
                queue.finish(job)
        queue.close()

    # Daemons: one that waits for a network when the run is stopped must not keep it from ending.
    threads = [
        threading.Thread(target=one_worker, name=f"worker {number + 1}", daemon=True) for number in range(workers)
    ]
    for thread in threads:
        thread.start()
    stop.wait(lambda seconds: _ended(threads, seconds))
    if faults:
        raise faults[0]
    if stop.asked:
        raise Interrupted(STOPPED)


class _Reports:
    """Hands each job's outcome on, one at a time; takes note of what ends the run."""

    def __init__(self, done: Callable[[Job, Any], None], stop: Cancellation) -> None:
        self.faults: list[BaseException] = []
        self._done = done
        self._stop = stop
        self._lock = threading.Lock()

    def take(self, job: Job, outcome: object) -> None:
        """Take the outcome of a job, unless it only came of the end of the run.

        Raises
        ------
        Exception
            Nothing can be reported any more, not even a fault.

        """
        if isinstance(outcome, NoRoomError):
            self.faults.append(outcome)
        elif not (self._stop.asked and isinstance(outcome, WheelproofError)):
            with self._lock:
                self._report(job, outcome)

    def _report(self, job: Job, outcome: object) -> None:
        fault = attempted(self._done, job, outcome)
        if isinstance(fault, FaultError):
            self._done(job, fault)
        elif isinstance(fault, WheelproofError):
            self.faults.append(fault)


def attempted(act: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T | WheelproofError:
    """Return what a function returns, or what it raises: as an error of the farm, whatever it is.

    A SystemExit counts as a fault, too: in a worker, a library raised it. So does a MemoryError: what
    is too large for us is the one job's input.
    """
    try:
        return act(*arguments, **named)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - this is the border behind which a job fails alone
        known = error if isinstance(error, WheelproofError) else FaultError.of(error)
        return shortage(error) or known


def _ended(threads: list[threading.Thread], seconds: float) -> bool:
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


class _Queue:
    """The jobs in their order, but for long ones that have to wait for other long ones."""

    def __init__(self, jobs: Iterable[Job], longs: int) -> None:
        self._waiting = deque(jobs)
        self._longs = longs
        self._running = Counter[bool]()  # by whether they are long
        self._closed = False
        self._changed = threading.Condition()

    def take(self) -> Job | None:
        with self._changed:
            while self._waiting and not self._closed:
                longs = self._longs + self._nothing_short()
                for job in self._waiting:
                    if not job.long or self._running[True] < longs:
                        self._waiting.remove(job)
                        self._running[job.long] += 1
                        return job
                self._changed.wait()
            return None

    def finish(self, job: Job) -> None:
        with self._changed:
            self._running[job.long] -= 1
            self._changed.notify_all()

    def _nothing_short(self) -> bool:
        return not self._running[False] and all(job.long for job in self._waiting)

    def close(self) -> None:
        """Let those go who wait: either nothing is left, or nothing shall be taken any more."""
        with self._changed:
            self._closed = self._closed or bool(self._waiting)
            self._changed.notify_all()
