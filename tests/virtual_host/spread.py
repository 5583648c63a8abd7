"""Judge packages with `spread: true` on two hosts, this one and a virtual one: `python -m tests.virtual_host.spread`.

The jobs run on a worker here, and their second builds on a worker in the virtual host. The exit status is 1 if a record
is not as `expected.py` has it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import Client

from orchestrator.build.engine import connect
from orchestrator.build.variations import SECOND_HOST
from orchestrator.farm.recipe_effects import offered
from orchestrator.images.build import made
from orchestrator.images.recipe import load
from orchestrator.model import Limits, OfferedWheel, RecipeForm
from orchestrator.recipes.frontends import begins_with
from orchestrator.results.store import read
from orchestrator.sources.index import Index
from tests.cluster.certificates import Party, certificates
from tests.docker.farm_fixture import ROOT, farm_on
from tests.faults.harness import eventually
from tests.virtual_host.expected import PACKAGES, faults, report
from tests.virtual_host.machine import PROCESSOR, STORE, end, free_port, virtual_host, worker_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.model import Image, Result, Target
    from tests.docker.farm_fixture import FarmFixture
    from tests.virtual_host.machine import VirtualHost

_FOLDER = ROOT / ".cache" / "virtual-host"
_IMAGE = "bookworm"
_BOOT = "/proc/sys/kernel/random/boot_id"
_BUDGET = {"time": "1h"}  # for each package: an emulated host is slow
_RUN = 3600.0  # seconds for all packages
_JOIN = 600.0  # seconds for both workers to join
_TLS = Path("/run/wheelproof-tls")  # in the virtual host
_HERE, _THERE = "builds=1", "builds=1 wheelproof-jobs=0"  # all jobs run here


def main() -> int:
    """Start both hosts, judge the packages, and print what ran where; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.virtual_host.spread", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=_FOLDER, help="keeps the disks; default: %(default)s")
    parser.add_argument("--processor", default=PROCESSOR, help="a model that qemu knows; default: %(default)s")
    options = parser.parse_args()
    folder = options.folder.resolve() / "spread"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        _log("starting the virtual host")
        host = stack.enter_context(virtual_host(options.folder, processor=options.processor))
        cache = options.folder.resolve() / "cache"
        image = _supply(host, cache)
        farm = stack.enter_context(contextmanager(farm_on)(folder))
        _offer_pip(farm, image.target, cache)
        cluster = stack.enter_context(_cluster(host, folder))
        status = _run(farm, cluster)
        boot_ids = {"": Path(_BOOT).read_text().strip(), SECOND_HOST: host.run("cat", _BOOT).stdout.decode().strip()}
        _log(f"the run ended with the status {status}; stopping the virtual host")
    return _report(farm, boot_ids) or status


def _log(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")


def _supply(host: VirtualHost, cache: Path) -> Image:
    """Bring the image and the farm over, and remove what a former worker kept; return the image."""
    _log("bringing the image and the farm over")
    recipe = load(ROOT / "images", _IMAGE)
    image = made(connect(), recipe, cache, _log)
    host.copy_image(recipe.tag)
    host.install()
    host.run("rm", "-rf", f"{STORE}/worker")
    return image


def _offer_pip(farm: FarmFixture, target: Target, cache: Path) -> None:
    """Put what recipes begin with on the farm's index, from PyPI; without it, no recipe can be proven."""
    index = Index(None, cache)
    pins = offered(index, begins_with(RecipeForm.SH), target)
    if isinstance(pins, str):
        _log(pins)
        return
    for pin in pins:
        file = index.fetch(OfferedWheel(pin.filename, pin.url, pin.sha256), Limits().download)
        farm.index.publish(pin.filename, file.read_bytes())


# --- the cluster -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Where the scheduler is, and how a client shows who it is."""

    address: str
    client: Party

    def wait(self, *processes: subprocess.Popen[bytes]) -> bool:
        """Wait until both workers have joined, or one of the processes has ended; return whether they have joined."""
        with Client(self.address, security=self.client.security(), timeout=_JOIN, set_as_default=False) as client:

            def joined() -> bool:
                return len(client.scheduler_info(n_workers=-1)["workers"]) == len((_HERE, _THERE))

            eventually(lambda: joined() or any(one.poll() is not None for one in processes), _JOIN)
            return joined()

    def settings(self) -> dict[str, str]:
        """Return the section `dask` of config.yaml."""
        files = {"ca": self.client.ca, "certificate": self.client.certificate, "key": self.client.key}
        return {"address": self.address, **{name: str(path) for name, path in files.items()}}


@contextmanager
def _cluster(host: VirtualHost, folder: Path) -> Iterator[_Cluster]:
    """Start a scheduler and a worker here, and a worker in the virtual host, all with TLS."""
    (folder / "tls").mkdir()
    parties = certificates(folder / "tls")
    ports = free_port(), free_port()
    address, contact = (f"tls://127.0.0.1:{port}" for port in ports)
    scheduler = ("scheduler", "--protocol", "tls", "--host", "127.0.0.1", "--port", str(ports[0]), "--no-dashboard")
    ours = ("--listen-address", contact, "--name", "here", "--resources", _HERE, *worker_options(f"{folder}/worker"))
    theirs = ("--name", SECOND_HOST, "--resources", _THERE, *_sent(host, parties.worker).options())
    with (
        _dask(folder, *scheduler, "--dashboard-address", "127.0.0.1:0", *parties.scheduler.options()) as begun,
        _dask(folder, "worker", address, *parties.worker.options(), *ours) as first,
    ):
        for port in ports:
            host.show(port)
        second = host.begin_worker(address, *theirs, log=folder / "second.log")
        try:
            cluster = _Cluster(address, parties.client)
            _log("waiting for the workers")
            if not cluster.wait(begun, first, second):
                msg = f"starting two workers: they did not join; their logs are in {folder}"
                raise RuntimeError(msg)
            yield cluster
        finally:
            end(second)


def _sent(host: VirtualHost, party: Party) -> Party:
    """Bring the files of a party over; return where they are there."""
    files = (party.ca, party.certificate, party.key)
    host.put(party.ca.parent, str(_TLS), *(file.name for file in files))
    return Party(*(_TLS / file.name for file in files))


@contextmanager
def _dask(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of Dask here while the context lasts; the folder gets its log."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "dask", *arguments]
    with (folder / f"{arguments[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        end(process)


# --- the run ---------------------------------------------------------------------------------


def _run(farm: FarmFixture, cluster: _Cluster) -> int:
    """Judge the packages, as a user does; return the exit status."""
    names = [package.project for package in PACKAGES]
    farm.publish(*names)
    farm.configure(spread=True, image=_IMAGE, budget=_BUDGET, dask=cluster.settings())
    command = [sys.executable, "-m", "orchestrator", "run", *(f"{name}==1.0" for name in names)]
    _log(f"judging {', '.join(names)}")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=farm.folder, env=environment, timeout=_RUN, check=False).returncode


def _report(farm: FarmFixture, boot_ids: dict[str, str]) -> int:
    """Print each record; return 1 if one is not as expected."""
    status = 0
    for package in PACKAGES:
        result = _result(farm, package.project)
        wrong = faults(package, result, boot_ids) if result else (f"no record; see {farm.folder}",)
        status |= bool(wrong)
        print("\n".join((*report(package, result), *(f"  WRONG: {line}" for line in wrong))))  # noqa: T201
    return status


def _result(farm: FarmFixture, project: str) -> Result | None:
    records = farm.records(project)
    return read(records[-1]) if records else None


if __name__ == "__main__":
    sys.exit(main())
