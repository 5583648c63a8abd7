"""The commands that hold a rebuild against another one's word, or a former run's: witness and drift."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli import options
from orchestrator.errors import DisagreementError, Interrupted, NoRoomError, WheelproofError
from orchestrator.farm import progress
from orchestrator.util import logs


@click.command
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@options.PROFILE
@options.IMAGES
@options.CONFIG
@options.RESULTS
@click.option("--wheels", type=click.Path(path_type=Path), help="Where the wheels lie, if not beside each FILE.")
@options.AGAIN
@click.option("--json", "as_json", is_flag=True, help="Print the rows on standard output, as one JSON array.")
@options.LOG_FORMAT
def witness(
    files: tuple[Path, ...],
    profile: str | None,
    on: tuple[str, ...],
    config_file: Path,
    folder: Path | None,
    wheels: Path | None,
    again: bool,
    as_json: bool,
) -> None:
    """Rebuild each wheel that a hash FILE names, and tell whether it bears the hash.

    What was rebuilt is listed in the results' sha256sums.txt, ready to be signed.
    """
    from orchestrator import config, requirement_files
    from orchestrator.farm import assemble, run, verify_hashes
    from orchestrator.publish import publisher_process
    from orchestrator.results.witness import Outcome, checksums
    from orchestrator.sources import reading

    settings, store = options.opened(config_file, folder)
    wanted = requirement_files.read_all(files, reading.wanted)
    tasks = config.tasks(settings, (), on, wanted=wanted, profile=profile)
    at_hand = verify_hashes.AtHand(store, tuple(path.parent for path in files) + ((wheels,) if wheels else ()))
    with store.locked(), publisher_process.Publisher(config_file, store.folder) as publisher:
        outcome = assemble.carried_out(settings, store, tasks, publisher, jobs=None, again=again)
        found = tuple(run.results(outcome))
        rows = verify_hashes.rows(wanted, tasks, found, dict(outcome.open), at_hand)
        store.publish([("sha256sums.txt", checksums(found))])
    if as_json:
        click.echo(verify_hashes.as_json(rows), nl=False)
    else:
        cells = ((one.filename, one.outcome.value, one.severity, ", ".join(one.causes), one.reason) for one in rows)
        progress.table("", ("wheel", "outcome", "severity", "causes", "because"), tuple(cells))
        click.echo(f"\n{store.folder / 'sha256sums.txt'}")
    outcome.insist()
    if wrong := sum(one.outcome is not Outcome.MATCHES for one in rows):
        msg = f"{wrong} of {len(rows)} wheels do not come out as the file says"
        raise DisagreementError(msg)


@click.command
@options.PROJECTS
@options.CONFIG
@options.RESULTS
@click.option("--prove", is_flag=True, help="Build the former inputs again, with one of them swapped at a time.")
@options.LOG_FORMAT
def drift(projects: tuple[str, ...], config_file: Path, folder: Path | None, prove: bool) -> None:
    """Tell which releases give another wheel than a former run's, and which of the inputs did it."""
    from packaging.utils import canonicalize_name

    from orchestrator.farm import prove_drift, run
    from orchestrator.farm.workers import attempted
    from orchestrator.results.drift import culprit, drifted

    settings, store = options.opened(config_file, folder)
    found = store.every() if not projects else (one for name in projects for one in store.of(canonicalize_name(name)))
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
            shas = one.was[:12], one.now[:12]
            rows.append((later.project, later.version, later.image.name, *shas, culprit(one, tried)))
    progress.table("", ("project", "version", "image", "was", "is", "culprit"), rows)
    run.Outcome((), tuple(unproven)).insist()
