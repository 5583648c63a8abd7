"""Versions that are a time of the build: PEP 440 writes their numbers without leading zeros, as no date is written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.dates import SLACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.model import Traces

Release = tuple[int, ...]

_DAYS = (
    "%Y.%m.%d",
    "%y.%m.%d",
    "%Y.%m%d",
    "%Y%m%d",
    "%y%m%d",
    "%Y.%j",
    "%Y%j",
    "%y.%j",
    "%y%j",
    "%G.%V",
    "%Y.%m",
    "%y.%m",
)
_TIMES = ("", "%H", "%H%M", "%H%M%S", ".%H", ".%H%M", ".%H%M%S", ".%H.%M", ".%H.%M.%S")
_FORMS = tuple(day + time for day in _DAYS for time in _TIMES)
_MOST = 3600  # seconds of a build; of a longer one, as many moments


def are_dated(first: Release, second: Release, known: tuple[Traces, Traces]) -> bool:
    """Return whether the numbers of two versions differ only by a time, of each build its own.

    A time has at least the year and the month or the week; it may be in UTC or in local time.
    """
    if len(first) != len(second) or any(side.clock is None for side in known):
        return False
    ours, theirs = (dict(_times(side)) for side in known)
    begin, end = _unlike(first, second)
    return any(
        _is_time(first, ours[form], begin, end) and _is_time(second, theirs[form], begin, end) for form in _FORMS
    )


def _unlike(first: Release, second: Release) -> tuple[int, int]:
    """Return the range of the numbers that differ."""
    places = [place for place, both in enumerate(zip(first, second, strict=True)) if both[0] != both[1]]
    return (places[0], places[-1] + 1) if places else (0, 0)


def _is_time(release: Release, times: frozenset[Release], begin: int, end: int) -> bool:
    """Return whether a version has one of some times around the numbers that differ."""
    return any(
        release[start : start + len(time)] == time
        for time in times
        for start in range(max(0, end - len(time)), begin + 1)
    )


def _times(side: Traces) -> Iterator[tuple[str, frozenset[Release]]]:
    """Yield each form with the build's times in it."""
    moments = [
        datetime.fromtimestamp(second + offset, UTC) for second in _seconds(side) for offset in {0, side.utc_offset}
    ]
    for form in _FORMS:
        texts = {moment.strftime(form) for moment in moments}
        yield form, frozenset(tuple(map(int, text.split("."))) for text in texts)


def _seconds(side: Traces) -> Iterator[float]:
    assert side.clock is not None  # noqa: S101 - the caller has looked
    begin, end = side.clock[0] - SLACK, side.clock[1] + SLACK
    step = max(1.0, (end - begin) / _MOST)
    yield from (begin + number * step for number in range(int((end - begin) / step) + 1))
