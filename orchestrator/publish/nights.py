"""All results by their day, UTC -> what a page of each night shows: what was judged, what changed, what stayed open."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.model import digest
from orchestrator.publish import changes
from orchestrator.publish.card import events_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from orchestrator.model import Verdict
    from orchestrator.publish.card import Card
    from orchestrator.publish.changes import Turn
    from orchestrator.results.summary import Event, Project, Standing, Summary


@dataclass(frozen=True, slots=True)
class Night:
    """One day, UTC, on which anything was judged."""

    day: date
    judged: int  # releases, each once for each image
    projects: tuple[str, ...]  # that have a result of this day
    turns: tuple[Turn, ...]
    earlier: date | None  # the night before that has a page
    later: date | None
    made_from: str  # a hash that changes with any result of this night

    @property
    def path(self) -> str:
        """Its page."""
        return f"nights/{self.day}.html"


def nights(cards: Mapping[str, Card], all_turns: Iterable[Turn]) -> tuple[Night, ...]:
    """Return the nights, newest first, from the cards of all projects and all changes of verdicts."""
    of: defaultdict[date, list[tuple[str, int, str]]] = defaultdict(list)
    for project, card in cards.items():
        for night in card.nights:
            of[night.day].append((project, night.judged, night.hash))
    turned = changes.on(all_turns)
    days = sorted(of)
    neighbours = zip([None, *days[:-1]], days, [*days[1:], None], strict=True) if days else ()
    found = (_night(day, of[day], tuple(turned.get(day, ())), earlier, later) for earlier, day, later in neighbours)
    return tuple(reversed(tuple(found)))


def _night(
    day: date, judged: list[tuple[str, int, str]], turns: tuple[Turn, ...], earlier: date | None, later: date | None
) -> Night:
    made_from = digest([judged, [str(earlier), str(later)]])
    return Night(
        day,
        sum(count for _, count, _ in judged),
        tuple(project for project, _, _ in judged),
        turns,
        earlier,
        later,
        made_from,
    )


@dataclass(frozen=True, slots=True)
class NightPage:
    """What the page of a night shows."""

    night: Night
    results: tuple[tuple[Standing, Event], ...]
    counts: tuple[tuple[Verdict, int], ...]


def shown(night: Night, summary: Summary) -> NightPage:
    """Read what a night's page shows."""
    results = tuple(_results(night, {project.name: project for project in summary.projects}))
    return NightPage(night, results, tuple(Counter(event.verdict for _, event in results).most_common()))


def _results(night: Night, projects: Mapping[str, Project]) -> Iterator[tuple[Standing, Event]]:
    for name in night.projects:
        yield from events_on(projects[name], night.day)
