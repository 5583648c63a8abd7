"""Plans beside runs of the real command: what a plan announces is what the run then does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orchestrator.images import build, recipe
from orchestrator.util import shipped
from tests.cause_cases import PACKAGES, PYPROJECT
from tests.docker.farm_fixture import FarmFixture, farm_on
from tests.loopback_index import sdist, wheel

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
    names = recipe.names(shipped.IMAGES)
    locked = [name for name in names if not recipe.without_lock(recipe.load(shipped.IMAGES, name))]
    missing = [name for name in locked if build.find(engine, name, shipped.IMAGES) is None]
    if not missing:
        pytest.skip("the engine has all images that have a lock")
    yard.publish("blameless")
    ended = yard.run("plan", "--image", missing[0], "blameless")
    assert ended.status == 0, ended.err
    assert "never built; the image is not built yet" in ended.out
    assert build.find(engine, missing[0], shipped.IMAGES) is None


def test_a_plan_locks_as_of_the_same_moment_as_the_run(yard: FarmFixture) -> None:
    """Another moment is announced only where it changes the build requirements."""
    members = {
        "NAME": b"dated",
        "sin.py": b"def commit():\n    return {}\n",
        "backend.py": (PACKAGES / "backend.py").read_bytes(),
    }
    members["pyproject.toml"] = PYPROJECT.replace(b"requires = []", b'requires = ["helper"]')
    assert b"helper" in members["pyproject.toml"]
    yard.index.publish("dated-1.0.tar.gz", sdist("dated", "1.0", members))
    for version, uploaded in (("1.0", "2024-01-01T00:00:00Z"), ("2.0", "2024-06-01T12:00:00Z")):
        yard.index.publish(f"helper-{version}-py3-none-any.whl", wheel("helper", version), uploaded=uploaded)
    for as_of, action, version in (
        ("2024-03-01", "build", "1.0"),
        ("2024-06-01T12:00:00Z", "skip", "1.0"),
        ("2024-06-01T12:00:01Z", "build", "2.0"),
        ("2024-06-01", "skip", "2.0"),
        (None, "skip", "2.0"),
    ):
        yard.configure(packages={"dated": {"as-of": as_of}}, **{"as-of": "2023-01-01"})
        assert actions(yard, "dated")["dated"][0] == action, as_of
        ended = yard.run("run", "--json", "dated")
        (record,) = json.loads(ended.out)
        assert [pin["version"] for pin in record["build_requirements"]] == [version], ended.err
