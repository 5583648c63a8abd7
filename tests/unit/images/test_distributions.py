"""Images of Ubuntu: what differs from Debian's is in one place, and what a host lacks for them is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ImageError
from orchestrator.images.bootstrap import find_snapshots, missing_file, root_options, snapshot_sources
from orchestrator.images.build import ensure
from orchestrator.images.contents_index import Archive, archive, indexes
from orchestrator.images.distributions import DEBIAN, UBUNTU, distribution, named_sources, of_packages
from orchestrator.images.recipe import load, without_lock
from tests.unit.images.test_build import IMAGES, FakeEngine, listed

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOBLE = (
    ("base-files:amd64", "13ubuntu10.3"),
    ("libc6:amd64", "2.39-0ubuntu8.6"),
    ("python3:amd64", "3.12.3-0ubuntu2"),
)


def test_noble_is_a_suite_of_ubuntu() -> None:
    """Its official image is named by its digest."""
    recipe = load(IMAGES, "noble")
    assert (recipe.suite, recipe.distribution) == ("noble", "ubuntu")
    assert recipe.base.startswith("ubuntu:noble@sha256:")


def test_an_image_without_a_lock_is_not_used(tmp_path: Path) -> None:
    """The error names the command that writes the lock; nothing is built."""
    folder = tmp_path / "images"
    place = folder / "noble"
    place.mkdir(parents=True)
    for name in ("clock.c", "provision", "noble/Dockerfile", "noble/image.toml"):
        (folder / name).write_bytes((IMAGES / name).read_bytes())
    (folder / "upper").mkdir()
    (folder / "upper/Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (folder / "upper/image.toml").write_text('base = "noble"\n')
    engine = FakeEngine(listed(NOBLE))
    for name in ("noble", "upper"):
        with pytest.raises(ImageError, match=r"noble has no lock yet; write it: wheelproof images --lock noble"):
            ensure(engine, name, folder, tmp_path, strict=False, log=print)
    assert engine.built == []
    (place / "packages.lock").write_text(listed(NOBLE))
    assert without_lock(load(folder, "upper")) == ""
    image = ensure(engine, "noble", folder, tmp_path, strict=True, log=print)
    assert (image.target.python, image.target.platform) == ("3.12", "x86_64-manylinux_2_39")


def test_ubuntu_s_archive_is_that_of_mmdebstrap_with_all_components() -> None:
    """A root of Debian is made as before: its key in the cache is of these options."""
    assert "--components=main,universe" in root_options(UBUNTU)
    assert not any("components" in option for option in root_options(DEBIAN))


@pytest.mark.parametrize(
    ("there", "sources", "expected"),
    [
        ((), (), "sudo apt-get install ubuntu-keyring distro-info-data"),
        (("/usr/share/distro-info/ubuntu.csv",), (), "sudo apt-get install ubuntu-keyring"),
        (tuple(file for file, _ in UBUNTU.needs), (), ""),
        ((), ("deb [signed-by=/k.gpg] http://mirror.example/ubuntu noble main",), ""),
        (
            (),
            ("deb [trusted=yes] http://a.example/u noble main", "deb http://b.example/u noble main"),
            "ubuntu-keyring",
        ),
    ],
)
def test_what_the_host_lacks_is_named(there: tuple[str, ...], sources: tuple[str, ...], expected: str) -> None:
    """A line that names its key needs no other."""
    text = missing_file(UBUNTU, sources, there.__contains__)
    assert expected in text
    assert bool(text) == bool(expected)
    assert missing_file(DEBIAN, sources, there.__contains__) == ""


def test_each_distribution_has_its_snapshot_archive() -> None:
    """Security updates of Ubuntu are suites of its one archive."""
    text = (
        'Acquire::Snapshots::URI::Origin::Debian "https://past.example/archive/debian/@SNAPSHOTID@/";\n'
        'Acquire::Snapshots::URI::Origin::Ubuntu "https://old.example/ubuntu/@SNAPSHOTID@/";\n'
    )
    assert (find_snapshots(text), find_snapshots(text, UBUNTU)) == (
        "http://past.example/archive",
        "http://old.example",
    )
    lines = snapshot_sources("http://old.example", "noble", NOON, UBUNTU)
    assert [line.partition("] ")[2] for line in lines] == [
        "http://old.example/ubuntu/20261122T120000Z noble main universe",
        "http://old.example/ubuntu/20261122T120000Z noble-updates main universe",
        "http://old.example/ubuntu/20261122T120000Z noble-security main universe",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "deb http://mirror.example/ubuntu noble main universe",
        "deb [signed-by=/usr/share/keyrings/k.gpg arch=amd64] https://mirror.example/ubuntu noble-updates main",
    ],
)
def test_a_mirror_is_named_by_lines_for_apt(line: str) -> None:
    """They take the place of mmdebstrap's default."""
    assert named_sources({"sources": [line]}) == (line,)


@pytest.mark.parametrize(
    "given",
    [
        "deb http://mirror.example/ubuntu noble main",
        ["mirror.example"],
        ["deb http://mirror.example/ubuntu noble main\ndeb http://x.example y main"],
        ["deb-src http://mirror.example/ubuntu noble main"],
        ["deb file:/srv/mirror noble main"],
        [7],
    ],
)
def test_what_is_no_such_line_is_refused(given: object) -> None:
    """The message shows the form."""
    with pytest.raises(ValueError, match=r"deb http://MIRROR SUITE main"):
        named_sources({"sources": given})


def test_an_unknown_distribution_is_refused() -> None:
    """Debian is the default."""
    assert distribution({}) is DEBIAN
    with pytest.raises(ValueError, match="'mint' is unknown; there are: debian, ubuntu"):
        distribution({"distribution": "mint"})


def test_packages_show_whose_they_are() -> None:
    """By base-files, which each distribution versions in its way."""
    assert of_packages(NOBLE) is UBUNTU
    assert of_packages(dict(NOBLE)) is UBUNTU
    assert of_packages((("base-files:amd64", "12.4+deb12u14"),)) is DEBIAN
    assert of_packages(()) is DEBIAN


def test_ubuntu_s_index_of_files_is_found() -> None:
    """It is beside the components, and one for all of them."""
    release = f"Origin: Ubuntu\nSHA256:\n {'0' * 64} 51301092 Contents-amd64.gz\n {'1' * 64} 9 main/Contents-i386.gz\n"
    assert indexes(release, "amd64") == {"Contents-amd64.gz": "0" * 64}
    stanza = "Types: deb\nURIs: http://mirror.example/ubuntu/\nSuites: noble noble-updates\nComponents: main universe\n"
    assert archive(stanza, "amd64") == Archive("http://mirror.example/ubuntu", "noble", "amd64")
