"""The rights and limits of a container, as the API of its engine takes them: Docker's, or Podman's own."""

from __future__ import annotations

import json
import resource
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LABEL = "wheelproof"
"""Every container of ours has this label; its value names the results that the run works on."""

SHARED = 64 << 20
"""Bytes of /dev/shm, at most: the default of both engines."""

QUEUES = 819_200
"""Bytes of all POSIX message queues of a user: the kernel's default (mq_overview(7))."""

LOCKED = 8 << 20
"""Bytes that a process may lock in memory: the kernel's default since 5.16 (getrlimit(2))."""

STACK = 8 << 20
"""Bytes of a stack, which a process may raise."""

UNLIMITED = resource.RLIM_INFINITY

EXPENDABLE = 1000
"""The oom_score_adj of a build: a host without memory kills builds before anything else (proc(5))."""

USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What Docker gives a container that names no PATH."""

MASKED = (
    # Those that both engines hide.
    *("/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug"),
    *("/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware", "/sys/devices/virtual/powercap"),
    # How the host was started, its hardware and its other work: no wheel needs these.
    *("/proc/buddyinfo", "/proc/bus", "/proc/cmdline", "/proc/config.gz", "/proc/consoles", "/proc/diskstats"),
    *("/proc/dma", "/proc/driver", "/proc/execdomains", "/proc/fs", "/proc/interrupts", "/proc/iomem", "/proc/ioports"),
    *("/proc/irq", "/proc/kallsyms", "/proc/key-users", "/proc/kmsg", "/proc/kpagecgroup", "/proc/kpagecount"),
    *("/proc/kpageflags", "/proc/locks", "/proc/mdstat", "/proc/misc", "/proc/modules", "/proc/mtrr"),
    *("/proc/pagetypeinfo", "/proc/partitions", "/proc/pressure", "/proc/schedstat", "/proc/slabinfo"),
    *("/proc/softirqs", "/proc/swaps", "/proc/sys/kernel/random/boot_id", "/proc/tty", "/proc/vmallocinfo"),
    *("/proc/vmstat", "/proc/zoneinfo", "/sys/block", "/sys/bus", "/sys/dev", "/sys/devices/LNXSYSTM:00"),
    *("/sys/devices/pci0000:00", "/sys/devices/platform", "/sys/devices/pnp0", "/sys/devices/virtual/block"),
    *("/sys/devices/virtual/dmi", "/sys/fs/bpf", "/sys/fs/btrfs", "/sys/fs/ext4", "/sys/fs/fuse", "/sys/fs/pstore"),
    *("/sys/fs/xfs", "/sys/hypervisor", "/sys/kernel", "/sys/module", "/sys/power"),
)
"""Paths that a build finds empty."""

READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
"""Paths that no user of a container may write to."""

PREPARERS = ("CHOWN", "SETGID", "SETPCAP", "SETUID")
"""Capabilities of the step that gives scratch folders to their user if the engine cannot; it drops them all."""

NAMERS = ("SYS_ADMIN",)
"""Further capabilities of that step if it sets the domain name: only if root in the container is nobody on the host."""

_OWN = frozenset({"uid", "gid", "nr_inodes"})
"""Options of a tmpfs that Podman refuses."""


class Network(StrEnum):
    """The network of a container. Only the method of 2020 has another one than none (decision 36)."""

    NONE = "none"
    BRIDGE = "bridge"  # the engine's own, behind the host's address
    HOST = "host"  # the host's: its loopback, too


@dataclass(frozen=True, slots=True)
class Container:
    """All that the engine needs to run one command in one container."""

    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = "0:0"
    hostname: str = "wheelproof"
    domainname: str = ""
    workdir: str = "/"
    mounts: tuple[tuple[str, str], ...] = ()  # (host's path, path inside), read-only
    scratch: Mapping[str, str] = field(default_factory=dict)  # path inside -> tmpfs options
    cpuset: str = ""  # "0", "0-3"; all when empty
    memory: int = 1 << 30  # bytes
    processes: int = 256
    files: int = 4096
    file_size: int = 4 << 30  # bytes of one file
    shared: int = SHARED  # bytes of /dev/shm; they count as memory, too
    seconds: float = 600
    label: str = ""
    loopback: bool = False  # whether it has a loopback interface
    network: Network = Network.NONE  # of builds and all else that a verdict follows from: none


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The most that limits may be set to: an engine without CAP_SYS_RESOURCE cannot raise its own."""

    processes: int
    locked: int = UNLIMITED
    stack: int = UNLIMITED
    queues: int = UNLIMITED
    file_size: int = UNLIMITED


def ceilings() -> Ceilings:
    """Read the hard limits of this process, which a local engine shares, and how many processes the host can have."""
    most = int(Path("/proc/sys/kernel/pid_max").read_text(encoding="ascii"))
    return Ceilings(
        _least(most, _hard(resource.RLIMIT_NPROC)),
        _hard(resource.RLIMIT_MEMLOCK),
        _hard(resource.RLIMIT_STACK),
        _hard(resource.RLIMIT_MSGQUEUE),
        _hard(resource.RLIMIT_FSIZE),
    )


def _hard(limit: int) -> int:
    return resource.getrlimit(limit)[1]


def _least(*limits: int) -> int:
    """Return the lowest of some limits, where UNLIMITED is the highest."""
    return min((limit for limit in limits if limit != UNLIMITED), default=UNLIMITED)


def limits(container: Container, most: Ceilings) -> dict[str, tuple[int, int]]:
    """Return every limit of a container's processes, soft and hard (setrlimit(2)); none is left to the engine.

    The limit on processes counts those of a user on the whole host, of all builds together. So it is as
    high as possible, and `pids_limit` bounds one build.
    """
    same = {
        "core": 0,
        "fsize": _least(container.file_size, most.file_size),
        "memlock": _least(LOCKED, most.locked),
        "msgqueue": _least(QUEUES, most.queues),
        "nofile": container.files,
        "nproc": most.processes,
    }
    return {name: (limit, limit) for name, limit in same.items()} | {
        "stack": (_least(STACK, most.stack), most.stack),
    }


@cache
def profile() -> str:
    """Return the seccomp profile of every container, as JSON in the form that both engines take."""
    return json.dumps(json.loads(_data("seccomp.json").read_bytes()), separators=(",", ":"))


def _data(name: str) -> Path:
    """Return the path of a file of this package: Podman is given paths."""
    return Path(str(resources.files("orchestrator.build").joinpath(name)))


# --- a first step ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """How a container starts: perhaps with a step before its command, which needs rights and drops them."""

    command: tuple[str, ...]
    user: str
    capabilities: tuple[str, ...] = ()


def started(container: Container, owners: Mapping[str, str], domain: str) -> Start:
    """Return how a container starts if scratch folders need an owner, or the domain a name.

    The step runs programs of the image, by their paths, and no code of a package. The command after it
    has no capabilities and cannot get any.
    """
    if not owners and not domain:
        return Start(container.command, container.user)
    user, _, group = container.user.partition(":")
    user_only = f"--reuid {user} --regid {group} --groups {group} --inh-caps=-all --bounding-set=-all"
    steps = (
        *(f"/usr/bin/chown {owner} {quote(path)}" for path, owner in owners.items()),
        *((f"/usr/bin/domainname {quote(domain)}",) if domain else ()),
        "unset PWD",  # set by the shell; containers do not have it
        f'exec /usr/bin/setpriv {user_only} -- "$@"',
    )
    command = ("/usr/bin/dash", "-c", " && ".join(steps), "prepare", *container.command)
    return Start(command, "0:0", (*PREPARERS, *(NAMERS if domain else ())))


# --- Docker ----------------------------------------------------------------------------------


def start_in_docker(container: Container, *, user_namespaces: bool) -> Start:
    """Return how Docker starts a container: where root is nobody, the engine cannot name the domain itself."""
    return started(container, {}, container.domainname if user_namespaces else "")


def for_docker(container: Container, start: Start, runtime: str, *, private_groups: bool) -> dict[str, Any]:
    """Return what docker's `create_host_config` takes, but for the limits and the paths that are masked."""
    return {
        "network_mode": container.network.value,
        "init": False,  # the command itself is process 1, whatever the engine's default
        "ipc_mode": "private",
        "cgroupns": "private" if private_groups else None,
        "runtime": runtime or None,
        "read_only": True,
        "cap_add": list(start.capabilities),
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges", f"seccomp={profile()}"],
        "binds": [f"{outside}:{inside}:ro" for outside, inside in container.mounts],
        "tmpfs": dict(container.scratch),
        "shm_size": container.shared,
        "cpuset_cpus": container.cpuset or None,
        "mem_limit": container.memory,
        "memswap_limit": container.memory,
        "pids_limit": container.processes,
        "oom_score_adj": EXPENDABLE,
    }


# --- Podman ----------------------------------------------------------------------------------


_PODMAN_NETWORKS = {Network.NONE: "none", Network.BRIDGE: "default", Network.HOST: "host"}
"""Without root, Podman's default is no bridge, but is as far from the host's network."""


def for_podman(container: Container, runtime: str, most: Ceilings, *, rootless: bool) -> dict[str, Any]:
    """Return a container as Podman's own API takes it (libpod's SpecGenerator).

    Podman's imitation of Docker's API has no domain name, no seccomp profile as text, adds variables
    and hosts, and mounts writable folders over a read-only root. Its own API does none of this.
    A tmpfs can have no owner there, which is why there is a first step. Without root, that names the
    domain, too.
    """
    start = started(container, owned(container.scratch), container.domainname if rootless else "")
    empty = str(_data("empty"))
    networked = container.network is not Network.NONE
    return {
        "user": start.user,
        "cap_add": [f"CAP_{capability}" for capability in start.capabilities],
        "image": container.image,
        "command": list(start.command),
        "entrypoint": [],
        "env": {"PATH": USUAL_PATH, **container.environment},
        "unsetenvall": True,
        "hostname": container.hostname,
        "sysctl": {"kernel.domainname": container.domainname} if container.domainname and not rootless else {},
        "work_dir": container.workdir,
        **{space: {"nsmode": "private"} for space in ("cgroupns", "ipcns", "pidns", "utsns")},
        "netns": {"nsmode": _PODMAN_NETWORKS[container.network]},
        "use_image_hosts": not networked,
        "use_image_resolve_conf": not networked,
        "read_only_filesystem": True,
        "image_volume_mode": "ignore",
        "cap_drop": ["all"],
        "no_new_privileges": True,
        "seccomp_profile_path": str(_data("seccomp.json")),
        "mask": list(MASKED),
        "mounts": [
            *(_tmpfs(path, options) for path, options in container.scratch.items()),
            *(_bind(outside, inside) for outside, inside in container.mounts),
            # As Docker has them.
            *(() if networked else (_bind(empty, path) for path in ("/etc/hosts", "/etc/resolv.conf"))),
        ],
        "shm_size": container.shared,
        "resource_limits": {
            "memory": {"limit": container.memory, "swap": container.memory},
            "pids": {"limit": container.processes},
            "cpu": {"cpus": container.cpuset} if container.cpuset else {},
        },
        "r_limits": [
            {"type": name, "soft": _unsigned(soft), "hard": _unsigned(hard)}
            for name, (soft, hard) in limits(container, most).items()
        ],
        "oom_score_adj": EXPENDABLE,
        "oci_runtime": runtime,
        "labels": {LABEL: container.label},
        "log_configuration": {"driver": "none"},
    }


def owned(scratch: Mapping[str, str]) -> dict[str, str]:
    """Return the owner, uid:gid, of each scratch folder that names one among its options."""
    owners = {}
    for path, options in scratch.items():
        named = dict(option.partition("=")[::2] for option in options.split(","))
        if "uid" in named or "gid" in named:
            owners[path] = f"{named.get('uid', '0')}:{named.get('gid', '0')}"
    return owners


def _tmpfs(path: str, options: str) -> dict[str, Any]:
    known = _without(options.split(","), _OWN)
    return {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": [*known, "notmpcopyup"]}


def _without(options: Iterable[str], names: frozenset[str]) -> list[str]:
    return [option for option in options if option.partition("=")[0] not in names]


def _bind(outside: str, inside: str) -> dict[str, Any]:
    return {"destination": inside, "type": "bind", "source": outside, "options": ["ro", "rbind", "rprivate"]}


def _unsigned(limit: int) -> int:
    return limit & ((1 << 64) - 1)  # as a rlim_t
