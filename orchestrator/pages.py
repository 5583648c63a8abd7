"""Reads a project's page of an index, HTML or JSON (PEP 503, 691): pure, for a helper process.

The only module that imports pypi_simple. The import takes longer than all else that a run does in which nothing
changed, so it is done late.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from packaging.utils import parse_sdist_filename, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from packaging.version import Version
    from pypi_simple import DistributionPackage

JSON, HTML = "+json", frozenset({"text/html", "application/vnd.pypi.simple.v1+html"})
"""How a type of JSON ends, and the types of HTML."""

MOST = 100_000
"""Files of one page that are looked at; the largest pages have some twenty thousand."""

_SDISTS = (".tar.gz", ".zip")  # the first is preferred
_CHUNK = 1 << 18
_SHA256 = re.compile(r"[0-9a-f]{64}|")
_LARGEST = 1 << 50  # bytes that a file may claim to have
_LONGEST = 4096  # characters of an address, and of what a file says of Python


class Offer(NamedTuple):
    """One file on a project's page. Some pages have ten thousand, hence a tuple: JSON has it as it is."""

    filename: str
    url: str
    sha256: str
    size: int | None
    requires_python: str | None
    yanked: bool

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel; otherwise it is an sdist."""
        return self.filename.endswith(".whl")


@dataclass(frozen=True, slots=True)
class Edition:
    """All files of one version."""

    version: str  # normalized
    offers: tuple[Offer, ...]

    @property
    def sdist(self) -> Offer | None:
        """The one to build."""
        sdists = [offer for offer in self.offers if not offer.is_wheel]
        return min(sdists, key=lambda offer: not offer.filename.endswith(_SDISTS[0]), default=None)

    @property
    def requires_python(self) -> str | None:
        """What the sdist says; where there is none, the first wheel that says anything."""
        asked = [self.sdist] if self.sdist else self.offers
        return next((offer.requires_python for offer in asked if offer.requires_python), None)


def read(path: Path, name: str, kind: str, url: str, encoding: str | None) -> tuple[Edition, ...] | str:
    """Return all editions on a page, the newest first; or in a few words why it cannot be read.

    `name`: the project's, normalized; `kind`: the page's type; `url`: where it was found; `encoding`: what the
    index says that it is written in. Files of other projects are left out. One whose address or hash is none
    has an empty address: it is not fetched, and it does not pass for a file that is not there.
    """
    from pypi_simple import UnsupportedRepoVersionError  # noqa: PLC0415 - see above

    versions: dict[Version, list[Offer]] = {}
    try:
        with path.open("rb") as stream:
            packages = _of_json(stream) if kind.endswith(JSON) else _of_html(stream, name, encoding)
            for number, package in enumerate(packages):
                if number >= MOST:
                    return f"more than {MOST} files"
                version = version_of(name, package.filename)
                if version is not None:
                    versions.setdefault(version, []).append(_offer(package, url))
    except (ValueError, TypeError, AssertionError, LookupError, RecursionError, UnsupportedRepoVersionError) as error:
        return type(error).__name__
    return tuple(Edition(str(version), tuple(versions[version])) for version in sorted(versions, reverse=True))


def _of_json(stream: IO[bytes]) -> Iterable[DistributionPackage]:
    from pypi_simple import ProjectPage  # noqa: PLC0415 - see above

    return ProjectPage.from_json_data(json.load(stream)).packages


def _of_html(stream: IO[bytes], name: str, encoding: str | None) -> Iterator[DistributionPackage]:
    from pypi_simple import DistributionPackage, parse_links_stream  # noqa: PLC0415 - see above

    pieces = iter(partial(stream.read, _CHUNK), b"")
    for link in parse_links_stream(pieces, http_charset=_known(encoding)):
        try:
            yield DistributionPackage.from_link(link, name)
        except ValueError:  # an address that is none
            yield DistributionPackage.from_link(replace(link, url=""), name)


def _known(encoding: str | None) -> str | None:
    """Return an encoding if Python has one of that name for text."""
    try:
        "".encode(encoding or "utf-8")
    except (LookupError, ValueError):
        return None
    return encoding


def version_of(name: str, filename: str) -> Version | None:
    """Return the version of a file that is a wheel or sdist of this very project."""
    try:
        of, version = (
            parse_wheel_filename(filename)[:2] if filename.endswith(".whl") else parse_sdist_filename(filename)
        )
    except ValueError:  # no such name, or a version with more digits than Python reads
        return None
    return version if of == name and is_plain(filename) else None


def is_plain(filename: str) -> bool:
    """Tell whether a file's name leads nowhere else, and shows what it is."""
    return filename.isascii() and filename.isprintable() and not set(filename) & {"/", "\\"} and filename[:1] != "."


def _offer(package: DistributionPackage, base: str) -> Offer:
    sha256 = package.digests.get("sha256", "").lower()
    url = _address(package.url, base)
    if _SHA256.fullmatch(sha256) is None:
        url, sha256 = "", ""
    size = package.size if package.size is not None and 0 <= package.size <= _LARGEST else None
    python = package.requires_python
    return Offer(package.filename, url, sha256, size, python and python[:_LONGEST], package.is_yanked)


def _address(url: str, base: str) -> str:
    """Return a file's whole address, without user and password; empty where it is none."""
    try:
        # The library would join all to the page's own address, and take most of its time for it.
        joined = url if url.startswith(("https://", "http://")) else urljoin(base, url)
        parts = urlsplit(joined)
        parts.port  # noqa: B018 - raises ValueError where it is no number
        host = parts.netloc.rpartition("@")[2]
        whole = urlunsplit(parts._replace(netloc=host)) if host != parts.netloc else joined
    except ValueError:
        return ""
    return whole if url and host and parts.scheme in {"http", "https"} and len(whole) <= _LONGEST else ""


def endpoint() -> str:
    """Return the address of the index that everybody uses."""
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415 - see above

    return PYPI_SIMPLE_ENDPOINT
