"""A published wheel comes out of its recipe: in a container, and on this host as a user runs it.

The project is real, with setuptools of the real index; its sdist and its wheel are on an index on loopback.
"""

from __future__ import annotations

import io
import subprocess
import time
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.environment import first_environment, recreated
from orchestrator.build.variations import second_environment
from orchestrator.guest.archive import with_crlf
from orchestrator.guest.restamp import restamp
from orchestrator.job.build_pair import no_answer, order_for
from orchestrator.job.inputs import Settled
from orchestrator.job.published_recipe import PublishedRecipes, published_recipes
from orchestrator.job.recipes import PublishedGoal
from orchestrator.model import Limits, Lock, OfferedWheel, Pin, RecipeForm, RecipeProof, Task
from orchestrator.model.request import LineEnds, Recreation
from orchestrator.model.verification import ArchiveField
from orchestrator.recipes import wanted
from orchestrator.sources import sdist
from orchestrator.sources.index import Index
from tests.docker.case_builder import CaseBuilder
from tests.loopback_index import LoopbackIndex
from tests.loopback_index import sdist as packed
from tests.recipe_cases import PATH, PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.job.inputs import Effects
    from orchestrator.model import Build, Image

LIMITS = Limits(seconds=120, memory=1 << 30, scratch=256 << 20, processes=64, log=4 << 20, wheel=16 << 20)
NAME = "pkg-1.0-py3-none-any.whl"
FILES = {
    "pyproject.toml": b'[build-system]\nrequires = ["setuptools==80.9.0"]\nbuild-backend = "setuptools.build_meta"\n',
    "setup.py": (
        b"import os, pathlib, time, setuptools\n"
        b"place = pathlib.Path('pkg/built.py')\n"
        b"old = time.localtime().tm_year < 2018\n"
        b"pure = 'pure = True\\n' if os.environ.get('PKG_NO_EXT') else ''\n"
        b"place.write_bytes(f'zone, old = {time.strftime(\"%z\")!r}, {old}\\n{pure}'.encode())\n"
        b"setuptools.setup(name='pkg', version='1.0', packages=['pkg'])\n"
    ),
    "pkg/__init__.py": b'"""A package."""\n\nanswer = 42\n',
}


@dataclass(frozen=True, slots=True)
class Farm:
    """A farm whose index is on loopback, but for what builds need."""

    cases: CaseBuilder
    served: LoopbackIndex
    tools: Index
    backend: Pin

    @property
    def index(self) -> Index:
        return Index(self.served.url, self.cases.folder / "cache", retry_wait=0.01)

    def effects(self) -> Effects:
        """Return real effects."""
        farm = replace(self.cases.job_effects, index=self.tools)
        return replace(farm.effects("pkg", LIMITS, long=False, again=True), recipes=self.cases.recipes(LIMITS))

    def settled(self) -> Settled:
        """Return the inputs of all builds."""
        offered = self.index.release("pkg==1.0", "3.11").sdist
        assert offered is not None
        source = sdist.describe(self.index.fetch(offered, LIMITS.download), LIMITS)
        assert isinstance(source, sdist.Source), source
        return Settled(source, Lock((self.backend,)), asked=True, question="")

    def first(self, recreation: Recreation) -> Build:
        """Build as the publisher did, as far as that is known."""
        plain = first_environment(source="pkg-1.0", salt="0123456789ab", source_date_epoch=None)
        environment = recreated(plain, recreation, datetime.now(UTC))
        order = order_for(
            "first",
            environment,
            task=self.task,
            release=self.index.release("pkg==1.0", "3.11"),
            image=self.cases.image,
            settled=self.settled(),
            effects=self.effects(),
        )
        build = self.effects().build(order, no_answer).build
        assert build.wheel is not None, build.failure
        return build

    def wheel(self, build: Build) -> bytes:
        """Return the wheel of a build."""
        assert build.wheel is not None, build.failure
        return (self.cases.folder / "results" / "wheels" / build.wheel.sha256).read_bytes()

    def recipes(self, first: Build, recreation: Recreation, *taken: ArchiveField) -> PublishedRecipes:
        """Return the recipes of the wheel on the index."""
        release = self.index.release("pkg==1.0", "3.11")
        (offered,) = release.wheels
        file = self.index.fetch(offered, LIMITS.wheel)
        goal = PublishedGoal(recreation, offered, file, taken)
        found = published_recipes(self.task, release, self.cases.image, self.settled(), self.effects(), first, goal)
        assert isinstance(found, PublishedRecipes), found
        return found

    @property
    def task(self) -> Task:
        return Task("pkg", self.cases.image.name, limits=LIMITS)


@pytest.fixture
def farm(engine: Engine, bookworm: Image, cache: Path, tmp_path: Path) -> Iterator[Farm]:
    """A farm in a separate folder, and an index with the sdist."""
    tools = Index(None, cache)
    release = tools.release("setuptools==80.9.0", "3.11")
    (wheel,) = release.wheels
    backend = Pin("setuptools", "80.9.0", wheel.sha256, wheel.filename, wheel.url)
    with LoopbackIndex() as served:
        served.publish("pkg-1.0.tar.gz", packed("pkg", "1.0", FILES))
        yield Farm(CaseBuilder(engine, bookworm, cache, tmp_path), served, tools, backend)


def publish(farm: Farm, umask: int, *, crlf: bool, **variables: str) -> bytes:
    """Build the wheel on this host, from a checkout, as its publisher; put it on the index."""
    source, tools, out = (farm.cases.folder / name for name in ("checkout", "tools", "out"))
    for name, content in FILES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    if crlf:
        with_crlf(str(source / name) for name in FILES)
    wheel = OfferedWheel(farm.backend.filename, farm.backend.url, farm.backend.sha256)
    with zipfile.ZipFile(farm.tools.fetch(wheel, LIMITS.wheel)) as archive:
        archive.extractall(tools)
    hook = "import sys; import setuptools.build_meta as backend; backend.build_wheel(sys.argv[1])"
    subprocess.run(
        [PYTHON, "-c", hook, str(out)],
        cwd=source,
        env={"PATH": PATH, "PYTHONPATH": str(tools), **variables},
        umask=umask,
        check=True,
        capture_output=True,
    )
    content = (out / NAME).read_bytes()
    farm.served.publish(NAME, content)
    return content


def run_as_user(farm: Farm, found: PublishedRecipes, form: RecipeForm) -> subprocess.CompletedProcess[str]:
    """Run a recipe on this host: what it fetches is on loopback, what it installs in a folder."""
    folder, effects = farm.cases.folder / f"user-{form}", farm.cases.recipes(LIMITS)
    folder.mkdir()
    (folder / "recipe.sh").write_text(found.text(form))
    inputs = found.runner.inputs(found.remedies, found.wheel)
    offered = effects.offered(wanted(form, inputs), farm.cases.image.target)
    assert not isinstance(offered, str), offered
    links = str(effects.wheels((farm.backend, *offered)))
    indexes = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": links, "UV_OFFLINE": "1", "UV_FIND_LINKS": links}
    return subprocess.run(
        ["/bin/dash", "recipe.sh"],
        cwd=folder,
        env={"PATH": PATH, "TZ": "GMT+5", "SOURCE_DATE_EPOCH": "7", "PYTHON": PYTHON, **indexes},
        umask=0o027,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def proves(farm: Farm, found: PublishedRecipes, *forms: RecipeForm) -> None:
    """Run each form in a container that varies everything, and as a user; all give the published bytes."""
    published = farm.served.sha256("pkg", NAME)
    second = second_environment(found.runner.first.environment)
    ran = {form: found.run(f"second-by-{form}", second, form) for form in forms}
    for form, build in ran.items():
        assert build.wheel is not None, build.failure
        assert build.wheel.sha256 == published
        done = run_as_user(farm, found, form)
        assert done.returncode == 0, done.stderr
        assert (farm.cases.folder / f"user-{form}" / "dist" / NAME).read_bytes() == farm.wheel(build)
    proofs = {one.form: one.proof for one in found.recipes(ran)}
    assert {form for form, proof in proofs.items() if proof is RecipeProof.PROVEN} == set(forms)


def test_an_identical_wheel(farm: Farm) -> None:
    """Of a checkout on Windows, by a publisher with another umask, zone and epoch."""
    content = publish(farm, 0o002, crlf=True, SOURCE_DATE_EPOCH="1600000000", TZ="GMT-14")
    recreation = Recreation(source_date_epoch=1_600_000_000, umask=0o002, timezone="GMT-14", line_ends=LineEnds.CRLF)
    first = farm.first(recreation)
    assert farm.wheel(first) == content
    proves(farm, farm.recipes(first, recreation), RecipeForm.SH)


def test_a_restamped_wheel(farm: Farm) -> None:
    """Without an epoch, members have the times of the checkout and of the build; these are taken."""
    content = publish(farm, 0o022, crlf=False, TZ="UTC")
    recreation = Recreation(umask=0o022, timezone="UTC")
    time.sleep(2)  # the resolution of a zip
    first = farm.first(recreation)
    assert farm.wheel(first) != content
    assert restamp(farm.wheel(first), content, ("times",)).content == content
    proves(farm, farm.recipes(first, recreation, ArchiveField.TIMES), RecipeForm.UV)
    incomplete = farm.recipes(first, replace(recreation, timezone=""), ArchiveField.TIMES)
    other = incomplete.run("without-the-zone", second_environment(first.environment))
    assert not incomplete.gave(other), "a module contains the zone"


def test_a_wheel_that_needs_a_variable(farm: Farm) -> None:
    """The recipe sets it, whatever its user has; without it, the wheel is another one."""
    content = publish(farm, 0o022, crlf=False, SOURCE_DATE_EPOCH="1600000000", TZ="UTC", PKG_NO_EXT="1")
    recreation = Recreation(
        source_date_epoch=1_600_000_000, umask=0o022, timezone="UTC", variables=(("PKG_NO_EXT", "1"),)
    )
    first = farm.first(recreation)
    assert farm.wheel(first) == content
    found = farm.recipes(first, recreation)
    proves(farm, found, RecipeForm.SH)
    incomplete = farm.recipes(first, replace(recreation, variables=()))
    assert not incomplete.gave(
        incomplete.run("without-the-variable", replace(second_environment(first.environment), variables=()))
    )


def test_a_wheel_of_another_year(farm: Farm) -> None:
    """The clock of a recipe begins where that of the publisher did; files keep the real times, which are taken."""
    recreation = Recreation(umask=0o022, timezone="UTC", clock=1_500_000_000)
    first = farm.first(recreation)
    farm.served.publish(NAME, farm.wheel(first))
    found = farm.recipes(first, recreation, ArchiveField.TIMES)
    with zipfile.ZipFile(io.BytesIO(farm.wheel(first))) as archive:
        assert archive.read("pkg/built.py") == b"zone, old = '+0000', True\n"
    proves(farm, found, RecipeForm.SH)


def test_a_tampered_wheel(farm: Farm) -> None:
    """One line more in a module, in an archive of the same times, is refused: nothing is proven."""
    publish(farm, 0o022, crlf=False, TZ="UTC")
    honest = Recreation(umask=0o022, timezone="UTC")
    first = farm.first(honest)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(farm.wheel(first))) as ours, zipfile.ZipFile(out, "w") as theirs:
        for info in ours.infolist():
            more = b"import os\n" if info.filename == "pkg/__init__.py" else b""
            theirs.writestr(info, ours.read(info) + more)
    farm.served.publish(NAME, out.getvalue())
    found = farm.recipes(first, honest, *ArchiveField)
    build = found.run("second-by-sh", second_environment(first.environment))
    assert build.wheel is not None, build.failure
    assert not found.gave(build)
    assert {one.proof for one in found.recipes({RecipeForm.SH: build})[:1]} == {RecipeProof.REJECTED}
