"""Follows the order of objects in the arrays of functions that run when a library is loaded or unloaded."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from orchestrator.analysis.formats.alignment import Alignment, Gap
from orchestrator.analysis.formats.elf_symbols import Shuffle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.analysis.formats.elf import Section
    from orchestrator.analysis.formats.elf_loaded import File, Files
    from orchestrator.analysis.formats.elf_symbols import Pair, Symbol

Names = tuple[tuple[str, ...], tuple[str, ...]]
"""The functions of an array, on both sides."""

KINDS = ("SHT_PREINIT_ARRAY", "SHT_INIT_ARRAY", "SHT_FINI_ARRAY")

_MOST = 500  # functions of an array
_FUNCTION = 2  # STT_FUNC


def shuffles(
    files: Files,
    pairs: Sequence[Pair],
    symbols: tuple[Sequence[Symbol], Sequence[Symbol]],
    place: Callable[[int], int | None],
) -> dict[str, Shuffle]:
    """Pair the entries of each array by the functions that they lead to, by section name.

    `place` maps an address of the first file to the second. An array is left out unless its order follows the order
    of the functions themselves: two entries may have swapped only if their functions have swapped, too.
    """
    found = {}
    for pair in pairs:
        if pair[0].kind in KINDS and pair[1].kind == pair[0].kind and pair[0].size == pair[1].size:
            ours, theirs = (_targets(file, section) for file, section in zip(files, pair, strict=True))
            partners = [place(target) for target in ours]
            if partners != theirs and _follows(ours, partners, theirs):
                found[pair[0].name] = _shuffle(files[0].elf.width, partners, theirs, _names((ours, theirs), symbols))
    return found


def _targets(file: File, section: Section) -> list[int]:
    """Return the addresses in an array; none if it is too long."""
    width = file.elf.width
    if section.size > _MOST * width or section.size % width:
        return []
    raw = file.content.read(section.offset, section.size)
    return [int.from_bytes(raw[at : at + width], file.elf.order) for at in range(0, len(raw), width)]


def _follows(ours: Sequence[int], partners: Sequence[int | None], theirs: Sequence[int]) -> bool:
    """Return whether the second array has the partners, and only such have swapped whose functions have swapped."""
    there = {target: number for number, target in enumerate(theirs)}
    if len(there) < len(theirs) or set(partners) != there.keys() or len(set(ours)) < len(ours):
        return False
    entries = [(target, other, there[other]) for target, other in zip(ours, partners, strict=True) if other is not None]
    return all(
        (first[0] < second[0]) != (first[1] < second[1])
        for first, second in combinations(entries, 2)
        if first[2] > second[2]
    )


def _shuffle(width: int, partners: Sequence[int | None], theirs: Sequence[int], names: Names) -> Shuffle:
    numbers = enumerate(theirs.index(other) for other in partners if other is not None)
    gaps = (Gap(width * here, width * (here + 1), width * there, width * (there + 1)) for here, there in numbers)
    return Shuffle(Alignment(tuple(gaps)), names)


def _names(targets: tuple[list[int], list[int]], symbols: tuple[Sequence[Symbol], Sequence[Symbol]]) -> Names:
    """Return the functions of both arrays; "?" without a symbol."""
    first, second = (
        tuple(named.get(target, "?") for target in each)
        for each, table in zip(targets, symbols, strict=True)
        for named in [{one.value: one.label for one in table if one.kind == _FUNCTION}]
    )
    return first, second
