"""What a run checked is read from its records, and a release that surely fails comes before an open job."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from orchestrator.config import lines
from orchestrator.errors import OpenJobsError, RegressionError, RequirementError, TransientIndexError
from orchestrator.farm.gate import Gate, Places, checked, insist
from orchestrator.farm.run import RunOutcome
from orchestrator.model import Exclusion, Outcome, Require, Task, Verdict
from orchestrator.publish.findings.judged import report
from orchestrator.publish.findings.model import Place, State
from orchestrator.results.store import Results
from tests.sample_results import SETUPTOOLS, sample
from tests.sample_verifications import verified

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Result, Verification
    from orchestrator.publish.findings.model import Report

NEWER = replace(SETUPTOOLS, version="80.10.0", sha256="1" * 64)
GOOD = sample()
BAD = sample(verdict=Verdict.SENSITIVE, days=-2, pins=(NEWER,))
DOWN = RunOutcome((), (("idna", "the index is down"),), (TransientIndexError("down"),), (), (Task("idna", "bookworm"),))
CONFIG = """
groups:
  mine:
    packages:
      - six
      - Idna==3.7
  others: {packages: [six]}
exclusions:
  - {project: scipy, reason: no Fortran, since: 2026-01-01}
"""
EXCLUDED = Exclusion("scipy", "no Fortran", date(2026, 1, 1))


@pytest.fixture
def store(tmp_path: Path) -> Results:
    """Results without any record."""
    return Results(tmp_path / "results", wheels=1, logs=1)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """The places of that configuration, in a checkout."""
    return Places(tmp_path / "config.yaml", lines(CONFIG), tmp_path)


def outcome(store: Results, *results: Result) -> RunOutcome:
    """Return the outcome of a run with these results, which are recorded."""
    records = tuple(store.write(result) for result in results)
    return RunOutcome(records, (), tasks=tuple(Task(one.requirement, one.image.name, "mine") for one in results))


def reported(found: RunOutcome, store: Results, gate: Gate, places: Places, *exclusions: Exclusion) -> Report:
    """Return the findings of a run."""
    return report(checked(found, store, gate, places, exclusions), gate.require, regressions=gate.regressions)


STRICT = Gate(Require.REPRODUCIBLE)
NO_WORSE = Gate(regressions=True)


def test_a_gate_passes_where_each_release_meets_it(store: Results, places: Places) -> None:
    """And says nothing."""
    found = outcome(store, GOOD)
    insist(reported(found, store, STRICT, places), found, STRICT)
    insist(reported(found, store, NO_WORSE, places), found, NO_WORSE)


@pytest.mark.parametrize(
    ("results", "left", "gate", "error", "text"),
    [
        ((BAD,), False, STRICT, RequirementError, "1 of 1 releases does not meet --require reproducible\n  six 1.16.0"),
        ((BAD,), True, STRICT, RequirementError, "got no verdict, and are not judged\n  idna got no verdict"),
        ((GOOD,), True, STRICT, OpenJobsError, "1 of the jobs got no verdict"),
        ((), False, STRICT, RequirementError, "no release was checked"),
        ((), False, NO_WORSE, RequirementError, "no release was checked"),
        ((BAD, GOOD), False, NO_WORSE, None, ""),  # better
        ((GOOD, replace(BAD, finished=GOOD.finished)), False, NO_WORSE, RegressionError, "1 of 1 releases got worse"),
    ],
)
def test_a_release_that_surely_fails_comes_first(
    store: Results,
    places: Places,
    results: tuple[Result, ...],
    *,
    left: bool,
    gate: Gate,
    error: type[Exception] | None,
    text: str,
) -> None:
    """A second run would fail, too; an open job alone is the farm's failure."""
    for former in results[:-1]:
        store.write(former)
    found = outcome(store, *results[-1:])
    found = replace(found, open=DOWN.open, faults=DOWN.faults, unjudged=DOWN.unjudged) if left else found
    content = reported(found, store, gate, places)
    if error is None:
        insist(content, found, gate)
        return
    with pytest.raises(error) as raised:
        insist(content, found, gate)
    assert text in str(raised.value)


def test_what_was_not_checked_is_named(store: Results, places: Places) -> None:
    """Exclusions, markers that do not apply, and jobs without a verdict; checks of exclusions are nobody's request."""
    found = outcome(store, GOOD, sample("scipy", verdict=Verdict.FTBFS))
    found = replace(found, left_out=(Task("old", "bookworm", marker="python_version < '3'"),), open=DOWN.open)
    found = replace(found, unjudged=DOWN.unjudged)
    states = {one.requirement: one.state for one in checked(found, store, STRICT, places, (EXCLUDED,))}
    assert states == {"six": State.JUDGED, "idna": State.OPEN, "old": State.LEFT_OUT, "scipy": State.EXCLUDED}


def test_a_record_that_cannot_be_read_is_no_verdict(store: Results, places: Places) -> None:
    """The gate does not pass for want of it."""
    found = outcome(store, GOOD)
    found.records[0].write_text("{")
    with pytest.raises(OpenJobsError, match="cannot be read"):
        insist(reported(found, store, STRICT, places), found, STRICT)


def test_bytes_that_chance_decides_do_not_pass(store: Results, places: Places) -> None:
    """Two runs with equal inputs gave two wheels, and each found two equal ones."""
    wheel = GOOD.builds[0].wheel
    assert wheel
    other = replace(GOOD.builds[0], wheel=replace(wheel, sha256="9" * 64))
    store.write(replace(GOOD, builds=(other, *GOOD.builds[1:]), started=BAD.started, finished=BAD.finished))
    found = outcome(store, GOOD)
    with pytest.raises(RequirementError, match="gave another wheel or verdict in 1 other run"):
        insist(reported(found, store, STRICT, places), found, STRICT)
    with pytest.raises(RegressionError):
        insist(reported(found, store, NO_WORSE, places), found, NO_WORSE)


def test_each_request_has_its_place(places: Places, tmp_path: Path) -> None:
    """The line of a file, the build file of a folder, the line of the configuration; none for a name as argument."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").touch()
    found = [
        places.of(task)
        for task in (
            Task("six", "bookworm", "mine"),
            Task("idna==3.7", "bookworm", "mine"),
            Task("six", "bookworm", "others"),
            Task("six", "bookworm"),
            Task("six", "bookworm", source=f"{tmp_path}/requirements.txt:12"),
            Task("six", "bookworm", source="/elsewhere/poetry.lock"),
            Task(str(project), "bookworm"),
            Task("/elsewhere/six-1.0.tar.gz", "bookworm"),
        )
    ]
    assert found == [
        Place("config.yaml", 5),
        Place("config.yaml", 6),
        Place("config.yaml", 7),
        None,
        Place("requirements.txt", 12),
        Place("/elsewhere/poetry.lock"),
        Place("project/pyproject.toml"),
        Place("/elsewhere/six-1.0.tar.gz"),
    ]
    assert places.of_exclusion(EXCLUDED) == Place("config.yaml", 9)
    assert places.requirement(Task(str(project), "bookworm")) == "project"


@pytest.mark.parametrize(
    ("former", "fails"),
    [
        ((verified(outcome=Outcome.IDENTICAL, days=-2),), True),
        (
            (verified(outcome=Outcome.IDENTICAL, days=-2), verified(outcome=Outcome.DIFFERS, days=-1)),
            True,
        ),  # whenever it got worse
        ((verified("six", "1.15.0", Outcome.IDENTICAL, days=-2),), True),  # the last version
        ((verified(outcome=Outcome.DIFFERS, days=-2),), False),
        ((verified("six", "1.15.0", Outcome.DIFFERS, days=-2),), False),
        ((verified("six", "1.17.0", Outcome.IDENTICAL, days=-2),), False),
        ((), False),
    ],
)
def test_a_published_wheel_that_got_worse_fails(
    store: Results, places: Places, former: tuple[Verification, ...], *, fails: bool
) -> None:
    """A new version whose wheel is not what its source gives, for example."""
    for one in (*former, verified(outcome=Outcome.DIFFERS, days=0)):
        store.write_verification(one)
    found = outcome(store, GOOD)
    content = reported(found, store, NO_WORSE, places)
    rules = [finding.rule for finding in content.findings]
    assert rules == (["published-regression"] if fails else []) + ["published-differs"]
    if fails:
        with pytest.raises(RegressionError, match=r"got worse: .*was identical, now differs"):
            insist(content, found, NO_WORSE)
    else:
        insist(content, found, NO_WORSE)
