"""Short ways to run something in a real container, and to make an image for a test."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.engine import STDOUT, Completed, Container, Engine

if TYPE_CHECKING:
    from collections.abc import Callable

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


def derive(engine: Engine, tag: str, base: str, steps: str, tell: Callable[[str], None] = print) -> str:
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
    return engine.build_image(stream, tag, {}, {}, tell)
