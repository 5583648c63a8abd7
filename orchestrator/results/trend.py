"""The standings of all projects -> how many releases had which verdict, on every day on which that changed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeVar

from orchestrator.model import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.results.summary import Project, Standing, Summary, Verified

REBUILT = (Outcome.IDENTICAL, Outcome.RESTAMPED)
"""The outcomes of a published wheel that is rebuilt to the bit."""

_DIFFERING = frozenset({Verdict.SENSITIVE, Verdict.INTRINSIC})
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many releases count, each once for each image, and how many published wheels."""

    judged: int = 0  # with any verdict
    reproducible: int = 0
    recipe: int = 0  # not reproducible as they are; a set of remedies is proven to make them so
    failing: int = 0  # that do not build
    verified: int = 0  # published wheels that are rebuilt to the bit

    def plus(self, other: Tally, sign: int = 1) -> Tally:
        """Return the sum, or with `sign` -1 the difference."""
        return Tally(
            self.judged + sign * other.judged,
            self.reproducible + sign * other.reproducible,
            self.recipe + sign * other.recipe,
            self.failing + sign * other.failing,
            self.verified + sign * other.verified,
        )


Days = tuple[tuple[date, Tally], ...]
"""Days, UTC, oldest first, each with the tally at its end."""


def trend(summary: Summary) -> Days:
    """Return the tally of all projects on every day on which anything changed."""
    return total(of_project(project) for project in summary.projects)


def total(all_days: Iterable[Days]) -> Days:
    """Add the tallies of projects up: each day has what counts of all of them then."""
    changes: defaultdict[date, Tally] = defaultdict(Tally)
    for days in all_days:
        before = Tally()
        for day, tally in days:
            changes[day] = changes[day].plus(tally).plus(before, -1)
            before = tally
    counted = Tally()
    found = []
    for day in sorted(changes):
        counted = counted.plus(changes[day])
        found.append((day, counted))
    return tuple(found)


def of_project(project: Project) -> Days:
    """Return a project's tally on every day on which it may have changed.

    What counts on a day is what `Project.current` would have chosen of the releases judged by then,
    under the exclusions of that day, with what is tracked now.
    """
    return tuple((day, _on(project, day)) for day in sorted(_days(project)))


def tally(project: Project) -> Tally:
    """Return what counts of a project now."""
    return _tally(project, lambda one: one.verdict, has_recipe)


def _tally(project: Project, verdict: Callable[[Standing], Verdict], recipe: Callable[[Standing], bool]) -> Tally:
    judged = [(verdict(one), recipe(one)) for one in project.current]
    return Tally(
        sum(word is not Verdict.EXCLUDED for word, _ in judged),
        sum(word is Verdict.REPRODUCIBLE for word, _ in judged),
        sum(word in _DIFFERING and proven for word, proven in judged),
        sum(word is Verdict.FTBFS for word, _ in judged),
        sum(one.outcome in REBUILT for one in project.published),
    )


def has_recipe(standing: Standing) -> bool:
    """Return whether the latest result has a set of remedies that is proven to give equal bytes."""
    return bool(standing.recipes) and standing.recipes[-1][1]


def _days(project: Project) -> set[date]:
    moments = {turn.when for one in project.standings for turn in one.turns}
    moments |= {when for one in project.standings for when, _ in one.recipes}
    moments |= {when for one in project.verified for when, _ in _outcomes(one)}
    days = {_day(moment) for moment in moments}
    # An exclusion takes nothing away from a day before the first result.
    return days | {one.since for one in project.exclusions if days and one.since >= min(days)}


def _on(project: Project, day: date) -> Tally:
    then = replace(
        project,
        standings=tuple(one for one in project.standings if _day(one.turns[0].when) <= day),
        exclusions=tuple(one for one in project.exclusions if one.since <= day),
        verified=tuple(one for found in project.verified if (one := _verified_on(found, day))),
    )
    return _tally(
        then,
        lambda one: _until(day, [(turn.when, turn.later) for turn in one.turns])[-1],
        lambda one: (False, *_until(day, one.recipes))[-1],
    )


def _verified_on(found: Verified, day: date) -> Verified | None:
    outcomes = _until(day, _outcomes(found))
    return replace(found, outcome=outcomes[-1]) if outcomes else None


def _outcomes(found: Verified) -> tuple[tuple[datetime, Outcome], ...]:
    return found.turns or ((found.finished, found.outcome),)


def _until(day: date, oldest_first: Sequence[tuple[datetime, _T]]) -> tuple[_T, ...]:
    return tuple(value for when, value in oldest_first if _day(when) <= day)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
