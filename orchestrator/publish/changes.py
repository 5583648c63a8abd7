"""All changes of verdicts -> pages: by year, the newest first, each page bounded."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from orchestrator.model import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from orchestrator.results.history import Change
    from orchestrator.results.summary import Standing, Summary

PAGE_BOUND = 200
"""Changes on one page."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of the verdict of one release on one image."""

    standing: Standing
    change: Change


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """A page of changes, the newest first."""

    path: str
    name: str  # 2026, or 2026, part 2
    turns: tuple[Turn, ...]

    @property
    def made_from(self) -> str:
        """A hash that changes with any of its changes."""
        return digest(
            [
                (
                    one.standing.project,
                    one.standing.version,
                    one.standing.place,
                    one.change.when.isoformat(),
                    one.change,
                )
                for one in self.turns
            ]
        )


def turns(summary: Summary) -> tuple[Turn, ...]:
    """Return every change of a verdict, first verdicts left out, oldest first."""
    found = (
        Turn(standing, change)
        for standing in summary.standings
        for change in standing.turns
        if change.earlier is not None
    )
    return tuple(sorted(found, key=_order))


def _order(turn: Turn) -> tuple[object, ...]:
    return turn.change.when, turn.standing.project, turn.standing.version, turn.standing.place


def on(all_turns: Iterable[Turn]) -> dict[date, list[Turn]]:
    """Group changes by their day, UTC."""
    days: defaultdict[date, list[Turn]] = defaultdict(list)
    for turn in all_turns:
        days[turn.change.when.astimezone(UTC).date()].append(turn)
    return dict(days)


def pages(oldest_first: Iterable[Turn]) -> tuple[ChangesPage, ...]:
    """Divide changes into pages, the newest first; they are counted from the oldest, so that a full page stays."""
    years: defaultdict[int, list[Turn]] = defaultdict(list)
    for turn in oldest_first:
        years[turn.change.when.astimezone(UTC).year].append(turn)
    return tuple(page for year in sorted(years, reverse=True) for page in reversed(tuple(_of_year(year, years[year]))))


def _of_year(year: int, found: list[Turn]) -> Iterator[ChangesPage]:
    for part, begin in enumerate(range(0, len(found), PAGE_BOUND), start=1):
        ending, name = (f"-{part}", f"{year}, part {part}") if part > 1 else ("", f"{year}")
        shown = tuple(reversed(found[begin : begin + PAGE_BOUND]))
        yield ChangesPage(f"changes-{year}{ending}.html", name, shown)
