"""The command explain: why a release got its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import completion, options, output
from orchestrator.cli.show import results_of, story_of

if TYPE_CHECKING:
    from pathlib import Path


@click.command
@click.argument("project", metavar="PROJECT[==VERSION]", shell_complete=completion.with_results)
@options.CONFIG
@options.RESULTS
@options.option(
    "--image",
    metavar="NAME",
    shell_complete=completion.images,
    help="The verdict on that image; the newest by default.",
)
@options.option("--report", is_flag=True, help="Print reports for those who can remove the causes, as Markdown.")
def explain(project: str, config_file: Path, folder: Path | None, image: str | None, report: bool) -> None:
    """Explain the verdict on PROJECT, or on PROJECT==VERSION: its causes, what proves them, and how to fix it."""
    from orchestrator.publish import advice

    settings, store = options.opened(config_file, folder)
    result = next(results_of(store, project, image, settings))
    with output.paged():
        if report:
            output.pasted(advice.report(result) or f"{result.project} {result.version}: there is nothing to report.")
        else:
            output.blocks(story_of(result))
