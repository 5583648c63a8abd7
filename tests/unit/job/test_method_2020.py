"""The result of the method of 2020, and each reason why it differs from a verdict: tables of small values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.job import results_of_2021
from orchestrator.job.method_2020 import absent, agree, grounds, lacks_requirements, outcome, picked, unreached
from orchestrator.model import Result, Verdict
from orchestrator.model.method_2020 import Outcome2020, PipBuild, PipDifference, PipWheel, Trial, Verdict2020
from tests.sample_results import NO_NETWORK, sample

NAME = "six-1.0-py3-none-any.whl"
WHEEL = PipWheel(NAME, "a" * 64)
OTHER = replace(WHEEL, sha256="b" * 64)


def trial(*wheels: PipWheel | None, status: int | None = 0, differences: tuple[PipDifference, ...] = ()) -> Trial:
    """Return a report of builds that gave one wheel each; the last ended with that status."""
    builds = [PipBuild(1.0, 0, (one,) if one else ()) for one in wheels]
    return Trial("six", "23.0", "3.11.2", (*builds[:-1], replace(builds[-1], status=status)), differences)


EQUAL = outcome("six", trial(WHEEL, WHEEL))
DIFFERENT = outcome("six", trial(WHEEL, OTHER))
FAILED = outcome("six", trial(None, status=1))
OPEN = Outcome2020("six", Verdict2020.OPEN, why="no index")
PATHS = PipDifference(NAME, ("six.so",), ("/pip-wheel-aaaaaaaa",), ("/pip-wheel-bbbbbbbb",))
WITH_PATHS = outcome("six", trial(WHEEL, OTHER, differences=(PATHS,)))
UNNAMED = outcome("six", trial(WHEEL, OTHER, differences=(replace(PATHS, first=(), second=()),)))


def ours(verdict: str, *holds: str, **others: Any) -> Result:  # noqa: ANN401 - fields of a result
    """Return a result of ours, of the release that pip built."""
    return replace(sample("six", "1.0"), verdict=Verdict(verdict), holds=holds, **{"reason": "", **others})


@pytest.mark.parametrize(
    ("found", "verdict", "why"),
    [
        (EQUAL, "reproducible", ""),
        (DIFFERENT, "not-reproducible", ""),
        (FAILED, "failed", "pip ended with status 1"),
        (outcome("six", trial(WHEEL, None, status=2)), "failed", "pip ended with status 2"),
        (outcome("six", trial(None, status=None)), "failed", "pip was ended after 1 s"),
        (outcome("six", trial(None, None)), "failed", "no wheel of that name came of it"),
    ],
)
def test_hashes_decide(found: Outcome2020, verdict: str, why: str) -> None:
    """A build that failed leaves no result, whatever it left in the folder."""
    assert (found.verdict.value, found.why) == (verdict, why)


@pytest.mark.parametrize(
    ("project", "names", "expected"),
    [
        ("ipython", ["ipython_genutils-0.2-py3-none-any.whl", "ipython-8.0-py3-none-any.whl"], 0),
        ("ipython", ["ipython-8.0-py3-none-any.whl", "ipython_genutils-0.2-py3-none-any.whl"], 0),
        ("pyyaml", ["cython-3-py3-none-any.whl", "PyYAML-6.0-cp311-cp311-linux_x86_64.whl"], 1),
        ("zope-interface", ["zope.interface-1-py3-none-any.whl", "zope_interface-1-py3-none-any.whl"], 1),
        ("six", ["other-1-py3-none-any.whl"], None),
    ],
)
def test_the_wheel_is_picked_by_the_beginning_of_its_name(project: str, names: list[str], expected: int | None) -> None:
    """The first that the folder lists, as in 2020."""
    wheels = [PipWheel(name, "a" * 64) for name in names]
    assert picked(project, wheels) == (None if expected is None else wheels[expected])


TWICE = outcome("ipython", trial(*[PipWheel("ipython_genutils-0.2-py3-none-any.whl", "a" * 64)] * 2))
BOTH = PipBuild(1.0, 0, (WHEEL, PipWheel("six_more-1-py3-none-any.whl", "c" * 64)))
MOVED = outcome("six", trial(WHEEL, replace(OTHER, filename="six-1.1-py3-none-any.whl")))
RENAMED = outcome("six", trial(WHEEL, replace(OTHER, filename="six-1.0-py2.py3-none-any.whl")))
RECIPE = {"recipe": ("fix-umask",)}


@pytest.mark.parametrize(
    ("theirs", "result", "agreed", "names", "text"),
    [
        (EQUAL, ours("reproducible"), True, ["equal-everywhere"], ""),
        (EQUAL, ours("sensitive", "umask", "time"), False, ["not-varied"], "the same umask;"),
        (EQUAL, ours("sensitive", "umask", **RECIPE), False, ["not-varied"], "fix-umask is proven"),
        (EQUAL, ours("sensitive"), False, ["not-varied"], "one environment"),
        (EQUAL, ours("sensitive", "build-path"), False, ["varied-less"], "eight characters"),
        (EQUAL, ours("sensitive", "hash-seed"), False, ["varied-less"], "hash-seed"),
        (EQUAL, ours("intrinsic"), False, ["chance"], ""),
        (EQUAL, ours("ftbfs", reason="needs-network", failure=NO_NETWORK), False, ["needs-network"], ""),
        (EQUAL, ours("ftbfs", reason="time-out"), False, ["failed-here"], "time-out"),
        (EQUAL, ours("no-sdist", reason="wheels only"), False, ["no-sdist-here"], "wheels only"),
        (EQUAL, ours("excluded", reason="a backport"), None, ["excluded-here"], "a backport"),
        (EQUAL, None, None, ["no-verdict-here"], ""),
        (
            EQUAL,
            ours("reproducible", version="2.0"),
            True,
            ["other-version", "equal-everywhere"],
            "1.0, wheelproof 2.0",
        ),
        (DIFFERENT, ours("sensitive", "build-path"), True, ["random-path"], "depends on build-path"),
        (
            WITH_PATHS,
            ours("sensitive", "build-path", **RECIPE),
            True,
            ["random-path"],
            "/pip-wheel-bbbbbbbb. The recipe",
        ),
        (DIFFERENT, ours("sensitive", "build-path", "exec-path"), True, ["random-path", "random-path"], "build-path."),
        (DIFFERENT, ours("sensitive", "build-path", "umask"), True, ["random-path", "not-varied"], "build-path"),
        (DIFFERENT, ours("sensitive", "hash-seed"), True, ["random-seed"], ""),
        (DIFFERENT, ours("sensitive", "environment"), True, ["random-variable"], "PIP_BUILD_TRACKER"),
        (DIFFERENT, ours("sensitive", "time"), True, ["seconds-apart"], ""),
        (DIFFERENT, ours("sensitive", "umask"), True, ["unexplained"], ""),
        (DIFFERENT, ours("intrinsic"), True, ["random"], ""),
        (WITH_PATHS, ours("reproducible"), False, ["random-path"], "/pip-wheel-aaaaaaaa, the second"),
        (UNNAMED, ours("reproducible"), False, ["unexplained"], "six.so differ"),
        (DIFFERENT, ours("ftbfs", reason="missing-header"), False, ["failed-here"], "missing-header"),
        (MOVED, ours("reproducible"), False, ["version-moved"], "took 1.0, the second 1.1"),
        (RENAMED, ours("reproducible"), False, ["other-name"], "py2.py3"),
        (FAILED, ours("reproducible"), False, ["failed-there"], "status 1"),
        (FAILED, ours("ftbfs", reason="build-error"), True, ["no-wheel-anywhere"], "build-error"),
        (FAILED, ours("no-sdist"), True, ["no-wheel-anywhere"], ""),
        (OPEN, ours("reproducible"), None, ["no-result-there"], "no index"),
        (OPEN, None, None, ["no-result-there", "no-verdict-here"], ""),
        (TWICE, ours("sensitive", "umask"), False, ["wrong-wheel", "other-version", "not-varied"], "ipython_genutils"),
        (
            outcome("six", replace(trial(WHEEL, WHEEL), builds=(BOTH, BOTH))),
            ours("reproducible"),
            True,
            ["ambiguous-name", "equal-everywhere"],
            "six_more",
        ),
    ],
)
def test_each_reason_follows_from_a_fact(
    theirs: Outcome2020, result: Result | None, *, agreed: bool | None, names: list[str], text: str
) -> None:
    """And without that fact there is another reason, or none that is known."""
    found = grounds(theirs, result)
    assert [one.name for one in found] == names
    assert text in " ".join(one.text for one in found)
    assert agree(theirs, result) is agreed


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("  WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'NewConnectionError'", True),
        ("ERROR: HTTP error 503 while getting https://index.example/six.tar.gz", True),
        ("ERROR: Could not install packages due to an OSError: HTTPSConnectionPool(host='x', port=443)", True),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", False),
        ("error: command 'gcc' failed", False),
    ],
)
def test_a_network_that_fails_is_no_failure_of_the_package(line: str, *, expected: bool) -> None:
    """The line shows it, wherever it is in the log."""
    assert bool(unreached(f"Collecting six\n{line}\nmore")) is expected


def test_the_log_shows_what_pip_lacked() -> None:
    """Its own words, for the project itself and for its build requirements."""
    assert absent("x\n  ERROR: No matching distribution found for Zope.Interface==1\n") == "Zope.Interface==1"
    assert absent("error: subprocess-exited-with-error") == ""
    assert lacks_requirements("pip subprocess to install build dependencies did not run successfully.")
    assert not lacks_requirements("error: subprocess-exited-with-error")


def test_the_last_results_are_those_of_2021() -> None:
    """93 of 112 were reproducible."""
    assert (len(results_of_2021.TRACKED), len(results_of_2021.REPRODUCIBLE)) == (112, 93)
    assert [results_of_2021.result(name) for name in ("six", "cffi", "pandas")] == [True, False, None]
