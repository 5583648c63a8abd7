"""Causes that show in the zip archive itself: times, modes, order, packing, and what only one wheel has."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from orchestrator.analysis.causes import dates, ordering
from orchestrator.analysis.causes.erasers import Known, by_place, differing, unit, words
from orchestrator.analysis.causes.model import Cause

if TYPE_CHECKING:
    from orchestrator.analysis.causes.model import SidePair

TIME, MODE, PACKING, ORDER = "time of ", "mode of ", "packing of ", "order of members"
"""How the places of units of an archive begin."""

COMMENT, ELSEWHERE, FOLDER = "comment of the archive", "between its members", "entry for a folder"


_EXTRA = re.compile(rb"extra ((?:[0-9a-f]{2})+)")


def _suspected_of_time(pair: SidePair) -> tuple[str, ...]:
    """Tell the clock from the time zone, where the times themselves tell them."""
    known = Known(pair[0].traces, pair[1].traces)
    if known.first.clock is None or known.second.clock is None:
        return ("time", "timezone")
    found: set[str] = set()
    for place in differing(pair)[:100]:
        for twin in dates.twins(unit(pair, place)):
            zones = dates.in_clock(dates.loosened(twin.spans[0]), known.first)
            zones &= dates.in_clock(dates.loosened(twin.spans[1]), known.second)
            if zones:
                found |= {"time"} if "utc" in zones else {"time", "timezone"}
            elif dates.is_one_instant(twin, known):
                found.add("timezone")
    return tuple(sorted(found)) or ("time", "timezone")


def _suspected_of_order(pair: SidePair) -> tuple[str, ...]:
    first, second = (re.split(rb"\n", text) for text in unit(pair, ORDER))
    if _listed_backwards(first, second):
        return ("fileordering",)
    return ordering.suspects_of_items(first, second)


def _listed_backwards(first: list[bytes], second: list[bytes]) -> bool:
    """Tell whether each folder's files, and its folders, come in the opposite order."""
    ours, theirs = _children(first), _children(second)
    return all(list(reversed(names)) == theirs.get(folder) for folder, names in ours.items())


def _children(paths: list[bytes]) -> dict[tuple[bytes, bool], list[bytes]]:
    found: dict[tuple[bytes, bool], dict[bytes, None]] = {}
    for path in paths:
        parts = path.split(b"/")
        for depth, part in enumerate(parts):
            is_file = depth == len(parts) - 1
            found.setdefault((b"/".join(parts[:depth]), is_file), {})[part] = None
    return {folder: list(names) for folder, names in found.items()}


def _suspected_of_packing(pair: SidePair) -> tuple[str, ...]:
    """Look for the user's number, and for the build's clock, in the extra fields."""
    known = Known(pair[0].traces, pair[1].traces)
    found: set[str] = set()
    for place in differing(pair)[:100]:
        first, second = (_extra(text) for text in unit(pair, place))
        numbers = [
            {struct.pack("<I", int(word)) for word in words(side.traces, ("user-group",)) if word.isdigit()}
            for side in pair
        ]
        if all(any(one in extra for one in ours) for extra, ours in zip((first, second), numbers, strict=True)):
            found.add("user-group")
        if dates.erase_instants((first, second), known) != (first, second):
            found.add("time")
    return tuple(sorted(found))


def _extra(text: bytes) -> bytes:
    found = _EXTRA.search(text)
    return bytes.fromhex(found[1].decode()) if found else b""


CAUSES: tuple[Cause, ...] = (
    Cause(
        name="archive-times",
        summary="The archive records times that follow the clock, or the time zone, of the build.",
        why=(
            "A zip archive stores for each member when it was last changed, in local time. Build backends copy that "
            "from the file, and a file that the build itself makes is as old as the build; or they take the clock, or "
            "turn a fixed SOURCE_DATE_EPOCH into local time."
        ),
        shows="The contents of the members are the same bytes; the times beside them are not.",
        example="six-1.16.0.dist-info/METADATA: 2026-11-22 09:14:02 | 2027-12-25 15:37:04",
        kinds=("archive",),
        erase=by_place(lambda place: place.startswith(TIME)),
        variations=("time", "timezone"),
        remedies=("set-epoch", "canonical-archive"),
        suspects=_suspected_of_time,
    ),
    Cause(
        name="archive-modes",
        summary="The archive records permissions that follow the umask of the build.",
        why=(
            "A zip archive made by Python stores each file's permissions. Files that the build makes or copies get "
            "theirs from the umask of whoever builds, and setuptools, for one, stores them as they are."
        ),
        shows="The contents of the members are the same bytes; the modes beside them are not.",
        example="six-1.16.0.dist-info/WHEEL: -rw-r--r-- | -rw-rw-r--",
        kinds=("archive",),
        erase=by_place(lambda place: place.startswith(MODE)),
        variations=("umask",),
        remedies=("fix-umask", "canonical-archive"),
    ),
    Cause(
        name="archive-order",
        summary="The members stand in the archive in another order.",
        why=(
            "A build backend that adds files in the order in which the file system lists them, or from a set, or from "
            "several threads, gives that order to the archive."
        ),
        shows="Both archives hold the same members, listed otherwise.",
        example="pkg/a.py, pkg/b.py | pkg/b.py, pkg/a.py",
        kinds=("archive",),
        erase=by_place(lambda place: place == ORDER),
        variations=("fileordering", "hash-seed", "locales", "num-cpus"),
        remedies=("fix-fileordering", "fix-hash-seed", "fix-locales", "fix-num-cpus", "canonical-archive"),
        suspects=_suspected_of_order,
    ),
    Cause(
        name="archive-packing",
        summary="The members are packed otherwise: compressed, flagged or described in another way.",
        why=(
            "Another compression library or level, another operating system, extra fields with the user's numbers or "
            "finer times, a comment, or entries for folders, which install nothing. Two builds with the same tools "
            "have it seldom; it is common against a wheel that somebody else has published."
        ),
        shows="The unpacked contents are the same bytes; their packed form, or a header's field, is not.",
        example="pkg/a.py: compression 8, system 3 | compression 0, system 0",
        kinds=("archive", "folder"),
        erase=by_place(lambda place: place.startswith(PACKING) or place in (COMMENT, FOLDER)),
        variations=("user-group", "time"),
        remedies=("canonical-archive", "fix-user-group"),
        suspects=_suspected_of_packing,
    ),
    Cause(
        name="extra-member",
        summary="One wheel has a file that the other has not.",
        why=(
            "Something in the environment decides what is built or packed: a tool that is found or not, a cache or "
            "bytecode that was left in the source, a feature that is switched on by a variable or by the system."
        ),
        shows="The path stands in one of the two archives only.",
        example="pkg/__pycache__/a.cpython-311.pyc: absent | present",
        kinds=("presence",),
        erase=by_place(lambda _place: True),
    ),
)
