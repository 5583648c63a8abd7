"""A project's folder: its sdist is built first, and judged then like any other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.build.container import Order
from orchestrator.build.environment import first_environment
from orchestrator.job import inputs
from orchestrator.model import Failure, Phase, Reason, Release, Sdist, WheelFile
from orchestrator.model.names import BadNameError, SdistName

if TYPE_CHECKING:
    from orchestrator.build.builder import Output
    from orchestrator.job.inputs import Effects, Settled
    from orchestrator.model import Image, Task

VERSION = "0"
"""The version of a project as long as no sdist of it tells another."""


def packed(project: str, url: str, sha256: str, size: int) -> Release:
    """Return what stands for a folder until its sdist is built: the folder itself, packed."""
    return Release(project, VERSION, Sdist(f"{project}-{VERSION}.tar.gz", url, sha256, size))


def is_packed(release: Release) -> bool:
    """Tell whether a release is a packed folder, whose sdist is still to be built: its URL is that of a folder."""
    return release.sdist is not None and release.sdist.url.endswith("/")


def build_sdist(task: Task, release: Release, image: Image, effects: Effects) -> WheelFile | Failure:
    """Build the sdist of a packed folder, and return it, as it lies in the store; or say why there is none.

    As PEP 517 has it, the backend is asked first what it requires to build an sdist.

    Raises
    ------
    WheelproofError
        The farm slipped. Nothing is known about the project.

    """
    settled = inputs.settle_static(release, image, effects, task.config_settings)
    if isinstance(settled, Failure):
        return settled
    output = _built(task, release, image, settled, effects, ask=True)
    if output.missing:
        settled = inputs.extend(settled, output.asked or (), image, effects)
        if isinstance(settled, Failure):
            return settled
        output = _built(task, release, image, settled, effects, ask=False)
    return _looked_at(output)


def _built(task: Task, release: Release, image: Image, settled: Settled, effects: Effects, *, ask: bool) -> Output:
    environment = first_environment(
        source=f"{release.project}-{VERSION}", salt=effects.salt(), source_date_epoch=task.source_date_epoch
    )
    order = Order(
        name="sdist",
        source=settled.source,
        environment=replace(environment, config_settings=task.config_settings),
        requirements=effects.materialize(settled.lock, image.target),
        image=image,
        limits=task.limits,
        given=inputs.names(settled.lock),
        ask=ask,
        hook="build_sdist",
        crates=settled.crates,
    )
    return effects.build(order, lambda _answer: None)


def _looked_at(output: Output) -> WheelFile | Failure:
    build = output.build
    if build.failure is not None:
        return replace(build.failure, phase=Phase.BUILD_SDIST)
    assert build.wheel is not None  # noqa: S101 - a build gives one or the other
    try:
        SdistName(build.wheel.filename)
    except BadNameError as error:
        detail = f"the build backend named it so: {error}; an sdist is called NAME-VERSION.tar.gz"
        return Failure(Reason.BROKEN_SDIST, Phase.BUILD_SDIST, detail)
    return build.wheel
