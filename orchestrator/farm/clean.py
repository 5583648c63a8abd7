"""Removes what `retention` chooses: of the cache, of the engine's images, and of the results what nothing names."""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.build import engine as engines
from orchestrator.errors import EngineError, WheelproofError
from orchestrator.farm import retention, uses
from orchestrator.farm.retention import Item
from orchestrator.farm.workers import attempted
from orchestrator.images import recipe
from orchestrator.results.files import inside
from orchestrator.results.places import TRIALS
from orchestrator.util import cache as caches
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from orchestrator.build.engine import Engine, HeldImage
    from orchestrator.config import Config
    from orchestrator.results.store import Results

_FOLDERS = (
    "answers",
    "buildenvs",
    "crates",
    "debian",
    "debs",
    "guest",
    "index",
    "locks",
    "published",
    "received",
    "recipes",
    "sdists",
    "sent",
    "tools",
    "wheels-of-recipes",
    "recipes-of-sets",
)
_GROWING = retention.RECALLED | {"debian", "uv-pages"}
"""Kinds whose files change; the size of all others is measured once."""

_SIZES = "sizes"
_LOG_PAGE = re.compile(rb"logs/[0-9a-f]{64}\.html")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was removed, or would be: items by kind, and by how many bytes the cache is still over its bound."""

    items: tuple[Item, ...] = ()
    over: int = 0
    busy: bool = False  # another command uses the cache, so nothing of it was removed


@dataclass(slots=True)
class _Cache:
    """The parts of a cache, each with its files and folders."""

    folder: Path
    parts: dict[str, list[str]] = field(default_factory=dict)  # KIND/NAME -> paths; strings, since there may be many

    def items(self) -> tuple[Item, ...]:
        """Return all parts with their sizes; what does not change is measured only once."""
        place = self.folder / uses.FOLDER / _SIZES
        known = _sizes(place)
        sizes = {name: known.get(name) or _size(name, paths) for name, paths in self.parts.items()}
        lasting = {name: size for name, size in sizes.items() if name.partition("/")[0] not in _GROWING}
        if lasting != known:
            caches.write_checked(place, json.dumps(lasting))
        return tuple(Item(name, size) for name, size in sizes.items())

    def with_times(self, items: Iterable[Item]) -> tuple[Item, ...]:
        """Return items with the time since which each is in its place, or was last touched."""
        return tuple(replace(item, used=_used(self.parts[item.name])) for item in items)


def _sizes(place: Path) -> dict[str, int]:
    with suppress(ValueError, TypeError, AttributeError):
        return {str(name): int(size) for name, size in json.loads(caches.read_checked(place) or "").items()}
    return {}


def _size(name: str, paths: Iterable[str]) -> int:
    """Return the bytes of a part; files that build environments share with uv's wheels count there."""
    total, linked = 0, name.startswith("uv/")
    for path in paths:
        with suppress(OSError):
            total += caches.size_on_disk(path, linked=linked)
    return total


def _used(paths: Iterable[str]) -> float:
    times = []
    for path in paths:
        with suppress(OSError):
            times.append(os.lstat(path).st_ctime)
    return max(times, default=0.0)


# --- what there is ---------------------------------------------------------------------------


def survey(cache: Path) -> _Cache:
    """List the parts of a cache: names only, nothing of them is read."""
    found = _Cache(cache)
    for kind in _FOLDERS:
        for name in _visible(cache / kind):
            found.parts[f"{kind}/{name}"] = [f"{cache}/{kind}/{name}"]
    for path in cache.glob("root-*.tar"):
        found.parts[f"root/{path.name}"] = [str(path), str(path.with_suffix(".sha256"))]
    for path in (cache / "uv" / "cache").glob("simple-v*/*/*.rkyv"):
        found.parts[f"uv-pages/{path.relative_to(cache / 'uv' / 'cache')}"] = [str(path)]
    for name, path in _wheels_of_uv(cache / "uv" / "cache"):
        parts = found.parts.setdefault(name, [])
        parts.append(str(path))
        if path.is_symlink():  # the unpacked wheel
            parts.append(str(path.resolve()))
    return found


def _visible(folder: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return [name for name in os.listdir(folder) if not name.startswith(".")]  # noqa: PTH208 - only names
    return []


def _wheels_of_uv(cache: Path) -> Iterator[tuple[str, Path]]:
    """Yield (uv/NAME/VERSION, path) of all that uv keeps of wheels: wheels-v*/pypi/NAME/VERSION-TAG*, or index/*/."""
    for pattern in ("wheels-v*/pypi/*/*", "wheels-v*/index/*/*/*"):
        for path in cache.glob(pattern):
            yield f"uv/{path.parent.name}/{path.name.partition('-')[0]}", path


# --- the cache -------------------------------------------------------------------------------


def clean_cache(settings: Config, older_than: float | None, now: float, *, dry: bool = False) -> Cleaned:
    """Remove what is over the bound, and what nobody used for `older_than` seconds, if that is given.

    Nothing is removed while another command uses the cache.

    Raises
    ------
    ResultsError
        The cache cannot be written.

    """
    with caches.alone(settings.cache) as is_alone:
        if not is_alone:
            return Cleaned(busy=True)
        held = survey(settings.cache)
        items, bound, unused = held.items(), settings.keep.cache, settings.keep.unused
        if older_than is None and sum(item.size for item in items) <= bound:
            return Cleaned()
        written = uses.read(settings.cache)
        notes = written.values()
        needs = retention.needed(notes, now, unused)
        items = retention.last_uses(held.with_times(items), notes)
        old = retention.unused_for(items, needs, older_than, now, unused) if older_than is not None else ()
        names = {item.name for item in old}
        left = [item for item in items if item.name not in names]
        removal = retention.over_bound(left, needs, bound, now, unused)
        gone = (*old, *removal.items)
        if not dry:
            gone = _removed(held, gone)
            uses.forget(written, now - 2 * unused)
        return Cleaned(gone, removal.over)


def _removed(held: _Cache, gone: tuple[Item, ...]) -> tuple[Item, ...]:
    """Remove parts of a cache; those of uv's only where no other program uses it."""
    with caches.locked_file(held.folder / "uv" / "cache" / ".lock") as is_free:
        chosen = tuple(item for item in gone if is_free or not item.kind.startswith("uv"))
        caches.remove(held.folder, (Path(path) for item in chosen for path in held.parts[item.name]))
    return chosen


# --- images ----------------------------------------------------------------------------------


def clean_images(
    settings: Config, store: Results, age: float, now: float, *, foreign: bool = False, dry: bool = False
) -> Cleaned:
    """Remove images of former recipes from the engine.

    Raises
    ------
    EngineError
        The engine does not answer.
    ImageError
        A recipe cannot be read, so that it is not known which image it has.

    """
    engine = engines.connect()
    folders = recipe.folders(settings.folder)
    current = {recipe.load(folders, name).tag for name in recipe.names(folders)}
    last, running = uses.images(settings.cache), engine.images_in_use()
    images = engine.held_images()
    choose = _chooser(images, current, last, running, age, now, foreign=foreign)
    spare = choose(frozenset())
    if spare:
        spare = choose(_images_of_verdicts(store))
    gone = spare if dry else tuple(image for image in spare if _is_removed(engine, image))
    if not dry:
        uses.forget_images(
            settings.cache, last.keys() - {tag for image in set(images) - set(gone) for tag in image.tags}
        )
    return Cleaned(tuple(Item(f"images/{(*image.tags, image.id)[0]}", image.size) for image in gone))


def _chooser(
    images: tuple[HeldImage, ...],
    current: set[str],
    last: Mapping[str, float],
    running: frozenset[str],
    age: float,
    now: float,
    *,
    foreign: bool,
) -> Callable[[frozenset[str]], tuple[HeldImage, ...]]:
    def choose(used: frozenset[str]) -> tuple[HeldImage, ...]:
        return retention.spare_images(images, current, used, last, running, age, now, foreign=foreign)

    return choose


def _images_of_verdicts(store: Results) -> frozenset[str]:
    """Return the ids of the images of the newest result of each project on each image."""
    found = set()
    for project in store.projects():
        seen: set[tuple[str, str]] = set()
        for result in store.of(project):
            if (key := (result.version, result.image.name)) not in seen:
                seen.add(key)
                found.add(result.image.id)
    return frozenset(found)


def _is_removed(engine: Engine, image: HeldImage) -> bool:
    for reference in image.tags or (image.id,):
        engine.remove_image(reference)
    return all(engine.image(reference) is None for reference in image.tags or (image.id,))


# --- results ---------------------------------------------------------------------------------


def clean_pages(store: Results, *, dry: bool = False) -> Cleaned:
    """Remove the pages of logs that no page of the site links to."""
    pages = {name.removeprefix("site/"): path for name, path in store.pages().items()}
    linked: set[str] = set()
    for path in (store.folder / "site").rglob("*.html"):
        if path.parent.name != "logs":
            linked.update(name.decode() for name in _LOG_PAGE.findall(path.read_bytes()))
    return _files(
        "log-pages", (path for name, path in pages.items() if name.startswith("logs/") and name not in linked), dry=dry
    )


def clean_trials(store: Results, age: float, now: float, *, dry: bool = False) -> Cleaned:
    """Remove the logs and rows of the method of 2020 that are older than `age` seconds; nothing follows from them."""
    files = (path for folder in inside(store.folder / TRIALS) for path in inside(folder))
    return _files(TRIALS, [path for path in files if path.lstat().st_mtime < now - age], dry=dry)


def clean_results(store: Results, age: float, *, dry: bool = False) -> Cleaned:
    """Remove the wheels and logs that no record names: of builds that were interrupted, or repeated a failure."""
    return _files("unreferenced", store.unreferenced(age), dry=dry)


def _files(kind: str, paths: Iterable[Path], *, dry: bool) -> Cleaned:
    gone = []
    for path in paths:
        with suppress(FileNotFoundError):
            gone.append(Item(f"{kind}/{path.name}", caches.size_on_disk(path)))
            if not dry:
                path.unlink()
    return Cleaned(tuple(gone))


# --- after a run -----------------------------------------------------------------------------


def after_run(settings: Config, store: Results) -> None:
    """Keep the bounds after a run; what fails is logged, since the results are written already."""
    now = time.time()
    found = attempted(clean_cache, settings, None, now)
    if isinstance(found, WheelproofError):
        logs.fault("the cache is not kept within its bound", found)
        return
    _log(settings, found)
    last = uses.images(settings.cache)
    if any(now - time_ > settings.keep.unused for time_ in last.values()):
        images = attempted(clean_images, settings, store, settings.keep.unused, now)
        if isinstance(images, EngineError | WheelproofError):
            logs.fault("images of former recipes are not removed", images)
        else:
            _log(settings, images)


def keep_bounds(settings: Config, store: Results) -> None:
    """Keep the bounds of a cache and of stores, on a worker that runs for long; what fails is logged."""
    store.prune()
    found = attempted(clean_cache, settings, None, time.time())
    if isinstance(found, WheelproofError):
        logs.fault("the cache is not kept within its bound", found)
    else:
        _log(settings, found)


def _log(settings: Config, cleaned: Cleaned) -> None:
    for kind, count, size in retention.totals(cleaned.items):
        logs.info("removed what is not used any more", kind=kind, count=count, bytes=size)
    if cleaned.over:
        logs.warning(
            "the cache is over its bound with what tracked jobs need; allow more under keep: cache",
            bound=settings.keep.cache,
            over=cleaned.over,
        )
