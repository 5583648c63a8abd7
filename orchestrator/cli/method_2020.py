"""The command method-2020: the method of the tracker of 2020 beside the verdict, and why they differ."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from orchestrator.cli import completion, options, output, requests
from orchestrator.errors import OpenJobsError, UsageError
from orchestrator.farm import progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.farm.method_2020 import Compared

_COLUMNS = ("project", "version", "image", "2021", "2020 today", "wheelproof", "agree")
_HASH = 12  # characters


@click.command("method-2020")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...", shell_complete=completion.requirements)
@options.option("--all", "whole", is_flag=True, help="Build all 112 projects that the tracker of 2020 tracked.")
@options.IMAGES
@options.option(
    "--network",
    type=click.Choice(["bridge", "host"]),
    default="bridge",
    show_default=True,
    help="The engine's own network, or the host's, which includes its loopback.",
)
@options.CONFIG
@options.RESULTS
@options.JOBS
@options.AGAIN
@options.as_json("the rows, with whole hashes, as one JSON array")
@options.LOG
def method_2020(
    packages: tuple[str, ...],
    whole: bool,
    on: tuple[str, ...],
    network: str,
    config_file: Path,
    folder: Path | None,
    jobs: int | None,
    again: bool,
    as_json: bool,
) -> None:
    """Build each PACKAGE as the tracker of 2020 did, and compare its result with the verdict.

    The code of the packages, of their dependencies and of their build requirements RUNS WITH NETWORK, in a container.
    That is `python3 -m pip wheel PACKAGE --no-binary :all: --no-cache-dir`, twice, one after the other. Then
    wheelproof judges the same release without network, unless it has a record, and the reasons for each
    difference are listed. A PACKAGE is a name or NAME==VERSION.
    """
    from orchestrator import config
    from orchestrator.build.confinement import Network
    from orchestrator.farm import assemble
    from orchestrator.farm import method_2020 as farm
    from orchestrator.job import results_of_2021
    from orchestrator.publish.publisher_process import PublisherProcess

    wanted = (*packages, *(sorted(results_of_2021.TRACKED) if whole else ()))
    settings, store = options.opened(config_file, folder)
    _check(wanted)
    requests.check_images(on, settings, auto=True)
    requests.check_requirements(packages, settings)
    tasks = config.tasks(settings, wanted, on)
    with store.locked(), PublisherProcess(config_file, store.folder, config.shown(settings)) as publisher:
        judge = partial(assemble.run_tasks, settings, store, publisher=publisher, jobs=jobs, again=again)
        rows, outcome = farm.compare_all(settings, store, tasks, Network(network), judge, jobs=jobs)
    if as_json:
        output.as_json([farm.as_row(row) for row in rows])
    else:
        _show(rows)
    outcome.insist()
    if left := [row for row in rows if row.method_2020.value == "open"]:
        lines = "\n".join(f"  {row.requirement}: {row.why}" for row in left)
        msg = f"{len(left)} of the packages have no result of the method of 2020\n{lines}"
        raise OpenJobsError(msg)


def _check(wanted: Sequence[str]) -> None:
    from orchestrator import config

    if not wanted:
        msg = "running the method of 2020: no package is named; name some, or use --all"
        raise UsageError(msg)
    if files := [one for one in wanted if config.is_path(one)]:
        msg = f"running the method of 2020: {files[0]} is a path, not a release of the index; write NAME==VERSION"
        raise UsageError(msg)


def _show(rows: Sequence[Compared]) -> None:
    """Print the table, then the hashes and the reasons of each package."""
    progress.table("", _COLUMNS, [_cells(row) for row in rows])
    for row in rows:
        progress.paragraph("")
        progress.paragraph(f"{row.requirement} on {row.image}")
        if row.hash_1:
            second = row.hash_2[:_HASH] if row.hash_2 else "no wheel"
            progress.paragraph(f"  {row.wheel_1}: {row.hash_1[:_HASH]}, then {second}")
        for reason in row.reasons:
            progress.paragraph(f"  {reason.name}: {reason.text}")


def _cells(row: Compared) -> tuple[str, ...]:
    return (
        row.project,
        row.version or row.wheelproof_version,
        row.image,
        {True: "reproducible", False: "not-reproducible", None: "-"}[row.in_2021],
        row.method_2020.value,
        row.wheelproof or "open",
        {True: "yes", False: "no", None: "-"}[row.agree],
    )
