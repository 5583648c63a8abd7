"""The catalogues of causes, variations and remedies, as readers get them: one entry for each slug."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.causes import CAUSES
from orchestrator.variations import VARIATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.causes.model import Cause
    from orchestrator.variations import Variation

CAUSE, VARIATION, REMEDY = "causes", "variations", "remedies"


@dataclass(frozen=True, slots=True)
class See:
    """Other entries that belong to one, and in which way."""

    how: str
    chapter: str
    slugs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be known of one slug; `told` pairs a heading with a text, in which `back-ticks` mark code."""

    slug: str
    what: str
    told: tuple[tuple[str, str], ...]
    see: tuple[See, ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """One catalogue."""

    slug: str
    title: str
    intro: str
    entries: tuple[Entry, ...]


def chapters(causes: Sequence[Cause] = CAUSES, variations: Sequence[Variation] = VARIATIONS) -> tuple[Chapter, ...]:
    """Return the catalogues, in the order in which a reader meets them."""
    return (
        Chapter(CAUSE, "Causes", _OF_CAUSES, tuple(map(_cause, causes))),
        Chapter(VARIATION, "Variations", _OF_VARIATIONS, tuple(_variation(one, causes) for one in variations)),
    )


_OF_CAUSES = (
    "Why two builds of one release differ. A cause is known by the trace that it leaves: it is named where the two "
    "wheels become the same once that trace is taken out of both. `trace` behind it says that no more than this is "
    "known; `isolated` says that builds have proved it, with its variations held."
)

_OF_VARIATIONS = (
    "What the second build has otherwise than the first. A probe in each container tells whether it really has. The "
    "variations that a verdict names under `holds` are those under which the wheel is the same once they are held."
)


def summaries(causes: Iterable[Cause] = CAUSES) -> dict[str, str]:
    """Return what each cause is, in a sentence, by its slug."""
    return {one.name: one.summary for one in causes}


def _cause(one: Cause) -> Entry:
    told = (("Why", one.why), ("How it shows", one.shows), ("Example", one.example))
    by_itself = () if one.variations else (("Variations", "None: it differs by itself."),)
    return Entry(
        one.name,
        one.summary,
        (*told, *by_itself),
        _some(
            See("Variations that can do it", VARIATION, one.variations), See("How to repair it", REMEDY, one.remedies)
        ),
    )


def _variation(one: Variation, causes: Iterable[Cause]) -> Entry:
    told = (("Why", one.why), ("How it shows", one.shows), ("How to repair it", one.repair), ("Example", one.example))
    does = tuple(cause.name for cause in causes if one.name in cause.variations)
    return Entry(one.name, one.summary, told, _some(See("Causes that it brings about", CAUSE, does)))


def _some(*all_of: See) -> tuple[See, ...]:
    return tuple(one for one in all_of if one.slugs)
