"""pyproject.toml: the dependencies of a project, its extras, and its dependency groups (PEP 621, PEP 735)."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from packaging.dependency_groups import DependencyGroupResolver
from packaging.requirements import Requirement

from orchestrator.requirement_files.entries import Mistake, Read, Wanted, pinned, short
from orchestrator.requirement_files.selection import MAIN, normalized

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from orchestrator.requirement_files.selection import Selection

NAME = "pyproject.toml"
_STRING = re.compile(r"\"([^\"]+)\"|'([^']+)'")
_WIDEST = 200  # characters of a message of the library
_POETRY = "its dependencies are in the form of Poetry; name its poetry.lock instead"
_DYNAMIC = "its dependencies are dynamic: building the project gives them; list them in a requirements file"


def is_one(document: Mapping[str, Any], name: str) -> bool:
    """Return whether a document is a pyproject.toml, by its name or its tables."""
    return name.rpartition("/")[2] == NAME or not {"project", "dependency-groups", "build-system"}.isdisjoint(document)


def parse(document: Mapping[str, Any], text: str, name: str, chosen: Selection) -> Read:
    """Read what the chosen groups and extras require; without a choice, the dependencies of the project.

    Requirements of one project with equal markers are one entry, which all of their specifiers admit.
    """
    lines = _lines(text)
    mistakes: list[Mistake] = []
    entries: dict[tuple[str, str], Wanted] = {}
    for source in _sources(document, chosen):
        try:
            texts = source()
        except ValueError as error:
            mistakes.append(Mistake(name, 0, str(error)))
            continue
        for one in texts:
            try:
                _add(entries, replace(entry(one), file=name, line=lines.get(one, 0)))
            except ValueError as error:
                mistakes.append(Mistake(name, lines.get(one, 0), str(error)))
    groups, extras = _names(document, "dependency-groups"), _names(_table(document, "project"), "optional-dependencies")
    return Read(tuple(entries.values()), tuple(mistakes), (MAIN, *groups), extras)


def requirements(document: Mapping[str, Any]) -> tuple[list[Wanted], list[Wanted]]:
    """Return the dependencies of a project, and those of its extras; what cannot be read is left out."""
    project = _table(document, "project")
    optional = chain.from_iterable(map(_texts, _table(project, "optional-dependencies").values()))
    return [*_readable(_texts(project.get("dependencies")))], [*_readable(optional)]


def entry(text: str) -> Wanted:
    """Return the entry of a requirement (PEP 508), without its place; raise ValueError if it is not supported."""
    try:
        requirement = Requirement(text)
    except (ValueError, RecursionError):
        msg = f"{short(text)} is not a requirement (PEP 508)"
        raise ValueError(msg) from None
    if requirement.url:
        msg = f"{short(requirement.name)} names a URL; write NAME==VERSION"
        raise ValueError(msg)
    version = pinned(requirement)
    extras = tuple(sorted(filter(None, map(normalized, requirement.extras))))
    specifier = f"=={version}" if version else str(requirement.specifier)
    marker = str(requirement.marker or "")
    return Wanted(normalized(requirement.name), version, specifier, "", 0, marker=marker, extras=extras)


def _readable(texts: Iterable[str]) -> Iterator[Wanted]:
    for text in texts:
        try:
            yield entry(text)
        except ValueError:
            continue


def _add(entries: dict[tuple[str, str], Wanted], new: Wanted) -> None:
    """Add an entry, or combine it with an earlier one of its project and marker."""
    key = (new.project, new.marker)
    known = entries.get(key)
    if known is None:
        entries[key] = new
        return
    specifiers = ",".join(dict.fromkeys(filter(None, (known.specifier, new.specifier))))
    both = entry(f"{new.project}{specifiers}")
    extras = tuple(sorted({*known.extras, *new.extras}))
    entries[key] = replace(known, version=both.version, specifier=both.specifier, extras=extras)


def _sources(document: Mapping[str, Any], chosen: Selection) -> Iterator[Callable[[], Iterable[str]]]:
    """Yield what lists each part that is chosen; each raises ValueError if its part cannot be read."""
    if chosen.has_main:
        yield partial(_main, document, chosen.extras)
    known = _names(document, "dependency-groups")
    if known and not set(known).isdisjoint(chosen.named):
        yield partial(_of_groups, document, [name for name in chosen.named if name in known])


def _main(document: Mapping[str, Any], extras: Iterable[str]) -> list[str]:
    """Return what a project requires, with some of its extras, which may name others (`own[other]`)."""
    project = _table(document, "project")
    if "dependencies" in _texts(project.get("dynamic")):
        raise ValueError(_DYNAMIC)
    if "dependencies" not in project and _table(_table(document, "tool"), "poetry").get("dependencies"):
        raise ValueError(_POETRY)
    own = normalized(project.get("name"))
    optional = {normalized(name): texts for name, texts in _table(project, "optional-dependencies").items()}
    found, waiting, seen = _checked(project.get("dependencies", []), "dependencies"), list(extras), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in optional:
            continue
        seen.add(name)
        for text in _checked(optional[name], f"the extra {name}"):
            itself = _extras_of(text, own)
            waiting.extend(itself)
            found.extend(() if itself else (text,))
    return found


def _extras_of(text: str, own: str) -> tuple[str, ...]:
    """Return the extras that a requirement on the project itself names."""
    named = list(_readable([text]))
    return named[0].extras if own and named and named[0].project == own else ()


def _of_groups(document: Mapping[str, Any], groups: Iterable[str]) -> list[str]:
    """Return what dependency groups require, with those that they include; raise ValueError for each mistake."""
    found: list[str] = []
    try:
        resolver = DependencyGroupResolver(document["dependency-groups"])
        for name in groups:
            found.extend(str(requirement) for requirement in resolver.resolve(name))
    except (RecursionError, MemoryError):
        msg = "its dependency groups include each other too deeply, or too often"
        raise ValueError(msg) from None
    except Exception as error:  # noqa: BLE001 - the library's group of errors has no common class before Python 3.11
        raise ValueError("; ".join(dict.fromkeys(_sentences(error)))) from None
    return found


def _sentences(error: BaseException) -> Iterator[str]:
    """Yield what is wrong with dependency groups; the library groups its errors."""
    for one in getattr(error, "exceptions", (error,)):
        yield f"[dependency-groups]: {_printable(str(one.args[0]) if one.args else repr(one))}"


def _printable(text: str) -> str:
    flat = " ".join(text.split())
    return "".join(char if char.isprintable() else "?" for char in flat)[:_WIDEST]


def _lines(text: str) -> dict[str, int]:
    """Return the first line of each string, as it is written; a string of several lines is not listed."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        for match in _STRING.finditer(line):
            found.setdefault(match[1] or match[2], number)
    return found


def _checked(value: object, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        msg = f"{what} is not a list of requirements (PEP 621)"
        raise ValueError(msg)
    return list(value)


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _names(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(filter(None, map(normalized, _table(table, key))))


def _table(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}
