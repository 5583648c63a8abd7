"""images/<name>/ -> a recipe: the Dockerfile, the settings and the lock of an image.

A folder that names several bases describes one image for each: NAME on the first, NAME-BASE on each other. They share
the folder's files; a file NAME.BASE takes the place of NAME on that base, and each base has its lock.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.config.suggestions import nearest
from orchestrator.errors import ImageError, UsageError
from orchestrator.images import distributions, other_python
from orchestrator.images.distributions import TIME
from orchestrator.model import Image, LockDrift, Target, digest
from orchestrator.util import shipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.images.other_python import OtherPython


Packages = tuple[tuple[str, str], ...]
"""(name:architecture, version) of Debian packages, sorted."""

Folders = Path | tuple[Path, ...]
"""Where recipes are searched: in one folder, or in several. The first that has a name counts, and is written to."""

LOCK = "packages.lock"
SETTINGS = "image.toml"
SHARED = ("clock.c", "provision")
"""Files of images/ that every image of Debian is made with."""

MANYLINUX = "manylinux"
"""The kind of an image that begins with an official one of manylinux, whose Python is none of its packages."""
SHARED_BY_MANYLINUX = ("clock.c", "provision-manylinux")

NEWEST_GLIBC = (2, 40)
"""The newest version that uv has a platform for; wheels for an older glibc run on a newer one."""

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}

_OF_MANYLINUX = {
    "base": re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}"),
    "python": re.compile(r"3\.\d{1,2}"),
    "platform": re.compile(r"(?:x86_64|aarch64)-manylinux_2_\d{1,2}"),
}
_LOCK_HEAD = "# Written by `wheelproof images --lock`. Snapshot: {time}\n"
_SNAPSHOT_OF_LOCK = re.compile(r"^# .*Snapshot: (\d{8}T\d{6}Z)$", re.MULTILINE)
_EPOCH = datetime(2026, 9, 18, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ImageRecipe:
    """All that an image is built from, as the repository has it."""

    name: str
    suite: str
    base: str  # the official image, by digest; or, of a custom image, the name of its base image
    snapshot: datetime  # the time whose archive has every locked version
    lock: Packages  # of all its packages, those of its base image included
    files: tuple[tuple[str, bytes], ...]  # (name, content) of the build's context, sorted
    snapshots: str = ""  # the snapshot archive's address, if the user names one: "http://host/archive"
    below: ImageRecipe | None = None  # the recipe of a custom image's base
    target: Target | None = None  # of manylinux; None: it follows from Debian's packages
    earlier: tuple[datetime, ...] = ()  # further times whose archives have locked versions
    as_of: str = ""  # the day whose packages it has, YYYY-MM-DD; empty: those of its lock, of any day
    distribution: str = distributions.DEBIAN.name  # whose suite it is, as `DISTRIBUTIONS` names it
    sources: tuple[str, ...] = ()  # lines for apt that name the archive; none: mmdebstrap's default
    python: OtherPython | None = None  # of its builds; None: the distribution's python3

    @property
    def tag(self) -> str:
        """The image's name in the engine: another one as soon as anything of the recipe changes."""
        return f"wheelproof/{self.name}:{self._digest(self.files, self.below.tag if self.below else '')[:16]}"

    @property
    def method(self) -> str:
        """Digest of how the image is made, whatever the versions that it is made of."""
        files = tuple(file for file in self.files if file[0] not in {LOCK, SETTINGS})
        return self._digest(files, self.below.method if self.below else "")

    @staticmethod
    def _digest(files: tuple[tuple[str, bytes], ...], below: str) -> str:
        own = [(name, hashlib.sha256(content).hexdigest()) for name, content in files]
        return digest([own, below] if below else own)


def folders(beside: Path) -> tuple[Path, ...]:
    """Return where a farm has its recipes, given the folder of its configuration.

    A checkout uses its own images/. An installed farm has read-only copies; the user's recipes
    are in images/ beside the configuration, and come first.
    """
    return (beside / "images", shipped.IMAGES) if shipped.IS_INSTALLED else (shipped.IMAGES,)


def names(folder: Folders) -> tuple[str, ...]:
    """List the images that the folders describe."""
    return tuple(sorted(_places(folder)))


def check_names(folder: Folders, wanted: Iterable[str]) -> None:
    """Check that the folders describe the images of those names.

    Raises
    ------
    UsageError
        They do not describe one of them.

    """
    known = names(folder)
    for name in wanted:
        if name not in known:
            msg = f"using the image {name!r}: there is no such image{nearest(name, known)}"
            raise UsageError(msg)


def lock_path(folder: Folders, name: str) -> Path:
    """Return the file of an image's own lock in the first of the folders; copy the recipe there, if another has it.

    Raises
    ------
    ImageError
        There is no such image, or it cannot be copied.

    """
    place = _place(folder, name)
    target = _each(folder)[0] / place.path.name
    if place.path != target:
        try:
            target.mkdir(parents=True, exist_ok=True)
            for path in place.path.iterdir():
                (target / path.name).write_bytes(path.read_bytes())
        except OSError as error:
            msg = f"copying the image {name}: {target} cannot be written: {error.strerror or error}"
            raise ImageError(msg) from error
    return target / (f"{LOCK}.{place.base}" if place.base else LOCK)


class _Place(NamedTuple):
    """Where an image is described."""

    path: Path  # of the folder
    base: str = ""  # which of the folder's bases it is for, where the folder names several


def _each(folder: Folders) -> tuple[Path, ...]:
    return (folder,) if isinstance(folder, Path) else folder


def _places(folder: Folders) -> dict[str, _Place]:
    """Return where each image is described; the first folder that has a name counts."""
    places: dict[str, _Place] = {}
    for settings in (path for each in _each(folder) for path in sorted(each.glob(f"*/{SETTINGS}"))):
        name, bases = settings.parent.name, _bases(settings.read_bytes())
        for number, base in enumerate(bases or ("",)):
            image = f"{name}-{base}" if number else name
            if image in places and places[image].path.parent == settings.parent.parent:
                both = f"{places[image].path} and {settings.parent}"
                msg = f"reading the image {image}: {both} both describe it; remove one"
                raise ImageError(msg)
            places.setdefault(image, _Place(settings.parent, base))
    return places


@cache  # each look-up of an image reads the settings of all
def _bases(settings: bytes) -> tuple[str, ...]:
    """Return the bases of a folder that names several; `load` reports settings that cannot be read."""
    try:
        bases = tomllib.loads(settings.decode()).get("base")
    except ValueError:
        return ()
    return tuple(str(base) for base in bases) if isinstance(bases, list) else ()


def _is_manylinux(settings: bytes) -> bool:
    """Return whether an image is of manylinux; `load` reports settings that cannot be read."""
    try:
        return tomllib.loads(settings.decode()).get("kind") == MANYLINUX
    except ValueError:
        return False


def _place(folder: Folders, name: str, above: tuple[str, ...] = ()) -> _Place:
    places = _places(folder)
    if name in places:
        return places[name]
    near = difflib.get_close_matches(name, places, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(places)) or 'none'}"
    asked = f", the base of {above[-1]}" if above else ""
    searched = " and ".join(map(str, _each(folder)))
    msg = f"looking for the image {name}{asked}: no image has that name in {searched}; {hint}"
    raise ImageError(msg)


def _files(folder: Folders, place: _Place) -> dict[str, bytes]:
    """Read the files of one image, as they are on its base."""
    settings = (place.path / SETTINGS).read_bytes()
    bases, shared = _bases(settings), SHARED_BY_MANYLINUX if _is_manylinux(settings) else SHARED
    paths = [*(path for path in place.path.iterdir() if path.is_file()), *(_shared(folder, file) for file in shared)]
    files = {path.name: path.read_bytes() for path in paths if path.suffix[1:] not in bases}
    if place.base:
        files |= {path.stem: path.read_bytes() for path in paths if path.suffix == f".{place.base}"}
        files[SETTINGS] = _on_base(files[SETTINGS].decode(), place.base).encode()
    return files


def _on_base(settings: str, base: str) -> str:
    """Return the settings with one base in the place of several; the other lines stay as they are."""
    return re.sub(r"^base\s*=\s*\[[^\]]*\]", f'base = "{base}"', settings, count=1, flags=re.MULTILINE)


def bases_first(folder: Folders, wanted: Iterable[str]) -> tuple[str, ...]:
    """Put images in an order in which none comes before the one that it is based on; sorted within that.

    Raises
    ------
    ImageError
        As `load` does.

    """
    return tuple(sorted(wanted, key=lambda name: (_height(load(folder, name)), name)))


def _height(recipe: ImageRecipe) -> int:
    return 1 + _height(recipe.below) if recipe.below else 0


def load(folder: Folders, name: str) -> ImageRecipe:
    """Read the recipe of one image, and of all that it is based on.

    Raises
    ------
    ImageError
        There is no such image, or its settings or lock cannot be understood.

    """
    return _load(folder, name, ())


def _load(folder: Folders, name: str, above: tuple[str, ...]) -> ImageRecipe:
    """Read a recipe; `above` names the images that led to it, each based on the next."""
    place = _place(folder, name, above)
    if name in above:
        msg = f"reading the image {name}: it is based on itself, by way of {', '.join(above)}; name another base"
        raise ImageError(msg)
    files = _files(folder, place)
    try:
        settings = tomllib.loads(files[SETTINGS].decode())
        is_official = "@" in settings["base"] or "kind" in settings
        below = None if is_official else _load(folder, settings["base"], (*above, name))
        return _on_python(_recipe(name, settings, files, below), settings, folder)
    except (KeyError, ValueError, TypeError) as error:
        msg = f"reading the image {name}: {place.path} is not understood: {error}; see the other images for examples"
        raise ImageError(msg) from error


def _on_python(recipe: ImageRecipe, settings: Mapping[str, str], folder: Folders) -> ImageRecipe:
    """Return the recipe with the Python that its settings name, or else that of its base."""
    if recipe.target:  # of manylinux, whose `python` is one that the official image has
        return recipe
    python = other_python.named(settings) or (recipe.below.python if recipe.below else None)
    if python is None:
        return recipe
    wrapper = _shared(folder, other_python.WRAPPER).read_bytes()
    files = other_python.files_with(python, dict(recipe.files), wrapper)
    own = {name: version for name, version in recipe.lock if name != other_python.PACKAGE}
    lock = tuple(sorted((own | dict(python.packages)).items()))
    return replace(recipe, python=python, lock=lock, files=tuple(sorted(files.items())))


def _shared(folder: Folders, name: str) -> Path:
    """Return the file of that name that every image is built with, from the first folder that has it."""
    paths = [path / name for path in _each(folder)]
    return next((path for path in paths if path.is_file()), paths[-1])


def _recipe(
    name: str, settings: Mapping[str, str], files: Mapping[str, bytes], below: ImageRecipe | None
) -> ImageRecipe:
    """Return a recipe; the lock of a custom image lists only what differs from its base.

    The build gets the whole lock, so that the same steps pin both.
    """
    text, fits = files.get(LOCK, b"").decode(), below.target if below else _target(settings)
    lock, time = parse_lock(text), snapshot_time(text)
    whole = dict(files)
    if below:
        lock = tuple(sorted((dict(below.lock) | dict(lock)).items()))
        whole[LOCK] = format_lock(lock, time).encode()
    return ImageRecipe(
        name=name,
        suite=below.suite if below else "" if fits else settings["suite"],
        base=settings["base"],
        snapshot=time,
        lock=lock,
        files=tuple(sorted(whole.items())),
        snapshots=settings.get("snapshots", below.snapshots if below else ""),
        below=below,
        target=fits,
        as_of=settings.get("as-of", ""),
        distribution=below.distribution if below else distributions.distribution(settings).name,
        sources=distributions.named_sources(settings) or (below.sources if below else ()),
    )


def _target(settings: Mapping[str, str]) -> Target | None:
    """Return the target that the settings of an image of manylinux name; None for an image of Debian."""
    kind = settings.get("kind", "")
    if kind not in ("", MANYLINUX):
        msg = f"the kind {kind!r} is unknown; leave it out, or write kind = {MANYLINUX!r}"
        raise ValueError(msg)
    if not kind:
        return None
    for key, pattern in _OF_MANYLINUX.items():
        if not pattern.fullmatch(settings[key]):
            msg = f"{key} = {settings[key]!r} is none of manylinux"
            raise ValueError(msg)
    return Target(settings["python"], settings["platform"])


def parse_lock(text: str) -> Packages:
    """Read a lock: one name:architecture=version a line; a ValueError names a line of another form."""
    pins = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, separator, version = line.strip().partition("=")
            if not separator or ":" not in name:
                msg = f"{line!r} is not name:architecture=version"
                raise ValueError(msg)
            pins.append((name, version))
    return tuple(sorted(pins))


def format_lock(packages: Packages, time: datetime) -> str:
    """Write a lock that belongs to the archive as of a time."""
    return _LOCK_HEAD.format(time=time.strftime(TIME)) + "".join(
        f"{name}={version}\n" for name, version in sorted(packages)
    )


def snapshot_time(text: str) -> datetime:
    """Return the time of the archive that a lock belongs to."""
    match = _SNAPSHOT_OF_LOCK.search(text)
    return datetime.strptime(match[1], TIME).replace(tzinfo=UTC) if match else _EPOCH


def drift(lock: Packages, installed: Packages) -> tuple[LockDrift, ...]:
    """List the packages that differ from the lock, sorted by name."""
    locked, there = dict(lock), dict(installed)
    return tuple(
        LockDrift(name, locked.get(name), there.get(name))
        for name in sorted(locked.keys() | there.keys())
        if locked.get(name) != there.get(name)
    )


def without_lock(recipe: ImageRecipe) -> str:
    """Return the name of the base that has no lock, of Debian or Ubuntu; empty if an image's packages are locked."""
    if recipe.below:
        return without_lock(recipe.below)
    return "" if recipe.target or any(name != other_python.PACKAGE for name, _ in recipe.lock) else recipe.name


def manifest(method: str, packages: Packages) -> str:
    """Return the digest of an image's content: equal on every host with the same content."""
    return digest({"method": method, "packages": packages})


def as_locked(recipe: ImageRecipe) -> Image:
    """Return the image that a recipe gives where no package drifts; its id is empty, as no engine has it.

    Its manifest and its target equal those of the built image, because both follow from the packages.

    Raises
    ------
    ImageError
        The lock lists no Python or no libc.

    """
    try:
        fits = target_of(recipe, recipe.lock)
    except ValueError as error:
        msg = (
            f"reading the image {recipe.name}: by its lock, {error}; "
            f"build it with `wheelproof images {recipe.name}`, or lock it with --lock"
        )
        raise ImageError(msg) from error
    return Image(
        name=recipe.name,
        id="",
        manifest=manifest(recipe.method, recipe.lock),
        base="",
        target=fits,
        packages=recipe.lock,
    )


def target_of(recipe: ImageRecipe, packages: Packages) -> Target:
    """Return which wheels fit an image of a recipe with these packages; raises ValueError as `target` does."""
    return recipe.target or target(packages, recipe.python)


def target(packages: Packages, other: OtherPython | None = None) -> Target:
    """Return which wheels fit an image: its Python's version, its machine and its glibc.

    `other` is the Python of its builds, if that is not the distribution's python3. A ValueError names the package that
    is missing, or whose version cannot be parsed.
    """
    machines = [name.removeprefix("libc6:") for name, _ in packages if name.startswith("libc6:")]
    if not (machines and machines[0] in MACHINES):
        msg = f"there is no libc6 for {' or '.join(MACHINES)}"
        raise ValueError(msg)
    glibc = min(_major_minor("libc6", packages), NEWEST_GLIBC)
    python = other_python.installed(other, dict(packages)) if other else _version("python3", packages)
    return Target(python, f"{MACHINES[machines[0]]}-manylinux_{glibc[0]}_{glibc[1]}")


def _version(package: str, packages: Packages) -> str:
    return ".".join(map(str, _major_minor(package, packages)))


def _major_minor(package: str, packages: Packages) -> tuple[int, int]:
    versions = [version for name, version in packages if name.partition(":")[0] == package]
    match = re.match(r"(?:\d+:)?(\d+)\.(\d+)", versions[0]) if versions else None
    if not match:
        msg = f"{package} {versions[0]} is not understood" if versions else f"{package} is absent"
        raise ValueError(msg)
    return int(match[1]), int(match[2])


def refusal(name: str, drifted: tuple[LockDrift, ...]) -> str:
    """Return why a drifted image is not used where the config is strict, and what to do."""
    return (
        f"making the image {name}: {len(drifted)} of its Debian packages are not as its lock in images/ says: "
        f"{listing(drifted)}; lock it again with `wheelproof images --lock`, or set strict to false: every record "
        "then states that the image drifted"
    )


def listing(drifted: tuple[LockDrift, ...]) -> str:
    """Name packages, each with the version that was found and the locked one."""
    return ", ".join(
        f"{package.package} {package.found or 'absent'} (locked: {package.locked or 'absent'})" for package in drifted
    )
