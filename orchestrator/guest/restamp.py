"""Gives a wheel fields of the published wheel's archive. Standard library only: recipes embed it, the host calls it.

    python3 restamp.py WHEEL FIELDS PUBLISHED URL SHA256

FIELDS is a list with commas of: times, modes (with the system by which they are read), order, compression. PUBLISHED is
a path; if it is empty, URL is fetched. WHEEL is replaced by an archive of its own members with these fields, and
nothing else, of the published wheel. The exit status is 0 if that is the published wheel; 10 if it is not, WHEEL is
then left as it is where a member's bytes differ; 11 if it is but for packed bytes that the zlib here does not make;
2 if there is no published wheel. Fields are those of APPNOTE.TXT, 4.3.7 and 4.3.12.
"""

from __future__ import annotations

import hashlib
import os
import sys
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAMES = ("times", "modes", "order", "compression")
MOST = 2 << 30  # bytes of a wheel, both packed and unpacked
SHOWN = 20  # members
ENOUGH = 12  # members, after which a zlib that has made none of them is another one
LACKING, ANOTHER, OTHER_ZLIB = 2, 10, 11  # exit statuses
_ENTRY = {"times": ((12, 16),), "modes": ((5, 6), (40, 42)), "compression": ((10, 12),)}
_LOCAL = {"times": ((10, 14),), "modes": (), "compression": ((8, 10),)}
_STORED, _DEFLATED = 0, 8  # methods
_END = 22  # bytes of the end's record
_LEVELS = (6, 9, 1, 2, 3, 4, 5, 7, 8, 0)
_LEVEL_BITS = 0b110  # of the flags: how a member was packed
_DESCRIBED = 0b1000  # of the flags: the sizes follow the packed bytes
_ZIP64 = b"\xff" * 4


class Refusal(Exception):  # noqa: N818 - a finding about the wheels, not an error of ours
    """Fields cannot be taken; the text may quote names of members, escaped and cut."""

    def __init__(self, why: str) -> None:
        """Store the text."""
        super().__init__(why)


# --- reading ---------------------------------------------------------------------------------


def number(content: bytes, begin: int, end: int) -> int:
    """Return a number of little-endian bytes."""
    return int.from_bytes(content[begin:end], "little")


class Member:
    """One member: its entry of the central directory, and its local header, packed bytes, and what follows them."""

    def __init__(self, entry: bytes, local: bytes, packed: bytes, rest: bytes) -> None:
        """Store the parts as they are in the file."""
        self.entry, self.local, self.packed, self.rest = entry, local, packed, rest

    @property
    def name(self) -> bytes:
        """Its path, as it is written."""
        return self.entry[46 : 46 + number(self.entry, 28, 30)]

    @property
    def method(self) -> int:
        """How it is packed: 0 stored, 8 deflated."""
        return number(self.entry, 10, 12)

    @property
    def size(self) -> int:
        """Its declared size, unpacked."""
        return number(self.entry, 24, 28)


class Archive:
    """The members in the order of the central directory and in that of their bytes; what precedes and ends them."""

    def __init__(self, listed: list[Member], placed: list[Member], before: bytes, end: bytes) -> None:
        """Store the parts as they are in the file."""
        self.listed, self.placed, self.before, self.end = listed, placed, before, end
        self.by_name = {member.name: member for member in listed}


def read(content: bytes) -> Archive:
    """Take an archive apart; raises Refusal unless it is a plain zip with each name once."""
    at = content.rfind(b"PK\x05\x06", max(0, len(content) - 65557))
    end = content[at:] if at >= 0 else b""
    begin = number(end, 16, 20)
    if len(end) < _END or begin + number(end, 12, 16) != at or _END + number(end, 20, 22) != len(end):
        raise Refusal("not a plain zip: its end is not where it must be")
    entries = list(entries_of(content[begin:at]))
    offsets = sorted(number(entry, 42, 46) for entry in entries)
    following = dict(zip(offsets, [*offsets[1:], begin]))  # noqa: B905 - an empty archive has one more
    members = {
        offset: member_of(content, entry, following[offset]) for entry in entries for offset in [offset_of(entry)]
    }
    archive = Archive(
        [members[offset_of(entry)] for entry in entries],
        [members[offset] for offset in offsets],
        content[: offsets[0] if offsets else begin],
        end,
    )
    if len(archive.by_name) != len(entries) or len(entries) != number(end, 10, 12):
        raise Refusal("not a plain zip: names or offsets occur twice, or members are not counted")
    return archive


def offset_of(entry: bytes) -> int:
    """Return where the local header of an entry is."""
    return number(entry, 42, 46)


def entries_of(directory: bytes) -> Iterator[bytes]:
    """Yield the entries of a central directory."""
    at = 0
    while at < len(directory):
        size = 46 + sum(number(directory, at + place, at + place + 2) for place in (28, 30, 32))
        entry = directory[at : at + size]
        if (
            not entry.startswith(b"PK\x01\x02")
            or len(entry) != size
            or _ZIP64 in (entry[20:24], entry[24:28], entry[42:46])
        ):
            raise Refusal("not a plain zip: its list of members cannot be read")
        yield entry
        at += size


def member_of(content: bytes, entry: bytes, end: int) -> Member:
    """Return the member of an entry; all of it is before `end`."""
    begin = offset_of(entry)
    data = begin + 30 + number(content, begin + 26, begin + 28) + number(content, begin + 28, begin + 30)
    after = data + number(entry, 20, 24)
    if content[begin : begin + 4] != b"PK\x03\x04" or after > end:
        raise Refusal("not a plain zip: members overlap, or have no header")
    return Member(entry, content[begin:data], content[data:after], content[after:end])


def unpacked(member: Member, size: int) -> bytes | None:
    """Return what a member contains; None if that is not what it declares, or not of that size."""
    content = member.packed
    if member.method == _DEFLATED:
        stream = zlib.decompressobj(-15)
        try:
            content = stream.decompress(member.packed, size + 1)
            whole = stream.eof and not stream.unused_data
        except zlib.error:
            whole = False
        if not whole:
            return None
    declared = (member.size, number(member.entry, 16, 20))
    sound = member.method in (_STORED, _DEFLATED) and declared == (size, zlib.crc32(content)) and len(content) == size
    return content if sound else None


# --- comparing -------------------------------------------------------------------------------


def contents(ours: Archive, published: Archive) -> dict[bytes, bytes]:
    """Return the contents of all members, by name; raises Refusal unless they are equal on both sides."""
    if sum(member.size for member in ours.listed) > MOST:
        raise Refusal("the wheel is too large")
    found = {}
    differing = [(name, "only one wheel has it") for name in sorted(ours.by_name.keys() ^ published.by_name.keys())]
    for name in ours.by_name.keys() & published.by_name.keys():
        member = ours.by_name[name]
        content = unpacked(member, member.size)
        if content is None or unpacked(published.by_name[name], member.size) != content:
            differing.append((name, "its bytes differ"))
        else:
            found[name] = content
    if differing:
        raise Refusal("; ".join(f"{shown(name)}: {why}" for name, why in sorted(differing)[:SHOWN]))
    return found


def shown(name: bytes) -> str:
    """Return a name that a terminal may show."""
    return ascii(name[:200].decode("utf-8", "replace"))[1:-1]


def differing(ours: Archive, published: Archive) -> tuple[str, ...]:
    """Return the fields in which two archives of the same members differ, in the order of NAMES."""
    pairs = [(member, published.by_name[member.name]) for member in ours.listed]
    found = {name for name in _ENTRY for one, other in pairs if fields(one, name) != fields(other, name)}
    if any(one.packed != other.packed for one, other in pairs):
        found.add("compression")
    if orders(ours) != orders(published):
        found.add("order")
    return tuple(name for name in NAMES if name in found)


def fields(member: Member, name: str) -> tuple[object, ...]:
    """Return the bytes of one field, in both headers."""
    bits = number(member.entry, 8, 10) & _LEVEL_BITS if name == "compression" else 0
    entry = [member.entry[begin:end] for begin, end in _ENTRY[name]]
    return (*entry, *(member.local[begin:end] for begin, end in _LOCAL[name]), bits)


def orders(archive: Archive) -> tuple[list[bytes], list[bytes]]:
    """Return the names in both orders."""
    return [member.name for member in archive.listed], [member.name for member in archive.placed]


# --- packing ---------------------------------------------------------------------------------


class Packer:
    """Packs contents as the members of another archive are packed, where the zlib here can do that."""

    def __init__(self) -> None:
        """Begin with the usual level."""
        self.levels, self.made, self.failed = list(_LEVELS), 0, 0

    def makes(self, content: bytes, like: Member) -> bool:
        """Return whether the packed bytes of that member can be made from the contents, at any level."""
        if like.method == _STORED:
            return True
        if not self.made and self.failed >= ENOUGH:
            return False
        for level in self.levels:
            stream = zlib.compressobj(level, zlib.DEFLATED, -15)
            if stream.compress(content) + stream.flush() == like.packed:
                self.levels.remove(level)
                self.levels.insert(0, level)
                self.made += 1
                return True
        self.failed += 1
        return False


# --- writing ---------------------------------------------------------------------------------


def put(header: bytes, place: int, value: bytes) -> bytes:
    """Return a header with some bytes replaced."""
    return header[:place] + value + header[place + len(value) :]


def stamped(member: Member, like: Member, names: Collection[str]) -> Member:
    """Return a member with the fields of another one, but for its order and its packed bytes."""
    entry, local = member.entry, member.local
    for name in names:
        for begin, end in _ENTRY.get(name, ()):
            entry = put(entry, begin, like.entry[begin:end])
        for begin, end in _LOCAL.get(name, ()):
            local = put(local, begin, like.local[begin:end])
    if "compression" in names:
        entry = put(entry, 8, with_level(entry[8:10], like.entry[8:10]))
        local = put(local, 6, with_level(local[6:8], like.local[6:8]))
    return Member(entry, local, member.packed, member.rest)


def with_level(flags: bytes, like: bytes) -> bytes:
    """Return flags with the bits of how others were packed."""
    kept = number(flags, 0, 2) & ~_LEVEL_BITS
    return (kept | number(like, 0, 2) & _LEVEL_BITS).to_bytes(2, "little")


def repacked(member: Member, packed: bytes) -> Member:
    """Return a member with other packed bytes, and their size wherever it is written."""
    old, new = len(member.packed), len(packed)
    entry, local, rest = put(member.entry, 20, new.to_bytes(4, "little")), member.local, member.rest
    if number(local, 18, 22) == old and not number(local, 6, 8) & _DESCRIBED:
        local = put(local, 18, new.to_bytes(4, "little"))
    elif local[18:22] == _ZIP64:
        size, data = old.to_bytes(8, "little"), 30 + number(local, 26, 28)
        if local[data : data + 2] == b"\x01\x00" and local[data + 12 : data + 20] == size:
            local = put(local, data + 12, new.to_bytes(8, "little"))
    place = {12: 4, 16: 8}.get(len(rest), 0)
    if place and rest[place : place + 4] == old.to_bytes(4, "little"):
        rest = put(rest, place, new.to_bytes(4, "little"))
    return Member(entry, local, packed, rest)


def written(archive: Archive, listed: list[bytes], placed: list[bytes], by_name: dict[bytes, Member]) -> bytes:
    """Return the file with these members in these orders."""
    out, offsets = [archive.before], {}
    at = len(archive.before)
    for name in placed:
        member = by_name[name]
        offsets[name] = at
        out += [member.local, member.packed, member.rest]
        at += len(member.local) + len(member.packed) + len(member.rest)
    out += [put(by_name[name].entry, 42, offsets[name].to_bytes(4, "little")) for name in listed]
    return b"".join((*out, put(archive.end, 16, at.to_bytes(4, "little"))))


class Restamped:
    """An archive of our members with fields of the published one.

    `other_zlib` means that packed bytes could not be made: with those of the published file, and nothing else of it,
    the archive is the published one, and all unpacked bytes are equal.
    """

    def __init__(self, content: bytes, *, other_zlib: bool) -> None:
        """Store the file."""
        self.content, self.other_zlib = content, other_zlib


def restamp(ours_file: bytes, published_file: bytes, names: Collection[str]) -> Restamped:
    """Return our file with the named fields of the published one; raises Refusal if a member's bytes differ."""
    ours, published = read(ours_file), read(published_file)
    found = contents(ours, published)
    made, copied, packer = {}, {}, Packer()
    for name, member in ours.by_name.items():
        like = published.by_name[name]
        new = stamped(member, like, [one for one in names if one != "compression"])
        made[name] = copied[name] = new
        if "compression" in names:
            copied[name] = repacked(stamped(new, like, ["compression"]), like.packed)
            if member.packed == like.packed or packer.makes(found[name], like):
                made[name] = copied[name]
    listed, placed = orders(published if "order" in names else ours)
    content = written(ours, listed, placed, made)
    other = any(made[name].packed != copied[name].packed for name in made)
    return Restamped(content, other_zlib=other and written(ours, listed, placed, copied) == published_file)


# --- the program -----------------------------------------------------------------------------


def fetched(given: str, url: str, sha256: str) -> bytes:
    """Return the published wheel; ends the program if it cannot be read, or if its hash is another."""
    import urllib.request  # noqa: PLC0415 - the host has no use for it

    try:
        with open(given, "rb") if given else urllib.request.urlopen(url, timeout=60) as stream:  # noqa: S310 - of the recipe
            content: bytes = stream.read(MOST + 1)
    except (OSError, ValueError) as error:
        lacking = f"cannot read {given or url}: {error}; name the published wheel as second argument"
        raise SystemExit(status(LACKING, lacking)) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SystemExit(status(LACKING, f"{given or url}: not the published wheel: its SHA-256 is another"))
    return content


def status(number_: int, text: str) -> int:
    """Print a line for the user; return the exit status."""
    sys.stderr.write(text + "\n")
    return number_


def main(wheel: str, names: str, given: str, url: str, sha256: str) -> int:
    """Run the program; return the exit status."""
    published = fetched(given, url, sha256)
    with open(wheel, "rb") as stream:
        ours = stream.read()
    try:
        done = restamp(ours, published, names.split(","))
    except Refusal as why:
        return status(ANOTHER, f"more than the archive differs from the published wheel: {why}")
    with open(wheel + ".new", "wb") as out:
        out.write(done.content)
    os.replace(wheel + ".new", wheel)
    if done.other_zlib:
        return status(OTHER_ZLIB, "all members and fields are as published, but the zlib here packs to other bytes")
    if done.content != published:
        return status(ANOTHER, f"other fields of the archive differ from the published wheel's, besides {names}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
