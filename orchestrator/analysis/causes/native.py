"""Causes that show in native code: shared objects, objects, and static libraries of them."""

from __future__ import annotations

import re
from collections import Counter, deque
from itertools import compress
from posixpath import basename
from typing import TYPE_CHECKING

from orchestrator.analysis.causes import dates, upstream
from orchestrator.analysis.causes.content import erase_random_folders
from orchestrator.analysis.causes.erasers import by_place, changed, differing, token
from orchestrator.analysis.causes.model import Cause, Shown
from orchestrator.analysis.causes.native_times import erase_seconds
from orchestrator.analysis.formats.coverage import KIND as NOTES
from orchestrator.analysis.formats.coverage import STAMP
from orchestrator.analysis.formats.elf_headers import MOVED
from orchestrator.analysis.formats.elf_padding import FILL, PADDING
from orchestrator.analysis.formats.elf_sections import ORDER
from orchestrator.analysis.formats.native import HEADER, KIND, erase_derived, is_deep

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.analysis.causes.erasers import Texts
    from orchestrator.analysis.causes.model import Side, SidePair
    from orchestrator.model import Traces


_FOLDERS = ("build-path", "tmpdir", "environment-path", "home")
_DATA = (".rodata", ".data")
_SEARCH_PATHS = ("DT_RPATH", "DT_RUNPATH", ".dynstr")
_HEADERS = frozenset(
    {"ELF header", "program headers", "section headers"} | {f"{name} headers{MOVED}" for name in ("program", "section")}
)
_ROOM = frozenset(f"{name}{MOVED}" for name in (".dynstr", ".dynamic", "program headers", "section headers"))


def _sides(pair: SidePair, name: str) -> tuple[tuple[bytes, Side], tuple[bytes, Side]]:
    texts = token(pair, name)
    return (texts[0], pair[0]), (texts[1], pair[1])


def _eraser(
    wanted: Callable[[SidePair, str], bool], change: Callable[[Texts, tuple[Traces, Traces]], Texts]
) -> Callable[[SidePair], SidePair]:
    """Return an eraser of texts in the wanted tokens that still differ; it then erases derived differences."""

    def erase(pair: SidePair) -> SidePair:
        traces = pair[0].traces, pair[1].traces
        names = [name for name in differing(pair) if not name.endswith(MOVED) and wanted(pair, name)]
        return erase_derived(changed(pair, {name: change(token(pair, name), traces) for name in names}))

    return erase


# --- paths ---------------------------------------------------------------------------------------

_PATH = re.compile(rb"/[\w.+@%~,=-]+(?:/[\w.+@%~,=-]+)+/?", re.ASCII)
_SYSTEM = (b"/usr/", b"/lib", b"/etc/", b"/bin/", b"/opt/")
_SOURCE = re.compile(rb"\.(?:[ch]|[ch]pp|[ch]xx|cc|hh|cu|rs|pyx|pxd|pyi?|s|S|asm|f|f90|inc|go|m|mm)\Z")
_UPWARDS = re.compile(rb"(?:\.\./){2,}")


def erase_paths(texts: Texts, traces: tuple[Traces, Traces]) -> Texts:
    """Erase the folders of a build; where they are unknown, paths at corresponding places."""
    if not (traces[0].values and traces[1].values):
        return _erase_alike(texts)
    first, second = (_erase_planted(text, each) for text, each in zip(texts, traces, strict=True))
    if first != second:
        first, second = (_erase_names(text, each) for text, each in zip((first, second), traces, strict=True))
    return first, second


def _erase_loaded_paths(texts: Texts, traces: tuple[Traces, Traces]) -> Texts:
    """Erase paths, but not those that differ only randomly: no environment has planted them."""
    ours, theirs = erase_random_folders(texts)
    return texts if ours == theirs else erase_paths(texts, traces)


_LENGTH = re.compile(rb"0x[0-9a-f]+(?: \([^)]*\))?: ((?:\\x[0-9a-f]{2}){1,4})")


def _erase_lengths(before: SidePair, after: SidePair) -> SidePair:
    """Erase the lengths of texts that are longer by the length of a planted path, at most one for each such path.

    Tables of strings without NUL, as Cython's, have a table of lengths beside them.
    """
    found = {}
    for name in differing(after):
        if name.startswith(_DATA) and not name.endswith(MOVED):
            room, grown = _growth(token(before, name), (before[0].traces, before[1].traces))
            found[name] = _without_lengths(token(after, name), grown, room)
    return erase_derived(changed(after, found)) if found else after


def _growth(texts: Texts, traces: tuple[Traces, Traces]) -> tuple[int, set[int]]:
    """Return the number of planted paths in a token, and by how many bytes those of one variation differ."""
    here, there = (_longest(text, each) for text, each in zip(texts, traces, strict=True))
    marked = [_erase_planted(text, each) for text, each in zip(texts, traces, strict=True)]
    count = min(sum(text.count(_mark(folder)) for folder in _FOLDERS) for text in marked)
    return count, {there[folder] - here[folder] for folder in here.keys() & there.keys()}


def _longest(text: bytes, traces: Traces) -> dict[str, int]:
    """Return the length of the longest planted path in a text, by its variation."""
    found = [(variation, len(value)) for variation, value in traces.values if value and value.encode() in text]
    return {variation: size for variation, size in sorted(found) if variation in _FOLDERS}


def _without_lengths(texts: Texts, grown: set[int], room: int) -> Texts:
    """Return a token without the words that grew so, if they are no more than there is room for."""
    lines = [text.split(b"\n") for text in texts]
    if len(lines[0]) != len(lines[1]):
        return texts
    same = [not _is_length(ours, theirs, grown) for ours, theirs in zip(*lines, strict=True)]
    if len(same) - sum(same) > room:
        return texts
    first, second = (b"\n".join(compress(each, same)) for each in lines)
    return first, second


def _is_length(first: bytes, second: bytes, grown: set[int]) -> bool:
    """Return whether two lines are of words of one width, of which the second is that much larger."""
    words = _LENGTH.fullmatch(first), _LENGTH.fullmatch(second)
    if words[0] is None or words[1] is None or first == second or len(words[0][1]) != len(words[1][1]):
        return False
    return _number(words[1][1]) - _number(words[0][1]) in grown


def _number(word: bytes) -> int:
    """Return the number that bytes in hex are, the lowest first."""
    return int.from_bytes(bytes.fromhex(word.replace(b"\\x", b"").decode()), "little")


def _erase_planted(text: bytes, traces: Traces) -> bytes:
    for variation, value in traces.values:
        if variation in _FOLDERS and value:
            text = text.replace(value.encode(), _mark(variation))
    return text


def _mark(variation: str) -> bytes:
    return b"<%b>" % variation.encode()


def _erase_names(text: bytes, traces: Traces) -> bytes:
    """Erase the source folder's name, and the number of parent folders in a relative path."""
    folders = [value for variation, value in traces.values if variation == "build-path"]
    for name in {folder.rpartition("/")[2].encode() for folder in folders[:1]}:
        text = re.sub(rb"(?<![\w.+-])" + re.escape(name) + rb"(?![\w.+-])", b"<build-path>", text)
    return _UPWARDS.sub(b"<upwards>", text)


def _erase_alike(texts: Texts) -> Texts:
    first, second = _PATH.findall(texts[0]), _PATH.findall(texts[1])
    if len(first) != len(second):
        return texts
    return _replaced(texts[0], _partners(first, second)), _replaced(texts[1], _partners(second, first))


def _partners(mine: list[bytes], theirs: list[bytes]) -> list[bytes]:
    """Return for each path that of the other side: the next of the same file name, or else the next of the rest.

    Tables of strings are sorted, so the folders decide the order.
    """
    shared = Counter(map(basename, mine)) & Counter(map(basename, theirs))
    named, rest = _by_name(theirs, shared)
    names, _ = _by_name(mine, shared)
    left = {name: len(paths) for name, paths in names.items()}
    others = iter(rest)
    found = []
    for path in mine:
        name = basename(path)
        if left.get(name, 0):
            left[name] -= 1
            found.append(named[name].popleft())
        else:
            found.append(next(others))
    return found


def _by_name(paths: list[bytes], shared: Counter[bytes]) -> tuple[dict[bytes, deque[bytes]], list[bytes]]:
    """Return as many paths of each file name as are shared, and the rest."""
    named: dict[bytes, deque[bytes]] = {}
    rest = []
    for path in paths:
        same = named.setdefault(basename(path), deque())
        if len(same) < shared[basename(path)]:
            same.append(path)
        else:
            rest.append(path)
    return named, rest


def _replaced(text: bytes, partners: list[bytes]) -> bytes:
    others = iter(partners)
    return _PATH.sub(lambda found: _common(found[0], next(others)), text)


def _common(mine: bytes, other: bytes) -> bytes:
    """Return a path without the folders in which it differs from the path at its place on the other side."""
    if mine == other:
        return mine
    ours, theirs = mine.split(b"/"), other.split(b"/")
    tail = 0
    while tail < min(len(ours), len(theirs)) - 1 and ours[-1 - tail] == theirs[-1 - tail]:
        tail += 1
    if tail:
        if _differ_randomly(ours[-1 - tail], theirs[-1 - tail]):
            tail += 1
        return b"/".join((b"<path>", *ours[len(ours) - tail :]))
    own = not mine.startswith(_SYSTEM) and not other.startswith(_SYSTEM)
    source = _SOURCE.search(mine) or _SOURCE.search(other)
    return b"<path>" if own and not source else mine


def _differ_randomly(mine: bytes, other: bytes) -> bool:
    """Return whether the names of two folders differ only in random letters, which another cause explains."""
    ours, theirs = erase_random_folders((b"/%b/" % mine, b"/%b/" % other))
    return ours == theirs


def suspected_of_paths(pair: SidePair) -> tuple[str, ...]:
    """Name the variations whose folders are in the differences; that of the build's folder, where none is known."""
    texts = [(_erase_planted(text, side.traces), text) for name in differing(pair) for text, side in _sides(pair, name)]
    found = {
        folder
        for folder in _FOLDERS
        for after, before in texts
        if after.count(_mark(folder)) > before.count(_mark(folder))
    }
    return tuple(folder for folder in _FOLDERS if folder in found) or ("build-path",)


# --- dates ---------------------------------------------------------------------------------------

_erase_dates = dates.erase_build_dates(b"<date>")


def erase_dates(pair: SidePair) -> SidePair:
    """Erase the time of the build, in texts and as a number in data, and then derived differences."""
    return _erase_times(erase_derived(_erase_dates(pair)))


def _in_loaded_data(pair: SidePair, name: str) -> bool:
    """Return whether a token is about data, perhaps that of an object of a static library."""
    return name.rpartition(": ")[2].startswith(_DATA) and is_deep(pair, name)


_erase_times = _eraser(_in_loaded_data, erase_seconds)


# --- random names of LTO -------------------------------------------------------------------------

_LTO = (
    (re.compile(rb"(?<=/)cc[A-Za-z0-9]{6}(?=\.|\b)"), b"<object>"),  # the compiler driver's temporary files
    (re.compile(rb"(?<![\w/.])cc[A-Za-z0-9]{6}(?=\.(?:o|s|ltrans))"), b"<object>"),
    (re.compile(rb"(?<=\.)[0-9a-f]{8}(?![0-9a-z])"), b"<seed>"),  # of a file's name in a symbol
    (re.compile(rb"(?<=\.)[0-9a-f]{12,16}(?![0-9a-z])"), b"<seed>"),  # of a section of an object, not padded
    (re.compile(rb"(?<=_)[0-9A-F]{8}_[0-9A-F]{8}(?![0-9A-Z])"), b"<seed>"),  # -frandom-seed's in names of files
)


_RANDOM_SEED = re.compile(rb"\.[0-9a-f]{12,16}(?![0-9a-z])|(?<![\w.])cc[A-Za-z0-9]{6}\.")


def erase_lto(texts: Texts, _traces: tuple[Traces, Traces]) -> Texts:
    """Erase the random part of names generated by link-time optimisation."""
    first, second = texts
    for form, word in _LTO:
        first, second = form.sub(word, first), form.sub(word, second)
    return first, second


def suspected_of_lto(pair: SidePair) -> tuple[str, ...]:
    """Name the build path if names contain a hash of debug information, which depends on it; none for random names."""
    texts = [text for name in differing(pair) for text in token(pair, name)]
    return ("build-path",) if texts and not any(_RANDOM_SEED.search(text) for text in texts) else ()


# --- order ---------------------------------------------------------------------------------------


_FILLED = re.compile(rb"(?:0x[0-9a-f]+: \d+%b[\w -]+\n)*\Z" % FILL)


def _in_order(_pair: SidePair, name: str) -> bool:
    return name == ORDER or name.endswith(PADDING)


def erase_order(texts: Texts, _traces: tuple[Traces, Traces]) -> Texts:
    """Erase the order of equal symbols, and padding between them that is as it has to be."""
    if all(map(_FILLED.match, texts)):
        return b"", b""
    first, second = (b"\0".join(sorted(text.split(b"\0"))) for text in texts)
    return (first, second) if first == second else texts


_erase_order_alone = _eraser(_in_order, erase_order)


def _erase_order(pair: SidePair) -> SidePair:
    """Erase the order of symbols, and the words that only moved if nothing but the order can have moved them.

    They are explained even beside an unknown difference, provided that no section has moved or grown.
    """
    after = _erase_order_alone(pair)
    left = differing(after)
    if ORDER not in differing(pair) or ORDER in left or any(name in _HEADERS for name in left):
        return after
    return changed(after, {name: (b"", b"") for name in left if name.endswith(MOVED)})


# --- coverage ------------------------------------------------------------------------------------


def _is_stamp(_pair: SidePair, name: str) -> bool:
    return name == STAMP


# --- headers of static libraries ----------------------------------------------------------------


def suspected_of_headers(pair: SidePair) -> tuple[str, ...]:
    """Name the variations whose fields differ in headers of static libraries."""
    fields = [[set(text.split(b"\n")) for text in token(pair, name)] for name in differing(pair)]
    apart = [line.split() for first, second in fields for line in first ^ second]
    return tuple(
        variation
        for variation, at in (("time", 1), ("umask", 7), ("user-group", 3))
        if len({tuple(words[at : at + 1]) for words in apart}) > 1
    )


# --- the catalogue -------------------------------------------------------------------------------


def _in_debug(pair: SidePair, name: str) -> bool:
    return not is_deep(pair, name)


def _of_search(_pair: SidePair, name: str) -> bool:
    return name in _SEARCH_PATHS


def _erase_search_paths(pair: SidePair) -> SidePair:
    """Erase search paths, and the room that a removed one has left: then only the length of .dynstr differs.

    CMake links with the folder of the build as rpath, and overwrites it with zeros when it installs the library.
    """
    after = _eraser(_of_search, erase_paths)(pair)
    left = differing(after)
    is_room = f".dynstr{MOVED}" in left and set(left) <= _ROOM
    return changed(after, dict.fromkeys(left, (b"", b""))) if is_room else after


def _erase_embedded(pair: SidePair) -> SidePair:
    """Erase paths in what is loaded, and the lengths of the texts that contain them."""
    after = _eraser(_in_data, _erase_loaded_paths)(pair)
    return _erase_lengths(pair, after)


def _in_data(pair: SidePair, name: str) -> bool:
    return is_deep(pair, name) and name not in _SEARCH_PATHS


CAUSES = (
    Cause(
        name="static-library-headers",
        summary="A static library records times, owners or permissions of its objects.",
        why=(
            "ar(1) writes the time, the owner, the group and the mode of each object file into the library, unless it "
            "was built or called to leave them out (`D`). Linkers do not read them."
        ),
        shows="Headers of members of a `.a` file differ; the objects and the index of symbols are the same.",
        example="one.o: `time 1795363200 owner 1000 mode 100644` against `time 1829773380 owner 1000 mode 100664`.",
        upstream=upstream.STATIC_LIBRARY_HEADERS,
        kinds=(KIND,),
        shown=Shown.FILES,
        erase=by_place(lambda place: place.endswith(HEADER)),
        variations=("time", "umask", "user-group"),
        suspects=suspected_of_headers,
        remedies=("fix-time", "fix-umask", "fix-user-group"),
    ),
    Cause(
        name="debug-path",
        summary="Debug information contains the folder of the compilation.",
        why=(
            "With -g, which is in the flags of Debian's Python, a compiler writes its current folder and the paths "
            "of all sources and headers into the sections .debug_line_str, .debug_str and .debug_line. Other debug "
            "sections contain the offsets of these strings, which move when a path has a different length."
        ),
        shows=(
            "Only sections that are not loaded differ, mainly .debug_line_str, and the build id, which hashes "
            "them. Everything that is loaded at run time is the same."
        ),
        example=(
            ".debug_line_str of MarkupSafe 2.1.5: `/build/9b657c6d5370/markupsafe-2.1.5` against "
            "`/srv/040eefc7138e/second/build/source-040eefc7138e`."
        ),
        upstream=upstream.DEBUG_PATH,
        kinds=(KIND,),
        erase=_eraser(_in_debug, erase_paths),
        variations=_FOLDERS,
        suspects=suspected_of_paths,
        remedies=("prefix-map-source", "prefix-map-folder", "no-debug-info", "strip-debug", "fix-build-path"),
    ),
    Cause(
        name="rpath",
        summary="The library search path of a shared object contains a folder of the build.",
        why=(
            "A linker option -rpath, or CMake's rpath of the build tree, writes the folder into DT_RPATH or "
            "DT_RUNPATH. It is useless on another machine, and a user who may write there can have code loaded. CMake "
            "removes its own when it installs a library, and leaves zeros in .dynstr, as many as the path was long."
        ),
        shows="DT_RUNPATH (or DT_RPATH) differs, and .dynstr, which contains its text; the parts after them move.",
        example=(
            "DT_RUNPATH: `/build/3f1c0de99a10/sin-1.0/lib` against "
            "`/srv/77aa0b3c4d5e/second/build/source-77aa0b3c4d5e/lib`."
        ),
        upstream=upstream.RPATH,
        kinds=(KIND,),
        erase=_erase_search_paths,
        variations=_FOLDERS,
        suspects=suspected_of_paths,
        remedies=("same-length-path", "fix-build-path"),
    ),
    Cause(
        name="embedded-path",
        summary="Data that is loaded at run time contains the folder of the compilation.",
        why=(
            "`__FILE__`, assertions, logging macros, tables of generated code and Rust's panics contain the path of "
            "the source as it was passed to the compiler: an absolute path with build systems such as CMake."
        ),
        shows=(
            "A string in .rodata or .data differs. If its length differs, the data after it moves, and the words of "
            "code and tables that point there change."
        ),
        example=(
            ".rodata: `/build/5cbbf6f4d2aa/sin-1.0/sin.c` against "
            "`/srv/0d5f3be0a1c2/second/build/source-0d5f3be0a1c2/sin.c`."
        ),
        upstream=upstream.EMBEDDED_PATH,
        kinds=(KIND,),
        erase=_erase_embedded,
        variations=_FOLDERS,
        suspects=suspected_of_paths,
        remedies=("prefix-map-source", "prefix-map-folder", "remap-rust-path", "same-length-path", "fix-build-path"),
    ),
    Cause(
        name="compile-date",
        summary="Native code contains the date of its compilation.",
        why=(
            "`__DATE__` and `__TIME__` follow SOURCE_DATE_EPOCH in gcc since version 7 and in clang since 16; other "
            "compilers, and values of `date` that a build script passes by -D, follow the clock."
        ),
        shows=(
            "A date or a time of day in .rodata or .data is that of the build, or a number there is its seconds since "
            "1970."
        ),
        example=".rodata: `built on Nov 22 2026 at 16:03:11` against `built on Dec 25 2027 at 22:26:14`.",
        upstream=upstream.COMPILE_DATE,
        kinds=(KIND,),
        erase=erase_dates,
        variations=("time", "timezone"),
        suspects=dates.suspects,
        remedies=("set-epoch", "fix-time", "fix-timezone"),
    ),
    Cause(
        name="object-order",
        summary="The objects of a library are linked in the unsorted order of a folder or a set.",
        why=(
            "The list of sources comes from os.listdir, glob or a set, and is not sorted. The linker places code and "
            "data in the order of its inputs, and all references to them follow. Constructors of different objects run "
            "in this order, too."
        ),
        shows="The same symbols, of the same sizes and contents, are in a different order in .text, .data and .rodata.",
        example="order of symbols: `.text: first_number, .text: second_number` against the opposite.",
        upstream=upstream.OBJECT_ORDER,
        kinds=(KIND,),
        shown=Shown.FILES,
        erase=_erase_order,
        variations=("fileordering", "hash-seed", "locales", "num-cpus"),
        remedies=("fix-fileordering", "fix-hash-seed", "fix-locales", "fix-num-cpus"),
    ),
    Cause(
        name="lto-symbols",
        summary="Link-time optimisation gives symbols, sections and files random names.",
        why=(
            "With -flto, gcc generates a random number for each source that it compiles. The names of intermediate "
            "symbols and files contain it, and temporary objects have random names; -frandom-seed replaces the number. "
            "With -g too, symbols are named after a hash of the debug information, which depends on the build path."
        ),
        shows="Symbols or file names in .strtab, .debug_str or in an object's section names differ in random letters.",
        example=".strtab: `sin.c.4f2b9c11` against `sin.c.e03d7a55`.",
        upstream=upstream.LTO_SYMBOLS,
        kinds=(KIND,),
        erase=_eraser(lambda _pair, _name: True, erase_lto),
        variations=("build-path",),
        suspects=suspected_of_lto,
        remedies=("random-seed", "prefix-map-source", "prefix-map-folder", "no-debug-info", "strip-debug"),
    ),
    Cause(
        name="coverage-stamp",
        summary="Code and notes for coverage have the stamp of one compilation, which differs in every build.",
        why=(
            "With --coverage, gcc stamps the object and its notes (`.gcno`) with a number made of the clock, by which "
            "gcov recognizes that they belong together; -frandom-seed replaces the clock. Checksums of functions, too, "
            "depend on the path of the source: they are explained with that path."
        ),
        shows="The stamp in a `.gcno` file differs, or in .data of code that writes counts to `.gcda` files.",
        example="coverage stamp: `1d10ae24` against `2a963707`.",
        upstream=upstream.COVERAGE_STAMP,
        kinds=(KIND, NOTES),
        shown=Shown.FILES,
        random=True,
        erase=_eraser(_is_stamp, lambda _texts, _traces: (b"", b"")),
        remedies=("random-seed",),
    ),
)
