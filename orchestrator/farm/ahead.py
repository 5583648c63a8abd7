"""Prepares jobs before their turn: threads fetch sdists and build requirements while others are looked up or built."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from orchestrator.farm.workers import PATIENCE, attempted
from orchestrator.job.inputs import settle
from orchestrator.job.judge import without_building
from orchestrator.model import Failure, Origin, Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from orchestrator.farm.plan import Job
    from orchestrator.farm.workers import Cancellation
    from orchestrator.job.inputs import SettlingEffects
    from orchestrator.model import Image, Lock, Target

THREADS = 2
JOBS = 4
"""How many jobs are prepared that have not begun."""

BYTES = 256 << 20
"""How large their sdists are, together."""


class Ahead:
    """Prepares the next jobs of a run, a few at a time.

    A failure is dropped: the job meets it itself, and reports it.
    """

    def __init__(
        self,
        prepare: Callable[[Job], object],
        stop: Cancellation,
        *,
        jobs: int = JOBS,
        size: int = BYTES,
    ) -> None:
        """Prepare jobs with `prepare`: at most `jobs` that have not begun, with sdists of at most `size` bytes."""
        self._prepare = prepare
        self._stop = stop
        self._jobs = jobs
        self._size = size
        self._waiting: deque[Job] = deque()
        self._lead: dict[Job, int] = {}  # those that are prepared and have not begun -> bytes of their sdists
        self._closed = False
        self._changed = threading.Condition()

    @contextmanager
    def working(self, threads: int = THREADS) -> Iterator[None]:
        """Prepare jobs during the block."""
        # Daemons: a thread that waits for the network must not keep a stopped run from ending.
        workers = [threading.Thread(target=self._serve, name=f"ahead {n + 1}", daemon=True) for n in range(threads)]
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            for worker in workers:
                worker.join(0 if self._stop.asked else PATIENCE)

    def found(self, job: Job) -> None:
        """Note a job before the order of all jobs is known."""
        with self._changed:
            if len(self._waiting) < self._jobs:
                self._waiting.append(job)
                self._changed.notify_all()

    def follow(self, jobs: Iterable[Job]) -> None:
        """Prepare these jobs from now on, in their order, and forget those noted before."""
        with self._changed:
            self._waiting = deque(job for job in jobs if job not in self._lead)
            self._lead.clear()
            self._changed.notify_all()

    def begun(self, job: Job) -> None:
        """Note that a job has begun: it fetches the rest itself."""
        with self._changed:
            if self._lead.pop(job, None) is None:
                with suppress(ValueError):
                    self._waiting.remove(job)
            self._changed.notify_all()

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            attempted(self._prepare, job)

    def _next(self) -> Job | None:
        """Wait for a job that there is room for; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ends or self._has_room())
            if self._ends:
                return None
            job = self._waiting.popleft()
            self._lead[job] = _size(job)
            return job

    @property
    def _ends(self) -> bool:
        return self._closed or self._stop.asked

    def _has_room(self) -> bool:
        if not self._waiting or len(self._lead) >= self._jobs:
            return False
        return sum(self._lead.values()) + _size(self._waiting[0]) <= self._size


def _size(job: Job) -> int:
    return (job.release.sdist.size or 0) if job.release.sdist else 0


def is_worth_it(job: Job, image: Image, *, again: bool) -> bool:
    """Return whether a job will probably build, with requirements of the index; one with a record does not."""
    release = job.release
    return (
        (again or not job.compared)
        and release.sdist is not None
        and release.sdist.size is not None
        and release.origin is Origin.INDEX
        and job.task.tools.policy is Policy.INDEX
        and without_building(job.task, release, image) is None
    )


def prepare(
    job: Job,
    image: Image,
    effects: SettlingEffects,
    materialize: Callable[[Lock, Target], Path],
    stop: Cancellation,
) -> None:
    """Fetch a job's sdist and its build requirements, as far as they are known without a build.

    Raises
    ------
    WheelproofError
        The index does not answer, for example. Nothing follows from it.

    """
    settled = settle(job.release, image, effects, job.task.config_settings)
    if not isinstance(settled, Failure) and not stop.asked:
        materialize(settled.lock, image.target)
