"""The vocabulary of the farm, in the order in which its values come to be."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum

from packaging.specifiers import InvalidSpecifier, SpecifierSet

SCHEMA = 1
"""Version of a result's JSON form."""

METHOD = 1
"""Version of the method: raised by any change that may change a verdict, so that all is judged again."""

DAY = 86_400

PURE_TAG = "none-any"


def digest(value: object) -> str:
    """Return the SHA-256 of a JSON-like value, dataclasses and all, whatever the order of its keys."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: object) -> object:
    """Turn what JSON has no form for into what it has."""
    if isinstance(value, date):
        return value.isoformat()
    return asdict(value)  # type: ignore[call-overload] # of anything else, a TypeError tells


# --- what is asked for -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    """What one build may use; sizes in bytes, time in seconds of real time."""

    seconds: int = 1800
    memory: int = 6 << 30
    scratch: int = 4 << 30  # lies in memory, and counts there too
    processes: int = 1024
    files: int = 4096  # open at once, in one process
    log: int = 32 << 20
    download: int = 1 << 30  # an sdist, packed
    sdist: int = 4 << 30  # an sdist, unpacked
    members: int = 200_000
    wheel: int = 2 << 30  # both packed and unpacked


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to judge: a requirement on an image, and how it is to be judged."""

    requirement: str  # PEP 508, or the path of an sdist or of a project's folder
    image: str
    group: str = ""
    hold: tuple[str, ...] = ()  # variations kept as in the first build, and seen to be
    remove: tuple[str, ...] = ()  # variations that nobody controls or looks at
    source_date_epoch: int | None = None  # seconds since 1970
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A project that is not built, and why; shown, never dropped."""

    project: str
    reason: str
    since: date
    image: str = ""  # the custom image that may lift it


# --- inputs, settled once --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sdist:
    """A source distribution as the index, or the user's own disk, offers it."""

    filename: str
    url: str
    sha256: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """One version of one project; `sdist` is None where only wheels were published."""

    project: str  # normalized (PEP 503)
    version: str  # normalized (PEP 440)
    sdist: Sdist | None
    requires_python: str | None = None
    wheels: tuple[str, ...] = ()  # the file names that the index publishes for this version


def admits(requires_python: str | None, python: str) -> bool:
    """Tell whether a Requires-Python admits a Python: 3.11.2, or 3.11, read as its newest patch release.

    One that cannot be read admits all, as it does for installers.
    """
    full = python if python.count(".") > 1 else f"{python}.999"
    try:
        return SpecifierSet(requires_python or "").contains(full, prereleases=True)
    except InvalidSpecifier:
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


@dataclass(frozen=True, slots=True)
class Lock:
    """All build requirements of one build, sorted by name."""

    pins: tuple[Pin, ...] = ()

    @property
    def digest(self) -> str:
        """What the lock installs, wherever it was downloaded from."""
        return digest([(pin.name, pin.version, pin.sha256) for pin in self.pins])


@dataclass(frozen=True, slots=True)
class Drift:
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
    drift: tuple[Drift, ...] = ()


# --- the environment of a build --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything that a build may observe, and that we decide."""

    salt: str  # random and recorded; makes the tokens of a build unique
    build_path: str  # the folder that holds the unpacked source
    hostname: str
    domainname: str
    clock_offset: int  # seconds that the build's clock is ahead of the real one
    timezone: str  # POSIX form
    locale: str
    language: str
    umask: int
    user: str
    uid: int
    login_shell: str
    home: str
    path: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    uname26: bool
    cpus: int | None  # None: all that there are
    reverse_files: bool  # list folders in the other order
    hash_seed: int
    tmpdir: str
    environment_path: str  # where the build requirements are mounted
    shell: str  # what /bin/sh is
    source_date_epoch: int | None


@dataclass(frozen=True, slots=True)
class Probe:
    """What a container saw of its environment before any of the package's code ran."""

    build_path: str
    hostname: str
    domainname: str
    clock: float  # seconds since 1970, as the build sees them
    utc_offset: int  # seconds
    locale: str
    language: str
    umask: int
    uid: int
    user: str
    login_shell: str
    home: str
    home_exists: bool
    path: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    kernel: str
    cpus: int
    listing: tuple[str, ...]
    hash_of_word: int  # hash() of a fixed string: shows the hash seed
    tmpdir: str
    environment_path: str
    shell: str
    interfaces: tuple[str, ...]


# --- what a build leaves ---------------------------------------------------------------------


class Phase(StrEnum):
    """The step of a build that failed."""

    UNPACK = "unpack"
    REQUIREMENTS = "requirements"
    BUILD_SDIST = "build-sdist"
    BUILD_WHEEL = "build-wheel"
    WHEEL = "wheel"


class Reason(StrEnum):
    """Why a package failed to build from source."""

    BROKEN_SDIST = "broken-sdist"
    UNSAFE_SDIST = "unsafe-sdist"
    SDIST_TOO_LARGE = "sdist-too-large"
    WRONG_PYTHON = "wrong-python"
    MISSING_BUILD_REQUIREMENT = "missing-build-requirement"
    NEEDS_NETWORK = "needs-network"
    BUILD_ERROR = "build-error"
    TIME_OUT = "time-out"
    OUT_OF_MEMORY = "out-of-memory"
    OUT_OF_SPACE = "out-of-space"
    TOO_MANY_PROCESSES = "too-many-processes"
    TOO_MUCH_OUTPUT = "too-much-output"
    NO_WHEEL = "no-wheel"
    BROKEN_WHEEL = "broken-wheel"
    UNSAFE_WHEEL = "unsafe-wheel"
    WHEEL_TOO_LARGE = "wheel-too-large"


LIMIT_REASONS = frozenset(
    {Reason.TIME_OUT, Reason.OUT_OF_MEMORY, Reason.OUT_OF_SPACE, Reason.TOO_MANY_PROCESSES, Reason.TOO_MUCH_OUTPUT}
)
"""Failures at a limit of ours: one such build says nothing about whether the others would agree."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a build gave no wheel; `detail` is the package's own text, cut, and never to be trusted."""

    reason: Reason
    phase: Phase
    detail: str = ""


@dataclass(frozen=True, slots=True)
class WheelFile:
    """A wheel as a file: kept, while there is room, in the store under its hash."""

    filename: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Build:
    """One build in one environment: a wheel, or the reason why there is none."""

    name: str  # first, second, control
    environment: Environment
    wheel: WheelFile | None
    failure: Failure | None
    probe: Probe | None  # None where not even the sdist could be unpacked
    seconds: float  # of real time, container and all
    cpu_seconds: float  # of processor time, in the build backend's hook and its children alone
    log: str = ""  # SHA-256 of the log in the store


# --- comparison ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a wheel: everything that a rebuild has to match."""

    path: str
    sha256: str
    size: int
    mode: int  # the 16 bits of the external attributes that hold st_mode
    time: tuple[int, int, int, int, int, int]  # year to second, in steps of two
    packing: str  # digest of how it is packed: compression, flags, extra fields, system
    packed: str  # SHA-256 of the bytes as they are packed


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel, unpacked as far as comparison needs it; members in the archive's order."""

    filename: str
    sha256: str
    members: tuple[Member, ...] = ()
    record: tuple[str, ...] = ()  # the lines of its RECORD


class Aspect(StrEnum):
    """In what two wheels disagree."""

    FILENAME = "filename"
    TAGS = "tags"
    PRESENCE = "presence"
    CONTENT = "content"
    MODE = "mode"
    TIME = "time"
    ORDER = "order"
    PACKING = "packing"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement of two wheels; `path` is empty where it is one of the whole archive."""

    path: str
    aspect: Aspect
    consequence: bool = False  # follows from the others, as RECORD does


# --- the judgement ---------------------------------------------------------------------------


class Verdict(StrEnum):
    """Where a release stands."""

    REPRODUCIBLE = "reproducible"
    SENSITIVE = "sensitive"
    INTRINSIC = "intrinsic"
    FTBFS = "ftbfs"
    NO_SDIST = "no-sdist"
    EXCLUDED = "excluded"


class Mode(StrEnum):
    """What was asked of a variation."""

    VARIED = "varied"
    HELD = "held"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Variant:
    """What became of one variation in one job."""

    name: str
    mode: Mode
    acted: bool  # the two builds were seen to differ in it


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


@dataclass(frozen=True, slots=True)
class UsedImage:
    """The image of a result."""

    name: str
    id: str
    manifest: str
    base: str
    drift: tuple[Drift, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What one job found in one run; the JSON of results/, field by field."""

    schema: int
    job: str
    project: str
    version: str
    image: UsedImage
    verdict: Verdict
    holds: tuple[str, ...]
    reason: str  # of ftbfs: a Reason; otherwise one sentence, or nothing
    failure: Failure | None
    sdist: Sdist | None
    build_requirements: tuple[Pin, ...]
    source_date_epoch: int | None
    builds: tuple[Build, ...]
    variations: tuple[Variant, ...]
    differences: tuple[Difference, ...]
    inputs: Inputs | None  # None where nothing had to be settled: no-sdist
    requirement: str
    started: datetime
    finished: datetime
    wheelproof: str
