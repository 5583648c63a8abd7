"""An image whose builds have another Python: an archive, really unpacked.

No standalone build of Python is near: the stand-in is Debian's Python of bookworm, for trixie.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.builder import inventory
from orchestrator.build.container import guest_folder
from orchestrator.images.build import ensure
from orchestrator.images.recipe import load
from tests.docker.case_builder import LABEL, CaseBuilder
from tests.docker.containers import IMAGES, derive
from tests.docker.test_images import printed
from tests.samples import FIRST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.model import Image

PACKED = r"""
RUN mkdir -p /made/python/bin /made/python/lib /made/python/include && cd /made/python && \
    cp /usr/bin/python3.11 bin/ && cp -rL /usr/lib/python3.11 lib/ && cp -r /usr/include/python3.11 include/ && \
    cp /usr/include/x86_64-linux-gnu/python3.11/pyconfig.h include/python3.11/ && \
    rm -rf lib/python3.11/config-*/*.a lib/python3.11/__pycache__ && mkdir -p lib/python3.11/site-packages && \
    sed -i "s|'AR': '[^']*'|'AR': '/tools/llvm/bin/llvm-ar'|; s|'CC': '[^']*'|'CC': 'clang -pthread'|" \
    lib/python3.11/_sysconfigdata__*.py && tar -czf /made/python.tar.gz -C /made python
"""
HOOK = "#!/usr/bin/python3\nimport sys\nprint(*sys.version_info[:2])\n"
TOOL = "/usr/lib/python3/dist-packages/tool-1.2.dist-info"
DOCKERFILE = rf"""\
ARG BASE
FROM ${{BASE}}
ARG SOURCES=""
COPY . /wheelproof-recipe
RUN printf '%b' {HOOK!r} >/usr/bin/a-program && chmod +x /usr/bin/a-program && mkdir -p {TOOL} && \
    printf 'Metadata-Version: 2.1\nName: tool\nVersion: 1.2\n' >{TOOL}/METADATA && \
    echo {TOOL} >/var/lib/dpkg/info/python3-tool.list && \
    /wheelproof-recipe/provision
"""


@pytest.fixture(scope="module")
def url(engine: Engine, bookworm: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of the stand-in, and its SHA-256."""
    content = engine.read_file(derive(engine, "wheelproof/test-packed:1", bookworm.id, PACKED), "/made/python.tar.gz")
    folder = tmp_path_factory.mktemp("served")
    (folder / "python.tar.gz").write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/python.tar.gz", hashlib.sha256(content).hexdigest()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def other(
    engine: Engine, trixie: Image, url: tuple[str, str], cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Image]:
    """Trixie with that Python."""
    assert trixie.target.python == "3.13"
    folder = tmp_path_factory.mktemp("recipes") / "images"
    shutil.copytree(IMAGES, folder)
    place = folder / "test-other"
    place.mkdir()
    (place / "Dockerfile").write_text(DOCKERFILE)
    (place / "image.toml").write_text(
        f'base = "trixie"\npython = "3.11"\npython-archive = "{url[0]}"\npython-sha256 = "{url[1]}"\n'
    )
    yield ensure(engine, "test-other", folder, cache, strict=False, log=print)
    engine.remove_image(load(folder, "test-other").tag)


def test_builds_have_that_python(
    engine: Engine, other: Image, trixie: Image, url: tuple[str, str], cache: Path, tmp_path: Path
) -> None:
    """Locks and builds are of it; programs of Debian keep theirs, and Debian's distributions are none of it."""
    assert other.target.python == "3.11"
    assert set(other.packages) - set(trixie.packages) == {("cpython:all", f"3.11+sha256.{url[1]}")}
    assert other.drift == trixie.drift
    script = """python3 -c 'import sys, sysconfig
print(sys.prefix, *map(sysconfig.get_config_var, ("EXT_SUFFIX", "AR", "CC")))'; a-program"""
    assert printed(engine, other.id, script).splitlines() == [
        "/opt/python .cpython-311-x86_64-linux-gnu.so ar cc -pthread",
        "3 13",
    ]
    farm = CaseBuilder(engine, other, cache, tmp_path)
    assert inventory(other, guest_folder(cache, FIRST), engine.run, LABEL) == ()
    assert farm.judge("blameless").verdict == "reproducible"
