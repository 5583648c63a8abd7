"""The command drift: releases whose wheel has changed since a former run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import options, output, requests
from orchestrator.errors import Interrupted, NoRoomError, RegressionError, WheelproofError
from orchestrator.farm import progress
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LISTED = 20  # releases in a message


@click.command
@options.PROJECTS
@options.CONFIG
@options.RESULTS
@options.option(
    "--prove", is_flag=True, help="Prove the cause: build the earlier inputs again, swapping one at a time."
)
@options.as_json("the table, with whole hashes, as one JSON array")
@options.option("--fail", is_flag=True, help="Exit status 13 if a release is listed.")
@options.LOG
def drift(
    projects: tuple[str, ...], config_file: Path, folder: Path | None, prove: bool, as_json: bool, fail: bool
) -> None:
    """List the releases that give another wheel than in an earlier run, and the input that caused it."""
    from orchestrator.farm import prove_drift, run
    from orchestrator.farm.workers import attempted
    from orchestrator.results.drift import culprit, drifted

    settings, store = options.opened(config_file, folder)
    names = requests.check_results(projects, store)
    found = (one for name in names for one in store.of(name)) if names else store.every()
    rows = []
    unproven: list[tuple[str, str]] = []
    with store.locked():
        for one in drifted(found, store.packages):
            later = one.later
            tried = attempted(prove_drift.prove, one, settings, store) if prove else ()
            if isinstance(tried, Interrupted | NoRoomError):
                raise tried
            if isinstance(tried, WheelproofError):
                logs.fault("a drift is not proven", tried, project=later.project)
                unproven.append((f"{later.project}=={later.version}", str(tried)))
                tried = ()
            rows.append((later.project, later.version, later.image.name, one.was, one.now, culprit(one, tried)))
    columns = ("project", "version", "image", "was", "is", "culprit")
    if as_json:
        left_open = [{"requirement": requirement, "open": why} for requirement, why in unproven]
        output.as_json([*(dict(zip(columns, row, strict=True)) for row in rows), *left_open])
    elif not rows:
        progress.paragraph("No release gives another wheel than in an earlier run.")
    else:
        progress.table("", columns, [(*row[:3], row[3][:12], row[4][:12], row[5]) for row in rows])
    if fail and rows:
        raise RegressionError(_drifted([row[:3] for row in rows], unproven))
    run.RunOutcome((), tuple(unproven)).insist()


def _drifted(releases: Sequence[tuple[str, str, str]], unproven: Sequence[tuple[str, str]]) -> str:
    """Return the message of a drift that fails; what could not be proven is part of it."""
    head = f"{len(releases)} {'release gives' if len(releases) == 1 else 'releases give'} another wheel than before"
    listed = [f"  {project} {version} on {image}" for project, version, image in releases[:_LISTED]]
    more = [f"  and {len(releases) - _LISTED} more"] if len(releases) > _LISTED else []
    left = [f"  {name} is not proven: {why}" for name, why in unproven[:_LISTED]]
    return "\n".join((head, *listed, *more, *left))
