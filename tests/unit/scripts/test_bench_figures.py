"""What `make bench` computes and prints follows from its runs alone."""

from __future__ import annotations

import re
from typing import Any

import bench_figures as figures
import pytest
from bench_figures import OTHER, THIS, Finding, Measured, Run
from hypothesis import given
from hypothesis import strategies as st

CORES = 2


def result(project: str, verdict: str, *cpu_seconds: float, holds: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what is kept of a result, as far as figures follow from it."""
    names = ("first", "second", "control", "fourth")
    builds = [{"name": name, "cpu_seconds": spent} for name, spent in zip(names, cpu_seconds, strict=False)]
    kept = {"project": project, "version": "1", "verdict": verdict, "reason": "", "holds": list(holds), "recipe": []}
    return {**kept, "image": {"id": "sha256:1"}, "builds": builds, "recipes": [{"form": "sh", "proof": "proven"}]}


RESULTS = [result("alpha", "reproducible", 1, 3), result("beta", "sensitive", 2, 2, 4, holds=("umask",))]
TRIAL: list[dict[str, Any]] = [
    {"requirement": "alpha==1", "seconds": 30.0, "alone": 30.0, "wheels": 1},
    {"requirement": "beta==1", "seconds": 70.0, "alone": 20.0, "wheels": 3},
    {"requirement": "gamma==1", "failure": "a line\nerror: \x1b[31mno\n\n"},
]


def measured(*runs: Run, trials: int = 1) -> Measured:
    """Return runs of one list, beside that many trials of the method of 2020."""
    return Measured("pure", CORES, ["alpha==1", "beta==1"], [0.4] * 3, [TRIAL] * trials, list(runs))


def run(wall: float, repetition: int = 0, *, phase: str = "warm", checkout: str = THIS, results: Any = RESULTS) -> Run:  # noqa: ANN401
    """Return a run that took that long."""
    return Run(phase, checkout, repetition, wall, 1.0, results)


def rows(table: str) -> dict[str, list[str]]:
    """Return the columns of each line of a table."""
    parts = (re.split(r"\s{2,}", line.strip()) for line in table.splitlines())
    return {part[0]: part[1:] for part in parts}


@given(st.lists(st.integers(0, 100), min_size=1))
def test_spread_encloses_its_median(values: list[int]) -> None:
    """No value is outside of it."""
    spread = figures.spread(values)
    assert spread.least <= spread.median <= spread.most
    assert {spread.least, spread.most} <= set(values)


@given(st.lists(st.integers(0, 100), min_size=1))
def test_ninth_tenth_is_the_least_value_that_covers_nine_tenths(values: list[int]) -> None:
    """It is one of the values, nine tenths do not exceed it, and fewer are below it."""
    found = figures.ninth_tenth(values)
    assert found in values
    assert 10 * sum(one <= found for one in values) >= 9 * len(values)
    assert 10 * sum(one < found for one in values) < 9 * len(values)


def test_floor_is_processor_time_over_the_cores() -> None:
    """Of the pair of builds that every verdict needs, or of all builds."""
    assert figures.floor(RESULTS, CORES, figures.PAIR) == 4
    assert figures.floor(RESULTS, CORES) == 6


def test_bound_has_a_container_for_each_build() -> None:
    """Five builds in containers of 0.4 s each, beside 6 s of processor time: no farm ends before 8 s."""
    assert figures.bound(RESULTS, CORES, 0.4) == 8


@given(st.lists(st.lists(st.floats(0, 100), max_size=4), max_size=5), st.floats(0, 10), st.integers(1, 64))
def test_bound_is_not_below_the_floor(times: list[list[float]], container: float, cores: int) -> None:
    """It grows with each build, and without containers it is the floor."""
    results = [result("alpha", "reproducible", *some) for some in times]
    bound, more = (figures.bound(some, cores, container) for some in (results, [*results, result("b", "x", 1.0)]))
    assert bound >= figures.floor(results, cores) == figures.bound(results, cores, 0)
    assert more > bound


@given(st.dictionaries(st.integers(0, 9), st.floats(0.01, 100)), st.floats(0.1, 10))
def test_ratio_is_of_runs_in_turn(this: dict[int, float], factor: float) -> None:
    """A load that slows down both runs of a repetition leaves their ratio as it is."""
    other = {repetition: value / factor for repetition, value in this.items() if repetition}
    assert figures.ratios(this, other) == pytest.approx([factor] * len(other))


def test_all_figures_of_a_run() -> None:
    """Ten seconds for two packages and five builds, for which the method of 2020 took 100 seconds."""
    found = rows(figures.table(measured(run(10))))
    assert found["method of 2020"] == []
    assert found["packages a minute"] == ["12.0"]
    assert found["times the method of 2020"] == ["10.00"]
    assert found["had it built no dependencies"] == ["5.00"]
    assert found["share of the floor"] == ["0.40"]
    assert found["share of the container bound"] == ["0.80"]
    assert found["builds a package, median"] == ["2.5"]
    assert found["builds a package, 90th percentile"] == ["3"]
    assert found["builds of all packages"] == ["5"]
    assert found["its own processor seconds a package"] == ["0.500"]


def test_medians_have_minimum_and_maximum() -> None:
    """Repetitions of one checkout are one column; two checkouts have their ratio beside them."""
    walls = ((10, 20), (5, 20), (20, 20))
    runs = [
        run(wall, repetition, checkout=checkout)
        for repetition, pair in enumerate(walls)
        for checkout, wall in zip((THIS, OTHER), pair, strict=True)
    ]
    table = figures.table(measured(*runs))
    assert table.splitlines()[0] == "pure: releases: 2, repetitions: 3"
    assert table.splitlines()[1].split(maxsplit=2) == ["this", "other", "this by other"]
    assert rows(table)["packages a minute"] == ["12.0 (6.0-24.0)", "6.0", "2.00 (1.00-4.00)"]


def test_unchanged_run_has_seconds_a_package() -> None:
    """Nothing is built in it."""
    found = rows(figures.table(measured(run(0.1, phase="unchanged"))))
    assert found["seconds a package"] == ["0.050"]
    assert "share of the container bound" not in found


def test_each_repetition_is_compared_with_its_own_trial() -> None:
    """Or with the last trial; one in which a release failed does not count."""
    slower = [{**one, "seconds": 200.0} for one in TRIAL if "failure" not in one]
    failed = [TRIAL[0], {"requirement": "beta==1", "failure": "no"}]
    some = Measured("pure", CORES, ["alpha==1", "beta==1"], [], [TRIAL, slower, failed], [])
    assert [figures.seconds_2020(some, repetition) for repetition in range(3)] == [100, 400, None]
    assert figures.seconds_2020(measured(), 2) == 100
    assert figures.seconds_2020(measured(trials=0), 0) is None


def test_packages_that_were_not_built_do_not_count_as_rebuilt() -> None:
    """A wheel without a counterpart takes no time; it is named."""
    absent = {**result("beta", ""), "verdict": None, "outcome": "no-counterpart", "reason": "needs an image"}
    some = measured(run(10, phase="verify", results=[RESULTS[0], absent]))
    assert rows(figures.table(some))["packages a minute"] == ["6.0"]
    assert "this, verify: not built: beta==1: no-counterpart: needs an image" in figures.notes(some)


def test_what_weakens_the_figures_is_named_once() -> None:
    """The releases that the method of 2020 or a checkout did not build, jobs left open, and images that differ."""
    failed = {**result("beta", "ftbfs", 1), "reason": "time-out", "image": {"id": "sha256:2"}}
    runs = [run(10, number, results=[failed, {"requirement": "delta==1", "open": "the index"}]) for number in (0, 1)]
    assert figures.notes(measured(run(10), *runs)) == [
        "left out of pure: gamma==1: error: ?[31mno",
        "this, warm: not built: beta==1: ftbfs: time-out",
        "this, warm: no verdict: delta==1: the index",
        "the images differ: sha256:1, sha256:2; these figures cannot be compared",
    ]


def test_builds_of_each_release_are_compared() -> None:
    """What differs in verdict, holds, recipe or proof is marked; fewer builds are no difference of that kind."""
    after = [RESULTS[0], result("beta", "sensitive", 2, 2, holds=("build-path",))]
    some = measured(run(10, checkout=OTHER), run(10, results=after))
    alpha, beta = figures.release_rows(some, "warm")
    assert (alpha.builds, alpha.differs) == ({THIS: [2], OTHER: [2]}, ())
    assert (beta.builds, beta.differs) == ({THIS: [2], OTHER: [3]}, ("holds",))
    assert beta.findings[OTHER] == [Finding("sensitive", ("umask",), (), "proven")]
    text = figures.builds_table(some, "warm")
    assert re.search(r"^alpha==1 +2 +2 +reproducible, sh proven$", text, re.MULTILINE)
    assert re.search(r"^beta==1 +2 +3 +DIFFERS: holds: this: sensitive build-path", text, re.MULTILINE)
    assert re.search(r"^total +4 +5$", text, re.MULTILINE)
    assert text.endswith("1 of 2 releases; holds differs: 1")


def test_release_that_one_checkout_lacks_is_marked() -> None:
    """As is one that came out in two ways in one checkout."""
    some = measured(run(10, checkout=OTHER), run(10, results=RESULTS[:1]))
    assert [row.differs for row in figures.release_rows(some, "warm")] == [(), ("missing",)]
    chance = measured(run(10), run(10, 1, results=[RESULTS[0], result("beta", "intrinsic", 1, 1, 1)]))
    assert [row.differs for row in figures.release_rows(chance, "warm")] == [(), ("verdict", "holds")]
    assert figures.builds_table(chance, "proof") == ""
