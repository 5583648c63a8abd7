"""Many jobs: workers that keep the CPUs busy, and stop on request."""

from __future__ import annotations

import math
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

from orchestrator.errors import FaultError, Interrupted, LostSchedulerError, NoRoomError, WheelproofError
from orchestrator.util.room import shortage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


PATIENCE = 3.0
"""Seconds that a run waits for its work to end after a request to stop."""

STOPPED = "the run was stopped; run again to continue"

AHEAD = 2
"""How many more jobs than CPU slots are under way, so that no slot waits for the network."""

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
        look: float = _LOOK,
    ) -> None:
        """Offer `count` slots, with the processors assigned in turn.

        After `long` seconds a build counts as long; a build that waits looks for such ones every `look` seconds.
        """
        self.count = count
        self._processors = tuple(processors)
        self._free = deque(self._processors[number % len(self._processors)] for number in range(count))
        self._long = long
        self._clock = clock
        self._look = look
        self._ends_short: dict[int, float] = {}  # of each build that runs: when it counts as long
        self._short_left = 0
        self._lock = threading.Lock()
        self._waiting = {is_long: threading.Condition(self._lock) for is_long in (False, True)}

    @property
    def room(self) -> Room:
        """How many jobs may be under way, so that the slots are used and a long one never takes all."""
        return Room(self.count + AHEAD, max(1, self.count - 1))

    def expect(self, short: int) -> None:
        """Adjust the number of pending short jobs by `short`, which may be negative."""
        with self._lock:
            self._short_left += short
            self._waiting[True].notify_all()

    @contextmanager
    def acquire(self, *, long: bool) -> Iterator[int]:
        """Wait for a slot, and yield its processor."""
        with self._lock:
            while not self._waiting[long].wait_for(lambda: self._admits(long=long), timeout=self._look):
                pass  # a build may have become long meanwhile
            extra = not self._free
            processor = self._processors[-1] if extra else self._free.popleft()
            build = object()
            self._ends_short[id(build)] = self._clock() + (0 if long else self._long)
        try:
            yield processor
        finally:
            with self._lock:
                del self._ends_short[id(build)]
                if not extra:
                    self._free.append(processor)
                for one in self._waiting.values():  # an end admits at most one of each kind
                    one.notify()

    def _admits(self, *, long: bool) -> bool:
        if long:
            reserved = 1 if self._short_left > 0 and self.count > 1 else 0
            return bool(self._free) and self._longs() < self.count - reserved
        return bool(self._free) or self._longs() == len(self._ends_short)

    def _longs(self) -> int:
        now = self._clock()
        return sum(end <= now for end in self._ends_short.values())


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


@dataclass(frozen=True, slots=True)
class Room:
    """How many jobs may be under way at once."""

    jobs: int
    longs: int  # of them, beside short ones


class Pool(ABC, Generic[_W, _T]):
    """Where jobs are done: threads of this process, or other machines."""

    @abstractmethod
    def room(self) -> Room:
        """Return how many jobs it takes at the moment; raises WheelproofError where it will never take one again."""

    @abstractmethod
    def start(self, job: _W, ended: Callable[[_T | WheelproofError], None]) -> None:
        """Begin a job, and return at once; `ended` gets its outcome, in any thread."""

    @abstractmethod
    def close(self) -> None:
        """Take no further job."""


class Threads(Pool[_W, _T]):
    """A pool of threads of this process."""

    def __init__(self, work: Callable[[_W], _T], room: Room) -> None:
        """Do jobs with `work`. Whatever else than a WheelproofError it raises is a fault of the program in that job."""
        self._work = work
        self._room = room
        self._orders: SimpleQueue[tuple[_W, Callable[[_T | WheelproofError], None]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def room(self) -> Room:
        """Return how many jobs may be under way."""
        return self._room

    def start(self, job: _W, ended: Callable[[_T | WheelproofError], None]) -> None:
        """Begin a job. Threads are used again, with their connections."""
        if len(self._threads) < self._room.jobs:
            # A daemon: a thread that waits for the network must not keep a stopped run from ending.
            name = f"worker {len(self._threads) + 1}"
            self._threads.append(threading.Thread(target=self._serve, name=name, daemon=True))
            self._threads[-1].start()
        self._orders.put((job, ended))

    def close(self) -> None:
        """End the threads that have nothing to do, and each other one after its job."""
        for _ in self._threads:
            self._orders.put(None)

    def _serve(self) -> None:
        while (order := self._orders.get()) is not None:
            job, ended = order
            ended(attempted(self._work, job))


def run_jobs(
    jobs: Iterable[_W],
    pool: Pool[_W, _T],
    done: Callable[[_W, _T | WheelproofError], None],
    *,
    stop: Cancellation,
) -> None:
    """Do all jobs in a pool, in their order, and at most `longs` of its room long ones beside short ones.

    Where no short job is left, one more long job may run, for the slots that the last build of a job leaves free.

    `done` gets each job's outcome: what the pool returned, or the farm's own error, which leaves the
    job open and never stops another. Whatever else `done` raises for an outcome is a fault of the program in that one
    job: `done` gets it as a FaultError. `done` is called in this thread.

    Raises
    ------
    NoRoomError
        A file system is full. The jobs under way are finished, and no further ones begin.
    LostSchedulerError
        The pool is on other machines, and lost the connection to them.
    WheelproofError
        `done` raised it: no outcome can be recorded any more. Whatever `done` raises when it gets a
        FaultError is passed on too. Or the pool takes no job any more.
    Interrupted
        A stop was requested.

    """
    queue = _Queue(jobs)
    reports = _Reports(done, stop)
    ended: SimpleQueue[tuple[_W, _T | WheelproofError]] = SimpleQueue()

    def one_ended(seconds: float) -> bool:
        """Start what there is room for, and report one outcome; return whether no further one will come."""
        ends = stop.asked or bool(reports.faults)
        if not queue.running and (ends or not queue.waiting):
            return True
        while not ends and (job := queue.take(pool.room())) is not None:
            pool.start(job, partial(_put, ended, job))
        with suppress(Empty):
            job, outcome = ended.get(timeout=seconds)
            queue.finish(job)
            reports.take(job, outcome)
        return False

    try:
        stop.wait(one_ended)
    finally:
        pool.close()
    if reports.faults:
        raise reports.faults[0]
    if stop.asked:
        raise Interrupted(STOPPED)


def _put(ended: SimpleQueue[tuple[_W, Any]], job: _W, outcome: object) -> None:
    ended.put((job, outcome))


class _Reports:
    """Passes on the outcome of each job, one at a time, and collects the faults that end the run."""

    def __init__(self, done: Callable[[Any, Any], None], stop: Cancellation) -> None:
        self.faults: list[BaseException] = []
        self._done = done
        self._stop = stop

    def take(self, job: Work, outcome: object) -> None:
        """Take the outcome of a job, unless it is only a consequence of the stop."""
        if isinstance(outcome, NoRoomError | LostSchedulerError):
            self.faults.append(outcome)
        elif not (self._stop.asked and isinstance(outcome, WheelproofError)):
            try:
                self._report(job, outcome)
            except BaseException as fault:  # noqa: BLE001 - it ends the run when the jobs under way have ended
                self.faults.append(fault)

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


class _Queue(Generic[_W]):
    """The jobs in their order, except that long ones wait for other long ones."""

    def __init__(self, jobs: Iterable[_W]) -> None:
        self._waiting = deque(jobs)
        self._running = Counter[bool]()  # by whether they are long

    @property
    def waiting(self) -> int:
        """The number of jobs that have not begun."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """The number of jobs under way."""
        return self._running.total()

    def take(self, room: Room) -> _W | None:
        """Return the next job that there is room for, if there is one."""
        if self.running >= room.jobs:
            return None
        longs = room.longs + self._nothing_short()
        job = next((job for job in self._waiting if not job.long or self._running[True] < longs), None)
        if job is not None:
            self._waiting.remove(job)
            self._running[job.long] += 1
        return job

    def finish(self, job: _W) -> None:
        """Note that a job has ended."""
        self._running[job.long] -= 1

    def _nothing_short(self) -> bool:
        return not self._running[False] and all(job.long for job in self._waiting)
