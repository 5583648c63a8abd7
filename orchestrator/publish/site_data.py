"""Summary -> site_data.json, in the form that the tracker of 2020 published."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orchestrator.model import Verdict
from orchestrator.results.summary import version_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from packaging.version import Version

    from orchestrator.model import Result
    from orchestrator.results.summary import Project, Standing, Summary

_BUILT_TWICE = frozenset({Verdict.REPRODUCIBLE, Verdict.SENSITIVE, Verdict.INTRINSIC})


def hashes(standing: Standing) -> tuple[str, ...]:
    """Return the SHA-256 of the first and the second wheel of a verdict; empty if either is missing."""
    return _hashes(standing.latest)


def site_data(summary: Summary, image: str, of: Callable[[Standing], tuple[str, ...]] = hashes) -> str:
    """Return JSON: {name: {"result": bool, "hash_1": hex, "hash_2": hex}} of all projects that were built twice.

    The form has one verdict per project: that of its newest version on `image`, the
    configuration's default. If nothing was built twice there, the other images count: the
    newest version on them and, if they disagree, a verdict that is not reproducible. `of` returns what `hashes` does.
    """
    entries = {project.name: entry for project in summary.projects if (entry := _entry(project, image, of))}
    return json.dumps(entries, indent=2, sort_keys=True) + "\n"


def _entry(project: Project, image: str, of: Callable[[Standing], tuple[str, ...]]) -> dict[str, bool | str] | None:
    built = [standing for standing in project.current if of(standing)]
    if not built:
        return None
    one = max([standing for standing in built if standing.image == image] or built, key=_priority)
    first, second = of(one)
    return {"result": one.verdict is Verdict.REPRODUCIBLE, "hash_1": first, "hash_2": second}


def _priority(standing: Standing) -> tuple[bool, tuple[bool, Version, str], bool]:
    version = version_key(standing.version)
    return not version[1].is_prerelease, version, standing.verdict is not Verdict.REPRODUCIBLE


def _hashes(result: Result) -> tuple[str, ...]:
    """Return the SHA-256 of the first and the second wheel; empty if either is missing."""
    wheels = {build.name: build.wheel for build in result.builds}
    first, second = wheels.get("first"), wheels.get("second")
    if result.verdict not in _BUILT_TWICE or first is None or second is None:
        return ()
    return (first.sha256, second.sha256)
