"""The causes of native code are compiled from packages; each is named, and nothing is unexplained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.causes import native
from orchestrator.analysis.compare import compare
from orchestrator.analysis.contents import opened
from orchestrator.analysis.diagnose import diagnose
from orchestrator.analysis.wheel import read
from orchestrator.analysis.wheel_side import WheelSide
from orchestrator.build import variations
from orchestrator.model import Failure, Mode, Severity, Verdict
from tests.docker.case_builder import SMALL
from tests.docker.test_builds import Judge, judge

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Build, Diagnosis, Result, WheelFile

__all__ = ["judge"]  # a fixture

DEPTHS = {
    "static-library-headers": Severity.METADATA,
    "debug-path": Severity.DEBUG,
    "rpath": Severity.DATA,
    "embedded-path": Severity.CODE,  # what stands behind a longer path moves, and code points there
    "compile-date": Severity.DATA,
    "object-order": Severity.CODE,
    "lto-symbols": Severity.DATA,
    "coverage-stamp": Severity.DATA,
}
VARIATIONS = {
    "debug-path": ("build-path",),
    "rpath": ("build-path",),
    "embedded-path": ("build-path",),
    "compile-date": ("time",),
    "object-order": ("fileordering",),
}


def diagnosed(result: Result, wheels: Path) -> Diagnosis:
    """Explain the first two builds of a result."""
    ours, theirs = (_wheel(build, wheels) for build in result.builds[:2])
    with opened(*ours, SMALL.wheel, SMALL.members) as first, opened(*theirs, SMALL.wheel, SMALL.members) as second:
        assert not isinstance(first, Failure)
        assert not isinstance(second, Failure)
        sides = []
        for (path, file), contents, build in zip((ours, theirs), (first, second), result.builds[:2], strict=True):
            wheel = read(path, file, SMALL.wheel, SMALL.members)
            assert not isinstance(wheel, Failure)
            sides.append(WheelSide(wheel, contents, variations.traces(build)))
        return diagnose(sides[0], sides[1], compare(sides[0].wheel, sides[1].wheel))


def _wheel(build: Build, wheels: Path) -> tuple[Path, WheelFile]:
    assert build.wheel is not None, build.failure
    return wheels / build.wheel.sha256, build.wheel


def test_every_cause_of_native_code_has_a_package() -> None:
    """Each package is built by the tests below."""
    assert {cause.name for cause in native.CAUSES} == DEPTHS.keys()


@pytest.mark.parametrize("slug", DEPTHS)
def test_a_cause_of_native_code_is_the_only_cause(judge: Judge, slug: str, tmp_path: Path) -> None:
    """Every other byte is equal, or derived from it; what is no native code looks like it until builds show it."""
    found = diagnosed(judge(slug), tmp_path / "results" / "wheels")
    assert [cause.name for cause in found.causes] == [slug]
    assert {(one.path.rpartition(".")[2], one.looks_like) for one in found.unexplained} <= {("gcno", slug)}
    assert found.severity is DEPTHS[slug]


@pytest.mark.parametrize("slug", VARIATIONS)
def test_a_cause_of_native_code_needs_only_its_variation(judge: Judge, slug: str) -> None:
    """With that variation kept equal, the bytes are equal."""
    held = judge(slug, hold=VARIATIONS[slug])
    assert held.verdict is Verdict.REPRODUCIBLE, held.differences
    others = tuple(name for name in variations.NAMES if name not in VARIATIONS[slug])
    alone = judge(slug, hold=others)
    assert alone.verdict is Verdict.SENSITIVE
    assert [variation.name for variation in alone.variations if variation.mode is Mode.VARIED] == list(VARIATIONS[slug])


@pytest.mark.parametrize("slug", ["lto-symbols", "coverage-stamp"])
def test_random_numbers_need_no_variation(judge: Judge, slug: str) -> None:
    """They differ in one environment."""
    assert judge(slug).verdict is Verdict.INTRINSIC
