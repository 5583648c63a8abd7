"""Records of runs are written once and read newest first, in spite of damage; the last run is overwritten."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.model import RUN_SCHEMA, FaultKind, LastRun, OpenJob, RunFault, RunStatus, Withdrawn
from orchestrator.results.store import Results
from tests.sample_results import sample
from tests.sample_runs import run_of, worse
from tests.samples import NOON

if TYPE_CHECKING:
    from pathlib import Path

MANY = 1 << 30
LAST = LastRun(RUN_SCHEMA, NOON, NOON, "0", RunStatus.COMPLETE, 1, 0, 1, 0, 0, 0)


@pytest.fixture
def store(tmp_path: Path) -> Results:
    """Results that nobody has written to."""
    return Results(tmp_path / "results", wheels=MANY, logs=MANY)


def test_runs_are_read_newest_first_as_they_were_written(store: Results) -> None:
    """Every field of them."""
    full = run_of(
        1,
        status=RunStatus.FAILED,
        records=("six/1.json",),
        open=(OpenJob("six", "bookworm", FaultKind.INDEX, "it is silent \x1b[31m\udcff", NOON),),
        withdrawn=(Withdrawn("foo==1", "bookworm", "foo", "1", "gone", NOON),),
        changes=(worse(), worse(earlier="\N{RIGHT-TO-LEFT OVERRIDE}")),
        failure=RunFault(FaultKind.ENGINE, "it is absent", NOON),
        verifications=("six/2.json",),
    )
    for run in (run_of(0), full, run_of(2)):
        path = store.write_run(run)
        assert b"\x1b" not in path.read_bytes()
    assert list(store.runs()) == [run_of(2), full, run_of(0)]
    assert store.left_out == 0


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[" * 100_000,
        b"\xff",
        b'{"schema": 1}',
        pytest.param(None, id="later schema"),
        pytest.param("future", id="future"),
        pytest.param("renamed", id="renamed"),
    ],
)
def test_what_is_damaged_or_misplaced_is_left_out(store: Results, damage: bytes | str | None) -> None:
    """It is counted; the other runs are read."""
    store.write_run(run_of(0))
    path = store.write_run(run_of(1))
    value = json.loads(path.read_bytes())
    if damage is None:
        path.write_text(json.dumps(value | {"schema": RUN_SCHEMA + 1}))
    elif damage == "future":
        path.unlink()
        store.write_run(run_of(1, started=NOON + timedelta(days=365_000), finished=NOON + timedelta(days=365_000)))
    elif damage == "renamed":
        path.rename(path.with_name("20270101T000000.000000Z.json"))
    elif isinstance(damage, bytes):
        path.write_bytes(damage)
    (path.parent / ".new-1234").write_bytes(b"left by a killed run")
    assert list(store.runs()) == [run_of(0)]
    assert store.left_out == 1


def test_the_last_run_is_overwritten(store: Results) -> None:
    """Monitoring reads it; damage makes it unknown."""
    assert store.last_run() is None
    store.note_last_run(LAST)
    store.note_last_run(replace(LAST, open=3))
    assert store.last_run() == replace(LAST, open=3)
    (store.folder / "last_run.json").write_text("{")
    assert store.last_run() is None


def test_records_are_listed_by_when_they_were_started(store: Results) -> None:
    """By their names alone: after a moment, and not at it."""
    old, new = sample("six", days=0), sample("six", days=1)
    store.write(old)
    path = store.write(new)
    assert store.names_since(old.started) == (f"six/{path.name}",)
    assert store.names_since(new.started) == ()
    assert store.verified_since(NOON) == ()
