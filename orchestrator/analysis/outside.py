"""What a zip archive has outside of its members and of the list of them: bytes that zipfile never reads."""

from __future__ import annotations

import hashlib
import struct
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator

_LOCAL = struct.Struct("<4s5H3L2H")  # APPNOTE.TXT 4.3.7: a member's local header
_CENTRAL, _END = 46, 22  # bytes of an entry of the list of members, and of what ends it, without texts (4.3.12, 4.3.16)
_LARGE_ENDS = b"PK\x06\x06", 56 + 20  # the ends of a zip64 archive (4.3.14, 4.3.15), in bytes
_DESCRIBED = 1 << 3  # sizes follow the data (4.4.4)
_UTF8 = 1 << 11
_DESCRIPTOR = b"PK\x07\x08"
_DESCRIPTORS = (12, 20)  # bytes of a checksum and two sizes (4.3.9)
_LATER = 0xFFFFFFFF  # a size that the extra field has
_SHOWN = 4096  # bytes
_CHUNK = 1 << 20


def outside(archive: zipfile.ZipFile) -> bytes:
    """Return the bytes before, between and after the members, and local headers that contradict the list.

    Of more than a few thousand bytes, the first, and the hash of all.
    """
    stream = archive.fp
    if stream is None:
        return b""
    sha256, size, first = hashlib.sha256(), 0, b""
    for piece in _pieces(archive, stream):
        sha256.update(piece)
        size += len(piece)
        first += piece[: _SHOWN - len(first)]
    return first if size <= _SHOWN else first + f"... {size} bytes of SHA-256 {sha256.hexdigest()}".encode()


def _pieces(archive: zipfile.ZipFile, stream: IO[bytes]) -> Iterator[bytes]:
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    at = 0
    for info in infos:
        yield from _read(stream, at, info.header_offset)
        stream.seek(info.header_offset)
        raw = stream.read(_LOCAL.size)
        if len(raw) < _LOCAL.size:
            return
        header = _LOCAL.unpack(raw)
        if _contradicts(info, header):
            yield f"local header of {info.orig_filename}: ".encode("utf-8", "surrogateescape") + raw.hex().encode()
        at = max(at, info.header_offset + _LOCAL.size + header[9] + header[10] + info.compress_size)
        at += _descriptor(info, stream, at)
    yield from _read(stream, at, archive.start_dir)
    end = archive.start_dir + sum(map(_entry, infos))
    stop = stream.seek(0, 2) - _END - len(archive.comment)
    stream.seek(end)
    begins, large = _LARGE_ENDS
    yield from _read(stream, end + large if stream.read(4) == begins else end, stop)


def _read(stream: IO[bytes], begin: int, end: int) -> Iterator[bytes]:
    for at in range(begin, end, _CHUNK):
        stream.seek(at)
        if not (piece := stream.read(min(_CHUNK, end - at))):
            return  # an offset beyond the end of the file
        yield piece


def _entry(info: zipfile.ZipInfo) -> int:
    """Return how many bytes a member takes in the list."""
    name = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437", "replace")
    return _CENTRAL + len(name) + len(info.extra) + len(info.comment)


def _contradicts(info: zipfile.ZipInfo, header: tuple[int, ...]) -> bool:
    """Return whether a local header has other flags, times, or another method, checksum or size than the list."""
    year, month, day, hour, minute, second = info.date_time
    times = hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day
    if (header[2], header[3], *header[4:6]) != (info.flag_bits, info.compress_type, *times):
        return True
    if info.flag_bits & _DESCRIBED:
        return False
    sizes = ((header[7], info.compress_size), (header[8], info.file_size))
    return header[6] != info.CRC or any(ours not in (theirs, _LATER) for ours, theirs in sizes)


def _descriptor(info: zipfile.ZipInfo, stream: IO[bytes], at: int) -> int:
    """Return how many bytes of a true checksum and sizes follow a member's data."""
    if not info.flag_bits & _DESCRIBED:
        return 0
    stream.seek(at)
    raw = stream.read(len(_DESCRIPTOR) + max(_DESCRIPTORS))
    signed = len(_DESCRIPTOR) if raw.startswith(_DESCRIPTOR) else 0
    for size, form in zip(_DESCRIPTORS, ("<3L", "<LQQ"), strict=True):
        body = raw[signed : signed + size]
        if len(body) == size and struct.unpack(form, body) == (info.CRC, info.compress_size, info.file_size):
            return signed + size
    return 0
