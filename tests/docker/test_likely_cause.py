"""The header that a wheel follows from is named where the wheel is not at hand, on the real engine."""

from __future__ import annotations

import io
import re
import tarfile
import threading
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from orchestrator import config
from orchestrator.build.variations import NAMES
from orchestrator.errors import ImageError, Interrupted
from orchestrator.farm import assemble, likely_cause
from orchestrator.farm.plan import Job
from orchestrator.images import recipe
from orchestrator.images.swapped_packages import DebFile, EarlierPackages
from orchestrator.model import Result, Task
from orchestrator.results.store import Results
from orchestrator.results.witness import WitnessOutcome, WitnessRow
from tests.cause_cases import PYPROJECT
from tests.docker.containers import IMAGES, derive
from tests.loopback_index import LoopbackIndex, sdist

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.farm.assemble import Farm
    from orchestrator.model import Image

PACKAGE = "libstandin-dev"
WAS, NOW = "1.0-1+deb12u1", "1.0-1+deb12u2"

SIN = b"""\
import subprocess
TAG = "cp311-cp311-linux_x86_64"


def commit():
    source = b"#include <standin.h>\\nint standin(void) { return STANDIN; }\\n"
    subprocess.run(["gcc", "-x", "c", "-c", "-o", "/tmp/standin.o", "-"], input=source, check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", "/tmp/standin.o", "/tmp/standin.bin"], check=True)
    return {"native/standin.bin": open("/tmp/standin.bin", "rb").read()}
"""

# The header of both versions, each in a package; the image has the one, and lists the archive that has the other.
# The later one has a second file, which must not stay.
STEPS = """\
RUN set -eu; cd /usr/share; for number in 1 2; do \\
      root=standin/$number; mkdir -p $root/DEBIAN $root/usr/include; \\
      echo "#define STANDIN $number" >$root/usr/include/standin.h; \\
      [ $number = 1 ] || echo >$root/usr/include/standin-more.h; \\
      printf 'Package: libstandin-dev\\nSource: standin\\nVersion: 1.0-1+deb12u%s\\nArchitecture: amd64\\n' \\
        $number >$root/DEBIAN/control; \\
      printf 'Maintainer: Nobody <nobody@example.org>\\nDescription: a header\\n' >>$root/DEBIAN/control; \\
      dpkg-deb --build $root standin/$number.deb; \\
    done; dpkg -i standin/{installed}.deb; echo "{source}" >/etc/apt/sources.list
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep quiet: most of what is asked for is not there."""


@contextmanager
def archive(folder: Path) -> Iterator[str]:
    """Serve a folder as an archive of Debian packages."""
    handler = partial(_Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/debian"
        server.shutdown()


def with_header(engine: Engine, image: Image, number: int, source: str = "") -> Image:
    """Return the image with one version of the header."""
    id_ = derive(
        engine,
        f"wheelproof/test-standin:{number}",
        image.id,
        STEPS.replace("{installed}", str(number)).replace("{source}", source),
    )
    return replace(image, id=id_, packages=(*image.packages, (f"{PACKAGE}:amd64", WAS if number == 1 else NOW)))


def test_the_header_of_a_listed_wheel_is_proven(engine: Engine, bookworm: Image, tmp_path: Path) -> None:
    """An earlier version of its package, which only the archive's pool has, gives the listed hash."""
    pool = tmp_path / "archive/debian/pool/main/s/standin"
    pool.mkdir(parents=True)
    engine.remove_image("wheelproof/test-standin:2")  # it names another archive each time
    with archive(tmp_path / "archive") as url, LoopbackIndex() as index:
        theirs = with_header(engine, bookworm, 1)
        ours = with_header(engine, bookworm, 2, f"deb {url} bookworm main")
        (pool / f"{PACKAGE}_{WAS}_amd64.deb").write_bytes(engine.read_file(theirs.id, "/usr/share/standin/1.deb"))
        backend = (IMAGES.parent / "tests/packages/backend.py").read_bytes()
        files = {"NAME": b"native", "pyproject.toml": PYPROJECT, "backend.py": backend, "sin.py": SIN}
        index.publish("native-1.0.tar.gz", sdist("native", "1.0", files))
        (tmp_path / "config.yaml").write_text(f"index: {index.url}\nprofiles: {{}}\ncache: {tmp_path / 'cache'}\n")
        settings = config.load(tmp_path / "config.yaml", variations=NAMES, images=recipe.names(IMAGES))
        store = Results(tmp_path / "results", wheels=1 << 30, logs=1 << 30)
        store.folder.mkdir()
        (task,) = config.tasks(settings, ["native==1.0"], ["bookworm"])
        farms = [assemble.farm_on(engine, {"bookworm": image}, settings, store, (task,)) for image in (theirs, ours)]
        wanted, known = (judged(farm, task) for farm in farms)
        first, listed = known.builds[0].wheel, wanted.builds[0].wheel
        assert first is not None
        assert listed is not None
        row = WitnessRow(first.filename, listed.sha256, WitnessOutcome.DIFFERS, first.sha256)
        subject = likely_cause.Unexplained(row, known, (listed.sha256,))

        better = likely_cause.searched(farms[1], (subject,), settings, store, again=False)[row]

        assert better.proven == f"{PACKAGE} {WAS} instead of {NOW}"
        record = likely_cause.read_search(store.folder / better.record)
        assert record is not None
        (trial,) = record.trials[-1:]
        assert trial.build is not None
        assert trial.sha256 == listed.sha256
        assert trial.files[0][0].startswith(url), "where the package is from is recorded"

        none = replace(row, sha256="0" * 64)
        other = likely_cause.Unexplained(none, known, ("0" * 64,))
        unproven = likely_cause.searched(farms[1], (other,), settings, store, again=False)[none]
        assert unproven.proven == ""
        assert PACKAGE in unproven.possible
        assert not [tag for image in engine.held_images() for tag in image.tags if "wheelproof/swapped" in tag]

        farms[1].job_effects.stop.ask()
        with pytest.raises(Interrupted):
            likely_cause.searched(farms[1], (other,), settings, store, again=True)
        records = list((store.folder / likely_cause.FOLDER / "native").iterdir())
        assert len(records) == 2, "a search that is stopped has no record"


def member(name: str, content: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """Return a member of a package: a file, or a symbolic link."""
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.linkname = len(content), 0o4755, link
    info.type = tarfile.SYMTYPE if link else tarfile.REGTYPE
    return info, content


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return a tar."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def deb(name: str, version: str, *members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return a package (deb(5)); those of version 2.0 are archives of ar with three members."""
    control = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: x\nDescription: x\n".encode()
    parts = {"debian-binary": b"2.0\n", "control.tar": tar(member("./control", control)), "data.tar": tar(*members)}
    found = b"!<arch>\n"
    for part, content in parts.items():
        found += f"{part:16}{0:<12}{0:<6}{0:<6}{'100644':8}{len(content):<10}`\n".encode()
        found += content + b"\n" * (len(content) % 2)
    return found


HEADER = "./usr/include/standin.h"
USELESS = b"#!/bin/false\n"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (deb("other", WAS, member(HEADER, b"1")), "is other 1.0"),
        (deb(PACKAGE, NOW, member(HEADER, b"1")), "deb12u2"),
        (deb(PACKAGE, WAS, member(HEADER, b"1"), member("./usr/bin/tar", USELESS)), "File exists"),
        (deb(PACKAGE, WAS, member(HEADER, b"1"), member("./usr/../etc/shadow", b"x")), "'..'"),
        (deb(PACKAGE, WAS, member(HEADER, b"1"), member("./usr/x", b"", "/etc"), member("./usr/x/y", b"1")), "usr/x"),
        (deb(PACKAGE, WAS, member("./etc/ld.so.preload", b"/usr/x.so")), "Not found in archive"),
        (deb(PACKAGE, WAS, member(HEADER, b"1" * 4096))[:-2048], "unexpected end"),
        (b"<html>not here</html>", "unexpected end"),
    ],
)
def test_a_package_is_what_it_claims_and_adds_files_below_usr(
    content: bytes, fault: str, engine: Engine, bookworm: Image, tmp_path: Path
) -> None:
    """No signature covers it; a fault is one of the image."""
    image = with_header(engine, bookworm, 1)
    (tmp_path / f"{PACKAGE}.deb").write_bytes(content)
    file = DebFile(PACKAGE, WAS, "http://archive/", sha256(content).hexdigest(), tmp_path / f"{PACKAGE}.deb")
    packages = EarlierPackages(engine, tmp_path / "cache", print)

    with pytest.raises(ImageError, match=re.escape(fault)):
        packages.made(image, (file,))
    packages.forget((file,))
    assert not file.path.exists()


def judged(farm: Farm, task: Task) -> Result:
    """Judge a release on a farm's image."""
    image = farm.images["bookworm"]
    found = farm.judge(Job(task, farm.job_effects.release(task, image)), again=True)
    assert isinstance(found, Result)
    return found
