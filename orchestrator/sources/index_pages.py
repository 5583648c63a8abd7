"""Reads a project's page of an index, HTML or JSON (PEP 503, 691). Pure; called in a helper process.

The only module that imports pypi_simple. The import takes longer than the rest of a run in which nothing
changed, so it is done late.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cache, partial
from importlib.abc import InspectLoader
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from packaging.utils import canonicalize_name

from orchestrator.model import names
from orchestrator.model.names import BadNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from packaging.version import Version
    from pypi_simple import DistributionPackage

JSON, HTML = "+json", frozenset({"text/html", "application/vnd.pypi.simple.v1+html"})
"""The suffix of JSON's content types, and the content types of HTML."""

MOST = 100_000
"""The most files that one page may have; the largest pages have about twenty thousand."""

_SDISTS = (".tar.gz", ".zip")  # the first is preferred
_CHUNK = 1 << 18
_SHA256 = re.compile(r"[0-9a-f]{64}|")
_LARGEST = 1 << 50  # bytes that a file may claim to have
_LONGEST = 4096  # characters of an address, and of a requires-python


class Offer(NamedTuple):
    """One file on a project's page. A tuple, since some pages have ten thousand: JSON needs no conversion."""

    filename: str
    url: str
    sha256: str
    size: int | None
    requires_python: str | None
    yanked: bool
    uploaded: str = ""  # RFC 3339; empty if the index does not give it

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel; if not, it is an sdist."""
        return self.filename.endswith(".whl")


class Listed(NamedTuple):
    """One file of a project's page, with all that decides whether a resolver takes it."""

    filename: str
    url: str  # absolute; empty where the page gives none
    hashes: dict[str, str]
    requires_python: str | None
    yanked: str | bool  # the reason, where one is given
    uploaded: str  # RFC 3339; empty if the index does not give it
    metadata: str | None  # SHA-256 of the metadata file beside it (PEP 658); None: there is none


@dataclass(frozen=True, slots=True)
class Edition:
    """All files of one version."""

    version: str  # normalized
    offers: tuple[Offer, ...]

    @property
    def sdist(self) -> Offer | None:
        """The sdist to build, if there is one."""
        sdists = [offer for offer in self.offers if not offer.is_wheel]
        return min(sdists, key=lambda offer: not offer.filename.endswith(_SDISTS[0]), default=None)

    @property
    def requires_python(self) -> str | None:
        """The sdist's requires-python; without an sdist, the first that a wheel has."""
        asked = [self.sdist] if self.sdist else self.offers
        return next((offer.requires_python for offer in asked if offer.requires_python), None)


def read(path: Path, name: str, kind: str, url: str, encoding: str | None) -> tuple[Edition, ...] | str:
    """Return all editions on a page, newest first, or a short text why it cannot be read.

    `name`: the project's, normalized; `kind`: the page's content type; `url`: its address; `encoding`: the
    encoding that the index declares. Files of other projects are left out. A file with an invalid address or hash
    gets an empty address: it is not fetched, and does not count as absent.
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


def read_listed(path: Path, name: str, kind: str, url: str, encoding: str | None) -> tuple[Listed, ...] | str:
    """Return all files on a page with what a resolver needs, or a short text why it is not a whole page.

    The parameters are those of `read`. JSON names its project. HTML names it only in its files; if
    there are none, the page must have the protocol's version (PEP 629), which no other page has.
    """
    from pypi_simple import ProjectPage, UnsupportedRepoVersionError  # noqa: PLC0415 - see above

    body = path.read_bytes()
    try:
        if kind.endswith(JSON):
            page = ProjectPage.from_json_data(json.loads(body))
            is_whole = canonicalize_name(page.project) == name
        else:
            page = ProjectPage.from_html(name, body, url, _known(encoding))
            is_whole = _is_closed(body.lower()) and (
                any(version_of(name, package.filename) is not None for package in page.packages)
                or (not page.packages and page.repository_version is not None)
            )
        if len(page.packages) > MOST:
            return f"more than {MOST} files"
        listed = tuple(_listed(package, url) for package in page.packages)
    except (ValueError, TypeError, AssertionError, LookupError, RecursionError, UnsupportedRepoVersionError) as error:
        return type(error).__name__
    return (
        listed if is_whole else "it is not a whole page of this project; check for a proxy or portal before the index"
    )


def _is_closed(text: bytes) -> bool:
    return all(f"</{tag}>".encode() in text for tag in ("html", "body") if f"<{tag}".encode() in text)


def _listed(package: DistributionPackage, base: str) -> Listed:
    metadata = (package.metadata_digests or {}).get("sha256") if package.has_metadata else None
    return Listed(
        package.filename,
        _address(package.url, base),
        package.digests,
        package.requires_python,
        package.yanked_reason or package.is_yanked,
        _uploaded(package),
        metadata,
    )


def _uploaded(package: DistributionPackage) -> str:
    """Return when a file was uploaded (PEP 700), in RFC 3339; empty if the index does not tell it, or no such time."""
    try:
        return package.upload_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if package.upload_time else ""
    except OverflowError:  # before the year 1, or after 9999
        return ""


def _of_json(stream: IO[bytes]) -> Iterable[DistributionPackage]:
    from pypi_simple import ProjectPage  # noqa: PLC0415 - see above

    return ProjectPage.from_json_data(json.load(stream)).packages


def _of_html(stream: IO[bytes], name: str, encoding: str | None) -> Iterator[DistributionPackage]:
    from pypi_simple import DistributionPackage, parse_links_stream  # noqa: PLC0415 - see above

    pieces = iter(partial(stream.read, _CHUNK), b"")
    for link in parse_links_stream(pieces, http_charset=_known(encoding)):
        try:
            yield DistributionPackage.from_link(link, name)
        except ValueError:  # an invalid address
            yield DistributionPackage.from_link(replace(link, url=""), name)


def _known(encoding: str | None) -> str | None:
    """Return the encoding if Python knows it as a text encoding, or None."""
    try:
        "".encode(encoding or "utf-8")
    except (LookupError, ValueError):
        return None
    return encoding


def version_of(name: str, filename: str) -> Version | None:
    """Return the version of a wheel or sdist of this project, or None for any other file."""
    try:
        file = names.parsed(filename)
    except BadNameError:
        return None
    return file.version if file.project == name else None


def _offer(package: DistributionPackage, base: str) -> Offer:
    sha256 = package.digests.get("sha256", "").lower()
    url = _address(package.url, base)
    if _SHA256.fullmatch(sha256) is None:
        url, sha256 = "", ""
    size = package.size if package.size is not None and 0 <= package.size <= _LARGEST else None
    python = package.requires_python
    return Offer(
        package.filename, url, sha256, size, python and python[:_LONGEST], package.is_yanked, _uploaded(package)
    )


def _address(url: str, base: str) -> str:
    """Return a file's absolute address, without user and password; empty if it is invalid."""
    try:
        # pypi_simple would join each to the page's address, which takes most of its time.
        joined = url if url.startswith(("https://", "http://")) else urljoin(base, url)
        parts = urlsplit(joined)
        parts.port  # noqa: B018 - raises ValueError where it is no number
        host = parts.netloc.rpartition("@")[2]
        whole = urlunsplit(parts._replace(netloc=host)) if host != parts.netloc else joined
    except ValueError:
        return ""
    return whole if url and host and parts.scheme in {"http", "https"} and len(whole) <= _LONGEST else ""


@cache
def endpoint() -> str:
    """Return the address of PyPI's index, as pypi_simple has it: read from its text, where that is enough."""
    found = find_spec("pypi_simple")
    loader = found.loader if found else None
    text = loader.get_source("pypi_simple") if isinstance(loader, InspectLoader) else None
    for line in ast.parse(text or "").body:
        match line:
            case ast.AnnAssign(target=ast.Name("PYPI_SIMPLE_ENDPOINT"), value=ast.Constant(str(address))):
                return address
    from pypi_simple import PYPI_SIMPLE_ENDPOINT  # noqa: PLC0415 - see above

    return PYPI_SIMPLE_ENDPOINT
