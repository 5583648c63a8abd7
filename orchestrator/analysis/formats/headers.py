"""Normalizes METADATA, WHEEL, entry_points.txt and top_level.txt: into the items that differ, and their order."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from orchestrator.analysis.formats import spelling
from orchestrator.analysis.formats.text import UNITS, Lines, at_line, hashed, of_lines, text

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from orchestrator.analysis.formats.text import MemberPair
    from orchestrator.model import Severity

KIND = "metadata"
ORDER = "order of lines"
"""The place of the token of items that both sides have in a different order, which has no meaning there."""

REPEATED = "order of a repeated field"
"""The same, if a field that may occur once occurs again: a reader takes the first or the last."""

AGAIN = ", again"
"""The ending of the place of an item that one side has once more: both sides have another of its meaning."""

END = "end"
"""The place of the empty lines and the end of line with which headers end."""

_MOST = 5000  # headers of a document; one with more is a text
_EMPTY = re.compile(rb"\n\r?\n|\A\r?\n")
_SECTION = re.compile(rb"\[[^\[\]]+\]")
_FIELD = re.compile(rb"[A-Za-z][A-Za-z0-9-]{0,60}(?=:)")
_LONE_RETURN = re.compile(rb"\r(?!\n|\Z)")  # ends a line for Python's email package, and for no one else
_SEVERAL = frozenset(
    (b"classifier", b"dynamic", b"license-file", b"obsoletes", b"obsoletes-dist", b"platform", b"project-url",
     b"provides", b"provides-dist", b"provides-extra", b"requires", b"requires-dist", b"requires-external",
     b"supported-platform", b"tag", b"import-name", b"import-namespace")
)  # fmt: skip
"""Fields that may occur several times, in any order; of another, a reader takes the first or the last."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line, or a field with its continuation lines."""

    text: bytes  # with its ends of line, except the last
    line: int  # counted from 1
    group: bytes  # within which items are paired: the field, or the section
    meaning: bytes  # equal for two spellings of one meaning
    ordered: bool = False  # whether the order of the items of this group has a meaning


# --- METADATA and WHEEL ------------------------------------------------------------------------


def fields(path: str, first: bytes, second: bytes, depth: Severity) -> tuple[MemberPair, ...]:
    """Normalize two documents of headers, which have no order, and a body, which is text.

    A line that is no header ends the headers for some readers, so a document with one is a text. So is one in which a
    lone carriage return makes further lines for some readers.
    """
    (ours, one), (theirs, other) = (_parted(data) for data in (first, second))
    if max(ours.count(b"\n"), theirs.count(b"\n")) > _MOST or any(map(_LONE_RETURN.search, (ours, theirs))):
        return (text(path, "text", first, second, depth),)
    items = _items(ours.rstrip(b"\r\n")), _items(theirs.rstrip(b"\r\n"))
    if not all(item.group for side in items for item in side):
        return (text(path, "text", first, second, depth),)
    ends = Lines(END, *(head[len(head.rstrip(b"\r\n")) :] for head in (ours, theirs)))
    headers = of_lines(path, KIND, [*_unlike(*items), ends], depth)
    above = ours.count(b"\n"), theirs.count(b"\n")
    return headers, text(path, "text", one, other, depth, above=above)


def values(data: bytes) -> tuple[tuple[str, str], ...]:
    """Return the name, in lower case, and the unfolded value of each header of a document."""
    head = _parted(data)[0]
    items = _items(head.rstrip(b"\r\n")) if head.count(b"\n") <= _MOST else []
    return tuple(spelling.field(item.text) for item in items if item.group)


def body(data: bytes) -> bytes:
    """Return what follows the headers."""
    return _parted(data)[1]


def _parted(data: bytes) -> tuple[bytes, bytes]:
    """Split a document after the first empty line, which belongs to the headers."""
    empty = _EMPTY.search(data)
    return (data[: empty.end()], data[empty.end() :]) if empty else (data, b"")


def _items(head: bytes) -> list[Item]:
    """Return the headers, each with its continuation lines."""
    found: list[tuple[int, list[bytes]]] = []
    for number, line in enumerate(head.split(b"\n") if head else (), 1):
        if found and line[:1] in (b" ", b"\t"):
            found[-1][1].append(line)
        else:
            found.append((number, [line]))
    return [_header(number, b"\n".join(lines)) for number, lines in found]


def _header(line: int, written: bytes) -> Item:
    name = _FIELD.match(written)
    group = name[0].lower() if name else b""
    return Item(written, line, group, spelling.meaning(written), group not in _SEVERAL)


# --- entry_points.txt and top_level.txt ----------------------------------------------------------


def sections(path: str, first: bytes, second: bytes, depth: Severity) -> tuple[MemberPair, ...]:
    """Normalize two files of sections with keys, neither of which have an order; a line belongs to its section."""
    ours, theirs = _in_sections(first), _in_sections(second)
    if ours is None or theirs is None or max(len(ours), len(theirs)) > _MOST:
        return (text(path, "text", first, second, depth),)
    ends = Lines(END, *(data[len(data.rstrip(b"\r\n")) :] for data in (first, second)))
    return (of_lines(path, KIND, [*_unlike(ours, theirs), ends], depth),)


def _in_sections(data: bytes) -> list[Item] | None:
    """Return the lines with their sections.

    None where a section or a key occurs twice, a line continues another, or readers disagree on what is a line or a
    section.
    """
    found: list[Item] = []
    section = b""
    seen: set[tuple[bytes, bytes]] = set()
    body = data.rstrip(b"\r\n")
    if len(body.decode("utf-8", "replace").splitlines()) > body.count(b"\n") + 1:
        return None
    for number, line in enumerate(body.split(b"\n") if body else (), 1):
        bare = line.strip()
        if bare.startswith(b"["):
            if not _SECTION.fullmatch(bare):
                return None
            section = bare
        key = (section, bare if bare == section else re.split(rb"[=:]", bare, maxsplit=1)[0].strip())
        if bare and (key in seen or line[:1] in (b" ", b"\t")):
            return None
        seen.add(key)
        found.append(Item(line, number, section if bare else b"", spelling.key_meaning(line)))
    return found


# --- pairs -----------------------------------------------------------------------------------


def _unlike(first: Sequence[Item], second: Sequence[Item]) -> Iterator[Lines]:
    """Yield the items that differ, by their meaning or their place in their group, and the order of all."""
    pairs = _paired(first, second)
    gone = {id(item) for pair in pairs for item in pair}
    unlike: list[tuple[Item | None, Item | None]] = [(one, two) for one, two in pairs if one.text != two.text]
    unlike += [(item, None) for item in first if id(item) not in gone]
    unlike += [(None, item) for item in second if id(item) not in gone]
    unlike.sort(key=_first_line)
    common = {one.meaning for one, two in pairs if one.meaning == two.meaning and not one.ordered}
    above = {id(item): before.text for side in (first, second) for before, item in pairwise(side)}
    for both in unlike[:UNITS]:
        yield _lines_of(both, common, above)
    if unlike[UNITS:]:
        sides = (repr([item and item.text for item in (pair[side] for pair in unlike[UNITS:])]) for side in (0, 1))
        yield Lines("further lines", *(hashed(f"{side} {number}".encode()) for number, side in enumerate(sides)))
    yield from _order(pairs)


def _first_line(both: tuple[Item | None, Item | None]) -> tuple[int, int]:
    lines = [item.line for item in both if item]
    return min(lines), max(lines)


def _lines_of(both: tuple[Item | None, Item | None], common: Container[bytes], above: Mapping[int, bytes]) -> Lines:
    one, two = both
    if one and two:
        before = above.get(id(one), b""), above.get(id(two), b"")
        same = before[0] if before[0] == before[1] else b""
        return Lines(at_line(one.line, two.line), one.text, two.text, same)
    again = AGAIN if any(item and item.meaning in common for item in both) else ""
    if one:
        return Lines(f"line {one.line} | none{again}", one.text or b"\n", b"")
    return Lines(f"line none | {two.line if two else 0}{again}", b"", (two.text if two else b"") or b"\n")


def _paired(first: Sequence[Item], second: Sequence[Item]) -> list[tuple[Item, Item]]:
    """Pair equal items, then those of equal meaning, then those that are left in a group, in their order."""
    pairs: list[tuple[Item, Item]] = []
    ours, theirs = list(first), list(second)
    for key in (_by_text, _by_meaning, _by_group):
        waiting: defaultdict[object, deque[Item]] = defaultdict(deque)
        for item in theirs:
            waiting[key(item)].append(item)
        found = [(item, waiting[key(item)].popleft()) for item in ours if waiting[key(item)]]
        gone = {id(item) for pair in found for item in pair}
        ours, theirs = ([item for item in side if id(item) not in gone] for side in (ours, theirs))
        pairs += found
    return sorted(pairs, key=lambda pair: pair[0].line)


def _by_text(item: Item) -> object:
    return item.group, item.text


def _by_meaning(item: Item) -> object:
    return item.group, item.meaning


def _by_group(item: Item) -> object:
    return item.group


def _order(pairs: Sequence[tuple[Item, Item]]) -> Iterator[Lines]:
    """Yield the order of the items that both sides have, by the text of the first side."""
    ours, theirs = list(pairs), sorted(pairs, key=lambda pair: pair[1].line)
    if [pair[0].line for pair in ours] == [pair[0].line for pair in theirs]:
        return
    low = next(at for at, (one, two) in enumerate(zip(ours, theirs, strict=True)) if one is not two)
    end = next(at for at in range(len(ours)) if ours[-1 - at] is not theirs[-1 - at])
    texts = (b"\n".join(pair[0].text for pair in side[low : len(side) - end]) for side in (ours, theirs))
    yield Lines(ORDER if _alike_in_groups(ours, theirs) else REPEATED, *texts)


def _alike_in_groups(ours: Sequence[tuple[Item, Item]], theirs: Sequence[tuple[Item, Item]]) -> bool:
    """Return whether the items of each group whose order has a meaning keep it."""
    groups: list[defaultdict[bytes, list[int]]] = []
    for side in (ours, theirs):
        lines: defaultdict[bytes, list[int]] = defaultdict(list)
        for pair in side:
            if pair[0].ordered:
                lines[pair[0].group].append(pair[0].line)
        groups.append(lines)
    return groups[0] == groups[1]
