"""Which earlier versions a Debian package may have had, and where they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.images.swapped_packages import (
    DebFile,
    PackageSet,
    addresses,
    earlier_versions,
    sources_of,
    swappable,
    with_versions,
)
from tests.samples import IMAGE

STATUS = """\
Package: libpython3.11-dev
Status: install ok installed
Architecture: amd64
Source: python3.11
Version: 3.11.2-6+deb12u9

Package: dash
Status: install ok installed
Version: 0.5.12-2

Package: cpp-12
Source: gcc-12 (12.2.0-1)
Version: 12.2.0-14+deb12u1

Package: hostile
Source: ../../etc
"""


@pytest.mark.parametrize(
    ("version", "earlier"),
    [
        ("3.11.2-6+deb12u3", ("3.11.2-6+deb12u2", "3.11.2-6+deb12u1", "3.11.2-6")),
        ("12.2.0-14+deb12u1", ("12.2.0-14",)),
        ("3.0.17-1~deb12u2", ("3.0.17-1~deb12u1",)),
        ("1:2.3-1+deb13u2+b1", ("1:2.3-1+deb13u1", "1:2.3-1")),
        ("2.36-9", ()),
        ("6.1.174-1", ()),
        ("+deb12u3", ()),
    ],
)
def test_earlier_versions_follow_from_an_update(version: str, earlier: tuple[str, ...]) -> None:
    """What ~ is behind is later than each update, and is not listed."""
    assert earlier_versions(version) == earlier


def test_the_number_of_earlier_versions_is_bounded() -> None:
    """The first version is among them."""
    assert len(earlier_versions("1-1+deb12u999")) == 20
    assert earlier_versions("1-1+deb12u999")[-1] == "1-1"


def test_sources_are_those_of_the_status_file() -> None:
    """A source that is no name of Debian is left out."""
    assert sources_of(STATUS) == {"libpython3.11-dev": "python3.11", "cpp-12": "gcc-12"}


def test_headers_come_first_then_compilers_then_other_headers() -> None:
    """The compiler's own libraries, which everything needs, and what was never updated, are not swapped."""
    packages = (
        ("cpp-12:amd64", "12.2.0-14+deb12u1"),
        ("gcc-12:amd64", "12.2.0-14+deb12u1"),
        ("libc6-dev:amd64", "2.36-9+deb12u13"),
        ("libffi-dev:amd64", "3.4.4-1"),
        ("libgcc-s1:amd64", "12.2.0-14+deb12u1"),
        ("libpython3.11-dev:amd64", "3.11.2-6+deb12u9"),
        ("libstdc++6:amd64", "12.2.0-14+deb12u1"),
    )
    found = swappable(packages, {"cpp-12": "gcc-12", "libc6-dev": "glibc", **sources_of(STATUS)})

    assert [one.names for one in found] == [("libpython3.11-dev",), ("cpp-12", "gcc-12"), ("libc6-dev",)]
    assert found[1] == PackageSet("gcc-12", ("cpp-12", "gcc-12"), "amd64", "12.2.0-14+deb12u1")


def test_addresses_are_those_of_the_pool() -> None:
    """A file's name has no epoch; https is asked first."""
    mirrors = ("http://mirror.example/debian", "https://other.example/debian-security")

    assert tuple(addresses(mirrors, "libyaml", "libyaml-dev", "1:0.2-1", "amd64")) == (
        (
            "https://mirror.example/debian/pool/main/liby/libyaml/libyaml-dev_0.2-1_amd64.deb",
            "http://mirror.example/debian/pool/main/liby/libyaml/libyaml-dev_0.2-1_amd64.deb",
        ),
        ("https://other.example/debian-security/pool/updates/main/liby/libyaml/libyaml-dev_0.2-1_amd64.deb",),
    )


def test_an_image_with_another_package_is_another_image() -> None:
    """Its manifest depends on the package's bytes."""
    image = replace(IMAGE, packages=(("gcc-12:amd64", "2"), ("make:amd64", "1")))
    deb = DebFile("gcc-12", "1", "http://mirror.example/", "a" * 64, Path("gcc-12.deb"))

    swapped = with_versions(image, (deb,), "sha256:1")

    assert swapped.packages == (("gcc-12:amd64", "1"), ("make:amd64", "1"))
    other = with_versions(image, (replace(deb, sha256="b" * 64),), "sha256:1")
    assert len({image.manifest, swapped.manifest, other.manifest}) == 3
