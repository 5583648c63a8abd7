"""A verdict, or the differences of two wheels, as lines and tables for a terminal; hostile text is made harmless."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator.model import LADDER, Mode, Proof, Severity
from orchestrator.publish import proof, side_by_side, wording
from orchestrator.publish.comparison import CellKind
from orchestrator.publish.phrases import listed
from orchestrator.results.shown import ran_equal
from orchestrator.util.logs import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orchestrator.model import (
        Build,
        CauseFinding,
        Diagnosis,
        Difference,
        Evidence,
        Result,
        Unexplained,
    )
    from orchestrator.publish.comparison import Comparison

ROWS = 200  # of any table whose length a package decides
LONGEST = 300  # characters of one text of a package
HASH = 12  # digits of a hash, where the whole of it is printed elsewhere
FEW = 5  # causes, members or remedies in a line

OURS_AND_THEIRS = ("ours", "index")
"""The names of the two sides where the second is the published wheel."""

_SHA256 = re.compile(rf"\b([0-9a-f]{{{HASH}}})[0-9a-f]{{{64 - HASH}}}\b")
_SIDES = ("first", "second")
_LABEL = 7  # columns of the name of a side
_CLAIMED: Mapping[str, str] = MappingProxyType({})
_SPELT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, with a heading for each column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """A text after its label, with a line of carets below what differs; its characters are all printable."""

    label: str
    text: side_by_side.Marked

    def lines(self, width: int) -> Iterator[str]:
        """Yield it in lines of about `width` columns."""
        label = self.label
        for row, marks in side_by_side.carets(self.text, width - len(label)):
            yield label + row
            label = " " * len(label)
            if marks:
                yield label + marks


Block = str | Table | Marked
"""A line, a table or a text with marks. Line breaks in a package's text are escaped."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is printed of what a package can make long."""

    rows: int = ROWS  # of causes, members or differences
    members: int = 4  # paths that are named of one cause
    places: int = 3  # of one cause, or of one member that is unexplained
    text: int = LONGEST  # characters of one side


SHORT = Bounds()
WHOLE = Bounds(*(sys.maxsize,) * 4)


def story(
    result: Result, summaries: Mapping[str, str], images: Sequence[str] = (), bounds: Bounds = SHORT
) -> Iterator[Block]:
    """Report all that is known of one verdict, cause by cause.

    `summaries` has a sentence for each slug of a cause. `images` have what a failed build lacked.
    """
    yield from _verdict(result, images)
    proofs = {one.name: proof.of_cause(result, one) for one in result.causes}
    yield from why(Found(result.causes, result.unexplained, result.differences), summaries, proofs, bounds)
    yield from _recipes(result)
    yield from _remedies(result)
    yield from _cautions(result)
    yield from _published(result, summaries, bounds)
    yield from _builds(result)
    yield from _experiments(result)


def brief(result: Result, images: Sequence[str] = ()) -> Iterator[Block]:
    """Report one verdict in a few lines: the wheel, why it differs, in what, and which remedies are proven."""
    yield from headline(result)
    for name, texts in (
        ("Failure", [result.failure.evidence] if result.failure and result.failure.evidence else []),
        ("Advice", [advice] if (advice := _help(result, images)) else []),
        ("Hash", [wording.expectation(result)]),
        ("Kind", [wording.kind(result)]),
        ("Wheel", [wheel.sha256[:HASH] for one in result.builds[:1] if (wheel := one.wheel)]),
        ("Causes", [f"{one.name} ({one.proof})" for one in result.causes]),
        ("Unexplained", _members(wording.gathered(result.unexplained, result.differences))),
        ("Differs in", _members((one.path, one.aspect, ()) for one in result.differences if not one.consequence)),
        ("Cautions", [f"{one.name}: {one.evidence}" for one in result.cautions]),
        ("Remedies", [one.name for one in result.remedies if proof.is_proven(result, one)]),
        ("On the index", [wording.third_party(result)] if result.published else []),
        ("Left open", [result.left_open] if result.left_open else []),
    ):
        if any(texts):
            more = f" and {len(texts) - FEW} more" if len(texts) > FEW else ""
            yield f"  {name}: {', '.join(map(_shortened, texts[:FEW]))}{more}"


def headline(result: Result, *, whole: bool = True) -> Iterator[Block]:
    """Report one verdict, what it rests on if the `whole` is asked for, and how serious the difference is."""
    yield one_line(f"{result.project} {result.version} on {result.image.name}: {result.verdict}")
    for sentence in wording.sentences(result) if whole else ():
        yield f"  {one_line(sentence)}"
    if result.severity not in (None, Severity.NONE):
        yield f"  {result.severity}: {wording.depth(result.severity, result.differences)}"


def _shortened(text: str) -> str:
    """Return a text on one line, with its hashes shortened."""
    return _SHA256.sub(r"\1", one_line(text, bound=2 * LONGEST))


def _members(differences: Iterable[tuple[str, str, object]]) -> list[str]:
    return [f"{path or '(archive)'} ({aspect})" for path, aspect, _ in differences]


def of_pair(diagnosis: Diagnosis, summaries: Mapping[str, str], bounds: Bounds = SHORT) -> Iterator[Block]:
    """Report how serious the differences of two wheels are, their causes, and each of them."""
    yield wording.depth(diagnosis.severity, diagnosis.differences)
    found = Found(diagnosis.causes, diagnosis.unexplained, diagnosis.differences, apart=True)
    yield from why(found, summaries, bounds=bounds)
    yield from differences(diagnosis.differences, bounds)


def compared(found: Comparison) -> Iterator[Block]:
    """Compare a project's images in a table; facts that differ between images are marked."""
    yield one_line(f"{found.standings[0].project} {', '.join(found.versions)} on {listed(found.images)}")
    for sentence in found.sentences:
        yield f"  {sentence}"
    yield ""
    yield Table(
        ("", *map(one_line, found.images), ""),
        tuple(
            (line.name, *(_cell(line.kind, texts) for texts in line.cells), "differs" if line.differs else "")
            for line in found.lines
        ),
    )
    yield ""


def _cell(kind: CellKind, texts: Iterable[str]) -> str:
    return one_line(", ".join(text[:HASH] if kind is CellKind.HASH else text for text in texts))


def _help(result: Result, images: Sequence[str]) -> str:
    return wording.help_with(result.failure, result.requirement, images) if result.failure else ""


def _verdict(result: Result, images: Sequence[str]) -> Iterator[Block]:
    yield from headline(result)
    unvaried = [f"{one.name} {one.mode}" for one in result.variations if one.mode is not Mode.VARIED]
    if unvaried:
        yield f"  Under all variations but: {one_line(', '.join(unvaried))}."
    for sentence in (
        wording.expectation(result),
        wording.repeats(result),
        wording.kind(result),
        *wording.built_with(result),
    ):
        if sentence:
            yield f"  {one_line(sentence)}"
    if result.left_open:
        yield f"  Left open: {one_line(result.left_open)}."
    yield from _failure(result, images)


def _builds(result: Result) -> Iterator[Block]:
    if result.builds:
        yield ""
        yield "Builds"
        yield builds_table(result.builds[:ROWS])


def builds_table(builds: Iterable[Build]) -> Table:
    """Return a table of builds, each with the SHA-256 of its wheel, or why it has none."""
    return Table(
        ("build", "wheel", "seconds"),
        tuple(
            (
                one_line(one.name),
                one.wheel.sha256
                if one.wheel
                else f"none: {one.failure.reason if one.failure else 'it is not known why'}",
                f"{one.seconds:.1f}",
            )
            for one in builds
        ),
    )


def _failure(result: Result, images: Sequence[str]) -> Iterator[Block]:
    failure = result.failure
    if failure is None:
        return
    yield ""
    yield f"Failure: {failure.reason}, in the phase {failure.phase}"
    if failure.evidence:
        yield f"  {one_line(failure.evidence)}"
    if helping := _help(result, images):
        yield f"  {one_line(helping, bound=2 * LONGEST)}"
    lines = failure.detail.splitlines()
    for line in lines if lines != [failure.evidence] else ():
        yield f"  | {one_line(line, bound=2 * LONGEST)}"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in two wheels."""

    causes: tuple[CauseFinding, ...]
    unexplained: tuple[Unexplained, ...]
    differences: tuple[Difference, ...] = ()
    sides: tuple[str, str] = _SIDES
    apart: bool = False  # whether they were not built by us, so that our variations cannot have caused anything


def why(
    found: Found, summaries: Mapping[str, str], proofs: Mapping[str, str] = _CLAIMED, bounds: Bounds = SHORT
) -> Iterator[Block]:
    """Report each cause, and each difference that no cause explains; the more serious section first.

    `proofs` has how well each cause is proven, by its slug, if more is known than the cause itself states.
    """
    parts = (_causes(found, summaries, proofs, bounds), _unexplained(found, bounds))
    first = wording.unexplained_first(found.causes, found.unexplained, found.differences)
    for part in reversed(parts) if first else parts:
        yield from part


def _causes(found: Found, summaries: Mapping[str, str], proofs: Mapping[str, str], bounds: Bounds) -> Iterator[Block]:
    if found.causes:
        yield ""
        yield "Causes"
    for one in wording.by_severity(found.causes, found.differences)[: bounds.rows]:
        yield f"  {one_line(one.name)} ({one_line(_strength(one, apart=found.apart))})"
        yield f"    {one_line(proofs.get(one.name, proof.of_claim(one)))}"
        yield from _cause(one, summaries, found.sides, bounds)
    yield from more(found.causes, bounds, "causes")


def _strength(one: CauseFinding, *, apart: bool) -> str:
    if apart or not one.variations:
        return one.proof.value
    can = "caused by" if one.proof is Proof.ISOLATED else "may be caused by"
    return f"{one.proof}; {can} {listed(one.variations)}"


def _cause(one: CauseFinding, summaries: Mapping[str, str], sides: tuple[str, str], bounds: Bounds) -> Iterator[Block]:
    if one.name in summaries:
        yield f"    {'If it is this: ' if one.proof is Proof.POSSIBLE else ''}{summaries[one.name]}"
    shown = ", ".join(_path(path) for path in one.members[: bounds.members])
    more = f" and {len(one.members) - bounds.members} more" if len(one.members) > bounds.members else ""
    if shown:
        yield f"    In {shown}{more}"
    for evidence in one.evidence[: bounds.places]:
        yield from _evidence(evidence, sides, bounds)
    yield from _more_places(one.evidence, bounds)


def _evidence(one: Evidence, names: tuple[str, str], bounds: Bounds) -> Iterator[Block]:
    random = f" (random: {one_line(one.chance)})" if one.chance else ""
    yield f"      {_path(one.path)}{f' {one_line(one.where)}' if one.where else ''}{random}"
    yield from both(one.first, one.second, names, bounds)


def _unexplained(found: Found, bounds: Bounds) -> Iterator[Block]:
    """Report each member with a difference that no cause explains, with both sides of its first places."""
    if found.unexplained:
        yield ""
        yield "Unexplained"
    gathered = wording.gathered(found.unexplained, found.differences)
    for path, aspect, places in gathered[: bounds.rows]:
        yield f"  {_path(path)}: {aspect}"
        for place in places[: bounds.places]:
            yield from _place(place, found.sides, bounds)
        yield from _more_places(places, bounds)
    yield from more(gathered, bounds, "members")


def _place(one: Unexplained, names: tuple[str, str], bounds: Bounds) -> Iterator[Block]:
    if one.where:
        yield f"      {one_line(one.where)}"
    for sentence in wording.notes(one):
        yield f"      {one_line(sentence)}"
    if one.before:
        yield f"        {'before':{_LABEL}} {one_line(one.before, bounds.text)}"
    yield from both(one.first, one.second, names, bounds)


def both(first: str, second: str, names: tuple[str, str], bounds: Bounds) -> Iterator[Block]:
    """Show two texts one below the other, with marks below what differs unless that is all of both."""
    if not first and not second:
        return
    one, other = side_by_side.sides(*side_by_side.window(first, second, bounds.text))
    plain = side_by_side.is_wholly_other(one, other)
    for name, text in zip(names, (one, other), strict=True):
        yield Marked(f"        {name:{_LABEL}} ", _shown(side_by_side.unmarked(text) if plain else text))


def _shown(text: side_by_side.Marked) -> side_by_side.Marked:
    return tuple(replace(piece, text=printable(one_line(piece.text, sys.maxsize))) for piece in text)


def differences(found: Sequence[Difference], bounds: Bounds = SHORT) -> Iterator[Block]:
    """List the differences of two wheels, the most serious first, and last those that follow from others."""
    if not found:
        return
    yield ""
    yield Table(
        ("member", "differs in", "severity", ""),
        tuple(
            (_path(one.path), one.aspect.value, one.severity or "", "follows" if one.consequence else "")
            for one in sorted(found, key=_unimportance)[: bounds.rows]
        ),
    )
    yield from more(found, bounds, "differences")


def _unimportance(one: Difference) -> tuple[bool, int]:
    return one.consequence, -LADDER.index(one.severity) if one.severity else -len(LADDER)


def _experiments(result: Result) -> Iterator[Block]:
    found = result.experiments
    if found:
        yield ""
        yield "Built to prove it"
        yield Table(
            ("build", "held", "remedies", "against", "outcome"),
            tuple(
                (
                    one_line(one.build),
                    one_line(", ".join(wording.held_names(result, one.hold))),
                    one_line(", ".join(one.remedies)),
                    one_line(one.against),
                    "the same bytes" if one.equal else f"other bytes{f', {one.severity}' if one.severity else ''}",
                )
                for one in found[:ROWS]
            ),
        )


def _remedies(result: Result) -> Iterator[Block]:
    found = result.remedies
    if found:
        yield ""
        yield "Remedies"
    yield from _grouped((one.name, proof.of_remedy(result, one)) for one in found[:ROWS])


def _recipes(result: Result) -> Iterator[Block]:
    """Report what is proven of each form of the recipe; the files themselves are printed one by one."""
    if not result.recipes:
        return
    yield ""
    yield f"Recipe: {one_line(', '.join(result.recipe)) or 'no remedy is needed'}"
    if result.recipe:
        yield f"  {one_line(proof.of_set(result))}"
    for filename, sha256 in dict.fromkeys(
        (one.filename, one.sha256) for one in result.recipes if one.sha256 and ran_equal(result, one)
    ):
        yield f"  Proven wheel: {one_line(filename)}, SHA-256 {one_line(sha256)}"
    yield from _grouped((recipe.form.value, proof.of_recipe(result, recipe)) for recipe in result.recipes)
    yield f"  wheelproof explain {one_line(result.project)}=={one_line(result.version)} --recipe FORM prints the file."


def _grouped(proofs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Return a line for each sentence, after all the names of which it is true."""
    names: dict[str, list[str]] = {}
    for name, said in proofs:
        names.setdefault(said, []).append(one_line(name))
    for said, same in names.items():
        yield f"  {', '.join(same)}: {one_line(said)}"


def _cautions(result: Result) -> Iterator[Block]:
    for caution in result.cautions:
        yield ""
        yield f"Caution: {one_line(caution.name)}: {one_line(caution.evidence)}"


def _published(result: Result, summaries: Mapping[str, str], bounds: Bounds) -> Iterator[Block]:
    found = result.published
    if found is None:
        return
    yield ""
    yield f"On the index: {one_line(wording.third_party(result))}"
    if found.filename:
        yield f"  {one_line(found.filename)} {one_line(found.sha256)}"
        pair = Found(found.causes, found.unexplained, sides=OURS_AND_THEIRS, apart=True)
        yield from why(pair, summaries, bounds=bounds)


def more(found: Sequence[object], bounds: Bounds, what: str) -> Iterator[str]:
    """Report how many of a list are not printed, if there are any."""
    if len(found) > bounds.rows:
        yield f"  and {len(found) - bounds.rows} more {what}, which --all and --json print"


def _more_places(found: Sequence[object], bounds: Bounds) -> Iterator[str]:
    if len(found) > bounds.places:
        left = len(found) - bounds.places
        yield f"      and {left} more {'place' if left == 1 else 'places'}"


def _path(path: str) -> str:
    return one_line(path) if path else "(archive)"


def one_line(text: str, bound: int = LONGEST) -> str:
    """Return a text on one line, cut to a bound. Whoever prints it escapes the other control characters."""
    cut = text if len(text) <= bound else f"{text[:bound]}... ({len(text) - bound} more characters)"
    return "".join(_SPELT.get(one, one) for one in cut)
