"""Passes on what is asked of one host on the network, and nothing else, for containers that have none.

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
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_HEAD = 64 << 10
PATIENCE = 30.0  # seconds for a connection to be made
SILENCE = 300.0  # seconds in which nothing comes from either side
_PIECE = 1 << 16
_WEB = frozenset({80, 443})
REFUSED = "is not of the registry"
"""How the fault ends of a host that was asked for, and is not to be reached."""

_METHODS = frozenset({"CONNECT", "GET", "HEAD"})


@dataclass(slots=True)
class Gate:
    """Which hosts may be reached: one, and those of its own domain.

    Where no address is given, it is the first that is asked for, which has to be asked over TLS:
    the default of the program that asks.
    """

    home: tuple[str, int] | None = None  # host, port
    faults: list[str] = field(default_factory=list)  # what was refused or did not answer
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self, host: str, port: int, *, tls: bool) -> bool:
        """Tell whether a connection may be made, and note it where not."""
        with self._lock:
            if self.home is None and tls and _is_public(host):
                self.home = (host, port)
            if self.home is not None and _related(self.home, (host, port)):
                return True
            self.faults.append(f"{host}:{port} {REFUSED}")
            return False


def gate(address: str | None) -> Gate:
    """Return the gate to the host of an http or https address; of None, as `Gate` says."""
    if address is None:
        return Gate()
    parts = urlsplit(address)
    return Gate((parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)))


def _is_public(host: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(host.strip("[]"))
        return False
    return "." in host.strip(".")


def _related(home: tuple[str, int], asked: tuple[str, int]) -> bool:
    """Tell whether two addresses are of one domain: an address in numbers, or a bare name, only of itself."""
    if home == asked:
        return True
    if not (_is_public(home[0]) and _is_public(asked[0]) and asked[1] in _WEB | {home[1]}):
        return False
    return home[0].lower().split(".")[-2:] == asked[0].lower().split(".")[-2:]


@contextmanager
def serving(path: Path, admitted: Gate) -> Iterator[None]:
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


def _relay(client: socket.socket, admitted: Gate) -> None:
    """Serve one connection: a tunnel, or one request that is passed on; then it ends."""
    client.settimeout(SILENCE)
    head, rest = _head(client)
    method, target, version = head.split("\r\n", 1)[0].split(" ")
    if method not in _METHODS:
        client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n\r\n")
        return
    tunnel = method == "CONNECT"
    parts = urlsplit(f"//{target}" if tunnel else target)
    host, port = parts.hostname or "", parts.port or 80
    if not admitted.admits(host, port, tls=tunnel):
        client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return
    try:
        upstream = socket.create_connection((host, port), PATIENCE)
    except OSError as error:
        admitted.faults.append(f"{host}:{port} does not answer: {error}")
        client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return
    with upstream:
        if tunnel:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            upstream.sendall(rest)
        else:
            path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
            upstream.sendall(_once(head, f"{method} {path} {version}"))
        _join(client, upstream)


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
