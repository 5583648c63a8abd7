"""Podman builds as Docker does: the same confinement, the same verdicts, the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import pytest
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from orchestrator.build.engine import Engine
from tests.docker.farm_fixture import FarmFixture, until
from tests.docker.test_confinement import check_calls, check_limits, looked
from tests.loopback_index import LoopbackIndex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.model import Image

PACKAGES = ("six==1.16.0", "idna==3.7", "markupsafe==2.1.5")

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or not (shutil.which("podman") and shutil.which("runc")),
    reason="needs root, podman and runc; run scripts/setup-podman as root on Debian",
)


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """Run Podman with separate storage; yield the address of its socket."""
    address = f"unix://{folder}/podman.sock"
    command = [
        shutil.which("podman") or "podman",
        *("--root", f"{folder}/root", "--runroot", f"{folder}/runroot", "--tmpdir", f"{folder}/own"),
        # With the first version of control groups beside the second, crun refuses to run; runc runs everywhere.
        *("--runtime", "runc", "--cgroup-manager", "cgroupfs"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "system", "service", "--time", "0", address], stdout=log, stderr=log)
    try:
        until(lambda: (folder / "podman.sock").exists() or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield address
    finally:
        process.terminate()
        process.wait()
        subprocess.run([*command, "rm", "--all", "--force"], check=False, capture_output=True)
        subprocess.run(["/usr/bin/umount", f"{folder}/root/overlay"], check=False, capture_output=True)


def give(address: str, image: Image) -> None:
    """Give an image of Docker's to Podman, under the same tag."""
    mine = docker.APIClient(base_url=os.environ.get("DOCKER_HOST"), version="auto", timeout=120)
    theirs = docker.APIClient(base_url=address, version="auto", timeout=120)
    (tag,) = mine.inspect_image(image.id)["RepoTags"]
    for _ in theirs.load_image(mine.get_image(tag)):
        pass
    assert theirs.inspect_image(tag)["Id"] == image.id
    mine.close()
    theirs.close()


@pytest.fixture(scope="module")
def podman(bookworm: Image) -> Iterator[str]:
    """The address of a Podman that has the image."""
    # Not in pytest's own folder: Podman takes a runroot of 50 characters at most.
    with tempfile.TemporaryDirectory(prefix="podman-") as folder, service(Path(folder)) as address:
        give(address, bookworm)
        yield address


@pytest.fixture
def engine_of_podman(podman: str) -> Iterator[Engine]:
    """What a farm makes of it."""
    client = docker.APIClient(base_url=podman, version="auto", timeout=120)
    yield Engine(client)
    client.close()


def judged(folder: Path, engine: str | None) -> dict[str, dict[str, Any]]:
    """Judge three packages of PyPI with an engine, in a farm that knows nothing yet."""
    folder.mkdir()
    with LoopbackIndex() as unused:
        farm = FarmFixture(folder, unused, environment={"DOCKER_HOST": engine} if engine else {})
        farm.configure(index=PYPI_SIMPLE_ENDPOINT, budget={"builds": 0}, jobs=2)
        ended = farm.run("run", "--json", *PACKAGES)
    assert ended.status == 0, ended.err
    return {result["project"]: result for result in json.loads(ended.out)}


def essence(result: dict[str, Any]) -> dict[str, Any]:
    """Return what must not depend on the engine: all but times, the random word of the second build, and its traces."""
    first, *_ = result["builds"]
    probe = {name: value for name, value in first["probe"].items() if name != "clock"}
    return {
        "verdict": result["verdict"],
        "severity": result["severity"],
        "causes": [one["name"] for one in result["causes"]],
        "job": result["job"],
        "wheel": first["wheel"],
        "probe": probe,
        "variations": result["variations"],
    }


def test_podman_is_known_for_what_it_is(engine_of_podman: Engine) -> None:
    """By its answer to the question for its version."""
    offer = engine_of_podman.offer
    assert (offer.name, offer.is_podman, offer.limits, offer.seccomp) == ("Podman", True, True, True)
    assert engine_of_podman.version.startswith("Podman ")


def test_a_build_finds_in_podman_what_it_finds_in_docker(engine_of_podman: Engine, bookworm: Image) -> None:
    """The same system calls, limits, folders, owners, names and variables."""
    seen = looked(engine_of_podman, bookworm.id)
    check_calls(seen)
    check_limits(seen)


def test_verdicts_and_wheels_are_the_same(podman: str, bookworm: Image, tmp_path: Path) -> None:
    """Of a package that follows the umask, of one that follows nothing, and of one that is compiled."""
    assert bookworm.name == "bookworm"
    ours, theirs = judged(tmp_path / "docker", None), judged(tmp_path / "podman", podman)
    assert {name: essence(result) for name, result in theirs.items()} == {
        name: essence(result) for name, result in ours.items()
    }
    verdicts = {name: result["verdict"] for name, result in ours.items()}
    assert verdicts == {"six": "sensitive", "idna": "reproducible", "markupsafe": "sensitive"}
    assert ours["idna"]["builds"][1]["wheel"] == theirs["idna"]["builds"][1]["wheel"]
