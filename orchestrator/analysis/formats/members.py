"""Normalizes both sides of a member with the parser of its kind; a member that cannot be parsed is raw bytes."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from orchestrator.analysis.formats import coverage, headers, mapping, metadata, native, pickled, pyc, text
from orchestrator.analysis.formats.nested import DEEPEST, Inside, Room, opened
from orchestrator.model import Severity, deepest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.analysis.causes.model import Content
    from orchestrator.analysis.formats.text import MemberPair

DIST_INFO = re.compile(r"[^/]+\.dist-info/")
_SBOM = re.compile(r"[^/]+\.dist-info/sboms/.+|.*\.(?:cdx|spdx)\.json", re.DOTALL)
_HEADERS = {
    "METADATA": headers.fields,
    "WHEEL": headers.fields,
    "entry_points.txt": headers.sections,
    "top_level.txt": headers.sections,
}
_CODE = (".py", ".pyw", ".pyc", ".pyo", ".pth", ".so", ".pyd", ".dll", ".dylib", ".exe", ".a", ".o", ".wasm", ".sh")
_SCRIPTS = re.compile(r"[^/]+\.data/scripts/")
_HEAD = 4

INSIDE = "!/"
"""The separator between the name of an archive and that of its member."""

_NATIVE = (b"\x7fELF", b"!<ar")


DERIVED = {native.KIND: native.erase_derived}
"""Erasers of derived differences, by the kind of a normalized member; applied after any cause's eraser."""


def depth(path: str, head: bytes) -> Severity:
    """Return the severity of a difference in a member by its path and its first bytes, `head`.

    Files that Python or the system can run are code; files of the dist-info folder, entry points
    included, are metadata; anything else is data.
    """
    if DIST_INFO.match(path):
        return Severity.METADATA
    runs = path.lower().endswith(_CODE) or ".so." in path or _SCRIPTS.match(path)
    if runs or head.startswith((b"#!", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", *_NATIVE)):
        return Severity.CODE
    return Severity.DATA


def normalize(path: str, first: Content, second: Content) -> tuple[MemberPair, ...]:
    """Normalize two unequal contents of one member; the result is never empty, and no content raises an exception."""
    heads = first.read(0, _HEAD), second.read(0, _HEAD)
    deep = deepest(depth(path, head) for head in heads)
    found: tuple[MemberPair, ...] = ()
    with suppress(ValueError, LookupError, RecursionError, ArithmeticError, MemoryError, OSError, EOFError):
        if all(head.startswith(_NATIVE) for head in heads):
            found = (native.normalize(path, first, second),)
        else:
            found = _known(path, first, second, deep)
    if any(ours.tokens or theirs.tokens for ours, theirs in found):
        return found
    return (text.raw(path, "raw", first, second, deep),)


def _known(path: str, first: Content, second: Content, deep: Severity) -> tuple[MemberPair, ...]:
    if max(first.size, second.size) > text.WHOLE:
        return ()
    ours, theirs = first.read(0, first.size), second.read(0, second.size)
    return _whole(path, ours, theirs, deep, (Room(), Room()))


def _whole(
    path: str, first: bytes, second: bytes, deep: Severity, rooms: tuple[Room, Room], within: int = 0
) -> tuple[MemberPair, ...]:
    """Normalize a member that is small enough to be read whole, and the members of nested archives."""
    found = _sbom(path, first, second, deep) if _SBOM.fullmatch(path) else _coverage(path, first, second, deep)
    if found:
        return found
    if path.endswith((".pyc", ".pyo")):
        return (pyc.normalize(path, first, second),)
    if unpickled := _pickle(path, first, second, deep):
        return (unpickled,)
    first, second = _plain(first, second)
    if _is_text(first) and _is_text(second):
        return _text(path, first, second, deep)
    if within < DEEPEST:
        inside = opened(path, first, rooms[0]), opened(path, second, rooms[1])
        if inside[0] is not None and inside[1] is not None:
            found = _inner(path, inside[0], inside[1], deep, rooms, within)
            # If neither its members nor their headers differ, only its packing does.
            packing = iter([("packing", text.hashed(first), text.hashed(second))])
            return found or (text.member_pair(path, "nested", packing, deep),)
    return ()


def _pickle(path: str, first: bytes, second: bytes, deep: Severity) -> MemberPair | None:
    """Normalize two pickles into the items of sets, if only their order differs, or else into operations."""
    if items := pickled.set_items_moved(first, second):
        return text.member_pair(path, mapping.KIND, iter([(pickled.ORDER, *items)]), deep)
    if listings := pickled.listings(path, first, second):
        return text.text(f"{path}{INSIDE}{pickled.OPERATIONS}", "raw", *listings, deep)
    return None


def _inner(
    path: str, first: Inside, second: Inside, deep: Severity, rooms: tuple[Room, Room], within: int
) -> tuple[MemberPair, ...]:
    """Normalize an archive's headers and the members that both sides have, by their names in it."""
    shared = {"", *(first.members.keys() & second.members.keys())}
    headers = (
        (place, first.headers.get(place, b""), second.headers.get(place, b""))
        for place in dict.fromkeys((*first.headers, *second.headers))
        if place.rpartition(": ")[0] in shared
    )
    found = [text.member_pair(path, "nested", headers, deep)]
    for name in sorted(first.members.keys() | second.members.keys()):
        ours, theirs = first.members.get(name), second.members.get(name)
        inner = f"{path}{INSIDE}{name}"
        if ours is None or theirs is None:
            there = (b"absent", b"present") if ours is None else (b"present", b"absent")
            found.append(text.member_pair(inner, "presence", iter([("member", *there)]), deep))
        elif ours != theirs:
            found += _within(inner, ours, theirs, deep, rooms, within)
    if not any(pair[0].tokens for pair in found):
        return ()
    return tuple(found)


def _within(
    path: str, first: bytes, second: bytes, deep: Severity, rooms: tuple[Room, Room], within: int
) -> tuple[MemberPair, ...]:
    """Normalize a member of a nested archive; its severity is at least that of the archive."""
    below = deepest((deep, depth(path.rpartition(INSIDE)[2], first[:_HEAD]))) if deep is not Severity.METADATA else deep
    found: tuple[MemberPair, ...] = ()
    with suppress(ValueError, LookupError, RecursionError, ArithmeticError):
        found = _whole(path, first, second, below, rooms, within + 1)
    if any(ours.tokens or theirs.tokens for ours, theirs in found):
        return found
    return (text.raw(path, "raw", text.Plain(first), text.Plain(second), below),)


def _text(path: str, first: bytes, second: bytes, deep: Severity) -> tuple[MemberPair, ...]:
    """Normalize two texts by what reads them: headers and sections, mappings, or lines."""
    folder = DIST_INFO.match(path)
    name = path[folder.end() :] if folder else ""
    if name in _HEADERS:
        return _HEADERS[name](path, first, second, deep)
    if mapping.keys_moved(path, first, second):
        moved = iter([(mapping.ORDER, *text.without_common_lines(first, second))])
        return (text.member_pair(path, mapping.KIND, moved, deep),)
    return (text.text(path, "direct-url" if name == "direct_url.json" else "text", first, second, deep),)


def _sbom(path: str, first: bytes, second: bytes, deep: Severity) -> tuple[MemberPair, ...]:
    """Normalize two documents of JSON into their values and the order of their keys; () if there is neither."""
    ours, theirs = metadata.flattened(first), metadata.flattened(second)
    if ours is None or theirs is None:
        return ()
    places = (*ours, *(place for place in theirs if place not in ours))
    values = ((one, ours.get(one, b""), theirs.get(one, b"")) for one in places)
    order = mapping.ORDER, _shared_places(ours, theirs), _shared_places(theirs, ours)
    found = text.member_pair(path, "sbom", values, deep), text.member_pair(path, mapping.KIND, iter([order]), deep)
    return tuple(pair for pair in found if pair[0].tokens)


def _coverage(path: str, first: bytes, second: bytes, deep: Severity) -> tuple[MemberPair, ...]:
    """Normalize two files of notes for coverage; () if one is none."""
    ours, theirs = coverage.notes(first, path), coverage.notes(second, path)
    if ours is None or theirs is None:
        return ()
    left, right = dict(ours.places), dict(theirs.places)
    places = ((one, left.get(one, b""), right.get(one, b"")) for one in left | right)
    return (text.member_pair(path, coverage.KIND, places, deep),)


def _shared_places(side: Mapping[str, bytes], other: Mapping[str, bytes]) -> bytes:
    """Return the places that both documents have, in the order of the first."""
    return "\n".join(place for place in side if place in other).encode("utf-8", "surrogatepass")


def _plain(first: bytes, second: bytes) -> tuple[bytes, bytes]:
    """Return two texts in UTF-16 with the same byte order mark as UTF-8; any others unchanged."""
    for mark, coding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if first.startswith(mark) and second.startswith(mark):
            with suppress(ValueError):
                return first.decode(coding).encode(), second.decode(coding).encode()
    return first, second


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode()
    except ValueError:
        return False
    return True
