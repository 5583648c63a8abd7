"""Records of every schema that a release ever wrote are read, shown and published by this one."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import cli
from orchestrator.model import SCHEMA, VERIFICATION_SCHEMA, Result, Verdict, unaccounted
from orchestrator.results.store import Results, as_json, read, verification_value
from orchestrator.util import escapes
from tests.unit.cli.commands import run

RECORDS = Path(__file__).parents[2] / "records"
FOLDERS = sorted(folder for folder in RECORDS.iterdir() if folder.is_dir())
CLAIMS = 4
"""The first schema whose records list every difference."""

FILES = sorted(RECORDS.glob("*/records/*/*.json"))
VERIFICATIONS = sorted(RECORDS.glob("*/verifications/*/*.json"))


@pytest.fixture(params=FOLDERS, ids=lambda folder: f"schema {folder.name}")
def results(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Copy the results folder of one schema."""
    folder = tmp_path / "results"
    shutil.copytree(request.param, folder)
    return folder


def test_todays_schema_has_records() -> None:
    """A new schema brings records that were written under it."""
    assert str(SCHEMA) in {folder.name for folder in FOLDERS}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-4]} {file.parts[-2]} {file.stem[-16:]}")
def test_a_record_is_read_and_written_as_it_was(file: Path) -> None:
    """Every value that the file has comes back under the same key; what a later schema added has its default."""
    result = read(file)
    assert result is not None, "cannot be read: does a new field, perhaps of a part such as `Probe`, lack a default?"
    (written,) = json.loads(b"".join(as_json([result])))
    assert lost(json.loads(file.read_bytes()), written) == []


@pytest.mark.parametrize("file", VERIFICATIONS, ids=lambda file: f"{file.parts[-4]} {file.parts[-2]}")
def test_a_verification_is_read_and_written_as_it_was(file: Path) -> None:
    """As every record is."""
    found = Results(file.parents[2], wheels=0, logs=0).verification(file)
    assert found is not None
    assert lost(escapes.all_unescaped(json.loads(file.read_bytes())), verification_value(found)) == []


def test_todays_form_of_verifications_has_records() -> None:
    """A new form brings records that were written under it."""
    schemas = {json.loads(file.read_bytes())["schema"] for file in VERIFICATIONS}
    assert schemas == set(range(1, VERIFICATION_SCHEMA + 1))


def lost(stored: Any, written: Any, at: str = "") -> list[str]:  # noqa: ANN401 - any JSON value
    """Name the places at which two JSON values disagree; keys that only the second has are no loss."""
    if isinstance(stored, dict) and isinstance(written, dict):
        missing = [f"{at}.{key}" for key in stored if key not in written]
        return missing + [
            place for key in stored if key in written for place in lost(stored[key], written[key], f"{at}.{key}")
        ]
    if isinstance(stored, list) and isinstance(written, list) and len(stored) == len(written):
        pairs = zip(stored, written, strict=True)
        return [place for number, pair in enumerate(pairs) for place in lost(*pair, f"{at}[{number}]")]
    return [] if stored == written else [at]


def test_a_lost_value_is_noticed() -> None:
    """The check of the test above can fail: on a key, an entry, a value."""
    assert lost({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}) == []
    assert lost({"a": 1}, {}) == [".a"]
    assert lost({"a": [1, 2]}, {"a": [1]}) == [".a"]
    assert lost({"a": [{"b": 1}]}, {"a": [{"b": 2}]}) == [".a[0].b"]


def test_the_records_cover_every_verdict_and_every_part() -> None:
    """A field that every stored record leaves empty would be read by nobody's test."""
    found = [result for file in FILES if (result := read(file)) is not None]
    assert {result.verdict for result in found} == set(Verdict) - {Verdict.EXCLUDED}  # that one is never recorded
    filled: set[str] = set()
    for result in found:
        fill(result, filled)
    assert {one.name for one in fields(Result)} - filled == set()


def fill(value: Any, filled: set[str]) -> None:  # noqa: ANN401 - any part of a result
    """Note the name of every field of a value, and of what is in it, that is not empty."""
    if isinstance(value, tuple):
        for one in value:
            fill(one, filled)
    elif is_dataclass(value):
        for one in fields(value):
            inner = getattr(value, one.name)
            if inner not in (None, (), ""):
                filled.add(one.name)
            fill(inner, filled)


@pytest.mark.parametrize(
    "file",
    [file for file in FILES if int(file.parts[-4]) >= CLAIMS],
    ids=lambda file: f"{file.parts[-4]} {file.parts[-2]}",
)
def test_each_difference_has_a_cause_or_is_unexplained(file: Path) -> None:
    """Also in a record whose causes builds have disproved."""
    result = read(file)
    assert result is not None
    assert unaccounted(result.differences, result.causes, result.unexplained) == ()


def test_every_record_is_shown_and_explained(results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As text and, for those who differ, as a report; nothing is left out as unreadable."""
    for project in Results(results, wheels=0, logs=0).projects():
        for command in (["show"], ["explain"], ["explain", "--report"]):
            # In this process: there are a hundred commands, and each process would start for a second.
            cli([*command, "--results", str(results), project], standalone_mode=False)
            shown, log = capfd.readouterr()
            assert "cannot be read" not in log, (command, project, log)
            assert project in shown


def test_every_record_is_on_the_site(results: Path) -> None:
    """`publish` writes a page for each project, and counts each release."""
    ended = run("publish", "--results", results)
    assert (ended.status, "cannot be read" in ended.err) == (0, False), ended.err
    site = results / "site"
    for project in Results(results, wheels=0, logs=0).projects():
        assert any(project in page.name or project in str(page.parent) for page in site.rglob("*.html")), project


def test_drift_reads_every_record(results: Path) -> None:
    """No stored release became another, so nothing is listed."""
    ended = run("drift", "--results", results)
    assert (ended.status, "cannot be read" in ended.err) == (0, False), ended.err
