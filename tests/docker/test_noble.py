"""The image noble, from a stand-in for Ubuntu's archive: Debian's, under the names of Ubuntu's suite."""

from __future__ import annotations

import re
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import requests

from orchestrator.images.build import ensure, relock
from orchestrator.images.contents_index import suites_of
from orchestrator.images.recipe import load
from tests.docker.containers import IMAGES
from tests.docker.mirrors import Mirrors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.model import Image

# Nothing but a Python, so that the test is quick; `provision` does the same with more packages.
DOCKERFILE = """\
ARG BASE
FROM ${BASE}
ARG SOURCES=""
RUN printf '%s\\n' "$SOURCES" >/etc/apt/sources.list && apt-get -qq update && \\
    apt-get -qq -y --no-install-recommends install python3 && mkdir -p /usr/share/wheelproof && \\
    dpkg-query -W -f '${Package}:${Architecture}=${Version}\\n' >/usr/share/wheelproof/packages
"""


_OWN = {f"/ubuntu/dists/noble/{name}" for name in ("InRelease", "Release", "Release.gpg")}


class Archive(Mirrors):
    """An archive whose suite noble has the packages of Debian's bookworm; it has no signature."""

    def name_suite(self, release: str) -> None:
        """Serve a Release file of Debian as that of noble: mmdebstrap takes packages of a suite of that name alone."""
        named = re.sub(r"^(Suite|Codename):.*$", r"\1: noble", release, flags=re.MULTILINE)
        self.blobs["Release"] = "text/plain", named.encode()

    def redirect(self, path: str) -> str:
        """Return where the real mirror has a file."""
        if not path.startswith("/ubuntu/") or path in _OWN:
            return ""
        return self.archives["debian"] + path.removeprefix("/ubuntu").replace("/dists/noble", "/dists/bookworm")


@pytest.fixture
def archive(engine: Engine, bookworm: Image) -> Iterator[Archive]:
    """Serve it in front of the mirror that the image of bookworm names."""
    sources = engine.read_file(bookworm.id, "/etc/apt/sources.list").decode()
    urls = [url.rstrip("/") for url, _, _ in suites_of(sources)]
    with Archive({"debian": next(url for url in urls if url.endswith("/debian"))}) as served:
        served.name_suite(requests.get(f"{served.archives['debian']}/dists/bookworm/Release", timeout=60).text)
        Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield served
        served.shutdown()


def test_noble_is_locked_and_made_from_the_archive_that_its_settings_name(
    engine: Engine, archive: Archive, tmp_path: Path
) -> None:
    """As its user does it once; nothing is asked of Debian's archive under Debian's names, and nothing drifts."""
    folder = tmp_path / "images"
    (folder / "noble").mkdir(parents=True)
    settings = (IMAGES / "noble/image.toml").read_text()
    line = f"deb [trusted=yes] http://{archive.host}/ubuntu noble main"
    (folder / "noble/image.toml").write_text(f'{settings}sources = ["{line}"]\n')
    (folder / "noble/Dockerfile").write_text(DOCKERFILE)
    folders, cache = (folder, IMAGES), tmp_path / "cache"

    changed = relock(engine, "noble", folders, cache, log=print)
    image = ensure(engine, "noble", folders, cache, strict=True, log=print)
    recipe = load(folders, "noble")
    engine.remove_image(recipe.tag)

    assert (recipe.distribution, recipe.suite) == ("ubuntu", "noble")
    assert len(changed) == len(image.packages) > 50
    assert (image.base, image.drift, image.target.python) == ("archive", (), "3.11")
    assert "/ubuntu/dists/noble/Release" in archive.asked
