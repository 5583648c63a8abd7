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
    profile: str | None,
    again: bool,
    as_json: bool,
) -> None:
    """List what a run would build, in which order, and why; build nothing."""
    from orchestrator import config, requirement_files
    from orchestrator.farm import assemble, run
    from orchestrator.sources import reading

    settings, store = options.opened(config_file, folder)
    requests.check_images(on)
    requests.check_requirements(wanted, settings)
    asked = config.tasks(
        settings, wanted, on, wanted=requirement_files.read_all(files, reading.wanted), profile=profile
    )
    due = () if wanted or files or on else due_exclusions(settings, store)
    checks = config.checks(settings, due)
    tasks = (*asked, *checks)
    farm = assemble.open_farm(
        settings, store, tasks, assemble.nothing, assemble.nothing_to_publish, jobs=None, again=again
    )
    tasks = assemble.matching_tasks(tasks, farm, progress.note)
    failed: list[tuple[str, ...]] = []
    jobs = run.look_up(tasks, farm.context, lambda task, error: failed.append((task.requirement, str(error))))
    rows: list[tuple[str, ...]] = []
    for job in jobs:
        action, image, why = farm.action(job, again=again)
        why = f"{why}; it checks an exclusion" if job.task in checks else why
        rows.append((job.release.project, job.release.version, action, image, why))
    lifting = (one for one in due if one.image and not one.never)
    rows += [(one.project, "", "perhaps", one.image, "where its usual image does not build it") for one in lifting]
    rows += [(requirement, "", "open", "", why) for requirement, why in failed]
    if not (wanted or files):
        rows += [(one.project, "", "excluded", "", f"{one.reason} (since {one.since})") for one in settings.exclusions]
    columns = ("project", "version", "action", "image", "why")
    if as_json:
        output.as_json(dict(zip(columns, row, strict=True)) for row in rows)
    else:
        progress.table("", columns, rows)
