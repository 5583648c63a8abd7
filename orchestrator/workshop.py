"""Puts the real effects of a job together: engine, caches, stores and the places where builds run."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import builder, cache, checkout, config, crates, sdist, wheel
from orchestrator.errors import ResultsError
from orchestrator.index import local
from orchestrator.model import Failure, digest
from orchestrator.rebuild import Effects
from orchestrator.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.buildenv import BuildEnvironments
    from orchestrator.builder import Order, Output
    from orchestrator.crates import Crates
    from orchestrator.engine import Engine
    from orchestrator.farm import Slots, Stop
    from orchestrator.index import Index
    from orchestrator.model import Build, Image, Limits, Lock, Release, Sdist, Target, Task, Wheel, WheelFile
    from orchestrator.plan import Job
    from orchestrator.results import Results
    from orchestrator.sdist import Source

SALT_BYTES = 6

MTIME = 1_577_836_800  # 2020-01-01, of what is packed where no SOURCE_DATE_EPOCH is set


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all jobs of a run share."""

    engine: Engine
    index: Index
    lock: Callable[[Sequence[str], Target], Lock | Failure]
    buildenvs: BuildEnvironments
    results: Results
    slots: Slots
    stop: Stop
    cache: Path
    label: str
    tell: Callable[[str, str], None]  # which project, and what is done for it
    crates: Crates | None = None  # None: no build gets any

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
            known=(lambda _project, _job: None) if again else self.results.find,
            salt=lambda: secrets.token_hex(SALT_BYTES),
            now=lambda: datetime.now(UTC),
        )

    def crates_of(self, project: str, source: Source, image: Image, limits: Limits) -> Path | Failure | None:
        """Fetch what the Cargo.lock of a build that uses cargo names."""
        if self.crates is None or not crates.wanted(source, image):
            return None
        self.tell(project, "fetching its crates")
        return retrying(partial(self.crates.fetch, source, image, limits), stop=self.stop.event)()

    def describe(self, path: Path, limits: Limits) -> Source | Failure:
        """Tell how an sdist of the cache wants to be built; it is read once, since its folder is its hash."""
        question = digest(("source and locks", path.parent.name, limits.sdist, limits.members))
        if (told := recall(self.cache, question)) is not None:
            return sdist.recalled(path, told)
        found = sdist.describe(path, limits)
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
        release = self.index.release(task.requirement, image.target.python)
        if release.sdist is None or release.sdist.sha256:
            return release
        file = self.index.fetch(release.sdist, task.limits.download)
        return replace(release, sdist=replace(release.sdist, sha256=file.parent.name))

    def _packed(self, folder: Path, task: Task, image: Image) -> Release:
        """Pack a project's folder; where its very content was built into an sdist before, return that one."""
        project = sdist.project_of(folder)
        with cache.unfinished(self.cache / "sdists") as lent:
            file = lent / "packed"
            with file.open("wb") as stream:
                sdist.pack(folder, stream, task.limits, task.source_date_epoch or MTIME)
            release = checkout.packed(project, f"{folder.as_uri()}/", builder.sha256_of(file), file.stat().st_size)
            assert release.sdist is not None  # noqa: S101 - it has just been made
            self._taken(release.sdist, file)
        built = self._place(*(recall(self.cache, _sdist_of(release, image)) or ("", "")))
        return local(built)[0] if built.is_file() else release

    def sdist(self, job: Job, image: Image, effects: Effects) -> Release | Failure:
        """Build the sdist of a packed folder, and keep it like one of the user's own."""
        built = checkout.build_sdist(job.task, job.release, image, effects)
        if isinstance(built, Failure):
            return built
        file = self._stored(built)
        place = self._place(built.sha256, built.filename)
        cache.keep(file, place)
        remember(self.cache, _sdist_of(job.release, image), (built.sha256, built.filename))
        return local(place)[0]

    def _place(self, sha256: str, filename: str) -> Path:
        return self.cache / "sdists" / sha256 / filename

    def _taken(self, sdist: Sdist, file: Path) -> Sdist:
        """Keep the user's own sdist as it is now, whatever becomes of it."""
        cache.keep(file, self._place(sdist.sha256, sdist.filename))
        return sdist

    def build(self, project: str, order: Order, answered: Callable[[tuple[str, ...]], None], *, long: bool) -> Output:
        """Build in a place of its own; try again when the engine slips; keep what came of it."""
        guest = builder.guest_folder(self.cache, order.environment)

        def once() -> Output:
            with self.slots.place(long=long) as cpu, self.results.bench() as folder:
                self.tell(project, order.name)
                spec = builder.container(order, guest, cpu, len(os.sched_getaffinity(0)), self.label)
                return self._kept(order, builder.build(order, spec, folder, self.engine.run, answered))

        return retrying(once, stop=self.stop.event)()

    def _kept(self, order: Order, output: Output) -> Output:
        """Look the wheel over, and move it and the log into the stores."""
        build = output.build
        log = builder.sha256_of(output.log)
        self.results.logs.keep(output.log, log)
        build = replace(build, log=log)
        made = build.wheel
        if made is None or output.file is None:
            return replace(output, build=build)
        limits = order.limits
        if order.hook == "build_wheel" and (failure := wheel.survey(output.file, made, limits.wheel, limits.members)):
            return replace(output, build=replace(build, failure=failure, wheel=None))
        self.results.wheels.keep(output.file, made.sha256)
        return replace(output, build=build)

    def read(self, build: Build, limits: Limits) -> Wheel | Failure:
        """Read a wheel that was built in this run."""
        assert build.wheel is not None  # noqa: S101 - only wheels are compared
        return wheel.read(self._stored(build.wheel), build.wheel, limits.wheel, limits.members)

    def _stored(self, made: WheelFile) -> Path:
        """Return a file that was made a moment ago; raises ResultsError where the store had no room for it."""
        path = self.results.wheels.find(made.sha256)
        if path is None:
            msg = (
                f"reading {made.filename}: it is not kept any more; allow more under keep: wheels in the configuration"
            )
            raise ResultsError(msg)
        return path


def _sdist_of(release: Release, image: Image) -> str:
    """Name the question which sdist an image makes of a packed folder."""
    return digest(("sdist", release.sdist.sha256 if release.sdist else "", image.manifest))


def recall(folder: Path, question: str) -> tuple[str, ...] | None:
    """Return the remembered answer to a question, if it was asked before: dynamic build requirements, mostly."""
    with suppress(OSError, ValueError, TypeError):
        return tuple(str(one) for one in json.loads((folder / "answers" / question).read_text()))
    return None


def remember(folder: Path, question: str, answer: tuple[str, ...]) -> None:
    """Remember the answer to a question, such as an sdist's dynamic build requirements under one lock on one image."""
    cache.write(folder / "answers" / question, json.dumps(answer))
