"""What fails on a worker is a refusal, where another worker may do better, and else the farm's error."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING, cast

import pytest

from orchestrator.errors import (
    EngineError,
    FaultError,
    ImageError,
    NoRoomError,
    PackageIndexError,
    ResultsError,
    TransientEngineError,
    WheelproofError,
)
from orchestrator.farm.cluster import values
from orchestrator.farm.cluster.values import Reply
from orchestrator.farm.cluster.worker_farm import NotHereError, Refusal, WorkerFarm
from tests.dask_cluster import StubFarm, job, kept, result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.build.engine import Engine

DEAD = EngineError("the engine is dead")
FULL = OSError(errno.ENOSPC, "No space left on device", "/cache/sdists/x")


def raising(error: BaseException) -> Callable[[], str]:
    """Return a job that raises an error."""

    def act() -> str:
        raise error

    return act


@pytest.fixture
def farm(tmp_path: Path) -> StubFarm:
    """Give the farm of a fit worker."""
    one = StubFarm(tmp_path)
    one.store.folder.mkdir()
    return one


@pytest.mark.parametrize(
    "error",
    [
        EngineError("a container is refused"),
        TransientEngineError("it stumbled"),
        PackageIndexError("the index is down"),
        FaultError("a fault"),
        ZeroDivisionError("oops"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_the_farm_leave_a_job_open(farm: StubFarm, error: BaseException) -> None:
    """The next worker would fail alike, so that the job is not passed from one to the next."""
    outcome = farm.attempted(raising(error), clock=0)
    assert isinstance(outcome, WheelproofError)
    assert type(outcome) is (type(error) if isinstance(error, WheelproofError) else FaultError)


@pytest.mark.parametrize(
    "error",
    [NoRoomError("no space is left"), ResultsError("the cache cannot be written"), FULL],
    ids=lambda error: type(error).__name__,
)
def test_a_job_that_fills_a_disk_is_refused_alone(farm: StubFarm, error: BaseException) -> None:
    """Afterwards there is room again: the worker is fit for others, and a larger one for this job."""
    outcome = farm.attempted(raising(error), clock=0)
    assert isinstance(outcome, Refusal)
    assert outcome.only


@pytest.mark.parametrize("error", [NoRoomError("no space is left"), PackageIndexError("down"), ZeroDivisionError()])
def test_a_worker_whose_disk_stays_full_refuses_all(farm: StubFarm, error: BaseException) -> None:
    """Whatever its job failed with: that may follow from the disk."""

    def act() -> str:
        farm.faults["disk"] = "its disk is full"
        raise error

    outcome = farm.attempted(act, clock=0)
    assert isinstance(outcome, Refusal)
    assert not outcome.only
    assert "its disk is full" in outcome.why


@pytest.mark.parametrize("error", [DEAD, ZeroDivisionError(), PackageIndexError("down")])
def test_a_worker_whose_engine_is_dead_refuses_all(farm: StubFarm, error: BaseException) -> None:
    """Another engine may do the job."""
    farm.faults["engine"] = DEAD
    outcome = farm.attempted(raising(error), clock=0)
    assert isinstance(outcome, Refusal)
    assert not outcome.only
    assert "the engine is dead" in outcome.why


@pytest.mark.parametrize("error", [ImageError("no archive"), NotHereError("another manifest")])
def test_a_worker_without_the_image_refuses(farm: StubFarm, error: WheelproofError) -> None:
    """Its reason is kept."""
    assert farm.attempted(raising(error), clock=0) == Refusal(str(error))


def test_an_unfit_worker_begins_no_job(farm: StubFarm) -> None:
    """Its clock is wrong: nothing is done."""
    outcome = farm.attempted(raising(AssertionError("it began")), clock=-3600)
    assert isinstance(outcome, Refusal)
    assert "clock" in outcome.why


def test_what_a_job_returns_is_returned(farm: StubFarm) -> None:
    """A fit worker changes nothing."""
    assert farm.attempted(lambda: "result", clock=0) == "result"


@pytest.mark.parametrize("name", ["cache", "results"])
def test_a_worker_that_cannot_write_is_unfit(tmp_path: Path, name: str) -> None:
    """A file is where a folder belongs; nothing is raised."""
    (tmp_path / name).write_text("in the way")
    (tmp_path / ({"cache", "results"} - {name}).pop()).mkdir()
    assert "nothing can be written" in StubFarm(tmp_path).unfit(0)


def test_the_check_of_a_worker_leaves_nothing(farm: StubFarm, tmp_path: Path) -> None:
    """It writes to both folders and removes that."""
    assert farm.unfit(0) == ""
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_runtime_that_a_worker_lacks_is_its_own_lack(tmp_path: Path) -> None:
    """Another worker may have it."""

    class Plain:
        def alone(self) -> Plain:
            return self

        def isolate(self, isolation: str) -> None:
            msg = f"using the runtime {isolation}: it is not there"
            raise EngineError(msg)

    farm = WorkerFarm(tmp_path, 1, [0], connect=lambda: cast("Engine", Plain()))
    with pytest.raises(NotHereError, match="kata"):
        farm.engine("kata")


def test_a_result_names_the_files_that_are_kept(farm: StubFarm) -> None:
    """Each once, whatever other hashes are in it."""
    one, other = kept(farm, b"first"), kept(farm, b"second")
    text = json.dumps({"a": one, "b": other, "c": [one, "f" * 64, "0" + other]}).encode()
    assert [(file.store, file.sha256, file.size) for file in farm.named(text)] == [
        ("wheels", one, 5),
        ("wheels", other, 6),
    ]


def test_a_reply_has_the_result_and_its_files(farm: StubFarm) -> None:
    """The files come in the order in which they are listed."""
    found = result(job("a"))
    reply = farm.reply(found)
    assert reply == Reply(result=found)  # nothing of it is kept here
    one, other = kept(farm, b"first"), kept(farm, b"second")
    files = farm.named(f'"{one}" "{other}"'.encode())
    assert farm.piece(files, 0) == b"firstsecond"
    assert farm.piece(files, 7) == b"cond"
    assert values.encoded(values.REPLY, reply)


def test_a_piece_of_a_file_that_was_removed_is_an_error(farm: StubFarm) -> None:
    """The caller makes it one that has the job judged again."""
    files = farm.named(f'"{kept(farm, b"first")}"'.encode())
    (farm.store.folder / "wheels" / files[0].sha256).unlink()
    with pytest.raises(FileNotFoundError):
        farm.piece(files, 0)
