"""The Python of an image's builds, where its recipe names one."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ImageError
from orchestrator.images.build import ensure, relock
from orchestrator.images.other_python import OtherPython, fetched, installed, named, pinned, standalone
from orchestrator.images.other_python import write as write_image
from orchestrator.images.recipe import as_locked, format_lock, load, manifest
from tests.unit.images.test_build import BOOKWORM, IMAGES, NO_ARCHIVE, NOON, FakeEngine, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import IO

    from orchestrator.images.recipe import ImageRecipe

CONTENT = b"an archive"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = "0" * 64
ENTRY = ("cpython:all", f"3.12+sha256.{SHA256}")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An address that has the archive."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "python.tar.gz").write_bytes(CONTENT)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/python.tar.gz"
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path, url: str) -> Path:
    """images/ with a base, `other` with a standalone Python on it, and `upper` on that."""
    images = tmp_path / "images"
    for name in ("small", "other", "upper"):
        (images / name).mkdir(parents=True)
        (images / name / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (images / "small/image.toml").write_text(f'suite = "bookworm"\nbase = "debian:x@sha256:12"\n{NO_ARCHIVE}')
    (images / "small/packages.lock").write_text(format_lock(BOOKWORM, NOON))
    write(images, url, SHA256)
    (images / "upper/image.toml").write_text('base = "other"\n')
    for shared in ("clock.c", "provision", "provision-python"):
        shutil.copy(IMAGES / shared, images)
    return images


def write(images: Path, url: str, sha256: str, python: str = "3.12") -> None:
    """Write the settings of `other`."""
    (images / "other/image.toml").write_text(
        f'base = "small"\npython = "{python}"\npython-archive = "{url}"\npython-sha256 = "{sha256}"\n'
    )


class Contexts(FakeEngine):
    """An engine that also keeps the files of each context."""

    def build_image(self, context: IO[bytes], *of: object) -> str:
        """Read the context before the engine does."""
        with tarfile.open(fileobj=context) as archive:
            files = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
        context.seek(0)
        self.contexts = [*getattr(self, "contexts", []), files]
        return super().build_image(context, *of)  # type: ignore[arg-type]


def contexts(engine: Contexts) -> list[Mapping[str, bytes]]:
    """Return the contexts in which something is installed."""
    return [files for files in engine.contexts if "provision" in files]


def test_the_image_has_the_archive_and_lists_it(folder: Path) -> None:
    """Its target is that Python's, and no lock is needed for it: the hash in its settings pins it."""
    engine = Contexts(listed(tuple(sorted((*BOOKWORM, ENTRY)))))
    image = ensure(engine, "other", folder, folder, strict=True, log=print)
    assert (image.target.python, image.target.platform) == ("3.12", "x86_64-manylinux_2_36")
    assert ENTRY in image.packages
    built = contexts(engine)[-1]
    assert built["python.tar.gz"] == CONTENT
    assert built["python"] == f"3.12 {SHA256}\n".encode()
    assert built["provision"] == (IMAGES / "provision-python").read_bytes()
    assert built["provision-distribution"] == (IMAGES / "provision").read_bytes()
    assert "python" not in contexts(engine)[0], "its base has the usual one"
    assert as_locked(load(folder, "other")).manifest == image.manifest


def test_an_image_on_it_has_its_python(folder: Path) -> None:
    """It keeps what the base unpacked, and installs its packages with the distribution's own Python."""
    engine = Contexts(listed(tuple(sorted((*BOOKWORM, ENTRY)))))
    image = ensure(engine, "upper", folder, folder, strict=True, log=print)
    assert image.target.python == "3.12"
    built = contexts(engine)[-1]
    assert "provision-distribution" in built
    assert "python.tar.gz" not in built


def test_no_lock_lists_what_the_settings_pin(folder: Path) -> None:
    """Another hash in the settings would otherwise drift from the lock."""
    engine = Contexts(listed(tuple(sorted((*BOOKWORM, ENTRY, ("hello:amd64", "2.10"))))))
    engine.images[load(folder, "small").tag] = {"wheelproof.packages": listed(BOOKWORM)}
    relock(engine, "other", folder, folder, log=print)
    lock = (folder / "other/packages.lock").read_text()
    assert "hello:amd64=2.10" in lock
    assert "cpython" not in lock


@pytest.mark.parametrize("change", [("3.13", SHA256), ("3.12", OTHER)])
def test_another_python_is_another_image(folder: Path, url: str, change: tuple[str, str]) -> None:
    """Its manifest too, which is part of the id of every job."""
    former = load(folder, "other")
    write(folder, url, change[1], change[0])
    recipe = load(folder, "other")
    assert recipe.tag != former.tag
    assert manifest_of(recipe) != manifest_of(former)


def test_another_address_of_the_same_bytes_is_the_same_image(folder: Path) -> None:
    """As far as what is in it goes."""
    former = load(folder, "other")
    write(folder, "https://mirror.example/python.tar.gz", SHA256)
    assert manifest_of(load(folder, "other")) == manifest_of(former)


def manifest_of(recipe: ImageRecipe) -> str:
    """Return the manifest of an image as its lock lists it."""
    return manifest(recipe.method, recipe.lock)


def test_an_image_without_a_python_of_its_own_is_as_before(folder: Path) -> None:
    """Its files are those of former releases, so its manifest is, too."""
    assert {name for name, _ in load(folder, "small").files} == {
        *("Dockerfile", "clock.c", "image.toml", "packages.lock", "provision")
    }


def test_an_archive_with_another_hash_is_refused(tmp_path: Path, url: str) -> None:
    """Both hashes are named; nothing of it is kept."""
    with pytest.raises(ImageError, match=f"it has the SHA-256 {SHA256}, image.toml names {OTHER}"):
        fetched(OtherPython("3.12", url, OTHER), tmp_path, print)
    assert not list(tmp_path.glob("*.tar.gz"))


def test_an_archive_is_fetched_once_and_checked_each_time(tmp_path: Path, url: str) -> None:
    """A file of the cache that was changed is fetched again."""
    python, lines = OtherPython("3.12", url, SHA256), list[str]()
    for _ in range(2):
        assert fetched(python, tmp_path, lines.append) == CONTENT
    assert len(lines) == 1
    next(tmp_path.glob("*.tar.gz")).write_bytes(b"changed")
    assert fetched(python, tmp_path, lines.append) == CONTENT
    assert len(lines) == 2


def test_an_address_that_does_not_answer_is_named(tmp_path: Path, url: str) -> None:
    """With what was fetched."""
    with pytest.raises(ImageError, match=r"^fetching Python 3\.12 from .*/absent: 404.*mirror of it$"):
        fetched(OtherPython("3.12", f"{url}/../absent", SHA256), tmp_path, print)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"python": 3.12}, "python = 3.12 is no version"),
        ({"python": "3"}, "no version"),
        ({"python": "3.12.1"}, "no version"),
        ({"python": "2.7"}, "no version"),
        ({"python-sha256": SHA256}, "python = None"),
        ({"python": "3.12", "python-archive": "https://x.example/p.tar.gz"}, "python-sha256 = None"),
        ({"python": "3.12", "python-sha256": SHA256}, "python-archive = None"),
        ({"python": "3.12", "python-archive": "file:/p.tar.gz", "python-sha256": SHA256}, "http or https"),
        ({"python": "3.12", "python-archive": "https://x.example/a b", "python-sha256": SHA256}, "http or https"),
        ({"python": "3.12", "python-archive": "https://x.example/p", "python-sha256": "12"}, "no SHA-256"),
    ],
)
def test_settings_that_name_no_python_are_refused(settings: dict[str, object], message: str) -> None:
    """The message names the setting."""
    with pytest.raises(ValueError, match=message):
        named(settings)


def test_an_image_is_written_for_an_archive(folder: Path, url: str) -> None:
    """It demands the SHA-256 of what was fetched; a folder that is there stays."""
    write_image(folder / "written", "small", pinned("3.12", url, folder, print))
    assert load(folder, "written").python == OtherPython("3.12", url, SHA256)
    with pytest.raises(ImageError, match="cannot be written: File exists"):
        write_image(folder / "written", "small", OtherPython("3.12", url, SHA256))
    with pytest.raises(ImageError, match=r"choosing a Python: python = '3\.12\.1'"):
        pinned("3.12.1", url, folder, print)


def test_packages_of_the_suite_need_no_archive(folder: Path) -> None:
    """They have to be there, and the Python of the builds is then none of python3's version."""
    assert named({"python": "3.14"}) == OtherPython("3.14")
    assert fetched(OtherPython("3.14"), folder, print) == b""
    assert installed(OtherPython("3.14"), {"python3.14:amd64": "3.14.0-1", "python3:amd64": "3.13.5-1"}) == "3.14"
    with pytest.raises(ValueError, match=r"python3\.14 is absent"):
        installed(OtherPython("3.14"), {"python3:amd64": "3.13.5-1"})


@pytest.mark.parametrize("version", ["", "3.12", f"3.12+sha256.{SHA256}x", f"3.12+sha256.{SHA256[1:]}"])
def test_a_list_that_names_no_archive_is_read_so(version: str) -> None:
    """Lists come from images, and from other farms' statements."""
    assert standalone({"cpython:all": version}) is None
    assert standalone(dict([ENTRY])) == ("3.12", SHA256)
