"""Attribute the differences of two wheels to what builds have shown: the variations that act, or chance. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.experiments.randomness import kind_of
from orchestrator.model import CauseFinding, Evidence, Grounds, Proof

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.model import Diagnosis, Unexplained

RANDOM = "random"
"""The cause of a text that builds in one environment spell differently, for no reason that leaves another trace."""

DERIVED = "derived-value"
"""The cause of an identifier that is no accident: it follows from a variation, as a hash of a path does."""

EVIDENCE = 5
"""The most places that are shown for one of these causes."""

_IDENTIFIERS = frozenset({"identifier", "token", "temporary name"})
_NO_TIME = _IDENTIFIERS | {"address"}
_MOVED = "(moved)"  # ends the place of what only follows from the lengths of others

Acting = tuple[tuple[str, tuple[str, ...]], ...]
"""By path: the variations without which a member has the same bytes."""


def grounds(names: Sequence[str], holds: Sequence[str], acting: Acting) -> Grounds:
    """Return what isolation has shown: the variations of `holds` act, and the others that were varied do not."""
    others = tuple(name for name in names if name not in holds)
    return Grounds(suspected=tuple(holds), disproved=others, by_member=acting, repeatable=True)


def attributed(
    diagnosis: Diagnosis, holds: Sequence[str], acting: Acting, alike: Mapping[str, Mapping[str, str]]
) -> Diagnosis:
    """Return a diagnosis on those grounds with what isolation has proven of each cause and each place.

    Where several causes leave the same trace, the variation that acts decides which one it is.
    """
    by_member = dict(acting)
    causes = [_with_guesses(one, diagnosis.unexplained) for one in diagnosis.causes]
    isolated = [_isolated(one, holds, by_member, alike.get(one.name, {})) for one in causes]
    proven = zip(causes, isolated, strict=True)
    shown = {(former.name, path) for former, one in proven if one.proof is Proof.ISOLATED for path in paths(one)}
    left = tuple(
        replace(one, variations=by_member.get(one.path, tuple(holds)))
        for one in diagnosis.unexplained
        if (one.looks_like, one.path) not in shown
    )
    shared = _shared(left, isolated)
    derived = tuple(
        one for one in left if _kind(one) in _IDENTIFIERS and (len(one.variations) == 1 or one.path not in shared)
    )
    found = _of_places(
        DERIVED, derived, tuple(name for name in holds if any(name in one.variations for one in derived))
    )
    return replace(
        diagnosis, causes=(*merged(isolated), *found), unexplained=tuple(one for one in left if one not in derived)
    )


def _shared(left: Sequence[Unexplained], causes: Iterable[CauseFinding]) -> set[str]:
    """Return the members with a cause or a second place: which variation acts on which place is not known there."""
    counts = Counter(one.path for one in left)
    return {path for one in causes for path in paths(one)} | {path for path, count in counts.items() if count > 1}


def _isolated(
    finding: CauseFinding,
    holds: Sequence[str],
    by_member: Mapping[str, tuple[str, ...]],
    alike: Mapping[str, str],
) -> CauseFinding:
    """Mark a cause as isolated; one without variations is due to those without which its members are the same."""
    acting = {name for path in paths(finding) for name in by_member.get(path, holds)} or set(holds)
    can = (finding.variations or acting) if not alike else {*finding.variations} & alike.keys()
    did_it = tuple(name for name in holds if name in can)
    if not did_it:
        return finding
    name = finding.name if not alike or any(alike[one] == finding.name for one in did_it) else alike[did_it[0]]
    return replace(finding, name=name, variations=did_it, proof=Proof.ISOLATED)


def _with_guesses(finding: CauseFinding, unexplained: Iterable[Unexplained]) -> CauseFinding:
    """Return a cause with the members that only look like it: builds show it there as well as elsewhere."""
    guessed = {one.path for one in unexplained if one.looks_like == finding.name and one.path}
    return replace(finding, members=tuple(sorted({*finding.members, *guessed})))


def paths(finding: CauseFinding) -> set[str]:
    """Return the members that show a cause, and the empty path where the archive does."""
    return {*finding.members, *(one.path for one in finding.evidence)}


def by_recipe(finding: CauseFinding, held: Sequence[str], alike: Mapping[str, str]) -> CauseFinding:
    """Return a cause, of several that leave one trace, as isolated if the recipe cannot do without its variation."""
    did_it = tuple(name for name in alike if name in held and name in finding.variations)
    if finding.proof is Proof.ISOLATED or len(did_it) != 1:
        return finding
    return replace(finding, name=alike[did_it[0]], variations=did_it, proof=Proof.ISOLATED)


def by_itself(
    causes: Sequence[CauseFinding], unexplained: Sequence[Unexplained], control: Diagnosis
) -> tuple[tuple[CauseFinding, ...], tuple[Unexplained, ...]]:
    """Return the causes and places of two wheels with what also differs between builds in one environment.

    What does has no variation, and the two builds prove it. `control` is the diagnosis of these two.
    """
    shown_by_it = (_with_guesses(one, control.unexplained) for one in control.causes)
    ours = {one.name: replace(one, variations=(), proof=Proof.ISOLATED) for one in shown_by_it}
    of_variations = {one.name for one in control.causes if one.variations}  # a date is no accident
    known = {one.name for one in causes}
    kept = [_also(one, ours[one.name]) if one.name in ours else one for one in causes]
    kept += [one for name, one in ours.items() if name not in known]
    kept = [one if one.name in of_variations else _with_kinds(one) for one in kept]
    shown = {(name, path) for name, one in ours.items() for path in paths(one)}
    there = Places(one for one in control.unexplained if (one.looks_like, one.path) not in shown)
    left = [replace(one, chance=there.meet(one)) for one in unexplained if (one.looks_like, one.path) not in shown]
    here = Places(left)
    left += [replace(one, chance=True) for one in there.every if not here.meet(one)]
    random = tuple(one for one in left if one.chance and _kind(one) and all(map(_kind, there.at(one))))
    return (*kept, *_of_places(RANDOM, random, ())), tuple(one for one in left if one not in random)


_LINES = re.compile(r"(.*?)lines? (\d+)(?: \| \d+)?(?: to (\d+)(?: \| \d+)?)?")
_SPAN = 100  # lines; a place is of a few


class Places:
    """Unexplained places, found again by what they are about: which lines make up one place differs between pairs."""

    def __init__(self, every: Iterable[Unexplained]) -> None:
        """Index them by the lines of the first side, other places by their names."""
        self.every = tuple(every)
        self._by_point: dict[tuple[str, str, str, int], list[Unexplained]] = {}
        for one in self.every:
            for point in _points(one):
                self._by_point.setdefault(point, []).append(one)

    def at(self, one: Unexplained) -> tuple[Unexplained, ...]:
        """Return those that are in part about the same."""
        return tuple(dict.fromkeys(other for point in _points(one) for other in self._by_point.get(point, ())))

    def meet(self, one: Unexplained) -> bool:
        """Return whether any of them is in part about the same."""
        return any(point in self._by_point for point in _points(one))


def _points(one: Unexplained) -> list[tuple[str, str, str, int]]:
    """Return what a place is about: each of its lines, by its number on the first side."""
    found = _LINES.fullmatch(one.where)
    if not found:
        return [(one.path, one.aspect.value, one.where, 0)]
    begin, end = int(found[2]), int(found[3] or found[2])
    return [(one.path, one.aspect.value, found[1], line) for line in range(begin, min(end, begin + _SPAN) + 1)]


def _also(finding: CauseFinding, control: CauseFinding) -> CauseFinding:
    """Return a cause that differs by itself, with the members in which it does."""
    members = tuple(sorted({*finding.members, *control.members}))
    return replace(finding, members=members, variations=(), proof=Proof.ISOLATED)


def _kind(one: Unexplained | Evidence) -> str:
    """Return what is random in a place, by its form; an address only in a text, since programs consist of them."""
    kind = "" if one.where.endswith(_MOVED) else kind_of(one.first, one.second)
    return "" if kind == "address" and not one.where.startswith("line") else kind


def _with_kinds(finding: CauseFinding) -> CauseFinding:
    """Return a cause that differs by itself, with what is random in each place."""
    if finding.proof is not Proof.ISOLATED or finding.variations:
        return finding
    kinds = [(one, _kind(one)) for one in finding.evidence]
    evidence = tuple(replace(one, chance=kind) if kind in _NO_TIME else one for one, kind in kinds)
    return replace(finding, evidence=evidence)


def _of_places(name: str, places: Sequence[Unexplained], variations: tuple[str, ...]) -> tuple[CauseFinding, ...]:
    """Return the cause of some places that builds have proven; none if there are none."""
    if not places:
        return ()
    members = tuple(sorted({one.path for one in places if one.path}))
    evidence = tuple(
        Evidence(one.path, one.where, one.first, one.second, chance="" if variations else _kind(one))
        for one in places[:EVIDENCE]
    )
    return (CauseFinding(name, members, variations, Proof.ISOLATED, evidence),)


def merged(causes: Iterable[CauseFinding]) -> tuple[CauseFinding, ...]:
    """Merge causes that isolation has given the same name."""
    once: dict[str, CauseFinding] = {}
    for finding in causes:
        former = once.get(finding.name)
        once[finding.name] = finding if former is None else _together(former, finding)
    return tuple(once.values())


def _together(former: CauseFinding, finding: CauseFinding) -> CauseFinding:
    return replace(
        former,
        members=tuple(sorted({*former.members, *finding.members})),
        variations=tuple(dict.fromkeys((*former.variations, *finding.variations))),
        evidence=(*former.evidence, *finding.evidence),
    )
