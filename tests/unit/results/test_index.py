"""The index gives what the records give, whatever happened to either."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.model import Result, Verdict
from orchestrator.results.history import ENOUGH, Entry, entry_of
from orchestrator.results.index import NAME, RESULTS, RecordIndex, Unfit, _may_differ
from orchestrator.results.store import Results, read
from orchestrator.results.summary import Standing, standings_of, summarize
from tests.sample_results import IMAGE, sample
from tests.samples import NOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BAD = "\udcff⟨U+0007⟩\x07"


def opened(folder: Path) -> Results:
    """Return the store of a folder, at a time when no record is of the future."""
    return Results(folder, wheels=0, logs=0, now=lambda: NOON + timedelta(days=9999))


def night(day: int, verdict: Verdict = Verdict.REPRODUCIBLE, **others: object) -> Result:
    """Return the result of a night."""
    return replace(sample(verdict=verdict, days=day), **others)  # type: ignore[arg-type]


@pytest.fixture
def three(tmp_path: Path) -> tuple[Results, tuple[Result, ...]]:
    """A store with three results of one release."""
    store = opened(tmp_path)
    results = (night(0), night(1, Verdict.SENSITIVE, reason=BAD), night(2))
    for result in results:
        store.write(result)
    return store, results


def seen(standings: Iterable[Standing]) -> list[object]:
    """Everything that a standing shows."""
    return [
        (one.key, one.verdict, one.turns, one.last_good, one.first_bad, one.alike, one.unlike, one.history, one.latest)
        for one in standings
    ]


def test_standings_are_those_of_the_records(three: tuple[Results, tuple[Result, ...]]) -> None:
    """Also texts that are no Unicode come back as they are."""
    store, results = three
    assert seen(store.standings()) == seen(standings_of(results))
    assert seen(opened(store.folder).standings()) == seen(standings_of(results))


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"no database at all"),
        lambda file: file.write_bytes(file.read_bytes()[:5000] + b"\xff" * 4000),
        lambda file: sqlite3.connect(file).executescript("UPDATE form SET digest = 'of other code'; DELETE FROM pasts"),
        lambda file: sqlite3.connect(file).executescript("UPDATE pasts SET value = x'7b00'"),
        lambda file: sqlite3.connect(file).executescript("UPDATE settled SET value = x'7b00'"),
        lambda file: sqlite3.connect(file).executescript("UPDATE records SET value = x'7b00'"),
    ],
    ids=["missing", "empty", "no-database", "damaged", "of-other-code", "past", "inputs", "record"],
)
def test_a_lost_index_is_made_again(
    three: tuple[Results, tuple[Result, ...]], damage: Callable[[Path], object]
) -> None:
    """Nothing is only in the index."""
    store, results = three
    list(store.standings())
    damage(store.folder / NAME)
    assert seen(opened(store.folder).standings()) == seen(standings_of(results))


def test_records_that_others_write_remove_or_change_are_noticed(three: tuple[Results, tuple[Result, ...]]) -> None:
    """Another process writes beside us; a restored backup has fewer records; an editor changes one in place."""
    store, results = three
    here = opened(store.folder)
    assert [one.count for one in here.standings()] == [3]
    path = opened(store.folder).write(night(3, Verdict.SENSITIVE))
    here.index.refresh()
    assert [(one.count, one.verdict) for one in here.standings()] == [(4, Verdict.SENSITIVE)]
    path.write_text("{")
    here.index.refresh()
    assert seen(here.standings()) == seen(standings_of(results))
    path.unlink()
    next((store.folder / "records" / "six").glob("*.json")).unlink()
    here.index.refresh()
    assert [one.count for one in here.standings()] == [2]


def test_a_restored_backup_hides_no_newer_record(three: tuple[Results, tuple[Result, ...]]) -> None:
    """Restoring one over the results brings its index, and gives the folder the time that the index knows."""
    store, _ = three
    folder, index = store.folder / "records" / "six", store.folder / NAME
    assert [one.count for one in opened(store.folder).standings()] == [3]
    backup, times = index.read_bytes(), folder.stat()
    opened(store.folder).write(night(3, Verdict.SENSITIVE))
    index.write_bytes(backup)
    os.utime(folder, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert [(one.count, one.verdict) for one in opened(store.folder).standings()] == [(4, Verdict.SENSITIVE)]


@pytest.mark.parametrize(
    ("changed", "known", "looked", "differs"),
    [
        (5_000_000_001, 5_000_000_001, 9_000_000_000, False),
        (5_000_000_001, 4_000_000_001, 9_000_000_000, True),
        (5_000_000_001, 6_000_000_001, 9_000_000_000, True),  # the clock was set back
        (5_000_000_001, 5_000_000_001, 5_010_000_000, True),  # another change may have the same time
        (5_000_000_000, 5_000_000_000, 6_500_000_000, True),  # as above, where times are whole seconds
        (5_000_000_000, 5_000_000_000, 9_000_000_000, False),
    ],
)
def test_a_folder_is_read_again_if_it_may_differ(changed: int, known: int, looked: int, *, differs: bool) -> None:
    """By its own time and by when it was looked at, whatever was written to the index since."""
    assert _may_differ(changed, known, looked) is differs


def test_a_record_is_read_once(tmp_path: Path) -> None:
    """A new process reads only what is new, once the clock of the file system has moved on."""
    opened(tmp_path).write(night(0))
    calls: list[str] = []

    def count(path: Path) -> Entry | Unfit:
        calls.append(path.name)
        result = read(path)
        return entry_of(result, path.name) if result else Unfit("unreadable")

    for _ in range(3):
        RecordIndex(tmp_path, count).refresh()
    assert len(calls) <= 1  # the store may have read it already
    os.utime(tmp_path / "records" / "six", ns=(0, 0))
    RecordIndex(tmp_path, count).refresh()
    assert len(calls) <= 1
    opened(tmp_path).write(night(1))
    calls.clear()
    RecordIndex(tmp_path, count).refresh()
    assert len(calls) <= 1


def test_a_folder_that_cannot_be_written_is_read(
    three: tuple[Results, tuple[Result, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its index is in memory; here its name is taken by a folder."""
    store, results = three
    (store.folder / NAME).mkdir()
    assert seen(opened(store.folder).standings()) == seen(standings_of(results))
    nowhere = tmp_path_factory.getbasetemp() / "nowhere"
    assert list(opened(nowhere).standings()) == []
    assert not nowhere.exists()


def test_the_newest_of_an_image_is_found(three: tuple[Results, tuple[Result, ...]]) -> None:
    """By its image, and by its job."""
    store, results = three
    assert store.latest("six", "bookworm") == results[2]
    assert store.latest("six", "trixie") is None
    other = night(1, image=replace(IMAGE, name="trixie"), job="f" * 64)
    other = replace(other, inputs=other.inputs and replace(other.inputs, image="trixie"))
    path = store.write(other)
    assert store.latest("six", "trixie") == other
    assert store.find("six", "f" * 64) == path
    assert store.find("six", "f" * 63 + "e") is None
    assert set(store.heads("six")) == {results[2], other}
    assert [entry.name for entry in store.entries("six")] == sorted(
        (file.name for file in (store.folder / "records" / "six").iterdir()), reverse=True
    )


def test_left_out_records_are_counted(three: tuple[Results, tuple[Result, ...]]) -> None:
    """They are in no standing."""
    store, results = three
    (store.folder / "records" / "six" / "20200101T000000.000000Z-0123456789abcdef.json").write_text("no record")
    fresh = opened(store.folder)
    assert seen(fresh.standings()) == seen(standings_of(results))
    assert fresh.left_out == 1
    assert len(fresh.index.faults()) == 1


def test_nights_with_equal_inputs_add_up(tmp_path: Path) -> None:
    """Below ten builds nothing is said about chance; one result that disagrees ends it."""
    store = opened(tmp_path)
    for day in range(4):
        store.write(night(day, builds_compared=2))
    (standing,) = store.standings()
    assert (standing.alike, standing.flake_bound) == (8, None)
    store.write(night(4, builds_compared=2))
    (standing,) = store.standings()
    assert standing.alike == ENOUGH
    assert standing.flake_bound == pytest.approx(0.3)
    store.write(night(5, job="0" * 64, builds_compared=2))
    (standing,) = store.standings()
    assert standing.alike == 2
    store.write(night(6, Verdict.SENSITIVE, builds_compared=2))
    store.write(night(7, builds_compared=2))
    (standing,) = store.standings()
    assert (standing.unlike, standing.flake_bound) == (1, None)


def test_the_past_names_the_last_good_and_the_first_bad() -> None:
    """Whatever it is instead of reproducible."""
    days = [
        (0, Verdict.FTBFS),
        (1, Verdict.REPRODUCIBLE),
        (2, Verdict.REPRODUCIBLE),
        (3, Verdict.SENSITIVE),
        (4, Verdict.FTBFS),
    ]
    (standing,) = summarize([night(day, verdict) for day, verdict in days], (), NOON).standings
    assert standing.last_good == NOON + timedelta(days=2)
    assert standing.first_bad == NOON + timedelta(days=3)
    assert standing.since == NOON + timedelta(days=4)
    assert [turn.later for turn in standing.turns] == [
        Verdict.FTBFS,
        Verdict.REPRODUCIBLE,
        Verdict.SENSITIVE,
        Verdict.FTBFS,
    ]


def test_the_index_knows_its_kinds_by_their_folders() -> None:
    """The names are those of the store."""
    assert RESULTS.folder == "records"


def test_a_record_answers_a_job_until_the_release_has_a_later_one(tmp_path: Path) -> None:
    """Where inputs are again as they were, the release is built again, since its verdict is of other inputs."""
    store = opened(tmp_path)
    first = store.write(night(0, job="a" * 64))
    assert store.find("six", "a" * 64) == first
    second = store.write(night(1, job="b" * 64))
    assert store.find("six", "a" * 64) is None
    assert store.find_any("six", "a" * 64) == first
    assert store.find("six", "b" * 64) == second
