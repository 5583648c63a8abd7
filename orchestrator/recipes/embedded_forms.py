"""The forms that contain the script for pip, as it is: a Dockerfile and a workflow of GitHub."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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

SUITES = frozenset({"bookworm", "trixie"})
"""Names of images that are also tags of Debian's."""

_UBUNTU = {"12": "jammy", "13": "noble"}
"""The suites of Ubuntu by the version of their base-files."""

_END = "END-OF-RECIPE"


def dockerfile(inputs: RecipeInputs) -> str:
    """Return a Dockerfile, whose last stage has the wheel alone."""
    given = "".join(f"COPY {name} /given/{name}\n" for name in _given(inputs) if name)
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
RUN sh recipe.sh{argument}
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
    return base_of(inputs.base, inputs.packages, inputs.image)


def base_of(known: str, given: Iterable[tuple[str, str]], image: str) -> str:
    """Return the image on which an image is based: the known one, or else the distribution's own.

    The package base-files has the version of Debian. Without it, the name of the image is that of a suite.
    """
    if re.fullmatch(r"[a-z0-9][a-z0-9._/:-]*(?:@sha256:[0-9a-f]{64})?", known):
        return known
    versions = (version for name, version in given if name.split(":")[0] == "base-files")
    found = re.match(r"([0-9]+)(ubuntu|(?=[.+]|$))", next(versions, ""))
    if found and found[2]:
        return f"ubuntu:{_UBUNTU.get(found[1], 'rolling')}"
    suite = found[1] if found else image if image in SUITES else "stable"
    return f"debian:{suite}-slim"


def packages(inputs: RecipeInputs) -> tuple[str, ...]:
    """Return the names of Debian's packages that a build may need, sorted."""
    return packages_of(inputs.packages)


def packages_of(given: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the names of an image's packages that a build may need, sorted."""
    present = {name.split(":")[0] for name, _ in given}
    return tuple(sorted({*NEEDED, *filter(MATTER.fullmatch, present)}))
