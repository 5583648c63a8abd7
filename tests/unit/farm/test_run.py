"""One run, with effects that are ordinary functions."""

from __future__ import annotations

import io
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import (
    Interrupted,
    NoRoomError,
    OpenJobsError,
    PackageIndexError,
    ResultsError,
    TransientEngineError,
    TransientIndexError,
    UsageError,
    WheelproofError,
)
from orchestrator.farm import run as context
from orchestrator.farm.progress import Progress
from orchestrator.farm.workers import AHEAD, PATIENCE, Cancellation, CpuSlots, Threads
from orchestrator.results.store import Results
from tests.sample_results import sample
from tests.samples import RELEASE, SDIST, TASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.farm.plan import Job
    from orchestrator.model import Release, Result, Task


def anything(job: Job) -> Result | Path:
    """Judge a job without any ado."""
    return sample(job.release.project, job.release.version)


@dataclass
class World:
    """A farm whose index knows everything but `lost`; it notes what was asked of it."""

    store: Results
    judge: Callable[[Job], Result | Path] = anything
    stop: Cancellation = field(default_factory=Cancellation)
    slots: CpuSlots = field(default_factory=lambda: CpuSlots(1, (0,)))
    sizes: dict[str, int] = field(default_factory=dict)
    judged: list[str] = field(default_factory=list)
    has_site: bool = False
    published: list[int] = field(default_factory=list)  # how many records there were
    totals: list[int] = field(default_factory=list)

    def release(self, task: Task) -> Release:
        name, _, version = task.requirement.partition("==")
        if name == "lost":
            raise PackageIndexError("asking the index for lost: check how it is spelled")  # noqa: EM101, TRY003
        if name == "faulty":
            raise LookupError("an index that nobody foresaw")  # noqa: EM101, TRY003
        sdist = replace(SDIST, size=self.sizes.get(name, 0))
        return replace(RELEASE, project=name, version=version or "1.0", sdist=sdist)

    def effects(self) -> context.RunContext:
        return context.RunContext(
            release=self.release,
            latest=self.store.latest,
            pool=Threads(self._judge, self.slots.room),
            write=self.store.write,
            publish=lambda: self.published.append(len(list(self.store.every()))),
            is_published=lambda: self.has_site,
            expect=self.slots.expect,
            stop=self.stop,
            long=60,
            publish_every=0,
        )

    def run(self, *requirements: str) -> context.RunOutcome:
        tasks = [replace(TASK, requirement=one) for one in requirements]
        return context.run(tasks, self.effects(), self._shown)

    def _judge(self, job: Job) -> Result | Path:
        self.judged.append(job.release.project)
        return self.judge(job)

    def _shown(self, total: int) -> Progress:
        self.totals.append(total)
        return Progress(total, io.StringIO())


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A farm with empty results."""
    return World(Results(tmp_path, wheels=1, logs=1))


def test_every_task_gets_a_record_and_the_site_is_written(world: World) -> None:
    """At the first result, and at the end with all of them."""
    outcome = world.run("a", "b", "c")
    assert outcome.open == ()
    assert sorted(one.project for one in context.results(outcome)) == ["a", "b", "c"]
    assert (world.published[-1], world.totals) == (3, [3])
    assert len(world.published) >= 2


def test_each_image_is_a_job_and_is_named_where_there_are_several(world: World) -> None:
    """So that two lines about one release differ."""
    out = io.StringIO()

    def told(*names: str) -> list[str]:
        tasks = [replace(TASK, requirement="six==1.0", image=name) for name in names]
        context.run(tasks, world.effects(), lambda total: Progress(total, out))
        return out.getvalue().splitlines()

    assert told("bookworm") == ["[1/1] six 1.0: reproducible"]
    assert sorted(line.partition("] ")[2] for line in told("bookworm", "trixie")[1:]) == [
        "six 1.0 on bookworm: reproducible",
        "six 1.0 on trixie: reproducible",
    ]


def test_what_is_taken_for_long_is_so_until_a_result_tells_otherwise(world: World) -> None:
    """An exclusion that is tried for the first time must not delay the others."""
    task = replace(TASK, requirement="six", long=True)
    jobs = context.look_up((task, replace(TASK, requirement="idna")), world.effects(), lambda *_: None)
    assert {one.release.project: one.long for one in jobs} == {"six": True, "idna": False}
    world.store.write(sample("six"))
    (job,) = context.look_up((task,), world.effects(), lambda *_: None)
    assert not job.long


def test_what_cannot_be_found_or_built_stays_open_and_stops_no_other(world: World) -> None:
    """It has no record; the reason is in the outcome."""

    def judge(job: Job) -> Result | Path:
        if job.release.project == "unlucky":
            raise TransientEngineError("the engine does not answer")  # noqa: EM101, TRY003
        return anything(job)

    world.judge = judge
    outcome = world.run("lost", "unlucky", "fine")
    assert [one.project for one in world.store.every()] == ["fine"]
    assert dict(outcome.open).keys() == {"lost", "unlucky"}
    assert "check how it is spelled" in dict(outcome.open)["lost"]
    assert dict(outcome.open)["unlucky"] == "the engine does not answer"
    assert world.totals == [2]


def test_what_has_not_changed_is_not_written_again(world: World) -> None:
    """Its former record is its result; the site is written once."""
    path = world.store.write(sample("six"))
    world.judge = lambda _job: path
    outcome = world.run("six")
    assert outcome.records == (path,)
    assert list(context.results(outcome)) == [sample("six")]
    assert world.published == [1]
    world.has_site = True
    world.run("six")
    assert world.published == [1], "a site that is there is not written again for nothing"


def test_large_newcomers_follow_a_few_small_ones_and_each_release_comes_once(world: World) -> None:
    """However often, and however, it is asked for."""
    world.sizes = {"big": 900, "small": 10, "middling": 100, "tiny": 5, "large": 500}
    tasks = ["big", "small", "middling", "large", "small==1.0", "tiny", "big"]
    jobs = context.look_up([replace(TASK, requirement=one) for one in tasks], world.effects(), lambda *_: None)
    assert [job.release.project for job in jobs] == ["tiny", "small", "middling", "big", "large"]
    world.run(*tasks)
    assert sorted(world.judged) == ["big", "large", "middling", "small", "tiny"]


def test_what_took_long_is_known_to_be_long(world: World) -> None:
    """From its newest result on the same image."""
    former = sample("slow")
    world.store.write(replace(former, builds=tuple(replace(one, seconds=61.0) for one in former.builds)))
    world.store.write(sample("quick"))
    tasks = [replace(TASK, requirement=one) for one in ("new", "quick", "slow")]
    jobs = context.look_up(tasks, world.effects(), lambda *_: None)
    assert [(job.release.project, job.long) for job in jobs] == [("slow", True), ("new", False), ("quick", False)]


def test_a_release_is_compared_with_the_newest_record_of_its_own_version(world: World) -> None:
    """A list may have several versions of a project. One without a build of its own takes the time of the newest."""
    for days, (version, seconds) in enumerate((("3.0", None), ("1.0", 61.0), ("2.0", 2.0))):
        former = sample("six", version)
        times = {name: getattr(former, name) + timedelta(days=days) for name in ("started", "finished")}
        builds = () if seconds is None else (replace(former.builds[0], seconds=seconds),)
        world.store.write(replace(former, builds=builds, **times))

    def release(task: Task) -> Release:
        found = world.release(task)
        return replace(found, sdist=sample("six", found.version).sdist)

    tasks = [replace(TASK, requirement=f"six=={version}") for version in ("1.0", "2.0", "3.0", "4.0")]
    jobs = context.look_up(tasks, replace(world.effects(), release=release), lambda *_: None)
    assert {job.release.version: (job.compared, job.seconds, job.long) for job in jobs} == {
        "1.0": (True, 61.0, True),
        "2.0": (True, 2.0, False),
        "3.0": (True, 2.0, False),
        "4.0": (False, 2.0, False),
    }


def test_a_fault_of_the_program_leaves_its_job_open_and_is_logged_with_its_traceback(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether it is met while a release is looked up, while it is judged or while it is written."""

    def judge(job: Job) -> Result | Path:
        if job.release.project == "b":
            raise ZeroDivisionError
        found = sample(job.release.project)
        return replace(found, started=None) if job.release.project == "c" else found  # type: ignore[arg-type]

    world.judge = judge
    outcome = world.run("a", "b", "c", "faulty", "d")
    assert sorted(one.project for one in world.store.every()) == ["a", "d"]
    why = dict(outcome.open)
    assert why.keys() == {"b", "c", "faulty"}
    assert all("a fault of wheelproof, please report it" in one for one in why.values())
    assert world.published[-1] == 2
    logged = capsys.readouterr().err
    assert "ZeroDivisionError" in logged
    assert "LookupError: an index that nobody foresaw" in logged
    assert logged.count("Traceback (most recent call last)") == 3
    with pytest.raises(OpenJobsError, match="3 of the jobs"):
        outcome.insist()


def test_a_display_that_breaks_costs_no_record(world: World) -> None:
    """And no job is open for it."""

    class Broken(Progress):
        def finished(self, project: str, release: str, outcome: str, why: str) -> None:
            raise RuntimeError(project, release, outcome, why)

    outcome = context.run([replace(TASK, requirement="a")], world.effects(), lambda total: Broken(total, io.StringIO()))
    assert (len(outcome.records), outcome.open) == (1, ())


def test_a_site_that_breaks_costs_no_record(world: World) -> None:
    """Each is kept; the last writing of the site reports it."""

    def publish() -> None:
        raise ZeroDivisionError

    effects = replace(world.effects(), publish=publish)
    with pytest.raises(ZeroDivisionError):
        context.run([replace(TASK, requirement="a")], effects, lambda total: Progress(total, io.StringIO()))
    assert [one.project for one in world.store.every()] == ["a"]


@pytest.mark.parametrize(("option", "words"), [("size=64k", "no space is left in"), ("nr_inodes=40", "no inodes left")])
def test_a_full_disk_is_one_message_and_loses_nothing(tmp_path: Path, option: str, words: str) -> None:
    """What was judged before is kept, and the rest is not tried in vain."""
    with mounted(tmp_path, option) as folder:
        world = World(Results(folder / "results", wheels=1, logs=1))
        with pytest.raises(NoRoomError, match=words) as caught:
            world.run(*(f"p{number}" for number in range(100)))
        assert str(folder) in str(caught.value)
        kept = list(world.store.every())
        assert 0 < len(kept) <= len(world.judged) <= len(kept) + 1 + AHEAD
        assert not list(folder.rglob(".new-*"))


def test_a_disk_that_is_too_full_for_the_site_ends_the_run_too(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is reported once, by the exception alone."""

    def publish() -> None:
        raise NoRoomError("writing the site: no space is left in /x")  # noqa: EM101, TRY003

    effects = replace(world.effects(), publish=publish)
    with pytest.raises(NoRoomError, match="in /x"):
        context.run(
            [replace(TASK, requirement=f"p{one}") for one in range(50)],
            effects,
            lambda total: Progress(total, io.StringIO()),
        )
    assert list(world.store.every())
    assert "no space" not in capsys.readouterr().err


@contextmanager
def mounted(folder: Path, option: str) -> Iterator[Path]:
    """Mount a small file system; skip where that is not allowed."""
    place = folder / "small"
    place.mkdir()
    if subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", option, "tmpfs", place], check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["/bin/umount", place], check=True)


def test_results_that_cannot_be_written_end_the_run(world: World) -> None:
    """As everything else would be in vain."""
    world.store.folder.joinpath("records").write_text("in the way")
    with pytest.raises(ResultsError):
        world.run("a", "b")


def test_a_run_that_is_stopped_says_so_and_publishes(world: World) -> None:
    """Nothing new is begun; what ended before is there."""

    def judge(job: Job) -> Result | Path:
        world.stop.ask()
        return anything(job)

    world.judge = judge
    with pytest.raises(Interrupted, match="run again"):
        world.run(*(f"p{number}" for number in range(20)))
    assert 1 <= len(world.judged) <= 1 + AHEAD
    assert world.published[-1] == len(world.judged)


@pytest.mark.parametrize("waiting_for", ["release", "judge"])
def test_nobody_waits_longer_than_patience_for_what_does_not_stop(world: World, waiting_for: str) -> None:
    """Be it a page of the index, or a job."""
    never, begun = threading.Event(), threading.Event()

    def stuck(job: Job) -> Result | Path:
        begun.set()
        never.wait()
        return anything(job)

    def lost(task: Task) -> Release:
        begun.set()
        never.wait()
        return world.release(task)

    world.judge = stuck
    effects = replace(world.effects(), release=lost) if waiting_for == "release" else world.effects()

    def ask() -> None:
        assert begun.wait(20)
        world.stop.ask()

    asking = threading.Thread(target=ask)
    asking.start()
    start = time.monotonic()
    try:
        with pytest.raises(Interrupted):
            context.run([replace(TASK, requirement="a")], effects, lambda total: Progress(total, io.StringIO()))
        assert time.monotonic() - start < PATIENCE + 5
    finally:
        never.set()
        asking.join()
    assert world.published


@pytest.mark.parametrize(
    ("faults", "records", "kind", "advises"),
    [
        ((TransientIndexError("down"),), (), PackageIndexError, True),
        ((TransientIndexError("down"),), (Path("kept"),), OpenJobsError, True),
        ((TransientIndexError("down"), UsageError("no project")), (), OpenJobsError, True),
        ((UsageError("no project"),), (), OpenJobsError, False),
    ],
)
def test_open_jobs_end_a_run_with_an_error(
    faults: tuple[WheelproofError, ...], records: tuple[Path, ...], kind: type[WheelproofError], *, advises: bool
) -> None:
    """The index's where its silence is the only reason; and it advises to run again only where that may help."""
    outcome = context.RunOutcome(records, tuple(("six", str(one)) for one in faults), faults)
    with pytest.raises(WheelproofError, match="of the jobs got no verdict") as caught:
        outcome.insist()
    assert type(caught.value) is kind
    assert ("run again" in str(caught.value)) == advises
