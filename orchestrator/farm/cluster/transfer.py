"""Files in bounded pieces, from one host to another."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from orchestrator.errors import WorkersError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import IO

    from orchestrator.farm.cluster.values import SentFile

PIECE = 1 << 20
"""Bytes that are sent at once."""


def piece(files: Sequence[tuple[Path, int]], offset: int, size: int = PIECE) -> bytes:
    """Return bytes of files that follow one another, from an offset on; fewer than `size` only at their end.

    Each file comes with its size. Raises OSError where one is gone, or shorter than its size.
    """
    found = bytearray()
    for path, length in files:
        if offset >= length:
            offset -= length
            continue
        wanted = min(length - offset, size - len(found))
        found += _read(path, offset, wanted)
        offset = 0
        if len(found) == size:
            break
    return bytes(found)


def _read(path: Path, offset: int, wanted: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(offset)
        data = stream.read(wanted)
    if len(data) < wanted:
        msg = f"{path} is shorter than it was"
        raise OSError(msg)
    return data


def receive(
    files: Sequence[SentFile], first: bytes, ask: Callable[[int], bytes], folder: Path
) -> tuple[tuple[SentFile, Path], ...]:
    """Write files that come in pieces to a folder, and check their hashes; return where each is.

    `first` is the first piece; `ask` gets the offset of a further one.

    Raises
    ------
    WorkersError
        What came is not what was announced.

    """
    source = _Pieces(first, ask)
    received = []
    for number, file in enumerate(files):
        path = folder / f"received-{number}"
        with path.open("xb") as stream:
            if source.copy(file.size, stream) != file.sha256:
                msg = f"receiving a file of {file.size} bytes: its content is not {file.sha256}; run again"
                raise WorkersError(msg)
        received.append((file, path))
    source.end()
    return tuple(received)


class _Pieces:
    """The bytes of all files, one piece after the other."""

    def __init__(self, first: bytes, ask: Callable[[int], bytes]) -> None:
        self._rest = _bounded(first)
        self._next = len(first)
        self._ask = ask

    def copy(self, size: int, stream: IO[bytes]) -> str:
        """Write the next `size` bytes, and return their SHA-256."""
        whole = hashlib.sha256()
        while size:
            if not self._rest:
                self._rest = _bounded(self._ask(self._next))
                self._next += len(self._rest)
                if not self._rest:
                    msg = "receiving a file: it ends too early; run again"
                    raise WorkersError(msg)
            part, self._rest = self._rest[:size], self._rest[size:]
            stream.write(part)
            whole.update(part)
            size -= len(part)
        return whole.hexdigest()

    def end(self) -> None:
        """Check that nothing follows the last file."""
        if self._rest:
            msg = "receiving files: more came than was announced; run again"
            raise WorkersError(msg)


def _bounded(data: bytes) -> memoryview:
    if len(data) > PIECE:
        msg = f"receiving a piece of a file: it has {len(data)} bytes, and {PIECE} at most were asked for; run again"
        raise WorkersError(msg)
    return memoryview(data)
