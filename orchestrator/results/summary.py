"""All results -> where every release stands, since when, and what changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from orchestrator.model import Frontend, Phase, Policy, Verdict, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from orchestrator.model import Exclusion, Inputs, Limits, Result, Tracked, UsedImage

_NO_LOCK_YET = frozenset({Phase.UNPACK, Phase.REQUIREMENTS})

_SHORT = 12  # digits of a hash, enough to tell two apart

_Group = tuple[tuple[str, str, str], ...]  # (name, value as shown, exact value) of each input of a kind
_Settled = tuple[tuple[str, _Group | None], ...]  # (kind, inputs), in a fixed order; None: not settled


@dataclass(frozen=True, slots=True)
class InputChange:
    """One input that was otherwise in the result before; None where it was absent."""

    what: str  # sdist, build-requirement, image, variation, source-date-epoch, limits, build-tools, profile, method
    name: str  # which one of its kind
    earlier: str | None
    later: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """One result, as far as a history needs it."""

    job: str
    finished: datetime
    verdict: Verdict
    reason: str
    wheelproof: str
    changed: tuple[InputChange, ...]  # against the result before; nothing for the first


@dataclass(frozen=True, slots=True)
class Change:
    """The last time that the verdict became another one."""

    when: datetime
    earlier: Verdict
    later: Verdict
    inputs: tuple[InputChange, ...]  # empty: no recorded input changed, and yet the verdict did


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one version of one project stands on one image, built in one way."""

    project: str
    version: str
    image: str
    latest: Result
    since: datetime  # when it first had the verdict that it has had ever since
    change: Change | None
    history: tuple[Event, ...]  # newest first; the latest is one of them
    way: tuple[str, ...] = ()  # the profile, build tools and frontend, where they are not the usual ones

    @property
    def place(self) -> str:
        """The image, and the way where it is not the usual one."""
        return ", ".join((self.image, *self.way))

    @property
    def earlier(self) -> tuple[Event, ...]:
        """The results before the latest, newest first."""
        return self.history[1:]


@dataclass(frozen=True, slots=True)
class Project:
    """All that is known of one project; no standings where it is excluded or still open."""

    name: str  # normalized (PEP 503)
    standings: tuple[Standing, ...]  # newest version first, then by image
    exclusions: tuple[Exclusion, ...] = ()
    tracked: tuple[Tracked, ...] = ()

    @property
    def current(self) -> tuple[Standing, ...]:
        """On each image where the project is not excluded, the newest version, and those that are tracked by name.

        A version that its author calls stable goes before one that is not (PEP 440). What was built
        in another way than the usual, as a profile holds what others vary, speaks only where nothing
        else was built. Their order is that of the standings.
        """
        lifted = {exclusion.image for exclusion in self.exclusions if exclusion.image}
        usual = {one.image for one in self.standings if not one.way}
        spoken = [one for one in self.standings if not (one.way and one.image in usual)]
        there = [one for one in spoken if not self.exclusions or one.image in lifted]
        newest: dict[str, Standing] = {}
        for standing in sorted(there, key=lambda one: _is_preliminary(one.version)):
            newest.setdefault(standing.image, standing)
        pinned = [one for one in self.tracked if one.version]
        return tuple(one for one in there if one is newest[one.image] or any(_is_of(wanted, one) for wanted in pinned))

    @property
    def open(self) -> tuple[Tracked, ...]:
        """What is tracked of it and has no verdict."""
        if self.exclusions:
            return ()
        return tuple(wanted for wanted in self.tracked if not any(_is_of(wanted, one) for one in self.standings))


@dataclass(frozen=True, slots=True)
class Summary:
    """Where everything stands at one moment."""

    now: datetime
    projects: tuple[Project, ...]  # by name
    counts: Mapping[Verdict, int]  # of what is current; every verdict is a key

    @property
    def open(self) -> tuple[Tracked, ...]:
        """All that is tracked and has no verdict, by project."""
        return tuple(wanted for project in self.projects for wanted in project.open)

    @property
    def current(self) -> Iterator[Standing]:
        """What is current of every project, by name."""
        return (standing for project in self.projects for standing in project.current)

    @property
    def standings(self) -> Iterator[Standing]:
        """Every version on every image of every project."""
        return (standing for project in self.projects for standing in project.standings)

    @property
    def excluded(self) -> Iterator[Exclusion]:
        """Everything that is not built, by project."""
        return (exclusion for project in self.projects for exclusion in project.exclusions)

    @property
    def images(self) -> tuple[UsedImage, ...]:
        """The images that current verdicts stand on, each once, as the latest result tells of it."""
        latest = sorted((standing.latest for standing in self.current), key=_moment)
        used = {(result.image.name, result.image.manifest): result.image for result in latest}
        return tuple(used[key] for key in sorted(used))


def summarize(
    results: Iterable[Result],
    exclusions: Iterable[Exclusion],
    now: datetime,
    tracked: Iterable[Tracked] = (),
) -> Summary:
    """Tell where every release stands, from results in any order.

    Of each release on each image, and in each way, the latest result is kept whole and the others as events, so
    that a long history costs little. `tracked` is what ought to have a verdict.
    """
    standings: defaultdict[str, list[Standing]] = defaultdict(list)
    for standing in _standings(results):
        standings[standing.project].append(standing)
    left_out: defaultdict[str, list[Exclusion]] = defaultdict(list)
    for exclusion in exclusions:
        left_out[canonicalize_name(exclusion.project)].append(exclusion)
    awaited: defaultdict[str, list[Tracked]] = defaultdict(list)
    for one in tracked:
        awaited[canonicalize_name(one.project)].append(one)
    names = sorted(standings.keys() | left_out.keys() | awaited.keys())
    projects = tuple(
        Project(name, _sorted(standings[name]), tuple(left_out[name]), tuple(awaited[name])) for name in names
    )
    return Summary(now, projects, _counts(projects))


def built_as(inputs: Inputs | None) -> tuple[str, ...]:
    """Say in what other way than the usual something was built: as whose builds, with which tools and frontend."""
    if inputs is None:
        return ()
    said = (
        f"profile {inputs.profile.name}" if inputs.profile else "",
        f"build tools: {inputs.policy}" if inputs.policy is not Policy.INDEX else "",
        f"frontend: {inputs.frontend}" if inputs.frontend is not Frontend.HOOKS else "",
        f"container runtime: {inputs.runtime}" if inputs.runtime else "",
    )
    return tuple(filter(None, said))


def version_key(version: str) -> tuple[bool, Version, str]:
    """Order versions as PEP 440 does; what is no version at all comes before every other."""
    try:
        return (True, Version(version), version)
    except InvalidVersion:
        return (False, Version("0"), version)


def _is_of(wanted: Tracked, standing: Standing) -> bool:
    """Tell whether a standing, of the same project, is of what is tracked."""
    return wanted.version in {"", standing.version} and wanted.image in {"", standing.image}


def _is_preliminary(version: str) -> bool:
    return version_key(version)[1].is_prerelease


def _sorted(standings: Iterable[Standing]) -> tuple[Standing, ...]:
    by_image = sorted(standings, key=lambda one: (one.image, one.way))
    return tuple(sorted(by_image, key=lambda one: version_key(one.version), reverse=True))


def _counts(projects: Iterable[Project]) -> Mapping[Verdict, int]:
    counted: Counter[Verdict] = Counter()
    for project in projects:
        counted.update(standing.latest.verdict for standing in project.current)
        counted[Verdict.EXCLUDED] += len(project.exclusions)
    return {verdict: counted[verdict] for verdict in Verdict}


# --- histories -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Record:
    """One result that is not the latest any more, as far as a history needs it."""

    moment: tuple[datetime, str]  # when it finished, and its job
    verdict: Verdict
    reason: str
    wheelproof: str
    settled: _Settled


_Key = tuple[str, str, str, tuple[str, ...]]  # project, version, image, way


def _standings(results: Iterable[Result]) -> Iterator[Standing]:
    latest: dict[_Key, Result] = {}
    records: defaultdict[_Key, list[_Record]] = defaultdict(list)
    shared: dict[_Settled, _Settled] = {}  # most results of a release have the very same inputs
    for result in results:
        key = (canonicalize_name(result.project), result.version, result.image.name, built_as(result.inputs))
        settled = _settled(result)
        records[key].append(_record(result, shared.setdefault(settled, settled)))
        if key not in latest or _moment(latest[key]) < _moment(result):
            latest[key] = result
    return (_standing(*key, result, records[key]) for key, result in latest.items())


def _moment(result: Result) -> tuple[datetime, str]:
    return (result.finished, result.job)


def _record(result: Result, settled: _Settled) -> _Record:
    return _Record(_moment(result), result.verdict, result.reason, result.wheelproof, settled)


def _standing(
    project: str, version: str, image: str, way: tuple[str, ...], latest: Result, records: list[_Record]
) -> Standing:
    events = tuple(_events(sorted(records, key=lambda one: one.moment)))
    turns = [
        Change(later.finished, earlier.verdict, later.verdict, later.changed)
        for earlier, later in pairwise(events)
        if earlier.verdict != later.verdict
    ]
    change = turns[-1] if turns else None
    since = change.when if change else events[0].finished
    return Standing(project, version, image, latest, since, change, tuple(reversed(events)), way)


def _events(oldest_first: Iterable[_Record]) -> Iterator[Event]:
    before: _Settled | None = None
    for one in oldest_first:
        finished, job = one.moment
        changed = tuple(_changed(before, one.settled)) if before else ()
        yield Event(job, finished, one.verdict, one.reason, one.wheelproof, changed)
        before = one.settled


def _changed(earlier: _Settled, later: _Settled) -> Iterator[InputChange]:
    for (what, first), (_, second) in zip(earlier, later, strict=True):
        if first is not None and second is not None and first != second:
            yield from _differing(what, first, second)


def _differing(what: str, earlier: _Group, later: _Group) -> Iterator[InputChange]:
    first = {name: (shown, exact) for name, shown, exact in earlier}
    second = {name: (shown, exact) for name, shown, exact in later}
    for name in sorted(first.keys() | second.keys()):
        before, after = first.get(name), second.get(name)
        if before != after:
            finely = before is not None and after is not None and before[0] == after[0]
            yield InputChange(what, name, _told(before, finely=finely), _told(after, finely=finely))


def _told(value: tuple[str, str] | None, *, finely: bool) -> str | None:
    """Tell a value as it is shown; or finely, where that would show no difference."""
    if value is None:
        return None
    shown, exact = value
    return f"{shown} ({exact[:_SHORT]})" if finely else shown


def _settled(result: Result) -> _Settled:
    inputs = result.inputs
    unlocked = inputs is None or (result.failure is not None and result.failure.phase in _NO_LOCK_YET)
    return (
        ("sdist", _single(result.sdist.sha256) if result.sdist else None),
        ("build-requirement", None if unlocked else _pins(result)),
        ("image", ((result.image.name, result.image.manifest[:_SHORT], result.image.manifest),)),
        ("variation", tuple((one.name, one.mode, one.mode) for one in result.variations) or None),
        ("source-date-epoch", _single(str(inputs.source_date_epoch)) if inputs else None),
        ("limits", _limits(inputs.limits) if inputs else None),
        ("build-tools", _single(f"{inputs.policy}, by {inputs.frontend}") if inputs else None),
        ("profile", _single(digest(inputs.profile)) if inputs else None),
        ("runtime", _single(inputs.runtime) if inputs else None),
        ("method", _single(str(inputs.method)) if inputs else None),
    )


def changes(earlier: Result, later: Result) -> tuple[InputChange, ...]:
    """List the inputs in which two results of one release on one image differ."""
    return tuple(_changed(_settled(earlier), _settled(later)))


def _single(value: str) -> _Group:
    return (("", value[:_SHORT], value),)


def _pins(result: Result) -> _Group:
    return (
        *((pin.name, pin.version, pin.sha256) for pin in result.build_requirements),
        *((one.name, one.version, one.package_version) for one in result.provided),
    )


def _limits(limits: Limits) -> _Group:
    return tuple((name, str(value), str(value)) for name, value in asdict(limits).items())
