"""The vocabulary of the farm, in the order in which its values come to be."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = 2
"""Version of a result's JSON form."""

METHOD = 4
"""Version of the method: raised by any change that may change a verdict, so that all is judged again."""

DAY = 86_400

PURE_TAG = "none-any"

BUILT_HERE = "built-here:"
"""In place of the URL of a wheel that the farm itself built."""


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
class Budget:
    """What may be spent on explaining one difference, over and above the first three builds."""

    builds: int = 16
    seconds: int = 1800  # of builds' real time, together; none is begun that would likely exceed it
    remedies: bool = True  # whether remedies are tried, or only causes isolated


class Policy(StrEnum):
    """Where the tools that a build requires come from."""

    INDEX = "index"  # wheels of the index, locked
    DEBIAN = "debian"  # what the image has from Debian, and nothing else
    PINNED = "pinned"  # a file of pinned versions and hashes, all of it
    SOURCE = "source"  # wheels that the farm built from their sdists


class Frontend(StrEnum):
    """What calls the build backend."""

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
    file: str = ""  # where they stand, for messages
    strict: bool = False  # whether a tool that is not what the file says fails the build
    frontend: Frontend = Frontend.HOOKS


@dataclass(frozen=True, slots=True)
class Profile:
    """What of both builds' environments is as somebody else's builds have it; None or empty: as ours has it."""

    name: str
    umask: int | None = None
    build_path: str = ""  # {folder} stands for the sdist's file name without its ending
    timezone: str = ""  # POSIX form
    hash_seed: int | None = None

    @property
    def fixes(self) -> tuple[str, ...]:
        """Name the variations that it leaves no room for."""
        named = {
            "umask": self.umask is not None,
            "build-path": bool(self.build_path),
            "timezone": bool(self.timezone),
            "hash-seed": self.hash_seed is not None,
        }
        return tuple(name for name, is_fixed in named.items() if is_fixed)


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
    budget: Budget = Budget()
    or_budget: Budget | None = None  # a record that was made under this one will do as well
    published: bool = False  # whether the wheel on the index is compared too
    tools: BuildTools = BuildTools()
    profile: Profile | None = None
    hashes: tuple[str, ...] = ()  # the sdist must bear one of them (SHA-256), where there are any
    expected: tuple[str, ...] = ()  # what somebody else's wheels of it hash to
    marker: str = ""  # PEP 508; where it does not fit the image, nothing is asked for
    source: str = ""  # FILE:LINE, where it was asked for in a file
    config_settings: tuple[tuple[str, str], ...] = ()  # of the build backend (PEP 517), in every build
    long: bool = False  # it is to be taken for long until a result says otherwise


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A project that is not built, and why; shown, never dropped."""

    project: str
    reason: str
    since: date
    image: str = ""  # the custom image that may lift it
    never: bool = False  # nothing shall lift it


@dataclass(frozen=True, slots=True)
class Tracked:
    """What ought to have a verdict."""

    project: str
    version: str = ""  # normalized (PEP 440); empty: the newest, or whichever is found
    image: str = ""  # empty: any


# --- inputs, settled once --------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class Release:
    """One version of one project; `sdist` is None where only wheels were published."""

    project: str  # normalized (PEP 503)
    version: str  # normalized (PEP 440)
    sdist: Sdist | None
    requires_python: str | None = None
    wheels: tuple[OfferedWheel, ...] = ()  # what the index publishes for this version, by file name

    @property
    def wheel_names(self) -> tuple[str, ...]:
        """The file names of the wheels that are published."""
        return tuple(wheel.filename for wheel in self.wheels)


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
    runtime: str = ""  # what its containers are run by; empty: the engine's default


# --- the environment of a build --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything that a build may observe, and that we decide."""

    salt: str  # random and recorded; makes the tokens of the second build unlike any other text
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
    config_settings: tuple[tuple[str, str], ...] = ()  # of the build backend (PEP 517): the task's, and remedies'
    # What remedies ask for; nothing of it is there in the first three builds.
    flags: tuple[str, ...] = ()  # of the C and C++ compilers: CFLAGS, CXXFLAGS
    map_working_folder: bool = False  # every compiler call maps the folder in which it runs to "."
    finish: tuple[str, ...] = ()  # what is done to the wheel once it is built: slugs of postprocess


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
    FINISH = "finish"  # of an experiment alone: what a remedy does to the wheel did not work


class Reason(StrEnum):
    """Why a package failed to build from source."""

    BROKEN_SDIST = "broken-sdist"
    UNSAFE_SDIST = "unsafe-sdist"
    SDIST_TOO_LARGE = "sdist-too-large"
    WRONG_PYTHON = "wrong-python"
    MISSING_BUILD_REQUIREMENT = "missing-build-requirement"
    MISSING_HEADER = "missing-header"
    MISSING_LIBRARY = "missing-library"
    MISSING_TOOL = "missing-tool"
    MISSING_PKG_CONFIG = "missing-pkg-config"
    MISSING_CMAKE_PACKAGE = "missing-cmake-package"
    MISSING_FILE = "missing-file"
    MISSING_CRATE = "missing-crate"
    NEEDS_RUST = "needs-rust"
    NEEDS_NETWORK = "needs-network"
    NEEDS_CRATES = "needs-crates"
    BUILD_ERROR = "build-error"
    TIME_OUT = "time-out"
    OUT_OF_MEMORY = "out-of-memory"
    OUT_OF_SPACE = "out-of-space"
    TOO_MANY_PROCESSES = "too-many-processes"
    TOO_MUCH_OUTPUT = "too-much-output"
    BROKEN_CHANNEL = "broken-channel"
    KILLED = "killed"
    NO_WHEEL = "no-wheel"
    BROKEN_WHEEL = "broken-wheel"
    WRONG_NAME = "wrong-name"
    UNSAFE_WHEEL = "unsafe-wheel"
    WHEEL_TOO_LARGE = "wheel-too-large"


LIMIT_REASONS = frozenset(
    {
        Reason.TIME_OUT,
        Reason.OUT_OF_MEMORY,
        Reason.OUT_OF_SPACE,
        Reason.TOO_MANY_PROCESSES,
        Reason.TOO_MUCH_OUTPUT,
        Reason.BROKEN_CHANNEL,
        Reason.KILLED,
    }
)
"""Builds that were ended, or that broke their channel: one such shows nothing of whether the others would agree."""


class Want(StrEnum):
    """What a build may look for, and not find."""

    HEADER = "header"  # "libxml/xmlversion.h"
    LIBRARY = "library"  # "foo", as in -lfoo
    TOOL = "tool"  # "cmake"
    PKG_CONFIG = "pkg-config"  # "dbus-1", of dbus-1.pc
    CMAKE = "cmake"  # "Qt5", of Qt5Config.cmake
    PYTHON_MODULE = "python-module"  # "numpy"
    DEPENDENCY = "dependency"  # "jpeg": the package does not say how it looked for it


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that a build looked for and did not find; the name is the package's own text, cut."""

    want: Want
    name: str


DETAIL = 2000
"""Characters of a failure's detail."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a build gave no wheel; `detail` is the package's own text, cut, and never to be trusted."""

    reason: Reason
    phase: Phase
    detail: str = ""
    evidence: str = ""  # the one line that shows the reason
    missing: tuple[Missing, ...] = ()  # what that line, and its like, say was not found
    debian_packages: tuple[str, ...] = ()  # of the image's suite, which would help


@dataclass(frozen=True, slots=True)
class WheelFile:
    """A wheel as a file: kept, while there is room, in the store under its hash."""

    filename: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Build:
    """One build in one environment: a wheel, or the reason why there is none."""

    name: str  # first, second, control; of an experiment, what it tries
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


class Severity(StrEnum):
    """How deep a difference goes, in rising order; a wheel's is its deepest member's."""

    NONE = "none"  # the same bytes
    ARCHIVE = "archive"  # times, modes, order, packing of members
    METADATA = "metadata"  # dist-info, and what is derived
    DEBUG = "debug-only"  # all that is loaded at run time is the same
    DATA = "data"  # strings or tables that are loaded, with the same code
    CODE = "code"
    MEMBERS = "members"  # other members, or other tags


LADDER = tuple(Severity)
"""From the same bytes down to the deepest difference."""


def deepest(severities: Iterable[Severity]) -> Severity:
    """Return the deepest of some severities; of none, that of the same bytes."""
    return max(severities, key=LADDER.index, default=Severity.NONE)


@dataclass(frozen=True, slots=True)
class Difference:
    """One disagreement of two wheels; `path` is empty where it is one of the whole archive."""

    path: str
    aspect: Aspect
    consequence: bool = False  # follows from the others, as RECORD does
    severity: Severity | None = None  # None until it is diagnosed


# --- the diagnosis ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Traces:
    """What one build's environment planted, and would be found in its wheel; nothing, where it is unknown."""

    values: tuple[tuple[str, str], ...] = ()  # (variation, the very text), the longest first
    words: tuple[tuple[str, str], ...] = ()  # the same, of what stands in many a text by chance
    clock: tuple[float, float] | None = None  # the build's clock, first and last, in seconds since 1970
    utc_offset: int = 0  # seconds
    source_date_epoch: int | None = None


class Proof(StrEnum):
    """What stands behind a cause."""

    TRACE = "trace"  # erasing its trace makes the difference go away
    ISOLATED = "isolated"  # and so does holding its variations, and nothing less


@dataclass(frozen=True, slots=True)
class Evidence:
    """One place where two wheels show a cause, side by side; the texts are printable, cut, and not to be trusted."""

    path: str  # of the member; empty for the archive itself
    where: str  # the section, line or field
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Blame:
    """A cause that was found in a pair of wheels; `name` is its slug in the catalogue."""

    name: str
    members: tuple[str, ...]  # the paths of the first wheel that show it, sorted
    variations: tuple[str, ...] = ()  # which do it; empty: none does, it differs by itself
    proof: Proof = Proof.TRACE
    evidence: tuple[Evidence, ...] = ()  # a few


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A difference that is left when the traces of all known causes are erased."""

    path: str
    aspect: Aspect
    where: str = ""  # the section, line or field; empty where it is the whole


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How deep a difference goes, what does it, and what stays unexplained."""

    severity: Severity
    causes: tuple[Blame, ...]
    unexplained: tuple[Unexplained, ...]
    differences: tuple[Difference, ...]  # each with its severity


@dataclass(frozen=True, slots=True)
class Experiment:
    """One build that was made to prove something, and the build that it was compared with."""

    build: str  # its name among the builds
    against: str  # the name of the other
    hold: tuple[str, ...]  # the variations that were held
    remedies: tuple[str, ...]  # what was applied to both
    equal: bool  # the bytes and the name
    severity: Severity | None = None  # where they differ and were looked at


class Outcome(StrEnum):
    """What became of a remedy."""

    PROVEN = "proven"
    REJECTED = "rejected"
    NOT_TRIED = "not-tried"


@dataclass(frozen=True, slots=True)
class Remedied:
    """A remedy that the causes suggest, and what came of it; `name` is its slug in the catalogue."""

    name: str
    outcome: Outcome
    severity_after: Severity | None = None  # None where it was not tried, or the build failed
    why: str = ""  # one sentence, where it was rejected or not tried


@dataclass(frozen=True, slots=True)
class Kind:
    """What the wheel is for, against what the index publishes for the version: tags, as in file names."""

    ours: tuple[str, ...]
    published: tuple[str, ...]  # empty: the index has no wheels of it
    fallback: bool = False  # ours is pure where all that is published is for a platform


@dataclass(frozen=True, slots=True)
class Published:
    """The wheel on the index as a third party: how it differs from the first build's.

    Where the name alone tells them apart, because one is for manylinux and the other for the very
    machine, that is no difference here: the two file names are seen anyway.
    """

    filename: str  # empty: the index has none for the same tags
    sha256: str
    same: bool
    severity: Severity | None = None
    causes: tuple[Blame, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()


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
    # Explained, where two builds differ.
    severity: Severity | None = None  # None where it could not be looked at, or nothing was built
    causes: tuple[Blame, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    remedies: tuple[Remedied, ...] = ()
    recipe: tuple[str, ...] = ()  # the smallest set of remedies that was proven to give equal bytes
    left_open: str = ""  # what the budget did not allow to be found out
    builds_compared: int = 0  # how many builds gave the first's very bytes, itself included
    flake_bound: float | None = None  # the highest rate at which another build may differ unseen, at 95 %
    kind: Kind | None = None
    published: Published | None = None
    tools: tuple[Tool, ...] = ()  # build requirements that were built here, in the order in which they were
    provided: tuple[Provided, ...] = ()  # build requirements that the image has from Debian
    expected: tuple[str, ...] = ()  # what somebody else's wheels of it hash to


# --- exclusions ------------------------------------------------------------------------------


class Fate(StrEnum):
    """What became of an exclusion when it was checked."""

    STILL_NEEDED = "still-needed"
    LIFTED = "lifted"  # its custom image builds it
    STALE = "stale"  # the stock image builds it
    NEVER = "never"  # it is not to be lifted, whatever is built


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an excluded project came to on one image; the whole story is the record of the job."""

    image: str
    version: str
    job: str
    verdict: Verdict
    why: str = ""  # as the record's reason


@dataclass(frozen=True, slots=True)
class ExclusionCheck:
    """One check of one exclusion."""

    project: str  # normalized (PEP 503)
    checked: datetime
    outcome: Fate
    why: str  # one sentence
    stock: Attempt  # on the image that it would be built on if it were not excluded
    custom: Attempt | None = None  # on the image that the exclusion names
    wheelproof: str = ""
