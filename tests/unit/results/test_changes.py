"""changes.json lists the recent changes of all runs, newest first, in a form that its schema describes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from orchestrator.results.changes import MOST, as_json, schema
from tests.sample_runs import run_of, worse

ROOT = Path(__file__).parents[3]


def test_the_newest_changes_are_first_with_the_run_that_noticed_them() -> None:
    """Each of them valid."""
    value = json.loads(as_json([run_of(2, changes=(worse(2), worse(2, project="foo"))), run_of(1)]))
    jsonschema.validate(value, schema())
    assert [(change["project"], change["run"]) for change in value["changes"]] == [
        ("six", "2026-11-22T12:00:00Z"),
        ("foo", "2026-11-22T12:00:00Z"),
        ("six", "2026-11-21T12:00:00Z"),
    ]


def test_the_schema_is_not_empty() -> None:
    """It refuses what is no change."""
    value = json.loads(as_json([run_of(1)]))
    value["changes"][0]["kind"] = "prettier"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, schema())


def test_the_list_is_bounded() -> None:
    """It has the newest."""
    runs = [run_of(day, changes=tuple(worse(day) for _ in range(300))) for day in range(10, 0, -1)]
    changes = json.loads(as_json(runs))["changes"]
    assert len(changes) == MOST
    assert changes[0]["run"] > changes[-1]["run"]


def test_the_schema_in_the_documentation_is_this_one() -> None:
    """`make docs` writes it."""
    assert json.loads((ROOT / "docs" / "changes.schema.json").read_text()) == schema()
