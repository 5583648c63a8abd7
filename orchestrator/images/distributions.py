"""The distributions that base images come from, and how the sources of their archives are written for apt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TIME = "%Y%m%dT%H%M%SZ"
"""How snapshot archives write a time in their addresses."""

_SOURCE = re.compile(
    r"deb (?:\[[^\]\n]{1,500}\] )?https?://[^\s\[\]]{1,500} [a-z0-9][a-z0-9./-]{0,60}(?: [a-z-]{1,30})*"
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What images of one distribution need from it."""

    name: str  # as settings name it, and as package URLs do
    label: str  # as readers know it
    own_sources: str  # the file in which the official image names its archive
    components: tuple[str, ...]
    needs: tuple[tuple[str, str], ...]  # (file, Debian package) that mmdebstrap needs on the host for its archive
    snapshots: tuple[re.Pattern[str], ...]  # find the snapshot archive's address in apt's settings
    sources: Callable[[str, str, str], tuple[str, str, str]]  # of an archive as of a time: the suite, updates, security


DEBIAN = Distribution(
    name="debian",
    label="Debian",
    own_sources="/etc/apt/sources.list.d/debian.sources",
    components=("main",),
    needs=(),  # mmdebstrap depends on what it needs for Debian
    snapshots=(
        # apt 3 names the archive in its own configuration.
        re.compile(r'^Acquire::Snapshots::URI::Origin::Debian "(https?://[^"]+/archive)/debian/', re.MULTILINE),
        # Debian's official images do in a comment beside their sources.
        re.compile(r"^# (https?://\S+/archive)/debian/\d{8}T\d{6}Z", re.MULTILINE),
    ),
    sources=lambda archive, stamp, suite: (
        f"{archive}/debian/{stamp} {suite}",
        f"{archive}/debian/{stamp} {suite}-updates",
        f"{archive}/debian-security/{stamp} {suite}-security",
    ),
)

UBUNTU = Distribution(
    name="ubuntu",
    label="Ubuntu",
    own_sources="/etc/apt/sources.list.d/ubuntu.sources",
    components=("main", "universe"),
    needs=(
        ("/usr/share/keyrings/ubuntu-archive-keyring.gpg", "ubuntu-keyring"),  # checks signatures
        ("/usr/share/distro-info/ubuntu.csv", "distro-info-data"),  # by which it knows the suites
    ),
    snapshots=(re.compile(r'^Acquire::Snapshots::URI::Origin::Ubuntu "(https?://[^"]+)/ubuntu/@', re.MULTILINE),),
    # Security updates are suites of the same archive.
    sources=lambda archive, stamp, suite: (
        f"{archive}/ubuntu/{stamp} {suite}",
        f"{archive}/ubuntu/{stamp} {suite}-updates",
        f"{archive}/ubuntu/{stamp} {suite}-security",
    ),
)

DISTRIBUTIONS = MappingProxyType({one.name: one for one in (DEBIAN, UBUNTU)})


def distribution(settings: Mapping[str, object]) -> Distribution:
    """Return the distribution that an image's settings name, Debian by default; raises ValueError for another one."""
    name = settings.get("distribution", DEBIAN.name)
    if found := DISTRIBUTIONS.get(str(name)):
        return found
    msg = f"the distribution {name!r} is unknown; there are: {', '.join(sorted(DISTRIBUTIONS))}"
    raise ValueError(msg)


def named_sources(settings: Mapping[str, object]) -> tuple[str, ...]:
    """Return the lines for apt with which settings name a mirror; raises ValueError for what is no such line."""
    given = settings.get("sources", [])
    for line in given if isinstance(given, list) else (None,):
        if not (isinstance(line, str) and _SOURCE.fullmatch(line)):
            msg = f"sources = {given!r} is no list of lines of sources.list(5): ['deb http://MIRROR SUITE main']"
            raise ValueError(msg)
    return tuple(given) if isinstance(given, list) else ()


def of_packages(packages: Mapping[str, str] | Iterable[tuple[str, str]]) -> Distribution:
    """Return the distribution that packages come from, by the version of its package base-files."""
    versions = (version for name, version in dict(packages).items() if name.partition(":")[0] == "base-files")
    return UBUNTU if "ubuntu" in next(versions, "") else DEBIAN
