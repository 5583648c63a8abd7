"""Causes that two builds on one image cannot have: another compiler, and tools that change a finished wheel."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.analysis.causes import upstream
from orchestrator.analysis.causes.erasers import changed, differing, in_turn, token
from orchestrator.analysis.causes.model import Cause, Shown
from orchestrator.analysis.formats.native import KIND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.analysis.causes.erasers import Texts
    from orchestrator.analysis.causes.model import SidePair

# --- another compiler ----------------------------------------------------------------------------

_COMPILER = re.compile(
    rb"(?:GCC: |GNU [A-Z]|(?:\w+ )?clang version |(?:Linker: )?LLD |rustc version |Intel\(R\) )[^\0]{0,500}"
)


def _erase_compilers(pair: SidePair) -> SidePair:
    """Erase the names and versions of compilers, where both sides have some, and they differ."""
    found = {}
    for place in differing(pair):
        texts = token(pair, place)
        if place.startswith((".comment", ".debug_str")):
            named = [_COMPILER.findall(text) for text in texts]
            if all(named) and named[0] != named[1]:
                found[place] = _without(texts)
    return changed(pair, found)


def _without(texts: Texts) -> Texts:
    first, second = (b"\0".join(one for one in text.split(b"\0") if not _COMPILER.match(one)) for text in texts)
    return first, second


# --- stripped ------------------------------------------------------------------------------------

_STRIPPED = re.compile(r"\.(?:symtab|strtab|z?debug_\w+|gdb_index|gnu_debugdata)\Z")
_LEFT = (".gnu_debuglink", ".gnu_debugaltlink")  # what a stripped file has instead


def _erase_stripped(pair: SidePair) -> SidePair:
    """Erase the sections for debuggers that only one side has, and their names in the tables of sections."""
    places = [place for place in differing(pair) if _STRIPPED.match(place) and not all(token(pair, place))]
    sides = {bool(token(pair, place)[1]) for place in places}  # the side that has them
    if len(sides) != 1:
        return pair
    side = sides.pop()
    found = dict.fromkeys(places, (b"", b""))
    found |= {place: (b"", b"") for place in differing(pair) if place in _LEFT and not token(pair, place)[side]}
    names = {place.encode() for place in found}
    for place, ends in (("section headers", b"\n"), (".shstrtab (strings)", b"\0")):
        texts = token(pair, place)
        if texts[0] != texts[1]:
            found[place] = _unlisted(texts, names, ends)
    return changed(pair, found)


def _unlisted(texts: Texts, names: set[bytes], ends: bytes) -> Texts:
    """Leave the lines out that begin with some sections' names."""
    first, second = (ends.join(line for line in text.split(ends) if line.split(b":")[0] not in names) for text in texts)
    return first, second


# --- repaired ------------------------------------------------------------------------------------

_LIBRARY = re.compile(r"(?:[^/]+/)?[^/]+\.libs/[^/]+-[0-9a-f]{8}(?:\.[^/]+)?\.so[.\d]*\Z")
_BILL = re.compile(r"[^/]+\.dist-info/sboms/auditwheel\.cdx\.json\Z")
_TAGS = re.compile(rb"(?:Tag: [\w.]+-[\w.]+-[\w.]+\s*)+\Z")
_TAG = b"Tag: py3-none-any"  # stands for a line that a side lacks
_PLATFORM = re.compile(rb"(?<![\w])(?:(?:many|musl)linux\w*|linux_\w+)(?:\.(?:many|musl)linux\w*|\.linux_\w+)*")
_PORTABLE = re.compile(rb"(?:many|musl)linux")
_FOLDER = re.compile(rb"\$ORIGIN(?:/\.\.)*/[^/:\n]+\.libs")
_RENAMED = re.compile(rb"-[0-9a-f]{8}(?=\.(?:[\w.]+\.)?so)")
_VERSION = re.compile(rb"\A(?:\.\d+)+\Z")
_INSIDE = re.compile(rb"\$\{?ORIGIN")
_AT = re.compile(rb"\A0x[0-9a-f]+: ")
_OVERWRITTEN, _FILLED = re.compile(rb"X+"), re.compile(rb"[XZ\0\n]+")  # as patchelf does
_STRINGS, _BETWEEN = ".dynstr", "between sections"
_SEARCHED, _NAMED = ("DT_RPATH", "DT_RUNPATH"), ("DT_NEEDED", "DT_SONAME")


def _erase_members(pair: SidePair) -> SidePair:
    """Erase the presence of a copied library and of the list of these libraries."""
    path = pair[0].member.path
    if pair[0].member.kind != "presence" or not (_LIBRARY.match(path) or _BILL.match(path)):
        return pair
    return changed(pair, dict.fromkeys(differing(pair), (b"", b"")))


def _erase_tags(pair: SidePair) -> SidePair:
    """Erase the platform of tags and of file names, where only one side is for manylinux or musllinux.

    WHEEL has a line for each platform, so all its lines that differ are compared together.
    """
    if pair[0].member.kind not in ("name", "metadata"):
        return pair
    is_name = pair[0].member.kind == "name"
    places = [
        place for place in differing(pair) if is_name or all(_TAGS.match(text or _TAG) for text in token(pair, place))
    ]
    tags = [
        {line for place in places for line in token(pair, place)[side].split(b"\n") if line.strip()} for side in (0, 1)
    ]
    portable = [any(_PORTABLE.search(tag) for tag in each) for each in tags]
    alike = {_PLATFORM.sub(b"", tag) for tag in tags[0]} == {_PLATFORM.sub(b"", tag) for tag in tags[1]}
    return changed(pair, dict.fromkeys(places, (b"", b""))) if alike and portable[0] is not portable[1] else pair


def _is_in_one(pattern: re.Pattern[bytes], texts: Texts) -> bool:
    """Return whether exactly one side has what repairing adds: two repaired files differ in something else."""
    return bool(pattern.search(texts[0])) is not bool(pattern.search(texts[1]))


def _erase_links(pair: SidePair) -> SidePair:
    """Erase the search path of copied libraries, the hashes in their names, and what patchelf left of former texts."""
    if pair[0].member.kind != KIND:
        return pair
    found = {}
    for place in differing(pair):
        texts = token(pair, place)
        if place in _NAMED and _is_in_one(_RENAMED, texts) and _are_renamed(texts):
            found[place] = b"", b""
    searched = [place for place in differing(pair) if place in _SEARCHED]
    if searched and _is_searched(*(_entries(pair, side, searched) for side in (0, 1))):
        found |= dict.fromkeys(searched, (b"", b""))
    return changed(pair, found | _remains(pair, tuple(found))) if found else pair


def _are_renamed(texts: Texts) -> bool:
    """Return whether the libraries have the same names, but for what auditwheel makes of them.

    It gives a copied library the name of its file with a hash, and that has more of the version than the loader's name.
    """
    plain, repaired = sorted(texts, key=lambda text: bool(_RENAMED.search(text)))
    names = plain.split(b"\n"), repaired.split(b"\n")
    return len(names[0]) == len(names[1]) and all(map(_is_renamed, *names))


def _is_renamed(name: bytes, repaired: bytes) -> bool:
    original = _RENAMED.sub(b"", repaired)
    return name == original or (original != repaired and _VERSION.sub(b"", original.removeprefix(name)) == b"")


def _entries(pair: SidePair, side: int, places: Iterable[str]) -> list[bytes]:
    """Return the folders of a side's search paths."""
    return [one for place in places for one in re.split(rb"[:\n]", token(pair, place)[side]) if one]


def _is_searched(first: list[bytes], second: list[bytes]) -> bool:
    """Return whether one side searches copied libraries, and otherwise only what the other searches in the wheel."""
    copied = [any(map(_FOLDER.fullmatch, each)) for each in (first, second)]
    repaired, other = (first, second) if copied[0] else (second, first)
    kept = [one for one in repaired if not _FOLDER.fullmatch(one)]
    return copied[0] is not copied[1] and kept == [one for one in other if _INSIDE.match(one)]


def _remains(pair: SidePair, erased: tuple[str, ...]) -> dict[str, Texts]:
    """Return the names and search paths in .dynstr that differ, and the room that patchelf overwrote."""
    known = {
        text for place in erased for side in (0, 1) for text in token(pair, place)[side].split(b"\n")
    } | {b""}  # fmt: skip
    found = {}
    for place in differing(pair):
        texts = token(pair, place)
        strings = {one for text in texts for line in text.split(b"\n") for one in _AT.sub(b"", line).split(b"\0")}
        named = place == _STRINGS and all(one in known or _OVERWRITTEN.fullmatch(one) for one in strings)
        filled = place == _BETWEEN and not all(texts) and _FILLED.fullmatch(b"".join(texts))
        if named or filled:
            found[place] = b"", b""
    return found


CAUSES = (
    Cause(
        name="other-compiler",
        summary="The two files were compiled by different compilers, or different versions of one.",
        why=(
            "Each compiler writes its name and version into .comment and into debug information. Another compiler "
            "gives other instructions for the same source; whether that is all that differs, this does not show."
        ),
        shows="The versions in .comment differ. What else differs in the file is listed as unexplained.",
        example=".comment: `GCC: (Debian 12.2.0-14) 12.2.0` against `GCC: (GNU) 10.2.1 20210130 (Red Hat 10.2.1-11)`.",
        upstream=upstream.OTHER_COMPILER,
        kinds=(KIND,),
        shown=Shown.FILES,
        erase=_erase_compilers,
    ),
    Cause(
        name="repaired",
        summary="One of the wheels was repaired by auditwheel, the other was not.",
        why=(
            "auditwheel copies the libraries that a wheel needs into a folder `*.libs`, under names with a hash, gives "
            "extension modules a search path to it, and replaces the wheel's platform tag by a portable one. patchelf, "
            "which it calls, moves tables of the file to make room, and overwrites the former texts."
        ),
        shows=(
            "One side has a folder `*.libs`, `$ORIGIN/../pkg.libs` in DT_RUNPATH or DT_RPATH, needed libraries with a "
            "hash in their names, or tags for manylinux or musllinux. What patchelf moved is listed."
        ),
        example="Tag: cp311-cp311-linux_x86_64 | Tag: cp311-cp311-manylinux_2_17_x86_64",
        upstream=upstream.REPAIRED,
        kinds=("name", "presence", "metadata", KIND),
        shown=Shown.FILES,
        erase=in_turn(_erase_members, _erase_tags, _erase_links),
    ),
    Cause(
        name="stripped",
        summary="One of the files was stripped of its symbols or debug information, the other was not.",
        why="strip(1), `-s`, `-Wl,--strip-debug` or an installing build system removes what only debuggers read.",
        shows="The sections .symtab, .strtab or .debug_* are in one file only.",
        example=".symtab: 1,368 bytes on one side, absent on the other.",
        upstream=upstream.STRIPPED,
        kinds=(KIND,),
        shown=Shown.FILES,
        erase=_erase_stripped,
    ),
)
