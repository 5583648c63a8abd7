"""Opens archives that lie inside a wheel, both sides at once: their headers, and what they hold."""

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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNPACKED = 32 << 20
"""The most bytes that all the archives of one member may unpack to, on one side."""

MEMBERS = 5000
DEEPEST = 4
_LIMIT = 256 << 20  # bytes that an xz archive may ask for to be unpacked
_GZIP = struct.Struct("<2sBBIBB")  # RFC 1952, 2.3: signature, method, flags, time, extra flags, system
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError,
    NotImplementedError, struct.error, LookupError, MemoryError, OverflowError, TypeError, AttributeError,
)  # fmt: skip


class TooMuch(ValueError):  # noqa: N818 - the archive is, and that is all
    """An archive unpacks to more than is looked at."""


@dataclass(slots=True)
class Room:
    """How much may still be unpacked."""

    left: int = UNPACKED

    @property
    def most(self) -> int:
        """Bytes to ask for, one more than there is room for; raises TooMuch where there is none at all."""
        if self.left < 0:
            msg = "the archives inside the wheel unpack to too much"
            raise TooMuch(msg)
        return self.left + 1

    def take(self, data: bytes) -> bytes:
        """Count what was unpacked; raises TooMuch."""
        self.left -= len(data)
        if self.left < 0:
            msg = "an archive inside the wheel unpacks to too much"
            raise TooMuch(msg)
        return data


@dataclass(frozen=True, slots=True)
class Inside:
    """What an archive says of itself and its members, by place; and what the members hold, by name."""

    headers: Mapping[str, bytes] = field(default_factory=dict)
    members: Mapping[str, bytes] = field(default_factory=dict)


def opened(name: str, data: bytes, room: Room) -> Inside | None:
    """Open an archive; None where it is none, or none that can be read, or too much."""
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
        """What came after its end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Unpack, up to that many bytes."""


def _unpacked(unpacker: Unpacker, data: bytes, room: Room) -> bytes:
    """Unpack a stream that is alone in its file; with anything after it, it is not what it seems."""
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
            headers[f"{info.name}: kind"] = info.type + b" " + info.linkname.encode("utf-8", "surrogateescape")
            stream = archive.extractfile(info) if info.isreg() else None
            members[info.name] = room.take(stream.read(room.most)) if stream else b""
    _count(len(names), len(set(names)))
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
