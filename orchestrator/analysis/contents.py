"""Opens a wheel whose members are read in pieces: none of it is run, and memory and sizes are bounded."""

from __future__ import annotations

import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from orchestrator.analysis.formats.text import Plain
from orchestrator.analysis.outside import outside
from orchestrator.analysis.wheel import BROKEN, CHUNK, survey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from orchestrator.analysis.causes.model import Content
    from orchestrator.model import Failure, WheelFile

SMALL = 4 << 20
"""Bytes; a longer member is unpacked to an unnamed file instead of memory."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """A content in a temporary file that no other process can open."""

    size: int
    file: IO[bytes] = field(repr=False)

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes from there on, fewer at the end."""
        self.file.seek(offset)
        return self.file.read(size)


@dataclass(frozen=True, slots=True)
class Packed:
    """The fields that describe how a member is packed."""

    fields: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """Return the fields in one line."""
        return ", ".join(f"{name} {value}" for name, value in self.fields)


@dataclass(frozen=True, slots=True)
class Opened:
    """A wheel, open for reading; its members are unpacked one at a time, on request."""

    archive: zipfile.ZipFile = field(repr=False)
    infos: Mapping[str, zipfile.ZipInfo] = field(repr=False)

    @property
    def comment(self) -> bytes:
        """The archive's own comment."""
        return self.archive.comment

    @property
    def outside(self) -> bytes:
        """What the archive has outside of its members and of the list of them; of many bytes, the first."""
        return outside(self.archive)

    def packed(self, path: str) -> Packed:
        """Describe how a member is packed; KeyError if there is none of that name."""
        info = self.infos[path]
        return Packed(
            (
                ("compression", str(info.compress_type)),
                ("flags", f"{info.flag_bits:#x}"),
                ("system", str(info.create_system)),
                ("versions", f"{info.create_version} {info.extract_version}"),
                ("attributes", f"{info.internal_attr:#x} {info.external_attr & 0xFFFF:#x}"),
                ("extra", info.extra.hex()[:200] or "none"),
                ("comment", info.comment.hex()[:200] or "none"),
            )
        )

    @contextmanager
    def content(self, path: str) -> Iterator[Content | None]:
        """Unpack a member while the context is open; None if it cannot be read."""
        info = self.infos.get(path)
        if info is None:
            yield None
        elif info.file_size <= SMALL:
            yield self._unpack(info)
        else:
            with tempfile.TemporaryFile() as file:
                yield self._unpack_to_file(info, file)

    def _unpack(self, info: zipfile.ZipInfo) -> Content | None:
        try:
            return Plain(self.archive.read(info))
        except BROKEN:
            return None

    def _unpack_to_file(self, info: zipfile.ZipInfo, file: IO[bytes]) -> Content | None:
        written = 0
        try:
            with self.archive.open(info) as stream:
                while piece := stream.read(CHUNK):
                    written += file.write(piece)
        except BROKEN:
            return None
        return Spooled(written, file)


@contextmanager
def opened(
    path: Path, claimed: WheelFile, limit: int, members: int, *, any_zip: bool = False
) -> Iterator[Opened | Failure]:
    """Open a wheel, or yield the failure.

    `limit` bounds the declared size of the unpacked members, and no member yields more than it
    declares; `members` bounds their number. With `any_zip`, see `survey`.
    """
    if (failure := survey(path, claimed, limit, members, any_zip=any_zip)) is not None:
        yield failure
        return
    with zipfile.ZipFile(path) as archive:
        yield Opened(archive, {info.orig_filename: info for info in archive.infolist()})
