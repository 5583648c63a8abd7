"""Requirements files, as pip reads them. The only module that imports pip_requirements_parser."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from orchestrator.requirement_files.entries import Mistake, Read, Wanted, is_sha256, name_of, pinned, short
from orchestrator.requirement_files.selection import normalized

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pip_requirements_parser import InstallRequirement  # type: ignore[import-untyped] # it has no stubs

_ELSEWHERE = {
    "requirements": "names another file; name that one beside this one",
    "constraints": "names a file of constraints; pin the versions in this one",
    "index_url": "names an index; config.yaml names the index",
    "extra_index_urls": "names an index; config.yaml names the index",
    "find_links": "names a place of files; only releases of the index are built",
    "no_index": "forbids an index; only releases of the index are built",
}
OWN = "build-requirements.txt"
"""The suffix of files whose hashes are of their owner's wheels, not of files on an index."""

_HASH = re.compile(r"sha256:([0-9a-fA-F]{64})")


def parse(path: Path) -> Read:
    """Read a requirements file; files that it refers to are not read."""
    from pip_requirements_parser import RequirementsFile  # noqa: PLC0415 - rarely asked for

    name = str(path)
    try:
        file = RequirementsFile.from_file(name, include_nested=False)
    except Exception as error:  # noqa: BLE001 - the library's errors have no common class
        return Read((), (Mistake(name, 0, f"cannot be read as a requirements file: {short(str(error))}"),))
    mistakes = [
        *(Mistake(name, line.line_number or 0, _not_understood(line.line)) for line in file.invalid_lines),
        *(Mistake(name, line.line_number or 0, what) for line in file.options for what in _refused(line.options)),
    ]
    wanted: dict[tuple[str, str], Wanted] = {}
    for requirement in file.requirements:
        try:
            entry = _wanted(requirement, name)
        except ValueError as error:
            mistakes.append(Mistake(name, requirement.line_number or 0, str(error)))
            continue
        former = wanted.setdefault((entry.project, entry.marker), entry)
        if former is not entry:
            what = f"{entry.project} is listed twice, here and in line {former.line}"
            mistakes.append(Mistake(name, entry.line, what))
    return Read(tuple(wanted.values()), tuple(mistakes))


def _not_understood(line: str) -> str:
    return f"{short(line.strip())} is not a requirement (PEP 508)"


def _refused(options: Mapping[str, object]) -> Iterator[str]:
    return (f"--{name.replace('_', '-')} {_ELSEWHERE[name]}" for name, value in options.items() if _is_set(name, value))


def _is_set(name: str, value: object) -> bool:
    return name in _ELSEWHERE and bool(value)


def _wanted(line: InstallRequirement, name: str) -> Wanted:
    """Return the entry of one requirement; raise ValueError if it is not supported."""
    if line.req is None or line.is_editable:
        msg = f"{short(line.line)} names no release of the index; write NAME==VERSION"
        raise ValueError(msg)
    try:
        requirement = Requirement(str(line.req))
    except ValueError:
        raise ValueError(_not_understood(line.line)) from None
    if requirement.url:
        msg = f"{requirement.name} names a URL; write NAME==VERSION"
        raise ValueError(msg)
    version = pinned(requirement)
    hashes = _hashes(requirement.name, line.hash_options or ())
    if hashes and not version:
        msg = f"{requirement.name} has hashes, but no pinned version; write {requirement.name}==VERSION"
        raise ValueError(msg)
    specifier = f"=={version}" if version else str(requirement.specifier)
    marker = str(line.marker or requirement.marker or "")
    extras = tuple(sorted(filter(None, map(normalized, requirement.extras))))
    project, number = name_of(requirement.name), line.line_number or 0
    entry = Wanted(project, version, specifier, name, number, marker=marker, extras=extras)
    return replace(entry, own=hashes) if name.endswith(OWN) else replace(entry, hashes=hashes)


def _hashes(project: str, given: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    sha256s = []
    for option in given:
        algorithm, _, _ = option.partition(":")
        match = _HASH.fullmatch(option)
        if match:
            sha256s.append(match[1].lower())
        elif algorithm not in {"sha384", "sha512"}:
            msg = f"the hash {short(option)} of {project} is not supported; write sha256: and 64 hexadecimal digits"
            raise ValueError(msg)
    if given and not sha256s:
        msg = f"no hash of {project} is a SHA-256, the only kind that is compared; add one"
        raise ValueError(msg)
    assert all(is_sha256(option) for option in sha256s)  # noqa: S101 - by the pattern
    return tuple(dict.fromkeys(sha256s))
