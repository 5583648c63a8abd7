"""A proxy to a registry's hosts, and to nothing else, for containers without network.

A container gets the proxy's Unix socket. A program inside it listens on loopback as an HTTP proxy.
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
PATIENCE = 30.0  # seconds to connect
SILENCE = 300.0  # seconds without a byte from either side
_PIECE = 1 << 16
REFUSED = "is not of the registry"
"""The end of the fault's text for a host that was requested and is not allowed."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_METHODS = frozenset({"CONNECT", "GET", "HEAD"})


@dataclass(slots=True)
class Allowlist:
    """The hosts and ports that may be reached, and which hosts may have a private address."""

    hosts: frozenset[tuple[str, int]]  # host, port
    local: frozenset[str] = frozenset()  # hosts
    faults: list[str] = field(default_factory=list)  # hosts that were refused or did not answer
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self, host: str, port: int) -> bool:
        """Return whether a host and port are allowed; record a fault if not."""
        if (_plain(host), port) in self.hosts:
            return True
        self.note(f"{host}:{port} {REFUSED}")
        return False

    def reachable(self, host: str, resolved: Iterable[str]) -> list[str]:
        """Return the host's addresses that are allowed; record a fault if there are none."""
        addresses = list(resolved)
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
        """Record a host that was refused or did not answer, in order."""
        with self._lock:
            self.faults.append(fault)


def gate(*addresses: str, private: bool = False) -> Allowlist:
    """Return the allowlist of the hosts of some http or https addresses: an index, and the hosts of downloads.

    A name with a dot must have a public address, whatever its name server answers, unless
    `private`. A numeric address, and a name without a dot, may be private.
    """
    hosts = frozenset(_host_of(address) for address in addresses)
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
    """Return whether an address is public, by IANA's registries of special addresses.

    If an IPv6 address contains an IPv4 address, that must be public too.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return all(
        target.is_global and not (target.is_multicast or target.is_reserved or getattr(target, "is_site_local", False))
        for target in _meant(parsed)
    )


def _meant(address: Address) -> tuple[Address, ...]:
    """Return the addresses at which a packet to an address may arrive."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address in _NAT64:  # the prefix itself is no address of a host
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    if address.sixtofour:  # some Pythons have the whole prefix for global, others for private
        return (address.sixtofour,)
    return (address, *(address.teredo or ()))


@contextmanager
def serving(path: Path, admitted: Allowlist) -> Iterator[None]:
    """Serve the proxy on a Unix socket at `path`, for the hosts in `admitted`."""

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
            path.chmod(0o666)  # the container's user is not the farm's
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
    """Serve one connection: a tunnel, or one forwarded request."""
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
    """Connect to an allowed host; None, with a recorded fault, if it does not answer or its address is not allowed.

    The name is resolved once, and the connection goes to a checked address: a name server
    that changes its answer has no effect.
    """
    try:
        resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        admitted.note(f"{host}:{port} does not answer: {error}")
        return None
    fault: OSError | None = None
    for address in admitted.reachable(host, dict.fromkeys(str(entry[4][0]) for entry in resolved)):
        try:
            return socket.create_connection((address, port), PATIENCE)
        except OSError as error:
            fault = error
    if fault:
        admitted.note(f"{host}:{port} does not answer: {fault}")
    return None


def _head(client: socket.socket) -> tuple[str, bytes]:
    """Read the head of a request; raise ValueError if it is not one."""
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
    """Return a request's head with `Connection: close`, so that no other request can follow."""
    kept = [
        line
        for line in head.split("\r\n")[1:]
        if line.partition(":")[0].strip().lower() not in {"connection", "proxy-connection", "proxy-authorization"}
    ]
    return "\r\n".join((first, *kept, "Connection: close", "", "")).encode("latin-1")


def _join(client: socket.socket, upstream: socket.socket) -> None:
    """Copy bytes both ways until one side closes, or neither sends anything for SILENCE seconds."""
    other = {client: upstream, upstream: client}
    while ready := select.select(list(other), [], [], SILENCE)[0]:
        for side in ready:
            piece = side.recv(_PIECE)
            if not piece:
                return
            other[side].sendall(piece)
