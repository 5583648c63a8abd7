"""Disk use of the real command over several runs: what stays, what goes, and what a run records."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import docker
import pytest

from orchestrator.farm import uses
from tests.cause_cases import PACKAGES, PYPROJECT
from tests.docker.farm_fixture import FarmFixture, farm_on
from tests.loopback_index import sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.model import Image


@pytest.fixture
def yard(tmp_path: Path, bookworm: Image) -> Iterator[FarmFixture]:
    """A separate farm that tracks two projects: the index lacks a build requirement of the second."""
    assert bookworm.name == "bookworm"
    for farm in farm_on(tmp_path):
        for project, requirement in (("needy", "helper"), ("unmet", "absent")):
            members = {
                "NAME": project.encode(),
                "sin.py": b"def commit():\n    return {}\n",
                "backend.py": (PACKAGES / "backend.py").read_bytes(),
                "pyproject.toml": PYPROJECT.replace(b"requires = []", f'requires = ["{requirement}"]'.encode()),
            }
            farm.index.publish(f"{project}-1.0.tar.gz", sdist(project, "1.0", members))
        farm.index.publish("helper-1.0-py3-none-any.whl", wheel("helper", "1.0"))
        farm.configure(groups={"all": {"packages": ["needy", "unmet"]}})
        yield farm


def parts(yard: FarmFixture, *kinds: str) -> set[str]:
    """List what the cache has of some kinds."""
    found = (path for kind in kinds for path in (yard.folder / ".cache" / kind).glob("*"))
    return {f"{path.parent.name}/{path.name}" for path in found}


def test_pruning_keeps_what_the_next_run_needs(yard: FarmFixture) -> None:
    """With hardly any room for the cache, and with files that are not served any more, all is as before."""
    assert yard.run("run").status == 0
    assert yard.verdicts() == {"needy": "reproducible", "unmet": "ftbfs"}
    records = yard.records()
    needed = parts(yard, "sdists", "buildenvs")
    assert len([name for name in needed if name.startswith("buildenvs/")]) == 1
    yard.index.publish("spare-1.0.tar.gz", b"")
    (yard.folder / ".cache" / "sdists" / ("0" * 64)).mkdir()
    (yard.folder / ".cache" / "sdists" / ("0" * 64) / "spare-1.0.tar.gz").write_bytes(b"spare")
    yard.configure(keep={"cache": "1 KiB"})

    night = yard.run("run")
    assert night.status == 0, night.err
    assert "over its bound" in night.err
    assert parts(yard, "sdists", "buildenvs") == needed
    assert yard.records() == records  # although the requirement was looked for again

    asked = len(yard.index.requests)
    yard.index.answer("/files/", status=503)
    night = yard.run("run", "--again", "needy")
    assert night.status == 0, night.err
    assert not [line for line in yard.index.requests[asked:] if "/simple/" not in line]
    assert [len(yard.records(project)) for project in ("needy", "unmet")] == [2, 1]


def test_an_image_of_a_former_recipe_goes_and_the_current_one_stays(yard: FarmFixture, bookworm: Image) -> None:
    """Only after its time, and not while a container has it; `--dry-run` removes nothing."""
    client = docker.APIClient(version="auto")
    old, used = f"wheelproof/former-{os.getpid()}:1", f"wheelproof/former-{os.getpid()}:2"
    cache = yard.folder / ".cache"
    containers = []
    try:
        for tag in (old, used):
            context = yard.folder / "image"
            context.mkdir(exist_ok=True)
            (context / "Dockerfile").write_text(f"FROM {bookworm.id}\nLABEL former={tag}\n")
            for _ in client.build(path=str(context), tag=tag, rm=True):
                pass
            uses.note_image(cache, tag)
            place = cache / "uses" / "images" / tag.replace("/", "+")
            os.utime(place, (time.time() - 40 * 86400,) * 2)
        containers.append(client.create_container(used, ["/bin/true"])["Id"])
        yard.configure()
        listed = json.loads(yard.run("clean", "--dry-run", "--json").out)
        assert [(row["kind"], row["count"]) for row in listed] == [("images", 1)]
        assert client.images(old)
        ended = yard.run("clean")
        assert ended.status == 0, ended.err
        assert not client.images(old)
        assert client.images(used)
        assert bookworm.id in {image["Id"] for image in client.images()}
    finally:
        for identity in containers:
            client.remove_container(identity, force=True)
        for tag in (old, used):
            if client.images(tag):
                client.remove_image(tag)
        client.close()
