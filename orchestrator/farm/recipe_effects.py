"""What the proof of a recipe needs: its text as a file, and the wheels that it installs in a folder."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from orchestrator.build_requirements.resolve import best
from orchestrator.errors import AbsentError, NoReleaseError
from orchestrator.model import OfferedWheel, Pin, digest
from orchestrator.model.names import wheel_of
from orchestrator.util.cache import Turns, keep, settle, settled, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from orchestrator.model import Target
    from orchestrator.recipes import Pinned
    from orchestrator.sources.index import Index

_TURNS = Turns()


def text_file(cache: Path, text: str) -> Path:
    """Write a recipe into the cache, under its hash, and return its path.

    Raises
    ------
    ResultsError
        The cache cannot be written.

    """
    place = cache / "recipes" / hashlib.sha256(text.encode()).hexdigest() / "recipe.sh"
    if not place.is_file() or place.read_bytes() != text.encode():
        with unfinished(cache / "recipes") as lent:
            (lent / place.name).write_text(text, encoding="utf-8")
            keep(lent / place.name, place)
        place.chmod(0o644)
    return place


def offered(index: Index, wanted: Iterable[Pinned], target: Target) -> tuple[Pin, ...] | str:
    """Return the wheel of each project that a recipe pins, or why the index cannot serve them.

    The index is asked anew before anything is reported as missing.

    Raises
    ------
    TransientIndexError
        The index does not answer, after several tries.

    """
    found: list[Pin] = []
    for pinned in wanted:
        requirement = f"{pinned.name}=={pinned.version}"
        try:
            pin = _pin(index, pinned, target, anew=False) or _pin(index, pinned, target, anew=True)
        except (AbsentError, NoReleaseError):
            return f"the index has no {requirement}, which the recipe installs"
        if pin is None:
            return f"the index has no wheel of {requirement} with a hash that the recipe pins"
        found.append(pin)
    return tuple(found)


def _pin(index: Index, pinned: Pinned, target: Target, *, anew: bool) -> Pin | None:
    """Return the best of a pinned release's wheels that have a pinned hash, or None."""
    release = index.release(f"{pinned.name}=={pinned.version}", target.python, anew=anew)
    wheels = (
        Pin(pinned.name, pinned.version, wheel.sha256, wheel.filename, wheel.url)
        for wheel in release.wheels
        if wheel.sha256 in pinned.hashes
    )
    return best(tuple(wheels), target)


def folder_of(cache: Path, index: Index, pins: Iterable[Pin], limit: int) -> Path:
    """Return a folder with the files of those wheels, each of at most `limit` bytes; equal folders are made once.

    Raises
    ------
    PackageIndexError
        A wheel is gone, or is not the one that was pinned.
    TransientIndexError
        The index does not answer, after several tries.
    ResultsError
        The cache cannot be written.

    """
    unique = {pin.filename: pin for pin in pins}
    key = digest(sorted((pin.filename, pin.sha256) for pin in unique.values()))

    def fill(new: Path) -> None:
        _put(index, unique.values(), new, limit)

    return _settled_folder(cache / "wheels-of-recipes", key, fill)


def folder_with(cache: Path, index: Index, texts: Mapping[str, str], tools: Iterable[Pin], limit: int) -> Path:
    """Return a folder with those texts by their paths, and the wheels in its folder tools; each is made once.

    Raises as `folder_of`.
    """
    unique = {pin.filename: pin for pin in tools}
    key = digest([sorted(texts.items()), sorted((pin.filename, pin.sha256) for pin in unique.values())])

    def fill(new: Path) -> None:
        for path, text in texts.items():
            _folder(new, (new / path).parent)
            (new / path).write_text(text, encoding="utf-8")
            (new / path).chmod(0o644)
        if unique:
            _folder(new, new / "tools")
            _put(index, unique.values(), new / "tools", limit)

    return _settled_folder(cache / "recipes-of-sets", key, fill)


def _folder(top: Path, folder: Path) -> None:
    """Create a folder directly below another, readable for all, unless it is that one or exists."""
    if folder != top and not folder.exists():
        folder.mkdir()
        folder.chmod(0o755)


def _put(index: Index, pins: Iterable[Pin], folder: Path, limit: int) -> None:
    """Fetch wheels into a folder."""
    for pin in pins:
        name = wheel_of(pin.filename, pin.name, pin.version)
        file = index.fetch(OfferedWheel(pin.filename, pin.url, pin.sha256), limit)
        keep(file, folder / name.filename)
        (folder / name.filename).chmod(0o644)


def _settled_folder(parent: Path, key: str, fill: Callable[[Path], None]) -> Path:
    """Return the folder of that key; if there is none, it is filled, and then appears at once."""
    place = parent / key
    with _TURNS.turn(f"{parent.name}/{key}"):
        if (existing := settled(place)) is not None:
            return existing
        with unfinished(parent) as lent:
            new = lent / "new"
            new.mkdir()
            new.chmod(0o755)
            fill(new)
            return settle(new, place)
