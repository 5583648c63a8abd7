"""Summary -> the static site, whose pages need no script, no other host and no server."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cache, partial
from itertools import chain, islice
from types import MappingProxyType
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from orchestrator.model import LADDER, Mode, Outcome, Proof, Severity, Verdict
from orchestrator.publish import advice, outcomes, proof, verification, wording
from orchestrator.publish import comparison as side_by_side
from orchestrator.publish.catalogue import CAUSE, VARIATION, Chapter, chapters
from orchestrator.publish.environments import facets
from orchestrator.publish.phrases import DEPTHS
from orchestrator.publish.sanitize import log_text, visible
from orchestrator.publish.side_by_side import sides, window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
    from datetime import datetime

    from orchestrator.model import ExclusionCheck, Result, Verification
    from orchestrator.publish.comparison import Debian
    from orchestrator.results.summary import Project, Standing, Summary, Verified

LOG_BOUND = 200_000  # bytes of a log that its page shows
DETAIL_BOUND = 8_000  # characters of a failure's detail
LIST_BOUND = 500  # lines of any list that a package may lengthen at will
DETAILED = 12  # versions and images of one project that are shown in full
LATELY = 6  # changes of verdict on the first page
TEXT_BOUND = 2_000  # characters of one line of evidence, or of a path
EVIDENCE_BOUND = 3  # places shown of one cause
PLACES_BOUND = 6  # places shown of one member that is not explained

_NORMALIZED = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_NAME = 100
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BAR = 1000.0  # width of the bar in its own units


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One line of a list of packages."""

    project: str
    page: str
    word: str  # the verdict's slug, or "open"
    version: str = ""
    image: str = ""
    note: str = ""
    holds: tuple[str, ...] = ()
    qualifiers: tuple[str, ...] = ()
    day: str = ""
    severity: str = ""
    causes: tuple[str, ...] = ()
    elsewhere: tuple[tuple[str, str], ...] = ()  # (image, verdict) of the same version, if it differs
    published: tuple[str, ...] = ()  # the outcomes of the version's published wheels


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a list's filter, and how many packages match it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Slice:
    """One verdict's part of the bar."""

    word: str
    count: int
    start: float
    width: float


def site(
    summary: Summary,
    read_log: Callable[[str], bytes | None],
    wheelproof_version: str,
    *,
    checks: Mapping[str, ExclusionCheck] = MappingProxyType({}),
    debians: Mapping[str, Debian] = side_by_side.UNKNOWN,
    verifications: Callable[[str], Iterable[Verification]] = lambda _: (),
    written: MutableMapping[str, object] | None = None,
    failed: Callable[[str, Exception], None] | None = None,
) -> Iterator[tuple[str, str]]:
    """Yield the site page by page, as (path relative to its root, text), one at a time in memory.

    `read_log` returns the log with a SHA-256, or None if it is no longer kept. `checks` are the
    last checks of exclusions, by project. `debians` describes the images. `verifications`
    reads those of a project, while its page is rendered; the summary has what is counted of them. `written` records,
    between calls, what the pages of projects and logs were generated from; pages that would be the
    same again are skipped, and their logs are not read. Pass the same mapping during one run,
    or None for all pages. `failed` is called with each project whose pages fail, and the error;
    without it, the first error is raised.
    """
    done = {} if written is None else written
    catalogue = chapters()
    frame = _frame(wheelproof_version, catalogue)
    for path, make in _general_pages(summary, checks, frame, catalogue):
        yield from _kept_apart(_made(path, make), path, failed)
    users = _log_users(summary)
    for project in summary.projects:
        pages = chain(
            _log_pages(project, users, read_log, frame, done),
            _project_page(project, frame, done, debians, verifications),
        )
        yield from _kept_apart(pages, project.name, failed)


def _general_pages(
    summary: Summary, checks: Mapping[str, ExclusionCheck], frame: Mapping[str, object], catalogue: tuple[Chapter, ...]
) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the pages that belong to no project, each with the function that renders it."""
    yield "index.html", lambda: _page("index.html", frame, **_front(summary))
    yield "method.html", lambda: _page("method.html", frame, **_method(summary))
    yield "excluded.html", lambda: _page("excluded.html", frame, **_not_built(summary))
    for chapter in catalogue:
        yield f"{chapter.slug}.html", partial(_page, "chapter.html", frame, chapter=chapter)
    yield "exclusions.html", lambda: _page("exclusions.html", frame, **_exclusions(summary, checks))


def _made(path: str, make: Callable[[], str]) -> Iterator[tuple[str, str]]:
    yield path, make()


def _kept_apart(
    pages: Iterator[tuple[str, str]], of: str, failed: Callable[[str, Exception], None] | None
) -> Iterator[tuple[str, str]]:
    return pages if failed is None else _until_failure(pages, partial(failed, of))


def _until_failure(pages: Iterator[tuple[str, str]], failed: Callable[[Exception], None]) -> Iterator[tuple[str, str]]:
    """Yield pages until one fails."""
    while True:
        try:
            page = next(pages)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - a fault in one project's pages must not stop the others
            failed(error)
            return
        yield page


def page_name(project: str) -> str:
    """Return the name of a project's page; a name that is not normalized (PEP 503) is replaced by its hash."""
    if len(project) <= _LONGEST_NAME and _NORMALIZED.fullmatch(project):
        return f"{project}.html"
    return f"_{_sha256(project)[:32]}.html"


# --- the first page --------------------------------------------------------------------------


def _front(summary: Summary) -> dict[str, object]:
    rows = tuple(_rows(summary))
    judged = sum(count for verdict, count in summary.counts.items() if verdict is not Verdict.EXCLUDED)
    return {
        "wheels": outcomes.counts(summary.published),
        "differing": tuple(one for one in summary.published if one.outcome is Outcome.DIFFERS),
        "outcomes": _choices(outcomes.ORDER, chain.from_iterable(row.published for row in rows)),
        "summary": summary,
        "rows": rows,
        "judged": judged,
        "counted": sum(bool(project.current) for project in summary.projects),
        "qualified": sum(row.word == Verdict.REPRODUCIBLE and bool(row.qualifiers) for row in rows),
        "slices": tuple(_slices(summary)),
        "bar": _BAR,
        "lately": _lately(summary),
        "drifted": tuple(image for image in summary.images if image.drift),
        "severities": _choices(LADDER, (row.severity for row in rows)),
        "blamed": _choices((), chain.from_iterable(row.causes for row in rows)),
    }


def _choices(order: Iterable[str], values: Iterable[str]) -> tuple[Choice, ...]:
    """Count the values: first those in `order`, then the rest by frequency."""
    counts = Counter(value for value in values if value)
    ordered = [value for value in order if value in counts]
    rest = sorted(counts.keys() - set(ordered), key=lambda value: (-counts[value], value))
    return tuple(Choice(value, counts[value]) for value in (*ordered, *rest))[:LIST_BOUND]


def _rows(summary: Summary) -> Iterator[SiteRow]:
    for project in summary.projects:
        page = page_name(project.name)
        current = project.current
        wheels = outcomes.by_version(project.published)
        for standing in current:
            yield replace(_row(standing, page, current), published=wheels.get(standing.version, ()))
        judged = {standing.version for standing in current}
        for version, found in wheels.items():
            if version not in judged:
                images = dict.fromkeys(one.image for one in project.published if one.version == version)
                yield SiteRow(project.name, page, "", version, ", ".join(images), published=found)
        for exclusion in project.exclusions:
            yield SiteRow(project.name, page, Verdict.EXCLUDED, note=exclusion.reason, day=exclusion.since.isoformat())
        for wanted in project.open:
            yield SiteRow(project.name, page, wording.OPEN, wanted.version, wanted.image)


def _row(standing: Standing, page: str, current: tuple[Standing, ...]) -> SiteRow:
    latest = standing.latest
    return SiteRow(
        standing.project,
        page,
        latest.verdict,
        standing.version,
        standing.image,
        _note(latest),
        latest.holds,
        wording.qualifiers(latest),
        _day(latest.finished),
        latest.severity if latest.severity and latest.severity is not Severity.NONE else "",
        tuple(dict.fromkeys(one.name for one in latest.causes if one.proof is not Proof.POSSIBLE)),
        tuple((other.image, other.latest.verdict) for other in side_by_side.others(standing, current)),
    )


def _note(result: Result) -> str:
    """Return in a few words why a release does not rebuild: its causes, or what differs."""
    if result.verdict is Verdict.SENSITIVE and result.holds:
        return ""
    if result.verdict in (Verdict.SENSITIVE, Verdict.INTRINSIC):
        return wording.blamed(result) or wording.reason(result) or wording.differing(result)
    return wording.reason(result)


def _slices(summary: Summary) -> Iterator[Slice]:
    counts = {**{verdict.value: count for verdict, count in summary.counts.items()}, wording.OPEN: len(summary.open)}
    whole = sum(counts.values())
    start = 0.0
    for word, count in counts.items():
        if count:
            width = _BAR * count / whole
            yield Slice(word, count, round(start, 2), round(width, 2))
            start += width


def _lately(summary: Summary) -> tuple[Standing, ...]:
    changed = [standing for standing in summary.current if standing.change]
    return tuple(sorted(changed, key=lambda standing: standing.since, reverse=True)[:LATELY])


def _method(summary: Summary) -> dict[str, object]:
    epochs = {standing.latest.source_date_epoch for standing in summary.current if standing.latest.builds}
    return {"summary": summary, "epochs": sorted("none" if epoch is None else str(epoch) for epoch in epochs)}


def _not_built(summary: Summary) -> dict[str, object]:
    def having(verdict: Verdict) -> tuple[Standing, ...]:
        return tuple(standing for standing in summary.current if standing.latest.verdict is verdict)

    return {
        "exclusions": tuple(summary.excluded),
        "excluded": having(Verdict.EXCLUDED),
        "failed": having(Verdict.FTBFS),
        "without_sdist": having(Verdict.NO_SDIST),
    }


def _exclusions(summary: Summary, checks: Mapping[str, ExclusionCheck]) -> dict[str, object]:
    return {
        "checked": tuple(
            (exclusion, checks.get(canonicalize_name(exclusion.project))) for exclusion in summary.excluded
        )
    }


# --- the pages of projects and logs ----------------------------------------------------------


def _project_page(
    project: Project,
    frame: Mapping[str, object],
    done: MutableMapping[str, object],
    debians: Mapping[str, Debian],
    verifications: Callable[[str], Iterable[Verification]],
) -> Iterator[tuple[str, str]]:
    path = f"packages/{page_name(project.name)}"
    kept = frozenset(sha256 for sha256 in _logs(project) if _log_path(sha256) in done)
    standings = tuple(map(_identity, project.standings))
    made_from = (standings, project.exclusions, project.tracked, project.verified, kept, frame["wheelproof"])
    if done.get(path) != made_from:
        values = _package(project, debians) | _published(project, verifications)
        yield path, _page("package.html", frame, **values, kept=kept, root="../")
        done[path] = made_from


def _package(project: Project, debians: Mapping[str, Debian]) -> dict[str, object]:
    detailed, current = _detailed(project), project.current
    compared = side_by_side.comparisons(detailed, current, debians)
    shown = {id(standing) for comparison in compared for standing in comparison.standings}
    return {
        "project": project,
        "detailed": detailed,
        "current": current,
        "compared": compared,
        "listed": any(id(standing) not in shown for standing in project.standings),
    }


def _published(project: Project, read: Callable[[str], Iterable[Verification]]) -> dict[str, object]:
    """Return the verifications that a page shows, those that differ first; only one project's are in memory."""
    shown = _detailed_wheels(project)
    return {
        "wheels": tuple(sorted(project.verified, key=_wheel_order)),
        "detailed_wheels": shown,
        "verifications": _records(shown, read(project.name)) if shown else (),
    }


def _records(shown: Iterable[Verified], records: Iterable[Verification]) -> Iterator[Verification]:
    """Return the records that are shown, in the order of the list."""
    order = {one.id: place for place, one in enumerate(shown)}
    return iter(sorted((one for one in records if one.id in order), key=lambda one: order[one.id]))


def _detailed_wheels(project: Project) -> tuple[Verified, ...]:
    return tuple(islice(sorted(project.verified, key=_wheel_order), DETAILED))


def _wheel_order(one: Verified) -> int:
    return outcomes.ORDER.index(one.outcome)


def _identity(standing: Standing) -> tuple[object, ...]:
    latest = standing.latest
    return (standing.version, standing.image, latest.job, latest.started, latest.finished, len(standing.history))


def _detailed(project: Project) -> tuple[Standing, ...]:
    return project.standings[:DETAILED]


def _logs(project: Project) -> tuple[str, ...]:
    """Return the logs that a project's page names, each once."""
    return tuple(dict.fromkeys(log for log, _ in _logged(project) if _SHA256.fullmatch(log)))


def _logged(project: Project) -> Iterator[tuple[str, str]]:
    """Yield (log, the build that printed it) of all that a project's page shows in full."""
    for standing in _detailed(project):
        for build in standing.latest.builds:
            yield build.log, f"{standing.version}, {standing.image}, {build.name} build"
    for one in _detailed_wheels(project):
        for name, log in one.logs:
            yield log, f"{one.wheel}, {one.image}, {name} build"


def _log_path(sha256: str) -> str:
    return f"logs/{sha256}.html"


def _log_users(summary: Summary) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Map each log to the (project, build) that printed it; equal logs are one."""
    users: defaultdict[str, tuple[tuple[str, str], ...]] = defaultdict(tuple)
    for project in summary.projects:
        for log, build in _logged(project):
            users[log] = (*users[log], (project.name, build))[:LIST_BOUND]
    return users


def _log_pages(
    project: Project,
    users: Mapping[str, tuple[tuple[str, str], ...]],
    read_log: Callable[[str], bytes | None],
    frame: Mapping[str, object],
    done: MutableMapping[str, object],
) -> Iterator[tuple[str, str]]:
    for sha256 in _logs(project):
        path, made_from = _log_path(sha256), (users[sha256], frame["wheelproof"])
        if done.get(path) != made_from and (log := read_log(sha256)) is not None:
            text = log_text(log, LOG_BOUND)
            yield (
                path,
                _page("log.html", frame, sha256=sha256, users=users[sha256], log=text, size=len(log), root="../"),
            )
            done[path] = made_from
