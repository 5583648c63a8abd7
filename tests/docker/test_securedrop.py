"""What others publish, built by the farm as they build it: the same bytes, or the reason why not."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator import config
from orchestrator.build.container import guest_folder
from orchestrator.build.variations import NAMES
from orchestrator.build_requirements import resolve
from orchestrator.build_requirements.install import BuildEnvironments
from orchestrator.farm.assemble import compiler
from orchestrator.farm.effects import JobEffects, ToolBench
from orchestrator.farm.workers import Cancellation, CpuSlots
from orchestrator.images import recipe
from orchestrator.job import tool_policies
from orchestrator.job.rebuild import rebuild
from orchestrator.model import Result, Verdict
from orchestrator.results.store import Results
from orchestrator.sources.index import Index
from tests.docker.containers import IMAGES, derive
from tests.samples import NOON

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.model import Image

    Judge = Callable[[str, Image], Result]

LABEL = f"wheelproof-tests-{os.getpid()}"

PURE = {
    "pexpect==4.9.0": "245d73b50280553da76c661f33e106305c507ca462f2f7801e2031e54e0b3e30",
    "build==1.2.1": "246810623c6c053ba7c52f2c1913a6f4fa26f04c0a751e3b1a49c8740354634a",
    "flit-core==3.9.0": "5b9ab0f0009e02f80bb59c27d57a3cf160cca6375d074cafd0ea84f0d342be31",
}
COMPILED = "markupsafe==2.0.1"
COMPILED_SHA256 = "0f57844699d05ac5b3ff8aae72d0b07c1552494b101d0e03ce9c73a3776135eb"

# Python's headers as libpython3.11-dev 3.11.2-6+deb12u6 had them: a later update put these lines into
# two of them, and debug information records the header's line of each declaration.
HEADERS_OF_U6 = """
RUN cd /usr/include/python3.11/cpython \\
 && sed -i '/_PyBytes_DecodeEscape2/,/Export for binary compatibility/d' bytesobject.h \\
 && sed -i '/_PyUnicode_DecodeUnicodeEscapeInternal2/,/Export for binary compatibility/d' unicodeobject.h
"""


@pytest.fixture
def judge(engine: Engine, cache: Path, tmp_path: Path) -> Judge:
    """Judge a release under the profile that config.yaml has."""
    settings = config.load(IMAGES.parent / "config.yaml", variations=NAMES, images=recipe.names(IMAGES))
    results = Results(tmp_path / "results", wheels=1 << 30, logs=1 << 30)
    results.folder.mkdir()

    def judged(requirement: str, image: Image) -> Result:
        job_effects = JobEffects(
            engine=engine,
            index=Index(settings.index, cache),
            lock=lambda wanted, target: resolve.lock(
                wanted, target, index_url=settings.index, as_of=None, cache=cache, today=NOON.date()
            ),
            buildenvs=BuildEnvironments(cache, settings.index, compiled=compiler(engine, (image,), cache, LABEL)),
            results=results,
            slots=CpuSlots(2, sorted(os.sched_getaffinity(0))),
            stop=Cancellation(),
            cache=cache,
            label=LABEL,
            log=lambda _project, _what: None,
        )
        (task,) = config.tasks(settings, [requirement], profile="securedrop")
        release = job_effects.release(task, image)
        effects = job_effects.effects(release.project, task.limits, long=False, again=True)
        effects = replace(effects, salt=lambda: secrets.token_hex(6))
        found = rebuild(
            task,
            release,
            image,
            tool_policies.by_policy(task, image, effects, ToolBench(job_effects, image, task.limits)),
        )
        assert isinstance(found, Result)
        assert guest_folder(cache, found.builds[0].environment).is_dir()
        return found

    return judged


def sha256(result: Result) -> str:
    """Return the hash of the first build's wheel."""
    assert result.builds, result.failure
    assert result.builds[0].wheel, result.builds[0].failure
    return result.builds[0].wheel.sha256


@pytest.mark.parametrize("requirement", PURE)
def test_pure_wheels_are_what_they_publish(judge: Judge, bookworm: Image, requirement: str) -> None:
    """The wheels of the first and second build have the published hash."""
    result = judge(requirement, bookworm)

    assert sha256(result) == PURE[requirement]
    assert result.verdict is Verdict.REPRODUCIBLE
    held = {one.name for one in result.variations if one.mode == "held"}
    assert held == {"umask", "build-path"}, "what the profile fixes is held, and nothing else"


def test_their_tools_are_checked_against_their_file(judge: Judge, bookworm: Image) -> None:
    """Six of the nine come out as their file has them; the other three are named, and used all the same."""
    result = judge("pexpect==4.9.0", bookworm)

    made = {one.name: one for one in result.tools if not one.bootstrap}
    assert {pin.name: pin.sha256 for pin in result.build_requirements} == {
        name: one.sha256 for name, one in made.items()
    }
    assert all(one.expected and one.reproducible for one in made.values())
    assert {name for name, one in made.items() if not one.as_expected} == {"pytest-runner", "setuptools-scm", "wheel"}


def test_a_compiled_wheel_is_what_they_publish_where_the_headers_are_theirs(
    judge: Judge, engine: Engine, bookworm: Image
) -> None:
    """Only debug information knows the lines of headers, but the hash knows debug information."""
    of_u6 = derive(engine, "wheelproof/test-headers-u6:1", bookworm.id, HEADERS_OF_U6)

    result = judge(COMPILED, replace(bookworm, id=of_u6))  # its tools are pure: headers do not touch them

    assert sha256(result) == COMPILED_SHA256
    assert result.verdict is Verdict.REPRODUCIBLE
