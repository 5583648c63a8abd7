"""The inputs of one job, settled before anything is built; its effects come as callables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from orchestrator.analysis import failure_signs
from orchestrator.guest.main import MOST_REQUIREMENTS, satisfied, unreadable
from orchestrator.model import (
    METHOD,
    Failure,
    Inputs,
    Lock,
    Phase,
    Reason,
    Wheel,
    digest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from orchestrator.build.builder import Output
    from orchestrator.build.container import Order
    from orchestrator.model import (
        Build,
        Diagnosis,
        Image,
        Missing,
        Published,
        Release,
        Sdist,
        Target,
        Task,
    )
    from orchestrator.sources.sdist import Source


NOTHING = Lock()
"""What is required where nothing was settled."""


def _none_known(_missing: tuple[Missing, ...], _image: Image) -> tuple[str, ...]:
    """Name no Debian packages."""
    return ()


@dataclass(frozen=True, slots=True)
class Effects:
    """All that a job does to the world, and asks of it."""

    fetch: Callable[[Sdist], Path]
    describe: Callable[[Path], Source | Failure]
    lock: Callable[[Sequence[str], Target], Lock | Failure]
    materialize: Callable[[Lock, Target], Path]
    recall: Callable[[str], tuple[str, ...] | None]  # the dynamic build requirements, once asked for
    remember: Callable[[str, tuple[str, ...]], None]
    build: Callable[[Order, Callable[[tuple[str, ...]], None]], Output]
    read: Callable[[Build], Wheel | Failure]
    diagnose: Callable[[Build, Build], Diagnosis | None]  # None where the wheels cannot be looked into
    known: Callable[[str, str], Path | None]  # project, job -> the record that there is already
    salt: Callable[[], str]
    now: Callable[[], datetime]
    published: Callable[[Release, Build], Published | None] = lambda _release, _build: None  # against the index's
    packages: Callable[[tuple[Missing, ...], Image], tuple[str, ...]] = _none_known  # of Debian, that have it
    crates: Callable[[Source, Image], Path | Failure | None] = lambda _source, _image: None


@dataclass(frozen=True, slots=True)
class Settled:
    """The inputs of one job, as far as they can be settled before something is built."""

    source: Source
    lock: Lock
    asked: bool  # the dynamic build requirements are in the lock
    question: str  # the key under which their list is remembered
    crates: Path | None = None  # what the build gets as its CARGO_HOME


def settle(
    release: Release, image: Image, effects: Effects, config_settings: tuple[tuple[str, str], ...] = ()
) -> Settled | Failure:
    """Settle the sdist and the build requirements, as far as that needs no container."""
    settled = settle_static(release, image, effects, config_settings)
    answer = None if isinstance(settled, Failure) else effects.recall(settled.question)
    return settled if isinstance(settled, Failure) or answer is None else extend(settled, answer, image, effects)


def settle_static(
    release: Release, image: Image, effects: Effects, config_settings: tuple[tuple[str, str], ...] = ()
) -> Settled | Failure:
    """Settle the sdist and the build requirements that it names itself."""
    assert release.sdist is not None  # noqa: S101 - the caller has looked
    source = effects.describe(effects.fetch(release.sdist))
    if isinstance(source, Failure):
        return source
    lock = _lock(source.requires, image, effects)
    if isinstance(lock, Failure):
        return lock
    question = digest((release.sdist.sha256, lock.digest, image.manifest, config_settings))
    crates = effects.crates(source, image)
    return (
        crates if isinstance(crates, Failure) else Settled(source, lock, asked=False, question=question, crates=crates)
    )


def extend(settled: Settled, answer: tuple[str, ...], image: Image, effects: Effects) -> Settled | Failure:
    """Add the dynamic build requirements, where they are more than a name that is there anyway."""
    if satisfied(answer, names(settled.lock)):
        return replace(settled, asked=True)
    lock = _lock((*settled.source.requires, *answer), image, effects)
    return lock if isinstance(lock, Failure) else replace(settled, lock=lock, asked=True)


def _lock(requirements: tuple[str, ...], image: Image, effects: Effects) -> Lock | Failure:
    """Lock build requirements; a text that can be none of them is the package's failure, and goes no further."""
    why = next(filter(None, map(unreadable, requirements)), "")
    if len(requirements) > MOST_REQUIREMENTS:
        why = f"{len(requirements)} build requirements are more than any build needs"
    if why:
        return Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, why, failure_signs.printable(why))
    return effects.lock(requirements, image.target)


def names(lock: Lock) -> tuple[str, ...]:
    """Name all that a lock gives, normalized."""
    given = (*(pin.name for pin in lock.pins), *(one.name for one in lock.provided))
    return tuple(canonicalize_name(name) for name in given)


def inputs_of(task: Task, release: Release, image: Image, build_requirements: str) -> Inputs:
    """Put together all that decides a verdict."""
    assert release.sdist is not None  # noqa: S101 - nothing is built without
    return Inputs(
        method=METHOD,
        project=release.project,
        version=release.version,
        sdist=release.sdist.sha256,
        build_requirements=build_requirements,
        image=image.name,
        manifest=image.manifest,
        source_date_epoch=task.source_date_epoch,
        hold=tuple(sorted(task.hold)),
        remove=tuple(sorted(task.remove)),
        limits=task.limits,
        budget=task.budget,
        published=task.published,
        policy=task.tools.policy,
        frontend=task.tools.frontend,
        profile=task.profile,
        config_settings=task.config_settings,
        runtime=image.runtime,
    )


def recorded(task: Task, inputs: Inputs, find: Callable[[str], Path | None]) -> Path | None:
    """Find the record of these inputs, by its job; or that of others which will do as well."""
    others = replace(inputs, budget=task.or_budget) if task.or_budget else inputs
    return find(digest(inputs)) or find(digest(others))
