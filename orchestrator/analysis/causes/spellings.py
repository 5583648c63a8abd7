"""The spellings of dates and times, and whether a text in one of them is a time of a build's clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from math import floor, prod
from typing import TYPE_CHECKING

from orchestrator.model import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST_DAYS = 60  # of one build
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

# --- parts ---------------------------------------------------------------------------------------

_YEAR = rb"(?P<year>20\d\d)"
_YY = rb"(?P<yy>\d\d)"
_MONTH = rb"(?P<month>1[0-2]|0?[1-9])"
_DAY = rb"(?P<day>[12]\d|3[01]|0?[1-9])"
_MM, _DD = rb"(?P<month>1[0-2]|0[1-9])", rb"(?P<day>[12]\d|3[01]|0[1-9])"
_ORDINAL = rb"(?P<ordinal>[0-3]\d\d)"
_NAME = (
    rb"(?<![A-Za-z])(?P<name>(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    rb"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?))(?![a-z])"
)
_WEEKDAY = rb"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}(?:, ?| ))?"
_NAMED = rb"(?P<named>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:(?:s|nes|rs|ur)?day)?)"
_SAME, _SOME, _LOOSE = rb"(?P<s>[-/._ ])", rb"(?P<s>[-/._ ]?)", rb"[-/._, ]{0,2}"
_JOINT = rb"[-/._]"
_TH = rb"(?:st|nd|rd|th)?"
_HALF = rb"(?: ?(?P<half>[AaPp])\.?[Mm]\.?(?![A-Za-z]))?"
_ZONE = (
    rb"(?: ?(?P<zone>(?:Z|UTC|GMT|CES?T|EES?T|WES?T|BST|JST|[ECMP][SD]T)(?![A-Za-z0-9+-])"
    rb"|(?:UTC|GMT)?[+-](?:0\d|1[0-4])(?:[:']?[0-5]\d'?)?(?!\d)))?"
)
_TIME = (
    rb"(?P<hour>[01]\d|2[0-3]|\d)(?P<t>[:._h-])(?P<minute>[0-5]\d)"
    rb"(?:(?P=t)(?P<second>[0-6]\d)(?:[.,:]\d{1,9})?)?" + _HALF + _ZONE
)
_BARE = rb"(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?:(?P<second>[0-6]\d)(?:\.?\d{3,9})?)?"
_HOUR = rb"(?P<hour>[01]\d|2[0-3])"
_THEN, _NEXT = rb"(?:T| at |[ ,:;@/_.-]{1,3})", rb"[T :_.-]?"
_START, _END = rb"(?<!\d)", rb"(?!\d)"
_PADDED = rb"(?:(?<![^ ]) (?=[1-9](?!\d)))?"
_LISTED = (  # as the arguments of a function
    rb"(?P<hour>2[0-3]|1\d|0?\d)(?P=s)(?P<minute>[1-5]\d|0?\d)(?:(?P=s)(?P<second>[1-6]\d|0?\d)(?:(?P=s)\d{1,6})?)?"
)
_EAST = tuple(b"(?:" + "|".join(signs).encode() + b")" for signs in ("年년", "月월", "日일"))
_FREE, _OVER = rb"(?<![0-9A-Za-z])", rb"(?![0-9A-Za-z])"

# --- forms ---------------------------------------------------------------------------------------


LONGEST = 100
"""Bytes: a match of any form is shorter, even with what its pattern looks at around it."""


@dataclass(frozen=True, slots=True)
class Form:
    """One spelling."""

    source: bytes  # of a pattern
    groups: frozenset[str]  # of the pattern: the parts
    lone: bool = False  # whether it means nothing if it is a part of a longer date

    @property
    def full(self) -> bool:
        """Whether it names a day of a year by four digits and the month."""
        return "year" in self.groups and "day" in self.groups

    def found(self, text: bytes) -> Iterator[re.Match[bytes]]:
        """Yield the matches in a text, from left to right."""
        pattern = _compiled(self.source)
        if "year" not in self.groups:
            return pattern.finditer(text) if "name" not in self.groups or _has_name(text) else iter(())
        return chain.from_iterable(pattern.finditer(text, *around) for around in _around_years(text))


@lru_cache(maxsize=512)
def _compiled(source: bytes) -> re.Pattern[bytes]:
    """Return a pattern, compiled when it is first used: most wheels differ in no date."""
    return re.compile(source)


@lru_cache(maxsize=4)
def _around_years(text: bytes) -> tuple[tuple[int, int], ...]:
    """Return begin and end of the stretches of a text that are close to a year; a match is inside of one."""
    found: list[tuple[int, int]] = []
    for year in _SOME_YEAR.finditer(text):
        begin, end = max(0, year.start() - LONGEST), year.end() + LONGEST
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], end
        else:
            found.append((begin, end))
    return tuple(found)


def possible(forms: Iterable[Form], text: bytes) -> Iterator[Form]:
    """Yield the forms that a text may have: without a year, only those that name none."""
    years = bool(_around_years(text))
    return (form for form in forms if years or "year" not in form.groups)


_SOME_YEAR = re.compile(rb"20\d\d")


_DAYS: tuple[tuple[bytes, ...], ...] = (
    (_WEEKDAY, _PADDED, _START, _DAY, _TH, _LOOSE, _NAME, _LOOSE, _YEAR),
    (_WEEKDAY, _NAME, rb"[-/._ ]{0,2}", _DAY, _TH, rb"(?:, ?|[-/._ ]{1,2})", _YEAR),
    (_START, _YEAR, _LOOSE, _NAME, _LOOSE, _DAY),
    (_START, _YEAR, _SAME, _MONTH, rb"(?P=s)", _DAY),
    (_START, _YEAR, rb"(?P<s>, ?)", _MONTH, rb"(?P=s)", _DAY),
    (_START, _YEAR, _EAST[0], rb" ?", _MONTH, _EAST[1], rb" ?", _DAY, _EAST[2]),
    (_START, _YEAR, _MM, _DD),
    (_START, _DAY, _SAME, _MONTH, rb"(?P=s)", _YEAR),
    (_START, _MONTH, _SAME, _DAY, rb"(?P=s)", _YEAR),
    (_START, _DD, _MM, _YEAR),
    (_START, _MM, _DD, _YEAR),
    (_START, _YEAR, rb"[-/._]?", _ORDINAL),
    (_START, _YEAR, rb"[-/._ ]?[Ww](?P<week>[0-5]\d)(?:[-/._ ]?(?P<weekday>[0-7]))?"),
    (_WEEKDAY, _PADDED, _START, _DAY, _TH, _LOOSE, _NAME, _LOOSE, _YY),
    (_WEEKDAY, _NAME, rb"[-/._ ]{0,2}", _DAY, _TH, rb"(?:, ?|[-/._ ]{1,2})'?", _YY),
    (_START, _YY, _LOOSE, _NAME, _LOOSE, _DAY),
    (_START, _YY, _SAME, _MONTH, rb"(?P=s)", _DAY),
    (_START, _YY, _MM, _DD),
    (_START, _MONTH, _SAME, _DAY, rb"(?P=s)", _YY),
    (_START, _MM, _DD, _YY),
    (_START, _DAY, _SAME, _MONTH, rb"(?P=s)", _YY),
    (_START, _DD, _MM, _YY),
    (_START, _YY, rb"[-/._]?", _ORDINAL),
    (_START, _YY, rb"[-/._ ]?[Ww](?P<week>[0-5]\d)(?:[-/._ ]?(?P<weekday>[0-7]))?"),
    (_START, _YEAR, rb"(?P<s>[-/._])(?P<week>[0-5]\d)(?:(?P=s)(?P<weekday>[0-7]))?"),
    (_WEEKDAY, _NAME, rb"[-/._ ]{0,2}", _DAY, _TH),
    (_PADDED, _START, _DAY, _TH, _LOOSE, _NAME),
    (_START, _MM, rb"[-/._]?", _DD),
    (_START, _DD, rb"[-/._]?", _MM),
)
"""The spellings of a day (or a week); each may have a time after it."""

_MONTHLY: tuple[tuple[bytes, ...], ...] = (
    (_START, _YEAR, _JOINT, _MM),
    (_START, _YEAR, _MM),
    (_START, _MM, rb"[-/._]?", _YEAR),
    (_NAME, _LOOSE, _YEAR),
    (_START, _YEAR, _LOOSE, _NAME),
    (_NAME, rb"[-/._ ]?'?", _YY),
    (_START, _YY, _JOINT, rb"?", _MM),
    (_START, _MM, _JOINT, rb"?", _YY),
    (_START, _YY, _JOINT, rb"(?P<week>[0-5]\d)"),
)

_LONE: tuple[tuple[bytes, ...], ...] = (
    (rb"(?<![\d:])", _TIME, rb"(?![\d:])"),
    (_START, rb"(?P<hour>0?[1-9]|1[0-2]) ?(?P<half>[AaPp])\.?[Mm]\.?(?![A-Za-z])"),
    (_START, _BARE, rb"Z?", _END),
    (rb"(?<![\d.])", _YEAR, _END),
    (_FREE, _NAMED, _OVER),
    (_FREE, _NAME, _OVER),
)

_NUMBERS: tuple[tuple[bytes, ...], ...] = (
    (_START, rb"(?P<epoch>[12]\d{9})(?:\.\d{1,9}|\d{9}|\d{6}|\d{3})?", _END),
    (rb"(?<![0-9A-Fa-f])(?:0[xX])?(?P<hex>[5-9a-fA-F][0-9a-fA-F]{7})(?![0-9A-Fa-f])",),
    (_START, rb"(?P<days>[1-4]\d{4})", _END),
)


_GROUP = re.compile(r"\(\?P<(\w+)>")


def _form(*pieces: bytes, lone: bool = False) -> Form:
    source = b"".join(pieces)
    return Form(source, frozenset(_GROUP.findall(source.decode())), lone)


FORMS: tuple[Form, ...] = (
    _form(_START, _YEAR, rb"(?P<s>, ?)", _MONTH, rb"(?P=s)", _DAY, rb"(?P=s)", _LISTED, _END),
    _form(_WEEKDAY, _NAME, rb" {1,9}", _DAY, rb" ", _TIME, rb" ", _YEAR, _END),
    *(_form(*pieces, joint, time, _END) for pieces in _DAYS for joint, time in ((_THEN, _TIME), (_NEXT, _BARE))),
    *(_form(*pieces, _NEXT, _HOUR, _END) for pieces in _DAYS if _YEAR in pieces),
    *(_form(*number) for number in _NUMBERS),
    *(_form(*pieces, _END) for pieces in (*_DAYS, *_MONTHLY)),
    *(_form(*pieces, lone=True) for pieces in _LONE),
)
"""The most complete first."""

INSTANTS: tuple[Form, ...] = tuple(
    form
    for form in FORMS
    if (form.full or (form.lone and not form.groups.isdisjoint({"hour", "minute"})))
    and form.groups.isdisjoint({"week", "ordinal"})
)
"""Those that name a day of a year, or a time of a day."""

# --- meanings ------------------------------------------------------------------------------------

Parts = dict[str, bytes]


def parts(found: re.Match[bytes]) -> Parts:
    """Return the parts that a text names."""
    return {name: value for name, value in found.groupdict().items() if value is not None and name not in ("s", "t")}


def month_of(named: Parts) -> int | None:
    """Return the number of the month; None if there is none."""
    if "name" in named:
        return _MONTHS.index(named["name"][:3].decode().lower()) + 1
    return int(named["month"]) if "month" in named else None


def zone_of(named: Parts) -> int | None:
    """Return the seconds east of UTC; None if there is no offset."""
    text = named.get("zone", b"")
    if text in (b"Z", b"UTC", b"GMT"):
        return 0
    text = text.removeprefix(b"UTC").removeprefix(b"GMT")
    if text[:1] not in (b"+", b"-"):
        return None
    digits = re.sub(rb"\D", b"", text).ljust(4, b"0")
    return (1 if text[:1] == b"+" else -1) * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)


def precision(named: Parts) -> int:
    """Return for how many seconds of a day a text stays true."""
    return next((seconds for part, seconds in _PRECISIONS if part in named), DAY)


_PRECISIONS = ("second", 1), ("minute", 60), ("hour", 3600)
_FACE = 12  # hours of a clock's face


def seconds_of_day(named: Parts, *, halves: bool = False) -> tuple[int, ...]:
    """Return the seconds of the day that a time may mean; with `halves`, an hour up to 12 may count half a day."""
    hour, minute, second = (int(named.get(part, b"0")) for part in ("hour", "minute", "second"))
    rest = minute * 60 + min(second, 59)
    if "half" in named:
        return (((hour % _FACE) + (_FACE if named["half"] in b"Pp" else 0)) * 3600 + rest,)
    if halves and "hour" in named and 1 <= hour <= _FACE:
        return hour * 3600 + rest, (hour + _FACE) % 24 * 3600 + rest
    return (hour * 3600 + rest,)


def is_in(named: Parts, begin: float, end: float, *, halves: bool = False) -> bool:
    """Return whether a text may mean a time of a window, which is given in seconds since 1970 by its own zone."""
    if "epoch" in named or "hex" in named:
        second = int(named["epoch"]) if "epoch" in named else int(named["hex"], 16)
        return second <= end and begin < second + 1
    numbers = _numbers(named)
    clocks, length = seconds_of_day(named, halves=halves), precision(named)
    first = floor(begin / DAY)
    return any(
        _is_day(numbers, day) and any(day * DAY + one <= end and begin < day * DAY + one + length for one in clocks)
        for day in range(first, min(floor(end / DAY), first + _MOST_DAYS) + 1)
    )


def _numbers(named: Parts) -> dict[str, int]:
    found = {part: int(named[part]) for part in _VALUES if part in named}
    if (month := month_of(named)) is not None:
        found["month"] = month
    if "named" in named:
        found["weekday"] = _WEEKDAYS.index(named["named"][:3].decode().lower()) + 1
    return found


@dataclass(frozen=True, slots=True)
class _Day:
    """What a day is called."""

    numbers: dict[str, tuple[int, ...]]
    weeks: frozenset[tuple[int, int]]  # year and week, by ISO 8601 and as strftime counts from Sunday or Monday


@lru_cache(maxsize=1024)
def _day(number: int) -> _Day:
    """Return the names of a day, which is counted from 1970."""
    at = datetime.fromtimestamp(number * DAY, UTC)
    iso = at.isocalendar()
    weeks = {(iso.year, iso.week), (at.year, iso.week), (at.year, int(f"{at:%U}")), (at.year, int(f"{at:%W}"))}
    numbers = {
        "year": (at.year,),
        "yy": (at.year % 100,),
        "month": (at.month,),
        "day": (at.day,),
        "ordinal": (at.timetuple().tm_yday,),
        "weekday": (iso.weekday, iso.weekday % 7),
        "days": (number,),
    }
    return _Day(numbers, frozenset(weeks | {(year % 100, week) for year, week in weeks}))


def may_have(form: Form, text: bytes, begin: float, end: float) -> bool:
    """Return False if a text certainly has no date of a form of the days around a window."""
    years = _years(floor(begin / DAY), floor(end / DAY))
    if "year" in form.groups and not any(b"%d" % year in text for year in years):
        return False
    if "yy" in form.groups and not any(b"%02d" % (year % 100) in text for year in years):
        return False
    return "name" not in form.groups or _has_name(text)


@lru_cache(maxsize=4)
def _has_name(text: bytes) -> bool:
    return re.search(_NAME, text) is not None


@lru_cache(maxsize=64)
def _years(first: int, last: int) -> frozenset[int]:
    return frozenset(year for day in (first - 8, last + 8) for year in _day(day).numbers["year"])


def _is_day(numbers: dict[str, int], number: int) -> bool:
    day = _day(number)
    if "week" in numbers:
        year = numbers.get("year", numbers.get("yy", 0))
        return (year, numbers["week"]) in day.weeks and numbers.get("weekday", -1) in (-1, *day.numbers["weekday"])
    return all(value in day.numbers[part] for part, value in numbers.items())


# --- chance --------------------------------------------------------------------------------------

SELDOM = 2e-5
"""How often two numbers may have a form and be the builds' times by accident; fewer than five forms have one shape."""

RARE = 1e-4
"""How often two times that are written as such may be the builds' by accident."""

_VALUES = {
    "year": 1000, "yy": 100, "month": 12, "day": 31, "ordinal": 366, "week": 18, "weekday": 4, "days": 40_000,
}  # fmt: skip
"""How many values each part may have; weeks and their days are counted in two or three ways."""


def by_chance(named: Parts, windows: Iterable[float], *, halves: bool = False) -> float:
    """Return how often two texts with these parts are times of both windows, whose lengths are in seconds.

    Either may be in UTC or in local time, so it happens twice as often.
    """
    share = 1 / prod(_VALUES[part] for part in _VALUES if part in named or (part == "month" and "name" in named))
    length, clocks = precision(named), len(seconds_of_day(named, halves=halves))

    def of(window: float) -> float:
        times = clocks * (window + length) / DAY if length < DAY else 1.0
        return min(1.0, share * (1 + window / DAY) * times)

    return 2 * prod(of(window) for window in windows)


def is_telling(found: re.Match[bytes], windows: tuple[float, float], *, halves: bool = False) -> bool:
    """Return whether a text is in both windows too rarely by accident to be anything but a time.

    A word for a day or a month is accepted by itself: few words are one, and hardly any two that differ.
    """
    named = parts(found)
    if named.keys() & {"epoch", "hex"} or named.keys() <= {"named"} or named.keys() <= {"name"}:
        return True
    written = "half" in named or found.groupdict().get("t") == b":"
    return by_chance(named, windows, halves=halves) <= (RARE if written else SELDOM)
