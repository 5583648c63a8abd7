"""An image as of a day, from a stand-in for Debian's snapshot archive in front of the real mirror."""

from __future__ import annotations

import threading
from datetime import date
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ImageError
from orchestrator.images.as_of import DatedImages
from orchestrator.images.build import ensure
from orchestrator.images.contents_index import suites_of
from orchestrator.images.recipe import load, snapshot_time
from tests.docker.containers import IMAGES
from tests.docker.mirrors import Mirrors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.model import Image

DAY = date(2025, 6, 1)

# Nothing but a Python, so that the test is quick; `provision` does the same with more packages.
DOCKERFILE = """\
ARG BASE
FROM ${BASE}
ARG SOURCES=""
RUN printf '%s\\n' "$SOURCES" >/etc/apt/sources.list && apt-get -qq update && \\
    apt-get -qq -y --no-install-recommends install python3 && mkdir -p /usr/share/wheelproof && \\
    dpkg-query -W -f '${Package}:${Architecture}=${Version}\\n' >/usr/share/wheelproof/packages
"""


class Snapshots(Mirrors):
    """On that day no security update had been published: its suite was as the suite of all updates is."""

    def redirect(self, path: str) -> str:
        """Return where the real mirror has a file."""
        if f"/archive/debian-security/{DAY:%Y%m%d}" in path:
            path = path.replace("debian-security", "debian").replace("bookworm-security", "bookworm-updates")
        return super().redirect(path)


@pytest.fixture
def snapshots(engine: Engine, bookworm: Image) -> Iterator[Snapshots]:
    """Serve a snapshot archive in front of the mirrors that the image itself names."""
    sources = engine.read_file(bookworm.id, "/etc/apt/sources.list").decode()
    urls = {url.rstrip("/").rpartition("/")[2]: url.rstrip("/") for url, _, _ in suites_of(sources)}
    with Snapshots(urls) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def test_an_image_has_the_packages_of_its_day(
    engine: Engine, bookworm: Image, snapshots: Snapshots, tmp_path: Path
) -> None:
    """They are written down as a recipe that is like any other, and that nothing drifts from."""
    folder = tmp_path / "images"
    (folder / "small").mkdir(parents=True)
    (folder / "small/Dockerfile").write_text(DOCKERFILE)
    settings = f'suite = "bookworm"\nbase = "debian@sha256:{"0" * 64}"\nsnapshots = "http://{snapshots.host}/archive"\n'
    (folder / "small/image.toml").write_text(settings)
    folders = (folder, IMAGES)
    dated = DatedImages(engine, folders, tmp_path / "cache", print)

    name = dated.write("small", DAY)
    image = ensure(engine, name, folders, tmp_path / "cache", strict=True, log=print)
    engine.remove_image(load(folders, name).tag)

    assert (name, image.base, image.drift) == ("small-20250601", "snapshot", ())
    package = "libpython3.11-minimal:amd64"
    assert dict(image.packages)[package] < dict(bookworm.packages)[package], "a security update came later"
    assert f"{snapshot_time((folder / name / 'packages.lock').read_text()):%Y%m%dT%H%M%SZ}" == "20250601T235959Z"
    assert dated.write("small", DAY) == name, "what there is stays"

    (folder / "small/image.toml").write_text(settings.replace(snapshots.host, "127.0.0.1:9"))
    (folder / "small/packages.lock").write_text((folder / name / "packages.lock").read_text())
    with pytest.raises(ImageError, match=r"not known of .*libpython3\.11-minimal:amd64 \(3\.11\.2"):
        dated.write("small", date(2025, 1, 1))
    assert not (folder / "small-20250101").exists()
