"""Compares what users get of two wheels of one release: what a remedy changes besides its purpose.

Only ELF files are compared in detail. A change is a cost if the second wheel is worse for its users, or if it cannot
be shown that it is not.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.analysis.contents import opened
from orchestrator.analysis.formats import elf, program
from orchestrator.analysis.formats.program import GUARDS, LEVELS
from orchestrator.model import Failure, Limits
from orchestrator.model.recipe import ProgramAspect, ProgramChange

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from zipfile import ZipInfo

    from orchestrator.analysis.contents import Opened
    from orchestrator.analysis.formats.program import Program
    from orchestrator.analysis.wheel import Given

LIMITS = Limits()

MOST = 20
"""The most changes that are listed; the last one counts the others."""

SHARE, SLACK = 0.05, 1024
"""The share, and bytes, by which the loaded size may change: names of folders are in it, code is not."""

CODE_SHARE, CODE_SLACK = 0.01, 64
"""The share, and bytes, by which the size of the instructions may change."""

FUNCTION_SHARE = 0.02
"""The share by which the number of functions may change: it follows from what the compiler inlines."""

DEBUG_SHARE = 0.05
"""The share by which the debug information may shrink."""

FRAMED_SHARE = 0.2
"""By how much more of the functions may set up a frame pointer, if nothing records the optimisation level."""

_ALIKE = 3  # changes of one aspect that are listed one by one
_DIST_INFO = re.compile(r"\A[^/]+\.dist-info/")  # of whatever version
_LONGEST, _MOST_NAMES = 200, 6
_ORDER = (
    ProgramAspect.MEMBERS,
    ProgramAspect.OPTIMISATION,
    ProgramAspect.HARDENING,
    ProgramAspect.IMPORTS,
    ProgramAspect.DEBUG_INFO,
    ProgramAspect.SIZE,
    ProgramAspect.SECTIONS,
)
_HARDENING = ("-fstack-protector", "-fstack-clash-protection", "-fcf-protection", "-ftrivial-auto-var-init")
_AS_GOOD = {  # what is at least as strong
    "-fstack-protector": ("-fstack-protector-strong", "-fstack-protector-all"),
    "-fstack-protector-strong": ("-fstack-protector-all",),
    "-fcf-protection": ("-fcf-protection=full",),
    "-fcf-protection=full": ("-fcf-protection",),
    "-fcf-protection=branch": ("-fcf-protection", "-fcf-protection=full"),
    "-fcf-protection=return": ("-fcf-protection", "-fcf-protection=full"),
}
_OFF = ("-fcf-protection=none", "-ftrivial-auto-var-init=uninitialized")
_MEANING = (
    "-fwrapv",
    "-fno-strict-aliasing",
    "-fno-strict-overflow",
    "-fno-delete-null-pointer-checks",
    "-fexceptions",
)
_ASSERTIONS = frozenset({"__assert_fail", "__assert_perror_fail", "__assert"})
_RUNTIME = frozenset(
    {"libc.so.6", "libm.so.6", "libpthread.so.0", "libgcc_s.so.1"}
)  # needed or not, by what is inlined
# What GCC calls or inlines as it sees fit, by the optimisation level.
_BUILTIN = re.compile(
    r"mem\w+|st[pr]\w+|f?put\w+|f?printf|fwrite|abs|abort|__stack_chk_fail|_ITM_\w+|__\w+_chk", re.ASCII
)
_DERIVED = re.compile(
    r"\.(?:rela?|got|plt|gnu|dyn|note|hash|eh_frame|init|fini|tm_clone)\b.*|\.rodata\.cst\d+", re.ASCII
)
_MADE_UP = re.compile(r"[0-9a-f]{6,}|\d+", re.ASCII)  # a hash, a version
_ELF, _BROKEN, _OTHER = "ELF file", "cannot be read", "no ELF file"


@dataclass(frozen=True, slots=True)
class Part:
    """What one ELF file, or what used to be one, is; `program` is None if it cannot be read."""

    state: str
    program: Program | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """All programs of a wheel in one line of a table; sizes in bytes."""

    programs: int
    code: int
    loaded: int
    level: str
    hardening: str  # the worst state of each guard
    fortified: int  # imports of checked functions
    debug: int


def program_changes(original: Given, remedied: Given, limits: Limits = LIMITS) -> tuple[ProgramChange, ...]:
    """Return what differs for users between two wheel files; if a wheel cannot be read, that alone, as a cost."""
    with ExitStack() as stack:
        sides = [
            stack.enter_context(opened(given.path, given.file, limits.wheel, limits.members))
            for given in (original, remedied)
        ]
        first, second = sides
        if isinstance(first, Failure) or isinstance(second, Failure):
            return (_unreadable(first, second),)
        return listed(_changes(first, second))


def programs(given: Given, limits: Limits = LIMITS) -> dict[str, Program]:
    """Return the programs of a wheel file by their paths; empty if the wheel cannot be read."""
    with opened(given.path, given.file, limits.wheel, limits.members) as wheel:
        if isinstance(wheel, Failure):
            return {}
        parts = {path: _part(wheel, path) for path in wheel.infos}
        return {path: part.program for path, part in parts.items() if part.program is not None}


def overview(given: Given, limits: Limits = LIMITS) -> Overview:
    """Return what the programs of a wheel file have in common; all is zero or empty if the wheel cannot be read."""
    found = list(programs(given, limits).values())
    levels = sum((one.levels for one in found), Counter[str]())
    framed, functions = (sum(getattr(one, name) for one in found) for name in ("framed", "functions"))
    return Overview(
        programs=len(found),
        code=sum(one.code for one in found),
        loaded=sum(one.loaded for one in found),
        level=_levels(levels) if levels else f"not recorded ({_frames(framed, functions)})" if found else "none",
        hardening=", ".join(
            f"{name}: {states[at]}" for name, states in GUARDS.items() if (at := _worst(found, name)) >= 0
        ),
        fortified=sum(len(one.fortified) for one in found),
        debug=sum(one.debug for one in found),
    )


def _worst(found: Iterable[Program], guard: str) -> int:
    return min((one.guards[guard] for one in found if guard in one.guards), default=-1)


def _unreadable(first: Opened | Failure, second: Opened | Failure) -> ProgramChange:
    texts = [f"cannot be read: {one.detail}" if isinstance(one, Failure) else "wheel" for one in (first, second)]
    return ProgramChange("", ProgramAspect.MEMBERS, printable(texts[0]), printable(texts[1]))


def _changes(first: Opened, second: Opened) -> Iterator[ProgramChange]:
    pairs = paired(first.infos, second.infos)
    yield from _renamed(pairs)
    yield from _members(first.infos, second.infos, pairs)
    for path, there in pairs.items():
        if not _same(first.infos[path], second.infos[there]):
            yield from compared(path, _part(first, path), _part(second, there))


def _same(first: ZipInfo, second: ZipInfo) -> bool:
    return (first.CRC, first.file_size) == (second.CRC, second.file_size)


def _part(wheel: Opened, path: str) -> Part:
    with wheel.content(path) as content:
        if content is None:
            return Part(_BROKEN)
        if content.read(0, len(elf.MAGIC)) != elf.MAGIC:
            return Part(_OTHER)
        found = program.read(content)
        return Part(_BROKEN if found is None else _ELF, found)


# --- members -------------------------------------------------------------------------------------


def paired(first: Collection[str], second: Collection[str]) -> dict[str, str]:
    """Pair the members of two wheels by their paths, or by those without hashes and versions if that is unique."""
    ours, theirs = _by_shape(set(first) - set(second)), _by_shape(set(second) - set(first))
    alike = {
        path: theirs[shape][0] for shape, (path, *more) in ours.items() if not more and len(theirs.get(shape, ())) == 1
    }
    return {path: path for path in first if path in second} | alike


def _by_shape(paths: Iterable[str]) -> dict[str, list[str]]:
    shapes: dict[str, list[str]] = defaultdict(list)
    for path in sorted(paths):
        shapes[_MADE_UP.sub("#", _DIST_INFO.sub(".dist-info/", path))].append(path)
    return shapes


def _renamed(pairs: Mapping[str, str]) -> Iterator[ProgramChange]:
    for path, there in pairs.items():
        if path != there:
            yield ProgramChange(printable(path), ProgramAspect.MEMBERS, printable(path), printable(there), cost=False)


def _members(first: Collection[str], second: Collection[str], pairs: Mapping[str, str]) -> Iterator[ProgramChange]:
    for path in sorted(set(first) - set(pairs)):
        yield ProgramChange(printable(path), ProgramAspect.MEMBERS, "present", "gone")
    for path in sorted(set(second) - set(pairs.values())):
        yield ProgramChange(printable(path), ProgramAspect.MEMBERS, "absent", "present", cost=False)


# --- one program ---------------------------------------------------------------------------------


def compared(path: str, first: Part, second: Part) -> Iterator[ProgramChange]:
    """Yield the changes of one member; one that can no longer be read is a cost, one that never could is none."""
    if first.program is not None and second.program is not None:
        for compare in _COMPARISONS:
            yield from (replace(change, path=printable(path)) for change in compare(first.program, second.program))
    elif _ELF in {first.state, second.state} or _BROKEN in {first.state, second.state}:
        worse = first.program is not None
        yield ProgramChange(printable(path), ProgramAspect.SECTIONS, first.state, second.state, cost=worse)


def _changed(aspect: ProgramAspect, before: str, after: str, *, cost: bool = True) -> Iterator[ProgramChange]:
    if before != after:
        yield ProgramChange("", aspect, printable(before), printable(after), cost)


def _optimisation(first: Program, second: Program) -> Iterator[ProgramChange]:
    ours, theirs = first.levels, second.levels
    if ours and theirs:
        cost = _lower(ours, theirs)
        yield from _changed(ProgramAspect.OPTIMISATION, _levels(ours), _levels(theirs), cost=cost)
    elif _framed_share(second) - _framed_share(first) > FRAMED_SHARE:
        before, after = (f"{_levels(one.levels)}; {_frames(one.framed, one.functions)}" for one in (first, second))
        yield from _changed(ProgramAspect.OPTIMISATION, before, f"{after}, as with -O0")


def _lower(ours: Counter[str], theirs: Counter[str]) -> bool:
    """Return whether a smaller share of units has at least some level."""
    return any(_reaching(theirs, rank) < _reaching(ours, rank) for rank in range(len(LEVELS)))


def _reaching(levels: Counter[str], rank: int) -> float:
    return sum(levels[level] for level in LEVELS[rank:]) / levels.total()


def _levels(levels: Counter[str]) -> str:
    if len(levels) == 1:
        return next(iter(levels))
    texts = [f"{level} in {count} of {levels.total()} units" for level, count in levels.most_common()]
    return ", ".join(texts) or "level not recorded"


def _framed_share(one: Program) -> float:
    return one.framed / one.functions if one.functions else 0


def _frames(framed: int, functions: int) -> str:
    return f"{framed} of {functions} functions set up a frame pointer"


def _switches(first: Program, second: Program) -> Iterator[ProgramChange]:
    """Yield the switches that fewer units have, by what they are for."""
    if not first.switches or not second.switches:
        return
    ours, theirs = _shares(first), _shares(second)
    lost = sorted(switch for switch, share in ours.items() if share > _as_good(switch, theirs) and switch not in _OFF)
    for aspect, prefixes in ((ProgramAspect.HARDENING, _HARDENING), (ProgramAspect.OPTIMISATION, _MEANING)):
        if names := [switch for switch in lost if switch.startswith(prefixes)]:
            yield from _changed(aspect, _names(names), "not in all of these units any more")


def _as_good(switch: str, shares: Mapping[str, float]) -> float:
    return sum(shares.get(name, 0) for name in (switch, *_AS_GOOD.get(switch, ())))


def _shares(one: Program) -> dict[str, float]:
    counted = Counter(switch for switches in one.switches for switch in switches)
    return {switch: count / len(one.switches) for switch, count in counted.items()}


def _hardening(first: Program, second: Program) -> Iterator[ProgramChange]:
    for name, states in GUARDS.items():
        ours, theirs = first.guards.get(name), second.guards.get(name)
        if ours is not None and theirs is not None:
            before, after = (f"{name}: {states[state]}" for state in (ours, theirs))
            yield from _changed(ProgramAspect.HARDENING, before, after, cost=theirs < ours)


def _fortified(first: Program, second: Program) -> Iterator[ProgramChange]:
    if first.imports is not None and second.imports is not None:
        before, after = (f"fortified functions: {_names(one.fortified) or 'none'}" for one in (first, second))
        lost = not first.fortified <= second.fortified
        yield from _changed(ProgramAspect.HARDENING, before, after, cost=lost)


def _imports(first: Program, second: Program) -> Iterator[ProgramChange]:
    if first.imports is None or second.imports is None:
        if first.imports is not None:
            yield from _changed(ProgramAspect.IMPORTS, f"{len(first.imports)} symbols", _BROKEN)
        return
    lost, gained = first.imports - second.imports, second.imports - first.imports
    if assertions := gained & _ASSERTIONS:
        yield from _changed(ProgramAspect.IMPORTS, "no assertions", f"assertions are on: imports {_names(assertions)}")
    if names := {name for name in lost if not _BUILTIN.fullmatch(name)} - _ASSERTIONS:
        yield from _changed(ProgramAspect.IMPORTS, f"imports {_names(names)}", "not imported")
    if names := {name for name in gained if not _BUILTIN.fullmatch(name)} - _ASSERTIONS:
        yield from _changed(ProgramAspect.IMPORTS, "not imported", f"imports {_names(names)}", cost=False)


def _libraries(first: Program, second: Program) -> Iterator[ProgramChange]:
    before, after = (_names(one.libraries) or "none" for one in (first, second))
    lost = bool(first.libraries - second.libraries - _RUNTIME)
    yield from _changed(ProgramAspect.IMPORTS, f"libraries: {before}", f"libraries: {after}", cost=lost)


def _debug(first: Program, second: Program) -> Iterator[ProgramChange]:
    ours, theirs = first.debug, second.debug
    if ours and theirs < ours * (1 - DEBUG_SHARE):
        after = _bytes(theirs) if theirs else "none"
        yield from _changed(ProgramAspect.DEBUG_INFO, _bytes(ours), after)
    if theirs and not ours:
        yield from _changed(ProgramAspect.DEBUG_INFO, "none", _bytes(theirs), cost=False)
    for name, was, now in (
        ("symbol table", first.symbols, second.symbols),
        ("build id", first.build_id, second.build_id),
    ):
        before, after = (f"{name}: {'present' if each else 'none'}" for each in (was, now))
        yield from _changed(ProgramAspect.DEBUG_INFO, before, after, cost=was)


def _size(first: Program, second: Program) -> Iterator[ProgramChange]:
    if not _near(first.code, second.code, CODE_SHARE, CODE_SLACK) or not _near(
        first.functions, second.functions, FUNCTION_SHARE, 0
    ):
        before, after = (_instructions(one) for one in (first, second))
        yield from _changed(ProgramAspect.SIZE, before, after)
    elif not _near(first.loaded, second.loaded, SHARE, SLACK):
        before, after = (f"{_bytes(one.loaded)} loaded" for one in (first, second))
        yield from _changed(ProgramAspect.SIZE, before, after)


def _instructions(one: Program) -> str:
    functions = f" in {one.functions:,} functions" if one.functions else ""
    return f"{_bytes(one.code)} of instructions{functions}"


def _near(first: int, second: int, share: float, slack: int) -> bool:
    return abs(second - first) <= max(slack, share * first)


def _bytes(size: int) -> str:
    return f"{size:,} bytes"


def _sections(first: Program, second: Program) -> Iterator[ProgramChange]:
    """Yield the loaded sections that vanished or appeared, without those that the linker derives from others."""
    ours, theirs = ({name for name in one.sections if not _DERIVED.fullmatch(name)} for one in (first, second))
    if lost := ours - theirs:
        yield from _changed(ProgramAspect.SECTIONS, _names(lost), "gone")
    if gained := theirs - ours:
        yield from _changed(ProgramAspect.SECTIONS, "absent", _names(gained), cost=False)


_COMPARISONS = (
    _optimisation,
    _switches,
    _hardening,
    _fortified,
    _imports,
    _libraries,
    _debug,
    _size,
    _sections,
)


# --- a short list --------------------------------------------------------------------------------


def listed(changes: Iterable[ProgramChange]) -> tuple[ProgramChange, ...]:
    """Return costs first, then by aspect; equal changes of many members as one, and the rest of long lists counted."""
    groups: dict[tuple[bool, ProgramAspect], list[ProgramChange]] = defaultdict(list)
    for change in _merged(changes):
        groups[change.cost, change.aspect].append(change)
    found = [change for key in sorted(groups, key=_rank) for change in _shortened(groups[key], _ALIKE)]
    return tuple(_shortened(found, MOST))


def _rank(key: tuple[bool, ProgramAspect]) -> tuple[bool, int]:
    return not key[0], _ORDER.index(key[1])


def _merged(changes: Iterable[ProgramChange]) -> Iterator[ProgramChange]:
    alike: dict[ProgramChange, list[str]] = defaultdict(list)
    for change in changes:
        alike[replace(change, path="")].append(change.path)
    for change, (path, *more) in alike.items():
        after = f"{change.after} (and of {len(more)} more members)" if more else change.after
        yield replace(change, path=path, after=after)


def _shortened(changes: list[ProgramChange], most: int) -> list[ProgramChange]:
    """Return the first changes, and one that counts the others if there are more."""
    if len(changes) <= most:
        return changes
    kept, rest = changes[: most - 1], changes[most - 1 :]
    counted = ProgramChange("", rest[0].aspect, "", f"{len(rest)} more changes", any(one.cost for one in rest))
    return [*kept, counted]


def _names(names: Iterable[str]) -> str:
    first, more = sorted(names)[:_MOST_NAMES], len(list(names)) - _MOST_NAMES
    return ", ".join(printable(name, _LONGEST // _MOST_NAMES) for name in first) + (
        f" and {more} more" if more > 0 else ""
    )


def printable(text: str, longest: int = _LONGEST) -> str:
    """Return untrusted text in one printable line of at most so many characters."""
    line = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text[: longest + 1])
    return line if len(line) <= longest else line[: longest - 1] + "…"
