"""What is built: the tracked groups, or the requirements of the command line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from pathlib import PurePath
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    canonicalize_name,
    parse_sdist_filename,
)
from packaging.version import Version

from orchestrator.config.suggestions import nearest
from orchestrator.errors import UsageError
from orchestrator.model import AUTO_IMAGE, BuildTools, Task, Tracked
from orchestrator.model.names import is_path
from orchestrator.requirement_files.entries import short

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from orchestrator.config.values import Config, Group, ProfileRecipe, Settings
    from orchestrator.model import Exclusion
    from orchestrator.requirement_files import Wanted


def tasks(
    config: Config,
    requirements: Sequence[str] = (),
    images: Sequence[str] = (),
    *,
    wanted: Sequence[Wanted] = (),
    profile: str | None = None,
) -> tuple[Task, ...]:
    """List what is judged: the enabled groups, or else just the `requirements` and the `wanted` given.

    Each image is a separate task. Of two tasks with the same requirement and image, the first one
    counts. An excluded project is left out unless it is requested by name. `images` and `profile`
    override every other choice of them.

    Raises
    ------
    UsageError
        A requirement is not valid, or the profile does not exist.

    """
    if profile and profile not in config.profiles:
        msg = f"building as {profile}: there is no such profile{nearest(profile, config.profiles)}; see profiles: in "
        raise UsageError(msg + "the configuration")
    chosen = _Chosen(tuple(dict.fromkeys(images)), profile)
    found: Iterator[Task]
    if requirements or wanted:
        found = chain(_asked(config, requirements, chosen), *(_wanted(config, one, chosen) for one in wanted))
    else:
        found = _tracked(config, chosen)
    once: dict[tuple[str, str], Task] = {}
    for task in found:
        once.setdefault((task.requirement, task.image), task)
    return tuple(once.values())


def tracked(config: Config) -> tuple[Tracked, ...]:
    """Return what the enabled groups build, each once: the project, its version if it is pinned, and the image.

    A requirement with a marker has no image here, nor has one on `auto`: the marker is evaluated later, and
    the release decides the image.
    """
    found = (
        Tracked(
            project(one.requirement),
            pinned(one.requirement),
            "" if one.marker or one.image == AUTO_IMAGE else one.image,
        )
        for one in _tracked(config, _Chosen())
    )
    return tuple(dict.fromkeys(found))


def pinned(requirement: str) -> str:
    """Return the one version that a requirement admits, normalized; empty where it admits several."""
    clauses = [] if is_path(requirement) else list(Requirement(requirement).specifier)
    if len(clauses) != 1 or clauses[0].operator != "==" or clauses[0].version.endswith(".*"):
        return ""
    return str(Version(clauses[0].version))


def checks(config: Config, exclusions: Iterable[Exclusion]) -> tuple[Task, ...]:
    """List the tasks that check exclusions, on the stock image; the custom image is needed only if that fails."""
    return tuple(dict.fromkeys(stock(config, one) for one in exclusions))


def excluded(config: Config, projects: Sequence[str]) -> tuple[Exclusion, ...]:
    """Return the exclusions of those projects, each once; all exclusions if no project is given.

    Raises
    ------
    UsageError
        A project is not excluded.

    """
    known = {one.project: one for one in config.exclusions}
    names = {one: canonicalize_name(one) for one in projects}
    for one, name in names.items():
        if name not in known:
            msg = f"checking {one!r}: the configuration excludes {', '.join(sorted(known)) or 'nothing'}"
            raise UsageError(msg)
    return tuple(known[name] for name in dict.fromkeys(names.values())) or config.exclusions


def stock(config: Config, exclusion: Exclusion) -> Task:
    """Return the project's task as if it were not excluded; of several images, it uses the first."""
    groups = (group for group in config.groups if exclusion.project in map(project, group.packages))
    return _check(_tasks(config, exclusion.project, _Chosen(), next(groups, None))[0])


def custom(config: Config, exclusion: Exclusion) -> Task | None:
    """Return the task on the image that may lift an exclusion; None if the exclusion names no image."""
    if not exclusion.image:
        return None
    return _check(_tasks(config, exclusion.project, _Chosen((exclusion.image,)))[0])


def _check(task: Task) -> Task:
    """Request the verdict only: differences are explained once the project is tracked."""
    return replace(task, group="", long=True, budget=replace(task.budget, builds=0), or_budget=task.budget)


def on_image(config: Config, task: Task, image: str) -> Task:
    """Return a task on another image, with the build tools for that image."""
    settings = config.packages.get(project(task.requirement), config.defaults)
    group = next((one for one in config.groups if one.name == task.group), None)
    recipe = config.profiles.get(task.profile.name) if task.profile else None
    return replace(task, image=image, tools=_tools(config, image, settings, recipe, group))


def project(requirement: str) -> str:
    """Return the normalized name of a requirement's project; empty for a folder, whose build decides the name."""
    if not is_path(requirement):
        return canonicalize_name(Requirement(requirement).name)
    try:
        return parse_sdist_filename(PurePath(requirement).name)[0]
    except InvalidSdistFilename:
        return ""


def requirement_of(value: str) -> str:
    """Write a requirement in its normal form (PEP 503, PEP 440); a ValueError names what is not allowed in it."""
    try:
        found = Requirement(value)
    except InvalidRequirement:
        msg = f"{short(value)} is not a requirement (PEP 508); write NAME or NAME==VERSION"
        raise ValueError(msg) from None
    if found.url:
        msg = f"{short(value)} names a URL, but only releases of the index are built; write NAME==VERSION"
    elif found.marker:
        msg = f"{short(value)} has a marker, but the image decides where it is built; leave out what follows the ;"
    elif found.extras:
        msg = f"{short(value)} has extras, but they change no wheel; leave out the brackets"
    else:
        return f"{canonicalize_name(found.name)}{found.specifier}"
    raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The choices of the command line."""

    images: tuple[str, ...] = ()
    profile: str | None = None


def _tracked(config: Config, chosen: _Chosen) -> Iterator[Task]:
    excluded = {one.project for one in config.exclusions}
    for group in config.groups:
        if group.enabled:
            for requirement in group.packages:
                if project(requirement) not in excluded:
                    yield from _tasks(config, requirement, chosen, group)
            for wanted in group.wanted:
                if wanted.project not in excluded:
                    yield from _wanted(config, wanted, chosen, group)


def _wanted(config: Config, wanted: Wanted, chosen: _Chosen, group: Group | None = None) -> Iterator[Task]:
    for task in _tasks(config, wanted.requirement, chosen, group):
        yield replace(task, hashes=wanted.allowed, expected=wanted.own, marker=wanted.marker, source=wanted.place)


def _asked(config: Config, requirements: Sequence[str], chosen: _Chosen) -> Iterator[Task]:
    understood, wrong = [], []
    for one in requirements:
        try:
            understood.append(one if is_path(one) else requirement_of(one))
        except ValueError as error:
            wrong.append(f"reading the requirement {one!r}: {error}")
    if wrong:
        raise UsageError("\n".join(wrong))
    return chain.from_iterable(_tasks(config, one, chosen) for one in understood)


def _tasks(config: Config, requirement: str, chosen: _Chosen, group: Group | None = None) -> tuple[Task, ...]:
    """Return the tasks of one requirement, one for each image."""
    settings = config.packages.get(project(requirement), config.defaults)
    recipe = config.profiles.get(chosen.profile or settings.profile or (group.profile if group else ""))
    own = (recipe.image,) if recipe and recipe.image else settings.images
    images = chosen.images or own or (group.images if group else config.images)
    return tuple(_task(config, requirement, image, settings, recipe, group) for image in images)


def _task(
    config: Config, requirement: str, image: str, settings: Settings, recipe: ProfileRecipe | None, group: Group | None
) -> Task:
    profile = recipe.profile if recipe else None
    hold = {*settings.hold, *((one for one in profile.fixes if one not in settings.remove) if profile else ())}
    return Task(
        requirement=requirement,
        image=image,
        group=group.name if group else "",
        hold=tuple(sorted(hold)),
        remove=settings.remove,
        source_date_epoch=recipe.source_date_epoch if recipe and recipe.sets_epoch else settings.source_date_epoch,
        tools=_tools(config, image, settings, recipe, group),
        profile=profile,
        limits=settings.limits,
        published=settings.published,
        config_settings=settings.config_settings,
        budget=settings.budget,
        as_of=_as_of(config, settings, group),
        spread=settings.spread,
    )


def _as_of(config: Config, settings: Settings, group: Group | None) -> datetime | None:
    """Return the moment that the package sets, or else the group or the configuration."""
    own = settings.as_of or (group.as_of if group else None)
    return own.moment if own else config.as_of


def _tools(
    config: Config, image: str, settings: Settings, recipe: ProfileRecipe | None, group: Group | None
) -> BuildTools:
    """Return the build tools that the profile sets, or else the package, the group, the image or the configuration."""
    choices = (
        recipe.tools if recipe else None,
        settings.tools,
        group.tools if group else None,
        config.image_tools.get(image),
    )
    return next((tools for tools in choices if tools is not None), config.tools)
