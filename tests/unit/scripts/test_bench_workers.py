"""The simulation of Dask workers in small, and the model that reckons with what it measures."""

from __future__ import annotations

from dataclasses import replace

import bench_workers
import cost_model
import pytest

RUN = cost_model.Load(workers=64, builds=1, releases=1600, seconds=2, files=530_000)


@pytest.mark.parametrize(
    ("workers", "jobs", "measured"), [(8, 200, 50.3), (32, 800, 50.7), (64, 1600, 51.6)], ids=["8", "32", "64"]
)
def test_the_model_predicts_what_was_measured(workers: int, jobs: int, measured: float) -> None:
    """Within five hundredths, of the runs in docs/scaling.md."""
    assert cost_model.cost(replace(RUN, workers=workers, releases=jobs)).seconds == pytest.approx(measured, rel=0.05)


def test_more_workers_take_less_time_until_the_orchestrator_is_busy() -> None:
    """Then it is the limit, and the slots wait for it."""
    costs = [cost_model.cost(replace(RUN, workers=workers, releases=100_000)) for workers in (50, 100, 400)]
    assert costs[0].seconds > costs[1].seconds > costs[2].seconds
    assert costs[0].busy > 0.9
    assert costs[2].busy < 0.5
    assert costs[2].orchestrator <= 1


def test_a_real_scheduler_keeps_stub_workers_busy() -> None:
    """Four workers, forty jobs of a tenth of a second: each has a record, and its files have come."""
    measured = bench_workers.measure(4, 1, 40, 0.1, site=False)
    assert measured.records == 40
    assert measured.kept > 40 * bench_workers.WHEEL
    assert bench_workers.efficiency(measured, 4, 0.1) <= 1
