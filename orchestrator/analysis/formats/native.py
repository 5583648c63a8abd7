"""Native members, taken apart: shared objects, objects, and static libraries of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.erasers import changed, differing, unit
from orchestrator.analysis.causes.model import NormalizedMember
from orchestrator.analysis.formats import ar, elf, elf_sections, text
from orchestrator.analysis.formats.elf_headers import MOVED
from orchestrator.analysis.formats.elf_loaded import Unit
from orchestrator.analysis.formats.elf_sections import UNORDERED
from orchestrator.analysis.formats.render import beyond, same
from orchestrator.model import LADDER, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.analysis.causes.model import Content, SidePair
    from orchestrator.analysis.formats.ar import Library


KIND, RAW = "elf", "raw"


# --- taking apart --------------------------------------------------------------------------------


def take_apart(path: str, first: Content, second: Content) -> tuple[NormalizedMember, NormalizedMember]:
    """Take a native member of two wheels apart, into the places in which they differ.

    What is no ELF file and no static library, or a broken one, is one unit of a view of kind "raw".
    Never raises for what a member holds; `depths` tells of each unit how deep a difference goes.
    """
    libraries = ar.read(first), ar.read(second)
    if libraries[0] is not None and libraries[1] is not None:
        return _views(path, KIND, _library(libraries[0], libraries[1], first, second))
    return _views(path, *_object(first, second))


def _views(path: str, kind: str, units: Iterable[Unit]) -> tuple[NormalizedMember, NormalizedMember]:
    found = [unit for unit in units if unit.first != unit.second]
    depths = {unit.name: unit.depth for unit in found}
    first, second = ({unit.name: (unit.first, unit.second)[side] for unit in found} for side in (0, 1))
    return NormalizedMember(path, kind, first, depths), NormalizedMember(path, kind, second, depths)


def _object(first: Content, second: Content) -> tuple[str, tuple[Unit, ...]]:
    ours, theirs = elf.read(first), elf.read(second)
    if ours is not None and theirs is not None:
        return KIND, elf_sections.units(first, second, ours, theirs)
    views = text.raw("", RAW, first, second, Severity.CODE)
    one, other = (dict(view.units) for view in views)
    return RAW, tuple(Unit(place, one.get(place, b""), other.get(place, b""), Severity.CODE) for place in one | other)


def _library(ours: Library, theirs: Library, first: Content, second: Content) -> Iterator[Unit]:
    units = list(_members(ours, theirs))
    yield from units
    if all(unit.first == unit.second for unit in units):
        yield Unit("layout", *beyond(first, second), Severity.DEBUG)


def _members(ours: Library, theirs: Library) -> Iterator[Unit]:
    names = ["\n".join(one.name for one in each.objects).encode() for each in (ours, theirs)]
    yield Unit("members", names[0], names[1], Severity.CODE)
    indexes = ["\n".join(f"{symbol}: {name}" for symbol, name in each.index).encode() for each in (ours, theirs)]
    yield Unit("index", indexes[0], indexes[1], Severity.DATA)
    tables = ["\n".join(each.tables).encode() for each in (ours, theirs)]
    yield Unit("tables: header", tables[0], tables[1], Severity.DEBUG)
    there = {one.name: one for one in theirs.objects}
    for one in ours.objects:
        other = there.get(one.name)
        if other is None:
            continue
        yield Unit(f"{one.name}: header", one.header.encode(), other.header.encode(), Severity.DEBUG)
        if not same(one.content, other.content):
            for unit in _object(one.content, other.content)[1]:
                yield replace(unit, name=f"{one.name}: {unit.name}")


# --- erasing -------------------------------------------------------------------------------------


def settle(pair: SidePair) -> SidePair:
    """Make equal what follows from the rest, once the rest is.

    The order of the strings of a table that is not loaded says nothing. And words that only moved
    are equal where all else that is loaded is, once it was made so: nothing else can have moved them.
    """
    found = {}
    for name in differing(pair):
        texts = unit(pair, name)
        if name.endswith(UNORDERED) and sorted(texts[0].split(b"\0")) == sorted(texts[1].split(b"\0")):
            found[name] = (texts[0], texts[0])
    pair = changed(pair, found)
    left = [name for name in differing(pair) if is_deep(pair, name)]
    moved = [name for name in differing(pair) if name.endswith(MOVED)]
    origins = [name for name in pair[0].view.units if is_deep(pair, name) and not name.endswith(MOVED)]
    if origins and set(left) <= set(moved):
        return changed(pair, dict.fromkeys(moved, (b"", b"")))
    return pair


def is_deep(pair: SidePair, name: str) -> bool:
    """Return whether a difference in that unit is deeper than debug information."""
    depth = pair[0].view.depths.get(name) or pair[1].view.depths.get(name) or Severity.CODE
    return LADDER.index(depth) > LADDER.index(Severity.DEBUG)
