"""Notes which parts of the cache each job used, so that pruning keeps what an unchanged run needs.

CACHE/uses/<key>.json   one job of one farm: {"tracked": ..., "items": [...]}; its time is that of the last run
CACHE/uses/images/<tag> empty; its time is that of the last use of an image
CACHE/uses/.lock        shared by every command that uses the cache; a command that prunes has it alone
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.farm.retention import Use
from orchestrator.model import Lock, digest
from orchestrator.util import cache as caches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from orchestrator.job.inputs import Effects
    from orchestrator.job.recreating import VerifyEffects
    from orchestrator.model import Failure, Target, Task

    _Locking = Callable[[Sequence[str], Target], Lock | Failure]

_T = TypeVar("_T")
FOLDER, IMAGES = "uses", "images"
_LARGEST = 4 << 20  # bytes of the note of one job


@dataclass(frozen=True, slots=True)
class Uses:
    """Collects the parts of a cache that one job uses; threads may share it."""

    cache: Path
    environment: Callable[[Lock, Target], Path] | None = None  # where the build environment of a lock is, or would be
    items: set[str] = field(default_factory=set)

    def note(self, path: Path) -> None:
        """Note a path in the cache: KIND/NAME, and whatever is below it."""
        with suppress(ValueError):
            if not path.is_relative_to(self.cache):  # most are, as they are written; the rest costs system calls
                path = self.cache / path.resolve().relative_to(self.cache.resolve())
            self.items.add("/".join(path.relative_to(self.cache).parts[:2]))

    def noting(self, made: Callable[..., _T]) -> Callable[..., _T]:
        """Return a function that also notes the path that it returns."""

        def noted(*arguments: object) -> _T:
            value = made(*arguments)
            if isinstance(value, Path):
                self.note(value)
            return value

        return noted

    def noting_lock(self, lock: _Locking) -> _Locking:
        """Return a function that also notes the wheels of a lock, and the build environment that has them."""

        def noted(requirements: Sequence[str], target: Target) -> Lock | Failure:
            value = lock(requirements, target)
            if isinstance(value, Lock):
                self.items.update(f"uv/{pin.name}/{pin.version}" for pin in value.pins if not pin.built_here)
                if self.environment:
                    self.note(self.environment(value, target))
            return value

        return noted

    def of(self, effects: Effects) -> Effects:
        """Return effects of a job that note what they use."""
        recipes = effects.recipes
        return replace(
            effects,
            fetch=self.noting(effects.fetch),
            lock=self.noting_lock(effects.lock),
            crates=self.noting(effects.crates),
            materialize=self.noting(effects.materialize),
            recipes=recipes and replace(recipes, file=self.noting(recipes.file), wheels=self.noting(recipes.wheels)),
        )

    def of_verification(self, effects: VerifyEffects) -> VerifyEffects:
        """Return effects of a verification that note what they use."""
        fetch, lock = effects.fetch, effects.lock

        def fetched(*arguments: object) -> tuple[Path, str]:
            path, sha256 = fetch(*arguments)  # type: ignore[arg-type] # as they come
            self.note(path)
            return path, sha256

        return replace(
            effects, job=self.of(effects.job), fetch=fetched, lock=lambda recreation: self.noting_lock(lock(recreation))
        )


def key_of(label: str, task: Task, *, verifies: bool = False) -> str:
    """Return the key of a job in the notes; a later release of the same task has the same key."""
    way = task.requirement, task.image, task.tools, task.profile, task.config_settings, task.locked_as_of
    return digest((label, *way, verifies, sorted(task.hashes) if verifies else ()))[:32]


def is_tracked(task: Task) -> bool:
    """Return whether the configuration asks for a task: a group, or the check of an exclusion."""
    return bool(task.group) or task.or_budget is not None


def write(cache: Path, key: str, items: set[str], *, tracked: bool, built: bool) -> None:
    """Note what a job used; `built`: it was built, so that nothing that it used earlier is needed any more."""
    place = cache / FOLDER / f"{key}.json"
    former = _read(place)
    kept = frozenset(items) | (former.items if former and not built else frozenset())
    tracked = tracked or bool(former and former.tracked)  # until no run judges it any more
    if former and (former.items, former.tracked) == (kept, tracked):
        caches.touch(place)
    else:
        caches.write(place, json.dumps({"tracked": tracked, "items": sorted(kept)}))


def note_image(cache: Path, tag: str) -> None:
    """Note that an image is used now."""
    place = _of_image(cache, tag)
    if not caches.touch(place):
        caches.write(place, "")


def _of_image(cache: Path, tag: str) -> Path:
    return cache / FOLDER / IMAGES / tag.replace("/", "+")


def images(cache: Path) -> dict[str, float]:
    """Return when each image was last used, by its tag; seconds since 1970."""
    found = {}
    for path in _files(cache / FOLDER / IMAGES):
        with suppress(OSError):
            found[path.name.replace("+", "/")] = path.stat().st_mtime
    return found


def read(cache: Path) -> dict[Path, Use]:
    """Read all notes; one that cannot be read protects nothing."""
    found = ((path, _read(path)) for path in _files(cache / FOLDER) if path.suffix == ".json")
    return {path: use for path, use in found if use}


def forget(notes: Mapping[Path, Use], before: float) -> None:
    """Remove the notes of jobs that no run has judged since that time: they protect nothing."""
    for path, use in notes.items():
        if use.touched < before:
            path.unlink(missing_ok=True)


def forget_images(cache: Path, tags: Iterable[str]) -> None:
    """Remove the notes of images that the engine does not have."""
    for tag in tags:
        _of_image(cache, tag).unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        yield from (path for path in folder.iterdir() if not path.name.startswith("."))


def _read(path: Path) -> Use | None:
    try:
        status = path.stat()
        content: Any = json.loads(path.read_bytes()) if status.st_size <= _LARGEST else None
        return Use(frozenset(map(str, content["items"])), content["tracked"] is True, status.st_mtime)
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None
