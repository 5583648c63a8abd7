"""Workers take jobs in order, keep long ones in check, survive failures, and stop."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from orchestrator.errors import EngineError, Interrupted, WheelproofError
from orchestrator.farm import Slots, Stop, work_off
from orchestrator.plan import Job
from tests.samples import RELEASE, TASK


def job(name: str, *, long: bool = False) -> Job:
    """Return a job of that name."""
    return Job(TASK, replace(RELEASE, project=name), long=long)


def test_every_job_is_done_once_and_one_failure_stops_no_other() -> None:
    """The farm's errors are told; what else there is goes on."""
    told: dict[str, object] = {}

    def work(one: Job) -> str:
        if one.release.project == "bad":
            raise EngineError("it slipped")  # noqa: EM101, TRY003
        return f"{one.release.project} done"

    def done(one: Job, outcome: str | WheelproofError) -> None:
        assert one.release.project not in told
        told[one.release.project] = outcome

    names = [f"p{number}" for number in range(50)]
    work_off((job(name) for name in [*names, "bad"]), work, done, workers=4, longs=1, stop=Stop())
    assert isinstance(told.pop("bad"), EngineError)
    assert told == {name: f"{name} done" for name in names}


def test_a_fault_of_the_program_is_not_swallowed() -> None:
    """It is neither a verdict nor an open job."""

    def work(_one: Job) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work_off([job("a"), job("b")], work, lambda _job, _outcome: None, workers=2, longs=1, stop=Stop())


def test_long_jobs_leave_room_for_short_ones() -> None:
    """A short one behind long ones gets its turn beside the first of them; after it, they go two by two."""
    short_done, side_by_side, lock = threading.Event(), threading.Event(), threading.Lock()
    begun: list[str] = []
    early: list[str] = []

    def work(one: Job) -> None:
        if not one.long:
            short_done.set()
            return
        with lock:
            begun.append(one.release.project)
            early.extend([] if short_done.is_set() else begun[-1:])
            if len(begun) == 2:
                side_by_side.set()
        assert short_done.wait(20)
        assert side_by_side.wait(20)

    jobs = [job("l1", long=True), job("l2", long=True), job("l3", long=True), job("short")]
    work_off(jobs, work, lambda _job, _outcome: None, workers=2, longs=1, stop=Stop())
    assert (early, begun) == (["l1"], ["l1", "l2", "l3"])


def test_a_stop_leaves_the_rest_and_says_so() -> None:
    """What was done is told; nothing new is begun."""
    stop, begun = Stop(), []

    def work(one: Job) -> None:
        begun.append(one)
        stop.ask()

    with pytest.raises(Interrupted):
        work_off([job(str(number)) for number in range(9)], work, lambda _j, _o: None, workers=1, longs=1, stop=stop)
    assert len(begun) == 1


def test_places_are_each_a_processor_and_long_builds_leave_one() -> None:
    """With nothing short left, they may have them all."""
    slots = Slots(2, (5, 7))
    slots.expect(1)
    entered = threading.Event()

    def second_long() -> None:
        with slots.place(long=True):
            entered.set()

    with slots.place(long=True) as processor:
        assert processor in (5, 7)
        waiting = threading.Thread(target=second_long)
        waiting.start()
        with slots.place(long=False) as other:
            assert {processor, other} == {5, 7}
            assert not entered.is_set()
        assert not entered.wait(0.05)
        slots.expect(-1)
        assert entered.wait(20)
        waiting.join()


def test_builds_that_turn_out_to_be_long_leave_a_place_for_others() -> None:
    """Nobody could know it when they began; one more at a time may run beside them."""
    now = [0.0]
    slots = Slots(2, (5, 7), long=60, clock=lambda: now[0])
    entered, leave = threading.Event(), threading.Event()

    def one_more() -> None:
        with slots.place(long=False):
            entered.set()
            assert leave.wait(20)

    waiting = threading.Thread(target=one_more)
    with slots.place(long=False), slots.place(long=False):
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
