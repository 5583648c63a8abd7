"""A wheelhouse: verdicts of a set of releases, the smallest common recipe, and its proof for each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator import __version__, config
from orchestrator.errors import IncompleteError, ResultsError
from orchestrator.farm import assemble
from orchestrator.farm.proving import Workshop, check_settings
from orchestrator.model import (
    WHEELHOUSE_SCHEMA,
    LeftOut,
    MemberKind,
    Policy,
    Wheelhouse,
    digest,
)
from orchestrator.recipes import SetInputs
from orchestrator.recipes import wheelhouse as texts
from orchestrator.results.store import read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.experiments.remedies import Remedy
    from orchestrator.farm.proving import Proven
    from orchestrator.farm.run import RunOutcome
    from orchestrator.model import Profile, Result, Task
    from orchestrator.publish.publisher_process import PublisherProcess
    from orchestrator.results.store import Results


@dataclass(frozen=True, slots=True)
class Asked:
    """What a wheelhouse is made of: the tasks to judge, and what is left out before that."""

    tasks: tuple[Task, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A wheelhouse, and how it came about."""

    house: Wheelhouse
    records: Mapping[str, Result]  # by job: the verdicts of its members, and of those left out
    because: tuple[tuple[str, tuple[str, ...]], ...]  # each remedy with the releases that need it
    profile: Profile | None  # what it sets is part of the recipe
    smallest: bool  # whether every smaller recipe is ruled out by the records
    built: int  # builds made now
    seconds: float  # that it took now
    sources: Mapping[str, Path]  # by SHA-256: sdists that nobody else can fetch
    outcome: RunOutcome  # with the faults of proofs: what stayed open


# --- what is judged --------------------------------------------------------------------------


def asked(settings: Config, tasks: Sequence[Task], *, image: str | None, source: bool) -> Asked:
    """Return what is judged: each requirement once, on its own image or on the one that is to lift its exclusion.

    All tasks get one SOURCE_DATE_EPOCH, and a profile only if all have it, since a common recipe has one of each. None
    holds a variation that the profile does not set: the proof varies all that the recipe does not set.

    Raises
    ------
    UsageError
        The profile has settings that no script can bring about.

    """
    profiles = {task.profile for task in tasks}
    profile = profiles.pop() if len(profiles) == 1 else None
    check_settings(SetInputs(remedies=(), python="", image="", packages=(), source_date_epoch=None, profile=profile))
    exclusions = {one.project: one for one in settings.exclusions}
    found: dict[str, Task] = {}
    left: dict[str, LeftOut] = {}
    for task in tasks:
        exclusion = exclusions.get(config.project(task.requirement))
        if exclusion and exclusion.never:
            reason = f"excluded: {exclusion.reason}"
            left[task.requirement] = LeftOut(task.requirement, exclusion.project, "", task.image, "", reason)
        elif task.requirement not in found:
            custom = exclusion.image if exclusion and not image else ""
            placed = config.on_image(settings, task, custom) if custom else task
            found[task.requirement] = _common_settings(settings, placed, profile, source=source)
    return Asked(tuple(found.values()), tuple(left.values()))


def _common_settings(settings: Config, task: Task, profile: Profile | None, *, source: bool) -> Task:
    tools = replace(task.tools, policy=Policy.SOURCE, pins=(), file="", strict=False) if source else task.tools
    epoch = task.source_date_epoch if profile else settings.defaults.source_date_epoch
    hold = tuple(sorted(set(profile.fixes) - set(task.remove))) if profile else ()
    settled = replace(task, hold=hold, spread=False, published=False)
    return replace(settled, source_date_epoch=epoch, profile=profile, tools=tools)


# --- the wheelhouse --------------------------------------------------------------------------


def make(
    settings: Config,
    store: Results,
    wanted: Asked,
    publisher: PublisherProcess,
    *,
    jobs: int | None,
    again: bool,
) -> Made:
    """Judge a set of releases, find their common recipe, and prove it; nothing is written but records.

    Raises
    ------
    IncompleteError
        Every release is excluded for good.
    WheelproofError
        The farm failed, or was stopped.

    """
    if not wanted.tasks:
        lines = "\n".join(f"  {one.project}: {one.reason}" for one in wanted.left_out)
        msg = f"making a wheelhouse: no release can be included\n{lines}"
        raise IncompleteError(msg)
    started = datetime.now(UTC)
    outcome = assemble.run_tasks(settings, store, wanted.tasks, publisher, jobs=jobs, again=again)
    pairs = [
        (task, result)
        for task, path in zip(outcome.tasks, outcome.records, strict=True)
        if (result := read(path)) is not None
    ]
    if len(pairs) < len(outcome.records):
        msg = "reading the records of this run: some cannot be read any more; run the command again"
        raise ResultsError(msg)
    built = sum(len(result.builds) for _, result in pairs if result.started >= started)
    place = {task.requirement: number for number, task in enumerate(wanted.tasks)}
    pairs.sort(key=lambda pair: place.get(pair[0].requirement, len(place)))  # records come as they were ready
    workshop = Workshop(settings, store, outcome.tasks or wanted.tasks, jobs=jobs, again=again)
    proven = workshop.proven(pairs)
    open_ = (*outcome.open, *proven.open)
    house = _house(started, proven, wanted, pairs, tuple(sorted({name for name, _ in open_})))
    return Made(
        house=recorded(store, house),
        records={result.job: result for _, result in pairs},
        because=proven.because,
        profile=proven.given.profile,
        smallest=proven.best.common.smallest,
        built=built + proven.built,
        seconds=(datetime.now(UTC) - started).total_seconds(),
        sources=proven.sources,
        outcome=replace(outcome, open=open_, faults=(*outcome.faults, *proven.faults)),
    )


def may_be_handed_out(house: Wheelhouse, *, keep_going: bool) -> bool:
    """Return whether the folder is written: one that has tools at most is not, nor a part of the set unasked."""
    has_wheels = any(one.kind is MemberKind.WHEEL for one in house.wheels)
    return has_wheels and (keep_going or not (house.left_out or house.open))


def recorded(store: Results, house: Wheelhouse) -> Wheelhouse:
    """Record a wheelhouse; an equal one that is recorded already stays, and is returned, unless it was changed."""
    former = store.wheelhouse(house.id)
    if former is not None and id_of(former) == former.id:
        return former
    store.write_wheelhouse(house)
    return house


def _house(
    started: datetime,
    proven: Proven,
    wanted: Asked,
    pairs: Sequence[tuple[Task, Result]],
    open_: tuple[str, ...],
) -> Wheelhouse:
    left = tuple(sorted((*wanted.left_out, *proven.left_out), key=lambda one: (one.project, one.requirement)))
    tools = any(one.kind is MemberKind.TOOL for one in proven.wheels)
    folders = (texts.DATA, *([texts.TOOLS] if tools else []), *([texts.SOURCES] if proven.sources else []))
    profile = proven.given.profile
    house = Wheelhouse(
        schema=WHEELHOUSE_SCHEMA,
        id="",
        wheelproof=__version__,
        started=started,
        finished=datetime.now(UTC),
        remedies=proven.best.common.remedies,
        source_date_epoch=proven.given.source_date_epoch,
        script=texts.program(proven.given),
        dockerfile=texts.dockerfile(proven.given, folders),
        wheels=proven.wheels,
        left_out=left,
        builds=sum(len(result.builds) for _, result in pairs) + proven.builds,
        profile=profile.name if profile else "",
        open=tuple(one for one in open_ if one not in {wheel.requirement for wheel in proven.wheels}),
    )
    return replace(house, id=id_of(house))


def id_of(house: Wheelhouse) -> str:
    """Return the id that a wheelhouse has by what it was made from and what it lacks."""
    made_of = [(one.kind, one.job, one.data, one.wheel.sha256) for one in house.wheels]
    left_of = [(one.requirement, one.job, one.reason) for one in house.left_out]
    texts_ = (house.script, house.dockerfile, house.profile)
    return digest(("wheelhouse", WHEELHOUSE_SCHEMA, texts_, made_of, left_of, house.open))


def written(remedy: Remedy) -> str:
    """Return what a remedy sets, as rebuild.sh has it, in a few words."""
    how = remedy.written
    pairs = (f"{key}={value}" for key, value in (*how.variables, *how.settings))
    words = (" ".join(how.wrap), "a fixed folder" if how.fixed_folder else "", f"{how.length}" if how.length else "")
    found = (*how.lines, *pairs, *how.flags, *how.finish, *words)
    return "; ".join(filter(None, found)) or how.note or remedy.summary


def profile_settings(profile: Profile) -> tuple[tuple[str, str], ...]:
    """Return the settings of a profile, each with its value."""
    values = {
        "umask": "" if profile.umask is None else f"umask {profile.umask:03o}",
        "build-path": profile.build_path,
        "timezone": f"TZ={profile.timezone}" if profile.timezone else "",
        "hash-seed": "" if profile.hash_seed is None else f"PYTHONHASHSEED={profile.hash_seed}",
    }
    return tuple((name, value) for name, value in values.items() if value)
