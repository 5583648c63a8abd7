"""The catalogues of causes, variations, remedies, cautions and clues for readers: one entry for each slug."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.analysis.causes.model import Party
from orchestrator.analysis.cautions import CAUTIONS
from orchestrator.analysis.clues.catalogue import CLUES
from orchestrator.build.variations import VARIATIONS
from orchestrator.experiments.explain import FRAGILE
from orchestrator.experiments.remedies import REMEDIES
from orchestrator.publish.glossary import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orchestrator.analysis.causes.model import Cause, UpstreamAdvice
    from orchestrator.analysis.cautions import CautionKind
    from orchestrator.analysis.clues.catalogue import Clue
    from orchestrator.build.variation import Variation
    from orchestrator.build.writing import Writing
    from orchestrator.experiments.remedies import Remedy
    from orchestrator.publish.glossary import Group

CAUSE, VARIATION, REMEDY, CAUTION, CLUE, SLUG = "causes", "variations", "remedies", "cautions", "clues", "slugs"


@dataclass(frozen=True, slots=True)
class See:
    """Related entries of an entry, and how they are related."""

    how: str
    chapter: str
    slugs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of one slug; `sections` pairs headings with texts, in which `back-ticks` mark code."""

    slug: str
    what: str
    sections: tuple[tuple[str, str], ...]
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
    """Return the catalogues in the order of the documentation."""
    fixes = {entry.variation: entry.name for entry in remedies if entry.variation}
    return (
        Chapter(CAUSE, "Causes", _OF_CAUSES, (*map(_cause, causes), _FRAGILE)),
        Chapter(
            VARIATION, "Variations", _OF_VARIATIONS, tuple(_variation(entry, causes, fixes) for entry in variations)
        ),
        Chapter(REMEDY, "Remedies", _OF_REMEDIES, tuple(_remedy(entry, causes) for entry in remedies)),
        Chapter(CAUTION, "Cautions", _OF_CAUTIONS, tuple(map(_caution, CAUTIONS))),
        Chapter(CLUE, "Clues", _OF_CLUES, tuple(map(_clue, CLUES))),
        Chapter(SLUG, "Other slugs", _OF_SLUGS, tuple(map(_group, GROUPS))),
    )


_OF_CAUSES = (
    "Why two builds of one release differ. A cause is named if removing its trace from both wheels removes the "
    "difference there. `possible` after a cause means that the difference has its form, and nothing more is known; "
    "`trace` means that a value that the environment planted is there, or that the two files themselves show it; "
    "`isolated` means that builds have proved it. A cause that is only possible explains nothing that is installed: "
    "such a place stays unexplained."
)

_OF_VARIATIONS = (
    "How the environment of the second build differs from the first. A probe in each container checks that it does. "
    "All are varied in each run, except `host`, which needs two hosts and `spread: true`. "
    "A verdict's `holds` lists the variations that must be held for the wheels to be equal."
)


_OF_REMEDIES = (
    "How to make two builds equal. Remedies of the causes that were found are tried, each as part of a recipe that is "
    "run in two different environments. `proven` means that the builds gave equal bytes, with the remedy alone or with "
    "the set that the record names; `costly` means the same, with a program that is worse; `rejected` means that they "
    "did not, or that the difference became more serious. The smallest proven set is the recipe."
)

_OF_CLUES = (
    "What a published wheel, or its entry in the index, shows of how its publisher built it. `verify` reads the clues, "
    "builds the source as they tell, and compares. A clue decides only how we build: whatever it says, the outcome "
    "follows from the bytes."
)

_OF_SLUGS = "The short names in records, in the output of commands and on pages that are in no other catalogue."

_FRAGILE = Entry(
    FRAGILE,
    "The build fails in one of the two environments and gives a wheel in the other.",
    (
        (
            "Why",
            (
                "The build needs something that only one environment has: a home folder that exists, a locale, a "
                "kernel whose name it knows, a clock before a date, one processor."
            ),
        ),
        ("How it shows", "It leaves no trace in a wheel: one build has a failure, and its log has the line."),
        ("Example", "`mkdir: cannot create directory '/nonexistent'` in the log of the second build."),
        ("Variations", "Any. Experiments hold variations until the build ends as the first one does."),
        (
            "Reported to the project",
            "Let the build work in both environments, or name what it needs in its documentation.",
        ),
    ),
)


_OF_CAUTIONS = (
    "Why builds elsewhere may differ although those here agree. A caution changes no verdict: it names what no "
    "variation here can test, with the line that shows it."
)


def summaries(causes: Iterable[Cause] = CAUSES) -> dict[str, str]:
    """Return each cause's summary sentence by its slug."""
    return {cause.name: cause.summary for cause in causes} | {FRAGILE: _FRAGILE.what}


def _cause(cause: Cause) -> Entry:
    sections = (("Why", cause.why), ("How it shows", cause.shows), ("Example", cause.example))
    by_itself = (
        ()
        if cause.variations
        else (("Variations", "None is known in advance; experiments find it, unless the difference is random."),)
    )
    return Entry(
        cause.name,
        cause.summary,
        (*sections, *by_itself, *_upstream(cause.upstream)),
        _some(
            See("Variations that can cause it", VARIATION, cause.variations),
            See("How to fix it", REMEDY, cause.remedies),
        ),
    )


def _upstream(advice: Iterable[UpstreamAdvice]) -> Iterator[tuple[str, str]]:
    """Yield what each party changes, with the conditions of that advice and the issues about it."""
    for one in advice:
        to = one.tool or {Party.PROJECT: "the project", Party.BACKEND: "the build backend"}.get(one.party, "the tool")
        conditions = ", ".join((*one.backends, *one.variations, *one.shown))
        known = f" Known: {', '.join(one.known)}." if one.known else ""
        yield f"Reported to {to}{f' ({conditions})' if conditions else ''}", f"{one.change}{known}"


def _group(group: Group) -> Entry:
    return Entry(group.slug, group.what, tuple(group.meanings.items()))


def _variation(variation: Variation, causes: Iterable[Cause], fixes: Mapping[str, str]) -> Entry:
    sections = (
        ("Why", variation.why),
        ("How it shows", variation.shows),
        ("How to fix it", variation.repair),
        ("Example", variation.example),
    )
    does = tuple(cause.name for cause in causes if variation.name in cause.variations)
    fix = (fixes[variation.name],) if variation.name in fixes else ()
    see = _some(See("Causes that it can trigger", CAUSE, does), See("The remedy that holds it", REMEDY, fix))
    return Entry(variation.name, variation.summary, sections, see)


def _remedy(remedy: Remedy, causes: Iterable[Cause]) -> Entry:
    sections = (("Why it helps", remedy.why), ("How to use it", remedy.use), *_example(remedy.written))
    repairs = tuple(cause.name for cause in causes if remedy.name in cause.remedies)
    holds = (remedy.variation,) if remedy.variation else ()
    see = _some(See("Causes that it can fix", CAUSE, repairs), See("The variation that it holds", VARIATION, holds))
    return Entry(remedy.name, remedy.summary, sections, see)


def _caution(caution: CautionKind) -> Entry:
    sections = (
        ("Why", caution.why),
        ("How it shows", caution.shows),
        ("How to fix it", caution.repair),
        ("Example", caution.example),
    )
    return Entry(caution.name, caution.summary, sections)


def _clue(clue: Clue) -> Entry:
    return Entry(clue.name, clue.summary, (("What it shows", clue.why), ("Example", clue.example)))


def _example(written: Writing) -> Iterator[tuple[str, str]]:
    """Yield a remedy's shell commands as an example, if it has any."""
    pieces = (
        *written.lines,
        *(f'export {name}="{value}"' for name, value in written.variables),
        *(f"gcc ... {flag}" for flag in written.flags),
        *(f"--config-setting={key}={value}" for key, value in written.settings),
        *((" ".join((*written.wrap, "python3 -m build")),) if written.wrap else ()),
    )
    if pieces:
        yield "Example", ", ".join(f"`{piece}`" for piece in pieces)


def _some(*all_of: See) -> tuple[See, ...]:
    return tuple(see for see in all_of if see.slugs)
