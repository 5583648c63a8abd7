"""An image of manylinux is prepared for builds. The official one is replaced by a stand-in, as no registry is near."""

from __future__ import annotations

from dataclasses import replace
from typing import IO, TYPE_CHECKING

import pytest

from orchestrator.images.build import ensure
from orchestrator.images.recipe import load
from tests.docker.case_builder import CaseBuilder
from tests.docker.containers import derive
from tests.docker.test_images import USERS, printed
from tests.docker.test_repair import PLATFORM, REPAIRED, Repairs
from tests.unit.images.test_manylinux import described

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.model import Image

NAME = "manylinux_2_28"
DOCKERFILE = """\
ARG BASE
FROM ${BASE}
ARG BASE
COPY . /wheelproof-recipe
RUN /wheelproof-recipe/provision-manylinux /opt/python/cp311-cp311/bin/python3 dash glibc-locale-source
"""
AS_OFFICIAL = r"""
RUN userdel first-builder && userdel second-builder && rm /etc/ld.so.preload && ln -sfn dash /bin/sh
RUN mkdir -p /opt/python/cp311-cp311/bin /opt/toolset/bin /usr/local/lib/python3.11/dist-packages && \
    ln -s /usr/bin/python3.11 /opt/python/cp311-cp311/bin/python3 && rm /usr/bin/python3 && \
    echo "raise SystemExit" >/usr/local/lib/python3.11/dist-packages/packaging.py && \
    ln -s "$(readlink -f /usr/bin/gcc)" /opt/toolset/bin/gcc && ln -s gcc /opt/toolset/bin/cc && \
    rm /usr/bin/gcc /usr/bin/cc && \
    printf '#!/bin/sh\necho "$@" >/opt/asked\n' >/usr/local/bin/dnf && \
    printf '#!/bin/sh\necho "gpg-pubkey:(none)=1-1"; echo "glibc:x86_64=2.36-9"\n' >/usr/local/bin/rpm && \
    chmod +x /usr/local/bin/dnf /usr/local/bin/rpm
ENV PATH=/opt/toolset/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
"""


class NearRegistry:
    """An engine whose registry has the official image; in truth, that is a stand-in that the engine has."""

    def __init__(self, engine: Engine, base: str) -> None:
        """Give out the local image `base`."""
        self._engine, self._base = engine, base
        self.image, self.import_root = engine.image, engine.import_root
        self.remove_image, self.read_file = engine.remove_image, engine.read_file

    def pull(self, reference: str) -> bool:
        """Have every image that is named by its digest."""
        return "@sha256:" in reference

    def build_image(
        self,
        context: IO[bytes],
        tag: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        log: Callable[[str], None],
    ) -> str:
        """Build on the stand-in; it has no digest of its own."""
        given = {**arguments, "BASE": self._base} if arguments else arguments
        return self._engine.build_image(context, tag, given, labels, log)


@pytest.fixture(scope="module")
def manylinux(
    engine: Engine, bookworm: Image, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Image]:
    """The image of a folder like that of the docs, on the stand-in."""
    base = derive(engine, "wheelproof/test-manylinux-base:1", bookworm.id, AS_OFFICIAL)
    folder = described(tmp_path_factory.mktemp("recipes") / "images", "", python="3.11")
    (folder / NAME / "Dockerfile").write_text(DOCKERFILE)
    yield ensure(NearRegistry(engine, base), NAME, folder, cache, strict=False, log=print)
    engine.remove_image(load(folder, NAME).tag)


def test_it_has_what_builds_need(engine: Engine, manylinux: Image) -> None:
    """The users, the locale, the shell and the clock of the variations; the compiler, and a bare Python."""
    assert printed(engine, manylinux.id, "getent passwd first-builder second-builder") == USERS
    assert "et_EE.utf8" in printed(engine, manylinux.id, "locale -a").split()
    assert printed(engine, manylinux.id, "readlink -f /bin/sh; cat /usr/lib/wheelproof/clock").split()[-1] == "0"
    assert printed(engine, manylinux.id, "cat /etc/ld.so.preload").strip() == "/usr/lib/libwheelproof-clock.so"
    found = printed(
        engine, manylinux.id, "PATH=/usr/local/bin:/usr/bin:/bin; command -v gcc; readlink -f `command -v python3`"
    )
    assert found.split() == ["/usr/local/bin/gcc", "/usr/bin/python3.11"]
    assert printed(engine, manylinux.id, "cat /opt/asked").split() == ["-y", "install", "dash", "glibc-locale-source"]
    bare = "import importlib.util as util; print(util.find_spec('packaging'))"
    assert printed(engine, manylinux.id, f'/usr/bin/python3 -c "{bare}"').strip() == "None"
    assert dict(manylinux.packages)["glibc:x86_64"] == "2.36-9"
    assert {name for name, _ in manylinux.packages} == {"glibc:x86_64", "manylinux:all"}


def test_a_build_on_it_is_like_any_other(engine: Engine, manylinux: Image, cache: Path, tmp_path: Path) -> None:
    """A wheel is built, under all variations, and repaired."""
    farm = CaseBuilder(engine, manylinux, cache, tmp_path)
    result = farm.judge("blameless")
    assert result.verdict == "reproducible", result.failure
    assert all(variation.acted for variation in result.variations)
    without_list = replace(REPAIRED, repair_with=("auditwheel==6.4.2",))  # of libraries: that asks rpm, a stand-in too
    built = Repairs(farm).build(without_list)
    assert built.wheel is not None, built.failure
    assert PLATFORM in built.wheel.filename
