"""A small wheelhouse of real wheels, for tests that need no build in a container."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.model import (
    WHEELHOUSE_SCHEMA,
    Build,
    Environment,
    LeftOut,
    MemberKind,
    MemberWheel,
    Sdist,
    WheelFile,
    Wheelhouse,
    digest,
)
from orchestrator.results.store import Results
from tests.sample_results import FIRST, IMAGE, SECOND
from tests.samples import EPOCH, NOON, built

if TYPE_CHECKING:
    from collections.abc import Iterable

PACKAGES = Path(__file__).parent / "packages"
SCRIPT = "#!/bin/sh\n# The recipe.\n"
PIN = f"setuptools==80.9.0 --hash=sha256:{'8' * 64}"

PURE = ("demo-pure", "1.0", "py3-none-any", "Requires-Python: >=3.7,!=3.8.*\nRequires-Dist: demo-other\n")
OTHER = ("demo-other", "2!2.0+deb1", "py2.py3-none-any", "")
TOOL = ("demo-tool", "3.0", "py3-none-any", "")
RELEASES = (TOOL, OTHER, PURE)


def build_wheel(folder: Path, name: str, version: str, tag: str, fields: str) -> Path:
    """Build the wheel of a package with these fields in its METADATA, by the backend of tests/packages."""
    source = folder / f"{name}-source"
    source.mkdir(parents=True)
    shutil.copy(PACKAGES / "backend.py", source)
    (source / "NAME").write_text(name)
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{fields}"
    module = {f"{name.replace('-', '_')}.py": b"NUMBER = 1\n", f"{info}/METADATA": metadata.encode()}
    (source / "sin.py").write_text(
        f"TAG, version = {tag!r}, lambda: {version!r}\ndef commit():\n    return {module!r}\n"
    )
    command = "import sys; sys.path.insert(0, '.'); import backend; print(backend.build_wheel('.'))"
    done = subprocess.run([sys.executable, "-Ic", command], cwd=source, check=True, capture_output=True, text=True)
    return source / done.stdout.strip()


def member(file: WheelFile, project: str, version: str, kind: MemberKind = MemberKind.WHEEL) -> MemberWheel:
    """Return a wheel that two builds of the recipe gave."""
    data = f"project {project}\nversion {version}\n{PIN}\n"
    recipe = hashlib.sha256(f"{SCRIPT}\0{data}".encode()).hexdigest()

    def build(name: str, environment: Environment) -> Build:
        return replace(built(name, replace(environment, recipe=recipe), file.sha256, file.filename), wheel=file)

    return MemberWheel(
        kind=kind,
        requirement=f"{project}=={version}",
        project=project,
        version=version,
        job="" if kind is MemberKind.TOOL else digest([project, version]),
        image=IMAGE,
        sdist=Sdist(f"{project.replace('-', '_')}-{version}.tar.gz", "https://files.example/sdist", "5" * 64, 1000),
        pins=(),
        data=data,
        wheel=file,
        builds=(build("first", FIRST), build("second", SECOND)),
    )


def wheelhouse(members: Iterable[MemberWheel], left_out: tuple[LeftOut, ...] = ()) -> Wheelhouse:
    """Return a wheelhouse of these wheels."""
    wheels = tuple(members)
    return Wheelhouse(
        schema=WHEELHOUSE_SCHEMA,
        id=digest([one.wheel.sha256 for one in wheels]),
        wheelproof="0.1.0",
        started=NOON,
        finished=NOON,
        remedies=("fix-umask",),
        source_date_epoch=EPOCH,
        script=SCRIPT,
        dockerfile="FROM debian\n",
        wheels=wheels,
        left_out=left_out,
        builds=2 * len(wheels),
    )


def kept(folder: Path) -> tuple[Wheelhouse, Results]:
    """Return a wheelhouse of two wheels and a tool, and results that keep its wheels."""
    store, members = Results(folder / "results", wheels=1 << 30, logs=0), []
    for release in RELEASES:
        path = build_wheel(folder / "sources", *release)
        content = path.read_bytes()
        file = WheelFile(path.name, hashlib.sha256(content).hexdigest(), len(content))
        store.wheels.keep(path, file.sha256)
        kind = MemberKind.TOOL if release is TOOL else MemberKind.WHEEL
        members.append(member(file, release[0], release[1], kind))
    return wheelhouse(members), store
