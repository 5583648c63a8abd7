"""Writes remedies down so that they can be used as they are: scripts, a debian/rules file, a report for upstream.

Text from a package (names, evidence) is quoted for the place where it is written.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from orchestrator.build.compilers import WRAPPED, WRAPPER
from orchestrator.build.variations import BY_NAME
from orchestrator.experiments.remedies import EPOCH, named
from orchestrator.model import RemedyOutcome, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.build.writing import Writing
    from orchestrator.model import CauseFinding, Environment, Result

OUT = "dist"
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


def pip(result: Result) -> str:
    """Write a shell script that builds the wheel with pip by the recipe; its argument is the sdist."""
    settings = "".join(f" --config-settings={shlex.quote(f'{key}={value}')}" for key, value in _settings(result))
    isolation = " --no-build-isolation" if _requirements(result) else ""
    command = f'{_python(result)} -m pip wheel --no-deps --no-cache-dir{isolation}{settings} --wheel-dir "$out" .'
    return _script(result, command)


def build(result: Result) -> str:
    """Write a shell script that builds the wheel with `python -m build`; its argument is the sdist."""
    settings = "".join(f" --config-setting={shlex.quote(f'{key}={value}')}" for key, value in _settings(result))
    isolation = " --no-isolation" if _requirements(result) else ""
    return _script(result, f'{_python(result)} -m build --wheel{isolation}{settings} --outdir "$out" .')


def debian_rules(result: Result) -> str:
    """Write a debian/rules file that builds the wheel with pybuild by the recipe."""
    writings = _writings(result)
    lines = ["#!/usr/bin/make -f", *(f"# {note}" for note in _notes(writings))]
    if flags := [flag.replace("$PWD", "$(CURDIR)") for one in writings for flag in one.flags]:
        lines += [f"export DEB_{name}_MAINT_APPEND = {' '.join(flags)}" for name in ("CFLAGS", "CXXFLAGS")]
    for name, value in _variables(result):
        lines.append(f"export {name} = {value.replace('$PWD', '$(CURDIR)').replace('$HOME', '$(HOME)')}")
    if settings := _settings(result):
        lines.append("export PYBUILD_BUILD_ARGS = " + " ".join(f"-C{key}={value}" for key, value in settings))
    if any(one.compilers for one in writings):
        lines.append("export PATH := $(CURDIR)/debian/compilers:$(PATH)")
    lines += ["", "%:", "\tdh $@ --buildsystem=pybuild"]
    before = [line for one in writings for line in one.lines]
    wrap = " ".join(shlex.quote(word).replace("$", "$$") for one in writings for word in one.wrap)
    if before or wrap or any(one.compilers for one in writings):
        steps = [*before, *(_wrappers("debian/compilers") if any(one.compilers for one in writings) else ())]
        escaped = [step.replace("$", "$$") for step in steps]
        lines += ["", "override_dh_auto_build:", "\t" + "; ".join([*escaped, f"{wrap} dh_auto_build".strip()])]
    return "\n".join(lines) + "\n"


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


# --- scripts ---------------------------------------------------------------------------------


def _script(result: Result, command: str) -> str:
    writings = _writings(result)
    filename = result.sdist.filename if result.sdist else ""
    folder = next((one.folder for one in writings if one.folder), "/build/source")
    wrap = " ".join(shlex.quote(word) for one in writings for word in one.wrap)
    finish = [step for one in writings for step in one.finish]
    lines = [
        "#!/bin/sh",
        f"# Builds {_comment(result.project)} {_comment(result.version)} to the same bytes wherever it is run.",
        *(f"# See to it yourself: {note}." for note in _notes(writings)),
        "set -eu",
        f'sdist=$(realpath "${{1:-{_default(filename)}}}")',
        f'out="$PWD/{OUT}"',
        *(line for one in writings for line in one.lines),
        f"mkdir -p {folder}",
        f'tar -xf "$sdist" -C {folder} --strip-components=1 --no-same-permissions',
        f"cd {folder}",
        *_environment(result, writings),
        *_installed(result),
        f"{wrap} {command}".strip(),
    ]
    if finish:
        epoch = result.source_date_epoch or EPOCH
        lines.append(
            f'python3 -m orchestrator.guest.postprocess {epoch} {",".join(dict.fromkeys(finish))} "$out"/*.whl'
        )
    return "\n".join(lines) + "\n"


def _environment(result: Result, writings: Sequence[Writing]) -> list[str]:
    lines = [f'export {name}="{value}"' for name, value in _variables(result)]
    if flags := " ".join(flag for one in writings for flag in one.flags):
        lines.append(f'export CFLAGS="${{CFLAGS:-}} {flags}" CXXFLAGS="${{CXXFLAGS:-}} {flags}"')
    if any(one.compilers for one in writings):
        lines += [*_wrappers("/build/compilers"), 'export PATH="/build/compilers:$PATH"']
    return lines


def _wrappers(folder: str) -> list[str]:
    """Return lines that write wrappers of the compilers, which map the folder in which each is called."""
    text = WRAPPER.format(name="%s").replace("\n", "\\n")
    wrapper = f'printf {shlex.quote(text)} "$name"'
    loop = f"for name in {' '.join(WRAPPED)}; do {wrapper} >{folder}/$name; chmod +x {folder}/$name; done"
    return [f"mkdir -p {folder}", loop]


def _installed(result: Result) -> list[str]:
    """Return lines that install the build requirements where the recipe wants them."""
    if not (folder := _requirements(result)):
        return []
    pins = " ".join(shlex.quote(f"{pin.name}=={pin.version}") for pin in result.build_requirements)
    lines = [f"python3 -m venv {folder}", f"{folder}/bin/python -m pip install build {pins}".rstrip()]
    return [*lines, f'export PATH="{folder}/bin:$PATH"']


def _python(result: Result) -> str:
    folder = _requirements(result)
    return f"{folder}/bin/python" if folder else "python3"


def _requirements(result: Result) -> str:
    return next((one.requirements for one in _writings(result) if one.requirements), "")


def _writings(result: Result) -> tuple[Writing, ...]:
    return tuple(named(name).written for name in result.recipe)


def _notes(writings: Iterable[Writing]) -> list[str]:
    return [one.note for one in writings if one.note]


def _settings(result: Result) -> list[tuple[str, str]]:
    return [pair for one in _writings(result) for pair in one.settings]


def _variables(result: Result) -> list[tuple[str, str]]:
    """Return the variables that the recipe sets, for double quotes; the epoch always, for it was there too."""
    pairs = [pair for one in _writings(result) for pair in one.variables]
    if any(one.pretend for one in _writings(result)):
        pairs.append(("SETUPTOOLS_SCM_PRETEND_VERSION", _plain(result.version)))
    if result.source_date_epoch is not None:
        pairs = [("SOURCE_DATE_EPOCH", str(result.source_date_epoch)), *pairs]
    return list(dict(pairs).items())


def _plain(text: str) -> str:
    """Leave of a version or file name only what no shell and no make takes for its own."""
    return re.sub(r"[^A-Za-z0-9.+!_-]", "_", text)


def _default(filename: str) -> str:
    return _plain(filename) or "sdist.tar.gz"


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
    return [*lines, "", "```sh", pip(result).rstrip(), "```"]


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
