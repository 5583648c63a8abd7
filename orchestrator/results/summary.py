"""All results -> the verdict of every release, since when it has it, and what changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from orchestrator.model import Frontend, Outcome, Phase, Policy, Verdict, digest
from orchestrator.model import InputChange as InputChange  # noqa: PLC0414 - the values below contain it
from orchestrator.model.chance import bound
from orchestrator.results.shown import has_recipe
from orchestrator.util.moments import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from orchestrator.model import Exclusion, Inputs, Limits, Result, Tracked, UsedImage, Verification

_NO_LOCK_YET = frozenset({Phase.UNPACK, Phase.REQUIREMENTS})

_AS_OF_RECORDED = 5
"""The schema from which on a record without `as_of` is of the index as it was during the run."""

REQUIREMENT, AS_OF = "build-requirement", "as-of"
"""Kinds of inputs of which one decides the other."""

ENOUGH = 10
"""Builds below which nothing is said about chance."""

_SHORT = 12  # digits of a hash, enough to distinguish two

_Group = tuple[tuple[str, str, str], ...]  # (name, value as shown, exact value) of each input of a kind
_Settled = tuple[tuple[str, _Group | None], ...]  # (kind, inputs), in a fixed order; None: not settled


@dataclass(frozen=True, slots=True)
class Event:
    """The fields of one result that a history needs."""

    job: str
    finished: datetime
    verdict: Verdict
    reason: str
    wheelproof: str
    changed: tuple[InputChange, ...]  # since the previous result; empty for the first


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the verdict."""

    when: datetime
    earlier: Verdict | None  # None: it is the first verdict
    later: Verdict
    inputs: tuple[InputChange, ...]  # empty: the verdict changed, but no recorded input did


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdict of one version of one project on one image, built in one way."""

    project: str
    version: str
    image: str
    latest: Result
    turns: tuple[Change, ...]  # every change of the verdict, oldest first, the first verdict included
    history: tuple[Event, ...]  # newest first, with the latest
    way: tuple[str, ...] = ()  # profile, build tools, frontend and runtime that are not the default
    alike: int = 0  # builds with the latest first build's inputs and its bytes, in all records together
    unlike: int = 0  # first builds with these inputs and other bytes: chance decides
    recipes: tuple[tuple[datetime, bool], ...] = ()  # since when a recipe is proven, or no more; oldest first
    count: int = 1  # of results

    @property
    def verdict(self) -> Verdict:
        """The present verdict."""
        return self.turns[-1].later

    @property
    def job(self) -> str:
        """The job of the latest result."""
        return self.latest.job

    @property
    def finished(self) -> datetime:
        """When the latest result was finished."""
        return self.latest.finished

    @property
    def since(self) -> datetime:
        """When the present verdict was first given."""
        return self.turns[-1].when

    @property
    def change(self) -> Change | None:
        """The last change of the verdict, if it ever changed."""
        return self.turns[-1] if len(self.turns) > 1 else None

    @property
    def last_good(self) -> datetime | None:
        """The last moment of a result that was reproducible; None if there was none."""
        return next((event.finished for event in self.history if event.verdict is Verdict.REPRODUCIBLE), None)

    @property
    def first_bad(self) -> datetime | None:
        """Since when it is not reproducible, whatever it is instead; None if it is reproducible."""
        if self.turns[-1].later is Verdict.REPRODUCIBLE:
            return None
        good = [number for number, turn in enumerate(self.turns) if turn.later is Verdict.REPRODUCIBLE]
        return self.turns[good[-1] + 1 if good else 0].when

    @property
    def flake_bound(self) -> float | None:
        """The highest rate at which another build may differ unseen, at 95 %; None below `ENOUGH` builds."""
        return bound(self.alike) if self.alike >= ENOUGH and not self.unlike else None

    @property
    def place(self) -> str:
        """The image, and the way of building if it is not the default."""
        return ", ".join((self.image, *self.way))

    @property
    def earlier(self) -> tuple[Event, ...]:
        """The results before the latest, newest first."""
        return self.history[1:]


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
    turns: tuple[tuple[datetime, Outcome], ...] = ()  # every change of the outcome, oldest first; empty: not known

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


def verified(verification: Verification) -> Verified:
    """Return what counts and lists need of a verification."""
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
        latest = sorted((standing.latest for standing in self.current), key=_moment)
        used = {(result.image.name, result.image.manifest): result.image for result in latest}
        return tuple(used[key] for key in sorted(used))


def summarize(
    results: Iterable[Result],
    exclusions: Iterable[Exclusion],
    now: datetime,
    tracked: Iterable[Tracked] = (),
    verifications: Iterable[Verification] = (),
) -> Summary:
    """Summarize results, given in any order, and the last verification of each published wheel on each image.

    For each release, image and way of building, only the latest result is kept whole. The others are kept as
    events, so that a long history needs little memory. `tracked` lists what needs a verdict.
    """
    standings: defaultdict[str, list[Standing]] = defaultdict(list)
    for standing in _standings(results):
        standings[standing.project].append(standing)
    left_out: defaultdict[str, list[Exclusion]] = defaultdict(list)
    for exclusion in exclusions:
        left_out[canonicalize_name(exclusion.project)].append(exclusion)
    awaited: defaultdict[str, list[Tracked]] = defaultdict(list)
    for wanted in tracked:
        awaited[canonicalize_name(wanted.project)].append(wanted)
    outcomes: defaultdict[str, list[Verified]] = defaultdict(list)
    for found in map(verified, verifications):
        outcomes[found.project].append(found)
    names = sorted(standings.keys() | left_out.keys() | awaited.keys() | outcomes.keys())
    projects = tuple(
        Project(
            name,
            _sorted(standings[name]),
            tuple(left_out[name]),
            tuple(awaited[name]),
            _sorted_wheels(outcomes[name]),
        )
        for name in names
    )
    return Summary(now, projects, _counts(projects))


def built_as(inputs: Inputs | None) -> tuple[str, ...]:
    """List what is not the default in how a release was built: profile, build tools, frontend, runtime."""
    if inputs is None:
        return ()
    differing = (
        f"profile {inputs.profile.name}" if inputs.profile else "",
        f"build tools: {inputs.policy}" if inputs.policy is not Policy.INDEX else "",
        f"frontend: {inputs.frontend}" if inputs.frontend is not Frontend.HOOKS else "",
        f"container runtime: {inputs.runtime}" if inputs.runtime else "",
    )
    return tuple(filter(None, differing))


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
    return strongest(_sorted_wheels(tuple(map(verified, verifications))))


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
        counted.update(standing.latest.verdict for standing in project.current)
        counted[Verdict.EXCLUDED] += len(project.exclusions)
    return {verdict: counted[verdict] for verdict in Verdict}


# --- histories -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Record:
    """What a history needs of one result."""

    moment: tuple[datetime, str]  # when it finished, and its job
    verdict: Verdict
    reason: str
    wheelproof: str
    settled: _Settled
    wheel: str  # SHA-256 of the first build's wheel; empty: there is none
    alike: int  # builds with these bytes
    recipe: bool  # whether a set of remedies is proven to give equal bytes


_Key = tuple[str, str, str, tuple[str, ...]]  # project, version, image, way


def _standings(results: Iterable[Result]) -> Iterator[Standing]:
    latest: dict[_Key, Result] = {}
    records: defaultdict[_Key, list[_Record]] = defaultdict(list)
    shared: dict[_Settled, _Settled] = {}  # most results of a release have the same inputs
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
    return _Record(
        _moment(result),
        result.verdict,
        result.reason,
        result.wheelproof,
        settled,
        first_hash(result),
        result.builds_compared,
        has_recipe(result),
    )


def first_hash(result: Result) -> str:
    """Return the SHA-256 of the first build's wheel, or "" if there is no wheel."""
    return result.builds[0].wheel.sha256 if result.builds and result.builds[0].wheel else ""


def _standing(
    project: str, version: str, image: str, way: tuple[str, ...], latest: Result, records: list[_Record]
) -> Standing:
    records = sorted(records, key=lambda record: record.moment)
    events = tuple(_events(records))
    alike, unlike = _accumulated(records)
    return Standing(
        project,
        version,
        image,
        latest,
        _turns(events),
        tuple(reversed(events)),
        way,
        alike,
        unlike,
        tuple(_recipes(records)),
        len(records),
    )


def _recipes(oldest_first: Iterable[_Record]) -> Iterator[tuple[datetime, bool]]:
    """Yield each change of whether a recipe is proven."""
    before = False
    for record in oldest_first:
        if record.recipe != before:
            yield record.moment[0], record.recipe
        before = record.recipe


def _turns(events: Sequence[Event]) -> tuple[Change, ...]:
    first = Change(events[0].finished, None, events[0].verdict, ())
    rest = (
        Change(later.finished, earlier.verdict, later.verdict, later.changed)
        for earlier, later in pairwise(events)
        if earlier.verdict != later.verdict
    )
    return (first, *rest)


def _accumulated(oldest_first: Sequence[_Record]) -> tuple[int, int]:
    """Count the builds with the latest record's inputs: those with its bytes, and first builds with others."""
    latest = oldest_first[-1]
    if not latest.wheel:
        return 0, 0
    equal = [record for record in oldest_first if record.moment[1] == latest.moment[1] and record.wheel]
    alike = sum(record.alike for record in equal if record.wheel == latest.wheel)
    return alike, sum(record.wheel != latest.wheel for record in equal)


def _events(oldest_first: Iterable[_Record]) -> Iterator[Event]:
    before: _Settled | None = None
    for record in oldest_first:
        finished, job = record.moment
        changed = tuple(_changed(before, record.settled)) if before else ()
        yield Event(job, finished, record.verdict, record.reason, record.wheelproof, changed)
        before = record.settled


def _changed(earlier: _Settled, later: _Settled) -> Iterator[InputChange]:
    """List what changed; another moment of the index is a change only with other build requirements."""
    groups = dict(earlier)
    same_lock = groups[REQUIREMENT] is not None and groups[REQUIREMENT] == dict(later)[REQUIREMENT]
    for what, second in later:
        first = groups[what]
        is_moot = what == AS_OF and same_lock
        if first is not None and second is not None and first != second and not is_moot:
            yield from _differing(what, first, second)


def _differing(what: str, earlier: _Group, later: _Group) -> Iterator[InputChange]:
    first = {name: (shown, exact) for name, shown, exact in earlier}
    second = {name: (shown, exact) for name, shown, exact in later}
    for name in sorted(first.keys() | second.keys()):
        before, after = first.get(name), second.get(name)
        if before != after:
            with_hash = before is not None and after is not None and before[0] == after[0]
            yield InputChange(what, name, _display(before, with_hash=with_hash), _display(after, with_hash=with_hash))


def _display(value: tuple[str, str] | None, *, with_hash: bool) -> str | None:
    """Return a value as shown; with digits of its hash where two values look the same."""
    if value is None:
        return None
    shown, exact = value
    return f"{shown} ({exact[:_SHORT]})" if with_hash else shown


def _settled(result: Result) -> _Settled:
    inputs = result.inputs
    unlocked = inputs is None or (result.failure is not None and result.failure.phase in _NO_LOCK_YET)
    return (
        ("sdist", _single(result.sdist.sha256) if result.sdist else None),
        (REQUIREMENT, None if unlocked else _pins(result)),
        (AS_OF, _moment_of_index(result)),
        ("image", ((result.image.name, result.image.manifest[:_SHORT], result.image.manifest),)),
        (
            "variation",
            tuple((variation.name, variation.mode, variation.mode) for variation in result.variations) or None,
        ),
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


def _moment_of_index(result: Result) -> _Group | None:
    if result.as_of is None:
        return () if result.schema >= _AS_OF_RECORDED else None
    return (("", written(result.as_of), written(result.as_of)),)


def _single(value: str) -> _Group:
    return (("", value[:_SHORT], value),)


def _pins(result: Result) -> _Group:
    return (
        *((pin.name, pin.version, pin.sha256) for pin in result.build_requirements),
        *((package.name, package.version, package.package_version) for package in result.provided),
    )


def _limits(limits: Limits) -> _Group:
    return tuple((name, str(value), str(value)) for name, value in asdict(limits).items())
