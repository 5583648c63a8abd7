"""The command plan: what a run would build, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import options, output, requests
from orchestrator.cli.run import due_exclusions
from orchestrator.farm import progress

if TYPE_CHECKING:
    from pathlib import Path


@click.command
@options.REQUIREMENTS
@options.IMAGES
@options.CONFIG
@options.RESULTS
@options.FILES
@options.SELECTED
@options.RESOLVE
@options.PROFILE
@options.option("--again", is_flag=True, help="Plan a run with --again.")
@options.as_json("the table as one JSON array")
@options.LOG
def plan(
    wanted: tuple[str, ...],
    on: tuple[str, ...],
    config_file: Path,
    folder: Path | None,
    files: tuple[Path, ...],
    only: tuple[str, ...],
    groups: tuple[str, ...],
    extras: tuple[str, ...],
    resolve: bool,
    profile: str | None,
    again: bool,
    as_json: bool,
) -> None:
    """Print what would be run, in which order, and why. Nothing is built, and no engine is needed."""
    from dataclasses import asdict, astuple

    from orchestrator import config
    from orchestrator.farm import assemble

    asked_for = bool(wanted or files)
    settings, store = options.opened(config_file, folder)
    requests.check_images(on, settings, auto=True)
    requests.check_requirements(wanted, settings)
    chosen = (only, groups, extras)
    wanted, listed = requests.asked(settings, wanted, files, chosen, images=on, profile=profile, resolve=resolve)
    asked = config.tasks(settings, wanted, on, wanted=listed, profile=profile)
    due = () if asked_for or on else due_exclusions(settings, store)
    excluded = () if asked_for else settings.exclusions
    rows = assemble.plan_tasks(settings, store, asked, config.checks(settings, due), due, excluded, again=again)
    if as_json:
        output.as_json(asdict(row) for row in rows)
    else:
        progress.table("", ("project", "version", "action", "image", "why"), [astuple(row) for row in rows])
