"""Compilers are killed from outside while they run, by the host, as by an administrator or a guard of memory."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.confinement import Container
from orchestrator.model import Budget, Limits, Verdict
from tests.docker.case_builder import LABEL, CaseBuilder
from tests.docker.containers import run_inside, stopped_before_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.build.engine import Engine
    from orchestrator.model import Image, Result

LIMITS = Limits(seconds=120, memory=1 << 30, scratch=128 << 20, processes=64, log=4 << 20, wheel=16 << 20)


@pytest.fixture
def farm(engine: Engine, bookworm: Image, cache: Path, tmp_path: Path) -> CaseBuilder:
    """A farm on the stock image."""
    return CaseBuilder(engine, bookworm, cache, tmp_path)


def judge(farm: CaseBuilder, slug: str) -> Result:
    """Judge, and look for no reasons."""
    return farm.judge(slug, limits=LIMITS, budget=Budget(builds=0))


@contextmanager
def compilers_killed(most: int, number: signal.Signals) -> Iterator[list[int]]:
    """Kill the first compilers of slow_compile.c that are seen, each at once."""
    killed: list[int] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05) and len(killed) < most:
            for one in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    words = (one / "cmdline").read_bytes().split(b"\0")
                    is_compiler = words[0].endswith(b"/cc1") and b"slow_compile.c" in words
                    if is_compiler and int(one.name) not in killed and len(killed) < most:
                        os.kill(int(one.name), number)
                        killed.append(int(one.name))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield killed
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("slug", ["slow-compile", "slow-compile-fallback"])
@pytest.mark.parametrize(("most", "number"), [(1, signal.SIGKILL), (2, signal.SIGTERM)])
def test_a_compiler_that_is_killed_once_changes_no_verdict(
    farm: CaseBuilder, slug: str, most: int, number: signal.Signals
) -> None:
    """In one build or in both; also where the build goes on without it."""
    with compilers_killed(most, number) as killed:
        result = judge(farm, slug)
    assert len(killed) == most
    assert result.verdict is Verdict.REPRODUCIBLE, result.failure


@pytest.mark.parametrize("slug", ["slow-compile", "slow-compile-fallback"])
def test_a_compiler_that_is_killed_each_time_is_a_result_that_names_it(farm: CaseBuilder, slug: str) -> None:
    """Each build is made once more and no oftener, and what is there without the compiler is no wheel."""
    with compilers_killed(99, signal.SIGKILL) as killed:
        result = judge(farm, slug)
    assert len(killed) == 4
    assert (result.verdict, result.reason) == (Verdict.FTBFS, "killed")
    assert result.failure is not None
    assert "Killed signal terminated program cc1" in result.failure.evidence


@pytest.mark.parametrize(
    ("slug", "evidence"),
    [("killed-compiler", "Killed signal terminated program cc1"), ("kills-itself", "ended by signal 9")],
)
def test_a_package_that_kills_itself_is_a_result(farm: CaseBuilder, slug: str, evidence: str) -> None:
    """It is no open job, which each run would build again."""
    result = judge(farm, slug)
    assert (result.verdict, result.reason) == (Verdict.FTBFS, "killed")
    assert result.failure is not None
    assert evidence in result.failure.evidence


def test_a_container_that_starts_while_its_engine_is_being_stopped_is_killed(bookworm: Image) -> None:
    """A stop cannot kill it before it runs; nothing else would end it before its limit."""
    container = Container(bookworm.id, ("/bin/sleep", "60"), seconds=30, label=LABEL)
    begun = time.monotonic()
    completed, _ = run_inside(stopped_before_start(), container)
    assert (completed.exit_code, completed.timed_out) == (128 + signal.SIGKILL, False)
    assert time.monotonic() - begun < container.seconds
