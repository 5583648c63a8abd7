"""The possible meanings of an unequal word: the offset of a string or in a table, or a memory address."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal

    from orchestrator.analysis.formats.alignment import Alignment

_LONG_ENOUGH = 3  # bytes of text that two strings do not share by chance
WORD = 4
"""Bytes of a string's offset, of a table's entry, or of a displacement in code."""

_AFTER = (4, 0, 5, 6, 8)  # bytes from a displacement to what it is counted from: x86 counts from the next instruction


@dataclass(frozen=True, slots=True)
class Strings:
    """A table of strings that differs, on both sides."""

    first: bytes = field(repr=False)
    second: bytes = field(repr=False)
    alignment: Alignment

    def is_shifted(self, first: int, second: int) -> bool:
        """Return whether the strings at these two offsets are equal."""
        shift = second - first
        at = bisect_right(self.alignment.starts, first) - 1
        if at < 0 or first >= len(self.first):
            return False
        gap = self.alignment.gaps[at]
        return first >= gap.first_end and shift == gap.second_end - gap.first_end

    def texts(self, first: int, second: int) -> tuple[bytes, bytes] | None:
        """Return the strings at two offsets; None unless they correspond."""
        if not (0 <= first < len(self.first) and 0 <= second < len(self.second)):
            return None
        ours, theirs = _text(self.first, first), _text(self.second, second)
        if self.alignment.place(first) == second or (ours == theirs and len(ours) >= _LONG_ENOUGH):
            return ours, theirs
        begin = _begins(self.first, first) and _begins(self.second, second)
        known = self.alignment.gap(first) is not None and self.alignment.gap_there(second) is not None
        return (ours, theirs) if begin and known else None


def _begins(data: bytes, at: int) -> bool:
    return at == 0 or data[at - 1] == 0


def _text(data: bytes, at: int) -> bytes:
    end = data.find(b"\0", at)
    return data[at : end if end >= 0 else len(data)]


@dataclass(frozen=True, slots=True)
class Span:
    """A section in memory, on both sides."""

    first: int
    first_end: int
    second: int
    second_end: int
    alignment: Alignment | None  # None: byte for byte
    executable: bool

    @property
    def shift(self) -> int:
        """How much later it begins on the second side, in bytes."""
        return self.second - self.first


@dataclass(frozen=True, slots=True)
class Layout:
    """The addresses of all sections on both sides, by those of the first side."""

    spans: tuple[Span, ...] = ()
    moved: bool = False
    _starts: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Store the addresses separately, for binary search."""
        object.__setattr__(self, "_starts", [span.first for span in self.spans])

    def place(self, address: int) -> int | None:
        """Return the address on the second side of an address on the first."""
        at = bisect_right(self._starts, address) - 1
        if at < 0:
            return None
        span = self.spans[at]
        if address < span.first_end:
            offset = address - span.first
            there = offset if span.alignment is None else span.alignment.place(offset)
            return None if there is None else span.second + there
        return span.second_end if address == span.first_end else None

    def code_shift(self) -> int | None:
        """Return how far all code moved; None if its parts moved by different distances."""
        shifts = {span.shift if span.alignment is None else None for span in self.spans if span.executable}
        return shifts.pop() if len(shifts) == 1 else None


@dataclass(frozen=True, slots=True)
class Here:
    """A place at which two sides differ: offsets in the windows, and addresses in memory (None: not loaded)."""

    first: bytes = field(repr=False)
    second: bytes = field(repr=False)
    at: int
    addresses: tuple[int, int] | None  # of the windows' begin
    base: tuple[int, int] | None  # of the section's begin
    part: tuple[int, int] | None  # of the begin of the part that it is in
    floor: int  # everything before it is explained


def _is_field(here: Here, begin: int, width: int) -> bool:
    """Return whether a word begins at a multiple of its width in the section."""
    return here.addresses is None or here.base is None or not (here.addresses[0] + begin - here.base[0]) % width


Meaning = tuple[int, int, tuple[bytes, bytes]]
"""Begin and end of a word in the windows, and the texts that it refers to: equal ones if it only moved."""

_MOVED = b"", b""


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Everything that words of one section may refer to."""

    order: Literal["little", "big"]
    width: int  # bytes of an address
    strings: tuple[Strings, ...] = ()
    places: tuple[
        tuple[Alignment, int], ...
    ] = ()  # of tables with references to their parts, and their size on the first side
    layout: Layout = Layout()
    sizes: frozenset[tuple[int, int]] = frozenset()  # of sections that changed their size
    numbers: Mapping[int, int] = field(default_factory=dict)  # of dynamic symbols, in relocations of 64 bits
    fields: bool = False  # whether words begin at multiples of their width, as in relocations
    derived: frozenset[int] = frozenset()  # addresses on the first side of words that follow from what is compared

    def is_shifted(self, first: bytes, second: bytes, at: int) -> bool:
        """Return quickly, for most words, whether it is the offset of a string that only moved."""
        if not self.strings or at + WORD > len(first):
            return False
        ours = int.from_bytes(first[at : at + WORD], self.order)
        theirs = int.from_bytes(second[at : at + WORD], self.order)
        return any(table.is_shifted(ours, theirs) for table in self.strings)

    def meaning(self, here: Here) -> Meaning | None:
        """Return the meaning of the word around a place; None if it is unknown."""
        readers: tuple[tuple[int, Callable[[Here, int, int, int], tuple[bytes, bytes] | None]], ...] = (
            (WORD, self._derived),
            (WORD, self._number),
            (WORD, self._string),
            (WORD, self._place),
            (self.width, self._long_string),
            (self.width, self._address),
            (WORD, self._distance),
        )
        for width, reader in readers:
            for begin in range(here.at, max(here.floor, here.at - width + 1) - 1, -1):
                first = int.from_bytes(here.first[begin : begin + width], self.order)
                second = int.from_bytes(here.second[begin : begin + width], self.order)
                inside = begin + width <= len(here.first) and (not self.fields or _is_field(here, begin, width))
                if inside and (texts := reader(here, begin, first, second)) is not None:
                    return begin, begin + width, texts
        return None

    def _derived(self, here: Here, begin: int, _first: int, _second: int) -> tuple[bytes, bytes] | None:
        return _MOVED if here.addresses is not None and here.addresses[0] + begin in self.derived else None

    def _number(self, here: Here, begin: int, first: int, second: int) -> tuple[bytes, bytes] | None:
        """Return whether it is the upper half of r_info in an entry of three words, and the symbol is the same."""
        if not self.numbers or here.addresses is None or here.base is None or self.width == WORD:
            return None
        inside = (here.addresses[0] + begin - here.base[0]) % (3 * self.width) == self.width + WORD
        return _MOVED if inside and self.numbers.get(first) == second else None

    def _string(self, _here: Here, _begin: int, first: int, second: int) -> tuple[bytes, bytes] | None:
        return next((texts for table in self.strings if (texts := table.texts(first, second)) is not None), None)

    def _place(self, _here: Here, _begin: int, first: int, second: int) -> tuple[bytes, bytes] | None:
        moved = any(first < size and table.place(first) == second for table, size in self.places)
        return _MOVED if first != second and moved else None

    def _long_string(self, here: Here, begin: int, first: int, second: int) -> tuple[bytes, bytes] | None:
        return self._string(here, begin, first, second) if here.base else None

    def _address(self, _here: Here, _begin: int, first: int, second: int) -> tuple[bytes, bytes] | None:
        fits = (first, second) in self.sizes or (
            self.layout.moved and first != second and self.layout.place(first) == second
        )
        return _MOVED if fits else None

    def _distance(self, here: Here, begin: int, ours: int, theirs: int) -> tuple[bytes, bytes] | None:
        if not self.layout.moved or here.addresses is None or here.base is None or here.part is None:
            return None
        first, second = here.addresses[0] + begin, here.addresses[1] + begin
        ours, theirs = signed(ours), signed(theirs)
        counted = ((first + after, second + after) for after in _AFTER)
        fits = any(
            self.layout.place(from_ + ours) == there + theirs for from_, there in (*counted, here.base, here.part)
        )
        fits = fits or self.layout.place(first - ours) == second - theirs  # as a record of .eh_frame refers back
        return _MOVED if fits or self._entry(theirs - ours, second - first) else None

    def _entry(self, grown: int, shift: int) -> bool:
        """Return whether a word grew like an entry of a jump table, which is relative to the table."""
        code = self.layout.code_shift()
        return code is not None and grown != 0 and grown == code - shift


def signed(word: int) -> int:
    """Return a word of 32 bits as a signed number."""
    return word - (1 << 32) if word >= 1 << 31 else word


def layout(spans: Sequence[Span]) -> Layout:
    """Sort the sections by address; sections that overlap are left out."""
    ordered = sorted(spans, key=lambda span: (span.first, span.first_end))
    overlap = any(first.first_end > second.first for first, second in pairwise(ordered))
    moved = any(
        span.shift or span.alignment is not None or span.first_end - span.first != span.second_end - span.second
        for span in ordered
    )
    return Layout() if overlap else Layout(tuple(ordered), moved)
