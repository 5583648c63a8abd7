"""A Dask cluster of real processes, hosts and engines: who may join, what a worker sees, and how it can be broken."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from distributed import Client

from tests.cluster import tasks
from tests.cluster.cluster import PREFIX, Cluster, cluster, sweep_leftovers
from tests.docker.farm_fixture import until
from tests.faults import processes
from tests.faults.harness import PLACE
from tests.loopback_index import LoopbackIndex, sdist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.model import Image

pytestmark = pytest.mark.filterwarnings("default::tests.cluster.cluster.DegradedWarning")


@pytest.fixture(scope="module")
def made(bookworm: Image) -> Iterator[Cluster]:
    """A cluster of two workers that have joined."""
    with cluster(2, images=[bookworm.id], disk=1 << 20) as started:
        with started.client() as client:
            client.wait_for_workers(2, timeout=30)
        yield started


def _names(client: Client) -> set[str]:
    return {str(worker["name"]) for worker in client.scheduler_info(n_workers=-1)["workers"].values()}


def _on(client: Client, number: int, task: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
    """Run a task on one worker; return its value."""
    client.wait_for_workers(2, timeout=30)
    (address,) = [
        address
        for address, worker in client.scheduler_info(n_workers=-1)["workers"].items()
        if worker["name"] == f"worker-{number}"
    ]
    return client.submit(task, *arguments, workers=[address], pure=False).result(timeout=30)


# --- who may join ----------------------------------------------------------------------------


def test_a_client_of_another_authority_is_refused(made: Cluster) -> None:
    """The scheduler refuses its certificate, whereas ours is accepted."""
    _refused(made.address, None, security=made.certificates.stranger.security())
    until(lambda: "certificate verify failed" in made.log)
    with made.client() as client:
        assert _names(client) == {"worker-0", "worker-1"}


def test_a_client_refuses_the_scheduler_of_another_authority(made: Cluster) -> None:
    """A client does not speak to whoever answers at the scheduler's address."""
    party = replace(made.certificates.client, ca=made.certificates.other_ca)
    _refused(made.address, "TLS certificate does not match", security=party.security())


def test_a_client_without_encryption_is_refused(made: Cluster) -> None:
    """The scheduler answers nothing to it."""
    _refused(made.address.replace("tls:", "tcp:"), None)


def _refused(address: str, reason: str | None, **options: Any) -> None:  # noqa: ANN401 - as Client's
    with pytest.raises(OSError, match=reason):
        Client(address, timeout=2, set_as_default=False, **options)


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_worker_without_our_certificate_is_refused(made: Cluster, encrypted: bool) -> None:  # noqa: FBT001
    """It ends without having joined."""
    address = made.address if encrypted else made.address.replace("tls:", "tcp:")
    options = made.certificates.stranger.options() if encrypted else ()
    command = [sys.executable, "-m", "dask", "worker", address, "--name", "stranger", *options]
    command += ["--no-nanny", "--no-dashboard", "--death-timeout", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=made.all_variables())
    assert done.returncode, done.stderr
    assert "name: stranger" not in made.log
    assert "name: worker-1" in made.log


# --- what a worker sees ----------------------------------------------------------------------


def test_each_worker_has_a_host_and_an_engine(made: Cluster, bookworm: Image) -> None:
    """Each sees its own address, and no other; and its engine, which has the image, and runs it."""
    with made.client() as client:
        seen = [_on(client, number, tasks.look) for number in (0, 1)]
        assert _on(client, 1, tasks.build, bookworm.id).split() == ["lo", "built"]
    for worker, one in zip(made.workers, seen, strict=True):
        if worker.host.cable:
            assert one.addresses == {"127.0.0.1", worker.host.address}
        if worker.engine:
            assert len(one.images) == 1
    assert len({one.namespace for one in seen} | {str(Path("/proc/self/ns/net").readlink())}) == (
        3 if made.workers[0].host.cable else 1
    )
    assert len({one.engine for one in seen}) == (2 if made.workers[0].engine else 1)


def test_workers_reach_an_index_of_the_test(made: Cluster) -> None:
    """One that listens at the gateway's address is the same for the workers and for this process."""
    with LoopbackIndex(host=made.network.gateway) as index, made.client() as client:
        index.publish("six-1.0.tar.gz", sdist("six", "1.0", {}))
        assert b"six-1.0.tar.gz" in _on(client, 0, tasks.fetch, f"{index.url}six/")


# --- how it can be broken --------------------------------------------------------------------


def test_a_killed_worker_comes_back(made: Cluster) -> None:
    """Without its nanny it stays away; with it, another begins."""
    worker = made.workers[0]
    with made.client() as client:
        before = _on(client, 0, tasks.look).pid
        worker.kill(nanny=False)
        until(lambda: _names(client) == {"worker-1"})
        assert _on(client, 0, tasks.look).pid != before
        worker.kill()
        until(lambda: _names(client) == {"worker-1"})
        worker.start()
        assert _on(client, 0, tasks.look).addresses


def test_a_partitioned_worker(made: Cluster) -> None:
    """Nothing passes until the partition is healed; then all connections go on, if nobody has given them up."""
    worker = made.workers[0]
    if not worker.host.cable:
        pytest.skip("needs network namespaces")
    with made.client() as client:
        before = _on(client, 0, tasks.look).pid
        worker.host.partition()
        assert not _reaches(made)
        worker.host.heal()
        assert _reaches(made)
        assert _on(client, 0, tasks.look).pid == before


def _reaches(made: Cluster) -> bool:
    """Whether packets pass between the host of the first worker and the scheduler."""
    host, port = made.address.removeprefix("tls://").split(":")
    program = f"import socket; socket.create_connection(({host!r}, {port}), 1)"
    command = [*made.workers[0].host.enter, sys.executable, "-W", "ignore", "-c", program]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_full_cache(made: Cluster) -> None:
    """Its worker can write nothing to it, until there is room."""
    worker = made.workers[0]
    if not worker.cache.is_mount():
        pytest.skip("needs a file system of its own")
    with made.client() as client:
        worker.fill(left=1 << 12)
        with pytest.raises(OSError, match="No space left"):
            _on(client, 0, tasks.write, str(worker.cache / "file"), 1 << 16)
        worker.make_room()
        _on(client, 0, tasks.write, str(worker.cache / "file"), 1 << 16)


def test_a_dead_engine(made: Cluster, bookworm: Image) -> None:
    """Its worker cannot build, whereas the other can; started again, it has its images."""
    worker = made.workers[0]
    if not worker.engine:
        pytest.skip("needs an engine that may be killed")
    with made.client() as client:
        worker.engine.kill(containerd=True)
        with pytest.raises(Exception, match=r"Connection refused|No such file"):
            _on(client, 0, tasks.build, bookworm.id)
        assert "built" in _on(client, 1, tasks.build, bookworm.id)
        worker.engine.start()
        assert "built" in _on(client, 0, tasks.build, bookworm.id)


def test_a_wrong_clock_and_other_code(made: Cluster) -> None:
    """A worker joins with either; what follows is the farm's to decide."""
    worker, usual = made.workers[0], dict(made.workers[0].environment)
    assert worker.stop() == 0
    worker.set_clock(datetime.now(UTC) - timedelta(days=900))
    worker.set_code("orchestrator.errors", "# another version")
    worker.start()
    with made.client() as client:
        seen, other = (_on(client, number, tasks.look) for number in (0, 1))
    assert timedelta(days=899) < other.clock - seen.clock < timedelta(days=901)
    assert seen.code != other.code
    worker.stop()
    worker.environment = usual
    worker.start()


def test_a_killed_scheduler(made: Cluster) -> None:
    """Another begins at the same address, for workers that are started again."""
    address = made.address
    made.kill_scheduler()
    for worker in made.workers:
        worker.kill()
    made.start_scheduler()
    assert made.address == address
    for worker in made.workers:
        worker.start()
    with made.client() as client:
        assert _on(client, 1, tasks.look).addresses


# --- what is left ----------------------------------------------------------------------------


def test_the_cluster_of_a_killed_test_is_removed(made: Cluster, bookworm: Image) -> None:
    """The next removes its processes, containers, mounts and network, and leaves clusters that are used."""
    program = f"import tests.docker.test_cluster as t; t.hang({bookworm.id!r})"
    variables = made.all_variables() | {processes.MARK: ""}
    with _begun([sys.executable, "-c", program], variables) as process:
        assert process.stdout
        name = process.stdout.readline().strip()
        assert name.startswith(PREFIX)
        process.kill()
        process.wait()
        assert _left(name)
    sweep_leftovers()
    assert _left(name) == []
    with made.client() as client:
        assert _names(client) == {"worker-0", "worker-1"}


def hang(image: str) -> None:
    """Be a test that is killed while its containers run."""
    with cluster(1, images=[image], disk=1 << 20) as started, started.client() as client:
        client.wait_for_workers(1, timeout=30)
        if started.workers[0].engine:
            client.submit(tasks.sleep_inside, image).result(timeout=30)
        print(started.folder.name, flush=True)  # noqa: T201 - for the test
        time.sleep(600)


@contextmanager
def _begun(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def _left(name: str) -> list[str]:
    """List what there is of a cluster."""
    commands = (["ip", "netns", "list"], ["iptables", "--list-rules"], ["iptables", "-t", "nat", "--list-rules"])
    texts = [subprocess.run(one, capture_output=True, text=True, check=False).stdout for one in commands]
    links = subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    texts += [(processes.PROC / "self" / "mountinfo").read_text()]
    texts += [processes.read(pid, "environ").decode(errors="replace") for pid in processes.pids()]
    texts += [processes.read(pid, "cgroup").decode() for pid in processes.pids()]
    texts += [str(path) for path in PLACE.glob(f"{name}*")]
    return [text for text in texts if name in text] + [line for line in links.splitlines() if name[-8:] in line]
