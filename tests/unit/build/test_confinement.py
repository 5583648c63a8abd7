"""How a container is put to an engine: the profile of system calls, the limits, and what each engine is asked for."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from orchestrator.build import confinement
from orchestrator.build.confinement import Ceilings, Container, for_docker, for_podman, limits, owned, start_in_docker
from orchestrator.build.engine import Offer, is_podman, offered, refusal, runtime_of
from orchestrator.errors import EngineError

RULES: list[dict[str, Any]] = json.loads(confinement.profile())["syscalls"]
ALLOW, REFUSE = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"
CEILINGS = Ceilings(processes=32_768, locked=64 << 10)
CONTAINER = Container(
    "image",
    ("/usr/bin/python3", "/guest.py"),
    environment={"TZ": "UTC0"},
    user="2222:2222",
    domainname="second.example",
    mounts=(("/host/sdist", "/sdist"),),
    scratch={"/build": "rw,exec,size=4096,nr_inodes=100,mode=0755,uid=2222,gid=2222", "/tmp": "rw,size=64"},  # noqa: S108
    cpuset="1",
    memory=1 << 30,
    processes=99,
    file_size=5 << 30,
    label="run",
)


def rules(name: str, action: str) -> list[dict[str, Any]]:
    """Return the rules on one system call."""
    return [rule for rule in RULES if name in rule["names"] and rule["action"] == action]


def test_each_system_call_is_decided_about_once() -> None:
    """Allowed or refused whatever its arguments, or else by conditions alone: rules that overlap surprise."""
    plain = Counter(name for rule in RULES if "args" not in rule for name in rule["names"])
    conditional = {name for rule in RULES if "args" in rule for name in rule["names"]}
    assert max(plain.values()) == 1
    assert not conditional & set(plain)
    assert conditional == {"clone", "personality", "prlimit64", "ptrace", "socket", "socketpair"}
    # A filter allows by exact values alone: the kernel takes an int where the filter sees 64 bits.
    compared = {one["op"] for name in ("socket", "socketpair") for rule in rules(name, ALLOW) for one in rule["args"]}
    assert compared == {"SCMP_CMP_EQ"}


def test_only_the_architecture_of_the_images_is_known() -> None:
    """The calls of 32 bits have one for all kinds of sockets, whose arguments no filter sees."""
    whole = json.loads(confinement.profile())
    assert whole["architectures"] == ["SCMP_ARCH_X86_64"]
    assert (whole["defaultAction"], whole["defaultErrnoRet"]) == (REFUSE, 38)


@pytest.mark.parametrize(
    "name",
    [
        *("io_uring_setup", "io_uring_enter", "io_uring_register", "add_key", "keyctl", "request_key", "userfaultfd"),
        *("bpf", "perf_event_open", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"),
        *("mount", "umount2", "unshare", "setns", "fsopen", "open_tree", "move_mount", "pivot_root", "chroot"),
        *("kexec_load", "init_module", "syslog", "open_by_handle_at", "modify_ldt"),
    ],
)
def test_what_no_build_needs_is_refused(name: str) -> None:
    """Always, and as if it lacked the rights."""
    assert not rules(name, ALLOW)
    (rule,) = rules(name, REFUSE)
    assert rule["errnoRet"] == 1


def test_a_c_library_is_sent_back_to_what_can_be_filtered() -> None:
    """ENOSYS is the one error after which glibc tries clone."""
    (rule,) = rules("clone3", REFUSE)
    assert rule["errnoRet"] == 38


@pytest.mark.parametrize(
    ("ceilings", "expected"),
    [
        (Ceilings(32_768), {"fsize": (5 << 30,) * 2, "memlock": (8 << 20,) * 2, "nproc": (32_768,) * 2}),
        (Ceilings(1000, 64 << 10, file_size=1 << 30), {"fsize": (1 << 30,) * 2, "memlock": (64 << 10,) * 2}),
        (Ceilings(1000, stack=4 << 20, queues=0), {"stack": (4 << 20,) * 2, "msgqueue": (0, 0)}),
        (Ceilings(1000), {"stack": (8 << 20, -1), "core": (0, 0), "nofile": (4096,) * 2}),
    ],
)
def test_no_limit_is_left_to_the_engine(ceilings: Ceilings, expected: dict[str, tuple[int, int]]) -> None:
    """Each is as it is asked for, or as high as it can be."""
    found = limits(CONTAINER, ceilings)
    assert set(found) == {"core", "fsize", "memlock", "msgqueue", "nofile", "nproc", "stack"}
    assert {name: found[name] for name in expected} == expected


def test_docker_is_asked_for_everything() -> None:
    """Its own options of a tmpfs give each folder an owner; the domain is its affair, where root is root."""
    start = start_in_docker(CONTAINER, user_namespaces=False)
    assert (start.command, start.user, start.capabilities) == (CONTAINER.command, "2222:2222", ())
    found = for_docker(CONTAINER, start, "", private_groups=True)
    assert found["tmpfs"] == CONTAINER.scratch
    assert found["security_opt"] == ["no-new-privileges", f"seccomp={confinement.profile()}"]
    assert (found["cgroupns"], found["ipc_mode"], found["network_mode"]) == ("private", "private", "none")
    assert (found["oom_score_adj"], found["shm_size"], found["runtime"]) == (1000, 64 << 20, None)
    assert for_docker(CONTAINER, start, "runsc", private_groups=False)["cgroupns"] is None


def test_a_first_step_does_what_an_engine_cannot_and_drops_its_rights() -> None:
    """In Docker with user namespaces the domain's name, in Podman the owners of folders."""
    start = start_in_docker(CONTAINER, user_namespaces=True)
    assert start.user == "0:0"
    assert start.capabilities == ("CHOWN", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN")
    assert start.command[:2] == ("/usr/bin/dash", "-c")
    assert start.command[2].split(" && ") == [
        "/usr/bin/domainname second.example",
        "unset PWD",
        'exec /usr/bin/setpriv --reuid 2222 --regid 2222 --groups 2222 --inh-caps=-all --bounding-set=-all -- "$@"',
    ]
    assert start.command[4:] == CONTAINER.command
    found = for_podman(CONTAINER, "", CEILINGS, rootless=False)
    assert found["command"][2].startswith("/usr/bin/chown 2222:2222 /build && unset PWD && exec ")
    assert found["cap_add"] == ["CAP_CHOWN", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID"]
    assert found["sysctl"] == {"kernel.domainname": "second.example"}
    rootless = for_podman(CONTAINER, "", CEILINGS, rootless=True)
    assert (rootless["sysctl"], rootless["cap_add"][-1]) == ({}, "CAP_SYS_ADMIN")


def test_podman_is_asked_in_its_own_words() -> None:
    """No option of a tmpfs that it refuses; every limit; and no option that was not asked for."""
    found = for_podman(CONTAINER, "runc", CEILINGS, rootless=False)
    mounts = {one["destination"]: one for one in found["mounts"]}
    assert mounts["/build"]["options"] == ["rw", "exec", "size=4096", "mode=0755", "notmpcopyup"]
    assert (mounts["/sdist"]["source"], mounts["/sdist"]["options"][0]) == ("/host/sdist", "ro")
    assert mounts["/etc/hosts"]["source"] == mounts["/etc/resolv.conf"]["source"]
    assert {one["type"]: one["hard"] for one in found["r_limits"]}["stack"] == (1 << 64) - 1
    assert found["resource_limits"]["pids"] == {"limit": 99}
    assert found["resource_limits"]["memory"] == {"limit": 1 << 30, "swap": 1 << 30}
    assert (found["oci_runtime"], found["read_only_filesystem"], found["unsetenvall"]) == ("runc", True, True)
    assert found["env"]["TZ"] == "UTC0"
    plain = Container("image", ("/bin/true",), user="1:1")
    unprepared = for_podman(plain, "", CEILINGS, rootless=True)
    assert (unprepared["command"], unprepared["user"], unprepared["cap_add"]) == (["/bin/true"], "1:1", [])


@pytest.mark.parametrize(
    ("options", "expected"),
    [("rw,uid=5,gid=6", "5:6"), ("rw,uid=5", "5:0"), ("gid=6", "0:6"), ("rw,size=1", None)],
)
def test_the_owner_of_a_folder_is_among_its_options(options: str, expected: str | None) -> None:
    """As mount(8) has them."""
    assert owned({"/x": options}) == ({"/x": expected} if expected else {})


DOCKER = {"Version": "20.10.24", "ApiVersion": "1.41", "Components": [{"Name": "Engine"}]}
PODMAN = {"Version": "4.3.1", "ApiVersion": "1.41", "Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}]}
INFO = {"Runtimes": {"runc": {}, "runsc": {}}, "DefaultRuntime": "runc", "SecurityOptions": ["name=seccomp,profile=x"]}
OWN = {"host": {"security": {"rootless": False}, "cgroupControllers": ["cpuset", "memory", "pids", "cpu"]}}
ROOTLESS: dict[str, Any] = {"host": {"security": {"rootless": True}, "cgroupControllers": ["memory", "pids"]}}


@pytest.mark.parametrize(
    ("info", "own", "expected"),
    [
        (INFO, None, {"name": "Docker", "seccomp": True, "limits": True, "user_namespaces": False}),
        (INFO | {"SecurityOptions": []}, None, {"seccomp": False}),
        (INFO | {"MemoryLimit": False}, None, {"limits": False}),
        (INFO | {"SecurityOptions": ["name=seccomp", "name=userns"]}, None, {"user_namespaces": True, "limits": True}),
        (
            INFO | {"SecurityOptions": ["name=seccomp", "name=rootless"], "CgroupVersion": "1"},
            None,
            {"rootless": True, "user_namespaces": True, "limits": False},
        ),
        (INFO, OWN, {"name": "Podman", "rootless": False, "limits": True}),
        (INFO, ROOTLESS, {"rootless": True, "user_namespaces": True, "limits": False}),
        ({}, {}, {"name": "Podman", "limits": False, "seccomp": False, "runtimes": ()}),
    ],
)
def test_what_an_engine_offers_is_read_from_its_answers(
    info: dict[str, Any], own: dict[str, Any] | None, expected: dict[str, Any]
) -> None:
    """And not found out by trial."""
    found = offered(DOCKER if own is None else PODMAN, info, own)
    assert {name: getattr(found, name) for name in expected} == expected
    assert bool(refusal(found)) is not (found.seccomp and found.limits)


@pytest.mark.parametrize(("version", "expected"), [(DOCKER, False), (PODMAN, True), ({}, False)])
def test_podman_is_known_by_its_version(version: dict[str, Any], *, expected: bool) -> None:
    """It answers as Docker does, and names its parts."""
    assert is_podman(version) is expected


@pytest.mark.parametrize(("api", "expected"), [("1.41", True), ("1.40", False), ("2.0", True), ("", False)])
def test_private_control_groups_are_asked_for_where_there_are_any(api: str, *, expected: bool) -> None:
    """Since the API of Engine 20.10."""
    assert offered({**DOCKER, "ApiVersion": api}, INFO, None).private_groups is expected


@pytest.mark.parametrize(
    ("isolation", "runtimes", "default", "expected"),
    [
        ("engine", ("runc", "runsc"), "runc", ""),
        ("engine", ("crun",), "crun", ""),
        ("engine", ("kata",), "kata", "kata"),
        ("auto", ("runc", "runsc"), "runc", "runsc"),
        ("auto", ("runc",), "runc", ""),
        ("auto", ("runc", "runsc"), "runsc", "runsc"),
        ("runc", ("runc", "runsc"), "runc", ""),
        ("runsc", ("runc", "runsc"), "runc", "runsc"),
        ("runc", ("runc", "runsc"), "runsc", "runc"),
    ],
)
def test_isolation_comes_to_a_runtime(isolation: str, runtimes: tuple[str, ...], default: str, expected: str) -> None:
    """It is named in the record unless it is the engine's own choice, on the host's kernel."""
    assert runtime_of(isolation, Offer("Docker", "20.10", runtimes, default)) == expected


def test_a_runtime_that_is_not_there_is_an_error() -> None:
    """With those that are."""
    with pytest.raises(EngineError, match=r"using the runtime runsc, .* Docker has crun, runc; install it"):
        runtime_of("runsc", Offer("Docker", "20.10", ("crun", "runc"), "runc"))
