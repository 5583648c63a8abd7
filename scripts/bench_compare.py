"""Measure how long wheelproof takes to compare and explain two differing wheels, beside diffoscope on the same pairs.

The pairs are what the farm itself builds of a few releases, in its two environments. Each program
runs as a separate process, from its start to its end, and the best of a few runs counts. Then a
pair of wheels of more than 100 MB is made, to see how much memory they take.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from orchestrator.analysis.compare import compare  # noqa: E402 - found from beside this script
from orchestrator.analysis.contents import opened  # noqa: E402
from orchestrator.analysis.diagnose import diagnose  # noqa: E402
from orchestrator.analysis.wheel import read  # noqa: E402
from orchestrator.analysis.wheel_side import WheelSide  # noqa: E402
from orchestrator.model import Failure, Traces, WheelFile  # noqa: E402
from tests import elf_builder  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RELEASES = ("multidict", "regex", "sqlalchemy", "kiwisolver")
RUNS = 3
LIMIT, MEMBERS = 4 << 30, 200_000
MEGABYTE = 1 << 20
PATHS = ("/build/3f9c0a1b2c3d/large-1.0", "/srv/77ab8c9d0e1f/second/build/source-77ab8c9d0e1f")
HEAVIEST = 200  # MB that ours may take for the large pair
SHARE = 0.1  # of diffoscope's time


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program: the most memory that it or a child used, in MB, and what it printed."""

    seconds: float  # of real time
    processor: float  # seconds of it, its children's too
    memory: float
    output: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two wheels of one release, and the file of the traces planted in each environment."""

    name: str
    first: Path
    second: Path
    traces: Path | None = None


# --- one comparison, in a separate process ---------------------------------------------------


def explained(pair: Pair) -> str:
    """Compare and explain two wheels; return a line of what was found."""
    paths = pair.first, pair.second
    files = [WheelFile(path.name, _sha256(path), path.stat().st_size) for path in paths]
    with (
        opened(paths[0], files[0], LIMIT, MEMBERS) as first,
        opened(paths[1], files[1], LIMIT, MEMBERS) as second,
    ):
        sides = []
        for path, file, contents, planted in zip(paths, files, (first, second), _planted(pair), strict=True):
            wheel = read(path, file, LIMIT, MEMBERS)
            if isinstance(wheel, Failure) or isinstance(contents, Failure):
                return f"{path.name} cannot be read"
            sides.append(WheelSide(wheel, contents, planted))
        one, two = sides
        said = diagnose(one, two, compare(one.wheel, two.wheel))
    return f"{said.severity}: {', '.join(cause.name for cause in said.causes)}; {len(said.unexplained)} unexplained"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _planted(pair: Pair) -> tuple[Traces, Traces]:
    if pair.traces is None:
        return Traces(), Traces()
    first, second = json.loads(pair.traces.read_text())
    return _traces(first), _traces(second)


def _traces(fields: dict[str, Any]) -> Traces:
    values = tuple((name, text) for name, text in fields.pop("values"))
    clock = fields.pop("clock")
    return Traces(values=values, clock=tuple(clock) if clock else None, **fields)


# --- the pairs -------------------------------------------------------------------------------


def built(releases: Sequence[str], config: Path | None, folder: Path, scratch: Path) -> Iterator[Pair]:
    """Let the farm build the releases, and yield the pairs of wheels that differ."""
    from orchestrator.build import variations  # noqa: PLC0415 - one comparison has no need of them
    from orchestrator.results import store  # noqa: PLC0415 - one comparison has no need of them

    command = [sys.executable, "-m", "orchestrator", "run", "--results", str(folder)]
    command += ["--config", str(config.resolve())] if config else []
    subprocess.run([*command, *releases], cwd=ROOT, check=False, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    for record in sorted(folder.glob("records/*/*.json")):
        found = store.read(record)
        if found is None or found.requirement not in releases or len(found.builds) < 2 or not found.differences:  # noqa: PLR2004 - a pair
            continue
        paths = []
        for build in found.builds[:2]:
            if build.wheel is not None:
                path = scratch / "pairs" / found.project / build.name / Path(build.wheel.filename).name
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / "wheels" / build.wheel.sha256, path)
                paths.append(path)
        traces = scratch / "pairs" / found.project / "traces.json"
        traces.write_text(json.dumps([asdict(variations.traces(build)) for build in found.builds[:2]]))
        yield Pair(f"{found.project} {found.version}", paths[0], paths[1], traces)


def large(folder: Path) -> None:
    """Make a pair of wheels of more than 100 MB, in which half a million places follow from a path's length."""
    pair = large_pair(folder)
    for wheel, path in zip((pair.first, pair.second), PATHS, strict=True):
        wheel.parent.mkdir(parents=True)
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(zipfile.ZipInfo("large/large.so"), _library(path))


def large_pair(folder: Path) -> Pair:
    """Return the large pair that was made in a folder."""
    return Pair("large", *(folder / name / "large-1.0-py3-none-any.whl" for name in ("first", "second")))


def _library(path: str) -> bytes:
    chance = random.Random(1)  # noqa: S311 - the same every time
    texts = [f"{path}/src/large.c", *(f"a_name_of_something_{number}" for number in range(100_000))]
    places, at = [], 0
    for text in texts:
        places.append(at)
        at += len(text) + 1
    info = bytearray(chance.randbytes(40 * MEGABYTE))
    for word in range(0, len(info), 80):
        info[word : word + 4] = chance.choice(places).to_bytes(4, "little")
    return elf_builder.write(
        elf_builder.build_id(hashlib.sha1(path.encode(), usedforsecurity=False).digest()),
        elf_builder.Piece(".text", chance.randbytes(50 * MEGABYTE), elf_builder.ALLOC | elf_builder.EXECUTE),
        elf_builder.Piece(".rodata", chance.randbytes(20 * MEGABYTE), elf_builder.ALLOC),
        elf_builder.Piece(".debug_info", bytes(info)),
        elf_builder.Piece(".debug_str", "\0".join(texts).encode() + b"\0", elf_builder.STRINGS),
    )


# --- running ---------------------------------------------------------------------------------


def timed(command: Sequence[str]) -> Run:
    """Run a command to its end; diffoscope exits with status 1 if two files differ."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603
    output = process.stdout.read() if process.stdout else ""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{command[0]} ended with status {process.returncode}")
    return Run(time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output)


def best(commands: Sequence[Sequence[str]], runs: int) -> list[Run]:
    """Run some commands in turn, a few times; return the quickest run of each."""
    every = [[timed(command) for command in commands] for _ in range(runs)]
    return [min((turn[at] for turn in every), key=lambda run: run.seconds) for at in range(len(commands))]


def ours(pair: Pair) -> list[str]:
    """Return the command that has this script explain one pair."""
    traces = [str(pair.traces)] if pair.traces else []
    return [sys.executable, __file__, "--one", str(pair.first), str(pair.second), *traces]


def diffoscope(folder: Path) -> str:
    """Return the path of a diffoscope: that of this machine, or one that is installed in the folder."""
    if found := shutil.which("diffoscope"):
        return found
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "diffoscope", "defusedxml"], check=True)  # noqa: S603
    return str(folder / "bin" / "diffoscope")


def theirs(program: str, pair: Pair, folder: Path) -> list[str]:
    """Return diffoscope's command for one pair, which writes all that it finds as JSON, as a farm would want it."""
    return [program, "--json", str(folder / "diffoscope.json"), str(pair.first), str(pair.second)]


def main() -> None:
    """Measure, print, and end with status 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--one", nargs="+", type=Path, metavar="PATH", help="explain two wheels; third, what was planted"
    )
    parser.add_argument("--make", type=Path, metavar="FOLDER", help="make the large pair there")
    parser.add_argument("--runs", type=int, default=RUNS, help="how often each program runs on each pair")
    parser.add_argument("--config", type=Path, help="the farm's settings, instead of config.yaml")
    parser.add_argument("--results", type=Path, help="the farm's results, kept from one run to the next")
    parser.add_argument("releases", nargs="*", default=RELEASES)
    options = parser.parse_args()
    if options.one:
        print(explained(Pair("", *options.one)))
        return
    if options.make:
        large(options.make)
        return
    with tempfile.TemporaryDirectory(prefix="wheelproof-bench-") as scratch:
        sys.exit(0 if measure(options, Path(scratch)) else 1)


def measure(options: argparse.Namespace, scratch: Path) -> bool:
    """Print a line for each pair; return whether all targets are met."""
    runs = options.runs
    program = diffoscope(scratch / "diffoscope")
    print(timed([program, "--version"]).output.strip(), f"(the best of {runs} runs each)")
    print(f"{'':24}{'wheelproof':>12}{'diffoscope':>12}{'ratio':>8}{'of processor':>14}{'memory':>16}")
    met = True
    for pair in built(options.releases, options.config, options.results or scratch / "results", scratch):
        mine, other = best((ours(pair), theirs(program, pair, scratch)), runs)
        met &= mine.seconds < SHARE * other.seconds
        print(
            f"{pair.name:24}{mine.seconds:10.2f} s{other.seconds:10.2f} s{mine.seconds / other.seconds:8.3f}"
            f"{mine.processor / other.processor:14.3f}"
            f"{mine.memory:6.0f} /{other.memory:5.0f} MB  {mine.output.strip()}"
        )
    # In a separate process: this process's memory would be counted for its children.
    subprocess.run([sys.executable, __file__, "--make", str(scratch / "large")], check=True)  # noqa: S603 - our own
    pair = large_pair(scratch / "large")
    mine = timed(ours(pair))
    print(
        f"{'a pair of':12}{pair.first.stat().st_size / 1e6:9.0f} MB{mine.seconds:10.2f} s{'':34}"
        f"{mine.memory:6.0f} MB         {mine.output.strip()}"
    )
    return met and mine.memory < HEAVIEST


if __name__ == "__main__":
    main()
