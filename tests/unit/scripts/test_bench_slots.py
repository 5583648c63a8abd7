"""The measurement of many slots in small, and what is reckoned from it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import bench_slots
import pytest
import stub_farm

from orchestrator.farm.workers import CpuSlots

if TYPE_CHECKING:
    from pathlib import Path

RUN = bench_slots.Measured(
    jobs=50, wall=31.0, held=45.0, cpu=1.0, site_cpu=0.5, idle=0.25, store=2.0, end=1.0
)  # seconds


def test_figures_are_of_a_job_and_of_a_hundred_jobs_a_minute() -> None:
    """The wait for the last pages is no time in which slots could be busy."""
    found = bench_slots.figures(RUN, slots=2)
    assert found.jobs_a_minute == pytest.approx(100)
    assert found.busy == pytest.approx(75)
    assert (found.cpu, found.site_cpu, found.store, found.end) == pytest.approx((20, 10, 40, 20))
    assert found.core == pytest.approx(100 * 1.5 / 50 * 100 / 60)  # 0.03 s a job are 5 per cent


def test_a_slot_is_idle_only_while_a_build_waits() -> None:
    """A free slot that nothing wants is no fault."""
    now = [0.0]
    watch = bench_slots.Watch(CpuSlots(2, (0,)), clock=lambda: now[0])
    for until, waiting, running in ((1, 1, 0), (3, -1, 1), (6, 1, 0), (10, -1, 1), (15, 1, 0), (21, -1, -2)):
        now[0] = until
        watch.note(waiting=waiting, running=running)
    assert watch.idle == 2 + 4  # from 1 to 3, and from 6 to 10; not while both slots are held
    assert watch.held == 3 + 4 + 2 * (5 + 6)


def test_a_slot_that_is_left_is_held_no_more() -> None:
    """The farm's own slots are watched."""
    now = [0.0]
    watch = bench_slots.Watch(CpuSlots(1, (0,)), clock=lambda: now[0])
    with watch.hold():
        now[0] = 5.0
    now[0] = 9.0
    watch.note()
    assert (watch.held, watch.idle) == (5, 0)


def test_a_line_has_the_median_and_the_spread() -> None:
    """Of each figure."""
    line = bench_slots.line(16, [bench_slots.Figures(*[value] * 8) for value in (3.0, 1.0, 2.0)])
    assert line.split() == ["16", *["2.0", "(1.0-3.0)"] * 8]
    assert len(line) == len(bench_slots.HEAD)


def test_what_functions_take_is_summed_up() -> None:
    """Each call counts, one that raises too."""
    now = [0.0]
    summed = stub_farm.Summed(lambda: now[0])

    def takes(seconds: float) -> None:
        now[0] += seconds
        raise LookupError

    for seconds in (2.0, 3.0):
        with pytest.raises(LookupError):
            summed.of(takes)(seconds)
        now[0] += 100
    assert summed.seconds == 5


def test_the_time_that_a_thread_waits_is_unused() -> None:
    """And what it uses is not."""
    begun, unused, used = time.monotonic(), bench_slots.unused(), time.thread_time()
    threading.Event().wait(0.05)
    while time.thread_time() < used + 0.05:
        pass
    waited = bench_slots.unused() - unused
    assert 0.04 <= waited <= time.monotonic() - begun - 0.04


def test_a_run_in_small(tmp_path: Path) -> None:
    """Real records and a real site; the slots are held for as long as the builds take, and the rest is CPU time."""
    found = bench_slots.measured(2, 3, 0.05, tmp_path)
    builds = found.held / 0.05
    assert builds >= 3 * 2
    assert found.cpu > 0
    assert found.site_cpu > 0
    assert found.end <= found.wall
    assert len(list((tmp_path / "results" / "records").glob("*/*.json"))) == 3
