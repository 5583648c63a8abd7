"""Measure reading in helper processes: what a warm call costs, and what hostile sdists take.

    .venv/bin/python scripts/bench_reading.py [FOLDER]

The first table is of empty calls. The second has a line for each sdist of the folder: what came of it, how
long it took, and the most memory that its process had, with all that it shares with the helper.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.model import Failure, Limits
from orchestrator.sources import reading
from orchestrator.util.limited_call import Bounds, begin, run_limited

if TYPE_CHECKING:
    from orchestrator.util.limited_call import Spent

CALLS = 300
MIB = 1 << 20


def main(folders: list[str]) -> None:
    """Print both tables."""
    begin(("orchestrator.analysis.compare_files", "orchestrator.sources.sdist"))
    took = sorted(_timed() for _ in range(CALLS))
    print(f"a warm call: least {took[0]:.2f} ms, median {statistics.median(took):.2f} ms, of {CALLS}\n")
    print(f"{'sdist':44}{'outcome':22}{'ms':>9}{'MiB':>7}")
    for path in sorted(one for folder in folders for one in Path(folder).glob("*.tar.gz")):
        spent: list[Spent] = []
        begun = time.perf_counter()
        found = reading.describe(path, Limits(), spent.append)
        seconds = time.perf_counter() - begun
        outcome = found.reason.value if isinstance(found, Failure) else "described"
        print(f"{path.name:44}{outcome:22}{1000 * seconds:9.1f}{spent[-1].memory / MIB:7.0f}")


def _timed() -> float:
    begun = time.perf_counter()
    run_limited(pow, 2, 10, kind=int, bounds=Bounds(64 * MIB))
    return 1000 * (time.perf_counter() - begun)


if __name__ == "__main__":
    main(sys.argv[1:])
