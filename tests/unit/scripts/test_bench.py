"""What `make bench` reckons and prints is pure, and so is tested without measuring anything."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import bench
import pytest
import stub_farm

from orchestrator.model import Verdict
from orchestrator.results import store

if TYPE_CHECKING:
    from pathlib import Path

CORES = 2


def result(project: str, verdict: str, *cpu_seconds: float) -> dict[str, Any]:
    """Return what the command prints of one job, as far as it is reckoned with."""
    builds = [
        {"name": name, "cpu_seconds": spent}
        for name, spent in zip(("first", "second", "control"), cpu_seconds, strict=False)
    ]
    return {"project": project, "version": "1", "verdict": verdict, "reason": "", "builds": builds}


RESULTS = [result("alpha", "reproducible", 1, 3), result("beta", "sensitive", 2, 2, 4)]
TIMED: list[dict[str, Any]] = [
    {"requirement": "alpha==1", "seconds": 30.0, "alone": 30.0, "wheels": 1},
    {"requirement": "beta==1", "seconds": 70.0, "alone": 20.0, "wheels": 3},
    {"requirement": "gamma==1", "failure": "a line\nerror: \x1b[31mno\n\n"},
]
RUNS = (bench.Run(10, RESULTS), bench.Run(5, RESULTS), bench.Run(0.1, RESULTS))


def test_floor_is_processor_time_over_the_cores() -> None:
    """Of the pair of builds that every verdict needs, or of all that were done."""
    assert bench.floor(RESULTS, CORES, bench.PAIR) == 4
    assert bench.floor(RESULTS, CORES) == 6


def test_pace_compares_the_same_releases() -> None:
    """Both ratios and both shares follow from the wall time of one run."""
    assert bench.pace(bench.Run(10, RESULTS), 100, 50, CORES) == bench.Pace(12, 10, 5, 0.4, 0.6)


def test_containers_bound_the_share_of_the_floor() -> None:
    """Five builds in containers of 0.4 s each, beside a floor of 6 s: nobody ends before 8 s."""
    assert bench.bound(RESULTS, CORES, 0.4) == bench.Bound(share=0.5, share_all=0.75)


def test_what_the_method_of_2020_cannot_build_is_left_out_and_named() -> None:
    """Neither its time nor its number counts, and its reason is fit for a terminal."""
    found = bench.figures("pure", TIMED, RUNS, CORES, container=0.4)
    assert found.left_out == {"gamma==1": "error: ?[31mno"}
    assert found.releases == 2
    assert found.seconds_2020 == {"alpha==1": 30, "beta==1": 70}
    assert found.per_minute_2020 == pytest.approx(1.2)
    assert (found.cold.ratio, found.cold.ratio_alone, found.warm.ratio) == (10, 5, 20)
    assert found.unchanged == pytest.approx(0.05)


def test_what_wheelproof_does_not_build_is_named() -> None:
    """Its time counts against wheelproof, and the output states it."""
    failed = {**result("beta", "ftbfs", 1), "reason": "time-out"}
    run = bench.Run(10, [RESULTS[0], failed])
    assert bench.figures("pure", TIMED, (run, run, run), CORES, container=0.4).unbuilt == {"beta==1": "ftbfs: time-out"}


def test_experiments_have_a_row_where_they_were_measured() -> None:
    """They are no part of what the method of 2020 is compared with."""
    without = bench.figures("pure", TIMED, RUNS, CORES, container=0.4)
    explained = bench.figures("pure", TIMED, RUNS, CORES, container=0.4, explained=bench.Run(40, RESULTS))
    assert (without.explained, explained.explained) == (None, 3)
    assert "with experiments" not in bench.table([without])
    assert re.search(r"packages a minute, with experiments +3\.0", bench.table([explained]))
    assert (explained.cold, explained.warm) == (without.cold, without.warm)


def test_table_has_a_column_for_each_list() -> None:
    """Each figure is under the name of its list, and all lines of figures are equally long."""
    pure, native = (bench.figures(name, TIMED[:2], RUNS, CORES, container=0.4) for name in ("pure", "native"))
    lines = bench.table([pure, native]).splitlines()
    assert lines[0].split() == ["pure", "native"]
    assert {len(line) for line in lines} == {len(lines[0])}
    rows = {re.split(r"\s{2,}", line.strip())[0]: line.split()[-2:] for line in lines[1:]}
    assert rows["times the method of 2020, cold"] == ["10.0", "10.0"]
    assert rows["share of the floor, warm"] == ["0.80", "0.80"]
    assert rows["seconds a package, nothing changed"] == ["0.050", "0.050"]


REPORT = {"requirement": "alpha==1", "builds": [{"seconds": 10.0, "status": 0, "wheels": [{}]}] * 2, "alone": []}


def test_reports_arrive_in_pieces() -> None:
    """Of a failure, what pip printed since the last report is its log."""
    reported: list[dict[str, Any]] = []
    listener = bench.Listener(reported.append)
    first = json.dumps(REPORT).encode()
    failed = json.dumps({**REPORT, "builds": [{"seconds": 1.0, "status": 1, "wheels": []}]}).encode()
    for stream, piece in ((2, b"well"), (1, first[:9]), (1, first[9:] + b"\n"), (2, b"error"), (1, failed + b"\n")):
        assert listener(stream, piece)
    assert reported == [
        {"requirement": "alpha==1", "seconds": 20.0, "alone": 20.0, "wheels": 1},
        {"requirement": "alpha==1", "failure": "error"},
    ]


def test_dependencies_are_told_apart() -> None:
    """The time without them is that of builds without them."""
    alone = [{"seconds": 3.0, "status": 0, "wheels": [{}]}] * 2
    assert bench.timed({**REPORT, "alone": alone}, "")["alone"] == 6


def test_made_up_farm_does_all_but_build(tmp_path: Path) -> None:
    """Its records are those of real verdicts of every kind, and its site is written."""
    stub_farm.run(3, tmp_path)
    found = [store.read(path) for path in (tmp_path / "results" / "records").glob("*/*.json")]
    assert {one.verdict for one in found if one} == {Verdict.REPRODUCIBLE, Verdict.SENSITIVE, Verdict.INTRINSIC}
    assert (tmp_path / "results" / "site" / "packages" / "project-2.html").is_file()


def test_lists_are_of_pinned_releases() -> None:
    """At least thirty, each once and in one version."""
    releases = [release for releases in bench.LISTS.values() for release in releases]
    assert len(set(releases)) == len(releases) >= 30
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", release) for release in releases)
