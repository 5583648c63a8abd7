"""Takes the two sides of a member apart, each kind of file in its own way; whatever resists is looked at as bytes."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from orchestrator.analysis.formats import metadata, native, pyc, text
from orchestrator.analysis.formats.nested import DEEPEST, Inside, Room, opened
from orchestrator.model import Severity, deepest

if TYPE_CHECKING:
    from orchestrator.analysis.causes.model import Content
    from orchestrator.analysis.formats.text import Views

DIST_INFO = re.compile(r"[^/]+\.dist-info/")
_SBOM = re.compile(r"[^/]+\.dist-info/sboms/.+|.*\.(?:cdx|spdx)\.json", re.DOTALL)
_HEADERS = ("METADATA", "WHEEL", "entry_points.txt", "top_level.txt")
_CODE = (".py", ".pyw", ".pyc", ".pyo", ".pth", ".so", ".pyd", ".dll", ".dylib", ".exe", ".a", ".o", ".wasm", ".sh")
_SCRIPTS = re.compile(r"[^/]+\.data/scripts/")
_HEAD = 4

INSIDE = "!/"
"""What stands between the name of an archive and that of a member of it."""

_NATIVE = (b"\x7fELF", b"!<ar")


SETTLED = {native.KIND: native.settle}
"""What follows from the rest, by the kind of a view: it is made equal once the rest is, by whatever cause."""


def depth(path: str, head: bytes) -> Severity:
    """Return how deep a difference in a member goes of which nothing more is known; `head` is how it begins.

    What Python or the system can run is code; what the dist-info folder holds describes the
    distribution, entry points and all; anything else is data.
    """
    if DIST_INFO.match(path):
        return Severity.METADATA
    runs = path.lower().endswith(_CODE) or ".so." in path or _SCRIPTS.match(path)
    if runs or head.startswith((b"#!", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", *_NATIVE)):
        return Severity.CODE
    return Severity.DATA


def apart(path: str, first: Content, second: Content) -> tuple[Views, ...]:
    """Take two unlike contents of one member apart; never nothing, and no exception whatever they hold."""
    heads = first.read(0, _HEAD), second.read(0, _HEAD)
    deep = deepest(depth(path, head) for head in heads)
    found: tuple[Views, ...] = ()
    with suppress(ValueError, LookupError, RecursionError, ArithmeticError, MemoryError, OSError, EOFError):
        if all(head.startswith(_NATIVE) for head in heads):
            found = (native.take_apart(path, first, second),)
        else:
            found = _known(path, first, second, deep)
    if any(ours.units or theirs.units for ours, theirs in found):
        return found
    return (text.raw(path, "raw", first, second, deep),)


def _known(path: str, first: Content, second: Content, deep: Severity) -> tuple[Views, ...]:
    if max(first.size, second.size) > text.WHOLE:
        return ()
    ours, theirs = first.read(0, first.size), second.read(0, second.size)
    return _whole(path, ours, theirs, deep, (Room(), Room()))


def _whole(
    path: str, first: bytes, second: bytes, deep: Severity, rooms: tuple[Room, Room], within: int = 0
) -> tuple[Views, ...]:
    """Take apart what is small enough to be looked at as a whole, archives and what they hold too."""
    if _SBOM.fullmatch(path) and (found := _sbom(path, first, second, deep)):
        return found
    if path.endswith((".pyc", ".pyo")):
        return (pyc.apart(path, first, second),)
    first, second = (_plain(data) for data in (first, second))
    if _is_text(first) and _is_text(second):
        return (text.text(path, _kind(path), first, second, deep),)
    if within < DEEPEST:
        inside = opened(path, first, rooms[0]), opened(path, second, rooms[1])
        if inside[0] is not None and inside[1] is not None:
            found = _inner(path, inside[0], inside[1], deep, rooms, within)
            # Where neither what it holds nor what it says of that differs, what is left is how it is packed.
            packing = iter([("packing", text.hashed(first), text.hashed(second))])
            return found or (text.views(path, "nested", packing, deep),)
    return ()


def _inner(
    path: str, first: Inside, second: Inside, deep: Severity, rooms: tuple[Room, Room], within: int
) -> tuple[Views, ...]:
    """Take apart an archive's headers, and the members that both have; by the names that they bear in it."""
    shared = {"", *(first.members.keys() & second.members.keys())}
    headers = (
        (place, first.headers.get(place, b""), second.headers.get(place, b""))
        for place in dict.fromkeys((*first.headers, *second.headers))
        if place.rpartition(": ")[0] in shared
    )
    found = [text.views(path, "nested", headers, deep)]
    for name in sorted(first.members.keys() | second.members.keys()):
        ours, theirs = first.members.get(name), second.members.get(name)
        inner = f"{path}{INSIDE}{name}"
        if ours is None or theirs is None:
            there = (b"absent", b"present") if ours is None else (b"present", b"absent")
            found.append(text.views(inner, "presence", iter([("member", *there)]), deep))
        elif ours != theirs:
            found += _within(inner, ours, theirs, deep, rooms, within)
    if not any(views[0].units for views in found):
        return ()
    return tuple(found)


def _within(
    path: str, first: bytes, second: bytes, deep: Severity, rooms: tuple[Room, Room], within: int
) -> tuple[Views, ...]:
    """Take a member of an archive inside the wheel apart; it goes no less deep than the archive."""
    below = deepest((deep, depth(path.rpartition(INSIDE)[2], first[:_HEAD]))) if deep is not Severity.METADATA else deep
    found: tuple[Views, ...] = ()
    with suppress(ValueError, LookupError, RecursionError, ArithmeticError):
        found = _whole(path, first, second, below, rooms, within + 1)
    if any(ours.units or theirs.units for ours, theirs in found):
        return found
    return (text.raw(path, "raw", text.Plain(first), text.Plain(second), below),)


def _kind(path: str) -> str:
    folder = DIST_INFO.match(path)
    name = path[folder.end() :] if folder else ""
    if name == "direct_url.json":
        return "direct-url"
    return "metadata" if name in _HEADERS else "text"


def _sbom(path: str, first: bytes, second: bytes, deep: Severity) -> tuple[Views, ...]:
    ours, theirs = metadata.flattened(first), metadata.flattened(second)
    if ours is None or theirs is None:
        return ()
    places = (*ours, *(place for place in theirs if place not in ours))
    return (text.views(path, "sbom", ((one, ours.get(one, b""), theirs.get(one, b"")) for one in places), deep),)


def _plain(data: bytes) -> bytes:
    """Return a text in UTF-16, if it says so and is, in UTF-8; anything else as it is."""
    if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data
    coding = "utf-16-le" if data[:1] == b"\xff" else "utf-16-be"
    try:
        return data.decode(coding).encode()
    except ValueError:
        return data


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode()
    except ValueError:
        return False
    return True
