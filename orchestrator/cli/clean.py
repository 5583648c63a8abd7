"""The command clean: remove what can be made again and is not used any more."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import click

from orchestrator.cli import options, output
from orchestrator.errors import UsageError, WheelproofError

if TYPE_CHECKING:
    from pathlib import Path

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,9})\s*([smhd])", text, re.ASCII)
    if found is None:
        msg = f"reading --older-than {text}: it is not a length of time; write one such as 30d or 12h"
        raise UsageError(msg)
    return int(found[1]) * _UNITS[found[2]]


@click.command
@options.CONFIG
@options.RESULTS
@options.option(
    "--older-than",
    metavar="TIME",
    callback=_seconds,
    help="Remove what was not used for that long, such as 30d or 12h; by default, the time that `keep: unused` in the "
    "configuration gives.",
)
@options.option("--dry-run", is_flag=True, help="Print what would be removed, and remove nothing.")
@options.option(
    "--stores", "of_stores", is_flag=True, help="Also remove wheels and logs that no record or statement names."
)
@options.option(
    "--images",
    "foreign",
    is_flag=True,
    help="Also remove old images of wheelproof that no run with this cache has used. Another farm may need them.",
)
@options.as_json("what was removed, as one JSON array")
@options.LOG
def clean(
    config_file: Path,
    folder: Path | None,
    older_than: int | None,
    dry_run: bool,
    of_stores: bool,
    foreign: bool,
    as_json: bool,
) -> None:
    """Remove what can be made again and has not been used for some time; records stay.

    What an unchanged run of the tracked packages needs is never removed.
    """
    from orchestrator.farm import clean as cleaning
    from orchestrator.farm import progress, retention
    from orchestrator.farm.workers import attempted

    settings, store = options.opened(config_file, folder)
    age = settings.keep.unused if older_than is None else older_than
    with store.locked():
        now = time.time()
        cache = cleaning.clean_cache(settings, age, now, dry=dry_run)
        if cache.busy:
            progress.note("another command uses the cache, so nothing of it is removed; run again when it has ended")
        images = attempted(cleaning.clean_images, settings, store, age, now, foreign=foreign, dry=dry_run)
        if isinstance(images, WheelproofError):
            progress.note(f"no image is removed: {images}")
            images = cleaning.Cleaned()
        parts = [cache, images, cleaning.clean_pages(store, dry=dry_run)]
        parts += [cleaning.clean_trials(store, age, now, dry=dry_run)]
        parts += [cleaning.clean_results(store, age, dry=dry_run)] if of_stores else []
    if cache.over:
        progress.note(
            f"the cache is {cache.over} bytes over its bound, all of it needed by tracked jobs; "
            "allow more under keep: cache in the configuration"
        )
    rows = [row for part in parts for row in retention.totals(part.items)]
    if as_json:
        output.as_json([{"kind": kind, "count": count, "bytes": size} for kind, count, size in rows])
    elif rows:
        cells = [(kind, str(count), progress.size(number)) for kind, count, number in rows]
        progress.table("", ("kind", "count", "size"), cells)
    else:
        progress.paragraph("Nothing is to be removed." if dry_run else "Nothing was removed.")
