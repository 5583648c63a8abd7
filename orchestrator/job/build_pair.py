"""The two builds of one job, in two environments, on one set of inputs."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.build.container import Order
from orchestrator.build.environment import first_environment, profiled, recreated
from orchestrator.build.variations import second_environment
from orchestrator.guest.main import satisfied
from orchestrator.job.inputs import extend, names
from orchestrator.model import (
    Failure,
    Frontend,
    Phase,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from orchestrator.build.builder import Output
    from orchestrator.job.inputs import Effects, Settled
    from orchestrator.model import (
        Build,
        Environment,
        Image,
        Release,
        Task,
    )


def environments(task: Task, release: Release, salt: str, now: datetime) -> tuple[Environment, Environment]:
    """Return the two environments of a job."""
    first = first_environment(
        source=f"{release.project}-{release.version}", salt=salt, source_date_epoch=task.source_date_epoch
    )
    first = profiled(first, task.profile, release.sdist.filename if release.sdist else "")
    first = recreated(replace(first, config_settings=task.config_settings), task.recreation, now)
    fixed = task.recreation.fixes if task.recreation else ()
    return first, second_environment(first, (*task.unvaried, *fixed), spread=task.spread)


def build_twice(
    task: Task, release: Release, image: Image, settled: Settled, effects: Effects
) -> tuple[Settled, Output, Output] | Failure:
    """Build in both environments in parallel, on one set of inputs.

    Where the dynamic build requirements are unknown, the first build asks the backend for them before it
    builds, and the second starts when they are known; where the first gets no answer, the second asks too.
    Where the lock does not satisfy them, both builds start again with the extended lock; a Failure is
    returned where it cannot be extended.
    """
    first_environment, second_environment = environments(task, release, effects.salt(), effects.now())
    order = partial(order_for, task=task, release=release, image=image, effects=effects)
    second: list[Future[Output]] = []
    with ThreadPoolExecutor(1) as aside:

        def begin_second(*, ask: bool = False) -> None:
            if not second:
                second.append(
                    aside.submit(
                        effects.build, order("second", second_environment, settled=settled, ask=ask), no_answer
                    )
                )

        def answered(answer: tuple[str, ...]) -> None:
            effects.remember(settled.question, answer)
            if satisfied(answer, names(settled.lock)):  # the guest goes on building by the same rule
                begin_second()

        if settled.asked:
            begin_second()
        first = effects.build(order("first", first_environment, settled=settled, ask=not settled.asked), answered)
        lacking = first
        if not first.missing:
            # Where the question itself failed, the second build asks too, or it would not fail as the first did.
            begin_second(ask=unanswered(first.build))
            lacking = second[0].result()
        if lacking.missing:
            extended = extend(settled, lacking.asked or (), image, effects)
            return extended if isinstance(extended, Failure) else build_twice(task, release, image, extended, effects)
        return settled, first, second[0].result()


def unanswered(build: Build) -> bool:
    """Return whether a build failed while its backend was asked for the dynamic build requirements."""
    return build.failure is not None and build.failure.phase is Phase.REQUIREMENTS


def no_answer(_answer: tuple[str, ...]) -> None:
    """Ignore the answer. No-op callback."""


def builder_of(
    task: Task, release: Release, image: Image, settled: Settled, effects: Effects, first: Build
) -> Callable[[str, Environment], Build]:
    """Return a function that builds the settled inputs again, under a name and in an environment.

    The control build asks the backend for its requirements where the first build failed to get them.
    """

    def build(name: str, environment: Environment) -> Build:
        ask = name == "control" and unanswered(first)
        order = order_for(
            name, environment, task=task, release=release, image=image, settled=settled, effects=effects, ask=ask
        )
        return effects.build(order, no_answer).build

    return build


def order_for(
    name: str,
    environment: Environment,
    *,
    task: Task,
    release: Release,
    image: Image,
    settled: Settled,
    effects: Effects,
    ask: bool = False,
) -> Order:
    """Return the order of one build of settled inputs."""
    return Order(
        name=name,
        source=settled.source,
        environment=environment,
        requirements=effects.materialize(settled.lock, image.target),
        image=image,
        limits=task.limits,
        given=names(settled.lock),
        ask=ask,
        crates=settled.crates,
        repair_tools=effects.materialize(settled.repair, image.target) if settled.repair else None,
        pip=release.project if task.tools.frontend is Frontend.PIP else "",
        project=release.project,
        spread=task.spread,
    )
