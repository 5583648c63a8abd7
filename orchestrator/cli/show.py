"""The command show: the results of one project."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from orchestrator.cli import completion, options, output, requests
from orchestrator.errors import ImageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.images.recipe import Folders, ImageRecipe
    from orchestrator.model import Result, Verification
    from orchestrator.publish.terminal import Block
    from orchestrator.results.history import Entry
    from orchestrator.results.store import Results

_EARLIER = 3  # results that are not current
_WHEELS = 20  # published wheels


@click.command
@click.argument("project", metavar="PROJECT[==VERSION]", shell_complete=completion.with_results)
@options.CONFIG
@options.RESULTS
@options.option("--image", metavar="NAME", shell_complete=completion.images, help="The results on that image alone.")
@options.as_json("all results of the project, newest first, as one JSON array")
def show(project: str, config_file: Path, folder: Path | None, image: str | None, as_json: bool) -> None:
    """Summarize the results of PROJECT, or of PROJECT==VERSION: the current ones on each image, and earlier ones.

    After them are its published wheels that were verified.

    explain prints all that is known of one result, with its recipe.
    """
    from orchestrator.publish import terminal_verification
    from orchestrator.results.store import as_json as written

    settings, store = options.opened(config_file, folder)
    if as_json:
        sys.stdout.buffer.writelines(written(results_of(store, project, image, settings)))
        return
    verified = verifications_of(store, project, image)
    name, version = requests.named(project)
    entries = [one for one in store.entries(name) if version in ("", one.version) and image in (None, one.image)]
    if not entries and not verified:
        next(results_of(store, project, image, settings), None)  # raises the error that says what there is instead
    with output.paged():
        if entries:
            _print(store, entries, settings.folder)
        for one in verified[:_WHEELS]:
            output.blocks(terminal_verification.headline(one))
        if len(verified) > _WHEELS:
            click.echo(f"and {len(verified) - _WHEELS} more published wheels; explain --json prints all of them")
        output.site(store.folder)
        output.left_out(store.left_out, store.folder)


def _print(store: Results, entries: Sequence[Entry], beside: Path) -> None:
    from orchestrator.publish import comparison, publish, terminal
    from orchestrator.results.summary import summary_of

    shown = {entry.name for entry in entries}
    standings = (one for one in store.standings(entries[0].project) if one.name in shown)
    (summary,) = summary_of(standings, (), datetime.now(UTC)).projects
    debians = publish.debians(beside, (standing.image for standing in summary.standings))
    compared = comparison.comparisons(summary.standings, summary.current, debians)[:1]
    for one in compared:
        output.blocks(terminal.compared(one))
    for latest in (standing.latest for standing in summary.current):
        output.blocks(
            terminal.headline(latest, whole=False) if compared else terminal.brief(latest, images_for(latest, beside))
        )
    current = {standing.name for standing in summary.current}
    if earlier := [entry for entry in entries if entry.name not in current]:
        click.echo("\nEarlier:")
        output.results(filter(None, map(store.result, earlier[:_EARLIER])))
        if len(earlier) > _EARLIER:
            click.echo(f"and {len(earlier) - _EARLIER} more; --json prints all of them")


def verifications_of(store: Results, project: str, image: str | None) -> tuple[Verification, ...]:
    """Return the last verifications of a project's published wheels, or of its version's; what differs is first."""
    from orchestrator.publish.outcomes import ORDER

    name, version = requests.named(project)
    found = (
        one
        for one in store.verifications(name)
        if version in ("", one.version) and image in (None, one.image.name if one.image else "")
    )
    return tuple(sorted(found, key=lambda one: ORDER.index(one.outcome)))


def results_of(
    store: Results, project: str, image: str | None, settings: Config, *, needed: bool = True
) -> Iterator[Result]:
    """Yield the results of a project, or of its version, newest first; raise UsageError where there are none.

    If none is `needed`, there may be none.
    """
    name, version = requests.named(project)
    none = True
    others = set()
    for result in store.of(name):
        if version in ("", result.version) and image in (None, result.image.name):
            none = False
            yield result
        elif none:
            others.add(f"{result.version} on {result.image.name}")
    if none and needed:
        requests.check_images((image,) if image else (), settings)
        where = f" on {image}" if image else ""
        msg = f"looking for {project}{where}: there is no result{requests.instead(name, store, others)}"
        raise UsageError(msg)


def images_for(result: Result, beside: Path) -> tuple[str, ...]:
    """Name the images that have what a failed build lacked; `beside` is the folder of the configuration."""
    from orchestrator.images import recipe, suggest

    folders = recipe.folders(beside)
    if result.failure is None or not result.failure.missing:
        return ()
    return suggest.having(result.failure, result.image.name, _recipes(folders))


def _recipes(folders: Folders) -> Iterator[ImageRecipe]:
    """Read the recipes of all images but those that cannot be understood."""
    from orchestrator.images import recipe

    for name in recipe.names(folders):
        with suppress(ImageError):
            yield recipe.load(folders, name)


def story_of(result: Result, beside: Path, *, whole: bool = False) -> Iterator[Block]:
    """Explain one result, in blocks of text; the `whole` of it, or cut where a package makes it long.

    `beside` is the folder of the configuration.
    """
    from orchestrator.publish import terminal
    from orchestrator.publish.catalogue import summaries

    return terminal.story(result, summaries(), images_for(result, beside), terminal.WHOLE if whole else terminal.SHORT)
