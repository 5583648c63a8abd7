"""How commands print: tables and texts with control characters escaped, through a pager where they are long."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

import click

from orchestrator.analysis.counterpart import NEEDS
from orchestrator.farm import progress
from orchestrator.model import Outcome
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from orchestrator.model import Result, Verification
    from orchestrator.publish.terminal import Block


class _Screen(io.StringIO):
    """Keeps what is meant for a terminal."""

    def isatty(self) -> bool:
        """Return that this is for a terminal, so that it is wrapped and coloured."""
        return True


@contextmanager
def paged() -> Iterator[None]:
    """Send what is printed meanwhile through a pager, if it is longer than the terminal; elsewhere just print it."""
    terminal = sys.stdout
    if not terminal.isatty():
        yield
        return
    screen = _Screen()
    try:
        with redirect_stdout(screen):
            yield
    finally:
        text = screen.getvalue()
        if text.count("\n") < os.get_terminal_size(terminal.fileno()).lines:
            click.echo(text, nl=False, color=True)
        else:
            click.echo_via_pager(text, color=True)


def left_out(count: int, folder: Path) -> None:
    """Report the records that were left out, if there are any."""
    if count:
        click.echo(f"\n{unreadable(count, folder)}")


def unreadable(count: int, folder: Path) -> str:
    """Say how many records cannot be read."""
    if count == 1:
        return f"1 record in {folder / 'records'} cannot be read, or is not where it belongs; the log names it"
    return f"{count} records in {folder / 'records'} cannot be read, or are not where they belong; the log names them"


def results(
    records: Iterable[Result],
    *,
    by_project: bool = False,
    verifications: Callable[[str], Iterable[Verification]] = lambda _: (),
) -> None:
    """Print results as a table, in their own order or by project; no more than one of them is in memory.

    `verifications` reads those of a project; if any result's version has one, the table has a column `published`.
    """
    from orchestrator.publish import wording

    listed = [
        (
            result.project,
            result.requirement,
            result.version,
            result.image.name,
            result.verdict.value,
            wording.because(result),
            f"{result.finished:%Y-%m-%d %H:%M}",
        )
        for result in records
    ]
    names = wording.told_apart((project, requirement) for project, requirement, *_ in listed)
    rows = [(name, *cells) for name, (_, _, *cells) in zip(names, listed, strict=True)]
    columns: tuple[str, ...] = ("project", "version", "image", "verdict", "because", "when")
    published = _published(((project, version) for project, _, version, *_ in listed), verifications)
    if any(published):
        columns = (*columns[:4], "published", *columns[4:])
        rows = [(*row[:4], outcome, *row[4:]) for row, outcome in zip(rows, published, strict=True)]
    if by_project:
        rows.sort()
    progress.table("", columns, rows)


def wheels(verifications: Iterable[Verification]) -> None:
    """Print the outcomes of published wheels as a table.

    A lock may list a hundred wheels of a release for other systems. Those that need the same kind of thing are one
    row. A wheel that the index does not have always has its own.
    """
    alike: dict[tuple[str, ...], list[Verification]] = {}
    for one in verifications:
        elsewhere = one.outcome is Outcome.NO_COUNTERPART and one.reason.startswith(NEEDS)
        key = (one.project, one.version, _need(one)) if elsewhere else (one.wheel, one.sha256, one.id)
        alike.setdefault(key, []).append(one)
    columns = ("project", "version", "wheel", "outcome", "taken", "builds", "because")
    progress.table("", columns, [_wheel_row(same) for same in alike.values()])


def _wheel_row(same: Sequence[Verification]) -> tuple[str, ...]:
    first = same[0]
    return (
        first.project,
        first.version,
        f"{len(same)} wheels" if len(same) > 1 else first.wheel or first.sha256[:12] or "-",
        first.outcome.value,
        ", ".join(first.taken),
        str(len(first.builds)),
        first.reason if len({one.reason for one in same}) == 1 else _need(first),
    )


def _need(verification: Verification) -> str:
    """Return what a wheel needs, without the name of the machine or Python: "needs another machine"."""
    return verification.reason.partition(": ")[0]


def _published(
    releases: Iterable[tuple[str, str]], verifications: Callable[[str], Iterable[Verification]]
) -> list[str]:
    """Return the outcomes of each release's published wheels as a cell; empty if there is none."""
    from orchestrator.publish import outcomes
    from orchestrator.results.summary import published_wheels

    known: dict[str, Mapping[str, tuple[str, ...]]] = {}
    cells = []
    for project, version in releases:
        if project not in known:
            known[project] = outcomes.by_version(published_wheels(verifications(project)))
        cells.append(", ".join(known[project].get(version, ())))
    return cells


def changes(lines: Sequence[str]) -> None:
    """Print what a run changed, if it changed anything."""
    for number, line in enumerate(lines):
        click.echo(f"{'' if number else chr(10)}{line}")


def site(folder: Path) -> None:
    """Print where the site's first page is."""
    click.echo(f"\n{folder / 'site' / 'index.html'}")


def blocks(content: Iterable[Block]) -> None:
    """Print lines, tables and texts with marks."""
    from orchestrator.publish.terminal import Table

    for block in content:
        if isinstance(block, Table):
            progress.table("", block.columns, block.rows)
        else:
            for line in [block] if isinstance(block, str) else block.lines(progress.width()):
                progress.paragraph(line)


def as_json(rows: Iterable[Mapping[str, object]]) -> None:
    """Print rows as one JSON array, every text of them as `escapes` has it."""
    from orchestrator.util import escapes

    click.echo(json.dumps(escapes.all_escaped(list(map(dict, rows))), indent=1))


def as_json_object(content: Mapping[str, object]) -> None:
    """Print one JSON object, with all that a terminal could take for a command escaped."""
    from orchestrator.util import escapes

    click.echo(json.dumps(escapes.all_escaped(dict(content)), indent=1))


def pasted(text: str) -> None:
    """Print a text that is used as it is, tabs included."""
    click.echo("\t".join(logs.printable(piece) for piece in text.rstrip("\n").split("\t")))
