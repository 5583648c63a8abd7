"""A project's folder: its sdist is built first, and then judged like any other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.analysis.cautions import CHANGING_SDIST, DATED_VERSION
from orchestrator.build.container import Order
from orchestrator.build.environment import first_environment
from orchestrator.build.variations import BY_NAME
from orchestrator.job import inputs
from orchestrator.model import DETAIL, Failure, Origin, Phase, Reason, Release, Sdist, WheelFile
from orchestrator.model.names import BadNameError, SdistName

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.build.builder import Output
    from orchestrator.job.inputs import Effects, Settled
    from orchestrator.model import Environment, Image, Task

VERSION = "0"
"""The version of a project until its sdist is built."""

LATER = "400 days"
"""How far the variation of the time moves the clock, for readers."""

MOST_PATHS = 5
"""The number of files that an evidence names."""


def packed(project: str, url: str, file: WheelFile, content: str, *, git: bool) -> Release:
    """Return the release of a folder whose sdist is not built yet; its sdist is the packed folder itself.

    `content` identifies the folder's content, `git` is whether it has a `.git`.
    """
    sdist = Sdist(f"{project}-{VERSION}.tar.gz", url, file.sha256, file.size)
    return Release(project, VERSION, sdist, origin=Origin.FOLDER, packed=True, content=content, git=git)


@dataclass(frozen=True, slots=True)
class BuiltSdist:
    """The sdist of a folder, and what shows that it changes with the day."""

    file: WheelFile
    dated: tuple[tuple[str, str], ...] = ()  # (caution, evidence)


def build_sdist(
    task: Task,
    release: Release,
    image: Image,
    effects: Effects,
    unlike: Callable[[WheelFile, WheelFile], tuple[str, ...]],
) -> BuiltSdist | Failure:
    """Build the sdist of a packed folder, and once more on another day; return its file in the store, or the failure.

    The backend is asked first what it requires to build an sdist (PEP 517). `unlike` returns the paths of the
    files that differ between two sdists in the store.

    Raises
    ------
    WheelproofError
        The farm failed. Nothing is known about the project.

    """
    settled = inputs.settle_static(release, image, effects, task.config_settings)
    if isinstance(settled, Failure):
        return settled
    today = _environment(task, release, effects)
    order = partial(_order, task, release, image, effects)
    output = effects.build(order(today, settled, ask=True), _ignored)
    if output.missing:
        settled = inputs.extend(settled, output.asked or (), image, effects)
        if isinstance(settled, Failure):
            return settled
        output = effects.build(order(today, settled, ask=False), _ignored)
    file = _checked(output)
    if isinstance(file, Failure):
        return file
    found = settled

    def on_another_day(environment: Environment) -> WheelFile | Failure:
        return _checked(effects.build(order(environment, found, ask=False, name="sdist-later"), _ignored))

    return BuiltSdist(file, _dated(file, today, on_another_day, unlike))


def _dated(
    file: WheelFile,
    today: Environment,
    build: Callable[[Environment], WheelFile | Failure],
    unlike: Callable[[WheelFile, WheelFile], tuple[str, ...]],
) -> tuple[tuple[str, str], ...]:
    """Return what shows that an sdist changes with the day; nothing if it does not.

    The clock is later, and SOURCE_DATE_EPOCH is not set: it would give the version a day, too. If only files
    differ, one more build shows whether they do with the task's SOURCE_DATE_EPOCH.
    """
    later = BY_NAME["time"].apply(today)
    another = build(replace(later, source_date_epoch=None))
    if isinstance(another, Failure):  # a host that was short of something may be why: only the second counts
        another = build(replace(later, source_date_epoch=None))
    if isinstance(another, Failure):
        return ((CHANGING_SDIST, f"with a clock {LATER} later, it is not built: {another.detail}"[:DETAIL]),)
    if another.filename != file.filename:
        return ((DATED_VERSION, f"{file.filename}; with a clock {LATER} later, {another.filename}"),)
    if another.sha256 == file.sha256 or not (paths := unlike(file, another)):
        return ()
    if later.source_date_epoch is not None:
        another = build(later)
        paths = () if isinstance(another, Failure) else unlike(file, another)
    shown = ", ".join(paths[:MOST_PATHS]) + (f" and {len(paths) - MOST_PATHS} more" if len(paths) > MOST_PATHS else "")
    return ((CHANGING_SDIST, f"with a clock {LATER} later, it has other contents: {shown}"[:DETAIL]),) if paths else ()


def _environment(task: Task, release: Release, effects: Effects) -> Environment:
    environment = first_environment(
        source=f"{release.project}-{VERSION}", salt=effects.salt(), source_date_epoch=task.source_date_epoch
    )
    return replace(environment, config_settings=task.config_settings)


def _order(
    task: Task,
    release: Release,
    image: Image,
    effects: Effects,
    environment: Environment,
    settled: Settled,
    *,
    ask: bool,
    name: str = "sdist",
) -> Order:
    return Order(
        name=name,
        source=settled.source,
        environment=environment,
        requirements=effects.materialize(settled.lock, image.target),
        image=image,
        limits=task.limits,
        given=inputs.names(settled.lock),
        ask=ask,
        hook="build_sdist",
        crates=settled.crates,
        git=release.git,
    )


def _ignored(_answer: tuple[str, ...]) -> None:
    """Ignore which build requirements the backend names. No-op callback."""


def _checked(output: Output) -> WheelFile | Failure:
    build = output.build
    if build.failure is not None:
        return replace(build.failure, phase=Phase.BUILD_SDIST)
    assert build.wheel is not None  # noqa: S101 - a build has a wheel or a failure
    try:
        SdistName(build.wheel.filename)
    except BadNameError as error:
        detail = f"the build backend named it so: {error}; an sdist is called NAME-VERSION.tar.gz"
        return Failure(Reason.BROKEN_SDIST, Phase.BUILD_SDIST, detail)
    return build.wheel
