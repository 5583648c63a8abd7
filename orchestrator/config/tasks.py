"""What is to be built: the tracked groups, or what the command line asks for."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    canonicalize_name,
    parse_sdist_filename,
)

from orchestrator.config.words import short
from orchestrator.errors import UsageError
from orchestrator.model import Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.config.values import Config, Group


def tasks(config: Config, requirements: Sequence[str] = (), image: str | None = None) -> tuple[Task, ...]:
    """List what is to be judged: the enabled groups, or else just the `requirements` given.

    What stands twice for one image is one task, and the first wins. An excluded project is left
    out unless it is asked for by name; `image` goes before every other choice of one.

    Raises
    ------
    UsageError
        A requirement that was given is none.

    """
    found = _asked(config, requirements, image) if requirements else _tracked(config, image)
    once: dict[tuple[str, str], Task] = {}
    for task in found:
        once.setdefault((task.requirement, task.image), task)
    return tuple(once.values())


def tracked(config: Config) -> tuple[str, ...]:
    """Return the normalized names of all projects that the enabled groups build, sorted."""
    return tuple(sorted({project(task.requirement) for task in _tracked(config, None)}))


def is_path(requirement: str) -> bool:
    """Tell whether a requirement is the path of an sdist, or of a project's folder.

    As pip has it: a path begins with a dot, has a slash, or ends as an archive does.
    """
    if "://" in requirement or " @" in requirement:
        return False
    return "/" in requirement or requirement.startswith(".") or requirement.endswith((".tar.gz", ".zip"))


def project(requirement: str) -> str:
    """Return the normalized name of a requirement's project; empty for a folder, which only its build names."""
    if not is_path(requirement):
        return canonicalize_name(Requirement(requirement).name)
    try:
        return parse_sdist_filename(PurePath(requirement).name)[0]
    except InvalidSdistFilename:
        return ""


def requirement_of(value: str) -> str:
    """Write a requirement in its normal form (PEP 503, PEP 440); a ValueError says what it may not have."""
    try:
        found = Requirement(value)
    except InvalidRequirement:
        msg = f"{short(value)} is no requirement (PEP 508); write NAME or NAME==VERSION"
        raise ValueError(msg) from None
    if found.url:
        msg = f"{short(value)} names a URL, but only releases of the index are built; write NAME==VERSION"
    elif found.marker:
        msg = f"{short(value)} has a marker, but the image decides where it is built; leave out what follows the ;"
    elif found.extras:
        msg = f"{short(value)} has extras, but they change no wheel; leave out what stands in brackets"
    else:
        return f"{canonicalize_name(found.name)}{found.specifier}"
    raise ValueError(msg)


def _tracked(config: Config, image: str | None) -> Iterator[Task]:
    excluded = {one.project for one in config.exclusions}
    for group in config.groups:
        for requirement in group.packages if group.enabled else ():
            if project(requirement) not in excluded:
                yield _task(config, requirement, image, group)


def _asked(config: Config, requirements: Sequence[str], image: str | None) -> Iterator[Task]:
    understood, wrong = [], []
    for one in requirements:
        try:
            understood.append(one if is_path(one) else requirement_of(one))
        except ValueError as error:
            wrong.append(f"reading the requirement {one!r}: {error}")
    if wrong:
        raise UsageError("\n".join(wrong))
    return (_task(config, one, image) for one in understood)


def _task(config: Config, requirement: str, image: str | None, group: Group | None = None) -> Task:
    settings = config.packages.get(project(requirement), config.defaults)
    return Task(
        requirement=requirement,
        image=image or settings.image or (group.image if group else config.image),
        group=group.name if group else "",
        hold=settings.hold,
        remove=settings.remove,
        source_date_epoch=settings.source_date_epoch,
        limits=settings.limits,
        budget=settings.budget,
        published=settings.published,
    )
