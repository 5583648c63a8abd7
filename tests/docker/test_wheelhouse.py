"""The command wheelhouse on the real engine: a set that one recipe gives, and what it cannot give."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

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

GOOD = ("blameless", "build-path", "umask")
BAD = ("broken-code", "random")


@pytest.fixture
def farm(tmp_path: Path, cache: Path, bookworm: Image) -> Iterator[FarmFixture]:
    """Give a farm whose index has the packages, and the pip with which a recipe begins."""
    index = Index(None, cache)
    pins = offered(index, begins_with(RecipeForm.SH), bookworm.target)
    assert not isinstance(pins, str)
    for one in farm_on(tmp_path):
        one.configure(budget={"builds": 12})
        one.publish(*GOOD, *BAD, "timezone")
        for pin in pins:
            file = index.fetch(OfferedWheel(pin.filename, pin.url, pin.sha256), 1 << 26)
            one.index.publish(pin.filename, file.read_bytes())
        yield one


def test_one_recipe_for_a_set(farm: FarmFixture) -> None:
    """What cannot be included is left out with its reason; what was proven is not built again."""
    refused = farm.run("wheelhouse", *GOOD, *BAD, "--out", "house")

    assert refused.status == 17
    assert "one recipe does not give 2 of 5 releases" in refused.err
    assert not (farm.folder / "house").exists()

    kept = farm.run("wheelhouse", *GOOD, *BAD, "--out", "house", "--keep-going")

    assert kept.status == 17
    assert "3 of 5 wheels are proven, in 0 builds" in kept.out
    house = json.loads((farm.folder / "house" / "wheelhouse.json").read_bytes())
    assert house["remedies"] == ["fix-build-path", "fix-umask"]
    assert [one["project"] for one in house["wheels"]] == list(GOOD)
    broken, intrinsic = house["left_out"]
    assert (broken["project"], broken["nearest"]) == ("broken-code", [])
    assert broken["reason"].startswith("ftbfs")
    assert (intrinsic["project"], intrinsic["reason"].partition(",")[0]) == ("random", "intrinsic")
    assert intrinsic["nearest_why"]
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=farm.folder / "house", check=True)

    more = farm.run("wheelhouse", *GOOD, "--out", "house", "--json")

    assert more.status == 0
    assert json.loads(more.out)["wheels"] == house["wheels"]
    assert not json.loads(more.out)["left_out"]
    assert (farm.folder / "house" / "wheelhouse.json").read_text() == more.out


def test_two_builds_prove_each_member(farm: FarmFixture) -> None:
    """They ran rebuild.sh with the data that is handed out, in environments that differ in all that it does not set."""
    assert farm.run("wheelhouse", "umask", "blameless", "--out", "house").status == 0

    house = json.loads((farm.folder / "house" / "wheelhouse.json").read_bytes())
    for wheel in house["wheels"]:
        first, second = wheel["builds"]
        assert first["wheel"] == second["wheel"] == wheel["wheel"]
        assert first["environment"]["recipe"] == second["environment"]["recipe"] != ""
        assert first["probe"]["umask"] != second["probe"]["umask"]
        assert first["environment"]["build_path"] != second["environment"]["build_path"]
    assert house["remedies"] == ["fix-umask"]

    # A release that needs nothing more is added: the recipe is the same, and so are the proofs of the others.
    added = farm.run("wheelhouse", "umask", "blameless", "file-order", "--out", "house")
    assert added.status in {0, 17}
