"""One build: its environment, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.model.digest import LEFT_OUT

# --- the environment of a build --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything that a build may observe and that we control."""

    salt: str  # random and recorded; makes the second build's planted values unique
    build_path: str  # the folder with the unpacked source
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
    cpus: int | None  # None: all of the host's
    reverse_files: bool  # list folders in the opposite order
    hash_seed: int
    tmpdir: str
    environment_path: str  # where the build requirements are mounted
    shell: str  # the shell behind /bin/sh
    source_date_epoch: int | None
    config_settings: tuple[
        tuple[str, str], ...
    ] = ()  # of the build backend (PEP 517): the task's and those of remedies
    line_ends: str = ""  # of text files, as `LineEnds` has them; empty: as in the sdist, and as on Linux
    repair: str = ""  # the platform for which auditwheel repairs the built wheel: "manylinux_2_28_x86_64"
    recipe: str = ""  # SHA-256 of the recipe that was run; empty: the build backend was called
    host: str = field(default="", metadata=LEFT_OUT)  # "second": another host; empty: the job's own
    # Settings of remedies in records of earlier releases.
    flags: tuple[str, ...] = ()  # of the C and C++ compilers: CFLAGS, CXXFLAGS
    map_working_folder: bool = False  # every compiler call maps the folder in which it runs to "."
    finish: tuple[str, ...] = ()  # steps applied to the finished wheel: slugs of postprocess


@dataclass(frozen=True, slots=True)
class Probe:
    """The environment as the container observed it before any of the package's code ran."""

    build_path: str
    hostname: str
    domainname: str
    clock: float  # seconds since 1970, by the build's clock
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
    # What shows the host. Empty: not known, or a record of an earlier release.
    processor: str = ""  # the model of the first processor, as /proc/cpuinfo has it
    cpu_flags: str = ""  # 16 hex digits of the SHA-256 of its flags in alphabetical order: its instruction set
    kernel_version: str = ""  # of /proc/version, which setarch(8) does not change
    # The identity of the host's running kernel (random(4)). A build cannot see it: another container reads it.
    boot_id: str = ""


# --- the outcome of a build ------------------------------------------------------------------


class Phase(StrEnum):
    """The step of a build that failed."""

    UNPACK = "unpack"
    REQUIREMENTS = "requirements"
    BUILD_SDIST = "build-sdist"
    BUILD_WHEEL = "build-wheel"
    WHEEL = "wheel"
    FINISH = "finish"  # the repair of a wheel; in records of earlier releases, a step of a remedy


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
    NEEDS_CHECKOUT = "needs-checkout"
    NEEDS_ANSWER = "needs-answer"
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
"""Reasons of builds that were ended or broke their channel: they do not show whether other builds would agree."""


class Want(StrEnum):
    """The kinds of things that a build may lack."""

    HEADER = "header"  # "libxml/xmlversion.h"
    LIBRARY = "library"  # "foo", as in -lfoo
    TOOL = "tool"  # "cmake"
    PKG_CONFIG = "pkg-config"  # "dbus-1", of dbus-1.pc
    CMAKE = "cmake"  # "Qt5", of Qt5Config.cmake
    PYTHON_MODULE = "python-module"  # "numpy"
    DEPENDENCY = "dependency"  # "jpeg": the kind of search is unknown


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that a build did not find; the name is text from the package, cut."""

    want: Want
    name: str


DETAIL = 2000
"""Characters of a failure's detail."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a build gave no wheel; `detail` is untrusted text from the package, cut."""

    reason: Reason
    phase: Phase
    detail: str = ""
    evidence: str = ""  # the line that shows the reason
    missing: tuple[Missing, ...] = ()  # the missing things named by that line and similar ones
    debian_packages: tuple[str, ...] = ()  # of the image's suite, which provide what is missing


@dataclass(frozen=True, slots=True)
class WheelFile:
    """A wheel as a file: in the store under its hash, while there is room."""

    filename: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Build:
    """One build in one environment: a wheel, or the reason why there is none."""

    name: str  # first, second, control; or the name of an experiment
    environment: Environment
    wheel: WheelFile | None
    failure: Failure | None
    probe: Probe | None  # None where not even the sdist could be unpacked
    seconds: float  # of real time, including the container
    cpu_seconds: float  # of processor time, only of the build backend's hook and its children
    log: str = ""  # SHA-256 of the log in the store
