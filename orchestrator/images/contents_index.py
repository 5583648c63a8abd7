"""Which Debian package has a file, by Debian's own index of an image's suite.

    dists/<suite>/InRelease                     lists the indexes, with their SHA-256
    dists/<suite>/main/Contents-<arch>.gz       one line a file: its path, and the packages that have it
    dists/<suite>/Contents-<arch>.gz            the same, of Ubuntu

Of their 700 MB, only what a build may look for is kept: headers, programs, libraries to link with,
descriptions for pkg-config and CMake, modules of Python. No verdict depends on it: where there is no
index, no package is named, and one line in the log reports that.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
import time
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from orchestrator.errors import WheelproofError
from orchestrator.images.distributions import DISTRIBUTIONS
from orchestrator.model import DAY, Missing, Want, digest
from orchestrator.sources.connections import Sessions, TooLateError
from orchestrator.util.cache import Turns, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from orchestrator.model import Image

MOST = 3  # packages that are named for one failure
SOURCES = ("/etc/apt/sources.list", *(one.own_sources for one in DISTRIBUTIONS.values()))
"""The files of an image that name the archive that it was built from."""

AGE = 7 * DAY  # after which the archive is asked whether its index has changed
_LAYOUT = 1  # of a kept index
_PATIENCE = 20.0  # seconds without a byte
_DEADLINE = 300.0  # seconds for one whole answer
_ANEW = 600.0  # seconds after which an archive that did not answer is asked again
_LARGEST = 256 << 20  # bytes of an index, packed
_LARGEST_UNPACKED = 4 << 30
_LARGEST_RELEASE = 16 << 20
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 16

_KEPT = re.compile(
    rb"^usr/(?:include/|s?bin/"
    rb"|(?:lib|share)/(?:[^ \n]*/)?(?:lib[^/ \n]+\.so|[^/ \n]+\.pc|[^/ \n]+[Cc]onfig\.cmake) "
    rb"|lib/python3/dist-packages/[^/ \n]+(?:/__init__)?\.(?:py|[\w-]+\.so) )[^\n]*\n",
)
_MARKS = (b"\nusr/include/", b"\nusr/bin/", b"\nusr/sbin/", b".so ", b".pc ", b"onfig.cmake ", b"3/dist-packages/")
"""Every line that is kept contains one of these; searching for them is ten times as fast as for the pattern."""

_FAULTS = (OSError, TooLateError, zlib.error, EOFError, ValueError, WheelproofError)


@dataclass(frozen=True, slots=True)
class Archive:
    """A suite of Debian, as a mirror has it: "http://host/debian", "bookworm", "amd64"."""

    url: str
    suite: str
    architecture: str

    @property
    def key(self) -> str:
        """The folder of the cache that is about it."""
        return f"{self.suite}-{self.architecture}-{digest([_LAYOUT, self.url])[:8]}"

    @property
    def release(self) -> str:
        """The address of the list of indexes."""
        return f"{self.url}/dists/{self.suite}/InRelease"

    def index(self, name: str) -> str:
        """Return the address of one index."""
        return f"{self.url}/dists/{self.suite}/{name}"


@dataclass(frozen=True, slots=True)
class Owner:
    """A package that has a file."""

    path: str
    section: str
    package: str


# --- pure ------------------------------------------------------------------------------------


def archive(sources: str, architecture: str) -> Archive | None:
    """Find the suite in an image's sources for apt, in either form; its updates and security updates are left out."""
    for url, suite, components in suites_of(sources):
        if "main" in components and re.fullmatch(r"[a-z][a-z0-9]{1,30}", suite) and url.startswith(("http:", "https:")):
            return Archive(url.rstrip("/"), suite, architecture)
    return None


def suites_of(sources: str) -> tuple[tuple[str, str, list[str]], ...]:
    """List address, suite and components of all entries of an image's sources for apt, in either form."""
    return (*_one_line_entries(sources), *_stanzas(sources))


def _one_line_entries(sources: str) -> Iterator[tuple[str, str, list[str]]]:
    """Read `deb [options] URL SUITE COMPONENT...` (sources.list(5))."""
    for line in sources.splitlines():
        words = re.sub(r"^deb\s+\[[^\]]*\]", "deb", line.strip()).split()
        if len(words) > 3 and words[0] == "deb":  # noqa: PLR2004 - see above
            yield words[1], words[2], words[3:]


def _stanzas(sources: str) -> Iterator[tuple[str, str, list[str]]]:
    """Read stanzas of `Types:`, `URIs:`, `Suites:`, `Components:` (deb822)."""
    for stanza in re.split(r"\n\s*\n", sources):
        fields = dict(re.findall(r"^(URIs|Suites|Components):[ \t]*(.*)$", stanza, re.MULTILINE))
        for url in fields.get("URIs", "").split():
            for suite in fields.get("Suites", "").split():
                yield url, suite, fields.get("Components", "").split()


def indexes(release: str, architecture: str) -> Mapping[str, str]:
    """Return name and SHA-256 of the indexes of contents that a Release file lists."""
    _, _, listed = release.partition("\nSHA256:\n")
    wanted = re.compile(
        rf"^ ([0-9a-f]{{64}}) +\d+ ((?:main/)?Contents-(?:{re.escape(architecture)}|all)\.gz)$", re.MULTILINE
    )
    return {name: sha256 for sha256, name in wanted.findall(listed)}


def owners(line: str) -> Iterator[Owner]:
    """Read one line of an index: path, spaces, section/package separated by commas."""
    path, _, listed = line.rpartition(" ")
    for entry in listed.split(","):
        section, _, package = entry.rpartition("/")
        if re.fullmatch(r"[a-z0-9][a-z0-9+.-]{1,100}", package):
            yield Owner(path.strip(), section, package)


def places(missing: Missing) -> tuple[tuple[str, str], ...]:
    """Return the possible places of the file, the best first: (end of its path, pattern of the whole path)."""
    return _PLACES[missing.want](missing.name)


def _of_header(name: str) -> tuple[tuple[str, str], ...]:
    folder, exact = r"usr/include/(?:[^/]+-linux-gnu[^/]*/)?", re.escape(name)
    return ((f"/{name}", f"{folder}{exact}"), (f"/{name}", rf"{folder}[^/]+/{exact}"))


def _of_tool(name: str) -> tuple[tuple[str, str], ...]:
    return ((f"bin/{name}", rf"usr/s?bin/{re.escape(name)}"),)


def _of_library(name: str) -> tuple[tuple[str, str], ...]:
    folder, file = r"usr/lib/(?:[^/]+-linux-gnu[^/]*/)?", re.escape(f"lib{name}.so")
    return ((f"/lib{name}.so", f"{folder}{file}"), (f"/lib{name}.so", rf"{folder}[^/]+/{file}"))


def _of_module(name: str) -> tuple[tuple[str, str], ...]:
    return ((f"/{name}.pc", rf"usr/(?:lib|share)/(?:[^/]+/){{0,2}}pkgconfig/{re.escape(name)}\.pc"),)


def _of_cmake(name: str) -> tuple[tuple[str, str], ...]:
    files = (f"{name}Config.cmake", f"{name.lower()}-config.cmake")
    return tuple((f"/{file}", rf"usr/(?:lib|share)/.*/{re.escape(file)}") for file in files)


def _of_python_module(name: str) -> tuple[tuple[str, str], ...]:
    files = (f"/{name}/__init__.py", f"/{name}.py")
    return tuple((file, f"usr/lib/python3/dist-packages{re.escape(file)}") for file in files)


def _of_dependency(name: str) -> tuple[tuple[str, str], ...]:
    """Look for a bare name, such as "libxml2" or "JPEG", as packages look for such things."""
    lower = name.lower()
    bare = lower.removeprefix("lib")
    return (*_of_library(bare), *_of_module(lower), *_of_module(bare), *_of_header(f"{bare}.h"))


_PLACES: Mapping[Want, Callable[[str], tuple[tuple[str, str], ...]]] = {
    Want.HEADER: _of_header,
    Want.TOOL: _of_tool,
    Want.LIBRARY: _of_library,
    Want.PKG_CONFIG: _of_module,
    Want.CMAKE: _of_cmake,
    Want.PYTHON_MODULE: _of_python_module,
    Want.DEPENDENCY: _of_dependency,
}


def choose(missing: Missing, owners: Iterable[Owner]) -> Owner | None:
    """Choose the most likely owner; None where no file is in one of the places."""
    candidates = list(owners)
    for _, pattern in places(missing):
        fitting = [owner for owner in candidates if re.fullmatch(pattern, owner.path)]
        if fitting:
            return min(fitting, key=lambda owner: _preference(missing, owner))
    return None


def _preference(missing: Missing, owner: Owner) -> tuple[bool, bool, bool, int, str]:
    section = owner.section.rpartition("/")[2]
    return (
        owner.package != missing.name,
        missing.want is not Want.TOOL and not owner.package.endswith("-dev"),
        section != "libdevel",
        len(owner.package),
        owner.package,
    )


def architecture(image: Image) -> str:
    """Return Debian's name for an image's machine; empty where it is not known."""
    names = [name.partition(":")[2] for name, _ in image.packages if name.startswith("libc6:")]
    return names[0] if names else ""


# --- looking it up ---------------------------------------------------------------------------


class Contents:
    """Debian's index of files, for all images of a run."""

    def __init__(self, cache: Path, read_file: Callable[[str, str], bytes], log: Callable[[str], None]) -> None:
        """Keep indexes in the cache; `read_file`(image, path) reads a file of an image; `log` gets each fault."""
        self._folder = cache / "debian"
        self._read_file = read_file
        self._log = log
        self._turns = Turns()
        self._guard = threading.Lock()
        self._archives: dict[str, Archive | None] = {}
        self._failed: dict[str, float] = {}
        self._answers: dict[tuple[str, Missing], Owner | None] = {}

    def packages(self, missing: tuple[Missing, ...], image: Image) -> tuple[str, ...]:
        """Name one package for each missing thing, except packages that the image has.

        Where there is no index, no package is named; that raises nothing.
        """
        named = tuple(thing for thing in missing if thing.name)
        if not named:
            return ()
        index: Path | None = None
        try:
            archive = self._archive(image)
            index = self._index(archive) if archive else None
            owners = self._find(index, named) if index else {}
        except _FAULTS as error:
            if index is not None:  # it cannot be read: the next job fetches it again
                index.unlink(missing_ok=True)
            self._log(f"looking up Debian packages for {image.name}: {error}; none are named")
            return ()
        return chosen(named, owners, {name.partition(":")[0] for name, _ in image.packages})

    def _archive(self, image: Image) -> Archive | None:
        with self._turns.turn(image.id):
            if image.id not in self._archives:
                texts = [self._read_file(image.id, path).decode(errors="replace") for path in SOURCES]
                self._archives[image.id] = archive("\n\n".join(texts), architecture(image))
            return self._archives[image.id]

    def _index(self, archive: Archive) -> Path | None:
        """Return the kept index of a suite; fetch it where there is none, or only an old one."""
        with self._turns.turn(archive.key):
            folder = self._folder / archive.key
            kept = max(folder.glob("*.gz"), key=lambda path: path.stat().st_mtime, default=None)
            if kept is not None and kept.stat().st_mtime > time.time() - AGE:
                return kept
            if time.monotonic() - self._failed.get(archive.key, -_ANEW) < _ANEW:
                return kept
            try:
                return self._renewed(archive, folder)
            except _FAULTS as error:
                self._failed[archive.key] = time.monotonic()
                instead = "one of an earlier day serves" if kept else "no packages are named"
                self._log(f"fetching Debian's index of files for {archive.suite}: {error}; {instead}")
                return kept

    def _renewed(self, archive: Archive, folder: Path) -> Path:
        with fetched(archive.release) as stream:
            release = stream.read(_LARGEST_RELEASE).decode(errors="replace")
        offered = indexes(release, archive.architecture)
        if not offered:
            msg = f"{archive.release} lists no index of files"
            raise ValueError(msg)
        place = folder / f"{digest(dict(offered))[:16]}.gz"
        if place.exists():
            place.touch()
            return place
        with unfinished(folder) as lent:
            with gzip.open(lent / "index", "wb", 6) as kept:
                for name, sha256 in offered.items():
                    with fetched(archive.index(name)) as stream:
                        keep(stream, sha256, kept)
            (lent / "index").replace(place)
        for other in folder.glob("*.gz"):
            if other != place:
                other.unlink(missing_ok=True)
        return place

    def _find(self, index: Path, missing: tuple[Missing, ...]) -> dict[Missing, Owner | None]:
        with self._guard:
            unknown = [thing for thing in missing if (index.name, thing) not in self._answers]
            if unknown:
                for thing, owner in look_up(index, unknown).items():
                    self._answers[index.name, thing] = owner
            return {thing: self._answers[index.name, thing] for thing in missing}


def chosen(
    missing: tuple[Missing, ...], owners: Mapping[Missing, Owner | None], installed: set[str]
) -> tuple[str, ...]:
    """Take one package for each name that is missing, the first kind that has one; at most MOST."""
    answers: dict[str, Owner] = {}
    for thing in missing:
        if (owner := owners.get(thing)) is not None:
            answers.setdefault(thing.name, owner)
    packages = dict.fromkeys(owner.package for owner in answers.values())
    return tuple(package for package in packages if package not in installed)[:MOST]


def look_up(index: Path, missing: Iterable[Missing]) -> dict[Missing, Owner | None]:
    """Find the owner of each missing thing in a kept index, in one pass."""
    wanted = tuple(missing)
    ends = {f"{end} ".encode() for thing in wanted for end, _ in places(thing)}
    candidates = [owner for line in _lines(index, ends) for owner in owners(line)]
    return {thing: choose(thing, candidates) for thing in wanted}


def _lines(index: Path, ends: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of an index that contain one of the paths' ends."""
    with gzip.open(index) as stream:
        for piece in whole_lines(stream):
            yield from (line.decode(errors="replace").rstrip() for line in marked(piece, ends))


def marked(piece: bytes, marks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines that contain one of the marks, each once; a mark may begin with the end of a line."""
    text, begins = b"\n" + piece, set()
    for mark in marks:
        at = text.find(mark)
        while at >= 0:
            begins.add(text.rfind(b"\n", 0, at + 1))
            at = text.find(mark, text.find(b"\n", at + 1))
    for begin in sorted(begins):
        yield text[begin + 1 : text.find(b"\n", begin + 1) + 1]


def whole_lines(stream: Readable) -> Iterator[bytes]:
    """Yield a stream in pieces that end where a line ends; raise ValueError for a line without end."""
    rest = b""
    while piece := stream.read(_CHUNK):
        rest += piece
        cut = rest.rfind(b"\n") + 1
        if cut:
            yield rest[:cut]
        rest = rest[cut:]
        if len(rest) > _LONGEST_LINE + _CHUNK:
            msg = "a line without end"
            raise ValueError(msg)
    if rest:
        yield rest + b"\n"


# --- fetching --------------------------------------------------------------------------------


@contextmanager
def fetched(url: str, deadline: float = _DEADLINE) -> Iterator[Limited]:
    """Open an address; the answer is limited in size, and in time from the start of the request.

    Raises
    ------
    OSError, ValueError, TooLateError
        It does not answer, or answers wrongly.

    """
    if urlsplit(url).scheme not in ("http", "https"):
        msg = f"{url} is not http or https"
        raise ValueError(msg)
    with _sessions().get(url, {"Accept-Encoding": "identity"}, None, _PATIENCE, deadline) as answer:
        answer.raise_for_status()
        yield Limited(answer.raw)


@cache
def _sessions() -> Sessions:
    return Sessions()


class Readable(Protocol):
    """A stream, as far as it is read here."""

    def read(self, size: int, /) -> bytes: ...  # noqa: D102 - as ever


class Writable(Protocol):
    """A file, as far as it is written here."""

    def writelines(self, lines: Iterable[bytes], /) -> object: ...  # noqa: D102 - as ever


class Limited:
    """A stream with a limit on its length."""

    def __init__(self, stream: Readable) -> None:
        """Read from that stream."""
        self._stream = stream
        self._left = _LARGEST

    def read(self, size: int) -> bytes:
        """Read up to that many bytes; raise ValueError where the stream is too long."""
        piece = self._stream.read(size)
        self._left -= len(piece)
        if self._left < 0:
            msg = "the answer is too long"
            raise ValueError(msg)
        return piece


class Unpacked:
    """The content of a gzip stream, read in pieces of limited size; the packed bytes are hashed."""

    def __init__(self, stream: Readable) -> None:
        """Unpack that stream."""
        self._stream = stream
        self._engine = zlib.decompressobj(wbits=31)  # gzip
        self._left = _LARGEST_UNPACKED
        self.sha256 = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Read up to that many bytes; raise ValueError where there are too many in all."""
        piece = b""
        while not piece and not self._engine.eof:
            packed = self._engine.unconsumed_tail
            if not packed:
                packed = self._stream.read(_CHUNK)
                self.sha256.update(packed)
                if not packed:
                    msg = "the index ends early"
                    raise ValueError(msg)
            piece = self._engine.decompress(packed, size)
        self._left -= len(piece)
        if self._left < 0:
            msg = "the index unpacks to too much"
            raise ValueError(msg)
        return piece

    def finish(self) -> str:
        """Read to the end; return the hash of all that was packed."""
        while packed := self._stream.read(_CHUNK):
            self.sha256.update(packed)
        return self.sha256.hexdigest()


def keep(stream: Readable, sha256: str, kept: Writable) -> None:
    """Write the lines of a packed index that a build may look for; raise ValueError where its hash is wrong."""
    unpacked = Unpacked(stream)
    for piece in whole_lines(unpacked):
        kept.writelines(line for line in marked(piece, _MARKS) if _KEPT.match(line))
    if unpacked.finish() != sha256:
        msg = "an index has another hash than the Release file lists"
        raise ValueError(msg)
