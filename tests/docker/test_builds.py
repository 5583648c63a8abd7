"""The real engine builds each sample package, and its verdict is the expected one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import pytest

from orchestrator.build import variations
from orchestrator.errors import TransientEngineError
from orchestrator.model import Budget, Mode, Verdict
from tests.docker.case_builder import SMALL, CaseBuilder
from tests.docker.containers import crowded

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.model import Image, Limits, Result


class Judge(Protocol):
    """Judges the sample package of a name, as the farm would."""

    def __call__(self, slug: str, *, limits: Limits = ..., hold: tuple[str, ...] = ()) -> Result: ...


@pytest.fixture
def judge(engine: Engine, bookworm: Image, cache: Path, tmp_path: Path) -> Judge:
    """Judge the sample package of that name, as the farm would, and leave the reasons to `test_causes`."""
    farm = CaseBuilder(engine, bookworm, cache, tmp_path)

    def judged(slug: str, *, limits: Limits = SMALL, hold: tuple[str, ...] = ()) -> Result:
        return farm.judge(slug, limits=limits, hold=hold, budget=Budget(builds=0))

    return judged


def said(result: Result, tmp_path: Path) -> str:
    """Return the log of a result's first build."""
    return (tmp_path / "results" / "logs" / result.builds[0].log).read_text()


@pytest.mark.parametrize("name", variations.names(spread=False))
def test_a_package_that_captures_one_thing_is_sensitive_to_just_that(judge: Judge, name: str) -> None:
    """Holding only that variation gives the same bytes; holding all others does not."""
    assert judge(name).verdict is Verdict.SENSITIVE
    held = judge(name, hold=(name,))
    assert held.verdict is Verdict.REPRODUCIBLE
    assert [one.name for one in held.variations if one.mode is Mode.HELD] == [name]
    others = tuple(other for other in variations.NAMES if other != name)
    alone = judge(name, hold=others)
    assert alone.verdict is Verdict.SENSITIVE
    assert [one.name for one in alone.variations if one.acted] == [name]


def test_a_blameless_package_stays_blameless(judge: Judge, tmp_path: Path) -> None:
    """Under every variation and the clock's shim, whatever it does with time, files, processes and threads."""
    result = judge("blameless")
    assert result.verdict is Verdict.REPRODUCIBLE, said(result, tmp_path)
    assert all(one.acted for one in result.variations)
    assert "Clock skew" not in said(result, tmp_path)


def test_the_clock_in_steps_of_two_seconds_saves_nobody(judge: Judge) -> None:
    """Two quick builds that store when a file was made would be equal by luck."""
    result = judge("mtime-of-generated")
    # The clock of the control build runs on: within one step it agrees with the first, else not.
    assert result.verdict in (Verdict.SENSITIVE, Verdict.INTRINSIC)
    assert {one.aspect.value for one in result.differences} == {"time"}
    assert judge("mtime-of-generated", hold=("timezone",)).verdict is not Verdict.REPRODUCIBLE


def test_what_differs_in_one_environment_is_intrinsic(judge: Judge) -> None:
    """RECORD differs too, but only as a consequence."""
    result = judge("random")
    assert result.verdict is Verdict.INTRINSIC
    found = {(one.path, one.aspect.value, one.consequence) for one in result.differences}
    assert found == {
        ("sin/random.txt", "content", False),
        ("random-1.0.dist-info/RECORD", "content", True),
    }


def test_a_build_that_fails_in_one_environment_is_sensitive(judge: Judge) -> None:
    """It builds, but not everywhere; that is not FTBFS."""
    result = judge("fragile")
    assert (result.verdict, result.reason) == (Verdict.SENSITIVE, "fails to build in the second environment")
    assert judge("fragile", hold=("home",)).verdict is Verdict.REPRODUCIBLE


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("needs-network", "needs-network"),
        ("missing-module", "missing-build-requirement"),
        ("broken-code", "build-error"),
        ("wrong-python", "wrong-python"),
        ("missing-file", "missing-file"),
        ("fork-bomb", "too-many-processes"),
        ("fills-disk", "out-of-space"),
        ("eats-memory", "out-of-memory"),
        ("shouts", "too-much-output"),
        ("hostile-wheel", "unsafe-wheel"),
        ("bomb-wheel", "wheel-too-large"),
        ("link-wheel", "unsafe-wheel"),
        ("no-wheel", "no-wheel"),
        ("another-project", "wrong-name"),
        ("another-version", "wrong-name"),
        ("exits", "no-wheel"),
        ("kills", "build-error"),
    ],
)
def test_what_a_package_does_wrong_is_a_result_with_its_reason(judge: Judge, name: str, reason: str) -> None:
    """The farm goes on, and no container is left."""
    result = judge(name)
    assert (result.verdict, result.reason) == (Verdict.FTBFS, reason), result.failure
    assert result.failure is not None
    assert judge("blameless").verdict is Verdict.REPRODUCIBLE


@pytest.mark.parametrize(
    ("name", "reason", "evidence", "missing"),
    [
        ("missing-header", "missing-header", "sound.c:1:10: fatal error: portaudio.h: No", ["header portaudio.h"]),
        ("missing-library", "missing-library", "cannot find -lgeos_c", ["library geos_c"]),
        ("missing-tool", "missing-tool", "No such file or directory: 'swig'", ["tool swig"]),
        ("missing-pkg-config", "missing-tool", "pkg-config", ["tool pkg-config", "pkg-config dbus-1"]),
        ("missing-module", "missing-build-requirement", "No module named", ["python-module a_module_that_nobody_has"]),
        ("needs-rust", "needs-rust", "'cargo'", ["tool rustc", "tool cargo"]),
        ("broken-code", "build-error", "code.c:1:25: error: 'nothing' undeclared", []),
        ("wrong-python", "wrong-python", "No module named 'ConfigParser'", []),
        ("missing-file", "missing-file", "'requirements.txt'", []),
        ("needs-network", "needs-network", "Temporary failure in name resolution", []),
        ("needs-checkout", "needs-checkout", "No such file or directory: 'git'", []),
        ("needs-answer", "needs-answer", "EOFError: EOF when reading a line", []),
        ("eats-memory", "out-of-memory", "more than 536870912 bytes of memory", []),
    ],
)
def test_a_failure_is_shown_by_a_line_and_names_what_was_not_found(
    judge: Judge, name: str, reason: str, evidence: str, missing: list[str]
) -> None:
    """The line that shows the failure, and not the lines before it."""
    failure = judge(name).failure
    assert failure is not None
    assert (failure.reason, [f"{one.want} {one.name}" for one in failure.missing]) == (reason, missing)
    assert evidence in failure.evidence.replace("\u2018", "'").replace("\u2019", "'")


def test_a_build_that_lost_a_part_to_its_own_limit_is_none(judge: Judge) -> None:
    """Although it ended well: with more memory it would have made something else."""
    result = judge("memory-fallback")
    assert (result.verdict, result.reason) == (Verdict.FTBFS, "out-of-memory")
    refused = judge("fork-fallback")
    assert (refused.verdict, refused.reason) == (Verdict.FTBFS, "too-many-processes")
    assert judge("fork-fallback", limits=replace(SMALL, processes=512)).verdict is Verdict.REPRODUCIBLE
    assert judge("memory-fallback", limits=replace(SMALL, memory=2 << 30)).verdict is Verdict.REPRODUCIBLE


@pytest.mark.parametrize("slug", ["memory-fallback", "eats-memory"])
def test_a_host_that_runs_out_of_memory_gives_no_verdict(
    bookworm: Image, cache: Path, tmp_path: Path, slug: str
) -> None:
    """Each build is within its limit, but all of them together have less."""
    with crowded(bookworm) as engine, pytest.raises(TransientEngineError, match="the host ran out of memory"):
        CaseBuilder(engine, bookworm, cache, tmp_path).judge(slug, limits=replace(SMALL, memory=8 << 30))


def test_a_build_that_never_ends_is_ended(judge: Judge) -> None:
    """With the children that it left."""
    result = judge("never-ends", limits=replace(SMALL, seconds=3))
    assert (result.verdict, result.reason) == (Verdict.FTBFS, "time-out")


def test_children_that_are_left_behind_hold_up_nobody(judge: Judge) -> None:
    """The build is over when its hook is."""
    result = judge("leaves-children")
    assert result.verdict is Verdict.REPRODUCIBLE
    assert all(build.seconds < 30 for build in result.builds)


def test_a_build_can_write_and_reach_nothing_but_its_scratch(judge: Judge, tmp_path: Path) -> None:
    """Every attempt fails, and it has no capabilities."""
    import zipfile  # noqa: PLC0415

    result = judge("escapes")
    assert result.verdict is Verdict.REPRODUCIBLE
    assert result.builds[0].wheel is not None
    with zipfile.ZipFile(tmp_path / "results" / "wheels" / result.builds[0].wheel.sha256) as wheel:
        tried = dict(line.split() for line in wheel.read("sin/tried.txt").decode().splitlines())
    assert tried.pop("capabilities") == "0" * 16
    assert len(tried) == 8
    assert "DONE" not in tried.values(), tried


def test_forged_words_of_the_guest_harm_only_their_author(judge: Judge, tmp_path: Path) -> None:
    """No file is written anywhere but under its hash, and no verdict is better than the truth."""
    result = judge("forged-name")
    assert result.verdict in (Verdict.FTBFS, Verdict.REPRODUCIBLE)
    kept = {path.name for path in (tmp_path / "results" / "wheels").iterdir()}
    assert all(len(name) == 64 for name in kept)
    assert not list(tmp_path.rglob("evil*"))
