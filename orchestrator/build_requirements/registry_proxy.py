"""Passes on what is asked of a registry's hosts on the network, and nothing else, for containers that have none.

A container gets the relay's Unix socket, and something in it that listens where an HTTP proxy would.
"""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import socketserver
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LONGEST_HEAD = 64 << 10
PATIENCE = 30.0  # seconds for a connection to be made
SILENCE = 300.0  # seconds in which nothing comes from either side
_PIECE = 1 << 16
REFUSED = "is not of the registry"
"""How the fault ends of a host that was asked for, and is not to be reached."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_METHODS = frozenset({"CONNECT", "GET", "HEAD"})


@dataclass(slots=True)
class Allowlist:
    """Which hosts may be reached, by which port, and which of them may be at an address that is not public."""

    hosts: frozenset[tuple[str, int]]  # host, port
    local: frozenset[str] = frozenset()  # hosts
    faults: list[str] = field(default_factory=list)  # what was refused or did not answer
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self, host: str, port: int) -> bool:
        """Return whether a host may be asked at all, and note it where not."""
        if (_plain(host), port) in self.hosts:
            return True
        self.note(f"{host}:{port} {REFUSED}")
        return False

    def reachable(self, host: str, found: Iterable[str]) -> list[str]:
        """Return which of a host's addresses may be connected to, and note it where there are none."""
        addresses = list(found)
        if _plain(host) in self.local:
            return addresses
        public = [address for address in addresses if is_public(address)]
        if not public:
            self.note(
                f"{host} is at {', '.join(addresses) or 'no address'}, which is not public; "
                "if the registry is in your own network, set crates-private in config.yaml"
            )
        return public

    def note(self, fault: str) -> None:
        """Keep what was refused or did not answer, in order."""
        with self._lock:
            self.faults.append(fault)


def gate(*addresses: str, private: bool = False) -> Allowlist:
    """Return the gate to the hosts of some http or https addresses: an index, and where crates are downloaded from.

    A name with a dot in it has to be at a public address, whatever its name server says, unless
    `private`; an address in numbers and a name without a dot are configured for what they are.
    """
    hosts = frozenset(_host_of(one) for one in addresses)
    return Allowlist(hosts, frozenset(host for host, _ in hosts if private or _is_own(host)))


def _host_of(address: str) -> tuple[str, int]:
    parts = urlsplit(address)
    return _plain(parts.hostname or ""), parts.port or (443 if parts.scheme == "https" else 80)


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _is_own(host: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return "." not in host


def is_public(address: str) -> bool:
    """Return whether an address is one of the whole internet, by IANA's registries of special addresses.

    Where an IPv6 address has an IPv4 address in it, that has to be public too.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return all(
        one.is_global and not (one.is_multicast or one.is_reserved or getattr(one, "is_site_local", False))
        for one in _meant(found)
    )


def _meant(address: Address) -> tuple[Address, ...]:
    """Return the addresses that a packet to one address may arrive at."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    inside = [address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        inside.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        return tuple(one for one in inside if one)  # the prefix itself is no address of a host
    return (address, *(one for one in inside if one))


@contextmanager
def serving(path: Path, admitted: Allowlist) -> Iterator[None]:
    """Relay, at a Unix socket made at that path, to what the gate admits."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError, ValueError):
                _relay(self.request, admitted)

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True
        block_on_close = False

    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        # A socket's address has 107 characters (unix(7)), which the path of a cache may well exceed.
        with Server(f"/proc/self/fd/{folder}/{path.name}", Handler) as server:
            path.chmod(0o666)  # whoever fetches in the container is not who runs the farm
            thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="relay", daemon=True)
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()
    finally:
        os.close(folder)


def _relay(client: socket.socket, admitted: Allowlist) -> None:
    """Serve one connection: a tunnel, or one request that is passed on; then it ends."""
    client.settimeout(SILENCE)
    head, rest = _head(client)
    method, target, version = head.split("\r\n", 1)[0].split(" ")
    if method not in _METHODS:
        client.sendall(_refusal("405 Method Not Allowed"))
        return
    tunnel = method == "CONNECT"
    parts = urlsplit(f"//{target}" if tunnel else target)
    host, port = parts.hostname or "", parts.port or 80
    if not admitted.admits(host, port):
        client.sendall(_refusal("403 Forbidden"))
        return
    upstream = _connected(host, port, admitted)
    if upstream is None:
        client.sendall(_refusal("502 Bad Gateway"))
        return
    with upstream:
        if tunnel:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            upstream.sendall(rest)
        else:
            path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
            upstream.sendall(_once(head, f"{method} {path} {version}"))
        _join(client, upstream)


def _refusal(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def _connected(host: str, port: int, admitted: Allowlist) -> socket.socket | None:
    """Connect to a host that may be asked; None, and a note, where it is not there or where it should not be.

    Its name is resolved once, and the connection made to an address that was checked: a name server
    that answers otherwise the next time changes nothing.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        admitted.note(f"{host}:{port} does not answer: {error}")
        return None
    fault: OSError | None = None
    for address in admitted.reachable(host, dict.fromkeys(str(one[4][0]) for one in found)):
        try:
            return socket.create_connection((address, port), PATIENCE)
        except OSError as error:
            fault = error
    if fault:
        admitted.note(f"{host}:{port} does not answer: {fault}")
    return None


def _head(client: socket.socket) -> tuple[str, bytes]:
    """Read the head of a request; a ValueError where it is none."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = client.recv(_PIECE)
        received += piece
        if not piece or len(received) > LONGEST_HEAD:
            msg = "no request"
            raise ValueError(msg)
    head, _, rest = received.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def _once(head: str, first: str) -> bytes:
    """Write a request's head so that the connection ends with its answer, and no other request can follow."""
    kept = [
        line
        for line in head.split("\r\n")[1:]
        if line.partition(":")[0].strip().lower() not in {"connection", "proxy-connection", "proxy-authorization"}
    ]
    return "\r\n".join((first, *kept, "Connection: close", "", "")).encode("latin-1")


def _join(client: socket.socket, upstream: socket.socket) -> None:
    """Carry bytes both ways until one side ends, or neither says anything for long."""
    other = {client: upstream, upstream: client}
    while ready := select.select(list(other), [], [], SILENCE)[0]:
        for side in ready:
            piece = side.recv(_PIECE)
            if not piece:
                return
            other[side].sendall(piece)
