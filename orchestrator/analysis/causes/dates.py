"""Dates and times in texts: read in any usual form, and compared with each build's clock."""

from __future__ import annotations

import re
import struct
from calendar import monthrange, timegm
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.analysis.causes import spellings
from orchestrator.analysis.causes.erasers import Known, by_token, cut, differing, token
from orchestrator.model import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.analysis.causes.erasers import Texts
    from orchestrator.analysis.causes.model import SidePair
    from orchestrator.analysis.causes.spellings import Form
    from orchestrator.model import Traces

SLACK = 2.0
"""Seconds: a file's time may be coarser than the clock, and the probe runs shortly before the build."""

_MOST = 10_000  # dates in one token
_NEAR = 3  # bytes between a date and its time
_CLOCKS = 1e-2  # how often a time beside a date may be the builds' by accident


@dataclass(frozen=True, slots=True)
class Span:
    """The seconds that a text may mean if it is in UTC."""

    begin: float
    end: float
    zone: int | None = None  # seconds east of UTC, where the text has an offset
    period: int = 0  # seconds after which it means the same again: a day, where it names no date


def span(found: re.Match[bytes]) -> Span | None:
    """Return what a match of one of `INSTANTS` means, or None where there is no such date."""
    named = spellings.parts(found)
    clock = spellings.seconds_of_day(named)[0]
    if "year" not in named:
        return Span(clock, clock + spellings.precision(named), period=DAY)
    year, month, day = int(named["year"]), spellings.month_of(named), int(named["day"])
    if month is None or day > monthrange(year, month)[1]:
        return None
    begin = timegm((year, month, day, 0, 0, 0)) + clock
    return Span(begin, begin + spellings.precision(named), spellings.zone_of(named))


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

    form: Form
    first: re.Match[bytes]
    second: re.Match[bytes]
    spans: tuple[Span, Span]


def twins(texts: Texts) -> Iterator[Twin]:
    """Yield the pairs of unequal dates at the same place of both sides; the most complete forms first."""
    for form in spellings.INSTANTS:
        ours = list(_some(form.pattern, texts[0]))
        theirs = list(_some(form.pattern, texts[1])) if ours else []
        if len(ours) != len(theirs):
            continue
        for first, second in zip(ours, theirs, strict=True):
            if first[0] != second[0]:
                spans = span(first), span(second)
                if spans[0] is not None and spans[1] is not None:
                    yield Twin(form, first, second, (spans[0], spans[1]))


def _some(pattern: re.Pattern[bytes], text: bytes) -> Iterator[re.Match[bytes]]:
    return islice(pattern.finditer(text), _MOST)


def erasing(accepts: Callable[[Twin, Known], bool], marker: bytes) -> Callable[[SidePair], SidePair]:
    """Return an eraser of accepted dates."""
    return by_token(lambda texts, known: _without_twins(texts, known, accepts, marker))


def _without_twins(texts: Texts, known: Known, accepts: Callable[[Twin, Known], bool], marker: bytes) -> Texts:
    for _ in range(len(spellings.INSTANTS)):
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


# --- the builds' own times -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Match:
    """Two texts of one form at the same place, each a time of its build."""

    first: re.Match[bytes]
    second: re.Match[bytes]
    zones: frozenset[str]  # in which both are: utc, local, or an offset that they name


def erase_build_dates(marker: bytes) -> Callable[[SidePair], SidePair]:
    """Return an eraser of the builds' times; where no clock is known, of unmistakable dates."""

    def erase(texts: Texts, known: Known) -> Texts:
        if known.first.clock is None or known.second.clock is None:
            return _without_twins(texts, known, _is_unmistakable, marker)
        *_, (_, rest) = _erased(texts, known, marker)
        return rest

    return by_token(erase)


def _erased(texts: Texts, known: Known, marker: bytes) -> Iterator[tuple[tuple[Match, ...], Texts]]:
    """Yield the builds' times form by form, and the texts without them."""
    for form in spellings.FORMS:
        gone = _matches(form, texts, known, marker)
        texts = (
            cut(texts[0], [one.first for one in gone], marker),
            cut(texts[1], [one.second for one in gone], marker),
        )
        yield gone, texts


def _matches(form: Form, texts: Texts, known: Known, marker: bytes) -> tuple[Match, ...]:
    """Return the pairs of a form that are times of both builds."""
    ours = _inside(form, texts[0], known.first)
    theirs = _inside(form, texts[1], known.second) if ours else []
    if len(ours) != len(theirs):
        return ()
    windows = _length(known.first), _length(known.second)
    pairs = (_match(left, right, known, windows, marker) for left, right in zip(ours, theirs, strict=True))
    return tuple(one for one in pairs if one is not None)


def _inside(form: Form, text: bytes, traces: Traces) -> list[re.Match[bytes]]:
    """Return the matches of a form that are times of one build, except for parts of dates that are not."""
    assert traces.clock is not None  # noqa: S101 - the caller has looked
    if not spellings.may_have(form, text, *traces.clock):
        return []
    inside: dict[bytes, bool] = {}
    found = list(_some(form.pattern, text))
    for one in found:
        if one[0] not in inside:
            inside[one[0]] = bool(zones_of(one, traces, halves=True))
    found = [one for one in found if inside[one[0]]]
    if not found or not form.lone:
        return found
    others = [one.span() for other in _DATED for one in _some(other.pattern, text)]
    return [one for one in found if not any(begin < one.end() and one.start() < end for begin, end in others)]


_DATED = tuple(form for form in spellings.FORMS if "year" in form.pattern.groupindex and not form.lone)


def _match(
    first: re.Match[bytes], second: re.Match[bytes], known: Known, windows: tuple[float, float], marker: bytes
) -> Match | None:
    """Return two texts as a match if both are times of their builds in one zone, and hardly by accident."""
    halves = _is_telling(first, windows, marker, halves=True)
    if not halves and not _is_telling(first, windows, marker, halves=False):
        return None
    zones = zones_of(first, known.first, halves=halves) & zones_of(second, known.second, halves=halves)
    return Match(first, second, zones) if zones and first[0] != second[0] else None


def _is_telling(found: re.Match[bytes], windows: tuple[float, float], marker: bytes, *, halves: bool) -> bool:
    """Return whether a match is hardly an accident; a time beside a date is its time."""
    if spellings.is_telling(found, windows, halves=halves):
        return True
    near = len(marker) + _NEAR
    beside = marker in found.string[max(0, found.start() - near) : found.end() + near]
    named = spellings.parts(found)
    timed = "minute" in named or "half" in named
    return beside and timed and spellings.by_chance(named, windows, halves=halves) <= _CLOCKS


def zones_of(found: re.Match[bytes], traces: Traces, *, halves: bool = False) -> frozenset[str]:
    """Return the zones (utc, local, an offset) in which a text is a time of the build, which has a clock."""
    assert traces.clock is not None  # noqa: S101 - the caller has looked
    named = spellings.parts(found)
    begin, end = traces.clock[0] - SLACK, traces.clock[1] + SLACK
    return frozenset(
        name
        for name, offset in _offsets(named, traces.utc_offset)
        if spellings.is_in(named, begin + offset, end + offset, halves=halves)
    )


def _offsets(named: spellings.Parts, utc_offset: int) -> tuple[tuple[str, int], ...]:
    """Return the zones that a text may be in; local time is often labelled as UTC."""
    zone = spellings.zone_of(named)
    if named.keys() & {"epoch", "hex"}:
        return (("utc", 0),)
    if zone and zone != utc_offset:
        return ((str(zone), zone),)
    return (("local", utc_offset),) if zone else (("utc", 0), ("local", utc_offset))


def _length(traces: Traces) -> float:
    assert traces.clock is not None  # noqa: S101 - the caller has looked
    return traces.clock[1] - traces.clock[0] + 2 * SLACK


def _is_unmistakable(twin: Twin, _known: Known) -> bool:
    """Return whether two texts are nothing but dates: of four digits, with a month's name or a time."""
    return twin.form.full and all(
        _plausible(one) and ("name" in spellings.parts(found) or _TIMED.search(found[0]) is not None)
        for one, found in zip(twin.spans, (twin.first, twin.second), strict=True)
    )


_TIMED = re.compile(rb"[T :]\d\d(?::\d|\d\d)")
_SOME_YEARS = timegm((2000, 1, 1, 0, 0, 0)), timegm((2060, 1, 1, 0, 0, 0))


def _plausible(one: Span) -> bool:
    return _SOME_YEARS[0] <= one.begin < _SOME_YEARS[1]


def suspects(pair: SidePair) -> tuple[str, ...]:
    """Name the variations to which dates point: the clock, and the time zone where only local time fits."""
    known = Known(pair[0].traces, pair[1].traces)
    if known.first.clock is None or known.second.clock is None:
        return ("time",)
    for place in differing(pair)[:100]:
        for found, _ in _erased(token(pair, place), known, b"<date>"):
            if found:
                return ("time", "timezone") if found[0].zones == {"local"} else ("time",)
    return ("time",)


def has_epoch(texts: Texts, known: Known) -> bool:
    """Return whether both sides have their build's time in seconds since 1970, at one place."""
    if known.first.clock is None or known.second.clock is None:
        return False
    return any(_matches(form, texts, known, b"") for form in spellings.FORMS if "epoch" in form.pattern.groupindex)


def is_one_instant(twin: Twin, known: Known) -> bool:
    """Return whether two texts mean the same instant, each in its build's time zone."""
    ours, theirs = known.first.utc_offset, known.second.utc_offset
    first, second = twin.spans
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
