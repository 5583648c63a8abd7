"""Which image a task on `auto` is built on: the first of some whose Python the release admits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import config
from orchestrator.build_requirements.markers import applies
from orchestrator.errors import WheelproofError
from orchestrator.farm.workers import attempted
from orchestrator.images import recipe
from orchestrator.model import AUTO_IMAGE, Release, admits
from orchestrator.results.summary import version_key
from orchestrator.sources import reading
from orchestrator.sources.index import FRESH, Index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from packaging.version import Version

    from orchestrator.config import Config
    from orchestrator.images.recipe import Folders
    from orchestrator.model import Limits, Target, Task

    Releases = Callable[[Task, Sequence[str]], Sequence[Release]]  # the release of a task for each Python

_AT_ONCE = 8  # projects that the index is asked for at the same time


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image that `auto` may choose."""

    image: str
    target: Target


@dataclass(frozen=True, slots=True)
class Placement:
    """Tasks on images. Those whose image could not be chosen stay on `auto`, and have no verdict."""

    tasks: tuple[Task, ...]
    faults: Mapping[Task, WheelproofError] = field(default_factory=dict)  # why, for each task on `auto`


def placed(settings: Config, tasks: Iterable[Task]) -> Placement:
    """Replace `auto` by an image in each task; no image is built for that, and no engine is asked.

    Raises
    ------
    ImageError
        The lock of an image that `auto` may choose lists no Python.
    UsageError
        There is no such image.

    """
    several = tuple(tasks)
    if not any(task.image == AUTO_IMAGE for task in several):
        return Placement(several)
    among = candidates(settings.auto_images, recipe.folders(settings.folder))
    choose = partial(_on_chosen, settings, among, _releases(settings))
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        outcomes = list(pool.map(partial(attempted, choose), several))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a run that is stopped does not wait for the index
    faults = {task: error for task, error in zip(several, outcomes, strict=True) if isinstance(error, WheelproofError)}
    return Placement(tuple(task for task in outcomes if not isinstance(task, WheelproofError)), faults)


def insisted(settings: Config, task: Task) -> Task:
    """Return one task on an image, as `placed`; raise the error where the image cannot be chosen."""
    placement = placed(settings, (task,))
    for error in placement.faults.values():
        raise error
    return placement.tasks[0]


def candidates(names: Sequence[str], folders: Folders) -> tuple[Candidate, ...]:
    """Return the images that `auto` chooses from, as their locks list them."""
    recipe.check_names(folders, names)
    return tuple(Candidate(name, recipe.as_locked(recipe.load(folders, name)).target) for name in names)


def _releases(settings: Config) -> Releases:
    index = Index(settings.index, settings.cache, fresh=FRESH)

    def releases(task: Task, pythons: Sequence[str]) -> Sequence[Release]:
        if config.is_path(task.requirement):
            return [_local(Path(task.requirement), task.limits)] * len(pythons)
        return index.releases(task.requirement, pythons)

    return releases


def _local(path: Path, limits: Limits) -> Release:
    """Return what decides the image of an sdist or of a folder; what is wrong with it, its job reports."""
    return Release("", "0", None, reading.requires_python(path, limits))


def _on_chosen(settings: Config, among: Sequence[Candidate], releases: Releases, task: Task) -> Task:
    return task if task.image != AUTO_IMAGE else config.on_image(settings, task, choose(among, releases, task))


def choose(among: Sequence[Candidate], releases: Releases, task: Task) -> str:
    """Return the first image whose Python the task's release admits, or else the first of all.

    Where the task names no version, its release is the newest that the Python of any image admits, a
    stable one if there is one. An image for which the task's marker does not apply is no candidate.
    """
    fitting = [one for one in among if applies(task.marker, one.target)]
    if not fitting:
        return among[0].image  # where the marker leaves it out
    found = releases(task, [one.target.python for one in fitting])
    admitted = [
        (one, release)
        for one, release in zip(fitting, found, strict=True)
        if admits(release.requires_python, one.target.python)
    ]
    best = max(admitted, key=lambda pair: _rank(pair[1]), default=(fitting[0], None))  # of equal ones, the first
    return best[0].image


def _rank(release: Release) -> tuple[bool, Version]:
    version = version_key(release.version)[1]
    return not version.is_prerelease, version
