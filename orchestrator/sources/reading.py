"""Reads what packages and indexes made: pure functions, each called in a helper process, with bounds.

A bound that is exceeded becomes what the caller has for it: a failure of the package, a fault of the index, a
mistake of a file. What the helper cannot help, such as a full disk or a process that somebody killed, is the
farm's error, and nothing is known about the package. Real time is one of these: a host may be slow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from orchestrator import requirement_files
from orchestrator.analysis import failure_signs, installed_wheel, wheel
from orchestrator.analysis.failure_signs import Explanation
from orchestrator.errors import PackageIndexError, ResultsError, UsageError, WheelproofError
from orchestrator.model import DETAIL, Diagnosis, Failure, Phase, Reason, Wheel
from orchestrator.requirement_files import Mistake, Read
from orchestrator.sources import index_pages, sdist
from orchestrator.sources.sdist import Source
from orchestrator.util import logs, tars
from orchestrator.util.limited_call import Bound, Bounds, Exceeded, run_limited

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.analysis.wheel import Given
    from orchestrator.model import Limits, WheelFile
    from orchestrator.util.limited_call import Spent

_T = TypeVar("_T")

_ARCHIVES = ("bz2", "calendar", "gzip", "lzma", "zipfile")
_ARCHIVE = 96 << 20  # bytes of memory for an archive, whatever its size
_FOR_EACH = 16  # bytes of memory for each byte of an archive: a member of a hundred bytes takes some 1,500
_MOST = 1 << 30
_RATE = 2 << 20  # bytes of an archive that are given a second of processor time
_SECONDS = 30
_SMALL = Bounds(memory=96 << 20, seconds=20, answer=4 << 20)
_PAGE = Bounds(memory=192 << 20, seconds=30, answer=16 << 20)
_LISTED = Bounds(memory=384 << 20, seconds=60, answer=64 << 20)  # whole, with all that a resolver reads
_INSTALLED = Bounds(memory=128 << 20, seconds=300, patience=3600)  # it hashes all files, in pieces
_OF_PAGES = ("pypi_simple", "encodings.idna")
_PAIR, _PAIR_FOR_EACH, _PAIR_MOST = 512 << 20, 24, 3 << 30
_PAIR_SECONDS = 300


def describe(path: Path, limits: Limits, spent: Callable[[Spent], None] | None = None) -> Source | Failure:
    """Return how an sdist wants to be built, or why it cannot be: see `sdist.describe`.

    Raises
    ------
    WheelproofError
        The farm could not read it.

    """
    found = _called(sdist.describe, path, limits, kind=Source | Failure, bounds=_for(path), spent=spent)
    if isinstance(found, Exceeded):
        large = found.bound not in {Bound.FAULT, Bound.CRASH}
        reason = Reason.SDIST_TOO_LARGE if large else Reason.BROKEN_SDIST
        return Failure(reason, Phase.UNPACK, f"reading the sdist: {found.detail}"[:DETAIL])
    return replace(found, path=path) if isinstance(found, Source) else found


def read_wheel(path: Path, claimed: WheelFile, limits: Limits) -> Wheel | Failure:
    """Return all that comparison needs of a wheel: see `wheel.read`; raises as `describe` does."""
    bounds = _for(path)
    found = _called(wheel.read, path, claimed, limits.wheel, limits.members, kind=Wheel | Failure, bounds=bounds)
    if isinstance(found, Exceeded):
        return _too_much(found)
    return found if isinstance(found, Failure) else replace(found, filename=claimed.filename, sha256=claimed.sha256)


def survey(path: Path, claimed: WheelFile, limits: Limits) -> Failure | None:
    """Return what is wrong with a wheel: see `wheel.survey`; raises as `describe` does."""
    bounds = _for(path)
    found = _called(wheel.survey, path, claimed, limits.wheel, limits.members, kind=Failure | None, bounds=bounds)
    return _too_much(found) if isinstance(found, Exceeded) else found


def requires(path: Path) -> tuple[str, ...]:
    """Return what a wheel requires: see `wheel.requires`; nothing where it cannot be read."""
    found = _called(wheel.requires, path, kind=tuple[str, ...], bounds=_for(path))
    return () if isinstance(found, Exceeded) else found


def diagnosed(first: Given, second: Given, limits: Limits) -> Diagnosis | None:
    """Return why two wheels differ: see `pair.diagnosed`; None, and a word in the log, where that cannot be found."""
    from orchestrator.analysis import compare_files  # noqa: PLC0415 - not before: most runs build little, and it brings all causes

    size = _size(first.path) + _size(second.path)
    memory = min(_PAIR + _PAIR_FOR_EACH * size, _PAIR_MOST)
    bounds = Bounds(memory, seconds=_PAIR_SECONDS, patience=4 * _PAIR_SECONDS, long=True)
    found = run_limited(compare_files.diagnosed, first, second, limits, kind=Diagnosis | None, bounds=bounds)
    if isinstance(found, Exceeded):
        logs.warning("two wheels cannot be looked into", wheel=first.file.filename, fault=found.detail)
        return None
    return found


def page(path: Path, name: str, kind: str, url: str, encoding: str | None) -> tuple[index_pages.Edition, ...] | str:
    """Return all editions of a page of an index: see `pages.read`; or what is wrong with it, in a few words."""
    arguments = (path, name, kind, url, encoding)
    kinds = tuple[index_pages.Edition, ...] | str
    found = _called(index_pages.read, *arguments, kind=kinds, bounds=_PAGE, preload=_OF_PAGES)
    return found.detail if isinstance(found, Exceeded) else found


def listed(path: Path, name: str, kind: str, url: str, encoding: str | None) -> tuple[index_pages.Listed, ...] | str:
    """Return all files of a page as a resolver wants them: see `pages.read_listed`; or what is wrong with the page."""
    arguments = (path, name, kind, url, encoding)
    kinds = tuple[index_pages.Listed, ...] | str
    found = _called(index_pages.read_listed, *arguments, kind=kinds, bounds=_LISTED, preload=_OF_PAGES)
    return found.detail if isinstance(found, Exceeded) else found


def explain(log: Path, sizes: tuple[int, ...]) -> Explanation:
    """Return why a build failed, by its log: see `failures.explain_file`; a plain error where that takes too much."""
    found = _called(failure_signs.explain_file, log, sizes, kind=Explanation, bounds=_SMALL)
    return Explanation(Reason.BUILD_ERROR) if isinstance(found, Exceeded) else found


def project_of(folder: Path) -> str:
    """Return the name of a project's folder: see `sdist.project_of`; raises UsageError where that takes too much."""
    found = _called(sdist.project_of, folder, kind=str, bounds=_SMALL)
    if isinstance(found, Exceeded):
        msg = f"reading {folder}/pyproject.toml: {found.detail}; name a project whose pyproject.toml is a usual one"
        raise UsageError(msg)
    return found


def declared(folder: Path) -> str:
    """Return the name that pyproject.toml gives a project: see `sdist.declared`; nothing where that takes too much."""
    found = _called(sdist.declared, folder, kind=str, bounds=_SMALL)
    return "" if isinstance(found, Exceeded) else found


def wanted(path: Path) -> Read:
    """Return what a file wants: see `inputs.read`; that it takes too much is among its mistakes."""
    found = _called(requirement_files.read, path, kind=Read, bounds=_PAGE, preload=("pip_requirements_parser",))
    if isinstance(found, Exceeded):
        return Read((), (Mistake(str(path), 0, f"cannot be read: {found.detail}"),))
    return found


def unpack(archive: Path, folder: Path) -> str:
    """Unpack the tar of a container: see `tars.unpack`; return what is wrong with it, or nothing."""
    found = _called(tars.unpack, archive, folder, kind=None, bounds=_for(archive), preload=("tarfile",))
    return found.detail if isinstance(found, Exceeded) else ""


def add_bytecode(archive: Path, lib: Path) -> str:
    """Lay a container's bytecode beside modules: see `tars.add_bytecode`; return what is wrong with it, or nothing."""
    found = _called(tars.add_bytecode, archive, lib, kind=None, bounds=_for(archive), preload=("tarfile",))
    return found.detail if isinstance(found, Exceeded) else ""


def unlike_record(lib: Path) -> str:
    """Name a file that is not as its wheel's RECORD has it: see `installed.unlike_record`; or what took too much."""
    found = _called(installed_wheel.unlike_record, lib, kind=str, bounds=_INSTALLED)
    return f"its RECORD: {found.detail}" if isinstance(found, Exceeded) else found


def localize_scripts(lib: Path, interpreter: str) -> None:
    """Let scripts name the image's interpreter: see `installed.localize_scripts`.

    Raises
    ------
    PackageIndexError
        It takes too much.

    """
    found = _called(installed_wheel.localize_scripts, lib, interpreter, kind=None, bounds=_INSTALLED)
    if isinstance(found, Exceeded):
        msg = f"installing build requirements: their scripts: {found.detail}; see what wheels the index has"
        raise PackageIndexError(msg)


def _called(
    function: Callable[..., _T],
    *arguments: object,
    kind: object,
    bounds: Bounds,
    preload: tuple[str, ...] = _ARCHIVES,
    spent: Callable[[Spent], None] | None = None,
) -> _T | Exceeded:
    found = run_limited(function, *arguments, kind=kind, bounds=bounds, preload=preload, spent=spent)
    if isinstance(found, Exceeded) and found.bound is Bound.TIME:
        msg = f"reading a file ({function.__qualname__}): {found.detail}; see what keeps this host busy, and run again"
        raise WheelproofError(msg)
    return found


def _for(path: Path) -> Bounds:
    """Give an archive memory and time by its size on the disk."""
    size = _size(path)
    return Bounds(memory=min(_ARCHIVE + _FOR_EACH * size, _MOST), seconds=_SECONDS + size // _RATE, patience=3600)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        msg = f"reading {path}: {error}; see to it, and run again"
        raise ResultsError(msg) from error


def _too_much(found: Exceeded) -> Failure:
    large = found.bound not in {Bound.FAULT, Bound.CRASH}
    reason = Reason.WHEEL_TOO_LARGE if large else Reason.BROKEN_WHEEL
    return Failure(reason, Phase.WHEEL, f"reading the wheel: {found.detail}"[:DETAIL])
