"""Short ways to run something in a real container, and to make an image for a test."""

from __future__ import annotations

import io
import os
import secrets
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker

from orchestrator.build.engine import STDOUT, Completed, Container, Engine
from tests.docker.case_builder import LABEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.model import Image

IMAGES = Path(__file__).parents[2] / "images"

SCRATCH = {"/scratch": "rw,exec,nosuid,nodev,uid=2222,gid=2222,mode=755,size=256m"}


def run_inside(engine: Engine, container: Container) -> tuple[Completed, str]:
    """Run a container; return how it ended, and all that it printed on stdout."""
    pieces: list[bytes] = []

    def listen(stream: int, piece: bytes) -> bool:
        if stream == STDOUT:
            pieces.append(piece)
        else:
            print(piece.decode(errors="replace"))  # noqa: T201 - shown by pytest when the test fails
        return True

    completed = engine.run(container, listen)
    return completed, b"".join(pieces).decode()


def derive(engine: Engine, tag: str, base: str, steps: str, log: Callable[[str], None] = print) -> str:
    """Return an image of that tag, made once by more steps of a Dockerfile on top of another."""
    found = engine.image(tag)
    if found is not None:
        return found.id
    content = f"FROM {base}\n{steps}\n".encode()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    stream.seek(0)
    return engine.build_image(stream, tag, {}, {}, log)


class _StartsLate(docker.APIClient):
    """Does something between the creation of a container and its start."""

    before: Callable[[], None]

    def start(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - the library's own
        self.before()
        return super().start(*arguments, **named)


def stopped_before_start() -> Engine:
    """Return an engine that is asked to stop when its container is created, but does not run yet."""
    client = _StartsLate(base_url=os.environ.get("DOCKER_HOST"), version="auto")
    engine = Engine(client)
    client.before = engine.stop
    return engine


class _InGroup(docker.APIClient):
    """Puts every container into one control group."""

    group = ""

    def create_host_config(self, **named: Any) -> Any:  # type: ignore[override] # noqa: ANN401 - the library's own
        return super().create_host_config(**named | {"cgroup_parent": self.group})


@contextmanager
def crowded(image: Image, memory: int = 400 << 20) -> Iterator[Engine]:
    """Give an engine all of whose containers together have that many bytes of memory, whatever each is promised."""
    client = _InGroup(base_url=os.environ.get("DOCKER_HOST"), version="auto")
    name = f"wheelproof{secrets.token_hex(4)}"
    client.group = f"{name}.slice" if client.info()["CgroupDriver"] == "systemd" else f"/{name}"
    first, second = (f"{root}/{client.group.strip('/')}" for root in ("/groups/memory", "/groups"))  # their versions
    limits = {
        f"{first}/memory.limit_in_bytes": memory,
        f"{first}/memory.memsw.limit_in_bytes": memory,
        f"{second}/memory.max": memory,
        f"{second}/memory.swap.max": 0,
    }
    made = f"if [ -d /groups/memory ]; then mkdir {first}; else mkdir -p {second}; fi; "
    limited = "; ".join(f"[ ! -e {path} ] || echo {limit} > {path}" for path, limit in limits.items())
    _on_the_host(image, made + limited)
    engine = Engine(client)
    try:
        yield engine
    finally:
        engine.sweep(LABEL)
        client.close()
        _on_the_host(image, f"find /groups -depth -type d -name '{name}*' -exec rmdir {{}} + || true")


def _on_the_host(image: Image, command: str) -> None:
    """Run a command where it sees the host's control groups."""
    client = docker.APIClient(base_url=os.environ.get("DOCKER_HOST"), version="auto")
    host = client.create_host_config(network_mode="none", binds=["/sys/fs/cgroup:/groups:rw"])
    identity = client.create_container(image.id, ["sh", "-c", command], host_config=host)["Id"]
    try:
        client.start(identity)
        assert client.wait(identity)["StatusCode"] == 0, client.logs(identity)
    finally:
        client.remove_container(identity, force=True)
        client.close()
