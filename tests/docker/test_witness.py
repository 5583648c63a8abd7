"""The commands that take other people's files, on the real engine."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.build.builder import inventory
from orchestrator.build.container import guest_folder
from orchestrator.build.variations import NAMES
from orchestrator.model import Provided
from tests.docker.containers import derive
from tests.docker.farm_fixture import FarmFixture, farm_on
from tests.samples import FIRST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.model import Image

SDIST = "blameless-1.0.tar.gz"
WHEEL = "blameless-1.0-py3-none-any.whl"


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[FarmFixture]:
    """Give a farm whose index has one blameless package, and that explains nothing by building."""
    for one in farm_on(tmp_path):
        one.configure(budget={"builds": 0})
        one.publish("blameless")
        yield one


def record(farm: FarmFixture) -> dict[str, Any]:
    """Return the newest record of the package."""
    found: dict[str, Any] = json.loads(farm.records("blameless")[-1].read_bytes())
    return found


def test_a_witness_distinguishes_hashes_that_match(farm: FarmFixture) -> None:
    """And lists those apart from the others, in files for sha256sum; why they differ, where the wheel is at hand."""
    assert farm.run("run", "blameless").status == 0
    sha256 = record(farm)["builds"][0]["wheel"]["sha256"]
    sums = farm.folder / "sha256sums.txt"
    sums.write_text(f"{record(farm)['sdist']['sha256']}  {SDIST}\n{sha256}  {WHEEL}\n")

    holds = farm.run("witness", "sha256sums.txt", "--json")

    assert (holds.status, [row["outcome"] for row in json.loads(holds.out)]) == (0, ["matches"])
    assert (farm.results / "sha256sums.txt").read_text() == f"{sha256}  {WHEEL}\n"
    assert (farm.results / "sha256sums.differs.txt").read_text() == ""

    theirs = farm.folder / WHEEL
    with (
        zipfile.ZipFile(farm.results / "wheels" / sha256) as ours,
        zipfile.ZipFile(theirs, "w", zipfile.ZIP_DEFLATED) as other,
    ):
        for info in ours.infolist():
            anew = zipfile.ZipInfo(info.filename, (2001, 1, 1, 0, 0, 0))
            anew.external_attr = info.external_attr
            other.writestr(anew, ours.read(info), zipfile.ZIP_DEFLATED)
    code = hashlib.sha256(theirs.read_bytes()).hexdigest()
    sums.write_text(f"{code}  {WHEEL}\n")

    differs = farm.run("witness", "sha256sums.txt", "--json")

    (row,) = json.loads(differs.out)
    assert differs.status == 10
    assert (row["sha256"], row["outcome"], row["rebuilt_sha256"]) == (code, "differs", sha256)
    assert row["severity"] == "archive"
    assert "archive-times" in row["causes"]
    assert (farm.results / "sha256sums.txt").read_text() == ""
    _, why, line = (farm.results / "sha256sums.differs.txt").read_text().splitlines()
    assert why.startswith(f"# {WHEEL}: listed {code}; differs; archive; causes: ")
    assert line == f"{sha256}  {WHEEL}"


def test_an_sdist_without_the_hash_that_is_asked_for_is_no_verdict(farm: FarmFixture) -> None:
    """The message names its hash, and the file and line of the expected one."""
    (farm.folder / "requirements.txt").write_text(f"blameless==1.0 --hash=sha256:{'0' * 64}\n")

    ended = farm.run("run", "-r", "requirements.txt")

    assert ended.status == 9
    assert "requirements.txt:1: its sdist blameless-1.0.tar.gz has sha256" in ended.err
    assert "are of no file of the index" in ended.err
    assert farm.records() == []


def test_what_the_images_python_has_no_use_for_is_left_out(farm: FarmFixture) -> None:
    """And a message is printed."""
    (farm.folder / "requirements.txt").write_text('blameless==1.0 ; sys_platform == "win32"\n')

    ended = farm.run("run", "-r", "requirements.txt")

    assert ended.status == 0
    assert "blameless==1.0 is left out on bookworm" in ended.err
    assert farm.records() == []


def test_a_groups_files_are_tracked(farm: FarmFixture) -> None:
    """Their paths are relative to the configuration."""
    (farm.folder / "requirements.txt").write_text("blameless==1.0\n")
    farm.configure(groups={"theirs": {"requirements": ["requirements.txt"]}})

    assert farm.run("run").status == 0
    assert farm.verdicts() == {"blameless": "reproducible"}


@pytest.mark.parametrize(("frontend", "verdict"), [("hooks", "reproducible"), ("pip", "intrinsic")])
def test_pip_builds_in_a_folder_of_random_name(farm: FarmFixture, frontend: str, verdict: str) -> None:
    """So that of a compiled wheel no two builds are the same, in one environment, as in 2020."""
    settings = {"build-tools": {"frontend": frontend}, "variations": {"hold": sorted(NAMES)}}
    farm.configure(index=None, **settings)

    farm.run("run", "markupsafe==2.0.1")

    assert farm.verdicts() == {"markupsafe": verdict}


_FOLDER = "/usr/lib/python3/dist-packages"
_PACKAGE = rf"""
RUN mkdir -p {_FOLDER}/Some_Tool-1.2.dist-info {_FOLDER}/nobodys-1.0.dist-info \
 && printf 'Metadata-Version: 2.1\nName: Some_Tool\nVersion: 1.2\n' >{_FOLDER}/Some_Tool-1.2.dist-info/METADATA \
 && printf 'Metadata-Version: 2.1\nName: nobodys\nVersion: 1.0\n' >{_FOLDER}/nobodys-1.0.dist-info/METADATA \
 && printf '/.\n{_FOLDER}/Some_Tool-1.2.dist-info\n' >/var/lib/dpkg/info/python3-some-tool.list
"""


def test_what_an_image_has_from_debian_is_listed_with_its_package(engine: Engine, bookworm: Image, cache: Path) -> None:
    """What no package owns is not Debian's."""
    image = replace(
        bookworm,
        id=derive(engine, "wheelproof/test-inventory:1", bookworm.id, _PACKAGE),
        packages=(*bookworm.packages, ("python3-some-tool:all", "1.2-3")),
    )

    found = inventory(image, guest_folder(cache, FIRST), engine.run, "wheelproof-tests")

    assert Provided("some-tool", "1.2", "python3-some-tool", "1.2-3") in found
    assert "nobodys" not in [one.name for one in found]
