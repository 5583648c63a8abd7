"""A verdict, or the differences of two wheels, as lines and tables for a terminal; hostile text is made harmless."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator.model import Mode, Proof, Severity
from orchestrator.publish import proof, wording
from orchestrator.publish.comparison import CellKind
from orchestrator.publish.phrases import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orchestrator.model import (
        CauseFinding,
        Diagnosis,
        Difference,
        Evidence,
        Result,
        Unexplained,
    )
    from orchestrator.publish.comparison import Comparison

MEMBERS = 4  # paths that are named of one cause
PLACES = 3  # pieces of evidence of one cause
ROWS = 200  # of any table whose length a package decides
LONGEST = 300  # characters of one text of a package
HASH = 12  # digits of a hash, where the whole of it is printed elsewhere
FEW = 5  # causes, members or remedies in a line

OURS_AND_THEIRS = ("ours", "index")
"""The names of the two sides where the second is the published wheel."""

_SHA256 = re.compile(rf"\b([0-9a-f]{{{HASH}}})[0-9a-f]{{{64 - HASH}}}\b")
_SIDES = ("first", "second")
_SPELT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, with a heading for each column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = str | Table
"""A line or a table. Line breaks in a package's text are escaped."""


def story(result: Result, summaries: Mapping[str, str], images: Sequence[str] = ()) -> Iterator[Block]:
    """Report all that is known of one verdict, cause by cause.

    `summaries` has a sentence for each slug of a cause. `images` have what a failed build lacked.
    """
    yield from _verdict(result, images)
    proofs = {one.name: proof.of_cause(result, one) for one in result.causes}
    yield from why(result.causes, result.unexplained, summaries, proofs=proofs)
    yield from _recipes(result)
    yield from _remedies(result)
    yield from _cautions(result)
    yield from _published(result, summaries)
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
        ("Unexplained", _members(wording.gathered(result.unexplained))),
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


def of_pair(diagnosis: Diagnosis, summaries: Mapping[str, str]) -> Iterator[Block]:
    """Report how serious the differences of two wheels are, their causes, and each of them."""
    yield wording.depth(diagnosis.severity, diagnosis.differences)
    yield from why(diagnosis.causes, diagnosis.unexplained, summaries, _SIDES)
    yield from differences(diagnosis.differences)


def side_by_side(found: Comparison) -> Iterator[Block]:
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
        yield Table(
            ("build", "wheel", "seconds"),
            tuple(
                (
                    one_line(one.name),
                    one.wheel.sha256
                    if one.wheel
                    else f"none: {one.failure.reason if one.failure else 'it is not known why'}",
                    f"{one.seconds:.1f}",
                )
                for one in result.builds[:ROWS]
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
    for line in failure.detail.splitlines():
        yield f"  | {one_line(line, bound=2 * LONGEST)}"


def why(
    causes: Sequence[CauseFinding],
    unexplained: Sequence[Unexplained],
    summaries: Mapping[str, str],
    sides: tuple[str, str] | None = None,
    proofs: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Block]:
    """Report each cause, and each difference that no cause explains.

    `proofs` has how well each cause is proven, by its slug. `sides` are the names of the two wheels, if
    they are not our first and second build. Our variations cannot have caused their differences.
    """
    if causes:
        yield ""
        yield "Causes"
    for one in causes[:ROWS]:
        yield from _cause(one, summaries, sides)
        if one.name in proofs:
            yield f"    {one_line(proofs[one.name])}"
    if unexplained:
        yield ""
        yield "Unexplained"
    gathered = wording.gathered(unexplained)
    for path, aspect, places in gathered[:ROWS]:
        shown = "".join(f", {one_line(place)}" for place in places[:MEMBERS])
        more = f" and {len(places) - MEMBERS} more" if len(places) > MEMBERS else ""
        yield f"  {_path(path)}: {aspect}{shown}{more}"
    yield from _more(gathered)


def _cause(one: CauseFinding, summaries: Mapping[str, str], sides: tuple[str, str] | None) -> Iterator[Block]:
    can = "caused by" if one.proof is Proof.ISOLATED else "may be caused by"
    does = f"{one.proof}; {can} {listed(one.variations)}" if one.variations else f"{one.proof}"
    yield f"  {one_line(one.name)}" if sides else f"  {one_line(one.name)} ({one_line(does)})"
    if one.name in summaries:
        yield f"    {summaries[one.name]}"
    shown = ", ".join(_path(path) for path in one.members[:MEMBERS])
    more = f" and {len(one.members) - MEMBERS} more" if len(one.members) > MEMBERS else ""
    if shown:
        yield f"    In {shown}{more}"
    for evidence in one.evidence[:PLACES]:
        yield from _evidence(evidence, *(sides or _SIDES))


def _evidence(one: Evidence, first: str, second: str) -> Iterator[Block]:
    yield f"      {_path(one.path)}{f' {one_line(one.where)}' if one.where else ''}"
    yield f"        {first:7} {one_line(one.first)}"
    yield f"        {second:7} {one_line(one.second)}"


def differences(found: Sequence[Difference]) -> Iterator[Block]:
    """List the differences of two wheels."""
    if not found:
        return
    yield ""
    yield Table(
        ("member", "differs in", "severity", ""),
        tuple(
            (_path(one.path), one.aspect.value, one.severity or "", "follows" if one.consequence else "")
            for one in found[:ROWS]
        ),
    )
    yield from _more(found)


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
        (one.filename, one.sha256) for one in result.recipes if one.sha256 and proof.ran_equal(result, one)
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


def _published(result: Result, summaries: Mapping[str, str]) -> Iterator[Block]:
    found = result.published
    if found is None:
        return
    yield ""
    yield f"On the index: {one_line(wording.third_party(result))}"
    if found.filename:
        yield f"  {one_line(found.filename)} {one_line(found.sha256)}"
        yield from why(found.causes, found.unexplained, summaries, OURS_AND_THEIRS)


def _more(found: Sequence[object]) -> Iterator[str]:
    if len(found) > ROWS:
        yield f"  and {len(found) - ROWS} more"


def _path(path: str) -> str:
    return one_line(path) if path else "(archive)"


def one_line(text: str, bound: int = LONGEST) -> str:
    """Return a text on one line, cut to a bound. Whoever prints it escapes the other control characters."""
    cut = text if len(text) <= bound else f"{text[:bound]}... ({len(text) - bound} more characters)"
    return "".join(_SPELT.get(one, one) for one in cut)
