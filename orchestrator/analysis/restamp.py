"""Makes an archive of our members with the times, modes, order and compression of the published file.

All other bytes of that archive are ours. So if its SHA-256 is the published one, the two files differ in these fields
only, whatever a parser believes of the published file. Packed bytes that no level of our zlib gives are
taken if they are one complete stream of our content. Such a stream can hide bits in its division into blocks and in the
padding of stored ones (RFC 1951, 3.2.4); nothing that unpacks it sees them.
"""

from __future__ import annotations

import hashlib
import stat
import zipfile
import zlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import IO, TYPE_CHECKING

from orchestrator.analysis.excerpts import SHOWN, printable
from orchestrator.analysis.wheel import CHUNK
from orchestrator.analysis.zip_layout import Entry, Layout, layout, number
from orchestrator.model.verification import ArchiveField

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    Contents = Callable[[], Iterator[bytes]]

_STORED, _DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
_METHOD_FLAGS = 0b110  # with deflate, the option of its compressor (APPNOTE.TXT 4.4.4)
_DESCRIBED = 1 << 3
_LATER = 0xFFFFFFFF  # a size that the extra field has
_LARGE = b"\1\0\x10\0"  # that extra field, with both sizes (4.5.3)
_LEVELS = (6, 9, 1, 5, 7, 8, 4, 3, 2, 0)  # of zlib, the most usual first
_ENOUGH = 12  # members, after which a zlib that has made none of them is another one


@dataclass(frozen=True, slots=True)
class Restamp:
    """What came of it."""

    taken: tuple[ArchiveField, ...] = ()  # the fields that differ, in the order of ArchiveField
    sha256: str = ""  # of the archive that was made; empty if none could be
    unmade: int = 0  # members whose packed bytes no level of our zlib gives; they unpack to the same bytes
    reason: str = ""  # what else differs; empty: the archive has the published bytes

    @property
    def same(self) -> bool:
        """Whether the archive that was made has the published bytes."""
        return bool(self.sha256) and not self.reason


class _UnlikeError(Exception):
    """A member's packed bytes are not ones of our content."""


@dataclass(slots=True)
class _Levels:
    """The levels of compression to try, the last one that was right first."""

    tried: tuple[int, ...] = _LEVELS
    right: bool = False
    wrong: int = 0  # members that no level gives

    def gives(self, contents: Contents, packed: Contents) -> bool:
        """Return whether zlib makes these packed bytes at some level."""
        if not self.right and self.wrong >= _ENOUGH:
            return False
        for level in self.tried:
            if _equal(_deflated(contents(), level), packed()):
                self.tried = (level, *(one for one in self.tried if one != level))
                self.right = True
                return True
        self.wrong += 1
        return False


@dataclass(slots=True)
class _Making:
    """The archive in the making."""

    theirs: IO[bytes]
    ours: IO[bytes]
    archive: zipfile.ZipFile  # ours
    replaced: Mapping[str, bytes]
    levels: _Levels = field(default_factory=_Levels)
    unmade: int = 0


def restamped(published: Path, sha256: str, ours: Path, replaced: Mapping[str, bytes] | None = None) -> Restamp:
    """Make the archive, and compare it with the published file of that SHA-256.

    `replaced` has the published contents of members that are known to differ; those of all others must be ours. Our
    file is a wheel that `wheel.read` accepts. Memory does not grow with the members' size.
    """
    with published.open("rb") as theirs, ours.open("rb") as mine, zipfile.ZipFile(ours) as archive:
        first, second = layout(theirs), layout(mine)
        if isinstance(first, str):
            return Restamp(reason=f"the published archive: {_shown(first)}")
        if isinstance(second, str):
            return Restamp(reason=f"our archive: {_shown(second)}")
        by_name = {one.name: one for one in second.entries}
        if sorted(by_name) != sorted(one.name for one in first.entries):
            return Restamp(reason="the names in the lists of members differ")
        making = _Making(theirs, mine, archive, replaced or {})
        pairs = [(one, by_name[one.name]) for one in first.entries]
        try:
            return _compared(making, first, second, pairs, sha256)
        except _UnlikeError as unlike:
            return Restamp(_taken(making, pairs), reason=str(unlike))


def unlike_fields(published: Path, ours: Path) -> tuple[ArchiveField, ...]:
    """Return in which of the four fields the members differ that both archives have; () if one has odd bytes."""
    with published.open("rb") as theirs, ours.open("rb") as mine, zipfile.ZipFile(ours) as archive:
        first, second = layout(theirs), layout(mine)
        if isinstance(first, str) or isinstance(second, str):
            return ()
        by_name = {one.name: one for one in second.entries}
        pairs = [(one, by_name[one.name]) for one in first.entries if one.name in by_name]
        return _taken(_Making(theirs, mine, archive, {}), pairs)


def _compared(making: _Making, first: Layout, second: Layout, pairs: list[tuple[Entry, Entry]], sha256: str) -> Restamp:
    made = hashlib.sha256()
    unlike = ""
    for piece, difference in _archive(making, second, pairs, first):
        made.update(piece)
        unlike = unlike or difference
    taken, digest = _taken(making, pairs), made.hexdigest()
    reason = "" if digest == sha256 else unlike or "its bytes differ from those of our members"
    return Restamp(taken, digest, making.unmade, reason)


def _archive(
    making: _Making, ours: Layout, pairs: list[tuple[Entry, Entry]], published: Layout
) -> Iterator[tuple[bytes, str]]:
    """Yield the archive in pieces, each with the field in which it differs from the published one, or ""."""
    directory, place = [], 0
    for theirs, mine in pairs:
        name = _name(theirs)
        facts = _facts(making, theirs, mine)
        local, central = _local(mine, theirs, facts), _central(mine, theirs, facts, place)
        descriptor = _descriptor(mine.descriptor, facts)
        yield local, _unlike(name, "local header", local, theirs.local, _LOCAL_FIELDS)
        for piece in _read(making.theirs, theirs):  # `_facts` has shown that these are packed bytes of our content
            yield piece, ""
        yield descriptor, "" if descriptor == theirs.descriptor else f"{name}: the data descriptor differs"
        directory.append((central, _unlike(name, "entry in the list", central, theirs.central, _CENTRAL_FIELDS)))
        place += len(local) + theirs.size + len(descriptor)
    yield from directory
    sizes = sum(len(one) for one, _ in directory).to_bytes(4, "little"), place.to_bytes(4, "little")
    end = ours.end[:12] + sizes[0] + sizes[1] + ours.end[20:]
    yield end, "" if end == published.end else "the end record or the comment of the archive differs"


# --- packed bytes --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a member's headers have to say of its data, each a number of 4 bytes."""

    method: bytes  # 2 bytes
    flags: bytes  # 2 bytes
    crc: bytes
    packed: bytes
    size: bytes


def _facts(making: _Making, theirs: Entry, ours: Entry) -> _Facts:
    """Show that the published packed bytes are ones of our content, and return what follows for the headers.

    Raises
    ------
    _UnlikeError
        They are not.

    """
    replaced = making.replaced.get(_decoded(ours))
    _insist_on_packed(making, theirs, ours, replaced)
    method, flags = theirs.central[10:12], number(ours.central, 8, 2)
    if number(method, 0, 2) == _DEFLATED:
        flags = flags & ~_METHOD_FLAGS | number(theirs.central, 8, 2) & _METHOD_FLAGS
    else:
        flags &= ~_METHOD_FLAGS
    packed = theirs.size.to_bytes(4, "little")
    if replaced is None:
        return _Facts(method, flags.to_bytes(2, "little"), ours.central[16:20], packed, ours.central[24:28])
    crc, size = (one.to_bytes(4, "little") for one in (zlib.crc32(replaced), len(replaced)))
    return _Facts(method, flags.to_bytes(2, "little"), crc, packed, size)


def _insist_on_packed(making: _Making, theirs: Entry, ours: Entry, replaced: bytes | None) -> None:
    """Raise _UnlikeError unless the published packed bytes are ones of our content, and no byte more."""

    def packed() -> Iterator[bytes]:
        return _read(making.theirs, theirs)

    def contents() -> Iterator[bytes]:
        return iter((replaced,)) if replaced is not None else _unpacked(making.archive, _decoded(ours))

    method = number(theirs.central, 10, 2)
    if replaced is None and _is_unchanged(making, theirs, ours):
        return
    if method == _STORED and _equal(contents(), packed()):
        return
    if method != _DEFLATED:
        msg = f"{_name(theirs)}: its packed bytes are not ours"
        raise _UnlikeError(msg)
    if making.levels.gives(contents, packed):
        return
    size = len(replaced) if replaced is not None else number(ours.central, 24, 4)
    if theirs.size > _longest(size) or not _equal(_inflated(packed(), _name(theirs)), contents()):
        msg = f"{_name(theirs)}: its packed bytes unpack to others than ours, or are longer than what they unpack to"
        raise _UnlikeError(msg)
    if _is_padded(packed()):
        msg = f"{_name(theirs)}: the unused bits at the end of its packed data are not zero"
        raise _UnlikeError(msg)
    making.unmade += 1


def _is_unchanged(making: _Making, theirs: Entry, ours: Entry) -> bool:
    return (
        theirs.size == ours.size
        and theirs.central[10:12] == ours.central[10:12]
        and not (number(theirs.central, 8, 2) ^ number(ours.central, 8, 2)) & _METHOD_FLAGS
        and _equal(_read(making.theirs, theirs), _read(making.ours, ours))
    )


def _longest(size: int) -> int:
    """Return the most bytes that a compressor makes of so many: zlib-ng's fastest takes up to 9 bits for a byte."""
    return size + size // 8 + 64


def _read(stream: IO[bytes], entry: Entry) -> Iterator[bytes]:
    """Yield a member's packed bytes; the stream may be read elsewhere meanwhile."""
    for at in range(entry.begin, entry.begin + entry.size, CHUNK):
        stream.seek(at)
        yield stream.read(min(CHUNK, entry.begin + entry.size - at))


def _unpacked(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    with archive.open(name) as stream:
        while piece := stream.read(CHUNK):
            yield piece


def _deflated(pieces: Iterable[bytes], level: int) -> Iterator[bytes]:
    """Compress as zipfile does: a stream without header and checksum."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    for piece in pieces:
        yield compressor.compress(piece)
    yield compressor.flush()


def _inflated(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield what a member's deflate stream unpacks to, in bounded pieces.

    Raises
    ------
    _UnlikeError
        It is damaged or incomplete, or bytes follow its end.

    """
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in pieces:
            left = piece
            while left and not stream.eof:
                yield stream.decompress(left, CHUNK)
                left = stream.unconsumed_tail
            if stream.unused_data or (stream.eof and left):
                msg = f"{name}: bytes follow the end of its packed data"
                raise _UnlikeError(msg)
        while not stream.eof and (rest := stream.decompress(b"", CHUNK)):
            yield rest
    except zlib.error as error:
        msg = f"{name}: its packed data is damaged: {error}"
        raise _UnlikeError(msg) from None
    if not stream.eof:
        msg = f"{name}: its packed data has no end"
        raise _UnlikeError(msg)


def _is_padded(pieces: Iterable[bytes]) -> bool:
    """Return whether a sound deflate stream has bits after its end that are not zero: the highest bit means nothing."""
    stream, last = zlib.decompressobj(-zlib.MAX_WBITS), b""
    for piece in pieces:
        left = last + piece[:-1]
        while left:
            stream.decompress(left, CHUNK)
            left = stream.unconsumed_tail
        last = piece[-1:]
    if last in (b"", b"\0"):
        return False
    other, highest = stream.copy(), 1 << last[0].bit_length() - 1
    try:
        same = other.decompress(bytes((last[0] ^ highest,))) == stream.decompress(last)
    except zlib.error:
        return False
    return same and other.eof


def _equal(first: Iterator[bytes], second: Iterator[bytes]) -> bool:
    """Return whether two sequences of pieces are the same bytes; stops at the first that differs."""
    ours, theirs = b"", b""
    while True:
        ours, theirs = ours or _next(first), theirs or _next(second)
        if not ours or not theirs:
            return ours == theirs
        length = min(len(ours), len(theirs))
        if ours[:length] != theirs[:length]:
            return False
        ours, theirs = ours[length:], theirs[length:]


def _next(pieces: Iterator[bytes]) -> bytes:
    return next((piece for piece in pieces if piece), b"")


# --- headers -------------------------------------------------------------------------------------


def _local(ours: Entry, theirs: Entry, facts: _Facts) -> bytes:
    """Return our local header with the published time and what follows from the packed bytes (APPNOTE.TXT 4.3.7)."""
    local = ours.local
    head = local[:6] + facts.flags + facts.method + theirs.central[12:16]
    if number(local, 6, 2) & _DESCRIBED:
        return head + local[14:]
    after = 30 + number(local, 26, 2)
    if number(local, 18, 4) == number(local, 22, 4) == _LATER and local[after : after + 4] == _LARGE:
        sizes = (facts.size + bytes(4)) + (facts.packed + bytes(4))
        return head + facts.crc + local[18 : after + 4] + sizes + local[after + 20 :]
    return head + facts.crc + facts.packed + facts.size + local[26:]


def _central(ours: Entry, theirs: Entry, facts: _Facts, place: int) -> bytes:
    """Return our entry in the list with the published time, mode and system, for a member at that place (4.3.12)."""
    mine, other = ours.central, theirs.central
    return b"".join(
        (
            mine[:5],
            other[5:6],  # the system that decides how the mode is read (4.4.2)
            mine[6:8],
            facts.flags,
            facts.method,
            other[12:16],  # time and date
            facts.crc,
            facts.packed,
            facts.size,
            mine[28:40],
            other[40:42] if _is_plain(theirs) else mine[40:42],  # the mode
            place.to_bytes(4, "little"),
            mine[46:],
        )
    )


def _is_plain(entry: Entry) -> bool:
    """Return whether a mode has no type, or that of a file or folder as the name has it: no other may be taken."""
    kind = stat.S_IFMT(number(entry.central, 40, 2))
    return kind in (0, stat.S_IFDIR if entry.name.endswith(b"/") else stat.S_IFREG)


def _descriptor(ours: bytes, facts: _Facts) -> bytes:
    """Return a data descriptor of the form that ours has (4.3.9)."""
    if not ours:
        return b""
    signature = ours[:4] if len(ours) in (16, 24) else b""
    wide = bytes(4) if len(ours) >= 20 else b""  # noqa: PLR2004 - sizes of 8 bytes
    return signature + facts.crc + facts.packed + wide + facts.size + wide


_LOCAL_FIELDS = (
    (4, "version"), (6, "flags"), (8, "method"), (10, "time"), (14, "checksum"), (18, "packed size"), (22, "size"),
    (26, "name"), (28, "extra field"), (30, "name or extra field"),
)  # fmt: skip
_CENTRAL_FIELDS = (
    (4, "version"), (8, "flags"), (10, "method"), (12, "time"), (16, "checksum"), (20, "packed size"), (24, "size"),
    (28, "name"), (30, "extra field"), (32, "comment"), (34, "disk"), (36, "internal attributes"),
    (38, "attributes of DOS"), (40, "mode"), (42, "place"), (46, "name, extra field or comment"),
)  # fmt: skip


def _unlike(name: str, header: str, made: bytes, published: bytes, fields: tuple[tuple[int, str], ...]) -> str:
    """Return which field of a header differs, or ""."""
    if made == published:
        return ""
    shorter = min(len(made), len(published))
    at = next((at for at in range(shorter) if made[at] != published[at]), shorter)
    named = [text for begin, text in fields if begin <= at]
    return f"{name}: in its {header}, the {named[-1] if named else 'signature'} differs"


def _taken(making: _Making, pairs: list[tuple[Entry, Entry]]) -> tuple[ArchiveField, ...]:
    """Return in which of the four fields the archives differ; packed bytes only of members with equal contents."""
    found = {
        ArchiveField.TIMES: any(theirs.central[12:16] != mine.central[12:16] for theirs, mine in pairs),
        ArchiveField.MODES: any(_mode(theirs) != _mode(mine) for theirs, mine in pairs),
        ArchiveField.ORDER: any(first.begin > second.begin for (_, first), (_, second) in pairwise(pairs)),
        ArchiveField.COMPRESSION: any(
            not _is_unchanged(making, theirs, mine)
            for theirs, mine in pairs
            if theirs.central[16:20] == mine.central[16:20]
        ),
    }
    return tuple(one for one in ArchiveField if found[one])


def _mode(entry: Entry) -> bytes:
    return entry.central[5:6] + entry.central[40:42]


def _decoded(entry: Entry) -> str:
    """Return a name as zipfile reads it (APPNOTE.TXT appendix D)."""
    return entry.name.decode("utf-8" if number(entry.central, 8, 2) & 1 << 11 else "cp437")


def _name(entry: Entry) -> str:
    return printable(entry.name)[:SHOWN]


def _shown(text: str) -> str:
    return printable(text.encode("utf-8", "surrogateescape"))[: 2 * SHOWN]
