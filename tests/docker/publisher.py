"""A publisher: builds wheels from sdists by real build backends, in one container, under chosen settings.

    wheels = build(image.id, folder, [Order("flit_core.buildapi", sdist, epoch=1_700_000_000)])

The container has the image's Python and zlib, so the wheels do not depend on the host of the tests.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import zipfile
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import docker

from orchestrator.sources.index import Index
from tests.wheel_builder import recorded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_PYTHON = "3.11"
_LIMIT = 16 << 20
_PROGRAM = """
import json, os, subprocess, sys, tarfile
from concurrent.futures import ThreadPoolExecutor

def build(number, order):
    with tarfile.open(order["sdist"]) as archive:
        archive.extractall(f"source/{number}")
        files = [one.name for one in archive if one.isfile() and order["by_umask"]]
    for name in files:
        os.chmod(f"source/{number}/{name}", 0o666 & ~order["umask"])
    (folder,) = os.listdir(f"source/{number}")
    os.makedirs(f"wheels/{number}")
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.path.abspath("backends"), "TZ": order["timezone"]}
    environment.update(order["variables"])
    if order["epoch"]:
        environment["SOURCE_DATE_EPOCH"] = str(order["epoch"])
    call = f"import {order['backend']} as backend; backend.build_wheel('../../../wheels/{number}')"
    subprocess.run([sys.executable, "-P", "-c", call], cwd=f"source/{number}/{folder}", env=environment, check=True,
                   stdout=subprocess.DEVNULL, umask=order["umask"])

os.umask(0o022)
with ThreadPoolExecutor(2) as pool:
    list(pool.map(build, *zip(*enumerate(json.load(open("orders.json"))))))
"""


@dataclass(frozen=True, slots=True)
class Order:
    """One wheel to build."""

    backend: str  # its module
    sdist: str  # its path, relative to the folder
    epoch: int = 0  # SOURCE_DATE_EPOCH; 0: it is not set
    umask: int = 0o022
    timezone: str = "UTC"
    variables: tuple[tuple[str, str], ...] = ()  # of the environment
    by_umask: bool = False  # unpack as pip does, with modes by the umask; if not, as build does, with those of the tar


_FITTING = re.compile(r"(?:any|manylinux[^-]*_x86_64.*)\.whl$")


def backend_wheels(cache: Path, requirements: Iterable[str]) -> dict[str, bytes]:
    """Return the wheels of build requirements as the real index has them, by file name; each is downloaded once."""
    index = Index(None, cache)
    found = {}
    for requirement in requirements:
        wheels = index.release(requirement, _PYTHON).wheels
        offered = next(one for one in wheels if _FITTING.search(one.filename))
        found[offered.filename] = index.fetch(offered, _LIMIT).read_bytes()
    return found


def build(image: str, folder: Path, backends: Iterable[bytes], orders: Sequence[Order]) -> list[tuple[str, bytes]]:
    """Build wheels in a container that has these wheels of backends; return (file name, content) of each."""
    for content in backends:
        zipfile.ZipFile(io.BytesIO(content)).extractall(folder / "backends")
    (folder / "orders.json").write_text(json.dumps([asdict(one) for one in orders]))
    (folder / "publish.py").write_text(_PROGRAM)
    client = docker.APIClient(version="auto")
    made = client.create_container(
        image,
        ["python3", "publish.py"],
        working_dir="/publisher",
        user=f"{os.getuid()}:{os.getgid()}",
        host_config=client.create_host_config(network_mode="none", binds=[f"{folder}:/publisher:rw"]),
    )
    try:
        client.start(made)
        ended = client.wait(made)
        sys.stdout.write(client.logs(made).decode(errors="replace"))
        assert ended["StatusCode"] == 0
    finally:
        client.remove_container(made, force=True)
        client.close()
    wheels = [next((folder / "wheels" / str(number)).iterdir()) for number in range(len(orders))]
    return [(path.name, path.read_bytes()) for path in wheels]


def changed(wheel: bytes, members: Mapping[str, bytes | None], *, fit: bool = True, level: int = 6) -> bytes:
    """Return a wheel with these members replaced, added at the end, or removed (None); RECORD is made to fit.

    All other fields of the archive stay: order, times, modes, and the fields of an added member are a neighbour's.
    """
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        infos = archive.infolist()
        contents = {info.filename: archive.read(info) for info in infos}
    record = next(name for name in contents if name.endswith(".dist-info/RECORD"))
    kept = {name: content for name, content in {**contents, **members}.items() if content is not None}
    if fit and members:
        del kept[record]
        lines = [recorded(name, content) for name, content in kept.items()]
        kept[record] = "".join([*lines, f"{record},,\n"]).encode()
    known = {info.filename: info for info in infos}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in kept.items():
            like = known.get(name, infos[0])
            info = zipfile.ZipInfo(name, like.date_time)
            info.external_attr, info.create_system, info.compress_type = (
                like.external_attr,
                like.create_system,
                like.compress_type,
            )
            archive.writestr(info, content, compresslevel=level)
    return written.getvalue()
