"""A Dask worker takes jobs only while it is fit, stops what nobody waits for, and leaves nothing behind."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, cast

import dask
import pytest

from orchestrator.errors import EngineError
from orchestrator.farm.cluster import resources, values
from orchestrator.farm.cluster.worker_farm import Refusal, Running
from orchestrator.farm.workers import AHEAD
from tests.dask_cluster import StubEngine, StubFarm, Yard, yard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.farm.worker import Station

DEAD = EngineError("the engine is dead")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Yard]:
    """Give a scheduler without workers."""
    with yard(tmp_path / "yard") as one:
        yield one


def announced(place: Yard, station: Station) -> dict[str, float]:
    """Return the resources of a worker as the scheduler has them."""
    return dict(place.scheduler.workers[station.worker.address].resources)


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait until something holds, for half a minute."""
    ends = time.monotonic() + 30
    while not (now := holds()) and time.monotonic() < ends:
        time.sleep(0.02)
    return now


def running() -> tuple[Running, StubEngine]:
    """Return a job that runs, and its engine."""
    engine = StubEngine()
    return Running(engine=cast("Engine", engine)), engine


@pytest.mark.parametrize(("builds", "longs"), [(1, 1), (2, 1), (8, 7)])
def test_what_a_worker_offers_follows_from_its_builds(builds: int, longs: int) -> None:
    """Long jobs never take all slots of a worker that has several."""
    offered = resources.offered(builds, "c", {})
    assert offered[resources.JOBS] == builds + AHEAD
    assert offered[resources.LONG] == longs
    assert offered[resources.REMOTE] == builds
    assert offered[resources.of_code("c")] == resources.ENDLESS
    assert resources.threads(builds) > offered[resources.JOBS] + offered[resources.REMOTE]


def test_a_worker_takes_no_more_jobs_than_its_operator_gives(place: Yard, tmp_path: Path) -> None:
    """With none, it only does builds for others; that it can do more than asked for is not for an operator to say."""

    def give(farm: StubFarm, **given: float) -> dict[str, float]:
        return announced(place, place.worker(farm.folder.name, farm=farm, given=given))

    only_for_others = give(StubFarm(tmp_path / "none"), **{resources.JOBS: 0.0})
    assert (only_for_others[resources.JOBS], only_for_others[resources.REMOTE]) == (0.0, 1.0)
    assert give(StubFarm(tmp_path / "many"), **{resources.JOBS: 99.0}) == resources.offered(1, values.code(), {})


def test_a_fit_worker_joins_with_its_resources(place: Yard, tmp_path: Path) -> None:
    """The scheduler knows what it has, and its program; what a former worker left is gone."""
    farm = StubFarm(tmp_path / "farm", builds=2)
    station = place.worker("fit", farm=farm)
    assert announced(place, station) == resources.offered(2, values.code(), {})
    assert farm.swept == 1
    assert station.announced()["unfit"] == ""


def test_a_worker_takes_no_samples_of_stacks(place: Yard, tmp_path: Path) -> None:
    """Dask's profiler can lock all threads of a worker; a worker of Dask alone has it."""
    station = place.worker("plain", farm=StubFarm(tmp_path / "farm"))
    assert dask.config.get("distributed.worker.profile.enabled"), "Dask itself takes them"
    assert not [name for name in station.worker.periodic_callbacks if "profile" in name]


@pytest.mark.parametrize("faults", [{"engine": DEAD}, {"disk": "its disk is full"}], ids=["engine", "disk"])
def test_an_unfit_worker_joins_without_resources_and_gets_them_later(
    place: Yard, tmp_path: Path, faults: dict[str, Any]
) -> None:
    """The reason is announced until the fault is mended."""
    farm = StubFarm(tmp_path / "farm", **faults)
    station = place.worker("unfit", farm=farm)
    assert set(announced(place, station).values()) == {0.0}
    assert station.announced()["unfit"] == str(*faults.values())
    farm.faults.clear()
    assert eventually(lambda: announced(place, station) == resources.offered(1, values.code(), {}))
    assert station.announced()["unfit"] == ""


def test_two_workers_cannot_have_one_folder(place: Yard, tmp_path: Path) -> None:
    """The second would remove the containers of the first; it is fit when the first has ended."""
    first = place.worker("first", farm=StubFarm(tmp_path / "farm"))
    second = place.worker("second", farm=StubFarm(tmp_path / "farm"))
    assert first.unfit == ""
    assert second.unfit == (
        f"another worker uses {tmp_path / 'farm'}: give each worker a folder that it has alone, with --folder"
    )
    place.end("first")
    assert eventually(lambda: second.unfit == "")


def test_a_worker_whose_folder_cannot_be_made_names_its_option(place: Yard, tmp_path: Path) -> None:
    """And not that of a run, with which no worker is started."""
    (tmp_path / "file").write_text("")
    station = place.worker("unfit", farm=StubFarm(tmp_path / "file" / "farm"))
    assert station.unfit.startswith(f"nothing can be written in {tmp_path}/file/farm: ")
    assert station.unfit.endswith("; name another folder with --folder")


def test_why_a_worker_is_unfit_is_logged_once(place: Yard, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is tried again every few seconds, maybe for days; another reason is logged."""
    farm = StubFarm(tmp_path / "farm", disk="its disk is full")
    station = place.worker("unfit", farm=farm)
    station.prepare()
    station.prepare()
    farm.faults["disk"] = "its clock is wrong"
    station.prepare()
    err = capsys.readouterr().err
    assert (err.count("its disk is full"), err.count("its clock is wrong")) == (1, 1)


def test_jobs_that_nobody_waits_for_are_stopped(place: Yard) -> None:
    """Their task is not known to Dask any more; a stop is asked once."""
    station = place.worker("first")
    gone, engine = running()
    station.running["gone"] = gone
    assert engine.stopped.wait(30)
    assert gone.stop.asked
    engine.stopped.clear()
    time.sleep(0.3)
    assert not engine.stopped.is_set()


def test_the_end_of_a_worker_kills_and_sweeps(tmp_path: Path, place: Yard) -> None:
    """All its jobs are stopped, whatever one engine does, and the folder is free."""
    farm = StubFarm(tmp_path / "farm")
    station = place.worker("first", farm=farm)
    (one, bad), (other, good) = running(), running()

    def fail() -> None:
        raise DEAD

    bad.stop = fail  # type: ignore[method-assign]
    station.running.update(one=one, other=other)
    place.end("first")
    assert one.stop.asked
    assert other.stop.asked
    assert good.stopped.wait(30)
    assert farm.swept == 2
    with farm.locked():
        pass


def test_jobs_begin_no_more_while_a_worker_ends(place: Yard) -> None:
    """They go elsewhere; a job that ends by the stop does, too, and one that had its result keeps it."""
    station = place.worker("first")
    ends, begun = threading.Event(), threading.Event()
    outcomes: dict[str, object] = {}

    def wait(answer: Callable[[], str]) -> Callable[[Running], str]:
        def act(_: Running) -> str:
            begun.set()
            ends.wait(5)
            return answer()

        return act

    def fail() -> str:
        raise DEAD

    def run(name: str, answer: Callable[[], str]) -> threading.Thread:
        thread = threading.Thread(target=lambda: outcomes.update({name: station.run(wait(answer), "auto", key=name)}))
        thread.start()
        return thread

    threads = [run("stopped", fail), run("done", lambda: "result")]
    assert begun.wait(5)
    assert eventually(lambda: len(station.running) == 2)
    station.close()
    ends.set()
    threads.append(run("late", lambda: "never"))
    for thread in threads:
        thread.join(5)
    assert isinstance(outcomes["stopped"], Refusal)
    assert isinstance(outcomes["late"], Refusal)
    assert outcomes["done"] == "result"
    assert station.running == {}


def test_what_failed_jobs_leave_is_removed(place: Yard, tmp_path: Path) -> None:
    """As soon as the engine is back, and nothing of a job that runs; when all others have begun later, all is gone."""
    farm = StubFarm(tmp_path / "farm")
    station = place.worker("first", farm=farm)

    def fail(_: Running) -> str:
        farm.faults["engine"] = DEAD
        raise DEAD

    other = Running(begun=time.time() - 60)
    other.stop.ask()  # so that no look stops it
    station.running["other"] = other
    assert isinstance(station.run(fail, "auto", key="failed"), Refusal)
    time.sleep(0.2)
    assert farm.swept == 1
    farm.faults.clear()
    assert eventually(lambda: farm.swept > 1)
    assert farm.before <= other.begun
    assert station.failed
    station.running.clear()
    assert eventually(lambda: not station.failed)
    assert farm.before > other.begun
    swept = farm.swept
    time.sleep(0.2)
    assert farm.swept == swept
