"""Judges a release with the build requirements of former moments, to find the release of one that changed its wheel.

The results go to `since/` in the results folder, and not among the records: a record is what the farm says of a
release today, and the newest one is its verdict. A wheel with the build requirements of two years ago is no such
statement, however lately it was built. Records of equal inputs are used all the same, since a lock has no date.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from orchestrator.build_requirements.resolve import tags
from orchestrator.errors import PackageIndexError, UsageError
from orchestrator.farm import assemble, placement
from orchestrator.farm.prove_drift import with_lock
from orchestrator.job import rebuild
from orchestrator.model import Budget, Failure, Policy, Result, Verdict, admits
from orchestrator.model.names import BadNameError, WheelName
from orchestrator.results import bisect
from orchestrator.results.bisect import Aspect, Step, Upload
from orchestrator.results.drift import swapped
from orchestrator.results.history import first_hash
from orchestrator.results.store import Results, read
from orchestrator.util import logs, moments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.farm.assemble import Farm
    from orchestrator.job.inputs import Effects
    from orchestrator.model import Image, Release, Target, Task
    from orchestrator.results.bisect import Turn
    from orchestrator.sources.index_pages import Listed

FOLDER = "since"
"""The folder of these results, in the folder of the results."""

_ENDS = 2
_SHORT = 12  # digits of a hash


@dataclass(frozen=True, slots=True)
class Explored:
    """The steps that were judged, and what they show."""

    steps: tuple[Step, ...]  # oldest first
    turns: tuple[Turn, ...]  # oldest first; without `every` at most one, the last
    uploads: tuple[Upload, ...]  # of the build requirements, between the ends
    by_chance: bool = False  # equal inputs gave different bytes, so no release can be named for them


@dataclass(frozen=True, slots=True)
class Past:
    """What was judged of a release's past, and what that took."""

    project: str
    version: str
    image: str
    explored: Explored
    jobs: int  # that were built now
    builds: int  # of these jobs
    reused: int  # jobs that had a result
    content: bool  # whether wheels were compared by the contents of their files


@dataclass(frozen=True, slots=True)
class PastEffects:
    """The effects of looking at a release's past."""

    judge: Callable[[datetime], Step]
    judge_again: Callable[[datetime], Step]  # although there is a result
    judge_swapped: Callable[[Step, Step, tuple[str, ...]], Step]  # earlier, later, names taken from the later
    uploads: Callable[[str], tuple[Upload, ...]]  # of a project


def past(
    settings: Config, store: Results, task: Task, start: datetime | None, *, every: bool, content: bool = False
) -> Past:
    """Judge a release as of moments from `start` on, until the change to its present outcome is known.

    Without `start`, the first moment is that of the upload of its sdist: nobody could build it earlier. The last is
    that as of which the task is locked, or now. With `content`, wheels are compared by their files' contents.

    Raises
    ------
    UsageError
        The release has no sdist, its build tools are not from the index, or `start` is not before the last moment.
    PackageIndexError
        The index does not answer, or gives no times of upload.
    WheelproofError
        The farm failed.

    """
    task = placement.insisted(settings, replace(task, budget=Budget(builds=0, recipes=()), or_budget=task.budget))
    if task.tools.policy is not Policy.INDEX:
        msg = f"looking at the past of {task.requirement}: its build tools are of the policy {task.tools.policy}"
        msg += ", which does not follow the index; choose an image or a profile with `index`"
        raise UsageError(msg)
    farm = assemble.open_farm(settings, store, (task,))
    image = farm.images[task.image]
    with assemble.container_cleanup(farm.job_effects):
        release = farm.job_effects.release(task, image)
        if release.sdist is None:
            msg = f"looking at the past of {release.project} {release.version}: it has no sdist"
            msg += ", so there is nothing to build; name another version"
            raise UsageError(msg)
        index = farm.job_effects.index
        first = start or sdist_uploaded(release, index.look(release.project) or ())
        last = task.locked_as_of or datetime.now(UTC)
        if first >= last:
            msg = f"looking at the past from {first:%Y-%m-%d %H:%M} UTC on: that is not before {last:%Y-%m-%d %H:%M}"
            msg += " UTC, with which it ends; give an earlier date with --from"
            raise UsageError(msg)
        bench = _Bench(farm, task, release, image, (store, kept_apart(settings, store)), content)
        effects = PastEffects(
            judge=lambda moment: bench.judge(moment, again=False),
            judge_again=lambda moment: bench.judge(moment, again=True),
            judge_swapped=bench.judge_swapped,
            uploads=lambda name: uploads(name, index.look(name) or (), image.target),
        )
        explored = explore(first, last, bench.required(), effects, every=every)
    return Past(release.project, release.version, image.name, explored, bench.jobs, bench.builds, bench.reused, content)


def kept_apart(settings: Config, store: Results) -> Results:
    """Return the store of results with the build requirements of former moments."""
    return Results(store.folder / FOLDER, wheels=settings.keep.wheels, logs=settings.keep.logs)


def explore(
    first: datetime, last: datetime, required: Iterable[str], effects: PastEffects, *, every: bool = False
) -> Explored:
    """Judge moment after moment, until nothing is left to judge.

    `required` are the projects that the sdist requires. What these require is known from the locks of the steps, so
    each step may add moments.
    """
    steps: list[Step] = []
    known: dict[str, tuple[Upload, ...]] = {}
    names = set(required)
    while True:
        if len(steps) > 1:  # the locks of both ends come first
            known |= {name: effects.uploads(name) for name in sorted(names - known.keys())}
        several = tuple(upload for one in known.values() for upload in one)
        within = tuple(upload for upload in several if first < upload.visible <= last)
        moment = bisect.next_moment(bisect.moments(several, first, last), steps, every=every)
        if moment is None:
            break
        step = effects.judge(moment)
        names |= {pin.name for pin in step.result.build_requirements}
        steps = sorted((*steps, step), key=lambda one: one.moment)
        if len(steps) == _ENDS and not every and _is_chance(steps[0], steps[1], effects):
            return Explored(tuple(steps), (), within, by_chance=True)
    turns, by_chance = [], False
    for earlier, later in bisect.turning_points(steps, every=every):
        if every and _is_chance(earlier, later, effects):
            by_chance = True
        else:
            turns.append(_turn(earlier, later, several, effects))
    return Explored(tuple(steps), tuple(turns), within, by_chance)


def _is_chance(earlier: Step, later: Step, effects: PastEffects) -> bool:
    """Return whether two sensitive wheels differ only because each job gives other bytes, as a time of day does."""
    of_bytes = bisect.aspect_of(earlier, later) is Aspect.BYTES
    if not of_bytes or later.result.verdict is not Verdict.SENSITIVE:
        return False
    return bisect.aspect_of(later, effects.judge_again(later.moment)) is not None


def _turn(earlier: Step, later: Step, several: tuple[Upload, ...], effects: PastEffects) -> Turn:
    """Build the earlier lock with what changed swapped, until it is known what changes the outcome."""
    changed = bisect.release_changes(earlier, later, several)
    aspect = bisect.aspect_of(earlier, later)
    tried: dict[tuple[str, ...], bool] = {}
    if aspect and bisect.can_be_swapped(earlier, later):
        names, along = bisect.suspects(earlier, later, changed)
        while (several_names := bisect.next_swap(names, tried)) is not None:
            step = effects.judge_swapped(earlier, later, (*several_names, *along))
            tried[several_names] = bisect.gives_the_same(step, later, aspect)
    return bisect.turn(earlier, later, several, tried)


@dataclass(slots=True)
class _Bench:
    """Judges one release with different build requirements, and counts."""

    farm: Farm
    task: Task
    release: Release
    image: Image
    stores: tuple[Results, Results]  # the records, and those that are kept apart, to which new ones go
    content: bool  # whether wheels are compared by contents
    jobs: int = 0
    builds: int = 0
    reused: int = 0

    def required(self) -> tuple[str, ...]:
        """Name the projects that the sdist requires; what is no requirement is its failure, which judging gives."""
        assert self.release.sdist is not None  # noqa: S101 - the caller has checked
        effects = self._effects(again=False)
        source = effects.describe(effects.fetch(self.release.sdist), self.release.sdist)
        return () if isinstance(source, Failure) else tuple(filter(None, map(_project, source.requires)))

    def judge(self, moment: datetime, *, again: bool) -> Step:
        """Judge it as of a moment."""
        task = replace(self.task, as_of=moment)
        effects = replace(self._effects(again=again), lock=self.farm.job_effects.lock_for(task))
        result = self._judged(task, effects, f"as of {moment:%Y-%m-%d %H:%M:%S} UTC")
        if self.content and not again and not self._has_wheel(result):
            return self.judge(moment, again=True)
        return Step(moment, result, self._compared(result))

    def judge_swapped(self, earlier: Step, later: Step, names: tuple[str, ...]) -> Step:
        """Judge it with the earlier lock, in which those names are as in the later one."""
        lock = swapped(earlier.result, later.result, names).lock
        result = self._judged(
            self.task, with_lock(self._effects(again=self.content), lock), f"with the later {', '.join(names)}"
        )
        return Step(later.moment, result, self._compared(result))

    def _has_wheel(self, result: Result) -> bool:
        return not first_hash(result) or self.stores[0].wheels.find(first_hash(result)) is not None

    def _compared(self, result: Result) -> str:
        if not self.content or not first_hash(result):
            return first_hash(result)
        wheel = self.farm.job_effects.read(result.builds[0], self.task.limits)
        return wheel.detail if isinstance(wheel, Failure) else bisect.content_digest(wheel)

    def _effects(self, *, again: bool) -> Effects:
        effects = self.farm.job_effects.effects(self.release.project, self.task.limits, long=False, again=again)
        return effects if again else replace(effects, known=self._known)

    def _known(self, project: str, job: str) -> Path | None:
        return next((path for store in self.stores if (path := store.find_any(project, job))), None)

    def _judged(self, task: Task, effects: Effects, how: str) -> Result:
        found = rebuild.rebuild(task, self.release, self.image, effects)
        result = found if isinstance(found, Result) else read(found)
        assert result is not None  # noqa: S101 - `find` has read it
        if isinstance(found, Result):
            self.stores[1].write(result)
            self.jobs, self.builds = self.jobs + 1, self.builds + len(result.builds)
        else:
            self.reused += 1
        done = f"{len(result.builds)} builds" if isinstance(found, Result) else "has a result"
        wheel = first_hash(result)[:_SHORT]
        logs.info("judged", project=result.project, how=how, verdict=result.verdict.value, wheel=wheel, work=done)
        return result


def uploads(name: str, listed: Iterable[Listed], target: Target) -> tuple[Upload, ...]:
    """Return the wheels of a project that builds on a target may get, with the times of their uploads.

    Raises
    ------
    PackageIndexError
        The index gives the time of no file.

    """
    files = tuple(listed)
    if files and not any(file.uploaded for file in files):
        msg = f"looking at the past of {name}: the index gives no times of upload (PEP 700)"
        msg += "; use an index that does"
        raise PackageIndexError(msg)
    fitting = frozenset(tags(target))
    found = []
    for file in files:
        uploaded = _moment(file.uploaded)
        if uploaded is None or not file.filename.endswith(".whl") or not admits(file.requires_python, target.python):
            continue
        with suppress(BadNameError):
            wheel = WheelName(file.filename)
            if wheel.project == name and wheel.tags & fitting:
                found.append(Upload(name, str(wheel.version), file.filename, uploaded))
    return tuple(found)


def sdist_uploaded(release: Release, listed: Iterable[Listed]) -> datetime:
    """Return the moment of the upload of a release's sdist, UTC; raise PackageIndexError if the index gives none."""
    assert release.sdist is not None  # noqa: S101 - the caller has checked
    for file in listed:
        if file.filename == release.sdist.filename and (uploaded := _moment(file.uploaded)):
            return uploaded
    msg = f"looking at the past of {release.project}: the index gives no time of upload of {release.sdist.filename}"
    msg += " (PEP 700); use an index that does"
    raise PackageIndexError(msg)


def _moment(uploaded: str) -> datetime | None:
    """Read the time of an upload; None if the index gives none, or one that no upload can have."""
    try:
        return moments.moment(datetime.fromisoformat(uploaded)) if uploaded else None
    except (ValueError, OverflowError):
        return None


def _project(requirement: str) -> str:
    """Return the normalized name in a requirement; empty if it is none."""
    try:
        return canonicalize_name(Requirement(requirement).name)
    except (InvalidRequirement, ValueError, RecursionError):
        return ""
