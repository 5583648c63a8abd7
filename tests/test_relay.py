"""The relay passes on what is asked of one registry, and nothing else."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from orchestrator.relay import Gate, gate, serving
from tests.crates_registry import CratesRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize(
    ("address", "host", "port", "admitted"),
    [
        ("https://index.registry.example/x/", "index.registry.example", 443, True),
        ("https://index.registry.example/x/", "static.registry.example", 443, True),
        ("https://index.registry.example/x/", "static.registry.example", 22, False),
        ("https://index.registry.example/x/", "registry.example.org", 443, False),
        ("http://registry.example:8080/", "static.registry.example", 8080, True),
        ("http://127.0.0.1:3000/", "127.0.0.1", 3000, True),
        ("http://127.0.0.1:3000/", "127.0.0.1", 2375, False),
        ("http://127.0.0.1:3000/", "10.0.0.1", 3000, False),
        ("http://registry:3000/", "other", 3000, False),
    ],
)
def test_only_hosts_of_the_registry_are_admitted(address: str, host: str, port: int, *, admitted: bool) -> None:
    """Those of its domain, by the ports of the web or its own; numbers and bare names only if they are the same."""
    found = gate(address)
    assert found.admits(host, port, tls=True) is admitted
    assert found.faults == ([] if admitted else [f"{host}:{port} is not of the registry"])


def test_without_an_address_the_first_host_is_the_registry() -> None:
    """If it is asked for over TLS, and is no host of ours: what the program asks for that nobody told anything."""
    found = gate(None)
    assert not found.admits("127.0.0.1", 443, tls=True)
    assert not found.admits("localhost", 443, tls=True)
    assert not found.admits("index.registry.example", 80, tls=False)
    assert found.admits("index.registry.example", 443, tls=True)
    assert found.admits("static.registry.example", 443, tls=True)
    assert not found.admits("elsewhere.example", 443, tls=True)


@pytest.fixture
def registry() -> Iterator[CratesRegistry]:
    """A registry with one file."""
    with CratesRegistry() as found:
        found.files["/index/greeting"] = b"hello"
        yield found


def said(path: Path, admitted: Gate, request: str) -> bytes:
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
    """With what the network says."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host = f"127.0.0.1:{taken.getsockname()[1]}"
    admitted = gate(f"http://{host}/")
    assert said(tmp_path / "socket", admitted, f"CONNECT {host} HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 502")
    assert admitted.faults[0].startswith(f"{host} does not answer: ")


def test_the_path_of_the_socket_may_be_longer_than_an_address(registry: CratesRegistry, tmp_path: Path) -> None:
    """A cache may lie anywhere."""
    folder = tmp_path / ("long" * 30) / "folder"
    folder.mkdir(parents=True)
    with serving(folder / "socket", gate(registry.url)):
        assert (folder / "socket").is_socket()
