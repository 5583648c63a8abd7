"""The command wheelhouse on the real engine: a set that one recipe gives, and what it cannot give."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.farm.recipe_effects import offered
from orchestrator.model import OfferedWheel, RecipeForm
from orchestrator.recipes import begins_with
from orchestrator.sources.index import Index
from tests.docker.farm_fixture import FarmFixture, farm_on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.model import Image

GOOD = ("build-path", "umask")
BAD = ("broken-code", "random")


@pytest.fixture
def farm(tmp_path: Path, cache: Path, bookworm: Image) -> Iterator[FarmFixture]:
    """Give a farm whose index has the packages, and the pip with which a recipe begins."""
    index = Index(None, cache)
    pins = offered(index, begins_with(RecipeForm.SH), bookworm.target)
    assert not isinstance(pins, str)
    for one in farm_on(tmp_path):
        one.configure(budget={"builds": 8})
        one.publish(*GOOD, *BAD, "blameless")
        for pin in pins:
            file = index.fetch(OfferedWheel(pin.filename, pin.url, pin.sha256), 1 << 26)
            one.index.publish(pin.filename, file.read_bytes())
        yield one


def test_one_recipe_for_a_set(farm: FarmFixture) -> None:
    """What cannot be included is left out with its reason; what was proven is not built again."""
    refused = farm.run("wheelhouse", *GOOD, *BAD, "--out", "house")

    assert refused.status == 17
    assert "one recipe does not give 2 of 4 releases; nothing is written" in refused.err
    assert not (farm.folder / "house").exists()

    kept = farm.run("wheelhouse", *GOOD, *BAD, "--out", "house", "--keep-going")

    assert kept.status == 17
    assert "2 of 4 wheels are proven, in 0 builds" in kept.out
    house = json.loads((farm.folder / "house" / "wheelhouse.json").read_bytes())
    assert house["remedies"] == ["fix-build-path", "fix-umask"]
    assert [one["project"] for one in house["wheels"]] == list(GOOD)
    broken, intrinsic = house["left_out"]
    assert (broken["project"], broken["nearest"]) == ("broken-code", [])
    assert broken["reason"].startswith("ftbfs")
    assert (intrinsic["project"], intrinsic["reason"].partition(",")[0]) == ("random", "intrinsic")
    assert intrinsic["nearest_why"]

    # A release that needs no other recipe leaves the other proofs as they are.
    proofs = set(farm.results.glob("wheelhouses/proofs/*.json"))
    more = farm.run("wheelhouse", *GOOD, "blameless", "--out", "house", "--json")

    assert more.status == 0
    assert len(set(farm.results.glob("wheelhouses/proofs/*.json")) - proofs) == 1
    assert (farm.folder / "house" / "wheelhouse.json").read_text() == more.out
    blameless, *others = json.loads(more.out)["wheels"]
    assert others == house["wheels"]
    _is_proven(blameless)


def _is_proven(wheel: dict[str, Any]) -> None:
    """Check that both builds ran one text, in environments that differ in what it does not set, and in what it sets."""
    first, second = wheel["builds"]
    assert first["wheel"] == second["wheel"] == wheel["wheel"]
    assert first["environment"]["recipe"] == second["environment"]["recipe"] != ""
    assert first["probe"]["umask"] != second["probe"]["umask"]
    assert first["probe"]["hostname"] != second["probe"]["hostname"]
