"""Jobs that are prepared before their turn, with effects that are ordinary functions."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import TransientIndexError
from orchestrator.farm.ahead import Ahead, is_worth_it
from orchestrator.farm.plan import Job
from orchestrator.farm.workers import Cancellation
from orchestrator.model import BuildTools, Policy
from tests.samples import IMAGE, RELEASE, SDIST, TASK

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 10.0  # seconds


def job(name: str, size: int | None = 1) -> Job:
    """Return a job with an sdist of that size."""
    return Job(TASK, replace(RELEASE, project=name, sdist=replace(SDIST, size=size)))


@dataclass
class Prepared:
    """What was prepared, in its order."""

    names: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, job: Job) -> None:
        with self.changed:
            self.names.append(job.release.project)
            self.changed.notify_all()

    def wait(self, *names: str) -> None:
        """Wait until exactly these were prepared."""
        with self.changed:
            assert self.changed.wait_for(lambda: sorted(self.names) == sorted(names), PATIENCE), self.names


def test_a_few_jobs_are_prepared_in_their_order() -> None:
    """No more than the limit before one of them begins; one that has begun is left to itself."""
    prepared = Prepared()
    ahead = Ahead(prepared, Cancellation(), jobs=2)
    jobs = [job(name) for name in "abcde"]
    ahead.follow(jobs)
    ahead.begun(jobs[0])
    with ahead.working(threads=1):
        prepared.wait("b", "c")
        ahead.begun(jobs[3])
        ahead.begun(jobs[1])
        prepared.wait("b", "c", "e")
    assert prepared.names == ["b", "c", "e"]


def test_sdists_are_fetched_up_to_a_size() -> None:
    """A large one waits until others have begun."""
    prepared = Prepared()
    ahead = Ahead(prepared, Cancellation(), jobs=4, size=10)
    jobs = [job("a", 6), job("b", 6)]
    ahead.follow(jobs)
    with ahead.working(threads=1):
        prepared.wait("a")
        ahead.begun(jobs[0])
        prepared.wait("a", "b")


def test_a_job_is_prepared_as_soon_as_it_is_found() -> None:
    """The order decides about the rest, and nothing is prepared twice."""
    prepared = Prepared()
    ahead = Ahead(prepared, Cancellation(), jobs=2)
    jobs = [job(name) for name in "abcd"]
    with ahead.working(threads=1):
        ahead.found(jobs[3])
        prepared.wait("d")
        ahead.follow(jobs)
        prepared.wait("d", "a", "b")
        for one in jobs:
            ahead.begun(one)
    assert prepared.names == ["d", "a", "b"]


def test_a_failure_is_dropped() -> None:
    """The job itself meets it; the next one is prepared all the same."""
    prepared = Prepared()

    def failing(job: Job) -> None:
        prepared(job)
        raise TransientIndexError(job.name) if job.release.project == "a" else LookupError

    ahead = Ahead(failing, Cancellation())
    ahead.follow([job("a"), job("b"), job("c")])
    with ahead.working(threads=1):
        prepared.wait("a", "b", "c")


def test_a_stop_ends_it() -> None:
    """Nothing is begun after it, and nobody waits for what is under way."""
    stop, prepared, release = Cancellation(), Prepared(), threading.Event()

    def slow(job: Job) -> None:
        prepared(job)
        release.wait(PATIENCE)

    ahead = Ahead(slow, stop)
    ahead.follow([job("a"), job("b")])
    with ahead.working(threads=1):
        prepared.wait("a")
        stop.ask()
    release.set()
    assert prepared.names == ["a"]


@pytest.mark.parametrize(
    ("change", "again", "expected"),
    [
        (lambda one: one, False, True),
        (lambda one: replace(one, compared=True), False, False),
        (lambda one: replace(one, compared=True), True, True),
        (lambda one: replace(one, release=replace(one.release, sdist=None)), True, False),
        (lambda one: replace(one, release=replace(one.release, sdist=replace(SDIST, size=None))), True, False),
        (lambda one: replace(one, release=replace(one.release, requires_python=">=3.99")), True, False),
        (lambda one: replace(one, task=replace(TASK, tools=BuildTools(policy=Policy.DEBIAN))), True, False),
    ],
    ids=["new", "known", "known and asked again", "no sdist", "no size", "another Python", "no index"],
)
def test_nothing_is_fetched_for_a_job_that_will_not_build(
    change: Callable[[Job], Job],
    *,
    again: bool,
    expected: bool,
) -> None:
    """A former result of the same sdist, or a verdict that needs no build."""
    assert is_worth_it(change(job("a")), IMAGE, again=again) is expected
