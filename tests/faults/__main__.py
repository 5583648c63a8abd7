"""Run the campaigns: `python -m tests.faults [CAMPAIGN ...]`; the exit status is 1 if anything was wrong."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.campaigns import campaigns
from tests.faults.report import Trial, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.campaigns import Entry

_AT_ONCE = 2
"""Campaigns at the same time."""


def main() -> int:
    """Run what was asked for, print each trial as it ends, and the table at the end."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    names = [one.name for one in campaigns()]
    parser.add_argument("campaign", nargs="*", help=f"which to run: {', '.join(names)}; all by default")
    parser.add_argument("--short", action="store_true", help="as few trials as in `make test`")
    parser.add_argument("--count", type=int, help="so many trials of each campaign")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same faults; 1 by default")
    parser.add_argument("--hostile", type=Path, metavar="FOLDER", help="sdists to build, instead of generated ones")
    options = parser.parse_args()
    if unknown := set(options.campaign) - set(names):
        parser.error(f"no campaign named {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    chosen = [one for one in campaigns(options.hostile) if one.name in (options.campaign or names)]
    counts = {one.name: one.short if options.short else one.full for one in chosen}
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # each has its own farms, and waits for most of its time
        ending = [pool.submit(_run, one, options.count or counts[one.name], options.seed) for one in chosen]
        found = {one.name: trials.result() for one, trials in zip(chosen, ending, strict=True)}
    print(table(found))  # noqa: T201
    return int(any(trial.wrong for trials in found.values() for trial in trials))


def _run(one: Entry, count: int, seed: int) -> list[Trial]:
    """Run one campaign, and print each trial as it ends."""
    begun = time.monotonic()
    print(f"{one.name}: {one.what}", file=sys.stderr)  # noqa: T201 - a program
    trials = []
    for trial in _to_their_end(one.run(count, seed)):
        print(f"  {one.name}: {trial}", file=sys.stderr, flush=True)  # noqa: T201
        trials.append(trial)
    print(f"{one.name}: done after {time.monotonic() - begun:.0f} s", file=sys.stderr)  # noqa: T201
    return trials


def _to_their_end(trials: Iterator[Trial]) -> Iterator[Trial]:
    """Yield trials; a campaign that breaks is reported as one more, so that the others still run."""
    try:
        yield from trials
    except Exception as error:  # noqa: BLE001 - whatever it is
        yield Trial("the campaign itself broke", "broken", (f"{type(error).__name__}: {error}",))


if __name__ == "__main__":
    sys.exit(main())
