"""poetry.lock: its releases, and which of its groups and extras each belongs to.

Locks of version 2.1 list the groups of each package. Those of Poetry before 1.5 have a category, and those between them
nothing: their groups follow from the dependencies of pyproject.toml beside them.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from orchestrator.requirement_files import pyproject
from orchestrator.requirement_files.entries import Mistake, Read, Wanted, short
from orchestrator.requirement_files.graph import Edge, Graph
from orchestrator.requirement_files.lock_entries import collected, file, release, wanted
from orchestrator.requirement_files.selection import MAIN, either, normalized, reduced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from orchestrator.requirement_files.graph import Release
    from orchestrator.requirement_files.selection import Selection

_NAME = re.compile(r"\s*([A-Za-z0-9._-]{1,200})")
_UNKNOWN = (
    "it does not list groups: Poetry does so since version 2.0; keep its pyproject.toml beside it, or lock it again"
)


def parse(
    document: Mapping[str, Any], name: str, lines: list[int], chosen: Selection, beside: Callable[[], str | None]
) -> Read:
    """Read a poetry.lock; `beside` returns the text of pyproject.toml in its folder, or None."""
    try:
        rule = _rule(document, chosen, beside)
    except ValueError as error:
        return Read((), (Mistake(name, 0, str(error)),))
    old = _old_files(document)

    def read(package: Any, name: str, line: int) -> Iterator[Wanted]:  # noqa: ANN401 - whatever TOML gave
        key = release(package)
        marker = rule.marker(package, key)
        if marker is not None:
            yield _entry(package, key, name, line, replace_missing=old, marker=marker)

    content = collected(document["package"], name, lines, read)
    return replace(content, groups=rule.groups, extras=tuple(_extras(document)))


@dataclass(frozen=True, slots=True)
class _Rule:
    """How the releases are chosen: the marker of each, None for those that are left out."""

    marker: Callable[[Any, Release], str | None]
    groups: tuple[str, ...]


def _rule(document: Mapping[str, Any], chosen: Selection, beside: Callable[[], str | None]) -> _Rule:
    """Return how releases are chosen; raise ValueError if nothing shows what belongs to which group."""
    packages = [package for package in document["package"] if isinstance(package, dict)]
    if chosen.is_whole or not packages or any("groups" in package for package in packages):
        groups = dict.fromkeys(chain((MAIN,), *(_groups(package) for package in packages)))
        return _Rule(lambda package, _: _of_groups(package, chosen), tuple(groups))
    if (text := beside()) is not None:
        return _by_project(document, packages, text, chosen)
    if any("category" in package for package in packages) and not chosen.extras:
        return _Rule(lambda package, _: _of_category(package, chosen), (MAIN, "dev"))
    raise ValueError(_UNKNOWN)


def _entry(
    package: Mapping[str, Any],
    key: Release,
    name: str,
    line: int,
    *,
    replace_missing: Mapping[str, Any],
    marker: str,
) -> Wanted:
    project, version = key
    source = package.get("source", {})
    kind = source.get("type", "legacy") if isinstance(source, dict) else "odd"
    if kind not in {"legacy", "pypi"}:
        msg = f"{project} comes from a source of the kind {short(kind)}; only releases of the index are built"
        raise ValueError(msg)
    files = package.get("files", replace_missing.get(project))
    if not isinstance(files, list):
        msg = f"{project} has no list of files; lock it again with a newer Poetry"
        raise ValueError(msg)  # noqa: TRY004 - reported like all mistakes of the file
    return wanted(project, version, name, line, [file(project, entry) for entry in files], marker)


def _old_files(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files of each project, as locks of version 1 list them."""
    files = _table(_table(document, "metadata"), "files")
    return {normalized(name): entries for name, entries in files.items()}


# --- locks that list groups ------------------------------------------------------------------


def _of_groups(package: Mapping[str, Any], chosen: Selection) -> str | None:
    """Return the marker that any of the chosen groups gives a package; None if it belongs to none of them."""
    groups = [name for name in _groups(package) if chosen.takes((name,))]
    if not groups and not chosen.is_whole:
        return None
    markers = (reduced(text, chosen) for text in _markers(package.get("markers", ""), groups))
    left = [marker for marker in markers if marker is not None]
    return either(left) if left else None


def _groups(package: Mapping[str, Any]) -> list[str]:
    groups = package.get("groups", ())
    return [normalized(name) for name in groups] if isinstance(groups, list) else []


def _markers(value: object, groups: list[str]) -> list[str]:
    """Return a package's marker for each group; a group that a table leaves out has none."""
    if not isinstance(value, dict):
        return [value if isinstance(value, str) else ""]
    by_group = {normalized(name): text for name, text in value.items() if isinstance(text, str)}
    return [by_group.get(name, "") for name in groups or [""]]


def _of_category(package: Mapping[str, Any], chosen: Selection) -> str | None:
    category = MAIN if package.get("category", MAIN) == MAIN else "dev"
    optional = package.get("optional") is True and category == MAIN
    return "" if chosen.takes((category,)) and not optional else None


# --- locks that do not -----------------------------------------------------------------------


def _by_project(
    document: Mapping[str, Any], packages: Iterable[Mapping[str, Any]], text: str, chosen: Selection
) -> _Rule:
    """Return the rule for what the dependencies of pyproject.toml need; raise ValueError if it cannot be read."""
    try:
        project = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"its groups are in pyproject.toml beside it, which is not valid TOML: {error}"
        raise ValueError(msg) from None
    groups = _roots(project)
    roots = list(chain.from_iterable(edges for name, edges in groups.items() if chosen.takes((name,))))
    if not groups:
        raise ValueError(_UNKNOWN)
    needed = _graph(packages).needed([*_without_optional(roots, document, chosen)])
    return _Rule(lambda _, key: needed.get(key), tuple(groups))


def _roots(project: Mapping[str, Any]) -> dict[str, list[_Root]]:
    """Return the dependencies of each group of a project, as Poetry 1 or PEP 621 and 735 have them."""
    poetry = _table(_table(project, "tool"), "poetry")
    found = {MAIN: [*_dependencies(_table(poetry, "dependencies")), *_standard(project)]} if poetry else {}
    groups = {"dev": [*_dependencies(_table(poetry, "dev-dependencies"))]} if "dev-dependencies" in poetry else {}
    for name, group in _table(poetry, "group").items():
        listed = _table(group, "dependencies") if isinstance(group, dict) else {}
        groups.setdefault(normalized(name), []).extend(_dependencies(listed))
    return found | groups


@dataclass(frozen=True, slots=True)
class _Root:
    edge: Edge
    optional: bool = False


def _standard(project: Mapping[str, Any]) -> Iterator[_Root]:
    listed, optional = pyproject.requirements(project)
    yield from (_Root(Edge(one.project, extras=one.extras, marker=one.marker)) for one in listed)
    yield from (_Root(Edge(one.project, extras=one.extras, marker=one.marker), optional=True) for one in optional)


def _without_optional(roots: Iterable[_Root], document: Mapping[str, Any], chosen: Selection) -> Iterator[Edge]:
    """Yield the dependencies without the optional ones that no chosen extra lists."""
    extras = {name: {_name(text) for text in texts} for name, texts in _extras(document).items()}
    asked = set().union(*(extras.get(name, set()) for name in chosen.extras))
    for root in roots:
        if root.edge.project in asked:
            yield replace(root.edge, marker="")
        elif not root.optional:
            yield root.edge


def _graph(packages: Iterable[Mapping[str, Any]]) -> Graph:
    graph = Graph()
    for package in packages:
        try:
            key = release(package)
        except ValueError:
            continue  # it is one of the mistakes of the file
        edges = list(_dependencies(_table(package, "dependencies")))
        graph.add(key, "", (root.edge for root in edges if not root.optional))
        for extra, texts in _table(package, "extras").items():
            names = {_name(text) for text in texts} if isinstance(texts, list) else set()
            graph.add(
                key, normalized(extra), (root.edge for root in edges if root.optional and root.edge.project in names)
            )
    return graph


def _dependencies(table: Mapping[str, Any]) -> Iterator[_Root]:
    """Yield the dependencies of a table in Poetry's form: NAME = a version, a table, or a list of these."""
    for name, value in table.items():
        project = normalized(name)
        if project and project != "python":
            yield from (_dependency(project, one) for one in (value if isinstance(value, list) else [value]))


def _dependency(project: str, value: object) -> _Root:
    table = value if isinstance(value, dict) else {}
    extras, marker = table.get("extras", ()), table.get("markers", "")
    names = tuple(filter(None, map(normalized, extras))) if isinstance(extras, list) else ()
    edge = Edge(project, extras=names, marker=marker if isinstance(marker, str) else "")
    return _Root(edge, optional=table.get("optional") is True)


# --- both ------------------------------------------------------------------------------------


def _extras(document: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what each extra of the project lists."""
    extras = _table(document, "extras").items()
    return {normalized(name): texts for name, texts in extras if isinstance(texts, list)}


def _name(text: object) -> str:
    match = _NAME.match(text) if isinstance(text, str) else None
    return normalized(match[1]) if match else ""


def _table(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}
