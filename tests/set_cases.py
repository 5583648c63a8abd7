"""Tiny sets of releases whose rebuild.sh is really run: their build backend is in each sdist."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.model import BUILT_HERE, MemberKind, Pin, Sdist
from orchestrator.recipes import RecipeInputs, SetInputs, wheelhouse
from tests.cause_cases import PACKAGES, PYPROJECT
from tests.recipe_cases import PATH, PYTHON, VERSION
from tests.samples import tar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GIVEN = SetInputs(
    remedies=("fix-umask",),
    python=VERSION,
    image="bookworm",
    packages=(("gcc-12:amd64", "12.2.0-14+deb12u1"),),
    source_date_epoch=1_600_000_000,
)
"""The settings of a set that needs one umask."""

TOOL = 'def commit():\n    return {"toolbox.py": b"VALUE = 42\\n"}\n'
USES_TOOL = 'import toolbox\n\ndef commit():\n    return {"x.txt": str(toolbox.VALUE).encode()}\n'
SETTINGS = "import sys\n\ndef commit():\n    return {'x.txt': repr(sys.modules['sin'].SETTINGS).encode()}\n"
CHANCE = "import os\n\ndef commit():\n    return {'x.txt': os.urandom(8)}\n"
BROKEN = "def commit():\n    raise ValueError\n"


def sin(slug: str) -> str:
    """Return the module that makes one of tests/packages what it is."""
    return (PACKAGES / slug / "sin.py").read_text("utf-8")


def pack(folder: Path, project: str, module: str) -> Path:
    """Write the sdist of a project whose wheel has what `commit` of that module returns."""
    members = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n".encode(),
        "NAME": project.encode(),
        "pyproject.toml": PYPROJECT,
        "backend.py": (PACKAGES / "backend.py").read_bytes(),
        "sin.py": module.encode(),
    }
    name = project.replace("-", "_")
    return tar(folder / f"{name}-1.0.tar.gz", ((f"{name}-1.0/{path}", text) for path, text in members.items()))


def wheel_name(project: str) -> str:
    """Return the name of the wheel of such a project."""
    return f"{project.replace('-', '_')}-1.0-py3-none-any.whl"


def built_here(wheel: Path) -> Pin:
    """Return a pin of the wheel of a build tool that was built here."""
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Pin(wheel.name.split("-")[0], "1.0", sha256, wheel.name, BUILT_HERE)


@dataclass(frozen=True, slots=True)
class House:
    """A folder with rebuild.sh, and what it needs."""

    folder: Path
    pip: Pin
    links: Path  # the folder with the wheels that it installs
    given: SetInputs = GIVEN

    def begin(self) -> House:
        """Write rebuild.sh; return self."""
        (self.folder / wheelhouse.DATA).mkdir(parents=True, exist_ok=True)
        (self.folder / wheelhouse.PROGRAM).write_text(wheelhouse.program(self.given))
        return self

    def inputs(self, sdist: Path, *, native: bool = False, pins: tuple[Pin, ...] = ()) -> RecipeInputs:
        """Return the inputs of a release whose sdist is that file."""
        return RecipeInputs(
            project=sdist.name.removesuffix("-1.0.tar.gz").replace("_", "-"),
            version="1.0",
            sdist=Sdist(sdist.name, sdist.as_uri(), hashlib.sha256(sdist.read_bytes()).hexdigest()),
            backend="backend",
            pins=(self.pip, *pins),
            remedies=self.given.remedies,
            python=self.given.python,
            native=native,
            image=self.given.image,
            base="",
            packages=self.given.packages,
            source_date_epoch=self.given.source_date_epoch,
            config_settings=(),
            backend_path=(".",),
        )

    def add(self, inputs: RecipeInputs, *, tool: int | None = None) -> None:
        """Write the data of a release."""
        kind = MemberKind.WHEEL if tool is None else MemberKind.TOOL
        name = wheelhouse.data_name(inputs.project, inputs.version, tool=tool)
        (self.folder / wheelhouse.DATA / name).write_text(wheelhouse.data_of(inputs, kind), encoding="utf-8")

    def add_all(self, sdists: Path, modules: Mapping[str, str]) -> None:
        """Pack projects, and write the data of each."""
        for project, module in modules.items():
            self.add(self.inputs(pack(sdists, project, module)))

    def list_wheels(self, dist: Path) -> None:
        """Write SHA256SUMS with the wheels of a folder."""
        write_sums(dist, self.folder)

    def run(
        self,
        folder: Path,
        *arguments: str,
        shell: tuple[str, ...] = ("dash",),
        before: tuple[str, ...] = (),
        program: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run rebuild.sh from another folder, which is created, without an index; TMPDIR is a folder beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder.parent / f"{folder.name} tmp"
        temporary.mkdir(exist_ok=True)
        return subprocess.run(
            [*before, *shell, program or str(self.folder / wheelhouse.PROGRAM), *arguments],
            cwd=folder,
            env=environment(self.links, temporary) | dict(variables or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )


def environment(links: Path, temporary: Path) -> dict[str, str]:
    """Return the variables of a machine without an index."""
    return {
        "PATH": PATH,
        "HOME": "/nonexistent",
        "TMPDIR": str(temporary),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(links),
        "PYTHON": PYTHON,
    }


def write_sums(dist: Path, folder: Path) -> None:
    """Write SHA256SUMS with the wheels of a folder."""
    wheels = sorted(dist.glob("*.whl"))
    folder.mkdir(exist_ok=True)
    lines = (f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in wheels)
    (folder / "SHA256SUMS").write_text("".join(lines))


def settings(inputs: RecipeInputs, *pairs: tuple[str, str]) -> RecipeInputs:
    """Return inputs with settings of the build backend."""
    return replace(inputs, config_settings=pairs)
