"""The output of sha256sum, of wheels and of sdists."""

from __future__ import annotations

import re
from dataclasses import replace

from orchestrator.requirement_files.entries import Mistake, Read, Wanted, parsed, short

# GNU's format: the digest, a space, then a space or an asterisk (binary mode), and the file.
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


def is_one(text: str) -> bool:
    """Return whether the first line that is neither blank nor a comment is a line of sha256sum."""
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    return _LINE.fullmatch(first.rstrip()) is not None


def parse(text: str, name: str) -> Read:
    """Read the files of each release as one entry, in the order of their first lines."""
    releases: dict[tuple[str, str], Wanted] = {}
    mistakes: list[Mistake] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            sha256, filename = _read(line.rstrip())
            project, version, is_wheel = parsed(filename)
        except ValueError as error:
            mistakes.append(Mistake(name, number, str(error)))
            continue
        known = releases.get((project, version)) or Wanted(project, version, f"=={version}", name, number)
        if dict((*known.sdists, *known.wheels)).get(filename, sha256) != sha256:
            mistakes.append(Mistake(name, number, f"{short(filename)} is listed twice, with different hashes"))
            continue
        releases[project, version] = _with(known, filename, sha256, is_wheel=is_wheel)
    return Read(tuple(releases.values()), tuple(mistakes))


def _read(line: str) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if match is None:
        msg = f"{short(line)} is not a line of sha256sum: a SHA-256, two spaces, the name of a file"
        raise ValueError(msg)
    return match[1].lower(), match[2].rpartition("/")[2]


def _with(known: Wanted, filename: str, sha256: str, *, is_wheel: bool) -> Wanted:
    files = dict(known.wheels if is_wheel else known.sdists) | {filename: sha256}
    wheels, sdists = (tuple(files.items()), known.sdists) if is_wheel else (known.wheels, tuple(files.items()))
    own = tuple(code for _, code in wheels)
    return replace(known, sdists=sdists, wheels=wheels, own=own)
