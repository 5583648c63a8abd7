"""Finds the former builds that files describe: records of results, and statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import EvidenceError, UsageError
from orchestrator.farm.replay import Replayed
from orchestrator.job import replaying
from orchestrator.model import Result, Verification
from orchestrator.model.statement import VerdictClaim, VerificationClaim
from orchestrator.publish import claimed, provenance_builds
from orchestrator.results import store as stores
from orchestrator.results.places import path_of
from orchestrator.results.store import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from orchestrator.job.replaying import FormerBuild
    from orchestrator.model import Limits

_RESULTS = 2  # folders between a record's own and its results: records/PROJECT
PLACES = ("records", "verifications")
"""The folders of results that have records."""

MOST = 16 << 20  # bytes of a record; the largest known has 2 MB


@dataclass(frozen=True, slots=True)
class Found:
    """What a file describes: a former build, or why there is none to replay."""

    source: str
    build: FormerBuild | None
    named: Replayed
    why: str = ""
    results: Path | None = None  # the results that it is a part of


def found(paths: Iterable[Path], store: Results, own: Limits, *, everything: bool) -> tuple[Found, ...]:
    """Return what files, and all files of folders, describe; with `everything`, what the results contain, too.

    Raises
    ------
    UsageError
        A file does not exist.

    """
    files = dict.fromkeys(file for path in paths for file in _files(path))
    if everything:
        files |= dict.fromkeys(_newest(store))
    return tuple(_read(file, store, own) for file in files)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        places = [place for place in (path / name for name in PLACES) if place.is_dir()]
        files = (file for place in places or [path] for file in place.glob("**/*") if file.is_file())
        yield from sorted(file for file in files if _is_wanted(file))
    elif path.is_file():
        yield path
    else:
        msg = f"replaying {path}: it does not exist; name a record, such as results/records/six/...json"
        raise UsageError(msg)


def _is_wanted(file: Path) -> bool:
    """Return whether a file of a folder may have a record, or a statement that is not of one build alone."""
    return file.name.endswith((".json", *claimed.ENDINGS)) and ".provenance." not in file.name


def _newest(store: Results) -> Iterator[Path]:
    """Yield the file of the newest record of each release on each image, and of each published wheel."""
    for project in sorted(store.projects()):
        seen: set[tuple[str, str]] = set()
        for result in store.of(project):
            key = result.version, result.image.name
            if key not in seen:
                seen.add(key)
                yield path_of(store.folder, result)
    yield from (path_of(store.folder, one) for one in store.verifications())


def _read(file: Path, store: Results, own: Limits) -> Found:
    source = str(file)
    if file.name.endswith(claimed.ENDINGS):
        return _of_statement(file, store, own)
    if file.stat().st_size > MOST:
        return Found(source, None, Replayed(source), f"it is larger than {MOST >> 20} MiB")
    value = stores.read_any(file)
    if value is None:
        return Found(source, None, Replayed(source), "it is no record that this version of wheelproof can read")
    results = _results_of(file)
    return _found(source, value, _packages(store, results), own, results)


def _of_statement(file: Path, store: Results, own: Limits) -> Found:
    """Return what a statement describes. Whether somebody signed it does not matter: the replay is its check."""
    source = str(file)
    try:
        statement = claimed.opened(file)
    except EvidenceError as error:
        return Found(source, None, Replayed(source), str(error))
    if statement.member:
        named = Replayed(source, statement.about.project, statement.about.version, statement.member.image.name)
        return Found(source, None, named, "it is a wheel of a wheelhouse, which its rebuild.sh builds again")
    if statement.claim is None:
        named = Replayed(source, statement.about.project, statement.about.version)
        former = provenance_builds.of_provenance(source, statement, own)
        return Found(source, None, named, former) if isinstance(former, str) else Found(source, former, named)
    listed = claimed.packages_beside(file)
    return _found(source, statement.claim, lambda manifest: listed.get(manifest) or store.packages(manifest), own)


def _found(
    source: str,
    value: Result | Verification | VerdictClaim | VerificationClaim,
    packages: Callable[[str], Mapping[str, str] | None],
    own: Limits,
    results: Path | None = None,
) -> Found:
    if isinstance(value, Result | VerdictClaim):
        former = replaying.of_result(source, value, packages, own)
    else:
        former = replaying.of_verification(source, value, packages, own)
    named = _named(source, value)
    if isinstance(former, str):
        return Found(source, None, named, former, results)
    return Found(source, former, named, results=results)


def _named(source: str, value: Result | Verification | VerdictClaim | VerificationClaim) -> Replayed:
    return Replayed(source, value.project, value.version, value.image.name if value.image else "")


def _results_of(file: Path) -> Path | None:
    """Return the results folder that a record is in; None if it is a single file."""
    parents = file.resolve().parents
    if len(parents) > _RESULTS and parents[1].name in {"records", "verifications"}:
        return parents[_RESULTS]
    return None


def _packages(store: Results, results: Path | None) -> Callable[[str], Mapping[str, str] | None]:
    """Return how to find the packages of an image: those recorded beside the record, or in our own results."""
    beside = Results(results, wheels=0, logs=0) if results else store

    def find(manifest: str) -> Mapping[str, str] | None:
        return beside.packages(manifest) or store.packages(manifest)

    return find
