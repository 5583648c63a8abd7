"""Compare the records of two farms: what two versions of the program found for the same releases.

    scripts/same_records.py FIRST/results SECOND/results

The newest record of each job is compared, field by field. Times, salts, and what follows from a salt are left out.
The exit status is 1 where any field differs, or where only one of the two has a record.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMES = {"started", "finished", "seconds", "cpu_seconds", "ended"}
"""Fields that hold a time or a duration."""

SALTED = {"salt", "environment", "probe", "log"}
"""Fields that follow from the salt of a build, or from the machine's state."""

_DIGESTS = re.compile(r"(?<![0-9a-f])[0-9a-f]{8,64}(?![0-9a-f])")
_CLOCKS = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d(:\d\d)?|\d{10}(\.\d+)?")

Key = tuple[str, str, str]


def newest(folder: Path) -> dict[Key, Mapping[str, Any]]:
    """Return the newest record of each (project, version, image) below a folder of results."""
    records: dict[Key, Mapping[str, Any]] = {}
    for path in sorted(folder.glob("records/*/*.json"), key=lambda path: path.name):
        record = json.loads(path.read_bytes())
        records[record["project"], record["version"], record["image"]["name"]] = record
    return records


def fields(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """List the fields of a record that two farms have to agree on: (path, text of the value).

    Only the first build's wheel is compared: the others come out of environments with salts.
    """
    if isinstance(value, dict):
        for key, below in value.items():
            later = key == "sha256" and path.endswith(".wheel") and not path.startswith(".builds[0]")
            if key not in TIMES | SALTED and not later:
                yield from fields(below, f"{path}.{key}")
    elif isinstance(value, list):
        yield f"{path}.length", str(len(value))
        for number, below in enumerate(value):
            yield from fields(below, f"{path}[{number}]")
    elif isinstance(value, str) and not _is_exact(path):
        yield path, _masked(value)
    else:
        yield path, str(value)


def _is_exact(path: str) -> bool:
    """Return whether a text has to agree to the letter: it is no evidence quoted from a wheel."""
    return path.startswith((".job", ".inputs", ".sdist", ".builds[0].wheel", ".build_requirements"))


def _masked(text: str) -> str:
    return _CLOCKS.sub("<time>", _DIGESTS.sub("<digest>", text))


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, ...]:
    """List the fields in which two records differ, each as `path: first != second`."""
    ours, theirs = dict(fields(first)), dict(fields(second))
    paths = sorted(path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path))
    return tuple(f"{path}: {ours.get(path)} != {theirs.get(path)}" for path in paths)


def main(first: Path, second: Path) -> int:
    """Print the comparison; return the exit status."""
    ours, theirs = newest(first), newest(second)
    status = 0
    for key in sorted(ours.keys() | theirs.keys()):
        name, verdict = " ".join(key), ours.get(key, theirs.get(key, {}))["verdict"]
        if key not in ours or key not in theirs:
            lines: tuple[str, ...] = (f"only in {first if key in ours else second}",)
        else:
            lines = differing(ours[key], theirs[key])
        print(f"{name}: {verdict}: {'differs' if lines else 'the same'}")
        for line in lines:
            print(f"  {line}")
        status |= bool(lines)
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
