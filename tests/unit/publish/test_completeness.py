"""Every variation and every remedy is complete in its one entry; an incomplete entry is reported."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.variation import Planted, Variation, nothing
from orchestrator.build.variations import VARIATIONS
from orchestrator.build.writing import Writing
from orchestrator.experiments.remedies import REMEDIES, Remedy
from orchestrator.guest.postprocess import STEPS
from orchestrator.model import RecipeForm
from orchestrator.publish.catalogue import REMEDY, VARIATION, chapters
from orchestrator.publish.docs import docs
from orchestrator.recipes import write
from tests.cause_cases import PACKAGES
from tests.recipe_cases import PLAIN
from tests.samples import FIRST, SECOND, probe

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = dict(docs())
ENTRIES = {(chapter.slug, entry.slug) for chapter in chapters() for entry in chapter.entries}
UNPLANTED = {"time", "fileordering"}
"""What these change is a date or an order, which is no text."""


def page_faults(chapter: str, slug: str) -> Iterator[str]:
    """Yield what the pages lack of one slug."""
    if (chapter, slug) not in ENTRIES:
        yield "it is not in the catalogue of the site"
    if f"\n## {slug}\n" not in PAGES[f"{chapter}.md"]:
        yield f"it has no section in docs/{chapter}.md"


def text_faults(entry: Variation | Remedy) -> Iterator[str]:
    """Yield the texts that one entry lacks."""
    for field in fields(entry):
        text = getattr(entry, field.name)
        if field.name in {"summary", "why", "shows", "repair", "example", "use"} and not text.endswith("."):
            yield f"{field.name} is not a sentence"


def variation_faults(variation: Variation) -> Iterator[str]:
    """Yield what one variation lacks."""
    second = variation.apply(FIRST)
    before, after = probe(FIRST), probe(second)
    yield from page_faults(VARIATION, variation.name)
    yield from text_faults(variation)
    if second == FIRST:
        yield "it does not change the environment"
    if variation.shown(FIRST) == variation.shown(second) or not all(map(variation.shown, (FIRST, second))):
        yield "it is shown alike for both environments"
    if variation.seen(before) == variation.seen(after) or not all(map(variation.seen, (before, after))):
        yield "what the probe found is shown alike for both environments"
    if not variation.acted(before, after) or variation.acted(before, before):
        yield "the probe does not show whether it acted"
    new = text_of(variation.planted(second, after)) - text_of(variation.planted(FIRST, before))
    if not new and variation.name not in UNPLANTED:
        yield "it plants nothing by which it is recognised"
    if not (PACKAGES / variation.name / "sin.py").is_file():
        yield f"tests/packages/{variation.name}/sin.py, which captures it, is missing"
    if variation.fixed == Writing():
        yield "nothing is written about how to hold it"


def text_of(planted: Planted) -> set[str]:
    """Return all texts that are planted."""
    return {*planted.values, *planted.words}


def remedy_faults(remedy: Remedy) -> Iterator[str]:
    """Yield what one remedy lacks."""
    yield from page_faults(REMEDY, remedy.name)
    yield from text_faults(remedy)
    if remedy.written.check and all(remedy.apply(one, "1.0") == one for one in (FIRST, SECOND)):
        yield "its recipe checks what the farm does not bring about"
    if remedy.written == Writing():
        yield "nothing is written for users"
    if not set(remedy.written.finish) <= set(STEPS):
        yield "postprocess has no such step"


@pytest.mark.parametrize("variation", VARIATIONS, ids=lambda variation: variation.name)
def test_each_variation_is_complete(variation: Variation) -> None:
    """It has a page and all its texts, changes the environment, and is shown, seen and written."""
    assert not list(variation_faults(variation))


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda remedy: remedy.name)
def test_each_remedy_is_complete(remedy: Remedy) -> None:
    """It has a page and all its texts, does something, and is written for users."""
    assert not list(remedy_faults(remedy))
    for form in (RecipeForm.SH, RecipeForm.BUILD, RecipeForm.UV, RecipeForm.DEBIAN_RULES):
        text = write(form, replace(PLAIN, remedies=(remedy.name,)))
        ours = f"# Remedy {remedy.name}: {remedy.summary}\n"
        assert text.count(ours) == 1
        assert text.replace(ours, "") != write(form, PLAIN)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": "no-page"}, "it is not in the catalogue of the site"),
        ({"name": "no-page"}, "it has no section in docs/variations.md"),
        ({"name": "no-page"}, "tests/packages/no-page/sin.py, which captures it, is missing"),
        ({"why": ""}, "why is not a sentence"),
        ({"example": "`a`"}, "example is not a sentence"),
        ({"changes": lambda _: {}}, "it does not change the environment"),
        ({"shown": lambda _: "0022"}, "it is shown alike for both environments"),
        ({"seen": lambda _: "0022"}, "what the probe found is shown alike for both environments"),
        ({"acted": lambda *_: False}, "the probe does not show whether it acted"),
        ({"acted": lambda *_: True}, "the probe does not show whether it acted"),
        ({"planted": nothing}, "it plants nothing by which it is recognised"),
        ({"fixed": Writing()}, "nothing is written about how to hold it"),
    ],
)
def test_an_incomplete_variation_is_reported(changes: dict[str, object], fault: str) -> None:
    """Whatever its entry lacks."""
    umask = next(variation for variation in VARIATIONS if variation.name == "umask")
    assert fault in list(variation_faults(replace(umask, **changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": "no-page"}, "it is not in the catalogue of the site"),
        ({"name": "no-page"}, "it has no section in docs/remedies.md"),
        ({"use": ""}, "use is not a sentence"),
        ({"written": Writing(check="false")}, "its recipe checks what the farm does not bring about"),
        ({"written": Writing()}, "nothing is written for users"),
        ({"written": Writing(finish=("no-such-step",))}, "postprocess has no such step"),
    ],
)
def test_an_incomplete_remedy_is_reported(changes: dict[str, object], fault: str) -> None:
    """Whatever its entry lacks."""
    flags = next(remedy for remedy in REMEDIES if remedy.name == "no-debug-info")
    assert fault in list(remedy_faults(replace(flags, **changes)))  # type: ignore[arg-type]


def test_no_field_of_an_entry_has_a_default() -> None:
    """So that mypy and Python both report an entry that lacks one."""
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'example'"):
        Variation(
            **{field.name: None for field in fields(Variation) if field.name != "example"}  # type: ignore[arg-type]
        )
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'written'"):
        Remedy("a", "b", "c", "d")  # type: ignore[call-arg]
