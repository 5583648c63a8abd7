"""Writes a report for the project that made a package.

Text from a package (names, evidence) is quoted for the place where it is written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.build.variations import BY_NAME
from orchestrator.experiments.remedies import named
from orchestrator.model import RecipeForm, RecipeProof, RemedyOutcome, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.model import CauseFinding, Environment, Result

_DEEP = {
    Severity.NONE: "the same bytes",
    Severity.ARCHIVE: "the archive alone: times, modes, order or packing of members",
    Severity.METADATA: "metadata, and what is derived from it",
    Severity.DEBUG: "debug information: the code and the data of all modules and libraries are the same",
    Severity.DATA: "data that is loaded at run time, with the same code",
    Severity.CODE: "code",
    Severity.MEMBERS: "the members or the tags of the wheel",
}
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&@:])")


def report(result: Result) -> str:
    """Write a report in Markdown for the project that made the package: what differs, why, and what repairs it."""
    name = f"{_text(result.project)} {_text(result.version)}"
    parts = [f"# Wheels of {name} are not reproducible", "", *_summary(result), "", "## Causes", ""]
    for cause_finding in result.causes:
        parts += _cause(cause_finding)
    if result.unexplained:
        parts += ["## Not explained", ""]
        parts += [
            f"- {_code(one.path or 'the archive')}: {one.aspect} {_code(one.where)}" for one in result.unexplained
        ]
        parts += [""]
    parts += ["## How to reproduce it", "", *_reproduce(result), ""]
    parts += ["## What repairs it", "", *_repairs(result), "", "## Figures", "", *_figures(result)]
    return "\n".join(parts) + "\n"


def _shown_recipe(result: Result) -> list[str]:
    """Return the script that builds the wheel, if it is proven, as lines of Markdown."""
    proven = (one for one in result.recipes if one.form is RecipeForm.SH and one.proof is RecipeProof.PROVEN)
    return [line for one in proven for line in ("", "```sh", one.text.rstrip(), "```")]


def _comment(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)


# --- the report ------------------------------------------------------------------------------


def _summary(result: Result) -> list[str]:
    sdist = f" from {_code(result.sdist.filename)} (SHA-256 {_code(result.sdist.sha256)})" if result.sdist else ""
    deep = f" They differ in {_DEEP[result.severity]}." if result.severity and result.severity != Severity.NONE else ""
    lines = [f"Two builds{sdist}, in environments that were made different on purpose, gave different wheels.{deep}"]
    if result.holds:
        lines.append(f"The bytes are the same when these are held: {', '.join(map(_code, result.holds))}.")
    return lines


def _cause(cause_finding: CauseFinding) -> list[str]:
    does = ", ".join(map(_code, cause_finding.variations)) or "nothing: it differs by itself"
    lines = [f"### {_code(cause_finding.name)}", "", f"Brought about by: {does}. Proof: {cause_finding.proof}."]
    shown = [
        f"| {_cell(one.path)} {_cell(one.where)} | {_cell(one.first)} | {_cell(one.second)} |"
        for one in cause_finding.evidence
    ]
    if shown:
        lines += ["", "| where | first build | second build |", "|---|---|---|", *shown]
    return [*lines, ""]


def _reproduce(result: Result) -> list[str]:
    pins = [f"{pin.name}=={pin.version}" for pin in result.build_requirements]
    with_these = f" with {', '.join(map(_code, pins))}" if pins else ""
    lines = [
        f"Build the sdist twice on {_code(result.image.name)}{with_these}, once in each of these environments:",
        "",
    ]
    builds = {build.name: build.environment for build in result.builds}
    if "first" in builds and "second" in builds:
        differing = result.holds or tuple(one.name for one in result.variations if one.acted)
        lines += [f"- first: {_code(_shown(builds['first'], differing))}"]
        lines += [f"- second: {_code(_shown(builds['second'], differing))}"]
    return lines


def _shown(environment: Environment, names: Iterable[str]) -> str:
    """Write the values of those variations in one line; a name from an older catalogue is left out."""
    known = (BY_NAME[name] for name in names if name in BY_NAME)
    return "; ".join(f"{variation.name}: {', '.join(variation.shown(environment).splitlines())}" for variation in known)


def _repairs(result: Result) -> list[str]:
    if not result.recipe:
        return ["No remedy was proven."]
    lines = ["With these, two builds in otherwise different environments gave the same bytes:", ""]
    lines += [f"- {_code(name)}: {named(name).summary} {named(name).use}" for name in result.recipe]
    for one in result.remedies:
        if one.outcome is RemedyOutcome.REJECTED:
            lines.append(f"- not {_code(one.name)}: {_text(one.why)}")
    return [*lines, *_shown_recipe(result)]


def _figures(result: Result) -> list[str]:
    lines = [f"- {len(result.builds)} builds, of which {result.builds_compared} gave the first one's bytes"]
    lines += [f"- {one.name}: {_code(one.wheel.sha256)}" for one in result.builds if one.wheel]
    return lines


def _text(text: str) -> str:
    """Escape a text for Markdown."""
    return _MARKUP.sub(r"\\\1", _comment(text))


def _code(text: str) -> str:
    """Write a text as code, whatever backticks it has (CommonMark 6.1)."""
    text = _comment(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _cell(text: str) -> str:
    """Write a text as code in a table's cell, in which a bar would end it (GFM, tables)."""
    return _code(text).replace("|", "\\|") if text else ""
