"""The figures of docs/state.md are computed from the rows of docs/state.json, and from nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import state
from state import PROJECT, Change, Row, RowCause, State

from orchestrator.model import CauseFinding, Outcome, Verdict
from orchestrator.publish.report import BACKENDS

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCS = state.ROOT / "docs"
MODES, TIMES = RowCause("archive-modes", "setuptools"), RowCause("archive-times", "setuptools")
OWN = RowCause("random-order", PROJECT)
ROW = Row(
    name="alpha",
    version="1.0",
    rank=1,
    groups=("popular",),
    backend="setuptools",
    image="bookworm",
    verdict="reproducible",
    causes=(),
    unexplained=0,
    wheel="alpha-1.0-py3-none-any.whl",
    outcome="identical",
    taken=(),
    differing=(),
    builds=2,
    reason="",
)


def rows(*changes: Mapping[str, object]) -> tuple[Row, ...]:
    """Return a row for each change."""
    return tuple(replace(ROW, **change) for change in changes)  # type: ignore[arg-type] # its fields


def test_the_page_is_the_one_that_the_data_gives() -> None:
    """Byte for byte: `make state` writes both, and nobody edits either."""
    text = (DOCS / state.DATA).read_text(encoding="utf-8")
    assert state.written(state.read(text)) == text
    assert state.page(state.read(text)) == (DOCS / state.PAGE).read_text(encoding="utf-8")


def test_the_data_is_sound() -> None:
    """Each project is there once; slugs are those of the program; no address is in it."""
    text = (DOCS / state.DATA).read_text(encoding="utf-8")
    found = state.read(text)
    names = [one.name for one in found.rows]
    assert len(names) == len(set(names)) <= found.listed
    assert {one.outcome for one in found.rows} <= {*Outcome, ""}
    assert {one.verdict for one in found.rows} <= {*Verdict, ""}
    assert {one.backend for one in found.rows} <= {*BACKENDS, state.UNKNOWN}
    assert "://" not in text


def test_a_state_is_read_as_it_was_written() -> None:
    """Causes too."""
    value = State("2026-01-31", "1.0", 3, 1, 2, rows({}, {"causes": (MODES,), "taken": ("times",), "rank": None}))
    assert state.read(state.written(value)) == value


def test_a_share_is_of_what_was_tried() -> None:
    """A release without an sdist, or without an image for its wheel, was not; one that cannot be built was."""
    outcomes = ("identical", "restamped", "metadata", "differs", "unbuildable", "no-sdist", "no-counterpart", "")
    assert state.to_the_bit(rows(*({"outcome": one} for one in outcomes))) == (2, 5)
    verdicts = ("reproducible", "sensitive", "intrinsic", "ftbfs", "no-sdist", "excluded", "")
    assert state.reproducible(rows(*({"verdict": one} for one in verdicts))) == (1, 3)
    assert state.share(2, 5) == "40.0 %"
    assert state.share(0, 0) == "-"


def test_ranks_are_grouped_by_fifty() -> None:
    """In ascending order; what has no rank is last."""
    found = state.by_rank(rows(*({"rank": rank} for rank in (None, 101, 100, 51, 50, 1))))
    assert [(name, len(part)) for name, part in found] == [
        ("1 to 50", 2),
        ("51 to 100", 2),
        ("101 to 150", 1),
        ("not in the list", 1),
    ]


def test_backends_are_sorted_by_how_many_use_them() -> None:
    """Of equals, by name."""
    found = state.by_backend(
        rows(*({"backend": one} for one in ("hatchling", "flit-core", "setuptools", "setuptools")))
    )
    assert [name for name, _ in found] == ["setuptools", "flit-core", "hatchling"]


def test_a_change_fixes_what_has_no_other_cause() -> None:
    """A second cause, one of the project or an unexplained place leaves a release as it is."""
    found = state.changes(
        rows(
            {"causes": (MODES,)},
            {"causes": (MODES, TIMES)},
            {"causes": (MODES, OWN)},
            {"causes": (MODES,), "unexplained": 1},
            {"causes": (OWN,)},
            {},
        )
    )
    assert found == [
        Change("setuptools", ("archive-modes", "archive-times"), releases=4, fixed=2),
        Change("setuptools", ("archive-modes",), releases=4, fixed=1),
        Change("setuptools", ("archive-times",), releases=1, fixed=0),
    ]


def test_causes_are_counted_once_for_each_release() -> None:
    """Those of verdicts beside those of published wheels."""
    found = state.by_cause(rows({"causes": (MODES, OWN)}, {"causes": (MODES,)}, {"differing": ("generator",)}))
    assert found == [("archive-modes", 2, 0), ("random-order", 1, 0), ("generator", 0, 1)]


def test_restamped_wheels_are_counted_by_their_fields() -> None:
    """By backend; an identical wheel has taken nothing."""
    stamped = {"outcome": "restamped", "taken": ("times",)}
    found = state.fields_taken(rows(stamped, stamped, {**stamped, "taken": ("times", "modes")}, {}))
    assert found == [("setuptools", ("times",), 2), ("setuptools", ("times", "modes"), 1)]


def test_a_reason_is_one_line_without_addresses() -> None:
    """A log's line may have one, and is as long as its package likes."""
    assert state.shortened("got https://example.org/a?b  \n then") == "got (address) then"
    assert len(state.shortened("x" * 1000)) == 200


def test_text_of_a_package_is_escaped() -> None:
    """A pipe or a tag of a reason does not break the table."""
    value = State("", "1.0", 3, 1, 1, rows({"outcome": "unbuildable", "reason": "a|<b>`c`"}))
    assert r"a\|\<b\>\`c\`" in state.page(value)


@pytest.mark.parametrize(
    ("generator", "backend"),
    [
        ("setuptools (80.9.0)", "setuptools"),
        ("bdist_wheel (0.37.1)", "setuptools"),
        ("flit 3.12.0", "flit-core"),
        ("poetry-core 2.1.2", "poetry-core"),
        ("poetry 1.0.7", "poetry-core"),
        ("uv 0.9.0", "uv-build"),
        ("pdm-backend (2.4.5)", "pdm-backend"),
        ("my own", ""),
        ("", ""),
    ],
)
def test_a_generator_names_a_backend(generator: str, backend: str) -> None:
    """Where the build requirements name none: a backend that builds itself has none."""
    assert state.of_generator(generator) == backend


def test_a_cause_belongs_to_the_party_that_can_remove_it() -> None:
    """Modes are the backend's; a date in a module is the project's."""
    assert state.whose(CauseFinding("archive-modes", ()), "setuptools") == "setuptools"
    assert state.whose(CauseFinding("archive-modes", ()), state.UNKNOWN) == state.UNKNOWN
    assert state.whose(CauseFinding("build-date", ()), "setuptools") == PROJECT
