"""The locks and other files in TOML: which kind a file is, and pylock.toml (PEP 751) itself."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from packaging import pylock

from orchestrator.requirement_files import poetry, pyproject, uv_lock
from orchestrator.requirement_files.entries import Mistake, Read, Wanted, name_of
from orchestrator.requirement_files.lock_entries import collected, package_lines, sha256_of, wanted
from orchestrator.requirement_files.selection import MAIN, WHOLE, normalized, reduced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orchestrator.requirement_files.selection import Selection

_TOML_PLACE = re.compile(r"at line (\d+)")
_KINDS = "neither a poetry.lock or uv.lock ([[package]]), a pylock.toml (lock-version) nor a pyproject.toml"


def parse(text: str, name: str, chosen: Selection = WHOLE, beside: Callable[[], str | None] = lambda: None) -> Read:
    """Read a file in TOML; its content decides the kind. `beside` returns the text of pyproject.toml beside it."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        place = _TOML_PLACE.search(str(error))
        return Read((), (Mistake(name, int(place[1]) if place else 0, f"not valid TOML: {error}"),))
    lines = list(package_lines(text))
    if isinstance(document.get("package"), list):
        if "version" in document:
            return uv_lock.parse(document, name, lines, chosen)
        return poetry.parse(document, name, lines, chosen, beside)
    if "lock-version" in document:
        return _pylock(document, name, lines, chosen)
    if pyproject.is_one(document, name):
        return pyproject.parse(document, text, name, chosen)
    return Read((), (Mistake(name, 0, _KINDS),))


def _pylock(document: Mapping[str, Any], name: str, lines: list[int], chosen: Selection) -> Read:
    try:
        lock = pylock.Pylock.from_dict(document)
    except (pylock.PylockValidationError, pylock.PylockUnsupportedVersionError, RecursionError) as error:
        return Read((), (Mistake(name, 0, f"not a pylock.toml (PEP 751): {error}"),))
    default = tuple(filter(None, map(normalized, lock.default_groups or ())))
    groups = chosen.selected + (default if chosen.has_main else ())

    def read(package: pylock.Package, name: str, line: int) -> Iterator[Wanted]:
        return _of_pylock(package, name, line, lambda marker: reduced(marker, chosen, groups))

    content = collected(lock.packages, name, lines, read)
    known = tuple(filter(None, map(normalized, lock.dependency_groups or ())))
    named = (MAIN, *default, *known) if default or known else ()
    return Read(content.wanted, content.mistakes, named, tuple(lock.extras or ()))


def _of_pylock(package: pylock.Package, name: str, line: int, left_of: Callable[[str], str | None]) -> Iterator[Wanted]:
    marker = left_of(str(package.marker or ""))
    if marker is None:
        return
    project = name_of(package.name)
    if package.version is None or package.vcs or package.directory or package.archive:
        msg = f"{project} is not a release of an index; only those are built"
        raise ValueError(msg)
    files = [*(package.wheels or ()), *((package.sdist,) if package.sdist else ())]
    named = [(_filename(file), sha256_of(project, file.hashes.get("sha256", ""))) for file in files]
    yield wanted(project, str(package.version), name, line, named, marker)


def _filename(file: pylock.PackageWheel | pylock.PackageSdist) -> str:
    place = file.path or urlsplit(file.url or "").path
    return file.name or unquote(place).rpartition("/")[2]
