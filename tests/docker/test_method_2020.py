"""The method of 2020 beside verdicts, with real builds and an index on loopback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.docker.farm_fixture import FarmFixture, farm_on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[FarmFixture]:
    """Give a farm whose index has a package for each kind of difference."""
    for one in farm_on(tmp_path):
        one.configure(budget={"builds": 10, "remedies": False})
        one.publish("umask", "debug-path", "random", "missing-module")
        yield one


def test_the_method_of_2020_beside_ours(farm: FarmFixture) -> None:
    """What it never varies it does not see; its own random folder is all that it sees of others."""
    names = ("umask", "debug-path", "random", "missing-module")
    refused = farm.run("method-2020", "umask")
    assert refused.status == 2
    assert "--network host" in refused.err
    ended = farm.run("method-2020", "--network", "host", "--json", *names)
    assert ended.status == 0, ended.err
    rows = {row["project"]: row for row in json.loads(ended.out)}
    assert {name: (row["method_2020"], row["wheelproof"], row["agree"]) for name, row in rows.items()} == {
        "umask": ("reproducible", "sensitive", False),
        "debug-path": ("not-reproducible", "sensitive", True),
        "random": ("not-reproducible", "intrinsic", True),
        "missing-module": ("failed", "ftbfs", True),
    }
    reasons = {name: [one["name"] for one in row["reasons"]] for name, row in rows.items()}
    assert reasons == {
        "umask": ["not-varied"],
        "debug-path": ["random-path"],
        "random": ["random"],
        "missing-module": ["no-wheel-anywhere"],
    }
    assert "The first wheel contains /pip-" in rows["debug-path"]["reasons"][0]["text"]
    assert rows["umask"]["hash_1"] == rows["umask"]["hash_2"] != rows["debug-path"]["hash_1"]
    for row in rows.values():
        log = farm.results / row["log"]
        assert b"Processing " in log.read_bytes() or b"Collecting " in log.read_bytes()
        assert json.loads(log.with_suffix(".json").read_bytes()) == row
    assert len(farm.records()) == 4  # of verdicts alone
