"""How commands print: tables, and texts in which what a terminal might obey is spelt out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.farm import progress
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.model import Result
    from orchestrator.publish.terminal import Block


def results(found: Iterable[Result], folder: Path) -> None:
    """Print results as a table, by project, and where the page is that tells more."""
    from orchestrator.publish import wording

    rows = sorted(
        (
            one.project,
            one.version,
            one.image.name,
            one.verdict.value,
            wording.because(one),
            f"{one.finished:%Y-%m-%d %H:%M}",
        )
        for one in found
    )
    progress.table("", ("project", "version", "image", "verdict", "because", "when"), rows)
    click.echo(f"\n{folder / 'site' / 'index.html'}")


def blocks(found: Iterable[Block]) -> None:
    """Print lines and tables."""
    from orchestrator.publish.terminal import Paste

    for block in found:
        if isinstance(block, str):
            click.echo(logs.printable(block))
        elif isinstance(block, Paste):
            pasted(block.text)
        else:
            progress.table("", block.columns, block.rows)


def pasted(text: str) -> None:
    """Print a text that is to be used as it is, tabs and all."""
    click.echo("\t".join(logs.printable(piece) for piece in text.rstrip("\n").split("\t")))
