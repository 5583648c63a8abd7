"""Explains why two wheels differ: erases the traces of all known causes and lists the remaining differences."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from orchestrator.analysis.causes.archive import MODE, ORDER, PACKING, TIME
from orchestrator.analysis.causes.catalogue import CAUSES
from orchestrator.analysis.causes.erasers import differing, token
from orchestrator.analysis.causes.model import Shown, Side
from orchestrator.analysis.excerpts import LONGEST, SHOWN, excerpt, from_its_line, printable
from orchestrator.analysis.formats.elf_headers import MOVED
from orchestrator.analysis.formats.members import INSIDE, depth
from orchestrator.analysis.formats.native import KIND as NATIVE
from orchestrator.analysis.matching import explain
from orchestrator.analysis.pairing import renamed, with_versions
from orchestrator.analysis.parts import parts
from orchestrator.analysis.wheel import is_record
from orchestrator.analysis.wheel_side import UNKNOWN
from orchestrator.model import (
    NO_GROUNDS,
    Aspect,
    CauseFinding,
    Diagnosis,
    Difference,
    Evidence,
    Proof,
    Severity,
    Unexplained,
    deepest,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from orchestrator.analysis.causes.model import Cause, SidePair
    from orchestrator.analysis.matching import CauseMatch
    from orchestrator.analysis.parts import MemberDiff
    from orchestrator.analysis.wheel_side import WheelSide
    from orchestrator.model import Grounds, Traces

EVIDENCE = 5
"""The most places that are shown for one cause."""

PLACES = 30
"""The most places of one member that are listed as unexplained; of the others, the number."""

PLACES_OF_CODE = 300
"""The same, of a member that can be run."""

ROOM = 500_000
"""Characters of all the texts of unexplained places; after them, only the first place of a member has texts."""

TOGETHER = 8
"""The most consecutive lines that are one unexplained place."""

_SLIGHT = frozenset({Severity.NONE, Severity.ARCHIVE, Severity.DEBUG})  # what a cause that is only possible explains
_INSTALLED = frozenset({Severity.DATA, Severity.CODE, Severity.MEMBERS})  # of which two files show no cause


_Shown = TypeVar("_Shown", Evidence, Unexplained)


class Place(NamedTuple):
    """Where two wheels differ, what each has there, and the line before, if it is equal on both sides."""

    path: str
    aspect: Aspect
    where: str
    texts: tuple[bytes, bytes]
    before: bytes = b""
    looks_like: str = ""


@dataclass(slots=True)
class Shape:
    """The places where a cause is shown equally well: their members, the suspected variations, and a few in full."""

    members: set[str] = field(default_factory=set)
    suspects: set[str] = field(default_factory=set)
    evidence: list[Evidence] = field(default_factory=list)


@dataclass(slots=True)
class Findings:
    """The findings so far; only what the diagnosis reports is kept, since the wheels may be large."""

    causes: dict[tuple[str, Proof], Shape] = field(default_factory=dict)
    left: list[Unexplained] = field(default_factory=list)
    depths: dict[str, Severity] = field(default_factory=dict)  # by path of the first wheel
    reported: set[tuple[str, Aspect]] = field(default_factory=set)  # with a cause or an unexplained place
    room: int = ROOM  # characters that are left for texts of unexplained places


# --- the whole -------------------------------------------------------------------------------


def diagnose(
    first: WheelSide,
    second: WheelSide,
    differences: tuple[Difference, ...],
    causes: tuple[Cause, ...] = CAUSES,
    grounds: Grounds = NO_GROUNDS,
) -> Diagnosis:
    """Explain the differences that `compare` lists; `grounds` is what builds have shown of them.

    The order of the wheels decides only the sides of the evidence. The diagnosis of equal wheels
    is empty; that of unequal ones always has a cause or an unexplained difference.
    """
    if not differences:
        return Diagnosis(Severity.NONE, (), (), ())
    turned = _rank(second) < _rank(first)
    ours, theirs = with_versions(*((second, first) if turned else (first, second)))
    pairing = renamed(ours, theirs)
    findings = Findings()
    traces = (first.traces, second.traces)
    known = all(one != UNKNOWN for one in traces)
    for part in parts(ours, theirs, pairing, differences):
        _explain_part(findings, part, (ours.traces, theirs.traces), causes, grounds, known=known)
    again = pairing.keys() if turned else set(pairing.values())  # the second names of renamed members
    judged = tuple(_named_once(_judged(difference, findings, pairing), again) for difference in differences)
    findings.left += _unreported(findings, judged, pairing, (ours, theirs))
    diagnosis = Diagnosis(
        deepest(difference.severity for difference in judged if difference.severity),
        _cause_findings(findings, causes),
        tuple(dict.fromkeys(findings.left)),
        judged,
    )
    return _turned(diagnosis, pairing) if turned else diagnosis


def _rank(side: WheelSide) -> tuple[str, str]:
    return side.wheel.sha256, side.wheel.filename


def _unreported(
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


def _named_once(difference: Difference, again: Collection[str]) -> Difference:
    """Return the difference; that of a renamed member's second name follows from that of its first."""
    follows = difference.aspect is Aspect.PRESENCE and difference.path in again
    return replace(difference, consequence=True) if follows else difference


def _turned(diagnosis: Diagnosis, pairing: Mapping[str, str]) -> Diagnosis:
    """Return a diagnosis with its sides swapped."""

    def path(one: str) -> str:
        return pairing.get(one, one)

    def turned(one: _Shown) -> _Shown:
        return replace(one, path=path(one.path), where=_swapped(one.where), first=one.second, second=one.first)

    causes = tuple(
        replace(
            finding,
            members=tuple(sorted(map(path, finding.members))),
            evidence=tuple(map(turned, finding.evidence)),
        )
        for finding in diagnosis.causes
    )
    return replace(diagnosis, causes=causes, unexplained=tuple(map(turned, diagnosis.unexplained)))


_TWO_NUMBERS = re.compile(r"\b(\w+) \| (\w+)\b")


def _swapped(where: str) -> str:
    return _TWO_NUMBERS.sub(r"\2 | \1", where)


def _cause_findings(findings: Findings, causes: tuple[Cause, ...]) -> tuple[CauseFinding, ...]:
    """Return each cause where it is shown best; places that only look like it are listed as unexplained."""
    found = (
        (cause, proof, findings.causes[cause.name, proof])
        for cause in causes
        if (proof := next((one for one in reversed(Proof) if (cause.name, one) in findings.causes), None))
    )
    return tuple(
        CauseFinding(
            name=cause.name,
            members=tuple(sorted(shape.members)),
            variations=_in_order(cause, shape.suspects),
            proof=proof,
            evidence=tuple(shape.evidence),
        )
        for cause, proof, shape in found
    )


def _in_order(cause: Cause, suspects: set[str]) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys((*cause.variations, *cause.alike)) if name in suspects)


# --- one part --------------------------------------------------------------------------------


def _explain_part(
    findings: Findings,
    part: MemberDiff,
    traces: tuple[Traces, Traces],
    causes: tuple[Cause, ...],
    grounds: Grounds,
    *,
    known: bool,
) -> None:
    """Explain a part, and add the result to the findings; `known` is whether both environments are known."""
    pair = Side(part.members[0], traces[0]), Side(part.members[1], traces[1])
    depths = {place: part.members[0].depths.get(place, Severity.CODE) for place in differing(pair)}
    if depths:
        findings.depths[part.path] = deepest((findings.depths.get(part.path, Severity.NONE), *depths.values()))
    match = explain(pair, causes, grounds, part.path)
    guesses: dict[str, str] = {}
    for cause in causes:
        places = match.causes.get(cause.name, ())
        if not places:
            continue
        proofs = {place: _strength(cause, part, depths.get(place, Severity.CODE), known=known) for place in places}
        for proof in dict.fromkeys(proofs.values()):
            _add(findings, part, cause.name, proof, match, pair, [one for one in places if proofs[one] is proof])
        doubtful = (one for one in places if proofs[one] is Proof.POSSIBLE and depths.get(one) not in _SLIGHT)
        guesses = dict.fromkeys(doubtful, cause.name) | guesses
    left = {place: guesses.get(place, "") for place in depths if place in guesses or place in match.left}
    _leave(findings, part, pair, match, left)


def _strength(cause: Cause, part: MemberDiff, severity: Severity, *, known: bool) -> Proof:
    """Return how well a diagnosis alone shows a cause.

    Two files show nothing of what is installed: that it differs in white space alone, say, explains no code.
    Native code is the exception, because its parser pairs each function's code: what it calls an order is one.
    """
    installed = severity in _INSTALLED and part.members[0].kind != NATIVE
    by_files = cause.shown is Shown.FILES and not installed
    by_environment = cause.shown is Shown.ENVIRONMENT and known
    return Proof.TRACE if by_files or by_environment else Proof.POSSIBLE


def _add(
    findings: Findings,
    part: MemberDiff,
    name: str,
    proof: Proof,
    match: CauseMatch,
    pair: SidePair,
    places: Sequence[str],
) -> None:
    """Add a cause that is shown that well, with its members and a few places."""
    located = [_located(part, place) for place in places]
    shape = findings.causes.setdefault((name, proof), Shape())
    shape.members.update(path for path, _, _ in located if path)
    shape.suspects.update(match.suspects[name])
    pairs = list(zip(places, located, strict=True))
    clear = [(place, there) for place, there in pairs if not place.endswith(MOVED)]
    for place, (path, _, where) in (clear or pairs)[: max(0, EVIDENCE - len(shape.evidence))]:
        texts = from_its_line(token(pair, place), token(match.alone[name], place))
        shape.evidence.append(Evidence(path, where, *excerpt(*texts, SHOWN)))
    findings.reported |= {(path, aspect) for path, aspect, _ in located}


def _leave(findings: Findings, part: MemberDiff, pair: SidePair, match: CauseMatch, left: Mapping[str, str]) -> None:
    """List the places that no cause is shown to explain, with what each side has there."""
    found = []
    for place, guess in left.items():
        texts = token(pair, place)
        if not guess and place in match.left:
            texts = from_its_line(texts, token(match.state, place))
        before = part.members[0].before.get(place, b"")
        found.append(Place(*_located(part, place), texts, before, guess))
    most = PLACES_OF_CODE if Severity.CODE in part.members[0].depths.values() else PLACES
    counts: dict[tuple[str, Aspect], int] = {}
    for one in joined(found):
        key = one.path, one.aspect
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= most:
            findings.left.append(_shown(findings, one, first=counts[key] == 1))
        findings.reported.add(key)
    findings.left += (
        Unexplained(path, aspect, f"and {count - most} places more")
        for (path, aspect), count in counts.items()
        if count > most
    )


def _shown(findings: Findings, one: Place, *, first: bool) -> Unexplained:
    """Return an unexplained place with its texts, if there is room; the first of a member always has some."""
    if (most := LONGEST if findings.room > 0 else SHOWN if first else 0) == 0:
        return Unexplained(one.path, one.aspect, one.where, looks_like=one.looks_like)
    texts, before = excerpt(*one.texts, most), printable(one.before[:SHOWN])
    findings.room -= sum(map(len, texts)) + len(before)
    return Unexplained(one.path, one.aspect, one.where, *texts, before=before, looks_like=one.looks_like)


_LINE = re.compile(r"(.*\b)line (\d+)(?: \| (\d+))?")


def joined(places: Sequence[Place]) -> list[Place]:
    """Merge consecutive lines into places such as "lines 3 to 7", each of a few lines."""
    merged: list[Place] = []
    begin = end = (-1, -1)
    for place in places:
        line = _LINE.fullmatch(place.where)
        numbers = (int(line[2]), int(line[3] or line[2])) if line else (-1, -1)
        if line and merged and _follows(numbers, begin, end) and _alike(merged[-1], place):
            texts = tuple(b"\n".join(both) for both in zip(merged[-1].texts, place.texts, strict=True))
            where = f"{line[1]}lines {_spelled(begin)} to {_spelled(numbers)}"
            merged[-1] = merged[-1]._replace(where=where, texts=(texts[0], texts[1]))
        else:
            merged.append(place)
            begin = numbers
        end = numbers
    return merged


def _follows(numbers: tuple[int, int], begin: tuple[int, int], end: tuple[int, int]) -> bool:
    return numbers == (end[0] + 1, end[1] + 1) and numbers[0] - begin[0] < TOGETHER


def _alike(former: Place, place: Place) -> bool:
    return former[:2] == place[:2] and former.looks_like == place.looks_like


def _spelled(numbers: tuple[int, int]) -> str:
    return str(numbers[0]) if numbers[0] == numbers[1] else f"{numbers[0]} | {numbers[1]}"


_PREFIXES = ((TIME, Aspect.TIME), (MODE, Aspect.MODE), (PACKING, Aspect.PACKING))


def _located(part: MemberDiff, place: str) -> tuple[str, Aspect, str]:
    """Return the path, the aspect and the place within the member of a token."""
    if part.aspect is not Aspect.ARCHIVE:
        inner = part.members[0].path.removeprefix(part.path).removeprefix(INSIDE)
        where = f"{inner}: {place}" if inner else place
        return part.path, part.aspect, printable(where.encode("utf-8", "surrogateescape"))[:SHOWN]
    for prefix, aspect in _PREFIXES:
        if place.startswith(prefix):
            return place.removeprefix(prefix), aspect, prefix.removesuffix(" of ")
    return "", Aspect.ORDER if place == ORDER else Aspect.ARCHIVE, place
