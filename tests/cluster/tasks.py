"""Tasks for workers: what they see of the host on which they run."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import docker

import orchestrator


@dataclass(frozen=True, slots=True)
class Sight:
    """What a worker sees."""

    namespace: str
    addresses: frozenset[str]
    engine: str  # its data root; its id is the machine's
    images: frozenset[str]  # names
    clock: datetime
    code: str  # the folder of wheelproof
    pid: int


def look() -> Sight:
    """Look around."""
    lines = subprocess.run(["ip", "-oneline", "-4", "address"], check=True, capture_output=True, text=True)  # noqa: S607
    client = docker.APIClient(version="auto", base_url=os.environ.get("DOCKER_HOST"))
    try:
        engine, images = client.info()["DockerRootDir"], client.images()
    finally:
        client.close()
    return Sight(
        str(Path("/proc/self/ns/net").readlink()),
        frozenset(line.split()[3].partition("/")[0] for line in lines.stdout.splitlines()),
        engine,
        frozenset(name for image in images for name in image["RepoTags"] or ()),
        datetime.now(UTC),
        str(Path(orchestrator.__file__).parent),
        os.getpid(),
    )


def build(image: str) -> str:
    """Run a container on the worker's engine; return what it printed."""
    client = docker.APIClient(version="auto", base_url=os.environ.get("DOCKER_HOST"))
    identity = client.create_container(image, ["sh", "-c", "ls /sys/class/net; echo built"], network_disabled=True)[
        "Id"
    ]
    try:
        client.start(identity)
        client.wait(identity)
        return str(client.logs(identity).decode())
    finally:
        client.remove_container(identity, force=True)
        client.close()


def fetch(url: str) -> bytes:
    """Fetch a page."""
    with urlopen(url, timeout=10) as answer:  # noqa: S310 - an address of the test
        return bytes(answer.read())


def write(path: str, size: int) -> None:
    """Write a file, or raise an OSError."""
    Path(path).write_bytes(bytes(size))


def sleep_inside(image: str) -> str:
    """Start a container that runs until somebody ends it; return its id."""
    client = docker.APIClient(version="auto", base_url=os.environ.get("DOCKER_HOST"))
    try:
        identity = str(client.create_container(image, ["sleep", "600"], network_disabled=True)["Id"])
        client.start(identity)
        return identity
    finally:
        client.close()
