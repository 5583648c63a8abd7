"""The command replay: build again what records and statements describe, and compare the hashes."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import options, output
from orchestrator.errors import DisagreementError, OpenJobsError, UsageError
from orchestrator.farm import progress

if TYPE_CHECKING:
    from orchestrator.farm.replay import Replayed


@click.command
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path), metavar="[RECORD|STATEMENT]...")
@options.option(
    "--all", "whole", is_flag=True, help="Replay the newest record of each release on each image in the results, too."
)
@options.option(
    "--nearest",
    is_flag=True,
    help="Where the recorded image cannot be made again, build on today's; that is no replay of the same environment.",
)
@options.CONFIG
@options.RESULTS
@options.JOBS
@options.as_json("the rows as one JSON array")
@options.LOG
def replay(
    sources: tuple[Path, ...],
    whole: bool,
    nearest: bool,
    config_file: Path,
    folder: Path | None,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Build again what each RECORD or STATEMENT describes, and report whether its wheel comes out.

    A record is a file of results/records or results/verifications; a folder stands for all that it contains.
    """
    from orchestrator.farm import former, replay

    settings, store = options.opened(config_file, folder)
    found = former.found(sources, store, settings.defaults.limits, everything=whole)
    if not found:
        msg = "replaying: no record or statement is named; name files or folders, or use --all"
        raise UsageError(msg)
    wanted = tuple(one.build for one in found if one.build is not None)
    kept = replay.Kept((store.folder, *dict.fromkeys(one.results for one in found if one.results)))
    with store.locked():
        rows = replay.replay_all(settings, store, wanted, kept, nearest=nearest, jobs=jobs)
    by_source = {row.source: row for row in rows}
    rows = tuple(by_source.get(one.source) or replace(one.named, because=one.why) for one in found)
    if as_json:
        output.as_json([asdict(row) for row in rows])
    else:
        progress.table("", ("project", "version", "image", "wheel", "outcome", "because"), list(map(_cells, rows)))
    _insist(rows)


def _cells(row: Replayed) -> tuple[str, ...]:
    because = row.because
    if row.causes or row.severity:
        because = f"{because}: {row.severity}; {', '.join(row.causes) or 'no cause is known'}"
    return (row.project or row.source, row.version, row.image, row.wheel, row.outcome.value, because)


def _insist(rows: tuple[Replayed, ...]) -> None:
    """Raise what the exit status follows from: another wheel is certain, whatever else was left open."""
    outcomes = [row.outcome.value for row in rows]
    if wrong := sum(outcome in {"differs", "fails"} for outcome in outcomes):
        msg = f"{wrong} of {len(rows)} former builds do not come out here"
        raise DisagreementError(msg)
    if left := outcomes.count("not-replayed"):
        msg = f"{left} of {len(rows)} former builds cannot be replayed; the rows have the reasons"
        raise OpenJobsError(msg)
