"""An installed wheelproof builds for real, in a folder that has nothing to do with a checkout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import docker
import pytest

from tests.docker.farm_fixture import farm_on
from tests.installed import Installed, build, checkout, install

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment with the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("installed")
    return install(build("wheel", checkout(folder / "checkout"), folder / "wheel"), folder / "environment")


@pytest.mark.usefixtures("bookworm")
def test_init_plan_and_run(installed: Installed, tmp_path: Path) -> None:
    """A module of the standard library's name in the folder is none of ours, whichever process sees it."""
    assert installed.run(tmp_path, "init").status == 0
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the current folder')\n")
    for yard in farm_on(tmp_path):
        yard.publish("blameless")
        with (tmp_path / "config.yaml").open("a") as stream:
            stream.write(f"\nindex: {yard.index.url}\n")
        assert "never built" in installed.run(tmp_path, "plan", "blameless").out
        ended = installed.run(tmp_path, "run", "blameless", "--json")
        assert ended.status == 0, ended.err
        assert [one["verdict"] for one in json.loads(ended.out)] == ["reproducible"]
        assert (tmp_path / "results" / "site" / "packages" / "blameless.html").is_file()
        assert (tmp_path / ".cache").is_dir()
        assert installed.run(tmp_path, "images", "bookworm").out.startswith("image")
    assert not docker.from_env().containers.list(filters={"label": f"wheelproof={yard.label}"})
