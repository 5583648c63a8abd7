"""Run the recipes of a farm's results on this host, as their users would, and print a table.

    python scripts/recipes_on_host.py RESULTS [--form sh] [--python PATH]... [--user NAME]... [PROJECT...]

Each recipe is run as it stands, in a new folder each time: with each Python, as each user, and every other time with
another folder, umask and time zone. A cell has the number of runs that ended with the expected wheel, of all runs; and
the exit statuses of the others. Exit status 1: a run gave another wheel than its recipe names, or none, although the
Python was the proven one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pwd
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.model import RecipeForm
from orchestrator.results.store import Results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.model import Recipe, Result

PATH = "/usr/local/bin:/usr/bin:/bin"
NOT_HERE = 2  # the exit status of a recipe for which something is missing, such as the proven Python
LIMIT = 3600  # seconds of one run
SETTINGS = (("plain", 0o022, "UTC"), ("a folder with spaces/and depth", 0o077, "Asia/Kathmandu"))
"""The folder in which a recipe is run, the umask and the time zone."""


@dataclass(frozen=True, slots=True)
class Run:
    """How one run ended."""

    python: str
    user: str
    status: int
    as_expected: bool  # its wheel has the expected hash
    said: str  # the end of what it printed


def main() -> int:
    """Run all, and print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("results", type=Path)
    asked.add_argument("project", nargs="*")
    asked.add_argument("--form", choices=["sh", "build", "uv"], default="sh")
    asked.add_argument("--python", action="append", default=[])
    asked.add_argument("--user", action="append", default=[])
    asked.add_argument("--verbose", action="store_true", help="print the end of what a run without the wheel printed")
    given = asked.parse_intermixed_args()
    pythons, users = given.python or ["/usr/bin/python3"], given.user or [pwd.getpwuid(os.getuid()).pw_name]
    print(f"| release | recipe | {' | '.join(f'{one}, {user}' for one, user in product(pythons, users))} |")
    print(f"|---|---|{'---|' * len(pythons) * len(users)}")
    good = True
    for result in newest(Results(given.results, wheels=0, logs=0), given.project):
        recipe = next((one for one in result.recipes if one.form == RecipeForm(given.form)), None)
        name = f"{result.project} {result.version} ({result.image.name})"
        if recipe is None:
            print(f"| {name} | none | |", flush=True)
            continue
        runs = [run for python, user in product(pythons, users) for run in runs_of(recipe, python, user)]
        cells = [cell([run for run in runs if (run.python, run.user) == one]) for one in product(pythons, users)]
        print(f"| {name} | {'+'.join(result.recipe) or 'as it is'} | {' | '.join(cells)} |", flush=True)
        for run in runs if given.verbose else ():
            if not run.as_expected:
                print(f"    {run.python} {run.user}: {run.status}: {run.said}", file=sys.stderr, flush=True)
        good &= all(run.as_expected or run.status == NOT_HERE for run in runs)
    return not good


def newest(store: Results, projects: list[str]) -> Iterator[Result]:
    """Yield the newest result of each project on each image."""
    for project in projects or store.projects():
        seen = set()
        for result in store.of(project):
            if (result.version, result.image.name) not in seen:
                seen.add((result.version, result.image.name))
                yield result


def runs_of(recipe: Recipe, python: str, user: str) -> Iterator[Run]:
    """Run a recipe in each setting."""
    for number, (below, umask, zone) in enumerate(SETTINGS):
        with tempfile.TemporaryDirectory(prefix=f"recipe-{number}-") as lent:
            folder = Path(lent, below)
            folder.mkdir(parents=True)
            (folder / "recipe.sh").write_text(recipe.text)
            entry = pwd.getpwnam(user)
            for path in (Path(), *folder.relative_to(lent).parents, folder):
                os.chown(Path(lent, path), entry.pw_uid, entry.pw_gid)
            ended = subprocess.run(
                ["/bin/sh", "recipe.sh"],
                cwd=folder,
                env={"PATH": PATH, "HOME": entry.pw_dir, "TZ": zone, "PYTHON": python, **passed()},
                user=entry.pw_uid,
                group=entry.pw_gid,
                extra_groups=[],
                umask=umask,
                capture_output=True,
                timeout=LIMIT,
                check=False,
            )
            wheel = folder / "dist" / recipe.filename
            right = wheel.is_file() and hashlib.sha256(wheel.read_bytes()).hexdigest() == recipe.sha256
            said = (ended.stderr or ended.stdout).decode("utf-8", "replace")[-600:]
            yield Run(python, user, ended.returncode, right and ended.returncode == 0, said)


def passed() -> dict[str, str]:
    """Return the variables of this process that name an index, a proxy or certificates."""
    prefixes = ("PIP_", "UV_", "SSL_", "REQUESTS_", "CURL_")
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(prefixes) or name.lower().endswith("_proxy")
    }


def cell(runs: list[Run]) -> str:
    """Write how some runs ended."""
    others = Counter(run.status for run in runs if not run.as_expected)
    more = "".join(f", {count} with status {status}" for status, count in sorted(others.items()))
    return f"{sum(run.as_expected for run in runs)} of {len(runs)}{more}"


if __name__ == "__main__":
    sys.exit(main())
