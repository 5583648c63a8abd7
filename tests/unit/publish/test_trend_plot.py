"""The plot draws each count at its day."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise

import pytest

from orchestrator.publish.trend_plot import LINES, described, plot
from orchestrator.results.trend import Tally

FIRST = date(2026, 11, 1)


def days(*tallies: Tally) -> tuple[tuple[date, Tally], ...]:
    """Return a day for each tally."""
    return tuple((FIRST + timedelta(days=number), tally) for number, tally in enumerate(tallies))


def test_lines_are_steps_from_the_first_day_to_the_last() -> None:
    """The highest count is within the axis, whose ticks are round numbers."""
    drawn = plot(days(Tally(9, 2), Tally(9, 7), Tally(9, 7, 1)), FIRST + timedelta(days=4), "wide", 444, 258, 100)
    assert drawn is not None
    assert [tick.text for tick in drawn.counts] == ["0", "2", "4", "6", "8"]
    assert [tick.text for tick in drawn.days] == ["2026-11-01", "2026-11-03", "2026-11-05"]
    lines = {line.slug: line for line in drawn.lines}
    assert lines["reproducible"].path == "M44.0 180.0H119.0V55.0H344.0"
    assert lines["recipe"].path == "M44.0 230.0H194.0V205.0H344.0"
    assert lines["reproducible"].last == 7


@pytest.mark.parametrize("tally", [Tally(), Tally(4, 1, 1, 1, 1), Tally(1, 1), Tally(9, 5, 4, 5, 4)])
def test_no_label_covers_another(tally: Tally) -> None:
    """Where several lines end at one height, too."""
    drawn = plot(days(tally), FIRST + timedelta(days=1), "wide", 1000, 260, 120)
    assert drawn is not None
    places = sorted(line.label_y for line in drawn.lines)
    assert all(after - before >= 14 for before, after in pairwise(places))
    assert places[0] > 0


def test_a_long_history_makes_no_long_path() -> None:
    """Ten years in which every day differs."""
    many = days(*(Tally(9, number % 7) for number in range(3650)))
    drawn = plot(many, FIRST + timedelta(days=3650), "wide", 1000, 260, 120)
    assert drawn is not None
    assert max(len(re.findall("[HV]", line.path)) for line in drawn.lines) < 2000


def test_one_day_is_no_trend() -> None:
    """Nothing is drawn."""
    assert plot(days(Tally(1, 1)), FIRST, "wide", 1000, 260, 120) is None
    assert plot((), FIRST, "wide", 1000, 260, 120) is None


def test_the_trend_is_a_sentence_too() -> None:
    """For readers who hear the page."""
    text = described(days(Tally(3, 1), Tally(4, 2, 1)))
    assert text.startswith("From 2026-11-01 to 2026-11-02: reproducible from 1 to 2, with recipe from 0 to 1, ")
    assert text.count(" from ") == len(LINES)
