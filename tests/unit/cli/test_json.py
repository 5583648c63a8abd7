"""The tables of commands as JSON: the same rows, whole hashes, and the jobs that were left open."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.cli import COMMANDS
from orchestrator.cli.images import images, make
from orchestrator.results.store import Results, as_json, checks_as_json
from tests.sample_results import HOSTILE, sample
from tests.unit.cli.commands import run

if TYPE_CHECKING:
    from pathlib import Path

OPEN = (("six", "the index does not answer"),)
OPEN_OBJECT = {"requirement": "six", "open": "the index does not answer"}


def test_every_command_that_prints_a_table_has_json() -> None:
    """Only the site and the commands that write an image or a configuration have none."""
    without = {
        command.name for command in (*COMMANDS, make) if "--json" not in {o for p in command.params for o in p.opts}
    }
    assert without == {"init", "publish", images.name}


def test_results_are_followed_by_open_jobs() -> None:
    """In one array, be it empty of results."""
    first, last = json.loads(b"".join(as_json([sample("idna")], OPEN)))
    assert first["project"] == "idna"
    assert last == OPEN_OBJECT
    assert json.loads(b"".join(as_json([], OPEN))) == [OPEN_OBJECT]
    assert json.loads(b"".join(as_json([]))) == []


def test_checks_are_followed_by_open_jobs() -> None:
    """As results are."""
    assert json.loads(checks_as_json((), OPEN)) == [OPEN_OBJECT]


def test_a_hostile_reason_is_escaped() -> None:
    """It may be of a package."""
    text = b"".join(as_json([], [("six", HOSTILE)])).decode()
    assert not {one for one in text if not one.isprintable()} - {"\n"}


def test_drift_prints_whole_hashes(tmp_path: Path) -> None:
    """Under the names of the table's columns."""
    (tmp_path / "config.yaml").write_text("")
    store = Results(tmp_path / "results", wheels=1, logs=1)
    former, now = sample("six", days=-1), sample("six")
    wheel = now.builds[0].wheel
    assert wheel is not None
    other = replace(now.builds[0], wheel=replace(wheel, sha256="f" * 64))
    store.write(former)
    store.write(replace(now, builds=(other, *now.builds[1:])))
    ended = run("drift", "--json", folder=tmp_path)
    assert ended.status == 0, ended.err
    (row,) = json.loads(ended.out)
    assert row.keys() == {"project", "version", "image", "was", "is", "culprit"}
    assert (row["was"], row["is"]) == (wheel.sha256, "f" * 64)
    assert "f" * 12 in run("drift", folder=tmp_path).out
    assert "f" * 13 not in run("drift", folder=tmp_path).out
