"""Which rows a search for a likely cause is for, and what it adds to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.farm.likely_cause import read_search, unexplained, with_search
from orchestrator.model import Budget, Verdict
from orchestrator.model.likely_cause import InputSwap, SwapKind, SwapTrial
from orchestrator.requirement_files import Wanted
from orchestrator.results.witness import WitnessOutcome, WitnessRow
from tests.sample_results import sample
from tests.samples import FIRST, built
from tests.unit.job.test_likely_inputs import search

if TYPE_CHECKING:
    from pathlib import Path

A, B, C = "a" * 64, "b" * 64, "c" * 64
NAME = "pkg-1.0-py3-none-any.whl"
RESULT = replace(sample("pkg", "1.0", Verdict.REPRODUCIBLE), builds=(built("first", FIRST, C, NAME),))
ROW = WitnessRow(NAME, A, WitnessOutcome.DIFFERS, C)
SEVERAL = Wanted("pkg", "1.0", "==1.0", "requirements.txt", 1, hashes=(A, B))


def test_rows_that_nothing_explains_are_searched() -> None:
    """No row that matches, none with the wheel at hand, and none that the index knows."""
    rows = (
        ROW,
        replace(ROW, outcome=WitnessOutcome.MATCHES),
        replace(ROW, severity="code"),
        replace(ROW, published="different"),
        replace(ROW, filename="other-1.0-py3-none-any.whl"),
    )
    assert [one.row for one in unexplained(rows, (), (RESULT,))] == [ROW]
    assert unexplained((ROW,), (), (RESULT,))[0].hashes == (A,)


def test_several_hashes_are_all_searched() -> None:
    """Those that the file lists for the release."""
    row = replace(ROW, sha256="")

    assert [one.hashes for one in unexplained((row,), (SEVERAL,), (RESULT,))] == [(A, B)]


def test_without_a_budget_nothing_is_built() -> None:
    """As for other explanations."""
    assert RESULT.inputs is not None
    without = replace(RESULT, inputs=replace(RESULT.inputs, budget=Budget(builds=0)))

    assert unexplained((ROW,), (), (without,)) == ()


def test_a_row_has_the_proof_or_what_is_possible() -> None:
    """Never both; it differs still."""
    swap = InputSwap(SwapKind.REQUIREMENT, ("setuptools",), "70.3.0", "79.0.0")

    proven = with_search(ROW, (A,), search([SwapTrial(swap, B), SwapTrial(swap, A)]), "likely-causes/pkg/1.json")
    assert (proven.outcome, proven.proven) == (WitnessOutcome.DIFFERS, "setuptools 70.3.0 instead of 79.0.0")
    assert (proven.possible, proven.record) == ((), "likely-causes/pkg/1.json")
    assert with_search(ROW, (A,), search([SwapTrial(swap, B)]), "").possible == ("setuptools",)


def test_what_is_no_record_is_none(tmp_path: Path) -> None:
    """A damaged file answers nothing."""
    path = tmp_path / "record.json"
    path.write_text('{"id": 1}')

    assert read_search(path) is None
    assert read_search(tmp_path / "absent.json") is None
