"""Compare two builds of one release, member by member."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from orchestrator.analysis.wheel import is_record
from orchestrator.model import Aspect, Difference, Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.model import Member


def compare(first: Wheel, second: Wheel) -> tuple[Difference, ...]:
    """List all differences of two wheels; an empty list means equal bytes and an equal name.

    A difference that no member accounts for is reported as one of the archive itself, so an
    empty list is reliable.
    """
    differences = tuple(_differences(first, second))
    unequal = first.sha256 != second.sha256
    inside = any(difference.aspect not in (Aspect.TAGS, Aspect.FILENAME) for difference in differences)
    return differences if inside or not unequal else (*differences, Difference("", Aspect.ARCHIVE))


def _differences(first: Wheel, second: Wheel) -> Iterator[Difference]:
    if first.filename != second.filename:
        yield Difference("", Aspect.TAGS if _tags(first) != _tags(second) else Aspect.FILENAME)
    ours = {member.path: member for member in first.members}
    theirs = {member.path: member for member in second.members}
    common = ours.keys() & theirs.keys()
    if [path for path in ours if path in common] != [path for path in theirs if path in common]:
        yield Difference("", Aspect.ORDER)
    changed = {path for path in common if ours[path].sha256 != theirs[path].sha256} | (ours.keys() ^ theirs.keys())
    follows = _record_follows(first, second, changed)
    for path in sorted(ours.keys() | theirs.keys()):
        if path not in common:
            yield Difference(path, Aspect.PRESENCE)
        else:
            for aspect in _aspects(ours[path], theirs[path]):
                yield Difference(path, aspect, aspect is Aspect.CONTENT and is_record(path) and follows)


def _aspects(first: Member, second: Member) -> Iterator[Aspect]:
    if first.sha256 != second.sha256:
        yield Aspect.CONTENT
    if first.mode != second.mode:
        yield Aspect.MODE
    if first.time != second.time:
        yield Aspect.TIME
    if first.packing != second.packing or (first.sha256 == second.sha256 and first.packed != second.packed):
        yield Aspect.PACKING


def _record_follows(first: Wheel, second: Wheel, changed: set[str]) -> bool:
    """Return whether RECORD differs only in the lines of members that differ themselves."""
    others = {path for path in changed if not is_record(path)}
    alone = {member.path for member in first.members} ^ {member.path for member in second.members}
    same_rows = _unrelated(first, others, alone) == _unrelated(second, others, alone)
    return bool(others) and same_rows and _ends(first) == _ends(second)


def _ends(wheel: Wheel) -> set[str]:
    """Return how the lines of RECORD end."""
    return {line[len(line.rstrip("\r\n")) :] for line in wheel.record}


def _unrelated(wheel: Wheel, changed: set[str], alone: set[str]) -> list[list[str]]:
    """Return RECORD's rows in order: of members that differ, the path and the kind of hash; of others, all."""
    try:
        rows = list(csv.reader(wheel.record))
    except csv.Error:
        rows = [[line] for line in wheel.record]
    rows = [row for row in rows if row and row[0] not in alone]
    return [[row[0], *(field.partition("=")[0] for field in row[1:2])] if row[0] in changed else row for row in rows]


def _tags(wheel: Wheel) -> object:
    try:
        return parse_wheel_filename(wheel.filename)[3]
    except InvalidWheelFilename:
        return wheel.filename
