"""Nothing that a build does speaks for it: only the guest reports what came of it, and it ends in time."""

from __future__ import annotations

import time
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.build import container
from orchestrator.build.engine import STDOUT, Container
from orchestrator.build_requirements.install import SITECUSTOMIZE
from orchestrator.guest.main import TIMED_OUT, UNREADY
from orchestrator.model import Budget, Result, Verdict
from orchestrator.util.cache import sha256_of
from tests.cause_cases import pack
from tests.docker.case_builder import LABEL, SMALL, CaseBuilder
from tests.docker.containers import run_inside
from tests.docker.farm_fixture import FarmFixture, farm_on, until
from tests.samples import FIRST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.model import Image


EVIL = """\
import os, sys
sys.pth = "read"
sys.stderr.write(f"build requirement in process {os.getpid()}\\n")
if os.getpid() == 1:
    for descriptor in range(1, 16):
        try:
            os.write(descriptor, b'{"failure": {"phase": "unpack", "reason": "broken-sdist", "detail": "forged"}}\\n')
        except OSError:
            pass
"""
SHADOW = """\
import os
SHADOW = "yes"
if os.getpid() == 1:
    os.write(1, b'"forged"\\n')
def dumps(value):
    return '"%s"' % value
"""
ORDINARY = 'import sys; [print("path", one) for one in sys.path[1:]]; print("flags", sys.flags)'


@pytest.fixture
def cases(engine: Engine, bookworm: Image, cache: Path, tmp_path: Path) -> CaseBuilder:
    """A farm for packages without requirements."""
    return CaseBuilder(engine, bookworm, cache, tmp_path)


@pytest.fixture
def farm(tmp_path: Path, bookworm: Image) -> Iterator[FarmFixture]:
    """A separate farm on the available image."""
    assert bookworm.name == "bookworm"
    yield from farm_on(tmp_path)


def wrote(result: Result, path: str, folder: Path) -> str:
    """Return a file of the first build's wheel."""
    assert result.builds[0].wheel is not None, result.failure
    with zipfile.ZipFile(folder / "results" / "wheels" / result.builds[0].wheel.sha256) as wheel:
        return wheel.read(path).decode()


def log(result: Result, folder: Path) -> str:
    """Return the log of the first build."""
    return (folder / "results" / "logs" / result.builds[0].log).read_text()


def test_no_way_leads_into_the_process_that_reports_the_outcome(cases: CaseBuilder, tmp_path: Path) -> None:
    """Neither its descriptors, its memory, a debugger nor a signal; and the build itself is as open as ever."""
    result = cases.judge("forges-frames")
    tried = dict(one.split() for one in wrote(result, "sin/tried.txt", tmp_path).splitlines())
    assert (tried.pop("itself"), tried.pop("traceable")) == ("open", "yes")
    assert len(tried) == 11
    assert set(tried.values()) == {"refused"}, tried
    assert result.verdict is Verdict.REPRODUCIBLE


def test_signals_to_the_guest_change_nothing(cases: CaseBuilder) -> None:
    """Not even the signal of its alarm."""
    assert cases.judge("signals-guest").verdict is Verdict.REPRODUCIBLE


@pytest.mark.parametrize(
    ("slug", "reason", "detail"),
    [
        ("changes-limits", "build-error", "Operation not permitted"),
        ("answers-nonsense", "no-wheel", "names None as its result"),
        ("asks-surrogate", "missing-build-requirement", r"build requirement '\ud800' is not Unicode text"),
        ("asks-digits", "missing-build-requirement", "a build requirement has 5014 characters"),
        ("asks-badly", "missing-build-requirement", "a build requirement is not a text, but '1'"),
    ],
)
def test_what_a_build_answers_is_a_result_whatever_it_is(
    cases: CaseBuilder, slug: str, reason: str, detail: str
) -> None:
    """It has its reason, and the farm goes on."""
    result = cases.judge(slug)
    assert (result.verdict, result.reason) == (Verdict.FTBFS, reason), result.failure
    assert result.failure is not None
    assert detail in result.failure.detail


def test_nothing_alters_the_wheel_once_the_build_is_over(cases: CaseBuilder) -> None:
    """Whatever it left behind is dead before the wheel is looked at.

    What is left behind begins three milliseconds after the hook's end; a busy machine may take longer than that to
    get to killing it. Unhindered it would alter every wheel, so one build pair that agrees is enough.
    """
    assert any(cases.judge("alters-late", budget=Budget(builds=0)).verdict is Verdict.REPRODUCIBLE for _ in range(3))


def test_what_the_question_left_behind_is_not_in_the_way_of_the_build(cases: CaseBuilder, tmp_path: Path) -> None:
    """Not even a folder that nobody may enter."""
    result = cases.judge("locks-scratch")
    assert result.verdict is Verdict.REPRODUCIBLE
    assert wrote(result, "sin/found.txt", tmp_path) == "False"


def test_build_requirements_run_in_the_build_alone(
    cases: CaseBuilder, engine: Engine, bookworm: Image, tmp_path: Path
) -> None:
    """Their .pth files and their modules under a library's name; there, all is as Python itself has it at its start."""
    lib = tmp_path / "requirements" / "lib"
    lib.mkdir(parents=True)
    (lib / "sitecustomize.py").write_text(SITECUSTOMIZE)
    (lib / "evil.pth").write_text("import evil\n")
    (lib / "evil.py").write_text(EVIL)
    for name in ("json", "tarfile", "gzip"):
        (lib / f"{name}.py").write_text(SHADOW)
    result = cases.judge("shows-python", requirements=lib.parent)
    assert "in process 1\n" not in log(result, tmp_path)
    shown = wrote(result, "sin/shown.txt", tmp_path).splitlines()
    place = "/usr/lib/somewhere/lib"
    spec = Container(
        image=bookworm.id,
        command=("/usr/bin/python3", "-c", ORDINARY),
        environment=container.variables(FIRST, 1) | {"PYTHONPATH": place},
        mounts=((str(lib), place),),
        label=LABEL,
    )
    _, ordinary = run_inside(engine, spec)
    assert shown[0] == "path SOURCE/."
    as_python_has_it = [one for one in ordinary.splitlines() if one.startswith(("path ", "flags "))]
    assert shown[1:-5] == [one.replace(place, "REQUIREMENTS") for one in as_python_has_it]
    assert shown[-5:] == [
        "arguments 1",
        "sitecustomize REQUIREMENTS/sitecustomize.py",
        "shadow yes",
        "pth read",
        "spawned read",
    ]


def test_a_container_that_nobody_attends_to_ends_in_time(cases: CaseBuilder, engine: Engine, tmp_path: Path) -> None:
    """By itself, and so that it can be seen why; here two seconds after its start."""
    found = pack("never-ends", tmp_path)
    lib = tmp_path / "requirements" / "lib"
    lib.mkdir(parents=True)
    order = container.Order(
        name="first",
        source=cases.job_effects.describe(found, sha256_of(found), SMALL),  # type: ignore[arg-type] # it is a good one
        environment=FIRST,
        requirements=lib.parent,
        image=cases.image,
        limits=replace(SMALL, seconds=2),
    )
    spec = container.container(order, container.guest_folder(cases.cache, FIRST), 0, 1, LABEL)
    heard = bytearray()

    def listen(stream: int, piece: bytes) -> bool:
        heard.extend(piece if stream == STDOUT else b"")
        return True

    begun = time.monotonic()
    completed = engine.run(replace(spec, seconds=60), listen)
    assert (completed.exit_code, completed.timed_out) == (TIMED_OUT, False)
    assert 2 <= time.monotonic() - begun < 60
    assert heard.startswith(b'{"probe"')
    assert heard.count(b"\n") == 1


def test_builds_end_in_time_though_their_farm_is_dead(farm: FarmFixture) -> None:
    """A farm that was killed has nobody to stop them."""
    farm.publish("never-ends")
    farm.configure(limits={"time": "2s"}, jobs=1)
    process = farm.begin("run", "never-ends")
    until(lambda: farm.running() == 1)
    process.kill()
    process.wait()
    assert farm.running() == 1
    until(lambda: farm.running() == 0)


def test_a_guest_that_cannot_protect_itself_does_nothing(cases: CaseBuilder, engine: Engine) -> None:
    """One that is not the container's first process could be killed, and could not kill what is left behind."""
    guest = container.guest_folder(cases.cache, FIRST)
    program = f"import subprocess; print(subprocess.run(['python3', '{container.GUEST}/start.py', '{{}}']).returncode)"
    given = '{"seconds": 9, "inventory": true}'
    spec = Container(
        image=cases.image.id,
        command=("/usr/bin/python3", "-c", program.replace("{}", given)),
        mounts=((str(guest), container.GUEST),),
        label=LABEL,
    )
    assert run_inside(engine, spec)[1] == f"{UNREADY}\n"
