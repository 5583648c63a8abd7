"""docs/data.md names every field of the public forms, and every badge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.publish import data
from orchestrator.publish.badges import Badge

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "data.md").read_text()
FOREIGN = {"Exclusion", "Failure", "InputChange", "Missing", "Pin", "Sdist"}  # parts of records, which have their own


def fields(schema: dict[str, Any]) -> set[str]:
    """Return the names of all fields of a form and of its parts."""
    parts = [schema, *(part for name, part in schema["$defs"].items() if name not in FOREIGN)]
    return {name for part in parts for name in part.get("properties", {})}


@pytest.mark.parametrize("path", data.schemas())
def test_every_field_is_described(path: str) -> None:
    """By its name in code."""
    known = fields(json.loads(data.schemas()[path]()))
    assert {"schema", "project"} <= known | {"project"}
    assert not {name for name in known if f"`{name}`" not in TEXT}
    assert f"`{path}`" in TEXT


def test_every_badge_is_described() -> None:
    """In a row of the table."""
    assert not [of for of in Badge if f"| {of.value} |" not in TEXT]
