"""What may be taken from a published archive, and that nothing else passes."""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.analysis.restamp import Restamp, restamped
from orchestrator.model.verification import ArchiveField

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = b"".join(b"value_%d = %d\n" % (one, one * one % 977) for one in range(3000))
CONTENTS = {"pkg/a.py": TEXT, "pkg/b.py": b"print(1)\n" * 50, "pkg/empty.py": b""}

Entry = tuple[zipfile.ZipInfo, bytes, int | None]


def entry(name: str, content: bytes, level: int | None = None, **fields: object) -> Entry:
    """Return a member as setuptools writes it, but for some fields."""
    info = zipfile.ZipInfo(name, (2020, 1, 2, 3, 4, 6))
    info.external_attr, info.compress_type = 0o100644 << 16, zipfile.ZIP_DEFLATED
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content, level


def entries(level: int | None = None, **fields: object) -> list[Entry]:
    """Return all members."""
    return [entry(name, content, level, **fields) for name, content in CONTENTS.items()]


def written(path: Path, members: list[Entry], comment: bytes = b"") -> Path:
    """Write an archive."""
    with zipfile.ZipFile(path, "w") as archive:
        for info, content, level in members:
            archive.writestr(info, content, compresslevel=level)
        archive.comment = comment
    return path


def packed(folder: Path, raw: Callable[[str, bytes], tuple[bytes, bytes]] | None = None) -> Path:
    """Write an archive whose packed bytes a function makes; it returns them, and what is between them and the next."""
    body, listed = b"", b""
    for name, content in CONTENTS.items():
        data, after = raw(name, content) if raw else (deflated(content), b"")
        numbers = (20, 0, 8, 0x1883, 0x5022, zlib.crc32(content), len(data), len(content), len(name), 0)
        listed += struct.pack("<4s2B5H3L5H2L", b"PK\1\2", 20, 3, *numbers, 0, 0, 0, 0o100644 << 16, len(body))
        listed += name.encode()
        body += struct.pack("<4s5H3L2H", b"PK\3\4", *numbers) + name.encode() + data + after
    count = len(CONTENTS)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(listed), len(body), 0)
    path = folder / "packed.whl"
    path.write_bytes(body + listed + end)
    return path


def deflated(content: bytes, level: int = 6) -> bytes:
    """Pack as zipfile does."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return compressor.compress(content) + compressor.flush()


def stored_first(content: bytes) -> bytes:
    """Pack the first bytes into a stored block, which zlib does at no level."""
    head, rest = content[:7], content[7:]
    return b"\0" + struct.pack("<2H", len(head), len(head) ^ 0xFFFF) + head + deflated(rest)


def with_last_bit(packed: bytes) -> bytes:
    """Set the highest bit of the last byte, which these streams do not use."""
    return packed[:-1] + bytes((packed[-1] | 0x80,))


def result(published: Path, ours: Path) -> Restamp:
    """Make the archive, and check that the hash of one that succeeds is the published one."""
    sha256 = hashlib.sha256(published.read_bytes()).hexdigest()
    made = restamped(published, sha256, ours)
    assert made.same is (made.sha256 == sha256 and not made.reason)
    return made


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Write our archive."""
    return written(tmp_path / "ours.whl", entries())


TIMES, MODES, ORDER, COMPRESSION = ArchiveField


@pytest.mark.parametrize(
    ("members", "taken"),
    [
        (entries(date_time=(1999, 12, 31, 23, 59, 58)), (TIMES,)),
        (entries(external_attr=0o100664 << 16), (MODES,)),
        (entries(create_system=0), (MODES,)),
        (entries()[::-1], (ORDER,)),
        (entries(9), (COMPRESSION,)),
        (entries(1), (COMPRESSION,)),
        (entries(compress_type=zipfile.ZIP_STORED), (COMPRESSION,)),
        (entries(9, create_system=0, external_attr=0o100600 << 16, date_time=(1980, 1, 1, 0, 0, 0))[::-1],
         (TIMES, MODES, ORDER, COMPRESSION)),
    ],
)  # fmt: skip
def test_each_field_can_be_taken(tmp_path: Path, ours: Path, members: list[Entry], taken: tuple[ArchiveField]) -> None:
    """Times, modes with their system, order and compression are taken, and what is taken is listed."""
    made = result(written(tmp_path / "published.whl", members), ours)
    assert made.same
    assert made.taken == taken
    assert not made.unmade
    back = result(ours, tmp_path / "published.whl")
    assert back.same
    assert back.taken == taken


@pytest.mark.parametrize(
    ("members", "comment", "reason"),
    [
        (entries(extra=b"\xfe\xca\2\0ab"), b"", "extra field"),
        (entries(comment=b"hidden"), b"", "comment"),
        (entries(create_version=30), b"", "version"),
        (entries(extract_version=45), b"", "version"),
        (entries(internal_attr=1), b"", "internal attributes"),
        (entries(external_attr=0o100644 << 16 | 0x20), b"", "attributes of DOS"),
        (entries(), b"hidden", "comment of the archive"),
    ],
)
def test_no_other_field_is_taken(tmp_path: Path, ours: Path, members: list[Entry], comment: bytes, reason: str) -> None:
    """Any other field that differs is named, and the archive is not restamped."""
    made = result(written(tmp_path / "published.whl", members, comment), ours)
    assert not made.same
    assert reason in made.reason


def test_fields_that_ours_has_too_are_kept(tmp_path: Path) -> None:
    """Extra fields, comments and versions do not hinder where our archive has the same."""
    odd: dict[str, Any] = {"extra": b"\xfe\xca\2\0ab", "comment": b"c", "create_version": 30}
    ours = written(tmp_path / "ours.whl", entries(**odd), b"comment")
    published = written(tmp_path / "published.whl", entries(9, date_time=(1990, 1, 1, 0, 0, 0), **odd), b"comment")
    assert result(published, ours).same


def test_bytes_of_another_zlib_pass_where_they_unpack_to_ours(tmp_path: Path) -> None:
    """A stream that no level gives is accepted as the work of another zlib."""
    ours = packed(tmp_path).rename(tmp_path / "ours.whl")
    made = result(packed(tmp_path, lambda _, content: (stored_first(content), b"")), ours)
    assert made.same
    assert made.unmade == len(CONTENTS)
    assert made.taken == (COMPRESSION,)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (lambda _, content: (with_last_bit(deflated(content)), b""), "unused bits"),
        (lambda _, content: (deflated(content) + b"hidden", b""), "bytes follow the end of its packed data"),
        (lambda _, content: (stored_first(content) + b"\0" * 9, b""), "bytes follow the end of its packed data"),
        (lambda _, content: (stored_first(content)[:-3], b""), "pkg/a.py"),
        (lambda _, content: (stored_first(content + b"#"), b""), "unpack to others"),
        (lambda _, content: (stored_first(content[:-1]), b""), "unpack to others"),
        (lambda _, content: (b"\0\0\0\xff\xff" * (len(content) // 4 + 100) + deflated(content), b""), "longer"),
        (lambda _, content: (deflated(content), b"hidden"), "bytes"),
    ],
    ids=["padding bits", "behind", "zeros behind", "cut", "longer content", "shorter content", "padded", "between"],
)
def test_nothing_hides_among_packed_bytes(
    tmp_path: Path, raw: Callable[[str, bytes], tuple[bytes, bytes]], reason: str
) -> None:
    """Bytes behind a stream's end, a stream without end, other contents and padding are refused."""
    ours = packed(tmp_path).rename(tmp_path / "ours.whl")
    made = result(packed(tmp_path, raw), ours)
    assert not made.same
    assert reason in made.reason


class Pipe:
    """A file that zipfile cannot seek in, so that it writes data descriptors."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.data = b""

    def write(self, data: bytes) -> int:
        """Take the next bytes."""
        self.data += data
        return len(data)

    def flush(self) -> None:
        """Do nothing."""


def described(path: Path, members: list[Entry]) -> Path:
    """Write an archive with data descriptors."""
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:  # type: ignore[call-overload] # it has all methods that zipfile calls
        for info, content, level in members:
            archive.writestr(info, content, compresslevel=level)
    path.write_bytes(pipe.data)
    return path


def large(path: Path, members: list[Entry]) -> Path:
    """Write an archive whose local headers have their sizes in a field of zip64."""
    with zipfile.ZipFile(path, "w") as archive:
        for info, content, level in members:
            info._compresslevel = level  # type: ignore[attr-defined] # noqa: SLF001 - as writestr does
            with archive.open(info, "w", force_zip64=True) as stream:
                stream.write(content)
    return path


@pytest.mark.parametrize("write", [described, large])
def test_other_forms_of_headers_are_kept(
    tmp_path: Path, ours: Path, write: Callable[[Path, list[Entry]], Path]
) -> None:
    """Data descriptors and fields of zip64 are made again as ours are, and not taken."""
    other = write(tmp_path / "other.whl", entries())
    members = entries(1, date_time=(1999, 1, 1, 0, 0, 0))
    assert result(write(tmp_path / "published.whl", members), other).taken == (TIMES, COMPRESSION)
    assert result(tmp_path / "published.whl", other).same
    assert not result(tmp_path / "published.whl", ours).same
    assert not result(ours, other).same


@pytest.mark.parametrize("write", [described, large])
def test_every_changed_byte_of_other_forms_is_noticed(
    tmp_path: Path, write: Callable[[Path, list[Entry]], Path]
) -> None:
    """No byte of a descriptor or of a field of zip64 can change."""
    ours = write(tmp_path / "ours.whl", [entry("a.py", b"1\n")])
    plain, published = ours.read_bytes(), tmp_path / "published.whl"
    passed = set()
    for at in range(len(plain)):
        published.write_bytes(plain[:at] + bytes((plain[at] ^ 0x01,)) + plain[at + 1 :])
        if result(published, ours).same:
            passed.add(at)
    listed = plain.index(b"PK\1\2")
    assert passed == {listed + 5, listed + 40, listed + 41}


def edited(path: Path, change: Callable[[bytearray], None]) -> Path:
    """Change bytes of an archive."""
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return path


def local_name(data: bytearray) -> None:
    """Name another file in the first local header."""
    at = data.index(b"pkg/a.py")
    data[at : at + 8] = b"pkg/c.py"


def local_time(data: bytearray) -> None:
    """Change the time of the first local header alone."""
    data[10] ^= 1


def listed_checksum(data: bytearray) -> None:
    """Change a checksum in the list alone."""
    data[data.index(b"PK\1\2") + 16] ^= 1


def encrypted(data: bytearray) -> None:
    """Set the flag of encryption in both headers."""
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1


def prefixed(data: bytearray) -> None:
    """Put a program before the archive; zipfile finds its members all the same."""
    data[:0] = b"#!/bin/sh\n"


def trailing(data: bytearray) -> None:
    """Let a text follow the end record."""
    data += b"hidden"


def second_list(data: bytearray) -> None:
    """Put a copy of the list of members before the one that counts."""
    at, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    listed = bytes(data[at:end])
    data[at:at] = listed
    data[-22 + 16 : -22 + 20] = (at + len(listed)).to_bytes(4, "little")


def larger_end(data: bytearray) -> None:
    """Put an end record of zip64 before the usual one."""
    end = data.index(b"PK\5\6")
    at = int.from_bytes(data[end + 16 : end + 20], "little")
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 3, 3, end - at, at)
    data[end:end] = record + struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)


def listed_size(data: bytearray) -> None:
    """Say in the list that a size is in a field of zip64."""
    at = data.index(b"PK\1\2")
    data[at + 20 : at + 24] = b"\xff" * 4


def end_count(data: bytearray) -> None:
    """State another number of members."""
    data[-22 + 10] += 1


@pytest.mark.parametrize(
    "change",
    [local_name, local_time, listed_checksum, encrypted, prefixed, trailing, second_list, larger_end, listed_size,
     end_count],
)  # fmt: skip
def test_crafted_archives_are_refused(tmp_path: Path, ours: Path, change: Callable[[bytearray], None]) -> None:
    """Headers that contradict each other, and bytes that belong to nothing, do not pass."""
    published = edited(written(tmp_path / "published.whl", entries(9)), change)
    made = result(published, ours)
    assert not made.same
    assert made.reason


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    """No byte of the file can change but those of permissions and the system, which are in one header only."""
    names = ("a.py", "b.py")
    ours = written(tmp_path / "ours.whl", [entry(name, b"1\n") for name in names])
    plain, published = ours.read_bytes(), tmp_path / "published.whl"
    passed = set()
    for at in range(len(plain)):
        published.write_bytes(plain[:at] + bytes((plain[at] ^ 0x40,)) + plain[at + 1 :])
        if result(published, ours).same:
            passed.add(at)
    listed = plain.index(b"PK\1\2")
    assert passed == {start + at for start in (listed, listed + 46 + 4) for at in (5, 40)}  # 41: the type, a socket's
