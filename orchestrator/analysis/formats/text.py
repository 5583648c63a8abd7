"""Normalizes texts and raw bytes: into the lines, or the runs of bytes, in which they differ."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.model import NormalizedMember

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.analysis.causes.model import Content
    from orchestrator.model import Severity

MemberPair = tuple[NormalizedMember, NormalizedMember]

WHOLE = 8 << 20
"""Bytes up to which a member is read whole."""

LINES = 100_000
"""The most lines that are compared individually, between the first and the last that differ."""

UNITS = 500
"""The most tokens that are separate; everything after them is one token."""

_CHUNK = 1 << 20
_WIDE = rb"(?:[\x20-\x7e]\0)"
_PIECE = re.compile(_WIDE + rb"{4,}|(?:(?!" + _WIDE + rb"{4})[^\0\n])+[\0\n]?|[\0\n]")  # UTF-16 is kept together
_BYTES = 8 << 20  # of tokens of a large member
_GAP = 64  # equal bytes between two runs of one token
_ROUND = 512  # bytes of context around a run


@dataclass(frozen=True, slots=True)
class Plain:
    """A content in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes from there on, fewer at the end."""
        return self.data[offset : offset + size]


def member_pair(path: str, kind: str, tokens: Iterator[tuple[str, bytes, bytes]], depth: Severity) -> MemberPair:
    """Return both sides of a member from its unequal tokens: (place, first, second)."""
    ours: dict[str, bytes] = {}
    theirs: dict[str, bytes] = {}
    for place, first, second in tokens:
        if first != second:
            ours[place], theirs[place] = first, second
    depths = dict.fromkeys(ours, depth)
    return NormalizedMember(path, kind, ours, depths), NormalizedMember(path, kind, theirs, depths)


def hunks(first: Sequence[bytes], second: Sequence[bytes]) -> Iterator[tuple[int, int, int, int]]:
    """Yield begin and end in both sequences of each stretch that differs; equal items are between the stretches.

    Items that occur once on both sides, in the same order, are the anchors (patience diff): the
    time grows almost linearly with the length.
    """
    low, high = 0, min(len(first), len(second))
    while low < high and first[low] == second[low]:
        low += 1
    end = 0
    while end < high - low and first[-1 - end] == second[-1 - end]:
        end += 1
    stop = len(first) - end, len(second) - end
    if stop[0] - low == stop[1] - low:
        yield from _by_place(first, second, low, stop[0])
        return
    at = (low, low)
    for ours, theirs in (*_anchors(first, second, low, stop), stop):
        if (ours, theirs) < at or ours < at[0] or theirs < at[1]:
            continue
        begin, finish = at, (ours, theirs)
        while begin[0] < finish[0] and begin[1] < finish[1] and first[begin[0]] == second[begin[1]]:
            begin = begin[0] + 1, begin[1] + 1
        while begin[0] < finish[0] and begin[1] < finish[1] and first[finish[0] - 1] == second[finish[1] - 1]:
            finish = finish[0] - 1, finish[1] - 1
        if begin != finish:
            if finish[0] - begin[0] == finish[1] - begin[1]:
                yield from _by_place(first, second, begin[0], finish[0], begin[1] - begin[0])
            else:
                yield begin[0], finish[0], begin[1], finish[1]
        at = ours + 1, theirs + 1


def _by_place(
    first: Sequence[bytes], second: Sequence[bytes], low: int, stop: int, shift: int = 0
) -> Iterator[tuple[int, int, int, int]]:
    for one in range(low, stop):
        if first[one] != second[one + shift]:
            yield one, one + 1, one + shift, one + shift + 1


def _anchors(first: Sequence[bytes], second: Sequence[bytes], low: int, stop: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the longest increasing chain of places whose items occur once on both sides."""
    ours, theirs = _once(first, low, stop[0]), _once(second, low, stop[1])
    places = sorted((place, theirs[item]) for item, place in ours.items() if item in theirs)
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for number, (_, two) in enumerate(places):
        at = bisect_left(tails, two)
        before.append(ends[at - 1] if at else -1)
        if at == len(tails):
            tails.append(two)
            ends.append(number)
        else:
            tails[at], ends[at] = two, number
    chain, number = [], ends[-1] if ends else -1
    while number >= 0:
        chain.append(places[number])
        number = before[number]
    return chain[::-1]


def _once(items: Sequence[bytes], low: int, stop: int) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    again: set[bytes] = set()
    for place in range(low, stop):
        item = items[place]
        if item in found:
            again.add(item)
        found[item] = place
    for item in again:
        del found[item]
    return found


@dataclass(frozen=True, slots=True)
class Lines:
    """A stretch in which two texts differ: its place, both sides, and the line before, where it is equal."""

    place: str
    first: bytes
    second: bytes
    before: bytes = b""


def text(
    path: str, kind: str, first: bytes, second: bytes, depth: Severity, *, above: tuple[int, int] = (0, 0)
) -> MemberPair:
    """Normalize two texts into the lines in which they differ; `above` is the number of lines before each."""
    return of_lines(path, kind, _lines(first, second, above), depth)


def of_lines(path: str, kind: str, lines: Iterable[Lines], depth: Severity) -> MemberPair:
    """Return both sides of a text from the stretches in which it differs."""
    unlike = [one for one in lines if one.first != one.second]
    ours, theirs = member_pair(path, kind, ((one.place, one.first, one.second) for one in unlike), depth)
    before = {one.place: one.before for one in unlike if one.before}
    return replace(ours, before=before), replace(theirs, before=before)


def at_line(first: int, second: int) -> str:
    """Name a place by the numbers of its lines on both sides, counted from 1."""
    return f"line {first}" if first == second else f"line {first} | {second}"


def _at_byte(first: int, second: int) -> str:
    return f"byte {first:#x}" if first == second else f"byte {first:#x} | {second:#x}"


LAST_NEWLINE = "last newline"
"""The place of the end of line after the last line, which one of two texts lacks."""


def _lines(first: bytes, second: bytes, above: tuple[int, int]) -> Iterator[Lines]:
    ended = first.endswith(b"\n"), second.endswith(b"\n")
    yield from _stretches(first.removesuffix(b"\n"), second.removesuffix(b"\n"), above, emptied=(not first, not second))
    if ended[0] != ended[1] and first and second:
        yield Lines(LAST_NEWLINE, *(b"\n" if there else b"" for there in ended))


def _stretches(first: bytes, second: bytes, above: tuple[int, int], emptied: tuple[bool, bool]) -> Iterator[Lines]:
    """Yield the stretches of lines that differ, of texts without their last newline; an emptied one has no lines."""
    begin, stop = _unlike_lines(first, second)
    ours, theirs = first[begin : len(first) - stop], second[begin : len(second) - stop]
    before = first.count(b"\n", 0, begin)
    if max(ours.count(b"\n"), theirs.count(b"\n")) > LINES:
        yield Lines(f"{at_line(before + above[0] + 1, before + above[1] + 1)} and after", hashed(ours), hashed(theirs))
        return
    left, right = ([] if empty else text.split(b"\n") for text, empty in zip((ours, theirs), emptied, strict=True))
    head = [first[:begin].removesuffix(b"\n").rpartition(b"\n")[2]] if begin else []
    tail = [second[len(second) - stop :].removeprefix(b"\n").partition(b"\n")[0]] if stop else []
    for number, (low, end, other, last) in enumerate(hunks(left, right)):
        place = at_line(before + above[0] + low + 1, before + above[1] + other + 1)
        around = [*head, *left[:low]][-1:], [*head, *right[:other]][-1:]
        if number >= UNITS:
            yield Lines(f"{place} and after", b"\n".join(left[low:]), b"\n".join(right[other:]))
            return
        yield Lines(
            place,
            *_sides(left[low:end], right[other:last], (*left[end:], *tail)[:1]),
            around[0][0] if around[0] and around[0] == around[1] else b"",
        )


_CLOSING = re.compile(rb"[ \t]*[)\]}]")


def _sides(first: list[bytes], second: list[bytes], after: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return two stretches as texts: with their ends of line unless both have as many lines.

    Where only a comma before a closing bracket differs, the line of that bracket is a part of both.
    """
    if len(first) != len(second):
        return b"".join(line + b"\n" for line in first), b"".join(line + b"\n" for line in second)
    if first and after and _CLOSING.match(after[0]):
        ends = first[-1].rstrip(), second[-1].rstrip()
        if ends[0] + b"," == ends[1] or ends[1] + b"," == ends[0]:
            first, second = [*first, after[0]], [*second, after[0]]
    return b"\n".join(first), b"\n".join(second)


def _unlike_lines(first: bytes, second: bytes) -> tuple[int, int]:
    """Return how many bytes of two texts are common first lines, and how many are common last lines."""
    begin = first.rfind(b"\n", 0, _common(first, second)) + 1
    room = min(len(first), len(second)) - begin
    end = _common(first[: begin - 1 if begin else None : -1][:room], second[: begin - 1 if begin else None : -1][:room])
    at = first.find(b"\n", len(first) - end) if end else -1
    return begin, len(first) - at if at >= 0 else 0


def without_common_lines(first: bytes, second: bytes) -> tuple[bytes, bytes]:
    """Return two texts without their common first and last lines."""
    begin, end = _unlike_lines(first, second)
    return first[begin : len(first) - end], second[begin : len(second) - end]


def hashed(data: bytes) -> bytes:
    """Summarize data that is too large by its length and hash."""
    return f"{len(data)} bytes of SHA-256 {hashlib.sha256(data).hexdigest()}".encode()


def raw(path: str, kind: str, first: Content, second: Content, depth: Severity) -> MemberPair:
    """Normalize two contents of any size into the runs of bytes in which they differ."""
    if first.size == second.size:
        return member_pair(path, kind, _runs(first, second), depth)
    if max(first.size, second.size) <= WHOLE:
        return member_pair(path, kind, _pieces(first.read(0, first.size), second.read(0, second.size)), depth)
    return member_pair(path, kind, _middle(first, second), depth)


def _pieces(first: bytes, second: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    """Align bytes of unequal length by the pieces between zero bytes and ends of lines."""
    if max(data.count(b"\0") + data.count(b"\n") for data in (first, second)) > LINES:
        yield from _middle(Plain(first), Plain(second))
        return
    ours, theirs = (_PIECE.findall(data) for data in (first, second))
    offsets = []
    for pieces in (ours, theirs):
        at, places = 0, []
        for piece in pieces:
            places.append(at)
            at += len(piece)
        offsets.append([*places, at])
    for number, (left, end, right, stop) in enumerate(hunks(ours, theirs)):
        unlike = b"".join(ours[left:end]), b"".join(theirs[right:stop])
        alike = _common(*unlike)
        place = _at_byte(offsets[0][left] + alike, offsets[1][right] + alike)
        if number >= UNITS:
            yield f"{place} and after", b"".join(ours[left:]), b"".join(theirs[right:])
            return
        yield place, *unlike


def _runs(first: Content, second: Content) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield runs of bytes in which contents of equal size differ, with their context."""
    taken = 0
    for number, (begin, end) in enumerate(_merged(first, second)):
        size = min(end - begin, _BYTES)
        ours, theirs = first.read(begin, size), second.read(begin, size)
        at = begin + _common(ours, theirs)
        if number >= UNITS or taken + end - begin > _BYTES:
            yield f"byte {at:#x} and after", _digest(first, begin), _digest(second, begin)
            return
        taken += size
        yield f"byte {at:#x}", ours, theirs


def _merged(first: Content, second: Content) -> Iterator[tuple[int, int]]:
    """Yield begin and end of runs that differ, merged if close, and widened to the text that contains them."""
    begin = end = -1
    for ours, theirs in _unlike(first, second):
        if begin < 0:
            begin, end = ours, theirs
        elif ours - end <= 2 * _GAP:
            end = theirs
        else:
            yield _widened(first, second, begin, end)
            begin, end = ours, theirs
    if begin >= 0:
        yield _widened(first, second, begin, end)


def _unlike(first: Content, second: Content) -> Iterator[tuple[int, int]]:
    """Yield begin and end of pieces that differ, no finer than `_GAP` bytes."""
    for at in range(0, first.size, _CHUNK):
        ours, theirs = first.read(at, _CHUNK), second.read(at, _CHUNK)
        if ours == theirs:
            continue
        for step in range(0, len(ours), _GAP):
            if ours[step : step + _GAP] != theirs[step : step + _GAP]:
                yield at + step, min(at + step + _GAP, at + len(ours))


def _widened(first: Content, second: Content, begin: int, end: int) -> tuple[int, int]:
    """Widen a run, equally on both sides, to the ends of the printable text that contains it."""
    before = min(begin, _ROUND // 2, _GAP)
    after = min(first.size - end, _GAP)
    heads = [content.read(begin - before, before) for content in (first, second)]
    tails = [content.read(end, after) for content in (first, second)]
    lead = max(len(head) - len(re.sub(rb"[\x20-\x7e]*\Z", b"", head)) for head in heads) if before else 0
    rest = max(len(re.match(rb"[\x20-\x7e]*", tail)[0]) for tail in tails)  # type: ignore[index] # matches all
    return begin - lead, end + rest


def _digest(content: Content, begin: int) -> bytes:
    sha256 = hashlib.sha256()
    for at in range(begin, content.size, _CHUNK):
        sha256.update(content.read(at, _CHUNK))
    return f"{content.size - begin} bytes of SHA-256 {sha256.hexdigest()}".encode()


def _middle(first: Content, second: Content) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield two large contents of unequal size without their common beginning and end."""
    begin = _alike(first, second)
    room = min(first.size, second.size) - begin
    end = _alike_at_end(first, second, room)
    sizes = first.size - begin - end, second.size - begin - end
    if max(sizes) > _BYTES:
        yield f"byte {begin:#x} and after", _digest(first, begin), _digest(second, begin)
    else:
        yield f"byte {begin:#x}", first.read(begin, sizes[0]), second.read(begin, sizes[1])


def _alike(first: Content, second: Content) -> int:
    for at in range(0, min(first.size, second.size), _CHUNK):
        ours, theirs = first.read(at, _CHUNK), second.read(at, _CHUNK)
        if ours != theirs:
            return at + _common(ours, theirs)
    return min(first.size, second.size)


def _common(first: bytes, second: bytes) -> int:
    """Return the number of equal bytes at the beginning of two pieces."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[:middle] == second[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _alike_at_end(first: Content, second: Content, room: int) -> int:
    found = 0
    while found < room:
        size = min(_CHUNK, room - found)
        ours = first.read(first.size - found - size, size)[::-1]
        theirs = second.read(second.size - found - size, size)[::-1]
        alike = _common(ours, theirs)
        found += alike
        if alike < size:
            break
    return found
