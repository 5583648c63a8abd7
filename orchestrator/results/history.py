"""The records of a release on an image -> its past: every turn of its verdict, and what changed. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from orchestrator.model import Frontend, Phase, Policy, Result, Verdict, digest
from orchestrator.model import InputChange as InputChange  # noqa: PLC0414 - the values below contain it
from orchestrator.model.chance import bound
from orchestrator.model.names import is_path
from orchestrator.results.shown import has_recipe
from orchestrator.util.moments import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.model import Inputs, Limits

_NO_LOCK_YET = frozenset({Phase.UNPACK, Phase.REQUIREMENTS})

_AS_OF_RECORDED = 5
"""The schema from which on a record without `as_of` is of the index as it was during the run."""

REQUIREMENT, AS_OF = "build-requirement", "as-of"
"""Kinds of inputs of which one decides the other."""

LOCAL = "from a local path"
"""What distinguishes a folder or file of the user from the release on the index that has its name and version."""

ENOUGH = 10
"""Builds below which nothing is said about chance."""

_SHORT = 12  # digits of a hash, enough to distinguish two

Group = tuple[tuple[str, str, str], ...]
"""(name, value as shown, exact value) of each input of a kind."""

Settled = tuple[tuple[str, Group | None], ...]
"""(kind, inputs), in a fixed order; None: not settled."""


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
class Entry:
    """What histories and lists need of one result."""

    name: str  # of the record's file; empty if there is none
    project: str  # normalized (PEP 503)
    version: str
    image: str
    way: tuple[str, ...]  # profile, build tools, frontend and runtime that are not the default; whether it is local
    job: str
    started: datetime
    finished: datetime
    verdict: Verdict
    reason: str
    wheelproof: str
    wheel: str  # SHA-256 of the first build's wheel; empty: there is none
    alike: int  # builds with these bytes
    recipe: bool = False  # whether its builds show that a set of remedies gives equal bytes
    settled: Settled = ()

    @property
    def key(self) -> tuple[str, str, str, tuple[str, ...]]:
        """What the entries of one past share: project, version, image, way."""
        return self.project, self.version, self.image, self.way

    @property
    def moment(self) -> tuple[datetime, str]:
        """The order of results: when each finished, and its job."""
        return self.finished, self.job


@dataclass(frozen=True, slots=True)
class Past:
    """All results of one version of one project on one image, built in one way, in short."""

    project: str
    version: str
    image: str
    way: tuple[str, ...]  # profile, build tools, frontend and runtime that are not the default; whether it is local
    name: str  # of the latest record's file; this and what follows are of the latest result
    job: str
    started: datetime
    finished: datetime
    verdict: Verdict
    wheel: str  # SHA-256 of the first build's wheel; empty: there is none
    count: int  # of results
    turns: tuple[Change, ...]  # every change of the verdict, oldest first, the first verdict included
    last_good: datetime | None  # the last moment of a result that was reproducible; None if there was none
    alike: int  # builds with the latest first build's inputs and its bytes, in all records together
    unlike: int  # results with these inputs and another wheel or verdict: chance decides
    recipes: tuple[tuple[datetime, bool], ...]  # each change of whether a recipe is shown, oldest first; empty: never

    @property
    def key(self) -> tuple[str, str, str, tuple[str, ...]]:
        """What the entries of one past share: project, version, image, way."""
        return self.project, self.version, self.image, self.way

    @property
    def place(self) -> str:
        """The image, and the way of building if it is not the default."""
        return ", ".join((self.image, *self.way))

    @property
    def since(self) -> datetime:
        """When the present verdict was first given."""
        return self.turns[-1].when

    @property
    def change(self) -> Change | None:
        """The last change of the verdict, if it ever changed."""
        return self.turns[-1] if len(self.turns) > 1 else None

    @property
    def first_bad(self) -> datetime | None:
        """Since when it is not reproducible, whatever it is instead; None if it is reproducible."""
        if self.verdict is Verdict.REPRODUCIBLE:
            return None
        good = [number for number, turn in enumerate(self.turns) if turn.later is Verdict.REPRODUCIBLE]
        return self.turns[good[-1] + 1 if good else 0].when

    @property
    def flake_bound(self) -> float | None:
        """The highest rate at which another build may differ unseen, at 95 %; None below `ENOUGH` builds."""
        return bound(self.alike) if self.alike >= ENOUGH and not self.unlike else None


def entry_of(result: Result, name: str = "") -> Entry:
    """Return what histories need of a result; `name` is that of its file."""
    return Entry(
        name=name,
        project=canonicalize_name(result.project),
        version=result.version,
        image=result.image.name,
        way=(*built_as(result.inputs), *((LOCAL,) if is_path(result.requirement) else ())),
        job=result.job,
        started=result.started,
        finished=result.finished,
        verdict=result.verdict,
        reason=result.reason,
        wheelproof=result.wheelproof,
        wheel=first_hash(result),
        alike=result.builds_compared,
        recipe=has_recipe(result),
        settled=_settled(result),
    )


def pasts(entries: Iterable[Entry]) -> Iterator[Past]:
    """Yield the past of each version, image and way of building; the entries come in any order."""
    by_key: defaultdict[tuple[str, str, str, tuple[str, ...]], list[Entry]] = defaultdict(list)
    for entry in entries:
        by_key[entry.key].append(entry)
    return (past_of(several) for several in by_key.values())


def past_of(entries: Iterable[Entry]) -> Past:
    """Return the past of a release, given all its entries, in any order; there is at least one."""
    oldest_first = sorted(entries, key=lambda entry: entry.moment)
    latest = oldest_first[-1]
    alike, unlike = _accumulated(oldest_first)
    good = [entry.finished for entry in oldest_first if entry.verdict is Verdict.REPRODUCIBLE]
    return Past(
        project=latest.project,
        version=latest.version,
        image=latest.image,
        way=latest.way,
        name=latest.name,
        job=latest.job,
        started=latest.started,
        finished=latest.finished,
        verdict=latest.verdict,
        wheel=latest.wheel,
        count=len(oldest_first),
        turns=_turns(oldest_first),
        last_good=good[-1] if good else None,
        alike=alike,
        unlike=unlike,
        recipes=tuple(_recipes(oldest_first)),
    )


def _recipes(oldest_first: Iterable[Entry]) -> Iterator[tuple[datetime, bool]]:
    before = False
    for entry in oldest_first:
        if entry.recipe is not before:
            yield entry.finished, entry.recipe
        before = entry.recipe


def events(entries: Iterable[Entry]) -> tuple[Event, ...]:
    """Return the events of one past, newest first."""
    oldest_first = sorted(entries, key=lambda entry: entry.moment)
    return tuple(reversed(tuple(_events(oldest_first))))


def _events(oldest_first: Sequence[Entry]) -> Iterator[Event]:
    before: Settled | None = None
    for entry in oldest_first:
        changed = tuple(_changed(before, entry.settled)) if before else ()
        yield Event(entry.job, entry.finished, entry.verdict, entry.reason, entry.wheelproof, changed)
        before = entry.settled


def _turns(oldest_first: Sequence[Entry]) -> tuple[Change, ...]:
    first = Change(oldest_first[0].finished, None, oldest_first[0].verdict, ())
    rest = (
        Change(later.finished, earlier.verdict, later.verdict, tuple(_changed(earlier.settled, later.settled)))
        for earlier, later in pairwise(oldest_first)
        if earlier.verdict != later.verdict
    )
    return (first, *rest)


def _accumulated(oldest_first: Sequence[Entry]) -> tuple[int, int]:
    """Count what has the latest entry's inputs: builds with its bytes, and results that disagree with it."""
    latest = oldest_first[-1]
    if not latest.wheel:
        return 0, 0
    equal = [entry for entry in oldest_first if entry.job == latest.job and entry.wheel]
    alike = sum(entry.alike for entry in equal if entry.wheel == latest.wheel)
    return alike, sum((entry.wheel, entry.verdict) != (latest.wheel, latest.verdict) for entry in equal)


def accumulated(result: Result, earlier: Iterable[Entry]) -> Result:
    """Return a result whose `flake_bound` counts the builds of earlier results with the same inputs, too.

    It has none below `ENOUGH` builds, or where a result with these inputs disagrees.
    """
    both = (*earlier, entry_of(result))
    alike, unlike = _accumulated(sorted((one for one in both if one.job == result.job), key=lambda one: one.moment))
    return replace(result, flake_bound=bound(alike) if alike >= ENOUGH and not unlike else None)


def first_hash(result: Result) -> str:
    """Return the SHA-256 of the first build's wheel, or "" if there is no wheel."""
    return result.builds[0].wheel.sha256 if result.builds and result.builds[0].wheel else ""


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


def _changed(earlier: Settled, later: Settled) -> Iterator[InputChange]:
    """List what changed; another moment of the index is a change only with other build requirements."""
    groups = dict(earlier)
    same_lock = groups[REQUIREMENT] is not None and groups[REQUIREMENT] == dict(later)[REQUIREMENT]
    for what, second in later:
        first = groups[what]
        is_moot = what == AS_OF and same_lock
        if first is not None and second is not None and first != second and not is_moot:
            yield from _differing(what, first, second)


def _differing(what: str, earlier: Group, later: Group) -> Iterator[InputChange]:
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


def _settled(result: Result) -> Settled:
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


def _moment_of_index(result: Result) -> Group | None:
    if result.as_of is None:
        return () if result.schema >= _AS_OF_RECORDED else None
    return (("", written(result.as_of), written(result.as_of)),)


def _single(value: str) -> Group:
    return (("", value[:_SHORT], value),)


def _pins(result: Result) -> Group:
    return (
        *((pin.name, pin.version, pin.sha256) for pin in result.build_requirements),
        *((package.name, package.version, package.package_version) for package in result.provided),
    )


def _limits(limits: Limits) -> Group:
    return tuple((name, str(value), str(value)) for name, value in asdict(limits).items())
