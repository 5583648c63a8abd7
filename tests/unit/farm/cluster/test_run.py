"""A run on workers finds releases and writes records here, as one on this machine does."""

from __future__ import annotations

import base64
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from orchestrator.config import Config
from orchestrator.config.values import DaskSettings
from orchestrator.errors import EngineError, ImageError, LostSchedulerError, UsageError
from orchestrator.farm.cluster import run
from orchestrator.farm.plan import Job
from orchestrator.farm.soak import soak
from orchestrator.model import Origin, Sdist, Task
from orchestrator.results.store import Results
from tests import samples
from tests.dask_cluster import StubFarm, Yard, meanwhile, result, yard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.farm.cluster.values import SentJob
    from orchestrator.farm.cluster.worker_farm import Log, Running
    from orchestrator.farm.input_effects import InputEffects
    from orchestrator.model import Result
    from orchestrator.publish.publisher_process import PublisherProcess

ENDED = EngineError("running a container: the engine is being stopped")
ROOT = Path(__file__).parents[4]


class NoSite:
    """A publisher that writes nothing."""

    def publish(self) -> None:
        """Write nothing."""

    def is_published(self) -> bool:
        """Return that there is a site."""
        return True


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Yard]:
    """Give a scheduler without workers."""
    with yard(tmp_path / "yard") as one:
        yield one


def sdist(folder: Path, name: str) -> Path:
    """Write an sdist of the user's own."""
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
    return samples.tar(
        folder / f"{name}-1.0.tar.gz",
        [(f"{name}-1.0/PKG-INFO", text), (f"{name}-1.0/pyproject.toml", b"[build-system]\nrequires = []\n")],
    )


@contextmanager
def opened(folder: Path) -> Iterator[Results]:
    """Give the results of a run."""
    store = Results(folder / "results", wheels=1 << 30, logs=1 << 30)
    with store.locked():
        yield store


def settings(folder: Path, place: Yard) -> Config:
    """Return a configuration that uses the scheduler, and the images of this repository."""
    return replace(
        Config(),
        folder=ROOT,
        cache=folder / "cache",
        results=folder / "results",
        dask=DaskSettings(place.address),
        index="http://127.0.0.1:1/simple",
    )


def ran(folder: Path, place: Yard, names: tuple[str, ...]) -> Any:  # noqa: ANN401 - as of `run_tasks`
    """Run the user's own sdists of those names on the workers."""
    tasks = tuple(Task(str(sdist(folder, name)), "bookworm") for name in names)
    with opened(folder) as store:
        return run.run_tasks(settings(folder, place), store, tasks, cast("PublisherProcess", NoSite()), again=False)


def test_a_run_writes_the_records_of_its_workers(place: Yard, tmp_path: Path) -> None:
    """The user's own sdist goes out with its job, and so do the recipe and the manifest of the image."""
    got: list[SentJob] = []

    def judge(one: SentJob, _running: Running, _log: Log) -> Result:
        got.append(one)
        return result(one)

    place.worker("first", judge)
    outcome = ran(tmp_path, place, ("spam", "ham"))
    assert outcome.open == ()
    assert sorted(path.parent.name for path in outcome.records) == ["ham", "spam"]
    by_name = {one.release.project: one for one in got}
    assert base64.b64decode(by_name["spam"].sdist) == (tmp_path / "spam-1.0.tar.gz").read_bytes()
    assert by_name["spam"].manifest == samples.IMAGE.manifest
    assert by_name["spam"].known == ()
    assert by_name["spam"].recipe.recipe().tag.startswith("wheelproof/bookworm:")


def test_soak_builds_again_on_workers(place: Yard, tmp_path: Path) -> None:
    """The workers are asked for the job again, whatever has an answer; the new record takes the former one's place."""
    got: list[SentJob] = []

    def judge(one: SentJob, _running: Running, _log: Log) -> Result:
        got.append(one)
        return result(one, days=len(got) - 9)

    place.worker("first", judge)
    tasks = (Task(str(sdist(tmp_path, "spam")), "bookworm"),)
    with opened(tmp_path) as store:
        carry_out = partial(
            run.run_tasks, settings(tmp_path, place), store, publisher=cast("PublisherProcess", NoSite())
        )
        former = carry_out(tasks, again=False)
        outcome = soak(60, store, tasks, former, partial(carry_out, again=True))
        known = store.answers("spam")
    assert [(one.again, one.known) for one in got] == [(False, ()), (True, ())]
    assert len(known) == 1
    assert former.records != outcome.records
    assert len(outcome.records) == 1


def test_an_image_that_no_worker_can_make_ends_a_run(place: Yard, tmp_path: Path) -> None:
    """No job is sent."""
    place.worker("first", farm=StubFarm(tmp_path / "farm", image=ImageError("no archive")))
    with pytest.raises(ImageError, match="no archive"):
        ran(tmp_path, place, ("spam",))


def test_a_scheduler_that_ends_keeps_the_results_until_then(place: Yard, tmp_path: Path) -> None:
    """The run ends with the error of the scheduler; the record of the job that was judged is there."""

    def judge(one: SentJob, running: Running, _log: Log) -> Result:
        if one.release.project == "spam":
            return result(one)
        running.stop.event.wait(90)
        raise ENDED

    def end() -> None:
        until = time.monotonic() + 60
        while not any((tmp_path / "results" / "records").glob("spam/*")) and time.monotonic() < until:
            time.sleep(0.05)
        place.end_scheduler()

    place.worker("first", judge)
    with meanwhile(end), pytest.raises(LostSchedulerError):
        ran(tmp_path, place, ("spam", "ham"))
    assert [path.name for path in (tmp_path / "results" / "records").iterdir()] == ["spam"]


def test_an_own_sdist_that_is_too_large_is_named(tmp_path: Path) -> None:
    """It does not pass through the scheduler."""
    file = tmp_path / "big-1.0.tar.gz"
    with file.open("wb") as stream:
        stream.truncate(run.LARGEST + 1)

    class Place:
        def place(self, _sha256: str, _name: object) -> Path:
            return file

    own = replace(samples.RELEASE, sdist=Sdist(file.name, str(file), "5" * 64, 1), origin=Origin.FILE)
    with pytest.raises(UsageError, match="--local"):
        run._own_sdist(cast("InputEffects", Place()), Job(samples.TASK, own))  # noqa: SLF001
    index = Job(samples.TASK, samples.RELEASE)
    assert run._own_sdist(cast("InputEffects", Place()), index) == ""  # noqa: SLF001
