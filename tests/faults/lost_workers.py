"""Campaign: a run on two Dask workers with engines of their own, and one fault of a farm of many hosts at any moment.

One cluster is for all trials; after each, what was broken is repaired, and the next run has to complete the list.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import docker.errors
import requests

from tests.cluster.cluster import cluster
from tests.faults import packages
from tests.faults.harness import (
    completed,
    ended,
    eventually,
    false_verdicts,
    kept,
    last_line,
    truth,
    undisturbed,
    workspace,
)
from tests.faults.report import OPEN, RIGHT, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.cluster import Cluster, Worker
    from tests.docker.farm_fixture import FarmFixture
    from tests.faults.harness import Workspace

_TIMEOUT = 12  # seconds after which Dask gives a silent connection up: it probes it every second, ten times
_GRACE = 10.0  # seconds that containers may outlive a run, beyond the time-out that shows a partition
_DISK = 2 << 30  # bytes of a worker's cache
_JOINED = 60.0  # seconds
_DASK = {
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": f"{_TIMEOUT}s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": f"{_TIMEOUT}s",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": f"{_TIMEOUT}s",
}
_LATE = "late"  # the run had ended before the fault came
_MOVED = frozenset({0, 9})  # statuses: every job has a verdict, some are open
_LOST_SCHEDULER = frozenset({0, 16})  # 0: it was killed when nothing was left to do
_KILLED = frozenset({0, -9})


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault acts on."""

    made: Cluster
    worker: Worker
    random: Random
    kill_run: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """What breaks at a random moment, and how the run may end."""

    name: str
    act: Callable[[Scene], None]
    statuses: frozenset[int] = _MOVED
    is_possible: Callable[[Worker], object] = lambda _worker: True  # on this machine


def _restart(scene: Scene, change: Callable[[], None]) -> None:
    """Stop a worker as an operator does, and start it as another one."""
    scene.worker.stop()
    change()
    scene.worker.start()


def _wrong_clock(scene: Scene) -> None:
    wrong = timedelta(minutes=scene.random.choice((-1, 1)) * scene.random.uniform(2, 1 << 20))
    _restart(scene, lambda: scene.worker.set_clock(datetime.now(UTC) + wrong))


def _kill_engine(scene: Scene) -> None:
    assert scene.worker.engine
    scene.worker.engine.kill(containerd=scene.random.random() < 1 / 2)


FAULTS = (
    Fault("worker killed", lambda scene: scene.worker.kill(nanny=False)),
    Fault("worker and nanny killed", lambda scene: scene.worker.kill()),
    Fault("worker hangs", lambda scene: scene.worker.pause()),
    Fault("partitioned", lambda scene: scene.worker.host.partition(), is_possible=lambda worker: worker.host.cable),
    Fault(
        "disk full",
        lambda scene: scene.worker.fill(scene.random.choice((0, 4 << 10, 100 << 20))),
        is_possible=lambda worker: worker.cache.is_mount(),
    ),
    Fault("dead engine", _kill_engine, is_possible=lambda worker: worker.engine),
    Fault("wrong clock", _wrong_clock),
    Fault(
        "another wheelproof",
        lambda scene: _restart(scene, lambda: scene.worker.set_code("orchestrator.errors", "# another version")),
    ),
    Fault("scheduler killed", lambda scene: scene.made.kill_scheduler(), _LOST_SCHEDULER),
    Fault("orchestrator killed", lambda scene: scene.kill_run(), _KILLED),
)


def lost_workers(count: int, seed: int) -> Iterator[Trial]:
    """Break each thing in turn: each verdict is true or missing, no container stays, and the next run completes."""
    random = Random(seed)  # noqa: S311 - no secret
    with (
        workspace() as place,
        cluster(
            2,
            images=[truth().image],
            preload="orchestrator.farm.worker",
            builds=1,
            disk=_DISK,
            environment=_DASK,
        ) as made,
    ):
        place = replace(place, environment=_DASK, host=made.network.gateway)  # noqa: PLW2901 - the same folder
        paths = packages.packed(tuple(packages.VERDICTS), place.folder)
        usual = [dict(worker.environment) for worker in made.workers]
        _joined(made)
        seconds = min(_seconds(place, made, paths, name) for name in ("first", "second"))  # caches fill in the first
        possible = [fault for fault in FAULTS if fault.is_possible(made.workers[0])]
        for number in range(count):
            with place.farm(str(number), dask=made.dask()) as farm:
                yield _trial(farm, made, possible[number % len(possible)], random, (paths, seconds, usual))


def _seconds(place: Workspace, made: Cluster, paths: list[str], name: str) -> float:
    """Return how long a run without a fault takes."""
    with place.farm(name, dask=made.dask()) as farm:
        return undisturbed(farm, paths, packages.VERDICTS).seconds


def _trial(
    farm: FarmFixture,
    made: Cluster,
    fault: Fault,
    random: Random,
    given: tuple[list[str], float, list[dict[str, str]]],
) -> Trial:
    paths, seconds, usual = given
    moment, number = random.uniform(0, seconds), random.randrange(len(made.workers))
    begun = time.monotonic()
    process = farm.begin("run", *paths)
    time.sleep(moment)
    late = process.poll() is not None
    fault.act(Scene(made, made.workers[number], random, process.kill))
    run, wrong = ended(process, begun)
    took = time.monotonic() - begun
    if run.status not in fault.statuses:
        wrong += (f"status {run.status}: {last_line(run.err)}",)
    if "Traceback" in run.err:
        wrong += ("a traceback was printed",)
    before = kept(farm)
    if run.status in {0, 9}:
        wrong += _accounted(farm, paths, run.err)
    wrong += false_verdicts(farm, truth().findings) + _twice(farm)
    wrong += _containers(made)
    _repair(made, usual)
    wrong += _containers(made)
    wrong += completed(farm, paths, truth().findings, before) + _twice(farm) + _containers(made)
    outcome = _LATE if late else RIGHT if len(before) == len(paths) else OPEN
    when = f"after {moment:.2f} s of {took:.2f} s"
    what = f"{fault.name} {when}, status {run.status}, with {len(before)} of {len(paths)} records"
    return Trial(what, outcome, wrong, time.monotonic() - begun)


def _accounted(farm: FarmFixture, paths: list[str], printed: str) -> tuple[str, ...]:
    """List the jobs that have neither a record nor a reason among the last lines of the command."""
    reasons = printed.partition("of the jobs got no verdict")[2]
    projects = {path: path.rpartition("/")[2].partition("-")[0] for path in paths}
    return tuple(
        f"neither a record nor a reason: {project}"
        for path, project in projects.items()
        if not farm.records(project) and f"{path}: " not in reasons
    )


def _twice(farm: FarmFixture) -> tuple[str, ...]:
    return tuple(
        f"{len(farm.records(project))} records of {project}"
        for project in packages.VERDICTS
        if len(farm.records(project)) > 1
    )


def _containers(made: Cluster) -> tuple[str, ...]:
    """List the containers that live workers keep; each has a few seconds to remove them."""
    live = [worker for worker in made.workers if not (worker.ended() or worker.paused)]
    if eventually(lambda: not any(map(_held, live)), _TIMEOUT + _GRACE):
        return ()  # a job that is being stopped may still make one; the next look finds it, if it stays
    return tuple(f"{worker.name} keeps a container: {one}" for worker in live for one in _held(worker))


def _held(worker: Worker) -> list[str]:
    """Describe the containers of a worker's engine; none where no engine answers."""
    try:
        return [f"{one['Id'][:12]}, {one['State']}" for one in worker.containers()]
    except (docker.errors.DockerException, requests.RequestException):
        return []


def _repair(made: Cluster, usual: list[dict[str, str]]) -> None:
    """Start what has ended and undo what was changed."""
    if made.scheduler and made.scheduler.poll() is not None:
        made.start_scheduler()
    for worker, environment in zip(made.workers, usual, strict=True):
        if worker.paused:
            worker.resume()
        if worker.host.cable:
            worker.host.heal()
        if (worker.cache / "filler").exists():
            worker.make_room()
        if worker.engine and not _answers(worker):
            worker.engine.start()
        if worker.environment != environment:
            worker.stop()
            worker.environment = dict(environment)
    _joined(made)


def _answers(worker: Worker) -> bool:
    try:
        worker.containers()
    except (docker.errors.DockerException, requests.RequestException):
        return False
    return True


def _joined(made: Cluster) -> None:
    """Wait until all workers are there, as systemd keeps them; a RuntimeError has the end of the log of one."""
    with _patient_client(made) as names:

        def are_there() -> bool:
            for worker in made.workers:
                if worker.ended():
                    worker.start()
            return names() == {worker.name for worker in made.workers}

        if not eventually(are_there, _JOINED):
            logs = "\n".join(worker.log[-1000:] for worker in made.workers if worker.name not in names())
            msg = f"repairing a cluster: {names()} are there; the others' logs end:\n{logs}"
            raise RuntimeError(msg)


@contextmanager
def _patient_client(made: Cluster) -> Iterator[Callable[[], set[str]]]:
    with made.client(timeout=_JOINED) as client:
        yield lambda: {str(one["name"]) for one in client.scheduler_info(n_workers=-1)["workers"].values()}
