"""The forms that contain the script `sh`, as it is: a Dockerfile and a workflow of GitHub."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.images.other_python import standalone
from orchestrator.model import RecipeForm
from orchestrator.recipes.quoting import comment, plain, url
from orchestrator.recipes.script import script

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.recipes.inputs import RecipeInputs

NEEDED = ("build-essential", "python3", "python3-dev", "python3-pip", "python3-venv")
"""Packages of Debian that every recipe may need."""

MATTER = re.compile(
    r"(?:cargo|cmake|clang|gfortran|git|ninja-build|patchelf|pkgconf|pkg-config|rustc|swig|util-linux"
    r"|lib[a-z0-9.+-]+-dev|qt[a-z0-9.+-]+-dev|[a-z0-9.+-]+-bin)"
)
"""Packages of an image that a build may need besides."""

SUITES = {"12": "bookworm", "13": "trixie"}
"""Debian's versions, and the names of suites, which are also those of images."""

UBUNTU = {"11": "20.04", "12": "22.04", "13": "24.04"}
"""How the versions of Ubuntu's package base-files begin, and the tags of Ubuntu's official images."""

_END = "END-OF-RECIPE"


def dockerfile(inputs: RecipeInputs) -> str:
    """Return a Dockerfile, whose last stage has the wheel alone."""
    given = "".join(f"COPY {name} /given/{name}\n" for name in _given(inputs) if name)
    program = other_program(inputs.packages, inputs.python)
    argument = "".join(f" /given/{name}" if name else " ''" for name in _given(inputs))
    return f"""# syntax=docker/dockerfile:1
# Builds the wheel of {comment(inputs.project)} {comment(inputs.version)}, and checks its SHA-256. Usage, in its folder:
#     docker build --output dist .
# Not pinned: the versions of Debian's packages; the recipe names those with which it was proven.
FROM {base(inputs)} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \\
    {" ".join(packages(inputs))}
RUN useradd --create-home builder && mkdir /build && chown builder /build
{given}COPY <<'{_END}' /build/recipe.sh
{script(RecipeForm.SH, inputs)}{_END}
USER builder
WORKDIR /build
{f"ENV PYTHON={program}{chr(10)}" if program else ""}RUN sh recipe.sh{argument}
FROM scratch
COPY --from=build /build/dist/ /
"""


def github(inputs: RecipeInputs) -> str:
    """Return a workflow with one job, whose artifact is the wheel."""
    return "".join(f"{line}\n" for line in _workflow(inputs))


def _workflow(inputs: RecipeInputs) -> Iterator[str]:
    given = "".join(f" '{name}'" for name in _given(inputs))
    yield f"# Builds the wheel of {comment(inputs.project)} {comment(inputs.version)}, and checks its SHA-256."
    if given:
        yield f"# The repository contains {' and '.join(filter(None, _given(inputs)))}."
    yield "# Not pinned: the versions of Debian's packages; the recipe names those with which it was proven."
    yield "name: rebuild"
    yield "on: workflow_dispatch"
    yield "permissions: {contents: read}"
    yield "jobs:"
    yield "  rebuild:"
    yield "    runs-on: ubuntu-latest"
    yield f"    container: '{base(inputs)}'"
    yield "    steps:"
    yield "      - name: Install what Debian has"
    yield "        run: >-"
    yield "          apt-get update && apt-get install -y --no-install-recommends"
    yield f"          {' '.join(packages(inputs))}"
    if given:
        yield "      - uses: actions/checkout@v4"
    yield "      - name: Build the wheel, and check its hash"
    if program := other_program(inputs.packages, inputs.python):
        yield f"        env: {{PYTHON: {program}}}"
    yield f"        shell: sh {{0}}{given}"
    yield "        run: |"
    yield from (f"          {line}".rstrip() for line in script(RecipeForm.SH, inputs).splitlines())
    yield "      - uses: actions/upload-artifact@v4"
    yield "        with: {name: wheel, path: dist/*.whl}"


def _given(inputs: RecipeInputs) -> tuple[str, ...]:
    """Return the arguments of the script: the sdist and the published wheel, each "" where it can be fetched."""
    sdist = "" if url(inputs.sdist.url) else plain(inputs.sdist.filename)
    published = inputs.published if inputs.taken else None
    if published and not url(published.url):
        return (sdist, plain(published.filename))
    return (sdist,) if sdist else ()


def base(inputs: RecipeInputs) -> str:
    """Return the image on which that of the inputs is based."""
    return base_of(inputs.base, inputs.packages, inputs.image, inputs.python)


def base_of(known: str, given: Iterable[tuple[str, str]], image: str, python: str) -> str:
    """Return the image on which an image is based: the known one, or else the distribution's own.

    The package base-files has the version of Debian, or one that Ubuntu made of it. Without it, the name of the image
    is that of a suite. Where the image has a standalone Python, the base is the official image of that Python.
    """
    if re.fullmatch(r"[a-z0-9][a-z0-9._/:-]*(?:@sha256:[0-9a-f]{64})?", known):
        return known
    given = tuple(given)
    version = next((version for name, version in given if name.split(":")[0] == "base-files"), "")
    if made := re.match(r"([0-9]+)ubuntu", version):
        return f"ubuntu:{UBUNTU.get(made[1], 'latest')}"
    found = re.match(r"[0-9]+(?=[.+]|$)", version)
    suite = found[0] if found else image if image in SUITES.values() else "stable"
    if standalone(dict(given)):
        return f"python:{python}-slim" + (f"-{SUITES[suite]}" if suite in SUITES else "")
    return f"debian:{suite}-slim"


def packages(inputs: RecipeInputs) -> tuple[str, ...]:
    """Return the names of Debian's packages that a build may need, sorted."""
    return packages_of(inputs.packages, inputs.python)


def packages_of(given: Iterable[tuple[str, str]], python: str) -> tuple[str, ...]:
    """Return the names of an image's packages that a build with that version of Python may need, sorted."""
    given = tuple(given)
    present = {name.split(":")[0] for name, _ in given}
    own = {f"{program}-dev", f"{program}-venv"} if (program := other_program(given, python)) else set()
    return tuple(sorted({*NEEDED, *own, *filter(MATTER.fullmatch, present)}))


def other_program(given: Iterable[tuple[str, str]], python: str) -> str:
    """Return the program of a version of Python, if it is a package beside that of python3; empty otherwise."""
    versions = {name.split(":")[0]: version for name, version in given}
    usual = versions.get("python3", "").startswith(f"{python}.")
    return f"python{python}" if f"python{python}" in versions and not usual else ""
