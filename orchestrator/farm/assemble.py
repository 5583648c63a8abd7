"""Puts together what a command needs: index and cache alone for a plan, an engine and images too for builds."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from orchestrator.build import builder, container
from orchestrator.build import engine as engines
from orchestrator.build.environment import first_environment
from orchestrator.build_requirements import resolve
from orchestrator.build_requirements.crates import Crates
from orchestrator.build_requirements.install import BuildEnvironments
from orchestrator.errors import EngineError, ImageError, Interrupted, WheelproofError
from orchestrator.farm import ahead, capacity, forecast, plan, progress, run, uses
from orchestrator.farm.effects import JobEffects, ToolBench
from orchestrator.farm.input_effects import InputEffects
from orchestrator.farm.placement import placed
from orchestrator.farm.plan import ImageState, KnownImage
from orchestrator.farm.uses import Uses, is_tracked
from orchestrator.farm.workers import STOPPED, Cancellation, CpuSlots, Threads, stop_signals
from orchestrator.images import build, recipe, suggest
from orchestrator.images.contents_index import Contents
from orchestrator.job import rebuild, tool_policies
from orchestrator.job.hosts import spread_over
from orchestrator.model import Budget, Failure, Result
from orchestrator.results.history import accumulated
from orchestrator.sources.index import FRESH, Index
from orchestrator.util import logs
from orchestrator.util.cache import occupy, sweep_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.farm.plan import Job, PlanRow
    from orchestrator.model import Exclusion, Image, Release, Target, Task
    from orchestrator.publish.publisher_process import PublisherProcess
    from orchestrator.results.store import Results


# --- without an engine -----------------------------------------------------------------------


def open_inputs(settings: Config, store: Results) -> InputEffects:
    """Return the effects that settle inputs; they need no engine and no image."""
    occupy(settings.cache)
    sweep_all(settings.cache)
    index = Index(settings.index, settings.cache, fresh=FRESH)
    return InputEffects(index=index, lock=locking(settings, index), results=store, cache=settings.cache)


def known_images(settings: Config, names: tuple[str, ...], log: Callable[[str], None]) -> Mapping[str, KnownImage]:
    """Return images as far as they are known without building any: from the engine, or from their locks.

    Raises
    ------
    UsageError
        There is no image of that name.
    ImageError
        A recipe cannot be read; an image is not built, and its lock lists no Python; or it drifted from its lock
        and the configuration is strict.

    """
    recipe.check_names(recipe.folders(settings.folder), names)
    engine = None
    try:
        engine = engines.connect()
        engine.isolate(settings.isolation)
    except EngineError as error:
        log(f"no engine can be used, so images are taken as their locks list them: {error}")
        engine = None
    return {name: _known(settings, name, engine) for name in names}


def _known(settings: Config, name: str, engine: engines.Engine | None) -> KnownImage:
    folders = recipe.folders(settings.folder)
    if engine is None:
        locked = recipe.as_locked(recipe.load(folders, name))
        runtime = "" if settings.isolation in {engines.AUTO, engines.ENGINE} else settings.isolation
        return KnownImage(replace(locked, runtime=runtime), ImageState.NO_ENGINE)
    if (image := build.find(engine, name, folders)) is not None:
        if image.drift and settings.strict:
            raise ImageError(recipe.refusal(name, image.drift))
        return KnownImage(replace(image, runtime=engine.runtime), ImageState.BUILT)
    locked = recipe.as_locked(recipe.load(folders, name))
    return KnownImage(replace(locked, runtime=engine.runtime), ImageState.NOT_BUILT)


def plan_tasks(
    settings: Config,
    store: Results,
    tasks: tuple[Task, ...],
    checks: tuple[Task, ...],
    due: tuple[Exclusion, ...],
    excluded: tuple[Exclusion, ...],
    *,
    again: bool,
) -> tuple[PlanRow, ...]:
    """Return the plan of a run: what it would do with each task, and why. Nothing is built.

    `checks` are further tasks, which check exclusions; `due` are the exclusions that these are for.
    """
    input_effects = open_inputs(settings, store)
    tasks, checks = (spread_over(some, hosts=settings.dask is not None)[0] for some in (tasks, checks))
    asked, checking = placed(settings, tasks), placed(settings, checks)
    several = (*asked.tasks, *checking.tasks)
    names = tuple(dict.fromkeys(task.image for task in several))
    images = known_images(settings, names, progress.note)
    wanted = matching_tasks(several, {name: known.image for name, known in images.items()})
    faults = {**asked.faults, **checking.faults}
    open_ = [(task.requirement, str(error)) for task, error in faults.items()]
    look_up = run.LookUp(
        release=lambda task: input_effects.release(task, images[task.image].image),
        latest=store.latest,
        stop=Cancellation(),
        long=settings.long,
    )
    jobs = run.look_up(wanted, look_up, lambda task, error: open_.append((task.requirement, str(error))))
    lines = tuple(
        _row(job, images[job.task.image], input_effects, again=again, checks=job.task in checking.tasks) for job in jobs
    )
    return plan.rows(lines, open_, due, excluded)


def _row(job: Job, known: KnownImage, input_effects: InputEffects, *, again: bool, checks: bool) -> PlanRow:
    try:
        foreseen = forecast.foresee(job, known.image, input_effects)
    except WheelproofError as error:
        return plan.PlanRow(job.release.project, job.release.version, "open", job.task.image, str(error))
    return plan.row(job, known, foreseen, again=again, checks=checks)


def matching_tasks(tasks: tuple[Task, ...], images: Mapping[str, Image]) -> tuple[Task, ...]:
    """Return the tasks whose markers fit their images; print a line about each of the others."""
    wanted, others = plan.matching(tasks, {name: image.target for name, image in images.items()})
    for line in others:
        progress.note(line)
    return wanted


# --- with an engine --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Farm:
    """An engine with its images, and the effects of jobs on it."""

    job_effects: JobEffects
    images: Mapping[str, Image]
    hosts: bool = False  # whether a build can be sent to another host; if not, `spread` is not applied

    def judge(self, job: Job, *, again: bool) -> Result | Path:
        """Judge one job, or return the existing record of the same inputs, or of the same failure."""
        used = Uses(self.job_effects.cache, self.job_effects.buildenvs.place)
        result = self._judge(job, used, again=again)
        if isinstance(result, Result):
            result = self.job_effects.repeated(result, again=again) or result
        key = uses.key_of(self.job_effects.label, job.task)
        uses.write(used.cache, key, used.items, tracked=is_tracked(job.task), built=isinstance(result, Result))
        return result

    def prepare(self, job: Job, *, again: bool) -> None:
        """Fetch the sdist and the build requirements of a job that will probably build; raises as `ahead.prepare`."""
        image, effects = self.images[job.task.image], self.job_effects
        if ahead.is_worth_it(job, image, again=again):
            settling = effects.settling(job.task.limits, lambda _source, _image: None)
            settling = replace(settling, lock=effects.lock_for(job.task))
            ahead.prepare(job, image, settling, effects.buildenvs.materialize, effects.stop)

    def _judge(self, job: Job, used: Uses, *, again: bool) -> Result | Path:
        (task,), _ = spread_over((job.task,), hosts=self.hosts)
        release, image = job.release, self.images[task.image]
        self.job_effects.log(release.project, "settling its inputs")
        effects = self.job_effects.effects(release.project, task.limits, long=job.long, again=again)
        effects = used.of(replace(effects, lock=self.job_effects.lock_for(task)))
        bench = ToolBench(self.job_effects, image, task.limits, used.note)
        effects = tool_policies.by_policy(task, image, effects, bench)
        effects = replace(effects, lock=used.noting_lock(effects.lock))  # with the tools that were built here
        if release.packed:
            built = self.job_effects.sdist(job, image, effects)
            if isinstance(built, Failure):
                return rebuild.judge_unbuilt_sdist(task, release, image, built, effects)
            release = built
        return rebuild.rebuild(task, release, image, effects)


def open_farm(
    settings: Config,
    store: Results,
    tasks: tuple[Task, ...],
    *,
    jobs: int | None = None,
    log: Callable[[str, str], None] = lambda _project, _doing: None,
) -> Farm:
    """Connect to the engine, build the images of these tasks where they are missing, and return the effects of jobs.

    `log` gets a project and what is being done for it.

    Raises
    ------
    UsageError
        There is no image of that name.
    ImageError
        An image cannot be built.
    EngineError
        No engine answers, or it has not the configured runtime.

    """
    engine = open_engine(settings)
    return farm_on(engine, _images(engine, settings, tasks), settings, store, tasks, jobs=jobs, log=log)


def open_engine(settings: Config) -> engines.Engine:
    """Connect to the engine, with the configured runtime.

    Raises
    ------
    EngineError
        No engine answers, or it has not the configured runtime.

    """
    engine = engines.connect()
    engine.isolate(settings.isolation)
    return engine


@dataclass(frozen=True, slots=True)
class Shared:
    """What the jobs of a worker share beyond one run, and what is known about one of them; see `farm_on`."""

    inputs: InputEffects
    slots: CpuSlots
    stop: Cancellation
    label: str
    boot_ids: dict[str, str] = field(default_factory=dict)  # of the host's kernel, by runtime
    known: frozenset[str] | None = None  # ids of jobs whose records another machine has; None: this one has all records
    declared: str | None = None  # the project that a packed folder declares; None: it is asked


def farm_on(
    engine: engines.Engine,
    images: Mapping[str, Image],
    settings: Config,
    store: Results,
    tasks: tuple[Task, ...],
    *,
    jobs: int | None = None,
    log: Callable[[str, str], None] = lambda _project, _doing: None,
    shared: Shared | None = None,
) -> Farm:
    """Return the effects of jobs on an engine that has these images; without `shared`, nothing else uses them."""
    shared = shared or _own(settings, store, tasks, jobs)
    inputs, label = shared.inputs, shared.label
    compiled = compiler(engine, tuple(images.values()), settings.cache, label)
    job_effects = JobEffects(
        engine=engine,
        index=inputs.index,
        lock=inputs.lock,
        buildenvs=BuildEnvironments(settings.cache, settings.index, compiled=compiled),
        results=store,
        slots=shared.slots,
        stop=shared.stop,
        cache=settings.cache,
        label=label,
        crates=Crates(
            settings.cache,
            settings.crates,
            engine.run,
            label,
            ask=inputs.index.answer,
            downloads=settings.crates_downloads,
            private=settings.crates_private,
            read=engine.read_file,
        ),
        log=log,
        boot_ids=shared.boot_ids,
        contents=Contents(settings.cache, engine.read_file, logs.warning),
        answered=shared.known,
        declared=shared.declared,
    )
    return Farm(job_effects, images)


def _own(settings: Config, store: Results, tasks: tuple[Task, ...], jobs: int | None) -> Shared:
    cores = sorted(os.sched_getaffinity(0))
    return Shared(
        inputs=open_inputs(settings, store),
        slots=CpuSlots(jobs or settings.jobs or _slots(settings, tasks), cores, long=settings.long),
        stop=Cancellation(),
        label=hashlib.sha256(str(store.folder.resolve()).encode()).hexdigest()[:16],
    )


def _slots(settings: Config, tasks: tuple[Task, ...]) -> int:
    """Return how many builds run at once where that is not configured: by the largest memory limit among them."""
    cores, memory = capacity.measured()
    largest = max((task.limits.memory for task in tasks), default=settings.defaults.limits.memory)
    slots = capacity.builds_at_once(cores, memory, largest)
    if slots < cores:
        logs.info("memory has room for fewer builds than there are cores", builds=slots, cores=cores)
    return slots


@contextmanager
def container_cleanup(job_effects: JobEffects) -> Iterator[None]:
    """Stop the containers when a signal asks for it; remove the containers of this farm before and after.

    Raises
    ------
    Interrupted
        A signal stopped the run, and the engine failed because its containers were killed.

    """
    engine, label = job_effects.engine, job_effects.label
    if left := engine.sweep(label):
        logs.info("removed what a former run left behind", containers=left)
    with stopping(job_effects.stop, engine.stop):
        try:
            yield
        except EngineError as error:
            if job_effects.stop.asked:
                raise Interrupted(STOPPED) from error
            raise
        finally:
            with suppress(EngineError):  # the next run removes them
                engine.sweep(label)


def run_tasks(
    settings: Config,
    store: Results,
    tasks: tuple[Task, ...],
    publisher: PublisherProcess,
    *,
    jobs: int | None,
    again: bool,
    hosts: bool = False,
) -> run.RunOutcome:
    """Run tasks, show the progress, and write the site while their results arrive.

    `hosts`: whether a build can be sent to another host.

    Raises
    ------
    WheelproofError
        The farm failed, or was stopped.

    """
    if settings.dask is not None:
        from orchestrator.farm.cluster import run as cluster  # noqa: PLC0415 - Dask is an extra

        return cluster.run_tasks(settings, store, tasks, publisher, again=again)
    displays: list[progress.Progress] = []

    def log(project: str, doing: str) -> None:
        if displays:
            displays[-1].doing(project, doing)

    tasks, warning = spread_over(tasks, hosts=hosts)
    if warning:
        logs.warning(warning)
    placement = placed(settings, tasks)
    farm = replace(open_farm(settings, store, placement.tasks, jobs=jobs, log=log), hosts=hosts)
    for image in farm.images.values():
        store.keep_image(image)
    fitting = matching_tasks(placement.tasks, farm.images)
    wanted = (*fitting, *placement.faults)
    job_effects = farm.job_effects

    def release(task: Task) -> Release:
        if task in placement.faults:
            raise placement.faults[task]
        return job_effects.release(task, farm.images[task.image])

    context = run.RunContext(
        release=release,
        latest=store.latest,
        pool=Threads(partial(farm.judge, again=again), job_effects.slots.room),
        write=lambda result: store.write(accumulated(result, store.entries(result.project))),
        publish=publisher.publish,
        is_published=publisher.is_published,
        expect=job_effects.slots.expect,
        stop=job_effects.stop,
        long=settings.long,
        prepare=partial(farm.prepare, again=again),
    )
    with container_cleanup(job_effects), ExitStack() as stack:

        def shown(total: int) -> progress.Progress:
            displays.append(stack.enter_context(progress.shown(total)))
            return displays[-1]

        outcome = run.run(wanted, context, shown)
    return replace(outcome, left_out=tuple(task for task in placement.tasks if task not in fitting))


def judge_with(settings: Config, store: Results, task: Task, folder: Path, packages: tuple[str, ...]) -> Result:
    """Judge a task on its image with Debian packages added, as a custom image in that folder of images/.

    Nothing is recorded.

    Raises
    ------
    ImageError
        The custom image cannot be built.
    WheelproofError
        The farm failed.

    """
    task = replace(task, budget=Budget(builds=0))
    if packages:
        folders = recipe.folders(settings.folder)
        with suggest.kept_on_error(folder):
            suggest.write(folder, task.image, packages)
            build.relock(engines.connect(), folder.name, folders, settings.cache, log=progress.note)
        task = replace(task, image=folder.name)
    farm = open_farm(settings, store, (task,))
    with container_cleanup(farm.job_effects):
        release = farm.job_effects.release(task, farm.images[task.image])
        result = farm.judge(plan.Job(task, release), again=True)
    assert isinstance(result, Result)  # noqa: S101 - with `again`, no record is returned
    return result


def _images(engine: engines.Engine, settings: Config, tasks: tuple[Task, ...]) -> Mapping[str, Image]:
    names = tuple(dict.fromkeys(task.image for task in tasks))
    folders = recipe.folders(settings.folder)
    recipe.check_names(folders, names)
    images = {
        name: build.ensure(engine, name, folders, settings.cache, strict=settings.strict, log=progress.note)
        for name in names
    }
    for name in images:
        uses.note_image(settings.cache, recipe.load(folders, name).tag)
    return {name: replace(image, runtime=engine.runtime) for name, image in images.items()}


def compiler(
    engine: engines.Engine, images: tuple[Image, ...], cache: Path, label: str
) -> Callable[[Path, Target, IO[bytes]], None]:
    """Return the function that compiles build requirements with the Python of the image that they are for."""
    guest = container.guest_folder(cache, first_environment(source="none", salt="0", source_date_epoch=None))

    def compiled(lib: Path, target: Target, out: IO[bytes]) -> None:
        image = next(image for image in images if image.target == target)
        builder.compile_modules(lib, image, guest, engine.run, label, out)

    return compiled


def locking(settings: Config, index: Index) -> Callable[..., Any]:
    """Return the function that locks build requirements; it remembers those that cannot be met while it is used.

    A call may give `as_of`, as of when, and `overrides`, as `lock_for` of InputEffects does for a task.
    """
    today = datetime.now(UTC).date()
    return partial(
        resolve.lock,
        index_url=settings.index,
        as_of=None,
        cache=settings.cache,
        today=today,
        index=index,
        failures={},
    )


@contextmanager
def stopping(stop: Cancellation, end: Callable[[], None]) -> Iterator[None]:
    """On Ctrl-C, SIGTERM, SIGHUP or SIGQUIT, ask for a stop, and end what runs: `end` starts nothing new."""

    def ask(_number: int, _frame: object) -> None:
        stop.ask()
        # In another thread: the handler may have interrupted the thread that has the engine's lock.
        threading.Thread(target=end, name="stopping").start()

    former = {number: signal.signal(number, ask) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
