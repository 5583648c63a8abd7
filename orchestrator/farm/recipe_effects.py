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
    from collections.abc import Iterable
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

    Raises
    ------
    TransientIndexError
        The index does not answer, after several tries.

    """
    found: list[Pin] = []
    for pinned in wanted:
        requirement = f"{pinned.name}=={pinned.version}"
        try:
            release = index.release(requirement, target.python)
        except (AbsentError, NoReleaseError):
            return f"the index has no {requirement}, which the recipe installs"
        wheels = (
            Pin(pinned.name, pinned.version, wheel.sha256, wheel.filename, wheel.url)
            for wheel in release.wheels
            if wheel.sha256 in pinned.hashes
        )
        if (pin := best(tuple(wheels), target)) is None:
            return f"the index has no wheel of {requirement} with a hash that the recipe pins"
        found.append(pin)
    return tuple(found)


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
    place = cache / "wheels-of-recipes" / key
    with _TURNS.turn(key):
        if (existing := settled(place)) is not None:
            return existing
        with unfinished(place.parent) as lent:
            new = lent / "wheels"
            new.mkdir()
            new.chmod(0o755)
            for pin in unique.values():
                name = wheel_of(pin.filename, pin.name, pin.version)
                file = index.fetch(OfferedWheel(pin.filename, pin.url, pin.sha256), limit)
                keep(file, new / name.filename)
                (new / name.filename).chmod(0o644)
            return settle(new, place)
