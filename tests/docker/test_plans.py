"""Plans beside runs of the real command: what a plan announces is what the run then does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orchestrator.images import build, recipe
from orchestrator.util import shipped
from tests.docker.farm_fixture import FarmFixture, farm_on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.model import Image


@pytest.fixture
def yard(tmp_path: Path, bookworm: Image) -> Iterator[FarmFixture]:
    """A separate farm, on the image that is built."""
    assert bookworm.name == "bookworm"
    yield from farm_on(tmp_path)


def actions(yard: FarmFixture, *requirements: str) -> dict[str, tuple[str, str]]:
    """Return (action, why) of each project of a plan."""
    ended = yard.run("plan", *requirements)
    assert ended.status == 0, ended.err
    lines = [" ".join(line.split()).split(" ", 4) for line in ended.out.splitlines()[1:]]
    return {project: (action, why) for project, _version, action, _image, why in lines}


def test_a_plan_announces_what_the_run_does(yard: FarmFixture, bookworm: Image) -> None:
    """Before, between and after two runs, with an engine and without one."""
    yard.publish("blameless", "umask")
    assert yard.run("run", "blameless").status == 0
    planned = actions(yard, "blameless", "umask")
    assert {project: action for project, (action, _) in planned.items()} == {"blameless": "skip", "umask": "build"}
    ended = yard.run("run", "--json", "blameless", "umask")
    assert "blameless 1.0: unchanged" in ended.err
    assert "umask 1.0: sensitive" in ended.err
    verdicts = {result["project"]: result["verdict"] for result in json.loads(ended.out)}
    planned = actions(yard, "blameless", "umask")
    for project, verdict in verdicts.items():
        action, why = planned[project]
        assert action == "skip"
        assert why.endswith(f": {verdict}")
    if not bookworm.drift:
        yard.environment["DOCKER_HOST"] = "unix:///nonexistent"
        for action, why in actions(yard, "blameless", "umask").values():
            assert action == "skip"
            assert why.endswith("if image and runtime are as configured (no engine answers)")


def test_a_plan_builds_no_image(yard: FarmFixture, engine: Engine) -> None:
    """The line states that the image is not built yet."""
    missing = [name for name in recipe.names(shipped.IMAGES) if build.find(engine, name, shipped.IMAGES) is None]
    if not missing:
        pytest.skip("the engine has all images")
    yard.publish("blameless")
    ended = yard.run("plan", "--image", missing[0], "blameless")
    assert ended.status == 0, ended.err
    assert "never built; the image is not built yet" in ended.out
    assert build.find(engine, missing[0], shipped.IMAGES) is None
