"""Shows the progress of a run: a live display on a terminal, plain lines elsewhere. The only module that imports rich.

It imports rich only for a terminal or a table, because plain lines do not need it and the import takes time.
"""

from __future__ import annotations

import io
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.util import logs
from orchestrator.util.logs import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from rich.console import Console, Group

_WIDEST = 10_000  # columns, where there is no terminal

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
    """The state of a run: counts, and what each worker is doing."""

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
    """Counts the events of a run, from any thread, and writes a line for each finished job."""

    def __init__(self, total: int, out: IO[str]) -> None:
        """Expect that many jobs."""
        self._state = State(total, time.monotonic())
        self._out = out
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
        # Not under the lock: a display that prints draws itself again, which takes the lock.
        self._log(position, release, outcome, why)

    def _log(self, position: str, release: str, outcome: str, why: str) -> None:
        line = f"{position} {release}: {outcome}" + (f" ({why})" if why else "")
        self._out.write(_one_line(line) + "\n")
        self._out.flush()


class Display(Progress):
    """Shows the state of all jobs on a terminal, and above it a line for each that is not reproducible or unchanged."""

    def __init__(self, total: int, console: Console) -> None:
        """Expect that many jobs; show them on that console."""
        super().__init__(total, console.file)
        self._console = console

    def __rich__(self) -> Group:
        """Draw the whole display."""
        with self._lock:
            return _drawn(self._state, time.monotonic())

    def _log(self, position: str, release: str, outcome: str, why: str) -> None:  # noqa: ARG002 - the display has it
        from rich.text import Text  # noqa: PLC0415 - see above

        if outcome not in ("reproducible", "unchanged"):
            line = Text.assemble((f"{outcome:>12}", COLOURS.get(outcome, "")), f" {release} ")
            self._console.print(line.append(_one_line(why), style="dim"))


def _drawn(state: State, now: float) -> Group:
    from rich.console import Group  # noqa: PLC0415
    from rich.progress_bar import ProgressBar  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

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
    """Show a run of that many jobs on standard error for as long as the context lasts; nothing of it in a quiet run."""
    if logs.is_quiet():
        yield Progress(total, io.StringIO())
        return
    if not (sys.stderr.isatty() if terminal is None else terminal):
        yield Progress(total, sys.stderr)
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    console = Console(stderr=True, force_terminal=terminal, highlight=False)
    display = Display(total, console)
    with Live(display, console=console, refresh_per_second=4, transient=True):
        yield display


def table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table on standard output, and all of it however narrow the terminal; its cells may be hostile."""
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(_one_line(cell), style=COLOURS.get(cell, "")) for cell in row))
    _console().print(drawn)


def size(number: int) -> str:
    """Return a number of bytes as people read it: 56.8 MB."""
    from rich.filesize import decimal  # noqa: PLC0415

    return decimal(number)


def paragraph(text: str) -> None:
    """Print a line on standard output, wrapped to the terminal with its indentation; it may be hostile."""
    if not text or not sys.stdout.isatty():
        sys.stdout.write(printable(text) + "\n")
        return
    from rich.padding import Padding  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    words = text.lstrip(" ")
    _console().print(Padding(Text(printable(words), overflow="fold"), (0, 0, 0, len(text) - len(words)), expand=False))


def width() -> int:
    """Return how many columns standard output has."""
    return _console().width if sys.stdout.isatty() else _WIDEST


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415

    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = _WIDEST
    return console


def _one_line(text: str) -> str:
    return printable(text.replace("\n", " "))


def note(line: str) -> None:
    """Log one line of what is being done."""
    logs.info(line)
