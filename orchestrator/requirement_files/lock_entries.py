"""What the kinds of locks have in common: a release, its files, and the lines of its packages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from orchestrator.requirement_files.entries import Mistake, Read, Wanted, is_sha256, name_of, parsed, version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_PACKAGE = re.compile(r"^\[\[\s*(?:package|packages)\s*\]\]", re.MULTILINE)


def package_lines(text: str) -> Iterator[int]:
    """Yield the line of each table of a package, from 1; each character is counted once."""
    line, at = 1, 0
    for match in _PACKAGE.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        yield line


def collected(
    packages: Iterable[Any], name: str, lines: list[int], read: Callable[[Any, str, int], Iterable[Wanted]]
) -> Read:
    """Read each package; one that is not supported is a mistake of its line."""
    wanted: list[Wanted] = []
    mistakes: list[Mistake] = []
    for number, package in enumerate(packages):
        line = lines[number] if number < len(lines) else 0
        try:
            wanted.extend(read(package, name, line))
        except ValueError as error:
            mistakes.append(Mistake(name, line, str(error)))
    return Read(tuple(wanted), tuple(mistakes))


def file(project: str, entry: Any) -> tuple[str, str]:  # noqa: ANN401 - whatever TOML gave
    """Return the name and the SHA-256 of a file; raise ValueError if it lacks one of them."""
    filename, code = (entry.get("file"), entry.get("hash")) if isinstance(entry, dict) else (None, None)
    if not isinstance(filename, str) or not isinstance(code, str) or not code.startswith("sha256:"):
        msg = f"a file of {project} has no name, or no hash that begins with sha256:"
        raise ValueError(msg)
    return filename, sha256_of(project, code.removeprefix("sha256:"))


def release(package: Any) -> tuple[str, str]:  # noqa: ANN401 - whatever TOML gave
    """Return the project and the version of a package; raise ValueError if it lacks one of them."""
    name, version = (package.get("name"), package.get("version")) if isinstance(package, dict) else (None, None)
    if not (isinstance(name, str) and isinstance(version, str)):
        msg = "a package has no name, or no version"
        raise ValueError(msg)  # noqa: TRY004 - reported like all mistakes of the file
    return name_of(name), version_of(version)


def sha256_of(project: str, code: str) -> str:
    """Return a SHA-256 in lower case; raise ValueError if it is not one."""
    if not is_sha256(code.lower()):
        msg = f"a file of {project} has no SHA-256; lock it again with one"
        raise ValueError(msg)
    return code.lower()


def wanted(project: str, version: str, name: str, line: int, files: list[tuple[str, str]], marker: str) -> Wanted:
    """Return the entry of a release; of its files, sdists and wheels count."""
    sdists = tuple(file for file in files if _is_of(file[0], project, version, wheel=False))
    wheels = tuple(file for file in files if _is_of(file[0], project, version, wheel=True))
    return Wanted(project, version, f"=={version}", name, line, sdists=sdists, wheels=wheels, marker=marker)


def _is_of(filename: str, project: str, version: str, *, wheel: bool) -> bool:
    """Return whether a file is an sdist, or a wheel, of a release; other kinds, such as eggs, are neither."""
    try:
        return parsed(filename) == (project, version, wheel)
    except ValueError:
        return False
