"""Compares a wheel's tags with those of the wheels that the index publishes for the same version.

A build that lacks a compiler or a build requirement may silently omit its extension modules and
produce a wheel for any platform, while all published wheels are for specific platforms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from orchestrator.model import TagComparison

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ANY_PLATFORM = "any"
MOST = 200  # tags of published wheels that are listed


def of(ours: str, published: Iterable[str], members: Callable[[], Iterable[str]]) -> TagComparison | None:
    """Compare the tags of our wheel; None if its name is not a wheel's (PEP 427).

    A wheel whose tags name an ABI but which has no extension module is pure except for its name:
    setuptools builds that when an optional extension does not compile. `members` lists the paths in
    our wheel, and is called only if they matter.
    """
    tags = tags_of(ours)
    if not tags:
        return None
    theirs = [found for name in published if (found := tags_of(name))]
    platforms_only = bool(theirs) and not any(_is_pure(found) for found in theirs)
    return TagComparison(
        ours=tags,
        published=tuple(sorted({tag for found in theirs for tag in found}))[:MOST],
        fallback=platforms_only and (_is_pure(tags) or (_has_abi(tags) and not has_extension(members()))),
    )


def has_extension(members: Iterable[str]) -> bool:
    """Return whether one of these paths is an extension module of Linux; true for an unknown wheel."""
    paths = tuple(members)
    return not paths or any(path.endswith(".so") for path in paths)


def tags_of(filename: str) -> tuple[str, ...]:
    """Return the tags of a wheel's name, sorted (PEP 425); empty if it is not a wheel's name."""
    try:
        return tuple(sorted(str(tag) for tag in parse_wheel_filename(filename)[3]))
    except InvalidWheelFilename:
        return ()


def _is_pure(tags: tuple[str, ...]) -> bool:
    return any(tag.rpartition("-")[2] == ANY_PLATFORM for tag in tags)


def _has_abi(tags: tuple[str, ...]) -> bool:
    return all(tag.split("-")[1] != "none" for tag in tags)
