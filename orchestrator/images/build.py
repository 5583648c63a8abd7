"""images/<name>/ -> a pinned image and its manifest."""

from __future__ import annotations

import difflib
import fcntl
import hashlib
import io
import os
import re
import subprocess
import tarfile
import tomllib
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestrator.errors import EngineError, ImageError, TransientEngineError
from orchestrator.model import Drift, Image, Target, digest
from orchestrator.util.cache import read_checked, sha256_of, write_checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import IO

    from orchestrator.build.engine import LocalImage

Packages = tuple[tuple[str, str], ...]
"""(name:architecture, version) of Debian packages, sorted."""

FOLDER = Path(__file__).resolve().parent.parent / "images"
"""Where the images stand, one folder each."""

LOCK = "packages.lock"
SETTINGS = "image.toml"
SHARED = ("clock.c", "provision")
"""Files of images/ that every image is made with."""

FOUND = "/usr/share/wheelproof/packages"
"""Where an image lists its packages, in a lock's format."""

BASE_LABEL = "wheelproof.base"
PACKAGES_LABEL = "wheelproof.packages"

NEWEST_GLIBC = (2, 40)
"""The newest that uv has a platform for; wheels for an older glibc run on a newer one."""

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}

TIME = "%Y%m%dT%H%M%SZ"
"""How Debian's snapshot archive writes a time in its addresses."""

_OWN_SOURCES = "/etc/apt/sources.list.d/debian.sources"
_PATIENCE = 5.0  # seconds to wait for the snapshot archive's answer
_LOCK_HEAD = "# Written by `wheelproof images --lock`. Snapshot: {time}\n"
_SNAPSHOT_OF_LOCK = re.compile(r"^# .*Snapshot: (\d{8}T\d{6}Z)$", re.MULTILINE)
_SNAPSHOTS_IN_APT = (
    # apt 3 names the archive in its own configuration.
    re.compile(r'^Acquire::Snapshots::URI::Origin::Debian "(https?://[^"]+/archive)/debian/', re.MULTILINE),
    # Debian's official images do in a comment beside their sources.
    re.compile(r"^# (https?://\S+/archive)/debian/\d{8}T\d{6}Z", re.MULTILINE),
)
_ROOT_OPTIONS = (
    "--variant=minbase",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
)
_EPOCH = datetime(2026, 9, 18, tzinfo=UTC)


class Images(Protocol):
    """What this module asks of an engine."""

    def image(self, reference: str) -> LocalImage | None: ...  # noqa: D102 - see Engine
    def pull(self, reference: str) -> bool: ...  # noqa: D102
    def import_root(self, archive: Path, tag: str) -> str: ...  # noqa: D102
    def build_image(  # noqa: D102
        self,
        context: IO[bytes],
        tag: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        tell: Callable[[str], None],
    ) -> str: ...
    def remove_image(self, reference: str) -> None: ...  # noqa: D102
    def read_file(self, image: str, path: str) -> bytes: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that an image is made from, as the repository has it."""

    name: str
    suite: str
    base: str  # the official image, by digest; or, of a custom image, the name of the image that it stands on
    snapshot: datetime  # the time whose archive has every locked version
    lock: Packages  # of all that is in it, the packages of the image that it stands on included
    files: tuple[tuple[str, bytes], ...]  # (name, content) of the build's context, sorted
    snapshots: str = ""  # the snapshot archive's address, if the user names one: "http://host/archive"
    below: Recipe | None = None  # of the image that a custom one stands on

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


# --- what an image is, decided without an engine ----------------------------------------------


def names(folder: Path) -> tuple[str, ...]:
    """List the images that a folder describes."""
    return tuple(sorted(settings.parent.name for settings in folder.glob(f"*/{SETTINGS}")))


def bases_first(folder: Path, wanted: Iterable[str]) -> tuple[str, ...]:
    """Put images in an order in which none comes before the one that it stands on; sorted within that.

    Raises
    ------
    ImageError
        As `load` does.

    """
    return tuple(sorted(wanted, key=lambda name: (_height(load(folder, name)), name)))


def _height(recipe: Recipe) -> int:
    return 1 + _height(recipe.below) if recipe.below else 0


def load(folder: Path, name: str) -> Recipe:
    """Read the recipe of one image, and of all that it stands on.

    Raises
    ------
    ImageError
        There is no such image, or its settings or lock cannot be understood.

    """
    return _load(folder, name, ())


def _load(folder: Path, name: str, above: tuple[str, ...]) -> Recipe:
    """Read a recipe; `above` names the images that led to it, each standing on the next."""
    if name not in (known := names(folder)):
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"
        asked = f", on which {above[-1]} is to stand" if above else ""
        msg = f"looking for the image {name}{asked}: {folder} has none of that name; {hint}"
        raise ImageError(msg)
    if name in above:
        msg = f"reading the image {name}: it stands on itself, by way of {', '.join(above)}; name another base"
        raise ImageError(msg)
    paths = [*(path for path in (folder / name).iterdir() if path.is_file()), *(folder / file for file in SHARED)]
    files = {path.name: path.read_bytes() for path in paths}
    try:
        settings = tomllib.loads(files[SETTINGS].decode())
        below = None if "@" in settings["base"] else _load(folder, settings["base"], (*above, name))
        return _recipe(name, settings, files, below)
    except (KeyError, ValueError, TypeError) as error:
        msg = f"reading the image {name}: {folder / name} is not understood: {error}; see CONTRIBUTING.md"
        raise ImageError(msg) from error


def _recipe(name: str, settings: Mapping[str, str], files: Mapping[str, bytes], below: Recipe | None) -> Recipe:
    """Put a recipe together; a custom image's lock names only what is not as in the image below.

    The build gets the whole lock, so that the same steps pin both.
    """
    text = files.get(LOCK, b"").decode()
    lock, time = parse_lock(text), snapshot_time(text)
    whole = dict(files)
    if below:
        lock = tuple(sorted((dict(below.lock) | dict(lock)).items()))
        whole[LOCK] = format_lock(lock, time).encode()
    return Recipe(
        name=name,
        suite=below.suite if below else settings["suite"],
        base=settings["base"],
        snapshot=time,
        lock=lock,
        files=tuple(sorted(whole.items())),
        snapshots=settings.get("snapshots", below.snapshots if below else ""),
        below=below,
    )


def parse_lock(text: str) -> Packages:
    """Read a lock: one name:architecture=version a line; a ValueError names a line that is not."""
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
    found = _SNAPSHOT_OF_LOCK.search(text)
    return datetime.strptime(found[1], TIME).replace(tzinfo=UTC) if found else _EPOCH


def drift(lock: Packages, found: Packages) -> tuple[Drift, ...]:
    """List the packages that are not as the lock says, sorted by name."""
    locked, there = dict(lock), dict(found)
    return tuple(
        Drift(name, locked.get(name), there.get(name))
        for name in sorted(locked.keys() | there.keys())
        if locked.get(name) != there.get(name)
    )


def manifest(method: str, packages: Packages) -> str:
    """Return the digest of what is in an image: equal on every host that has the same in it."""
    return digest({"method": method, "packages": packages})


def target(packages: Packages) -> Target:
    """Tell which wheels fit an image: its Python's version, its machine and its glibc.

    A ValueError says which package is missing, or of a version that is not understood.
    """
    machines = [name.removeprefix("libc6:") for name, _ in packages if name.startswith("libc6:")]
    if not (machines and machines[0] in MACHINES):
        msg = f"there is no libc6 for {' or '.join(MACHINES)}"
        raise ValueError(msg)
    glibc = min(_major_minor("libc6", packages), NEWEST_GLIBC)
    python = _major_minor("python3", packages)
    return Target(f"{python[0]}.{python[1]}", f"{MACHINES[machines[0]]}-manylinux_{glibc[0]}_{glibc[1]}")


def _major_minor(package: str, packages: Packages) -> tuple[int, int]:
    versions = [version for name, version in packages if name.partition(":")[0] == package]
    found = re.match(r"(?:\d+:)?(\d+)\.(\d+)", versions[0]) if versions else None
    if not found:
        msg = f"{package} {versions[0]} is not understood" if versions else f"{package} is absent"
        raise ValueError(msg)
    return int(found[1]), int(found[2])


def refusal(name: str, drifted: tuple[Drift, ...]) -> str:
    """Say why a drifted image is not used where the config is strict, and what to do."""
    return (
        f"making the image {name}: {len(drifted)} of its Debian packages are not as images/{name}/{LOCK} says: "
        f"{_listed(drifted)}; lock it anew with `wheelproof images --lock`, or let strict be false and every record "
        "will say that the image drifted"
    )


def _listed(drifted: tuple[Drift, ...]) -> str:
    return ", ".join(f"{one.package} {one.found or 'absent'} (locked: {one.locked or 'absent'})" for one in drifted)


# --- making one ------------------------------------------------------------------------------


def ensure(engine: Images, name: str, folder: Path, cache: Path, *, strict: bool, tell: Callable[[str], None]) -> Image:
    """Return an image that is there to be used; make it first, if the engine has none of this recipe.

    `folder` is images/; `cache` keeps root file systems made from Debian's archive; `tell`
    gets one line at a time of what is being done.

    Raises
    ------
    ImageError
        The image cannot be made, or is not as its lock says and `strict` is asked for.

    """
    recipe = load(folder, name)
    image = _describe(recipe, _found(engine, recipe, cache, tell))
    if image.drift and strict:
        raise ImageError(refusal(name, image.drift))
    if image.drift:
        tell(f"the image {name} drifted from its lock: {_listed(image.drift)}")
    return image


def _found(engine: Images, recipe: Recipe, cache: Path, tell: Callable[[str], None]) -> LocalImage:
    """Return the engine's image of a recipe; make it, and first the one that it stands on, if need be."""
    if (found := engine.image(recipe.tag)) is not None:
        return found
    below = _found(engine, recipe.below, cache, tell) if recipe.below else None
    with _alone(cache, recipe.name):
        return engine.image(recipe.tag) or _make(engine, recipe, below, cache, tell)


def relock(engine: Images, name: str, folder: Path, cache: Path, *, tell: Callable[[str], None]) -> tuple[Drift, ...]:
    """Write an image's lock from what Debian's archive has now; return what that changed.

    A custom image leaves the packages of the image that it stands on as they are, as far as
    its own packages can live with them, and its lock lists only what it adds or changes.

    Raises
    ------
    ImageError
        The image cannot be made, or takes away packages that the one below has.

    """
    former = load(folder, name)
    now = datetime.now(UTC).replace(microsecond=0)
    below = _found(engine, former.below, cache, tell) if former.below else None
    there = _listed_in(below) if below else ()
    draft = format_lock(there, now).encode() if there else b""
    recipe = replace(
        former,
        snapshot=now,
        lock=there,
        files=tuple((file, draft if file == LOCK else old) for file, old in former.files),
    )
    with _alone(cache, name):
        base = below.id if below else _root(engine, recipe, (), cache, tell)
        built = _build(engine, recipe, base, "", tell)
        packages = parse_lock(engine.read_file(built, FOUND).decode())
        engine.remove_image(_unfinished(recipe))
    if lost := sorted(dict(there).keys() - dict(packages).keys()):
        msg = f"locking the image {name}: it takes {', '.join(lost)} from its base; install what goes with them"
        raise ImageError(msg)
    own = tuple(sorted(set(packages) - set(there)))
    (folder / name / LOCK).write_text(format_lock(own, now))
    return drift(former.lock, load(folder, name).lock)


def _listed_in(image: LocalImage) -> Packages:
    return parse_lock(image.labels.get(PACKAGES_LABEL, ""))


def _describe(recipe: Recipe, found: LocalImage) -> Image:
    packages = _listed_in(found)
    try:
        fits = target(packages)
    except ValueError as error:
        msg = f"using the image {recipe.name}: {error}; install python3 in images/{recipe.name}/Dockerfile"
        raise ImageError(msg) from error
    return Image(
        name=recipe.name,
        id=found.id,
        manifest=manifest(recipe.method, packages),
        base=found.labels.get(BASE_LABEL, ""),
        target=fits,
        packages=packages,
        drift=drift(recipe.lock, packages),
    )


def _make(
    engine: Images, recipe: Recipe, below: LocalImage | None, cache: Path, tell: Callable[[str], None]
) -> LocalImage:
    """Build the image; it gets its name only when all of it is known."""
    tell(f"making the image {recipe.name}; this takes a few minutes, once")
    kind, base, sources = _on(engine, recipe, below) if below else _base(engine, recipe, cache, tell)
    built = _build(engine, recipe, base, "\n".join(sources), tell)
    labels = {BASE_LABEL: kind, PACKAGES_LABEL: engine.read_file(built, FOUND).decode()}
    engine.build_image(_tar((("Dockerfile", f"FROM {built}\n".encode()),)), recipe.tag, {}, labels, _quietly)
    engine.remove_image(_unfinished(recipe))
    if (found := engine.image(recipe.tag)) is None:
        msg = f"making the image {recipe.name}: the engine has lost {recipe.tag}; run again"
        raise ImageError(msg)
    return found


def _build(engine: Images, recipe: Recipe, base: str, sources: str, tell: Callable[[str], None]) -> str:
    arguments = {"BASE": base, "SOURCES": sources}
    try:
        return engine.build_image(_tar(recipe.files), _unfinished(recipe), arguments, {}, _steps_only(tell))
    except TransientEngineError:
        raise
    except EngineError as error:
        msg = f"making the image {recipe.name}: {error}"
        raise ImageError(msg) from error


def _quietly(line: str) -> None:
    """Tell nobody."""


def _steps_only(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Leave out what the steps print: hundreds of lines of dpkg's; an error brings the last of them."""

    def tell_steps(line: str) -> None:
        if line.startswith("Step "):
            tell(line)

    return tell_steps


def _unfinished(recipe: Recipe) -> str:
    return f"{recipe.tag}-unfinished"


def _tar(files: tuple[tuple[str, bytes], ...]) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if content.startswith(b"#!") else 0o644
            archive.addfile(member, io.BytesIO(content))
    stream.seek(0)
    return stream


@contextmanager
def _alone(cache: Path, name: str) -> Iterator[None]:
    """Let no two processes make the same image at once: the second finds it made."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"image-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- where it begins -------------------------------------------------------------------------


def _on(engine: Images, recipe: Recipe, below: LocalImage) -> tuple[str, str, tuple[str, ...]]:
    """Stand on another image of ours: as `_base`, and it was begun as that one was."""
    own = engine.read_file(below.id, _OWN_SOURCES).decode(errors="replace")
    return below.labels.get(BASE_LABEL, ""), below.id, _snapshot_sources(recipe, own)


def _base(engine: Images, recipe: Recipe, cache: Path, tell: Callable[[str], None]) -> tuple[str, str, tuple[str, ...]]:
    """Find what the image stands on: (its kind, its id, more lines for apt's sources)."""
    tell(f"pulling {recipe.base}")
    if engine.pull(recipe.base):
        own = engine.read_file(recipe.base, _OWN_SOURCES).decode(errors="replace")
        return "registry", recipe.base, _snapshot_sources(recipe, own)
    sources = _snapshot_sources(recipe, "")
    kind = "snapshot" if sources else "archive"
    tell(f"no registry gives it: making a root file system from Debian's {kind}")
    return kind, _root(engine, recipe, sources, cache, tell), sources


def _snapshot_sources(recipe: Recipe, more: str) -> tuple[str, ...]:
    """Return apt's sources for Debian's snapshot archive at the lock's time; none if it does not answer."""
    archive = recipe.snapshots or find_snapshots(f"{_apt_settings()}\n{more}")
    if not archive:
        return ()
    lines = snapshot_sources(archive, recipe.suite, recipe.snapshot)
    return lines if _answers(f"{lines[0].split()[2]}/dists/{recipe.suite}/InRelease") else ()


def snapshot_sources(archive: str, suite: str, time: datetime) -> tuple[str, ...]:
    """Write apt's sources for a suite, its updates and its security updates as of a time."""
    option = "[check-valid-until=no]"  # a Release file of the past has expired
    stamp = time.strftime(TIME)
    return (
        f"deb {option} {archive}/debian/{stamp} {suite} main",
        f"deb {option} {archive}/debian/{stamp} {suite}-updates main",
        f"deb {option} {archive}/debian-security/{stamp} {suite}-security main",
    )


def find_snapshots(text: str) -> str:
    """Find the address of Debian's snapshot archive in apt's settings and sources; nothing if it is not there."""
    for pattern in _SNAPSHOTS_IN_APT:
        if found := pattern.search(text):
            return found[1].replace("https:", "http:", 1)  # apt checks signatures; a bare root has no CA
    return ""


def _apt_settings() -> str:
    sources = sorted(Path("/etc/apt/sources.list.d").glob("*.sources"))
    texts = [path.read_text(errors="replace") for path in sources]
    try:
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)  # noqa: S607
        texts.append(dump.stdout)
    except OSError:
        pass  # no Debian: nothing to be found
    return "\n".join(texts)


def _answers(address: str) -> bool:
    request = urllib.request.Request(address, method="HEAD")  # noqa: S310 - of http or https, by its pattern
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE):  # noqa: S310
            return True
    except OSError:
        return False


def _root(engine: Images, recipe: Recipe, sources: tuple[str, ...], cache: Path, tell: Callable[[str], None]) -> str:
    """Make a minimal root file system of the suite, or take it from the cache; return its image's id."""
    key = digest([recipe.suite, recipe.snapshot, sources, _ROOT_OPTIONS])[:16]
    tag = f"wheelproof/root:{recipe.suite}-{key}"
    if (found := engine.image(tag)) is not None:
        return found.id
    archive = cache / f"root-{recipe.suite}-{key}.tar"
    summed = archive.with_suffix(".sha256")
    if not archive.is_file() or read_checked(summed) != sha256_of(archive):
        bootstrap(recipe.suite, sources, recipe.snapshot, archive, tell)
        write_checked(summed, sha256_of(archive))
    return engine.import_root(archive, tag)


def bootstrap(suite: str, sources: tuple[str, ...], time: datetime, archive: Path, tell: Callable[[str], None]) -> None:
    """Make the tar of a minimal Debian; the same bytes from the same packages.

    `sources` are lines for apt; with none of them mmdebstrap's own default holds. Without
    root's rights the root file system is made in a user namespace.

    Raises
    ------
    ImageError
        mmdebstrap is not there, or fails.

    """
    partial = archive.with_suffix(".part.tar")
    mode = "root" if os.geteuid() == 0 else "unshare"
    command = ["mmdebstrap", f"--mode={mode}", *_ROOT_OPTIONS, suite, str(partial), *sources]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(int(time.timestamp()))}
    lines: list[str] = []
    try:
        with subprocess.Popen(  # noqa: S603 - a fixed program, no shell
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            for line in process.stderr or ():
                tell(line.rstrip())
                lines = [*lines[-20:], line]
    except FileNotFoundError as error:
        msg = f"making a root file system of {suite}: there is no mmdebstrap; install it: apt-get install mmdebstrap"
        raise ImageError(msg) from error
    if process.returncode != 0:
        partial.unlink(missing_ok=True)
        msg = f"making a root file system of {suite}: mmdebstrap failed, with status {process.returncode}; it said:\n"
        raise ImageError(msg + "".join(lines))
    partial.replace(archive)
