"""Opens archives inside a wheel, both sides together: their headers and their members."""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from orchestrator.analysis.formats.text import hashed
from orchestrator.analysis.outside import outside

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNPACKED = 32 << 20
"""The most bytes that all the archives of one member may unpack to, on one side."""

OUTSIDE, KIND = "between its members", ": kind"
"""The place of what an archive has besides its members; and the end of that of a member's type and target."""

MEMBERS = 5000
DEEPEST = 4
_LIMIT = 256 << 20  # bytes of memory that an xz archive may need to be unpacked
_SHOWN = 4096  # bytes
_GZIP = struct.Struct("<2sBBIBB")  # RFC 1952, 2.3: signature, method, flags, time, extra flags, system
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError,
    NotImplementedError, struct.error, LookupError, MemoryError, OverflowError, TypeError, AttributeError,
)  # fmt: skip


class TooMuch(ValueError):  # noqa: N818 - a property of the archive, not an error of ours
    """An archive unpacks to more than the limit."""


@dataclass(slots=True)
class Room:
    """The number of bytes that may still be unpacked."""

    left: int = UNPACKED

    @property
    def most(self) -> int:
        """Bytes to request, one more than the rest of the limit; raises TooMuch if nothing is left."""
        if self.left < 0:
            msg = "the archives inside the wheel unpack to too much"
            raise TooMuch(msg)
        return self.left + 1

    def take(self, data: bytes) -> bytes:
        """Count unpacked bytes; raises TooMuch."""
        self.left -= len(data)
        if self.left < 0:
            msg = "an archive inside the wheel unpacks to too much"
            raise TooMuch(msg)
        return data


@dataclass(frozen=True, slots=True)
class Inside:
    """The headers of an archive and its members, by place; and the contents of the members, by name."""

    headers: Mapping[str, bytes] = field(default_factory=dict)
    members: Mapping[str, bytes] = field(default_factory=dict)


def opened(name: str, data: bytes, room: Room) -> Inside | None:
    """Open an archive; None if it is not one, cannot be read, or exceeds the limit."""
    try:
        for begins, reader in _READERS:
            if data.startswith(begins):
                return reader(name, data, room)
        return _tar(data, room) if data[257:262] == b"ustar" else None
    except _BROKEN:
        return None


def _gzip(name: str, data: bytes, room: Room) -> Inside:
    _, _, flags, time, extra, system = _GZIP.unpack_from(data)
    stored = data[10 : data.index(b"\0", 10)] if flags & 8 and not flags & 4 else b""
    headers = {
        "time": str(time).encode(),
        "name": stored[:200],
        "packing": f"flags {flags:#x}, level {extra:#x}, system {system:#x}".encode(),
    }
    inner = _unpacked(zlib.decompressobj(wbits=31), data, room)
    return Inside(headers, {_without_ending(name, (".gz", ".tgz", ".svgz")): inner})


def _bzip2(name: str, data: bytes, room: Room) -> Inside:
    inner = _unpacked(bz2.BZ2Decompressor(), data, room)
    return Inside({}, {_without_ending(name, (".bz2", ".tbz")): inner})


def _xz(name: str, data: bytes, room: Room) -> Inside:
    inner = _unpacked(lzma.LZMADecompressor(memlimit=_LIMIT), data, room)
    return Inside({}, {_without_ending(name, (".xz", ".txz")): inner})


class Unpacker(Protocol):
    """Unpacks one stream of bytes."""

    @property
    def eof(self) -> bool:
        """Whether the stream is at its end."""

    @property
    def unused_data(self) -> bytes:
        """The bytes after its end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Unpack up to that number of bytes."""


def _unpacked(unpacker: Unpacker, data: bytes, room: Room) -> bytes:
    """Unpack a stream that fills its file; anything after its end is an error."""
    found = room.take(unpacker.decompress(data, room.most))
    if not unpacker.eof or unpacker.unused_data:
        msg = "an archive inside the wheel does not end where it should"
        raise TooMuch(msg)
    return found


def _without_ending(name: str, endings: tuple[str, ...]) -> str:
    last = name.rpartition("/")[2]
    for ending in endings:
        if last.endswith(ending):
            return last.removesuffix(ending) + (".tar" if ending.startswith(".t") else "")
    return last


def _zip(_name: str, data: bytes, room: Room) -> Inside:
    headers: dict[str, bytes] = {}
    members: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        _count(len(infos), len({info.orig_filename for info in infos}))
        headers["order"] = "\n".join(info.orig_filename for info in infos).encode("utf-8", "surrogateescape")
        headers["comment"] = archive.comment
        headers[OUTSIDE] = outside(archive)
        for info in infos:
            name = info.orig_filename
            year, month, day, hour, minute, second = info.date_time
            moment = f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
            headers[f"{name}: time"] = moment.encode()
            headers[f"{name}: mode"] = f"{info.external_attr >> 16:o}".encode()
            packing = (info.compress_type, info.flag_bits, info.create_system, info.create_version, info.extra.hex())
            headers[f"{name}: packing"] = str(packing).encode()
            with archive.open(info) as stream:
                members[name] = room.take(stream.read(room.most))
    return Inside(headers, members)


def _tar(data: bytes, room: Room) -> Inside:
    headers: dict[str, bytes] = {}
    members: dict[str, bytes] = {}
    names: list[str] = []
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for info in archive:
            names.append(info.name)
            _count(len(names), len(names))
            headers[f"{info.name}: time"] = str(info.mtime).encode()
            headers[f"{info.name}: mode"] = f"{info.mode:o}".encode()
            headers[f"{info.name}: owner"] = f"{info.uid}:{info.gid} {info.uname}:{info.gname}".encode()
            headers[f"{info.name}{KIND}"] = info.type + b" " + info.linkname.encode("utf-8", "surrogateescape")
            stream = archive.extractfile(info) if info.isreg() else None
            members[info.name] = room.take(stream.read(room.most)) if stream else b""
        rest = data[archive.offset :].strip(b"\0")
    _count(len(names), len(set(names)))
    headers[OUTSIDE] = rest if len(rest) <= _SHOWN else rest[:_SHOWN] + hashed(rest)
    headers["order"] = "\n".join(names).encode("utf-8", "surrogateescape")
    return Inside(headers, members)


def _count(members: int, names: int) -> None:
    if members > MEMBERS or names != members:
        msg = "an archive inside the wheel has too many members, or one twice"
        raise TooMuch(msg)


_READERS: tuple[tuple[bytes, Callable[[str, bytes, Room], Inside]], ...] = (
    (b"\x1f\x8b\x08", _gzip),
    (b"BZh", _bzip2),
    (b"\xfd7zXZ\0", _xz),
    (b"PK\x03\x04", _zip),
)
