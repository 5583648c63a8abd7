"""Requirements files, as pip reads them. The only module that imports pip_requirements_parser."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from orchestrator.requirement_files.entries import Mistake, Read, Wanted, is_sha256, name_of, short, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pip_requirements_parser import InstallRequirement  # type: ignore[import-untyped] # it has no stubs

_ELSEWHERE = {
    "requirements": "names another file; name that one beside this one",
    "constraints": "names a file of constraints; pin the versions in this one",
    "index_url": "names an index; config.yaml says which index is asked",
    "extra_index_urls": "names an index; config.yaml says which index is asked",
    "find_links": "names a place of files; only releases of the index are built",
    "no_index": "wants no index; only releases of the index are built",
}
OWN = "build-requirements.txt"
"""How the name of a file ends whose hashes are of its owner's wheels, and not of what an index publishes."""

_HASH = re.compile(r"sha256:([0-9a-fA-F]{64})")


def parse(path: Path) -> Read:
    """Read a requirements file; nothing that it names is followed."""
    from pip_requirements_parser import RequirementsFile  # noqa: PLC0415 - rarely asked for

    name = str(path)
    try:
        file = RequirementsFile.from_file(name, include_nested=False)
    except Exception as error:  # noqa: BLE001 - the library's own are of no one kind
        return Read((), (Mistake(name, 0, f"cannot be read as a requirements file: {short(str(error))}"),))
    mistakes = [
        *(Mistake(name, one.line_number or 0, _not_understood(one.line)) for one in file.invalid_lines),
        *(Mistake(name, one.line_number or 0, what) for one in file.options for what in _refused(one.options)),
    ]
    wanted: dict[tuple[str, str], Wanted] = {}
    for one in file.requirements:
        try:
            found = _wanted(one, name)
        except ValueError as error:
            mistakes.append(Mistake(name, one.line_number or 0, str(error)))
            continue
        former = wanted.setdefault((found.project, found.marker), found)
        if former is not found:
            mistakes.append(Mistake(name, found.line, f"{found.project} stands twice, here and in line {former.line}"))
    return Read(tuple(wanted.values()), tuple(mistakes))


def _not_understood(line: str) -> str:
    return f"{short(line.strip())} is no requirement (PEP 508)"


def _refused(options: Mapping[str, object]) -> Iterator[str]:
    return (f"--{name.replace('_', '-')} {_ELSEWHERE[name]}" for name, value in options.items() if _is_set(name, value))


def _is_set(name: str, value: object) -> bool:
    return name in _ELSEWHERE and bool(value)


def _wanted(line: InstallRequirement, name: str) -> Wanted:
    """Take one requirement; a ValueError says what cannot be taken of it."""
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
    pinned = _pinned(requirement)
    hashes = _hashes(requirement.name, line.hash_options or ())
    if hashes and not pinned:
        msg = f"{requirement.name} has hashes, but no one version; write {requirement.name}==VERSION"
        raise ValueError(msg)
    specifier = f"=={pinned}" if pinned else str(requirement.specifier)
    marker = str(line.marker or requirement.marker or "")
    found = Wanted(name_of(requirement.name), pinned, specifier, name, line.line_number or 0, marker=marker)
    return replace(found, own=hashes) if name.endswith(OWN) else replace(found, hashes=hashes)


def _pinned(requirement: Requirement) -> str:
    """Return the one version that a requirement admits; empty where it may be several."""
    parts = list(requirement.specifier)
    if len(parts) == 1 and parts[0].operator in {"==", "==="} and not parts[0].version.endswith(".*"):
        return version_of(parts[0].version)
    return ""


def _hashes(project: str, given: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    found = []
    for one in given:
        algorithm, _, _ = one.partition(":")
        match = _HASH.fullmatch(one)
        if match:
            found.append(match[1].lower())
        elif algorithm not in {"sha384", "sha512"}:
            msg = f"the hash {short(one)} of {project} is none that is taken; write sha256: and 64 hexadecimal digits"
            raise ValueError(msg)
    if given and not found:
        msg = f"no hash of {project} is a SHA-256, by which the index names its files; add one"
        raise ValueError(msg)
    assert all(is_sha256(one) for one in found)  # noqa: S101 - by the pattern
    return tuple(dict.fromkeys(found))
