"""The command wheelhouse: wheels of a whole set, given by one recipe, with the means to check them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import attest, options, requests
from orchestrator.errors import IncompleteError, UsageError
from orchestrator.farm import progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.farm.wheelhouse import Made
    from orchestrator.model import LeftOut
    from orchestrator.requirement_files import Wanted

_PATH = click.Path(path_type=Path)
_SHOWN = 6  # names of releases in a cell


@click.command
@options.REQUIREMENTS
@options.FILES
@options.option("--out", required=True, type=_PATH, metavar="DIR", help="The folder that is written.")
@options.SELECTED
@options.RESOLVE
@options.PROFILE
@options.IMAGE
@options.option("--source", is_flag=True, help="Build all build requirements from their sdists, too.")
@options.option("--keep-going", is_flag=True, help="Write DIR without the releases that cannot be included.")
@options.option("--key", type=_PATH, metavar="FILE", help="Sign the statements with this private key, see attest.")
@options.option("--passphrase-file", type=_PATH, metavar="FILE", help="Its first line decrypts the private key.")
@options.CONFIG
@options.RESULTS
@options.JOBS
@options.AGAIN
@options.as_json("the record of the wheelhouse")
@options.LOG
def wheelhouse(
    wanted: tuple[str, ...],
    files: tuple[Path, ...],
    only: tuple[str, ...],
    groups: tuple[str, ...],
    extras: tuple[str, ...],
    resolve: bool,
    out: Path,
    profile: str | None,
    image: str | None,
    source: bool,
    keep_going: bool,
    key: Path | None,
    passphrase_file: Path | None,
    config_file: Path,
    folder: Path | None,
    jobs: int | None,
    again: bool,
    as_json: bool,
) -> None:
    """Find the smallest recipe for all of a set, prove it for each wheel, and write the wheels into DIR.

    The set is that of the files and of the REQUIREMENTs: names, NAME==VERSION, or paths of sdists or of folders.

    Exit status 17: one recipe does not give all wheels; DIR is then written only with --keep-going, without them.
    """
    from orchestrator import config
    from orchestrator.farm import wheelhouse as farm
    from orchestrator.publish import publisher_process
    from orchestrator.publish.wheelhouse.folder import check_place, write
    from orchestrator.results.store import wheelhouse_as_json

    settings, store = options.opened(config_file, folder)
    images = (image,) if image else ()
    requests.check_images(images, settings, auto=True)
    requests.check_requirements(wanted, settings)
    if not (wanted or files):
        msg = "making a wheelhouse: nothing is named; name a file with -r, or releases"
        raise UsageError(msg)
    check_place(out)
    form = attest.form_of(key, passphrase_file)
    chosen = (only, groups, extras)
    wanted, listed = requests.asked(settings, wanted, files, chosen, images=images, profile=profile, resolve=resolve)
    _check_pinned(listed)
    tasks = config.tasks(settings, wanted, images, wanted=listed, profile=profile)
    asked = farm.asked(settings, tasks, image=image, source=source)
    with store.locked(), publisher_process.PublisherProcess(config_file, store.folder) as publisher:
        made = farm.make(settings, store, asked, publisher, jobs=jobs, again=again)
        publisher.publish()
        is_written = farm.may_be_handed_out(made.house, keep_going=keep_going)
        if is_written:
            write(
                made.house,
                made.records,
                store,
                out,
                sources=made.sources,
                ending=form.ending,
                content=lambda one: form.content(one, b""),
            )
    if as_json:
        sys.stdout.buffer.write(wheelhouse_as_json(made.house))
    else:
        _show(made, out if is_written else None)
    made.outcome.insist()
    if left := made.house.left_out:
        count = len(left) + sum(one.kind.value == "wheel" for one in made.house.wheels)
        others = ", use --keep-going to get the others" if made.house.wheels and not keep_going else ""
        advice = "" if is_written else f"; nothing is written{others}"
        msg = f"one recipe does not give {len(left)} of {count} releases{advice}"
        raise IncompleteError(msg)


def _check_pinned(listed: tuple[Wanted, ...]) -> None:
    """Check that files pin what they list: what is newest today is no set that others can build again."""
    if loose := [one for one in listed if not one.version]:
        more = f", and {len(loose) - 1} others have none either" if loose[1:] else ""
        msg = f"reading {loose[0].file}: {loose[0].project} has no version{more}; pin them, or use --resolve"
        raise UsageError(msg)


def _show(made: Made, out: Path | None) -> None:
    house = made.house
    progress.table("The common recipe", ("setting", "value", "because of"), tuple(_recipe(made)))
    if made.house.wheels and not made.house.remedies and not made.profile:
        click.echo("No setting is needed: the wheels are the same in environments that differ in all that is varied.")
    if not made.smallest:
        click.echo("The records do not show that it is the smallest.")
    if house.left_out:
        click.echo()
        columns = ("release", "image", "because", "nearest", "which gives")
        progress.table("Left out", columns, tuple(map(_left, house.left_out)))
    if cautions := tuple(_cautions(made)):
        click.echo()
        progress.table("Builds elsewhere may differ", ("release", "caution", "shown by"), cautions)
    tools = sum(one.kind.value == "tool" for one in house.wheels)
    wheels = len(house.wheels) - tools
    more = f" and {tools} build tools" if tools else ""
    total = wheels + len(house.left_out) + len(made.outcome.open)
    click.echo(f"\n{wheels} of {total} wheels{more} are proven, in {made.built} builds and {made.seconds:.0f} seconds.")
    if out:
        click.echo(f"{out}")


def _recipe(made: Made) -> Iterator[tuple[str, ...]]:
    from orchestrator.experiments.remedies import named
    from orchestrator.farm.wheelhouse import profile_settings, written

    if made.house.source_date_epoch is not None:
        whose = f"the profile {made.profile.name}" if made.profile else "the configuration"
        yield "epoch", f"SOURCE_DATE_EPOCH={made.house.source_date_epoch}", whose
    for name, value in profile_settings(made.profile) if made.profile else ():
        yield name, value, f"the profile {made.house.profile}"
    for name, because in made.because:
        yield name, written(named(name)), _some(because)


def _cautions(made: Made) -> Iterator[tuple[str, ...]]:
    for one in made.house.wheels:
        record = made.records.get(one.job)
        for caution in record.cautions if record else ():
            yield f"{one.project} {one.version}", caution.name, caution.evidence


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join((*names[:_SHOWN], *([f"{more} more"] if more > 0 else [])))


def _left(one: LeftOut) -> tuple[str, ...]:
    name = f"{one.project} {one.version}".strip() or one.requirement
    return name, one.image, one.reason, " + ".join(one.nearest), one.nearest_why


__all__ = ["wheelhouse"]
