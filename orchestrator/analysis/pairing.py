"""Pairs the members of two wheels whose names differ only in what their builds, or other backends, made of them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from orchestrator.analysis.causes.content import without_random
from orchestrator.analysis.causes.dated_versions import are_dated
from orchestrator.analysis.causes.metadata import VERSION
from orchestrator.analysis.causes.planted_values import erase_telling, forms
from orchestrator.analysis.formats.spelling import is_free

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.analysis.wheel_side import WheelSide

_FOLDER = re.compile(rb"\A[^/]+\.(dist-info|data)/")
_LICENSE = re.compile(r"[^/]+\.dist-info/(?:licenses/(?:[^/]+/)*|license_files/)?([^/]+)")
_SHORTEST = 4  # characters of a version's part that is specific enough alone


def renamed(first: WheelSide, second: WheelSide) -> dict[str, str]:
    """Pair the members of only one wheel whose names differ only by what their builds or backends made of them.

    That is values that the builds planted, the spelling of the dist-info folder's name, and the folder of
    license files: backends put the same file into the dist-info folder itself, or into `licenses/` (PEP 639).
    """
    ours = {member.path for member in first.wheel.members}
    theirs = {member.path for member in second.wheel.members}
    alone = ours - theirs, theirs - ours
    pairs = _paired(_keys(first, alone[0]), _keys(second, alone[1]))
    left = _licenses(first, alone[0] - pairs.keys()), _licenses(second, alone[1] - set(pairs.values()))
    return pairs | _paired(*left)


def _paired(first: Mapping[bytes, str], second: Mapping[bytes, str]) -> dict[str, str]:
    return {first[key]: second[key] for key in sorted(first.keys() & second.keys())}


def _licenses(side: WheelSide, paths: Iterable[str]) -> dict[bytes, str]:
    """Return files in the dist-info folder or its `licenses/`, by their last name and content."""
    hashes = {member.path: member.sha256 for member in side.wheel.members}
    found = ((path, _LICENSE.fullmatch(path)) for path in sorted(paths))
    named = [
        (f"{name[1]} {hashes[path]}".encode("utf-8", "surrogateescape"), path)
        for path, name in found
        if name and is_free(name[1])
    ]
    counts = Counter(key for key, _ in named)
    return {key: path for key, path in named if counts[key] == 1}


def _keys(side: WheelSide, paths: Iterable[str]) -> dict[bytes, str]:
    """Return members by their names without what the build made of them; not those whose names are then the same."""
    by_key: dict[bytes, str] = {}
    twice: set[bytes] = set()
    planted = tuple(dict.fromkeys(variation for variation, _ in side.traces.values))
    for path in sorted(paths):
        key = _FOLDER.sub(rb"<\1>/", path.encode("utf-8", "surrogateescape"))
        key = erase_telling(key, forms(side.traces, planted), b"<planted>")
        for variation, value in side.traces.words:
            if variation == VERSION:
                key = key.replace(value.encode(), b"<version>")
        key = without_random(key)
        twice |= {key} & by_key.keys()
        by_key[key] = path
    return {key: path for key, path in by_key.items() if key not in twice}


def with_versions(first: WheelSide, second: WheelSide) -> tuple[WheelSide, WheelSide]:
    """Add each wheel's version to its planted values, if the versions differ only in their endings or by a time."""
    try:
        versions = [parse_wheel_filename(ours.wheel.filename)[1] for ours in (first, second)]
    except InvalidWheelFilename:
        return first, second
    ours, theirs = (one.release for one in versions)
    dated = ours != theirs and are_dated(ours, theirs, (first.traces, second.traces))
    if versions[0] == versions[1] or (ours != theirs and not dated):
        return first, second
    written = [side.wheel.filename.split("-")[1] for side in (first, second)]
    parts = [set(re.split(r"[.+_]", text)) for text in written]

    def with_version(side: WheelSide, number: int) -> WheelSide:
        unlike = set() if dated else parts[number] - parts[1 - number]
        alone = {part for part in unlike if len(part) >= _SHORTEST}
        spelled = {written[number], str(versions[number]), *alone}
        words = ((VERSION, word) for word in sorted(spelled, key=lambda ours: (-len(ours), ours)))
        return replace(side, traces=replace(side.traces, words=(*side.traces.words, *words)))

    return with_version(first, 0), with_version(second, 1)
