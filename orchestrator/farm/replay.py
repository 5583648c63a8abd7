"""Replays: former builds are made again on this host, and their hashes compared with the recorded ones."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.analysis import wheel as wheels
from orchestrator.build.variations import second_environment
from orchestrator.build_requirements.install import TOOLS
from orchestrator.errors import AbsentError, NoRoomError, WheelproofError
from orchestrator.farm import assemble, progress
from orchestrator.farm.effects import look
from orchestrator.farm.workers import Threads, attempted, run_jobs
from orchestrator.images import recipe
from orchestrator.images.recreate import Recreated, recreate
from orchestrator.job import inputs as job_inputs
from orchestrator.job import replaying
from orchestrator.job.build_pair import environments, no_answer, order_for
from orchestrator.job.recreating import MATCHES, Published, closeness_of
from orchestrator.job.wheel_name import of_release
from orchestrator.model import LIMIT_REASONS, Failure, Reason, WheelFile, names
from orchestrator.model.names import SdistName, wheel_of
from orchestrator.util import logs
from orchestrator.util.cache import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.config import Config
    from orchestrator.farm.assemble import Farm
    from orchestrator.images.recreate import FormerImage
    from orchestrator.job.inputs import Effects, Settled
    from orchestrator.job.recreating import VerifyEffects
    from orchestrator.job.replaying import FormerBuild
    from orchestrator.model import Build, Environment, Image, Lock, Release, Sdist
    from orchestrator.results.store import Results


class ReplayOutcome(StrEnum):
    """What building a former build's inputs again shows."""

    COMES_OUT = "comes-out"  # the recorded wheel, byte for byte
    DIFFERS = "differs"  # another wheel
    FAILS = "fails"  # no wheel, and the package is the reason
    NOT_REPLAYED = "not-replayed"  # it cannot be built here as it was, or another environment gave another wheel


@dataclass(frozen=True, slots=True)
class Replayed:
    """One former build, and what came of it here."""

    source: str
    project: str = ""
    version: str = ""
    image: str = ""
    wheel: str = ""  # the recorded file's name
    recorded: str = ""  # its SHA-256
    outcome: ReplayOutcome = ReplayOutcome.NOT_REPLAYED
    rebuilt: str = ""  # the SHA-256 of the wheel here
    varied: str = ""  # that of a second build, in a varied environment
    because: str = ""
    departures: tuple[str, ...] = ()  # in what the environment is not the recorded one
    severity: str = ""
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """A former build and the image on which it is built again."""

    former: FormerBuild
    image: Image
    departures: tuple[str, ...] = ()

    @property
    def long(self) -> bool:
        """Whether it is assumed to take long."""
        return self.former.long


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the wheels of former builds may be."""

    folders: tuple[Path, ...]

    def find(self, sha256: str) -> Path | None:
        """Return the wheel of that hash, if one of the folders has it."""
        places = (folder / "wheels" / sha256 for folder in self.folders)
        return next((place for place in places if place.is_file() and sha256_of(place) == sha256), None)


def replay_all(
    settings: Config,
    store: Results,
    wanted: Sequence[FormerBuild],
    kept: Kept,
    *,
    nearest: bool,
    jobs: int | None = None,
) -> tuple[Replayed, ...]:
    """Build every former build again; return what came of each, in the given order.

    Raises
    ------
    EngineError
        No engine answers.
    NoRoomError
        A file system is full.
    Interrupted
        A stop was requested.

    """
    if not wanted:
        return ()
    engine = assemble.open_engine(settings)
    found: dict[str, Replayed] = {}
    ready = []
    images = _Images(engine, settings, nearest=nearest)
    for former in wanted:
        one = images.ready(former)
        if isinstance(one, Replayed):
            found[former.source] = one
        else:
            ready.append(one)
    if ready:
        _replay(settings, store, engine, ready, kept, found, jobs)
    return tuple(found[former.source] for former in wanted)


def _replay(
    settings: Config,
    store: Results,
    engine: Engine,
    ready: Sequence[Ready],
    kept: Kept,
    found: dict[str, Replayed],
    jobs: int | None,
) -> None:
    """Build all that is ready, several at a time; add what came of it to `found`."""
    images = {one.image.manifest: one.image for one in ready}
    tasks = tuple(one.former.task for one in ready)
    displays: list[progress.Progress] = []

    def log(project: str, doing: str) -> None:
        if displays:
            displays[-1].doing(project, doing)

    farm = assemble.farm_on(engine, images, settings, store, tasks, jobs=jobs, log=log)

    def done(one: Ready, outcome: Replayed | WheelproofError) -> None:
        row = not_replayed(one.former, str(outcome)) if isinstance(outcome, WheelproofError) else outcome
        if isinstance(outcome, WheelproofError):
            logs.fault("not replayed", outcome, project=one.former.release.project)
        found[one.former.source] = row
        displays[0].finished(row.project, one.former.title, row.outcome.value, row.because)

    effects = farm.job_effects
    with assemble.container_cleanup(effects), ExitStack() as stack:
        displays.append(stack.enter_context(progress.shown(len(ready))))
        pool: Threads[Ready, Replayed] = Threads(lambda one: replay(one, farm, kept), effects.slots.room)
        run_jobs(ready, pool, done, stop=effects.stop)


class _Images:
    """The images of replays, each made once."""

    def __init__(self, engine: Engine, settings: Config, *, nearest: bool) -> None:
        self._engine = engine
        self._settings = settings
        self._nearest = nearest
        self._made: dict[tuple[str, str], Recreated | WheelproofError] = {}

    def ready(self, former: FormerBuild) -> Ready | Replayed:
        """Return a former build with its image, or why it has none."""
        key = former.image.name, former.image.manifest
        if key not in self._made:
            self._made[key] = attempted(self._make, former.image)
        made = self._made[key]
        if isinstance(made, NoRoomError):
            raise made
        if isinstance(made, WheelproofError):
            return not_replayed(former, str(made))
        if made.image is None:
            return not_replayed(former, made.why)
        return Ready(former, replace(made.image, runtime=self._engine.runtime), (made.why,) if made.why else ())

    def _make(self, image: FormerImage) -> Recreated:
        return recreate(
            self._engine,
            image,
            recipe.folders(self._settings.folder),
            self._settings.cache,
            nearest=self._nearest,
            log=progress.note,
        )


def not_replayed(former: FormerBuild, why: str) -> Replayed:
    """Return that a former build cannot be built here as it was."""
    return replace(_row(former), because=why)


def _row(former: FormerBuild) -> Replayed:
    return Replayed(
        former.source,
        former.release.project,
        former.release.version,
        former.image.name,
        former.wheel.filename,
        former.wheel.sha256,
    )


# --- one replay ------------------------------------------------------------------------------


def replay(ready: Ready, farm: Farm, kept: Kept) -> Replayed:
    """Build one former build again, and if it was reproducible, once more in an environment that was not tried yet.

    Raises
    ------
    WheelproofError
        The farm failed: the index or the engine does not answer, or the sdist is gone.

    """
    former, job_effects = ready.former, farm.job_effects
    if missing := _tools_missing(former.lock, job_effects.cache):
        return not_replayed(former, missing)
    release = replace(former.release, sdist=_sdist(former, farm))
    verify = job_effects.verify_effects(release.project, former.task.limits, long=False, again=True)
    effects = replace(verify.job, lock=lambda _wanted, _target: former.lock)
    settled = job_inputs.settle_static(release, ready.image, effects, former.task.config_settings)
    if isinstance(settled, Failure):
        return not_replayed(former, f"its inputs cannot be settled any more: {_why(settled)}")
    settled = replace(settled, lock=former.lock, repair=former.repair, asked=True)
    builder = _Builder(former, release, ready.image, settled, effects)
    salt, now = effects.salt(), effects.now()
    departures = (*ready.departures, *replaying.departures(former, salt, now, ready.image.runtime))
    first_environment = environments(former.task, release, salt, now)[0]
    first = builder.build("first", first_environment)
    if first.wheel is None:
        return _failed(former, first.failure, departures)
    row = judged(former, first.wheel, departures)
    if former.published and row.outcome is not ReplayOutcome.COMES_OUT and former.outcome in MATCHES:
        row = _against_published(row, former, first, ready.image, farm, verify)
    if row.outcome is ReplayOutcome.COMES_OUT and former.is_reproducible:
        return varied(row, builder.build("second", _varied(former, first_environment)))
    return row if row.outcome is ReplayOutcome.COMES_OUT else _explained(row, former, first, kept, job_effects.stored)


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds the settled inputs of one former build."""

    former: FormerBuild
    release: Release
    image: Image
    settled: Settled
    effects: Effects

    def build(self, name: str, environment: Environment) -> Build:
        """Build once."""
        order = order_for(
            name,
            environment,
            task=self.former.task,
            release=self.release,
            image=self.image,
            settled=self.settled,
            effects=self.effects,
        )
        build = self.effects.build(order, no_answer).build
        return of_release(self.release, build, build)[0]


def _varied(former: FormerBuild, first: Environment) -> Environment:
    task = former.task
    fixed = task.profile.fixes if task.profile else ()
    return second_environment(first, (*task.hold, *task.remove, *fixed))


def _tools_missing(lock: Lock, cache: Path) -> str:
    """Return which build requirements were built on another host, so that no index has them; empty if none."""
    missing = [
        f"{pin.name} {pin.version}"
        for pin in lock.pins
        if pin.built_here
        and not names.place(cache / TOOLS, pin.sha256, wheel_of(pin.filename, pin.name, pin.version)).is_file()
    ]
    if not missing:
        return ""
    return (
        f"its build requirements {', '.join(missing[:5])} were built from their sdists, and the cache does not have "
        "them; run the release with the same policy first, which builds them"
    )


def _sdist(former: FormerBuild, farm: Farm) -> Sdist:
    """Return the recorded sdist as the index has it now, or as the cache still has it.

    Raises
    ------
    AbsentError
        The index does not have it any more; the message names what it has.
    PackageIndexError
        The index does not answer.

    """
    effects, recorded = farm.job_effects, former.release.sdist
    assert recorded is not None  # noqa: S101 - it was checked
    place = names.place(effects.cache / "sdists", recorded.sha256, SdistName(recorded.filename))
    if place.is_file() and sha256_of(place) == recorded.sha256:
        return replace(recorded, url=place.as_uri())
    if recorded.url.startswith("file:"):
        msg = f"its sdist {recorded.filename} was a file of the host that built it, and the cache does not have it"
        raise AbsentError(msg)
    files = effects.index.look(former.release.project) or ()
    offered = next((one for one in files if one.filename == recorded.filename), None)
    if offered is None or offered.hashes.get("sha256", recorded.sha256) != recorded.sha256:
        now = f"that name has sha256 {offered.hashes['sha256']}" if offered else "there is no file of that name"
        msg = f"the index does not have the sdist {recorded.filename} with sha256 {recorded.sha256}: {now}"
        raise AbsentError(msg)
    return replace(recorded, url=offered.url)


# --- what it shows ---------------------------------------------------------------------------


def judged(former: FormerBuild, wheel: WheelFile, departures: tuple[str, ...]) -> Replayed:
    """Return what a first build shows; where the environment is not the recorded one, another wheel shows nothing."""
    row = replace(_row(former), rebuilt=wheel.sha256, departures=departures)
    elsewhere = f"this is no replay of the same environment: {'; '.join(departures)}" if departures else ""
    if (wheel.filename, wheel.sha256) == (former.wheel.filename, former.wheel.sha256):
        because = f"although {elsewhere}" if departures else ""
        return replace(row, outcome=ReplayOutcome.COMES_OUT, because=because)
    if departures:
        return replace(row, because=f"another wheel, and {elsewhere}")
    named = f": {wheel.filename}" if wheel.filename != former.wheel.filename else ""
    expected = ", as in every build, by the record: intrinsic" if former.is_intrinsic else ""
    return replace(row, outcome=ReplayOutcome.DIFFERS, because=f"another wheel{named}{expected}")


def varied(row: Replayed, second: Build) -> Replayed:
    """Add what a second build shows of a wheel that is recorded as reproducible."""
    if second.wheel is None:
        if _is_of_the_host(second.failure):
            return replace(row, outcome=ReplayOutcome.NOT_REPLAYED, because=f"a second build: {_why(second.failure)}")
        because = f"a second build, in a varied environment, fails: {_why(second.failure)}"
        return replace(row, outcome=_unless(row.departures, ReplayOutcome.FAILS), because=because)
    row = replace(row, varied=second.wheel.sha256)
    if (second.wheel.filename, second.wheel.sha256) == (row.wheel, row.rebuilt):
        return replace(row, because=row.because or "in another environment, too")
    because = "it comes out as it was built, but not in a varied environment, and the record calls it reproducible"
    return replace(row, outcome=_unless(row.departures, ReplayOutcome.DIFFERS), because=because)


def _failed(former: FormerBuild, failure: Failure | None, departures: tuple[str, ...]) -> Replayed:
    """Return that a build fails now; a failure that may be this host's, or its environment's, shows nothing."""
    outcome = ReplayOutcome.NOT_REPLAYED if _is_of_the_host(failure) else _unless(departures, ReplayOutcome.FAILS)
    return replace(_row(former), outcome=outcome, because=_why(failure), departures=departures)


def _unless(departures: tuple[str, ...], outcome: ReplayOutcome) -> ReplayOutcome:
    return ReplayOutcome.NOT_REPLAYED if departures else outcome


def _is_of_the_host(failure: Failure | None) -> bool:
    """Return whether a build that once ended may fail here for want of time, memory or another limit."""
    return failure is not None and (failure.reason is Reason.KILLED or failure.reason in LIMIT_REASONS)


def _why(failure: Failure | None) -> str:
    if failure is None:
        return "it gives no wheel"
    return f"{failure.reason.value}: {failure.evidence or failure.detail.strip().rpartition(chr(10))[2]}"


def _against_published(
    row: Replayed, former: FormerBuild, build: Build, image: Image, farm: Farm, effects: VerifyEffects
) -> Replayed:
    """Return what a build shows of a published wheel that once came out but for fields of the archive.

    Those fields, such as times, may differ in each build.

    Raises
    ------
    WheelproofError
        The index does not have that wheel any more, or does not answer.

    """
    published = former.published
    assert published is not None  # noqa: S101 - the caller has looked
    release = farm.job_effects.index.release(
        f"{former.release.project}==={former.release.version}", image.target.python
    )
    offered = next((one for one in release.wheels if one.sha256 == published.sha256), None)
    if offered is None:
        return replace(
            row,
            outcome=ReplayOutcome.NOT_REPLAYED,
            because=f"the index no longer has {published.filename} with sha256 {published.sha256}",
        )
    path, sha256 = effects.fetch(offered)
    file = WheelFile(offered.filename, sha256, path.stat().st_size)
    closeness = closeness_of(Published(path, file, offered.uploaded), build, effects)
    if isinstance(closeness, Failure) or closeness.outcome not in MATCHES:
        return row
    taken = ", ".join(closeness.taken)
    return replace(
        row,
        outcome=ReplayOutcome.COMES_OUT,
        because=f"the published wheel, once {taken or 'its fields'} are taken from the published file",
    )


def _explained(
    row: Replayed, former: FormerBuild, build: Build, kept: Kept, stored: Callable[[WheelFile], Path]
) -> Replayed:
    """Add why two wheels differ, where the former one is still at hand."""
    assert build.wheel is not None  # noqa: S101 - the caller has looked
    if (theirs := kept.find(former.wheel.sha256)) is None:
        return replace(row, because=f"{row.because}; the former wheel is not kept here, so nothing explains it")
    first = wheels.Given(theirs, replace(former.wheel, size=theirs.stat().st_size))
    diagnosis = look(first, wheels.Given(stored(build.wheel), build.wheel), former.task.limits)
    if diagnosis is None:
        return row
    return replace(
        row, severity=diagnosis.severity.value, causes=tuple(dict.fromkeys(cause.name for cause in diagnosis.causes))
    )
