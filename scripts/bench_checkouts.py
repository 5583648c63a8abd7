"""Measure how long `wheelproof compare` takes on pairs of wheels, beside another checkout of wheelproof.

Both run in turn, each as a separate process. The processor time of the quickest run counts, because
it depends least on what else the machine does; the slowest run shows the noise. The other checkout
uses this one's Python and libraries.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
if TYPE_CHECKING:
    from collections.abc import Sequence

START = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('orchestrator', run_name='__main__')"


class Run(NamedTuple):
    """One run of a program: seconds of processor time, and the most memory in MB."""

    processor: float
    memory: float


def timed(words: Sequence[str]) -> Run:
    """Run a command to its end; `compare` exits with status 1 if two wheels differ."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{words} ended with status {process.returncode}")
    return Run(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def command(checkout: Path, pair: Sequence[Path]) -> list[str]:
    """Return the command that compares two wheels by the code of a checkout, or without wheels prints the help."""
    words = ["compare", "--json", *map(str, pair)] if pair else ["--help"]
    return [sys.executable, "-P", "-c", START, str(checkout.resolve()), *words]


def line(name: str, ours: Sequence[Run], theirs: Sequence[Run]) -> str:
    """Return the seconds of both, their ratio, the slowest runs, and the most memory of both."""
    best, other = (min(run.processor for run in runs) for runs in (ours, theirs))
    slowest = "/".join(f"{max(run.processor for run in runs):.2f}" for runs in (ours, theirs))
    memory = "/".join(f"{max(run.memory for run in runs):.0f}" for runs in (ours, theirs))
    return f"{name:28}{best:8.2f} s{other:8.2f} s{best / other:7.2f}  slowest {slowest} s  memory {memory} MB"


def main() -> None:
    """Print a line for each pair, and one for `--help`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("other", type=Path, help="another checkout of wheelproof")
    parser.add_argument("wheels", nargs="*", type=Path, help="FIRST SECOND, of each pair")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    pairs: list[tuple[Path, ...]] = [(), *zip(options.wheels[::2], options.wheels[1::2], strict=True)]
    print(f"{'':28}{'this':>10}{'other':>10}{'ratio':>7}")
    for pair in pairs:
        turns = [[timed(command(root, pair)) for root in (ROOT, options.other)] for _ in range(options.runs)]
        name = pair[1].name.partition("-cp")[0][:28] if pair else "--help"
        print(line(name, *zip(*turns, strict=True)), flush=True)


if __name__ == "__main__":
    main()
