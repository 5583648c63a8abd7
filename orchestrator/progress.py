"""Shows a run as it goes: a live display on a terminal, plain lines elsewhere. The only module that imports rich."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDEST = 10_000  # columns, where nobody's terminal sets a limit

COLOURS = {
    "reproducible": "green",
    "sensitive": "yellow",
    "intrinsic": "magenta",
    "ftbfs": "red",
    "no-sdist": "blue",
    "unchanged": "dim",
    "open": "bold red",
}


@dataclass(slots=True)
class State:
    """What there is to show: counts, and what each worker is doing."""

    total: int
    begun: float
    done: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    doing: dict[str, tuple[str, float]] = field(default_factory=dict)  # project -> what, since when

    def left(self, now: float) -> timedelta | None:
        """Estimate the time that is left, from the pace so far."""
        if self.done == 0 or self.done >= self.total:
            return None
        return timedelta(seconds=round((now - self.begun) / self.done * (self.total - self.done)))


class Progress:
    """Takes note of what happens, from any thread, and shows it."""

    def __init__(self, total: int, console: Console) -> None:
        """Expect that many jobs; show them on that console."""
        self._state = State(total, time.monotonic())
        self._console = console
        self._lock = threading.Lock()

    def doing(self, project: str, what: str) -> None:
        """Note what is being done for a project."""
        with self._lock:
            self._state.doing[project] = what, time.monotonic()

    def finished(self, project: str, release: str, outcome: str, why: str) -> None:
        """Note how a project's job ended; `release` is what it turned out to be about."""
        with self._lock:
            state = self._state
            state.doing.pop(project, None)
            state.done += 1
            state.counts[outcome] += 1
            position = f"[{state.done}/{state.total}]"
        # Not under the lock: printing draws the display anew, which takes it.
        if not self._console.is_terminal:
            line = f"{position} {release}: {outcome}" + (f" ({why})" if why else "")
            self._console.print(Text(_one_line(line)), soft_wrap=True)
        elif outcome not in ("reproducible", "unchanged"):
            told = Text.assemble((f"{outcome:>12}", COLOURS.get(outcome, "")), f" {release} ")
            self._console.print(told.append(_one_line(why), style="dim"))

    def __rich__(self) -> Group:
        """Draw the whole display."""
        with self._lock:
            return _drawn(self._state, time.monotonic())


def _drawn(state: State, now: float) -> Group:
    table = Table.grid(padding=(0, 2))
    for project, (what, since) in sorted(state.doing.items(), key=lambda item: item[1][1]):
        table.add_row(Text(project, style="bold"), Text(printable(what)), Text(f"{now - since:.0f} s", style="dim"))
    counts = Text("  ").join(
        Text(f"{count} {name}", style=COLOURS.get(name, "")) for name, count in state.counts.most_common()
    )
    left = state.left(now)
    head = Table.grid(padding=(0, 2))
    head.add_row(
        ProgressBar(total=max(1, state.total), completed=state.done, width=30),
        f"{state.done}/{state.total}",
        f"{left} left" if left else "",
    )
    return Group(table, head, counts)


@contextmanager
def shown(total: int, *, terminal: bool | None = None) -> Iterator[Progress]:
    """Show a run of that many jobs on standard error for as long as the context lasts."""
    console = Console(stderr=True, force_terminal=terminal, highlight=False)
    progress = Progress(total, console)
    if not console.is_terminal:
        yield progress
        return
    with Live(progress, console=console, refresh_per_second=4, transient=True):
        yield progress


def table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table on standard output, and all of it however narrow the terminal; its cells may be hostile."""
    drawn = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(printable(cell), style=COLOURS.get(cell, "")) for cell in row))
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = _WIDEST
    console.print(drawn)


def _one_line(text: str) -> str:
    return printable(text.replace("\n", " "))


def printable(text: str) -> str:
    """Replace what a terminal might obey, and what turns the direction of writing, by what it is called."""
    return "".join(one if one.isprintable() or one == "\n" else f"\\x{ord(one):02x}" for one in text)


def note(line: str) -> None:
    """Log one line of what is being done."""
    import structlog  # noqa: PLC0415 - what logs nothing need not wait for it

    structlog.get_logger().info(line)
