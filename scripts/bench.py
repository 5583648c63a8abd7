"""Measure wheelproof on this machine: against the method of 2020, against the floor, and its memory.

Every figure is of one run, on the same releases: first the method of 2020 in a container of the same
image, then wheelproof as a separate command with only the images made (cold), again with full caches
(warm), again with nothing changed, and once more with experiments on what differs. The other runs leave
experiments out, since the method of 2020 has none. The floor is the processor time of the build backends
alone, spread over the cores. The highest share of it that a farm with one container for each build can
reach is printed beside it, since empty containers take time too. Releases that the method of 2020 cannot
build are left out on both sides.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import __version__
from orchestrator.build import confinement, engine
from orchestrator.config.schema import File
from orchestrator.farm import method_2020
from orchestrator.images import build as images
from orchestrator.images.with_pip import with_pip
from orchestrator.model import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from orchestrator.model import Image

ROOT = Path(__file__).resolve().parent.parent
IMAGE = "bookworm"

PURE = (
    # setuptools, with nothing but a setup.py
    "six==1.16.0",
    "certifi==2024.2.2",
    "decorator==5.1.1",
    "mccabe==0.7.0",
    "wcwidth==0.2.13",
    "click==8.1.7",
    "pycparser==2.21",
    "jmespath==1.0.1",
    "pytz==2024.1",
    "itsdangerous==2.1.2",
    # setuptools, as their pyproject.toml asks for it
    "chardet==5.2.0",
    "pyasn1==0.5.1",
    # flit-core
    "idna==3.7",
    "packaging==24.0",
    "typing-extensions==4.11.0",
    "pyparsing==3.1.2",
    "wheel==0.43.0",
    # poetry-core
    "tomlkit==0.12.4",
    "rsa==4.9",
    # No hatchling: by the method of 2020, a single release took 220 s, for all that hatchling itself is
    # built from; one such release would outweigh all others, and flatter us.
    # pdm-backend
    "dep-logic==0.2.0",
)
NATIVE = (
    "markupsafe==2.1.5",
    "wrapt==1.16.0",
    "simplejson==3.19.2",
    "websockets==12.0",
    "setproctitle==1.3.3",
    "xxhash==3.4.1",
    "multidict==6.0.5",
    "psutil==5.9.8",
    "pyrsistent==0.20.0",
    "greenlet==3.0.3",
    "cffi==1.16.0",
    "tornado==6.4",
    "regex==2023.12.25",
)
LISTS = {"pure": PURE, "native": NATIVE}
QUICK = {"pure": ("six==1.16.0", "idna==3.7", "certifi==2024.2.2"), "native": ("markupsafe==2.1.5", "wrapt==1.16.0")}
JOBS = (10, 100, 1000)
EMPTY = 40
"""The number of empty containers that are run, to measure the cost of one."""
PAIR = ("first", "second")
HAS_EXPERIMENTS = "budget" in File.model_fields
VERDICT_ALONE = "budget: {builds: 0}\n" if HAS_EXPERIMENTS else ""
UNBUILT = frozenset({"ftbfs", "no-sdist"})

PATIENCE = Limits(seconds=900)
"""The limits of one `pip wheel`."""

LAST_WORDS = 2000
"""Bytes of a failed build's log."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command: how long it took, in seconds, and what it found."""

    wall: float
    results: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one run was, and how near to the floor."""

    per_minute: float  # packages
    ratio: float  # how many times as fast as the method of 2020, word for word
    ratio_alone: float  # the same, had the method of 2020 built no dependencies of the releases
    share: float  # of the floor, where the two builds of each package count
    share_all: float  # of the floor, where the third builds of those that differ count too


@dataclass(frozen=True, slots=True)
class Bound:
    """The share of the floor that a farm would have which did nothing but run containers and build backends."""

    share: float  # where the two builds of each package count
    share_all: float  # where the third builds count too


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one list."""

    name: str
    releases: int
    per_minute_2020: float
    cold: Pace
    warm: Pace
    bound: Bound
    unchanged: float  # seconds a package
    explained: float | None  # packages a minute, with experiments on what differs; None where there are none
    seconds_2020: dict[str, float]  # release -> what its two builds took
    left_out: dict[str, str]  # release -> why the method of 2020 did not build it
    unbuilt: dict[str, str]  # release -> why wheelproof did not; its time counts


# --- arithmetic ------------------------------------------------------------------------------


def floor(results: Iterable[dict[str, Any]], cores: int, builds: Sequence[str] | None = None) -> float:
    """Return the processor time of the builds of those names (None: of all), spread over the cores."""
    times = (
        build["cpu_seconds"]
        for result in results
        for build in result["builds"]
        if builds is None or build["name"] in builds
    )
    return float(sum(times)) / cores


def pace(run: Run, seconds_2020: float, alone_2020: float, cores: int) -> Pace:
    """Put one run beside what the method of 2020 took for the same releases, in seconds."""
    return Pace(
        per_minute=60 * len(run.results) / run.wall,
        ratio=seconds_2020 / run.wall,
        ratio_alone=alone_2020 / run.wall,
        share=floor(run.results, cores, PAIR) / run.wall,
        share_all=floor(run.results, cores) / run.wall,
    )


def bound(results: Sequence[dict[str, Any]], cores: int, container: float) -> Bound:
    """Return the share of the floor that remains if each build waits `seconds` for its container."""
    builds = sum(len(result["builds"]) for result in results)
    least = floor(results, cores) + builds * container
    return Bound(share=floor(results, cores, PAIR) / least, share_all=floor(results, cores) / least)


def figures(
    name: str,
    timed: Sequence[dict[str, Any]],
    runs: tuple[Run, Run, Run],
    cores: int,
    *,
    container: float,
    explained: Run | None = None,
) -> Figures:
    """Compute the figures of one list; `runs` are the cold, the warm and the unchanged run.

    `container` is what one takes that does nothing, in seconds of the whole machine; `explained` is a
    warm run with experiments.
    """
    cold, warm, unchanged = runs
    built = [one for one in timed if "failure" not in one]
    seconds, alone = (sum(one[key] for one in built) for key in ("seconds", "alone"))
    return Figures(
        name=name,
        releases=len(built),
        per_minute_2020=60 * len(built) / seconds,
        cold=pace(cold, seconds, alone, cores),
        warm=pace(warm, seconds, alone, cores),
        bound=bound(warm.results, cores, container),
        unchanged=unchanged.wall / len(built),
        explained=60 * len(explained.results) / explained.wall if explained else None,
        seconds_2020={one["requirement"]: one["seconds"] for one in built},
        left_out={one["requirement"]: last_line(one["failure"]) for one in timed if "failure" in one},
        unbuilt={
            f"{one['project']}=={one['version']}": f"{one['verdict']}: {one['reason']}"
            for one in cold.results
            if one["verdict"] in UNBUILT
        },
    )


def last_line(log: str) -> str:
    """Return the last line of a log, escaped for a terminal."""
    lines = [line for line in log.splitlines() if line.strip()]
    return "".join(one if one.isprintable() else "?" for one in lines[-1])[:200] if lines else ""


def table(found: Sequence[Figures]) -> str:
    """Return the figures as plain text, a column for each list."""
    rows: list[tuple[str, list[str]]] = [
        ("", [one.name for one in found]),
        ("releases", [str(one.releases) for one in found]),
        ("packages a minute, method of 2020", [f"{one.per_minute_2020:.1f}" for one in found]),
    ]
    for when in ("cold", "warm"):
        paces: list[Pace] = [getattr(one, when) for one in found]
        rows += [
            (f"packages a minute, {when}", [f"{one.per_minute:.1f}" for one in paces]),
            (f"times the method of 2020, {when}", [f"{one.ratio:.1f}" for one in paces]),
            ("  had it built no dependencies", [f"{one.ratio_alone:.1f}" for one in paces]),
            (f"share of the floor, {when}", [f"{one.share:.2f}" for one in paces]),
            ("  third builds counted too", [f"{one.share_all:.2f}" for one in paces]),
        ]
    rows += [
        ("highest share with these containers", [f"{one.bound.share:.2f}" for one in found]),
        ("  third builds counted too", [f"{one.bound.share_all:.2f}" for one in found]),
    ]
    if all(one.explained is not None for one in found):
        rows.append(("packages a minute, with experiments", [f"{one.explained:.1f}" for one in found]))
    rows.append(("seconds a package, nothing changed", [f"{one.unchanged:.3f}" for one in found]))
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:{width}}" + "".join(f"{value:>10}" for value in values) for name, values in rows]
    for one in found:
        lines += [f"left out of {one.name}: {name}: {why}" for name, why in one.left_out.items()]
        lines += [f"not built in {one.name}: {name}: {why}" for name, why in one.unbuilt.items()]
    return "\n".join(lines)


def memory_table(peaks: Sequence[tuple[int, int, float]]) -> str:
    """Return the peaks of memory as plain text, from (jobs, bytes, seconds)."""
    head = f"{'jobs':>6}{'peak memory':>14}{'seconds':>9}"
    return "\n".join([head, *(f"{jobs:>6}{peak / 1e6:>11.1f} MB{took:>9.1f}" for jobs, peak, took in peaks)])


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


def container_alone(farm: engine.Engine, image: str) -> float:
    """Return the time of an empty container, in seconds of the whole machine: no core is idle."""
    empty = engine.Container(image, ("true",), label="bench", scratch={"/tmp": "rw"})  # noqa: S108 - the container's

    def once(_number: int) -> None:
        farm.run(empty, lambda _stream, _piece: True)

    with ThreadPoolExecutor(2 * cores()) as pool:
        once(0)
        begun = time.monotonic()
        list(pool.map(once, range(EMPTY)))
        return (time.monotonic() - begun) / EMPTY


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Create a temporary folder with separate configurations, so that cache and results are new."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache", prefix="bench-", ignore_cleanup_errors=True) as name:
        (Path(name) / "config.yaml").write_text(f"image: {IMAGE}\n{VERDICT_ALONE}")
        (Path(name) / "experiments.yaml").write_text(f"image: {IMAGE}\n")
        try:
            yield Path(name)
        finally:  # much of the cache is kept read-only
            subprocess.run(["chmod", "-R", "u+w", name], check=False)  # noqa: S603, S607


def wheelproof(folder: Path, releases: Sequence[str], *options: str, config: str = "config.yaml") -> Run:
    """Run the command, and wait for it."""
    command = [sys.executable, "-m", "orchestrator", "run", "--json", "--config", str(folder / config)]
    begun = time.monotonic()
    done = subprocess.run([*command, *options, *releases], cwd=ROOT, capture_output=True, check=False)  # noqa: S603
    wall = time.monotonic() - begun
    if done.returncode:
        raise SystemExit(f"running wheelproof: it ended with status {done.returncode}\n" + done.stderr.decode()[-4000:])
    return Run(wall, json.loads(done.stdout))


def measure(name: str, releases: Sequence[str], farm: engine.Engine, image: Image) -> Figures:
    """Measure one list."""
    of_2020: list[dict[str, Any]] = []

    def reported(one: dict[str, Any]) -> None:
        of_2020.append(one)
        log(f"{name}: the method of 2020: {one['requirement']}: {one.get('seconds', 'failed')}")

    method_of_2020(farm, with_pip(farm, image, ROOT / ".cache", log), releases, reported)
    built = [one["requirement"] for one in of_2020 if "failure" not in one]
    if not built:
        why = last_line(of_2020[0]["failure"]) if of_2020 else "its container said nothing"
        msg = f"timing the method of 2020: it built none of {len(releases)} releases: {why}; see to the network"
        raise SystemExit(msg)
    if len(of_2020) < len(releases):
        msg = f"timing the method of 2020: its container ended after {len(of_2020)} of {len(releases)} releases"
        raise SystemExit(msg)
    with fresh_folder() as folder:
        runs = []
        for what, options in (("cold", ()), ("warm", ("--again",)), ("unchanged", ())):
            runs.append(wheelproof(folder, built, *options))
            log(f"{name}: wheelproof, {what}: {runs[-1].wall:.2f} s")
        explained = wheelproof(folder, built, "--again", config="experiments.yaml") if HAS_EXPERIMENTS else None
    alone = container_alone(farm, image.id)
    log(f"{name}: a container that does nothing: {alone:.3f} s")
    return figures(name, of_2020, (runs[0], runs[1], runs[2]), cores(), container=alone, explained=explained)


def unchanged_together(releases: Sequence[str]) -> float:
    """Return the seconds for each of these releases, all in one run in which nothing changed."""
    with fresh_folder() as folder:
        wheelproof(folder, releases)
        return wheelproof(folder, releases).wall / len(releases)


def memory(jobs: int) -> tuple[int, int, float]:
    """Judge that many stub projects in a separate process; return (jobs, bytes at its peak, seconds)."""
    command = [sys.executable, str(Path(__file__).with_name("stub_farm.py")), str(jobs)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)  # noqa: S603
    found = json.loads(done.stdout)
    log(f"memory: {jobs} jobs")
    return jobs, found["peak"], found["seconds"]


# --- the program -----------------------------------------------------------------------------


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def machine(farm: engine.Engine) -> dict[str, object]:
    """Describe the machine of the figures."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), "unknown")
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return {"when": when, "cores": cores(), "processor": model, "engine": farm.version, "wheelproof": __version__}


def log(line: str) -> None:
    """Report the progress on standard error."""
    print(line, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few releases and jobs only, to try it out")
    parser.add_argument("--lists", help="measure just these lists: pure, native, or both with a comma between")
    parser.add_argument("--memory", action="store_true", help="measure just the memory, or it too beside --lists")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    asked = parser.parse_args()
    default = "" if asked.memory else ",".join(LISTS)
    asked.names = [name for name in (asked.lists or default).split(",") if name]
    asked.memory = asked.memory or asked.lists is None
    if unknown := [name for name in asked.names if name not in LISTS]:
        parser.error(f"there is no list {unknown[0]}; there are {', '.join(LISTS)}")
    return asked


def main() -> None:
    """Measure what the command line requests, and print it."""
    asked = arguments()
    farm = engine.connect()
    found = []
    if asked.names:
        image = images.ensure(farm, IMAGE, ROOT / "images", ROOT / ".cache", strict=False, log=log)
        compileall.compile_dir(ROOT / "orchestrator", quiet=1)  # as an installed command is
        found = [measure(name, (QUICK if asked.quick else LISTS)[name], farm, image) for name in asked.names]
    together = unchanged_together([name for one in found for name in one.seconds_2020]) if len(found) > 1 else None
    peaks = [memory(jobs) for jobs in (JOBS[:2] if asked.quick else JOBS)] if asked.memory else []
    about = machine(farm)
    print(", ".join(f"{name}: {value}" for name, value in about.items()))
    parts = [
        table(found) if found else "",
        f"all lists in one run in which nothing changed: {together:.3f} seconds a package" if together else "",
        memory_table(peaks) if peaks else "",
    ]
    print(*(f"\n{part}" for part in parts if part), sep="\n")
    if asked.json:
        told = {**about, "lists": [asdict(one) for one in found], "unchanged": together, "memory": peaks}
        asked.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
