"""A run is recorded when it has news; the operator's command hears of changes, and of nothing else."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.config import Config, Group
from orchestrator.errors import (
    AbsentError,
    EngineError,
    Interrupted,
    NoReleaseError,
    TransientEngineError,
    TransientIndexError,
    UsageError,
    WheelproofError,
)
from orchestrator.farm import alarm
from orchestrator.farm.plan import Job
from orchestrator.farm.run import RunOutcome
from orchestrator.model import ChangeKind, FaultKind, Pin, Release, RunRecord, RunStatus, Task, Verdict
from orchestrator.publish import news
from orchestrator.results.store import Results
from tests.sample_results import IMAGE, SETUPTOOLS, sample
from tests.samples import NOON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.model import Result, RunChange

MANY = 1 << 30
SETTINGS = Config(groups=(Group("all", enabled=True, images=("bookworm",), packages=("six", "foo", "bar==1.0")),))
NEWER = replace(SETUPTOOLS, version="81.0.0", sha256="1" * 64)
SILENT = TransientIndexError("asking the index: no answer")


@dataclass
class Farm:
    """A results folder, a clock, and what the operator's command read."""

    folder: Path
    settings: Config = SETTINGS
    night: int = 0
    calls: list[str] = field(default_factory=list)

    @property
    def store(self) -> Results:
        """The results, as a new process opens them."""
        return Results(self.folder, wheels=MANY, logs=MANY, now=lambda: datetime(2100, 1, 1, tzinfo=UTC))

    def now(self) -> Iterator[datetime]:
        """Yield the start of the run, and its end."""
        yield NOON + timedelta(days=self.night, minutes=-1)
        yield NOON + timedelta(days=self.night, hours=1)

    def run(
        self,
        *results: Result,
        left: dict[str, WheelproofError] | None = None,
        same: tuple[Result, ...] = (),
        wanted: tuple[str, ...] = (),
        failure: BaseException | None = None,
        yanked: bool = False,
        whole: bool = False,
    ) -> RunRecord | None:
        """Run on the next day, which gives these results, finds the `same` as before and leaves jobs open."""
        self.night += 1
        store, moments = self.store, self.now()
        names = wanted or ("six", "foo", "bar==1.0")
        tasks = tuple(Task(name, "bookworm") for name in names)
        with alarm.watched(self.settings, store, tasks, whole=whole or not wanted, now=lambda: next(moments)) as watch:
            dated = [self.dated(result) for result in results]
            paths = [store.write(result) for result in dated]
            paths += [store.folder / "records" / one.project / "old.json" for one in same]
            if failure:
                raise failure
            watch.outcome = outcome_of(paths, (*dated, *same), left or {}, yanked=yanked)
        return watch.record

    def dated(self, result: Result) -> Result:
        """Return a result as of this day."""
        return replace(
            result, started=NOON + timedelta(days=self.night), finished=NOON + timedelta(days=self.night, minutes=1)
        )


def outcome_of(
    paths: list[Path], results: tuple[Result, ...], left: dict[str, WheelproofError], *, yanked: bool
) -> RunOutcome:
    """Return the outcome of a run that looked up these results' releases."""
    jobs = tuple(
        Job(Task(one.requirement, one.image.name), Release(one.project, one.version, None, yanked=yanked))
        for one in results
    )
    return RunOutcome(
        tuple(paths),
        tuple((name, str(error)) for name, error in left.items()),
        tuple(left.values()),
        unjudged=tuple(Task(name, "bookworm") for name in left),
        jobs=jobs,
    )


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    """A farm that has not run yet."""
    return Farm(tmp_path / "results")


def good(project: str = "six", version: str = "1.0", pins: tuple[Pin, ...] = (SETUPTOOLS,)) -> Result:
    """Return a result that is reproducible."""
    return sample(project, version, Verdict.REPRODUCIBLE, pins=pins)


def bad(project: str = "six", version: str = "1.0", pins: tuple[Pin, ...] = (NEWER,)) -> Result:
    """Return a result with a later setuptools, which does not build."""
    return sample(project, version, Verdict.FTBFS, pins=pins)


def kinds(run: RunRecord | None) -> list[tuple[str, str]]:
    """Return the kinds of a run's changes, each with what it is of."""
    return [(change.kind.value, change.project or change.requirement) for change in run.changes] if run else []


def only(run: RunRecord | None) -> RunChange:
    """Return the one change of a run."""
    assert run is not None
    (change,) = run.changes
    return change


# --- verdicts --------------------------------------------------------------------------------


def test_first_verdicts_are_recorded_and_are_no_change(farm: Farm) -> None:
    """An operator who sets up the farm hears nothing."""
    run = farm.run(good("six"), bad("foo"))
    assert run is not None
    assert (run.judged, run.unchanged, run.whole, run.status) == (2, 0, True, RunStatus.COMPLETE)
    assert [name.partition("/")[0] for name in run.records] == ["foo", "six"]
    assert not run.changes


def test_an_unchanged_night_adds_no_record(farm: Farm) -> None:
    """But monitoring sees that it ran."""
    first = good()
    farm.run(first)
    assert farm.run(same=(first,)) is None
    assert len(list(farm.store.runs())) == 1
    last = farm.store.last_run()
    assert last is not None
    assert (last.started, last.judged, last.unchanged, last.record) == (NOON + timedelta(days=2, minutes=-1), 0, 1, "")


def test_worse_and_better_come_with_the_input_that_changed(farm: Farm) -> None:
    """And with how the release was before."""
    farm.run(good())
    change = only(farm.run(bad()))
    assert (change.kind, change.project, change.earlier) == (ChangeKind.WORSE, "six", "reproducible")
    assert change.culprit.startswith("setuptools ")
    assert change.culprit.endswith("now 81.0.0")
    assert only(farm.run(good())).kind is ChangeKind.BETTER


def test_a_new_release_is_compared_with_the_last_one(farm: Farm) -> None:
    """Only a difference is a change."""
    farm.run(good(version="1.0"))
    assert kinds(farm.run(good(version="1.1"))) == []
    change = only(farm.run(bad(version="1.2", pins=(SETUPTOOLS,))))
    assert (change.kind, change.version, change.earlier_version) == (ChangeKind.WORSE, "1.2", "1.1")


def test_what_is_not_tracked_does_not_alarm(farm: Farm) -> None:
    """Neither another project, nor an old release of a tracked one, nor another version than the pinned one."""
    farm.run(good("six", "2.0"), good("other"), good("bar", "2.0"), wanted=("other",))
    old = replace(bad("six", "1.0"), requirement="six==1.0")
    run = farm.run(old, bad("other"), bad("bar", "2.0"), left={"absent": AbsentError("404")}, wanted=("other",))
    assert run is not None
    assert not run.changes
    assert run.status is RunStatus.OPEN
    assert not run.whole


def test_a_folder_with_the_name_of_a_tracked_project_does_not_alarm(farm: Farm) -> None:
    """Its verdict is not that of the release on the index, which keeps its own."""
    farm.run(good())
    for version in ("1.0", "2.0"):
        local = replace(bad(version=version), requirement="/src/six", job="f" * 64)
        assert kinds(farm.run(local, wanted=("/src/six",))) == []
    assert kinds(farm.run(same=(good(),))) == []
    assert kinds(farm.run(bad())) == [("worse", "six")]


def test_a_run_of_a_part_alarms_about_what_is_tracked(farm: Farm) -> None:
    """As a whole run does."""
    farm.run(good())
    assert kinds(farm.run(bad(), wanted=("six",))) == [("worse", "six")]


def test_other_bytes_with_the_same_verdict_are_a_change(farm: Farm) -> None:
    """With the culprit; those of an intrinsic release differ each time, and are none."""
    farm.run(good(), sample("foo", verdict=Verdict.INTRINSIC))
    later = with_bytes(good(pins=(NEWER,)), "2")
    change = only(farm.run(later, with_bytes(sample("foo", verdict=Verdict.INTRINSIC, pins=(NEWER,)), "3")))
    assert (change.kind, change.subject, change.project) == (ChangeKind.CHANGED, "bytes", "six")
    assert "now 81.0.0" in change.culprit


def test_a_change_of_many_inputs_is_bounded(farm: Farm) -> None:
    """Another image may have hundreds of other packages."""
    many = tuple(replace(SETUPTOOLS, name=f"p{number}" * 20) for number in range(300))
    farm.run(good())
    run = farm.run(bad(pins=many))
    change = only(run)
    assert (len(change.inputs), len(change.culprit)) == (50, 1000)
    assert run
    assert len(news.lines(run)[0]) < 500


def test_other_bytes_from_equal_inputs_are_worse(farm: Farm) -> None:
    """Two runs disagree, although the builds of each agree."""
    farm.run(good())
    change = only(farm.run(with_bytes(good(), "2")))
    assert (change.kind, change.subject) == (ChangeKind.WORSE, "bytes")


def with_bytes(result: Result, digit: str) -> Result:
    """Return a result whose wheels have other bytes."""
    builds = [replace(one, wheel=one.wheel and replace(one.wheel, sha256=digit * 64)) for one in result.builds]
    return replace(result, builds=tuple(builds))


def test_what_a_killed_run_left_counts_as_that_of_the_next(farm: Farm) -> None:
    """Its records are written, and the record of the run is not."""
    farm.run(good())
    farm.night += 1
    farm.store.write(farm.dated(bad()))
    assert kinds(farm.run()) == [("worse", "six")]
    assert farm.run() is None


def test_a_stopped_run_is_reported_by_the_next(farm: Farm) -> None:
    """Monitoring sees that it was stopped."""
    farm.run(good())
    with pytest.raises(Interrupted):
        farm.run(bad(), failure=Interrupted("stopped"))
    last = farm.store.last_run()
    assert last
    assert last.status is RunStatus.INTERRUPTED
    assert kinds(farm.run()) == [("worse", "six")]


# --- jobs without a verdict ------------------------------------------------------------------


def test_a_job_is_news_when_it_opens_and_when_it_closes(farm: Farm) -> None:
    """And not while it stays open; a run of something else leaves it open."""
    farm.run(good(), left={"foo": SILENT})
    assert farm.run(same=(good(),), left={"foo": SILENT}) is None
    assert farm.run(same=(good(),), wanted=("six",)) is None
    other = farm.run(same=(good(),), left={"foo": SILENT, "bar==1.0": TransientEngineError("it hangs")})
    assert only(other).fault is FaultKind.ENGINE
    assert other
    assert [(job.requirement, job.since) for job in other.open] == [
        ("bar==1.0", NOON + timedelta(days=4, minutes=-1)),
        ("foo", NOON + timedelta(days=1, minutes=-1)),
    ]
    closed = farm.run(good("foo"), same=(good(),), left={"bar==1.0": TransientEngineError("it hangs")})
    assert kinds(closed) == [("closed", "foo")]
    assert closed
    assert closed.status is RunStatus.OPEN


def test_what_is_no_longer_tracked_is_open_no_more_and_no_news(farm: Farm) -> None:
    """Nothing claims that it was judged."""
    farm.run(good(), left={"foo": SILENT})
    farm.settings = Config(groups=(replace(SETTINGS.groups[0], packages=("six",)),))
    run = farm.run(same=(good(),), wanted=("six",), whole=True)
    assert run
    assert not run.open
    assert not run.changes


ALL_SILENT: dict[str, WheelproofError] = dict.fromkeys(("six", "foo", "bar==1.0"), SILENT)


def test_a_night_with_a_dead_index_is_a_failure_of_the_farm(farm: Farm) -> None:
    """One alarm when it begins, one when it ends; each such run has a record, and no verdict is touched."""
    farm.run(good(), good("foo"))
    dead = farm.run(left=ALL_SILENT)
    change = only(dead)
    assert (change.kind, change.fault) == (ChangeKind.FAILED, FaultKind.INDEX)
    assert dead
    assert (dead.status, len(dead.open), dead.judged) == (RunStatus.FAILED, 3, 0)
    second = farm.run(left=ALL_SILENT)
    assert second
    assert (second.status, second.changes) == (RunStatus.FAILED, ())
    assert second.failure
    assert dead.failure
    assert second.failure.since == dead.started
    back = farm.run(bad(), same=(good("foo"),), left={"bar==1.0": SILENT})
    assert sorted(kinds(back)) == [("opened", "bar==1.0"), ("recovered", ""), ("worse", "six")]


def test_a_farm_without_an_engine_is_recorded_too(farm: Farm) -> None:
    """The exception goes on; what was open before still is."""
    farm.run(good(), left={"foo": SILENT})
    with pytest.raises(EngineError):
        farm.run(failure=EngineError("no engine answers"))
    run = next(farm.store.runs())
    assert (run.status, only(run).kind, only(run).fault) == (RunStatus.FAILED, ChangeKind.FAILED, FaultKind.ENGINE)
    assert [job.requirement for job in run.open] == ["foo"]
    last = farm.store.last_run()
    assert last
    assert (last.status, last.failure) == (RunStatus.FAILED, "no engine answers")
    assert sorted(kinds(farm.run(good("foo"), same=(good(),)))) == [("closed", "foo"), ("recovered", "")]


@pytest.mark.parametrize("failure", [None, EngineError("no engine answers")])
def test_a_failure_where_nothing_tracked_was_asked_for_does_not_alarm(farm: Farm, failure: EngineError | None) -> None:
    """Whoever asked for it sees it."""
    farm.run(good())
    if failure:
        with pytest.raises(EngineError):
            farm.run(wanted=("other",), failure=failure)
    else:
        assert farm.run(wanted=("other",), left={"other": SILENT}) is None
    assert len(list(farm.store.runs())) == 1


def test_a_mistake_of_the_user_is_not_recorded(farm: Farm) -> None:
    """It shows nothing about the farm."""
    with pytest.raises(UsageError):
        farm.run(failure=UsageError("there is no such image"))
    assert next(farm.store.runs(), None) is None
    assert farm.store.last_run() is None


# --- withdrawn releases ----------------------------------------------------------------------


@pytest.mark.parametrize("error", [AbsentError("404"), NoReleaseError("no release matches")])
def test_a_release_that_the_index_no_longer_has_is_withdrawn(farm: Farm, error: WheelproofError) -> None:
    """Once; and offered again once. A project without a verdict is only open."""
    farm.run(good(), good("bar"), left={"foo": error})
    gone = farm.run(same=(good("bar"),), left={"six": error, "foo": error})
    assert (only(gone).kind, only(gone).project, only(gone).version) == (ChangeKind.WITHDRAWN, "six", "1.0")
    assert gone
    assert gone.status is RunStatus.OPEN
    assert farm.run(same=(good("bar"),), left={"six": error, "foo": error}) is None
    dead = farm.run(left=ALL_SILENT)
    assert dead
    assert [one.project for one in dead.withdrawn] == ["six"]
    back = farm.run(same=(good(), good("bar")), left={"foo": error})
    assert sorted(kinds(back)) == [("closed", "six"), ("recovered", ""), ("returned", "six")]


def test_a_lower_version_than_before_means_that_the_other_is_withdrawn(farm: Farm) -> None:
    """Until the index has it again, or a higher one, which shows nothing about the withdrawn one."""
    farm.run(good(version="1.0"))
    farm.run(good(version="2.0"))
    gone = farm.run(same=(good(version="1.0"),))
    assert (only(gone).kind, only(gone).version) == (ChangeKind.WITHDRAWN, "2.0")
    assert farm.run(same=(good(version="1.0"),)) is None
    assert farm.run(same=(good(version="1.0"),), left={"foo": SILENT})
    assert kinds(farm.run(good(version="2.1"))) == [("closed", "foo")]


def test_what_the_index_gives_instead_of_a_withdrawn_release_alarms(farm: Farm) -> None:
    """Although a higher version has a verdict; one that somebody named on the command line does not alarm."""
    farm.run(good(version="1.0"))
    farm.run(good(version="1.1"))
    assert kinds(farm.run(good(version="1.0"))) == [("withdrawn", "six")]
    by_name = replace(bad(version="1.0"), requirement="six==1.0")
    assert kinds(farm.run(by_name, wanted=("six==1.0",))) == []
    farm.run(good(version="1.0"))
    worse = only(farm.run(bad(version="1.0")))
    assert (worse.kind, worse.version, worse.earlier) == (ChangeKind.WORSE, "1.0", "reproducible")


def test_a_pinned_release_that_is_yanked_is_withdrawn(farm: Farm) -> None:
    """It is still built (PEP 592)."""
    pinned = replace(good("bar"), requirement="bar==1.0")
    farm.run(pinned)
    assert kinds(farm.run(same=(pinned,), yanked=True)) == [("withdrawn", "bar")]
    assert farm.run(same=(pinned,), yanked=True) is None
    assert kinds(farm.run(same=(pinned,))) == [("returned", "bar")]


# --- the operator's command ------------------------------------------------------------------


def script(path: Path, text: str) -> tuple[str, ...]:
    """Return a command that runs a Python program."""
    path.write_text(text)
    return (sys.executable, str(path))


def test_the_command_reads_the_changes_and_is_silent_otherwise(farm: Farm, tmp_path: Path) -> None:
    """Without a shell: an argument is one argument."""
    to = tmp_path / "heard $(touch x); .jsonl"
    append = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"
    farm.settings = replace(SETTINGS, on_change=(*script(tmp_path / "heard.py", append), str(to)))
    farm.run(good())
    assert not to.exists()
    farm.run(bad())
    heard = json.loads(to.read_text())
    assert (heard["schema"], heard["headline"], heard["status"]) == (1, "1 worse", "complete")
    assert heard["changes"][0]["project"] == "six"
    assert heard["lines"][0].startswith("worse: six 1.0 on bookworm: reproducible before, now ftbfs")
    farm.run(same=(bad(),))
    json.loads(to.read_text())  # written once


@pytest.mark.parametrize(
    "program",
    [
        "import sys; sys.exit(3)",
        "import os; os.kill(os.getpid(), 9)",
        "import sys; sys.stdin.close()",
    ],
)
def test_a_command_that_fails_is_no_failure_of_the_run(farm: Farm, tmp_path: Path, program: str) -> None:
    """Nor does one that reads nothing."""
    farm.settings = replace(SETTINGS, on_change=script(tmp_path / "fails.py", program))
    farm.run(good())
    assert farm.run(bad())


def test_a_command_that_does_not_exist_is_a_warning(capfd: pytest.CaptureFixture[str]) -> None:
    """With what to do about it."""
    assert not alarm.call(("/no/such program",), "{}")
    assert "No such file" in capfd.readouterr().err


def test_a_command_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    """After its time."""
    alive = tmp_path / "alive"
    child = f"import time; time.sleep(2); open({str(alive)!r}, 'w')"
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    begun = time.monotonic()
    assert not alarm.call(script(tmp_path / "stays.py", parent), "{}", 1)
    assert time.monotonic() - begun < 30
    time.sleep(2)
    assert not alive.exists()


def test_what_a_command_prints_is_not_the_output_of_the_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Which may be JSON."""
    assert alarm.call(script(tmp_path / "prints.py", "print('heard')"), "{}")
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "heard\n")


def test_a_run_that_was_killed_before_its_command_ended_is_reported_by_the_next(farm: Farm, tmp_path: Path) -> None:
    """Once, and not what was reported; a run whose record was not written is found again by itself."""
    heard = tmp_path / "heard"
    program = f"import sys; open({str(heard)!r}, 'a').write(sys.stdin.read())"
    farm.settings = replace(SETTINGS, on_change=(sys.executable, "-c", program))
    farm.run(good())
    worse = farm.run(bad())
    assert worse
    assert heard.read_text().count('"headline"') == 1
    farm.store.note_unheard(worse)
    farm.run(same=(bad(),))
    farm.run(same=(bad(),))
    assert heard.read_text().count('"headline": "1 worse"') == 2
    farm.store.note_unheard(replace(worse, started=worse.started + timedelta(seconds=1)))
    farm.run(same=(bad(),))
    assert heard.read_text().count('"headline"') == 2


def test_a_site_that_cannot_be_written_does_not_silence_the_alarm(farm: Farm, tmp_path: Path) -> None:
    """Its error is raised after the command was called."""
    to = tmp_path / "heard"
    farm.settings = replace(
        SETTINGS, on_change=(*script(tmp_path / "h.py", "import sys; open(sys.argv[1], 'w')"), str(to))
    )
    farm.run(good())
    farm.night += 1
    moments, store = farm.now(), farm.store

    def broken() -> None:
        msg = "writing the site"
        raise WheelproofError(msg)

    watching = alarm.watched(farm.settings, store, (), whole=True, publish=broken, now=lambda: next(moments))
    with pytest.raises(WheelproofError, match="writing the site"), watching as watch:
        watch.outcome = outcome_of([store.write(farm.dated(bad()))], (), {}, yanked=False)
    assert to.exists()


def test_the_image_of_the_samples_is_the_tracked_one() -> None:
    """Or nothing here would be tracked."""
    assert IMAGE.name == "bookworm"
