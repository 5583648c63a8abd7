"""Lists of the wheels of a wheelhouse with their hashes: for sha256sum, for pip, and as a lock file (PEP 751)."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.model.names import checksum_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from packaging.tags import Tag

    from orchestrator.publish.wheelhouse.listed import Listed


def checksums(wheels: Iterable[Listed]) -> str:
    """Return the lines of sha256sum, sorted by file name; no name needs escapes."""
    return "".join(checksum_line(one.sha256, one.name) for one in sorted(wheels))


def requirements(wheels: Iterable[Listed]) -> str:
    """Return a requirements file for pip's --require-hashes, with one version of each project."""
    chosen, others = _chosen(wheels)
    lines = (
        f"{of_one[0].project}=={of_one[0].version}"
        + "".join(f" \\\n    --hash=sha256:{sha256}" for sha256 in sorted({one.sha256 for one in of_one}))
        + "\n"
        for of_one in chosen
    )
    return "".join((*map(_not_listed, others), *lines))


def _not_listed(one: Listed) -> str:
    return f"# The wheel {one.name.filename} is in this folder, too. An installer takes one version of a project.\n"


def pylock(wheels: Sequence[Listed], program: str) -> str:
    """Return a pylock.toml (PEP 751) whose wheels are beside it, with one version of each project."""
    chosen, _ = _chosen(wheels)
    python = python_of(wheel for of_one in chosen for wheel in of_one)
    head = f'lock-version = "1.0"\ncreated-by = {_text(program)}\n{_requires(python)}'
    return head + ("".join(map(_package, chosen)) or "packages = []\n")


def python_of(wheels: Iterable[Listed]) -> str:
    """Return which versions of CPython can install all wheels, by their tags, as a specifier; empty: any.

    A wheel of the stable ABI (abi3) is for its version and all later ones, one of another ABI for its version alone.
    """
    exact, least = set(), (0, 0)
    for tags in (one.name.tags for one in wheels):
        needed = [found for tag in tags if (found := _needed(tag))]
        if len(needed) < len(tags) or not needed:  # one of its tags is for every Python
            continue
        if any(is_stable for _, is_stable in needed):
            least = max(least, min(version for version, is_stable in needed if is_stable))
        else:
            exact.add(frozenset(version for version, _ in needed))
    if exact:
        return min((f"=={major}.{minor}.*" for major, minor in frozenset.intersection(*exact)), default="")
    return f">={least[0]}.{least[1]}" if any(least) else ""


def _needed(tag: Tag) -> tuple[tuple[int, int], bool] | None:
    """Return the version of CPython that a tag is for, and whether it is for later ones, too; None if it is for any."""
    digits = tag.interpreter.removeprefix("cp")
    if tag.abi == "none" or not digits.isdigit() or len(digits) < 2:  # noqa: PLR2004 - "3" is any Python 3
        return None
    return (int(digits[0]), int(digits[1:])), tag.abi == "abi3"


def _chosen(wheels: Iterable[Listed]) -> tuple[list[tuple[Listed, ...]], list[Listed]]:
    """Return the wheels of the newest version of each project, and all others; installers refuse two versions."""
    chosen: list[tuple[Listed, ...]] = []
    others: list[Listed] = []
    for _, of_one in groupby(sorted(wheels, key=_by_project), key=lambda one: one.project):
        every = tuple(of_one)
        newest = max((one.name.version for one in every), key=lambda version: (not version.is_prerelease, version))
        chosen.append(tuple(one for one in every if one.name.version == newest))
        others.extend(one for one in every if one.name.version != newest)
    return chosen, others


def _by_project(one: Listed) -> tuple[str, Listed]:
    return one.project, one


# --- TOML ------------------------------------------------------------------------------------


def _package(wheels: tuple[Listed, ...]) -> str:
    first = wheels[0]
    head = f"\n[[packages]]\nname = {_text(first.project)}\nversion = {_text(first.version)}\n"
    return head + _requires(first.requires_python) + "".join(line for one in wheels for line in _wheel(one))


def _wheel(one: Listed) -> Iterator[str]:
    yield "\n[[packages.wheels]]\n"
    yield f"name = {_text(one.name.filename)}\n"
    yield f"path = {_text(one.name.filename)}\n"
    yield f"size = {one.size}\n"
    yield f"hashes = {{sha256 = {_text(one.sha256)}}}\n"


def _requires(python: str) -> str:
    return f"requires-python = {_text(python)}\n" if python else ""


def _text(text: str) -> str:
    """Return an ASCII text as a basic string of TOML: JSON's escapes of ASCII are among its own."""
    return json.dumps(text)
