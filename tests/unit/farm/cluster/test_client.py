"""Jobs go to Dask workers in their order, elsewhere where one refuses or ends, and come back whole, once."""

from __future__ import annotations

import gc
import hashlib
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from distributed import Client

from orchestrator.config.values import DaskSettings
from orchestrator.errors import (
    EngineError,
    FaultError,
    ImageError,
    Interrupted,
    LostSchedulerError,
    NoRoomError,
    PackageIndexError,
    WheelproofError,
    WorkersError,
)
from orchestrator.farm.cluster import client, resources, values
from orchestrator.farm.cluster.client import Offer, offer_of
from orchestrator.farm.workers import Cancellation, Room, run_jobs
from orchestrator.results.store import Results
from tests.dask_cluster import (
    IMAGE_REQUEST,
    KNOWN,
    StubEngine,
    StubFarm,
    Yard,
    job,
    judged,
    kept,
    meanwhile,
    result,
    sent,
    yard,
)
from tests.samples import IMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Worker

    from orchestrator.farm.cluster.values import ImageRequest, SentJob
    from orchestrator.farm.cluster.worker_farm import Judge, Log, Running
    from orchestrator.farm.plan import Job
    from orchestrator.model import Image, Result

OURS, THEIRS = "0" * 16, "1" * 16
ENDED = EngineError("running a container: the engine is being stopped")
NO_IMAGE = ImageError("no image")
NO_ROOM = NoRoomError("no space is left")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Yard]:
    """Give a scheduler without workers."""
    with yard(tmp_path / "yard") as one:
        yield one


class Outcomes:
    """What the jobs of a run came to."""

    def __init__(self) -> None:
        """None has ended."""
        self.all: list[tuple[str, Any]] = []

    def done(self, one: Job, outcome: Result | Path | WheelproofError) -> None:
        """Note an outcome."""
        self.all.append((one.release.project, outcome))

    @property
    def by_name(self) -> dict[str, Any]:
        """The only outcome of each job."""
        assert len(dict(self.all)) == len(self.all), "a job ended twice"
        return dict(self.all)


@contextmanager
def connected(
    place: Yard,
    folder: Path,
    patience: float = 20,
    refused: float = 20,
    hear: Log = lambda _project, _doing: None,
) -> Iterator[client.Workers[Job, Result | Path]]:
    """Give a pool of the workers."""
    store = Results(folder / "results", wheels=1 << 30, logs=1 << 30)
    store.folder.mkdir(parents=True, exist_ok=True)
    with client.connected(DaskSettings(place.address), Cancellation(), patience=patience) as cluster:
        cluster.listen(hear)
        yield client.Workers(
            cluster, sent, store, lambda one: one, lambda project, one: folder / project / one, refused=refused
        )


def run(
    place: Yard,
    folder: Path,
    jobs: list[Job],
    stop: Cancellation | None = None,
    *,
    patience: float = 20,
    refused: float = 20,
    hear: Log = lambda _project, _doing: None,
) -> dict[str, Any]:
    """Judge jobs on the workers, and return what each came to."""
    outcomes = Outcomes()
    with connected(place, folder, patience, refused, hear) as pool:
        run_jobs(jobs, pool, outcomes.done, stop=stop or Cancellation())
    return outcomes.by_name


def raising(error: Exception) -> Judge:
    """Return a judge that raises an error."""

    def judge(_one: SentJob, _running: Running, _log: Log) -> Result:
        raise error

    return judge


# --- offers ----------------------------------------------------------------------------------


def known(given: dict[str, float], **says: str) -> dict[str, Any]:
    """Return what the scheduler knows of a worker."""
    return {"name": "w", "resources": given, "metrics": {resources.NAME: says} if says else {}}


def test_an_offer_counts_the_workers_that_can_judge_and_names_why_others_cannot() -> None:
    """Another program, an unfit worker and a plain one take no jobs; each has its reason."""
    fit = resources.offered(2, OURS, {})
    offer = offer_of(
        {
            "tcp://a": known(fit, code=OURS, version="1", unfit=""),
            "tcp://b": known(resources.offered(4, OURS, {}), code=OURS, version="1", unfit=""),
            "tcp://c": known(resources.offered(2, THEIRS, {}), code=THEIRS, version="9", unfit=""),
            "tcp://d": known(dict.fromkeys(fit, 0.0), code=OURS, version="1", unfit="its disk is full"),
            "tcp://e": known({}),
            "tcp://f": known(resources.offered(2, OURS, {resources.JOBS: 0}), code=OURS, version="1", unfit=""),
        },
        OURS,
    )
    assert offer.able == {"tcp://a": Room(4, 1), "tcp://b": Room(6, 3)}
    assert offer.room() == Room(10, 4)
    assert offer.room({"tcp://b"}) == Room(4, 1)
    theirs, unfit, plain = offer.others
    assert "another wheelproof (9)" in theirs
    assert "its disk is full" in unfit
    assert "--preload orchestrator.farm.worker" in plain
    assert offer.helpers == ("w: it only builds for jobs of other workers",)


def test_an_offer_of_no_worker_has_no_room() -> None:
    """Nobody has joined."""
    assert offer_of({}, OURS) == Offer({})
    assert Offer({}).room() == Room(0, 0)


# --- jobs ------------------------------------------------------------------------------------


def test_jobs_are_judged_in_their_order_and_results_come_back(place: Yard, tmp_path: Path) -> None:
    """One worker with one thread for jobs starts them as they come; each result is that of its job."""
    begun = []

    def judge(one: SentJob, _running: Running, log: Log) -> Result:
        begun.append(one.release.project)
        log(one.release.project, "judging")
        time.sleep(0.01)
        return result(one)

    def narrow(worker: Worker) -> None:
        worker.state.total_resources[resources.JOBS] = worker.state.available_resources[resources.JOBS] = 1.0

    place.worker("first", judge, change=narrow)
    names = [f"p{number:02}" for number in range(12)]
    outcomes = run(place, tmp_path, [job(name) for name in names])
    assert begun == names
    assert outcomes == {name: result(job(name)) for name in names}


def test_what_a_worker_does_is_heard(place: Yard, tmp_path: Path) -> None:
    """Its events reach the display of the run that sent the job."""
    heard = []
    came = threading.Event()

    def hear(project: str, doing: str) -> None:
        heard.append((project, doing))
        came.set()

    def judge(one: SentJob, _running: Running, log: Log) -> Result:
        log(one.release.project, "building")
        return result(one)

    place.worker("first", judge)
    run(place, tmp_path, [job("pkg")], hear=hear)
    assert came.wait(5)
    assert heard == [("pkg", "building")]


def test_a_job_that_a_worker_refuses_goes_elsewhere(place: Yard, tmp_path: Path) -> None:
    """The one that refused gets no further job for a while."""
    asked = []

    def refuse(one: SentJob, _running: Running, _log: Log) -> Result:
        asked.append(one.release.project)
        raise NO_IMAGE

    place.worker("refusing", refuse)
    place.worker("willing")
    names = [f"p{number}" for number in range(20)]
    outcomes = run(place, tmp_path, [job(name) for name in names])
    assert outcomes == {name: result(job(name)) for name in names}
    assert 0 < len(asked) <= 6  # what was under way when it refused


def test_a_job_that_all_refuse_stays_open_with_all_reasons(place: Yard, tmp_path: Path) -> None:
    """Both workers are named with what is wrong there."""
    place.worker("first", raising(ImageError("no image here")))
    place.worker("second", raising(ImageError("no image there")))
    outcome = run(place, tmp_path, [job("pkg")])["pkg"]
    assert isinstance(outcome, WorkersError)
    assert "no image here" in str(outcome)
    assert "no image there" in str(outcome)


def test_a_job_that_fits_no_worker_takes_none_from_other_jobs(place: Yard, tmp_path: Path) -> None:
    """An sdist that fills each disk leaves only that job open, at once."""

    def judge(one: SentJob, _running: Running, _log: Log) -> Result:
        if one.release.project == "huge":
            raise NO_ROOM
        time.sleep(0.02)
        return result(one)

    place.worker("first", judge)
    place.worker("second", judge)
    names = [f"p{number}" for number in range(30)]
    begun = time.monotonic()
    outcomes = run(place, tmp_path, [job("huge"), *map(job, names)], refused=60)
    assert "no space is left" in str(outcomes.pop("huge"))
    assert outcomes == {name: result(job(name)) for name in names}
    assert time.monotonic() - begun < 30


def test_jobs_wait_for_a_worker_that_refuses_to_take_jobs_again(place: Yard, tmp_path: Path) -> None:
    """The only worker's engine is dead for a moment: what it refused is open, and the others are judged."""
    dead = EngineError("the engine is dead")
    farm = StubFarm(tmp_path / "farm")
    place.worker("only", farm=farm)
    farm.faults["engine"] = dead

    outcomes = Outcomes()

    def done(one: Job, outcome: Result | Path | WheelproofError) -> None:
        farm.faults.clear()  # once the first job was refused
        outcomes.done(one, outcome)

    begun = time.monotonic()
    with connected(place, tmp_path, refused=2) as pool:
        run_jobs([job(f"p{number}") for number in range(10)], pool, done, stop=Cancellation())
    assert time.monotonic() - begun >= 2
    refused = [one for one in outcomes.by_name.values() if isinstance(one, WorkersError)]
    assert 1 <= len(refused) <= 3  # what the worker takes at once
    assert len(outcomes.by_name) == 10


def test_workers_that_refuse_everything_end_the_run(place: Yard, tmp_path: Path) -> None:
    """It does not go on for an hour to leave each job open."""
    place.worker("only", raising(ImageError("no image here")))
    with pytest.raises(WorkersError, match=r"all workers refuse jobs: .*no image here"):
        run(place, tmp_path, [job(f"p{number}") for number in range(50)], patience=0.5, refused=5)


def test_a_worker_that_ends_hands_its_jobs_on(place: Yard, tmp_path: Path) -> None:
    """Its jobs are stopped and judged by the other one; no job ends twice, and none is lost."""
    begun = threading.Event()

    def stuck(_one: SentJob, running: Running, _log: Log) -> Result:
        begun.set()
        running.stop.event.wait(60)
        raise ENDED

    place.worker("ending", stuck)

    def end() -> None:
        begun.wait(60)
        place.worker("staying")
        place.end("ending")

    with meanwhile(end):
        outcomes = run(place, tmp_path, [job("a"), job("b")])
    assert outcomes == {name: result(job(name)) for name in "ab"}


def test_a_worker_that_is_killed_loses_its_jobs_to_others(place: Yard, tmp_path: Path) -> None:
    """The job that it had runs again elsewhere, although the first run of it may still end."""
    begun, release = threading.Event(), threading.Event()

    def stuck(one: SentJob, _running: Running, _log: Log) -> Result:
        begun.set()
        release.wait(60)
        return result(one)

    place.worker("killed", stuck)

    def kill() -> None:
        begun.wait(60)
        place.worker("staying")
        place.kill("killed")

    with meanwhile(kill):
        outcomes = run(place, tmp_path, [job("a")])
        release.set()
    assert outcomes == {"a": result(job("a"))}


def test_a_job_is_taken_back_from_workers_that_are_gone(place: Yard, tmp_path: Path) -> None:
    """It was meant for one worker, since the other one refused at that time; Dask alone would wait for that one."""
    begun = threading.Event()

    def stuck(_one: SentJob, running: Running, _log: Log) -> Result:
        begun.set()
        running.stop.event.wait(60)
        raise ENDED

    refusing = place.worker("refusing").worker.address
    place.worker("gone", stuck)

    def kill() -> None:
        begun.wait(60)
        place.kill("gone")

    outcomes = Outcomes()
    with connected(place, tmp_path) as pool, meanwhile(kill):
        pool.note_refusal(refusing, "its disk is full")
        run_jobs([job("a")], pool, outcomes.done, stop=Cancellation())
    assert outcomes.by_name == {"a": result(job("a"))}


def test_a_worker_with_another_program_gets_no_job(
    place: Yard, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line names it; the worker with the right program does all."""
    asked = []

    def other(worker: Worker) -> None:
        for state in (worker.state.total_resources, worker.state.available_resources):
            del state[resources.of_code(values.code())]
            state[resources.of_code(THEIRS)] = resources.ENDLESS
        worker.metrics[resources.NAME] = lambda _: {"version": "9.9", "code": THEIRS, "unfit": ""}

    def judge(one: SentJob, _running: Running, _log: Log) -> Result:
        asked.append(one)
        return result(one)

    place.worker("other", judge, change=other)
    place.worker("right")
    names = [f"p{number}" for number in range(8)]
    assert set(run(place, tmp_path, [job(name) for name in names])) == set(names)
    assert asked == []
    lines = [record for record in caplog.records if "takes no jobs of this run" in record.getMessage()]
    assert len(lines) <= 1


def test_a_run_without_workers_ends_with_a_reason(place: Yard, tmp_path: Path) -> None:
    """None joins while it waits."""
    with pytest.raises(WorkersError, match="none has joined"):
        run(place, tmp_path, [job("a")], patience=0.3)


def test_a_scheduler_that_ends_ends_the_run(place: Yard, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The error is clear and comes within seconds, with the status of its kind; no traceback is printed."""
    begun = threading.Event()

    def stuck(_one: SentJob, running: Running, _log: Log) -> Result:
        begun.set()
        running.stop.event.wait(60)
        raise ENDED

    place.worker("first", stuck)

    def end() -> None:
        begun.wait(60)
        place.end_scheduler()

    started = time.monotonic()
    silent = "does not answer any more; results until now are kept"
    with meanwhile(end), pytest.raises(WorkersError, match=silent) as caught:
        run(place, tmp_path, [job(f"p{number}") for number in range(9)])
    assert time.monotonic() - started < 30
    assert caught.value.exit_status == 16
    assert "Traceback" not in capfd.readouterr().err


def test_a_scheduler_that_hangs_is_not_waited_for(place: Yard) -> None:
    """Its host is partitioned, or its process stopped: the connection stays, and no answer comes."""
    hangs, ends = threading.Event(), threading.Event()

    async def hang() -> None:
        hangs.set()
        ends.wait(9)  # its event loop is what hangs

    settings = DaskSettings(place.address)
    with client.connected(settings, Cancellation(), answer=2) as cluster, meanwhile(lambda: place.do(hang())):
        assert hangs.wait(9)
        try:
            with pytest.raises(LostSchedulerError, match="does not answer any more"):
                cluster.offer()
        finally:
            ends.set()


def test_a_scheduler_that_is_not_there_is_named() -> None:
    """The message has the address and what to check."""
    settings = DaskSettings("tcp://127.0.0.1:1")
    with (
        pytest.raises(WorkersError, match=r"tcp://127\.0\.0\.1:1.*check that it runs there"),
        client.connected(settings, Cancellation(), answer=0.3),
    ):
        pass


def clients() -> list[Client]:
    """Return the clients of this process that were not freed yet."""
    return [one for one in gc.get_objects() if issubclass(type(one), Client)]  # a dead proxy has no class


def test_a_worker_is_no_scheduler(place: Yard) -> None:
    """The client is closed, too: Dask would do so at the end of the program only, and wait half a minute there."""
    settings = DaskSettings(place.worker("one").worker.address)
    earlier = clients()  # of other tests, which may have ended before their connection did
    with (
        pytest.raises(WorkersError, match="it is no scheduler") as caught,
        client.connected(settings, Cancellation(), answer=5),
    ):
        pass
    assert caught.value.__cause__, "its traceback keeps the client, as it does until the end of a program"
    assert [one.status for one in clients() if one not in earlier] == ["closed"]


def test_a_stop_reaches_the_workers(place: Yard, tmp_path: Path) -> None:
    """The job's containers are killed within two seconds."""
    begun, stopped, stop = threading.Event(), threading.Event(), Cancellation()

    def stuck(_one: SentJob, running: Running, _log: Log) -> Result:
        begun.set()
        if cast("StubEngine", running.engine).stopped.wait(60):
            stopped.set()
        raise ENDED

    place.worker("first", stuck)
    outcomes = Outcomes()
    with connected(place, tmp_path) as pool:

        def ask() -> None:
            begun.wait(60)
            stop.ask()
            pool.stop()

        with meanwhile(ask), pytest.raises(Interrupted):
            run_jobs([job("a")], pool, outcomes.done, stop=stop)
        assert stopped.wait(30)
    assert outcomes.all == []


def test_a_job_with_a_record_is_not_judged_again(place: Yard, tmp_path: Path) -> None:
    """The worker names the job's id; the record is the orchestrator's."""
    place.worker("first", lambda _one, _running, _log: Path(KNOWN))
    assert run(place, tmp_path, [job("a")]) == {"a": tmp_path / "a" / KNOWN}


def test_a_record_that_was_not_named_to_the_worker_is_no_answer(place: Yard, tmp_path: Path) -> None:
    """It may be of another release."""
    place.worker("first", lambda _one, _running, _log: Path("e" * 64))
    outcome = run(place, tmp_path, [job("a")])["a"]
    assert isinstance(outcome, FaultError)
    assert "was not named to it" in str(outcome)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (PackageIndexError("the index is down"), PackageIndexError),
        (EngineError("the engine refused"), EngineError),
        (ZeroDivisionError("oops"), FaultError),
    ],
)
def test_a_failure_of_the_farm_leaves_the_job_open(
    place: Yard, tmp_path: Path, raised: Exception, kind: type[WheelproofError]
) -> None:
    """It has its own kind and text here too, and no other job is stopped."""

    def judge(one: SentJob, _running: Running, _log: Log) -> Result:
        if one.release.project == "bad":
            raise raised
        return result(one)

    place.worker("first", judge)
    outcomes = run(place, tmp_path, [job("bad"), job("good")])
    assert type(outcomes["bad"]) is kind
    assert str(raised) in str(outcomes["bad"])
    assert outcomes["good"] == result(job("good"))


def test_a_result_of_another_image_is_no_verdict(place: Yard, tmp_path: Path) -> None:
    """Its manifest differs from the one that was asked for."""

    def judge(one: SentJob, _running: Running, _log: Log) -> Result:
        right = result(one)
        return replace(right, image=replace(right.image, manifest="0" * 64))

    place.worker("first", judge)
    outcome = run(place, tmp_path, [job("a")])["a"]
    assert isinstance(outcome, FaultError)
    assert "manifest" in str(outcome)


def test_a_private_umask_keeps_no_build_on_a_worker_from_what_it_has_to_read(place: Yard, tmp_path: Path) -> None:
    """A worker has the umask of every command: the users of containers read its cache."""
    former = os.umask(0o077)
    try:
        place.worker("first")
        (tmp_path / "file").touch()
    finally:
        os.umask(former)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_a_result_of_another_job_is_no_verdict(place: Yard, tmp_path: Path) -> None:
    """The worker has mixed up two jobs: neither is recorded, and a third one is."""

    def judge(one: SentJob, _running: Running, _log: Log) -> Result:
        names = {"a": "b", "b": "a"}
        return result(job(names.get(one.release.project, one.release.project)))

    place.worker("first", judge)
    outcomes = run(place, tmp_path, [job("a"), job("b"), job("c")])
    assert all(isinstance(outcomes[name], FaultError) for name in "ab")
    assert "the project b, asked for was a" in str(outcomes["a"])
    assert outcomes["c"] == result(job("c"))


# --- files -----------------------------------------------------------------------------------


def with_wheel(farm: StubFarm, content: bytes, then: Callable[[str], None] = lambda _: None) -> Judge:
    """Return a judge whose first build gave a wheel of that content; `then` gets its hash."""

    def judge(one: SentJob, _running: Running, _log: Log) -> Result:
        sha256 = kept(farm, content)
        then(sha256)
        right = result(one)
        first, *others = right.builds
        assert first.wheel is not None
        return replace(right, builds=(replace(first, wheel=replace(first.wheel, sha256=sha256)), *others))

    return judge


def test_files_of_several_pieces_come_back(place: Yard, tmp_path: Path) -> None:
    """A wheel of more than three MiB is kept here under its hash."""
    farm = StubFarm(tmp_path / "farm")
    content = bytes(range(256)) * (13 << 10) + b"end"
    place.worker("first", with_wheel(farm, content), farm=farm)
    run(place, tmp_path, [job("a")])
    sha256 = hashlib.sha256(content).hexdigest()
    assert (tmp_path / "results" / "wheels" / sha256).read_bytes() == content


def test_a_file_that_vanished_has_its_job_judged_again(place: Yard, tmp_path: Path) -> None:
    """The worker's store was pruned before all pieces came; the second time they come."""
    farm, times = StubFarm(tmp_path / "farm"), []
    content = bytes(range(256)) * (13 << 10)

    def judge(one: SentJob, running: Running, log: Log) -> Result | Path:
        times.append(one)
        return with_wheel(farm, content)(one, running, log)

    piece = farm.piece

    def pruned(files: Any, offset: int) -> bytes:  # noqa: ANN401 - as the method
        if offset and len(times) == 1:
            (farm.folder / "results" / "wheels" / files[0].sha256).unlink(missing_ok=True)
        return piece(files, offset)

    farm.piece = pruned  # type: ignore[method-assign]
    place.worker("first", judge, farm=farm)
    outcomes = run(place, tmp_path, [job("a")])
    assert len(times) == 2
    assert outcomes["a"].project == "a"
    assert (tmp_path / "results" / "wheels" / hashlib.sha256(content).hexdigest()).read_bytes() == content


def test_a_file_that_never_comes_leaves_the_job_open(place: Yard, tmp_path: Path) -> None:
    """It is tried a few times; nothing is kept here, and no verdict is recorded."""
    farm, times = StubFarm(tmp_path / "farm"), []

    def judge(one: SentJob, running: Running, log: Log) -> Result | Path:
        times.append(one)
        return with_wheel(farm, b"x" * (3 << 20))(one, running, log)

    def wrong(files: Any, offset: int) -> bytes:  # noqa: ANN401, ARG001 - as the method
        return b"y" * (1 << 20)

    farm.piece = wrong  # type: ignore[method-assign]
    place.worker("first", judge, farm=farm)
    outcome = run(place, tmp_path, [job("a")])["a"]
    assert isinstance(outcome, WorkersError)
    assert len(times) == client.TRIES, outcome
    assert not (tmp_path / "results" / "wheels").exists()


# --- several clients, images -----------------------------------------------------------------


def test_two_runs_share_the_workers(place: Yard, tmp_path: Path) -> None:
    """Each gets its own results, and all of them."""
    place.worker("first")
    place.worker("second")
    outcomes: dict[str, dict[str, Any]] = {}

    def one(prefix: str) -> None:
        outcomes[prefix] = run(place, tmp_path / prefix, [job(f"{prefix}{number}") for number in range(10)])

    threads = [threading.Thread(target=one, args=(prefix,)) for prefix in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for prefix in "ab":
        names = [f"{prefix}{number}" for number in range(10)]
        assert outcomes[prefix] == {name: result(job(name)) for name in names}


def test_an_image_comes_from_the_first_worker_that_can_make_it(place: Yard, tmp_path: Path) -> None:
    """One that cannot is passed over."""
    place.worker("unable", farm=StubFarm(tmp_path / "farm", image=ImageError("no archive")))
    place.worker("able")
    with client.connected(DaskSettings(place.address), Cancellation()) as cluster:
        assert cluster.describe(IMAGE_REQUEST) == IMAGE


def test_a_stop_ends_the_wait_for_an_image(place: Yard, tmp_path: Path) -> None:
    """To make one takes minutes; no further worker is asked."""
    ends, stop = threading.Event(), Cancellation()

    class Slow(StubFarm):
        def describe(self, request: ImageRequest, log: Log) -> Image:
            stop.ask()
            ends.wait(60)
            return super().describe(request, log)

    place.worker("first", farm=Slow(tmp_path / "first"))
    place.worker("second", farm=Slow(tmp_path / "second"))
    started = time.monotonic()
    with client.connected(DaskSettings(place.address), stop) as cluster:
        try:
            with pytest.raises(Interrupted):
                cluster.describe(IMAGE_REQUEST)
        finally:
            ends.set()
    assert time.monotonic() - started < 30


def test_an_image_comes_from_another_worker_where_one_is_lost(place: Yard, tmp_path: Path) -> None:
    """The one that was asked first is killed while it makes the image."""
    asked: list[str] = []
    begun, ends = threading.Event(), threading.Event()

    class Slow(StubFarm):
        def describe(self, request: ImageRequest, log: Log) -> Image:
            asked.append(self.folder.name)
            if len(asked) == 1:
                begun.set()
                ends.wait(60)
            return super().describe(request, log)

    def kill() -> None:
        begun.wait(60)
        place.kill(asked[0])

    for name in ("first", "second"):
        place.worker(name, farm=Slow(tmp_path / name))
    with client.connected(DaskSettings(place.address), Cancellation()) as cluster, meanwhile(kill):
        assert cluster.describe(IMAGE_REQUEST) == IMAGE
    ends.set()
    assert sorted(asked) == ["first", "second"]


def test_an_image_that_no_worker_can_make_is_an_error(place: Yard, tmp_path: Path) -> None:
    """It keeps its kind."""
    place.worker("unable", farm=StubFarm(tmp_path / "farm", image=ImageError("no archive")))
    with (
        client.connected(DaskSettings(place.address), Cancellation()) as cluster,
        pytest.raises(ImageError, match="no archive"),
    ):
        cluster.describe(IMAGE_REQUEST)


def test_refusals_end_after_a_while() -> None:
    """The newest reason counts."""
    now = [0.0]
    refusals = client._Refusals(60, lambda: now[0])  # noqa: SLF001 - the clock is given
    refusals.note("a", "old")
    now[0] = 30
    refusals.note("a", "new")
    assert refusals.of("ab") == {"a": "new"}
    now[0] = 91
    assert refusals.of("ab") == {}


def test_the_judge_of_these_tests_is_the_usual_one() -> None:
    """Keep the stub in step: its result passes the check of the image."""
    one = sent(job("a"))
    assert judged(one, None, None) == result(one)  # type: ignore[arg-type]
