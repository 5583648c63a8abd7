"""Lists the differences of two versions of a section as texts, not as offsets that happen to change."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.analysis.formats.alignment import is_padding, runs, whole_text
from orchestrator.analysis.formats.machine_words import WORD, Here

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.analysis.causes.model import Content
    from orchestrator.analysis.formats.alignment import Alignment, Gap
    from orchestrator.analysis.formats.machine_words import Dictionary

_PIECE = 1 << 20
_MARGIN = 1 << 13
_MOST_BYTES = 4 << 20  # of the texts listed for one section
_MOST_MOVED = 50  # words that only moved, listed one by one
_MOST_WORDS = 4_000_000  # that are compared
_MOST_RUNS = 2000  # of bytes of unknown meaning; with more, two sections have too little in common
_SAMPLE = 96  # bytes that are shown of a side that differs too much to be listed
_TEXT, _TEXT_IN_CODE = re.compile(rb"[\x20-\x7e]{4}"), re.compile(rb"[\x20-\x7e]{8}")
_LETTERS = str.maketrans("0123456789abcdef", "ghijklmnopqrstuv")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a content, itself readable as a content."""

    content: Content
    offset: int
    size: int

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes from there on, fewer at the end."""
        return self.content.read(self.offset + offset, max(0, min(size, self.size - offset)))


@dataclass(frozen=True, slots=True)
class BytesContent:
    """Bytes as a content."""

    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes from there on, fewer at the end."""
        return self.data[offset : offset + size]


@dataclass(frozen=True, slots=True)
class Spelled:
    """The differences of two sides: line by line, first and second; and the words that only moved."""

    texts: tuple[bytes, bytes]
    moved: tuple[bytes, bytes]


def contents_equal(first: Content, second: Content) -> bool:
    """Return whether two contents are equal, reading them in pieces."""
    pieces = range(0, first.size, _PIECE)
    return first.size == second.size and all(first.read(at, _PIECE) == second.read(at, _PIECE) for at in pieces)


def beyond(first: Content, second: Content) -> tuple[bytes, bytes]:
    """Summarize two sides that differ too much to be listed: size, digest, and a sample from the first unequal byte.

    No eraser matches the digest.
    """
    at = _first_unlike(first, second)
    return _seal(first, at), _seal(second, at)


def _first_unlike(first: Content, second: Content) -> int:
    """Return the offset of the first byte that differs; the shorter's size if there is none."""
    size = min(first.size, second.size)
    for at in range(0, size, _PIECE):
        ours, theirs = first.read(at, min(_PIECE, size - at)), second.read(at, min(_PIECE, size - at))
        if ours != theirs:
            return at + next((begin for begin, _ in runs(ours, theirs)), 0)
    return size


def _seal(content: Content, at: int) -> bytes:
    sha256 = hashlib.sha256()
    for begin in range(0, content.size, _PIECE):
        sha256.update(content.read(begin, _PIECE))
    digest = sha256.hexdigest()[:32].translate(_LETTERS).encode()
    return b"%d bytes (digest %b), from 0x%x: %b" % (content.size, digest, at, in_hex(content.read(at, _SAMPLE)))


def in_hex(data: bytes) -> bytes:
    """Return bytes as escapes, in which no eraser finds a date or an identifier."""
    return b"".join(b"\\x%02x" % byte for byte in data)


def spell(
    first: Content,
    second: Content,
    alignment: Alignment,
    dictionary: Dictionary | None,
    addresses: tuple[int, int] | None,
    lengths: frozenset[int] = frozenset(),
    names: Callable[[int], str] | None = None,
    *,
    code: bool = False,
) -> Spelled:
    """List the differences of a section, in the gaps of its alignment.

    A word that the dictionary knows is spelled as the text that it refers to; if the text is the same on
    both sides, the word only moved. Bytes that are no text, and shorter ones in `code`, are spelled in hex.
    `addresses` are those of the section in memory, `lengths` the offsets on the first side of words that are
    lengths of the data after them, and `names` gives the symbol at an offset of the first side.
    """
    speller = _Speller(first, second, dictionary, addresses, _TEXT_IN_CODE if code else _TEXT, names)
    for gap in alignment.gaps:
        if not speller.full() and gap.first not in lengths:
            speller.gap(gap)
    return speller.spelled()


def spell_strings(first: bytes, second: bytes, alignment: Alignment) -> tuple[bytes, bytes]:
    """List the strings of a table that are on one side only, each ended by NUL.

    Their order is irrelevant: it derives from a hash of their texts, and references to them are
    compared separately.
    """
    ours = Counter(text for gap in alignment.gaps for text in _texts(first, gap.first, gap.first_end))
    theirs = Counter(text for gap in alignment.gaps for text in _texts(second, gap.second, gap.second_end))
    found = [b"".join(text + b"\0" for text in each.elements()) for each in (ours - theirs, theirs - ours)]
    return (
        (found[0], found[1])
        if sum(map(len, found)) <= _MOST_BYTES
        else beyond(BytesContent(first), BytesContent(second))
    )


def _texts(data: bytes, begin: int, end: int) -> list[bytes]:
    found = data[begin:end].split(b"\0")
    return found if found[-1] else found[:-1]


@dataclass(slots=True)
class _Speller:
    first: Content
    second: Content
    dictionary: Dictionary | None
    addresses: tuple[int, int] | None
    readable: re.Pattern[bytes]  # in what is shown as a text
    names: Callable[[int], str] | None = None
    texts: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))
    moved: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))
    words: int = 0
    runs: int = 0
    listed_texts: set[tuple[bytes, bytes]] = field(default_factory=set)  # texts of words, each listed once
    listed: int = 0
    done: int = 0  # offset on the first side, before which everything is explained

    def full(self) -> bool:
        size = len(self.texts[0]) + len(self.texts[1])
        return size > _MOST_BYTES or self.words > _MOST_WORDS or self.runs > _MOST_RUNS

    def spelled(self) -> Spelled:
        if self.full():
            return Spelled(beyond(self.first, self.second), (b"", b""))
        return Spelled(
            (bytes(self.texts[0]), bytes(self.texts[1])),
            (bytes(self.moved[0]), bytes(self.moved[1])),
        )

    def gap(self, gap: Gap) -> None:
        if gap.even:
            self._even(gap)
            return
        size, other = gap.first_end - gap.first, gap.second_end - gap.second
        if size + other > _MOST_BYTES:
            self.words = _MOST_WORDS + 1
            return
        ours, theirs = self.first.read(gap.first, size), self.second.read(gap.second, other)
        ends = self.first.size, self.second.size
        texts = ours.rstrip(b"\0"), theirs.rstrip(b"\0")
        if is_padding(ours[len(texts[0]) :], theirs[len(texts[1]) :], gap, ends):
            ours, theirs = texts
        if ours != theirs:
            self._text(gap.first, ours, theirs)
        else:
            self._moved(gap.first, size, other)
        self.done = gap.first_end

    def _text(self, at: int, ours: bytes, theirs: bytes) -> None:
        if not (self.readable.search(ours) or self.readable.search(theirs)):
            ours, theirs = in_hex(ours), in_hex(theirs)
        where = self._where(at)
        self.texts[0].extend(b"%b: %b\n" % (where, ours))
        self.texts[1].extend(b"%b: %b\n" % (where, theirs))

    def _where(self, at: int) -> bytes:
        """Return an offset on the first side, with the symbol that covers it."""
        name = self.names(at) if self.names else ""
        return (f"0x{at:x} ({name})" if name else f"0x{at:x}").encode()

    def _moved(self, at: int, first: int, second: int) -> None:
        self.listed += 1
        if self.listed <= _MOST_MOVED:
            where = self._where(at)
            self.moved[0].extend(b"%b: 0x%x\n" % (where, first))
            self.moved[1].extend(b"%b: 0x%x\n" % (where, second))

    def _even(self, gap: Gap) -> None:
        shift = gap.second - gap.first
        for at in range(gap.first, gap.first_end, _PIECE):
            size = min(_PIECE, gap.first_end - at)
            if self.first.read(at, size) != self.second.read(at + shift, size):
                self._piece(at, at + size, shift, gap)
            if self.full():
                return

    def _piece(self, begin: int, end: int, shift: int, gap: Gap) -> None:
        low, high = max(0, begin - _MARGIN, -shift), min(gap.first_end, end + _MARGIN)
        ours, theirs = self.first.read(low, high - low), self.second.read(low + shift, high - low)
        for run, run_end in runs(ours[begin - low : end - low], theirs[begin - low : end - low]):
            at = max(run + begin, self.done)
            if at < run_end + begin and self.dictionary and self.dictionary.is_shifted(ours, theirs, at - low):
                self.words += 1
                self._moved(at, 0, 1)
                self.done = at + WORD
                at = self.done
            while at < run_end + begin:
                self._one(ours, theirs, at - low, run_end + begin - low, (low, shift, gap.first))
                at = max(at + 1, self.done)

    def _one(self, ours: bytes, theirs: bytes, at: int, end: int, where: tuple[int, int, int]) -> None:
        self.words += 1
        low, shift, part = where
        floor = max(0, self.done - low)
        found = None
        if self.dictionary is not None:
            inside = (self.addresses[0] + low, self.addresses[1] + low + shift) if self.addresses else None
            whole = (self.addresses[0] + part, self.addresses[1] + part + shift) if self.addresses else None
            found = self.dictionary.meaning(Here(ours, theirs, at, inside, self.addresses, whole, floor))
        if found is None:
            self.runs += 1
            begin, whole_end = whole_text(ours, at, end, floor)
            if self.readable.search(ours[begin:whole_end]) or self.readable.search(theirs[begin:whole_end]):
                end = whole_end
            else:
                begin = at
            self._text(begin + low, ours[begin:end], theirs[begin:end])
            self.done = end + low
            return
        begin, end, texts = found
        if texts[0] == texts[1] or texts in self.listed_texts:
            self._moved(begin + low, int.from_bytes(ours[begin:end], "big"), int.from_bytes(theirs[begin:end], "big"))
        else:
            self.listed_texts.add(texts)
            self._text(begin + low, *texts)
        self.done = end + low
