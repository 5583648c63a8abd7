"""The parts in which two wheels differ: the archive itself, names, members, RECORD; each split into tokens."""

from __future__ import annotations

import csv
import re
from base64 import urlsafe_b64encode
from contextlib import ExitStack
from dataclasses import dataclass
from stat import filemode
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from orchestrator.analysis.causes.archive import COMMENT, ELSEWHERE, FOLDER, MODE, ORDER, PACKING, TIME
from orchestrator.analysis.formats.members import DIST_INFO, depth, normalize
from orchestrator.analysis.formats.text import member_pair, text
from orchestrator.analysis.wheel import is_record
from orchestrator.model import LADDER, Aspect, Severity, deepest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orchestrator.analysis.formats.text import MemberPair
    from orchestrator.analysis.wheel_side import WheelSide
    from orchestrator.model import Difference, Member, Wheel

TAKEN_APART = 2000
"""The most members that are normalized; those after them are reported as unexplained."""

_FIELDS = 3  # of a line of RECORD: path, hash, size
_DATA = re.compile(r"[^/]+\.data/")


@dataclass(frozen=True, slots=True)
class MemberDiff:
    """A part of both wheels, normalized."""

    path: str  # of the first wheel's member; empty for the archive itself
    aspect: Aspect
    members: MemberPair


def parts(
    first: WheelSide, second: WheelSide, pairing: Mapping[str, str], differences: Iterable[Difference]
) -> Iterator[MemberDiff]:
    """Yield all parts in which two wheels differ, one at a time."""
    yield _archive(first, second, pairing)
    yield from _named(first, second, pairing)
    changed = {difference.path for difference in differences if difference.aspect is Aspect.CONTENT}
    ours = {member.path: member for member in first.wheel.members}
    theirs = {member.path: member for member in second.wheel.members}
    partners = {path: path for path in sorted(changed)} | dict(pairing)
    wanted = {left: right for left, right in partners.items() if ours[left].sha256 != theirs[right].sha256}
    for number, (left, right) in enumerate(sorted(wanted.items(), key=_gravest_first)):
        if number >= TAKEN_APART:
            return
        if is_record(left):
            yield _record(first, second, left, wanted, pairing)
            continue
        with ExitStack() as open_ones:
            contents = [
                open_ones.enter_context(side.contents.content(path)) for side, path in ((first, left), (second, right))
            ]
            if contents[0] is not None and contents[1] is not None:
                yield from (
                    MemberDiff(left, Aspect.CONTENT, both) for both in normalize(left, contents[0], contents[1])
                )


def _gravest_first(names: tuple[str, str]) -> tuple[int, str]:
    """Order members by what they are, code first: what is shown of many members is bounded."""
    return -LADDER.index(deepest(depth(name, b"") for name in names)), names[0]


def _archive(first: WheelSide, second: WheelSide, pairing: Mapping[str, str]) -> MemberDiff:
    """Normalize the archives' headers and those of the members that both have."""
    theirs = {member.path: member for member in second.wheel.members}
    names = [(member, pairing.get(member.path, member.path)) for member in first.wheel.members]
    both = [(member, theirs[name]) for member, name in names if name in theirs]
    return MemberDiff("", Aspect.ARCHIVE, member_pair("", "archive", _headers(first, second, both), Severity.ARCHIVE))


def _headers(
    first: WheelSide, second: WheelSide, both: Sequence[tuple[Member, Member]]
) -> Iterator[tuple[str, bytes, bytes]]:
    names = {right.path: left.path for left, right in both}
    ours = [left.path for left, _ in both]
    theirs = [names[member.path] for member in second.wheel.members if member.path in names]
    yield ORDER, "\n".join(ours).encode(), "\n".join(theirs).encode()
    yield COMMENT, first.contents.comment, second.contents.comment
    inside = ours != theirs or first.contents.comment != second.contents.comment
    for left, right in both:
        inside = inside or left != right
        yield f"{TIME}{left.path}", _moment(left), _moment(right)
        yield f"{MODE}{left.path}", _mode(left), _mode(right)
        if left.packing != right.packing or (left.sha256 == right.sha256 and left.packed != right.packed):
            yield f"{PACKING}{left.path}", _packing(first, left), _packing(second, right)
    rest = first.contents.outside, second.contents.outside
    if rest[0] != rest[1]:
        yield ELSEWHERE, *rest
    elif not inside and first.wheel.sha256 != second.wheel.sha256 and len(both) == len(first.wheel.members):
        yield ELSEWHERE, first.wheel.sha256.encode(), second.wheel.sha256.encode()


def _moment(member: Member) -> bytes:
    year, month, day, hour, minute, second = member.time
    return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}".encode()


def _mode(member: Member) -> bytes:
    return f"{filemode(member.mode)} ({member.mode:o})".encode()


def _packing(side: WheelSide, member: Member) -> bytes:
    return f"{side.contents.packed(member.path)}; headers {member.packing[:8]}, packed {member.packed[:8]}".encode()


def _named(first: WheelSide, second: WheelSide, pairing: Mapping[str, str]) -> Iterator[MemberDiff]:
    """Yield the differences of file names, of members' names, and of the sets of members."""
    names = first.wheel.filename, second.wheel.filename
    if names[0] != names[1]:
        yield MemberDiff("", _of_filename(*names), _token("", "name", "file name", *names, Severity.METADATA))
    for left, right in pairing.items():
        deep = Severity.METADATA if _is_described(left) else Severity.MEMBERS
        yield MemberDiff(left, Aspect.PRESENCE, _token(left, "name", "name", left, right, deep))
    ours = {member.path for member in first.wheel.members} - pairing.keys()
    theirs = {member.path for member in second.wheel.members} - set(pairing.values())
    for path in sorted(ours ^ theirs):
        there = ("present", "absent") if path in ours else ("absent", "present")
        if path.endswith("/"):
            yield MemberDiff(path, Aspect.PRESENCE, _token(path, "folder", FOLDER, *there, Severity.ARCHIVE))
        else:
            yield MemberDiff(path, Aspect.PRESENCE, _token(path, "presence", "member", *there, Severity.MEMBERS))


def _token(path: str, kind: str, place: str, first: str, second: str, deep: Severity) -> MemberPair:
    return member_pair(path, kind, iter([(place, _bytes(first), _bytes(second))]), deep)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _of_filename(first: str, second: str) -> Aspect:
    try:
        return Aspect.FILENAME if parse_wheel_filename(first)[3] == parse_wheel_filename(second)[3] else Aspect.TAGS
    except InvalidWheelFilename:
        return Aspect.TAGS


def _is_described(path: str) -> bool:
    return bool(DIST_INFO.match(path) or _DATA.match(path))


def _record(
    first: WheelSide, second: WheelSide, path: str, changed: Mapping[str, str], pairing: Mapping[str, str]
) -> MemberDiff:
    """Normalize RECORD, without lines derived from members that differ or are in one wheel only."""
    alone = {member.path for member in first.wheel.members} ^ {member.path for member in second.wheel.members}
    alone -= {*pairing.keys(), *pairing.values()}
    ours = _rows(first.wheel, changed.keys(), alone, {})
    theirs = _rows(second.wheel, changed.values(), alone, {right: left for left, right in pairing.items()})
    ends = [b"\n" if "".join(side.wheel.record[-1:]).endswith("\n") else b"" for side in (first, second)]
    if sorted(ours) == sorted(theirs) and ours != theirs and ends[0] == ends[1]:
        both = member_pair(path, "record", iter([("lines", b"\n".join(ours), b"\n".join(theirs))]), Severity.METADATA)
    else:
        both = text(path, "record", b"\n".join(ours) + ends[0], b"\n".join(theirs) + ends[1], Severity.METADATA)
    return MemberDiff(path, Aspect.CONTENT, both)


def _rows(wheel: Wheel, changed: Iterable[str], alone: set[str], names: Mapping[str, str]) -> list[bytes]:
    """Return RECORD's lines under the first wheel's names; of members that differ, without their true hash and size."""
    unsaid = {member.path: member for member in wheel.members if member.path in set(changed)}
    found = []
    for line in wheel.record:
        row = _row(line.removesuffix("\n").removesuffix("\r"))
        if row and row[0] not in alone:
            shown = row[:1] if row[0] in unsaid and _is_true(row, unsaid[row[0]]) else row
            found.append(_bytes(",".join([names.get(row[0], row[0]), *shown[1:]]) + _end(line)))
    return found


def _is_true(row: Sequence[str], member: Member) -> bool:
    """Return whether a line has the hash and the size of its member; a hash that is not SHA-256 is not checked."""
    if is_record(member.path):
        return True
    kind, _, value = ",".join(row[1:2]).partition("=")
    digest = urlsafe_b64encode(bytes.fromhex(member.sha256)).rstrip(b"=").decode()
    return len(row) == _FIELDS and row[2] == str(member.size) and (kind != "sha256" or value.rstrip("=") == digest)


def _row(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return [line]


def _end(line: str) -> str:
    return "\r" if line.removesuffix("\n").endswith("\r") else ""
