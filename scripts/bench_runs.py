"""Run what scripts/bench.py measures: the method of 2020, wheelproof as a separate command, an empty container."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_figures import CONFIGS, OTHER, THIS, Phase, Run

from orchestrator.build import confinement, engine
from orchestrator.farm import method_2020
from orchestrator.model import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
IMAGE = "bookworm"

PATIENCE = Limits(seconds=900)
"""The limits of one `pip wheel`."""

LAST_WORDS = 2000
"""Bytes of a failed build's log."""

EMPTY = 40
"""The number of empty containers that are run, to measure the cost of one."""

KEPT = ("project", "version", "image", "verdict", "outcome", "reason", "holds", "recipe", "requirement", "open")
"""What is kept of a result, beside its builds and recipes."""

_ENDED = frozenset({0, 9, 11})
"""Statuses of a command that printed its results: all is well, a job without a verdict, a wheel not verified."""


def log(line: str) -> None:
    """Report the progress on standard error."""
    print(line, file=sys.stderr, flush=True)


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


# --- the method of 2020 ----------------------------------------------------------------------


class Listener:
    """Reads what the program of the method of 2020 reports, and keeps the end of what pip prints."""

    def __init__(self, reported: Callable[[dict[str, Any]], None]) -> None:
        """Pass on what was timed of each release."""
        self._reported = reported
        self._rest = b""
        self._log = b""

    def __call__(self, stream: int, piece: bytes) -> bool:
        """Take in a piece of output; more is always wanted."""
        if stream != engine.STDOUT:
            self._log = (self._log + piece)[-LAST_WORDS:]
            return True
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._reported(timed(json.loads(line), self._log.decode(errors="replace")))
            self._log = b""
        return True


def timed(report: dict[str, Any], log: str) -> dict[str, Any]:
    """Return how long the builds of a release took, with its dependencies and alone; or the log of its failure."""
    requirement, builds, alone = report["requirement"], report["builds"], report["alone"]
    if any(one["status"] != 0 for one in (*builds, *alone)):
        return {"requirement": requirement, "failure": log or "pip failed"}
    seconds, without = (sum(one["seconds"] for one in some) for some in (builds, alone))
    return {
        "requirement": requirement,
        "seconds": seconds,
        "alone": without if alone else seconds,
        "wheels": len(builds[0]["wheels"]),
    }


def method_of_2020(
    farm: engine.Engine, image: str, releases: Sequence[str], reported: Callable[[dict[str, Any]], None]
) -> None:
    """Time the method of 2020 in one long container, as the command `method-2020` runs it.

    It needs the network, as it did in 2020: the host's, so that it works wherever the host does.
    """
    through = method_2020.connection(confinement.Network.HOST, "", os.environ, lambda path: Path(path).is_file())
    farm.run(method_2020.container(image, releases, PATIENCE, through, "bench", alone=True), Listener(reported))


# --- wheelproof ------------------------------------------------------------------------------


def container_alone(farm: engine.Engine, image: str, count: int = EMPTY) -> float:
    """Return the time of an empty container, in seconds of the whole machine: no core is idle."""
    empty = engine.Container(image, ("true",), label="bench", scratch={"/tmp": "rw"})  # noqa: S108 - the container's

    def once(_number: int) -> None:
        farm.run(empty, lambda _stream, _piece: True)

    with ThreadPoolExecutor(2 * cores()) as pool:
        once(0)
        begun = time.monotonic()
        list(pool.map(once, range(count)))
        return (time.monotonic() - begun) / count


@dataclass(frozen=True, slots=True)
class Checkout:
    """One checkout of wheelproof, with its own Python if it has a virtual environment."""

    name: str
    folder: Path

    @property
    def python(self) -> str:
        """The Python that runs it."""
        own = self.folder / ".venv" / "bin" / "python"
        return str(own) if own.exists() else sys.executable

    def command(self, phase: Phase, home: Path, releases: Sequence[str]) -> list[str]:
        """Return the command of a phase; `home` has the configurations."""
        again = ["--again"] if phase.again and not phase.fresh else []
        config = str(home / f"{phase.config}.yaml")
        return [self.python, "-m", "orchestrator", phase.command, "--json", "--config", config, *again, *releases]

    def run(self, phase: Phase, home: Path, releases: Sequence[str], repetition: int = 0) -> Run:
        """Run a phase, and wait for it.

        Raises
        ------
        SystemExit
            It ended without results.

        """
        words = self.command(phase, home, releases)
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            begun = time.monotonic()
            process = subprocess.Popen(words, cwd=self.folder, env=environment, stdout=out, stderr=err)  # noqa: S603
            _, status, used = os.wait4(process.pid, 0)
            wall = time.monotonic() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            if process.returncode not in _ENDED:
                msg = f"running wheelproof ({self.name}, {phase.name}): it ended with status {process.returncode}\n"
                raise SystemExit(msg + err.read().decode(errors="replace")[-4000:])
            results = [kept(result) for result in json.load(out)]
        return Run(phase.name, self.name, repetition, wall, used.ru_utime + used.ru_stime, results)


def kept(result: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a result that the figures follow from."""
    some = {key: result[key] for key in KEPT if key in result}
    builds = [{key: build[key] for key in ("name", "seconds", "cpu_seconds")} for build in result.get("builds", ())]
    recipes = [{key: recipe[key] for key in ("form", "proof")} for recipe in result.get("recipes") or ()]
    return {**some, "builds": builds, "recipes": recipes}


def both(other: Path | None) -> tuple[Checkout, ...]:
    """Return this checkout, and the other if there is one."""
    this = Checkout(THIS, ROOT)
    return (this, Checkout(OTHER, other.resolve())) if other else (this,)


def settings(config: str, index: str = "") -> str:
    """Return the text of a configuration, by its name; `index` is the address of the index, PyPI if empty."""
    return f"image: {IMAGE}\n{CONFIGS[config]}" + (f"index: {index}\n" if index else "")


@contextmanager
def fresh_folder(index: str = "") -> Iterator[Path]:
    """Create a temporary folder with all configurations, so that cache and results are new; `index` as `settings`."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache", prefix="bench-", ignore_cleanup_errors=True) as name:
        for config in CONFIGS:
            (Path(name) / f"{config}.yaml").write_text(settings(config, index))
        try:
            yield Path(name)
        finally:  # much of the cache is kept read-only
            subprocess.run(["chmod", "-R", "u+w", name], check=False)  # noqa: S603, S607


def memory(jobs: int) -> tuple[int, int, float]:
    """Judge that many stub projects in a separate process; return (jobs, bytes at its peak, seconds)."""
    command = [sys.executable, str(Path(__file__).with_name("stub_farm.py")), str(jobs)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)  # noqa: S603
    found = json.loads(done.stdout)
    log(f"memory: {jobs} jobs")
    return jobs, found["peak"], found["seconds"]
