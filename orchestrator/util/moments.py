"""Moments up to which files of an index count: given as a day, UTC, or as a point in time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

LAST = datetime(9999, 1, 1, tzinfo=UTC)
"""The last moment; later days end then, since their real end may lie beyond what Python or uv can write."""


def moment(as_of: date) -> datetime:
    """Return the moment, UTC, before which files count: of a day, that is its end.

    Raises
    ------
    ValueError
        It is a moment without a time zone, or in the year 1 or 9999.

    """
    if not isinstance(as_of, datetime):
        return datetime.combine(min(as_of, LAST.date()), time(), tzinfo=UTC) + timedelta(days=1)
    if as_of.utcoffset() is None:
        msg = f"{as_of} has no time zone"
        raise ValueError(msg)
    if not 1 < as_of.year < LAST.year:
        msg = f"{as_of} is out of range"
        raise ValueError(msg)
    return as_of.astimezone(UTC)


def written(until: datetime) -> str:
    """Write a moment as it is configured: a day where it is the end of one, UTC, or else date and time."""
    until = until.astimezone(UTC)
    if until.time() == time():
        return f"{until.date() - timedelta(days=1)}"
    return until.isoformat().replace("+00:00", "Z")
