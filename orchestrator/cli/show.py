"""The command show: the results of one project."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from orchestrator.cli import completion, options, output, requests
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.model import Result
    from orchestrator.publish.terminal import Block
    from orchestrator.results.store import Results

_EARLIER = 3  # results that are not current
_LISTED = 10  # names in a message


@click.command
@click.argument("project", metavar="PROJECT[==VERSION]", shell_complete=completion.with_results)
@options.CONFIG
@options.RESULTS
@options.option("--image", metavar="NAME", shell_complete=completion.images, help="The results on that image alone.")
@options.as_json("all results of the project, newest first, as one JSON array")
def show(project: str, config_file: Path, folder: Path | None, image: str | None, as_json: bool) -> None:
    """Summarize the results of PROJECT, or of PROJECT==VERSION: the current ones on each image, and earlier ones.

    explain prints all that is known of one result, with its recipe.
    """
    from orchestrator.results.store import as_json as written

    settings, store = options.opened(config_file, folder)
    results = list(results_of(store, project, image, settings))
    if as_json:
        sys.stdout.buffer.writelines(written(results))
        return
    with output.paged():
        _print(results, settings.folder)
        output.site(store.folder)
        output.left_out(store.left_out, store.folder)


def _print(results: Sequence[Result], beside: Path) -> None:
    from orchestrator.publish import comparison, publish, terminal
    from orchestrator.results.summary import summarize

    (summary,) = summarize(results, (), datetime.now(UTC)).projects
    debians = publish.debians(beside, (standing.image for standing in summary.standings))
    compared = comparison.comparisons(summary.standings, summary.current, debians)[:1]
    for one in compared:
        output.blocks(terminal.side_by_side(one))
    current = [standing.latest for standing in summary.current]
    for latest in current:
        output.blocks(terminal.headline(latest, whole=False) if compared else terminal.brief(latest))
    if earlier := [one for one in results if not any(one is latest for latest in current)]:
        click.echo("\nEarlier:")
        output.results(earlier[:_EARLIER])
        if len(earlier) > _EARLIER:
            click.echo(f"and {len(earlier) - _EARLIER} more; --json prints all of them")


def results_of(store: Results, project: str, image: str | None, settings: Config) -> Iterator[Result]:
    """Yield the results of a project, or of its version, newest first; raise UsageError where there are none."""
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
        requests.check_images((image,) if image else (), settings)
        where = f" on {image}" if image else ""
        msg = f"looking for {project}{where}: there is no result{_known(name, sorted(store.projects()))}"
        raise UsageError(msg)


def _known(name: str, projects: Sequence[str]) -> str:
    """Return the end of a message on a project without results: a similar name, or some that have results."""
    from orchestrator.config.suggestions import similar

    if name not in projects and (near := similar(name, projects)):
        return near
    more = f" and {len(projects) - _LISTED} more" if len(projects) > _LISTED else ""
    return f"; there are results for {', '.join(projects[:_LISTED]) or 'nothing yet'}{more}"


def story_of(result: Result) -> Iterator[Block]:
    """Explain one result, in blocks of text."""
    from orchestrator.publish import advice, terminal
    from orchestrator.publish.catalogue import summaries

    return terminal.story(result, summaries(), advice.recipes(result))
