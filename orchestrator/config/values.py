"""The configuration as the farm uses it: checked, with every default filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.model import DAY, Budget, BuildTools, Exclusion, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from orchestrator.model import Profile
    from orchestrator.requirement_files import Wanted


@dataclass(frozen=True, slots=True)
class Keep:
    """How many bytes are kept of wheels and of logs, by hash, and of the cache; what is older goes."""

    wheels: int = 4 << 30
    logs: int = 512 << 20
    cache: int = 20 << 30
    unused: int = 30 * DAY  # seconds for which what a tracked job or an image needed is kept after its last run


@dataclass(frozen=True, slots=True)
class AsOf:
    """As of when a group's or a project's build requirements are locked; a moment of None: the index as it is."""

    moment: datetime | None = None  # UTC


@dataclass(frozen=True, slots=True)
class Settings:
    """How builds of one project are judged; defaults are already filled in."""

    images: tuple[str, ...] = ()  # empty: the group's
    hold: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    budget: Budget = Budget()
    source_date_epoch: int | None = 1_596_163_658
    tools: BuildTools | None = None  # None: the group's
    profile: str = ""  # empty: the group's
    published: bool = False  # whether the wheel on the index is compared too
    config_settings: tuple[tuple[str, str], ...] = ()  # of the build backend (PEP 517)
    as_of: AsOf | None = None  # None: the group's
    spread: bool = False  # whether the second build is to run on another host


@dataclass(frozen=True, slots=True)
class Group:
    """Requirements that are tracked together, each on each of some images."""

    name: str
    enabled: bool
    images: tuple[str, ...]  # at least one; the first is its stock image
    packages: tuple[str, ...]  # "six", "requests==2.32.3": the name normalized
    wanted: tuple[Wanted, ...] = ()  # what its requirement files ask for
    tools: BuildTools | None = None  # None: the profile's, the image's or the default
    profile: str = ""
    as_of: AsOf | None = None  # None: the configuration's


@dataclass(frozen=True, slots=True)
class ProfileRecipe:
    """A profile, and what it names besides the environment."""

    profile: Profile
    image: str = ""
    tools: BuildTools | None = None
    sets_epoch: bool = False
    source_date_epoch: int | None = None


@dataclass(frozen=True, slots=True)
class DaskSettings:
    """Where Dask's scheduler is, and the files of TLS: all three, or none, and then Dask's own configuration counts."""

    address: str  # tls://HOST:PORT, or tcp:// and a loopback host
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, checked, with every default filled in."""

    index: str | None = None  # None: PyPI
    crates: str | None = None  # a registry's sparse index; None: cargo's own
    crates_downloads: tuple[str, ...] = ()  # addresses that crates are downloaded from, besides the registry's own
    crates_private: bool = False  # whether the registry may be at an address that is not public
    isolation: str = "engine"  # auto, engine, or the name of a runtime
    images: tuple[str, ...] = ("bookworm",)  # the first is the default one
    auto_images: tuple[str, ...] = ("bookworm", "trixie")  # what `auto` chooses from, the preferred one first
    as_of: datetime | None = None  # UTC; where neither group nor package sets it; None: the index as it is
    strict: bool = False
    jobs: int | None = None  # None: as many as cores and memory allow
    long: int = 120  # seconds
    dask: DaskSettings | None = None  # None: the engine of this host builds
    folder: Path = Path()  # of the configuration itself; images/ may be in it
    cache: Path = Path(".cache")
    results: Path = Path("results")
    keep: Keep = Keep()
    defaults: Settings = Settings()
    groups: tuple[Group, ...] = ()
    packages: Mapping[str, Settings] = field(default_factory=dict)
    exclusions: tuple[Exclusion, ...] = ()
    tools: BuildTools = BuildTools()  # noqa: RUF009 - frozen
    image_tools: Mapping[str, BuildTools] = field(default_factory=dict)
    profiles: Mapping[str, ProfileRecipe] = field(default_factory=dict)
    exclusions_age: int = 30 * DAY  # seconds
    site_url: str = ""  # where the site is published; ends with a slash; empty: not known
    diffoscope: bool = True  # the site has reports of it, where it is installed
    on_change: tuple[str, ...] = ()  # a program and its arguments; empty: none
    soak: int | None = None  # seconds of builds that a whole run spends on what was built least often; None: none
