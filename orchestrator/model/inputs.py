"""What a job is given: a release, its build requirements, an image."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from packaging.specifiers import SpecifierSet

from orchestrator.model.digest import digest
from orchestrator.model.request import Budget, Frontend, Limits, Policy, Profile

METHOD = 4
"""Version of the method: raised by any change that may change a verdict, so that all is judged again."""

BUILT_HERE = "built-here:"
"""In place of the URL of a wheel that the farm itself built."""


@dataclass(frozen=True, slots=True)
class Sdist:
    """A source distribution as the index, or the user's own disk, offers it."""

    filename: str
    url: str
    sha256: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class OfferedWheel:
    """A wheel as the index offers it; `sha256` is empty where the index gives none."""

    filename: str
    url: str
    sha256: str
    size: int | None = None


class Origin(StrEnum):
    """Where a release comes from."""

    INDEX = "index"
    FILE = "file"  # an sdist of the user's own
    FOLDER = "folder"  # a project's folder of the user's own


@dataclass(frozen=True, slots=True)
class Release:
    """One version of one project; `sdist` is None where only wheels were published."""

    project: str  # normalized (PEP 503)
    version: str  # normalized (PEP 440)
    sdist: Sdist | None
    requires_python: str | None = None
    wheels: tuple[OfferedWheel, ...] = ()  # what the index publishes for this version, by file name
    origin: Origin = Origin.INDEX
    packed: bool = False  # `sdist` is the packed folder itself; the real sdist is built from it first


def admits(requires_python: str | None, python: str) -> bool:
    """Tell whether a Requires-Python admits a Python: 3.11.2, or 3.11, read as its newest patch release.

    One that cannot be read admits all, as it does for installers.
    """
    full = python if python.count(".") > 1 else f"{python}.999"
    try:
        return SpecifierSet(requires_python or "").contains(full, prereleases=True)
    except ValueError:  # InvalidSpecifier, or a number with more digits than Python reads
        return True


@dataclass(frozen=True, slots=True)
class Target:
    """The interpreter and platform that wheels of build requirements must fit."""

    python: str  # "3.11"
    platform: str  # as uv names it: "x86_64-manylinux_2_36"


@dataclass(frozen=True, slots=True)
class Pin:
    """One build requirement, down to the very wheel file that both builds get."""

    name: str
    version: str
    sha256: str
    filename: str
    url: str

    @property
    def built_here(self) -> bool:
        """Whether no index holds it: the farm built it from its sdist."""
        return self.url == BUILT_HERE


@dataclass(frozen=True, slots=True)
class Tool:
    """A build requirement that the farm built from its sdist, twice."""

    name: str
    version: str
    sdist: str  # SHA-256
    filename: str  # of the wheel
    sha256: str  # of the wheel of the first build, which is the one that is used
    second: str  # of that of the second; empty where that build failed
    requires: tuple[str, ...] = ()  # name==version of all that it was built with
    from_index: tuple[str, ...] = ()  # those of them that no build here could give: links of a cycle
    expected: tuple[str, ...] = ()  # what the file that pins it says that it hashes to
    bootstrap: bool = False  # only built for the others of its file to be built with

    @property
    def reproducible(self) -> bool:
        """Whether both builds gave the same bytes."""
        return self.sha256 == self.second

    @property
    def as_expected(self) -> bool:
        """Whether it is what the file that pins it says, or nothing is said."""
        return not self.expected or self.sha256 in self.expected


@dataclass(frozen=True, slots=True)
class Provided:
    """A Python distribution that an image has from Debian."""

    name: str  # normalized
    version: str
    package: str  # Debian's
    package_version: str


@dataclass(frozen=True, slots=True)
class Lock:
    """All build requirements of one build, sorted by name."""

    pins: tuple[Pin, ...] = ()
    provided: tuple[Provided, ...] = ()  # what the image gives, instead of pins
    tools: tuple[Tool, ...] = ()  # what was built here for the pins, in the order in which it was
    stand_ins: tuple[str, ...] = ()  # name==version of pins from the index, for tools that are under way

    @property
    def digest(self) -> str:
        """What the lock installs, wherever it was downloaded from."""
        installed: list[object] = [(pin.name, pin.version, pin.sha256) for pin in self.pins]
        return digest([*installed, *self.provided])


@dataclass(frozen=True, slots=True)
class LockDrift:
    """A Debian package that is not as the image's lock says; None where it is absent."""

    package: str
    locked: str | None
    found: str | None


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is there to be used, and what is known to be in it."""

    name: str
    id: str  # the engine's: sha256:...
    manifest: str  # the SHA-256 of what is in it: packages, versions, recipe; equal on every host
    base: str  # how it was begun: "registry", "snapshot" or "archive"
    target: Target
    packages: tuple[tuple[str, str], ...] = ()  # (name:architecture, version) of each Debian package
    drift: tuple[LockDrift, ...] = ()
    runtime: str = ""  # what its containers are run by; empty: the engine's default


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that decides a verdict. Its hash is the job's id, and so equal inputs are not built twice."""

    method: int
    project: str
    version: str
    sdist: str  # SHA-256
    build_requirements: str  # the lock's digest
    image: str  # its name
    manifest: str
    source_date_epoch: int | None
    hold: tuple[str, ...]
    remove: tuple[str, ...]
    limits: Limits
    budget: Budget = Budget()
    published: bool = False
    policy: Policy = Policy.INDEX
    frontend: Frontend = Frontend.HOOKS
    profile: Profile | None = None
    config_settings: tuple[tuple[str, str], ...] = ()
    runtime: str = (
        ""  # of the containers, where it is not the engine's default: another kernel may give another verdict
    )


@dataclass(frozen=True, slots=True)
class UsedImage:
    """The image of a result."""

    name: str
    id: str
    manifest: str
    base: str
    drift: tuple[LockDrift, ...] = ()
