"""Measure how long it takes to read the clues of published wheels.

    .venv/bin/python scripts/bench_clues.py NAME[==VERSION]...

Each line is processor time, the least of three, with the wheel and the sdist on disk. Releases without a pure wheel or
without an sdist are left out.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.analysis.clues.catalogue import found
from orchestrator.analysis.clues.facts import WheelFacts, facts
from orchestrator.model import Limits, WheelFile
from orchestrator.sources.index import Index

if TYPE_CHECKING:
    from orchestrator.model import OfferedWheel

CACHE = Path(__file__).resolve().parent.parent / ".cache"
TRIES = 3
PYTHON = "3.999"  # every release is read, whatever Python it is for


def main(requirements: list[str]) -> None:
    """Print a line for each wheel, and the median."""
    index, took = Index(None, CACHE), []
    for requirement in requirements:
        release = index.release(requirement, PYTHON)
        wheel = next((one for one in release.wheels if one.filename.endswith("-none-any.whl")), None)
        if wheel is None or release.sdist is None:
            continue
        path, sdist = index.fetch(wheel, Limits().wheel), index.fetch(release.sdist, Limits().download)
        milliseconds, clues = min(_timed(path, wheel, sdist) for _ in range(TRIES))
        took.append(milliseconds)
        print(f"{wheel.filename:60}{milliseconds:7.1f} ms{clues:4} clues")
    print(f"median {sorted(took)[len(took) // 2]:.1f} ms of {len(took)} wheels" if took else "no wheel to read")


def _timed(path: Path, wheel: OfferedWheel, sdist: Path) -> tuple[float, int]:
    """Return the milliseconds of processor time, and how many clues were found."""
    begun = time.process_time()
    read = facts(path, WheelFile(wheel.filename, wheel.sha256, path.stat().st_size), wheel.uploaded, sdist, Limits())
    clues = len(found(read)) if isinstance(read, WheelFacts) else 0
    return 1000 * (time.process_time() - begun), clues


if __name__ == "__main__":
    main(sys.argv[1:])
