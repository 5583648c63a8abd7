"""One release on several images, side by side: a line for each fact, a column for each image, differences marked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from enum import Enum, StrEnum, auto
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator.model import Severity
from orchestrator.publish import wording
from orchestrator.publish.phrases import DEPTHS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from orchestrator.model import Result, WheelFile
    from orchestrator.results.summary import Standing

TEXT_BOUND = 300  # characters of one text of a package
FEW = 24  # items in one cell


@dataclass(frozen=True, slots=True)
class Debian:
    """The Debian release, Python and architecture of an image."""

    suite: str
    python: str  # "3.11"
    architecture: str = ""  # "amd64"; empty: not known


UNKNOWN: Mapping[str, Debian] = MappingProxyType({})


class CellKind(StrEnum):
    """The kind of a line's texts, which decides how they are shown."""

    TEXT = "text"
    VERDICT = "verdict"
    VARIATIONS = "variations"
    CAUSES = "causes"
    REMEDIES = "remedies"
    HASH = "hash"
    DAY = "day"


class _Marked(Enum):
    """When a fact that differs between images is marked."""

    NEVER = auto()
    ALWAYS = auto()
    BUILT = auto()  # only between images that gave a wheel: without one, the fact is unknown


@dataclass(frozen=True, slots=True)
class Line:
    """One fact on each image."""

    name: str
    kind: CellKind
    cells: tuple[tuple[str, ...], ...]  # one for each image; empty if the fact is unknown
    differs: bool  # whether the difference is marked


@dataclass(frozen=True, slots=True)
class Comparison:
    """One project on several images."""

    standings: tuple[Standing, ...]  # the columns
    lines: tuple[Line, ...]
    sentences: tuple[str, ...]  # what is equal, in words

    @property
    def versions(self) -> tuple[str, ...]:
        """The version, or each version if the images have different ones."""
        return tuple(dict.fromkeys(standing.version for standing in self.standings))

    @property
    def images(self) -> tuple[str, ...]:
        """The images, in the order of the columns."""
        return tuple(standing.place for standing in self.standings)


def comparisons(
    standings: Sequence[Standing], current: Iterable[Standing], debians: Mapping[str, Debian] = UNKNOWN
) -> tuple[Comparison, ...]:
    """Compare each version that was built on several images, newest first.

    If there is none, for example because an image's Python is too old, the `current` version on each
    image is compared. `standings` are of one project, newest version first, then by image.
    """
    by_version = (tuple(some) for _, some in groupby(standings, lambda standing: standing.version))
    results = tuple(compared(some, debians) for some in by_version if len(some) > 1)
    newest = {standing.place: standing for standing in reversed(tuple(current)) if standing in standings}
    if not results and len(newest) > 1:
        return (compared(tuple(newest[image] for image in sorted(newest)), debians),)
    return results


def compared(standings: tuple[Standing, ...], debians: Mapping[str, Debian] = UNKNOWN) -> Comparison:
    """Compare standings of one project; facts that none has are left out."""
    lines = tuple(_line(*fact, standings, debians) for fact in _FACTS)
    return Comparison(standings, tuple(line for line in lines if any(line.cells)), tuple(_sentences(standings)))


def others(standing: Standing, standings: Iterable[Standing]) -> tuple[Standing, ...]:
    """Return the standings of the same version on other images with a different verdict."""
    return tuple(
        candidate
        for candidate in standings
        if candidate.version == standing.version and candidate.latest.verdict is not standing.latest.verdict
    )


def _line(
    name: str,
    kind: CellKind,
    marked: _Marked,
    fact: Callable[[Standing, Debian | None], Iterable[str]],
    standings: tuple[Standing, ...],
    debians: Mapping[str, Debian],
) -> Line:
    cells = tuple(_bounded(tuple(fact(standing, debians.get(standing.image)))) for standing in standings)
    compared = cells
    if marked is _Marked.BUILT:
        compared = tuple(cell for cell, standing in zip(cells, standings, strict=True) if _wheel(standing.latest))
    return Line(name, kind, cells, marked is not _Marked.NEVER and len(set(compared)) > 1)


def _bounded(texts: tuple[str, ...]) -> tuple[str, ...]:
    cut = tuple(text if len(text) <= TEXT_BOUND else f"{text[:TEXT_BOUND]}..." for text in texts[:FEW] if text)
    return (*cut, f"and {len(texts) - FEW} more") if len(texts) > FEW else cut


# --- the facts -------------------------------------------------------------------------------


def _severity(result: Result) -> str:
    return DEPTHS[result.severity][0] if result.severity not in {None, Severity.NONE} else ""


def _failure(result: Result) -> Iterator[str]:
    yield wording.reason(result)
    if result.failure:
        yield result.failure.evidence


def _wheel(result: Result) -> WheelFile | None:
    return result.builds[0].wheel if result.builds else None


def _hash(result: Result) -> Iterator[str]:
    if wheel := _wheel(result):
        yield wheel.sha256


def _built_with(result: Result) -> tuple[str, ...]:
    ours = [(package.name, package.version) for package in result.build_requirements]
    theirs = [(package.name, f"{package.package_version} from Debian") for package in result.provided]
    return tuple(f"{name} {version}" for name, version in sorted((*ours, *theirs)))


_Fact = tuple[str, CellKind, _Marked, "Callable[[Standing, Debian | None], Iterable[str]]"]

_FACTS: tuple[_Fact, ...] = (
    ("Debian", CellKind.TEXT, _Marked.NEVER, lambda _, debian: (debian.suite,) if debian else ()),
    ("Python", CellKind.TEXT, _Marked.NEVER, lambda _, debian: (debian.python,) if debian else ()),
    ("Version", CellKind.TEXT, _Marked.ALWAYS, lambda standing, _: (standing.version,)),
    ("Verdict", CellKind.VERDICT, _Marked.ALWAYS, lambda standing, _: (standing.latest.verdict,)),
    ("Since", CellKind.DAY, _Marked.NEVER, lambda standing, _: (f"{standing.since.astimezone(UTC):%Y-%m-%d}",)),
    ("Sensitive to", CellKind.VARIATIONS, _Marked.BUILT, lambda standing, _: standing.latest.holds),
    ("Severity", CellKind.TEXT, _Marked.BUILT, lambda standing, _: (_severity(standing.latest),)),
    (
        "Causes",
        CellKind.CAUSES,
        _Marked.BUILT,
        lambda standing, _: dict.fromkeys(map(wording.claimed, standing.latest.causes)),
    ),
    ("Recipe", CellKind.REMEDIES, _Marked.BUILT, lambda standing, _: standing.latest.recipe),
    ("Reason", CellKind.TEXT, _Marked.ALWAYS, lambda standing, _: _failure(standing.latest)),
    ("First build", CellKind.HASH, _Marked.BUILT, lambda standing, _: _hash(standing.latest)),
    ("Built as", CellKind.TEXT, _Marked.ALWAYS, lambda standing, _: standing.way),
    ("Built with", CellKind.TEXT, _Marked.BUILT, lambda standing, _: _built_with(standing.latest)),
)


def _sentences(standings: tuple[Standing, ...]) -> Iterator[str]:
    verdicts = {standing.latest.verdict for standing in standings}
    if len({standing.version for standing in standings}) > 1:
        yield "The images do not have the same version."
    yield "The verdict is the same." if len(verdicts) == 1 else "The verdicts are not the same."
    wheels = [wheel for standing in standings if (wheel := _wheel(standing.latest))]
    if len(wheels) == len(standings):
        alike = len({(wheel.filename, wheel.sha256) for wheel in wheels}) == 1
        yield "The first builds gave the same bytes." if alike else "The first builds did not give the same bytes."
