"""How the method of 2020 is run: its container, its network, and the report of its program."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.build.confinement import Container, Network, ceilings, for_docker, for_podman, start_in_docker
from orchestrator.errors import EngineError, TransientIndexError, UsageError
from orchestrator.farm.method_2020 import Connection, connection, container, judged, parse, same_release, variables
from orchestrator.guest.method_2020 import difference
from orchestrator.model import Limits, Task
from orchestrator.model.method_2020 import Outcome2020, PipBuild, PipWheel, Trial, Verdict2020

if TYPE_CHECKING:
    from pathlib import Path

INDEX = "https://index.example/simple/"
REPORT: dict[str, Any] = {
    "requirement": "six",
    "pip": "23.0",
    "python": "3.11.2",
    "builds": [{"seconds": 1.5, "status": 0, "wheels": [{"filename": "six-1-py3-none-any.whl", "sha256": "a" * 64}]}]
    * 2,
    "alone": [],
    "differences": [],
}


def nowhere(_path: str) -> bool:
    """Return that there is no such file."""
    return False


def test_the_container_has_a_network_and_otherwise_what_a_build_has() -> None:
    """No capabilities, no new privileges, the filter of system calls, a read-only root, every limit."""
    limits = Limits(seconds=100, memory=1 << 30, processes=50)
    made = container("image", ("six", "idna"), limits, Connection(certificates="/etc/hostname"), "label")
    assert (made.network, made.seconds, made.memory, made.processes) == (Network.BRIDGE, 460, 1 << 30, 50)
    host = for_docker(made, start_in_docker(made, user_namespaces=False), "", private_groups=True)
    build = replace(made, network=Network.NONE)
    other = for_docker(build, start_in_docker(build, user_namespaces=False), "", private_groups=True)
    assert {name for name in host if host[name] != other[name]} == {"network_mode"}
    assert (host["network_mode"], host["cap_drop"], host["read_only"]) == ("bridge", ["ALL"], True)


@pytest.mark.parametrize(("network", "mode"), [("none", "none"), ("bridge", "default"), ("host", "host")])
def test_podman_has_the_same_networks(network: str, mode: str) -> None:
    """Its files of names are empty where there is no network."""
    found = for_podman(Container("image", (), network=Network(network)), "", ceilings(), rootless=True)
    assert found["netns"] == {"nsmode": mode}
    hidden = {mount["destination"] for mount in found["mounts"]} & {"/etc/hosts", "/etc/resolv.conf"}
    assert len(hidden) == (2 if network == "none" else 0)
    assert found["use_image_resolve_conf"] is (network == "none")


def test_a_container_has_no_network_unless_it_names_one() -> None:
    """That of a build names none."""
    assert Container("image", ()).network is Network.NONE


def test_the_environment_is_that_of_2020() -> None:
    """The constant epoch, and nothing of the farm's; the rest only reaches the index."""
    assert variables(Connection()) == {"HOME": "/tmp", "SOURCE_DATE_EPOCH": "1596163658"}  # noqa: S108
    named = variables(
        Connection(index=INDEX, proxies=(("http_proxy", "http://proxy:1"),), certificates="/certificates")
    )
    assert (named["PIP_INDEX_URL"], named["http_proxy"]) == (INDEX, "http://proxy:1")
    assert named["PIP_CERT"].endswith("/certificates")


def test_certificates_are_the_host_s() -> None:
    """Those that a variable names, or those of the distribution."""
    assert connection(Network.BRIDGE, INDEX, {"SSL_CERT_FILE": "/own"}, lambda _path: True).certificates == "/own"
    assert connection(Network.BRIDGE, INDEX, {}, lambda path: "pki" in path).certificates.startswith("/etc/pki")
    assert connection(Network.BRIDGE, INDEX, {}, nowhere) == Connection(Network.BRIDGE, INDEX)


@pytest.mark.parametrize(
    ("network", "index", "environment", "why"),
    [
        ("bridge", INDEX, {"https_proxy": "http://me:secret@proxy:1"}, "packages could read it"),
        ("host", INDEX, {"HTTP_PROXY": "me:secret@proxy:1"}, "packages could read it"),
        ("bridge", "http://127.0.0.1:3141/simple/", {}, "--network host"),
        ("bridge", INDEX, {"http_proxy": "http://localhost:1"}, "--network host"),
        ("bridge", INDEX, {"http_proxy": "[::1]:8080"}, "--network host"),
        ("host", INDEX, {"http_proxy": "http://[secret"}, "http_proxy is not an address"),
    ],
)
def test_what_would_leak_or_not_be_reached_is_refused(
    network: str, index: str, environment: dict[str, str], why: str
) -> None:
    """Before any code of a package runs; the secret is not in the message."""
    with pytest.raises(UsageError, match=why) as caught:
        connection(Network(network), index, environment, nowhere)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b'{"requirement": "six"}',
        json.dumps({**REPORT, "builds": REPORT["builds"] * 2}).encode(),
        json.dumps({**REPORT, "builds": REPORT["builds"][:1]}).encode(),
        json.dumps(REPORT).replace("a" * 64, "A" * 64).encode(),
        json.dumps(REPORT).replace("six-1-", "../six-1-").encode(),
        json.dumps(REPORT).encode() * 2,
        b"[" * 100_000,
    ],
)
def test_a_forged_report_is_refused(answer: bytes) -> None:
    """A package can write in its place; what is not of the program's form is no result."""
    with pytest.raises(EngineError):
        parse(answer)


def test_a_report_is_read() -> None:
    """With its numbers and hashes."""
    found = parse(json.dumps(REPORT).encode())
    assert found.builds == (PipBuild(1.5, 0, (PipWheel("six-1-py3-none-any.whl", "a" * 64),)),) * 2


BROKEN = Trial("six", "23.0", "3.11.2", (PipBuild(1.0, 1, ()),), ())


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (b"c/_cffi_backend.c:15:10: fatal error: ffi.h: No such file or directory", "missing-header: "),
        (b"ERROR: No matching distribution found for six", "finds no source of six"),
        (
            b"\xc3\x97 pip subprocess to install build dependencies did not run successfully.",
            "a build requirement does not",
        ),
    ],
)
def test_the_log_explains_a_failure(log: bytes, why: str, tmp_path: Path) -> None:
    """As it does for builds of the farm."""
    found = judged("six", BROKEN, log + b"\n", tmp_path, lambda _requirement: False)
    assert found.verdict is Verdict2020.FAILED
    assert why in found.why


def test_an_index_that_is_not_reached_is_no_result(tmp_path: Path) -> None:
    """It is the farm's failure."""
    with pytest.raises(TransientIndexError, match="Retrying"):
        judged("six", BROKEN, b"WARNING: Retrying (Retry(total=0)) after connection broken\n", tmp_path, bool)
    with pytest.raises(TransientIndexError, match="of cython>=3, but the index has it"):
        judged("six", BROKEN, b"ERROR: No matching distribution found for cython>=3\n", tmp_path, bool)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("six-1.17.0-py3-none-any.whl", "six==1.17.0"),
        ("six-1.0_local-py3-none-any.whl", "six==1.0+local"),
        ("six_more-1.0-py3-none-any.whl", "six"),
        ("six-1.0; rm -rf-py3-none-any.whl", "six"),
    ],
)
def test_both_judge_the_same_release(filename: str, expected: str) -> None:
    """Unless the name of the wheel is none of that project's."""
    wheel = PipWheel(filename, "a" * 64)
    theirs = Outcome2020("six", Verdict2020.REPRODUCIBLE, wheel, wheel)
    assert same_release(Task("six", "bookworm"), theirs).requirement == expected


def test_the_random_folder_of_pip_is_seen_in_two_wheels(tmp_path: Path) -> None:
    """In the members that differ, and in no other."""
    paths = []
    for name, folder in (("first", b"/tmp/pip-wheel-a1_b2c3d"), ("second", b"/tmp/pip-wheel-zzzzzzzz")):
        paths.append(str(tmp_path / name))
        with zipfile.ZipFile(paths[-1], "w") as wheel:
            wheel.writestr("six.so", b"\0" + folder + b"/six_1\0")
            wheel.writestr("same.py", b"/tmp/pip-install-a1_b2c3d")
    found = difference("six", *paths)
    assert found["members"] == ["six.so"]
    assert (found["first"], found["second"]) == (["/pip-wheel-a1_b2c3d"], ["/pip-wheel-zzzzzzzz"])


def test_a_wheel_that_cannot_be_read_differs_all_the_same(tmp_path: Path) -> None:
    """Only the explanation is lost."""
    (tmp_path / "broken").write_bytes(b"no archive")
    assert difference("six", str(tmp_path / "broken"), str(tmp_path / "broken"))["members"] == []
