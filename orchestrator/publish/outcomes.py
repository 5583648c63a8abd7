"""The outcomes of verifying a published wheel for readers: their words, their order, and how many wheels have each."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.model import ArchiveField, Outcome
from orchestrator.publish.phrases import listed
from orchestrator.publish.wording import Word
from orchestrator.results.trend import REBUILT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.results.summary import Verified

WORDS = (
    Word(
        Outcome.IDENTICAL,
        "identical",
        "Our builds have the bytes of the published wheel.",
        "It does not mean that the source is safe; it means that the wheel is what this source gives.",
    ),
    Word(
        Outcome.RESTAMPED,
        "restamped",
        "Every file has the published bytes, and so has the archive once the fields that are named are taken from "
        "the published wheel.",
        "These fields are times, permissions, the order and the compression of the archive; nothing else is taken.",
    ),
    Word(
        Outcome.METADATA,
        "metadata",
        "Only lines of the wheel's dist-info folder differ, each with its cause; nothing that is imported differs.",
        "A program can read these lines. Each is shown.",
    ),
    Word(
        Outcome.DIFFERS,
        "differs",
        "Installed files differ, are missing, or are not in what the source gives, or a line of the dist-info folder "
        "differs for no known cause.",
        "It does not mean that the wheel is malicious: another compiler or a forgotten file is enough. Each "
        "difference is shown, so that somebody can look at it.",
    ),
    Word(
        Outcome.UNBUILDABLE,
        "unbuildable",
        "The source gives no wheel here, or gives it in one environment only; the reason is shown.",
        "Nothing is known of the published wheel.",
    ),
    Word(
        Outcome.NO_SDIST,
        "no sdist",
        "The release has no source distribution on the index, so there is nothing to build its wheel from.",
        "Nothing is known of the published wheel.",
    ),
    Word(
        Outcome.NO_COUNTERPART,
        "no counterpart",
        "No image here builds a wheel of the published one's kind; the reason is shown.",
        "Nothing is known of the published wheel.",
    ),
)
"""What each outcome means, and what it does not mean."""

LABELS = {word.slug: word.label for word in WORDS}

ARCHIVE_FIELDS: Mapping[ArchiveField, str] = {
    ArchiveField.TIMES: "times",
    ArchiveField.MODES: "permissions",
    ArchiveField.ORDER: "order of the members",
    ArchiveField.COMPRESSION: "packed bytes",
}
"""What of an archive may be taken from the published wheel, as a sentence names it."""

DECIDED = (*REBUILT, Outcome.METADATA, Outcome.DIFFERS, Outcome.UNBUILDABLE)
"""The outcomes of a wheel that has a source and an image here: whether it is rebuilt was tried."""

ORDER = (Outcome.DIFFERS, *(one for one in Outcome if one is not Outcome.DIFFERS))
"""All outcomes in the order of lists: what auditors look for is first."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many published wheels have each outcome, each wheel once."""

    of: Mapping[Outcome, int]  # every outcome is a key

    @property
    def rebuilt(self) -> int:
        """The wheels that are rebuilt to the bit."""
        return sum(self.of[one] for one in REBUILT)

    @property
    def decided(self) -> int:
        """The wheels that have a source and an image here."""
        return sum(self.of[one] for one in DECIDED)

    @property
    def verified(self) -> int:
        """All wheels that have an outcome."""
        return sum(self.of.values())


def counts(published: Iterable[Verified]) -> Counts:
    """Count published wheels, given once each."""
    counted = Counter(one.outcome for one in published)
    return Counts({outcome: counted[outcome] for outcome in Outcome})


def of_counts(found: Counts) -> tuple[str, ...]:
    """Return in sentences how the wheels that are rebuilt are, what the whole is, and what is not in it."""
    count = found.of
    taken = f"{count[Outcome.RESTAMPED]} once named fields of the archive are taken from the published wheel"
    how = f"{count[Outcome.IDENTICAL]} as built, {taken}."
    left = [
        f"{count[outcome]} {text}"
        for outcome, text in (
            (Outcome.METADATA, "with other lines of the dist-info folder alone"),
            (Outcome.DIFFERS, "with other files"),
            (Outcome.UNBUILDABLE, "that could not be built"),
        )
        if count[outcome]
    ]
    apart = [
        f"{count[outcome]} {text}"
        for outcome, text in (
            (Outcome.NO_SDIST, "without an sdist"),
            (Outcome.NO_COUNTERPART, "without a counterpart here"),
        )
        if count[outcome]
    ]
    return (
        *([how] if found.rebuilt else []),
        *([f"The others: {listed(left)}."] if left else []),
        *([f"Not counted: {listed(apart)}."] if apart else []),
    )


def by_version(published: Iterable[Verified]) -> Mapping[str, tuple[Outcome, ...]]:
    """Return the outcomes of a project's published wheels by version, each outcome once, what differs first."""
    found: defaultdict[str, set[Outcome]] = defaultdict(set)
    for one in published:
        found[one.version].add(one.outcome)
    return {version: tuple(one for one in ORDER if one in some) for version, some in found.items()}
