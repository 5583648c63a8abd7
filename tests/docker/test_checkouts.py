"""A project's folder is judged like a release, by the sdist that its own backend builds of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from tests.cause_cases import PACKAGES, PYPROJECT
from tests.docker.farm_fixture import ROOT, FarmFixture, farm_on
from tests.loopback_index import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.model import Image

BUILD_SDIST = b"""

def get_requires_for_build_sdist(config_settings=None):
    return getattr(sin, "SDIST_REQUIRES", [])


def build_sdist(sdist_directory, config_settings=None):
    import tarfile

    sin.prepare()
    name = f"{NAME}-1.5"
    with tarfile.open(os.path.join(sdist_directory, f"{name}.tar.gz"), "w:gz") as archive:
        for path in ("NAME", "backend.py", "pyproject.toml", "sin.py", "prepared.txt"):
            archive.add(path, f"{name}/{path}")
    return getattr(sin, "RETURNS", f"{name}.tar.gz")
"""
SIN = b"""
def prepare():
    with open("prepared.txt", "w") as stream:
        stream.write("prepared")


def commit():
    with open("prepared.txt", "rb") as stream:
        return {"mine/prepared.txt": stream.read()}
"""


@pytest.fixture
def farm(tmp_path: Path, bookworm: Image) -> Iterator[FarmFixture]:
    """A farm with a project of the user's own beside it."""
    assert bookworm.name == "bookworm"
    for found in farm_on(tmp_path):
        write_project(tmp_path / "project")
        yield found


def write_project(folder: Path) -> None:
    """Write a project that is reproducible, version 1.5 of `mine`, to a new folder."""
    folder.mkdir()
    (folder / "NAME").write_text("mine")
    (folder / "pyproject.toml").write_bytes(PYPROJECT + b'[project]\nname = "Mine"\nversion = "1.5"\n')
    (folder / "backend.py").write_bytes((PACKAGES / "backend.py").read_bytes() + BUILD_SDIST)
    (folder / "sin.py").write_bytes(SIN)


def test_a_folder_is_judged_by_the_sdist_that_is_built_of_it(farm: FarmFixture) -> None:
    """Version control, virtual environments and caches are left out; an unchanged project is not built again."""
    for path in (".hg/config", "venv/pyvenv.cfg", "venv/lib.py", "__pycache__/a.pyc"):
        (farm.folder / "project" / path).parent.mkdir(exist_ok=True)
        (farm.folder / "project" / path).write_text("")
    assert "build bookworm never built" in _plan(farm)
    ended = farm.run("run", "--json", "./project")
    assert ended.status == 0, ended.err
    (result,) = json.loads(ended.out)
    assert (result["project"], result["version"], result["verdict"]) == ("mine", "1.5", "reproducible")
    assert result["cautions"] == []
    assert result["sdist"]["filename"] == "mine-1.5.tar.gz"
    assert result["requirement"] == "./project"
    assert [build["name"] for build in result["builds"]] == ["first", "second"]
    assert not (farm.folder / "project" / "prepared.txt").exists()
    assert "skip bookworm unchanged" in _plan(farm)
    records = farm.records()
    assert "unchanged" in farm.run("run", "project/").err
    assert farm.records() == records
    (farm.folder / "project" / "more.txt").write_text("more")
    assert "the folder is not as it was" in _plan(farm)


def test_what_a_backend_requires_to_build_an_sdist_is_there(farm: FarmFixture) -> None:
    """It is asked for, locked and installed, as for a wheel."""
    farm.index.publish("helper-2.0-py3-none-any.whl", wheel("helper", "2.0", {"helper.py": b"TEXT = 'helped'\n"}))
    sin = SIN.replace(b'stream.write("prepared")', b"import helper; stream.write(helper.TEXT)")
    (farm.folder / "project" / "sin.py").write_bytes(b'SDIST_REQUIRES = ["helper"]\n' + sin)
    ended = farm.run("run", "--json", "./project")
    assert ended.status == 0, ended.err
    (result,) = json.loads(ended.out)
    assert result["verdict"] == "reproducible"
    assert result["build_requirements"] == []


@pytest.mark.parametrize(
    ("prepare", "reason", "detail"),
    [
        ("raise SystemExit('no sdist today')", "build-error", "no sdist today"),
        ("global RETURNS; RETURNS = '../../evil-1.0.tar.gz'", "no-wheel", "evil"),
        ("import backend; backend.NAME = 'requests'", "wrong-name", "pyproject.toml calls the project mine"),
        ("import backend; backend.NAME = 'not a name'", "broken-sdist", "an sdist is called NAME-VERSION.tar.gz"),
    ],
)
def test_a_failure_to_build_the_sdist_is_a_verdict(farm: FarmFixture, prepare: str, reason: str, detail: str) -> None:
    """With its phase; the project is named by pyproject.toml."""
    sin = SIN.replace(b"def prepare():\n", f"def prepare():\n    {prepare}\n".encode())
    (farm.folder / "project" / "sin.py").write_bytes(sin)
    ended = farm.run("run", "--json", "./project")
    assert ended.status == 0, ended.err
    (result,) = json.loads(ended.out)
    assert (result["project"], result["version"], result["verdict"]) == ("mine", "0", "ftbfs")
    assert result["failure"]["phase"] == "build-sdist"
    assert result["failure"]["reason"] == reason
    assert detail in result["failure"]["detail"]
    assert not farm.containers()


VERSION = b"""
import os, subprocess, time


def describe():
    asked = ("git", "describe", "--tags", "--dirty=+d" + time.strftime("%Y%m%d"))
    return subprocess.check_output(asked, text=True).strip()


def prepare():
    with open("prepared.txt", "w") as stream:
        stream.write(describe())


def version():
    if os.path.isdir(".git"):
        return describe()
    with open("prepared.txt") as stream:
        return stream.read()


def commit():
    assert not os.path.exists(".git")
    os.umask(0o022)
    return {"mine/version.txt": version().encode()}
"""


def test_a_version_is_that_of_the_checkout(farm: FarmFixture) -> None:
    """Git answers in the container, whatever uid owns the files; a day in the version is found, hooks are not run."""
    project = farm.folder / "project"
    (project / "pyproject.toml").write_bytes(PYPROJECT)  # its name is known only after its build
    (project / "sin.py").write_bytes(VERSION)
    backend = (project / "backend.py").read_text().replace('f"{NAME}-1.5"', 'f"{NAME}-{sin.version()}"')
    (project / "backend.py").write_text(backend)
    _git(project, "init", "-q")
    _git(project, "config", "core.fsmonitor", "touch /tmp/ran;false")
    _git(project, "add", ".")
    _git(project, "commit", "-q", "-m", "first")
    _git(project, "tag", "1.7")
    clean = _judged(farm)
    assert (clean["project"], clean["version"], clean["cautions"]) == ("mine", "1.7", [])
    (project / "NAME").touch()
    _git(project, "gc", "-q")
    assert "skip bookworm unchanged" in _plan(farm)
    (project / "NAME").write_text("mine ")
    dirty = _judged(farm)
    assert dirty["version"].startswith("1.7+d20")
    assert dirty["verdict"] == "reproducible"
    assert [caution["name"] for caution in dirty["cautions"]] == ["dated-version"]


def test_the_script_is_a_gate_for_checkouts(farm: FarmFixture) -> None:
    """One that is clean, with the command of docs/usage.md; one that follows the umask; one that follows the day."""
    farm.configure(budget={"builds": 6, "recipes": []})
    project = farm.folder / "project"
    clean = _checked(farm)
    assert clean.returncode == 0, clean.stderr
    assert ET.parse(farm.folder / "report.xml").getroot().get("failures") == "0"  # noqa: S314 - ours
    (project / "sin.py").write_bytes(SIN + (PACKAGES / "umask-value" / "sin.py").read_bytes())
    umask = _checked(farm)
    assert umask.returncode == 12, umask.stderr
    assert "::error " in umask.stdout
    assert "umask" in umask.stdout
    (project / "sin.py").write_bytes(VERSION)
    _git(project, "init", "-q")
    _git(project, "add", ".")
    _git(project, "commit", "-q", "-m", "first")
    _git(project, "tag", "1.5")
    (project / "sin.py").write_bytes(VERSION + b"\n")
    backend = (project / "backend.py").read_text().replace('f"{NAME}-1.5"', 'f"{NAME}-{sin.version()}"')
    (project / "backend.py").write_text(backend)
    (project / "pyproject.toml").write_bytes(PYPROJECT)
    dated = _checked(farm)
    assert dated.returncode == 12, dated.stderr
    assert "reproducible" in (farm.folder / "summary.md").read_text()
    assert "Commit the changes" in (farm.folder / "summary.md").read_text()
    assert "title=wheelproof%3A dated-version" in dated.stdout


def _checked(farm: FarmFixture) -> subprocess.CompletedProcess[str]:
    """Run the command of docs/usage.md in the farm's folder, with the wheelproof of this test on PATH."""
    command = re.search(r"```sh\n(CHECK_.*)\n", (ROOT / "docs/usage.md").read_text())
    assert command is not None
    program = farm.folder / "bin" / "wheelproof"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m orchestrator "$@"\n')
    program.chmod(0o755)
    with suppress(FileExistsError):
        (farm.folder / "scripts").symlink_to(ROOT / "scripts")
    (farm.folder / "summary.md").write_text("")
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "CHECK_CONFIG": "config.yaml",
        "CHECK_WORK": str(farm.folder / "work"),
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(farm.folder / "summary.md"),
    }
    words = ("bash", "-c", command[1])
    return subprocess.run(words, cwd=farm.folder, env=environment, capture_output=True, text=True, check=False)


def _judged(farm: FarmFixture) -> dict[str, Any]:
    ended = farm.run("run", "--json", "./project")
    assert ended.status == 0, ended.err
    (result,) = json.loads(ended.out)
    found: dict[str, Any] = result
    return found


def _git(folder: Path, *words: str) -> None:
    someone = ("-c", "user.name=n", "-c", "user.email=e")
    subprocess.run(("git", *someone, *words), cwd=folder, check=True, capture_output=True)  # noqa: S607 - it is on PATH


def _plan(farm: FarmFixture) -> str:
    ended = farm.run("plan", "./project")
    assert ended.status == 0, ended.err
    return " ".join(ended.out.split())
