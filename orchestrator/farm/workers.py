"""Many jobs: workers that keep the CPUs busy, and stop on request."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections import Counter, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

from orchestrator.errors import FaultError, Interrupted, NoRoomError, WheelproofError
from orchestrator.util.room import shortage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


PATIENCE = 3.0
"""Seconds that a run waits for its work to end after a request to stop."""

STOPPED = "the run was stopped; run again to continue"

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_GLANCE = 0.2  # seconds between two checks for a request to stop
_LOOK = 1.0  # seconds between two checks for builds that became long
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Work(Protocol):
    """What a worker takes from the queue."""

    @property
    def long(self) -> bool:
        """Whether it is expected to take long."""
        ...


_W = TypeVar("_W", bound=Work)


def stop_signals() -> tuple[signal.Signals, ...]:
    """List the signals that ask a run to stop.

    Not SIGHUP where it is ignored: nohup(1) does that for a run that is to outlive its terminal. A
    shell that starts a job in its background has SIGINT and SIGQUIT ignored, but means nothing by it.
    """
    return tuple(
        number for number in _SIGNALS if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    )


class CpuSlots:
    """Slots for builds, each with one CPU; long builds never take all slots.

    A build that is known to be long may take the last slot only when no short job is left. Where every
    slot is taken by a build that became long, there is one more slot.
    """

    def __init__(
        self,
        count: int,
        processors: Iterable[int],
        *,
        long: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Offer `count` slots, with the processors assigned in turn; `long` is in seconds."""
        self.count = count
        self._processors = tuple(processors)
        self._free = deque(self._processors[number % len(self._processors)] for number in range(count))
        self._long = long
        self._clock = clock
        self._ends_short: dict[int, float] = {}  # of each build that runs: when it counts as long
        self._short_left = 0
        self._changed = threading.Condition()

    def expect(self, short: int) -> None:
        """Adjust the number of pending short jobs by `short`, which may be negative."""
        with self._changed:
            self._short_left += short
            self._changed.notify_all()

    @contextmanager
    def acquire(self, *, long: bool) -> Iterator[int]:
        """Wait for a slot, and yield its processor."""
        with self._changed:
            while not self._changed.wait_for(lambda: self._admits(long=long), timeout=_LOOK):
                pass  # a build may have become long meanwhile
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
        """Start without a request."""
        self.event = threading.Event()
        self._patience_ends = 0.0

    def ask(self) -> None:
        """Ask all workers to take no further job."""
        if not self.asked:
            self._patience_ends = time.monotonic() + PATIENCE
        self.event.set()

    def wait(self, ended: Callable[[float], bool]) -> None:
        """Wait for something to end; after a request to stop, wait at most PATIENCE seconds.

        `ended` waits at most the given seconds, and returns whether it has ended.
        """
        while not ended(_GLANCE):
            if self.asked and time.monotonic() > self._patience_ends:
                return

    @property
    def asked(self) -> bool:
        """Whether a stop was requested."""
        return self.event.is_set()


def run_jobs(
    jobs: Iterable[_W],
    work: Callable[[_W], _T],
    done: Callable[[_W, _T | WheelproofError], None],
    *,
    workers: int,
    longs: int,
    stop: Cancellation,
) -> None:
    """Do all jobs, several at a time, and at most `longs` long ones beside short ones.

    Where no short job is left, one more long job may run, for the slots that the last build of a job leaves free.

    `done` gets each job's outcome: what `work` returned, or the farm's own error, which leaves the
    job open and never stops another. Whatever else `work` raises, or `done` for what `work` returned,
    is a fault of the program in that one job: `done` gets it as a FaultError. `done` is called by one
    thread at a time.

    Raises
    ------
    NoRoomError
        A file system is full. The other workers finish their jobs, and take no further ones.
    WheelproofError
        `done` raised it: no outcome can be recorded any more. Whatever `done` raises when it gets a
        FaultError is passed on too.
    Interrupted
        A stop was requested.

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

    # Daemons: a worker that waits for the network must not keep a stopped run from ending.
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
    """Passes on the outcome of each job, one at a time, and collects the faults that end the run."""

    def __init__(self, done: Callable[[Any, Any], None], stop: Cancellation) -> None:
        self.faults: list[BaseException] = []
        self._done = done
        self._stop = stop
        self._lock = threading.Lock()

    def take(self, job: Work, outcome: object) -> None:
        """Take the outcome of a job, unless it is only a consequence of the stop.

        Raises
        ------
        Exception
            No outcome can be reported any more, not even a fault.

        """
        if isinstance(outcome, NoRoomError):
            self.faults.append(outcome)
        elif not (self._stop.asked and isinstance(outcome, WheelproofError)):
            with self._lock:
                self._report(job, outcome)

    def _report(self, job: Work, outcome: object) -> None:
        fault = attempted(self._done, job, outcome)
        if isinstance(fault, FaultError):
            self._done(job, fault)
        elif isinstance(fault, WheelproofError):
            self.faults.append(fault)


def attempted(act: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T | WheelproofError:
    """Return what a function returns, or what it raises, converted to an error of the farm.

    A SystemExit counts as a fault too, because in a worker only a library raises it. So does a
    MemoryError, because the input of this one job is too large.
    """
    try:
        return act(*arguments, **named)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a job fails alone here
        known = error if isinstance(error, WheelproofError) else FaultError.of(error)
        return shortage(error) or known


def _ended(threads: list[threading.Thread], seconds: float) -> bool:
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


class _Queue(Generic[_W]):
    """The jobs in their order, except that long ones wait for other long ones."""

    def __init__(self, jobs: Iterable[_W], longs: int) -> None:
        self._waiting = deque(jobs)
        self._longs = longs
        self._running = Counter[bool]()  # by whether they are long
        self._closed = False
        self._changed = threading.Condition()

    def take(self) -> _W | None:
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

    def finish(self, job: _W) -> None:
        with self._changed:
            self._running[job.long] -= 1
            self._changed.notify_all()

    def _nothing_short(self) -> bool:
        return not self._running[False] and all(job.long for job in self._waiting)

    def close(self) -> None:
        """Wake all waiting workers: no job is left, or none may be taken any more."""
        with self._changed:
            self._closed = self._closed or bool(self._waiting)
            self._changed.notify_all()
