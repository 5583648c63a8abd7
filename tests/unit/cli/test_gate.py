"""A gate is refused before it runs if it cannot be printed; drift is a gate without an engine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.results.store import Results
from tests.sample_results import sample
from tests.unit.cli.commands import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """A folder with two results of a release, which are two wheels."""
    (tmp_path / "config.yaml").write_text("")
    (tmp_path / "empty.txt").write_text("# nothing")
    store = Results(tmp_path / "results", wheels=1, logs=1)
    first = sample()
    assert first.builds[0].wheel
    other = replace(first.builds[0], wheel=replace(first.builds[0].wheel, sha256="9" * 64))
    store.write(replace(sample(days=-1), builds=(other, *first.builds[1:])))
    store.write(first)
    return tmp_path


def test_drift_fails_on_request(farm: Path) -> None:
    """With the releases in the message; the table is the same."""
    listed, failed = run("drift", folder=farm), run("drift", "--fail", folder=farm)
    assert (listed.status, failed.status) == (0, 13)
    assert listed.out == failed.out
    assert failed.err == "wheelproof: 1 release gives another wheel than before\n  six 1.16.0 on bookworm\n"


def test_drift_passes_where_nothing_changed(tmp_path: Path) -> None:
    """Without results, for example."""
    (tmp_path / "config.yaml").write_text("")
    assert run("drift", "--fail", folder=tmp_path).status == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--format", "junit", "--json", "six"), "both print on standard output"),
        (("--format", "xml", "six"), "'xml' is not one of text, github, junit, sarif"),
        (("--format", "sarif=nowhere/a.json", "six"), "does not exist"),
        (("--require", "perfect", "six"), "'perfect' is not one of"),
        (("--require", "builds", "-r", "empty.txt"), "no release is listed there"),
    ],
)
def test_a_gate_that_cannot_be_is_refused(farm: Path, arguments: tuple[str, ...], text: str) -> None:
    """Before the index or the engine is asked for anything."""
    ended = run("run", *arguments, folder=farm)
    assert ended.status == 2, ended.err
    assert text in ended.err
