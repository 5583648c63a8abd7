"""What a build may ask of the kernel, and what it finds of the host, seen from within a real container."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.build import confinement
from orchestrator.build.confinement import Container
from orchestrator.errors import EngineError
from tests.docker.containers import SCRATCH, run_inside

if TYPE_CHECKING:
    from orchestrator.build.engine import Engine
    from orchestrator.model import Image


def looked(engine: Engine, image: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a container
    """Return what a program saw in a container as builds have it."""
    container = Container(
        image,
        ("/usr/bin/python3", "/tests/confined.py"),
        environment={"PATH": "/usr/bin:/bin", "HOME": "/scratch", "MASKED": "|".join(confinement.MASKED)},
        user="2222:2222",
        hostname="hosty",
        domainname="second.example",
        mounts=((str(Path(__file__).parent), "/tests"),),
        scratch={**SCRATCH, "/tmp": SCRATCH["/scratch"].replace("755", "1777")},  # noqa: S108 - of the container
        file_size=128 << 20,
        shared=8 << 20,
        seconds=60,
        **changes,
    )
    completed, printed = run_inside(engine, container)
    assert completed.exit_code == 0
    found: dict[str, Any] = json.loads(printed)
    return found


@pytest.fixture(scope="module")
def seen(engine: Engine, bookworm: Image) -> dict[str, Any]:
    """What a build sees."""
    return looked(engine, bookworm.id)


def check_calls(seen: dict[str, Any]) -> None:
    """Check what a build may ask of the kernel."""
    assert set(seen["not at home"].values()) == {"EAFNOSUPPORT"}, seen["not at home"]
    assert set(seen["other netlink"].values()) == {"EPROTONOSUPPORT"}
    assert {name: told for name, told in seen["refused"].items() if told != "EPERM"} == {}
    # What an engine answers by default: only newer ones can be asked to answer ENOSYS.
    assert set(seen["other personalities"].values()) <= {"EPERM", "ENOSYS"}
    assert set(seen["never there"].values()) == {"ENOSYS"}
    assert {name: told for name, told in seen["needed"].items() if told} == {}
    assert (seen["32 bits"], seen["x32"]) == ("SIGSYS", "SIGSYS")


def check_limits(seen: dict[str, Any]) -> None:
    """Check what a build may use, and what it sees."""
    limits = seen["limits"]
    assert limits["fsize"] == [128 << 20] * 2
    assert seen["too long"] == "EFBIG"
    assert (limits["core"], limits["nofile"], limits["msgqueue"]) == ([0, 0], [4096, 4096], [819_200, 819_200])
    assert limits["nproc"][0] == limits["nproc"][1] == confinement.ceilings().processes
    assert limits["stack"][0] == 8 << 20
    assert (seen["shared"], seen["oom"], seen["group"]) == (8 << 20, "1000", True)
    status = seen["status"]
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"], status["Groups"].strip()) == ("1", "2", "2222")
    assert {path: found for path, found in seen["masked"].items() if found} == {}
    assert seen["hosts"] == ["", ""]
    assert seen["domain"] == "second.example"
    assert seen["owners"] == {"/scratch": [2222, "0o40755"], "/tmp": [2222, "0o41777"]}  # noqa: S108
    assert seen["writable"] == []
    assert [one for one in seen["environment"] if one != "LC_CTYPE"] == ["HOME", "HOSTNAME", "MASKED", "PATH"]


def test_a_build_cannot_ask_the_kernel_for_what_it_does_not_need(seen: dict[str, Any]) -> None:
    """Families of sockets that lead elsewhere, other processes, namespaces, keys: none of it; what is honest works."""
    check_calls(seen)


def test_a_build_is_limited_in_all_that_it_uses_and_sees_little_of_the_host(seen: dict[str, Any]) -> None:
    """Each limit is ours and not the engine's; paths that reveal the host are empty."""
    check_limits(seen)


def test_every_system_call_is_decided_about(engine: Engine, image: Image) -> None:
    """Whatever the kernel's headers in an image name."""
    script = "sed -nE 's/^#define __NR_([a-z0-9_]+) .*/\\1/p' /usr/include/x86_64-linux-gnu/asm/unistd_64.h"
    _, printed = run_inside(engine, Container(image.id, ("/bin/sh", "-c", script), user="2222:2222"))
    named = {name for rule in json.loads(confinement.profile())["syscalls"] for name in rule["names"]}
    assert len(printed.split()) > 300
    assert set(printed.split()) - named == set()


def test_a_runtime_that_the_engine_does_not_have_is_an_error(engine: Engine) -> None:
    """Before anything is built."""
    with pytest.raises(EngineError, match="no-such-runtime"):
        engine.isolate("no-such-runtime")
    engine.isolate("engine")
    assert engine.runtime == ""
