"""The method of the tracker of 2020: `pip wheel` from source, twice, one build after the other, and the hashes.

Runs inside a container. It gets a JSON object as its argument, and prints a line of JSON for each requirement
on standard output; what pip prints goes to standard error.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from typing import Any

PIP = ("python3", "-m", "pip", "wheel")
AS_IN_2020 = ("--no-binary", ":all:", "--no-cache-dir")
EPOCH = 1_596_163_658
"""SOURCE_DATE_EPOCH of all builds of 2020, in seconds of Unix."""

_MEMBERS = 50  # that are named of two wheels that differ
_NAME = 300  # characters
_CONTENT = 64 << 20  # bytes of a member that are searched
_PATHS = 10
_FOLDER_OF_PIP = re.compile(rb"/pip-[a-z-]{2,20}-[a-z0-9_]{8}(?![a-z0-9_])")
"""A folder that pip named at random: pip-wheel-, pip-install-, pip-build-env- and others."""

_VERSION = re.compile(r"pip ([\w.]{1,30})")


def build(requirement: str, seconds: float, folder: str, *options: str) -> dict[str, Any]:
    """Run pip once, and return its exit status (None: it took longer than `seconds`) and its wheels in `folder`.

    The wheels are in the order in which the folder is listed.
    """
    os.makedirs(folder)
    begun = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - no shell, and a requirement in its normal form
        [*PIP, requirement, *AS_IN_2020, *options],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=2,
        stderr=2,
        start_new_session=True,
    )
    status: int | None
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        status = None
    took = time.monotonic() - begun
    names = [name for name in os.listdir(folder) if name.endswith(".whl")]
    wheels = [{"filename": name, "sha256": _sha256(os.path.join(folder, name))} for name in names]
    return {"seconds": round(took, 3), "status": status, "wheels": wheels}


def _sha256(path: str) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def twice(requirement: str, seconds: float, place: str, *, alone: bool) -> dict[str, Any]:
    """Build twice in the same folder; after a failure, not again. With `alone`, twice more without dependencies."""
    folder, former = os.path.join(place, "wheels"), os.path.join(place, "first")
    builds = [build(requirement, seconds, folder)]
    differences: list[dict[str, Any]] = []
    without: list[dict[str, Any]] = []
    if builds[0]["status"] == 0:
        os.rename(folder, former)
        builds.append(build(requirement, seconds, folder))
        differences = _differences(builds, former, folder)
    if alone and len(builds[0]["wheels"]) > 1 and builds[-1]["status"] == 0:
        for _ in range(2):
            shutil.rmtree(folder)
            without.append(build(requirement, seconds, folder, "--no-deps"))
    return {"requirement": requirement, "builds": builds, "alone": without, "differences": differences}


# --- what differs ----------------------------------------------------------------------------


def _differences(builds: list[dict[str, Any]], former: str, folder: str) -> list[dict[str, Any]]:
    first, second = ({one["filename"]: one["sha256"] for one in build["wheels"]} for build in builds)
    names = sorted(name for name in first if second.get(name, first[name]) != first[name])
    return [difference(name, os.path.join(former, name), os.path.join(folder, name)) for name in names[:_MEMBERS]]


def difference(name: str, first: str, second: str) -> dict[str, Any]:
    """Return which members of two wheels differ, and the folders of pip that either of them contains.

    A wheel that cannot be read has neither.
    """
    found: dict[str, Any] = {"filename": name[:_NAME], "members": [], "first": [], "second": []}
    try:
        with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other:
            sums = [{info.filename: (info.CRC, info.file_size) for info in each.infolist()} for each in (one, other)]
            members = sorted(key for key in sums[0].keys() | sums[1].keys() if sums[0].get(key) != sums[1].get(key))
            found["members"] = [member[:_NAME] for member in members[:_MEMBERS]]
            found["first"] = _folders_of_pip(one, members)
            found["second"] = _folders_of_pip(other, members)
    except Exception as error:  # noqa: BLE001 - the package wrote the wheel; only the hashes decide
        print(f"comparing {name!r}: {error!r}", file=sys.stderr)  # noqa: T201 - into the log
    return found


def _folders_of_pip(wheel: zipfile.ZipFile, members: list[str]) -> list[str]:
    there = set(wheel.namelist())
    found: set[str] = set()
    for member in members[:_MEMBERS]:
        if member in there:
            with wheel.open(member) as stream:
                found.update(match.decode() for match in _FOLDER_OF_PIP.findall(stream.read(_CONTENT)))
    return sorted(found)[:_PATHS]


# --- the program -----------------------------------------------------------------------------


def _version_of_pip() -> str:
    command = [*PIP[:3], "--version"]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout  # noqa: S603 - pip itself
    match = _VERSION.match(shown)
    return match[1] if match else ""


def main(spec: dict[str, Any]) -> None:
    """Build each of `requirements`, each build for at most `seconds`; `alone`: also without dependencies."""
    os.umask(0o022)
    about = {"pip": _version_of_pip(), "python": "{}.{}.{}".format(*sys.version_info[:3])}
    for requirement in spec["requirements"]:
        place = tempfile.mkdtemp()
        found = twice(requirement, spec["seconds"], place, alone=spec["alone"])
        shutil.rmtree(place, ignore_errors=True)
        print(json.dumps({**about, **found}), flush=True)  # noqa: T201 - the report


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
