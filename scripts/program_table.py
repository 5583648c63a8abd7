"""Print what users get of wheels without and with a remedy: size, optimisation, hardening, debug information.

    scripts/program_table.py FIRST.whl SECOND.whl [FIRST.whl SECOND.whl ...]

The table is Markdown, two lines for each pair. The costs of each pair follow it. The exit status is 1 where there are
any.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from orchestrator.analysis import program_changes  # noqa: E402 - found from beside this script
from orchestrator.analysis.program_changes import Overview  # noqa: E402
from orchestrator.analysis.wheel import Given  # noqa: E402
from orchestrator.model import Limits, WheelFile  # noqa: E402
from orchestrator.sources import reading  # noqa: E402
from orchestrator.util.limited_call import Bounds, Exceeded, run_limited  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.model.recipe import ProgramChange

HEAD = ("wheel", "remedy", "bytes", "instructions", "loaded", "optimisation", "hardening", "fortified", "debug info")
LONGEST = 400  # characters of a cell
BOUNDS = Bounds(memory=3 << 30, seconds=300, patience=1200, long=True)


def given(path: Path) -> Given:
    """Name a wheel on disk."""
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return Given(path, WheelFile(path.name, sha256, path.stat().st_size))


def line(one: Given, remedy: str) -> str:
    """Return a line of the table; a wheel that cannot be read has one too."""
    seen = run_limited(program_changes.overview, one, Limits(), kind=Overview, bounds=BOUNDS)
    if isinstance(seen, Exceeded):
        return row([one.file.filename, remedy, f"{one.file.size:,}", f"cannot be read: {seen.bound}"])
    sizes = [f"{size:,}" for size in (one.file.size, seen.code, seen.loaded)]
    return row([one.file.filename, remedy, *sizes, seen.level, seen.hardening, str(seen.fortified), f"{seen.debug:,}"])


def row(cells: Sequence[str]) -> str:
    """Return a line of a Markdown table; names that may be hostile are printable and have no bars."""
    return "| " + " | ".join(program_changes.printable(cell, LONGEST).replace("|", "\\|") for cell in cells) + " |"


def cost(change: ProgramChange) -> str:
    """Return a change, whose texts are printable, as a line of a list."""
    return f"- {change.path}: {change.aspect}: {change.before} -> {change.after}"


def main(names: Sequence[str]) -> int:
    """Print the table and the costs; return the exit status."""
    pairs = [(given(Path(first)), given(Path(second))) for first, second in zip(names[::2], names[1::2], strict=True)]
    print(row(HEAD))
    print(row(["---"] * len(HEAD)))
    for first, second in pairs:
        print(line(first, "without"), line(second, "with"), sep="\n")
    costs = [
        change for first, second in pairs for change in reading.program_changes(first, second, Limits()) if change.cost
    ]
    print("", *(cost(change) for change in costs), sep="\n")
    return bool(costs)


if __name__ == "__main__":
    if len(sys.argv) < 3 or not len(sys.argv) % 2:  # noqa: PLR2004 - pairs
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
