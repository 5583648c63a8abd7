"""What all campaigns share: farms in a folder that is removed at the end, and what must be true of each after a fault.

Everything is seen from outside: the command, its exit status and messages, its files, containers and processes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker

from tests.docker.farm_fixture import Ended, FarmFixture, farm_on
from tests.faults import packages, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PATIENCE = 15.0
"""Seconds that a farm's helpers may outlive it, and the command a request to stop."""

LATEST = 300.0
"""Seconds after which a run counts as one that never ends."""

PLACE = Path("/var/tmp")  # noqa: S108 - each campaign makes a separate folder there
"""Where campaigns have their folders: on a disk, since /tmp may be memory."""

_UNFINISHED = (".new-", ".unfinished-")
_LOOK = 0.05  # seconds
_TRUTH = threading.Lock()

Finding = tuple[str, tuple[str, ...], tuple[str, ...]]
"""A verdict, the causes and the variations that bring them about: all that no fault may change."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder for the farms of one campaign, which share one cache."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)  # of all commands
    host: str = "127.0.0.1"  # the address of their indexes

    @contextmanager
    def farm(self, name: str, **settings: Any) -> Iterator[FarmFixture]:  # noqa: ANN401 - any YAML value
        """Yield a farm with separate results; its files stay as long as the workspace."""
        folder = self.folder / name
        folder.mkdir()
        with contextmanager(farm_on)(folder, self.host) as farm:
            farm.environment |= {processes.MARK: str(self.folder), **self.environment}
            farm.configure(**{"cache": str(self.folder / "cache"), **settings})
            yield farm


@contextmanager
def workspace() -> Iterator[Workspace]:
    """Give a new folder; at the end, remove it, and the processes and containers of its farms."""
    folder = Path(tempfile.mkdtemp(prefix="wheelproof-faults-", dir=PLACE))
    try:
        yield Workspace(folder)
    finally:
        for pid in processes.marked(folder):
            processes.kill(pid)
        remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, read-only folders included."""
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=False)  # noqa: S607 - of the system
    shutil.rmtree(folder, ignore_errors=True)


# --- commands --------------------------------------------------------------------------------


def ended(process: subprocess.Popen[str], begun: float, patience: float = LATEST) -> tuple[Ended, tuple[str, ...]]:
    """Wait for a command to end; after `patience` seconds kill it, and report that as wrong."""
    wrong: tuple[str, ...] = ()
    try:
        out, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its session is its own
        out, err = process.communicate()
        wrong = (f"no end after {patience:g} s",)
    return Ended(process.returncode, out, err, time.monotonic() - begun), wrong


def ran(farm: FarmFixture, *arguments: str) -> tuple[Ended, tuple[str, ...]]:
    """Run a command to its end, as `ended` waits for it."""
    begun = time.monotonic()
    return ended(farm.begin(*arguments), begun)


def completed(
    farm: FarmFixture, paths: list[str], true: Mapping[str, Finding], before: Mapping[Path, bytes]
) -> tuple[str, ...]:
    """Run once more without a fault: every job must get its verdict, and nothing may be left. Return what is wrong."""
    run, wrong = ran(farm, "run", *paths)
    if run.status:
        wrong += (f"the next run ended with status {run.status}: {last_line(run.err)}",)
    return wrong + sound(farm, true, before)


def last_line(text: str) -> str:
    """Return the last line of what a command printed, cut."""
    return (text.strip().splitlines() or ["nothing printed"])[-1][:300]


# --- what must be true of a farm -------------------------------------------------------------


def findings(farm: FarmFixture) -> dict[str, Finding]:
    """Return what the newest record of each project found; a ValueError names a record that cannot be read."""
    found = {}
    for path in farm.records():
        record = json.loads(path.read_bytes())
        causes = tuple(sorted(cause["name"] for cause in record["causes"]))
        found[path.parent.name] = (record["verdict"], causes, tuple(sorted(record["holds"] or ())))
    return found


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What a run without a fault found, in how many seconds, and the id of the image that it built on."""

    findings: dict[str, Finding]
    seconds: float
    image: str


def undisturbed(farm: FarmFixture, paths: list[str], verdicts: Mapping[str, str]) -> Undisturbed:
    """Run without a fault; a RuntimeError means that no campaign can be based on it."""
    run, wrong = ran(farm, "run", *paths)
    found = findings(farm)
    if run.status or wrong or {project: one[0] for project, one in found.items()} != verdicts:
        msg = f"running without a fault: status {run.status}, {found or 'no records'}, {wrong}\n{run.err[-2000:]}"
        raise RuntimeError(msg)
    return Undisturbed(found, run.seconds, str(json.loads(farm.records()[0].read_bytes())["image"]["id"]))


def truth() -> Undisturbed:
    """Return what a run of the campaigns' packages finds without a fault; it is run once in a process."""
    with _TRUTH:  # for whoever comes meanwhile
        return _truth()


@cache
def _truth() -> Undisturbed:
    with workspace() as place, place.farm("truth") as farm:
        return undisturbed(farm, packages.packed(tuple(packages.VERDICTS), place.folder), packages.VERDICTS)


def kept(farm: FarmFixture) -> dict[Path, bytes]:
    """Return the records that there are, and their bytes."""
    return {path: path.read_bytes() for path in farm.records()}


def false_verdicts(farm: FarmFixture, true: Mapping[str, Finding]) -> tuple[str, ...]:
    """List the verdicts that differ from the truth, and the records that cannot be read; no verdict is never false."""
    try:
        found = findings(farm)
    except (ValueError, KeyError) as error:
        return (f"a record cannot be read: {error!r}",)
    return tuple(
        f"{project}: {one}, but the truth is {true.get(project)}"
        for project, one in found.items()
        if one != true.get(project)
    )


def sound(farm: FarmFixture, true: Mapping[str, Finding], before: Mapping[Path, bytes]) -> tuple[str, ...]:
    """List what is wrong with a farm after a whole run: records, files by hash, site, leftovers."""
    return (
        *false_verdicts(farm, true),
        *(f"no verdict of {project}" for project in true if not farm.records(project)),
        *lost(before),
        *_damaged(farm),
        *_site(farm, true),
        *leftovers(farm),
    )


def lost(before: Mapping[Path, bytes]) -> tuple[str, ...]:
    """List the records that are gone or changed since then."""
    return tuple(
        f"lost record: {path.name}"
        for path, content in before.items()
        if not path.is_file() or path.read_bytes() != content
    )


def _damaged(farm: FarmFixture) -> Iterator[str]:
    """Yield the files that are not what their names, which are hashes, promise."""
    for folder in ("wheels", "logs"):
        for path in farm.results.glob(f"{folder}/*"):
            if not path.name.startswith(".") and hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
                yield f"damaged file: {folder}/{path.name}"


def _site(farm: FarmFixture, true: Mapping[str, Finding]) -> Iterator[str]:
    """Yield what the site lacks."""
    site = farm.results / "site"
    pages = [site / "index.html", *(site / "packages" / f"{project}.html" for project in true)]
    for page in pages:
        if not page.is_file() or not page.read_text().rstrip().endswith("</html>"):
            yield f"the site lacks {page.name}, or has only a part of it"
    with suppress(OSError):
        index = pages[0].read_text()
        yield from (f"the site's index does not list {project}" for project in true if project not in index)
    try:
        data = json.loads((farm.results / "site_data.json").read_bytes())
    except (OSError, ValueError) as error:
        yield f"site_data.json cannot be read: {error}"
    else:
        built = (project for project, finding in true.items() if finding[0] != "ftbfs")  # it lists no others
        yield from (f"site_data.json does not list {project}" for project in built if project not in data)


def leftovers(farm: FarmFixture) -> tuple[str, ...]:
    """List containers, helper processes and unfinished files that exist though no command runs."""
    workspace = Path(farm.environment[processes.MARK])
    partial = [*unfinished(farm.folder), *unfinished(workspace / "cache")]
    eventually(lambda: not processes.marked(workspace))
    helpers = processes.marked(workspace)
    return (
        *(f"container left behind: {one['Id'][:12]}, {one['State']}" for one in containers(farm)),
        *(f"helper left behind: {processes.read(pid, 'cmdline')[:200]!r}" for pid in helpers),
        *(f"unfinished file left behind: {path.relative_to(workspace)}" for path in partial),
    )


def unfinished(folder: Path) -> list[Path]:
    """List what would be left of writing that was not finished, in results and caches."""
    return [path for path in folder.rglob("*") if path.name.startswith(_UNFINISHED)]


def containers(farm: FarmFixture) -> list[dict[str, Any]]:
    """List the farm's containers, on the engine that it works with."""
    client = docker.APIClient(
        base_url=farm.environment.get("DOCKER_HOST", os.environ.get("DOCKER_HOST")), version="auto"
    )
    try:
        found: list[dict[str, Any]] = client.containers(all=True, filters={"label": f"wheelproof={farm.label}"})
    finally:
        client.close()
    return found


def eventually(is_so: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Wait until something is so, no longer than that; return whether it is."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK)
    return True
