"""Times of a build as numbers in data of native code: seconds since 1970, the lowest byte first."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.dates import SLACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator.analysis.causes.erasers import Texts
    from orchestrator.model import Traces

Clocks = tuple[tuple[float, float], tuple[float, float]]
"""When each build began and ended, in seconds since 1970."""

_WORD = 4
_LISTED = re.compile(rb"0x([0-9a-f]{1,16})(?: \([^)\n]*\))?: ")  # what precedes unequal bytes in a token
_IN_HEX = re.compile(rb"(?:\\x[0-9a-f]{2})+")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a token on both sides: a stretch of bytes that differ, and its offset in the section."""

    head: bytes
    at: int
    data: tuple[bytes, bytes]

    def spelled(self, side: int, times: frozenset[int]) -> bytes:
        """Format one side without the bytes at some offsets."""
        shown = (
            b"<date>" if self.at + number in times else b"\\x%02x" % byte for number, byte in enumerate(self.data[side])
        )
        return self.head + b"".join(shown)


def erase_seconds(texts: Texts, traces: tuple[Traces, Traces]) -> Texts:
    """Erase the aligned words of 32 bits that are a time of the first build here and of the second there.

    They are no accident, as in `dates.erase_instants`. Texts stay as they are where a clock is unknown.
    """
    lines = [text.split(b"\n") for text in texts]
    clocks = traces[0].clock, traces[1].clock
    if clocks[0] is None or clocks[1] is None or len(lines[0]) != len(lines[1]):
        return texts
    parsed = [_line(*sides) for sides in zip(*lines, strict=True)]
    times = frozenset(_times((one for one in parsed if one is not None), (clocks[0], clocks[1])))
    if not times:
        return texts
    first, second = (
        b"\n".join(
            text if one is None or times.isdisjoint(_offsets(one)) else one.spelled(side, times)
            for one, text in zip(parsed, lines[side], strict=True)
        )
        for side in (0, 1)
    )
    return first, second


def _line(first: bytes, second: bytes) -> _Line | None:
    """Read a line of both sides; None if it does not list as many bytes, or lists a text of more than one word."""
    head = _LISTED.match(first)
    if head is None or not second.startswith(head[0]):
        return None
    ours, theirs = _bytes(first[head.end() :]), _bytes(second[head.end() :])
    return _Line(head[0], int(head[1], 16), (ours, theirs)) if ours and len(ours) == len(theirs) else None


def _bytes(text: bytes) -> bytes:
    """Return the bytes that are listed in hex, or as a text if they happen to be one."""
    if _IN_HEX.fullmatch(text):
        return bytes.fromhex(text.replace(b"\\x", b"").decode())
    return text if len(text) == _WORD else b""


def _offsets(one: _Line) -> range:
    return range(one.at, one.at + len(one.data[0]))


def _times(lines: Iterable[_Line], clocks: Clocks) -> Iterator[int]:
    """Yield the offsets of the bytes that belong to times."""
    words: Mapping[int, dict[int, tuple[int, int]]] = defaultdict(dict)
    for one in lines:
        for at, both in zip(_offsets(one), zip(*one.data, strict=True), strict=True):
            words[at // _WORD][at % _WORD] = both
    for number, known in words.items():
        if _is_time(known, clocks):
            yield from (number * _WORD + at for at in known)


def _is_time(known: Mapping[int, tuple[int, int]], clocks: Clocks) -> bool:
    """Return whether a word may be a time on both sides; one byte may be unknown, which is equal on both."""
    unknown = [at for at in range(_WORD) if at not in known]
    if len(unknown) > 1:
        return False
    ours, theirs = (sum(both[side] << 8 * at for at, both in known.items()) for side in (0, 1))
    fillings = (byte << 8 * at for at in unknown for byte in range(256))
    return any(
        _in(ours + filling, clocks[0]) and _in(theirs + filling, clocks[1])
        for filling in (fillings if unknown else (0,))
    )


def _in(second: int, clock: tuple[float, float]) -> bool:
    return int(clock[0] - SLACK) <= second <= int(clock[1] + SLACK)
