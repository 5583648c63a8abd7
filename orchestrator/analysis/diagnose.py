"""Explains why two wheels differ: erases the traces of all known causes and lists the remaining differences."""

from __future__ import annotations

import csv
import re
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from stat import filemode
from typing import TYPE_CHECKING, Protocol

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from orchestrator.analysis.causes.archive import COMMENT, ELSEWHERE, FOLDER, MODE, ORDER, PACKING, TIME
from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.analysis.causes.content import without_random
from orchestrator.analysis.causes.erasers import differing, token
from orchestrator.analysis.causes.metadata import VERSION
from orchestrator.analysis.causes.model import Side
from orchestrator.analysis.causes.planted_values import erase_telling, forms
from orchestrator.analysis.formats.elf_headers import MOVED
from orchestrator.analysis.formats.members import DERIVED, DIST_INFO, INSIDE, depth, normalize
from orchestrator.analysis.formats.text import member_pair, text
from orchestrator.analysis.wheel import is_record
from orchestrator.model import (
    Aspect,
    CauseFinding,
    Diagnosis,
    Difference,
    Evidence,
    Severity,
    Traces,
    Unexplained,
    deepest,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from orchestrator.analysis.causes.model import Cause, Content, SidePair
    from orchestrator.analysis.formats.text import MemberPair
    from orchestrator.model import Member, Wheel

EVIDENCE = 5
"""The most places that are shown for one cause."""

SHOWN = 200
"""Characters of a text that are shown, around where it differs."""

LOST = 200
"""The most places that are named as unexplained."""

TAKEN_APART = 2000
"""The most members that are normalized; those after them are reported as unexplained."""

_PASSES = 2  # a cause may become visible only after another is erased
_ABOUT = 20  # tokens of one member that are checked for a shared cause


UNKNOWN = Traces()
"""The traces of a wheel that was built elsewhere."""


_SPELLED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


class Contents(Protocol):
    """A wheel, open for reading."""

    @property
    def comment(self) -> bytes:
        """The archive's own comment."""

    def packed(self, path: str) -> object:
        """Describe how a member is packed, as a value with a text."""

    def content(self, path: str) -> AbstractContextManager[Content | None]:
        """Open a member; None where it cannot be read."""


@dataclass(frozen=True, slots=True)
class WheelSide:
    """One of the two wheels: its list of members, its contents, and the values planted by its environment."""

    wheel: Wheel
    contents: Contents
    traces: Traces = UNKNOWN


@dataclass(frozen=True, slots=True)
class MemberDiff:
    """A part of both wheels, normalized."""

    path: str  # of the first wheel's member; empty for the archive itself
    aspect: Aspect
    members: MemberPair


@dataclass(frozen=True, slots=True)
class CauseMatch:
    """The explanation of a part: by cause, its places and suspected variations; and the places left unexplained."""

    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    suspects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    alone: Mapping[str, SidePair] = field(default_factory=dict)  # by cause: both sides without all other traces


@dataclass(slots=True)
class Findings:
    """The findings so far; only what the diagnosis reports is kept, since the wheels may be large."""

    members: dict[str, set[str]] = field(default_factory=dict)  # by cause
    suspects: dict[str, set[str]] = field(default_factory=dict)
    evidence: dict[str, list[Evidence]] = field(default_factory=dict)
    left: list[Unexplained] = field(default_factory=list)
    depths: dict[str, Severity] = field(default_factory=dict)  # by path
    reported: set[tuple[str, Aspect]] = field(default_factory=set)  # with a cause or an unexplained place


# --- the whole -------------------------------------------------------------------------------


def diagnose(
    first: WheelSide, second: WheelSide, differences: tuple[Difference, ...], causes: tuple[Cause, ...] = CAUSES
) -> Diagnosis:
    """Explain the differences that `compare` lists.

    The order of the wheels decides only the sides of the evidence. The diagnosis of equal wheels
    is empty; that of unequal ones always has a cause or an unexplained difference.
    """
    if not differences:
        return Diagnosis(Severity.NONE, (), (), ())
    turned = _rank(second) < _rank(first)
    ours, theirs = _with_versions(*((second, first) if turned else (first, second)))
    pairing = renamed(ours, theirs)
    findings = Findings()
    for part in _parts(ours, theirs, pairing, differences):
        _log(findings, part, (ours.traces, theirs.traces), causes)
    judged = tuple(_judged(difference, findings, pairing) for difference in differences)
    findings.left += _untold(findings, judged, pairing, (ours, theirs))
    diagnosis = Diagnosis(
        deepest(difference.severity for difference in judged if difference.severity),
        _blames(findings, causes),
        _cut_short(findings.left),
        judged,
    )
    return _turned(diagnosis, pairing) if turned else diagnosis


def _rank(side: WheelSide) -> tuple[str, str]:
    return side.wheel.sha256, side.wheel.filename


def _untold(
    findings: Findings, differences: Iterable[Difference], pairing: Mapping[str, str], pair: tuple[WheelSide, WheelSide]
) -> Iterator[Unexplained]:
    """Yield the differences that are not reported yet: members that could not be read or exceeded a limit."""
    back = {second: first for first, second in pairing.items()}
    for difference in differences:
        path = back.get(difference.path, difference.path)
        if not difference.consequence and (path, difference.aspect) not in findings.reported:
            yield Unexplained(path, difference.aspect)
    contents = [{member.path: member.sha256 for member in side.wheel.members} for side in pair]
    for first, second in pairing.items():
        if (
            contents[0][first] != contents[1][second]
            and (first, Aspect.CONTENT) not in findings.reported
            and not is_record(first)
        ):
            yield Unexplained(first, Aspect.CONTENT)


def _judged(difference: Difference, findings: Findings, pairing: Mapping[str, str]) -> Difference:
    """Return the difference with its severity."""
    aspect = difference.aspect
    if difference.consequence:
        severity = Severity.METADATA
    elif aspect is Aspect.CONTENT:
        severity = findings.depths.get(difference.path, depth(difference.path, b""))
    elif aspect is Aspect.PRESENCE:
        path = next((first for first, second in pairing.items() if difference.path in (first, second)), difference.path)
        severity = findings.depths.get(path, Severity.MEMBERS)
    elif aspect is Aspect.TAGS:
        severity = Severity.MEMBERS
    else:
        severity = Severity.METADATA if aspect is Aspect.FILENAME else Severity.ARCHIVE
    return replace(difference, severity=severity)


def _turned(diagnosis: Diagnosis, pairing: Mapping[str, str]) -> Diagnosis:
    """Return a diagnosis with its sides swapped."""

    def path(one: str) -> str:
        return pairing.get(one, one)

    cause_findings = tuple(
        replace(
            cause_finding,
            members=tuple(sorted(map(path, cause_finding.members))),
            evidence=tuple(
                replace(one, path=path(one.path), first=one.second, second=one.first) for one in cause_finding.evidence
            ),
        )
        for cause_finding in diagnosis.causes
    )
    return replace(
        diagnosis,
        causes=cause_findings,
        unexplained=tuple(replace(unexplained, path=path(unexplained.path)) for unexplained in diagnosis.unexplained),
    )


def _blames(findings: Findings, causes: tuple[Cause, ...]) -> tuple[CauseFinding, ...]:
    return tuple(
        CauseFinding(
            name=cause.name,
            members=tuple(sorted(findings.members[cause.name])),
            variations=tuple(variation for variation in cause.variations if variation in findings.suspects[cause.name]),
            evidence=tuple(findings.evidence[cause.name]),
        )
        for cause in causes
        if cause.name in findings.members
    )


def _cut_short(left: list[Unexplained]) -> tuple[Unexplained, ...]:
    """List the unexplained places; beyond the limit, only their number."""
    unique = list(dict.fromkeys(left))
    more = len(unique) - LOST
    if more <= 0:
        return tuple(unique)
    return (*unique[:LOST], Unexplained(unique[LOST].path, unique[LOST].aspect, f"and {more} places more"))


# --- one part --------------------------------------------------------------------------------


def _log(findings: Findings, part: MemberDiff, traces: tuple[Traces, Traces], causes: tuple[Cause, ...]) -> None:
    """Explain a part, and add the result to the findings."""
    pair = Side(part.members[0], traces[0]), Side(part.members[1], traces[1])
    depths = [part.members[0].depths.get(place, Severity.CODE) for place in differing(pair)]
    if depths:
        findings.depths[part.path] = deepest((findings.depths.get(part.path, Severity.NONE), *depths))
    match = explain(pair, causes)
    for name, places in match.causes.items():
        located = [_located(part, place) for place in places]
        findings.members.setdefault(name, set()).update(path for path, _, _ in located if path)
        findings.suspects.setdefault(name, set()).update(match.suspects[name])
        shown = findings.evidence.setdefault(name, [])
        pairs = list(zip(places, located, strict=True))
        clear = [(place, there) for place, there in pairs if not place.endswith(MOVED)]
        for place, (path, _, where) in (clear or pairs)[: max(0, EVIDENCE - len(shown))]:
            texts = from_its_line(token(pair, place), token(match.alone[name], place))
            shown.append(Evidence(path, where, *side_by_side(*texts)))
        findings.reported |= {(path, aspect) for path, aspect, _ in located}
    for path, aspect, where in joined([_located(part, place) for place in match.left]):
        findings.left.append(Unexplained(path, aspect, where))
        findings.reported.add((path, aspect))


_LINE = re.compile(r"(.*\b)line (\d+)")


def joined(places: Sequence[tuple[str, Aspect, str]]) -> list[tuple[str, Aspect, str]]:
    """Merge consecutive lines into one place, such as "lines 3 to 7"."""
    merged: list[tuple[str, Aspect, str]] = []
    begin = end = 0
    for path, aspect, where in places:
        line = _LINE.fullmatch(where)
        number = int(line[2]) if line else -1
        if line and merged and number == end + 1 and merged[-1][:2] == (path, aspect):
            merged[-1] = path, aspect, f"{line[1]}lines {begin} to {number}"
        else:
            merged.append((path, aspect, where))
            begin = number
        end = number
    return merged


_PREFIXES = ((TIME, Aspect.TIME), (MODE, Aspect.MODE), (PACKING, Aspect.PACKING))


def _located(part: MemberDiff, place: str) -> tuple[str, Aspect, str]:
    """Return the path, the aspect and the place within the member of a token."""
    if part.aspect is not Aspect.ARCHIVE:
        inner = part.members[0].path.removeprefix(part.path).removeprefix(INSIDE)
        where = f"{inner}: {place}" if inner else place
        return part.path, part.aspect, printable(_bytes(where))[:SHOWN]
    for prefix, aspect in _PREFIXES:
        if place.startswith(prefix):
            return place.removeprefix(prefix), aspect, prefix.removesuffix(" of ")
    return "", Aspect.ORDER if place == ORDER else Aspect.ARCHIVE, place


def explain(pair: SidePair, causes: Sequence[Cause]) -> CauseMatch:
    """Find the causes needed to make the tokens of a part equal, and the tokens that stay unequal.

    Earlier causes are preferred. A cause is omitted if as many tokens are equal without it, unless its
    trace never occurs by chance and shares its token with an unknown difference.
    """
    every = differing(pair)
    acted, state = _acted(pair, [cause for cause in causes if pair[0].member.kind in cause.kinds])
    left = differing(state)
    needed = list(acted)
    for cause in reversed(acted):
        fewer = [other for other in needed if other is not cause]
        if set(differing(_erased(pair, fewer))) <= set(left):
            needed = fewer
    explained: dict[str, tuple[str, ...]] = {}
    suspects: dict[str, tuple[str, ...]] = {}
    alone: dict[str, SidePair] = {}
    for cause in (*acted, *(cause for cause in causes if pair[0].member.kind in cause.besides)):
        others = _erased(pair, [other for other in needed if other is not cause])
        places = tuple(place for place in differing(others) if place not in left) if cause in needed else ()
        if not places:
            places = _besides(cause, pair) if cause not in acted else _shared(cause, pair, left)
        if places:
            explained[cause.name] = places
            alone[cause.name] = others
            suspects[cause.name] = cause.suspects(_only(others, places)) if cause.suspects else cause.variations
    return CauseMatch(explained, suspects, tuple(place for place in every if place in set(left)), alone)


def _acted(pair: SidePair, causes: Sequence[Cause]) -> tuple[list[Cause], SidePair]:
    """Erase all causes in turn; return those that changed something, and the remaining sides."""
    acted: list[Cause] = []
    for _ in range(_PASSES):
        for cause in causes:
            if not differing(pair):
                return acted, pair
            after = _erase_derived(cause.erase(pair), pair)
            if after != pair and cause not in acted:
                acted.append(cause)
            pair = after
    return [cause for cause in causes if cause in acted], pair


def _erase_derived(after: SidePair, before: SidePair) -> SidePair:
    """Erase the differences that are derived from the ones just erased."""
    erase = DERIVED.get(after[0].member.kind)
    return erase(after) if erase and after != before else after


def _erased(pair: SidePair, causes: Sequence[Cause]) -> SidePair:
    return _acted(pair, causes)[1]


def _only(pair: SidePair, places: Sequence[str]) -> SidePair:
    """Return both sides with only the tokens of some places."""
    first, second = pair

    def cut(side: Side) -> Side:
        return replace(
            side, member=replace(side.member, tokens={place: side.member.tokens.get(place, b"") for place in places})
        )

    return cut(first), cut(second)


def _shared(cause: Cause, pair: SidePair, left: Sequence[str]) -> tuple[str, ...]:
    """Return the unequal tokens from which a cause's unmistakable trace was erased on both sides."""
    if not _is_telling(cause, pair):
        return ()
    alone = cause.erase(_only(pair, left[:_ABOUT]))
    return tuple(
        place
        for place in left[:_ABOUT]
        if all(first != second for first, second in zip(token(alone, place), token(pair, place), strict=True))
    )


def _besides(cause: Cause, pair: SidePair) -> tuple[str, ...]:
    """Return the headers of a whole nested archive that are equal without a cause's trace."""
    left = set(differing(cause.erase(pair)))
    return tuple(place for place in differing(pair) if place not in left and ": " not in place)


def _is_telling(cause: Cause, pair: SidePair) -> bool:
    """Return whether a cause is recognized by values that both environments planted."""
    return cause.suspects is None and all(
        any(variation in cause.variations for variation, _ in side.traces.values) for side in pair
    )


# --- normalizing -----------------------------------------------------------------------------


def _parts(
    first: WheelSide, second: WheelSide, pairing: Mapping[str, str], differences: Iterable[Difference]
) -> Iterator[MemberDiff]:
    """Yield all parts in which two wheels differ, one at a time."""
    yield _archive(first, second, pairing)
    yield from _named(first, second, pairing)
    changed = {difference.path for difference in differences if difference.aspect is Aspect.CONTENT}
    ours = {member.path: member for member in first.wheel.members}
    theirs = {member.path: member for member in second.wheel.members}
    partners = {path: path for path in sorted(changed)} | dict(pairing)
    wanted = {left: right for left, right in partners.items() if ours[left].sha256 != theirs[right].sha256}
    for number, (left, right) in enumerate(wanted.items()):
        if number >= TAKEN_APART:
            return
        if is_record(left):
            yield _record(first, second, left, wanted, pairing)
            continue
        with ExitStack() as open_ones:
            contents = [
                open_ones.enter_context(side.contents.content(path)) for side, path in ((first, left), (second, right))
            ]
            if contents[0] is not None and contents[1] is not None:
                yield from (
                    MemberDiff(left, Aspect.CONTENT, both) for both in normalize(left, contents[0], contents[1])
                )


def _archive(first: WheelSide, second: WheelSide, pairing: Mapping[str, str]) -> MemberDiff:
    """Normalize the archives' headers and those of the members that both have."""
    theirs = {member.path: member for member in second.wheel.members}
    names = [(member, pairing.get(member.path, member.path)) for member in first.wheel.members]
    both = [(member, theirs[name]) for member, name in names if name in theirs]
    return MemberDiff("", Aspect.ARCHIVE, member_pair("", "archive", _headers(first, second, both), Severity.ARCHIVE))


def _headers(
    first: WheelSide, second: WheelSide, both: Sequence[tuple[Member, Member]]
) -> Iterator[tuple[str, bytes, bytes]]:
    names = {right.path: left.path for left, right in both}
    ours = [left.path for left, _ in both]
    theirs = [names[member.path] for member in second.wheel.members if member.path in names]
    yield ORDER, "\n".join(ours).encode(), "\n".join(theirs).encode()
    yield COMMENT, first.contents.comment, second.contents.comment
    inside = ours != theirs or first.contents.comment != second.contents.comment
    for left, right in both:
        inside = inside or left != replace(right, path=left.path)
        yield f"{TIME}{left.path}", _moment(left), _moment(right)
        yield f"{MODE}{left.path}", _mode(left), _mode(right)
        if left.packing != right.packing or (left.sha256 == right.sha256 and left.packed != right.packed):
            yield f"{PACKING}{left.path}", _packing(first, left), _packing(second, right)
    if not inside and first.wheel.sha256 != second.wheel.sha256 and len(both) == len(first.wheel.members):
        yield ELSEWHERE, first.wheel.sha256.encode(), second.wheel.sha256.encode()


def _moment(member: Member) -> bytes:
    year, month, day, hour, minute, second = member.time
    return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}".encode()


def _mode(member: Member) -> bytes:
    return f"{filemode(member.mode)} ({member.mode:o})".encode()


def _packing(side: WheelSide, member: Member) -> bytes:
    return f"{side.contents.packed(member.path)}; headers {member.packing[:8]}, packed {member.packed[:8]}".encode()


def _named(first: WheelSide, second: WheelSide, pairing: Mapping[str, str]) -> Iterator[MemberDiff]:
    """Yield the differences of file names, of members' names, and of the sets of members."""
    names = first.wheel.filename, second.wheel.filename
    if names[0] != names[1]:
        yield MemberDiff("", _of_filename(*names), _token("", "name", "file name", *names, Severity.METADATA))
    for left, right in pairing.items():
        deep = Severity.METADATA if _is_described(left) else Severity.MEMBERS
        yield MemberDiff(left, Aspect.PRESENCE, _token(left, "name", "name", left, right, deep))
    ours = {member.path for member in first.wheel.members} - pairing.keys()
    theirs = {member.path for member in second.wheel.members} - set(pairing.values())
    for path in sorted(ours ^ theirs):
        there = ("present", "absent") if path in ours else ("absent", "present")
        if path.endswith("/"):
            yield MemberDiff(path, Aspect.PRESENCE, _token(path, "folder", FOLDER, *there, Severity.ARCHIVE))
        else:
            yield MemberDiff(path, Aspect.PRESENCE, _token(path, "presence", "member", *there, Severity.MEMBERS))


def _token(path: str, kind: str, place: str, first: str, second: str, deep: Severity) -> MemberPair:
    return member_pair(path, kind, iter([(place, _bytes(first), _bytes(second))]), deep)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _of_filename(first: str, second: str) -> Aspect:
    try:
        return Aspect.FILENAME if parse_wheel_filename(first)[3] == parse_wheel_filename(second)[3] else Aspect.TAGS
    except InvalidWheelFilename:
        return Aspect.TAGS


def _is_described(path: str) -> bool:
    return bool(DIST_INFO.match(path) or _DATA.match(path))


def _record(
    first: WheelSide, second: WheelSide, path: str, changed: Mapping[str, str], pairing: Mapping[str, str]
) -> MemberDiff:
    """Normalize RECORD, without lines derived from members that differ or are in one wheel only."""
    alone = {member.path for member in first.wheel.members} ^ {member.path for member in second.wheel.members}
    alone -= {*pairing.keys(), *pairing.values()}
    ours = _rows(first.wheel, changed.keys(), alone, {})
    theirs = _rows(second.wheel, changed.values(), alone, {right: left for left, right in pairing.items()})
    if sorted(ours) == sorted(theirs) and ours != theirs:
        both = member_pair(path, "record", iter([("lines", b"\n".join(ours), b"\n".join(theirs))]), Severity.METADATA)
    else:
        both = text(path, "record", b"\n".join(ours), b"\n".join(theirs), Severity.METADATA)
    return MemberDiff(path, Aspect.CONTENT, both)


def _rows(wheel: Wheel, changed: Iterable[str], alone: set[str], names: Mapping[str, str]) -> list[bytes]:
    """Return RECORD's lines, those of members that differ without hash and size, under the first wheel's names."""
    try:
        rows = list(csv.reader(wheel.record))
    except csv.Error:
        rows = [[line] for line in wheel.record]
    unsaid = set(changed)
    return [
        _bytes(names.get(row[0], row[0]) if row[0] in unsaid else ",".join([names.get(row[0], row[0]), *row[1:]]))
        for row in rows
        if row and row[0] not in alone
    ]


# --- names -----------------------------------------------------------------------------------

_DATA = re.compile(r"[^/]+\.data/")
_FOLDER = re.compile(rb"\A[^/]+\.(dist-info|data)/")
_SHORTEST = 4  # characters of a version's part that is specific enough alone


def renamed(first: WheelSide, second: WheelSide) -> dict[str, str]:
    """Pair the members of only one wheel whose names differ only by values that their builds planted."""
    ours = {member.path for member in first.wheel.members}
    theirs = {member.path for member in second.wheel.members}
    keys = _keys(first, ours - theirs), _keys(second, theirs - ours)
    return {keys[0][key]: keys[1][key] for key in sorted(keys[0].keys() & keys[1].keys())}


def _keys(side: WheelSide, paths: Iterable[str]) -> dict[bytes, str]:
    by_key: dict[bytes, str] = {}
    twice: set[bytes] = set()
    planted = tuple(dict.fromkeys(variation for variation, _ in side.traces.values))
    for path in sorted(paths):
        key = _FOLDER.sub(rb"<\1>/", _bytes(path))
        key = erase_telling(key, forms(side.traces, planted), b"<planted>")
        for variation, value in side.traces.words:
            if variation == VERSION:
                key = key.replace(value.encode(), b"<version>")
        key = without_random(key)
        twice |= {key} & by_key.keys()
        by_key[key] = path
    return {key: path for key, path in by_key.items() if key not in twice}


def _with_versions(first: WheelSide, second: WheelSide) -> tuple[WheelSide, WheelSide]:
    """Add each wheel's version to its planted values, if the versions differ only in their endings."""
    try:
        versions = [parse_wheel_filename(ours.wheel.filename)[1] for ours in (first, second)]
    except InvalidWheelFilename:
        return first, second
    if versions[0] == versions[1] or versions[0].release != versions[1].release:
        return first, second
    written = [ours.wheel.filename.split("-")[1] for ours in (first, second)]
    parts = [set(re.split(r"[.+_]", text)) for text in written]

    def with_version(side: WheelSide, number: int) -> WheelSide:
        theirs = parts[1 - number]
        alone = {part for part in parts[number] - theirs if len(part) >= _SHORTEST}
        spelled = {written[number], str(versions[number]), *alone}
        words = ((VERSION, word) for word in sorted(spelled, key=lambda ours: (-len(ours), ours)))
        return replace(side, traces=replace(side.traces, words=(*side.traces.words, *words)))

    return with_version(first, 0), with_version(second, 1)


# --- what is shown ---------------------------------------------------------------------------


_LINES = re.compile(rb"([\n\0])")


def from_its_line(texts: tuple[bytes, bytes], alone: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return two texts from the line, or the string of a table, in which a cause alone makes them differ.

    They are returned as they are where their lines do not correspond to those of the texts without other traces.
    """
    pieces = [_LINES.split(text) for text in (*texts, *alone)]
    if len(set(map(len, pieces))) > 1:
        return texts
    at = next((at for at, (ours, theirs) in enumerate(zip(pieces[2], pieces[3], strict=True)) if ours != theirs), 0)
    return b"".join(pieces[0][at:]), b"".join(pieces[1][at:])


def side_by_side(first: bytes, second: bytes) -> tuple[str, str]:
    """Return two texts for display: printable, and cut around the first difference."""
    at = next((place for place, (ours, theirs) in enumerate(zip(first, second, strict=False)) if ours != theirs), None)
    at = min(len(first), len(second)) if at is None else at
    begin = max(0, at - SHOWN // 4)
    return _shown(first, begin), _shown(second, begin)


def _shown(data: bytes, begin: int) -> str:
    piece = printable(data[begin : begin + SHOWN])[: SHOWN - 2]
    return ("…" if begin else "") + piece + ("…" if begin + SHOWN < len(data) else "")


def printable(data: bytes) -> str:
    """Return bytes as printable text, safe for a terminal and on one line."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else _SPELLED.get(char, f"\\u{ord(char):04x}") for char in text)
