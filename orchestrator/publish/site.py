"""Summary -> the static site, whose pages need no script, no other host and no server."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from orchestrator.model import Verdict, digest
from orchestrator.model.names import is_path
from orchestrator.publish import badges, changes, data, front, nights, tracker
from orchestrator.publish import card as cards_of
from orchestrator.publish import comparison as side_by_side
from orchestrator.publish.card import detailed, detailed_wheels, wheel_order
from orchestrator.publish.catalogue import chapters
from orchestrator.publish.diffoscope import report_name
from orchestrator.publish.made import Made
from orchestrator.publish.rendering import (
    LIST_BOUND,
    file_name,
    frame_of,
    is_plain,
    page,
    page_name,
    prepare,
    sha256_of,
)
from orchestrator.publish.sanitize import log_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from orchestrator.model import ExclusionCheck, Result, RunRecord, Verification
    from orchestrator.publish.card import Card
    from orchestrator.publish.changes import Turn
    from orchestrator.publish.comparison import Debian
    from orchestrator.publish.data import Unread
    from orchestrator.publish.diffoscope import Pair
    from orchestrator.publish.nights import Night
    from orchestrator.results.summary import Project, Summary, Verified

__all__ = ["LIST_BOUND", "LOG_BOUND", "Sources", "page_name", "prepare", "site"]

LOG_BOUND = 200_000
"""Bytes of a log that its page shows."""

_SHORT = 32
"""Digits of a hash that decides whether a page is written again."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What pages show besides the summary; each is read for the pages that need it, one project's at a time."""

    checks: Mapping[str, ExclusionCheck] = field(default_factory=dict)  # the last check of each exclusion, by project
    debians: Mapping[str, Debian] = field(default_factory=dict)  # what is known of images
    verifications: Callable[[str], Iterable[Verification]] = lambda _: ()  # of a project
    records: Callable[[str], Iterable[Unread]] = lambda _: ()  # all of a project, newest first
    former: Callable[[str], bytes] = lambda _: b""  # the former content of a file of the site; empty if there is none
    runs: tuple[RunRecord, ...] = ()  # newest first
    having: Callable[[Result], tuple[str, ...]] = lambda _: ()  # images that have what a failed build lacked
    images: tuple[str, ...] = ()  # the tags of all recipes, from which `having` chooses
    project_page: str = ""  # the address on the index up to a project's name; empty: it has no such pages
    reports: Callable[[Iterable[Pair]], Collection[str]] = lambda _: ()  # names of diffoscope's reports that are there
    feed: str = ""  # the path of the feed, relative to the site; empty: there is none


def site(
    summary: Summary,
    read_log: Callable[[str], bytes | None],
    wheelproof_version: str,
    *,
    sources: Sources | None = None,
    made: Made | None = None,
    failed: Callable[[str, Exception], None] | None = None,
) -> Iterator[tuple[str, str]]:
    """Yield the site page by page, as (path relative to its root, text), one at a time in memory.

    `read_log` returns the log with a SHA-256, or None if it is no longer kept. `made` keeps what the pages of
    projects, logs and days were made from; pages that would be the same again are skipped, and neither their
    logs nor their records are read. `failed` is called with each project whose pages fail, and the error;
    without it, the first error is raised.
    """
    pages = _Site(summary, read_log, wheelproof_version, sources or Sources(), made or Made())
    cards: dict[str, Card] = {}
    for project in summary.projects:
        _kept_apart(partial(pages.card, project, cards), project.name, failed)
    pages.find_reports(cards)
    for path, make in pages.general(cards):
        yield from _until_failure(_made(path, make), path, failed)
    users = _log_users(cards)
    for project in summary.projects:
        if project.name in cards:
            of_project = pages.of_project(project, cards[project.name], users)
            yield from _until_failure(of_project, project.name, failed)


def _made(path: str, make: Callable[[], str]) -> Iterator[tuple[str, str]]:
    yield path, make()


def _kept_apart(act: Callable[[], None], of: str, failed: Callable[[str, Exception], None] | None) -> None:
    try:
        act()
    except Exception as error:
        if failed is None:
            raise
        failed(of, error)


def _until_failure(
    pages: Iterator[tuple[str, str]], of: str, failed: Callable[[str, Exception], None] | None
) -> Iterator[tuple[str, str]]:
    """Yield pages until one fails: a fault in one project's pages must not stop the others."""
    while True:
        try:
            made = next(pages)
        except StopIteration:
            return
        except Exception as error:
            if failed is None:
                raise
            failed(of, error)
            return
        yield made


class _Site:
    """The pages of one round."""

    def __init__(
        self,
        summary: Summary,
        read_log: Callable[[str], bytes | None],
        wheelproof_version: str,
        sources: Sources,
        made: Made,
    ) -> None:
        self._summary, self._read_log, self._sources, self._made = summary, read_log, sources, made
        self._version, self._catalogue, self._form = wheelproof_version, chapters(), data.form()
        links = {"project_page": sources.project_page, "feed": sources.feed}
        self._frame = {**frame_of(wheelproof_version, self._catalogue), **links}
        self._links = [
            *links.values(),
            *sources.images,
            sorted((name, asdict(one)) for name, one in sources.debians.items()),
        ]
        self._identities: dict[str, str] = {}  # of projects, by their names
        self._reports: frozenset[str] = frozenset()  # names of diffoscope's reports that pages may link
        made.begin()

    def card(self, project: Project, cards: dict[str, Card]) -> None:
        """Add a project's card."""
        make = partial(cards_of.card, project, self._sources.debians)
        cards[project.name] = self._made.card(project.name, self._identity(project), make)

    def find_reports(self, cards: Mapping[str, Card]) -> None:
        """Find, and write, diffoscope's reports on the wheels of all cards."""
        self._reports = frozenset(self._sources.reports(pair for card in cards.values() for pair in card.differing))

    def general(self, cards: Mapping[str, Card]) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield the pages that belong to no project, each with the function that renders it."""
        summary, every = self._summary, tuple(cards.values())
        turns = changes.turns(summary)
        found = nights.nights(cards, turns, self._sources.runs)
        yield "index.html", lambda: self._page("index.html", **front.values(summary, every, turns, found))
        yield "method.html", lambda: self._page("method.html", **_method(every))
        yield "excluded.html", lambda: self._page("excluded.html", **_not_built(summary, every))
        for chapter in self._catalogue:
            make = partial(self._page, "chapter.html", chapter=chapter)
            yield from self._unless_written(f"{chapter.slug}.html", "", make)
        yield "exclusions.html", lambda: self._page("exclusions.html", **_exclusions(summary, self._sources.checks))
        yield from self._changes(turns)
        yield from self._nights(found)
        yield "data/index.json", lambda: data.index(summary, cards, self._version)
        yield "data/reproducible.json", lambda: tracker.text(one for card in every for one in card.entries)
        for path, schema in data.schemas().items():
            yield from self._unless_written(path, self._frame["program"], schema)

    def _changes(self, turns: tuple[Turn, ...]) -> Iterator[tuple[str, Callable[[], str]]]:
        every = changes.pages(turns)
        names = [(one.path, one.name) for one in every]
        for place, path in [(0, "changes.html"), *((number, one.path) for number, one in enumerate(every))]:
            one = every[place] if every else changes.ChangesPage(path, "", ())
            make = partial(self._page, "changes.html", shown=one, pages=names)
            yield from self._unless_written(path, [one.made_from, names], make)

    def _nights(self, found: tuple[Night, ...]) -> Iterator[tuple[str, Callable[[], str]]]:
        yield "nights/index.html", lambda: self._page("nights.html", nights=found, root="../")
        for night in found:
            yield from self._unless_written(night.path, night.made_from, partial(self._night, night))

    def _night(self, night: Night) -> str:
        return self._page("night.html", shown=nights.shown(night, self._summary), root="../")

    def of_project(
        self, project: Project, card: Card, users: Mapping[str, list[tuple[str, str]]]
    ) -> Iterator[tuple[str, str]]:
        """Yield the files of a project that are not written yet."""
        logs = tuple(dict.fromkeys(log for log, _ in card.logged if _is_hash(log)))
        for sha256 in logs:
            yield from self._log_page(sha256, users[sha256])
        kept = frozenset(sha256 for sha256 in logs if self._made.has(_log_path(sha256)))
        identity, name = self._identity(project), file_name(project.name)
        reports = sorted(self._reports & {report_name(*one) for one in card.differing})
        make_page = partial(self._project_page, project, kept, reports)
        for path, made_from, make in (
            (f"packages/{name}.html", [identity, sorted(kept), reports], make_page),
            (f"data/{data.data_name(project.name)}", identity, partial(self._data, project, card)),
            (f"badge/{name}.json", identity, partial(badges.endpoint, card.badge)),
            (f"badge/{name}.svg", identity, partial(badges.svg, project.name, card.badge)),
        ):
            yield from ((path, made()) for path, made in self._unless_written(path, made_from, make))

    def _data(self, project: Project, card: Card) -> str:
        former = self._sources.former(f"data/{data.data_name(project.name)}")
        latest = {one.name: one.read for one in project.standings}  # which the page shows too, and so are read once
        records = ((name, latest.get(name, read)) for name, read in self._sources.records(project.name))
        return data.project_data(project, card, self._form, records, former)

    def _project_page(self, project: Project, kept: frozenset[str], reports: list[str]) -> str:
        values = _package(project, self._sources.debians) | _published(project, self._sources.verifications)
        by_name = not any(is_path(one.latest.requirement) for one in project.standings[:1])
        links = {"data_name": data.data_name(project.name), "is_plain": is_plain(project.name), "by_name": by_name}
        files = {"kept": kept, "reports": reports}
        return self._page("package.html", **values, **links, **files, having=self._sources.having, root="../")

    def _log_page(self, sha256: str, users: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        path, made_from = _log_path(sha256), self._hash(users)
        if not self._made.is_written(path, made_from) and (log := self._read_log(sha256)) is not None:
            text = log_text(log, LOG_BOUND)
            yield path, self._page("log.html", sha256=sha256, users=users, log=text, size=len(log), root="../")
            self._made.note(path, made_from)

    def _unless_written(
        self, path: str, made_from: object, make: Callable[[], str]
    ) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield a page, which is recorded once it is rendered, unless it is written from exactly this."""
        hashed = self._hash(made_from)
        if not self._made.is_written(path, hashed):
            yield path, partial(self._noted, path, hashed, make)

    def _noted(self, path: str, hashed: str, make: Callable[[], str]) -> str:
        text = make()
        self._made.note(path, hashed)
        return text

    def _page(self, template: str, **values: object) -> str:
        return page(template, self._frame, **values)

    def _identity(self, project: Project) -> str:
        """Return a hash of all that a project's files follow from, besides its logs."""
        if project.name not in self._identities:
            self._identities[project.name] = self._identity_of(project)
        return self._identities[project.name]

    def _identity_of(self, project: Project) -> str:
        standings = [
            (one.version, one.image, one.way, one.job, one.finished.isoformat(), one.count, one.alike, one.unlike)
            for one in project.standings
        ]
        return self._hash([standings, project.exclusions, project.tracked, list(map(_plain, project.verified))])

    def _hash(self, value: object) -> str:
        return digest([value, self._frame["program"], self._links])[:_SHORT]


def _plain(one: Verified) -> list[object]:
    return [one.id, one.version, one.wheel, one.sha256, one.image, one.outcome, one.finished.isoformat(), one.logs]


# --- general pages ---------------------------------------------------------------------------


def _method(cards: tuple[Card, ...]) -> dict[str, object]:
    epochs = {epoch for card in cards for epoch in card.epochs}
    return {"images": cards_of.images(cards), "epochs": sorted(epochs)}


def _not_built(summary: Summary, cards: tuple[Card, ...]) -> dict[str, object]:
    found = tuple(one for card in cards for one in card.not_built)
    return {
        "exclusions": tuple(summary.excluded),
        "excluded": tuple(one for one in found if one.verdict == Verdict.EXCLUDED),
        "failed": tuple(one for one in found if one.verdict == Verdict.FTBFS),
        "without_sdist": tuple(one for one in found if one.verdict == Verdict.NO_SDIST),
    }


def _exclusions(summary: Summary, checks: Mapping[str, ExclusionCheck]) -> dict[str, object]:
    return {
        "checked": tuple(
            (exclusion, checks.get(canonicalize_name(exclusion.project))) for exclusion in summary.excluded
        )
    }


# --- the pages of projects and logs ----------------------------------------------------------


def _package(project: Project, debians: Mapping[str, Debian]) -> dict[str, object]:
    shown, current = detailed(project), project.current
    compared = side_by_side.comparisons(shown, current, debians)
    seen = {id(standing) for comparison in compared for standing in comparison.standings}
    return {
        "project": project,
        "detailed": shown,
        "current": current,
        "compared": compared,
        "listed": any(id(standing) not in seen for standing in project.standings),
    }


def _published(project: Project, read: Callable[[str], Iterable[Verification]]) -> dict[str, object]:
    """Return the verifications that a page shows, those that differ first; only one project's are in memory."""
    shown = detailed_wheels(project)
    return {
        "wheels": tuple(sorted(project.verified, key=wheel_order)),
        "detailed_wheels": shown,
        "verifications": _records(shown, read(project.name)) if shown else (),
    }


def _records(shown: Iterable[Verified], records: Iterable[Verification]) -> Iterator[Verification]:
    """Return the records that are shown, in the order of the list."""
    order = {one.id: place for place, one in enumerate(shown)}
    return iter(sorted((one for one in records if one.id in order), key=lambda one: order[one.id]))


def _is_hash(log: str) -> bool:
    return len(log) == len(sha256_of("")) and not set(log) - set("0123456789abcdef")


def _log_path(sha256: str) -> str:
    return f"logs/{sha256}.html"


def lasting_pages(made: Made) -> Iterator[str]:
    """Yield the names of the pages that the site of the last round may link to; that of a log outlasts the log."""
    yield from made.pages
    for _, card in made.cards.values():
        yield from (_log_path(log) for log, _ in card.logged)


def _log_users(cards: Mapping[str, Card]) -> Mapping[str, list[tuple[str, str]]]:
    """Map each log to the (project, build) that printed it; equal logs are one."""
    users: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for project, card in cards.items():
        for log, build in card.logged:
            if len(users[log]) < LIST_BOUND:
                users[log].append((project, build))
    return users
