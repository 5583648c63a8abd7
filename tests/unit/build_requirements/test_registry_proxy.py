"""The relay passes on what is asked of one registry, and nothing else."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from orchestrator.build_requirements.registry_proxy import Allowlist, gate, is_public, serving
from tests.crates_registry import CratesRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize(
    ("address", "host", "port", "admitted"),
    [
        ("https://index.registry.example/x/", "index.registry.example", 443, True),
        ("https://index.registry.example/x/", "Index.Registry.example.", 443, True),
        ("https://index.registry.example/x/", "downloads.example", 8443, True),
        ("https://index.registry.example/x/", "downloads.example", 443, False),
        ("https://index.registry.example/x/", "static.registry.example", 443, False),
        ("https://index.registry.example/x/", "index.registry.example", 80, False),
        ("https://index.registry.example/x/", "index.registry.example.org", 443, False),
        ("https://index.co.example/x/", "other.co.example", 443, False),
        ("http://registry.example:8080/", "registry.example", 8080, True),
        ("http://registry.example:8080/", "registry.example", 80, False),
        ("http://127.0.0.1:3000/", "127.0.0.1", 3000, True),
        ("http://127.0.0.1:3000/", "127.0.0.1", 2375, False),
        ("http://127.0.0.1:3000/", "10.0.0.1", 3000, False),
        ("http://[::1]:3000/", "::1", 3000, True),
        ("http://registry:3000/", "other", 3000, False),
        ("https://index.example/", "index.example", 443, True),
        ("https://index.example/", "index.example", 80, False),
        ("https://index.example/", "first.example", 443, False),
        ("https://index.example/", "127.0.0.1", 443, False),
        ("https://index.example/", "localhost", 443, False),
    ],
)
def test_only_configured_hosts_are_admitted(address: str, host: str, port: int, *, admitted: bool) -> None:
    """By their own ports, and never whichever is asked first."""
    found = gate(address, "https://downloads.example:8443/crates")
    assert found.admits(host, port) is admitted
    assert found.faults == ([] if admitted else [f"{host}:{port} is not of the registry"])


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("64:ff9b::101:101", True),
        ("2002:101:101::1", True),
        ("0.0.0.0", False),  # noqa: S104 - the address is refused
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("127.255.255.254", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("192.0.2.1", False),
        ("192.168.1.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("::ffff:a00:1", False),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2001:db8::1", False),
        ("2002:7f00:1::1", False),
        ("2002:a9fe:a9fe::1", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("no address", False),
    ],
)
def test_a_name_is_followed_to_public_addresses_alone(address: str, *, expected: bool) -> None:
    """By IANA's registries, also for an IPv4 address inside an IPv6 address."""
    assert is_public(address) is expected
    found = gate("https://registry.example/")
    assert found.reachable("registry.example", [address, "10.0.0.1"]) == ([address] if expected else [])
    assert bool(found.faults) is not expected


@pytest.mark.parametrize(
    ("address", "private", "host"),
    [
        ("http://127.0.0.1:3000/", False, "127.0.0.1"),
        ("http://[::1]:3000/", False, "::1"),
        ("http://registry:3000/", False, "registry"),
        ("https://registry.intranet.example/", True, "registry.intranet.example"),
    ],
)
def test_a_registry_of_ones_own_network_is_configured_as_such(address: str, host: str, *, private: bool) -> None:
    """By its address, by a name without a dot, or in so many words; and that is true of no other host."""
    found = gate(address, "https://downloads.example/", private=private)
    assert found.reachable(host, ["10.0.0.1"]) == ["10.0.0.1"]
    assert found.reachable("elsewhere.example", ["10.0.0.1"]) == []


def test_a_registry_whose_name_leads_to_this_machine_is_not_asked(registry: CratesRegistry, tmp_path: Path) -> None:
    """Whatever it is configured as: its name server may be anyone's. Here the system's own reading of 127.1."""
    host = registry.host.replace("127.0.0.1", "127.1")
    admitted = gate(f"http://{host}/index/")
    found = said(tmp_path / "socket", admitted, f"GET http://{host}/index/greeting HTTP/1.1\r\nHost: x\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 502")
    assert registry.asked == []
    assert admitted.faults[0].startswith("127.1 is at 127.0.0.1, which is not public; ")


@pytest.fixture
def registry() -> Iterator[CratesRegistry]:
    """A registry with one file."""
    with CratesRegistry() as found:
        found.files["/index/greeting"] = b"hello"
        yield found


def said(path: Path, admitted: Allowlist, request: str) -> bytes:
    """Send a request through a relay; return all that came back until it hung up."""
    received = b""
    with serving(path, admitted), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(f"{path}")
        client.sendall(request.encode())
        while piece := client.recv(1 << 16):
            received += piece
    return received


def test_a_request_is_passed_on_once(registry: CratesRegistry, tmp_path: Path) -> None:
    """The answer comes back, and the connection ends with it, whatever the client wants."""
    head = (
        f"GET http://{registry.host}/index/greeting HTTP/1.1\r\nHost: {registry.host}\r\nConnection: keep-alive\r\n\r\n"
    )
    found = said(tmp_path / "socket", gate(registry.url), head)
    assert found.startswith(b"HTTP/1.0 200")
    assert found.endswith(b"hello")
    assert registry.asked == ["/index/greeting"]


@pytest.mark.parametrize("request_line", ["GET http://{other}/index/greeting HTTP/1.1", "CONNECT {other} HTTP/1.1"])
def test_another_host_is_refused(registry: CratesRegistry, tmp_path: Path, request_line: str) -> None:
    """No connection is made to it, and it is noted."""
    with CratesRegistry() as other:
        admitted = gate(registry.url)
        found = said(tmp_path / "socket", admitted, request_line.format(other=other.host) + "\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 403")
    assert other.asked == []
    assert admitted.faults == [f"{other.host} is not of the registry"]


@pytest.mark.parametrize("text", ["POST http://{host}/ HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n", "x" * 70_000])
def test_what_is_no_such_request_is_not_passed_on(registry: CratesRegistry, tmp_path: Path, text: str) -> None:
    """The relay hangs up, and goes on serving others."""
    found = said(tmp_path / "socket", gate(registry.url), text.format(host=registry.host))
    assert b" 200 " not in found
    assert registry.asked == []


def test_a_registry_that_does_not_answer_is_noted(tmp_path: Path) -> None:
    """With the network's error."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host = f"127.0.0.1:{taken.getsockname()[1]}"
    admitted = gate(f"http://{host}/")
    assert said(tmp_path / "socket", admitted, f"CONNECT {host} HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 502")
    assert admitted.faults[0].startswith(f"{host} does not answer: ")


def test_the_path_of_the_socket_may_be_longer_than_an_address(registry: CratesRegistry, tmp_path: Path) -> None:
    """A cache may have a long path."""
    folder = tmp_path / ("long" * 30) / "folder"
    folder.mkdir(parents=True)
    with serving(folder / "socket", gate(registry.url)):
        assert (folder / "socket").is_socket()
