"""The command plan where no engine answers: a subprocess, an index on loopback, separate results."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator import config
from orchestrator.build.variations import NAMES
from orchestrator.images import recipe
from orchestrator.job import judge
from orchestrator.job.inputs import inputs_of
from orchestrator.model import Lock, Release, Sdist, Verdict, digest
from orchestrator.results.store import Results
from orchestrator.util import shipped
from orchestrator.util.cache import sha256_of
from tests.cause_cases import pack
from tests.loopback_index import LoopbackIndex, wheel
from tests.loopback_index import sdist as made_sdist
from tests.sample_results import sample

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
UNKNOWN = "if image and runtime are as configured (no engine answers)"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LoopbackIndex]:
    """An index with two projects, and a configuration that uses it."""
    with LoopbackIndex() as index:
        for slug in ("blameless", "umask"):
            path = pack(slug, tmp_path)
            index.publish(path.name, path.read_bytes())
        (tmp_path / "config.yaml").write_text(f"index: {index.url}\n")
        yield index


def plan(folder: Path, *arguments: str) -> str:
    """Run the command as a user without an engine does; return its table with single blanks."""
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "plan", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "DOCKER_HOST": "unix:///nonexistent"},
    )
    assert done.returncode == 0, done.stderr
    assert "no engine can be used" in done.stderr
    return "\n".join(" ".join(line.split()) for line in done.stdout.splitlines())


def record(folder: Path, slug: str) -> None:
    """Write the record that a run gives on the image as its lock lists it."""
    settings = config.load(folder / "config.yaml", variations=NAMES, images=recipe.names(shipped.IMAGES))
    (task,) = config.tasks(settings, (slug,), ())
    image = recipe.as_locked(recipe.load(shipped.IMAGES, "bookworm"))
    path = folder / f"{slug}-1.0.tar.gz"
    release = Release(slug, "1.0", Sdist(path.name, path.as_uri(), sha256_of(path), path.stat().st_size))
    inputs = inputs_of(task, release, image, Lock().digest)
    result = sample(slug, "1.0")
    used = replace(result.image, name=image.name, manifest=image.manifest)
    store = Results(folder / "results", wheels=1 << 20, logs=1 << 20)
    store.folder.mkdir(exist_ok=True)
    with store.locked():
        store.write(replace(result, job=digest(inputs), inputs=inputs, image=used, sdist=release.sdist))


def test_what_was_never_built_is_planned_without_an_engine(tmp_path: Path, index: LoopbackIndex) -> None:
    """Nothing is downloaded, and no results are written."""
    assert "blameless 1.0 build bookworm never built" in plan(tmp_path, "blameless", "umask")
    assert not (tmp_path / "results").exists()
    assert not any(request.startswith("GET /files/") for request in index.requests)


@pytest.mark.usefixtures("index")
def test_an_unchanged_release_is_skipped_without_an_engine(tmp_path: Path) -> None:
    """The lock gives the manifest of the image; the line states what it assumes."""
    record(tmp_path, "blameless")
    line = f"blameless 1.0 skip bookworm unchanged since 2026-11-20: reproducible, {UNKNOWN}"
    assert line in plan(tmp_path, "blameless")
    assert "blameless 1.0 build bookworm asked to" in plan(tmp_path, "--again", "blameless")
    with (tmp_path / "config.yaml").open("a") as settings:
        settings.write("source-date-epoch: 1600000000\n")
    assert f"build bookworm another epoch, its build backend is asked for its requirements first, {UNKNOWN}" in plan(
        tmp_path, "blameless"
    )


@pytest.mark.usefixtures("index")
def test_what_only_the_image_can_list_is_stated_as_unknown(tmp_path: Path) -> None:
    """The build tools of the policy `debian` are in the image; without an engine nobody can ask it."""
    record(tmp_path, "blameless")
    with (tmp_path / "config.yaml").open("a") as settings:
        settings.write("groups: {all: {packages: [blameless], build-tools: {policy: debian}}}\n")
    found = plan(tmp_path)
    assert "blameless 1.0 perhaps bookworm the Python distributions of the image bookworm are listed first" in found


def test_a_release_for_another_python_is_judged_without_a_build(tmp_path: Path, index: LoopbackIndex) -> None:
    """A second plan after its record skips it, as a run does."""
    path = pack("random", tmp_path)
    index.publish(path.name, path.read_bytes(), requires_python="<3")
    line = plan(tmp_path, "random")
    assert f"random 1.0 judge bookworm wrong-python, {UNKNOWN}" in line
    image = recipe.as_locked(recipe.load(shipped.IMAGES, "bookworm"))
    settings = config.load(tmp_path / "config.yaml", variations=NAMES, images=recipe.names(shipped.IMAGES))
    (task,) = config.tasks(settings, ("random",), ())
    sdist = Sdist(path.name, path.as_uri(), sha256_of(path), path.stat().st_size)
    release = Release("random", "1.0", sdist, requires_python="<3")
    early = judge.without_building(task, release, image)
    assert early is not None
    assert early.verdict is Verdict.FTBFS
    job = judge.id_without_building(release, image, early)
    store = Results(tmp_path / "results", wheels=1 << 20, logs=1 << 20)
    store.folder.mkdir()
    with store.locked():
        store.write(replace(sample("random", "1.0", Verdict.FTBFS, failure=early.failure), job=job, inputs=None))
    assert "random 1.0 skip bookworm unchanged since 2026-11-20: ftbfs" in plan(tmp_path, "random")


def test_a_group_is_locked_before_it_is_planned(tmp_path: Path, index: LoopbackIndex) -> None:
    """What it needs is planned with it, and nothing that other groups need."""
    for name, requires in (("program", ("library",)), ("library", ())):
        index.publish(f"{name}-1.0-py3-none-any.whl", wheel(name, "1.0", requires=requires))
        index.publish(f"{name}-1.0.tar.gz", made_sdist(name, "1.0", {"setup.py": b""}))
    (tmp_path / "pyproject.toml").write_text("[dependency-groups]\nmain-not = ['absent']\ndev = ['program>0']\n")

    table = plan(tmp_path, "-r", "pyproject.toml", "--only", "dev", "--resolve").splitlines()

    assert {" ".join(line.split()[:3]) for line in table} == {
        "project version action",
        "library 1.0 build",
        "program 1.0 build",
    }
