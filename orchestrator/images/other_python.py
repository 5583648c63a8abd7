"""Another Python than the distribution's own for an image: its packages, or a standalone archive by its hash.

The image's settings name it:

    python = "3.12"
    python-archive = "https://…/cpython-3.12.…-install_only_stripped.tar.gz"
    python-sha256 = "…"

Without an archive, it is the distribution's own packages, python3.12 and python3.12-dev. An image that is based on
another has that one's Python, unless it names one itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import ImageError
from orchestrator.util.cache import read_checked, sha256_of, unfinished, write_checked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PACKAGE = "cpython:all"
"""A standalone archive in the list of an image's packages; its version has the SHA-256."""

WRAPPED, WRAPPER = "provision-distribution", "provision-python"
ARCHIVE, CHOICE = "python.tar.gz", "python"
"""Files of the build's context: the archive, and the version with its SHA-256."""

_VERSION = re.compile(r"3\.\d{1,2}")
_URL = re.compile(r"https?://[\x21-\x7e]{1,2000}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_STANDALONE = re.compile(r"(3\.\d{1,2})\+sha256\.([0-9a-f]{64})")
_DOCKERFILE = """\
# BASE is the image that image.toml names.
ARG BASE
FROM ${BASE}
ARG SOURCES=""
COPY . /wheelproof-recipe
RUN /wheelproof-recipe/provision
"""
_LARGEST = 1 << 30  # bytes of an archive
_PATIENCE = 30.0  # seconds without a byte
_DEADLINE = 1800.0  # seconds for the whole archive


@dataclass(frozen=True, slots=True)
class OtherPython:
    """The Python of an image's builds, where it is not simply the distribution's python3."""

    version: str  # "3.12"
    url: str = ""  # of a standalone archive; empty: the distribution's packages
    sha256: str = ""  # of that archive

    @property
    def packages(self) -> tuple[tuple[str, str], ...]:
        """What an image lists of it besides the distribution's packages."""
        return ((PACKAGE, f"{self.version}+sha256.{self.sha256}"),) if self.sha256 else ()

    @property
    def choice(self) -> bytes:
        """The file that `provision` reads."""
        return f"{self.version} {self.sha256 or '-'}\n".encode()


def named(settings: Mapping[str, object]) -> OtherPython | None:
    """Return the Python that an image's settings name, None if they name none.

    Raises
    ------
    ValueError
        A setting is no version, address or hash, or one is missing.

    """
    python, url, sha256 = (settings.get(key) for key in ("python", "python-archive", "python-sha256"))
    if python is None and url is None and sha256 is None:
        return None
    if not (isinstance(python, str) and _VERSION.fullmatch(python)):
        msg = f'python = {python!r} is no version of two numbers; write python = "3.12", in quotes'
        raise ValueError(msg)
    if url is None and sha256 is None:
        return OtherPython(python)
    if not (isinstance(url, str) and _URL.fullmatch(url)):
        msg = f"python-archive = {url!r} is no address of http or https"
        raise ValueError(msg)
    if not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        msg = f"python-sha256 = {sha256!r} is no SHA-256 in 64 hexadecimal digits; it is that of python-archive"
        raise ValueError(msg)
    return OtherPython(python, url, sha256)


def files_with(python: OtherPython, files: Mapping[str, bytes], wrapper: bytes) -> dict[str, bytes]:
    """Return the files of a build's context, whose `provision` also makes that Python the one of builds."""
    return {**files, WRAPPED: files["provision"], "provision": wrapper, CHOICE: python.choice}


def installed(python: OtherPython, packages: Mapping[str, str]) -> str:
    """Return the version of the Python that builds have; raises ValueError if the packages lack it."""
    if python.sha256:
        there = standalone(packages)
        if there is None or there[0] != python.version:
            msg = f"{PACKAGE} {python.version} is absent"
            raise ValueError(msg)
        return python.version
    if not any(name.partition(":")[0] == f"python{python.version}" for name in packages):
        msg = f"python{python.version} is absent"
        raise ValueError(msg)
    return python.version


def standalone(packages: Mapping[str, str]) -> tuple[str, str] | None:
    """Return version and SHA-256 of the standalone Python that an image lists; None if it has none."""
    found = _STANDALONE.fullmatch(packages.get(PACKAGE, ""))
    return (found[1], found[2]) if found else None


def fetched(python: OtherPython, cache: Path, log: Callable[[str], None]) -> bytes:
    """Return the archive, from the cache or from its address; b"" if the Python comes from packages.

    Raises
    ------
    ImageError
        The archive cannot be fetched, or has another SHA-256.

    """
    if not python.sha256:
        return b""
    place = cache / f"python-{python.sha256}.tar.gz"
    summed = place.with_suffix(".sha256")
    if not (place.is_file() and read_checked(summed) == sha256_of(place) == python.sha256):
        log(f"fetching Python {python.version} from {python.url}")
        _fetch(python, cache, place)
        write_checked(summed, python.sha256)
    return place.read_bytes()


def _fetch(python: OtherPython, cache: Path, place: Path) -> None:
    with unfinished(cache) as lent:
        found = _downloaded(python.version, python.url, lent / ARCHIVE)
        if found != python.sha256:
            msg = (
                f"fetching Python {python.version} from {python.url}: it has the SHA-256 {found}, image.toml names "
                f"{python.sha256}; check which is right"
            )
            raise ImageError(msg)
        (lent / ARCHIVE).replace(place)


def _downloaded(version: str, url: str, place: Path) -> str:
    """Return what `download` does; its errors become an ImageError."""
    from orchestrator.sources.connections import TooLateError  # noqa: PLC0415 - large; most who read recipes fetch nothing

    try:
        return download(url, place)
    except (OSError, ValueError, TooLateError) as error:
        msg = f"fetching Python {version} from {url}: {error}; run again, or name a mirror of it"
        raise ImageError(msg) from error


def pinned(version: str, url: str, cache: Path, log: Callable[[str], None]) -> OtherPython:
    """Fetch an archive, and return it with the SHA-256 that it has.

    Raises
    ------
    ImageError
        The version or the address has another form, or the archive cannot be fetched.

    """
    try:
        named({"python": version, "python-archive": url, "python-sha256": "0" * 64})
    except ValueError as error:
        msg = f"choosing a Python: {error}"
        raise ImageError(msg) from error
    log(f"fetching Python {version} from {url}")
    with unfinished(cache) as lent:
        return OtherPython(version, url, _downloaded(version, url, lent / ARCHIVE))


def write(place: Path, base: str, python: OtherPython) -> None:
    """Write the folder of an image: a base with that Python.

    Raises
    ------
    ImageError
        The folder cannot be written.

    """
    settings = (
        f'base = "{base}"\npython = "{python.version}"\n'
        f'python-archive = {json.dumps(python.url)}\npython-sha256 = "{python.sha256}"\n'
    )
    try:
        place.mkdir(parents=True)
        (place / "image.toml").write_text(settings)
        (place / "Dockerfile").write_text(_DOCKERFILE)
    except OSError as error:
        msg = f"writing the image {place.name}: {place} cannot be written: {error.strerror or error}"
        raise ImageError(msg) from error


def download(url: str, place: Path) -> str:
    """Write what an address has to a file, and return its SHA-256; at most 1 GiB in 30 minutes.

    Raises
    ------
    OSError, ValueError, TooLateError
        It does not answer, or with too much.

    """
    from orchestrator.sources.connections import Sessions, pieces  # noqa: PLC0415 - as above

    hashed, size = hashlib.sha256(), 0
    with (
        Sessions().get(url, {"Accept-Encoding": "identity"}, None, _PATIENCE, _DEADLINE) as answer,
        place.open("wb") as file,
    ):
        answer.raise_for_status()
        for piece in pieces(answer):
            size += len(piece)
            if size > _LARGEST:
                msg = f"it is larger than {_LARGEST >> 30} GiB"
                raise ValueError(msg)
            hashed.update(piece)
            file.write(piece)
    return hashed.hexdigest()
