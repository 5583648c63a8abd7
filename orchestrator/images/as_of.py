"""An image as of a day: another image's recipe, with the packages that Debian's archive had on that day.

The new recipe is a folder like any other: its settings name the day, and its lock the versions. Its root file system
comes from Debian's snapshot archive, never from an official image, which is of another day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from orchestrator.errors import ImageError
from orchestrator.images import build
from orchestrator.images.bootstrap import root, sources_of
from orchestrator.images.distributions import DISTRIBUTIONS
from orchestrator.images.recipe import LOCK, SETTINGS, SHARED, format_lock, load, names
from orchestrator.images.swapped_packages import earlier_versions
from orchestrator.util.cache import unfinished

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    from orchestrator.images.bootstrap import Images
    from orchestrator.images.recipe import Folders, ImageRecipe

AS_OF = "as-of"
"""The key of image.toml that names the day."""

_BASE = re.compile(r'^base\s*=\s*"[^"]*"', re.MULTILINE)
_DAY = re.compile(rf"^{AS_OF}\s*=.*\n?", re.MULTILINE)
_DATED = re.compile(r"-\d{8}\Z")


def moment_of(day: date) -> datetime:
    """Return the moment of a day: its end, UTC, as for the package index."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=UTC)


def name_of(name: str, day: date) -> str:
    """Return the name of an image as of a day: bookworm-20250601."""
    return f"{_DATED.sub('', name)}-{day:%Y%m%d}"


def settings_of(recipe: ImageRecipe, day: date) -> str:
    """Return the settings of an image as of a day; a custom image is based on its base as of that day."""
    text = _DAY.sub("", dict(recipe.files)[SETTINGS].decode())
    if recipe.below:
        text = _BASE.sub(f'base = "{name_of(recipe.below.name, day)}"', text, count=1)
    return f'{text.rstrip()}\n{AS_OF} = "{day}"\n'


def draft_of(recipe: ImageRecipe, day: date, below: ImageRecipe | None) -> ImageRecipe:
    """Return the recipe of an image as of a day, as long as its packages are not known: with those of its base."""
    lock = below.lock if below else ()
    files = dict(recipe.files) | {SETTINGS: settings_of(recipe, day).encode()}
    files[LOCK] = format_lock(lock, moment_of(day)).encode() if lock else b""
    return replace(
        recipe,
        name=name_of(recipe.name, day),
        snapshot=moment_of(day),
        lock=lock,
        files=tuple(sorted(files.items())),
        below=below,
        earlier=(),
    )


def unobtainable(recipe: ImageRecipe, day: date) -> str:
    """Return why an image cannot be made as of a day without a snapshot archive: which versions are not known."""
    lowest = _lowest(recipe)
    label = DISTRIBUTIONS[lowest.distribution].label
    archive = f"{recipe.snapshots} does not answer" if recipe.snapshots else "none answers"
    return (
        f"making {recipe.name} as of {day}: it needs {label}'s snapshot archive, and {archive}. {label}'s ordinary "
        f"archive has no dates. {_unknown(recipe)}. Name a snapshot archive that can be reached: "
        f'snapshots = "http://HOST/archive" in {SETTINGS} of the image {lowest.name}'
    )


def _unknown(recipe: ImageRecipe) -> str:
    """Return which packages' versions are not known; those of Ubuntu do not show whether they are updates."""
    updated = [f"{name} ({version} now)" for name, version in recipe.lock if earlier_versions(version)]
    if not updated:
        return "The versions of that day are not known of any package"
    return (
        "The versions of that day are not known of the packages that were updated after the release, "
        f"at least these {len(updated)} of {len(recipe.lock)}: {', '.join(updated)}"
    )


def _lowest(recipe: ImageRecipe) -> ImageRecipe:
    return _lowest(recipe.below) if recipe.below else recipe


def check(name: str, day: date, today: date, *, manylinux: bool) -> None:
    """Check that an image may be made as of a day.

    Raises
    ------
    ImageError
        The day has not ended, or the image is one of manylinux.

    """
    if day >= today:
        msg = f"making {name} as of {day}: that day has not ended, UTC; name an earlier one"
        raise ImageError(msg)
    if manylinux:
        msg = f"making {name} as of {day}: no archive has the former packages of manylinux; name an image of Debian"
        raise ImageError(msg)


# --- making it --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DatedImages:
    """Writes the recipes of images as of a day."""

    engine: Images
    folders: Folders
    cache: Path
    log: Callable[[str], None]

    def write(self, name: str, day: date) -> str:
        """Write the recipe of an image as of a day, and of its base, where there is none yet; return its name.

        Raises
        ------
        ImageError
            The snapshot archive does not answer, or has not all that the image needs.

        """
        recipe, dated = load(self.folders, name), name_of(name, day)
        check(name, day, datetime.now(UTC).date(), manylinux=recipe.target is not None)
        if dated in names(self.folders):
            return dated
        sources = sources_of(replace(_lowest(recipe), snapshot=moment_of(day), earlier=()), "")
        if not sources:
            raise ImageError(unobtainable(recipe, day))
        below = load(self.folders, self.write(recipe.below.name, day)) if recipe.below else None
        with build.alone(self.cache, dated):
            if dated not in names(self.folders):
                self._write(recipe, draft_of(recipe, day, below), below, sources)
        return dated

    def _write(
        self, recipe: ImageRecipe, draft: ImageRecipe, below: ImageRecipe | None, sources: tuple[str, ...]
    ) -> None:
        """Build a draft once to learn its packages; write its recipe."""
        base = (
            build.made(self.engine, below, self.cache, self.log).id
            if below
            else root(self.engine, draft, sources, self.cache, self.log)
        )
        packages = build.packages_of(self.engine, draft, base, sources, self.cache, self.log)
        own = tuple(sorted(set(packages) - set(below.lock if below else ())))
        lock = format_lock(own, draft.snapshot).encode()
        self._place(draft.name, dict(draft.files) | {LOCK: lock}, recipe)

    def _place(self, name: str, files: dict[str, bytes], recipe: ImageRecipe) -> None:
        """Write a recipe's folder into the first folder of images, all at once."""
        first = self.folders if isinstance(self.folders, tuple) else (self.folders,)
        shared = {one for one in SHARED if one in files}
        with unfinished(first[0], f"the images of {recipe.name}") as lent:
            folder = lent / name
            folder.mkdir()
            for file, content in files.items():
                if file not in shared:
                    (folder / file).write_bytes(content)
            folder.rename(first[0] / name)
