"""What of the cache and of the engine's images may be removed: decisions only, nothing is touched."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.model import DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from orchestrator.build.engine import HeldImage


@dataclass(frozen=True, slots=True)
class Use:
    """What one job used: the last that was built under its key, and what unchanged runs of it asked for since."""

    items: frozenset[str]  # names of items
    tracked: bool  # whether a group of the configuration asks for the job; if not, somebody did once
    touched: float  # when a run last judged the job; seconds since 1970


@dataclass(frozen=True, slots=True)
class Item:
    """One part of the cache that is removed as a whole."""

    name: str  # KIND/REST
    size: int  # bytes on disk
    used: float = 0  # the last use that is known; seconds since 1970

    @property
    def kind(self) -> str:
        """The folder of the cache that it is in."""
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes, and by how many bytes the rest is still over the bound."""

    items: tuple[Item, ...]
    over: int = 0


RECALLED = frozenset({"answers", "index", "locks"})
"""Kinds of small files that are touched when they are read, and needed for as long as they were read lately."""

LATELY = DAY
"""Seconds after which a use is noted again."""


def needed(uses: Iterable[Use], now: float, unused: int) -> frozenset[str]:
    """Return the items that an unchanged run needs: of tracked jobs that some run judged in the last `unused` seconds.

    A job that was asked for by hand protects its items for a day: nobody may ask again.
    """
    kept = (use.items for use in uses if now - use.touched <= (unused if use.tracked else LATELY))
    return frozenset().union(*kept)


def last_uses(items: Iterable[Item], uses: Iterable[Use]) -> tuple[Item, ...]:
    """Return items with the later of two times: the one they have, and that of the last job that used them."""
    last: dict[str, float] = defaultdict(float)
    for use in uses:
        for name in use.items:
            last[name] = max(last[name], use.touched)
    return tuple(Item(one.name, one.size, max(one.used, last[one.name])) for one in items)


def over_bound(items: Collection[Item], needs: frozenset[str], bound: int, now: float, unused: int) -> Removal:
    """Choose what is removed so that no more than `bound` bytes stay: the longest unused first, nothing needed."""
    excess = sum(item.size for item in items) - bound
    gone = []
    for item in sorted(items, key=lambda one: (one.used, one.kind == "uv", one.name)):
        if excess <= 0:
            break
        if not is_needed(item, needs, now, unused):
            gone.append(item)
            excess -= item.size
    return Removal(tuple(gone), max(0, excess))


def unused_for(items: Iterable[Item], needs: frozenset[str], age: float, now: float, unused: int) -> tuple[Item, ...]:
    """Choose what nobody used for `age` seconds, except what is needed."""
    return tuple(item for item in items if now - item.used > age and not is_needed(item, needs, now, unused))


def is_needed(item: Item, needs: frozenset[str], now: float, unused: int) -> bool:
    """Return whether an unchanged run needs an item."""
    return item.name in needs or (item.kind in RECALLED and now - item.used <= unused)


# --- images of the engine --------------------------------------------------------------------


_NAMED = "wheelproof/"
_TEST, _UNFINISHED = "wheelproof/test-", "-unfinished"


def spare_images(
    images: Iterable[HeldImage],
    current: Collection[str],
    used_by_records: Collection[str],
    last: Mapping[str, float],
    running: Collection[str],
    age: float,
    now: float,
    *,
    foreign: bool = False,
) -> tuple[HeldImage, ...]:
    """Choose the images that no farm of this cache needs, and that nothing else is known to need.

    `current` are the tags of all recipes that exist, `used_by_records` the ids of images of current verdicts,
    `running` the ids of images of containers, and `last` when a farm of this cache last used an image, by its tag.
    An image that no farm of this cache has used may belong to another farm of the engine. It is chosen only
    if `foreign` is set, and by its age.
    """

    def is_spare(image: HeldImage) -> bool:
        if image.id in running or image.id in used_by_records or any(tag in current for tag in image.tags):
            return False
        if not image.tags:
            return image.ours and now - image.created > age
        if not all(_is_ours(tag) for tag in image.tags):
            return False
        if all(tag.endswith(_UNFINISHED) for tag in image.tags):  # a killed command left it
            return now - image.created > LATELY
        known = [last[tag] for tag in image.tags if tag in last]
        if not known and not foreign:
            return False
        return now - max(known, default=image.created) > age

    return tuple(image for image in images if is_spare(image))


def _is_ours(tag: str) -> bool:
    return tag.startswith(_NAMED) and not tag.startswith(_TEST)


# --- what was removed ------------------------------------------------------------------------


def totals(items: Iterable[Item]) -> tuple[tuple[str, int, int], ...]:
    """Return (kind, count, bytes) of each kind of items."""
    found: dict[str, list[int]] = defaultdict(list)
    for item in items:
        found[item.kind].append(item.size)
    return tuple((kind, len(sizes), sum(sizes)) for kind, sizes in sorted(found.items()))
