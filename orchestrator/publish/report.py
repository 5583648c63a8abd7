"""Reports for those who can remove a cause, in Markdown: one for each party, each complete by itself.

Text from a package (names, evidence) is written as code.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.catalogue import BY_NAME as CAUSES
from orchestrator.analysis.causes.model import Party, UpstreamAdvice
from orchestrator.build import variations
from orchestrator.experiments.explain import FRAGILE
from orchestrator.experiments.remedies import NAMES as REMEDIES
from orchestrator.experiments.remedies import named
from orchestrator.model import Proof, Severity
from orchestrator.publish import commands, proof, side_by_side, wording
from orchestrator.publish.catalogue import summaries
from orchestrator.publish.phrases import listed
from orchestrator.publish.sanitize import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.model import Aspect, CauseFinding, Environment, Evidence, Result, Unexplained

PLACES = 4  # pieces of evidence shown of one cause
LINES = 30  # members listed without a cause
PLACES_LEFT = 2  # places shown of each
LONGEST = 300  # characters of one text of a package

BACKENDS = (
    "meson-python",
    "scikit-build-core",
    "maturin",
    "hatchling",
    "poetry-core",
    "pdm-backend",
    "flit-core",
    "uv-build",
    "setuptools",
)
"""Names of build backends. Plugins of the first ones require setuptools, so it comes last."""

_DEEP = {
    Severity.NONE: "the same bytes",
    Severity.ARCHIVE: "the archive alone: times, modes, order or packing of members",
    Severity.METADATA: "metadata, and what is derived from it",
    Severity.DEBUG: "debug information: the code and the data of all modules and libraries are the same",
    Severity.DATA: "data that is loaded at run time, with the same code",
    Severity.CODE: "code",
    Severity.MEMBERS: "the members or the tags of the wheel",
}
_UNKNOWN = (UpstreamAdvice(Party.PROJECT, "Look at the evidence: no text of ours describes this cause."),)
_FRAGILE = (
    UpstreamAdvice(
        Party.PROJECT,
        "Let the build work in both environments, or name what it needs in its documentation: the log of the failed "
        "build has the line.",
    ),
)

Advised = tuple["CauseFinding", UpstreamAdvice]


def report(result: Result) -> str:
    """Write one report for each party that can remove a cause; the project's has what is not explained."""
    backend = backend_of(result)
    parties = _parties(result, backend)
    reports = [_report(result, backend, advised, alone=len(parties) == 1) for advised in parties]
    return "\n---\n\n".join("\n".join(lines) + "\n" for lines in reports)


def backend_of(result: Result) -> str:
    """Name the build backend by the build requirements; empty if none of them is one that is known."""
    names = {*(pin.name for pin in result.build_requirements), *(one.name for one in result.provided)}
    return next((name for name in BACKENDS if name in names), "")


def advice_of(finding: CauseFinding, backend: str) -> UpstreamAdvice:
    """Return what is to be changed upstream about one cause."""
    cause = CAUSES.get(finding.name)
    advice = cause.upstream if cause else _FRAGILE if finding.name == FRAGILE else _UNKNOWN
    evidence = "\n".join(f"{one.where} {one.first} {one.second}" for one in finding.evidence)
    return next(one for one in advice if one.applies(backend, finding.variations, evidence))


def _parties(result: Result, backend: str) -> list[list[Advised]]:
    """Group the causes by who can remove them; the project is first, and alone if there is no cause."""
    order = list(Party)
    advised = sorted(
        ((finding, advice_of(finding, backend)) for finding in result.causes),
        key=lambda one: (order.index(one[1].party), one[1].tool),
    )
    grouped = [list(group) for _, group in groupby(advised, key=lambda one: (one[1].party, one[1].tool))]
    project_has_one = bool(grouped) and grouped[0][0][1].party is Party.PROJECT
    return grouped if project_has_one or not result.unexplained else [[], *grouped]


def _report(result: Result, backend: str, advised: list[Advised], *, alone: bool) -> list[str]:
    name = f"{_plain(result.project)} {_plain(result.version)}"
    party = advised[0][1] if advised else UpstreamAdvice(Party.PROJECT, "")
    for_all = [] if alone else ["Other parties can remove the other causes, which have reports of their own."]
    sure = any(finding.proof is not Proof.POSSIBLE for finding, _ in advised)
    lines = [f"# {_title(party, backend, name, sure=sure)}", "", *_summary(result), *for_all, ""]
    for finding, advice in advised:
        lines += _cause(result, finding, advice)
    if party.party is Party.PROJECT and result.unexplained:
        lines += ["## Not explained", "", *_unexplained(result)]
    lines += ["## How to see it", "", *_how_to_see(result, [finding for finding, _ in advised]), ""]
    lines += ["## Evidence", "", *_evidence(result)]
    known = dict.fromkeys(issue for _, advice in advised for issue in advice.known)
    return [*lines, *(["", "## Known issues about this", "", *(f"- {issue}" for issue in known)] if known else [])]


def _title(advice: UpstreamAdvice, backend: str, name: str, *, sure: bool) -> str:
    if advice.party is Party.PROJECT:
        return f"Wheels of {name} are not reproducible"
    because = f"because of {_who(advice, backend)}: {name}, for example"
    return f"Wheels are not reproducible{'' if sure else ', perhaps'} {because}"


def _who(advice: UpstreamAdvice, backend: str) -> str:
    if advice.party is Party.PROJECT:
        return "the project"
    return advice.tool or backend or "the build backend"


def _summary(result: Result) -> list[str]:
    sdist = f" from {_code(result.sdist.filename)} (SHA-256 {_code(result.sdist.sha256)})" if result.sdist else ""
    deep = f" They differ in {_DEEP[result.severity]}." if result.severity and result.severity != Severity.NONE else ""
    builds = f"Two builds{sdist}, in environments that were made different on purpose"
    if missing := [build.name for build in result.builds if build.name in {"first", "second"} and not build.wheel]:
        return [f"{builds}, did not both give a wheel: the {listed(missing)} one failed.{deep}"]
    return [f"{builds}, gave different wheels.{deep}"]


def _cause(result: Result, finding: CauseFinding, advice: UpstreamAdvice) -> list[str]:
    """Return the cause in a sentence, with its lines, whose it is, and what that party changes."""
    possible = finding.proof is Proof.POSSIBLE
    summary = summaries().get(finding.name, "This cause has no description.")
    where = [line for one in finding.evidence[:PLACES] for line in _place(one)]
    return [
        f"## {'Perhaps ' if possible else ''}{_code(finding.name)}",
        "",
        f"It may be this, and nothing shows it. If it is this: {summary}"
        if possible
        else f"{summary} {_depends(finding)}",
        "",
        *_extent(finding),
        *where,
        f"**Whose it {'would be' if possible else 'is'}:** {_who(advice, backend_of(result))}.",
        "",
        f"**What to change{', if it is this' if possible else ''}:** {advice.change}",
        "",
        f"**How well it is proven:** {proof.of_cause(_named(result), finding)}.",
        "",
    ]


def _depends(finding: CauseFinding) -> str:
    """Return on what a cause that is there depends, as far as it is known."""
    isolated = finding.proof is Proof.ISOLATED
    if finding.variations:
        return f"It {'depends' if isolated else 'may depend'} on {_tags(finding.variations)}."
    return "It differs in every build." if isolated else "It is not known to depend on anything that was varied."


def _extent(finding: CauseFinding) -> list[str]:
    """Return how many files have it, if they are several; the record names some places of each, not all of them."""
    if len(finding.members) > 1:
        return [f"It is in {len(finding.members)} files of the wheel. Examples:", ""]
    return ["Examples:", ""] if len(finding.evidence) > PLACES else []


def _place(one: Evidence) -> list[str]:
    where = " ".join(filter(None, (_member(one.path), _code(one.where, empty=True))))
    random = f", which is random ({_code(one.chance)})" if one.chance else ""
    return [f"In {where}{random}:", "", *_both(one.first, one.second), ""]


def _member(path: str) -> str:
    return _code(path) if path else "the archive"


def _both(first: str, second: str, before: str = "") -> list[str]:
    """Show two texts as a difference, with a line of carets below what differs unless that is all of both."""
    one, other = (
        tuple(replace(piece, text=_printable(piece.text)) for piece in text)
        for text in side_by_side.sides(*side_by_side.window(first, second, LONGEST))
    )
    marked = not side_by_side.is_wholly_other(one, other)
    context = [f" {_cut(before)}"] if before else []
    return _fenced("diff", (*context, *_side("-", one, marked=marked), *_side("+", other, marked=marked)))


def _side(sign: str, text: side_by_side.Marked, *, marked: bool) -> Iterator[str]:
    for row, marks in side_by_side.carets(text, sys.maxsize):
        yield f"{sign}{row}"
        if marked and marks:
            yield f" {marks}"


def _unexplained(result: Result) -> list[str]:
    """Show the first places of each member, the most serious first."""
    found = wording.gathered(result.unexplained, result.differences)
    lines = [line for path, aspect, places in found[:LINES] for line in _left(path, aspect, places)]
    return lines if len(found) <= LINES else [*lines, f"And {len(found) - LINES} more, which are not listed here.", ""]


def _left(path: str, aspect: Aspect, places: Sequence[Unexplained]) -> Iterator[str]:
    yield f"- {_member(path)}: {aspect}"
    yield ""
    for one in places[:PLACES_LEFT]:
        if texts := [*([f"At {_code(one.where)}."] if one.where else []), *_notes(one)]:
            yield from (" ".join(texts), "")
        if one.first or one.second:
            yield from (*_both(one.first, one.second, one.before), "")
    if len(places) > PLACES_LEFT:
        yield from (f"And {len(places) - PLACES_LEFT} more in it.", "")


def _notes(one: Unexplained) -> tuple[str, ...]:
    """Return what is known of an unexplained difference; a name that no catalogue of ours has is left out."""
    known = set(one.variations) <= set(variations.NAMES)
    return wording.notes(
        replace(
            one,
            variations=one.variations if known else (),
            looks_like=one.looks_like if one.looks_like in CAUSES else "",
        )
    )


def _how_to_see(result: Result, findings: list[CauseFinding]) -> list[str]:
    """Return three commands that show the difference, and what they need."""
    wanted = _variations(result, findings)
    sdist = result.sdist.filename if result.sdist else "SDIST"
    needed = listed(("`build`", *commands.needs(wanted)))
    pins = ", ".join(_code(f"{pin.name}=={pin.version}") for pin in result.build_requirements)
    used = f" The builds above used {pins}, on {_code(result.image.name)}." if pins else ""
    lines = commands.commands(_printable(sdist), wanted, result.source_date_epoch)
    return [f"In a new folder with the source distribution. It needs {needed}.{used}", "", *_fenced("sh", lines)]


def _variations(result: Result, findings: list[CauseFinding]) -> tuple[str, ...]:
    """Return the variations of some causes; without a cause, those that are to be held, or else all that acted."""
    if findings:
        return tuple(dict.fromkeys(name for finding in findings for name in finding.variations))
    return result.holds or tuple(one.name for one in result.variations if one.acted)


def _evidence(result: Result) -> list[str]:
    builds = {build.name: build for build in result.builds}
    names = result.holds or tuple(one.name for one in result.variations if one.acted)
    lines = []
    for name, where in (("first", ""), ("second", ""), ("control", ", in the environment of the first")):
        if (build := builds.get(name)) and build.wheel:
            lines += [f"- {name} build{where}: {_code(build.wheel.sha256)}. {_code(_shown(build.environment, names))}"]
    shown = _named(result)
    found = (proof.of_hold(shown), f"{proof.of_set(shown)}{_meanings(shown.recipe)}", wording.repeats(result))
    return [*lines, *(f"- {sentence}" for sentence in found if sentence)]


def _meanings(remedies: Iterable[str]) -> str:
    """Return what remedies are, since whoever gets the report does not know their names."""
    texts = [named(name).summary.rstrip(".") for name in remedies]
    return f" That is: {'; '.join(text[:1].lower() + text[1:] for text in texts)}." if texts else ""


def _named(result: Result) -> Result:
    """Leave out of a record the slugs that no catalogue of ours has, since sentences name them as plain text."""
    known = set(result.holds) <= set(variations.NAMES)
    recipe = result.recipe if set(result.recipe) <= set(REMEDIES) else ()
    return replace(result, holds=result.holds if known else (), recipe=recipe)


def _shown(environment: Environment, names: Iterable[str]) -> str:
    """Write the values of those variations in one line; a name from an older catalogue is left out."""
    known = (variations.BY_NAME[name] for name in names if name in variations.BY_NAME)
    return "; ".join(f"{variation.name}: {', '.join(variation.shown(environment).splitlines())}" for variation in known)


# --- Markdown --------------------------------------------------------------------------------


def _plain(text: str) -> str:
    """Leave of a project's name or version only characters that mean nothing in Markdown."""
    return re.sub(r"[^A-Za-z0-9.+!-]", "-", text)


def _printable(text: str) -> str:
    """Write what is not printable by its code point, so that texts that differ are not shown as equal."""
    return visible(text).replace("\t", "\\t").replace("\n", "\\n")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _tags(names: Iterable[str]) -> str:
    return listed(map(_code, names))


def _code(text: str, *, empty: bool = False) -> str:
    """Write a text as code, whatever backticks it has (CommonMark 6.1); `empty` leaves nothing of an empty one."""
    text = _cut(_printable(text))
    if empty and not text:
        return ""
    fence = "`" * (_backticks(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _fenced(kind: str, lines: Iterable[str]) -> list[str]:
    """Write lines as a block of code, whatever backticks they have (CommonMark 4.5)."""
    printed = [_printable(line) for line in lines]
    fence = "`" * max(3, _backticks("\n".join(printed)) + 1)
    return [f"{fence}{kind}", *printed, fence]


def _backticks(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
