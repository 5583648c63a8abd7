"""Locks what is requested for the Python of its image, before anything is built."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator import requirement_files
from orchestrator.build_requirements.markers import applies
from orchestrator.build_requirements.requirement_lock import Request, lock_requirements
from orchestrator.build_requirements.uv import Uv
from orchestrator.errors import UsageError
from orchestrator.images import recipe
from orchestrator.model import AUTO_IMAGE
from orchestrator.model.names import is_path
from orchestrator.sources import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from orchestrator.config import Config
    from orchestrator.model import Target
    from orchestrator.requirement_files import Wanted


@dataclass(frozen=True, slots=True)
class Resolved:
    """What takes the place of the requirements."""

    wanted: tuple[Wanted, ...]
    file: Path  # a requirements file with hashes, kept in the cache


def resolve(settings: Config, requirements: Sequence[str], wanted: Sequence[Wanted], images: Iterable[str]) -> Resolved:
    """Lock requirements and entries of files, with all that they need, for the images that they are built on.

    An entry that pins a release with hashes stays as it is; the others come from the lock.

    Raises
    ------
    UsageError
        An image is chosen for each release only; the images have different Pythons or platforms; a requirement is a
        path; or the requirements cannot be met together.
    ImageError
        An image's recipe cannot be read.
    PackageIndexError
        The index does not answer, or answers wrongly.

    """
    target = _target(settings, tuple(dict.fromkeys(images)))
    lines = (*map(_checked, requirements), *map(_line, meant(wanted, target)))
    today = datetime.now(UTC).date()
    request = Request(tuple(lines), target, settings.index, settings.as_of, today)
    file = lock_requirements(request, Uv(settings.index, settings.cache))
    locked = requirement_files.read_all([file], reading.wanted)
    return Resolved(combined(locked, meant(wanted, target)), file)


def combined(locked: Iterable[Wanted], wanted: Iterable[Wanted]) -> tuple[Wanted, ...]:
    """Return the entries of a lock; of a release whose hashes a file lists, the entry of that file."""
    own = {(one.project, one.version): one for one in wanted if one.version and (one.allowed or one.wheels or one.own)}
    return tuple(own.get((one.project, one.version), one) for one in locked)


def meant(wanted: Iterable[Wanted], target: Target) -> tuple[Wanted, ...]:
    """Return the entries whose markers apply to an image."""
    return tuple(one for one in wanted if applies(one.marker, target))


def _line(entry: Wanted) -> str:
    extras = f"[{','.join(entry.extras)}]" if entry.extras else ""
    return f"{entry.project}{extras}{entry.specifier}"


def _checked(requirement: str) -> str:
    if is_path(requirement):
        msg = f"resolving {requirement!r}: only releases of the index can be locked; leave out --resolve, or the path"
        raise UsageError(msg)
    return requirement


def _target(settings: Config, images: Sequence[str]) -> Target:
    """Return what the wheels for the images have to fit; raise UsageError unless it is the same for all."""
    if AUTO_IMAGE in images:
        msg = "resolving the requirements: the image decides which releases fit, and it is chosen by release (auto); "
        raise UsageError(msg + "name one with --image")
    places = recipe.folders(settings.folder)
    recipe.check_names(places, images)
    targets = {name: recipe.as_locked(recipe.load(places, name)).target for name in images}
    if len(different := dict.fromkeys(targets.values())) != 1:
        listed = ", ".join(
            f"{name} has Python {target.python} on {target.platform}" for name, target in targets.items()
        )
        msg = f"resolving the requirements: {listed}; releases are locked for one of them: name one with --image"
        raise UsageError(msg)
    return next(iter(different))
