"""The trend -> the lines of a plot: where each goes, what its axes name. Text and colour are the template's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from orchestrator.results.trend import Days, Tally

LINES = (
    ("reproducible", "reproducible", "rebuild bit for bit as they are"),
    ("recipe", "with recipe", "differ, and are equal with a proven recipe"),
    ("verified", "wheels verified", "published wheels, rebuilt to the bit"),
    ("failing", "failing", "do not build"),
)
"""Each line: the tally's field, its label, its meaning."""

_TOP, _BOTTOM, _LEFT = 30.0, 28.0, 44.0  # margins, in the plot's own units
_GAP = 15.0  # between two labels
_HIGHEST = 12.0  # place of a label
_DATES = 260.0  # width that three dates need
_STEPS = (1, 2, 5)
_TICKS = 5  # at most


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the plot."""

    slug: str
    label: str
    path: str  # as the attribute d of an SVG path
    y: float  # where it ends
    label_y: float
    last: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, and its text."""

    at: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot; all lengths are in the units of its `width`."""

    slug: str
    width: float
    height: float
    left: float
    right: float
    bottom: float
    lines: tuple[Line, ...]
    counts: tuple[Tick, ...]  # on the vertical axis
    days: tuple[Tick, ...]  # on the horizontal axis


def plot(days: Days, until: date, slug: str, width: float, height: float, margin: float) -> Plot | None:
    """Draw the days as steps up to `until`, with a margin for labels on the right; None: there is no trend yet."""
    if not days or days[0][0] >= until:
        return None
    first, span = days[0][0], (until - days[0][0]).days
    right, bottom = width - margin, height - _BOTTOM
    highest = max(_of(tally, field) for _, tally in days for field, _, _ in LINES)
    step = _step(highest)
    ticks = max(1, -(-highest // step))
    drawn = [(field, label, [_of(tally, field) for _, tally in days]) for field, label, _ in LINES]
    places = [_LEFT + (right - _LEFT) * (day - first).days / span for day, _ in days]

    def height_of(count: int) -> float:
        return bottom - (bottom - _TOP) * count / (ticks * step)

    ends = _apart([height_of(counts[-1]) for _, _, counts in drawn])
    lines = tuple(
        Line(
            field,
            label,
            _path(places, [height_of(count) for count in counts], right),
            height_of(counts[-1]),
            end,
            counts[-1],
        )
        for (field, label, counts), end in zip(drawn, ends, strict=True)
    )
    counts = tuple(Tick(round(height_of(step * number), 1), str(step * number)) for number in range(ticks + 1))
    return Plot(slug, width, height, _LEFT, right, bottom, lines, counts, _dates(first, until, right))


def _step(highest: int) -> int:
    """Return the least round distance at which so many ticks reach the highest count."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power * _TICKS >= highest:
                return step * power
        power *= 10


def _path(places: Sequence[float], heights: Sequence[float], right: float) -> str:
    """Return steps; of several in one unit of width, only the last is drawn."""
    steps: dict[int, tuple[float, float]] = {}
    before = None
    for place, height in zip(places, heights, strict=True):
        if height != before:
            steps[round(place)] = (place, height)
        before = height
    (x, y), *others = steps.values()
    further = "".join(f"H{place:.1f}V{height:.1f}" for place, height in others)
    return f"M{x:.1f} {y:.1f}{further}H{right:.1f}"


def _apart(heights: Sequence[float]) -> list[float]:
    """Move labels so that none covers another or leaves the plot, and keep their order."""
    order = sorted(range(len(heights)), key=lambda number: -heights[number])
    placed = list(heights)
    before = None
    for number in order:
        placed[number] = heights[number] if before is None else min(heights[number], before - _GAP)
        before = placed[number]
    lowest = _HIGHEST
    for number in reversed(order):
        placed[number] = max(placed[number], lowest)
        lowest = placed[number] + _GAP
    return placed


def _dates(first: date, until: date, right: float) -> tuple[Tick, ...]:
    middle = first + timedelta(days=(until - first).days // 2)
    place = _LEFT + (right - _LEFT) * (middle - first).days / (until - first).days
    has_room = first < middle < until and right - _LEFT > _DATES
    between = (Tick(round(place, 1), middle.isoformat()),) if has_room else ()
    return (Tick(_LEFT, first.isoformat(), "start"), *between, Tick(right, until.isoformat(), "end"))


def described(days: Days) -> str:
    """Return the trend in a sentence, for readers who do not see the plot."""
    (first, before), (last, after) = days[0], days[-1]
    changes = ", ".join(f"{label} from {_of(before, field)} to {_of(after, field)}" for field, label, _ in LINES)
    return f"From {first} to {last}: {changes}, of {before.judged} and {after.judged} releases."


def _of(tally: Tally, field: str) -> int:
    return int(attrgetter(field)(tally))


def newest_first(days: Days, bound: int) -> Iterable[tuple[date, Tally]]:
    """Return the last days, newest first."""
    return tuple(reversed(days[-bound:]))
