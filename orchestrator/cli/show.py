"""The commands that tell of results: show, explain and publish."""

from __future__ import annotations

import sys
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
    from orchestrator.publish import comparison, terminal
    from orchestrator.publish import publish as publishing
    from orchestrator.results.summary import summarize

    _, store = options.opened(config_file, folder)
    found = list(_found(store, project, image))
    (stands,) = summarize(found, (), datetime.now(UTC)).projects
    debians = publishing.debians(one.image for one in stands.standings)
    compared = comparison.comparisons(stands.standings, stands.current, debians)
    for one in compared:
        output.blocks(terminal.side_by_side(one))
    shown = [one.latest for one in stands.current]
    for latest in shown:
        click.echo("\n" if compared or latest is not shown[0] else "", nl=False)
        output.blocks(_story(latest))
        output.blocks(terminal.differences(latest.differences))
    if earlier := [one for one in found if not any(one is latest for latest in shown)]:
        click.echo("\nEarlier:")
        output.results(earlier, store.folder)


@click.command
@click.argument("project", metavar="PROJECT[==VERSION]")
@options.CONFIG
@options.RESULTS
@click.option("--image", metavar="NAME", help="The verdict on that image; the newest by default.")
@click.option("--report", is_flag=True, help="Print a report for the project's own developers, as Markdown.")
def explain(project: str, config_file: Path, folder: Path | None, image: str | None, report: bool) -> None:
    """Tell why PROJECT, or PROJECT==VERSION, got its verdict, what proves it and what repairs it."""
    from orchestrator.publish import advice

    _, store = options.opened(config_file, folder)
    result = next(_found(store, project, image))
    if report:
        told = advice.report(result) or f"{result.project} {result.version}: there is nothing to report."
        output.pasted(told)
    else:
        output.blocks(_story(result))


@click.command
@options.CONFIG
@options.RESULTS
@click.option(
    "--when-told", is_flag=True, hidden=True, help="For each line on standard input, and say when it is done."
)
def publish(config_file: Path, folder: Path | None, when_told: bool) -> None:
    """Write the site, and results/site_data.json, from the results that there are."""
    from orchestrator.publish import publish as publishing

    settings, store = options.opened(config_file, folder)
    written: dict[str, object] = {}
    if when_told:
        publishing.prepare()
    for _ in sys.stdin if when_told else ("once",):
        publishing.publish(settings, store, written)
        click.echo(f"{store.folder / 'site' / 'index.html'}")


def _found(store: Results, project: str, image: str | None) -> Iterator[Result]:
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


def _story(result: Result) -> Iterator[Block]:
    from orchestrator.publish import advice, terminal
    from orchestrator.publish.catalogue import summaries

    return terminal.story(result, summaries(), advice.recipes(result))
