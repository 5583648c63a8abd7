"""Package URLs of what an image has, and reading them back."""

from __future__ import annotations

import re

from orchestrator.publish.claimed import _CPYTHON, _DEBIAN
from orchestrator.publish.statements import purl

SHA256 = "0123456789abcdef" * 4
UBUNTU = {"base-files:amd64": "13ubuntu10.3", "gcc:amd64": "4:13.2.0-7ubuntu1"}
STANDALONE = {"base-files:amd64": "12.4", "cpython:all": f"3.12+sha256.{SHA256}"}


def test_packages_are_of_their_distribution() -> None:
    """Ubuntu's have its namespace, and are read back as Debian's are."""
    urls = dict(purl.of_image(UBUNTU))
    assert urls["gcc"] == "pkg:deb/ubuntu/gcc@4:13.2.0-7ubuntu1?arch=amd64"
    found = _DEBIAN.fullmatch(urls["gcc"])
    assert found
    assert found.groups() == ("gcc", "4:13.2.0-7ubuntu1", "amd64")


def test_a_standalone_python_is_none_of_its_packages() -> None:
    """It is named by its SHA-256, from which its line in the image's list follows."""
    urls = dict(purl.of_image(STANDALONE))
    assert urls["cpython"] == f"pkg:generic/cpython@3.12?checksum=sha256:{SHA256}"
    found = _CPYTHON.fullmatch(urls["cpython"])
    assert found
    assert found.groups() == ("3.12", SHA256)
    assert re.match(r"pkg:deb/debian/base-files", urls["base-files"])
