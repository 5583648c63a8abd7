"""The command witness: rebuild the wheels of a hash file and check their hashes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from orchestrator.cli import options, requests
from orchestrator.errors import DisagreementError
from orchestrator.farm import progress


@click.command
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@options.SELECTED
@options.PROFILE
@options.IMAGES
@options.CONFIG
@options.RESULTS
@options.option(
    "--wheels", type=click.Path(path_type=Path), help="The folder of the wheels, if it is not the folder of each FILE."
)
@options.AGAIN
@options.as_json("the rows as one JSON array")
@options.LOG
def witness(
    files: tuple[Path, ...],
    only: tuple[str, ...],
    groups: tuple[str, ...],
    extras: tuple[str, ...],
    profile: str | None,
    on: tuple[str, ...],
    config_file: Path,
    folder: Path | None,
    wheels: Path | None,
    again: bool,
    as_json: bool,
) -> None:
    """Rebuild each wheel listed in a hash FILE and check its hash.

    The wheels that match are listed in sha256sums.txt in the results, ready to be signed; the others, each with the
    reason, in sha256sums.differs.txt.
    """
    from orchestrator import config
    from orchestrator.farm import assemble, likely_cause, run, verification, verify_hashes
    from orchestrator.images.recipe import folders
    from orchestrator.publish import publisher_process
    from orchestrator.results import witness as witnessed
    from orchestrator.results.witness import DIFFERING, MATCHED, WitnessOutcome, checksums, differing

    settings, store = options.opened(config_file, folder)
    requests.check_images(on, settings, auto=True)
    wanted = requests.listed(files, only, groups, extras)
    requests.check_listed((), files, wanted, chosen=bool(only or groups or extras))
    tasks = config.tasks(settings, (), on, wanted=wanted, profile=profile)
    at_hand = verify_hashes.AtHand(store, tuple(path.parent for path in files) + ((wheels,) if wheels else ()))
    with store.locked(), publisher_process.PublisherProcess(config_file, store.folder) as publisher:
        store.publish([(MATCHED, ""), (DIFFERING, "")])  # those of a former run are about other files
        outcome = assemble.run_tasks(settings, store, tasks, publisher, jobs=None, again=again)
        results = tuple(run.results(outcome))
        rows = verify_hashes.rows(wanted, results, dict(outcome.open), at_hand, folders(settings.folder))
        requested = verification.requests_of(tasks, wanted, lambda task: verification.expanded(settings, (task.image,)))
        asked = tuple(replace(one, known_only=True) for one in requested if one.claims)
        verified = verification.verify_all(settings, store, asked, jobs=None, again=again, outcome=outcome)
        rows = witnessed.verified(rows, verification.outcomes(store, verified))
        store.publish([(MATCHED, checksums(rows)), (DIFFERING, differing(rows))])  # a search may take long, or end
        rows = likely_cause.explained(rows, wanted, results, settings, store, again=again)
        store.publish([(DIFFERING, differing(rows))])
        publisher.publish()
    if as_json:
        click.echo(verify_hashes.as_json(rows), nl=False)
    else:
        cells = (
            (row.filename, row.outcome.value, row.published, row.severity, ", ".join(row.causes), row.reason)
            for row in rows
        )
        progress.table("", ("wheel", "outcome", "published", "severity", "causes", "because"), tuple(cells))
        click.echo(f"\n{store.folder / MATCHED}: wheels that match\n{store.folder / DIFFERING}: the others")
    outcome.insist()
    if wrong := sum(row.outcome is not WitnessOutcome.MATCHES for row in rows):
        msg = f"{wrong} of {len(rows)} wheels do not have the hash in the file"
        raise DisagreementError(msg)
