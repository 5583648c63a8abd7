"""Measure the state of PyPI: the verdict and the verification of each popular project. `make state` calls it.

    scripts/state.py [--limit N] [--pure] [--results FOLDER] [--config FILE]

It runs the groups `popular` and `seed` of the configuration, and writes docs/state.json, one row for each
project, and docs/state.md, whose figures are all computed from those rows. A project that has its records already is
not built again. `--limit` measures only the first projects; with `--limit 0`, the pages are written from the records
that there are. Differences are explained by the traces in the wheels alone: experiments would take ten times as long.
With `--pure`, a project whose published wheel is for a platform gets no verdict: it may compile for an hour.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from dataclasses import asdict, dataclass, fields, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import __version__, config
from orchestrator.analysis.causes.model import Party
from orchestrator.cli import options
from orchestrator.farm import assemble, verification
from orchestrator.model import METHOD, VERIFY_METHOD, ArchiveField, Budget, Outcome, Verdict
from orchestrator.publish.publisher_process import PublisherProcess
from orchestrator.publish.report import BACKENDS, advice_of
from orchestrator.results.store import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from orchestrator.config import Config
    from orchestrator.model import CauseFinding, Result, Task, Verification

ROOT = Path(__file__).resolve().parent.parent
GROUPS = ("popular", "seed")
"""The measured groups; the first one is sorted by downloads."""

PAGE, DATA = "state.md", "state.json"
UNKNOWN = "unknown"
PROJECT = "project"
TO_THE_BIT = (Outcome.IDENTICAL, Outcome.RESTAMPED)
COMPARED = (*TO_THE_BIT, Outcome.METADATA, Outcome.DIFFERS)
ATTEMPTED = (*COMPARED, Outcome.UNBUILDABLE)
_BATCH = 20  # projects after which the pages are written
_STEP = 50  # ranks in one row
_LONGEST = 200  # characters of a reason
_NO_EXPERIMENTS = Budget(builds=0, recipes=())
_ADDRESS = re.compile(r"\w{1,10}://\S{1,500}")
_OF_WHEELS = (
    "Whether a published wheel comes out of its sdist. The last column is the share that came out to the bit, "
    "`identical` or `restamped`, of all that were tried: `no-sdist` and `no-counterpart` do not count there."
)
_OF_VERDICTS = (
    "Whether two builds of ours agree, in environments that were made different on purpose. The last column is the "
    "share of `reproducible`, of all releases that were built twice."
)
_OF_CHANGES = (
    "A release counts as fixed if it has no other cause and nothing unexplained. Causes that only the project itself "
    "can remove are left out."
)
_MARKS = re.compile(r"[\\`*_<>\[\]|]")


# --- the values ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subject:
    """A listed project."""

    name: str
    rank: int | None  # by downloads; None: it is not in that list
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowCause:
    """A cause that makes a release not reproducible, and who can remove it."""

    name: str  # its slug
    whose: str  # a build backend or another tool, or "project"


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one project. An empty text: there is no record of it."""

    name: str
    version: str
    rank: int | None
    groups: tuple[str, ...]
    backend: str
    image: str
    verdict: str
    causes: tuple[RowCause, ...]  # of the verdict
    unexplained: int  # places that no cause explains
    wheel: str  # the published file's name; empty: none was compared
    outcome: str  # of the verification
    taken: tuple[str, ...]
    differing: tuple[str, ...]  # the causes by which the published wheel differs from ours
    builds: int  # of the verification
    reason: str  # untrusted, printable and cut


@dataclass(frozen=True, slots=True)
class State:
    """All that was measured; the JSON of docs/state.json."""

    date: str  # of the newest record
    wheelproof: str
    method: int
    verify_method: int
    listed: int  # projects
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """A published figure, as its authors give it."""

    source: str  # author, venue, year
    population: str
    asked: str
    share: str


STUDIES = (
    Study(
        "Benedetti et al., ICSE 2025",
        "PyPI, 4,000 projects",
        "two builds of the authors agree; 6 variations",
        "12.2 %; 98 % with fixed time, umask, order and locale",
    ),
    Study(
        "the tracker of 2020 that this project began from",
        "PyPI, 112 projects",
        "two builds on one host agree",
        "83 % (93 of 112)",
    ),
    Study(
        "OSS Rebuild prototype, Python discussion board, 2021",
        "PyPI, the 100 most downloaded projects",
        "a rebuild from the repository is like the published file, after normalization",
        "about 50 %",
    ),
    Study(
        "Gevers, Debian release team, 2026",
        "Debian testing",
        "the published package comes out to the bit",
        "98.29 % (all), 97.02 % (amd64)",
    ),
    Study("kpcyrd, Arch Linux rebuilders, 2024", "Arch Linux", "the published package comes out to the bit", "88.8 %"),
    Study(
        "Malka, Zacchiroli, Zimmermann, MSR 2025",
        "Nix, 709,816 builds",
        "a rebuild has the bytes of the binary cache",
        "69 to 91 %",
    ),
    Study(
        "Sharma et al., Chains-Rebuild, 2025",
        "Maven, 12,283 artifacts that did not rebuild",
        "a rebuild is like the published file, after normalization",
        "9.48 %; 26.89 % with more normalization",
    ),
    Study(
        "Harvey, audit of crates, as quoted in 2025",
        "crates.io, 999 popular crates",
        "the published source is that of the repository",
        "83 %; 0.8 % really differ",
    ),
    Study("Ayer, Go toolchains, 2025", "Go, 2,672 toolchains", "the published file comes out to the bit", "100 %"),
)


# --- from records to rows --------------------------------------------------------------------


def subjects(settings: Config) -> tuple[Subject, ...]:
    """Return the projects of the groups, each once: those of the first by rank, then the others by name."""
    listed = {group.name: [config.project(one) for one in group.packages] for group in settings.groups}
    ranks = {name: rank for rank, name in enumerate(listed[GROUPS[0]], 1)}
    names = dict.fromkeys([*ranks, *sorted(name for group in GROUPS for name in listed[group])])
    return tuple(
        Subject(name, ranks.get(name), tuple(group for group in GROUPS if name in listed[group])) for name in names
    )


def row(subject: Subject, verification: Verification | None, result: Result | None, excluded: str = "") -> Row:
    """Return the row of a project by its records; `excluded` is why it is not built, or empty."""
    backend = named_backend(subject.name, verification, result)
    known = verification or result
    verdict = result.verdict.value if result else Verdict.EXCLUDED.value if excluded else ""
    return Row(
        name=subject.name,
        version=known.version if known else "",
        rank=subject.rank,
        groups=subject.groups,
        backend=backend,
        image=known.image.name if known and known.image else "",
        verdict=verdict,
        causes=tuple(RowCause(one.name, whose(one, backend)) for one in result.causes) if result else (),
        unexplained=len(result.unexplained) if result else 0,
        wheel=verification.wheel if verification else "",
        outcome=verification.outcome.value if verification else "",
        taken=tuple(one.value for one in verification.taken) if verification else (),
        differing=tuple(one.name for one in verification.causes) if verification else (),
        builds=len(verification.builds) if verification else 0,
        reason=shortened(_reason(verification, result, excluded)),
    )


def _reason(verification: Verification | None, result: Result | None, excluded: str) -> str:
    reasons = (verification.reason if verification else "", result.reason if result else "", excluded)
    return next(filter(None, reasons), "")


def shortened(text: str) -> str:
    """Return a reason without addresses, on one line, cut."""
    return " ".join(_ADDRESS.sub("(address)", text).split())[:_LONGEST]


def named_backend(project: str, verification: Verification | None, result: Result | None) -> str:
    """Name the build backend by the build requirements, or by the generator of the published wheel."""
    known = [one for one in (result, verification) if one]
    names = {pin.name for one in known for pin in one.build_requirements}
    names |= {tool.name for one in known for tool in one.provided}
    by_requirements = next((name for name in BACKENDS if name in names), "")
    generator = next((one.value for one in verification.clues if one.name == "generator"), "") if verification else ""
    return by_requirements or of_generator(generator) or (project if project in BACKENDS else UNKNOWN)


def of_generator(value: str) -> str:
    """Return the backend of a Generator line; wheel's own command, bdist_wheel, is called by setuptools alone."""
    first = re.split(r"[\s(]", value, maxsplit=1)[0].lower().replace("_", "-")
    other = {"bdist-wheel": "setuptools", "flit": "flit-core", "poetry": "poetry-core", "uv": "uv-build"}
    name = other.get(first, first)
    return name if name in BACKENDS else ""


def whose(finding: CauseFinding, backend: str) -> str:
    """Return who can remove a cause."""
    advice = advice_of(finding, backend)
    if advice.party is Party.PROJECT:
        return PROJECT
    return advice.tool or (backend if advice.party is Party.BACKEND else "") or UNKNOWN


def verification_of(store: Results, project: str) -> Verification | None:
    """Return the newest verification of a project by the present method."""
    found = (one for one in store.verifications(project) if not one.inputs or one.inputs.method == VERIFY_METHOD)
    return max(found, key=lambda one: one.started, default=None)


def result_of(store: Results, project: str, verification: Verification | None) -> Result | None:
    """Return the newest verdict by the present method, on the release and the image that were verified."""
    for one in store.of(project):
        if one.inputs and one.inputs.method != METHOD:
            continue
        if verification is None or (one.version, one.image.name) == _where(verification):
            return one
    return None


def _where(verification: Verification) -> tuple[str, str]:
    return verification.version, verification.image.name if verification.image else ""


def state_of(settings: Config, store: Results) -> State:
    """Return what the records of a folder contain about the listed projects."""
    excluded = {one.project: one.reason for one in settings.exclusions}
    listed = subjects(settings)
    rows, dates = [], [""]
    for subject in listed:
        verification = verification_of(store, subject.name)
        result = result_of(store, subject.name, verification)
        dates += [f"{one.finished:%Y-%m-%d}" for one in (verification, result) if one]
        if verification or result:
            rows.append(row(subject, verification, result, excluded.get(subject.name, "")))
    return State(max(dates), __version__, METHOD, VERIFY_METHOD, len(listed), tuple(rows))


# --- the JSON --------------------------------------------------------------------------------


def written(state: State) -> str:
    """Return a state as JSON, one line for each row."""
    head = {field.name: getattr(state, field.name) for field in fields(State) if field.name != "rows"}
    rows = ",\n".join(f"  {json.dumps(asdict(one))}" for one in state.rows)
    return json.dumps(head, indent=1).removesuffix("\n}") + f',\n "rows": [\n{rows}\n ]\n}}\n'


def read(text: str) -> State:
    """Return the state that JSON has."""
    value: dict[str, Any] = json.loads(text)
    return State(**{**value, "rows": tuple(map(_read_row, value["rows"]))})


def _read_row(value: dict[str, Any]) -> Row:
    lists = {name: tuple(value[name]) for name in ("groups", "taken", "differing")}
    return Row(**{**value, **lists, "causes": tuple(RowCause(**one) for one in value["causes"])})


# --- the figures -----------------------------------------------------------------------------


def is_pure(one: Row) -> bool:
    """Return whether a row is of a wheel for every platform."""
    return is_pure_name(one.wheel)


def is_pure_name(filename: str) -> bool:
    """Return whether a wheel is for every platform."""
    return filename.endswith("-none-any.whl")


def share(part: int, whole: int) -> str:
    """Return a share in percent."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def to_the_bit(rows: Iterable[Row]) -> tuple[int, int]:
    """Return how many published wheels came out to the bit, and of how many that was tried."""
    count = Counter(one.outcome for one in rows)
    return sum(count[one] for one in TO_THE_BIT), sum(count[one] for one in ATTEMPTED)


def reproducible(rows: Iterable[Row]) -> tuple[int, int]:
    """Return how many releases are reproducible, and how many were built twice."""
    count = Counter(one.verdict for one in rows)
    built = (Verdict.REPRODUCIBLE, Verdict.SENSITIVE, Verdict.INTRINSIC)
    return count[Verdict.REPRODUCIBLE], sum(count[one] for one in built)


def ranked(one: Row) -> str:
    """Return the range of download ranks that a row belongs to."""
    if one.rank is None:
        return "not in the list"
    begin = (one.rank - 1) // _STEP * _STEP
    return f"{begin + 1} to {begin + _STEP}"


def grouped(rows: Iterable[Row], key: Callable[[Row], str], order: Callable[[str], Any]) -> list[tuple[str, list[Row]]]:
    """Return rows by a key, in an order of the keys."""
    ordered = sorted(rows, key=lambda one: (order(key(one)), key(one)))
    return [(name, list(found)) for name, found in groupby(ordered, key)]


def by_backend(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Return rows by build backend, the most frequent first."""
    count = Counter(one.backend for one in rows)
    return grouped(rows, lambda one: one.backend, lambda name: -count[name])


def by_rank(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Return rows by download rank."""
    return grouped(rows, ranked, lambda name: int(name.split()[0]) if name[0].isdigit() else sys.maxsize)


def by_cause(rows: Iterable[Row]) -> list[tuple[str, int, int]]:
    """Return each cause, how many verdicts have it, and by how many the published wheel differs from ours."""
    verdicts = Counter(name for one in rows for name in {cause.name for cause in one.causes})
    published = Counter(name for one in rows for name in set(one.differing))
    names = sorted({*verdicts, *published}, key=lambda name: (-verdicts[name], -published[name], name))
    return [(name, verdicts[name], published[name]) for name in names]


@dataclass(frozen=True, slots=True)
class Change:
    """What one party could change."""

    whose: str
    causes: tuple[str, ...]
    releases: int  # that have one of these causes
    fixed: int  # that have no other cause, and nothing unexplained


def changes(rows: Sequence[Row]) -> list[Change]:
    """Return what each backend and tool could change: a single cause, and all of its causes if there are several.

    A release that would be reproducible then has these causes alone; one with an unexplained place is none.
    """
    parties = {cause.whose for one in rows for cause in one.causes} - {PROJECT, UNKNOWN}
    found = []
    for party in sorted(parties):
        names = sorted({cause.name for one in rows for cause in one.causes if cause.whose == party})
        sets = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
        found += [_change(rows, party, one) for one in sets]
    return sorted(found, key=lambda one: (-one.fixed, -one.releases, one.whose, one.causes))


def _change(rows: Iterable[Row], party: str, names: tuple[str, ...]) -> Change:
    meant = {RowCause(name, party) for name in names}
    having = [one for one in rows if not meant.isdisjoint(one.causes)]
    fixed = [one for one in having if meant.issuperset(one.causes) and not one.unexplained]
    return Change(party, names, len(having), len(fixed))


def fields_taken(rows: Iterable[Row]) -> list[tuple[str, tuple[str, ...], int]]:
    """Return backend, archive fields and number of the wheels that are identical but for exactly these fields."""
    restamped = [one for one in rows if one.outcome == Outcome.RESTAMPED]
    count = Counter((one.backend, one.taken) for one in restamped)
    return [(*key, number) for key, number in sorted(count.items(), key=lambda item: (-item[1], item[0]))]


# --- the page --------------------------------------------------------------------------------


def page(state: State) -> str:
    """Return docs/state.md."""
    rows = state.rows
    return (
        "\n\n".join(
            (
                "<!-- Written by `make state` from state.json; all figures are computed from it. -->",
                "# The state of PyPI, measured",
                *_head(state),
                "## Published wheels",
                _OF_WHEELS,
                _outcomes("build backend", by_backend(rows), rows),
                _outcomes("download rank", by_rank(rows), rows),
                *_listing("Installed files that differ", rows, Outcome.DIFFERS),
                *_listing("Dist-info lines that differ", rows, Outcome.METADATA),
                *_listing("Wheels that could not be built", rows, Outcome.UNBUILDABLE),
                "## Verdicts",
                _OF_VERDICTS,
                _verdicts("build backend", by_backend(rows), rows),
                _verdicts("download rank", by_rank(rows), rows),
                "## Causes",
                _causes(rows),
                *_upstream(rows),
                "## Beside published studies",
                "Each study asks another question of another population, so no two rows compare directly.",
                _studies(rows),
            )
        )
        + "\n"
    )


def _head(state: State) -> Iterator[str]:
    pure = [one for one in state.rows if is_pure(one)]
    bits, tried = to_the_bit(pure)
    same, built = reproducible(state.rows)
    yield (
        f"Measured until {state.date} by wheelproof {state.wheelproof} (method {state.method}, method of verification "
        f"{state.verify_method}): {len(state.rows)} of {state.listed} listed projects, the newest release of each. The "
        f"lists are the groups {' and '.join(f'`{name}`' for name in GROUPS)} of config.yaml. Causes are shown by the "
        "traces in the wheels, without experiments."
    )
    yield "\n".join(
        (
            f"- **{bits} of {tried} published pure wheels came out of their sdist to the bit ({share(bits, tried)}).**",
            f"- Of those among the {last_rank(state)} most downloaded projects: {_of_bits(pure)}.",
            f"- **{same} of {built} releases that were built twice are reproducible ({share(same, built)}).**",
        )
    )


def last_rank(state: State) -> int:
    """Return up to which download rank projects were measured."""
    return max((one.rank for one in state.rows if one.rank is not None), default=0)


def _of_bits(rows: Iterable[Row]) -> str:
    known = [one for one in rows if one.rank is not None]
    bits, tried = to_the_bit(known)
    decided = sum(one.outcome in COMPARED for one in known)
    return f"{bits} of {tried} ({share(bits, tried)}); {decided} could be built and compared ({share(decided, tried)})"


def _outcomes(title: str, parts: Iterable[tuple[str, list[Row]]], rows: Sequence[Row]) -> str:
    return _counts(title, Outcome, parts, rows, lambda one: one.outcome, to_the_bit)


def _verdicts(title: str, parts: Iterable[tuple[str, list[Row]]], rows: Sequence[Row]) -> str:
    return _counts(title, Verdict, parts, rows, lambda one: one.verdict, reproducible)


def _counts(
    title: str,
    kinds: Iterable[str],
    parts: Iterable[tuple[str, list[Row]]],
    rows: Sequence[Row],
    kind_of: Callable[[Row], str],
    rate: Callable[[Iterable[Row]], tuple[int, int]],
) -> str:
    """Return a table: a row for each part and one for all, a column for each kind, and a share."""
    names = [str(kind) for kind in kinds]
    lines = []
    for name, found in (*parts, ("**all**", list(rows))):
        count = Counter(map(kind_of, found))
        lines.append((name, str(len(found)), *(str(count[kind] or "") for kind in names), share(*rate(found))))
    return table((title, "releases", *(f"`{name}`" for name in names), "share"), lines)


def _listing(title: str, rows: Iterable[Row], outcome: Outcome) -> Iterator[str]:
    found = [one for one in rows if one.outcome == outcome]
    if found:
        yield f"### {title}"
        lines = [(one.name, one.version, _slugs(one.differing), str(one.builds), _escaped(one.reason)) for one in found]
        yield table(("project", "version", "causes", "builds", "because"), lines)


def _causes(rows: Sequence[Row]) -> str:
    lines = [(f"`{name}`", str(verdicts), str(published)) for name, verdicts, published in by_cause(rows)]
    return table(("cause", "releases that it makes differ", "published wheels that differ from ours by it"), lines)


def _upstream(rows: Sequence[Row]) -> Iterator[str]:
    yield "## What one change upstream would fix"
    yield _OF_CHANGES
    lines = [(one.whose, _slugs(one.causes), str(one.releases), str(one.fixed)) for one in changes(rows)]
    yield table(("if this one", "removed", "of so many releases that have it", "so many more were reproducible"), lines)
    yield "Published wheels that are ours but for these fields of the archive:"
    taken = [(backend, _words(names), str(number)) for backend, names, number in fields_taken(rows)]
    yield table(("build backend", "fields", "wheels that fixed fields would make identical"), taken)


def _studies(rows: Sequence[Row]) -> str:
    pure = [one for one in rows if is_pure(one)]
    bits, (same, built) = to_the_bit(pure), reproducible(rows)
    ours = (
        ("**this page**", "PyPI, pure wheels", "the published file comes out to the bit", share(*bits)),
        ("**this page**", "PyPI", "two builds of ours agree; all variations", share(same, built)),
    )
    lines = [(one.source, one.population, one.asked, one.share) for one in STUDIES]
    return table(("source", "population", "question", "share"), (*ours, *lines))


def table(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    rows = (titles, ["---"] * len(titles), *lines)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _words(names: Iterable[str]) -> str:
    return ", ".join(sorted(map(str, names), key=_place)) or "-"


def _place(name: str) -> int:
    order = [*map(str, Outcome), *map(str, ArchiveField)]
    return order.index(name) if name in order else len(order)


def _slugs(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _escaped(text: str) -> str:
    return _MARKS.sub(r"\\\g<0>", text)


# --- the run ---------------------------------------------------------------------------------


def by_traces(settings: Config) -> Config:
    """Return a configuration whose differences are explained by the wheels' traces alone, without experiments."""
    packages = {name: replace(one, budget=_NO_EXPERIMENTS) for name, one in settings.packages.items()}
    return replace(settings, defaults=replace(settings.defaults, budget=_NO_EXPERIMENTS), packages=packages)


@dataclass(frozen=True, slots=True)
class Measurement:
    """Where and how projects are measured."""

    settings: Config
    config_file: Path
    folder: Path
    pure: bool  # verdicts only on projects whose published wheel is for every platform

    def store(self) -> Results:
        """Open the records again: an open store remembers what it has listed."""
        keep = self.settings.keep
        return Results(self.folder, wheels=keep.wheels, logs=keep.logs)

    def is_verified(self, project: str) -> bool:
        """Return whether a project has a record of its published wheel."""
        return verification_of(self.store(), project) is not None

    def is_judged(self, project: str) -> bool:
        """Return whether a project has a verdict, or gets none."""
        store = self.store()
        found = verification_of(store, project)
        is_native = found is not None and found.wheel != "" and not is_pure_name(found.wheel)
        excluded = {one.project for one in self.settings.exclusions}
        return project in excluded or (self.pure and is_native) or result_of(store, project, found) is not None

    def verify(self, names: Sequence[str]) -> None:
        """Verify the published wheels of the newest releases of projects."""
        store = self.store()
        with store.locked():
            requests = verification.requested(self.settings, names, (), ())
            verification.verify_all(self.settings, store, requests, jobs=None, again=False)

    def judge(self, names: Sequence[str]) -> None:
        """Judge the releases whose wheels were verified, each on the same image."""
        store = self.store()
        tasks = tuple(task for name in names for task in self._tasks(name, verification_of(store, name)))
        with store.locked(), PublisherProcess(self.config_file, self.folder) as publisher:
            assemble.run_tasks(self.settings, store, tasks, publisher, jobs=None, again=False)

    def _tasks(self, name: str, found: Verification | None) -> tuple[Task, ...]:
        version, image = _where(found) if found else ("", "")
        return config.tasks(self.settings, [f"{name}=={version}" if version else name], [image] if image else [])


def write(state: State) -> None:
    """Write docs/state.json and docs/state.md."""
    (ROOT / "docs" / DATA).write_text(written(state), encoding="utf-8")
    (ROOT / "docs" / PAGE).write_text(page(state), encoding="utf-8")


def main() -> None:
    """Measure what has no records yet, and write the pages."""
    parser = argparse.ArgumentParser(description="Measure the state of PyPI.")
    parser.add_argument("--limit", type=int, metavar="N", help="measure only the first N projects")
    parser.add_argument("--pure", action="store_true", help="give no verdicts on projects with wheels for a platform")
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "state", help="the folder of the records")
    parser.add_argument("--config", type=Path, default=ROOT / "config.yaml", help="the configuration")
    asked = parser.parse_args()
    settings = by_traces(options.configured(asked.config))
    measurement = Measurement(settings, asked.config.resolve(), asked.results.resolve(), asked.pure)
    names = [one.name for one in subjects(settings)][: asked.limit]
    for is_done, measure in (
        (measurement.is_verified, measurement.verify),
        (measurement.is_judged, measurement.judge),
    ):
        left = [name for name in names if not is_done(name)]
        for begin in range(0, len(left), _BATCH):
            measure(left[begin : begin + _BATCH])
            write(state_of(settings, measurement.store()))
    write(state_of(settings, measurement.store()))


if __name__ == "__main__":
    main()
