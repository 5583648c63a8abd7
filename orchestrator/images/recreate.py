"""The image of a former build: made again from its recorded packages, where the recipe's lock no longer lists them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from orchestrator.errors import ImageError
from orchestrator.images import build
from orchestrator.images.recipe import LOCK, as_locked, format_lock, load, manifest, names

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from orchestrator.images.bootstrap import Images
    from orchestrator.images.recipe import Folders, ImageRecipe, Packages
    from orchestrator.model import Image, LockDrift


@dataclass(frozen=True, slots=True)
class FormerImage:
    """The image of a former build, as far as it is known."""

    name: str
    manifest: str
    packages: Packages = ()  # of Debian; empty: they are not recorded
    when: datetime | None = None  # with its time zone; its packages were in Debian's archive then, or shortly before


BEFORE = (timedelta(days=10), timedelta(days=30), timedelta(days=90))
"""How long before a build the archive is looked at, too: an image may be older than the builds on it."""

_LISTED = 8  # packages in a message


@dataclass(frozen=True, slots=True)
class Recreated:
    """The image for a replay; or why there is none."""

    image: Image | None
    why: str = ""  # why the image is not the recorded one; empty if it is


def recreate(
    engine: Images,
    former: FormerImage,
    folders: Folders,
    cache: Path,
    *,
    nearest: bool,
    log: Callable[[str], None],
) -> Recreated:
    """Return the image of a former build: the one with its name and its manifest.

    Today's image serves if the engine has it with that manifest, as one that drifted from its lock in the same
    way has. Otherwise the image is made from the lock in `folders`, or from the recorded packages, of which Debian's
    snapshot archive is asked as of the former build and of some earlier times. With `nearest`, where nothing gives that
    manifest, the image is the one of today, and the answer's `why` has the reason.

    Raises
    ------
    ImageError
        A recipe cannot be read, or an image cannot be built for another reason than its packages.

    """
    if former.name not in names(folders):
        why = f"there is no image {former.name!r} here; its folder of images/ has to be copied first"
        return Recreated(None, why)
    recipe, wanted = load(folders, former.name), former.manifest
    today = build.find(engine, former.name, folders)
    if today is not None and today.manifest == wanted:
        return Recreated(today)
    if as_locked(recipe).manifest == wanted:
        image = build.made(engine, recipe, cache, log)
        return _of(image, wanted, why_drifted(image.drift), nearest=nearest)
    if not former.packages:
        return _of_unrecorded(engine, recipe, wanted, cache, nearest=nearest, log=log)
    return _of_recorded(engine, recipe, former, cache, nearest=nearest, log=log)


def _of(image: Image, wanted: str, why: str, *, nearest: bool) -> Recreated:
    if image.manifest == wanted:
        return Recreated(image)
    return Recreated(image if nearest else None, why)


def _of_unrecorded(
    engine: Images, recipe: ImageRecipe, wanted: str, cache: Path, *, nearest: bool, log: Callable[[str], None]
) -> Recreated:
    """Return today's image if it has the manifest: both may have drifted from the lock."""
    why = (
        f"its image {recipe.name} had the manifest {wanted[:12]}, today's lock gives "
        f"{as_locked(recipe).manifest[:12]}, and the packages of the former one are not recorded: they are in "
        "images/ of its results"
    )
    try:
        image = build.made(engine, recipe, cache, log)
    except ImageError as error:
        if nearest:
            raise
        return Recreated(None, f"{why}; {error}")
    if image.manifest != wanted and image.drift:
        why += f"; today's image drifted from that lock, and has the manifest {image.manifest[:12]}"
    return _of(image, wanted, why, nearest=nearest)


def _of_recorded(
    engine: Images, recipe: ImageRecipe, former: FormerImage, cache: Path, *, nearest: bool, log: Callable[[str], None]
) -> Recreated:
    """Return the image with the recorded packages, or with `nearest` today's."""
    if not (why := unmakeable(recipe, former.manifest, former.packages)):
        past = with_packages(recipe, former.packages, (former.when or recipe.snapshot).astimezone(UTC))
        image = build.made(engine, past, cache, log)
        if image.manifest == former.manifest:
            return Recreated(image)
        engine.remove_image(past.tag)  # the snapshot archive may answer next time
        why = why_drifted(image.drift)
    if not nearest:
        return Recreated(None, why)
    return _of(build.made(engine, recipe, cache, log), former.manifest, why, nearest=True)


def unmakeable(recipe: ImageRecipe, wanted: str, packages: Packages) -> str:
    """Return why packages on a recipe cannot give a manifest; empty if they can, should the archive have them."""
    if manifest(recipe.method, packages) != wanted:
        return (
            f"its image {recipe.name} was made by another recipe: the recorded packages on today's do not give the "
            f"manifest {wanted[:12]}; check out the commit of that time"
        )
    return ""


def with_packages(recipe: ImageRecipe, packages: Packages, when: datetime) -> ImageRecipe:
    """Return a recipe whose lock lists these packages, as of a time."""
    lock = format_lock(packages, when).encode()
    files = {**dict(recipe.files), LOCK: lock}
    earlier = tuple(when - before for before in BEFORE)
    return replace(recipe, snapshot=when, earlier=earlier, lock=packages, files=tuple(sorted(files.items())))


def why_drifted(drift: tuple[LockDrift, ...]) -> str:
    """Return which packages could not be had, as one sentence."""
    gone = [f"{one.package}={one.locked}" for one in drift if one.locked]
    more = [one.package for one in drift if not one.locked]
    listed = ", ".join(gone[:_LISTED]) + (f" and {len(gone) - _LISTED} more" if len(gone) > _LISTED else "")
    added = f"; {', '.join(more[:_LISTED])} came in their place" if more else ""
    return (
        f"Debian's archive no longer has {listed or 'the packages of its image'}{added}, "
        "and no snapshot archive gave them"
    )
