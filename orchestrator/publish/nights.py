"""All results by their day, UTC -> what the page of each day shows: what was judged, what changed, what stayed open."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from orchestrator.model import digest
from orchestrator.publish import changes
from orchestrator.publish.card import events_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from orchestrator.model import OpenJob, RunFault, RunRecord, Verdict
    from orchestrator.publish.card import Card
    from orchestrator.publish.changes import Turn
    from orchestrator.results.history import Event
    from orchestrator.results.summary import Project, Standing, Summary


@dataclass(frozen=True, slots=True)
class Night:
    """One day, UTC, on which anything was judged."""

    day: date
    judged: int  # releases, each once for each image
    projects: tuple[str, ...]  # that have a result of this day
    turns: tuple[Turn, ...]
    earlier: date | None  # the night before that has a page
    later: date | None
    runs: tuple[RunRecord, ...]  # that began on this day and changed something, oldest first
    made_from: str  # a hash that changes with any result of this night

    @property
    def path(self) -> str:
        """Its page."""
        return f"nights/{self.day}.html"


def nights(cards: Mapping[str, Card], all_turns: Iterable[Turn], runs: Iterable[RunRecord] = ()) -> tuple[Night, ...]:
    """Return the days, newest first, from the cards of all projects, all changes of verdicts and records of runs."""
    of: defaultdict[date, list[tuple[str, int, str]]] = defaultdict(list)
    for project, card in cards.items():
        for night in card.nights:
            of[night.day].append((project, night.judged, night.hash))
    turned, run = changes.on(all_turns), _by_day(runs)
    days = sorted(of.keys() | run.keys())
    neighbours = zip([None, *days[:-1]], days, [*days[1:], None], strict=True) if days else ()
    found = (
        Night(
            day,
            sum(count for _, count, _ in of[day]),
            tuple(project for project, _, _ in of[day]),
            tuple(turned.get(day, ())),
            earlier,
            later,
            run.get(day, ()),
            digest(
                [
                    of[day],
                    str(earlier),
                    str(later),
                    [one.started.isoformat() for one in run.get(day, ())],
                    _changed(turned.get(day, ())),
                ]
            ),
        )
        for earlier, day, later in neighbours
    )
    return tuple(reversed(tuple(found)))


def _changed(turns: Iterable[Turn]) -> list[tuple[str, ...]]:
    return [
        (*map(str, (one.standing.project, one.standing.version, one.standing.place)), digest(one.change))
        for one in turns
    ]


def _by_day(runs: Iterable[RunRecord]) -> dict[date, tuple[RunRecord, ...]]:
    days: defaultdict[date, list[RunRecord]] = defaultdict(list)
    for one in sorted(runs, key=lambda one: one.started):
        days[one.started.astimezone(UTC).date()].append(one)
    return {day: tuple(found) for day, found in days.items()}


@dataclass(frozen=True, slots=True)
class NightPage:
    """What the page of a day shows."""

    night: Night
    results: tuple[tuple[Standing, Standing | Event], ...]
    counts: tuple[tuple[Verdict, int], ...]

    @property
    def open(self) -> tuple[OpenJob, ...]:
        """What was open after the last run of the day."""
        return self.night.runs[-1].open if self.night.runs else ()

    @property
    def failures(self) -> tuple[RunFault, ...]:
        """Why runs of the day gave no verdicts as a whole."""
        return tuple(one.failure for one in self.night.runs if one.failure)


def shown(night: Night, summary: Summary) -> NightPage:
    """Read what the page of a day shows."""
    results = tuple(_results(night, {project.name: project for project in summary.projects}))
    return NightPage(night, results, tuple(Counter(event.verdict for _, event in results).most_common()))


def _results(night: Night, projects: Mapping[str, Project]) -> Iterator[tuple[Standing, Standing | Event]]:
    for name in night.projects:
        yield from events_on(projects[name], night.day)
