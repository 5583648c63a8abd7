"""A project's folder: its sdist is built first, and then judged like any other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.build.container import Order
from orchestrator.build.environment import first_environment
from orchestrator.job import inputs
from orchestrator.model import Failure, Origin, Phase, Reason, Release, Sdist, WheelFile
from orchestrator.model.names import BadNameError, SdistName

if TYPE_CHECKING:
    from orchestrator.build.builder import Output
    from orchestrator.job.inputs import Effects, Settled
    from orchestrator.model import Image, Task

VERSION = "0"
"""The version of a project until its sdist is built."""


def packed(project: str, url: str, sha256: str, size: int) -> Release:
    """Return the release of a folder whose sdist is not built yet; its sdist is the packed folder itself."""
    sdist = Sdist(f"{project}-{VERSION}.tar.gz", url, sha256, size)
    return Release(project, VERSION, sdist, origin=Origin.FOLDER, packed=True)


def build_sdist(task: Task, release: Release, image: Image, effects: Effects) -> WheelFile | Failure:
    """Build the sdist of a packed folder, and return its file in the store, or the failure.

    The backend is asked first what it requires to build an sdist (PEP 517).

    Raises
    ------
    WheelproofError
        The farm failed. Nothing is known about the project.

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
    return _checked(output)


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
