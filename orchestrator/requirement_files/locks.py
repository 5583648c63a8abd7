"""poetry.lock, uv.lock and pylock.toml (PEP 751): their releases, with the hash of each file."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from packaging import pylock

from orchestrator.requirement_files.entries import Mistake, Read, Wanted, is_sha256, name_of, parsed, short, version_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TOML_PLACE = re.compile(r"at line (\d+)")
_PACKAGE = re.compile(r"^\[\[\s*(?:package|packages)\s*\]\]", re.MULTILINE)
_UV_VERSION = 1
"""The version of uv.lock that is read. uv reads a lock of any revision of a version that it knows, and so do we."""
_OWN = ("editable", "virtual")
"""The kinds of source of the locked project itself, and of the members of its workspace."""


def parse(text: str, name: str) -> Read:
    """Read a lock of any kind; its content decides the kind."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        place = _TOML_PLACE.search(str(error))
        return Read((), (Mistake(name, int(place[1]) if place else 0, f"not valid TOML: {error}"),))
    lines = list(package_lines(text))
    if isinstance(document.get("package"), list):
        if "version" in document:
            return _uv(document, name, lines)
        return _poetry(document["package"], name, lines)
    if "lock-version" in document:
        return _pylock(document, name, lines)
    return Read(
        (), (Mistake(name, 0, "neither a poetry.lock or uv.lock ([[package]]) nor a pylock.toml (lock-version)"),)
    )


def package_lines(text: str) -> Iterator[int]:
    """Yield the line of each table of a package, from 1; each character is counted once."""
    line, at = 1, 0
    for match in _PACKAGE.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        yield line


def _collected(packages: Iterable[Any], name: str, lines: list[int], read: Any) -> Read:  # noqa: ANN401 - a function
    wanted: list[Wanted] = []
    mistakes: list[Mistake] = []
    for number, package in enumerate(packages):
        line = lines[number] if number < len(lines) else 0
        try:
            wanted.extend(read(package, name, line))
        except ValueError as error:
            mistakes.append(Mistake(name, line, str(error)))
    return Read(tuple(wanted), tuple(mistakes))


# --- poetry.lock -----------------------------------------------------------------------------


def _poetry(packages: list[Any], name: str, lines: list[int]) -> Read:
    return _collected(packages, name, lines, _of_poetry)


def _of_poetry(package: Any, name: str, line: int) -> Iterator[Wanted]:  # noqa: ANN401 - whatever TOML gave
    project, version = _release(package)
    kind = package.get("source", {}).get("type", "legacy") if isinstance(package.get("source", {}), dict) else "odd"
    if kind not in {"legacy", "pypi"}:
        msg = f"{project} comes from a source of the kind {short(kind)}; only releases of the index are built"
        raise ValueError(msg)
    files = package.get("files")
    if not isinstance(files, list):
        msg = f"{project} has no list of files; lock it again with a newer Poetry"
        raise ValueError(msg)  # noqa: TRY004 - reported like all mistakes of the file
    named = [_file(project, entry) for entry in files]
    yield _wanted(project, version, name, line, named, _marker(package.get("markers", "")))


def _file(project: str, entry: Any) -> tuple[str, str]:  # noqa: ANN401 - whatever TOML gave
    filename, code = (entry.get("file"), entry.get("hash")) if isinstance(entry, dict) else (None, None)
    if not isinstance(filename, str) or not isinstance(code, str) or not code.startswith("sha256:"):
        msg = f"a file of {project} has no name, or no hash that begins with sha256:"
        raise ValueError(msg)
    return filename, _sha256(project, code.removeprefix("sha256:"))


def _marker(value: Any) -> str:  # noqa: ANN401 - whatever TOML gave
    """Return a marker; if each group has one, a marker that any of them satisfies."""
    if isinstance(value, dict):
        texts = [text for text in value.values() if isinstance(text, str)]
        return " or ".join(f"({text})" for text in dict.fromkeys(texts)) if len(texts) == len(value) else ""
    return value if isinstance(value, str) else ""


# --- uv.lock ---------------------------------------------------------------------------------


def _uv(document: dict[str, Any], name: str, lines: list[int]) -> Read:
    version = document["version"]
    if version != _UV_VERSION:
        return Read((), (Mistake(name, 0, f"a lock of version {short(version)}; of uv.lock, version 1 is read"),))
    return _collected(document["package"], name, lines, _of_uv)


def _of_uv(package: Any, name: str, line: int) -> Iterator[Wanted]:  # noqa: ANN401 - whatever TOML gave
    source = package.get("source") if isinstance(package, dict) else None
    kinds = tuple(source) if isinstance(source, dict) else ()
    if any(kind in kinds for kind in _OWN):
        return
    project, version = _release(package)
    if "registry" not in kinds:
        msg = f"{project} comes from a source of the kind {short(kinds[0] if kinds else source)}; "
        raise ValueError(msg + "only releases of the index are built")
    named = [_uv_file(project, entry) for entry in _uv_files(project, package)]
    markers = package.get("resolution-markers", ())
    yield _wanted(project, version, name, line, named, _marker(dict(enumerate(markers))) if markers else "")


def _uv_files(project: str, package: dict[str, Any]) -> list[Any]:
    """Return the entries of a release's wheels and of its sdist."""
    wheels = package.get("wheels", [])
    if not isinstance(wheels, list):
        msg = f"{project} has no list of wheels"
        raise ValueError(msg)  # noqa: TRY004 - reported like all mistakes of the file
    return [*wheels, *([package["sdist"]] if "sdist" in package else [])]


def _uv_file(project: str, entry: Any) -> tuple[str, str]:  # noqa: ANN401 - whatever TOML gave
    """Return a file's name and SHA-256; a file of a local index has a path, and any other a URL."""
    place = (entry.get("url") or entry.get("path")) if isinstance(entry, dict) else None
    if not isinstance(place, str):
        msg = f"a file of {project} has no URL, and no path"
        raise ValueError(msg)  # noqa: TRY004 - as above
    filename = unquote(_path(project, place)).rpartition("/")[2]
    return _file(project, {"file": filename, "hash": entry.get("hash")})


def _path(project: str, place: str) -> str:
    try:
        return urlsplit(place).path
    except ValueError:
        msg = f"a file of {project} has an invalid URL, {short(place)}"
        raise ValueError(msg) from None


# --- pylock.toml -----------------------------------------------------------------------------


def _pylock(document: dict[str, Any], name: str, lines: list[int]) -> Read:
    try:
        lock = pylock.Pylock.from_dict(document)
    except (pylock.PylockValidationError, pylock.PylockUnsupportedVersionError, RecursionError) as error:
        return Read((), (Mistake(name, 0, f"not a pylock.toml (PEP 751): {error}"),))
    return _collected(lock.packages, name, lines, _of_pylock)


def _of_pylock(package: pylock.Package, name: str, line: int) -> Iterator[Wanted]:
    project = name_of(package.name)
    if package.version is None or package.vcs or package.directory or package.archive:
        msg = f"{project} is not a release of an index; only those are built"
        raise ValueError(msg)
    files = [*(package.wheels or ()), *((package.sdist,) if package.sdist else ())]
    named = [(_filename(file), _sha256(project, file.hashes.get("sha256", ""))) for file in files]
    yield _wanted(project, str(package.version), name, line, named, str(package.marker or ""))


def _filename(file: pylock.PackageWheel | pylock.PackageSdist) -> str:
    place = file.path or urlsplit(file.url or "").path
    return file.name or unquote(place).rpartition("/")[2]


# --- all -------------------------------------------------------------------------------------


def _release(package: Any) -> tuple[str, str]:  # noqa: ANN401 - whatever TOML gave
    name, version = (package.get("name"), package.get("version")) if isinstance(package, dict) else (None, None)
    if not (isinstance(name, str) and isinstance(version, str)):
        msg = "a package has no name, or no version"
        raise ValueError(msg)  # noqa: TRY004 - as above
    return name_of(name), version_of(version)


def _sha256(project: str, code: str) -> str:
    if not is_sha256(code.lower()):
        msg = f"a file of {project} has no SHA-256; lock it again with one"
        raise ValueError(msg)
    return code.lower()


def _wanted(project: str, version: str, name: str, line: int, files: list[tuple[str, str]], marker: str) -> Wanted:
    sdists = tuple(file for file in files if _is_of(file[0], project, version, wheel=False))
    wheels = tuple(file for file in files if _is_of(file[0], project, version, wheel=True))
    return Wanted(project, version, f"=={version}", name, line, sdists=sdists, wheels=wheels, marker=marker)


def _is_of(filename: str, project: str, version: str, *, wheel: bool) -> bool:
    """Return whether a file is an sdist, or a wheel, of a release; other kinds, such as eggs, are neither."""
    try:
        return parsed(filename) == (project, version, wheel)
    except ValueError:
        return False
