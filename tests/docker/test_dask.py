"""A farm on Dask: `run --dask` on two workers, each with a host and an engine, against the same run on one machine."""

from __future__ import annotations

import io
import json
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import docker
import pytest

from orchestrator.images.build import PACKAGES_LABEL
from tests.cause_cases import PACKAGES, PYPROJECT, pack
from tests.cluster.cluster import Cluster, Worker, cluster
from tests.docker.farm_fixture import FarmFixture, farm_on, until
from tests.docker.test_checkouts import write_project
from tests.faults.harness import findings, sound
from tests.faults.processes import MARK
from tests.loopback_index import sdist

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.model import Image
    from tests.docker.farm_fixture import Ended

pytestmark = pytest.mark.filterwarnings("default::tests.cluster.cluster.DegradedWarning")

VERDICTS = {"blameless": "reproducible", "umask": "sensitive", "random": "intrinsic", "exits": "ftbfs"}
STOPS = 60  # seconds, of which a run waits three for its workers


@pytest.fixture(scope="module")
def made(bookworm: Image) -> Iterator[Cluster]:
    """A cluster of two workers that judge jobs."""
    with cluster(2, images=[bookworm.id], preload="orchestrator.farm.worker", disk=1 << 30) as started:
        with started.client() as client:
            client.wait_for_workers(2, timeout=60)
        yield started


@pytest.fixture(scope="module")
def farm(made: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmFixture]:
    """A farm on the cluster; its index is at an address that workers reach."""
    folder = tmp_path_factory.mktemp("farm")
    with contextmanager(farm_on)(folder, made.network.gateway) as given:
        given.environment[MARK] = str(folder)
        given.publish(*VERDICTS, "never-ends")
        given.configure(dask=made.dask())
        yield given


def _containers(made: Cluster) -> list[dict[str, Any]]:
    return [one for worker in made.workers for one in worker.containers()]


def _builds(worker: Worker, since: float) -> int:
    """Count the containers that a worker's engine has started since then."""
    client = docker.APIClient(worker.environment.get("DOCKER_HOST"), version="auto")
    try:
        kinds = {"type": "container", "event": "start"}
        span: dict[str, Any] = {
            "since": f"{since:.6f}",
            "until": f"{time.time():.6f}",
        }  # a job may take less than a second
        return len(list(client.events(**span, filters=kinds, decode=True)))
    finally:
        client.close()


# --- the same records ------------------------------------------------------------------------


def test_a_run_on_workers_gives_the_records_of_a_local_run(made: Cluster, farm: FarmFixture, tmp_path: Path) -> None:
    """Verdicts, causes, holds and first wheels are the same, with all files; the next run changes nothing."""
    local = FarmFixture(tmp_path, farm.index)
    begun = local.begin("run", *VERDICTS)
    ended = farm.run("run", "--json", *VERDICTS)
    _, err = begun.communicate()
    assert (ended.status, begun.returncode) == (0, 0), ended.err + err
    assert farm.verdicts() == local.verdicts() == VERDICTS
    assert findings(farm) == findings(local)
    assert _first_wheels(farm) == _first_wheels(local)
    assert not sound(farm, findings(local), {})
    for path in farm.records():
        _check_files(farm, json.loads(path.read_bytes()))
    again = farm.run("run", *VERDICTS)
    assert (again.status, again.err.count(": unchanged")) == (0, len(VERDICTS)), again.err
    assert len(farm.records()) == len(VERDICTS)
    assert not _containers(made)


def _first_wheels(farm: FarmFixture) -> dict[str, str | None]:
    """Return the hash of each project's first wheel; not of the project whose wheels are random."""
    first = {path.parent.name: json.loads(path.read_bytes())["builds"][0]["wheel"] for path in farm.records()}
    return {project: wheel and wheel["sha256"] for project, wheel in first.items() if project != "random"}


def _check_files(farm: FarmFixture, record: dict[str, Any]) -> None:
    """Each build's log and each wheel is in its store; `sound` has checked that contents are those of their names."""
    for build in record["builds"]:
        assert (farm.results / "logs" / build["log"]).is_file()
        assert not build["wheel"] or (farm.results / "wheels" / build["wheel"]["sha256"]).is_file()


def test_own_projects_are_judged_and_a_pair_is_spread(made: Cluster, farm: FarmFixture) -> None:
    """An sdist file and a folder of the user's go to workers; a pair is built on two engines, of one kernel here."""
    folder = farm.folder / "project"
    write_project(folder)
    file = pack("file-order", farm.folder)
    ended = farm.run("run", str(file), str(folder))
    assert ended.status == 0, ended.err
    assert farm.verdicts() | {"mine": "reproducible", "file-order": "sensitive"} == farm.verdicts()

    farm.configure(packages={"blameless": {"spread": True}})
    before = time.time()
    ended = farm.run("run", "--json", "blameless")
    farm.configure(packages={})
    assert ended.status == 0, ended.err
    (result,) = json.loads(ended.out)
    (host,) = [one for one in result["variations"] if one["name"] == "host"]
    assert (result["verdict"], host["acted"]) == ("reproducible", False)
    assert [one["name"] for one in result["cautions"]] == ["not-spread"]
    if all(worker.engine for worker in made.workers):
        assert all(_builds(worker, before) for worker in made.workers)
        _check_one_engine(made, farm)
    assert not _containers(made)


def _check_one_engine(made: Cluster, farm: FarmFixture) -> None:
    """Without spread, only one engine builds a job: what was seen before follows from spread."""
    before = time.time()
    ended = farm.run("run", "--again", "blameless")
    assert ended.status == 0, ended.err
    assert sorted(bool(_builds(worker, before)) for worker in made.workers) == [False, True]


# --- workers that cannot judge ---------------------------------------------------------------


def test_a_full_worker_refuses_and_the_other_judges(made: Cluster, farm: FarmFixture) -> None:
    """All jobs get their verdicts, and one line has the reason."""
    worker = made.workers[0]
    if not worker.cache.is_mount():
        pytest.skip("needs a file system of its own")
    worker.fill(left=1 << 20)
    try:
        ended = _all_again(farm)
    finally:
        worker.make_room()
    assert f"too little space is left in {worker.cache}" in ended.err


def test_a_worker_with_another_manifest_gives_no_verdict(made: Cluster, farm: FarmFixture) -> None:
    """One of two workers is asked for the image; the other refuses its jobs, and all verdicts are of one manifest."""
    worker = made.workers[1]
    if not worker.engine:
        pytest.skip("needs an engine of its own")
    client = docker.APIClient(worker.engine.address, version="auto")
    try:
        tag, packages = _tag_and_packages(client)
        other = packages.replace("=", "=9:", 1)
        assert other != packages
        client.tag(tag, "usual")
        _label(client, tag, other)
        ended = _all_again(farm)
        client.tag("usual", tag.partition(":")[0], tag.partition(":")[2])
    finally:
        client.close()
    assert "its image bookworm has the manifest" in ended.err
    assert len({one["image"]["manifest"] for one in json.loads(ended.out)}) == 1


def _tag_and_packages(client: docker.APIClient) -> tuple[str, str]:
    (image,) = client.images()
    return str(image["RepoTags"][0]), str(image["Labels"][PACKAGES_LABEL])


def _label(client: docker.APIClient, tag: str, packages: str) -> None:
    """Give an image another list of packages."""
    dockerfile = io.BytesIO(f"FROM {tag}\n".encode())
    for step in client.build(fileobj=dockerfile, tag=tag, labels={PACKAGES_LABEL: packages}, rm=True, decode=True):
        assert "error" not in step, step


def _all_again(farm: FarmFixture) -> Ended:
    ended = farm.run("run", "--json", "--again", "blameless", "exits")
    assert ended.status == 0, ended.err
    found = {one["project"]: one["verdict"] for one in json.loads(ended.out)}
    assert found == {"blameless": "reproducible", "exits": "ftbfs"}
    return ended


# --- a run that is stopped -------------------------------------------------------------------


def test_a_run_that_is_stopped_leaves_no_container(made: Cluster, farm: FarmFixture) -> None:
    """Ctrl-C ends it within seconds, with status 130; workers kill what they build for it."""
    again = {"NAME": b"again", "backend.py": (PACKAGES / "backend.py").read_bytes(), "pyproject.toml": PYPROJECT}
    sin = (PACKAGES / "never-ends" / "sin.py").read_bytes()
    farm.index.publish("again-1.0.tar.gz", sdist("again", "1.0", {**again, "sin.py": sin}))
    process = farm.begin("run", "never-ends", "again")
    until(lambda: all(worker.containers() for worker in made.workers))
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=STOPS)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    until(lambda: not _containers(made))
    assert time.monotonic() - begun < STOPS
    assert not farm.records("never-ends")
    assert not farm.records("again")


# --- a worker of another version -------------------------------------------------------------


def test_a_worker_with_other_code_gets_no_job(made: Cluster, farm: FarmFixture) -> None:
    """One line names it; the other judges all. It is the last test: the worker stays as it is."""
    worker = made.workers[0]
    worker.stop()
    worker.set_code("orchestrator.errors", "# another version")
    worker.start()
    with made.client() as client:
        client.wait_for_workers(2, timeout=60)
    before = time.time()
    ended = _all_again(farm)
    assert ended.err.count("it has another wheelproof") == 1
    assert ended.err.count(worker.name) == 1
    if worker.engine:
        assert not _builds(worker, before)
