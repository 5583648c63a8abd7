"""What is built again follows from how often it was built, when, and how long it takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.farm.run import RunOutcome
from orchestrator.farm.soak import Candidate, chosen, soak
from orchestrator.model import Task, Verdict
from orchestrator.results.history import accumulated
from orchestrator.results.store import Results
from tests.sample_results import sample
from tests.samples import NOON

if TYPE_CHECKING:
    from pathlib import Path


def candidate(name: str, alike: int, finished: float = 0, seconds: float = 10) -> Candidate:
    """Return a candidate on bookworm."""
    return Candidate(Task(name, "bookworm"), alike, finished, seconds)


@pytest.mark.parametrize(
    ("candidates", "seconds", "expected"),
    [
        ([], 100, ()),
        ([candidate("often", 9), candidate("seldom", 2)], 100, ("seldom", "often")),
        ([candidate("often", 9), candidate("seldom", 2)], 10, ("seldom",)),
        ([candidate("late", 2, finished=9), candidate("early", 2, finished=1)], 10, ("early",)),
        ([candidate("long", 2, seconds=500), candidate("short", 9)], 100, ("short",)),
        ([candidate("any", 2)], 9, ()),
    ],
)
def test_the_least_proven_are_chosen_within_the_time(
    candidates: list[Candidate], seconds: float, expected: tuple[str, ...]
) -> None:
    """A long one is passed over, and does not end it."""
    assert tuple(task.requirement for task in chosen(candidates, seconds)) == expected


def test_only_what_is_reproducible_is_built_again(tmp_path: Path) -> None:
    """What failed, or differs, has its verdict; what gave two answers needs no third."""
    store = Results(tmp_path, wheels=0, logs=0, now=lambda: NOON + timedelta(days=99))
    results = [
        sample("good"),
        sample("sensitive", verdict=Verdict.SENSITIVE),
        sample("broken", verdict=Verdict.FTBFS),
        sample("flaky"),
        replace(sample("flaky", verdict=Verdict.SENSITIVE, days=-1), job=sample("flaky").job),
    ]
    paths = [store.write(result) for result in results]
    tasks = tuple(Task(result.project, "bookworm") for result in results[:4])
    excluded = store.write(sample("excluded"))
    ended = RunOutcome((*paths[:4], excluded), (("lost", "no image"),), tasks=(*tasks, Task("excluded", "bookworm")))
    asked: list[str] = []

    def carry_out(again: tuple[Task, ...]) -> RunOutcome:
        asked.extend(task.requirement for task in again)
        return RunOutcome((), (("good", "no room"),))

    assert soak(60, store, tasks, ended, carry_out) == ended, "what was not built again has its verdict"
    assert asked == ["good"]


def test_the_verdict_of_a_build_that_disagrees_is_that_of_the_run(tmp_path: Path) -> None:
    """A gate judges by it, and not by the former record."""
    store = Results(tmp_path, wheels=0, logs=0, now=lambda: NOON + timedelta(days=99))
    tasks = (Task("six", "bookworm", "mine"), Task("idna", "bookworm", "mine"))
    former = RunOutcome((store.write(sample("six")), store.write(sample("idna"))), (), tasks=tasks)
    flaky = store.write(replace(sample("six", verdict=Verdict.INTRINSIC, days=1), job=sample("six").job))
    outcome = soak(60, store, tasks, former, lambda _: RunOutcome((flaky,), (), tasks=tasks[:1]))
    assert outcome.records == (flaky, former.records[1])


def test_a_record_counts_the_builds_before_it(tmp_path: Path) -> None:
    """Those with the same inputs only; below ten the record has no bound."""
    store = Results(tmp_path, wheels=0, logs=0, now=lambda: NOON + timedelta(days=99))
    bounds = []
    for day in range(6):
        result = accumulated(replace(sample(days=day), builds_compared=2), store.entries("six"))
        store.write(result)
        bounds.append(result.flake_bound)
    assert bounds == [None, None, None, None, pytest.approx(0.3), pytest.approx(0.25)]
    other = replace(sample(days=7), builds_compared=2, job="0" * 64)
    assert accumulated(other, store.entries("six")).flake_bound is None
