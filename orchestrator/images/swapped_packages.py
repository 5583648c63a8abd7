"""An image with earlier versions of some of its Debian packages: which there may be, where they are, how they get in.

An update of a stable release has the version of the release with `+debNuM` or `~debNuM` behind it (Debian Developer's
Reference, 5.8.5), so that earlier versions follow from a version. Debian's archive has some of them for a while after
its indexes no longer list them. No signature covers those: the SHA-256 of each is part of what is recorded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING

from orchestrator.errors import EngineError, ImageError, TransientEngineError
from orchestrator.images.build import alone, context
from orchestrator.images.contents_index import SOURCES, fetched, suites_of
from orchestrator.model import digest
from orchestrator.sources.connections import TooLateError
from orchestrator.util.cache import keep, sha256_of, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from orchestrator.images.bootstrap import Images
    from orchestrator.model import Image

MOST = 20
"""The most earlier versions of one package."""

STATUS = "/var/lib/dpkg/status"
"""Where an image has the names of its packages' sources (dpkg-query(1))."""

_UPDATE = re.compile(r"(?P<base>[^+~]\S*?)(?P<sign>[+~])deb(?P<release>\d{1,3})u(?P<number>\d{1,3})")
_BINARY_ONLY = re.compile(r"\+b\d{1,3}\Z")  # a rebuild of the same source
_STANZA = re.compile(r"^Package: (\S+)$(?:\n(?!Source:).+)*\nSource: (\S+)", re.MULTILINE)
_ABSENT = 404  # HTTP's status
_DEADLINE = 120.0  # seconds for one file
_PLAIN = re.compile(r"[a-z0-9][a-z0-9+.-]{1,100}")
_COMPILER = re.compile(r"(?:gcc|g\+\+|cpp)-\d+")
_PYTHON = re.compile(r"libpython3\.\d+-dev")

# The package's own files go first: files that only the later version has must not stay. No signature covers what comes
# in their place, and the step runs as root with the host's network: so it has to be what its name claims, adds files
# below /usr, replaces none of another package, and no program starts once there are new files.
_DOCKERFILE = """\
FROM {image}
COPY . /wheelproof-swap
RUN set -eu; ulimit -f {blocks}; cd /wheelproof-swap; \
    for name in {names}; do \
      found=$(dpkg-deb -W --showformat='${{Package}} ${{Version}}' "$name.deb"); \
      [ "$found" = "$name "{version} ] || {{ echo "$name.deb is $found" >&2; exit 1; }}; \
      dpkg-deb --fsys-tarfile "$name.deb" >"$name.tar"; \
    done; \
    cat ./*.tar >all; \
    for name in {names}; do \
      dpkg -L "$name" | while read -r file; do [ -d "$file" ] && [ ! -L "$file" ] || rm -f "$file"; done; \
    done; \
    exec 3<all; cd /; rm -rf /wheelproof-swap; \
    exec tar -x --ignore-zeros --keep-old-files --keep-directory-symlink --exclude=./usr/local -C / -f - ./usr <&3
"""
_BLOCKS = 4 << 20  # of 512 bytes: the largest file that a package may unpack


@dataclass(frozen=True, slots=True)
class PackageSet:
    """Packages of one Debian source that an image has in one version, and that are swapped together."""

    source: str
    names: tuple[str, ...]  # sorted
    architecture: str
    version: str


@dataclass(frozen=True, slots=True)
class DebFile:
    """One package's file, as it was fetched."""

    name: str  # of the package
    version: str
    url: str
    sha256: str
    path: Path


@dataclass(frozen=True, slots=True)
class Unfetched:
    """Why a package could not be fetched."""

    why: str
    is_open: bool = False  # whether the archive may have it, but did not answer


# --- pure ------------------------------------------------------------------------------------


def earlier_versions(version: str) -> tuple[str, ...]:
    """List the versions that a Debian release may have had before this one, the latest first.

    None for a version that is no update: the release has had it from its first day.
    """
    match = _UPDATE.fullmatch(_BINARY_ONLY.sub("", version))
    if match is None:
        return ()
    base, mark = match["base"], f"{match['sign']}deb{match['release']}u"
    numbers = range(int(match["number"]) - 1, 0, -1)
    first = () if match["sign"] == "~" else (base,)  # what ~ is behind is later than each update
    return tuple(f"{base}{mark}{number}" for number in numbers)[: MOST - 1] + first


def sources_of(status: str) -> dict[str, str]:
    """Return the source of each package whose source has another name, by dpkg's status file."""
    return {name: source for name, source in _STANZA.findall(status) if _PLAIN.fullmatch(source)}


def swappable(packages: Iterable[tuple[str, str]], sources: Mapping[str, str]) -> tuple[PackageSet, ...]:
    """Return what decides the bytes of compiled code: Python's headers, the compilers, then other headers.

    Only packages whose files nothing needs while they are swapped: no shared library of the compiler's.
    """
    groups: dict[tuple[str, str, str], list[str]] = {}
    for full, version in packages:
        name, _, architecture = full.partition(":")
        if _PLAIN.fullmatch(name) and (_COMPILER.fullmatch(name) or re.fullmatch(r"lib.+-dev", name)):
            groups.setdefault((sources.get(name, name), version, architecture), []).append(name)
    found = [PackageSet(key[0], tuple(sorted(names)), key[2], key[1]) for key, names in groups.items()]
    return tuple(sorted((one for one in found if earlier_versions(one.version)), key=_order))


def _order(packages: PackageSet) -> tuple[int, str]:
    ranks = (_PYTHON.fullmatch, _COMPILER.fullmatch)
    rank = next((number for number, matches in enumerate(ranks) if any(map(matches, packages.names))), len(ranks))
    return rank, packages.source


def addresses(
    mirrors: Iterable[str], source: str, name: str, version: str, architecture: str
) -> Iterator[tuple[str, ...]]:
    """Yield where a package's file may be in each of Debian's archives, by https first; its name has no epoch."""
    folder = source[:4] if source.startswith("lib") else source[:1]
    file = f"{name}_{version.partition(':')[2] or version}_{architecture}.deb"
    for mirror in mirrors:
        area = "updates/main" if mirror.endswith("-security") else "main"
        url = f"{mirror}/pool/{area}/{folder}/{source}/{file}"
        yield (f"https:{url.removeprefix('http:')}", url) if url.startswith("http:") else (url,)


def with_versions(image: Image, debs: Iterable[DebFile], id_: str) -> Image:
    """Return an image as it is with those packages; its manifest is another one."""
    swapped = {one.name: one for one in debs}
    packages = tuple(
        (full, swapped[name].version if (name := full.partition(":")[0]) in swapped else version)
        for full, version in image.packages
    )
    content = sorted((one.name, one.version, one.sha256) for one in swapped.values())
    return replace(image, id=id_, packages=packages, manifest=digest({"image": image.manifest, "swapped": content}))


# --- acting ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EarlierPackages:
    """Fetches earlier packages, and makes images with them."""

    engine: Images
    cache: Path
    log: Callable[[str], None]

    def sets(self, image: Image) -> tuple[PackageSet, ...]:
        """Return what may be swapped in an image."""
        return swappable(image.packages, sources_of(self.engine.read_file(image.id, STATUS).decode(errors="replace")))

    def fetch(self, image: Image, packages: PackageSet, version: str) -> tuple[DebFile, ...] | Unfetched:
        """Fetch packages in another version; or why that is impossible."""
        texts = [self.engine.read_file(image.id, path).decode(errors="replace") for path in SOURCES]
        mirrors = tuple(dict.fromkeys(url.rstrip("/") for url, _, _ in suites_of("\n\n".join(texts))))
        found = []
        for name in packages.names:
            deb = self._first(name, version, addresses(mirrors, packages.source, name, version, packages.architecture))
            if isinstance(deb, Unfetched):
                return deb
            found.append(deb)
        return tuple(found)

    def _first(self, name: str, version: str, places: Iterable[tuple[str, ...]]) -> DebFile | Unfetched:
        """Return the package from the first archive that has it; or why there is none."""
        faults = []
        for urls in places:
            found = self._from(name, version, urls)
            if isinstance(found, DebFile):
                return found
            faults.append(found)
        if unanswered := "; ".join(filter(None, faults)):
            return Unfetched(f"{name} {version} could not be fetched: {unanswered}", is_open=True)
        return Unfetched(f"Debian's archive no longer has {name} {version}")

    def _from(self, name: str, version: str, urls: tuple[str, ...]) -> DebFile | str:
        """Return the package from one archive, or why that failed: empty if the archive has no such file."""
        fault: str | None = ""
        for url in urls:
            file = self.cache / "debs" / digest([url]) / f"{name}.deb"
            if file.is_file() or (fault := self._download(url, file)) is None:
                return DebFile(name, version, url, sha256_of(file), file)
            if not fault:
                break
        return fault or ""

    def _download(self, url: str, file: Path) -> str | None:
        """Fetch a file into the cache; return None, or why it failed: empty where the server has no such file."""
        try:
            with fetched(url, _DEADLINE) as answer:
                content = b"".join(iter(lambda: answer.read(1 << 20), b""))
        except (OSError, TooLateError, ValueError) as error:
            return "" if getattr(getattr(error, "response", None), "status_code", 0) == _ABSENT else str(error)
        with unfinished(self.cache / "debs") as lent:
            (lent / "deb").write_bytes(content)
            keep(lent / "deb", file)
        return None

    def forget(self, debs: Iterable[DebFile]) -> None:
        """Remove packages from the cache, so that they are fetched again."""
        for one in debs:
            one.path.unlink(missing_ok=True)

    def made(self, image: Image, debs: tuple[DebFile, ...]) -> tuple[Image, str]:
        """Make an image with those packages, all of one version, in place of those that it has.

        Return it, and its tag for `remove_image`.

        Raises
        ------
        ImageError
            A package cannot be unpacked, or is another one than its name claims.

        """
        names, version = " ".join(one.name for one in debs), quote(debs[0].version)
        dockerfile = _DOCKERFILE.format(image=image.id, names=names, version=version, blocks=_BLOCKS)
        files = (("Dockerfile", dockerfile.encode()), *((one.path.name, one.path.read_bytes()) for one in debs))
        tag = f"wheelproof/swapped:{digest([dockerfile, [one.sha256 for one in debs]])[:16]}"
        with alone(self.cache, f"swapped-{image.name}"):
            try:
                built = self.engine.build_image(context(files), tag, {}, {}, lambda _line: None)
            except TransientEngineError:
                raise
            except EngineError as error:
                msg = f"swapping {', '.join(one.name for one in debs)} in the image {image.name}: {error}"
                raise ImageError(msg) from error
        return with_versions(image, debs, built), tag
