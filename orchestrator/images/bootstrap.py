"""Builds the root of a base image where no registry has the official one; Debian's snapshot archive."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestrator.errors import ImageError
from orchestrator.images.distributions import DEBIAN, DISTRIBUTIONS, TIME
from orchestrator.model import digest
from orchestrator.util.cache import read_checked, sha256_of, write_checked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import IO

    from orchestrator.build.engine import LocalImage
    from orchestrator.images.distributions import Distribution
    from orchestrator.images.recipe import ImageRecipe


_PATIENCE = 5.0  # seconds to wait for the snapshot archive's answer
_ROOT_OPTIONS = (
    "--variant=minbase",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
)


class Images(Protocol):
    """The functions of an engine that building images needs."""

    def image(self, reference: str) -> LocalImage | None: ...  # noqa: D102 - see Engine
    def pull(self, reference: str) -> bool: ...  # noqa: D102
    def import_root(self, archive: Path, tag: str) -> str: ...  # noqa: D102
    def build_image(  # noqa: D102
        self,
        context: IO[bytes],
        tag: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        log: Callable[[str], None],
    ) -> str: ...
    def remove_image(self, reference: str) -> None: ...  # noqa: D102
    def read_file(self, image: str, path: str) -> bytes: ...  # noqa: D102


def sources_of(recipe: ImageRecipe, more: str) -> tuple[str, ...]:
    """Return apt's sources for the snapshot archive at the lock's time; none if it does not answer."""
    of = DISTRIBUTIONS[recipe.distribution]
    archive = recipe.snapshots or find_snapshots(f"{_apt_settings()}\n{more}", of)
    if not archive:
        return ()
    lines = tuple(
        line
        for time in (recipe.snapshot, *recipe.earlier)
        for line in snapshot_sources(archive, recipe.suite, time, of)
    )
    return lines if _answers(f"{lines[0].split()[2]}/dists/{recipe.suite}/InRelease") else ()


def snapshot_sources(archive: str, suite: str, time: datetime, of: Distribution = DEBIAN) -> tuple[str, ...]:
    """Write apt's sources for a suite, its updates and its security updates as of a time."""
    option = "[check-valid-until=no]"  # a Release file of the past has expired
    components = " ".join(of.components)
    return tuple(f"deb {option} {source} {components}" for source in of.sources(archive, time.strftime(TIME), suite))


def find_snapshots(text: str, of: Distribution = DEBIAN) -> str:
    """Find the address of a distribution's snapshot archive in apt's settings and sources; empty if not there."""
    for pattern in of.snapshots:
        if match := pattern.search(text):
            return match[1].replace("https:", "http:", 1)  # apt checks signatures; a bare root has no CA
    return ""


def _apt_settings() -> str:
    sources = sorted(Path("/etc/apt/sources.list.d").glob("*.sources"))
    texts = [path.read_text(errors="replace") for path in sources]
    try:
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)  # noqa: S607
        texts.append(dump.stdout)
    except OSError:
        pass  # not a Debian host
    return "\n".join(texts)


def _answers(address: str) -> bool:
    request = urllib.request.Request(address, method="HEAD")  # noqa: S310 - of http or https, by its pattern
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE):  # noqa: S310
            return True
    except OSError:
        return False


def root(engine: Images, recipe: ImageRecipe, sources: tuple[str, ...], cache: Path, log: Callable[[str], None]) -> str:
    """Build a minimal root file system of the suite, or take it from the cache; return its image's id."""
    of = DISTRIBUTIONS[recipe.distribution]
    sources = sources or recipe.sources
    key = digest([recipe.suite, recipe.snapshot, sources, root_options(of)])[:16]
    tag = f"wheelproof/root:{recipe.suite}-{key}"
    if (image := engine.image(tag)) is not None:
        return image.id
    archive = cache / f"root-{recipe.suite}-{key}.tar"
    summed = archive.with_suffix(".sha256")
    if not archive.is_file() or read_checked(summed) != sha256_of(archive):
        bootstrap(recipe.suite, sources, recipe.snapshot, archive, log, of)
        write_checked(summed, sha256_of(archive))
    return engine.import_root(archive, tag)


def missing_tool(which: Callable[[str], str | None], *, is_root: bool) -> str:
    """Return which tool is missing, and how to install it; empty where all are there. `which` finds a program."""
    if which("mmdebstrap") is None:
        return "there is no mmdebstrap; install it: sudo apt-get install mmdebstrap"
    if not is_root and which("newuidmap") is None:
        return "a user other than root needs newuidmap for it; install it: sudo apt-get install uidmap"
    return ""


def root_options(of: Distribution) -> tuple[str, ...]:
    """Return the options with which mmdebstrap makes a root of a distribution."""
    return _ROOT_OPTIONS if of is DEBIAN else (*_ROOT_OPTIONS, f"--components={','.join(of.components)}")


def missing_file(of: Distribution, sources: tuple[str, ...], exists: Callable[[str], bool]) -> str:
    """Return which file a distribution's archive needs on the host, and how to install it; empty where all are there.

    Sources that all name their keys, or that are to be trusted as they are, need none. `exists` finds a file.
    """
    if sources and all("signed-by=" in line or "trusted=yes" in line for line in sources):
        return ""
    missing = [(file, package) for file, package in of.needs if not exists(file)]
    if not missing:
        return ""
    files, packages = zip(*missing, strict=True)
    return (
        f"{of.label}'s archive needs {' and '.join(files)} on this host; "
        f"install it: sudo apt-get install {' '.join(packages)}"
    )


def bootstrap(
    suite: str,
    sources: tuple[str, ...],
    time: datetime,
    archive: Path,
    log: Callable[[str], None],
    of: Distribution = DEBIAN,
) -> None:
    """Build the tar of a minimal root file system; the same packages give the same bytes.

    `sources` are lines for apt; without any, mmdebstrap uses its default. Without root's rights the
    root file system is built in a user namespace.

    Raises
    ------
    ImageError
        mmdebstrap is not installed, or fails.

    """
    partial = archive.with_suffix(".part.tar")
    is_root = os.geteuid() == 0
    mode = "root" if is_root else "unshare"
    missing = missing_tool(shutil.which, is_root=is_root) or missing_file(of, sources, os.path.exists)
    if missing:
        msg = f"making a root file system of {suite}: {missing}"
        raise ImageError(msg)
    command = ["mmdebstrap", f"--mode={mode}", *root_options(of), suite, str(partial), *sources]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(int(time.timestamp()))}
    lines: list[str] = []
    with subprocess.Popen(  # noqa: S603 - a fixed program, no shell
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr or ():
            log(line.rstrip())
            lines = [*lines[-20:], line]
    if process.returncode != 0:
        partial.unlink(missing_ok=True)
        msg = f"making a root file system of {suite}: mmdebstrap failed, with status {process.returncode}; it said:\n"
        raise ImageError(msg + "".join(lines))
    partial.replace(archive)
