"""The inputs of a job: a release, its build requirements, an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from packaging.specifiers import SpecifierSet

from orchestrator.model.digest import LEFT_OUT, digest
from orchestrator.model.request import Budget, Frontend, Limits, Policy, Profile

METHOD = 8
"""Version of the method: any change that may change a verdict increments it, so that all jobs run again."""

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
    uploaded: str = ""  # RFC 3339, UTC (PEP 700); empty where the index gives none


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
    wheels: tuple[OfferedWheel, ...] = ()  # the wheels that the index publishes for this version, by file name
    origin: Origin = Origin.INDEX
    packed: bool = False  # `sdist` is the packed folder itself; the real sdist is built from it first
    content: str = ""  # of a packed folder: what identifies it; its file may have git's objects in any form
    git: bool = False  # a packed folder with a .git
    dated: tuple[tuple[str, str], ...] = ()  # of a folder: (caution, evidence) of each way in which days change it
    yanked: bool = False  # every file of it is (PEP 592); only a pin still chooses it


@lru_cache(maxsize=1024)  # a page repeats a few for hundreds of files
def admits(requires_python: str | None, python: str) -> bool:
    """Return whether a Requires-Python admits a Python: 3.11.2, or 3.11, read as its newest patch release.

    An invalid Requires-Python admits all, as it does for installers.
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
    """One build requirement, pinned to the exact wheel file that both builds get."""

    name: str
    version: str
    sha256: str
    filename: str
    url: str

    @property
    def built_here(self) -> bool:
        """Whether the farm built it from its sdist, so no index has it."""
        return self.url == BUILT_HERE


@dataclass(frozen=True, slots=True)
class Tool:
    """A build requirement that the farm built from its sdist, twice."""

    name: str
    version: str
    sdist: str  # SHA-256
    filename: str  # of the wheel
    sha256: str  # of the wheel of the first build, which is used
    second: str  # of the wheel of the second build; empty if it failed
    requires: tuple[str, ...] = ()  # name==version of all its build requirements
    from_index: tuple[str, ...] = ()  # those of them that could not be built here: parts of a cycle
    expected: tuple[str, ...] = ()  # its hashes in the file that pins it
    bootstrap: bool = False  # built only as a build requirement of others in its file

    @property
    def reproducible(self) -> bool:
        """Whether both builds gave the same bytes."""
        return self.sha256 == self.second

    @property
    def as_expected(self) -> bool:
        """Whether it has a hash from the file that pins it, or the file has none."""
        return not self.expected or self.sha256 in self.expected


@dataclass(frozen=True, slots=True)
class Provided:
    """A Python distribution from Debian in an image."""

    name: str  # normalized
    version: str
    package: str  # Debian's
    package_version: str


@dataclass(frozen=True, slots=True)
class Lock:
    """All build requirements of one build, sorted by name."""

    pins: tuple[Pin, ...] = ()
    provided: tuple[Provided, ...] = ()  # the image's distributions, used instead of pins
    tools: tuple[Tool, ...] = ()  # the tools built here for the pins, in build order
    stand_ins: tuple[str, ...] = ()  # name==version of pins from the index, for tools that are still being built

    @property
    def digest(self) -> str:
        """The files that the lock installs, regardless of their origin."""
        installed: list[object] = [(pin.name, pin.version, pin.sha256) for pin in self.pins]
        return digest([*installed, *self.provided])


@dataclass(frozen=True, slots=True)
class LockDrift:
    """A Debian package that differs from the image's lock; None if it is absent."""

    package: str
    locked: str | None
    found: str | None


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is ready for use, and its contents."""

    name: str
    id: str  # the engine's: sha256:...
    manifest: str  # the SHA-256 of its contents: packages, versions, recipe; equal on every host
    base: str  # its origin: "registry", "snapshot" or "archive"
    target: Target
    packages: tuple[tuple[str, str], ...] = ()  # (name:architecture, version) of each Debian package
    drift: tuple[LockDrift, ...] = ()
    runtime: str = ""  # the runtime of its containers; empty: the engine's default


@dataclass(frozen=True, slots=True)
class Inputs:
    """All inputs that decide a verdict. Their hash is the job's id, so equal inputs are not built twice."""

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
    published: bool = False  # only in records of earlier releases: a verification has its own record
    policy: Policy = Policy.INDEX
    frontend: Frontend = Frontend.HOOKS
    profile: Profile | None = None
    config_settings: tuple[tuple[str, str], ...] = ()
    runtime: str = ""  # of the containers, if not the engine's default: a different kernel may give a different verdict
    spread: bool = field(default=False, metadata=LEFT_OUT)  # whether the second build is to run on another host


@dataclass(frozen=True, slots=True)
class UsedImage:
    """The image of a result."""

    name: str
    id: str
    manifest: str
    base: str
    drift: tuple[LockDrift, ...] = ()
