"""The command list: which rows there are, in which order, and their JSON."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.listing import Row, chosen
from orchestrator.model import Exclusion, Tracked, Verdict
from orchestrator.results.store import Results
from orchestrator.results.summary import summarize
from tests.sample_results import HOSTILE, IMAGE, SCRIPT, sample, with_recipe
from tests.samples import NOON
from tests.unit.cli.commands import ROOT, assert_harmless, run

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.results.summary import Summary

TRIXIE = replace(IMAGE, name="trixie")
UNTRIED = replace(
    sample("six", verdict=Verdict.SENSITIVE, days=-1), recipe=("fix-umask",), recipes=(SCRIPT,), holds=("umask",)
)
SIX = with_recipe(UNTRIED)


def summary() -> Summary:
    """Return releases of all kinds: one that got worse, one that is open, one that is excluded."""
    results = (
        sample("idna", days=-9),
        sample("six", days=-9),
        sample("six", verdict=Verdict.SENSITIVE, days=-5),
        SIX,
        sample("random", verdict=Verdict.INTRINSIC, days=-3, image=TRIXIE),
        sample("zlib", verdict=Verdict.FTBFS, days=-2),
        sample("only", verdict=Verdict.NO_SDIST, days=-2),
        sample("idna", version="1.15.0", verdict=Verdict.FTBFS, days=-9),
    )
    excluded = [Exclusion("torch", "takes a day", date(2026, 1, 31))]
    return summarize(results, excluded, NOON, [Tracked("attrs", "1.0"), Tracked("six")])


def names(*verdicts: str, **others: object) -> list[str]:
    """Return the projects of the rows."""
    return [row.project for row in chosen(summary(), verdicts, **others)]  # type: ignore[arg-type]


def test_what_fails_is_first() -> None:
    """And what is reproducible last; former versions are no rows."""
    assert names() == ["zlib", "random", "six", "only", "attrs", "torch", "idna"]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("sensitive",), ["six"]),
        (("open", "excluded"), ["attrs", "torch"]),
        (("ftbfs", "reproducible"), ["zlib", "idna"]),
    ],
)
def test_verdicts_are_chosen(verdicts: tuple[str, ...], expected: list[str]) -> None:
    """Open and excluded ones, too."""
    assert names(*verdicts) == expected


def test_images_and_days_are_chosen() -> None:
    """What is open has no day."""
    assert names(images=("trixie",)) == ["random"]
    (six,) = (row for row in chosen(summary(), first=NOON.replace(day=NOON.day - 5)) if row.project == "six")
    assert six.since is not None
    assert six.since.startswith(f"{NOON.replace(day=NOON.day - 5):%Y-%m-%d}")
    assert names(first=NOON.replace(day=NOON.day - 2)) == ["zlib", "only"]


def test_a_recipe_that_was_not_run_is_not_listed() -> None:
    """As on the first page, and as in a gate."""
    (row,) = chosen(summarize([UNTRIED], (), NOON))
    assert (row.recipe, row.because) == (False, "holds umask")


def test_a_row_has_what_the_history_shows() -> None:
    """Since when, the last good moment, and the recipe."""
    (row,) = (row for row in chosen(summary()) if row.project == "six")
    assert (row.version, row.image, row.verdict, row.recipe) == ("1.16.0", "bookworm", "sensitive", True)
    assert row.because == "holds umask; a recipe makes it reproducible"
    assert row.first_bad == row.since
    assert (row.last_good or "") < (row.since or "") != ""
    assert row.last_good


def test_the_command_prints_rows_and_json(tmp_path: Path) -> None:
    """With status 0; hostile texts are printable."""
    (tmp_path / "config.yaml").write_text("groups: {tracked: {packages: [attrs]}}\n")
    store = Results(tmp_path / "results", wheels=1, logs=1)
    store.write(sample("six"))
    store.write(replace(sample("rude", verdict=Verdict.FTBFS), reason=HOSTILE))
    ended = run("list", folder=tmp_path)
    assert ended.status == 0, ended.err
    assert [line.split()[0] for line in ended.out.splitlines()[:4]] == ["project", "rude", "attrs", "six"]
    assert "1 ftbfs, 1 open, 1 reproducible" in ended.out
    assert_harmless(ended.out)
    found = json.loads(run("list", "--json", "--not-reproducible", folder=tmp_path).out)
    assert [row["project"] for row in found] == ["rude"]
    assert found[0].keys() == {field.name for field in fields(Row)}
    assert run("list", "--since", "soon", folder=tmp_path).status == 2
    assert run("list", "--since", "", folder=tmp_path).status == 2
    ended = run("list", "--results", "x" * 300, folder=tmp_path)
    assert (ended.status, "another folder with --results" in ended.err) == (7, True)
    assert "there is no such image; did you mean 'bookworm'?" in run("list", "--image", "bokworm", folder=tmp_path).err
    assert run("list", "--image", "trixie", "--json", folder=tmp_path).out == "[]\n"
    assert json.loads(run("list", "--json", "--verdict", "intrinsic", folder=tmp_path).out) == []


def test_usage_documents_the_json() -> None:
    """Field by field."""
    text = (ROOT / "docs/usage.md").read_text("utf-8")
    (table,) = re.findall(r"^`list --json`:\n\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    columns = " ".join(re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE))
    assert re.findall(r"`(.*?)`", columns) == [field.name for field in fields(Row)]
