"""Puts the real effects of a job together: engine, caches, stores and the places where builds run."""

from __future__ import annotations

import json
import os
import secrets
from collections import deque
from contextlib import suppress
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import config
from orchestrator.analysis import published_wheel, wheel
from orchestrator.build import builder, container
from orchestrator.build.environment import first_environment
from orchestrator.build.variations import traces
from orchestrator.build_requirements import crates
from orchestrator.build_requirements.install import TOOLS
from orchestrator.errors import Interrupted, ResultsError, UsageError
from orchestrator.farm.workers import STOPPED
from orchestrator.job import local_project
from orchestrator.job.inputs import Effects
from orchestrator.job.rebuild import wrong_name
from orchestrator.model import Failure, Phase, Provided, Reason, digest, names
from orchestrator.model.names import BadNameError, SdistName
from orchestrator.sources import reading, sdist
from orchestrator.sources.index import local
from orchestrator.util import cache, logs
from orchestrator.util.retry import retrying
from orchestrator.util.room import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from orchestrator.build.builder import Output
    from orchestrator.build.container import Order
    from orchestrator.build.engine import Completed, Container, Engine
    from orchestrator.build_requirements.crates import Crates
    from orchestrator.build_requirements.install import BuildEnvironments
    from orchestrator.farm.plan import Job
    from orchestrator.farm.workers import Cancellation, CpuSlots
    from orchestrator.images.contents_index import Contents
    from orchestrator.model import (
        Build,
        Diagnosis,
        Image,
        Limits,
        Lock,
        OfferedWheel,
        Published,
        Release,
        Sdist,
        Target,
        Task,
        Wheel,
        WheelFile,
    )
    from orchestrator.model.names import WheelName
    from orchestrator.results.store import Results
    from orchestrator.sources.index import Index
    from orchestrator.sources.sdist import Source

SALT_BYTES = 6

PAUSE = 5.0
"""Seconds before a build that lost a process is made again: what killed it frees memory, and that takes a moment."""

_TURNS = cache.Turns()

REMEMBERED = 64
"""How many of the last wheels that were found sound need not be looked at again."""

MTIME = 1_577_836_800  # 2020-01-01, of what is packed where no SOURCE_DATE_EPOCH is set


def look(first: wheel.Given, second: wheel.Given, limits: Limits) -> Diagnosis | None:
    """Look into two wheels; None, and a word in the log, where that fails."""
    return reading.diagnosed(first, second, limits)


@dataclass(frozen=True, slots=True)
class JobEffects:
    """What all jobs of a run share."""

    engine: Engine
    index: Index
    lock: Callable[[Sequence[str], Target], Lock | Failure]
    buildenvs: BuildEnvironments
    results: Results
    slots: CpuSlots
    stop: Cancellation
    cache: Path
    label: str
    log: Callable[[str, str], None]  # which project, and what is done for it
    contents: Contents | None = None  # Debian's index of files; None: no packages are named
    crates: Crates | None = None  # None: no build gets any
    pause: float = PAUSE
    sound: deque[tuple[WheelFile, Limits]] = field(default_factory=partial(deque, maxlen=REMEMBERED), compare=False)

    def effects(self, project: str, limits: Limits, *, long: bool, again: bool) -> Effects:
        """Return the effects of one job."""
        return Effects(
            fetch=lambda one: self.index.fetch(one, limits.download),
            describe=lambda path: self.describe(path, limits),
            lock=self.lock,
            crates=lambda source, image: self.crates_of(project, source, image, limits),
            materialize=self.buildenvs.materialize,
            recall=lambda question: recall(self.cache, question),
            remember=lambda question, answer: remember(self.cache, question, answer),
            build=lambda order, answered: self.build(project, order, answered, long=long),
            read=lambda build: self.read(build, limits),
            diagnose=lambda first, second: self.diagnose(first, second, limits),
            known=(lambda _project, _job: None) if again else self.results.find,
            salt=lambda: secrets.token_hex(SALT_BYTES),
            now=lambda: datetime.now(UTC),
            published=lambda release, build: self.published(release, build, limits),
            packages=self.contents.packages if self.contents else lambda _missing, _image: (),
        )

    def crates_of(self, project: str, source: Source, image: Image, limits: Limits) -> Path | Failure | None:
        """Fetch what the Cargo.lock of a build that uses cargo names."""
        if self.crates is None or not crates.wanted(source, image):
            return None
        self.log(project, "fetching its crates")
        # Fewer tries than elsewhere: each is a container, or two, in which cargo tries again itself.
        return retrying(partial(self.crates.fetch, source, image, limits), stop=self.stop.event, attempts=2)()

    def describe(self, path: Path, limits: Limits) -> Source | Failure:
        """Tell how an sdist of the cache wants to be built; it is read once, since its folder is its hash."""
        question = digest(("source and locks", path.parent.name, limits.sdist, limits.members))
        if (told := recall(self.cache, question)) is not None:
            return sdist.recalled(path, told)
        found = reading.describe(path, limits)
        if not isinstance(found, Failure):
            remember(self.cache, question, sdist.remembered(found))
        return found

    def release(self, task: Task, image: Image) -> Release:
        """Find what a task asks for: a release of the index, an sdist on our disk, or a project's folder.

        Raises
        ------
        WheelproofError
            There is no such thing, or the index does not answer.

        """
        if not config.is_path(task.requirement):
            return self._published(task, image)
        if Path(task.requirement).is_dir():
            return self._packed(Path(task.requirement).resolve(), task, image)
        release, file = local(task.requirement)
        assert release.sdist is not None  # noqa: S101 - it is one
        return replace(release, sdist=self._taken(release.sdist, file))

    def _published(self, task: Task, image: Image) -> Release:
        release = borne(task, self.index.release(task.requirement, image.target.python))
        if release.sdist is None:  # that would be a verdict, and a page may lack a file for a moment
            release = borne(task, self.index.release(task.requirement, image.target.python))
        if release.sdist is None or release.sdist.sha256:
            return release
        file = self.index.fetch(release.sdist, task.limits.download)
        return replace(release, sdist=replace(release.sdist, sha256=file.parent.name))

    def _packed(self, folder: Path, task: Task, image: Image) -> Release:
        """Pack a project's folder; where its very content was built into an sdist before, return that one."""
        project = reading.project_of(folder)
        with cache.unfinished(self.cache / "sdists") as lent:
            file = lent / "packed"
            with file.open("wb") as stream:
                sdist.pack(folder, stream, task.limits, task.source_date_epoch or MTIME)
            release = local_project.packed(project, f"{folder.as_uri()}/", cache.sha256_of(file), file.stat().st_size)
            assert release.sdist is not None  # noqa: S101 - it has just been made
            self._taken(release.sdist, file)
        built = self._built_before(release, image)
        return local(built)[0] if built else release

    def sdist(self, job: Job, image: Image, effects: Effects) -> Release | Failure:
        """Build the sdist of a packed folder, and keep it like one of the user's own."""
        built = local_project.build_sdist(job.task, job.release, image, effects)
        if isinstance(built, Failure):
            return built
        file = self.stored(built)
        name = SdistName(built.filename)
        project = reading.declared(Path(job.task.requirement))
        if project and name.project != project:  # PEP 621: a backend may not change the name
            detail = f"its build gives {built.filename}, and pyproject.toml calls the project {project}"
            return Failure(Reason.WRONG_NAME, Phase.BUILD_SDIST, detail, detail)
        place = self._place(built.sha256, name)
        cache.keep(file, place)
        remember(self.cache, _sdist_of(job.release, image), (built.sha256, built.filename))
        return local(place)[0]

    def _built_before(self, release: Release, image: Image) -> Path | None:
        """Return the sdist that was built of a packed folder, if there is one."""
        answer = recall(self.cache, _sdist_of(release, image)) or ()
        with suppress(BadNameError, ValueError):
            sha256, filename = answer
            place = self._place(sha256, SdistName(filename))
            return place if _is_kept(place) else None
        return None

    def _place(self, sha256: str, name: SdistName) -> Path:
        return names.place(self.cache / "sdists", sha256, name)

    def _taken(self, sdist: Sdist, file: Path) -> Sdist:
        """Keep the user's own sdist as it is now, whatever becomes of it."""
        cache.keep(file, self._place(sdist.sha256, SdistName(sdist.filename)))
        return sdist

    def build(self, project: str, order: Order, answered: Callable[[tuple[str, ...]], None], *, long: bool) -> Output:
        """Build in a place of its own; try again when the engine slips; keep what came of it.

        What breaks the channel once may be the engine's doing; twice in a row it is the package's. A process
        that was killed, and no limit accounts for it, may have been killed from outside. Either is built
        once more in the same environment, and what comes of that counts.
        """
        guest = container.guest_folder(self.cache, order.environment)

        def once() -> Output:
            with self.slots.acquire(long=long) as cpu, self.results.bench() as folder:
                self.log(project, order.name)
                spec = container.container(order, guest, cpu, len(os.sched_getaffinity(0)), self.label)
                try:
                    return self._kept(order, builder.build(order, spec, folder, partial(self._run, folder), answered))
                except OSError as error:
                    raise _unkept(folder, error) from error

        build = retrying(once, stop=self.stop.event)
        output = build()
        if why := output.doubt:
            logs.warning("building again", project=project, build=order.name, fault=why)
            self.stop.event.wait(self.pause)
            output = build()
        return output

    def _run(self, folder: Path, spec: Container, listen: Callable[[int, bytes], bool]) -> Completed:
        """Run a container; a disk that cannot take what it gives is none of the engine's faults."""

        def heard(stream: int, piece: bytes) -> bool:
            try:
                return listen(stream, piece)
            except OSError as error:
                raise _unkept(folder, error) from error

        return self.engine.run(spec, heard)

    def _kept(self, order: Order, output: Output) -> Output:
        """Look the wheel over, and move it and the log into the stores."""
        build = output.build
        log = cache.sha256_of(output.log)
        self.results.logs.keep(output.log, log)
        build = replace(build, log=log)
        made = build.wheel
        if made is None or output.file is None:
            return replace(output, build=build)
        limits = order.limits
        if order.hook == "build_wheel":
            failure = _misnamed(made.filename, order.project)
            failure = failure or self._survey(output.file, made, limits)
            if failure:
                return replace(output, build=replace(build, failure=failure, wheel=None))
        self.results.wheels.keep(output.file, made.sha256)
        return replace(output, build=build)

    def _survey(self, file: Path, made: WheelFile, limits: Limits) -> Failure | None:
        """Return what is wrong with a wheel; builds that agree give the same bytes, which are looked at once."""
        if (made, limits) in self.sound:
            return None
        failure = reading.survey(file, made, limits)
        if failure is None:
            self.sound.append((made, limits))
        return failure

    def read(self, build: Build, limits: Limits) -> Wheel | Failure:
        """Read a wheel that was built in this run."""
        assert build.wheel is not None  # noqa: S101 - only wheels are compared
        return reading.read_wheel(self.stored(build.wheel), build.wheel, limits)

    def published(self, release: Release, build: Build, limits: Limits) -> Published | None:
        """Compare a build's wheel with the one on the index; None where there is none, or the release is the user's."""
        ours = build.wheel
        if ours is None or release.sdist is None or release.sdist.url.startswith("file:"):
            return None
        return published_wheel.published(
            ours,
            release.wheels,
            lambda one: self.index.fetch(one, limits.wheel),
            lambda path, theirs: self._look(self._given(build, ours), wheel.Given(path, theirs), limits),
        )

    def diagnose(self, first: Build, second: Build, limits: Limits) -> Diagnosis | None:
        """Look into two wheels; None, and a word in the log, where that fails."""
        assert first.wheel is not None  # noqa: S101 - only wheels are looked into
        assert second.wheel is not None  # noqa: S101 - as above
        return self._look(self._given(first, first.wheel), self._given(second, second.wheel), limits)

    def _look(self, first: wheel.Given, second: wheel.Given, limits: Limits) -> Diagnosis | None:
        """Look into two wheels; what a signal to all of our processes ended is no answer."""
        found = look(first, second, limits)
        if found is None and self.stop.asked:
            raise Interrupted(STOPPED)
        return found

    def _given(self, build: Build, made: WheelFile) -> wheel.Given:
        return wheel.Given(self.stored(made), made, traces(build))

    def stored(self, made: WheelFile) -> Path:
        """Return a file that was made a moment ago; raises ResultsError where the store had no room for it."""
        path = self.results.wheels.find(made.sha256)
        if path is None:
            msg = (
                f"reading {made.filename}: it is not kept any more; allow more under keep: wheels in the configuration"
            )
            raise ResultsError(msg)
        return path


@dataclass(frozen=True, slots=True)
class ToolBench:
    """What building tools for one image asks of the world."""

    job_effects: JobEffects
    image: Image
    limits: Limits

    def release(self, name: str, version: str) -> Release:
        """Find a release of the index."""
        return self.job_effects.index.release(f"{name}=={version}", self.image.target.python)

    def keep(self, wheel: WheelFile, name: WheelName) -> Path:
        """Keep a wheel that was built a moment ago, under its name, where build environments find it."""
        place = self._place(wheel.sha256, name)
        cache.keep(self.job_effects.stored(wheel), place)
        return place

    def kept(self, sha256: str, name: WheelName) -> Path | None:
        """Return a wheel that was kept, if it is still there."""
        place = self._place(sha256, name)
        return place if _is_kept(place) else None

    def _place(self, sha256: str, name: WheelName) -> Path:
        return names.place(self.job_effects.cache / TOOLS, sha256, name)

    def requires(self, found: Path | OfferedWheel) -> tuple[str, ...]:
        """Return what a wheel requires when it is used."""
        path = found if isinstance(found, Path) else self.job_effects.index.fetch(found, self.limits.download)
        return reading.requires(path)

    def provided(self) -> tuple[Provided, ...]:
        """Return what the image has from Debian; it is asked but once."""
        shop, question = self.job_effects, digest(("provided", self.image.manifest))
        if (told := recall(shop.cache, question)) is not None:
            return tuple(Provided(*one.split(" ")) for one in told)
        guest = container.guest_folder(shop.cache, first_environment(source="none", salt="0", source_date_epoch=None))
        found = builder.inventory(self.image, guest, shop.engine.run, shop.label)
        remember(shop.cache, question, tuple(" ".join(astuple(one)) for one in found))
        return found

    def turn(self, key: str) -> AbstractContextManager[None]:
        """Let one thread at a time build a tool."""
        return _TURNS.turn(key)


def _unkept(folder: Path, error: OSError) -> ResultsError:
    advice = "see to room and rights there, and run again"
    return refused(f"keeping what a build gives in {folder.parent}", folder.parent, error, advice)


def _misnamed(filename: str, project: str) -> Failure | None:
    """Tell what is wrong with the name that a build gave its wheel; None if nothing is."""
    try:
        names.wheel_for(filename, project)
    except BadNameError as error:
        return wrong_name(error)
    return None


def borne(task: Task, release: Release) -> Release:
    """Return the release, if its sdist bears one of the hashes that its file asks for.

    Raises
    ------
    UsageError
        It does not; the message tells what the hashes are of.

    """
    if not task.hashes or release.sdist is None or release.sdist.sha256 in task.hashes:
        return release
    wheels = [one.filename for one in release.wheels if one.sha256 in task.hashes]
    what = f"{release.project} {release.version}"
    said = f"looking for {what} of {task.source}: its sdist {release.sdist.filename} has sha256 {release.sdist.sha256}"
    if wheels:
        msg = f"{said}, and the hashes there are of wheels only ({', '.join(wheels[:3])}); add that of the sdist"
    else:
        msg = (
            f"{said}, and the hashes there are of no file of the index; see what they are of, and add that of the sdist"
        )
    raise UsageError(msg)


def _is_kept(place: Path) -> bool:
    """Whether a file lies in the cache, and has the hash that its folder names."""
    return place.is_file() and cache.sha256_of(place) == place.parent.name


def _sdist_of(release: Release, image: Image) -> str:
    """Name the question which sdist an image makes of a packed folder."""
    return digest(("sdist", release.sdist.sha256 if release.sdist else "", image.manifest))


def recall(folder: Path, question: str) -> tuple[str, ...] | None:
    """Return the remembered answer to a question, if it was asked before: dynamic build requirements, mostly."""
    with suppress(ValueError, TypeError):
        return tuple(str(one) for one in json.loads(cache.read_checked(folder / "answers" / question) or ""))
    return None


def remember(folder: Path, question: str, answer: tuple[str, ...]) -> None:
    """Remember the answer to a question, such as an sdist's dynamic build requirements under one lock on one image."""
    cache.write_checked(folder / "answers" / question, json.dumps(answer))
