"""What is asked of the farm: tasks, their limits and their tools."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

DAY = 86_400


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
