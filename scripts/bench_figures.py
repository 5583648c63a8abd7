"""Compute the figures of scripts/bench.py from its runs, and write them as plain text. Nothing here measures."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

THIS, OTHER = "this", "other"
"""The two checkouts."""

PAIR = ("first", "second")
"""The builds that every verdict needs."""

UNBUILT = frozenset({"ftbfs", "no-sdist", "unbuildable"})
WIDTH = 26
"""Characters of a column of figures."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One kind of run that is measured."""

    name: str
    title: str
    config: str = "proof"  # a key of CONFIGS
    command: str = "run"
    fresh: bool = False  # with only the images made, not with what former runs downloaded
    again: bool = True  # also what has a result already


CONFIGS = {
    "verdict": "budget: {builds: 0, recipes: []}\n",
    "remedies": "budget: {recipes: []}\n",
    "proof": "",
}
"""What a configuration says of experiments: none; isolation and remedies, with no text of a recipe run; the default."""

PHASES = (
    Phase("cold", "cold, verdict alone", config="verdict", fresh=True),
    Phase("warm", "warm, verdict alone", config="verdict"),
    Phase("unchanged", "nothing changed", config="verdict", again=False),
    Phase("remedies", "warm, with isolation and remedies", config="remedies"),
    Phase("proof", "warm, with the recipe's proof as well"),
    Phase("verify", "warm, `wheelproof verify`", command="verify"),
    Phase("cold-proof", "cold, with isolation, remedies and the recipe's proof", fresh=True),
)
BY_NAME = {phase.name: phase for phase in PHASES}
USUAL = tuple(phase.name for phase in PHASES if phase.name != "cold-proof")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command."""

    phase: str
    checkout: str
    repetition: int
    wall: float  # seconds
    processor: float  # seconds of the command and its children; the engine's and the builds' are not among them
    results: list[dict[str, Any]]  # what it printed


@dataclass(slots=True)
class Measured:
    """All that was measured of one list of releases."""

    name: str
    cores: int
    releases: list[str]  # those that the method of 2020 built, where it ran
    containers: list[float] = field(default_factory=list)  # of each repetition: `container_alone`
    trials: list[list[dict[str, Any]]] = field(default_factory=list)  # of each repetition: the method of 2020
    runs: list[Run] = field(default_factory=list)


class Spread(NamedTuple):
    """The median of some values, the least and the greatest."""

    median: float
    least: float
    most: float


class Finding(NamedTuple):
    """What a run found of one release."""

    verdict: str
    holds: tuple[str, ...]
    recipe: tuple[str, ...]
    proof: str  # of the recipe's form sh


# --- arithmetic ------------------------------------------------------------------------------


def spread(values: Sequence[float]) -> Spread:
    """Return the median of at least one value, the least and the greatest."""
    return Spread(median(values), min(values), max(values))


def ninth_tenth(values: Sequence[float]) -> float:
    """Return the least of the values that nine tenths of them do not exceed: the 90th percentile by nearest rank."""
    return sorted(values)[math.ceil(len(values) * 9 / 10) - 1]


def builds(results: Iterable[Mapping[str, Any]]) -> list[int]:
    """Return the number of builds of each release that was built at all."""
    return [len(result["builds"]) for result in results if result.get("builds")]


def floor(results: Iterable[Mapping[str, Any]], cores: int, names: Sequence[str] | None = None) -> float:
    """Return the processor time of the builds of those names (None: of all), spread over the cores."""
    times = (
        build["cpu_seconds"] or 0
        for result in results
        for build in result.get("builds", ())
        if names is None or build["name"] in names
    )
    return float(sum(times)) / cores


def bound(results: Sequence[Mapping[str, Any]], cores: int, container: float) -> float:
    """Return the seconds of a farm that does nothing but run one container for each of these builds.

    `container` is what an empty one takes, in seconds of the whole machine.
    """
    return floor(results, cores) + container * sum(builds(results))


def seconds_2020(measured: Measured, repetition: int, key: str = "seconds") -> float | None:
    """Return what the method of 2020 took for the releases in a repetition, or in the last one in which it ran.

    None where it did not run, or where a release failed that it had built before. The key `alone` is for the time
    without dependencies.
    """
    if not measured.trials:
        return None
    trial = measured.trials[min(repetition, len(measured.trials) - 1)]
    times = {one["requirement"]: one[key] for one in trial if "failure" not in one}
    if not all(release in times for release in measured.releases):
        return None
    return float(sum(times[release] for release in measured.releases))


def _per_minute(run: Run, _measured: Measured) -> float | None:
    return 60 * len(builds(run.results)) / run.wall or None


def _times_2020(run: Run, measured: Measured) -> float | None:
    seconds = seconds_2020(measured, run.repetition)
    return seconds / run.wall if seconds else None


def _times_2020_alone(run: Run, measured: Measured) -> float | None:
    seconds = seconds_2020(measured, run.repetition, "alone")
    return seconds / run.wall if seconds else None


def _share_of_floor(run: Run, measured: Measured) -> float | None:
    return floor(run.results, measured.cores, PAIR) / run.wall or None


def _share_of_bound(run: Run, measured: Measured) -> float | None:
    if run.repetition >= len(measured.containers) or not builds(run.results):
        return None
    return bound(run.results, measured.cores, measured.containers[run.repetition]) / run.wall


def _of_builds(of: Callable[[list[int]], float]) -> Callable[[Run, Measured], float | None]:
    return lambda run, _measured: float(of(counts)) if (counts := builds(run.results)) else None


def _seconds_each(run: Run, measured: Measured) -> float:
    return run.wall / len(measured.releases)


def _processor_each(run: Run, measured: Measured) -> float:
    return run.processor / len(measured.releases)


class Figure(NamedTuple):
    """One line of the table: how it is computed from a run, and for which phases."""

    title: str
    value: Callable[[Run, Measured], float | None]
    digits: int
    phases: frozenset[str]


_JUDGED = frozenset({"cold", "warm", "remedies", "proof", "cold-proof"})
_BUILT = _JUDGED | {"verify"}
_ALONE = frozenset({"cold", "warm"})

FIGURES = (
    Figure("packages a minute", _per_minute, 1, _BUILT),
    Figure("times the method of 2020", _times_2020, 2, _JUDGED),
    Figure("  had it built no dependencies", _times_2020_alone, 2, _ALONE),
    Figure("share of the floor", _share_of_floor, 2, _ALONE),
    Figure("share of the container bound", _share_of_bound, 2, _BUILT),
    Figure("builds a package, median", _of_builds(median), 1, _BUILT),
    Figure("builds a package, 90th percentile", _of_builds(ninth_tenth), 0, _BUILT),
    Figure("builds of all packages", _of_builds(sum), 0, _BUILT),
    Figure("seconds a package", _seconds_each, 3, frozenset({"unchanged"})),
    Figure("its own processor seconds a package", _processor_each, 3, _BUILT | {"unchanged"}),
)


def values(measured: Measured, phase: str, figure: Figure, checkout: str) -> dict[int, float]:
    """Return a figure for each repetition of a phase in which it can be computed."""
    if phase not in figure.phases:
        return {}
    runs = (run for run in measured.runs if (run.phase, run.checkout) == (phase, checkout))
    computed = ((run.repetition, figure.value(run, measured)) for run in runs)
    return {repetition: value for repetition, value in computed if value is not None}


def ratios(this: Mapping[int, float], other: Mapping[int, float]) -> list[float]:
    """Return this by other for each repetition that has both: those ran in turn, under about the same load."""
    return [this[repetition] / other[repetition] for repetition in this if other.get(repetition)]


# --- the table of figures --------------------------------------------------------------------


def shown(some: Iterable[float], digits: int) -> str:
    """Return the median, with the least and the greatest where these differ; empty without values."""
    if not (known := tuple(some)):
        return ""
    middle, least, most = (f"{value:.{digits}f}" for value in spread(known))
    return middle if least == most else f"{middle} ({least}-{most})"


def checkouts(measured: Measured) -> list[str]:
    """Return the checkouts that were measured, this one first."""
    return [name for name in (THIS, OTHER) if any(run.checkout == name for run in measured.runs)]


def table(measured: Measured) -> str:
    """Return the figures of one list: medians with minimum and maximum, a column for each checkout."""
    names = checkouts(measured)
    heads = [*names, "this by other"] if len(names) > 1 else names
    rows: list[tuple[str, list[str]]] = [("", heads)]
    rows += _rows_2020(measured)
    for phase in PHASES:
        lines = [row for figure in FIGURES if (row := _row(measured, phase.name, figure, names))]
        rows += [(phase.title, []), *lines] if lines else []
    rows.append(("seconds of an empty container, whole machine", [shown(measured.containers, 3)]))
    width = max(len(title) for title, _ in rows)
    repetitions = 1 + max((run.repetition for run in measured.runs), default=0)
    head = f"{measured.name}: releases: {len(measured.releases)}, repetitions: {repetitions}"
    text = ["".join([f"{title:{width}}", *(f"{cell:>{WIDTH}}" for cell in cells)]).rstrip() for title, cells in rows]
    return "\n".join([head, *text])


def _rows_2020(measured: Measured) -> list[tuple[str, list[str]]]:
    times = [seconds_2020(measured, number) for number in range(len(measured.trials))]
    per_minute = shown((60 * len(measured.releases) / seconds for seconds in times if seconds), 1)
    return [("method of 2020", []), ("  packages a minute", [per_minute])] if per_minute else []


def _row(measured: Measured, phase: str, figure: Figure, names: Sequence[str]) -> tuple[str, list[str]] | None:
    columns = [values(measured, phase, figure, name) for name in names]
    if not any(columns):
        return None
    cells = [shown(column.values(), figure.digits) for column in columns]
    compared = [shown(ratios(columns[0], columns[1]), 2)] if len(columns) > 1 else []
    return f"  {figure.title}", [*cells, *compared]


def notes(measured: Measured) -> list[str]:
    """Return a line for each thing that makes the figures weaker, or that they leave out; each once."""
    lines = [
        f"left out of {measured.name}: {one['requirement']}: {last_line(one['failure'])}"
        for trial in measured.trials
        for one in trial
        if "failure" in one
    ]
    for run in measured.runs:
        lines += [f"{run.checkout}, {run.phase}: {line}" for line in map(_note, run.results) if line]
    images = {identity for run in measured.runs for result in run.results if (identity := _image(result))}
    if len(images) > 1:
        lines.append(f"the images differ: {', '.join(sorted(images))}; these figures cannot be compared")
    return list(dict.fromkeys(lines))


def _note(result: Mapping[str, Any]) -> str:
    if "open" in result:
        return f"no verdict: {result['requirement']}: {last_line(result['open'])}"
    verdict = _verdict(result)
    if verdict in UNBUILT or not result["builds"]:
        return f"not built: {name(result)}: {verdict}: {last_line(result.get('reason') or '')}"
    return ""


def _image(result: Mapping[str, Any]) -> str:
    image = result.get("image")
    return image.get("id", "") if isinstance(image, dict) else ""


def last_line(log: str) -> str:
    """Return the last line of a log, escaped for a terminal."""
    lines = [line for line in log.splitlines() if line.strip()]
    return "".join(one if one.isprintable() else "?" for one in lines[-1])[:200] if lines else ""


# --- the table of builds ---------------------------------------------------------------------


def name(result: Mapping[str, Any]) -> str:
    """Return the release of a result, or the requirement of a job without one."""
    return f"{result['project']}=={result['version']}" if "project" in result else str(result["requirement"])


def _verdict(result: Mapping[str, Any]) -> str:
    return str(result.get("verdict") or result.get("outcome") or "no verdict")


def finding(result: Mapping[str, Any]) -> Finding:
    """Return what was found of a release; of a verification, the outcome is its verdict."""
    proofs = (str(recipe["proof"]) for recipe in result.get("recipes") or () if recipe["form"] == "sh")
    holds, recipe = (tuple(result.get(key) or ()) for key in ("holds", "recipe"))
    return Finding(_verdict(result), holds, recipe, next(proofs, ""))


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """One release in all repetitions of a phase, by checkout."""

    release: str
    builds: dict[str, list[int]]  # of each repetition
    findings: dict[str, list[Finding]]  # each once

    @property
    def differs(self) -> tuple[str, ...]:
        """The parts of the finding that differ between checkouts, or from one repetition to another."""
        every = {one for some in self.findings.values() for one in some}
        parts = tuple(part for part in Finding._fields if len({getattr(one, part) for one in every}) > 1)
        missing = len(self.findings) > 1 and not all(self.findings.values())
        return (*parts, "missing") if missing else parts


def release_rows(measured: Measured, phase: str) -> list[ReleaseRow]:
    """Return a row for each release that a phase has a result of, in the order of their names."""
    names = checkouts(measured)
    rows: dict[str, ReleaseRow] = {}
    for run in measured.runs:
        for result in run.results if run.phase == phase else ():
            empty = ReleaseRow(name(result), {one: [] for one in names}, {one: [] for one in names})
            row = rows.setdefault(name(result), empty)
            row.builds[run.checkout].append(len(result.get("builds") or ()))
            if (what := finding(result)) not in row.findings[run.checkout]:
                row.findings[run.checkout].append(what)
    return [rows[release] for release in sorted(rows)]


def builds_table(measured: Measured, phase: str) -> str:
    """Return the builds of each release in a phase, and what was found, of both checkouts; differences are marked."""
    names, rows = checkouts(measured), release_rows(measured, phase)
    if not rows:
        return ""
    width = max(len("90th percentile"), *(len(row.release) for row in rows)) + 2
    title = f"builds of each release of {measured.name}, {BY_NAME[phase].title}"
    lines = [title, "".join([f"{'':{width}}", *(f"{one:>10}" for one in names), "  found"])]
    for row in rows:
        counts = "".join(f"{shown(row.builds[one], 0):>10}" for one in names)
        mark = f"  DIFFERS: {', '.join(row.differs)}: " if row.differs else "  "
        lines.append(f"{row.release:{width}}{counts}{mark}{_found(row)}")
    for label, of in (("median", median), ("90th percentile", ninth_tenth), ("total", sum)):
        every = [[median(row.builds[one]) for row in rows if row.builds[one]] for one in names]
        lines.append(f"{label:{width}}" + "".join(f"{of(some) if some else 0:>10.0f}" for some in every))
    if len(names) > 1:
        parts = Counter(part for row in rows for part in row.differs)
        same = sum(not row.differs for row in rows)
        kinds = "".join(f"; {part} differs: {count}" for part, count in sorted(parts.items()))
        lines.append(f"the same verdict, holds, recipe and proof: {same} of {len(rows)} releases{kinds}")
    return "\n".join(lines)


def _found(row: ReleaseRow) -> str:
    if not row.differs:
        return _words(next(one for some in row.findings.values() for one in some))
    return " | ".join(f"{who}: {' or '.join(map(_words, some)) or 'nothing'}" for who, some in row.findings.items())


def _words(found: Finding) -> str:
    holds = f" {'+'.join(found.holds)}" if found.holds else ""
    recipe = f", recipe {'+'.join(found.recipe)}" if found.recipe else ""
    return f"{found.verdict}{holds}{recipe}" + (f", sh {found.proof}" if found.proof else "")


def memory_table(peaks: Sequence[tuple[int, int, float]]) -> str:
    """Return the peaks of memory as plain text, from (jobs, bytes, seconds)."""
    head = f"{'jobs':>6}{'peak memory':>14}{'seconds':>9}"
    return "\n".join([head, *(f"{jobs:>6}{peak / 1e6:>11.1f} MB{took:>9.1f}" for jobs, peak, took in peaks)])
