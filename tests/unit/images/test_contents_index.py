"""Which Debian package has a file: asked of a real index, served on loopback."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.images.contents_index import (
    AGE,
    Archive,
    Contents,
    Unpacked,
    archive,
    choose,
    fetched,
    indexes,
    keep,
    look_up,
    owners,
)
from orchestrator.model import Missing, Want
from orchestrator.sources.connections import TooLateError
from tests.dripping import Dripping
from tests.loopback_index import LoopbackIndex
from tests.samples import IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AMD64 = """\
usr/bin/cmake                                           devel/cmake
usr/bin/curl-config                                     libdevel/libcurl4-gnutls-dev,libdevel/libcurl4-openssl-dev
usr/bin/pg_config                                       database/postgresql-common
usr/bin/pg_config                                       libdevel/libpq-dev
usr/bin/pkg-config                                      devel/pkgconf
usr/include/gdcm-3.0/gdcmjpeg/8/jpeglib.h               libdevel/libgdcm-dev
usr/include/jpeglib.h                                   libdevel/libjpeg62-turbo-dev
usr/include/libxml2/libxml/xmlversion.h                 libdevel/libxml2-dev
usr/include/tbox/database/sql.h                         libdevel/libtbox-dev
usr/include/sql.h                                       devel/unixodbc-dev
usr/include/iodbc/sql.h                                 libdevel/libiodbc2-dev
usr/include/with a space/odd.h                          libdevel/odd-dev
usr/lib/conky/libcairo.so                               utils/conky-all
usr/lib/x86_64-linux-gnu/libcairo.so                    libdevel/libcairo2-dev
usr/lib/x86_64-linux-gnu/libjpeg.so                     libdevel/libjpeg62-turbo-dev
usr/lib/x86_64-linux-gnu/cmake/Qt5/Qt5Config.cmake      libdevel/qtbase5-dev
usr/lib/x86_64-linux-gnu/openblas-pthread/pkgconfig/openblas.pc libdevel/libopenblas-pthread-dev
usr/lib/x86_64-linux-gnu/pkgconfig/dbus-1.pc            libdevel/libdbus-1-dev
usr/share/doc/libdbus-1-dev/copyright                   libdevel/libdbus-1-dev
"""
ALL = """\
usr/bin/apxs                                            httpd/apache2-dev
usr/lib/python3/dist-packages/numpy/__init__.py         python/python3-numpy
usr/share/man/man1/apxs.1.gz                            httpd/apache2-dev
"""
TOOL, HEADER, LIBRARY, ASKED = Want.TOOL, Want.HEADER, Want.LIBRARY, Want.PKG_CONFIG


@dataclass
class Mirror:
    """A mirror of Debian on loopback, and an image that was made from it."""

    index: LoopbackIndex
    cache: Path
    told: list[str] = field(default_factory=list)
    sources: bytes = b""

    def __post_init__(self) -> None:
        """Point the image at the mirror."""
        self.sources = f"deb {self.index.origin}/debian bookworm main\n".encode()

    def serve(self, amd64: str = AMD64, everywhere: str = ALL, *, release: bytes | None = None) -> None:
        """Serve these indexes, with the Release file that belongs to them."""
        packed = {"main/Contents-amd64.gz": gzip.compress(amd64.encode(), mtime=0)}
        packed["main/Contents-all.gz"] = gzip.compress(everywhere.encode(), mtime=0)
        for name, content in packed.items():
            self.answer(name, content)
        self.answer("InRelease", release if release is not None else released(packed))

    def answer(self, name: str, body: bytes) -> None:
        """Serve a file of the suite."""
        self.index.answer(f"/debian/dists/bookworm/{name}", status=200, body=body)

    def read_file(self, _image: str, path: str) -> bytes:
        """Replace the engine."""
        return self.sources if path == "/etc/apt/sources.list" else b""

    def contents(self) -> Contents:
        """Look things up as a run that has just begun."""
        return Contents(self.cache, self.read_file, self.told.append)

    def ask(self, want: Want, *names: str) -> tuple[str, ...]:
        """Ask once, in a separate run."""
        return self.contents().packages(tuple(Missing(want, name) for name in names), BOOKWORM)

    def asked(self, name: str) -> int:
        """Count how often a file was asked for."""
        return sum(f"/{name} " in request for request in self.index.requests)


BOOKWORM = replace(IMAGE, packages=(("libc6:amd64", "2.36"), ("cmake:amd64", "3.25")))


def released(packed: dict[str, bytes]) -> bytes:
    """Write a Release file, with the older hashes that it has too."""
    lines = ["-----BEGIN PGP SIGNED MESSAGE-----", "Suite: oldstable", "MD5Sum:"]
    lines += [f" {'0' * 32} {len(content):8} {name}" for name, content in packed.items()]
    lines += ["SHA256:"]
    lines += [f" {hashlib.sha256(content).hexdigest()} {len(content):8} {name}" for name, content in packed.items()]
    return ("\n".join([*lines, f" {'1' * 64} 12 main/Contents-arm64.gz", ""])).encode()


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """Serve a mirror."""
    with LoopbackIndex() as index:
        yield Mirror(index, tmp_path)


@pytest.mark.parametrize(
    ("want", "names", "packages"),
    [
        (HEADER, ("jpeglib.h",), ("libjpeg62-turbo-dev",)),
        (HEADER, ("libxml/xmlversion.h",), ("libxml2-dev",)),
        (HEADER, ("sql.h",), ("unixodbc-dev",)),
        (HEADER, ("8/jpeglib.h",), ()),  # no compiler looks there
        (HEADER, ("nosuch.h",), ()),
        (TOOL, ("pg_config",), ("libpq-dev",)),
        (TOOL, ("curl-config",), ("libcurl4-gnutls-dev",)),
        (TOOL, ("apxs", "pkg-config"), ("apache2-dev", "pkgconf")),
        (TOOL, ("cmake",), ()),  # the image has it
        (LIBRARY, ("cairo",), ("libcairo2-dev",)),
        (ASKED, ("dbus-1", "openblas"), ("libdbus-1-dev", "libopenblas-pthread-dev")),
        (Want.CMAKE, ("Qt5",), ("qtbase5-dev",)),
        (Want.DEPENDENCY, ("JPEG",), ("libjpeg62-turbo-dev",)),
        (Want.PYTHON_MODULE, ("numpy",), ("python3-numpy",)),
        (TOOL, ("apxs", "pkg-config", "pg_config", "curl-config"), ("apache2-dev", "pkgconf", "libpq-dev")),
        (TOOL, ("",), ()),
    ],
)
def test_the_package_that_has_it_is_named(
    mirror: Mirror, want: Want, names: tuple[str, ...], packages: tuple[str, ...]
) -> None:
    """Where the build would look for it, the one for developers first, and nothing that is there already."""
    mirror.serve()
    assert mirror.ask(want, *names) == packages
    assert mirror.told == []


def test_a_name_for_several_kinds_gives_one_package(mirror: Mirror) -> None:
    """Meson asks pkg-config and CMake for the same thing."""
    mirror.serve()
    both = (Missing(Want.CMAKE, "jpeg"), Missing(Want.DEPENDENCY, "jpeg"))
    assert mirror.contents().packages(both, BOOKWORM) == ("libjpeg62-turbo-dev",)


def test_the_index_is_fetched_once(mirror: Mirror) -> None:
    """And only what a build may ask for is kept."""
    mirror.serve()
    for _ in range(3):
        assert mirror.ask(TOOL, "apxs") == ("apache2-dev",)
    assert (mirror.asked("InRelease"), mirror.asked("main/Contents-amd64.gz")) == (1, 1)
    (kept,) = mirror.cache.rglob("*.gz")
    text = gzip.decompress(kept.read_bytes()).decode()
    assert "usr/bin/apxs" in text
    assert "copyright" not in text
    assert not list(mirror.cache.rglob(".unfinished*"))


def test_an_aged_index_is_asked_for_and_fetched_only_if_it_changed(mirror: Mirror) -> None:
    """By the hashes of the Release file."""
    mirror.serve()
    assert mirror.ask(TOOL, "apxs", "newtool") == ("apache2-dev",)
    age(mirror)
    assert mirror.ask(TOOL, "newtool") == ()
    assert (mirror.asked("InRelease"), mirror.asked("main/Contents-all.gz")) == (2, 1)
    age(mirror)
    mirror.index.mend()
    mirror.serve(everywhere=ALL + "usr/bin/newtool   devel/newtool\n")
    assert mirror.ask(TOOL, "newtool") == ("newtool",)
    assert len(list(mirror.cache.rglob("*.gz"))) == 1


def age(mirror: Mirror) -> None:
    """Let the kept index be older than it may."""
    for path in mirror.cache.rglob("*.gz"):
        os.utime(path, (time.time() - 2 * AGE,) * 2)


def test_offline_an_old_index_serves_and_without_one_nothing_is_named(mirror: Mirror) -> None:
    """It is logged once, and asked once."""
    contents = mirror.contents()
    mirror.index.answer("/debian/", status=503)
    for _ in range(3):
        assert contents.packages((Missing(TOOL, "apxs"),), BOOKWORM) == ()
    assert len(mirror.told) == 1
    assert "no packages are named" in mirror.told[0]
    assert mirror.asked("InRelease") == 1
    mirror.index.mend()
    mirror.serve()
    assert mirror.ask(TOOL, "apxs") == ("apache2-dev",)
    age(mirror)
    mirror.index.mend()
    mirror.index.answer("/debian/", status=503)
    assert mirror.ask(TOOL, "apxs") == ("apache2-dev",)
    assert "one of an earlier day serves" in mirror.told[-1]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("InRelease", b""),
        ("InRelease", b"\xff\x00" * 1000),
        ("InRelease", released({"main/Contents-amd64.gz": b"another"})),
        ("main/Contents-amd64.gz", b"not gzip"),
        ("main/Contents-amd64.gz", gzip.compress(AMD64.encode())[:-30]),
        ("main/Contents-amd64.gz", gzip.compress(b"x" * (4 << 20))),
        ("main/Contents-all.gz", gzip.compress(b"usr/bin/apxs devel/evil\n", mtime=0)),
    ],
)
def test_a_damaged_archive_names_nothing(mirror: Mirror, name: str, body: bytes) -> None:
    """Neither does it raise, nor leave anything that another run would believe."""
    mirror.answer(name, body)
    mirror.serve()
    assert mirror.ask(TOOL, "apxs") == ()
    assert len(mirror.told) == 1
    assert not [path for path in mirror.cache.rglob("*") if path.is_file()]


def test_an_image_that_does_not_say_whence_it_came_names_nothing(mirror: Mirror) -> None:
    """There is nobody to ask."""
    mirror.sources = b"# nothing\n"
    assert mirror.ask(TOOL, "apxs") == ()
    assert mirror.index.requests == []


@pytest.mark.parametrize(
    "sources",
    [
        "deb http://host.example/debian bookworm main\ndeb http://host.example/debian bookworm-updates main\n",
        (
            "# a comment\ndeb-src http://x.example/ bookworm main\n"
            "deb [check-valid-until=no arch=amd64] http://host.example/debian/ bookworm main contrib\n"
        ),
        (
            "Types: deb\n# a comment\nURIs: http://host.example/debian\nSuites: bookworm bookworm-updates\n"
            "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\nTypes: deb\n"
            "URIs: http://host.example/debian-security\nSuites: bookworm-security\nComponents: main\n"
        ),
    ],
)
def test_both_forms_of_sources_are_read(sources: str) -> None:
    """The suite itself is what counts, not its updates."""
    assert archive(sources, "amd64") == Archive("http://host.example/debian", "bookworm", "amd64")


def test_sources_that_are_no_addresses_are_none() -> None:
    """A CD, a local folder, or text that means harm."""
    assert archive("deb cdrom:[Debian]/ bookworm main\ndeb file:/etc bookworm main\n", "amd64") is None
    assert archive("deb http://host.example/debian ../../etc main\n", "amd64") is None


def test_only_hashes_of_the_right_kind_are_read() -> None:
    """Not the MD5 sums above them, and no other architecture."""
    found = indexes(released({"main/Contents-amd64.gz": b"1", "contrib/Contents-amd64.gz": b"2"}).decode(), "amd64")
    assert found == {"main/Contents-amd64.gz": hashlib.sha256(b"1").hexdigest()}


def test_lines_with_spaces_and_nonsense_are_understood() -> None:
    """A path may have spaces; a package's name may not be anything."""
    (owner,) = owners("usr/include/with a space/odd.h      libdevel/odd-dev")
    assert (owner.path, owner.section, owner.package) == ("usr/include/with a space/odd.h", "libdevel", "odd-dev")
    assert list(owners("usr/bin/x  a/-rf,b/$(x),c/UPPER")) == []
    assert choose(Missing(TOOL, "x"), []) is None


def test_names_from_a_log_are_no_patterns(tmp_path: Path) -> None:
    """The name of what a package lacks is looked for unchanged."""
    place = tmp_path / "index.gz"
    place.write_bytes(gzip.compress(AMD64.encode()))
    hostile = tuple(Missing(want, name) for want in Want for name in (".*", "[", "(((", "\\", "a" * 10_000, "cma.e"))
    assert set(look_up(place, hostile).values()) == {None}


def test_an_index_that_unpacks_to_too_much_is_refused() -> None:
    """Whatever its hash; and reading it takes little memory."""
    bomb = gzip.compress(b"usr/bin/a devel/a\n" * 1000 + b"x" * (64 << 20))
    with pytest.raises(ValueError, match="a line without end"):
        keep(io.BytesIO(bomb), hashlib.sha256(bomb).hexdigest(), io.BytesIO())
    assert len(Unpacked(io.BytesIO(bomb)).read(1000)) <= 1000


@pytest.mark.parametrize("part", ["head", "body", "chunks"])
def test_an_archive_that_sends_a_byte_now_and_then_is_not_waited_for(part: str) -> None:
    """The deadline counts from the request on, and ends a read that would never return."""
    begun = time.monotonic()
    with Dripping(part) as url, pytest.raises(TooLateError), fetched(url, deadline=0.5) as stream:
        stream.read(1 << 20)
    assert time.monotonic() - begun < 5
