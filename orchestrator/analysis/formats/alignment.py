"""Where two runs of bytes differ: byte by byte if their lengths are equal, else piece by piece."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1 << 18  # bytes that are compared as one number
_NONZERO = re.compile(rb"[^\0]+")
_PRINTABLE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_LONGEST_STRING = 4096
_WINDOWS = (1 << 9, 1 << 14, 1 << 20)  # bytes within which two sides have to agree again
_SURE = 8  # bytes of an equal piece that suffices alone
_MOST_GAPS = 100_000
_MOST_TEXTS = 500_000  # compared at most to find where both sides agree again
_WIDEST_PADDING = 64
_ALIGNED = 4


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which two sides differ; before and after it they agree."""

    first: int
    first_end: int
    second: int
    second_end: int

    @property
    def even(self) -> bool:
        """Whether its length is the same on both sides."""
        return self.first_end - self.first == self.second_end - self.second


@dataclass(frozen=True, slots=True)
class Alignment:
    """The correspondence of the first side's bytes to the second's, outside the gaps."""

    gaps: tuple[Gap, ...] = ()
    starts: list[int] = field(init=False, repr=False, compare=False)  # of the gaps, on the first side
    _there: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Store the gaps' offsets separately, for binary search."""
        object.__setattr__(self, "starts", [gap.first for gap in self.gaps])
        object.__setattr__(self, "_there", [gap.second for gap in self.gaps])

    def place(self, offset: int) -> int | None:
        """Return the offset on the second side of a byte of the first side; None in an uneven gap."""
        at = bisect_right(self.starts, offset) - 1
        if at < 0:
            return offset
        gap = self.gaps[at]
        if offset == gap.first < gap.first_end:
            return gap.second
        if offset >= gap.first_end:
            return offset + gap.second_end - gap.first_end
        return offset - gap.first + gap.second if gap.even else None

    def gap(self, offset: int) -> Gap | None:
        """Return the gap that contains an offset of the first side."""
        at = bisect_right(self.starts, offset) - 1
        return self.gaps[at] if at >= 0 and offset < self.gaps[at].first_end else None

    def gap_there(self, offset: int) -> Gap | None:
        """Return the gap that contains an offset of the second side."""
        at = bisect_right(self._there, offset) - 1
        return self.gaps[at] if at >= 0 and offset < self.gaps[at].second_end else None


def runs(first: bytes, second: bytes) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each run of bytes in which two sides of one length differ."""
    for at in range(0, len(first), _PIECE):
        ours, theirs = first[at : at + _PIECE], second[at : at + _PIECE]
        if ours != theirs:
            mixed = int.from_bytes(ours, "little") ^ int.from_bytes(theirs, "little")
            for found in _NONZERO.finditer(mixed.to_bytes(len(ours), "little")):
                yield at + found.start(), at + found.end()


def whole_text(data: bytes, begin: int, end: int, floor: int) -> tuple[int, int]:
    """Widen a stretch to the text that contains it, not beyond `floor`."""
    before = data[max(floor, begin - _LONGEST_STRING) : begin][::-1]
    after = data[end : end + _LONGEST_STRING]
    left, right = _PRINTABLE.match(before), _PRINTABLE.match(after)
    return begin - (left.end() if left else 0), end + (right.end() if right else 0)


def align(first: bytes, second: bytes) -> Alignment | None:
    """Align two sequences of NUL-terminated strings by their common strings, in order.

    None if they differ and do not agree again within a bounded stretch.
    """
    gaps: list[Gap] = []
    ours = theirs = texts = 0
    while len(gaps) < _MOST_GAPS and texts < _MOST_TEXTS:
        same = _common(first, ours, second, theirs)
        if ours + same == len(first) and theirs + same == len(second):
            return Alignment(tuple(gaps))
        back = _begin(first, ours, ours + same)
        gap, looked_at = _meet(first, back, second, back - ours + theirs)
        if gap is None:
            return None
        gaps.append(gap)
        texts += looked_at
        ours, theirs = gap.first_end, gap.second_end
    return None


def _begin(data: bytes, floor: int, offset: int) -> int:
    """Return the beginning of the string at an offset."""
    return max(floor, data.rfind(b"\0", floor, offset) + 1)


def _common(first: bytes, left: int, second: bytes, right: int) -> int:
    """Return the number of equal bytes of two sides from these offsets on."""
    done, step = 0, _PIECE
    while True:
        ours, theirs = first[left + done : left + done + step], second[right + done : right + done + step]
        if ours != theirs:
            size = min(len(ours), len(theirs))
            return done + next((begin for begin, _ in runs(ours[:size], theirs[:size])), size)
        if len(ours) < step:
            return done + len(ours)
        done += step


def _meet(first: bytes, left: int, second: bytes, right: int) -> tuple[Gap | None, int]:
    """Find the shortest gap after which both sides agree again; return it with the number of texts compared."""
    looked_at = 0
    for window in _WINDOWS:
        ours, theirs = _pieces(first, left, window), _pieces(second, right, window)
        looked_at += len(ours) + len(theirs)
        if (met := _shared(ours, theirs)) is not None:
            return Gap(left, left + _length(ours, met[0]), right, right + _length(theirs, met[1])), looked_at
        if left + window >= len(first) and right + window >= len(second):
            break
    ends = len(first) - left, len(second) - right
    return (Gap(left, len(first), right, len(second)) if max(ends) <= _WINDOWS[-1] else None), looked_at


def _pieces(data: bytes, offset: int, window: int) -> list[bytes]:
    """Split the window into strings, without one that is cut."""
    found = data[offset : offset + window].split(b"\0")
    last = found.pop()
    return [*found, last] if offset + window >= len(data) and last else found


def _length(pieces: list[bytes], count: int) -> int:
    return sum(len(piece) + 1 for piece in pieces[:count])


def _shared(ours: list[bytes], theirs: list[bytes]) -> tuple[int, int] | None:
    """Return the least number of strings that each side skips until both agree again."""
    places: dict[bytes, int] = {}
    for at, piece in enumerate(theirs):
        places.setdefault(piece, at)
    best: tuple[int, int] | None = None
    for at, piece in enumerate(ours):
        if best is not None and at >= sum(best):
            break
        there = places.get(piece)
        if there is None or not piece or (at == 0 and there == 0):
            continue
        sure = len(piece) >= _SURE or ours[at + 1 : at + 2] == theirs[there + 1 : there + 2]
        if sure and (best is None or at + there < sum(best)):
            best = at, there
    return best


def is_padding(ours: bytes, theirs: bytes, gap: Gap, sizes: tuple[int, int]) -> bool:
    """Return whether a gap is only zero padding, up to the end or to an offset aligned on both sides.

    `ours` and `theirs` are the contents of the gap; `sizes` are those of both sides.
    """
    aligned = gap.first_end % _ALIGNED == gap.second_end % _ALIGNED == 0
    ends = (gap.first_end, gap.second_end) == sizes
    return (aligned or ends) and max(len(ours), len(theirs)) <= _WIDEST_PADDING and not (ours + theirs).strip(b"\0")
