"""The seed's form has room for one verdict per name: it must be the right one, with its own hashes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.model import Result, Tracked, Verdict
from orchestrator.publish.site_data import site_data
from orchestrator.results.summary import summarize
from tests.sample_results import IMAGE, sample
from tests.samples import NOON

TRIXIE = replace(IMAGE, name="trixie")


def published(*results: Result) -> dict[str, dict[str, object]]:
    """Return what readers of the file get."""
    data = json.loads(site_data(summarize(results, (), NOON), "bookworm"))
    assert isinstance(data, dict)
    return data


def hashes(result: Result) -> dict[str, str]:
    """Return the hashes of the first and the second wheel, as the seed names them."""
    first, second = (build.wheel for build in result.builds[:2])
    assert first is not None
    assert second is not None
    return {"hash_1": first.sha256, "hash_2": second.sha256}


@pytest.mark.parametrize(
    ("verdict", "result"),
    [(Verdict.REPRODUCIBLE, True), (Verdict.SENSITIVE, False), (Verdict.INTRINSIC, False)],
)
def test_what_was_built_twice_has_its_verdict_and_both_hashes(verdict: Verdict, *, result: bool) -> None:
    """True means equal hashes, and false means different ones."""
    judged = sample("six", "1.16.0", verdict)
    entry = published(judged)["six"]
    assert entry == {"result": result, **hashes(judged)}
    assert (entry["hash_1"] == entry["hash_2"]) is result


@pytest.mark.parametrize("verdict", [Verdict.FTBFS, Verdict.NO_SDIST, Verdict.EXCLUDED])
def test_what_was_not_built_twice_has_no_entry(verdict: Verdict) -> None:
    """The form has no field for a reason, so the project is left out."""
    assert published(sample(verdict=verdict)) == {}


def test_a_verdict_without_both_wheels_has_no_entry() -> None:
    """A build that fails only in the second environment leaves one hash."""
    result = sample(verdict=Verdict.SENSITIVE)
    half = replace(result, builds=(result.builds[0], replace(result.builds[1], wheel=None)))
    assert published(half) == {}


def test_the_newest_version_speaks_for_its_project() -> None:
    """However old the result, and whatever the older version's verdict."""
    newest = sample("six", "1.10", days=-9)
    assert published(newest, sample("six", "1.9", Verdict.SENSITIVE))["six"] == {"result": True, **hashes(newest)}


def test_the_default_image_speaks_for_its_project() -> None:
    """The form has no word for images, and the seed's verdicts are all of one."""
    worse = sample(verdict=Verdict.SENSITIVE)
    on_trixie = sample("six", "1.17.0", Verdict.INTRINSIC, image=TRIXIE)
    assert published(worse, on_trixie)["six"] == {"result": False, **hashes(worse)}
    assert published(sample(), replace(worse, image=TRIXIE))["six"] == {"result": True, **hashes(sample())}


def test_where_nothing_was_built_on_the_default_image_the_worse_of_the_others_speaks() -> None:
    """What is built on a custom image alone would have no entry otherwise."""
    failed = sample(verdict=Verdict.FTBFS)
    worse, better = sample(verdict=Verdict.SENSITIVE, image=TRIXIE), sample(image=replace(IMAGE, name="rust"))
    for results in ((failed, worse, better), (better, worse)):
        assert published(*results)["six"] == {"result": False, **hashes(worse)}


def test_a_preview_that_is_tracked_does_not_speak_for_a_project_with_a_release() -> None:
    """Though it is current, and newer."""
    release, preview = sample("six", "1.17"), sample("six", "2.0b1", Verdict.SENSITIVE)
    data = json.loads(site_data(summarize((release, preview), (), NOON, (Tracked("six", "2.0b1"),)), "bookworm"))
    assert data["six"] == {"result": True, **hashes(release)}


def test_names_come_in_order_so_that_a_commit_shows_what_changed() -> None:
    """One verdict that changes is one line that changes."""
    text = site_data(summarize((sample("six"), sample("attrs")), (), NOON), "bookworm")
    assert list(json.loads(text)) == ["attrs", "six"]
    assert text.endswith("}\n")
    assert len(text.splitlines()) == 12
