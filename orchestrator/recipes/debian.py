"""The form for a Debian package: a debian/rules file, which builds with pybuild and Debian's own tools."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.experiments.remedies import named
from orchestrator.recipes import embedding
from orchestrator.recipes.plan import planned
from orchestrator.recipes.quoting import comment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.recipes.inputs import RecipeInputs
    from orchestrator.recipes.plan import Plan

_VALUES = {
    "$work": "$(CURDIR)/debian/rebuild",
    "$source": "$(CURDIR)",
    "$env": "/usr",
    "$cpu": "0",
    "${HOME-/nonexistent}": "$(HOME)",
    "${CARGO_HOME-$(HOME)/.cargo}": "$(HOME)/.cargo",
}
"""What the variables of a recipe are in a package, whose build requirements are Debian's; in order."""

_TEMPORARY = "$work/tmp"
"""TMPDIR of the build, where the wheel depends on paths: the user's own may be another one each time."""

_FROZEN = ("faketime", "-f", "2020-07-31 12:00:00")
"""Debian's program in place of the project libfaketime, which a recipe gets from the index."""

_MODES = "chmod -R u=rwX,go=rX ."
"""Gives the source the modes of that umask, for dpkg-source has unpacked it under another."""

_REINSTALL = """\
import glob, os, shutil, sys, zipfile
for wheel in glob.glob(".pybuild/*/*.whl"):
 finish(wheel, sys.argv[2].split(","), int(sys.argv[1]))
 root = os.path.join(os.path.dirname(wheel), "build")
 with zipfile.ZipFile(wheel) as archive:
  for path in archive.namelist():
   place = os.path.join(root, path)
   if os.path.isfile(place):
    with open(place, "wb") as stream:
     stream.write(archive.read(path))
  if "no-sbom" in sys.argv[2]:
   for folder in glob.glob(os.path.join(root, "*.dist-info", "sboms")):
    shutil.rmtree(folder)
"""
"""Finishes the wheel that pybuild keeps, and puts its files over those that pybuild has unpacked from it."""


def debian_rules(inputs: RecipeInputs) -> str:
    """Return a debian/rules file."""
    plan = planned(inputs)
    return "".join(f"{line}\n" for line in (*_header(inputs, plan), *_variables(plan), *_targets(plan)))


def _header(inputs: RecipeInputs, plan: Plan) -> Iterator[str]:
    faketime = ", faketime" if any(words[0] == "env" for words in plan.wrap) else ""
    yield "#!/usr/bin/make -f"
    yield f"# Builds {comment(inputs.project)} {comment(inputs.version)} with pybuild."
    python = "python3-dev" if inputs.native else "python3"
    yield f"# Build-Depends: debhelper-compat (= 13), dh-python, pybuild-plugin-pyproject, {python}{faketime}"
    yield "# It uses Debian's own Python, build requirements and compilers. So its wheel is not that of the other"
    yield "# recipes: it has a hash of its own."
    for name in inputs.remedies:
        yield f"# Remedy {name}: {named(name).summary}"
    if plan.fixed_folder or plan.length:
        yield "# Not done here: the package must be built in the same folder each time, as sbuild does."
    if plan.clean_environment:
        yield "# Not done here: the package must be built with a clean environment, as sbuild and dpkg-buildpackage do."
    for _, note in plan.checks:
        yield f"# Not done here: {note}."


def _variables(plan: Plan) -> Iterator[str]:
    for name, value in plan.variables:
        yield f"export {name} = {_make(value)}"
    if plan.path != "$PATH":
        yield f"export PATH = {_make(plan.path)}"
    if plan.flags:
        yield "export PATH := $(CURDIR)/debian/rebuild/compilers:$(PATH)"
        yield from _program("WRAP", embedding.wrap())
    if plan.settings:
        yield f"export PYBUILD_BUILD_ARGS = {' '.join(map(_setting, plan.settings))}"
    if plan.finish:
        program = embedding.finish().partition("def main(")[0]
        yield from _program("FINISH", program + _REINSTALL)


def _targets(plan: Plan) -> Iterator[str]:
    yield from ("", "%:", "\tdh $@ --with python3 --buildsystem=pybuild")
    folders = _folders(plan)
    if folders:
        yield from ("", "execute_before_dh_auto_configure:")
        yield from (f"\tmkdir -p {_shell(one)}" for one in folders)
    if plan.flags:
        flags = " ".join(f"'{flag.replace('$', '$$')}'" for flag in plan.flags)
        yield (
            "\tpython3 -I -c \"$$WRAP\" '$(CURDIR)/debian/rebuild/compilers' '$(CURDIR)/debian/rebuild' "
            f"'$(CURDIR)' /usr {flags}"
        )
    if before := _before(plan):
        yield from ("", "override_dh_auto_build:", f"\t{before}dh_auto_build")
    if plan.finish:
        steps = ",".join(plan.finish)
        yield from ("", "execute_after_dh_auto_build:", f'\tpython3 -I -c "$$FINISH" {plan.epoch} {steps}')
    if folders:
        removed = (one for one in folders if not one.startswith("$work/"))
        yield from ("", "execute_after_dh_auto_clean:", f"\trm -rf {' '.join(map(_shell, removed))}")


def _folders(plan: Plan) -> tuple[str, ...]:
    """Return the folders that the build needs, parents first."""
    home = [value for _, value in plan.variables if value == "$work/home"]
    temporary = [_TEMPORARY] if _is_path_fixed(plan) else []
    folders = (*plan.folders, *home, *temporary)
    return tuple(dict.fromkeys(("$work", *folders))) if folders or plan.flags else ()


def _before(plan: Plan) -> str:
    """Return what precedes the command that builds, on its line of a shell."""
    umask = "".join(f"{line}; {_MODES}; " for line in plan.lines if line.startswith("umask "))
    temporary = f"TMPDIR={_shell(_TEMPORARY)} " if _is_path_fixed(plan) else ""
    words = (word for wrap in plan.wrap for word in (_FROZEN if wrap[0] == "env" else wrap))
    return umask + temporary + "".join(f"{_shell(word)} " for word in words)


def _is_path_fixed(plan: Plan) -> bool:
    """Return whether the wheel depends on a path, so that TMPDIR has to be one, too."""
    return plan.fixed_folder or bool(plan.length)


def _program(name: str, text: str) -> Iterator[str]:
    """Define a variable with a program, and export it to the commands."""
    yield f"define {name}"
    yield text.replace("$", "$$").rstrip("\n")
    yield "endef"
    yield f"export {name}"


def _make(text: str) -> str:
    """Write a text of ours for make."""
    for name, value in _VALUES.items():
        text = text.replace(name, value)
    return text.replace("#", r"\#")


def _setting(word: str) -> str:
    """Write one setting, which is a word of a shell: in those of remedies variables are ours, others are literal."""
    return "-C" + (_make(word) if word.startswith('"') else _literal(word))


def _literal(text: str) -> str:
    """Write a text that make is not to change; before a #, it takes a backslash for its own."""
    return re.sub(r"(\\*)#", r"\1\1\\#", text.replace("$", "$$"))


def _shell(word: str) -> str:
    return f"'{_make(word)}'"
