"""Builds the root of a base image where no registry has the official one; Debian's snapshot archive."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestrator.errors import ImageError
from orchestrator.images.recipe import TIME
from orchestrator.model import digest
from orchestrator.util.cache import read_checked, sha256_of, write_checked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import IO

    from orchestrator.build.engine import LocalImage
    from orchestrator.images.recipe import ImageRecipe


OWN_SOURCES = "/etc/apt/sources.list.d/debian.sources"
_PATIENCE = 5.0  # seconds to wait for the snapshot archive's answer
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
    """Return apt's sources for Debian's snapshot archive at the lock's time; none if it does not answer."""
    archive = recipe.snapshots or find_snapshots(f"{_apt_settings()}\n{more}")
    if not archive:
        return ()
    lines = tuple(
        line for time in (recipe.snapshot, *recipe.earlier) for line in snapshot_sources(archive, recipe.suite, time)
    )
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
    """Find the address of Debian's snapshot archive in apt's settings and sources; empty if it is not there."""
    for pattern in _SNAPSHOTS_IN_APT:
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
    key = digest([recipe.suite, recipe.snapshot, sources, _ROOT_OPTIONS])[:16]
    tag = f"wheelproof/root:{recipe.suite}-{key}"
    if (image := engine.image(tag)) is not None:
        return image.id
    archive = cache / f"root-{recipe.suite}-{key}.tar"
    summed = archive.with_suffix(".sha256")
    if not archive.is_file() or read_checked(summed) != sha256_of(archive):
        bootstrap(recipe.suite, sources, recipe.snapshot, archive, log)
        write_checked(summed, sha256_of(archive))
    return engine.import_root(archive, tag)


def missing_tool(which: Callable[[str], str | None], *, is_root: bool) -> str:
    """Return which tool is missing, and how to install it; empty where all are there. `which` finds a program."""
    if which("mmdebstrap") is None:
        return "there is no mmdebstrap; install it: sudo apt-get install mmdebstrap"
    if not is_root and which("newuidmap") is None:
        return "a user other than root needs newuidmap for it; install it: sudo apt-get install uidmap"
    return ""


def bootstrap(suite: str, sources: tuple[str, ...], time: datetime, archive: Path, log: Callable[[str], None]) -> None:
    """Build the tar of a minimal Debian; the same packages give the same bytes.

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
    if missing := missing_tool(shutil.which, is_root=is_root):
        msg = f"making a root file system of {suite}: {missing}"
        raise ImageError(msg)
    command = ["mmdebstrap", f"--mode={mode}", *_ROOT_OPTIONS, suite, str(partial), *sources]
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
