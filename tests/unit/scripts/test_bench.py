"""`make bench` runs everything in turn; these tests run it with functions that measure nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import bench
import bench_runs
import pytest
import stub_farm
import yaml
from bench_figures import BY_NAME, CONFIGS, OTHER, THIS, USUAL, Measured, Run
from bench_runs import ROOT, Checkout

from orchestrator.config.schema import BudgetPart
from orchestrator.model import Verdict
from orchestrator.results import store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench_figures import Phase

CHECKOUTS = (Checkout(THIS, ROOT), Checkout(OTHER, ROOT / "other"))


@dataclass
class Script:
    """A machine on which everything takes a second, and which notes what runs."""

    failing: frozenset[str] = frozenset()
    ran: list[str] = field(default_factory=list)

    def method_2020(self, releases: Sequence[str]) -> list[dict[str, Any]]:
        self.ran.append("method 2020")
        return [
            {"requirement": one, **({"failure": "no"} if one in self.failing else {"seconds": 1.0, "alone": 1.0})}
            for one in releases
        ]

    def empty_container(self) -> float:
        self.ran.append("container")
        return 0.1

    def run(self, checkout: Checkout, phase: Phase, releases: Sequence[str], repetition: int) -> Run:
        self.ran.append(f"{checkout.name} {phase.name} {','.join(releases)}")
        return Run(phase.name, checkout.name, repetition, 1.0, 1.0, [])


def measure(script: Script, *phases: str, repeat: int = 2, of_2020: str = "each") -> tuple[Measured, list[int]]:
    """Measure two releases with a script; return it, and how many runs were saved each time."""
    saved: list[int] = []
    machine = bench.Machine(script.method_2020, script.empty_container, script.run)
    plan = bench.Plan(phases, repeat, of_2020)
    save = lambda some: saved.append(len(some.runs))  # noqa: E731
    return bench.measure("pure", ["alpha==1", "beta==1"], plan, CHECKOUTS, machine, save), saved


def test_checkouts_run_in_turn() -> None:
    """In each repetition another is first; what is needed later is downloaded before, and not measured."""
    script = Script(frozenset({"beta==1"}))
    measured, saved = measure(script, "cold", "warm")
    assert script.ran == [
        "method 2020",
        *("this warm alpha==1", "other warm alpha==1"),
        "container",
        *("this cold alpha==1", "other cold alpha==1", "this warm alpha==1", "other warm alpha==1"),
        *("method 2020", "container"),
        *("other cold alpha==1", "this cold alpha==1", "other warm alpha==1", "this warm alpha==1"),
    ]
    assert measured.releases == ["alpha==1"]
    assert [(run.checkout, run.repetition) for run in measured.runs[2:5]] == [(THIS, 0), (OTHER, 0), (OTHER, 1)]
    assert (len(measured.trials), len(measured.containers)) == (2, 2)
    assert saved == [4, 8]


@pytest.mark.parametrize(("of_2020", "count"), [("each", 2), ("once", 1), ("never", 0)])
def test_method_of_2020_runs_as_often_as_it_should(of_2020: str, count: int) -> None:
    """Without it, no release is left out."""
    script = Script()
    measured, _ = measure(script, "cold", of_2020=of_2020)
    assert script.ran.count("method 2020") == len(measured.trials) == count
    assert measured.releases == ["alpha==1", "beta==1"]


def test_method_of_2020_that_builds_nothing_ends_the_measurement() -> None:
    """Most likely there is no network; the last line of pip is in the message."""
    with pytest.raises(SystemExit, match="it built none of 2 releases: no; check the network"):
        measure(Script(frozenset({"alpha==1", "beta==1"})), "cold")
    with pytest.raises(SystemExit, match="ended after 1 of 2"):
        bench.trial([{"requirement": "alpha==1", "seconds": 1.0}], ["alpha==1", "beta==1"])


@pytest.mark.parametrize(
    ("phases", "prepared"),
    [
        (USUAL, ["proof", "verify"]),
        (("warm", "remedies"), ["remedies"]),
        (("unchanged",), ["warm"]),
        (("verify",), ["verify"]),
        (("cold", "cold-proof"), []),
    ],
)
def test_preparing_downloads_what_the_warm_runs_need(phases: tuple[str, ...], prepared: list[str]) -> None:
    """A run with the recipe's proof needs most."""
    assert [phase.name for phase in bench.preparing(phases)] == prepared


def test_command_of_a_phase(tmp_path: Path) -> None:
    """A checkout's own Python runs it, if it has one."""
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    words = Checkout(OTHER, tmp_path).command(BY_NAME["verify"], tmp_path, ["six==1.16.0"])
    config = str(tmp_path / "proof.yaml")
    assert words == [str(own), "-m", "orchestrator", "verify", "--json", "--config", config, "--again", "six==1.16.0"]
    assert "--again" not in Checkout(THIS, tmp_path / "none").command(BY_NAME["unchanged"], tmp_path, [])


def test_results_are_read_from_the_command(tmp_path: Path) -> None:
    """Its wall time and its own processor time are measured; a command that fails ends with its last words."""
    package = tmp_path / "orchestrator"
    package.mkdir()
    (package / "__init__.py").touch()
    build = {"name": "first", "seconds": 2.0, "cpu_seconds": 1.0, "probe": {}}
    printed = [{"project": "six", "version": "1", "verdict": "reproducible", "inputs": {}, "builds": [build]}]
    (package / "__main__.py").write_text(f"print({json.dumps(printed)!r})\nraise SystemExit(9)\n")
    run = Checkout(OTHER, tmp_path).run(BY_NAME["warm"], tmp_path, [], 1)
    (result,) = run.results
    assert result["builds"] == [{"name": "first", "seconds": 2.0, "cpu_seconds": 1.0}]
    assert "inputs" not in result
    assert (run.phase, run.checkout, run.repetition) == ("warm", OTHER, 1)
    assert run.processor > 0
    (package / "__main__.py").write_text("raise SystemExit('no engine')\n")
    with pytest.raises(SystemExit, match="status 1\nno engine"):
        Checkout(OTHER, tmp_path).run(BY_NAME["warm"], tmp_path, [])


def test_configurations_are_those_of_the_program() -> None:
    """Verdict alone spends nothing; remedies runs no recipe; the rest is the default."""
    read = {name: yaml.safe_load(bench_runs.settings(name)) for name in CONFIGS}
    assert read["verdict"] == {"image": "bookworm", "budget": {"builds": 0, "recipes": []}}
    assert read["remedies"] == {"image": "bookworm", "budget": {"recipes": []}}
    assert read["proof"] == {"image": "bookworm"}
    assert all(key in BudgetPart.model_fields for some in read.values() for key in some.get("budget", ()))
    assert {phase.config for phase in BY_NAME.values()} == set(CONFIGS)
    far = yaml.safe_load(bench_runs.settings("verdict", "http://127.0.0.1:1/simple/"))
    assert far == {**read["verdict"], "index": "http://127.0.0.1:1/simple/"}


def test_releases_of_a_file() -> None:
    """One on a line, with comments."""
    assert bench.read_releases("# a list\nsix==1.16.0\n\nidna==3.7  # flit\n") == ["six==1.16.0", "idna==3.7"]


def test_usual_command_line() -> None:
    """Three repetitions of all lists, and the memory; one of a few releases to try it out."""
    usual, quick = bench.arguments([]), bench.arguments(["--quick"])
    assert (usual.plan, usual.names, usual.memory) == (bench.Plan(), ["pure", "native"], True)
    assert quick.plan.repeat == 1
    assert bench.lists_of(quick) == bench.QUICK


def test_command_line_of_a_file_of_releases(tmp_path: Path) -> None:
    """The method of 2020 and the memory are measured only on request."""
    path = tmp_path / "forty.txt"
    path.write_text("six==1.16.0\n")
    asked = bench.arguments(["--releases", str(path), "--other", str(ROOT), "--phases", "proof"])
    assert (asked.plan, asked.memory) == (bench.Plan(("proof",), 3, "never"), False)
    assert bench.lists_of(asked) == {"forty": ["six==1.16.0"]}
    assert bench.arguments(["--releases", str(path), "--method-2020", "once"]).plan.of_2020 == "once"


@pytest.mark.parametrize("words", ["--phases hot", "--lists heavy", "--repeat 0", "--other /nowhere", "--delay -1"])
def test_mistakes_on_the_command_line(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each has status 2, before anything runs."""
    with pytest.raises(SystemExit) as ended:
        bench.arguments(words.split())
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


REPORT = {"requirement": "alpha==1", "builds": [{"seconds": 10.0, "status": 0, "wheels": [{}]}] * 2, "alone": []}


def test_reports_arrive_in_pieces() -> None:
    """Of a failure, what pip printed since the last report is its log."""
    reported: list[dict[str, Any]] = []
    listener = bench_runs.Listener(reported.append)
    first = json.dumps(REPORT).encode()
    failed = json.dumps({**REPORT, "builds": [{"seconds": 1.0, "status": 1, "wheels": []}]}).encode()
    for stream, piece in ((2, b"well"), (1, first[:9]), (1, first[9:] + b"\n"), (2, b"error"), (1, failed + b"\n")):
        assert listener(stream, piece)
    assert reported == [
        {"requirement": "alpha==1", "seconds": 20.0, "alone": 20.0, "wheels": 1},
        {"requirement": "alpha==1", "failure": "error"},
    ]


def test_dependencies_are_timed_apart() -> None:
    """The time without them is that of builds without them."""
    alone = [{"seconds": 3.0, "status": 0, "wheels": [{}]}] * 2
    assert bench_runs.timed({**REPORT, "alone": alone}, "")["alone"] == 6


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
