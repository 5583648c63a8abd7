"""Package URLs (ECMA-427) of what goes into a build."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from orchestrator.images import distributions, other_python
from orchestrator.model import BUILT_HERE

if TYPE_CHECKING:
    from collections.abc import Mapping

_MANYLINUX = "manylinux:all"
"""In the list of an image's packages: the digest of the base; the others are then RPM packages."""


def python(name: str, version: str, filename: str, url: str) -> str:
    """Return the package URL of one file of a project; the name is normalized (PEP 503).

    A file that no index offers is not named as one of PyPI: a user's own sdist is generic, and a wheel
    that was built here is named by its release alone.
    """
    release = f"{_part(name)}@{_part(version)}"
    if url == BUILT_HERE:
        return f"pkg:pypi/{release}"
    kind = "pypi" if is_of_index(url) else "generic"
    return f"pkg:{kind}/{release}?file_name={_part(filename)}"


def is_of_index(url: str) -> bool:
    """Return whether a file comes from an index; records of former releases have no URL for some."""
    return not url or url.startswith(("https://", "http://"))


def of_image(packages: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return name and package URL of each package of an image, sorted; `packages` has name:architecture to version."""
    kind = "rpm" if is_rpm(packages) else debian(packages)
    return tuple(
        (name.partition(":")[0], system(kind, name, version) if name != other_python.PACKAGE else interpreter(packages))
        for name, version in sorted(packages.items())
        if name != _MANYLINUX
    )


def debian(packages: Mapping[str, str]) -> str:
    """Return the type and namespace of the packages of an image of Debian or of Ubuntu."""
    return f"deb/{distributions.of_packages(packages).name}"


def interpreter(packages: Mapping[str, str]) -> str:
    """Return the package URL of the standalone Python of an image; empty if it has none."""
    found = other_python.standalone(packages)
    return f"pkg:generic/cpython@{found[0]}?checksum=sha256:{found[1]}" if found else ""


def is_rpm(packages: Mapping[str, str]) -> bool:
    """Return whether an image's packages are RPM packages."""
    return _MANYLINUX in packages


def system(kind: str, name: str, version: str) -> str:
    """Return the package URL of a package of a system; `name` may have an architecture after a colon."""
    package, _, architecture = name.partition(":")
    return f"pkg:{kind}/{_part(package)}@{_part(version)}" + (f"?arch={_part(architecture)}" if architecture else "")


def _part(text: str) -> str:
    return quote(text, safe=".-_~:")
