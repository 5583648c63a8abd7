"""Whatever a build writes of the time differs between the two builds, whenever they run."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.build.variations import CLOCK_SHIFT

HOUR, DAY = 3600, 86_400
SHIFT = timedelta(seconds=CLOCK_SHIFT)
WEST, EAST = -12 * HOUR, 14 * HOUR
"""Seconds east of UTC: the time zones of the two builds, GMT+12 and GMT-14."""

BEGIN, END = datetime(1990, 1, 1, tzinfo=UTC), datetime(2061, 1, 1, tzinfo=UTC)
ZONES = (0, 0), (WEST, WEST), (EAST, EAST), (WEST, EAST)
FORMS = ["%a", "%A", "%b", "%d", "%-d", "%j", "%m", "%y", "%Y", "%G", "%V", "%U", "%W", "%u", "%w", "%H", "%I", "%M"]

OF_A_DAY = ("year", "year of two digits", "month", "day", "weekday", "ISO year", "ISO week", "day of year", "week")
OF_THE_CLOCK = ("hour", "hour of 12", "minute")


def dated(day: datetime) -> tuple[int, ...]:
    """Return the values of OF_A_DAY."""
    iso = day.isocalendar()
    ordinal = day.timetuple().tm_yday
    week = (ordinal + 6 - (day.weekday() + 1) % 7) // 7  # strftime's %U
    return day.year, day.year % 100, day.month, day.day, day.weekday(), iso.year, iso.week, ordinal, week


def clocked(moment: datetime) -> tuple[int, ...]:
    """Return the values of OF_THE_CLOCK."""
    return moment.hour, moment.hour % 12, moment.minute


def equal_on_some_day(days: int) -> set[str]:
    """Name the values that some day of 71 years has in common with the day that many days later."""
    all_days = [BEGIN + timedelta(days=number) for number in range((END - BEGIN).days)]
    values = [dated(day) for day in all_days]
    return {
        name
        for first, second in zip(values, values[days:], strict=False)
        for name, ours, theirs in zip(OF_A_DAY, first, second, strict=True)
        if ours == theirs
    }


def equal_at_some_time(shift: int) -> set[str]:
    """Name the values that some second of a day has in common with the second that much later."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    minutes = [start + timedelta(minutes=number) for number in range(DAY // 60)]
    seconds = (0, 59 - shift % 60, 60 - shift % 60, 59)  # before and after a minute ends on either side
    edges = [minute + timedelta(seconds=second) for minute in minutes for second in seconds]
    return {
        name
        for moment in edges
        for name, ours, theirs in zip(
            OF_THE_CLOCK, clocked(moment), clocked(moment + timedelta(seconds=shift)), strict=True
        )
        if ours == theirs
    }


def shifts(zones: tuple[int, int], later: int) -> int:
    """Return the seconds between the local times of two builds, the second of which begins that much later."""
    return CLOCK_SHIFT + zones[1] - zones[0] + later


@pytest.mark.parametrize("zones", ZONES)
@pytest.mark.parametrize("later", [0, 1, 30 * 60])
def test_every_part_of_a_date_differs_at_every_time(zones: tuple[int, int], later: int) -> None:
    """Between two local times lie so many days, or one more if midnight is passed: all of both are compared."""
    days = shifts(zones, later) // DAY
    assert equal_on_some_day(days) | equal_on_some_day(days + 1) == set()
    assert equal_at_some_time(shifts(zones, later) % DAY) == set()


def test_the_second_differs() -> None:
    """Two builds that begin at once; what lies between them can make it equal, once in sixty times."""
    assert all(shifts(zones, 0) % 60 for zones in ZONES)


@pytest.mark.parametrize(("days", "name"), [(399, "weekday"), (365, "month"), (393, "month"), (364, "ISO week")])
def test_another_shift_leaves_something_equal(days: int, name: str) -> None:
    """The check fails for the shifts that look as good."""
    assert name in equal_on_some_day(days)


def test_an_hour_too_few_is_noticed() -> None:
    """Fifty minutes are less than the hour, and so are twelve hours on a dial."""
    assert equal_at_some_time(50 * 60) == {"hour", "hour of 12"}
    assert equal_at_some_time(12 * HOUR + 23 * 60) == {"hour of 12"}


@given(
    st.datetimes(BEGIN.replace(tzinfo=None), END.replace(tzinfo=None), timezones=st.just(UTC)),
    st.sampled_from(ZONES),
    st.integers(0, 30 * 60),
)
def test_no_text_of_the_time_is_the_same(moment: datetime, zones: tuple[int, int], later: int) -> None:
    """As the C library writes it, in any form that packages use."""
    first = moment + timedelta(seconds=zones[0])
    second = moment + timedelta(seconds=zones[1] + later) + SHIFT
    for form in FORMS:
        ours, theirs = (time.strftime(form, each.timetuple()) for each in (first, second))
        assert ours != theirs, form
