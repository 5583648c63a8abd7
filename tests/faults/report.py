"""What a campaign reports: one trial for each fault, and a table of all campaigns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Campaign = Callable[[int, int], Iterator["Trial"]]  # number of trials, seed

RIGHT = "right"
"""Every job got the verdict that it gets without a fault."""

OPEN = "open"
"""Some job got no verdict; none got a wrong one."""

_HEAD = ("campaign", "trials", "right", "open", "other", "wrong", "seconds")


@dataclass(frozen=True, slots=True)
class Trial:
    """One fault, what came of it, and everything that must not have come of it."""

    what: str
    outcome: str  # RIGHT, OPEN, or a campaign's own word
    wrong: tuple[str, ...] = ()
    seconds: float = 0.0

    def __str__(self) -> str:
        """One line, or several where something is wrong."""
        lines = (f"{self.what}: {self.outcome} ({self.seconds:.1f} s)", *(f"    WRONG: {one}" for one in self.wrong))
        return "\n".join(lines)


def table(found: Mapping[str, Sequence[Trial]]) -> str:
    """Return a table with one row for each campaign, and below it every trial with something wrong."""
    rows = [_HEAD, *(_row(name, trials) for name, trials in found.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "  ".join(cell.ljust(width) if not column else cell.rjust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    failed = [f"{name}: {trial}" for name, trials in found.items() for trial in trials if trial.wrong]
    return "\n".join([*lines, "", *failed]).rstrip()


def _row(name: str, trials: Sequence[Trial]) -> tuple[str, ...]:
    outcomes = Counter(trial.outcome for trial in trials)
    right, left_open = outcomes[RIGHT], outcomes[OPEN]
    wrong = sum(bool(trial.wrong) for trial in trials)
    counts = (len(trials), right, left_open, len(trials) - right - left_open, wrong)
    return (name, *map(str, counts), f"{sum(trial.seconds for trial in trials):.0f}")
