"""The command list: the releases by verdict, what fails before what does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import click

from orchestrator.cli import completion, options, output, requests
from orchestrator.errors import UsageError
from orchestrator.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from orchestrator.results.summary import Standing, Summary

OPEN = "open"
"""In place of the verdict of a tracked release that has none."""

ORDER = (
    *(Verdict.FTBFS, Verdict.INTRINSIC, Verdict.SENSITIVE, Verdict.NO_SDIST),
    *(OPEN, Verdict.EXCLUDED, Verdict.REPRODUCIBLE),
)
"""The order of the rows: what cannot be built, what differs, what was not judged, and what is as it should be."""

NOT_REPRODUCIBLE = (Verdict.FTBFS, Verdict.INTRINSIC, Verdict.SENSITIVE, Verdict.NO_SDIST)


@dataclass(frozen=True, slots=True)
class Row:
    """One release on one image, or an exclusion; its fields are those of `wheelproof list --json`."""

    project: str
    version: str  # empty: not known yet
    image: str  # empty: not known yet; with the way of building if it is not the default
    verdict: str  # or `open`
    since: str | None  # RFC 3339, UTC, of the first result in a row with it; of an exclusion, its day; None: no result
    because: str
    first_bad: str | None = None  # since when it is not reproducible, whatever it is instead
    last_good: str | None = None  # the last result that was reproducible
    recipe: bool = False  # whether a recipe is proven that makes it reproducible
    job: str = ""


@click.command("list")
@options.option(
    "--verdict",
    "verdicts",
    multiple=True,
    type=click.Choice([str(name) for name in ORDER]),
    help="Only those with that verdict, or that are open; may be repeated.",
)
@options.option(
    "--not-reproducible", is_flag=True, help="Only those that were judged and are not reproducible, whatever they are."
)
@options.option(
    "--image",
    "on",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.images,
    help="Only those on that image; may be repeated.",
)
@options.option("--since", "day", metavar="DATE", help="Only those that have their verdict since that day, UTC.")
@options.CONFIG
@options.RESULTS
@options.as_json("the table as one JSON array")
def listing(
    verdicts: tuple[str, ...],
    not_reproducible: bool,
    on: tuple[str, ...],
    day: str | None,
    config_file: Path,
    folder: Path | None,
    as_json: bool,
) -> None:
    """List the current releases by verdict: what fails first, then what differs, what is open, and the rest.

    The exit status is 0, whatever the verdicts are.
    """
    from orchestrator import config
    from orchestrator.farm import progress
    from orchestrator.results.summary import summary_of

    first = None if day is None else _day(day)
    settings, store = options.opened(config_file, folder)
    wanted = {*verdicts, *(NOT_REPRODUCIBLE if not_reproducible else ())}
    summary = summary_of(store.standings(), settings.exclusions, datetime.now(UTC), config.tracked(settings))
    known = {_image(row) for row in _rows(summary)} if on else set()  # those of records, too, which may be gone
    requests.check_images([name for name in on if name not in known], settings)
    found = chosen(summary, wanted, on, first)
    if as_json:
        output.as_json({name: getattr(row, name) for name in Row.__slots__} for row in found)
        return
    columns = ("project", "version", "image", "verdict", "since", "because")
    with output.paged():
        progress.table("", columns, [_cells(row) for row in found])
        click.echo(f"\n{_counted(found)}")
        output.left_out(store.left_out, store.folder)


def chosen(
    summary: Summary, verdicts: Collection[str] = (), images: Collection[str] = (), first: datetime | None = None
) -> tuple[Row, ...]:
    """Return the rows that are wanted, sorted; `first`: only those that have their verdict since then.

    An open release has no verdict and no moment, so `first` leaves it out.
    """
    rows = [
        row
        for row in _rows(summary)
        if (not verdicts or row.verdict in verdicts)
        and (not images or _image(row) in images)
        and (first is None or (row.since is not None and _begin(row.since) >= first))
    ]
    return tuple(sorted(rows, key=lambda row: ORDER.index(row.verdict)))


def _rows(summary: Summary) -> Iterator[Row]:
    """Yield what is current, excluded and open, by project."""
    for project in summary.projects:
        yield from map(_row, project.current)
        for excluded in project.exclusions:
            yield Row(project.name, "", excluded.image, Verdict.EXCLUDED, f"{excluded.since}", excluded.reason)
        for wanted in project.open:
            yield Row(project.name, wanted.version, wanted.image, OPEN, None, "tracked, and there is no result")


def _row(standing: Standing) -> Row:
    from orchestrator.publish.wording import because
    from orchestrator.results.shown import has_recipe

    latest = None if standing.verdict is Verdict.REPRODUCIBLE else standing.latest  # nothing is behind that verdict
    why, proven = (because(latest), has_recipe(latest)) if latest else ("", False)
    return Row(
        standing.project,
        standing.version,
        standing.place,
        standing.verdict.value,
        _written(standing.since),
        "; ".join(filter(None, (why, "a recipe makes it reproducible" if proven else ""))),
        _written(standing.first_bad),
        _written(standing.last_good),
        proven,
        standing.job,
    )


def _image(row: Row) -> str:
    """Return a row's image without the way of building."""
    return row.image.partition(",")[0]


def _written(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def _begin(since: str) -> datetime:
    """Return the moment of a row: of an exclusion, the beginning of its day."""
    found = datetime.fromisoformat(since)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC)
    except ValueError as error:
        msg = f"reading --since {text!r}: {error}; write a day, 2026-01-31"
        raise UsageError(msg) from error


def _cells(row: Row) -> tuple[str, ...]:
    return row.project, row.version, row.image, row.verdict, (row.since or "")[:10], row.because


def _counted(rows: Collection[Row]) -> str:
    """Return how many rows there are of each verdict, in their order."""
    counts = [(name, sum(row.verdict == name for row in rows)) for name in ORDER]
    return ", ".join(f"{count} {name}" for name, count in counts if count) or "nothing of that kind"
