"""Check what `wheelproof compare` claims of real wheels: that no change of code is explained, and none is missing.

    scripts/claims.py mutations --cache FOLDER [--pairs N] [--seed S]
    scripts/claims.py releases --cache FOLDER [--count N] [PROJECT...]

`mutations` changes one file of a real wheel in each pair, by each operator of cosmic-ray, by changes of our own and by
reorderings of dist-info. `releases` compares two consecutive releases of each project. Wheels are downloaded by pip
into the folder, where cosmic-ray gets a virtual environment of its own. The exit status is 1 if a check fails.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import venv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

import claim_checks
from claim_mutators import MUTATORS, REORDERINGS, modules, repacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from claim_mutators import Reordering

ROOT = Path(__file__).resolve().parent.parent

MUTATED = (
    "beautifulsoup4",
    "filelock",
    "jsonschema",
    "more-itertools",
    "networkx",
    "platformdirs",
    "pluggy",
    "pyparsing",
    "python-dateutil",
    "rich",
    "tomlkit",
    "urllib3",
)
"""Pure wheels of which files are changed."""

RELEASES = (
    *("anyio", "arrow", "babel", "bleach", "boltons", "cachetools", "certifi", "faker", "fsspec", "httpx", "humanize"),
    *("inflect", "jmespath", "loguru", "marshmallow", "mistune", "nltk", "peewee", "phonenumbers", "pycountry"),
    *("pymysql", "simpy", "tabulate", "tqdm", "trafilatura", "tzdata", "wcwidth", "werkzeug", "xmltodict", "zipp"),
    *("bcrypt", "brotli", "charset-normalizer", "crc32c", "cython", "editdistance", "fastavro", "hiredis", "httptools"),
    *("lz4", "markupsafe", "orjson", "pybase64", "pyyaml", "rapidfuzz", "rpds-py", "zstandard"),
)
"""Projects whose last releases are compared: pure, with data files, and with compiled code."""

SIZES = range(600, 16_000)
"""Bytes of a module that is changed."""

MODULES = 60
"""The most modules that are changed."""

SECONDS = 400
"""The time limit of a comparison, above the program's own."""


@dataclass(frozen=True, slots=True)
class Change:
    """One file of a wheel, before and after a change; of code `causes` is None, since nothing may be claimed of it."""

    name: str
    wheel: Path
    member: str
    before: bytes
    after: bytes
    causes: tuple[str, ...] | None = None


# --- the program, as users run it ------------------------------------------------------------


def compared(first: Path, second: Path) -> dict[str, Any]:
    """Return the JSON of `wheelproof compare` of two unequal wheels.

    Raises
    ------
    ValueError
        It does not end with status 1.

    """
    command = [sys.executable, "-m", "orchestrator", "compare", "--json", str(first), str(second)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(  # noqa: S603 - our own
        command, cwd=first.parent, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if ended.returncode != 1:
        msg = f"compare ended with status {ended.returncode}: {ended.stderr.strip()[-300:]}"
        raise ValueError(msg)
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


# --- mutations -------------------------------------------------------------------------------


def changes(folder: Path, pairs: int, seed: int) -> Iterator[Change]:
    """Yield each kind of change once, and again until there are so many."""
    chance = random.Random(seed)  # noqa: S311 - the same every time
    wheels = downloaded(MUTATED, folder)
    every = [(wheel, name, text) for wheel in wheels for name, text in modules(wheel, SIZES)]
    some = chance.sample(every, min(MODULES, len(every)))
    count = 0
    while not count or count < pairs:
        for change in chain(_by_our_own(some, chance), _reordered(wheels, chance), _by_operators(folder, some, chance)):
            count += 1
            yield change


def _by_operators(folder: Path, some: Sequence[tuple[Path, str, str]], chance: random.Random) -> Iterator[Change]:
    given = {"seed": chance.randrange(1 << 30), "texts": [text for _, _, text in some]}
    python = with_package(folder / "cosmic-ray", "cosmic-ray")
    ended = subprocess.run(  # noqa: S603 - our own
        [python, str(ROOT / "scripts" / "claim_operators.py")],
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for name, number, before, after in map(json.loads, ended.stdout.splitlines()):
        wheel, member, _ = some[number]
        path = member if number >= 0 else "claims_example.py"
        yield Change(name.removeprefix("core/"), wheel, path, before.encode(), after.encode())


def _by_our_own(some: Sequence[tuple[Path, str, str]], chance: random.Random) -> Iterator[Change]:
    for mutator in MUTATORS:
        for wheel, member, text in chance.sample(some, len(some)):
            before = mutator.before(text)
            after = mutator.mutate(before, chance)
            if after != before:
                yield Change(mutator.name, wheel, member, before.encode(), after.encode())
                break
        else:
            yield Change(mutator.name, some[0][0], some[0][1], b"", b"")


def _reordered(wheels: Sequence[Path], chance: random.Random) -> Iterator[Change]:
    return (_reordering(one, chance.choice(wheels), chance) for one in REORDERINGS)


def _reordering(one: Reordering, wheel: Path, chance: random.Random) -> Change:
    files = claim_checks.read(wheel)
    folder = next(name for name in files if name.endswith(".dist-info/RECORD")).rpartition("/")[0]
    member = one.member if one.member.endswith(".json") else f"{folder}/{one.member}"
    before = one.text or files[member].content.decode()
    return Change(one.name, wheel, member, before.encode(), one.mutate(before, chance).encode(), one.causes)


def checked(change: Change, keep: Path | None) -> list[str]:
    """Make the pair of a change, compare it, and return what is wrong with the answer; keep a pair that fails."""
    if change.before == change.after:
        return ["the change applies to no module"]
    with tempfile.TemporaryDirectory(prefix="claims-") as scratch:
        pair = [Path(scratch) / side / change.wheel.name for side in ("first", "second")]
        for path, content in zip(pair, (change.before, change.after), strict=True):
            path.parent.mkdir()
            repacked(change.wheel, path, {change.member: content})
        return _kept(keep, change.name, pair, lambda report: judged(change, report))


def judged(change: Change, report: dict[str, Any]) -> list[str]:
    """Return what is wrong with the comparison of a pair that differs in one change."""
    if change.causes is not None:
        return claim_checks.only_causes(report, change.causes, change.member)
    wrong = claim_checks.claims_about_code(report, change.member)
    return [*wrong, *claim_checks.hidden(report, change.member, change.before, change.after)]


def _kept(
    keep: Path | None, name: str, pair: Sequence[Path], judge: Callable[[dict[str, Any]], list[str]]
) -> list[str]:
    try:
        report = compared(*pair)
        wrong = judge(report)
    except (ValueError, OSError, subprocess.TimeoutExpired) as error:
        report, wrong = {}, [f"{type(error).__name__}: {error}"]
    if wrong and keep:
        for side, path in zip(("first", "second"), pair, strict=True):
            target = keep / name / side / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            copyfile(path, target)
        (keep / name / "report.json").write_text(json.dumps(report, indent=1))
        (keep / name / "failures.txt").write_text("\n".join(wrong) + "\n")
    return wrong


# --- releases --------------------------------------------------------------------------------


def consecutive(project: str, folder: Path) -> tuple[Path, Path] | None:
    """Return the wheels of a project's last two releases for this machine; None if there are none."""
    target = folder / "releases" / project
    listed = pip("index", "versions", project)
    line = next((one for one in listed.splitlines() if one.startswith("Available versions: ")), "")
    versions = [one for one in line.removeprefix("Available versions: ").split(", ") if one][:4]
    found: list[Path] = []
    for version in versions:
        found += _wheels(f"{project}=={version}", target / version)
        if len(found) > 1:
            return found[1], found[0]
    return None


def of_releases(project: str, folder: Path, keep: Path | None) -> list[str]:
    """Compare a project's last two releases; return what is missing from the comparison."""
    pair = consecutive(project, folder)
    if pair is None:
        return ["it has no two releases with wheels for this machine"]
    files = [claim_checks.read(path) for path in pair]
    return _kept(keep, project, pair, lambda report: claim_checks.missing(files[0], files[1], report))


# --- downloads -------------------------------------------------------------------------------


def pip(*arguments: str) -> str:
    """Run pip, and return its output; empty if it fails."""
    command = [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    return ended.stdout if ended.returncode == 0 else ""


def _wheels(requirement: str, folder: Path) -> list[Path]:
    """Return the wheel of a requirement in a folder, downloaded if it is not there."""
    if not list(folder.glob("*.whl")):
        pip("download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(folder), requirement)
    return sorted(folder.glob("*.whl"))


def downloaded(projects: Sequence[str], folder: Path) -> list[Path]:
    """Return the wheels of some projects; those of an earlier call are taken as they are."""
    return [wheel for project in projects for wheel in _wheels(project, folder / "mutated" / project)]


def with_package(folder: Path, package: str) -> str:
    """Return the Python of a virtual environment that has a package; it is made if it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=True)  # noqa: S603 - our own
    return str(python)


# --- the table -------------------------------------------------------------------------------


def reported(names: Sequence[str], results: Iterator[list[str]], what: str) -> int:
    """Print each failure and a summary; return the exit status."""
    failed = 0
    for name, wrong in zip(names, results, strict=True):
        failed += bool(wrong)
        for sentence in wrong[:4]:
            print(f"{name:36} {sentence[:200]}", flush=True)
        if wrong[4:]:
            print(f"{name:36} and {len(wrong) - 4} failures more", flush=True)
    print(f"{what}: {len(names)} pairs, {failed} failed")
    return 1 if failed else 0


def main() -> int:
    """Check, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("mutations", "releases"))
    parser.add_argument("projects", nargs="*", help="whose releases are compared, instead of the usual ones")
    parser.add_argument("--cache", type=Path, required=True, help="the folder of what is downloaded")
    parser.add_argument("--keep", type=Path, help="the folder to which pairs that fail are copied")
    parser.add_argument("--pairs", type=int, default=0, help="at least so many changes; each kind comes at least once")
    parser.add_argument("--seed", type=int, default=1, help="chooses the places that are changed")
    parser.add_argument("--count", type=int, default=len(RELEASES), help="so many projects at most")
    parser.add_argument("--jobs", type=int, default=2, help="so many comparisons at a time")
    parser.add_argument("--only", default="", help="changes whose names contain this")
    options = parser.parse_intermixed_args()
    with ThreadPoolExecutor(options.jobs) as pool:
        if options.what == "releases":
            names: list[str] = (options.projects or list(RELEASES))[: options.count]
            results = pool.map(lambda name: of_releases(name, options.cache, options.keep), names)
        else:
            wanted = [one for one in changes(options.cache, options.pairs, options.seed) if options.only in one.name]
            names = [one.name for one in wanted]
            results = pool.map(lambda one: checked(one, options.keep), wanted)
        return reported(names, results, options.what)


if __name__ == "__main__":
    sys.exit(main())
