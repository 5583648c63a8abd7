"""A badge claims the worst that is known of what is current."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest

from orchestrator.model import Exclusion, Outcome, Result, Tracked, Verdict, Verification
from orchestrator.publish import badges
from orchestrator.publish.badges import Badge
from orchestrator.results.summary import summarize
from tests.sample_results import HOSTILE, IMAGE, explained, sample, with_recipe
from tests.sample_verifications import verified
from tests.samples import NOON

TRIXIE = replace(IMAGE, name="trixie")
GOOD = sample("six", "1.16.0")
RECIPE = with_recipe(replace(explained("six", "1.16.0"), image=TRIXIE))
BARE = sample("six", "1.16.0", Verdict.SENSITIVE, image=TRIXIE)


def badge(*results: Result, wheels: tuple[Verification, ...] = ()) -> Badge:
    """Return the badge of the one project."""
    (project,) = summarize(results, (), NOON + timedelta(days=9), (), wheels).projects
    return badges.badge(project)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ((GOOD,), Badge.REPRODUCIBLE),
        ((sample("six", hold=("umask",)),), Badge.HELD),
        ((GOOD, RECIPE), Badge.RECIPE),
        ((GOOD, replace(RECIPE, builds=RECIPE.builds[:3])), Badge.NOT_REPRODUCIBLE),
        ((GOOD, BARE), Badge.NOT_REPRODUCIBLE),
        ((GOOD, replace(GOOD, verdict=Verdict.INTRINSIC, finished=NOON - timedelta(days=1))), Badge.NOT_REPRODUCIBLE),
        ((BARE, sample("six", "1.16.0", Verdict.FTBFS)), Badge.FAILS),
        ((sample("six", "1.15.0", Verdict.FTBFS), GOOD), Badge.REPRODUCIBLE),
        ((sample("six", verdict=Verdict.NO_SDIST),), Badge.NO_SDIST),
    ],
)
def test_the_worst_of_what_is_current_counts(results: tuple[Result, ...], expected: Badge) -> None:
    """An older version does not count, another image does, and so does another run with equal inputs.

    A recipe that no build shows is none.
    """
    assert badge(*results) is expected


def test_a_published_wheel_that_differs_counts_if_its_version_does() -> None:
    """And where no version was judged."""
    assert badge(GOOD, wheels=(verified("six", "1.16.0", Outcome.DIFFERS),)) is Badge.DIFFERS
    assert badge(GOOD, wheels=(verified("six", "1.15.0", Outcome.DIFFERS),)) is Badge.REPRODUCIBLE
    assert badge(wheels=(verified("six", "1.15.0", Outcome.DIFFERS),)) is Badge.DIFFERS


def test_what_was_not_judged_is_not_called_anything_else() -> None:
    """Excluded, or open."""
    exclusion = Exclusion("scipy", "needs BLAS", date(2026, 11, 1))
    found = summarize((), (exclusion,), NOON, (Tracked("later"),)).projects
    assert {project.name: badges.badge(project) for project in found} == {"scipy": Badge.EXCLUDED, "later": Badge.OPEN}


@pytest.mark.parametrize("of", Badge)
def test_the_endpoint_has_the_form_of_shields(of: Badge) -> None:
    """Its schema's fields and no others; only a failure is an error."""
    value = json.loads(badges.endpoint(of))
    assert {"schemaVersion": 1, "label": "wheelproof", "message": of.value}.items() <= value.items()
    assert value.get("isError", False) is (of is Badge.FAILS)
    assert value.keys() <= {"schemaVersion", "label", "message", "color", "isError"}
    assert of in badges.MEANINGS


@pytest.mark.parametrize("of", Badge)
def test_the_image_is_well_formed_whatever_the_name(of: Badge) -> None:
    """With what it shows in words."""
    image = badges.svg(HOSTILE.replace("\x1b", ""), of)
    root = ET.fromstring(image)  # noqa: S314 - ours
    texts = [one.text for one in root.iter() if one.tag.endswith("}text")]
    assert texts == ["wheelproof", of.value]
    assert "<script" not in image
    assert root.attrib["role"] == "img"
    assert of.value in root.attrib["aria-label"]
