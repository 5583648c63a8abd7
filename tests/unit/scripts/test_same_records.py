"""Two farms agree where their records differ in times and salts alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import same_records

if TYPE_CHECKING:
    from pathlib import Path

RECORD: dict[str, Any] = {
    "project": "six",
    "version": "1.16.0",
    "image": {"name": "bookworm"},
    "verdict": "sensitive",
    "job": "a" * 64,
    "started": "2026-01-01T00:00:00Z",
    "holds": ["umask"],
    "builds": [
        {"name": "first", "environment": {"salt": "1"}, "wheel": {"sha256": "b" * 64}, "seconds": 1.0},
        {"name": "second", "environment": {"salt": "2"}, "wheel": {"sha256": "c" * 64}, "seconds": 1.0},
    ],
    "causes": [{"evidence": "/build/0123456789ab at 2026-01-01 10:00"}],
}


def changed(**fields: object) -> dict[str, Any]:
    """Return the record with other values in some fields."""
    return {**json.loads(json.dumps(RECORD)), **fields}


def builds(number: int, sha256: str) -> list[dict[str, Any]]:
    """Return the record's builds, one of them with another wheel."""
    copies: list[dict[str, Any]] = changed()["builds"]
    copies[number]["wheel"]["sha256"] = sha256
    return copies


@pytest.mark.parametrize(
    "other",
    [
        changed(started="2026-02-02T00:00:00Z"),
        changed(causes=[{"evidence": "/build/ba9876543210 at 2026-02-02 11:59"}]),
        changed(builds=builds(1, "d" * 64)),
    ],
)
def test_times_and_salts_are_left_out(other: dict[str, Any]) -> None:
    """So is the wheel of a build that has a salt of this run in it."""
    assert same_records.differing(RECORD, other) == ()


@pytest.mark.parametrize(
    ("other", "path"),
    [
        (changed(verdict="reproducible"), ".verdict"),
        (changed(job="d" * 64), ".job"),
        (changed(holds=[]), ".holds.length"),
        (changed(builds=builds(0, "d" * 64)), ".builds[0].wheel.sha256"),
    ],
)
def test_what_a_reader_relies_on_is_compared(other: dict[str, Any], path: str) -> None:
    """Verdict, job, variations held, and the bytes of the first wheel."""
    assert path in [line.partition(":")[0] for line in same_records.differing(RECORD, other)]


def test_a_release_that_one_farm_lacks_is_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its name is printed, with the farm that has it."""
    for farm, names in (("first", ["six", "idna"]), ("second", ["six"])):
        for name in names:
            folder = tmp_path / farm / "records" / name
            folder.mkdir(parents=True)
            (folder / "1.json").write_text(json.dumps(changed(project=name)))
    assert same_records.main(tmp_path / "first", tmp_path / "second") == 1
    assert "idna 1.16.0 bookworm: sensitive: differs\n  only in " in capsys.readouterr().out
