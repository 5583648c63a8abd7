"""The image of a former build: made again from its recorded packages, where the recipe's lock no longer lists them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

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

    It is made from the lock in `folders`, or else from the recorded packages, of which Debian's snapshot archive
    is asked as of the former build and of some earlier times. If its packages are not recorded, today's image serves
    if it has that manifest, as one that drifted from the lock in the same way has. With `nearest`, where nothing gives
    that manifest, the image is the one of today, and the answer's `why` has the reason.

    Raises
    ------
    ImageError
        A recipe cannot be read, or an image cannot be built for another reason than its packages.

    """
    if former.name not in names(folders):
        why = f"there is no image {former.name!r} here; its folder of images/ has to be copied first"
        return Recreated(None, why)
    recipe, wanted, packages = load(folders, former.name), former.manifest, former.packages
    locked = as_locked(recipe).manifest == wanted
    if locked or not packages:  # if they are not recorded, the former image may have drifted as today's does
        image = build.made(engine, recipe, cache, log)
        return _of(image, wanted, why_drifted(image.drift) if locked else _unrecorded(recipe, wanted), nearest=nearest)
    if not (why := unmakeable(recipe, wanted, packages)):
        past = with_packages(recipe, packages, (former.when or recipe.snapshot).astimezone(UTC))
        image = build.made(engine, past, cache, log)
        if image.manifest == wanted:
            return Recreated(image)
        engine.remove_image(past.tag)  # the snapshot archive may answer next time
        why = why_drifted(image.drift)
    if not nearest:
        return Recreated(None, why)
    return Recreated(build.made(engine, recipe, cache, log), why)


def _of(image: Image, wanted: str, why: str, *, nearest: bool) -> Recreated:
    if image.manifest == wanted:
        return Recreated(image)
    return Recreated(image if nearest else None, why)


def _unrecorded(recipe: ImageRecipe, wanted: str) -> str:
    locked = as_locked(recipe).manifest
    return (
        f"its image {recipe.name} had the manifest {wanted[:12]}, today's lock gives {locked[:12]}, "
        "and the packages of the former one are not recorded: they are in images/ of its results"
    )


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
