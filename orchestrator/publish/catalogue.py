"""The catalogues of causes, variations and remedies, as readers get them: one entry for each slug."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.build.variations import VARIATIONS
from orchestrator.experiments.remedies import REMEDIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orchestrator.analysis.causes.model import Cause
    from orchestrator.build.variation import Variation
    from orchestrator.build.writing import Writing
    from orchestrator.experiments.remedies import Remedy

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


def chapters(
    causes: Sequence[Cause] = CAUSES,
    variations: Sequence[Variation] = VARIATIONS,
    remedies: Sequence[Remedy] = REMEDIES,
) -> tuple[Chapter, ...]:
    """Return the catalogues, in the order in which a reader meets them."""
    fixes = {one.variation: one.name for one in remedies if one.variation}
    return (
        Chapter(CAUSE, "Causes", _OF_CAUSES, tuple(map(_cause, causes))),
        Chapter(VARIATION, "Variations", _OF_VARIATIONS, tuple(_variation(one, causes, fixes) for one in variations)),
        Chapter(REMEDY, "Remedies", _OF_REMEDIES, tuple(_remedy(one, causes) for one in remedies)),
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


_OF_REMEDIES = (
    "What makes two builds the same that are not. The remedies of the causes that were found are built, in both "
    "environments and under all variations but those that the remedy itself holds, and judged again: `proven` means "
    "that they gave equal bytes, `rejected` that they did not, or made the difference deeper. The smallest proven set "
    "is the recipe."
)


def summaries(causes: Iterable[Cause] = CAUSES) -> dict[str, str]:
    """Return what each cause is, in a sentence, by its slug."""
    return {one.name: one.summary for one in causes}


def _cause(one: Cause) -> Entry:
    told = (("Why", one.why), ("How it shows", one.shows), ("Example", one.example))
    by_itself = (
        ()
        if one.variations
        else (("Variations", "None is known beforehand: building tells, where it is not by chance."),)
    )
    return Entry(
        one.name,
        one.summary,
        (*told, *by_itself),
        _some(
            See("Variations that can do it", VARIATION, one.variations), See("How to repair it", REMEDY, one.remedies)
        ),
    )


def _variation(one: Variation, causes: Iterable[Cause], fixes: Mapping[str, str]) -> Entry:
    told = (("Why", one.why), ("How it shows", one.shows), ("How to repair it", one.repair), ("Example", one.example))
    does = tuple(cause.name for cause in causes if one.name in cause.variations)
    fix = (fixes[one.name],) if one.name in fixes else ()
    see = _some(See("Causes that it can bring about", CAUSE, does), See("The remedy that holds it", REMEDY, fix))
    return Entry(one.name, one.summary, told, see)


def _remedy(one: Remedy, causes: Iterable[Cause]) -> Entry:
    told = (("Why it helps", one.why), ("How to use it", one.use), *_example(one.written))
    repairs = tuple(cause.name for cause in causes if one.name in cause.remedies)
    holds = (one.variation,) if one.variation else ()
    see = _some(See("Causes that it can repair", CAUSE, repairs), See("The variation that it holds", VARIATION, holds))
    return Entry(one.name, one.summary, told, see)


def _example(written: Writing) -> Iterator[tuple[str, str]]:
    """Show a remedy as a shell has it, where it is something for a shell."""
    pieces = (
        *written.lines,
        *(f'export {name}="{value}"' for name, value in written.variables),
        *(f"CFLAGS={flag}" for flag in written.flags),
        *(f"--config-setting={key}={value}" for key, value in written.settings),
        *((" ".join((*written.wrap, "python3 -m build")),) if written.wrap else ()),
    )
    if pieces:
        yield "Example", ", ".join(f"`{piece}`" for piece in pieces)


def _some(*all_of: See) -> tuple[See, ...]:
    return tuple(one for one in all_of if one.slugs)
