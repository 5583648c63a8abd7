"""The real effects of jobs: engine, caches, stores and the CPU slots in which builds run."""

from __future__ import annotations

import os
import secrets
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache as cached
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestrator.analysis import wheel
from orchestrator.build import builder, container
from orchestrator.build.environment import first_environment
from orchestrator.build.variations import traces
from orchestrator.build_requirements import crates
from orchestrator.errors import Interrupted, ResultsError
from orchestrator.farm import memory, recipe_effects
from orchestrator.farm.input_effects import InputEffects, ToolBench, of_folder, remember_sdist
from orchestrator.farm.workers import STOPPED
from orchestrator.images import with_git
from orchestrator.job import local_project
from orchestrator.job.inputs import Effects, RecipeEffects
from orchestrator.job.recreating import VerifyEffects
from orchestrator.job.wheel_name import wrong_name
from orchestrator.model import NO_GROUNDS, Failure, Phase, Reason, names
from orchestrator.model.names import BadNameError, SdistName
from orchestrator.sources import reading
from orchestrator.util import cache, logs
from orchestrator.util.retry import retrying
from orchestrator.util.room import refused

if TYPE_CHECKING:
    from collections.abc import Callable

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
        Closeness,
        Diagnosis,
        Grounds,
        Image,
        Limits,
        OfferedWheel,
        ProgramChange,
        Provided,
        Release,
        Result,
        Verification,
        Wheel,
        WheelFile,
    )
    from orchestrator.sources.sdist import Source


class Elsewhere(Protocol):
    """Does builds on another host."""

    def __call__(self, project: str, order: Order, *, long: bool) -> Output:
        """Do one build, and keep its wheel and log in the store of this host."""
        ...


__all__ = ["JobEffects", "ToolBench", "look"]

SALT_BYTES = 6

PAUSE = 5.0
"""Seconds before a build that lost a process is repeated: the kernel needs a moment to free its memory."""

REMEMBERED = 64
"""How many of the last valid wheels are not checked again."""


def look(first: wheel.Given, second: wheel.Given, limits: Limits, grounds: Grounds = NO_GROUNDS) -> Diagnosis | None:
    """Parse and explain two wheels; None, and a line in the log, where that fails."""
    return reading.diagnosed(first, second, limits, grounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEffects(InputEffects):
    """What all jobs of a run share."""

    engine: Engine
    buildenvs: BuildEnvironments
    slots: CpuSlots
    stop: Cancellation
    label: str  # of all containers
    contents: Contents | None = None  # Debian's index of files; None: no packages are named
    crates: Crates | None = None  # None: no build gets crates
    answered: frozenset[str] | None = None  # ids whose records another machine has; None: this one has all records
    elsewhere: Elsewhere | None = None  # does builds on another host; None: there is none
    declared: str | None = None  # the project that a packed folder of another machine declares
    pause: float = PAUSE
    boot_ids: dict[str, str] = field(default_factory=dict, compare=False)  # of the engine's host, by runtime
    sound: deque[tuple[WheelFile, Limits]] = field(default_factory=partial(deque, maxlen=REMEMBERED), compare=False)

    def effects(self, project: str, limits: Limits, *, long: bool, again: bool) -> Effects:
        """Return the effects of one job."""
        settling = self.settling(limits, lambda source, image: self.crates_of(project, source, image, limits))
        return Effects(
            fetch=settling.fetch,
            describe=settling.describe,
            lock=settling.lock,
            crates=settling.crates,
            recall=settling.recall,
            materialize=self.buildenvs.materialize,
            remember=lambda question, answer: memory.remember(self.cache, question, answer),
            build=lambda order, answered: self.build(project, order, answered, long=long),
            read=lambda build: self.read(build, limits),
            diagnose=lambda first, second, grounds: self.diagnose(first, second, limits, grounds),
            known=(lambda _project, _job: None) if again else self._known,
            salt=lambda: secrets.token_hex(SALT_BYTES),
            now=lambda: datetime.now(UTC),
            packages=self.contents.packages if self.contents else lambda _missing, _image: (),
            recipes=self.recipes(limits),
            cpu_caution=self.cpu_caution,
        )

    def _known(self, project: str, job: str) -> Path | None:
        """Return the record of a job; where another machine has the records, a path whose name is the job's id.

        Records that this machine has besides are of other runs, and answer nothing then.
        """
        return self.results.find(project, job) if self.answered is None else self._answered(job)

    def _answered(self, id_: str) -> Path | None:
        return Path(id_) if self.answered and id_ in self.answered else None

    def verify_effects(self, project: str, limits: Limits, *, long: bool, again: bool) -> VerifyEffects:
        """Return the effects of one verification."""
        return VerifyEffects(
            job=self.effects(project, limits, long=long, again=again),
            lock=lambda recreation: self.lock_as(recreation.as_of, recreation.overrides),
            fetch=lambda offered: self._fetched(offered, limits),
            facts=lambda path, file, uploaded, sdist: reading.clues(path, file, uploaded, sdist, limits),
            switches=reading.switches,
            closeness=lambda path, file, build: self.closeness(path, file, build, limits),
            diagnose=lambda path, file, build: self.diagnose_published(path, file, build, limits),
            known=(lambda _project, _id: None) if again else self._known_verification,
        )

    def _known_verification(self, project: str, id_: str) -> Path | None:
        """Return the record of a verification, as `_known` does."""
        return self.results.find_verification(project, id_) if self.answered is None else self._answered(id_)

    def repeated(self, result: Result, *, again: bool) -> Path | None:
        """Return the record that a result adds nothing to; where another machine has the records, it looks for that."""
        return self.results.repeated(result, again=again) if self.answered is None else None

    def repeated_verification(self, found: Verification) -> Path | None:
        """Return the record that a verification adds nothing to, as `repeated`."""
        return self.results.repeated_verification(found) if self.answered is None else None

    def closeness(self, path: Path, file: WheelFile, build: Build, limits: Limits) -> Closeness | Failure:
        """Return how near a build's wheel comes to a published one."""
        assert build.wheel is not None  # noqa: S101 - only wheels are compared
        return reading.closeness(path, file, self.stored(build.wheel), build.wheel, limits)

    def diagnose_published(self, path: Path, file: WheelFile, build: Build, limits: Limits) -> Diagnosis | None:
        """Explain how a build's wheel differs from a published one; None where it fails."""
        assert build.wheel is not None  # noqa: S101 - only wheels are explained
        return self._look(wheel.Given(path, file), self._given(build, build.wheel), limits)

    def recipes(self, limits: Limits) -> RecipeEffects:
        """Return the effects that the recipes of one job need."""
        return RecipeEffects(
            offered=cached(partial(recipe_effects.offered, self.index)),  # a job asks several times
            file=lambda text: recipe_effects.text_file(self.cache, text),
            wheels=lambda pins: recipe_effects.folder_of(self.cache, self.index, pins, limits.download),
            folder=lambda texts, tools: recipe_effects.folder_with(
                self.cache, self.index, texts, tools, limits.download
            ),
            changes=lambda first, remedied: self.changes(first, remedied, limits),
        )

    def crates_of(self, project: str, source: Source, image: Image, limits: Limits) -> Path | Failure | None:
        """Fetch the crates that the Cargo.lock of a build names, if the build uses cargo."""
        if self.crates is None or not crates.wanted(source, image):
            return None
        self.log(project, "fetching its crates")
        # Fewer tries than elsewhere: each is a container, or two, in which cargo itself tries again.
        return retrying(partial(self.crates.fetch, source, image, limits), stop=self.stop.event, attempts=2)()

    def inventory(self, image: Image) -> tuple[Provided, ...]:
        """Ask an image for its Debian distributions of Python."""
        guest = container.guest_folder(self.cache, first_environment(source="none", salt="0", source_date_epoch=None))
        return builder.inventory(image, guest, self.engine.run, self.label)

    def sdist(self, job: Job, image: Image, effects: Effects) -> Release | Failure:
        """Build the sdist of a packed folder, and keep it like one of the user's own."""
        limits = job.task.limits
        tools = self.with_git(image) if job.release.git else image
        built = local_project.build_sdist(
            job.task,
            job.release,
            tools,
            effects,
            lambda first, second: reading.unlike(self.stored(first), self.stored(second), limits),
        )
        if isinstance(built, Failure):
            return built
        file = self.stored(built.file)
        name = SdistName(built.file.filename)
        project = reading.declared(Path(job.task.requirement)) if self.declared is None else self.declared
        if project and name.project != project:  # PEP 621: a backend may not change the name
            detail = f"its build gives {name.filename}, and pyproject.toml calls the project {project}"
            return Failure(Reason.WRONG_NAME, Phase.BUILD_SDIST, detail, detail)
        place = self.place(built.file.sha256, name)
        cache.keep(file, place)
        remember_sdist(self.cache, job.release, image, built)
        return of_folder(place, built.dated)

    def with_git(self, image: Image) -> Image:
        """Return an image with git added, on which the sdist of a checkout is built."""
        return with_git.with_git(self.engine, image, self.cache, lambda doing: self.log(image.name, doing))

    def build(self, project: str, order: Order, answered: Callable[[tuple[str, ...]], None], *, long: bool) -> Output:
        """Build in a CPU slot; try again when the engine fails; keep the output.

        The engine may break the channel once; twice in a row it is the package. A process that was killed
        although it reached no limit may have been killed from outside. In both cases the build is repeated
        once in the same environment, and the second output counts.
        """
        if order.environment.host and self.elsewhere is not None:
            return self.elsewhere(project, order, long=long)
        guest = container.guest_folder(self.cache, order.environment)

        def once() -> Output:
            with self.results.bench() as folder:
                try:
                    with self.slots.acquire(long=long) as cpu:
                        self.log(project, order.name)
                        spec = container.container(order, guest, cpu, len(os.sched_getaffinity(0)), self.label)
                        built = builder.build(order, spec, folder, partial(self._run, folder), answered)
                    return self._kept(order, built)  # meanwhile, another build may have the slot
                except OSError as error:
                    raise _unkept(folder, error) from error

        build = retrying(once, stop=self.stop.event)
        output = build()
        if why := output.doubt:
            logs.warning("building again", project=project, build=order.name, fault=why)
            self.stop.event.wait(self.pause)
            output = build()
        return self._identified(order, output)

    def _identified(self, order: Order, output: Output) -> Output:
        """Add the identity of the host's kernel to what a build saw, where the job builds on two hosts."""
        if not (order.spread or order.environment.host) or output.build.probe is None:
            return output
        if order.image.runtime not in self.boot_ids:
            read = retrying(lambda: builder.boot_id(order.image, self.engine.run, self.label), stop=self.stop.event)
            self.boot_ids[order.image.runtime] = read()
        probe = replace(output.build.probe, boot_id=self.boot_ids[order.image.runtime])
        return replace(output, build=replace(output.build, probe=probe))

    def _run(self, folder: Path, spec: Container, listen: Callable[[int, bytes], bool]) -> Completed:
        """Run a container; a full or failing disk is not reported as a fault of the engine."""

        def heard(stream: int, piece: bytes) -> bool:
            try:
                return listen(stream, piece)
            except OSError as error:
                raise _unkept(folder, error) from error

        return self.engine.run(spec, heard)

    def _kept(self, order: Order, output: Output) -> Output:
        """Check the wheel, and move it and the log into the stores."""
        build = output.build
        log = cache.sha256_of(output.log)
        self.results.logs.keep(output.log, log)
        build = replace(build, log=log)
        wheel = build.wheel
        if wheel is None or output.file is None:
            return replace(output, build=build)
        limits = order.limits
        if order.hook == "build_wheel":
            failure = _misnamed(wheel.filename, order.project)
            failure = failure or self._survey(output.file, wheel, limits)
            if failure:
                return replace(output, build=replace(build, failure=failure, wheel=None))
        self.results.wheels.keep(output.file, wheel.sha256)
        return replace(output, build=build)

    def _survey(self, file: Path, wheel: WheelFile, limits: Limits) -> Failure | None:
        """Return what is wrong with a wheel; equal bytes are checked only once."""
        if (wheel, limits) in tuple(self.sound):  # other threads append
            return None
        failure = reading.survey(file, wheel, limits)
        if failure is None:
            self.sound.append((wheel, limits))
        return failure

    def read(self, build: Build, limits: Limits) -> Wheel | Failure:
        """Read a wheel that was built in this run."""
        assert build.wheel is not None  # noqa: S101 - only wheels are compared
        return reading.read_wheel(self.stored(build.wheel), build.wheel, limits)

    def _fetched(self, offered: OfferedWheel, limits: Limits) -> tuple[Path, str]:
        file = self.index.fetch(offered, limits.wheel)
        return file, cache.sha256_of(file)

    def diagnose(self, first: Build, second: Build, limits: Limits, grounds: Grounds) -> Diagnosis | None:
        """Explain two wheels on the grounds of what builds have shown; None, and a line in the log, where it fails."""
        assert first.wheel is not None  # noqa: S101 - only wheels are explained
        assert second.wheel is not None  # noqa: S101 - as above
        return self._look(self._given(first, first.wheel), self._given(second, second.wheel), limits, grounds)

    def changes(self, first: Build, remedied: Build, limits: Limits) -> tuple[ProgramChange, ...]:
        """Return what differs between the programs of two wheels; nothing where one of them cannot be read."""
        assert first.wheel is not None  # noqa: S101 - only wheels are compared
        assert remedied.wheel is not None  # noqa: S101 - as above
        return reading.program_changes(self._given(first, first.wheel), self._given(remedied, remedied.wheel), limits)

    def cpu_caution(self, build: Build) -> str:
        """Return why a build may depend on its processor; empty without a sign of it, or without its log."""
        log = self.results.logs.find(build.log)
        return (
            reading.cpu_caution(log, self.results.wheels.find(build.wheel.sha256) if build.wheel else None)
            if log
            else ""
        )

    def _look(
        self, first: wheel.Given, second: wheel.Given, limits: Limits, grounds: Grounds = NO_GROUNDS
    ) -> Diagnosis | None:
        """Parse and explain two wheels; raise Interrupted where a signal to all our processes ended that."""
        diagnosis = look(first, second, limits, grounds)
        if diagnosis is None and self.stop.asked:
            raise Interrupted(STOPPED)
        return diagnosis

    def _given(self, build: Build, file: WheelFile) -> wheel.Given:
        return wheel.Given(self.stored(file), file, traces(build))


def _unkept(folder: Path, error: OSError) -> ResultsError:
    advice = "check disk space and permissions there, and run again"
    return refused(f"keeping what a build gives in {folder.parent}", folder.parent, error, advice)


def _misnamed(filename: str, project: str) -> Failure | None:
    """Return what is wrong with the name that a build gave its wheel; None if nothing is."""
    try:
        names.wheel_for(filename, project)
    except BadNameError as error:
        return wrong_name(error)
    return None
