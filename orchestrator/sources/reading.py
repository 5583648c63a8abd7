"""The border of limited calls: every function that parses hostile files is called here, and only here.

Each function below runs a pure parser in a child of the helper process, with limits on memory, processor time
and the size of the answer. Its contract has three outcomes:

- The parser returns: its answer is checked against the expected type and returned.
- The parser exceeds a limit, crashes or raises: that is a finding about the file. The function returns its own value
  for it (a Failure, a text, an empty answer) or raises PackageIndexError or UsageError, as its docstring states.
- The host is at fault (a full disk, a killed process, no answer within the real time, since a host may be slow): the
  function raises WheelproofError. Nothing is known about the file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from orchestrator import requirement_files
from orchestrator.analysis import cpu_flags, failure_signs, installed_wheel, wheel
from orchestrator.analysis.clues import facts
from orchestrator.analysis.clues.facts import WheelFacts
from orchestrator.analysis.failure_signs import Explanation
from orchestrator.errors import PackageIndexError, ResultsError, UsageError, WheelproofError
from orchestrator.model import DETAIL, Diagnosis, Failure, Phase, Reason, Wheel
from orchestrator.model.recipe import ProgramAspect, ProgramChange
from orchestrator.model.verification import Closeness
from orchestrator.requirement_files import WHOLE, Mistake, Read, Selection
from orchestrator.sources import index_pages, sdist
from orchestrator.sources.sdist import Source
from orchestrator.util import logs, tars
from orchestrator.util.limited_call import Bound, Bounds, Exceeded, run_limited

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.analysis.wheel import Given
    from orchestrator.model import Grounds, Limits, WheelFile
    from orchestrator.util.limited_call import Spent

_T = TypeVar("_T")

_ARCHIVES = ("bz2", "calendar", "gzip", "lzma", "zipfile")
_ARCHIVE = 96 << 20  # bytes of memory for an archive, whatever its size
_FOR_EACH = 16  # bytes of memory for each byte of an archive: a member of a hundred bytes takes some 1,500
_MOST = 1 << 30
_RATE = 2 << 20  # bytes of an archive for each second of processor time
_SECONDS = 30
_SMALL = Bounds(memory=96 << 20, seconds=20, answer=4 << 20)
_PAGE = Bounds(memory=192 << 20, seconds=30, answer=16 << 20)
_LISTED = Bounds(memory=384 << 20, seconds=60, answer=64 << 20)  # whole pages, with all fields that a resolver reads
_INSTALLED = Bounds(memory=128 << 20, seconds=300, patience=3600)  # it hashes all files, in pieces
_LOG = Bounds(memory=96 << 20, seconds=60, patience=3600)  # it is read line by line
_MEMBERS = Bounds(memory=512 << 20, seconds=120, patience=3600)  # one member at a time, with its sections
_OF_PAGES = ("pypi_simple", "encodings.idna")
_PAIR, _PAIR_FOR_EACH, _PAIR_MOST = 512 << 20, 24, 3 << 30
_PAIR_SECONDS = 300


def describe(path: Path, limits: Limits, spent: Callable[[Spent], None] | None = None) -> Source | Failure:
    """Return how an sdist is to be built, or why it cannot be: see `sdist.describe`.

    Raises
    ------
    WheelproofError
        The farm could not read it.

    """
    source = _called(sdist.describe, path, limits, kind=Source | Failure, bounds=_for(path), spent=spent)
    if isinstance(source, Exceeded):
        large = source.bound not in {Bound.FAULT, Bound.CRASH}
        reason = Reason.SDIST_TOO_LARGE if large else Reason.BROKEN_SDIST
        return Failure(reason, Phase.UNPACK, f"reading the sdist: {source.detail}"[:DETAIL])
    return replace(source, path=path) if isinstance(source, Source) else source


def read_wheel(path: Path, claimed: WheelFile, limits: Limits) -> Wheel | Failure:
    """Return all that the comparison needs of a wheel: see `wheel.read`. Raises as `describe` does."""
    bounds = _for(path)
    content = _called(wheel.read, path, claimed, limits.wheel, limits.members, kind=Wheel | Failure, bounds=bounds)
    if isinstance(content, Exceeded):
        return _too_much(content)
    return (
        content if isinstance(content, Failure) else replace(content, filename=claimed.filename, sha256=claimed.sha256)
    )


def survey(path: Path, claimed: WheelFile, limits: Limits) -> Failure | None:
    """Return what is wrong with a wheel, or None: see `wheel.survey`. Raises as `describe` does."""
    bounds = _for(path)
    failure = _called(wheel.survey, path, claimed, limits.wheel, limits.members, kind=Failure | None, bounds=bounds)
    return _too_much(failure) if isinstance(failure, Exceeded) else failure


def clues(path: Path, file: WheelFile, uploaded: str, sdist_path: Path | None, limits: Limits) -> WheelFacts | Failure:
    """Return the facts of a published wheel from which clues are read: see `facts.facts`. Raises as `describe` does."""
    arguments = (path, file, uploaded, sdist_path, limits)
    shown = _called(facts.facts, *arguments, kind=WheelFacts | Failure, bounds=_for(path))
    return _too_much(shown) if isinstance(shown, Exceeded) else shown


def switches(sdist_path: Path) -> tuple[tuple[str, str], ...]:
    """Return the switches of an sdist's build: see `facts.switches_of`; none where it cannot be read."""
    found = _called(facts.switches_of, sdist_path, kind=tuple[tuple[str, str], ...], bounds=_for(sdist_path))
    return () if isinstance(found, Exceeded) else found


def requires(path: Path) -> tuple[str, ...]:
    """Return a wheel's requirements: see `wheel.requires`; empty if the wheel cannot be read."""
    requirements = _called(wheel.requires, path, kind=tuple[str, ...], bounds=_for(path))
    return () if isinstance(requirements, Exceeded) else requirements


def wheel_requires_python(path: Path) -> str:
    """Return a wheel's Requires-Python: see `wheel.requires_python`; empty if the wheel cannot be read."""
    text = _called(wheel.requires_python, path, kind=str, bounds=_for(path))
    return "" if isinstance(text, Exceeded) else text


def diagnosed(first: Given, second: Given, limits: Limits, grounds: Grounds) -> Diagnosis | None:
    """Return why two wheels differ: see `compare_files.diagnosed`; None, with a logged warning, on any limit."""
    from orchestrator.analysis import compare_files  # noqa: PLC0415 - it imports all causes, and most runs compare nothing

    bounds = _for_two(first.path, second.path)
    diagnosis = run_limited(
        compare_files.diagnosed, first, second, limits, grounds, kind=Diagnosis | None, bounds=bounds
    )
    if isinstance(diagnosis, Exceeded):
        logs.warning("two wheels cannot be compared in detail", wheel=first.file.filename, fault=diagnosis.detail)
        return None
    return diagnosis


def program_changes(original: Given, remedied: Given, limits: Limits) -> tuple[ProgramChange, ...]:
    """Return what users get differently of a remedied wheel: see `program_changes.program_changes`.

    If a limit is exceeded, the only change is a cost: it cannot be shown that the wheel is not worse.
    """
    from orchestrator.analysis import program_changes as comparison  # noqa: PLC0415 - most runs compare nothing

    bounds = _for_two(original.path, remedied.path)
    kind = tuple[ProgramChange, ...]
    changes = run_limited(comparison.program_changes, original, remedied, limits, kind=kind, bounds=bounds)
    if isinstance(changes, Exceeded):
        logs.warning("two programs cannot be compared", wheel=remedied.file.filename, fault=changes.detail)
        return (ProgramChange("", ProgramAspect.MEMBERS, "wheel", f"cannot be compared: {changes.bound}"),)
    return changes


def closeness(published: Path, theirs: WheelFile, ours: Path, built: WheelFile, limits: Limits) -> Closeness | Failure:
    """Return how near our wheel comes to the published one: see `closeness.closeness`; a Failure on any limit."""
    from orchestrator.analysis import closeness as comparison  # noqa: PLC0415 - most runs verify nothing

    arguments = (published, theirs, ours, built, limits)
    bounds = _for_two(published, ours)
    found = _called(comparison.closeness, *arguments, kind=Closeness | Failure, bounds=bounds)
    return _too_much(found) if isinstance(found, Exceeded) else found


def page(path: Path, name: str, kind: str, url: str, encoding: str | None) -> tuple[index_pages.Edition, ...] | str:
    """Return all editions on a page of an index, or a short text of what is wrong: see `index_pages.read`."""
    arguments = (path, name, kind, url, encoding)
    kinds = tuple[index_pages.Edition, ...] | str
    editions = _called(index_pages.read, *arguments, kind=kinds, bounds=_PAGE, preload=_OF_PAGES)
    return editions.detail if isinstance(editions, Exceeded) else editions


def listed(path: Path, name: str, kind: str, url: str, encoding: str | None) -> tuple[index_pages.Listed, ...] | str:
    """Return all files of a page for a resolver, or what is wrong with the page: see `index_pages.read_listed`."""
    arguments = (path, name, kind, url, encoding)
    kinds = tuple[index_pages.Listed, ...] | str
    files = _called(index_pages.read_listed, *arguments, kind=kinds, bounds=_LISTED, preload=_OF_PAGES)
    return files.detail if isinstance(files, Exceeded) else files


def explain(log: Path, sizes: tuple[int, ...]) -> Explanation:
    """Return why a build failed, by its log: see `failure_signs.explain_file`; BUILD_ERROR on a limit."""
    explanation = _called(failure_signs.explain_file, log, sizes, kind=Explanation, bounds=_SMALL)
    return Explanation(Reason.BUILD_ERROR) if isinstance(explanation, Exceeded) else explanation


def cpu_caution(log: Path, built: Path | None) -> str:
    """Return what shows that a compiler used the host's processor: see `cpu_flags`; "" if nothing does, or on a limit.

    `built` is the build's wheel, if there is one. The text is printable and cut. Raises as `describe` does.
    """
    return _shown_by(cpu_flags.in_log, log, _LOG) or (_shown_by(cpu_flags.in_wheel, built, _MEMBERS) if built else "")


def _shown_by(search: Callable[[Path], str], path: Path, bounds: Bounds) -> str:
    shown = _called(search, path, kind=str, bounds=bounds)
    return "" if isinstance(shown, Exceeded) else shown


def project_of(folder: Path) -> str:
    """Return the name of a project in a folder: see `sdist.project_of`. Raises UsageError on a limit."""
    name = _called(sdist.project_of, folder, kind=str, bounds=_SMALL)
    if isinstance(name, Exceeded):
        msg = f"reading {folder}/pyproject.toml: {name.detail}; name a project whose pyproject.toml is a usual one"
        raise UsageError(msg)
    return name


def declared(folder: Path) -> str:
    """Return a project's name from pyproject.toml: see `sdist.declared`; "" on a limit."""
    name = _called(sdist.declared, folder, kind=str, bounds=_SMALL)
    return "" if isinstance(name, Exceeded) else name


def unlike(first: Path, second: Path, limits: Limits) -> tuple[str, ...]:
    """Return which files differ between two sdists: see `sdist.unlike`; none, with a logged warning, on any limit."""
    paths = _called(sdist.unlike, first, second, limits, kind=tuple[str, ...], bounds=_for_two(first, second))
    if isinstance(paths, Exceeded):
        logs.warning("two sdists of a folder cannot be compared", fault=paths.detail)
        return ()
    return paths


def requires_python(path: Path, limits: Limits) -> str:
    """Return the Requires-Python of an sdist or a folder: see `sdist.requires_python`; "" on a limit."""
    bounds = _SMALL if path.is_dir() or not path.exists() else _for(path)
    text = _called(sdist.requires_python, path, limits, kind=str, bounds=bounds)
    return "" if isinstance(text, Exceeded) else text


def wanted(path: Path, chosen: Selection = WHOLE) -> Read:
    """Return the releases that a file lists, in chosen groups: see `requirement_files.read`. A limit is a mistake."""
    listed_releases = _called(
        requirement_files.read, path, chosen, kind=Read, bounds=_PAGE, preload=("pip_requirements_parser",)
    )
    if isinstance(listed_releases, Exceeded):
        return Read((), (Mistake(str(path), 0, f"cannot be read: {listed_releases.detail}"),))
    return listed_releases


def unpack(archive: Path, folder: Path) -> str:
    """Unpack the tar of a container: see `tars.unpack`. Return what is wrong with it, or ""."""
    outcome = _called(tars.unpack, archive, folder, kind=None, bounds=_for(archive), preload=("tarfile",))
    return outcome.detail if isinstance(outcome, Exceeded) else ""


def add_bytecode(archive: Path, lib: Path) -> str:
    """Add a container's bytecode to modules: see `tars.add_bytecode`. Return what is wrong with it, or ""."""
    outcome = _called(tars.add_bytecode, archive, lib, kind=None, bounds=_for(archive), preload=("tarfile",))
    return outcome.detail if isinstance(outcome, Exceeded) else ""


def unlike_record(lib: Path) -> str:
    """Return a file that differs from its wheel's RECORD, or "": see `installed_wheel.unlike_record`; or the limit."""
    difference = _called(installed_wheel.unlike_record, lib, kind=str, bounds=_INSTALLED)
    return f"its RECORD: {difference.detail}" if isinstance(difference, Exceeded) else difference


def localize_scripts(lib: Path, interpreter: str) -> None:
    """Write the image's interpreter into scripts: see `installed_wheel.localize_scripts`.

    Raises
    ------
    PackageIndexError
        A script is invalid, or a limit is exceeded.

    """
    outcome = _called(installed_wheel.localize_scripts, lib, interpreter, kind=None, bounds=_INSTALLED)
    if isinstance(outcome, Exceeded):
        msg = f"installing build requirements: their scripts: {outcome.detail}; see what wheels the index has"
        raise PackageIndexError(msg)


def _called(
    function: Callable[..., _T],
    *arguments: object,
    kind: object,
    bounds: Bounds,
    preload: tuple[str, ...] = _ARCHIVES,
    spent: Callable[[Spent], None] | None = None,
) -> _T | Exceeded:
    answer = run_limited(function, *arguments, kind=kind, bounds=bounds, preload=preload, spent=spent)
    if isinstance(answer, Exceeded) and answer.bound is Bound.TIME:
        msg = f"reading a file ({function.__qualname__}): {answer.detail}; see what keeps this host busy, and run again"
        raise WheelproofError(msg)
    return answer


def _for(path: Path) -> Bounds:
    """Return an archive's limits of memory and time by its size on disk."""
    size = _size(path)
    return Bounds(memory=min(_ARCHIVE + _FOR_EACH * size, _MOST), seconds=_SECONDS + size // _RATE, patience=3600)


def _for_two(first: Path, second: Path) -> Bounds:
    """Return the limits of comparing two wheels by their sizes on disk."""
    memory = min(_PAIR + _PAIR_FOR_EACH * (_size(first) + _size(second)), _PAIR_MOST)
    return Bounds(memory, seconds=_PAIR_SECONDS, patience=4 * _PAIR_SECONDS, long=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        msg = f"reading {path}: {error}; fix that, and run again"
        raise ResultsError(msg) from error


def _too_much(exceeded: Exceeded) -> Failure:
    large = exceeded.bound not in {Bound.FAULT, Bound.CRASH}
    reason = Reason.WHEEL_TOO_LARGE if large else Reason.BROKEN_WHEEL
    return Failure(reason, Phase.WHEEL, f"reading the wheel: {exceeded.detail}"[:DETAIL])
