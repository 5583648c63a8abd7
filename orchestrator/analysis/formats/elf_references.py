"""Follows references between the sections of a library whose parts are in a different order."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from orchestrator.analysis.formats.alignment import Alignment, Gap
from orchestrator.analysis.formats.elf_loaded import LARGEST, RELOCATIONS, Token
from orchestrator.analysis.formats.elf_symbols import Shuffle
from orchestrator.analysis.formats.machine_words import WORD, signed
from orchestrator.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orchestrator.analysis.formats.elf_loaded import Files
    from orchestrator.analysis.formats.elf_symbols import Pair
    from orchestrator.analysis.formats.machine_words import Layout

KEPT = ": references to what moved"
"""Suffix of a token of references that are the same words on both sides, but lead to different symbols."""

X86_64 = "EM_X86_64"
"""The machine whose references in code are recognized."""

_FOR_DATA = ".rodata"
_MOST_PLACES = 2_000_000  # in which references are sought
_MOST_KEPT = 200  # that are listed
# What precedes a displacement from the next instruction: the opcode of a call or a jump, or a ModRM byte.
_BEFORE = re.compile(rb"[\xe8\xe9\x05\x0d\x15\x1d\x25\x2d\x35\x3d]")


@dataclass(frozen=True, slots=True)
class _Part:
    """A section on both sides, and where its parts are."""

    pair: Pair
    data: tuple[bytes, bytes] = field(repr=False)
    alignment: Alignment


@dataclass(frozen=True, slots=True)
class _Reference:
    """A word that may be a reference: its offsets in the section, and the addresses that it leads to."""

    places: tuple[int, int]
    targets: tuple[int, int]
    same: bool  # whether the word is equal on both sides


def anchored(files: Files, pairs: Sequence[Pair], shuffled: Mapping[str, Shuffle]) -> dict[str, Shuffle]:
    """Pair the parts of read-only data without symbols by the references to them from what is paired already.

    A part extends to the next reference. It is left out where it is longer on one side.
    """
    wanted = [one for one in pairs if one[0].name.startswith(_FOR_DATA) and one[0].name not in shuffled and one[0].size]
    found: dict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    for reference in _references(files, pairs, shuffled) if wanted else ():
        for ours, theirs in wanted:
            first, second = reference.targets[0] - ours.address, reference.targets[1] - theirs.address
            if 0 <= first < ours.size and 0 <= second < theirs.size:
                found[ours.name][first, second] += 1
    sizes = {ours.name: (ours.size, theirs.size) for ours, theirs in wanted}
    return {name: Shuffle(_between(counts, sizes[name])) for name, counts in found.items()}


def _between(counts: Counter[tuple[int, int]], sizes: tuple[int, int]) -> Alignment:
    there: dict[int, int] = {}
    taken: set[int] = set()
    for (first, second), _ in counts.most_common():
        if first not in there and second not in taken:
            there[first] = second
            taken.add(second)
    if 0 not in there and 0 not in taken:
        there[0] = 0
    ends = dict(pairwise([*sorted(there.values()), sizes[1]]))
    gaps = []
    for first, end in pairwise([*sorted(there), sizes[0]]):
        second = there[first]
        size = min(end - first, ends[second] - second)
        gaps.append(Gap(first, first + size, second, second + size))
        if size < end - first:
            gaps.append(Gap(first + size, end, second + size, second + size))
        if size < ends[second] - second:
            gaps.append(Gap(end, end, second + size, ends[second]))
    return Alignment(tuple(sorted(gaps, key=lambda gap: (gap.first, gap.first_end))))


def kept(
    files: Files, pairs: Sequence[Pair], shuffled: Mapping[str, Shuffle], placed: Layout, names: Mapping[int, str]
) -> Iterator[Token]:
    """List references whose words are equal, though the symbol that they lead to has moved.

    Where the order of symbols changed, the second file refers to another symbol there. `names` are the symbols of the
    first file that may have moved, by address. On machines other than x86-64 only whole addresses are recognized.
    """
    if not shuffled:
        return
    relocated = {ours.name for ours, _ in pairs if ours.kind in RELOCATIONS}  # whose words are addresses, no accidents
    found: dict[str, list[tuple[_Reference, int]]] = defaultdict(list)
    for name, reference in _named_references(files, pairs, shuffled):
        target = reference.targets[0]
        if reference.same and (target in names or name in relocated):
            there = placed.place(target)
            if there is not None and there != reference.targets[1] and len(found[name]) < _MOST_KEPT:
                found[name].append((reference, there))
    code = {ours.name for ours, _ in pairs if ours.executable}
    for name, references in found.items():
        first = (b"0x%x: to %b\n" % (one.places[0], _named(one.targets[0], names)) for one, _ in references)
        second = (b"0x%x: to 0x%x, not to 0x%x\n" % (one.places[0], one.targets[1], there) for one, there in references)
        yield Token(name + KEPT, b"".join(first), b"".join(second), Severity.CODE if name in code else Severity.DATA)


def _named(target: int, names: Mapping[int, str]) -> bytes:
    return names.get(target, f"{target:#x}").encode()


def _references(files: Files, pairs: Iterable[Pair], shuffled: Mapping[str, Shuffle]) -> Iterator[_Reference]:
    for _, reference in _named_references(files, pairs, shuffled):
        yield reference


def _named_references(
    files: Files, pairs: Iterable[Pair], shuffled: Mapping[str, Shuffle]
) -> Iterator[tuple[str, _Reference]]:
    """Yield what may be a reference in any loaded section, with the section's name."""
    native = dict(files[0].elf.header).get("e_machine") == X86_64
    room = _MOST_PLACES
    for pair in pairs:
        if not (pair[0].loaded and pair[1].loaded and 0 < pair[0].size <= LARGEST and pair[1].size <= LARGEST):
            continue
        part = _part(files, pair, shuffled)
        seek = _in_code(part, files) if pair[0].executable and native else _in_data(part, files)
        for reference in seek:
            room -= 1
            if room < 0:
                return
            yield pair[0].name, reference


def _part(files: Files, pair: Pair, shuffled: Mapping[str, Shuffle]) -> _Part:
    first, second = (file.content.read(section.offset, section.size) for file, section in zip(files, pair, strict=True))
    shuffle = shuffled.get(pair[0].name)
    return _Part(pair, (first, second), Alignment() if shuffle is None else shuffle.alignment)


def _in_code(part: _Part, files: Files) -> Iterator[_Reference]:
    """Yield the displacements of x86-64, each from the end of its word."""
    order = files[0].elf.order
    for match in _BEFORE.finditer(part.data[0]):
        at = match.end()
        there = part.alignment.place(at - 1)
        if there is None or part.data[1][there : there + 1] != match[0]:
            continue
        words = part.data[0][at : at + WORD], part.data[1][there + 1 : there + 1 + WORD]
        if len(words[0]) == len(words[1]) == WORD:
            ends = part.pair[0].address + at + WORD, part.pair[1].address + there + 1 + WORD
            targets = (
                ends[0] + signed(int.from_bytes(words[0], order)),
                ends[1] + signed(int.from_bytes(words[1], order)),
            )
            yield _Reference((at, there + 1), targets, words[0] == words[1])


def _in_data(part: _Part, files: Files) -> Iterator[_Reference]:
    """Yield the aligned words that are not zero, as addresses."""
    width, order = files[0].elf.width, files[0].elf.order
    for at in range(-part.pair[0].address % width, len(part.data[0]) - width + 1, width):
        word = part.data[0][at : at + width]
        if not any(word) or (there := part.alignment.place(at)) is None:
            continue
        other = part.data[1][there : there + width]
        if len(other) == width:
            yield _Reference((at, there), (int.from_bytes(word, order), int.from_bytes(other, order)), word == other)
