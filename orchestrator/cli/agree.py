"""The command agree: on which wheels several farms agree, by what they signed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import __version__
from orchestrator.cli import options, output
from orchestrator.errors import NotAgreedError, UsageError
from orchestrator.farm import progress
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.results.agreement import ReleaseAgreement, Support

_SHOWN = 12  # digits of a hash in a table
_LISTED = 20  # releases that a file does not have


@click.command
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULTS...")
@options.option(
    "--threshold", type=click.IntRange(1), default=2, show_default=True, help="How many farms have to agree on a wheel."
)
@options.option(
    "--key",
    "keys",
    multiple=True,
    metavar="NAME=FILE",
    help="The name of a farm, and the file of its public key; once for each farm. Two names with one key are one farm.",
)
@options.option(
    "--published",
    is_flag=True,
    help="Agree on published wheels that the farms verified, instead of on the wheels that they built.",
)
@options.option(
    "--output",
    "form",
    type=click.Choice(["requirements", "pylock"]),
    help="Print a requirements file or a pylock.toml with the hashes of the agreed wheels, instead of the table.",
)
@options.as_json("the releases as one JSON array")
@options.LOG
def agree(
    folders: tuple[Path, ...], threshold: int, keys: tuple[str, ...], published: bool, form: str | None, as_json: bool
) -> None:
    """List the wheels that enough farms built, by the statements in RESULTS, and why other releases have none.

    RESULTS are folders with signed statements, such as those that `attest` writes. Only what one of the keys
    signed is counted, and each key once.
    """
    from orchestrator.publish import farms
    from orchestrator.results import agreement

    if form and as_json:
        msg = "agree prints either --json or --output"
        raise UsageError(msg)
    known = farms.farms(map(_named, keys))
    if len(known.keys) < threshold:
        msg = f"{threshold} farms cannot agree, since {len(known.keys)} have a key; name each with --key NAME=FILE"
        raise UsageError(msg)
    collected = farms.collect(folders, known, datetime.now(UTC), published=published)
    for line in collected.ignored:
        logs.warning(line)
    agreements = agreement.agree(collected.claims, known.names, threshold)
    if form:
        _state_left_out(agreement.left_out(agreements))
    if form == "requirements":
        click.echo(agreement.requirements(agreements), nl=False)
    elif form == "pylock":
        click.echo(agreement.pylock(agreements, f"wheelproof {__version__}"), nl=False)
    elif as_json:
        output.as_json(map(_as_json, agreements))
    else:
        progress.table(
            "", ("project", "version", "wheel", "sha256", "farms", "because"), list(_rows(agreements, threshold))
        )
    _insist(agreements, threshold)


def _state_left_out(sentences: tuple[str, ...]) -> None:
    for line in sentences[:_LISTED]:
        logs.warning(line)
    if len(sentences) > _LISTED:
        logs.warning(f"{len(sentences) - _LISTED} more releases are not in the file; agree without --output lists them")


def _named(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not (name.strip() and separator and path):
        msg = f"reading --key {text!r}: write NAME=FILE"
        raise UsageError(msg)
    return name.strip(), Path(path)


def _as_json(one: ReleaseAgreement) -> dict[str, object]:
    content = asdict(one)
    return {
        **content,
        "agreed": list(map(_support, one.agreed)),
        "others": list(map(_support, one.others)),
        "without": [{"farm": farm, "verdict": verdict} for farm, verdict in one.without],
    }


def _support(one: Support) -> dict[str, object]:
    return {"wheel": one.wheel.filename, "sha256": one.wheel.sha256, "farms": one.farms}


def _rows(agreements: tuple[ReleaseAgreement, ...], threshold: int) -> list[tuple[str, ...]]:
    return [row for one in agreements for row in _rows_of(one, threshold)]


def _rows_of(one: ReleaseAgreement, threshold: int) -> Iterator[tuple[str, ...]]:
    reasons = "; ".join((*one.differing, *one.conflicts, *(f"{farm}: {verdict}" for farm, verdict in one.without)))
    for support in one.agreed:
        yield _row(one, support, reasons)
    for support in one.others:
        few = f"not agreed: {len(support.farms)} of {threshold} farms"
        yield _row(one, support, few if one.agreed else f"{few}; {reasons}".rstrip("; "))
    if not one.agreed and not one.others:
        yield one.project, one.version, "", "", "", f"not agreed: no farm has a wheel; {reasons}"


def _row(one: ReleaseAgreement, support: Support, because: str) -> tuple[str, ...]:
    wheel = support.wheel
    return one.project, one.version, wheel.filename, wheel.sha256[:_SHOWN], ", ".join(support.farms), because


def _insist(agreements: tuple[ReleaseAgreement, ...], threshold: int) -> None:
    if not agreements:
        msg = "no statement of a farm is counted, so nothing is agreed"
        raise NotAgreedError(msg)
    if missing := sum(not one.is_agreed for one in agreements):
        msg = f"{missing} of {len(agreements)} releases have no wheel that {threshold} farms have"
        raise NotAgreedError(msg)
