"""Puts a run together: engine, images, index, caches, results, workers."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Any, NoReturn

from orchestrator.build import builder, container
from orchestrator.build import engine as engines
from orchestrator.build.variations import first_environment
from orchestrator.build_requirements import resolve
from orchestrator.build_requirements.crates import Crates
from orchestrator.build_requirements.install import BuildEnvironments
from orchestrator.build_requirements.markers import applies
from orchestrator.errors import EngineError, Interrupted, UsageError, WheelproofError
from orchestrator.farm import capacity, plan, progress, run
from orchestrator.farm.effects import JobEffects, ToolBench
from orchestrator.farm.workers import STOPPED, Cancellation, CpuSlots, stop_signals
from orchestrator.images import build, recipe, suggest
from orchestrator.images.contents_index import Contents
from orchestrator.job import inputs, local_project, rebuild, tool_policies
from orchestrator.model import Budget, Failure, Result, Verdict
from orchestrator.results.store import read
from orchestrator.sources.index import Index
from orchestrator.util import logs
from orchestrator.util.cache import sweep_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.farm.plan import Job
    from orchestrator.model import Image, Inputs, Target, Task
    from orchestrator.publish.publisher_process import PublisherProcess
    from orchestrator.results.store import Results


@dataclass(frozen=True, slots=True)
class Farm:
    """A run, put together."""

    results: Results
    job_effects: JobEffects
    context: run.RunContext
    current: list[progress.Progress]

    @contextmanager
    def shown(self, total: int) -> Iterator[progress.Progress]:
        """Show the run while it goes."""
        with progress.shown(total) as display:
            self.current.append(display)
            yield display

    def action(self, job: Job, *, again: bool) -> tuple[str, str, str]:
        """Tell what would be done with a job, on which image, and why."""
        try:
            action, why = self._action(job, again=again)
        except WheelproofError as error:
            action, why = "open", str(error)
        return action, job.task.image, why

    def _action(self, job: Job, *, again: bool) -> tuple[str, str]:
        task, release = job.task, job.release
        if release.sdist is None:
            return Verdict.NO_SDIST.value, "the release has no sdist"
        former = plan.nearest(task, release.version, self.results.of(release.project))
        if former is None or local_project.is_packed(release):
            return "build", "the folder is not as it was" if former else "never built"
        if former.inputs is None or former.inputs.sdist != release.sdist.sha256:
            return "build", f"another release than {former.version}"
        try:
            return self._settled(job, former.inputs, again=again)
        except _Unbuilt:
            return "build", "its build tools are built first"

    def _settled(self, job: Job, former: Inputs, *, again: bool) -> tuple[str, str]:
        """Tell by the inputs, as far as they can be settled without building."""
        task, release, image = job.task, job.release, self.context.images[job.task.image]
        effects = self.job_effects.effects(release.project, task.limits, long=job.long, again=again)
        effects = replace(effects, build=_build_nothing)
        effects = tool_policies.by_policy(task, image, effects, ToolBench(self.job_effects, image, task.limits))
        settled = inputs.settle(release, image, effects, task.config_settings)
        if isinstance(settled, Failure):
            return "judge", settled.reason.value
        wanted = inputs.inputs_of(task, release, image, settled.lock.digest)
        known = inputs.recorded(task, wanted, partial(self.results.find, release.project))
        judged = read(known) if known else None
        if judged is None:
            return "build", plan.why(wanted, former)
        if again:
            return "build", "asked to"
        return "skip", f"unchanged since {judged.finished:%Y-%m-%d}: {judged.verdict}"


class _Unbuilt(WheelproofError):  # noqa: N818 - not an error, but the end of what can be told without building
    """A tool is not built yet."""


def _build_nothing(_order: object, _answered: object) -> NoReturn:
    raise _Unbuilt


def matching_tasks(tasks: tuple[Task, ...], farm: Farm, log: Callable[[str], None]) -> tuple[Task, ...]:
    """Return the tasks whose markers fit their images; tell of the others."""
    left = [task for task in tasks if not applies(task.marker, farm.context.images[task.image].target)]
    for task in left:
        log(f"{task.requirement} is left out on {task.image}: {task.source} wants it where {task.marker}")
    return tuple(task for task in tasks if task not in left)


def nothing() -> None:
    """Publish nothing, as a plan does."""


def nothing_to_publish() -> bool:
    """Have nothing to publish, as a plan has."""
    return True


def open_farm(
    settings: Config,
    store: Results,
    tasks: tuple[Task, ...],
    publish_all: Callable[[], None],
    is_published: Callable[[], bool],
    *,
    jobs: int | None,
    again: bool,
) -> Farm:
    """Put a run together: engine, images, index, caches, results."""
    engine = engines.connect()
    engine.isolate(settings.isolation)
    sweep_all(settings.cache)
    made = _images(engine, settings, tasks)
    cores = sorted(os.sched_getaffinity(0))
    slots = CpuSlots(jobs or settings.jobs or _places(settings, tasks), cores, long=settings.long)
    stop = Cancellation()
    label = hashlib.sha256(str(store.folder.resolve()).encode()).hexdigest()[:16]
    displays: list[progress.Progress] = []
    index = Index(settings.index, settings.cache)
    job_effects = JobEffects(
        engine=engine,
        index=index,
        lock=locking(settings, index),
        buildenvs=BuildEnvironments(
            settings.cache, settings.index, compiled=_compiler(engine, tuple(made.values()), settings.cache, label)
        ),
        results=store,
        slots=slots,
        stop=stop,
        cache=settings.cache,
        label=label,
        crates=Crates(
            settings.cache,
            settings.crates,
            engine.run,
            label,
            ask=index.answer,
            downloads=settings.crates_downloads,
            private=settings.crates_private,
            read=engine.read_file,
        ),
        log=lambda project, what: displays[-1].doing(project, what) if displays else None,
        contents=Contents(settings.cache, engine.read_file, logs.warning),
    )
    whole = run.RunContext(
        release=lambda task: job_effects.release(task, made[task.image]),
        latest=store.latest,
        judge=lambda job: _judge(job_effects, made, job, again=again),
        write=store.write,
        publish=publish_all,
        is_published=is_published,
        images=made,
        slots=slots,
        stop=stop,
        long=settings.long,
    )
    return Farm(store, job_effects, whole, displays)


def _places(settings: Config, tasks: tuple[Task, ...]) -> int:
    """Return how many builds run at once where nobody decided: by the largest limit on memory among them."""
    cores, room = capacity.measured()
    largest = max((task.limits.memory for task in tasks), default=settings.defaults.limits.memory)
    places = capacity.builds_at_once(cores, room, largest)
    if places < cores:
        logs.info("memory has room for fewer builds than there are cores", builds=places, cores=cores)
    return places


@contextmanager
def container_cleanup(farm: Farm) -> Iterator[None]:
    """See to it that the run stops when it is asked to, and that no container of it is left at either end.

    Raises
    ------
    Interrupted
        It was stopped, and the engine failed it for that: its containers were killed.

    """
    engine, label = farm.job_effects.engine, farm.job_effects.label
    if left := engine.sweep(label):
        logs.info("removed what a former run left behind", containers=left)
    with _stopping(farm.context.stop, engine):
        try:
            yield
        except EngineError as error:
            if farm.context.stop.asked:
                raise Interrupted(STOPPED) from error
            raise
        finally:
            with suppress(EngineError):  # then the next run does it
                engine.sweep(label)


def run_tasks(
    settings: Config,
    store: Results,
    tasks: tuple[Task, ...],
    publisher: PublisherProcess,
    *,
    jobs: int | None,
    again: bool,
) -> run.RunOutcome:
    """Run tasks, and show it, with the site written as their results come.

    Raises
    ------
    WheelproofError
        The farm slipped, or was stopped.

    """
    farm = open_farm(settings, store, tasks, publisher.publish, publisher.is_published, jobs=jobs, again=again)
    for image in farm.context.images.values():
        store.keep_image(image)
    wanted = matching_tasks(tasks, farm, progress.note)
    with container_cleanup(farm), ExitStack() as display:
        return run.run(wanted, farm.context, lambda total: display.enter_context(farm.shown(total)))


def _judge(job_effects: JobEffects, made: Mapping[str, Image], job: Job, *, again: bool) -> Result | Path:
    task, release, image = job.task, job.release, made[job.task.image]
    job_effects.log(release.project, "settling its inputs")
    effects = job_effects.effects(release.project, task.limits, long=job.long, again=again)
    effects = tool_policies.by_policy(task, image, effects, ToolBench(job_effects, image, task.limits))
    if local_project.is_packed(release):
        found = job_effects.sdist(job, image, effects)
        if isinstance(found, Failure):
            return rebuild.rebuild(task, release, image, replace(effects, describe=lambda _path: found))
        release = found
    return rebuild.rebuild(task, release, image, effects)


def judge_with(settings: Config, store: Results, task: Task, folder: Path, packages: tuple[str, ...]) -> Result:
    """Judge a task on its image with Debian packages added, as a custom image in that folder of images/.

    Nothing is recorded.

    Raises
    ------
    ImageError
        There can be no such image.
    WheelproofError
        The farm slipped.

    """
    task = replace(task, budget=Budget(builds=0))
    if packages:
        folders = recipe.folders(settings.folder)
        with suggest.kept_on_error(folder):
            suggest.write(folder, task.image, packages)
            build.relock(engines.connect(), folder.name, folders, settings.cache, log=progress.note)
        task = replace(task, image=folder.name)
    farm = open_farm(settings, store, (task,), nothing, nothing_to_publish, jobs=None, again=True)
    with container_cleanup(farm):
        found = farm.context.judge(plan.Job(task, farm.context.release(task)))
    assert isinstance(found, Result)  # noqa: S101 - no record is taken for it, where all is done again
    return found


def _images(engine: engines.Engine, settings: Config, tasks: tuple[Task, ...]) -> Mapping[str, Image]:
    folders = recipe.folders(settings.folder)
    known = recipe.names(folders)
    wanted = dict.fromkeys(task.image for task in tasks)
    if unknown := [name for name in wanted if name not in known]:
        msg = f"using the image {unknown[0]}: there is none of that name; there are {', '.join(known)}"
        raise UsageError(msg)
    found = {
        name: build.ensure(engine, name, folders, settings.cache, strict=settings.strict, log=progress.note)
        for name in wanted
    }
    return {name: replace(image, runtime=engine.runtime) for name, image in found.items()}


def _compiler(
    engine: engines.Engine, made: tuple[Image, ...], cache: Path, label: str
) -> Callable[[Path, Target, IO[bytes]], None]:
    """Return what compiles build requirements, with the Python of an image that they are for."""
    guest = container.guest_folder(cache, first_environment(source="none", salt="0", source_date_epoch=None))

    def compiled(lib: Path, target: Target, out: IO[bytes]) -> None:
        image = next(image for image in made if image.target == target)
        builder.compile_modules(lib, image, guest, engine.run, label, out)

    return compiled


def locking(settings: Config, index: Index) -> Callable[..., Any]:
    """Return what locks build requirements; what cannot be met is remembered for as long as this is used."""
    today = datetime.now(UTC).date()
    return partial(
        resolve.lock,
        index_url=settings.index,
        as_of=settings.as_of,
        cache=settings.cache,
        today=today,
        index=index,
        failures={},
    )


@contextmanager
def _stopping(stop: Cancellation, engine: engines.Engine) -> Iterator[None]:
    """On Ctrl-C, SIGTERM, SIGHUP or SIGQUIT, kill what runs and take nothing new."""

    def ask(_number: int, _frame: object) -> None:
        stop.ask()
        # Not here: the handler may have interrupted whoever holds the engine's lock.
        threading.Thread(target=engine.stop, name="stopping").start()

    former = {number: signal.signal(number, ask) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
