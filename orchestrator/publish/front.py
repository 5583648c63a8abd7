"""All verdicts -> what the first page shows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC
from itertools import chain
from typing import TYPE_CHECKING

from orchestrator.model import LADDER, Outcome, Verdict
from orchestrator.publish import outcomes, trend_plot, wording
from orchestrator.publish.card import images
from orchestrator.publish.rendering import LIST_BOUND
from orchestrator.results import trend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.publish.card import Card, SiteRow
    from orchestrator.publish.changes import Turn
    from orchestrator.publish.nights import Night
    from orchestrator.results.summary import Summary

LATELY = 6
"""Changes of verdict on the first page."""

_BAR = 1000.0  # width of the bar in its own units
_JUDGED = frozenset(verdict.value for verdict in Verdict if verdict is not Verdict.EXCLUDED)
_NEVER_BUILT = frozenset({wording.OPEN, Verdict.EXCLUDED.value, Verdict.NO_SDIST.value})


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a list's filter, and how many packages match it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Slice:
    """One verdict's part of the bar."""

    word: str
    count: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Headline:
    """The counts of the first sentence: of releases, each once for each image, and of published wheels."""

    reproducible: int
    judged: int
    recipe: int
    verified: int
    failing: int


def headline(rows: Iterable[SiteRow], summary: Summary) -> Headline:
    """Count what is current."""
    judged = [row for row in rows if row.word in _JUDGED]
    return Headline(
        sum(row.word == Verdict.REPRODUCIBLE for row in judged),
        len(judged),
        sum(row.recipe for row in judged),
        outcomes.counts(summary.published).rebuilt,
        sum(row.word == Verdict.FTBFS for row in judged),
    )


def values(
    summary: Summary, cards: tuple[Card, ...], turns: tuple[Turn, ...], nights: tuple[Night, ...]
) -> dict[str, object]:
    """Return the values of the first page's template."""
    rows = tuple(chain.from_iterable(card.rows for card in cards))
    days = trend.total(card.trend for card in cards)
    until = summary.now.astimezone(UTC).date()
    slices = tuple(_slices(summary))
    return {
        "wheels": outcomes.counts(summary.published),
        "differing": tuple(one for one in summary.published if one.outcome is Outcome.DIFFERS),
        "outcomes": _choices(outcomes.ORDER, chain.from_iterable(row.published for row in rows)),
        "summary": summary,
        "headline": headline(rows, summary),
        "rows": tuple(row for row in rows if row.word not in _NEVER_BUILT),
        "unbuilt": tuple(row for row in rows if row.word in _NEVER_BUILT),
        "counted": sum(bool(project.current) for project in summary.projects),
        "qualified": sum(row.word == Verdict.REPRODUCIBLE and bool(row.qualifiers) for row in rows),
        "slices": slices,
        "meanings": tuple((one, _MEANINGS[one.word]) for one in slices),
        "bar": _BAR,
        "lately": tuple(reversed(turns[-LATELY:])),
        "turns": len(turns),
        "night": nights[0] if nights else None,
        "drifted": tuple(image for image in images(cards) if image.drift),
        "severities": _choices(LADDER, (row.severity for row in rows)),
        "blamed": _choices((), chain.from_iterable(row.causes for row in rows)),
        "plots": tuple(
            filter(
                None,
                (
                    trend_plot.plot(days, until, "wide", 1000, 280, 142),
                    trend_plot.plot(days, until, "narrow", 380, 260, 136),
                ),
            )
        ),
        "plot_lines": trend_plot.LINES,
        "described": trend_plot.described(days) if days else "",
        "days": trend_plot.newest_first(days, LIST_BOUND),
        "all_days": days,
    }


_MEANINGS = {word.slug: word.meaning for word in wording.WORDS}


def _choices(order: Iterable[str], found: Iterable[str]) -> tuple[Choice, ...]:
    """Count the values: first those in `order`, then the rest by frequency."""
    counts = Counter(value for value in found if value)
    ordered = [value for value in order if value in counts]
    rest = sorted(counts.keys() - set(ordered), key=lambda value: (-counts[value], value))
    return tuple(Choice(value, counts[value]) for value in (*ordered, *rest))[:LIST_BOUND]


def _slices(summary: Summary) -> Iterator[Slice]:
    counts = {**{verdict.value: count for verdict, count in summary.counts.items()}, wording.OPEN: len(summary.open)}
    whole = sum(counts.values())
    start = 0.0
    for word, count in counts.items():
        if count:
            width = _BAR * count / whole
            yield Slice(word, count, round(start, 2), round(width, 2))
            start += width
