"""Moments: a day is its end, and each moment is written as it would be configured."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from orchestrator.util.moments import LAST, moment, written


@pytest.mark.parametrize(
    ("as_of", "expected", "text"),
    [
        (date(2026, 1, 31), datetime(2026, 2, 1, tzinfo=UTC), "2026-01-31"),
        (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), "2026-01-31"),
        (
            datetime(2026, 1, 31, 12, 0, 1, tzinfo=UTC),
            datetime(2026, 1, 31, 12, 0, 1, tzinfo=UTC),
            "2026-01-31T12:00:01Z",
        ),
        (
            datetime(2026, 1, 31, 1, 0, 0, 5, tzinfo=timezone(timedelta(hours=2))),
            datetime(2026, 1, 30, 23, 0, 0, 5, tzinfo=UTC),
            "2026-01-30T23:00:00.000005Z",
        ),
        (date.min, datetime(1, 1, 2, tzinfo=UTC), "0001-01-01"),
        (date.max, LAST + timedelta(days=1), "9999-01-01"),
    ],
)
def test_a_moment_and_how_it_is_written(as_of: date, expected: datetime, text: str) -> None:
    """What is written is read as the same moment again."""
    assert (moment(as_of), written(moment(as_of))) == (expected, text)


@pytest.mark.parametrize(
    "as_of",
    [
        datetime(2026, 1, 31, 12),  # noqa: DTZ001 - what is refused
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        datetime(9999, 12, 31, tzinfo=UTC),
    ],
)
def test_what_is_no_moment(as_of: datetime) -> None:
    """Its place in time is not known, or cannot be written in UTC."""
    with pytest.raises(ValueError, match=r"no time zone|out of range"):
        moment(as_of)
