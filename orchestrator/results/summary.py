"""All results -> the verdict of every release, since when it has it, and what changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, TypeVar

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from orchestrator.model import Outcome, Verdict
from orchestrator.results.history import Past, entry_of, events, past_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from orchestrator.model import Exclusion, Result, Tracked, UsedImage, Verification
    from orchestrator.results.history import Entry, Event, Settled

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Standing(Past):
    """The verdict of one version of one project on one image, built in one way.

    The whole of the latest result, and the history, are read when they are asked for.
    """

    read: Callable[[], Result] = field(repr=False)
    look_back: Callable[[], tuple[Event, ...]] = field(repr=False)

    @property
    def latest(self) -> Result:
        """The latest result."""
        return self.read()

    @property
    def history(self) -> tuple[Event, ...]:
        """An event for each result, newest first, with the latest."""
        return self.look_back()

    @property
    def earlier(self) -> tuple[Event, ...]:
        """The results before the latest, newest first."""
        return self.history[1:]


def standing(past: Past, read: Callable[[], Result], look_back: Callable[[], tuple[Event, ...]]) -> Standing:
    """Return the standing of a past; what its functions return is kept."""
    values = {one.name: getattr(past, one.name) for one in fields(past)}
    return Standing(**values, read=cache(read), look_back=cache(look_back))


@dataclass(frozen=True, slots=True)
class Verified:
    """What counts and lists need of one verification, so that the whole of it need not be kept."""

    id: str
    project: str  # normalized (PEP 503)
    version: str
    wheel: str  # empty: the release has none that could be verified
    sha256: str
    image: str
    outcome: Outcome
    reason: str
    finished: datetime
    logs: tuple[tuple[str, str], ...] = ()  # (build, SHA-256 of its log)
    name: str = ""  # of the record's file; empty if there is none
    turns: tuple[tuple[datetime, Outcome], ...] = ()  # every change of the outcome, oldest first, the first included

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What the verifications of one wheel on one image share; a file may list a hash that the index lacks."""
        return self.project, self.version, self.wheel, self.sha256, self.image

    @property
    def rank(self) -> int:
        """The place of the outcome among all, the strongest first."""
        return tuple(Outcome).index(self.outcome)


def strongest(found: Iterable[Verified]) -> tuple[Verified, ...]:
    """Return the strongest outcome of each published wheel of a project, whatever image gave it."""
    best: dict[tuple[str, str, str], Verified] = {}
    for one in found:
        key = (one.version, one.wheel, one.sha256)
        best[key] = min(best.get(key, one), one, key=lambda other: other.rank)
    return tuple(best.values())


def latest_of(several: Iterable[Verified]) -> Verified:
    """Return the last verification of a wheel on an image, with every turn of its outcome; there is at least one."""
    oldest_first = sorted(several, key=lambda one: (one.finished, one.id))
    turns: list[tuple[datetime, Outcome]] = []
    for one in oldest_first:
        if not turns or turns[-1][1] is not one.outcome:
            turns.append((one.finished, one.outcome))
    return replace(oldest_first[-1], turns=tuple(turns))


def last_verified(found: Iterable[Verified]) -> Iterator[Verified]:
    """Return the last verification of each wheel on each image."""
    by_key: defaultdict[tuple[str, str, str, str, str], list[Verified]] = defaultdict(list)
    for one in found:
        by_key[one.key].append(one)
    return map(latest_of, by_key.values())


def verified(verification: Verification, name: str = "") -> Verified:
    """Return what counts and lists need of a verification; `name` is that of its file."""
    return Verified(
        verification.id,
        canonicalize_name(verification.project),
        verification.version,
        verification.wheel,
        verification.sha256,
        verification.image.name if verification.image else "",
        verification.outcome,
        verification.reason,
        verification.finished,
        tuple((build.name, build.log) for build in verification.builds),
        name,
    )


@dataclass(frozen=True, slots=True)
class Project:
    """The standings of one project, if it has any, its exclusions, and what is tracked and verified of it."""

    name: str  # normalized (PEP 503)
    standings: tuple[Standing, ...]  # newest version first, then by image
    exclusions: tuple[Exclusion, ...] = ()
    tracked: tuple[Tracked, ...] = ()
    verified: tuple[Verified, ...] = ()  # newest version first, then by wheel and image

    @property
    def current(self) -> tuple[Standing, ...]:
        """On each image where the project is not excluded: the newest version, and each version tracked by name.

        Stable versions go before pre-releases (PEP 440). A standing built in another way than the
        default, for example with a profile, counts only where the image has no default standing.
        The order is that of the standings.
        """
        lifted = {exclusion.image for exclusion in self.exclusions if exclusion.image}
        usual = {standing.image for standing in self.standings if not standing.way}
        eligible = [standing for standing in self.standings if not (standing.way and standing.image in usual)]
        admitted = [standing for standing in eligible if not self.exclusions or standing.image in lifted]
        newest: dict[str, Standing] = {}
        for standing in sorted(admitted, key=lambda standing: _is_preliminary(standing.version)):
            newest.setdefault(standing.image, standing)
        pinned = [wanted for wanted in self.tracked if wanted.version]
        return tuple(
            standing
            for standing in admitted
            if standing is newest[standing.image] or any(_is_of(wanted, standing) for wanted in pinned)
        )

    @property
    def open(self) -> tuple[Tracked, ...]:
        """What is tracked of the project and has no verdict yet."""
        if self.exclusions:
            return ()
        return tuple(
            wanted for wanted in self.tracked if not any(_is_of(wanted, standing) for standing in self.standings)
        )

    @property
    def published(self) -> tuple[Verified, ...]:
        """Each published wheel that was verified, once: by its strongest outcome, whatever image gave it."""
        return strongest(self.verified)


@dataclass(frozen=True, slots=True)
class Summary:
    """All verdicts at one moment."""

    now: datetime
    projects: tuple[Project, ...]  # by name
    counts: Mapping[Verdict, int]  # of the current standings and exclusions; every verdict is a key

    @property
    def open(self) -> tuple[Tracked, ...]:
        """What is tracked and has no verdict yet, by project."""
        return tuple(wanted for project in self.projects for wanted in project.open)

    @property
    def current(self) -> Iterator[Standing]:
        """The current standings of every project, by name."""
        return (standing for project in self.projects for standing in project.current)

    @property
    def standings(self) -> Iterator[Standing]:
        """All standings of every project."""
        return (standing for project in self.projects for standing in project.standings)

    @property
    def excluded(self) -> Iterator[Exclusion]:
        """All exclusions, by project."""
        return (exclusion for project in self.projects for exclusion in project.exclusions)

    @property
    def published(self) -> tuple[Verified, ...]:
        """Each published wheel that was verified, once, by project."""
        return tuple(one for project in self.projects for one in project.published)

    @property
    def images(self) -> tuple[UsedImage, ...]:
        """The images of the current verdicts, each once, as the latest result records it."""
        latest = (standing.latest for standing in sorted(self.current, key=lambda one: (one.finished, one.job)))
        used = {(result.image.name, result.image.manifest): result.image for result in latest}
        return tuple(used[key] for key in sorted(used))


def summarize(
    results: Iterable[Result],
    exclusions: Iterable[Exclusion],
    now: datetime,
    tracked: Iterable[Tracked] = (),
    verifications: Iterable[Verification] = (),
) -> Summary:
    """Summarize results and verifications, given in any order; `tracked` lists what needs a verdict.

    For each release, image and way of building, only the latest result is kept whole.
    """
    found = last_verified(map(verified, verifications))
    return summary_of(standings_of(results), exclusions, now, tracked, found)


def summary_of(
    standings: Iterable[Standing],
    exclusions: Iterable[Exclusion],
    now: datetime,
    tracked: Iterable[Tracked] = (),
    verifications: Iterable[Verified] = (),
) -> Summary:
    """Summarize standings, and the last verification of each published wheel on each image."""
    judged = _by_project(standings, lambda one: one.project)
    left_out = _by_project(exclusions, lambda one: one.project)
    awaited = _by_project(tracked, lambda one: one.project)
    outcomes = _by_project(verifications, lambda one: one.project)
    names = sorted(judged.keys() | left_out.keys() | awaited.keys() | outcomes.keys())
    projects = tuple(
        Project(
            name,
            _sorted(judged[name]),
            tuple(left_out[name]),
            tuple(awaited[name]),
            _sorted_wheels(outcomes[name]),
        )
        for name in names
    )
    return Summary(now, projects, _counts(projects))


def _by_project(several: Iterable[_T], project: Callable[[_T], str]) -> defaultdict[str, list[_T]]:
    found: defaultdict[str, list[_T]] = defaultdict(list)
    for one in several:
        found[canonicalize_name(project(one))].append(one)
    return found


def standings_of(results: Iterable[Result]) -> Iterator[Standing]:
    """Yield the standing of each release, image and way of building."""
    latest: dict[object, Result] = {}
    entries: defaultdict[object, list[Entry]] = defaultdict(list)
    shared: dict[Settled, Settled] = {}  # most results of a release have the same inputs
    for result in results:
        entry = entry_of(result)
        entry = replace(entry, settled=shared.setdefault(entry.settled, entry.settled))
        entries[entry.key].append(entry)
        if entry.key not in latest or (latest[entry.key].finished, latest[entry.key].job) < entry.moment:
            latest[entry.key] = result
    return (
        standing(past_of(several), partial(_same, latest[key]), partial(events, several))
        for key, several in entries.items()
    )


def _same(result: Result) -> Result:
    return result


def version_key(version: str) -> tuple[bool, Version, str]:
    """Return a sort key that orders versions by PEP 440; invalid versions come first."""
    try:
        return (True, Version(version), version)
    except InvalidVersion:
        return (False, Version("0"), version)


def _is_of(wanted: Tracked, standing: Standing) -> bool:
    """Return whether a standing of the same project belongs to a tracked release."""
    return wanted.version in {"", standing.version} and wanted.image in {"", standing.image}


def _is_preliminary(version: str) -> bool:
    return version_key(version)[1].is_prerelease


def _sorted(standings: Iterable[Standing]) -> tuple[Standing, ...]:
    by_image = sorted(standings, key=lambda standing: (standing.image, standing.way))
    return tuple(sorted(by_image, key=lambda standing: version_key(standing.version), reverse=True))


def published_wheels(verifications: Iterable[Verification]) -> tuple[Verified, ...]:
    """Return the published wheels of a project, sorted, each with its strongest outcome."""
    return strongest(_sorted_wheels(tuple(last_verified(map(verified, verifications)))))


def _sorted_wheels(found: Sequence[Verified]) -> tuple[Verified, ...]:
    """Sort by version, and leave out that a release has no wheel to verify where a later record has verified one."""
    lasting = [one for one in found if one.wheel or not any(_replaces(other, one) for other in found)]
    by_wheel = sorted(lasting, key=lambda one: (one.wheel, one.image))
    return tuple(sorted(by_wheel, key=lambda one: version_key(one.version), reverse=True))


def _replaces(later: Verified, earlier: Verified) -> bool:
    return bool(later.wheel) and later.version == earlier.version and later.finished > earlier.finished


def _counts(projects: Iterable[Project]) -> Mapping[Verdict, int]:
    counted: Counter[Verdict] = Counter()
    for project in projects:
        counted.update(standing.verdict for standing in project.current)
        counted[Verdict.EXCLUDED] += len(project.exclusions)
    return {verdict: counted[verdict] for verdict in Verdict}
