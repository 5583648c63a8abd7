"""Follows the order of dynamic symbols: their versions, and the hash table by which the loader looks them up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.formats import elf_symbols
from orchestrator.analysis.formats.alignment import Alignment, Gap
from orchestrator.analysis.formats.elf_loaded import RELOCATIONS, Token
from orchestrator.analysis.formats.elf_symbols import FOR_THE_LOADER, Shuffle
from orchestrator.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.analysis.formats.elf import Elf
    from orchestrator.analysis.formats.elf_loaded import File, Files
    from orchestrator.analysis.formats.elf_symbols import Pair

SAME_NUMBER = ": the same number of another symbol"
"""Suffix of a token of relocations that are the same words on both sides, but lead to different symbols."""

HASH, VERSIONS = "SHT_GNU_HASH", "SHT_GNU_versym"

_WORD = 4
_VERSION = 2  # bytes of an entry of .gnu.version
_LARGEST = 8 << 20
_MOST_KEPT = 200  # relocations that are listed


def numbers(files: Files) -> dict[int, int]:
    """Map each dynamic symbol's number to that of the same name in the second file; empty if they do not correspond."""
    ours, theirs = (elf_symbols.read(file.content, file.elf, FOR_THE_LOADER) for file in files)
    if ours is None or theirs is None:
        return {}
    there = {symbol.name: number for number, symbol in enumerate(theirs)}
    found = {number: there[symbol.name] for number, symbol in enumerate(ours) if symbol.name in there}
    return found if len(found) == len(set(found.values())) == len(ours) == len(theirs) else {}


def shuffles(pairs: Sequence[Pair], files: Files, order: Mapping[int, int]) -> dict[str, Shuffle]:
    """Pair the entries of the table of dynamic symbols, and their versions, by the order of the symbols' numbers."""
    if all(ours == theirs for ours, theirs in order.items()):
        return {}
    sizes = {FOR_THE_LOADER: 6 * _WORD if files[0].elf.width > _WORD else 4 * _WORD, VERSIONS: _VERSION}
    return {pair[0].name: _shuffle(order, sizes[pair[0].kind]) for pair in pairs if pair[0].kind in sizes}


def _shuffle(order: Mapping[int, int], size: int) -> Shuffle:
    gaps = (Gap(size * ours, size * (ours + 1), size * theirs, size * (theirs + 1)) for ours, theirs in order.items())
    return Shuffle(Alignment(tuple(sorted(gaps, key=lambda gap: gap.first))))


def kept(
    files: Files, pairs: Sequence[Pair], shuffled: Mapping[str, Shuffle], order: Mapping[int, int]
) -> Iterator[Token]:
    """List relocations with the same symbol's number on both sides, though it is another symbol on the second."""
    symbols = elf_symbols.read(files[0].content, files[0].elf, FOR_THE_LOADER) or ()
    for pair in pairs if any(ours != theirs for ours, theirs in order.items()) else ():
        if pair[0].kind in RELOCATIONS and pair[0].loaded and pair[0].size <= _LARGEST:
            found = [
                (at, ours)
                for at, ours, theirs in _numbers(files, pair, shuffled.get(pair[0].name))
                if ours == theirs != order.get(ours, ours)
            ][:_MOST_KEPT]
            first = (b"0x%x: to %b\n" % (at, symbols[number].name.encode()) for at, number in found)
            second = (b"0x%x: to symbol %d, not to %d\n" % (at, number, order[number]) for at, number in found)
            yield Token(pair[0].name + SAME_NUMBER, b"".join(first), b"".join(second), Severity.DATA)


def _numbers(files: Files, pair: Pair, shuffle: Shuffle | None) -> Iterator[tuple[int, int, int]]:
    """Yield the offset of each relocation, and the number of its symbol on both sides."""
    alignment = Alignment() if shuffle is None else shuffle.alignment
    first, second = (file.content.read(one.offset, one.size) for file, one in zip(files, pair, strict=True))
    words = 3 if pair[0].kind == "SHT_RELA" else 2
    for at in range(0, len(first), words * files[0].elf.width):
        if (there := alignment.place(at)) is not None:
            yield at, _symbol(first, at, files[0].elf), _symbol(second, there, files[0].elf)


def _symbol(data: bytes, at: int, found: Elf) -> int:
    """Return the number of the symbol in an entry: the upper part of its second word."""
    info = int.from_bytes(data[at + found.width : at + 2 * found.width], found.order)
    return info >> (8 * _WORD if found.width > _WORD else 8)


def is_derived(pair: Pair, files: Files) -> bool:
    """Return whether a section is on both sides exactly the hash table of the dynamic symbols."""
    return pair[0].kind == HASH and all(
        _is_hash(file, section.offset, section.size) for file, section in zip(files, pair, strict=True)
    )


def _is_hash(file: File, offset: int, size: int) -> bool:
    """Check a table of GNU's form: its filter, its buckets and its chains, for every symbol."""
    symbols = elf_symbols.read(file.content, file.elf, FOR_THE_LOADER)
    raw = file.content.read(offset, min(size, _LARGEST))
    width, order = file.elf.width, file.elf.order
    words = [int.from_bytes(raw[at : at + _WORD], order) for at in range(0, len(raw) - _WORD + 1, _WORD)]
    if symbols is None or len(words) < _WORD:
        return False
    count, begin, filters, shift = words[:4]
    hashes = [_hash(symbol.name) for symbol in symbols[begin:]]
    if not count or not filters or max(count, filters) > len(raw) or order != "little":
        return False
    table = (*_buckets(hashes, count, begin), *_chains(hashes, count))
    bloom = _filter(hashes, filters, shift, 8 * width).to_bytes(filters * width, order)
    return raw[4 * _WORD :] == bloom + b"".join(word.to_bytes(_WORD, order) for word in table)


def _filter(hashes: Sequence[int], count: int, shift: int, bits: int) -> int:
    """Return the words of the Bloom filter, as one number."""
    found = 0
    for one in hashes:
        at = bits * (one // bits % count)
        found |= 1 << at + one % bits | 1 << at + (one >> min(shift, bits)) % bits
    return found


def _buckets(hashes: Sequence[int], count: int, begin: int) -> list[int]:
    """Return the number of the first symbol of each bucket; 0 if it has none."""
    found = [0] * count
    for number, one in enumerate(hashes):
        found[one % count] = found[one % count] or begin + number
    return found


def _chains(hashes: Sequence[int], count: int) -> list[int]:
    """Return the hashes, the lowest bit of each marking the end of its bucket."""
    following = [*(one % count for one in hashes[1:]), count]
    return [one & ~1 | (one % count != after) for one, after in zip(hashes, following, strict=False)]


def _hash(name: str) -> int:
    found = 5381
    for byte in name.encode("ascii", "replace"):
        found = (found * 33 + byte) & 0xFFFF_FFFF
    return found
