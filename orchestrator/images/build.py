"""From a recipe to a pinned image and its manifest; the image is built where the engine does not have it."""

from __future__ import annotations

import fcntl
import io
import tarfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.errors import EngineError, ImageError, TransientEngineError
from orchestrator.images import other_python
from orchestrator.images.bootstrap import root, sources_of
from orchestrator.images.distributions import DISTRIBUTIONS
from orchestrator.images.recipe import (
    LOCK,
    drift,
    format_lock,
    listing,
    load,
    lock_path,
    manifest,
    parse_lock,
    refusal,
    target_of,
    without_lock,
)
from orchestrator.model import Image, LockDrift
from orchestrator.util.cache import occupy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orchestrator.build.engine import LocalImage
    from orchestrator.images.bootstrap import Images
    from orchestrator.images.recipe import Folders, ImageRecipe, Packages


FOUND = "/usr/share/wheelproof/packages"
"""Where an image lists its packages, in a lock's format."""

BASE_LABEL = "wheelproof.base"
PACKAGES_LABEL = "wheelproof.packages"


# --- building one ------------------------------------------------------------------------------


def ensure(
    engine: Images, name: str, folder: Folders, cache: Path, *, strict: bool, log: Callable[[str], None]
) -> Image:
    """Return an image that is there to be used; make it first, if the engine has none of this recipe.

    `folder` is images/; `cache` keeps root file systems built from Debian's archive; `log` gets one line
    for each step.

    Raises
    ------
    ImageError
        The image cannot be built, has no lock, or drifted from it and `strict` is set.

    """
    recipe = load(folder, name)
    if unlocked := without_lock(recipe):
        msg = f"making the image {name}: {unlocked} has no lock yet; write it: wheelproof images --lock {unlocked}"
        raise ImageError(msg)
    image = made(engine, recipe, cache, log)
    if image.drift and strict:
        raise ImageError(refusal(name, image.drift))
    if image.drift:
        log(f"the image {name} drifted from its lock: {listing(image.drift)}")
    return image


def made(engine: Images, recipe: ImageRecipe, cache: Path, log: Callable[[str], None]) -> Image:
    """Return the image of a recipe; make it first, if the engine does not have it. It may have drifted from its lock.

    Raises
    ------
    ImageError
        The image cannot be built, or has no Python.

    """
    return _describe(recipe, _found(engine, recipe, cache, log))


def find(engine: Images, name: str, folder: Folders) -> Image | None:
    """Return an image if the engine has it; nothing is built.

    Raises
    ------
    ImageError
        The recipe cannot be read, or the image has no Python.

    """
    recipe = load(folder, name)
    local = engine.image(recipe.tag)
    return _describe(recipe, local) if local else None


def _found(engine: Images, recipe: ImageRecipe, cache: Path, log: Callable[[str], None]) -> LocalImage:
    """Return the engine's image of a recipe; build it and its base first, if the engine does not have them."""
    if (found := engine.image(recipe.tag)) is not None:
        return found
    below = _found(engine, recipe.below, cache, log) if recipe.below else None
    with alone(cache, recipe.name):
        return engine.image(recipe.tag) or _make(engine, recipe, below, cache, log)


def relock(
    engine: Images, name: str, folder: Folders, cache: Path, *, log: Callable[[str], None]
) -> tuple[LockDrift, ...]:
    """Write an image's lock from what Debian's archive has now; return what that changed.

    A custom image leaves the packages of its base as they are, as far as its own packages permit, and
    its lock lists only what it adds or changes.

    Raises
    ------
    ImageError
        The image cannot be built, or it removes packages of its base.

    """
    former = load(folder, name)
    now = datetime.now(UTC).replace(microsecond=0)
    below = _found(engine, former.below, cache, log) if former.below else None
    there = _listed_in(below) if below else ()
    draft = format_lock(there, now).encode() if there else b""
    recipe = replace(
        former,
        snapshot=now,
        lock=there,
        files=tuple((file, draft if file == LOCK else old) for file, old in former.files),
    )
    with alone(cache, name):
        base = below.id if below else _base_to_lock(engine, recipe, cache, log)
        built = _build(engine, recipe, base, "\n".join(recipe.sources), cache, log)
        packages = parse_lock(engine.read_file(built, FOUND).decode())
        engine.remove_image(_unfinished(recipe))
    if lost := sorted(dict(there).keys() - dict(packages).keys()):
        msg = f"locking the image {name}: it takes {', '.join(lost)} from its base; install what goes with them"
        raise ImageError(msg)
    settled = dict(recipe.python.packages) if recipe.python else {}  # what the settings pin is in no lock
    own = tuple(sorted(one for one in set(packages) - set(there) if one[0] not in settled))
    lock_path(folder, name).write_text(format_lock(own, now))
    return drift(former.lock, load(folder, name).lock)


def packages_of(
    engine: Images,
    recipe: ImageRecipe,
    base: str,
    sources: tuple[str, ...],
    cache: Path,
    log: Callable[[str], None],
) -> Packages:
    """Build a recipe on a base once, without keeping the image; return the packages that it gets.

    Raises
    ------
    ImageError
        The image cannot be built.

    """
    built = _build(engine, recipe, base, "\n".join(sources), cache, log)
    packages = parse_lock(engine.read_file(built, FOUND).decode())
    engine.remove_image(_unfinished(recipe))
    return packages


def _listed_in(image: LocalImage) -> Packages:
    return parse_lock(image.labels.get(PACKAGES_LABEL, ""))


def _describe(recipe: ImageRecipe, local: LocalImage) -> Image:
    packages = _listed_in(local)
    try:
        fits = target_of(recipe, packages)
    except ValueError as error:
        wanted = f"python{recipe.python.version}" if recipe.python else "python3"
        msg = f"using the image {recipe.name}: {error}; install {wanted} in images/{recipe.name}/Dockerfile"
        raise ImageError(msg) from error
    return Image(
        name=recipe.name,
        id=local.id,
        manifest=manifest(recipe.method, packages),
        base=local.labels.get(BASE_LABEL, ""),
        target=fits,
        packages=packages,
        drift=drift(recipe.lock, packages),
    )


def _make(
    engine: Images, recipe: ImageRecipe, below: LocalImage | None, cache: Path, log: Callable[[str], None]
) -> LocalImage:
    """Build the image; it gets its tag only when it is complete."""
    log(f"making the image {recipe.name}; this takes a few minutes, once")
    kind, base, sources = _on(engine, recipe, below) if below else _base(engine, recipe, cache, log)
    built = _build(engine, recipe, base, "\n".join((*sources, *recipe.sources)), cache, log)
    labels = {BASE_LABEL: kind, PACKAGES_LABEL: engine.read_file(built, FOUND).decode()}
    engine.build_image(context((("Dockerfile", f"FROM {built}\n".encode()),)), recipe.tag, {}, labels, _quietly)
    engine.remove_image(_unfinished(recipe))
    if (found := engine.image(recipe.tag)) is None:
        msg = f"making the image {recipe.name}: the engine has lost {recipe.tag}; run again"
        raise ImageError(msg)
    return found


def _build(
    engine: Images, recipe: ImageRecipe, base: str, sources: str, cache: Path, log: Callable[[str], None]
) -> str:
    arguments, files = {"BASE": base, "SOURCES": sources}, (*recipe.files, *_archive(recipe, cache, log))
    try:
        return engine.build_image(context(files), _unfinished(recipe), arguments, {}, _steps_only(log))
    except TransientEngineError:
        raise
    except EngineError as error:
        msg = f"making the image {recipe.name}: {error}"
        raise ImageError(msg) from error


def _archive(recipe: ImageRecipe, cache: Path, log: Callable[[str], None]) -> tuple[tuple[str, bytes], ...]:
    """Return the archive of the recipe's Python, as a file of the context, unless the base has it."""
    if recipe.python is None or (recipe.below and recipe.below.python == recipe.python):
        return ()
    content = other_python.fetched(recipe.python, cache, log)
    return ((other_python.ARCHIVE, content),) if content else ()


def _quietly(line: str) -> None:
    """Ignore the line. No-op callback."""


def _steps_only(log: Callable[[str], None]) -> Callable[[str], None]:
    """Pass on the steps only, without the hundreds of lines of dpkg; an error includes the last of them."""

    def log_steps(line: str) -> None:
        if line.startswith("Step "):
            log(line)

    return log_steps


def _unfinished(recipe: ImageRecipe) -> str:
    return f"{recipe.tag}-unfinished"


def context(files: tuple[tuple[str, bytes], ...]) -> io.BytesIO:
    """Return the context of a Dockerfile as a tar; a file that begins with #! may be executed."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if content.startswith(b"#!") else 0o644
            archive.addfile(member, io.BytesIO(content))
    stream.seek(0)
    return stream


@contextmanager
def alone(cache: Path, name: str) -> Iterator[None]:
    """Let only one process at a time build an image; the next one then finds it built."""
    occupy(cache)
    with (cache / f"image-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- its base -------------------------------------------------------------------------


def _own_sources(engine: Images, image: str, recipe: ImageRecipe) -> str:
    """Return the sources for apt that the official image has."""
    return engine.read_file(image, DISTRIBUTIONS[recipe.distribution].own_sources).decode(errors="replace")


def _on(engine: Images, recipe: ImageRecipe, below: LocalImage) -> tuple[str, str, tuple[str, ...]]:
    """Return what `_base` returns, for a base that is another image of ours."""
    own = _own_sources(engine, below.id, recipe)
    return below.labels.get(BASE_LABEL, ""), below.id, sources_of(recipe, own)


def _pulled(engine: Images, recipe: ImageRecipe) -> str:
    """Return an official image of manylinux, which nothing else can take the place of."""
    if not engine.pull(recipe.base):
        msg = (
            f"making the image {recipe.name}: no registry gives {recipe.base}; check the digest, or use a registry "
            "that has it"
        )
        raise ImageError(msg)
    return recipe.base


def _base_to_lock(engine: Images, recipe: ImageRecipe, cache: Path, log: Callable[[str], None]) -> str:
    """Return the base whose packages a lock lists: Debian's newest, or the official image of manylinux."""
    return _pulled(engine, recipe) if recipe.target else root(engine, recipe, (), cache, log)


def _base(
    engine: Images, recipe: ImageRecipe, cache: Path, log: Callable[[str], None]
) -> tuple[str, str, tuple[str, ...]]:
    """Return the base of an image: (its kind, its id, more lines for apt's sources)."""
    log(f"pulling {recipe.base}")
    if recipe.target:
        return "registry", _pulled(engine, recipe), ()
    if not recipe.as_of and engine.pull(recipe.base):  # an official image is of another day
        own = _own_sources(engine, recipe.base, recipe)
        return "registry", recipe.base, sources_of(recipe, own)
    sources = sources_of(recipe, "")
    kind = "snapshot" if sources else "archive"
    label = DISTRIBUTIONS[recipe.distribution].label
    log(f"no registry gives it: making a root file system from {label}'s {kind}")
    return kind, root(engine, recipe, sources, cache, log), sources
