"""Reads a wheel file, which may be hostile: none of it is written to disk, and memory and sizes are bounded."""

from __future__ import annotations

import hashlib
import lzma
import re
import struct
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import IO, TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import parse_wheel_filename

from orchestrator.errors import is_of_the_host
from orchestrator.guest.archive import LARGEST_DIRECTORY, directory_of_zip
from orchestrator.guest.main import members_of_zip
from orchestrator.model import DETAIL, Failure, Member, Phase, Reason, Traces, Wheel, digest

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import WheelFile

CHUNK = 1 << 20
_LOCAL = struct.Struct("<4s5H3L2H")  # APPNOTE.TXT 4.3.7: a member's local header
_LONGEST_RECORD = 64 << 20
_LONGEST_METADATA = 4 << 20
_LONGEST_SPECIFIER = 200  # characters
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_LINK = 0o120000
_ENCRYPTED = 1 | 1 << 6 | 1 << 13  # APPNOTE.TXT 4.4.4
_FORMAT = 0o170000
BROKEN = (
    zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError, struct.error,
    zlib.error, lzma.LZMAError,
)  # fmt: skip
"""All exceptions of zipfile for files that are not archives or are damaged."""


@dataclass(frozen=True, slots=True)
class Given:
    """A wheel on our disk, its file name for the comparison, and the values planted by its build, if known."""

    path: Path
    file: WheelFile
    traces: Traces = Traces()  # noqa: RUF009 - frozen


def survey(path: Path, claimed: WheelFile, limit: int, members: int, *, any_zip: bool = False) -> Failure | None:
    """Check a wheel by its name and its list of members alone; None if it is acceptable.

    `limit` bounds the declared size of the unpacked members, `members` their number. With `any_zip`, all archives
    are acceptable that can be read and compared, whether or not an installer would take them. An OSError is raised
    if the host cannot read the file.
    """
    try:
        if not any_zip:
            parse_wheel_filename(claimed.filename)
    except ValueError as error:  # InvalidWheelFilename, or a version with more digits than Python reads
        return _failure(Reason.BROKEN_WHEEL, str(error))
    try:
        if directory_of_zip(str(path))[0] > LARGEST_DIRECTORY:
            return _failure(Reason.WHEEL_TOO_LARGE, "its list of members is too long")
        if members_of_zip(str(path), members) > members:  # before zipfile keeps 500 bytes of each
            return _failure(Reason.WHEEL_TOO_LARGE, f"has more than {members} files")
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            return _incomparable(infos, limit, members) or (None if any_zip else _unsafe(infos))
    except BROKEN as error:
        if is_of_the_host(error):
            raise
        return _failure(Reason.BROKEN_WHEEL, f"{claimed.filename}: {error}")


def _incomparable(infos: list[zipfile.ZipInfo], limit: int, members: int) -> Failure | None:
    """Return why members cannot be compared one by one: their size, their number, their names, their encryption."""
    seen: set[str] = set()
    for info in infos:
        # `orig_filename` is the name in the archive; zipfile cuts `filename` at a NUL.
        if info.orig_filename in seen:
            return _failure(Reason.UNSAFE_WHEEL, f"{info.orig_filename}: occurs twice in the archive")
        if info.flag_bits & _ENCRYPTED:
            return _failure(Reason.BROKEN_WHEEL, f"{info.orig_filename}: is encrypted")
        seen.add(info.orig_filename)
    if sum(info.file_size for info in infos) > limit or len(infos) > members:
        return _failure(Reason.WHEEL_TOO_LARGE, f"unpacks to more than {limit} bytes or {members} files")
    return None


def _unsafe(infos: list[zipfile.ZipInfo]) -> Failure | None:
    """Return why no installer would take these members."""
    for info in infos:
        name = info.orig_filename
        if name.startswith("/") or "\\" in name or "\0" in name or ".." in name.split("/"):
            return _failure(Reason.UNSAFE_WHEEL, f"{name}: leads out of the wheel")
        if (info.external_attr >> 16) & _FORMAT not in (0, 0o100000, 0o040000):
            kind = "a link" if (info.external_attr >> 16) & _FORMAT == _LINK else "not a plain file"
            return _failure(Reason.UNSAFE_WHEEL, f"{name}: is {kind}")
        if info.compress_type not in _METHODS:
            return _failure(Reason.BROKEN_WHEEL, f"{name}: unknown compression method {info.compress_type}")
    return None


def read(path: Path, claimed: WheelFile, limit: int, members: int, *, any_zip: bool = False) -> Wheel | Failure:
    """Read all data of a wheel that comparison needs; memory does not grow with its members' size.

    `limit` bounds the real size of its unpacked members, in bytes, regardless of the declared size. With `any_zip`,
    see `survey`, a member that cannot be unpacked is compared by its packed bytes.
    """
    if (failure := survey(path, claimed, limit, members, any_zip=any_zip)) is not None:
        return failure
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as raw:
            members_read = tuple(_member(archive, info, raw, any_zip=any_zip) for info in archive.infolist())
            return Wheel(claimed.filename, claimed.sha256, members_read, _record(archive, any_zip=any_zip))
    except BROKEN as error:
        if is_of_the_host(error):
            raise
        return _failure(Reason.BROKEN_WHEEL, f"{claimed.filename}: {error}")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, raw: IO[bytes], *, any_zip: bool) -> Member:
    extra, packed = _raw(info, raw)
    try:
        sha256 = _unpacked(archive, info)
    except BROKEN as error:
        if not any_zip or is_of_the_host(error):
            raise
        sha256 = digest(["cannot be unpacked", info.compress_type, info.CRC, info.file_size, packed])
    return Member(
        path=info.orig_filename,
        sha256=sha256,
        size=info.file_size,
        mode=info.external_attr >> 16,
        time=info.date_time,
        packing=digest(
            [
                info.compress_type,
                info.flag_bits,
                info.create_system,
                info.create_version,
                info.extract_version,
                info.internal_attr,
                info.external_attr & 0xFFFF,
                info.extra.hex(),
                extra.hex(),
                info.comment.hex(),
            ]
        ),
        packed=packed,
    )


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """Return the hash of a member's contents."""
    sha256 = hashlib.sha256()
    with archive.open(info) as stream:  # never yields more than file_size, which `survey` has bounded
        while piece := stream.read(CHUNK):
            sha256.update(piece)
    return sha256.hexdigest()


def _raw(info: zipfile.ZipInfo, raw: IO[bytes]) -> tuple[bytes, str]:
    """Return a member's local extra field, and the hash of its packed bytes."""
    raw.seek(info.header_offset)
    header = _LOCAL.unpack(raw.read(_LOCAL.size))
    raw.seek(header[9], 1)
    extra = raw.read(header[10])
    sha256, left = hashlib.sha256(), info.compress_size
    while left > 0 and (piece := raw.read(min(CHUNK, left))):
        sha256.update(piece)
        left -= len(piece)
    return extra, sha256.hexdigest()


def _record(archive: zipfile.ZipFile, *, any_zip: bool) -> tuple[str, ...]:
    with suppress(*(BROKEN if any_zip else ())):
        for info in archive.infolist():
            if is_record(info.filename) and info.file_size <= _LONGEST_RECORD:
                text = archive.read(info).decode("utf-8", "backslashreplace")
                return tuple(_LINE.findall(text))
    return ()


def requires(path: Path) -> tuple[str, ...]:
    """Return a wheel's run-time requirements from its METADATA; empty if it cannot be read."""
    return _of_metadata(path, "Requires-Dist")


def requires_python(path: Path) -> str:
    """Return a wheel's Requires-Python (PEP 345) from its METADATA, if it is valid; otherwise empty."""
    written = next(iter(_of_metadata(path, "Requires-Python")), "")
    try:
        SpecifierSet(written)
    except ValueError:  # InvalidSpecifier, or a number with more digits than Python reads
        return ""
    return written if len(written) <= _LONGEST_SPECIFIER and written.isascii() and written.isprintable() else ""


def _of_metadata(path: Path, field: str) -> tuple[str, ...]:
    """Return all values of a field of a wheel's METADATA; empty if it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                folder, _, name = info.filename.partition("/")
                if name == "METADATA" and folder.endswith(".dist-info") and info.file_size <= _LONGEST_METADATA:
                    if info.compress_type not in _METHODS:
                        return ()
                    text = archive.read(info).decode("utf-8", "replace")
                    return tuple(str(one) for one in HeaderParser().parsestr(text).get_all(field, ()))
    except BROKEN as error:
        if is_of_the_host(error):
            raise
    return ()


def is_record(path: str) -> bool:
    """Return whether that member is the wheel's RECORD (PEP 427)."""
    folder, _, name = path.partition("/")
    return name == "RECORD" and folder.endswith(".dist-info")


def _failure(reason: Reason, detail: str) -> Failure:
    return Failure(reason, Phase.WHEEL, detail[:DETAIL])
