"""The package index of a wheelhouse as static pages: HTML (PEP 503, PEP 629) and JSON (PEP 691, PEP 700).

Links are relative, so that the folder may be moved, and served from any place.
"""

from __future__ import annotations

import json
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.publish.wheelhouse.listed import Listed

FOLDER = "simple"
_API = "1.1"  # version of the index's interface: PEP 700
_TOP = "../../"  # from the page of a project to the wheels


def pages(wheels: Iterable[Listed]) -> Iterator[tuple[str, str]]:
    """Yield path and text of each page: the list of projects, and one for each project, in both forms."""
    projects = {
        project: tuple(of_one)
        for project, of_one in groupby(sorted(wheels, key=lambda one: (one.project, one)), key=lambda one: one.project)
    }
    yield f"{FOLDER}/index.html", _html("Index", (f'<a href="{name}/">{name}</a>' for name in projects))
    yield f"{FOLDER}/index.json", _json({"projects": [{"name": name} for name in projects]})
    for name, files in projects.items():
        yield f"{FOLDER}/{name}/index.html", _html(f"Links for {name}", map(_link, files))
        yield f"{FOLDER}/{name}/index.json", _json(_project(name, files))


def _html(title: str, links: Iterable[str]) -> str:
    lines = "".join(f"{link}<br>\n" for link in links)
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n'
        f'<head><meta charset="utf-8"><meta name="pypi:repository-version" content="{_API}">'
        f"<title>{title}</title></head>\n"
        f"<body>\n<h1>{title}</h1>\n{lines}</body>\n</html>\n"
    )


def _link(one: Listed) -> str:
    python = f' data-requires-python="{escape(one.requires_python)}"' if one.requires_python else ""
    return f'<a href="{_url(one)}#sha256={one.sha256}"{python}>{escape(one.name.filename)}</a>'


def _url(one: Listed) -> str:
    return f"{_TOP}{quote(one.name.filename)}"


def _project(name: str, files: tuple[Listed, ...]) -> dict[str, Any]:
    return {"name": name, "versions": sorted({one.version for one in files}), "files": [_file(one) for one in files]}


def _file(one: Listed) -> dict[str, Any]:
    return {
        "filename": one.name.filename,
        "url": _url(one),
        "hashes": {"sha256": one.sha256},
        "size": one.size,
        "yanked": False,
        **({"requires-python": one.requires_python} if one.requires_python else {}),
    }


def _json(value: dict[str, Any]) -> str:
    return json.dumps({"meta": {"api-version": _API}, **value}, indent=1) + "\n"
