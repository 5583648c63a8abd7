"""One release on several images, side by side: a fact a line, an image a column, and which facts are not alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from enum import Enum, StrEnum, auto
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator.model import Severity
from orchestrator.publish import wording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from orchestrator.model import Result, WheelFile
    from orchestrator.results.summary import Standing

TEXT_BOUND = 300  # characters of one text of a package
FEW = 24  # things that one cell lists


@dataclass(frozen=True, slots=True)
class Debian:
    """What an image is one of."""

    suite: str
    python: str  # "3.11"


UNKNOWN: Mapping[str, Debian] = MappingProxyType({})


class CellKind(StrEnum):
    """What the texts of a line are, and so how they are shown."""

    TEXT = "text"
    VERDICT = "verdict"
    VARIATIONS = "variations"
    CAUSES = "causes"
    REMEDIES = "remedies"
    HASH = "hash"
    DAY = "day"


class _Tells(Enum):
    """When it says something of the release that a fact is not alike on all images."""

    NEVER = auto()
    ALWAYS = auto()
    BUILT = auto()  # of those images only that gave a wheel: where there is none, nothing is known of it


@dataclass(frozen=True, slots=True)
class Line:
    """One fact, as it is on each image."""

    name: str
    kind: CellKind
    cells: tuple[tuple[str, ...], ...]  # one for each image; an empty one where there is nothing to say
    differs: bool  # as far as that says something of the release


@dataclass(frozen=True, slots=True)
class Comparison:
    """Where one project stands on several images."""

    standings: tuple[Standing, ...]  # the columns
    lines: tuple[Line, ...]
    sentences: tuple[str, ...]  # what is alike, in words

    @property
    def versions(self) -> tuple[str, ...]:
        """The version; or, where the images do not have the same, each of them."""
        return tuple(dict.fromkeys(one.version for one in self.standings))

    @property
    def images(self) -> tuple[str, ...]:
        """The images, in the order of the columns."""
        return tuple(one.place for one in self.standings)


def comparisons(
    standings: Sequence[Standing], current: Iterable[Standing], debians: Mapping[str, Debian] = UNKNOWN
) -> tuple[Comparison, ...]:
    """Compare each version that stands on several images, newest first.

    Where none does, as an image's Python may be too old for the newest, what is `current` on each
    image is compared; `standings` are of one project, newest version first, then by image.
    """
    by_version = (tuple(some) for _, some in groupby(standings, lambda one: one.version))
    found = tuple(compared(some, debians) for some in by_version if len(some) > 1)
    newest = {one.place: one for one in reversed(tuple(current)) if one in standings}
    if not found and len(newest) > 1:
        return (compared(tuple(newest[image] for image in sorted(newest)), debians),)
    return found


def compared(standings: tuple[Standing, ...], debians: Mapping[str, Debian] = UNKNOWN) -> Comparison:
    """Put some standings of one project side by side; facts that none of them has are left out."""
    lines = tuple(_line(*fact, standings, debians) for fact in _FACTS)
    return Comparison(standings, tuple(line for line in lines if any(line.cells)), tuple(_sentences(standings)))


def others(standing: Standing, standings: Iterable[Standing]) -> tuple[Standing, ...]:
    """Return those standings of the same version, on other images, that have another verdict."""
    return tuple(
        one
        for one in standings
        if one.version == standing.version and one.latest.verdict is not standing.latest.verdict
    )


def _line(
    name: str,
    kind: CellKind,
    tells: _Tells,
    fact: Callable[[Standing, Debian | None], Iterable[str]],
    standings: tuple[Standing, ...],
    debians: Mapping[str, Debian],
) -> Line:
    cells = tuple(_bounded(tuple(fact(one, debians.get(one.image)))) for one in standings)
    compared = cells
    if tells is _Tells.BUILT:
        compared = tuple(cell for cell, one in zip(cells, standings, strict=True) if _wheel(one.latest))
    return Line(name, kind, cells, tells is not _Tells.NEVER and len(set(compared)) > 1)


def _bounded(texts: tuple[str, ...]) -> tuple[str, ...]:
    cut = tuple(one if len(one) <= TEXT_BOUND else f"{one[:TEXT_BOUND]}..." for one in texts[:FEW] if one)
    return (*cut, f"and {len(texts) - FEW} more") if len(texts) > FEW else cut


# --- the facts -------------------------------------------------------------------------------


def _severity(result: Result) -> str:
    return wording.DEPTHS[result.severity][0] if result.severity not in {None, Severity.NONE} else ""


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
    ours = [(one.name, one.version) for one in result.build_requirements]
    theirs = [(one.name, f"{one.package_version} from Debian") for one in result.provided]
    return tuple(f"{name} {version}" for name, version in sorted((*ours, *theirs)))


_Fact = tuple[str, CellKind, _Tells, "Callable[[Standing, Debian | None], Iterable[str]]"]

_FACTS: tuple[_Fact, ...] = (
    ("Debian", CellKind.TEXT, _Tells.NEVER, lambda _, debian: (debian.suite,) if debian else ()),
    ("Python", CellKind.TEXT, _Tells.NEVER, lambda _, debian: (debian.python,) if debian else ()),
    ("Version", CellKind.TEXT, _Tells.ALWAYS, lambda one, _: (one.version,)),
    ("Verdict", CellKind.VERDICT, _Tells.ALWAYS, lambda one, _: (one.latest.verdict,)),
    ("Since", CellKind.DAY, _Tells.NEVER, lambda one, _: (f"{one.since.astimezone(UTC):%Y-%m-%d}",)),
    ("Sensitive to", CellKind.VARIATIONS, _Tells.BUILT, lambda one, _: one.latest.holds),
    ("How deep", CellKind.TEXT, _Tells.BUILT, lambda one, _: (_severity(one.latest),)),
    (
        "Causes",
        CellKind.CAUSES,
        _Tells.BUILT,
        lambda one, _: dict.fromkeys(cause_finding.name for cause_finding in one.latest.causes),
    ),
    ("Recipe", CellKind.REMEDIES, _Tells.BUILT, lambda one, _: one.latest.recipe),
    ("Reason", CellKind.TEXT, _Tells.ALWAYS, lambda one, _: _failure(one.latest)),
    ("First build", CellKind.HASH, _Tells.BUILT, lambda one, _: _hash(one.latest)),
    ("Built as", CellKind.TEXT, _Tells.ALWAYS, lambda one, _: one.way),
    ("Built with", CellKind.TEXT, _Tells.BUILT, lambda one, _: _built_with(one.latest)),
)


def _sentences(standings: tuple[Standing, ...]) -> Iterator[str]:
    verdicts = {one.latest.verdict for one in standings}
    if len({one.version for one in standings}) > 1:
        yield "The images do not have the same version."
    yield "The verdict is the same." if len(verdicts) == 1 else "The verdicts are not the same."
    wheels = [wheel for one in standings if (wheel := _wheel(one.latest))]
    if len(wheels) == len(standings):
        alike = len({(wheel.filename, wheel.sha256) for wheel in wheels}) == 1
        yield "The first builds gave the same bytes." if alike else "The first builds did not give the same bytes."
