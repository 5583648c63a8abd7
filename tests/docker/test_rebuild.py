"""rebuild.sh of a wheelhouse: its proof in two containers, and a bare container that has the folder alone."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.confinement import Container
from orchestrator.build.environment import first_environment, profiled
from orchestrator.build.variations import second_environment
from orchestrator.experiments.remedies import held_by
from orchestrator.farm import recipe_effects
from orchestrator.job.inputs import Settled
from orchestrator.job.recipes import MemberRunner, inputs_of
from orchestrator.model import BUILT_HERE, Lock, MemberKind, Pin, Profile, RecipeForm, Task
from orchestrator.model.names import WheelName, place
from orchestrator.recipes import SetInputs, begins_with, wheelhouse
from orchestrator.sources import sdist
from orchestrator.sources.index import Index, local
from orchestrator.util.cache import keep
from tests import set_cases
from tests.docker.case_builder import LABEL, SMALL, CaseBuilder
from tests.docker.containers import SCRATCH, run_inside

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.model import Build, Image

PROFILE = Profile("other", umask=0o027, build_path="/tmp/other-build/{folder}")  # noqa: S108 - of containers
REMEDIES = ("fix-hash-seed", "prefix-map-source")
LIMITS = replace(SMALL, memory=1 << 30, scratch=256 << 20)
RETURNED = '{"sin/generated.py": b"x = 1\\n"'
NATIVE = f"""
NAME = "native"
TAG = "cp311-cp311-linux_x86_64"
{set_cases.sin("prefix-map-source").replace("def commit()", "def compiled()")}
{set_cases.sin("umask").replace(RETURNED, f'{RETURNED}, "sin/path": os.getcwd().encode(), **compiled()')}
"""
"""Compiles, and stores the folder in which it is built, and the umask."""

BARE = """\
cd /scratch
export TMPDIR=/scratch/tmp HOME=/scratch PYTHONPATH=/pip/lib PIP_NO_INDEX=1 PIP_FIND_LINKS=/links
mkdir tmp
status=0
sh /house/rebuild.sh || status=$?
(cd dist && sha256sum -c --quiet /house/SHA256SUMS) && echo "status $status"
"""


class Set:
    """A set of releases that are built by the farm, and put into a folder with what a user gets."""

    def __init__(self, cases: CaseBuilder) -> None:
        """Write rebuild.sh, which needs none of them."""
        self.cases, image = cases, cases.image
        self.given = SetInputs(REMEDIES, image.target.python, image.name, image.packages, 1_600_000_000, PROFILE)
        self.house = cases.folder / "house"
        (self.house / "rebuild").mkdir(parents=True)
        (self.house / "sources").mkdir()
        (self.house / "rebuild.sh").write_text(wheelhouse.program(self.given))

    def proven(self, module: str, project: str, *pins: Pin, tool: int | None = None) -> Path:
        """Build a release in two containers, compare, and keep its data and its wheel; return the wheel."""
        release, file = local(set_cases.pack(self.cases.folder, project, module))
        source = sdist.describe(file, LIMITS)
        assert isinstance(source, sdist.Source)
        task = Task(project, self.cases.image.name, source_date_epoch=self.given.source_date_epoch, limits=LIMITS)
        settled = Settled(source, Lock(pins), asked=True, question="")
        effects = self.cases.job_effects.effects(project, LIMITS, long=False, again=True)
        effects = replace(effects, recipes=self.cases.recipes(LIMITS), now=lambda: datetime.now(UTC))
        runner = MemberRunner(task, release, self.cases.image, settled, effects)
        inputs = inputs_of(task, release, self.cases.image, settled, native=project == "native")
        inputs = replace(inputs, remedies=self.given.remedies)
        kind = MemberKind.WHEEL if tool is None else MemberKind.TOOL
        assert runner.obstacle(self.given, inputs) == ""
        first = first_environment(source=project, salt="0123456789ab", source_date_epoch=task.source_date_epoch)
        first = profiled(first, PROFILE, file.name)
        second = second_environment(first, (*PROFILE.fixes, *held_by(REMEDIES)))
        environments = zip(("first", "second"), (first, second), strict=True)
        builds = [runner.run(name, environment, self.given, inputs, kind) for name, environment in environments]
        data = wheelhouse.data_of(inputs, kind)
        shutil.copy(file, self.house / "sources")
        (self.house / "rebuild" / wheelhouse.data_name(project, "1.0", tool=tool)).write_text(data)
        digest = wheelhouse.digest_of((self.house / "rebuild.sh").read_text(), data)
        assert [build.environment.recipe for build in builds] == [digest, digest]
        return self.kept(builds, self.house if tool is None else self.house / "tools")

    def kept(self, builds: list[Build], folder: Path) -> Path:
        """Put the wheel on which two builds agree into a folder, and into the cache."""
        first, second = (build.wheel for build in builds)
        assert first is not None, builds[0].failure
        assert second is not None, builds[1].failure
        assert first.sha256 == second.sha256
        folder.mkdir(exist_ok=True)
        shutil.copy(self.cases.folder / "results" / "wheels" / first.sha256, folder / first.filename)
        set_cases.write_sums(folder, folder)
        keep(folder / first.filename, place(self.cases.cache / "published", first.sha256, WheelName(first.filename)))
        return folder / first.filename


def bare(engine: Engine, image: Image, mounts: tuple[tuple[str, str], ...]) -> str:
    """Run rebuild.sh in a container that has Debian's packages alone; return what it printed."""
    container = Container(
        image=image.id,
        command=("/bin/sh", "-c", BARE),
        environment={"PATH": "/usr/bin:/bin"},
        user="2222:2222",
        hostname="bare",
        domainname="",
        mounts=mounts,
        scratch={**SCRATCH, "/tmp": SCRATCH["/scratch"]},  # noqa: S108 - of the container
        memory=1 << 30,
        processes=128,
        files=1024,
        file_size=256 << 20,
        shared=1 << 20,
        seconds=240,
        label=LABEL,
    )
    _, printed = run_inside(engine, container)
    return printed


@pytest.mark.timeout(400)
def test_what_is_proven_is_what_a_user_gets(engine: Engine, bookworm: Image, cache: Path, tmp_path: Path) -> None:
    """A tool that is built here, a release that needs it, and compiled code with the path and the umask."""
    made = Set(CaseBuilder(engine, bookworm, cache, tmp_path))
    tool = set_cases.built_here(made.proven(set_cases.TOOL, "toolbox", tool=1))
    user = made.proven(set_cases.USES_TOOL, "a-user", tool)
    with zipfile.ZipFile(made.proven(NATIVE, "native")) as archive:
        assert b"twice" in archive.read("sin/speedups.so")
        assert archive.read("sin/path") == b"/tmp/other-build/native-1.0"
        assert archive.getinfo("sin/generated.py").external_attr >> 16 & 0o777 == 0o640
    assert tool.url == BUILT_HERE
    index = Index(None, cache)
    offered = recipe_effects.offered(index, begins_with(RecipeForm.SH), bookworm.target)
    assert not isinstance(offered, str)
    links = recipe_effects.folder_of(cache, index, offered, 64 << 20)
    (made.house / "tools" / tool.filename).unlink()  # a user builds it
    pip = made.cases.job_effects.buildenvs.materialize(Lock(offered), bookworm.target)  # no package of the image
    mounts = ((str(pip), "/pip"), (str(made.house), "/house"), (str(links), "/links"))
    printed = bare(engine, bookworm, mounts)
    assert printed.splitlines()[-2:] == ["3 built: 3 as listed, 0 others, 0 not built, 0 missing", "status 0"], printed
    assert user.name in printed
