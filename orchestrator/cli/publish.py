"""The command publish: write the site from the results."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from orchestrator.cli import options

if TYPE_CHECKING:
    from pathlib import Path


@click.command
@options.CONFIG
@options.RESULTS
@options.option(
    "--when-told",
    is_flag=True,
    hidden=True,
    help="Write it for each line on standard input, and print a line when it is written.",
)
def publish(config_file: Path, folder: Path | None, when_told: bool) -> None:
    """Write the site and results/site_data.json from the results."""
    from orchestrator.publish import publish as publishing

    settings, store = options.opened(config_file, folder)
    made = publishing.known(store)
    if when_told:
        publishing.prepare()
    for _ in sys.stdin if when_told else ("once",):
        publishing.publish(settings, store, made)
        click.echo(f"{store.folder / 'site' / 'index.html'}")
