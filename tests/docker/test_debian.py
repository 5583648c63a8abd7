"""The recipe debian/rules, as it is printed, in real package builds that differ in all that a recipe has to bear."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.engine import Container, Engine
from orchestrator.errors import EngineError, ImageError
from orchestrator.model import RecipeForm
from orchestrator.recipes import write
from tests.cause_cases import pack
from tests.docker.containers import derive, run_inside
from tests.recipe_cases import PLAIN
from tests.samples import EPOCH

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Image

TOOLS = """\
RUN apt-get -qq update && apt-get -qq -y --no-install-recommends install \\
    debhelper dh-python fakeroot pybuild-plugin-pyproject && rm -rf /var/lib/apt/lists/*"""
"""What Debian builds packages with."""

CONTROL = """\
Source: pkg
Maintainer: Nobody <nobody@example.org>
Build-Depends: {needed}
Rules-Requires-Root: no

Package: python3-pkg
Architecture: any
Depends: ${{python3:Depends}}, ${{misc:Depends}}, ${{shlibs:Depends}}
Description: Sample
 Sample.
"""
CHANGELOG = """\
pkg (1.0-1) unstable; urgency=medium

  * Sample.

 -- Nobody <nobody@example.org>  Fri, 01 Mar 2024 00:00:00 +0000
"""
BUILD = """\
umask $UMASK
mkdir -p "$FOLDER" && cd "$FOLDER"
tar -xf /sample/sdist.tar.gz --strip-components 1
cp -r /sample/debian debian
chmod +x debian/rules
dpkg-buildpackage -b -uc -us >&2
sha256sum .pybuild/*/*.whl ../*.deb | sed 's/ .*[/]/ /'
debian/rules clean >&2
test ! -e debian/rebuild
"""
FIRST = {"UMASK": "022", "FOLDER": "/scratch/first/pkg", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}
SECOND = {
    "UMASK": "077",
    "FOLDER": "/scratch/second/longer/source",
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "et_EE.UTF-8",
    "PYTHONHASHSEED": "7",
}


@pytest.fixture(scope="module")
def tools(engine: Engine, bookworm: Image) -> str:
    """An image with what Debian builds packages with, made once from Debian's archive."""
    try:
        return derive(engine, "wheelproof/test-debian-package:1", bookworm.id, TOOLS)
    except (EngineError, ImageError) as failed:
        pytest.skip(f"Debian's archive does not answer: {failed}")


def package(slug: str, remedies: tuple[str, ...], folder: Path) -> Path:
    """Write a package with the printed debian/rules, and its source beside it; return their folder."""
    (folder / "debian").mkdir(parents=True)
    pack(slug, folder).rename(folder / "sdist.tar.gz")
    inputs = replace(PLAIN, remedies=remedies, source_date_epoch=EPOCH)
    rules = write(RecipeForm.DEBIAN_RULES, inputs)
    (folder / "debian/rules").write_text(rules)
    needed = rules.partition("# Build-Depends: ")[2].partition("\n")[0]
    (folder / "debian/control").write_text(CONTROL.format(needed=needed))
    (folder / "debian/changelog").write_text(CHANGELOG)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    return folder


def hashes(engine: Engine, image: str, sample: Path, variables: dict[str, str], user: str) -> list[str]:
    """Build the package as that user; return the lines of the wheel and of each .deb, with their SHA-256."""
    container = Container(
        image,
        ("/bin/sh", "-euc", BUILD),
        environment=variables,
        user=user,
        mounts=((str(sample), "/sample"),),
        scratch={"/scratch": "rw,exec,mode=1777,size=64m", "/tmp": "rw,mode=1777,size=16m"},  # noqa: S108 - inside
        seconds=120,
    )
    completed, out = run_inside(engine, container)
    assert completed.exit_code == 0
    return out.splitlines()


@pytest.mark.parametrize(
    ("slug", "remedies"),
    [("sbom", ("no-sbom",)), ("debug-path", ("prefix-map-source",))],
    ids=["finished", "native"],
)
def test_two_package_builds_give_the_same_bytes(
    engine: Engine, tools: str, tmp_path: Path, slug: str, remedies: tuple[str, ...]
) -> None:
    """The wheel that pybuild keeps and the packages, by another user, in another folder, umask, locale, time zone."""
    sample = package(slug, remedies, tmp_path / "sample")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(hashes, engine, tools, sample, FIRST, "1111:1111")
        second = pool.submit(hashes, engine, tools, sample, SECOND, "2222:2222")

    assert len(first.result()) >= 2
    assert first.result() == second.result()
