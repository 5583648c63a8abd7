"""uv.lock: its releases, and what the groups and extras of its projects need."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from orchestrator.requirement_files.entries import Mistake, Read, Wanted, short, version_of
from orchestrator.requirement_files.graph import Edge, Graph
from orchestrator.requirement_files.lock_entries import collected, file, release, wanted
from orchestrator.requirement_files.selection import MAIN, either, normalized

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator.requirement_files.graph import Release
    from orchestrator.requirement_files.selection import Selection

_VERSION = 1
"""The version of uv.lock that is read. uv reads a lock of any revision of a version that it knows, and so do we."""
_OWN = ("editable", "virtual")
"""The kinds of source of the locked project itself, and of the members of its workspace."""


def parse(document: Mapping[str, Any], name: str, lines: list[int], chosen: Selection) -> Read:
    """Read a uv.lock; of a workspace, the groups and extras of all members are chosen."""
    version = document["version"]
    if version != _VERSION:
        return Read((), (Mistake(name, 0, f"a lock of version {short(version)}; of uv.lock, version 1 is read"),))
    packages = [package for package in document["package"] if isinstance(package, dict)]
    roots = [*_roots(packages, document)]
    needed = None if chosen.is_whole else _graph(packages).needed(_asked(roots, document, chosen))

    def read(package: Any, name: str, line: int) -> Iterator[Wanted]:  # noqa: ANN401 - whatever TOML gave
        return _release(package, name, line, needed)

    content = collected(document["package"], name, lines, read)
    groups = dict.fromkeys((MAIN, *(group for root in roots for group in _names(root, "dev-dependencies"))))
    groups |= dict.fromkeys(_names(_table(document, "manifest"), "dependency-groups"))
    extras = dict.fromkeys(extra for root in roots for extra in _names(root, "optional-dependencies"))
    return replace(content, groups=tuple(groups), extras=tuple(extras))


def _release(
    package: Any,  # noqa: ANN401 - whatever TOML gave
    name: str,
    line: int,
    needed: Mapping[Release, str] | None,
) -> Iterator[Wanted]:
    """Yield the entry of a release that is needed; all are, if `needed` is None."""
    source = package.get("source") if isinstance(package, dict) else None
    kinds = tuple(source) if isinstance(source, dict) else ()
    if any(kind in kinds for kind in _OWN):
        return
    key = release(package)
    if needed is not None and key not in needed:
        return
    project, version = key
    if "registry" not in kinds:
        msg = f"{project} comes from a source of the kind {short(kinds[0] if kinds else source)}; "
        raise ValueError(msg + "only releases of the index are built")
    named = [_file(project, entry) for entry in _files(project, package)]
    markers = [*filter(None, (_fork(package), needed[key] if needed else ""))]
    yield wanted(
        project,
        version,
        name,
        line,
        named,
        " and ".join(f"({one})" for one in markers) if len(markers) > 1 else "".join(markers),
    )


def _fork(package: Mapping[str, Any]) -> str:
    """Return a marker that any of the forks satisfies in which a release is locked."""
    markers = package.get("resolution-markers", ())
    texts = [text for text in markers if isinstance(text, str)] if isinstance(markers, list) else []
    return either(texts) if len(texts) == len(markers) else ""


def _files(project: str, package: Mapping[str, Any]) -> list[Any]:
    """Return the entries of a release's wheels and of its sdist."""
    wheels = package.get("wheels", [])
    if not isinstance(wheels, list):
        msg = f"{project} has no list of wheels"
        raise ValueError(msg)  # noqa: TRY004 - reported like all mistakes of the file
    return [*wheels, *([package["sdist"]] if "sdist" in package else [])]


def _file(project: str, entry: Any) -> tuple[str, str]:  # noqa: ANN401 - whatever TOML gave
    """Return a file's name and SHA-256; a file of a local index has a path, and any other a URL."""
    place = (entry.get("url") or entry.get("path")) if isinstance(entry, dict) else None
    if not isinstance(place, str):
        msg = f"a file of {project} has no URL, and no path"
        raise ValueError(msg)  # noqa: TRY004 - as above
    filename = unquote(_path(project, place)).rpartition("/")[2]
    return file(project, {"file": filename, "hash": entry.get("hash")})


def _path(project: str, place: str) -> str:
    try:
        return urlsplit(place).path
    except ValueError:
        msg = f"a file of {project} has an invalid URL, {short(place)}"
        raise ValueError(msg) from None


# --- groups and extras -----------------------------------------------------------------------


def _roots(packages: Iterable[Mapping[str, Any]], document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the members of the workspace; the lock of a single project does not list them."""
    members = {normalized(one) for one in _list(_table(document, "manifest"), "members")}
    for package in packages:
        source = _table(package, "source")
        is_own = any(source.get(kind) == "." for kind in _OWN)
        if normalized(package.get("name")) in members or (is_own and not members):
            yield package


def _asked(roots: Iterable[Mapping[str, Any]], document: Mapping[str, Any], chosen: Selection) -> Iterator[Edge]:
    """Yield what the chosen groups and extras of the projects require."""
    tables = [_table(root, "dev-dependencies") for root in roots]
    tables.append(_table(_table(document, "manifest"), "dependency-groups"))
    if chosen.has_main:
        yield from (Edge(normalized(root.get("name")), _version(root), chosen.extras) for root in roots)
    for table in tables:
        for group, entries in table.items():
            if normalized(group) in chosen.named:
                yield from _edges(entries)


def _graph(packages: Iterable[Mapping[str, Any]]) -> Graph:
    graph = Graph()
    for package in packages:
        key = normalized(package.get("name")), _version(package)
        graph.add(key, "", _edges(package.get("dependencies")))
        for extra, entries in _table(package, "optional-dependencies").items():
            graph.add(key, normalized(extra), _edges(entries))
    return graph


def _edges(entries: object) -> Iterator[Edge]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and (project := normalized(entry.get("name"))):
            extras = tuple(filter(None, map(normalized, _list(entry, "extra"))))
            marker = entry.get("marker", "")
            yield Edge(project, _version(entry), extras, marker if isinstance(marker, str) else "")


def _version(table: Mapping[str, Any]) -> str:
    """Return the normalized version of a table; empty if it has none."""
    text = table.get("version")
    try:
        return version_of(text) if isinstance(text, str) else ""
    except ValueError:
        return ""


def _names(table: Mapping[str, Any], key: str) -> list[str]:
    return [*filter(None, map(normalized, _table(table, key)))]


def _list(table: Mapping[str, Any], key: str) -> list[Any]:
    value = table.get(key)
    return value if isinstance(value, list) else []


def _table(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}
