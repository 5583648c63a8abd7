"""Reads the times of a wheel's members: whether SOURCE_DATE_EPOCH was set, and which time zone the build had.

Backends differ in what they write. setuptools and wheel, without SOURCE_DATE_EPOCH, give files the time of the file,
in UTC. flit-core does so in local time, and gives what it writes itself a constant. hatchling, poetry-core,
pdm-backend and uv-build give all members a constant. With SOURCE_DATE_EPOCH, each gives all members that one time.
"""

from __future__ import annotations

import calendar
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.analysis.clues.facts import Pair, WheelFacts

CONSTANTS = {
    calendar.timegm((1980, 1, 1, 0, 0, 0)): "1980-01-01",  # the first that a zip can have, and zipfile's default
    calendar.timegm((2016, 1, 1, 0, 0, 0)): "2016-01-01",  # flit-core, poetry-core and pdm-backend
    calendar.timegm((2020, 2, 2, 0, 0, 0)): "2020-02-02",  # hatchling
}
"""Times that backends write where no SOURCE_DATE_EPOCH is set, in seconds since 1970."""

_HOUR = 3600
_QUARTER = 900  # seconds: all zones of today are a multiple from UTC
_FURTHEST = 14 * _HOUR
_UNIT = 2  # seconds, of a zip's times (APPNOTE.TXT, 4.4.6)


def constants(facts: WheelFacts) -> tuple[str, ...]:
    """Return the constants of backends among the times of members, as days."""
    return tuple(CONSTANTS[when] for when in sorted({*facts.own_times, *facts.written_times}) if when in CONSTANTS)


def one_time(facts: WheelFacts) -> int | None:
    """Return the time that all members have, unless it is a backend's constant."""
    times = {*facts.own_times, *facts.written_times}
    return times.pop() if len(times) == 1 and not times & set(CONSTANTS) else None


def written_at(facts: WheelFacts) -> int | None:
    """Return when the backend wrote its own members, in seconds since 1970; None where they have a constant."""
    times = [stamp.time for stamp in facts.written if stamp.time not in CONSTANTS]
    return max(times, default=None)


def built_at(facts: WheelFacts) -> datetime | None:
    """Return the latest time of a member, in UTC; None if all are constants."""
    latest = max({*facts.own_times, *facts.written_times} - set(CONSTANTS), default=None)
    return None if latest is None else datetime.fromtimestamp(latest + _UNIT, UTC)


def shown(when: int) -> str:
    """Return a time for readers."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(when))


# --- the time zone -------------------------------------------------------------------------------


def zone(facts: WheelFacts) -> str:
    """Return the time zone of the build in POSIX form; empty if times do not show it.

    Files of the sdist have their time in UTC, and in the wheel in local time. A difference that is the same for all
    files, or two that change with daylight saving time by the rules of Europe or of the United States, is a zone's.
    """
    offsets = Counter(_offset(pair) for pair in facts.pairs)
    known = {offset for offset in offsets if offset is not None}
    if not known or 2 * offsets[None] > len(facts.pairs):
        return ""
    if len(known) == 1:
        return _posix(known.pop())
    return next((name for name, standard, rule in _rules(min(known)) if _agrees(facts, standard, rule)), "")


def _offset(pair: Pair) -> int | None:
    """Return how far the wheel's time is ahead of the sdist's; None if that is no offset of a zone."""
    apart = pair.wheel - pair.source // _UNIT * _UNIT
    return apart if apart % _QUARTER == 0 and abs(apart) <= _FURTHEST else None


def _posix(offset: int) -> str:
    """Return a zone that is always so many seconds ahead of UTC, in POSIX form, where the sign is the other one."""
    hours, rest = divmod(abs(offset), _HOUR)
    return f"{'LOC' if offset else 'UTC'}{'-' if offset > 0 else ''}{hours}{f':{rest // 60:02}' if rest else ''}"


def _rules(standard: int) -> Iterator[tuple[str, int, Callable[[int, int], bool]]]:
    """Yield zones with daylight saving time: their POSIX form, their offset without it, and when it applies."""
    named, at = _posix(standard), 1 + standard // _HOUR
    yield f"{named}DST,M3.5.0/{at},M10.5.0/{at + 1}", standard, _in_european_summer
    yield f"{named}DST,M3.2.0,M11.1.0", standard, _in_american_summer


def _agrees(facts: WheelFacts, standard: int, rule: Callable[[int, int], bool]) -> bool:
    offsets = ((pair.source, _offset(pair)) for pair in facts.pairs)
    return all(offset == standard + _HOUR * rule(when, standard) for when, offset in offsets if offset is not None)


def _in_european_summer(when: int, _standard: int) -> bool:
    """Return whether it is summer time in Europe: from the last Sunday of March to that of October, 01:00 UTC."""
    year = time.gmtime(when).tm_year
    return _sunday(year, 3, -1) + _HOUR <= when < _sunday(year, 10, -1) + _HOUR


def _in_american_summer(when: int, standard: int) -> bool:
    """Return whether it is summer time in the United States: second Sunday of March to first of November, 02:00."""
    year = time.gmtime(when).tm_year
    begins, ends = _sunday(year, 3, 1) + 2 * _HOUR - standard, _sunday(year, 11, 0) + _HOUR - standard
    return begins <= when < ends


def _sunday(year: int, month: int, number: int) -> int:
    """Return the midnight, in UTC, with which a Sunday of a month begins; 0: the first, -1: the last."""
    days = [week[calendar.SUNDAY] for week in calendar.monthcalendar(year, month) if week[calendar.SUNDAY]]
    return calendar.timegm((year, month, days[number], 0, 0, 0))
