"""The command that checks what the configuration leaves out: exclusions."""

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
    """Check exclusions (all, or of each PROJECT): on the stock image, and where that fails on what may lift it."""
    from orchestrator import config
    from orchestrator.farm import assemble
    from orchestrator.farm.exclusions import run_with_checks
    from orchestrator.publish import publisher_process
    from orchestrator.results import store as results

    settings, store = options.opened(config_file, folder)
    wanted = config.excluded(settings, projects)
    with store.locked(), publisher_process.PublisherProcess(config_file, store.folder) as publisher:
        carry_out = partial(assemble.run_tasks, settings, store, publisher=publisher, jobs=jobs, again=again)
        outcome, found = run_with_checks(settings, store, (), wanted, carry_out)
        if found:
            publisher.publish()
    if as_json:
        sys.stdout.buffer.write(results.checks_as_json(found, outcome.open))
    else:
        rows = [(one.project, one.outcome.value, one.why, f"{one.checked:%Y-%m-%d %H:%M}") for one in found]
        progress.table("", ("project", "outcome", "because", "checked"), rows)
    outcome.insist()
