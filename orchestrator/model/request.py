"""The requests to the farm: tasks, their limits and their tools."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from orchestrator.model.digest import LEFT_OUT
from orchestrator.model.recipe import RecipeForm

DAY = 86_400

AUTO_IMAGE = "auto"
"""In place of an image's name: the first of some images whose Python the release admits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one build; sizes in bytes, time in seconds of real time."""

    seconds: int = 1800
    memory: int = 6 << 30
    scratch: int = 4 << 30  # in memory, and counted in `memory` too
    processes: int = 1024
    files: int = 4096  # open at once, in one process
    log: int = 32 << 20
    download: int = 1 << 30  # an sdist, packed
    sdist: int = 4 << 30  # an sdist, unpacked
    members: int = 200_000
    wheel: int = 2 << 30  # both packed and unpacked


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits on explaining one difference, beyond the first two builds and a control build."""

    builds: int = 40
    seconds: int = 1800  # of builds' real time, in total; no build starts that would probably exceed it
    remedies: bool = True  # whether to try remedies, or only isolate causes
    recipes: tuple[RecipeForm, ...] = (RecipeForm.SH,)  # the forms of a recipe that are run as they stand


class Policy(StrEnum):
    """The origin of a build's tools."""

    INDEX = "index"  # wheels of the index, locked
    DEBIAN = "debian"  # only Debian's distributions in the image
    PINNED = "pinned"  # all of a file of pinned versions and hashes
    SOURCE = "source"  # wheels that the farm built from their sdists


class Frontend(StrEnum):
    """The frontend that calls the build backend."""

    HOOKS = "hooks"  # the guest itself, on the unpacked folder (PEP 517)
    PIP = "pip"  # `pip wheel`, which unpacks to a folder of random name


@dataclass(frozen=True, slots=True)
class ToolPin:
    """One line of a file of pinned build tools; the hashes may be of wheels or of the sdist (SHA-256)."""

    name: str
    version: str
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuildTools:
    """Which build tools a task is built with."""

    policy: Policy = Policy.INDEX
    pins: tuple[ToolPin, ...] = ()  # of the policy `pinned`
    file: str = ""  # the file that lists them, for messages
    strict: bool = False  # whether a tool with a hash that is not in the file fails the build
    frontend: Frontend = Frontend.HOOKS


@dataclass(frozen=True, slots=True)
class Profile:
    """Parts of both builds' environments that are set as in someone else's builds; None or empty: our default."""

    name: str
    umask: int | None = None
    build_path: str = ""  # {folder} is replaced with the sdist's file name without its ending
    timezone: str = ""  # POSIX form
    hash_seed: int | None = None

    @property
    def fixes(self) -> tuple[str, ...]:
        """Name the variations that these settings exclude."""
        named = {
            "umask": self.umask is not None,
            "build-path": bool(self.build_path),
            "timezone": bool(self.timezone),
            "hash-seed": self.hash_seed is not None,
        }
        return tuple(name for name, is_fixed in named.items() if is_fixed)


class LineEnds(StrEnum):
    """How the lines of text files end: those of the source, and those that the build writes."""

    AS_IS = ""
    CRLF = "crlf"  # those of the source are as a checkout on Windows has them
    WRITTEN = "written"  # those of what the build writes are as Python has them on Windows
    WINDOWS = "windows"  # both

    @property
    def of_source(self) -> bool:
        """Whether lines of the source end in CR LF."""
        return self in (LineEnds.CRLF, LineEnds.WINDOWS)

    @property
    def of_written(self) -> bool:
        """Whether lines that the build writes end in CR LF."""
        return self in (LineEnds.WRITTEN, LineEnds.WINDOWS)


@dataclass(frozen=True, slots=True)
class Recreation:
    """The settings of a build as its publisher had them, as far as clues show; empty or None: not known."""

    as_of: datetime | None = None  # UTC; build requirements are locked as the index was at that moment
    overrides: tuple[str, ...] = ()  # "setuptools==80.9.0": sorted; they hold whatever the sdist asks for
    source_date_epoch: int | None = None  # None: it is not set
    clock: int | None = None  # seconds since 1970, at which the build's clock begins
    timezone: str = ""  # POSIX form
    umask: int | None = None
    line_ends: LineEnds = LineEnds.AS_IS
    config_settings: tuple[tuple[str, str], ...] = ()  # of the build backend (PEP 517)
    hold: tuple[str, ...] = ()  # variations kept as in the first build, besides those that the above fixes
    repair: str = ""  # the platform for which auditwheel repairs the built wheel: "manylinux_2_28_x86_64"
    repair_with: tuple[str, ...] = ()  # requirements of that: "auditwheel==6.4.2"; those that are not named: any
    variables: tuple[tuple[str, str], ...] = ()  # of the environment: switches that the project's build files read

    @property
    def fixes(self) -> tuple[str, ...]:
        """Name the variations that these settings exclude."""
        named = {
            "umask": self.umask is not None,
            "timezone": bool(self.timezone),
            "time": self.clock is not None,
        }
        return tuple(sorted({*self.hold, *(name for name, is_fixed in named.items() if is_fixed)}))


@dataclass(frozen=True, slots=True)
class Task:
    """One requirement to judge on an image, and the settings for it."""

    requirement: str  # PEP 508, or the path of an sdist or of a project's folder
    image: str  # AUTO_IMAGE until the release is known
    group: str = ""
    hold: tuple[str, ...] = ()  # variations kept as in the first build, and checked to be
    remove: tuple[str, ...] = ()  # variations that are neither controlled nor checked
    source_date_epoch: int | None = None  # seconds since 1970
    limits: Limits = Limits()
    budget: Budget = Budget()
    or_budget: Budget | None = None  # a record made under this id is accepted too
    published: bool = False  # whether the wheel on the index is compared too
    tools: BuildTools = BuildTools()
    profile: Profile | None = None
    hashes: tuple[str, ...] = ()  # the sdist must have one of them (SHA-256), if there are any
    expected: tuple[str, ...] = ()  # hashes of wheels of it that were built elsewhere
    marker: str = ""  # PEP 508; if it does not match the image, nothing is requested
    source: str = ""  # FILE:LINE, if it was requested in a file
    config_settings: tuple[tuple[str, str], ...] = ()  # of the build backend (PEP 517), in every build
    long: bool = False  # assumed to take long until there is a result
    as_of: datetime | None = None  # UTC; build requirements are locked as the index was then; None: as it is
    recreation: Recreation | None = None  # of a published wheel; its settings replace those above
    spread: bool = field(default=False, metadata=LEFT_OUT)  # whether the second build is to run on another host

    @property
    def unvaried(self) -> tuple[str, ...]:
        """The variations that the configuration holds or removes."""
        return (*self.hold, *self.remove)

    @property
    def locked_as_of(self) -> datetime | None:
        """As of when build requirements are locked, UTC: the recreation's moment, or else the task's."""
        return (self.recreation and self.recreation.as_of) or self.as_of


class Require(StrEnum):
    """What a gate requires of each release, the strongest first."""

    REPRODUCIBLE = "reproducible"
    RECIPE = "recipe"  # reproducible, or with a recipe that is proven to give the same bytes
    BUILDS = "builds"  # a wheel is built


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A project that is not built, and why; shown, never dropped."""

    project: str
    reason: str
    since: date
    image: str = ""  # the custom image that may make it unnecessary
    never: bool = False  # not to be lifted


@dataclass(frozen=True, slots=True)
class Tracked:
    """A release that should have a verdict."""

    project: str
    version: str = ""  # normalized (PEP 440); empty: the newest, or any
    image: str = ""  # empty: any
