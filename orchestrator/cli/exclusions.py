"""The command exclusions: check whether excluded projects still have to be excluded."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from orchestrator.cli import options
from orchestrator.farm import progress

if TYPE_CHECKING:
    from pathlib import Path


@click.command
@options.EXCLUDED
@options.CONFIG
@options.RESULTS
@options.JOBS
@options.AGAIN
@options.as_json("the checks, and the jobs without a verdict, as one JSON array")
@options.LOG
def exclusions(
    projects: tuple[str, ...],
    config_file: Path,
    folder: Path | None,
    jobs: int | None,
    again: bool,
    as_json: bool,
) -> None:
    """Check the exclusions of the configuration, or those of each PROJECT.

    Each is built on its usual image and, where that fails, on the image that may lift the exclusion.
    """
    from orchestrator import config
    from orchestrator.farm import assemble
    from orchestrator.farm.exclusions import run_with_checks
    from orchestrator.publish import publisher_process
    from orchestrator.results import store as results

    settings, store = options.opened(config_file, folder)
    wanted = config.excluded(settings, projects)
    with store.locked(), publisher_process.PublisherProcess(config_file, store.folder) as publisher:
        carry_out = partial(assemble.run_tasks, settings, store, publisher=publisher, jobs=jobs, again=again)
        outcome, checks = run_with_checks(settings, store, (), wanted, carry_out)
        if checks:
            publisher.publish()
    if as_json:
        sys.stdout.buffer.write(results.checks_as_json(checks, outcome.open))
    else:
        rows = [(check.project, check.outcome.value, check.why, f"{check.checked:%Y-%m-%d %H:%M}") for check in checks]
        progress.table("", ("project", "outcome", "because", "checked"), rows)
    outcome.insist()
