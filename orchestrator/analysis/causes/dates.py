"""Dates and times in texts: read in any usual form, and compared with each build's clock."""

from __future__ import annotations

import re
import struct
from calendar import monthrange, timegm
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.erasers import Known, by_token, cut, differing, token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.analysis.causes.erasers import Texts
    from orchestrator.analysis.causes.model import SidePair
    from orchestrator.model import Traces

SLACK = 2.0
"""Seconds: a file's time may be coarser than the clock, and the probe runs shortly before the build."""

DAY = 86_400
WEEK = 7 * DAY
_MOST = 10_000  # dates in one token
_WEEKDAYS = b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"
_EPOCH_TO_MONDAY = 4  # days from 1970-01-01, a Thursday
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    rb"(?P<name>(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    rb"(?:uary|ruary|ch|il|e|y|ust|tember|ober|ember)?)"
)
_TIME = rb"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-6]\d)(?:[.,]\d{1,9})?)?"
_ZONE = rb"(?: ?(?P<zone>Z|UTC|GMT(?:[+-]\d{1,2})?|[+-]\d{2}:?\d{2}|[A-Z]{3,5}))?"
_YEAR, _NUMBER, _DAY = rb"(?P<year>20\d\d)", rb"(?P<month>0\d|1[0-2])", rb"(?P<day>[0-3]\d)"
_WEEKDAY = rb"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )?"
_FREE, _END = rb"(?<![0-9A-Za-z])", rb"(?![0-9])"
_SAME = rb"(?P<s>[-/.])"
_CLOCK = rb"(?:[T ,]{1,2}" + _TIME + _ZONE + rb")?"
_HOURS = rb"(?:[T _-]{1,2}(?:" + _TIME + _ZONE + rb"|(?P<hours>[01]\d|2[0-3])(?!\d)))?"
_RUN = rb"(?:[T_-]?(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?P<second>[0-6]\d)?Z?)?"

FORMS: tuple[tuple[str, re.Pattern[bytes]], ...] = tuple(
    (name, re.compile(b"".join(pieces)))
    for name, *pieces in (
        ("ascii", _WEEKDAY, _MONTH, rb" +(?P<day>[0-3]?\d) ", _TIME, _ZONE, rb" ", _YEAR, _END),
        ("named", _WEEKDAY, _MONTH, rb" {1,2}(?P<day>[0-3]?\d),? ", _YEAR, _END, _CLOCK),
        ("mail", _WEEKDAY, rb"(?<!\d)(?P<day>[0-3]?\d)[ -]", _MONTH, rb",?[ -]", _YEAR, _END, _CLOCK),
        ("iso", rb"(?<!\d)", _YEAR, rb"(?P<s>[-/._])", _NUMBER, rb"(?P=s)", _DAY, _END, _HOURS),
        ("european", rb"(?<!\d)", _DAY, _SAME, _NUMBER, rb"(?P=s)", _YEAR, _END, _CLOCK),
        ("american", rb"(?<!\d)", _NUMBER, _SAME, _DAY, rb"(?P=s)", _YEAR, _END, _CLOCK),
        ("packed", rb"(?<![0-9A-Fa-f])", _YEAR, _NUMBER, _DAY, _RUN, rb"(?![0-9A-Fa-f])"),
        ("week", rb"(?<![0-9A-Za-z])", _YEAR, rb"-?W(?P<week>[0-5]\d)(?:-?(?P<weekday>[1-7]))?(?![0-9A-Za-z])"),
        ("ordinal", rb"(?<![0-9A-Fa-f])", _YEAR, rb"[-.]?(?P<ordinal>[0-3]\d\d)(?![0-9A-Fa-f])"),
        ("month", rb"(?<!\d)", _YEAR, rb"(?P<s>[-/._])", _NUMBER, rb"(?!\d|(?P=s)\d)"),
        ("month-named", _FREE, _MONTH, rb",? ", _YEAR, _END),
        ("time", rb"(?<![\d:])", _TIME, rb"(?![\d:])"),
        ("epoch", rb"(?<![0-9A-Fa-f])(?P<epoch>[12]\d{9})(?P<fraction>\.?\d{0,9})(?![0-9A-Fa-f])"),
        ("hex", rb"(?<![0-9A-Fa-f])(?:0x)?(?P<hex>[5-9a-fA-F][0-9a-fA-F]{7})(?![0-9A-Fa-f])"),
        ("year", rb"(?<![\d.])", _YEAR, rb"(?![\d])"),
        ("weekday", _FREE, rb"(?P<named>Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:(?:s|nes|rs|ur)?day)?(?![0-9A-Za-z])"),
    )
)


@dataclass(frozen=True, slots=True)
class Span:
    """The seconds that a text may mean if it is in UTC."""

    begin: float
    end: float
    zone: int | None = None  # seconds east of UTC, where the text has an offset
    period: int = 0  # seconds after which it may mean the same again: a day or a week, where it names no date


def span(form: str, found: re.Match[bytes]) -> Span | None:
    """Return what a match means, or None where there is no such date."""
    parts = {name: value for name, value in found.groupdict().items() if value is not None}
    if form == "epoch":
        return _epoch(parts)
    if form == "hex":
        return Span(int(parts["hex"], 16), int(parts["hex"], 16) + 1, 0)
    if "named" in parts:
        begin = (_WEEKDAYS.index(parts["named"]) + _EPOCH_TO_MONDAY) * DAY
        return Span(begin, begin + DAY, period=WEEK)
    if "week" in parts or "ordinal" in parts:
        return _counted(parts)
    hour, minute, second = (int(parts.get(part, b"0")) for part in ("hour", "minute", "second"))
    clock = int(parts.get("hours", hour)) * 3600 + minute * 60 + min(second, 59)
    if "year" not in parts:
        return Span(clock, clock + _precision(parts), period=DAY)
    return _dated(parts, clock)


def _counted(parts: dict[str, bytes]) -> Span | None:
    """Return what a date means that counts weeks (ISO 8601) or days of the year."""
    try:
        if "ordinal" in parts:
            day = datetime.strptime(f"{int(parts['year'])} {int(parts['ordinal'])} +0000", "%Y %j %z")
        else:
            numbers = int(parts["year"]), int(parts["week"]), int(parts.get("weekday", b"1"))
            day = datetime.fromisocalendar(*numbers).replace(tzinfo=UTC)
    except ValueError:
        return None
    begin = int(day.timestamp())
    return Span(begin, begin + (DAY if "ordinal" in parts or "weekday" in parts else WEEK))


def _dated(parts: dict[str, bytes], clock: int) -> Span | None:
    year, month = int(parts["year"]), _month(parts)
    if month is None:
        return Span(timegm((year, 1, 1, 0, 0, 0)), timegm((year + 1, 1, 1, 0, 0, 0)))
    if not 1 <= month <= len(_MONTHS):
        return None
    days, day = monthrange(year, month)[1], int(parts.get("day", b"1"))
    if not 1 <= day <= days:
        return None
    begin = timegm((year, month, day, 0, 0, 0)) + clock
    return Span(begin, begin + (_precision(parts) if "day" in parts else days * DAY), _zone(parts.get("zone", b"")))


def _precision(parts: dict[str, bytes]) -> int:
    if "second" in parts:
        return 1
    if "minute" in parts:
        return 60
    return 3600 if "hours" in parts or "hour" in parts else DAY


def _month(parts: dict[str, bytes]) -> int | None:
    if "name" in parts:
        return _MONTHS.index(parts["name"][:3].decode().lower()) + 1
    return int(parts["month"]) if "month" in parts else None


def _zone(text: bytes) -> int | None:
    if text in (b"Z", b"UTC", b"GMT"):
        return 0
    if text[:1] in (b"+", b"-"):
        digits = text[1:].replace(b":", b"")
        return (1 if text[:1] == b"+" else -1) * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)
    return None


def _epoch(parts: dict[str, bytes]) -> Span:
    digits = parts["fraction"]
    whole = int(parts["epoch"])
    if digits[:1] != b"." and digits and len(digits) not in (3, 6, 9):
        return Span(0, 0, 0)  # not in a unit that is in use
    return Span(whole, whole + 1, 0)


def in_clock(found: Span, traces: Traces) -> frozenset[str]:
    """Return the zones (utc, local) in which a text is a time of the build."""
    if traces.clock is None:
        return frozenset()
    begin, end = traces.clock[0] - SLACK, traces.clock[1] + SLACK
    return frozenset(
        name for name, offset in _zones(found, traces.utc_offset) if _meets(found, begin + offset, end + offset)
    )


def _zones(found: Span, utc_offset: int) -> tuple[tuple[str, int], ...]:
    if found.zone is not None:
        return (("utc" if found.zone == 0 else "local", found.zone),)
    return (("utc", 0), ("local", utc_offset))


def _meets(found: Span, begin: float, end: float) -> bool:
    period = found.period
    if not period:
        return found.begin <= end and begin < found.end
    if end - begin >= period:
        return True
    begin, end = begin % period, begin % period + (end - begin)
    return any(found.begin + shift <= end and begin < found.end + shift for shift in (-period, 0, period))


@dataclass(frozen=True, slots=True)
class Twin:
    """Two texts of one form at the same place of the two sides."""

    form: str
    first: re.Match[bytes]
    second: re.Match[bytes]
    spans: tuple[Span, Span]


def twins(texts: Texts) -> Iterator[Twin]:
    """Yield the pairs of unequal dates at the same place of both sides; the most complete forms first."""
    for form, pattern in FORMS:
        ours, theirs = (list(_some(pattern, text)) for text in texts)
        if len(ours) != len(theirs):
            continue
        for first, second in zip(ours, theirs, strict=True):
            if first[0] != second[0]:
                spans = span(form, first), span(form, second)
                if spans[0] is not None and spans[1] is not None:
                    yield Twin(form, first, second, (spans[0], spans[1]))


def _some(pattern: re.Pattern[bytes], text: bytes) -> Iterator[re.Match[bytes]]:
    for number, found in enumerate(pattern.finditer(text)):
        if number >= _MOST:
            return
        yield found


def erasing(accepts: Callable[[Twin, Known], bool], marker: bytes) -> Callable[[SidePair], SidePair]:
    """Return an eraser of accepted dates."""

    def erase(texts: Texts, known: Known) -> Texts:
        for _ in range(len(FORMS)):
            gone: list[Twin] = []
            for twin in twins(texts):
                if gone and gone[0].form != twin.form:
                    break
                if accepts(twin, known):
                    gone.append(twin)
            if not gone:
                break
            texts = (
                cut(texts[0], [one.first for one in gone], marker),
                cut(texts[1], [one.second for one in gone], marker),
            )
        return texts

    return by_token(erase)


def is_build_date(twin: Twin, known: Known) -> bool:
    """Return whether each side has its build's time; where no clock is known, whether both are full dates."""
    if known.first.clock is None or known.second.clock is None:
        full = twin.form in ("ascii", "named", "mail", "iso", "packed")
        return full and all(_plausible(one) for one in twin.spans)
    return bool(in_clock(twin.spans[0], known.first) & in_clock(twin.spans[1], known.second))


_SOME_YEARS = timegm((2000, 1, 1, 0, 0, 0)), timegm((2060, 1, 1, 0, 0, 0))


def _plausible(one: Span) -> bool:
    return _SOME_YEARS[0] <= one.begin < _SOME_YEARS[1]


def suspects(pair: SidePair) -> tuple[str, ...]:
    """Name the variations to which dates point: the clock, and the time zone where only local time fits."""
    known = Known(pair[0].traces, pair[1].traces)
    if known.first.clock is None or known.second.clock is None:
        return ("time",)
    for place in differing(pair)[:100]:
        for twin in twins(token(pair, place)):
            zones = in_clock(twin.spans[0], known.first) & in_clock(twin.spans[1], known.second)
            if zones:
                return ("time",) if "utc" in zones else ("time", "timezone")
    return ("time",)


def is_one_instant(twin: Twin, known: Known) -> bool:
    """Return whether two texts mean the same instant, each in its build's time zone."""
    ours, theirs = known.first.utc_offset, known.second.utc_offset
    first, second = twin.spans
    if twin.form in ("epoch", "hex", "year", "month", "month-named", "week", "ordinal", "weekday"):
        return False
    if first.zone is not None and second.zone is not None:
        return first.zone != second.zone and abs((first.begin - first.zone) - (second.begin - second.zone)) < 1
    if ours == theirs:
        return False
    if first.period or second.period:
        return (first.begin - ours - second.begin + theirs) % DAY == 0
    return first.begin - ours < second.end - theirs and second.begin - theirs < first.end - ours


def erase_instants(texts: Texts, known: Known) -> Texts:
    """Erase binary time stamps: little-endian seconds within each side's build, at one offset.

    Four bytes, of which the second build's have to be right too, are no accident: by chance it
    happens once in so many times as two windows of minutes are parts of 136 years each.
    """
    first, second = texts
    if known.first.clock is None or known.second.clock is None or len(first) != len(second):
        return texts
    ours, theirs = bytearray(first), bytearray(second)
    windows = _window(known.first), _window(known.second)
    for at in _stamps(first, windows[0]):
        if windows[1][0] <= struct.unpack_from("<I", second, at)[0] <= windows[1][1]:
            ours[at : at + 4] = theirs[at : at + 4] = b"\0\0\0\0"
    return bytes(ours), bytes(theirs)


def _window(traces: Traces) -> tuple[int, int]:
    assert traces.clock is not None  # noqa: S101 - the caller has looked
    return int(traces.clock[0] - SLACK), int(traces.clock[1] + SLACK)


def _stamps(data: bytes, window: tuple[int, int]) -> Iterator[int]:
    """Yield the offsets of little-endian numbers in a window; it is short, so it has few high bytes."""
    low, high = window
    for top in range(low >> 16, (high >> 16) + 1):
        ending = struct.pack("<H", top & 0xFFFF)
        at = data.find(ending, 2)
        while at >= 0:
            if low <= struct.unpack_from("<I", data, at - 2)[0] <= high:
                yield at - 2
            at = data.find(ending, at + 1)


def loosened(found: Span) -> Span:
    """Return a span with room for the steps of two seconds in which zip archives keep times."""
    return replace(found, begin=found.begin - SLACK, end=found.end + SLACK)
