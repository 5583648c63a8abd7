"""The command verify: rebuild published wheels, and show whether they come out of their sources."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from orchestrator.cli import options, output, requests
from orchestrator.errors import UnverifiedError, UsageError
from orchestrator.model import STRENGTH, Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Verification

_LEVELS = (Outcome.IDENTICAL, Outcome.RESTAMPED, Outcome.METADATA)


@click.command
@options.REQUIREMENTS
@options.FILES
@options.SELECTED
@options.RESOLVE
@options.option(
    "--require",
    type=click.Choice([level.value for level in _LEVELS]),
    default=Outcome.RESTAMPED.value,
    show_default=True,
    help="The weakest outcome that every wheel must reach for exit status 0.",
)
@options.IMAGES
@options.CONFIG
@options.RESULTS
@options.JOBS
@options.AGAIN
@options.as_json("the outcomes as one JSON array")
@options.LOG
def verify(
    wanted: tuple[str, ...],
    files: tuple[Path, ...],
    only: tuple[str, ...],
    groups: tuple[str, ...],
    extras: tuple[str, ...],
    resolve: bool,
    require: str,
    on: tuple[str, ...],
    config_file: Path,
    folder: Path | None,
    jobs: int | None,
    again: bool,
    as_json: bool,
) -> None:
    """Rebuild the published wheel of each REQUIREMENT, or each wheel whose hash a FILE lists, and compare the bytes.

    A REQUIREMENT is a name or NAME==VERSION.
    """
    from orchestrator.farm import verification
    from orchestrator.publish import publisher_process
    from orchestrator.publish.verification import row

    if not wanted and not files:
        msg = "verifying nothing: name releases (NAME==VERSION), or a file with -r"
        raise UsageError(msg)
    settings, store = options.opened(config_file, folder)
    requests.check_images(on, settings, auto=True)
    requests.check_requirements(wanted, settings)
    listed = requests.listed(files, only, groups, extras)
    if not wanted and not listed:
        msg = "verifying nothing: the files list no release"
        raise UsageError(msg)
    if resolve:
        wanted, listed = (), requests.resolved(settings, wanted, listed, on, None)
    asked = verification.requested(settings, wanted, listed, on)
    with store.locked(), publisher_process.PublisherProcess(config_file, store.folder) as publisher:
        outcome = verification.verify_all(settings, store, asked, jobs=jobs, again=again)
        found = tuple(verification.outcomes(store, outcome))
        publisher.publish()
    if as_json:
        output.as_json(map(row, found))
    else:
        output.wheels(found)
    outcome.insist()
    _insist(found, Outcome(require))


def _insist(found: tuple[Verification, ...], level: Outcome) -> None:
    """Raise UnverifiedError where a wheel does not reach the level."""
    enough = STRENGTH[: STRENGTH.index(level) + 1]
    if short := Counter(one.outcome for one in found if one.outcome not in enough):
        wrong = short.total()
        counts = ", ".join(f"{count} {outcome}" for outcome, count in short.most_common())
        verb = "is" if wrong == 1 else "are"
        msg = f"{wrong} of {len(found)} published wheels {verb} not {' or '.join(enough)}: {counts}"
        raise UnverifiedError(msg)
