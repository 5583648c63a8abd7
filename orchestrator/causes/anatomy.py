"""Takes the two sides of a member apart, each kind of file in its own way; whatever resists is looked at as bytes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.causes import lines, metadata, native
from orchestrator.model import Severity, deepest

if TYPE_CHECKING:
    from orchestrator.causes.lines import Views
    from orchestrator.causes.model import Content

DIST_INFO = re.compile(r"[^/]+\.dist-info/")
_SBOM = re.compile(r"[^/]+\.dist-info/sboms/.+|.*\.(?:cdx|spdx)\.json", re.DOTALL)
_HEADERS = ("METADATA", "WHEEL", "entry_points.txt", "top_level.txt")
_CODE = (".py", ".pyw", ".pyc", ".pyo", ".pth", ".so", ".pyd", ".dll", ".dylib", ".exe", ".a", ".o", ".wasm", ".sh")
_SCRIPTS = re.compile(r"[^/]+\.data/scripts/")
_HEAD = 4
_NATIVE = (b"\x7fELF", b"!<ar")


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
    if all(head.startswith(_NATIVE) for head in heads):
        return (native.take_apart(path, first, second),)
    try:
        found = _known(path, first, second, deep)
    except (ValueError, LookupError, RecursionError, ArithmeticError, MemoryError, OSError, EOFError):
        found = ()
    if any(ours.units or theirs.units for ours, theirs in found):
        return found
    return (lines.raw(path, "raw", first, second, deep),)


def _known(path: str, first: Content, second: Content, deep: Severity) -> tuple[Views, ...]:
    if max(first.size, second.size) > lines.WHOLE:
        return ()
    ours, theirs = first.read(0, first.size), second.read(0, second.size)
    if _SBOM.fullmatch(path) and (found := _sbom(path, ours, theirs, deep)):
        return found
    if not (_is_text(ours) and _is_text(theirs)):
        return ()
    return (lines.text(path, _kind(path), ours, theirs, deep),)


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
    return (lines.views(path, "sbom", ((one, ours.get(one, b""), theirs.get(one, b"")) for one in places), deep),)


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode()
    except ValueError:
        return False
    return True
