"""Times of the build are recognized in any spelling, and others are not."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from time import process_time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.analysis.causes import dates, spellings
from orchestrator.analysis.causes.model import NormalizedMember, Side
from orchestrator.analysis.wheel_side import UNKNOWN
from orchestrator.build.variations import CLOCK_SHIFT
from tests.samples import NOON
from tests.wheel_builder import OURS, THEIRS

if TYPE_CHECKING:
    from orchestrator.model import Traces

DAYS = (
    "%Y-%m-%d", "%Y%m%d", "%Y.%m.%d", "%Y_%m_%d", "%Y/%m/%d", "%Y %m %d", "%d.%m.%Y", "%-d.%-m.%Y", "%m/%d/%Y",
    "%d/%m/%Y", "%d-%m-%Y", "%d%m%Y", "%m%d%Y", "%d %B %Y", "%e %b %Y", "%d%b%Y", "%d-%b-%Y", "%d/%b/%Y", "%b %d %Y",
    "%b %-d, %Y", "%B %d, %Y", "%Y%b%d", "%Y-%b-%d", "%a %b %d %Y", "%a, %d %b %Y", "%A, %d-%b-%y", "%y%m%d",
    "%y-%m-%d", "%y.%m.%d", "%m/%d/%y", "%-m/%-d/%y", "%d.%m.%y", "%x", "%b %d", "%d %b", "%m-%d", "%Y-%j", "%Y%j",
    "%y%j", "%G-W%V-%u", "%GW%V", "%G-W%V", "%Y-W%U", "%Y.%W",
    "%Y年%m月%d日", "%Y년 %-m월 %-d일", "%Y, %-m, %-d", "%Y,%m,%d",
)  # fmt: skip
TIMES = (
    "", "T%H:%M:%SZ", " %H:%M:%S", " %H:%M", "T%H%M%SZ", "%H%M%S", "%H%M", ".%H%M", ".%H%M%S", "-%H%M%S", "_%H%M",
    "_%H_%M_%S", "-%H-%M-%S", ".%H.%M", " %I:%M:%S %p", " %I:%M %p", " %I:%M%p", ":%H:%M:%S +0000", " at %H:%M",
    ", %H:%M:%S", " %H:%M:%S.%f", " %X %Z", "T%H:%M:%S.%f+00:00", " %Hh%M", " %I:%M:%S",
)  # fmt: skip
OTHERS = (
    "%c", "%r", "%X", "%R", "%A", "%B", "%a %b %d %H:%M:%S %Z %Y", "%a %b %d %I:%M:%S %p %Z %Y", "%H:%M:%S %d/%m/%Y",
    "%H:%M %d.%m.%Y", "%H%M %d%b%Y", "%I:%M %p", "%I%p %F", "%Y-%m", "%Y%m", "%m/%Y", "%B %Y", "%b-%y", "%g.%V",
    "(%Y, %-m, %-d, %-H, %-M)", "datetime(%Y, %-m, %-d, %-H, %-M, %-S)", "%Y,%-m,%-d,%-H,%-M,%-S,%f",
)  # fmt: skip
FORMS = (*(day + time for day in DAYS for time in TIMES), *OTHERS)
LASTED = 60.0


def erased(first: str, second: str, known: tuple[Traces, Traces]) -> bool:
    """Return whether nothing differs without the builds' times."""
    sides = (
        Side(NormalizedMember("a", "text", {"": text.encode()}), one)
        for text, one in zip((first, second), known, strict=True)
    )
    ours, theirs = dates.erase_build_dates(b"<date>")((next(sides), next(sides)))
    return ours.member.tokens == theirs.member.tokens


def clocks(begin: datetime) -> tuple[tuple[datetime, datetime], tuple[Traces, Traces]]:
    """Return when two builds write, half a minute after they began, and what they plant."""
    both = begin, begin + timedelta(seconds=CLOCK_SHIFT + 5)
    planted = tuple(
        replace(one, clock=(at.timestamp(), at.timestamp() + LASTED))
        for one, at in zip((OURS, THEIRS), both, strict=True)
    )
    return (both[0] + timedelta(seconds=30), both[1] + timedelta(seconds=30)), (planted[0], planted[1])


BEGINS = st.datetimes(datetime(2026, 1, 1), datetime(2029, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    form=st.sampled_from(FORMS), begin=BEGINS, local=st.booleans(), late=st.timedeltas(timedelta(20), timedelta(300))
)
def test_a_time_of_both_builds_is_recognized_and_another_is_not(
    form: str,
    begin: datetime,
    local: bool,  # noqa: FBT001 - of hypothesis
    late: timedelta,
) -> None:
    """In any form, in UTC or in each build's zone; a later time of the second build is not its time."""
    moments, known = clocks(begin)
    zones = [timezone(timedelta(seconds=one.utc_offset)) if local else UTC for one in known]
    first, second = (at.astimezone(zone) for at, zone in zip(moments, zones, strict=True))
    ours, theirs = (f"made {at.strftime(form)} here" for at in (first, second))
    assert erased(ours, theirs, known), (ours, theirs)
    other = f"made {(second + late).strftime(form)} here"
    near = {
        f"made {(at.astimezone(UTC) + timedelta(hours=hours)).strftime(form)} here"
        for at in moments
        for hours in (-12, 0, 14)
    }
    assert other in {ours, *near} or "%Y" not in form or not erased(ours, other, known), (ours, other)


@pytest.mark.parametrize(
    "shape",
    ["dd", "dddd", "dddddd", "ddddd", "dddddddd", "dd.dd", "d.d.dd", "dd.dd.dd", "dd:dd", "dd:dd:dd", "2.dd.dd",
     "dd-dd", "20dd.dd", "20dd-dd", "dddddddddd", "xxxxxxxx", "20dd-dd-dd"],
)  # fmt: skip
def test_numbers_are_hardly_ever_dates_by_accident(shape: str) -> None:
    """No pair of five hundred of any shape; the bound of each form is much lower."""
    _, known = clocks(NOON)
    random = Random(7)  # noqa: S311 - a test, repeatable
    digits = {"d": "0123456789", "x": "0123456789abcdef"}
    for _ in range(500):
        first, second = ("v " + "".join(random.choice(digits.get(one, one)) for one in shape) for _ in range(2))
        assert first == second or not erased(first, second, known), (first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2026-03-01", "2027-03-01"),  # of the builds' years, but not of their days
        ("Jan 5, 2026", "Jan 5, 2027"),
        ("2026.3.1", "2027.3.1"),
        ("2026-01-01 12:00", "2027-01-01 19:23"),
        ("11:00", "18:23"),
        ("2026-11-20 12:00:07 INFO", "2027-12-25 19:23:25 WARN"),  # a word beside a date
        ("12", "19"),
        ("20", "25"),
    ],
)
def test_a_number_that_is_not_the_builds_time_stays(first: str, second: str) -> None:
    """A part of another date is not a date."""
    assert not erased(first, second, clocks(NOON)[1])


@pytest.mark.parametrize(
    ("first", "second", "recognized"),
    [
        ("2026-11-26 09:14:02", "2027-12-30 11:00:00", True),
        ("26/Nov/2026:09:14:02 +0000", "30/Dec/2027:11:00:00 +0000", True),
        ("20261126T091402Z", "20271230T110000Z", True),
        ("Nov 26 2026", "Dec 30 2027", True),
        ("TIMEOUT = 20261126", "TIMEOUT = 20271229", False),
        ("20261126091402", "20271229110000", False),
        ("2026-11-26", "2027-12-29", False),
        ("2026.11.26", "2027.12.29", False),
        ("1795735638", "1830145855", False),
        ("261126.0914", "271230.1100", False),
        ("Friday", "Saturday", False),
    ],
)
def test_without_clocks_only_unmistakable_dates_count(first: str, second: str, recognized: bool) -> None:  # noqa: FBT001
    """A number is none, whatever it may mean."""
    assert erased(first, second, (UNKNOWN, UNKNOWN)) is recognized


def test_the_search_near_years_finds_what_a_search_of_everything_finds() -> None:
    """Dates are far apart, close together, cut short, and beside other digits."""
    day = datetime(2026, 11, 20, 23, 59, 58, tzinfo=UTC)
    chance = Random(1)  # noqa: S311 - the same every time
    between = ("", " ", "7", ", ", "x" * 90, "-" * 300, "2024", " 20", "May ")
    texts = [day.strftime(form)[: chance.choice((99, 99, 8))] + chance.choice(between) for form in FORMS]
    text = "".join(texts).encode()
    for form in spellings.FORMS:
        everything = [one.span() for one in re.finditer(form.source, text)]
        assert [one.span() for one in form.found(text)] == everything, form.source


def test_a_text_full_of_dates_takes_little_time() -> None:
    """Words for months are looked up beside all dates with a year."""
    (first, second), known = clocks(datetime(2026, 11, 20, 12, tzinfo=UTC))
    texts = ["".join(f"{line % 28 + 1:02} Nov {at:%Y %d %b} Nov;" for line in range(3000)) for at in (first, second)]
    begun = process_time()
    erased(texts[0], texts[1], known)
    assert process_time() - begun < 3, "seconds of processor time"
