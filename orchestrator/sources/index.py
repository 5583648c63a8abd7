"""The package index: releases, and verified downloads. Pages are read in a helper process."""

from __future__ import annotations

import difflib
import hashlib
import json
import time
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import requests
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from orchestrator.errors import AbsentError, NoReleaseError, PackageIndexError, TransientIndexError, UsageError
from orchestrator.model import OfferedWheel, Origin, Release, Sdist, admits, names
from orchestrator.model.names import BadNameError, SdistName, WheelName, is_sha256
from orchestrator.sources import index_pages, reading
from orchestrator.sources.connections import Sessions, TooLateError, pieces, seconds_to_wait
from orchestrator.sources.index_pages import Edition, Listed, Offer
from orchestrator.util.cache import Turns, read_checked, sha256_of, touch, unfinished, write_checked
from orchestrator.util.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from packaging.specifiers import SpecifierSet

    from orchestrator.model.names import FileName

_T = TypeVar("_T")
_LAYOUT = 4  # of a kept page
_PAGE_LIMIT = 64 << 20  # bytes, unpacked; the largest pages are below ten million
_DEADLINE = 1800.0  # seconds for one whole answer, from the first byte of the request
_TRANSIENT_STATUS = frozenset({408, 425, 429})
_SERVER_FAULT, _NOT_FOUND, _NOT_MODIFIED, _CLIENT_FAULT = 500, 404, 304, 400
_NEWEST = 5  # versions that are named where none matches
_SHOWN = 500  # characters of an exception of the library's
_QUOTED = 200  # characters of a requirement that a message repeats
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"


FRESH = 600.0
"""Seconds for which a run does not request a page again: as long as PyPI lets every client keep it."""

_ANSWERED: dict[Path, float] = {}
"""Kept pages -> when the index last answered for them, by the clock of the client that asked."""

_TURNS = Turns()


class Index:
    """One package index, shared by all workers.

    The needed fields of project pages are kept on disk, and the pages are requested again
    with their ETag. Only the time of each page's last answer stays in memory, for all clients of this process.
    """

    def __init__(
        self,
        url: str | None,
        cache: Path,
        *,
        timeout: float = 30,
        retry_wait: float = 0.5,
        deadline: float = _DEADLINE,
        sleep: Callable[[float], None] = time.sleep,
        fresh: float = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use the index at `url` (PyPI if None), which may contain a user and a password.

        `timeout`: seconds without a byte; `deadline`: seconds from the first byte of a request to the last of
        its answer; `retry_wait`: about the seconds before the second try; `fresh`: seconds for which a page is not
        requested again, as long as it has what is wanted.
        """
        self._url, self._auth = _credentials(url.rstrip("/") + "/") if url else ("", None)
        self._cache = cache
        self._timeout = timeout
        self._deadline = deadline
        self._sessions = Sessions()
        self._turns = Turns()
        self._fresh = fresh
        self._clock = clock
        self._page = retrying(self._read_page, first_wait=retry_wait, sleep=sleep)
        self._look = retrying(self._look_once, first_wait=retry_wait, sleep=sleep)
        self._answer = retrying(self._answer_once, first_wait=retry_wait, sleep=sleep)
        self._known = ""
        self._noted = cache / "index" / f"known-{_digest(self._url.encode())[:16]}.txt"
        self._download = retrying(self._download_once, first_wait=retry_wait, sleep=sleep)

    @cached_property
    def url(self) -> str:
        """The index's address, without user and password."""
        return self._url or index_pages.endpoint()

    @property
    def known(self) -> str:
        """A project that the index is known to have: the last found in this run, or in an earlier one; or empty."""
        return self._known or read_checked(self._noted) or ""

    def note(self, name: str) -> None:
        """Note that the index has a project.

        Raises
        ------
        ResultsError
            The cache cannot be written.

        """
        if not self._known and read_checked(self._noted) != name:
            write_checked(self._noted, name)
        self._known = name

    def release(self, requirement: Requirement | str, python: str, *, anew: bool = False) -> Release:
        """Choose the newest stable release that the requirement and the Python (3.11.2, or 3.11) admit.

        A pinned release (== or ===) may be yanked (PEP 592). Where no release that matches
        admits this Python, the newest that matches is returned, for the caller
        to report: see `admits`. `anew`: the page is requested even if it is fresh. Where a fresh page has no
        release that matches, it is requested again, too.

        Raises
        ------
        UsageError
            The requirement cannot be read, or names a URL.
        AbsentError
            The index has no such project.
        NoReleaseError
            The index has no release that matches.
        PackageIndexError
            The answer is refused, or is not a page of this project.
        TransientIndexError
            The index does not answer, after several tries.

        """
        return self.releases(requirement, (python,), anew=anew)[0]

    def releases(
        self, requirement: Requirement | str, pythons: Sequence[str], *, anew: bool = False
    ) -> tuple[Release, ...]:
        """Choose a release for each Python, as `release` does, by one answer of the index."""
        wanted = _requirement(requirement)
        name = canonicalize_name(wanted.name)
        editions, is_new = self._recent(name, anew=anew)
        chosen = [choose(editions, wanted.specifier, python) for python in pythons]
        found = tuple(_release(name, edition) for edition in chosen if edition is not None)
        if len(found) < len(chosen):  # none matches, whatever the Python
            if not is_new:
                return self.releases(wanted, pythons, anew=True)
            raise NoReleaseError(_no_release(wanted, editions))
        self.note(name)
        return found

    def _recent(self, name: str, *, anew: bool) -> tuple[tuple[Edition, ...], bool]:
        """Return the editions of a project, and whether the index was asked for them; one thread asks at a time."""
        place = self._place(name)
        with _TURNS.turn(str(place)):
            answered = _ANSWERED.get(place)
            if not anew and answered is not None and self._clock() < answered + self._fresh:
                kept = _Kept(place)
                if kept.url:
                    return kept.editions(), False
            editions = self._page(name)
            _ANSWERED[place] = self._clock()
            return editions, True

    def _place(self, name: str) -> Path:
        """Return the path of a project's kept page."""
        return self._cache / "index" / f"{name}-{_digest(self._url.encode())[:16]}.json"

    def versions(self, name: str) -> tuple[str, ...]:
        """List the versions of a project that are not yanked, the newest first; raises as `release`, of the index."""
        return tuple(one.version for one in self._page(canonicalize_name(name)) if _without_yanked(one))

    def fetch(self, wanted: Sdist | OfferedWheel, limit: int) -> Path:
        """Return the file of an sdist or wheel, of at most `limit` bytes: SHA-256/filename in the cache.

        Where the index gave no hash, the file is downloaded each time, and the name of its
        folder is the hash to record.

        Raises
        ------
        PackageIndexError
            The file differs from the index's page, is too large, or has an invalid name.
        TransientIndexError
            The index does not answer, after several tries.

        """
        folder = self._cache / ("sdists" if isinstance(wanted, Sdist) else "published")
        name = _checked_name(wanted)
        with self._turns.turn(wanted.sha256 or wanted.url):
            kept = names.place(folder, wanted.sha256, name) if wanted.sha256 else None
            if kept and kept.is_file() and sha256_of(kept) == wanted.sha256:
                return kept
            return self._download(wanted, name, limit, folder)

    def _download_once(self, wanted: Sdist | OfferedWheel, name: FileName, limit: int, folder: Path) -> Path:
        doing = f"fetching {wanted.filename}"
        if not wanted.url:
            msg = f"{doing}: the index gives an invalid address or hash; check the index's page of that file"
            raise PackageIndexError(msg)
        with unfinished(folder) as lent, self._get(doing, wanted.url, {"Accept-Encoding": "identity"}) as answer:
            part = lent / name.filename
            with part.open("wb") as file:
                sha256 = _copy(_limited(doing, answer, limit), file.write)
            if wanted.sha256 not in {"", sha256}:
                msg = (
                    f"{doing}: it has sha256 {sha256}, the index said {wanted.sha256}; "
                    "nothing of it was kept: see whether the index or something before it alters files, and run again"
                )
                raise PackageIndexError(msg)
            place = names.place(folder, sha256, name)
            place.parent.mkdir(exist_ok=True)
            return part.replace(place)

    def _read_page(self, name: str) -> tuple[Edition, ...]:
        """Return all editions of a project, the newest first."""
        doing = f"asking the index for {name}"
        kept = _Kept(self._place(name))
        asked = {"Accept": _ACCEPT} | ({"If-None-Match": kept.etag} if kept.etag else {})
        url = kept.url or f"{self.url}{name}/"
        with self._get(doing, url, asked) as answer:
            if answer.status_code == _NOT_MODIFIED:
                kept.touch()
                return kept.editions()
            etag = answer.headers.get("ETag", "")
            with unfinished(self._cache / "index") as lent:
                body = lent / "page"
                with body.open("wb") as file:
                    digest = _copy(_limited(doing, answer, _PAGE_LIMIT), file.write)
                if digest != kept.body:
                    kept.replace(url, etag, digest, _editions(doing, name, answer, body))
                elif etag != kept.etag:
                    kept.replace(url, etag, digest, kept.editions())
        return kept.editions()

    def look(self, name: str) -> tuple[Listed, ...] | None:
        """Read a project's page as it is now, past all caches; None where the index has no such project.

        Raises
        ------
        PackageIndexError
            The answer is not a whole page of this project: a portal's, a proxy's, another project's, or a part.
        TransientIndexError
            The index does not answer, after several tries.

        """
        return self._look(canonicalize_name(name))

    def _look_once(self, name: str) -> tuple[Listed, ...] | None:
        doing = f"looking again for {name} on the index"
        try:
            with (
                self._get(doing, f"{self.url}{name}/", {"Accept": _ACCEPT, "Cache-Control": "no-cache"}) as answer,
                unfinished(self._cache / "index") as lent,
            ):
                body = lent / "page"
                with body.open("wb") as file:
                    _copy(_limited(doing, answer, _PAGE_LIMIT), file.write)
                return _listed(doing, name, answer, body)
        except AbsentError:
            return None

    def answer(self, url: str, limit: int) -> bytes:
        """Return what is at an address now, of at most `limit` bytes.

        Raises
        ------
        AbsentError
            The server answers with status 404.
        PackageIndexError
            The server refuses, or the answer is too large.
        TransientIndexError
            Its host does not answer, after several tries.

        """
        return self._answer(url, limit)

    def asks_to_wait(self, url: str) -> float:
        """Return the seconds that the server of an address asks to wait; 0 if it answers, or fails otherwise."""
        try:
            with self._get(f"asking for {url}", url, {"Cache-Control": "no-cache"}):
                return 0
        except PackageIndexError as error:
            return error.retry_after if isinstance(error, TransientIndexError) else 0

    def _answer_once(self, url: str, limit: int) -> bytes:
        doing = f"asking for {url}"
        with self._get(doing, url, {"Cache-Control": "no-cache"}) as answer:
            return b"".join(_limited(doing, answer, limit))

    @contextmanager
    def _get(self, doing: str, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
        with (
            _translated(doing),
            self._sessions.get(url, headers, self._auth_for(url), self._timeout, self._deadline) as answer,
        ):
            self._check(doing, answer)
            yield answer

    def _auth_for(self, url: str) -> tuple[str, str] | None:
        return self._auth if urlsplit(url)[:2] == urlsplit(self._url)[:2] else None

    def _check(self, doing: str, answer: requests.Response) -> None:
        secure = [urlsplit(step.url).scheme == "https" for step in (*answer.history, answer)]
        if secure[0] and not all(secure):
            msg = f"{doing}: the index leads from https to {urlsplit(answer.url).scheme}; use an index that does not"
            raise PackageIndexError(msg)
        status = answer.status_code
        if status >= _SERVER_FAULT or status in _TRANSIENT_STATUS:
            msg = f"{doing}: the index answers with status {status}; run again when it has recovered"
            error = TransientIndexError(msg)
            error.retry_after = seconds_to_wait(answer.headers.get("Retry-After", ""))
            raise error
        if status == _NOT_FOUND:
            msg = f"{doing}: {answer.url} does not exist; check how it is spelled, and whether this is the right index"
            asked = urlsplit(answer.history[0].url if answer.history else answer.url)
            moved = (
                urlsplit(answer.url).path.rstrip("/").rpartition("/")[2] != asked.path.rstrip("/").rpartition("/")[2]
            )
            raise PackageIndexError(msg) if moved else AbsentError(msg)
        if status >= _CLIENT_FAULT:
            msg = f"{doing}: the index refuses with status {status}; check its address, and what it lets you see"
            raise PackageIndexError(msg)


def local(path: str | Path) -> tuple[Release, Path]:
    """Read a local sdist; its name gives project and version.

    Raises
    ------
    UsageError
        There is no such file, or its name is not that of an sdist.

    """
    file = Path(path).resolve()
    try:
        name = SdistName(file.name)
        sdist = Sdist(file.name, file.as_uri(), sha256_of(file), file.stat().st_size)
    except BadNameError as error:
        if not file.exists():
            msg = f"reading {path}: it does not exist; name an sdist, or the folder of a project"
            raise UsageError(msg) from error
        msg = f"reading {path}: {error}; an sdist is called NAME-VERSION.tar.gz or NAME-VERSION.zip"
        raise UsageError(msg) from error
    except OSError as error:
        msg = f"reading {path}: {error.strerror}; name an sdist that can be read"
        raise UsageError(msg) from error
    return Release(name.project, str(name.version), sdist, origin=Origin.FILE), file


def choose(editions: Sequence[Edition], specifier: SpecifierSet, python: str) -> Edition | None:
    """Choose an edition from some, newest first; pre-releases by PEP 440, yanked files by PEP 592."""
    offered = editions if _is_pin(specifier) else [left for edition in editions if (left := _without_yanked(edition))]
    fitting = (edition for edition in offered if admits(edition.requires_python, python))
    return next(chain(_matching(fitting, specifier), _matching(offered, specifier)), None)


def _matching(editions: Iterable[Edition], specifier: SpecifierSet) -> Iterator[Edition]:
    return specifier.filter(editions, key=lambda edition: edition.version)


def _is_pin(specifier: SpecifierSet) -> bool:
    return any(part.operator in {"==", "==="} and not part.version.endswith(".*") for part in specifier)


def _without_yanked(edition: Edition) -> Edition | None:
    left = tuple(offer for offer in edition.offers if not offer.yanked)
    return Edition(edition.version, left) if left else None


def _requirement(text: Requirement | str) -> Requirement:
    try:
        requirement = Requirement(text) if isinstance(text, str) else text
        requirement.specifier.contains("0")  # a ValueError where a number has more digits than Python reads
    except (InvalidRequirement, ValueError) as error:
        msg = f"reading the requirement {str(text)[:_QUOTED]!r}: {error}; write it like six, six==1.16.0 or 'six>=1.15'"
        raise UsageError(msg) from error
    if requirement.url:
        msg = f"reading the requirement {text!r}: it names a URL; name a release of the index, or the path of an sdist"
        raise UsageError(msg)
    return requirement


def _release(name: str, edition: Edition) -> Release:
    chosen = edition.sdist
    sdist = Sdist(chosen.filename, chosen.url, chosen.sha256, chosen.size) if chosen else None
    wheels = (
        OfferedWheel(offer.filename, offer.url, offer.sha256, offer.size, offer.uploaded)
        for offer in edition.offers
        if offer.is_wheel
    )
    by_name = tuple(sorted(wheels, key=lambda offer: offer.filename))
    yanked = all(offer.yanked for offer in edition.offers)
    return Release(name, edition.version, sdist, edition.requires_python, by_name, yanked=yanked)


def _no_release(wanted: Requirement, editions: Sequence[Edition]) -> str:
    versions = [edition.version for edition in editions]
    asked = [part.version for part in wanted.specifier]
    near = [match for version in asked for match in difflib.get_close_matches(version, versions, n=3)]
    newest = versions[:_NEWEST]
    advice = f"the newest are {', '.join(newest)}" if newest else "the project has no release"
    if similar := [version for version in dict.fromkeys(near) if version not in newest]:
        advice += f"; similar are {', '.join(similar)}"
    return f"asking the index for {wanted}: no release matches; {advice}"


class _Kept:
    """A project's page in the cache; a page that cannot be read counts as absent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: dict[str, Any] = {}
        try:
            content = json.loads(read_checked(path) or "")
            self._content = content if isinstance(content, dict) and content.get("layout") == _LAYOUT else {}
        except ValueError:
            pass

    @property
    def etag(self) -> str:
        return str(self._content.get("etag", ""))

    @property
    def url(self) -> str:
        """The address from which it came, and from which it is requested again."""
        return str(self._content.get("url", ""))

    @property
    def body(self) -> str:
        return str(self._content.get("body", ""))

    def editions(self) -> tuple[Edition, ...]:
        return tuple(Edition(version, tuple(map(Offer._make, offers))) for version, offers in self._content["editions"])

    def touch(self) -> None:
        """Note that the page is used."""
        touch(self._path)

    def replace(self, url: str, etag: str, body: str, editions: Iterable[Edition]) -> None:
        listed = [(edition.version, edition.offers) for edition in editions]
        self._content = {"layout": _LAYOUT, "url": url, "etag": etag, "body": body, "editions": listed}
        write_checked(self._path, json.dumps(self._content, separators=(",", ":")))


def _editions(doing: str, name: str, answer: requests.Response, body: Path) -> tuple[Edition, ...]:
    return _read(doing, answer, partial(reading.page, body, name))


def _listed(doing: str, name: str, answer: requests.Response, body: Path) -> tuple[Listed, ...]:
    return _read(doing, answer, partial(reading.listed, body, name))


def _read(
    doing: str, answer: requests.Response, read: Callable[[str, str, str | None], tuple[_T, ...] | str]
) -> tuple[_T, ...]:
    """Read an answer's body by its type, address and encoding; raise PackageIndexError if it is not a page."""
    kind = answer.headers.get("Content-Type", "text/html").partition(";")[0].strip().lower()
    if not kind.endswith(index_pages.JSON) and kind not in index_pages.HTML:
        what = f"is {kind[:_QUOTED]!r}, neither HTML nor JSON"
    else:
        content = read(kind, answer.url, answer.encoding)
        if not isinstance(content, str):
            return content
        what = f"cannot be read ({content})"
    msg = f"{doing}: its answer {what}; check that {answer.url} is a PEP 503 or 691 index"
    raise PackageIndexError(msg)


def _limited(doing: str, answer: requests.Response, limit: int) -> Iterator[bytes]:
    total = 0
    for piece in pieces(answer):
        total += len(piece)
        if total > limit:
            msg = f"{doing}: it is larger than {limit} bytes; raise the limit, or leave it out"
            raise PackageIndexError(msg)
        yield piece


def _checked_name(wanted: Sdist | OfferedWheel) -> FileName:
    filename, kind = wanted.filename, "an sdist" if isinstance(wanted, Sdist) else "a wheel"
    try:
        name = SdistName(filename) if isinstance(wanted, Sdist) else WheelName(filename)
    except BadNameError as error:
        msg = f"fetching {filename!r}: that is not a valid name of {kind}; check what the index publishes"
        raise PackageIndexError(msg) from error
    if wanted.sha256 and not is_sha256(wanted.sha256):
        msg = f"fetching {filename}: the index gives {wanted.sha256!r} as its sha256; use an index that gives one"
        raise PackageIndexError(msg)
    return name


def _credentials(url: str) -> tuple[str, tuple[str, str] | None]:
    """Split the user and the password from a URL, so that they are not recorded."""
    if "@" not in url:
        return url, None
    parts = urlsplit(url)
    _, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    return urlunsplit(parts._replace(netloc=host)), requests.utils.get_auth_from_url(url)


def _copy(pieces: Iterable[bytes], write: Callable[[bytes], object]) -> str:
    hashed = hashlib.sha256()
    for piece in pieces:
        hashed.update(piece)
        write(piece)
    return hashed.hexdigest()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    """Turn exceptions of requests into ours."""
    try:
        yield
    except (requests.TooManyRedirects, requests.exceptions.InvalidSchema, ValueError) as error:
        # A ValueError is an invalid address, for example of a redirect.
        msg = f"{doing}: {str(error)[:_SHOWN]}; check the index's address"
        raise PackageIndexError(msg) from error
    except (requests.RequestException, TooLateError) as error:
        advice = "check the network and the index's address, and run again"
        msg = f"{doing}: the index does not answer: {_reason(error)}; {advice}"
        raise TransientIndexError(msg) from error


def _reason(error: BaseException) -> str:
    """Return what the system reports of a failed connection, or else the library's own text.

    A passed deadline is the reason itself: the connection was then shut down here, whatever the system reports of it.
    """
    deepest: BaseException | None = None if isinstance(error, TooLateError) else error
    while deepest is not None:
        if isinstance(deepest, OSError) and deepest.strerror:
            return deepest.strerror[:_SHOWN]
        deepest = deepest.__cause__ or deepest.__context__
    return str(error)[:_SHOWN]
