"""Workers take jobs in order, keep long ones in check, survive failures, and stop."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace

import pytest

from orchestrator.errors import EngineError, FaultError, Interrupted, NoRoomError, WheelproofError
from orchestrator.farm.plan import Job
from orchestrator.farm.workers import Cancellation, CpuSlots, Room, Threads, run_jobs
from tests.samples import RELEASE, TASK


def job(name: str, *, long: bool = False) -> Job:
    """Return a job of that name."""
    return Job(TASK, replace(RELEASE, project=name), long=long)


def test_every_job_is_done_once_and_one_failure_stops_no_other() -> None:
    """The farm's errors are reported; the other jobs go on."""
    told: dict[str, object] = {}

    def work(one: Job) -> str:
        if one.release.project == "bad":
            raise EngineError("it slipped")  # noqa: EM101, TRY003
        return f"{one.release.project} done"

    def done(one: Job, outcome: str | WheelproofError) -> None:
        assert one.release.project not in told
        told[one.release.project] = outcome

    names = [f"p{number}" for number in range(50)]
    run_jobs((job(name) for name in [*names, "bad"]), Threads(work, Room(4, 1)), done, stop=Cancellation())
    assert isinstance(told.pop("bad"), EngineError)
    assert told == {name: f"{name} done" for name in names}


@pytest.mark.parametrize("fault", [ZeroDivisionError("x"), MemoryError(), SystemExit(3), RecursionError("deep")])
def test_a_fault_of_the_program_leaves_one_job_open(fault: BaseException) -> None:
    """Every other job is done; the fault is handed over with what caused it."""
    ended: dict[str, object] = {}

    def work(one: Job) -> str:
        if one.release.project == "p3":
            raise fault
        return "done"

    jobs = [job(f"p{number}") for number in range(9)]
    run_jobs(jobs, Threads(work, Room(2, 1)), lambda one, outcome: _put(ended, one, outcome), stop=Cancellation())
    wrapped = ended.pop("p3")
    assert isinstance(wrapped, FaultError)
    assert wrapped.__cause__ is fault
    assert str(wrapped).startswith("a fault of wheelproof, please report it")
    assert ended == {f"p{number}": "done" for number in range(9) if number != 3}


def _put(ended: dict[str, object], one: Job, outcome: object) -> None:
    ended[one.release.project] = outcome


def test_what_cannot_be_recorded_for_a_fault_is_open_too() -> None:
    """The job comes a second time, as one that failed."""
    calls: list[tuple[str, object]] = []

    def done(one: Job, outcome: str | WheelproofError) -> None:
        calls.append((one.release.project, outcome))
        if outcome == "b":
            raise UnicodeEncodeError("utf-8", "\udc80", 0, 1, "surrogates not allowed")  # noqa: EM101

    run_jobs(
        [job(name) for name in "abc"], Threads(lambda one: one.release.project, Room(1, 1)), done, stop=Cancellation()
    )
    assert [name for name, _ in calls] == ["a", "b", "b", "c"]
    assert isinstance(calls[2][1], FaultError)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("behind", [False, True])
def test_a_full_disk_ends_the_run_at_the_first_job_that_meets_it(number: int, behind: bool) -> None:  # noqa: FBT001
    """Also where another error hides it; nobody is asked to report a fault."""
    outcomes: list[object] = []

    def work(_one: Job) -> str:
        full = OSError(number, os.strerror(number), "/somewhere/file")
        if behind:
            raise EngineError(str(full)) from full
        raise full

    with pytest.raises(NoRoomError, match="working in /somewhere: ") as caught:
        run_jobs(
            [job(name) for name in "abc"],
            Threads(work, Room(2, 1)),
            lambda _j, one: outcomes.append(one),
            stop=Cancellation(),
        )
    assert caught.value.exit_status == 7
    assert not outcomes


def test_long_jobs_leave_room_for_short_ones() -> None:
    """A short one behind long ones gets its turn beside the first of them; after it, they go two by two."""
    first_begun, short_done, side_by_side = threading.Event(), threading.Event(), threading.Event()
    lock = threading.Lock()
    begun: list[str] = []
    early: list[str] = []

    def work(one: Job) -> None:
        if not one.long:
            assert first_begun.wait(20)
            short_done.set()
            return
        with lock:
            begun.append(one.release.project)
            early.extend([] if short_done.is_set() else begun[-1:])
            first_begun.set()
            if len(begun) == 2:
                side_by_side.set()
        assert short_done.wait(20)
        assert side_by_side.wait(20)

    jobs = [job("l1", long=True), job("l2", long=True), job("l3", long=True), job("short")]
    run_jobs(jobs, Threads(work, Room(2, 1)), lambda _job, _outcome: None, stop=Cancellation())
    assert (early, begun) == (["l1"], ["l1", "l2", "l3"])


def test_a_stop_leaves_the_rest_and_says_so() -> None:
    """Finished jobs are reported; no job begins."""
    stop, begun = Cancellation(), []

    def work(one: Job) -> None:
        begun.append(one)
        stop.ask()

    with pytest.raises(Interrupted):
        run_jobs([job(str(number)) for number in range(9)], Threads(work, Room(1, 1)), lambda _j, _o: None, stop=stop)
    assert len(begun) == 1


def test_places_are_each_a_processor_and_long_builds_leave_one() -> None:
    """With nothing short left, they may have them all."""
    slots = CpuSlots(2, (5, 7))
    slots.expect(1)
    entered = threading.Event()

    def second_long() -> None:
        with slots.acquire(long=True):
            entered.set()

    with slots.acquire(long=True) as processor:
        assert processor in (5, 7)
        waiting = threading.Thread(target=second_long)
        waiting.start()
        with slots.acquire(long=False) as other:
            assert {processor, other} == {5, 7}
            assert not entered.is_set()
        assert not entered.wait(0.05)
        slots.expect(-1)
        assert entered.wait(20)
        waiting.join()


def test_an_end_wakes_only_the_build_that_may_begin() -> None:
    """Each that waits would look whether it may begin, which costs much with many slots. None is left asleep."""
    many, looks = 40, [0]

    def clock() -> float:
        looks[0] += 1
        return 0.0

    slots = CpuSlots(1, (0,), clock=clock, look=1000)

    def build(*, long: bool) -> None:
        with slots.acquire(long=long):
            threading.Event().wait(0.01)  # in which all that woke up would look

    waiting = [threading.Thread(target=build, kwargs={"long": number % 4 == 0}) for number in range(many)]
    with slots.acquire(long=False):
        for one in waiting:
            one.start()
    for one in waiting:
        one.join(20)
        assert not one.is_alive()
    assert looks[0] < 4 * many


def test_builds_that_turn_out_to_be_long_leave_a_place_for_others() -> None:
    """Nobody could know it when they began; one more at a time may run beside them."""
    now = [0.0]
    slots = CpuSlots(2, (5, 7), long=60, clock=lambda: now[0])
    entered, leave = threading.Event(), threading.Event()

    def one_more() -> None:
        with slots.acquire(long=False):
            entered.set()
            assert leave.wait(20)

    waiting = threading.Thread(target=one_more)
    with slots.acquire(long=False), slots.acquire(long=False):
        waiting.start()
        assert not entered.wait(0.1)
        now[0] = 61
        assert entered.wait(20)
        another = threading.Thread(target=one_more)
        entered.clear()
        another.start()
        assert not entered.wait(1.5), "beside long ones, one at a time"
        leave.set()
        waiting.join()
        assert entered.wait(20)
        another.join()
