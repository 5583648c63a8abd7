"""Normalizes native members: shared objects, objects, and static libraries of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.erasers import changed, differing, token
from orchestrator.analysis.causes.model import NormalizedMember
from orchestrator.analysis.formats import ar, elf, elf_sections, text
from orchestrator.analysis.formats.elf_headers import MOVED
from orchestrator.analysis.formats.elf_loaded import Token
from orchestrator.analysis.formats.elf_sections import UNORDERED
from orchestrator.analysis.formats.render import beyond, contents_equal
from orchestrator.model import LADDER, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.analysis.causes.model import Content, SidePair
    from orchestrator.analysis.formats.ar import Library


KIND, RAW = "elf", "raw"

HEADER = ": header of ar"
"""Suffix of a token with the time, owner, group and mode of an object in a static library; no linker reads them."""


# --- normalizing ---------------------------------------------------------------------------------


def normalize(path: str, first: Content, second: Content) -> tuple[NormalizedMember, NormalizedMember]:
    """Normalize a native member of two wheels into the tokens in which they differ.

    Anything but an intact ELF file or static library is one token of a normalized member of kind "raw".
    No content raises an exception; `depths` is the severity of a difference in each token.
    """
    libraries = ar.read(first), ar.read(second)
    if libraries[0] is not None and libraries[1] is not None:
        return _member_pair(path, KIND, _library(libraries[0], libraries[1], first, second))
    return _member_pair(path, *_object(first, second))


def _member_pair(path: str, kind: str, tokens: Iterable[Token]) -> tuple[NormalizedMember, NormalizedMember]:
    found = [token for token in tokens if token.first != token.second]
    depths = {token.name: token.depth for token in found}
    first, second = ({token.name: (token.first, token.second)[side] for token in found} for side in (0, 1))
    return NormalizedMember(path, kind, first, depths), NormalizedMember(path, kind, second, depths)


def _object(first: Content, second: Content) -> tuple[str, tuple[Token, ...]]:
    ours, theirs = elf.read(first), elf.read(second)
    if ours is not None and theirs is not None:
        return KIND, elf_sections.tokens(first, second, ours, theirs)
    members = text.raw("", RAW, first, second, Severity.CODE)
    left, right = (dict(member.tokens) for member in members)
    return RAW, tuple(
        Token(place, left.get(place, b""), right.get(place, b""), Severity.CODE) for place in left | right
    )


def _library(ours: Library, theirs: Library, first: Content, second: Content) -> Iterator[Token]:
    tokens = list(_members(ours, theirs))
    yield from tokens
    if all(token.first == token.second for token in tokens):
        yield Token("layout", *beyond(first, second), Severity.DEBUG)


def _members(ours: Library, theirs: Library) -> Iterator[Token]:
    names = ["\n".join(member.name for member in each.objects).encode() for each in (ours, theirs)]
    yield Token("members", names[0], names[1], Severity.CODE)
    indexes = ["\n".join(f"{symbol}: {name}" for symbol, name in each.index).encode() for each in (ours, theirs)]
    yield Token("index", indexes[0], indexes[1], Severity.DATA)
    tables = ["\n".join(each.tables).encode() for each in (ours, theirs)]
    yield Token("tables" + HEADER, tables[0], tables[1], Severity.METADATA)
    there = {member.name: member for member in theirs.objects}
    for first in ours.objects:
        second = there.get(first.name)
        if second is None:
            continue
        yield Token(first.name + HEADER, first.header.encode(), second.header.encode(), Severity.METADATA)
        if not contents_equal(first.content, second.content):
            for token in _object(first.content, second.content)[1]:
                yield replace(token, name=f"{first.name}: {token.name}")


# --- erasing -------------------------------------------------------------------------------------


def erase_derived(pair: SidePair) -> SidePair:
    """Erase derived differences: those that follow from others which are erased.

    The order of the strings of a table that is not loaded is irrelevant. Words that only moved are equal
    if everything else that is loaded has become equal: nothing else can have moved them.
    """
    found = {}
    for name in differing(pair):
        texts = token(pair, name)
        if name.endswith(UNORDERED) and sorted(texts[0].split(b"\0")) == sorted(texts[1].split(b"\0")):
            found[name] = (texts[0], texts[0])
    pair = changed(pair, found)
    left = [name for name in differing(pair) if is_deep(pair, name)]
    moved = [name for name in differing(pair) if name.endswith(MOVED)]
    origins = [name for name in pair[0].member.tokens if is_deep(pair, name) and not name.endswith(MOVED)]
    if origins and set(left) <= set(moved):
        return changed(pair, dict.fromkeys(moved, (b"", b"")))
    return pair


def is_deep(pair: SidePair, name: str) -> bool:
    """Return whether a difference in that token is deeper than debug information."""
    depth = pair[0].member.depths.get(name) or pair[1].member.depths.get(name) or Severity.CODE
    return LADDER.index(depth) > LADDER.index(Severity.DEBUG)
