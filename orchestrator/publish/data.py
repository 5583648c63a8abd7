"""Results -> public JSON: an index, and a file for each project with all its records; each form has a version.

The classes are the form: their JSON Schemas are in site/data/schema/. Moments are UTC, in RFC 3339. A text of a package
is escaped as in records, see `util/escapes`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_json

from orchestrator.model import Exclusion, Failure, InputChange, Outcome, Pin, Result, Sdist, Severity, Verdict
from orchestrator.publish.rendering import file_name, page_name, sha256_of
from orchestrator.publish.sanitize import json_text
from orchestrator.results import trend
from orchestrator.results.trend import Tally
from orchestrator.util import escapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.publish.card import Card
    from orchestrator.results.summary import Project, Standing, Summary, Verified

DATA_SCHEMA = 1
"""Version of these forms: raised when a field is removed or changes its meaning; further fields may come without."""

_RESERVED = frozenset({"index", "reproducible"})  # files of ours in the same folder
_T = TypeVar("_T")

Unread = tuple[str, Callable[[], Result | None]]
"""The name of a record's file, and a function that reads it; None if it is gone."""


@dataclass(frozen=True, slots=True)
class DayTally:
    """What counts at the end of a day, UTC."""

    day: date
    counts: Tally


@dataclass(frozen=True, slots=True)
class IndexStanding:
    """A current verdict, in short."""

    version: str
    image: str
    verdict: Verdict
    recipe: bool  # it is not reproducible as it is, and a recipe is proven
    since: datetime


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A project, where its files are relative to the site, and its current verdicts."""

    project: str
    data: str
    page: str
    badge: str
    status: str  # what its badge claims
    excluded: bool
    current: tuple[IndexStanding, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """The form of data/index.json."""

    schema: int
    generated: datetime
    wheelproof: str
    counts: Tally
    trend: tuple[DayTally, ...]  # on each day on which anything changed
    projects: tuple[IndexEntry, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of a verdict; `earlier` is null for the first verdict."""

    when: datetime
    earlier: Verdict | None
    later: Verdict
    inputs: tuple[InputChange, ...]  # that changed with it


@dataclass(frozen=True, slots=True)
class StandingData:
    """The verdict of one version on one image, built in one way, and since when it has it."""

    version: str
    image: str
    way: tuple[str, ...]  # what is not the default in how it is built
    current: bool
    verdict: Verdict
    since: datetime
    first_bad: datetime | None  # since when it is not reproducible
    last_good: datetime | None  # the last result that was reproducible
    recipe: tuple[str, ...]
    alike: int  # builds with the latest inputs that gave the latest bytes
    unlike: int  # first builds with the latest inputs that gave other bytes
    flake_bound: float | None  # the highest rate at which another build may differ unseen, at 95 %
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class BuildData:
    """One build of a record; without a wheel, it failed."""

    name: str
    wheel: str
    sha256: str
    log: str  # SHA-256


@dataclass(frozen=True, slots=True)
class RecordData:
    """One record in short: its verdict, inputs, hashes and times; `path` leads to the whole, in the results' folder."""

    path: str
    job: str
    version: str
    image: str
    manifest: str
    verdict: Verdict
    holds: tuple[str, ...]
    reason: str
    failure: Failure | None
    severity: Severity | None
    recipe: tuple[str, ...]
    sdist: Sdist | None
    build_requirements: tuple[Pin, ...]
    source_date_epoch: int | None
    as_of: datetime | None
    builds: tuple[BuildData, ...]
    started: datetime
    finished: datetime
    wheelproof: str


@dataclass(frozen=True, slots=True)
class PublishedData:
    """The last outcome of verifying one published wheel on one image."""

    id: str
    version: str
    wheel: str
    sha256: str
    image: str
    outcome: Outcome
    reason: str
    finished: datetime


@dataclass(frozen=True, slots=True)
class ProjectData:
    """The form of data/<project>.json."""

    schema: int
    form: str  # a hash of the code that wrote the records
    project: str
    status: str  # what its badge claims
    exclusions: tuple[Exclusion, ...]
    standings: tuple[StandingData, ...]  # newest version first
    records: tuple[RecordData, ...]  # newest first
    published: tuple[PublishedData, ...]


_INDEX, _PROJECT, _RECORD = TypeAdapter(Index), TypeAdapter(ProjectData), TypeAdapter(RecordData)


def data_name(project: str) -> str:
    """Return the name of a project's data file."""
    return f"{f'_{sha256_of(project)[:32]}' if project in _RESERVED else file_name(project)}.json"


def index(summary: Summary, cards: Mapping[str, Card], wheelproof: str) -> str:
    """Return data/index.json."""
    days = trend.total(card.trend for card in cards.values())
    counts = Tally()
    for project in summary.projects:
        counts = counts.plus(trend.tally(project))
    known = tuple(project for project in summary.projects if project.name in cards)
    return _text(
        _INDEX,
        Index(
            DATA_SCHEMA,
            summary.now.astimezone(UTC),
            wheelproof,
            counts,
            tuple(DayTally(day, tally) for day, tally in days),
            tuple(_entry(project, cards[project.name]) for project in known),
        ),
    )


def _entry(project: Project, card: Card) -> IndexEntry:
    return IndexEntry(
        project.name,
        f"data/{data_name(project.name)}",
        f"packages/{page_name(project.name)}",
        f"badge/{file_name(project.name)}.json",
        card.badge.value,
        bool(project.exclusions),
        tuple(
            IndexStanding(one.version, one.place, one.verdict, trend.has_recipe(one), one.since)
            for one in project.current
        ),
    )


@cache
def form() -> str:
    """Return a hash of what decides how a record is written here: this module and the types of its fields."""
    source = files("orchestrator.publish").joinpath("data.py").read_bytes()
    return hashlib.sha256(source + to_json(_RECORD.json_schema(mode="serialization"))).hexdigest()


def project_data(project: Project, card: Card, form: str, records: Iterable[Unread], former: bytes = b"") -> str:
    """Return data/<project>.json.

    `records` are the names of all records of the project, newest first, each with a function that reads it. Only
    those are read that are not in the `former` file, which counts if its records have the same `form`.
    """
    current = {id(one) for one in project.current}
    found = ProjectData(
        DATA_SCHEMA,
        form,
        project.name,
        card.badge.value,
        project.exclusions,
        tuple(_standing(one, is_current=id(one) in current) for one in project.standings),
        (),
        tuple(map(_published, project.verified)),
    )
    value = escapes.all_escaped(_PROJECT.dump_python(found, mode="json"))
    known = _known(former, form)
    written = ((f"records/{project.name}/{name}", read) for name, read in records)
    shown = (known.get(path) or _shown(path, read()) for path, read in written)
    return json_text(value | {"records": [one for one in shown if one]}, escape=False)


def _known(former: bytes, form: str) -> dict[str, object]:
    """Return the records of a former file by their path, as they are written."""
    try:
        content = json.loads(former)
        return {one["path"]: one for one in content["records"]} if content["form"] == form else {}
    except (ValueError, TypeError, LookupError, RecursionError):
        return {}


def _shown(path: str, result: Result | None) -> object:
    return escapes.all_escaped(_RECORD.dump_python(_record(path, result), mode="json")) if result else None


def _standing(one: Standing, *, is_current: bool) -> StandingData:
    return StandingData(
        one.version,
        one.image,
        one.way,
        is_current,
        one.verdict,
        one.since,
        one.first_bad,
        one.last_good,
        one.latest.recipe,
        one.alike,
        one.unlike,
        one.flake_bound,
        tuple(Turn(turn.when, turn.earlier, turn.later, turn.inputs) for turn in one.turns),
    )


def _record(path: str, result: Result) -> RecordData:
    return RecordData(
        path,
        result.job,
        result.version,
        result.image.name,
        result.image.manifest,
        result.verdict,
        result.holds,
        result.reason,
        result.failure,
        result.severity,
        result.recipe,
        result.sdist,
        result.build_requirements,
        result.source_date_epoch,
        result.as_of,
        tuple(
            BuildData(one.name, one.wheel.filename if one.wheel else "", one.wheel.sha256 if one.wheel else "", one.log)
            for one in result.builds
        ),
        result.started,
        result.finished,
        result.wheelproof,
    )


def _published(one: Verified) -> PublishedData:
    return PublishedData(one.id, one.version, one.wheel, one.sha256, one.image, one.outcome, one.reason, one.finished)


def schemas() -> dict[str, Callable[[], str]]:
    """Return what writes the JSON Schema of each form, by its path relative to the site."""
    forms: tuple[tuple[str, TypeAdapter[Index] | TypeAdapter[ProjectData]], ...] = (
        ("index", _INDEX),
        ("project", _PROJECT),
    )
    return {f"data/schema/{name}-{DATA_SCHEMA}.json": partial(_schema_text, form, name) for name, form in forms}


def _schema_text(form: TypeAdapter[Index] | TypeAdapter[ProjectData], name: str) -> str:
    return json.dumps(_as_schema(form, name), indent=1, sort_keys=True) + "\n"


def _as_schema(form: TypeAdapter[Index] | TypeAdapter[ProjectData], name: str) -> dict[str, object]:
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return dialect | form.json_schema(mode="serialization") | {"title": f"wheelproof data, {name}, {DATA_SCHEMA}"}


def _text(form: TypeAdapter[_T], value: _T) -> str:
    return json_text(form.dump_python(value, mode="json"))
