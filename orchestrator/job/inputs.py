"""The inputs of one job, settled before its first build. All effects are callables that the caller passes in."""

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
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from orchestrator.build.builder import Output
    from orchestrator.build.container import Order
    from orchestrator.model import (
        Build,
        Diagnosis,
        Grounds,
        Image,
        Missing,
        Pin,
        ProgramChange,
        Release,
        Sdist,
        Target,
        Task,
    )
    from orchestrator.recipes import Pinned
    from orchestrator.sources.sdist import Source


NOTHING = Lock()
"""The build requirements of a job whose inputs were not settled."""


def _no_packages(_missing: tuple[Missing, ...], _image: Image) -> tuple[str, ...]:
    """Name no Debian packages."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlingEffects:
    """The effects that settle a job's inputs. None of them needs a container engine."""

    fetch: Callable[[Sdist], Path]
    describe: Callable[[Path, Sdist], Source | Failure]  # the fetched file, and what it is
    lock: Callable[[Sequence[str], Target], Lock | Failure]
    recall: Callable[[str], tuple[str, ...] | None]  # the dynamic build requirements of an earlier answer
    crates: Callable[[Source, Image], Path | Failure | None] = lambda _source, _image: None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeEffects:
    """The effects that running a recipe needs."""

    offered: Callable[[tuple[Pinned, ...], Target], tuple[Pin, ...] | str]  # what a recipe pins; or why it is not there
    file: Callable[[str], Path]  # a text as a file
    wheels: Callable[[Sequence[Pin]], Path]  # a folder with the files of wheels
    folder: Callable[[Mapping[str, str], Sequence[Pin]], Path]  # texts by path, and wheels in tools/, as a folder
    changes: Callable[[Build, Build], tuple[ProgramChange, ...]]  # of a remedied build, against one without remedies


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects(SettlingEffects):
    """All effects of one job."""

    materialize: Callable[[Lock, Target], Path]
    remember: Callable[[str, tuple[str, ...]], None]
    build: Callable[[Order, Callable[[tuple[str, ...]], None]], Output]
    read: Callable[[Build], Wheel | Failure]
    diagnose: Callable[[Build, Build, Grounds], Diagnosis | None]  # None where the wheels cannot be parsed
    known: Callable[[str, str], Path | None]  # (project, job id) -> the existing record
    salt: Callable[[], str]
    now: Callable[[], datetime]
    packages: Callable[[tuple[Missing, ...], Image], tuple[str, ...]] = _no_packages  # Debian's, that provide these
    recipes: RecipeEffects | None = None  # None: recipes are not run
    cpu_caution: Callable[[Build], str] = lambda _build: ""  # why a build may depend on its processor; empty: no sign


@dataclass(frozen=True, slots=True)
class Settled:
    """The inputs of one job, as far as they can be settled without a build."""

    source: Source
    lock: Lock
    asked: bool  # whether the lock includes the dynamic build requirements
    question: str  # the key under which the dynamic build requirements are remembered
    crates: Path | None = None  # the build's CARGO_HOME
    repair: Lock | None = None  # the tools that repair the built wheel; None: nothing does


def settle(
    release: Release, image: Image, effects: SettlingEffects, config_settings: tuple[tuple[str, str], ...] = ()
) -> Settled | Failure:
    """Settle the sdist and the build requirements, as far as no container is needed for it."""
    settled = settle_static(release, image, effects, config_settings)
    answer = None if isinstance(settled, Failure) else effects.recall(settled.question)
    return settled if isinstance(settled, Failure) or answer is None else extend(settled, answer, image, effects)


def settle_static(
    release: Release, image: Image, effects: SettlingEffects, config_settings: tuple[tuple[str, str], ...] = ()
) -> Settled | Failure:
    """Settle the sdist and the build requirements that the sdist declares."""
    assert release.sdist is not None  # noqa: S101 - the caller has checked
    source = effects.describe(effects.fetch(release.sdist), release.sdist)
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


def extend(settled: Settled, answer: tuple[str, ...], image: Image, effects: SettlingEffects) -> Settled | Failure:
    """Add the dynamic build requirements; lock again only where the lock does not satisfy them."""
    if satisfied(answer, names(settled.lock)):
        return replace(settled, asked=True)
    lock = _lock((*settled.source.requires, *answer), image, effects)
    return lock if isinstance(lock, Failure) else replace(settled, lock=lock, asked=True)


def _lock(requirements: tuple[str, ...], image: Image, effects: SettlingEffects) -> Lock | Failure:
    """Lock build requirements; a text that is no requirement is the package's failure and is not passed on."""
    why = next(filter(None, map(unreadable, requirements)), "")
    if len(requirements) > MOST_REQUIREMENTS:
        why = f"{len(requirements)} build requirements are more than any build needs"
    if why:
        return Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, why, failure_signs.printable(why))
    return effects.lock(requirements, image.target)


def names(lock: Lock) -> tuple[str, ...]:
    """List the normalized names of all distributions that a lock provides."""
    distributions = (*(pin.name for pin in lock.pins), *(provided.name for provided in lock.provided))
    return tuple(canonicalize_name(name) for name in distributions)


def inputs_of(task: Task, release: Release, image: Image, build_requirements: str) -> Inputs:
    """Collect all inputs that decide a verdict; `build_requirements` is the lock's digest."""
    assert release.sdist is not None  # noqa: S101 - nothing is built without one
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
        policy=task.tools.policy,
        frontend=task.tools.frontend,
        profile=task.profile,
        config_settings=task.config_settings,
        runtime=image.runtime,
        spread=task.spread,
    )


def unsettled(task: Task, release: Release, image: Image, failure: Failure) -> Inputs:
    """Return the inputs of a job whose inputs could not be settled.

    They settle no later run: the index may offer what is missing at any time, so each run tries again.
    """
    return inputs_of(task, release, image, f"unsettled: {failure.detail}")


def recorded(task: Task, inputs: Inputs, find: Callable[[str], Path | None]) -> Path | None:
    """Find the record of these inputs by its job id, or a record with the other budget that the task accepts."""
    others = replace(inputs, budget=task.or_budget) if task.or_budget else inputs
    return find(digest(inputs)) or find(digest(others))
