"""Every slug that users can meet has an entry in docs/ and on the site."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest

from orchestrator import model
from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.analysis.causes.model import Party
from orchestrator.analysis.cautions import CAUTIONS
from orchestrator.build.variations import VARIATIONS
from orchestrator.experiments.explain import FRAGILE
from orchestrator.experiments.remedies import REMEDIES
from orchestrator.publish.catalogue import CAUSE, CAUTION, REMEDY, VARIATION, chapters
from orchestrator.publish.glossary import GROUPS
from orchestrator.results.witness import WitnessOutcome

DOCS = Path(__file__).resolve().parents[3] / "docs"
ENUMERATIONS = (
    *(kind for kind in vars(model).values() if isinstance(kind, type) and issubclass(kind, StrEnum)),
    Party,
    WitnessOutcome,
)


def entries(page: str) -> dict[str, str]:
    """Return the text of each entry of a page of docs/, by its slug."""
    parts = (DOCS / f"{page}.md").read_text(encoding="utf-8").split("\n## ")[1:]
    return {slug: text for slug, _, text in (part.partition("\n") for part in parts)}


def undocumented(kind: type[StrEnum]) -> list[str]:
    """Return the slugs of an enumeration that docs/slugs.md does not explain."""
    groups = [group.slug for group in GROUPS if group.of is kind or {*group.meanings} == {*kind}]
    text = "".join(entries("slugs").get(slug, "") for slug in groups)
    return [slug for slug in kind if slug and f"\n**{slug}.** " not in text]


@pytest.mark.parametrize("kind", ENUMERATIONS, ids=lambda kind: kind.__name__)
def test_each_slug_of_a_record_is_documented(kind: type[StrEnum]) -> None:
    """With a sentence; so is each value of an enumeration that is added to the model."""
    assert undocumented(kind) == []


def test_an_undocumented_slug_is_found() -> None:
    """Of a new enumeration, and a new value of one that is documented."""
    new = StrEnum("new", {"SOME": "some-slug"})
    assert undocumented(new) == ["some-slug"]
    assert len(ENUMERATIONS) >= 18


@pytest.mark.parametrize(
    ("page", "slugs"),
    [
        (CAUSE, (*(cause.name for cause in CAUSES), FRAGILE)),
        (VARIATION, tuple(variation.name for variation in VARIATIONS)),
        (REMEDY, tuple(remedy.name for remedy in REMEDIES)),
        (CAUTION, tuple(caution.name for caution in CAUTIONS)),
    ],
)
def test_each_slug_of_a_catalogue_is_documented(page: str, slugs: tuple[str, ...]) -> None:
    """In docs/ and on the site."""
    (chapter,) = (chapter for chapter in chapters() if chapter.slug == page)
    assert set(slugs) <= entries(page).keys()
    assert set(slugs) <= {entry.slug for entry in chapter.entries}


def test_each_meaning_is_a_sentence() -> None:
    """And its slug is that of its enumeration."""
    for group in GROUPS:
        assert all(text[0].isupper() or text[0] == "`" for text in group.meanings.values())
        assert all(text.endswith(".") for text in (group.what, *group.meanings.values()))
        assert group.of is None or {*filter(None, group.of)} <= group.meanings.keys()
