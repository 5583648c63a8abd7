"""Checks of what a command is asked for: a request that cannot succeed is refused before anything is written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import AbsentError, NoReleaseError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.config import Config
    from orchestrator.requirement_files import Wanted
    from orchestrator.results.store import Results
    from orchestrator.sources.index import Index

_AT_ONCE = 8  # projects that the index is asked for at the same time
_LISTED = 10  # names in a message
_ANY_PYTHON = "3"  # whether a release fits the image's Python is a matter of its job


def check_images(names: Iterable[str], settings: Config, *, auto: bool = False) -> None:
    """Check that the images of those names exist; with `auto`, that is a name too.

    Raises
    ------
    UsageError
        One of them does not exist.

    """
    from orchestrator.images import recipe
    from orchestrator.model import AUTO_IMAGE

    recipe.check_names(recipe.folders(settings.folder), [name for name in names if not (auto and name == AUTO_IMAGE)])


def check_listed(requirements: Sequence[str], files: Sequence[Path], listed: Sequence[object], *, chosen: bool) -> None:
    """Check that files that are named list something; without it, everything tracked would be built.

    `chosen`: only some of their groups and extras count.

    Raises
    ------
    UsageError
        They list nothing, and no requirement is named either.

    """
    if files and not listed and not requirements:
        where, other = ("in these groups", "other groups") if chosen else ("there", "a file that lists some")
        msg = f"reading {', '.join(map(str, files))}: no release is listed {where}; name {other}"
        raise UsageError(msg)


def asked(
    settings: Config,
    requirements: tuple[str, ...],
    files: Sequence[Path],
    chosen: tuple[Sequence[str], Sequence[str], Sequence[str]],
    *,
    images: Sequence[str],
    profile: str | None,
    resolve: bool,
) -> tuple[tuple[str, ...], tuple[Wanted, ...]]:
    """Return the requirements and the entries of files that are built; a lock takes the place of both with `resolve`.

    `chosen` are the values of --only, --group and --extra.

    Raises
    ------
    UsageError
        As `listed`, `check_listed` and `resolved` do.

    """
    found = listed(files, *chosen)
    check_listed(requirements, files, found, chosen=any(chosen))
    return ((), resolved(settings, requirements, found, images, profile)) if resolve else (requirements, found)


def listed(
    files: Sequence[Path], only: Sequence[str], groups: Sequence[str], extras: Sequence[str]
) -> tuple[Wanted, ...]:
    """Return what the chosen groups and extras of the files list.

    Raises
    ------
    UsageError
        The files have mistakes, or no such group or extra; or there are no files to choose from.

    """
    from orchestrator import requirement_files
    from orchestrator.sources import reading

    chosen = requirement_files.selection(only, groups, extras)
    if not (files or chosen.is_whole):
        msg = "reading the options: --only, --group and --extra choose from a file; name one with -r"
        raise UsageError(msg)
    return requirement_files.read_all(files, reading.wanted, chosen)


def resolved(
    settings: Config, requirements: Sequence[str], wanted: Sequence[Wanted], images: Sequence[str], profile: str | None
) -> tuple[Wanted, ...]:
    """Lock what is requested, and log where the lock is kept: see `farm.requirement_lock.resolve`.

    Raises
    ------
    UsageError
        Nothing is requested, or nothing of it applies to the image; or as that function does.

    """
    if not (requirements or wanted):
        msg = "resolving nothing: name requirements, or a file with -r"
        raise UsageError(msg)
    from orchestrator import config
    from orchestrator.farm import requirement_lock
    from orchestrator.util import logs

    asked = config.tasks(settings, requirements, images, wanted=wanted, profile=profile)
    found = requirement_lock.resolve(settings, requirements, wanted, (task.image for task in asked))
    if not found.wanted:
        msg = "resolving nothing: no marker of a requirement applies to the image; name another with --image"
        raise UsageError(msg)
    logs.info("requirements are resolved", releases=len(found.wanted), file=str(found.file))
    return found.wanted


def named(text: str) -> tuple[str, str]:
    """Return the project that NAME or NAME==VERSION names, and the version, which may be empty.

    Raises
    ------
    UsageError
        It is neither.

    """
    from orchestrator import config

    if config.is_path(text):
        return config.project(text), ""
    try:
        name, separator, version = config.requirement_of(text).partition("==")
    except ValueError as error:
        msg = f"reading {text!r}: {error}"
        raise UsageError(msg) from error
    if not set("<>=~!,*").isdisjoint(name + version):
        msg = f"reading {text!r}: it is neither a project nor one release of it; write NAME or NAME==VERSION"
        raise UsageError(msg)
    return name, version if separator else ""


def instead(name: str, store: Results, others: Iterable[str] = ()) -> str:
    """Return the end of a message on a project without such results: what has results, once it was looked for.

    That are `others` of the project, unreadable records, a similar name, or some projects.
    """
    from orchestrator.cli.output import unreadable
    from orchestrator.config.suggestions import similar

    if found := sorted(others):
        return f"; {name} has results for {_some(found)}"
    if store.left_out:
        return f"; {unreadable(store.left_out, store.folder)}"
    projects = sorted(store.projects())
    if name not in projects and (near := similar(name, projects)):
        return near
    return f"; there are results for {_some(projects) or 'nothing yet'}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}"


def check_results(projects: Iterable[str], store: Results) -> tuple[str, ...]:
    """Return the normalized names of projects, each once.

    Raises
    ------
    UsageError
        Some are no names, or have no results; the message has a line for each of them.

    """
    names: dict[str, None] = {}
    wrong = []
    known = set(store.projects())
    for project in projects:
        try:
            name, version = named(project)
        except UsageError as error:
            wrong.append(str(error))
            continue
        if version:
            wrong.append(f"reading {project!r}: it is one release, but all of a project are compared; write {name}")
        elif name not in known:
            wrong.append(f"looking for {project}: there is no result{instead(name, store)}")
        names[name] = None
    if wrong:
        raise UsageError("\n".join(wrong))
    return tuple(names)


def check_requirements(requirements: Sequence[str], settings: Config) -> None:
    """Check that each requirement of the command line can be built: its file, its folder or its release exists.

    Raises
    ------
    UsageError
        Some do not exist; the message has a line for each of them.
    PackageIndexError
        The index does not answer, or answers wrongly.

    """
    from orchestrator import config

    paths = [one for one in requirements if config.is_path(one) or one.endswith(".whl")]
    wrong = [str(error) for one in paths if (error := _wrong_path(one))]
    names = []
    for one in requirements:
        try:
            names += [config.requirement_of(one)] if one not in paths else []
        except ValueError as error:
            wrong.append(f"reading the requirement {one!r}: {error}")
    if wrong:
        raise UsageError("\n".join(wrong))
    if names:
        from orchestrator.sources.index import FRESH, Index

        index = Index(settings.index, settings.cache, fresh=FRESH)  # of several versions, one page is enough
        known = {one.project for one in config.tracked(settings)}
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            wrong = [text for text in pool.map(lambda one: _wrong_name(one, index, known), names) if text]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # a run that is stopped does not wait for the index
    if wrong:
        raise UsageError("\n".join(wrong))


def _wrong_path(path: str) -> UsageError | None:
    """Return why a path can never be built; None where it is an sdist, or the folder of a project."""
    from orchestrator.sources import index, sdist

    if path.endswith(".whl"):
        return UsageError(
            f"reading {path}: wheels are not built; name the release (NAME==VERSION), an sdist or a project's folder, "
            "or compare two wheels: wheelproof compare FIRST.whl SECOND.whl"
        )
    try:
        if Path(path).is_dir():
            sdist.check_project(Path(path))
        else:
            index.local(path)
    except UsageError as error:
        return error
    return None


def _wrong_name(requirement: str, index: Index, known: Iterable[str]) -> str:
    """Return why a release can never be built; empty where the index has it."""
    from orchestrator import config
    from orchestrator.config.suggestions import similar
    from orchestrator.sources import sdist
    from orchestrator.util import logs

    name = config.project(requirement)
    folder = f"to build the folder, write ./{name}" if sdist.is_project(Path(name)) else ""
    try:
        index.release(requirement, _ANY_PYTHON)
    except AbsentError:
        advice = f"; {folder}" if folder else similar(name, known)
        return f"looking for {name}: the index has no such project{advice or '; check how it is spelled'}"
    except NoReleaseError as error:
        return f"{error}; {folder}" if folder else str(error)
    if folder:
        logs.info(f"{name} is taken from the index; {folder}")
    return ""
