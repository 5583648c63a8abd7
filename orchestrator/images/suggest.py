"""Suggests a custom image for a project that no image builds: the packages that its failures name, one by one."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import ImageError, UsageError
from orchestrator.model import AUTO_IMAGE, Want
from orchestrator.util import escapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.images.recipe import Folders, ImageRecipe
    from orchestrator.model import Failure, Result

ROUNDS = 12
"""The number of tries: each may name one more missing package."""

_DOCKERFILE = """\
# BASE is the image that image.toml names.
ARG BASE
FROM ${{BASE}}
ARG SOURCES=""
COPY . /wheelproof-recipe
RUN /wheelproof-recipe/provision \\
{packages}
"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What was tried, and how it ended."""

    packages: tuple[str, ...]  # of Debian, in the order in which failures named them
    result: Result  # of the last try; without a failure, the image builds the project
    why: str = ""  # nothing more was tried, where it does not build


def suggest(judge: Callable[[tuple[str, ...]], Result], log: Callable[[str], None]) -> Suggestion:
    """Build with more and more Debian packages, until the build succeeds or its failure names no further package.

    `judge` builds on an image with these packages added; it raises ImageError where that image cannot
    be built. `log` gets one line for each step.

    Raises
    ------
    WheelproofError
        The farm failed, or the base image cannot be built.

    """
    packages: tuple[str, ...] = ()
    result = judge(packages)
    for _ in range(ROUNDS):
        if not fails(result):
            return Suggestion(packages, result)
        more = lacking(result, packages)
        if not more:
            return Suggestion(packages, result, "no package of Debian is known that would help")
        log(f"{said(result)}; adding {', '.join(more)}")
        try:
            result = judge((*packages, *more))
        except ImageError as error:
            return Suggestion(packages, result, str(error))
        packages = (*packages, *more)
    return Suggestion(packages, result, f"{ROUNDS} rounds were not enough")


def fails(result: Result) -> bool:
    """Return whether no build gave a wheel, in any environment."""
    return not any(build.wheel for build in result.builds)


def lacking(result: Result, packages: tuple[str, ...]) -> tuple[str, ...]:
    """Name the packages that a failure asks for, and that were not tried yet."""
    named = result.failure.debian_packages if result.failure else ()
    return tuple(package for package in named if package not in packages)


def said(result: Result) -> str:
    """Return in one line how a build failed."""
    if result.failure is None:
        return f"{result.verdict}: {result.reason}"
    return f"{result.failure.reason}: {result.failure.evidence}"


# --- images that there are already --------------------------------------------------------------

_INSTALLED = re.compile(r"^ {4}([a-z0-9][a-z0-9+.-]{1,100})(?: \\)?$", re.MULTILINE)
_PACKAGES = {
    "rustc": ("rustc", "rustc-web"),
    "cargo": ("cargo", "cargo-web"),
    "pkg-config": ("pkg-config", "pkgconf"),
    "ninja": ("ninja-build",),
    "qmake": ("qt5-qmake",),
    "pg_config": ("libpq-dev",),
    "krb5-config": ("libkrb5-dev",),
    "mysql_config": ("default-libmysqlclient-dev",),
}
"""Debian packages of programs that are not named after them, where no index of Debian's files was asked."""


def installed(recipe: ImageRecipe) -> frozenset[str]:
    """Return the Debian packages that the Dockerfiles of an image and of its bases name."""
    own = frozenset(_INSTALLED.findall(dict(recipe.files).get("Dockerfile", b"").decode()))
    return own | installed(recipe.below) if recipe.below else own


def having(failure: Failure, image: str, recipes: Iterable[ImageRecipe]) -> tuple[str, ...]:
    """Name the images that have all that a build on `image` lacked; those of the same suite, with the fewest packages.

    Nothing is named where a missing thing has no known package, or where `image` has it already.
    """
    known = {recipe.name: recipe for recipe in recipes}
    wanted = _wanted(failure)
    if not wanted or image not in known:
        return ()
    having = [
        recipe
        for recipe in known.values()
        if recipe.suite == known[image].suite and all(not packages.isdisjoint(installed(recipe)) for packages in wanted)
    ]
    names = tuple(recipe.name for recipe in sorted(having, key=lambda one: (len(installed(one)), one.name)))
    return () if image in names else names


def _wanted(failure: Failure) -> tuple[frozenset[str], ...]:
    """Return a set of packages for each missing thing, any of which provides it; () where one is not known."""
    named = frozenset(failure.debian_packages)
    if len({one.name for one in failure.missing}) == 1 and named:
        return (named | frozenset(_PACKAGES.get(failure.missing[0].name, ())),)
    if any(one.want is not Want.TOOL for one in failure.missing):
        complete = len(named) >= len({one.name for one in failure.missing})
        return tuple(frozenset({package}) for package in failure.debian_packages) if complete else ()
    return tuple(frozenset(_PACKAGES.get(one.name, (one.name,))) for one in failure.missing)


# --- the image's folder ----------------------------------------------------------------------

_NAME = re.compile(r"(?=.{1,61}\Z)[a-z][a-z0-9]*(?:[.-][a-z0-9]+)*")
"""Names that a folder and an engine's repository may have, and that are no path: bookworm-3.12."""


def named_for(project: str) -> str:
    """Return an image's name for a project; raise UsageError where its name gives none."""
    name = re.sub(r"[^a-z0-9]+", "-", project.partition("==")[0].rpartition("/")[2].lower()).strip("-")
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,60}", name):
        msg = f"naming an image after {project!r}: that makes no name; name one with --name"
        raise UsageError(msg)
    return name


def unused(folder: Folders, name: str) -> Path:
    """Return the folder for a new image; a UsageError explains that the name is in use, or is not valid."""
    places = [each / name for each in ((folder,) if isinstance(folder, Path) else folder)]
    used = [place for place in places if place.exists()] if _NAME.fullmatch(name) else []
    if used or name == AUTO_IMAGE or not _NAME.fullmatch(name):
        why = f"is in use: {used[0]} exists" if used else "is not a valid name of an image"
        msg = f"making the image {escapes.visible(name)}: the name {why}; choose another with --name"
        raise UsageError(msg)
    return places[0]


def write(folder: Path, base: str, packages: tuple[str, ...]) -> None:
    """Write the recipe of an image with packages on a base, without its lock."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = " \\\n".join(f"    {package}" for package in sorted(packages))
    (folder / "Dockerfile").write_text(_DOCKERFILE.format(packages=listed))
    (folder / "image.toml").write_text(f'base = "{base}"\n')


@contextmanager
def kept_on_error(folder: Path) -> Iterator[None]:
    """Restore a folder, or remove it if it is new, where the context fails."""
    former = {path: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        for path, content in former.items():
            folder.mkdir(exist_ok=True)
            path.write_bytes(content)
        raise
