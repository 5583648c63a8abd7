"""A project's card: what the other pages of the site show of it, so that its records need not be read for them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING

from orchestrator.model import Proof, Result, Severity, UsedImage, Verdict, digest
from orchestrator.publish import badges, outcomes, site_data, tracker, wording
from orchestrator.publish import comparison as side_by_side
from orchestrator.publish.badges import Badge
from orchestrator.publish.diffoscope import Pair, pair
from orchestrator.publish.rendering import day, page_name
from orchestrator.publish.tracker import Entry
from orchestrator.results import trend
from orchestrator.results.trend import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.publish.comparison import Debian
    from orchestrator.results.history import Event
    from orchestrator.results.summary import Project, Standing, Verified

DETAILED = 12
"""Versions and images of one project that are shown in full."""


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One line of a list of packages."""

    project: str
    page: str
    word: str  # the verdict's slug, or "open"; empty: only its published wheels are known
    version: str = ""
    image: str = ""
    note: str = ""
    holds: tuple[str, ...] = ()
    qualifiers: tuple[str, ...] = ()
    day: str = ""
    severity: str = ""
    causes: tuple[str, ...] = ()
    elsewhere: tuple[tuple[str, str], ...] = ()  # (image, verdict) of the same version, if it differs
    published: tuple[str, ...] = ()  # the outcomes of the version's published wheels
    recipe: bool = False  # it is not reproducible as it is, and a recipe is proven
    since: str = ""  # the day of the first result with the present verdict


@dataclass(frozen=True, slots=True)
class NotBuilt:
    """A release that has no verdict on its bytes, and why."""

    project: str
    version: str
    image: str
    verdict: str
    reason: str
    phase: str
    since: str


@dataclass(frozen=True, slots=True)
class Night:
    """How many results of a project are of one day, UTC; the hash changes with each of them."""

    day: date
    judged: int
    hash: str


@dataclass(frozen=True, slots=True)
class Card:
    """What other pages show of a project."""

    rows: tuple[SiteRow, ...]
    not_built: tuple[NotBuilt, ...]
    images: tuple[tuple[datetime, str, UsedImage], ...]  # of each current result: when it finished, its job, its image
    epochs: tuple[str, ...]  # SOURCE_DATE_EPOCH of the current results, or "none"
    logged: tuple[tuple[str, str], ...]  # (SHA-256 of a log, the build that printed it) that its page names
    trend: tuple[tuple[date, Tally], ...]
    badge: Badge
    hashes: tuple[tuple[str, str, tuple[str, ...]], ...] = ()  # version, place, SHA-256 of the wheels
    nights: tuple[Night, ...] = ()  # oldest first
    entries: tuple[Entry, ...] = field(default=())  # for trackers of reproducible builds
    differing: tuple[Pair, ...] = ()  # the wheels of the current verdicts that its page shows as differing


def card(project: Project, debians: Mapping[str, Debian] = side_by_side.UNKNOWN) -> Card:
    """Read a project's latest results once, and keep what other pages show; `debians` describes images."""
    current = project.current
    return Card(
        tuple(_rows(project, current)),
        tuple(_not_built(current)),
        tuple((one.latest.finished, one.latest.job, one.latest.image) for one in current),
        tuple(dict.fromkeys(_epoch(one.latest) for one in current if one.latest.builds)),
        tuple(_logged(project)),
        trend.of_project(project),
        badges.badge(project),
        tuple((one.version, one.place, site_data.hashes(one)) for one in current),
        tuple(_nights(project)),
        tuple(tracker.entries(project, debians)),
        tuple(_differing(project, current)),
    )


def detailed(project: Project) -> tuple[Standing, ...]:
    """Return the versions and images that a project's page shows in full."""
    return project.standings[:DETAILED]


def detailed_wheels(project: Project) -> tuple[Verified, ...]:
    """Return the published wheels that a project's page shows in full."""
    return tuple(islice(sorted(project.verified, key=wheel_order), DETAILED))


def wheel_order(one: Verified) -> int:
    """Return a sort key that puts what auditors look for first."""
    return outcomes.ORDER.index(one.outcome)


def events_on(project: Project, of: date) -> Iterator[tuple[Standing, Standing | Event]]:
    """Yield a project's results of one day, UTC: the last of each version, image and way of building.

    Where that is the latest of all, it is the standing itself, so that no history is read.
    """
    for standing in project.standings:
        last = standing.finished.astimezone(UTC).date()
        if last == of:
            yield standing, standing
        elif standing.turns[0].when.astimezone(UTC).date() <= of < last:
            events = (one for one in standing.history if one.finished.astimezone(UTC).date() == of)
            yield from ((standing, event) for event in islice(events, 1))


def _rows(project: Project, current: tuple[Standing, ...]) -> Iterator[SiteRow]:
    page = page_name(project.name)
    wheels = outcomes.by_version(project.published)
    for standing in current:
        yield replace(_row(standing, page, current), published=wheels.get(standing.version, ()))
    judged = {standing.version for standing in current}
    for version, found in wheels.items():
        if version not in judged:
            images = dict.fromkeys(one.image for one in project.published if one.version == version)
            yield SiteRow(project.name, page, "", version, ", ".join(images), published=found)
    for exclusion in project.exclusions:
        since = exclusion.since.isoformat()
        yield SiteRow(project.name, page, Verdict.EXCLUDED, note=exclusion.reason, day=since, since=since)
    for wanted in project.open:
        yield SiteRow(project.name, page, wording.OPEN, wanted.version, wanted.image)


def _row(standing: Standing, page: str, current: tuple[Standing, ...]) -> SiteRow:
    latest = standing.latest
    return SiteRow(
        standing.project,
        page,
        latest.verdict,
        standing.version,
        standing.image,
        _note(latest),
        latest.holds,
        wording.qualifiers(latest),
        day(latest.finished),
        latest.severity if latest.severity and latest.severity is not Severity.NONE else "",
        tuple(dict.fromkeys(one.name for one in latest.causes if one.proof is not Proof.POSSIBLE)),
        tuple((other.image, other.verdict) for other in side_by_side.others(standing, current)),
        recipe=latest.verdict in {Verdict.SENSITIVE, Verdict.INTRINSIC} and trend.has_recipe(standing),
        since=day(standing.since),
    )


def _note(result: Result) -> str:
    """Return in a few words why a release does not rebuild: its causes, or what differs."""
    if result.verdict is Verdict.SENSITIVE and result.holds:
        return ""
    if result.verdict in (Verdict.SENSITIVE, Verdict.INTRINSIC):
        return wording.blamed(result) or wording.reason(result) or wording.differing(result)
    return wording.reason(result)


def _not_built(current: tuple[Standing, ...]) -> Iterator[NotBuilt]:
    for one in current:
        if one.verdict in {Verdict.EXCLUDED, Verdict.FTBFS, Verdict.NO_SDIST}:
            phase = one.latest.failure.phase if one.latest.failure else ""
            why = wording.reason(one.latest)
            yield NotBuilt(one.project, one.version, one.image, one.verdict, why, phase, day(one.since))


def _epoch(result: Result) -> str:
    return "none" if result.source_date_epoch is None else str(result.source_date_epoch)


def _logged(project: Project) -> Iterator[tuple[str, str]]:
    """Yield (log, the build that printed it) of all that a project's page shows in full."""
    for standing in detailed(project):
        for build in standing.latest.builds:
            yield build.log, f"{standing.version}, {standing.image}, {build.name} build"
    for one in detailed_wheels(project):
        for name, log in one.logs:
            yield log, f"{one.wheel}, {one.image}, {name} build"


def _differing(project: Project, current: tuple[Standing, ...]) -> Iterator[Pair]:
    """Yield the wheels of the first two builds, where they differ, of current verdicts that the page shows in full."""
    for one in detailed(project):
        if one in current and one.verdict in {Verdict.SENSITIVE, Verdict.INTRINSIC}:
            found = pair(build.wheel.sha256 if build.wheel else "" for build in one.latest.builds)
            if found:
                yield found


def _nights(project: Project) -> Iterator[Night]:
    days: defaultdict[date, list[tuple[str, ...]]] = defaultdict(list)
    for one in project.standings:
        for event in one.history:
            of = event.finished.astimezone(UTC).date()
            days[of].append((one.version, one.place, event.job, event.finished.isoformat(), event.verdict))
    for of, events in sorted(days.items()):
        yield Night(of, len({event[:2] for event in events}), digest(sorted(events))[:16])


def images(cards: tuple[Card, ...]) -> tuple[UsedImage, ...]:
    """Return the images of the current verdicts, each once, as the latest result records it."""
    found = sorted(chain.from_iterable(one.images for one in cards), key=lambda of: of[:2])
    used = {(image.name, image.manifest): image for _, _, image in found}
    return tuple(used[key] for key in sorted(used))
