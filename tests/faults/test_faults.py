"""The short form of every campaign (`make faults` runs the long one), and that campaigns see what they look for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.docker.farm_fixture import FarmFixture
from tests.faults import processes
from tests.faults.campaigns import Entry, campaigns
from tests.faults.faulty_index import FAULTS
from tests.faults.harness import sound
from tests.faults.report import RIGHT, Trial, table
from tests.loopback_index import LoopbackIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SEED = 1
TRUTH = {"blameless": ("reproducible", (), ())}


@pytest.mark.parametrize("one", campaigns(), ids=lambda one: one.name)
def test_a_fault_never_becomes_a_verdict(one: Entry) -> None:
    """Nothing is wrong in any trial of a campaign."""
    trials = list(one.run(one.short, SEED))
    assert trials
    assert not any(trial.wrong for trial in trials), table({one.name: trials})


# --- what the campaigns would see ------------------------------------------------------------


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[FarmFixture]:
    """A farm whose results look like those of a whole run."""
    with LoopbackIndex() as index:
        made = FarmFixture(tmp_path / "farm", index, environment={processes.MARK: str(tmp_path)})
        record = {"verdict": "reproducible", "causes": [], "holds": []}
        site = made.results / "site"
        for path, text in {
            made.results / "records/blameless/1.json": json.dumps(record),
            made.results / "site_data.json": '{"blameless": {}}',
            site / "index.html": "<html>blameless</html>\n",
            site / "packages/blameless.html": "<html></html>\n",
        }.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        yield made


def test_a_whole_run_is_sound(farm: FarmFixture) -> None:
    """Nothing is wrong with it."""
    assert not sound(farm, TRUTH, {path: path.read_bytes() for path in farm.records()})


@pytest.mark.parametrize(
    ("harm", "seen"),
    [
        (lambda results: (results / "records/blameless/1.json").write_text("{"), "a record cannot be read"),
        (lambda results: (results / "records/blameless/1.json").unlink(), "no verdict of blameless"),
        (lambda results: (results / "records/blameless/1.json").unlink(), "lost record: 1.json"),
        (lambda results: _rewrite(results, verdict="ftbfs"), "blameless: ('ftbfs'"),
        (lambda results: _rewrite(results, causes=[{"name": "umask"}]), "but the truth is"),
        (lambda results: (results / "site/index.html").write_text(""), "the site lacks index.html"),
        (lambda results: (results / "site/packages/blameless.html").unlink(), "the site lacks blameless.html"),
        (lambda results: (results / "site_data.json").write_text("{}"), "site_data.json does not list blameless"),
        (lambda results: (results / ".new-1").mkdir(), "unfinished file left behind"),
        (lambda results: _write(results / "wheels" / ("0" * 64)), "damaged file"),
    ],
)
def test_each_harm_is_seen(farm: FarmFixture, harm: Callable[[Path], object], seen: str) -> None:
    """Whatever a fault may do to the results."""
    before = {path: path.read_bytes() for path in farm.records()}
    harm(farm.results)
    assert any(seen in one for one in sound(farm, TRUTH, before))


def test_a_helper_that_stays_is_seen(tmp_path: Path) -> None:
    """By its environment, or by its working folder where its environment was replaced."""
    for environment, folder in (({**os.environ, processes.MARK: str(tmp_path)}, "/"), ({}, tmp_path)):
        command = ["/bin/sh", "-c", "echo begun; read -r _"]
        with subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == b"begun\n"  # its environment is there
                assert processes.marked(tmp_path) == [process.pid]
            finally:
                process.kill()
    assert not processes.marked(tmp_path)


def test_memory_is_that_of_the_whole_tree() -> None:
    """The peak of a grandchild counts, though it ends before the process does."""
    grandchild = "taken = b'x' * (300 << 20); input()"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    command = [sys.executable, "-c", script]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE) as process,
        processes.Meter(process.pid) as meter,
    ):
        end = time.monotonic() + 30
        while meter.peak < 300 << 20 and time.monotonic() < end:
            time.sleep(0.05)
        process.communicate(b"\n")
    assert 300 << 20 < meter.peak < 400 << 20


def test_there_are_more_than_twelve_kinds_of_index_faults() -> None:
    """Each with a name that no other has."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) > 12


def test_the_table_counts_trials() -> None:
    """By outcome; and lists below it what is wrong."""
    text = table({"kills": [Trial("first", RIGHT), Trial("second", "wrong", ("a record is lost",), 2.0)]})
    assert text.splitlines()[1].split() == ["kills", "2", "1", "0", "1", "1", "2"]
    assert "a record is lost" in text


def _rewrite(results: Path, **fields: object) -> None:
    path = results / "records/blameless/1.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | fields))


def _write(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("x")
