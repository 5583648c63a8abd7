"""The command show: the results of one project."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from orchestrator.cli import options, output
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.model import Result
    from orchestrator.publish.terminal import Block
    from orchestrator.results.store import Results


@click.command
@click.argument("project")
@options.CONFIG
@options.RESULTS
@click.option("--image", metavar="NAME", help="Where it stands on that image alone.")
def show(project: str, config_file: Path, folder: Path | None, image: str | None) -> None:
    """Tell where PROJECT, or PROJECT==VERSION, stands on each image, in what it differs, and where it stood before."""
    from orchestrator.publish import comparison, publish, terminal
    from orchestrator.results.summary import summarize

    settings, store = options.opened(config_file, folder)
    found = list(results_of(store, project, image))
    (stands,) = summarize(found, (), datetime.now(UTC)).projects
    debians = publish.debians(settings.folder, (one.image for one in stands.standings))
    compared = comparison.comparisons(stands.standings, stands.current, debians)
    for one in compared:
        output.blocks(terminal.side_by_side(one))
    shown = [one.latest for one in stands.current]
    for latest in shown:
        click.echo("\n" if compared or latest is not shown[0] else "", nl=False)
        output.blocks(story_of(latest))
        output.blocks(terminal.differences(latest.differences))
    if earlier := [one for one in found if not any(one is latest for latest in shown)]:
        click.echo("\nEarlier:")
        output.results(earlier, store.folder)


def results_of(store: Results, project: str, image: str | None) -> Iterator[Result]:
    """Yield the results that were asked for, newest first: there is at least one."""
    from orchestrator import config

    try:
        name = config.project(project)
    except ValueError as error:
        msg = f"reading {project!r}: {error}; write NAME or NAME==VERSION"
        raise UsageError(msg) from error
    _, _, version = project.partition("==")
    none = True
    for result in store.of(name):
        if version in ("", result.version) and image in (None, result.image.name):
            none = False
            yield result
    if none:
        known = ", ".join(sorted(store.projects())) or "nothing yet"
        where = f" on {image}" if image else ""
        msg = f"looking for {project}{where}: there is no result; there are results for {known}"
        raise UsageError(msg)


def story_of(result: Result) -> Iterator[Block]:
    """Explain one result, in blocks of text."""
    from orchestrator.publish import advice, terminal
    from orchestrator.publish.catalogue import summaries

    return terminal.story(result, summaries(), advice.recipes(result))
