"""HTTP requests with a deadline that covers the whole exchange, from the first byte of the request to the last.

`requests` limits only the time without a byte, so a server that sends one byte a second would never end. Each
connection is therefore watched, and shut down at the deadline: during the handshake, the head or the body.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from orchestrator import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 1 << 18
LONGEST_WAIT = 30.0
"""The longest wait for a server's Retry-After, in seconds."""

_REDIRECTS = 5
_CONNECTIONS = 16  # kept open to one host, for all threads together
_FAULTS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class TooLateError(Exception):
    """The answer was not complete at the deadline."""


class Sessions:
    """One session for each thread, with shared connections: requests does not promise that a session is thread-safe."""

    def __init__(self) -> None:
        """Make no connection yet."""
        self._local = threading.local()
        self._adapter = _Adapter(pool_maxsize=_CONNECTIONS)

    @property
    def mine(self) -> requests.Session:
        """The session of this thread."""
        if not hasattr(self._local, "session"):
            session = requests.Session()
            session.max_redirects = _REDIRECTS
            session.headers["User-Agent"] = f"wheelproof/{__version__}"
            session.mount("https://", self._adapter)
            session.mount("http://", self._adapter)
            self._local.session = session
        own: requests.Session = self._local.session
        return own

    @contextmanager
    def get(
        self, url: str, headers: dict[str, str], auth: tuple[str, str] | None, timeout: float, deadline: float
    ) -> Iterator[requests.Response]:
        """Request an address. `timeout`: seconds without a byte; `deadline`: seconds for the request and the block.

        Raises
        ------
        TooLateError
            The deadline passed.
        requests.RequestException
            The server did not answer, or not in full.

        """
        with _followed(deadline) as watch:
            try:
                with self.mine.get(url, headers=headers, auth=auth, timeout=timeout, stream=True) as answer:
                    yield answer
            except _FAULTS as error:
                if watch.late:
                    msg = f"timed out after {deadline:g} s"
                    raise TooLateError(msg) from error
                if isinstance(error, urllib3.exceptions.HTTPError):  # of the body, which is read below requests
                    raise requests.ConnectionError(error) from error
                raise
            if watch.late:  # a connection that was shut down may look like a complete answer
                msg = f"timed out after {deadline:g} s"
                raise TooLateError(msg)


def pieces(answer: requests.Response) -> Iterator[bytes]:
    """Yield an answer's decompressed body as it arrives, in pieces of at most CHUNK bytes."""
    while piece := answer.raw.read1(CHUNK, decode_content=True):
        yield piece


def seconds_to_wait(retry_after: str) -> float:
    """Return the seconds that a Retry-After asks to wait (either form of RFC 9110, 10.2.3), from 0 to LONGEST_WAIT."""
    try:
        if retry_after.strip().isdecimal():
            asked = float(retry_after)
        else:
            asked = (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return 0
    return min(max(asked, 0.0), LONGEST_WAIT)


# --- deadlines -------------------------------------------------------------------------------


class _Watch:
    """The connections of one request, which are shut down at its deadline."""

    def __init__(self) -> None:
        self.late = False
        self._guard = threading.Lock()
        self._followed: list[socket.socket] = []

    def follow(self, connection: socket.socket) -> None:
        """Watch a connection through a second descriptor: TLS takes over the first."""
        with self._guard:
            with suppress(OSError):
                self._followed.append(socket.socket(fileno=os.dup(connection.fileno())))
            if self.late:
                self._shut()

    def expire(self) -> None:
        """Shut down all watched connections, which ends blocked reads."""
        with self._guard:
            self.late = True
            self._shut()

    def _shut(self) -> None:
        for connection in self._followed:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._guard:
            for connection in self._followed:
                connection.close()
            self._followed.clear()


_watches = threading.local()


@contextmanager
def _followed(deadline: float) -> Iterator[_Watch]:
    watch = _Watch()
    timer = threading.Timer(deadline, watch.expire)
    timer.daemon = True
    timer.start()
    _watches.current = watch
    try:
        yield watch
    finally:
        _watches.current = None
        timer.cancel()
        watch.close()


def _follow(connection: socket.socket | None) -> None:
    watch: _Watch | None = getattr(_watches, "current", None)
    if watch is not None and connection is not None:
        watch.follow(connection)


class _Plain(HTTPConnection):
    """A connection that is watched from its first byte; a reused connection, from its next request."""

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        _follow(connection)
        return connection

    def request(self, *asked: Any, **named: Any) -> None:  # noqa: ANN401 - the library's
        _follow(self.sock)
        super().request(*asked, **named)


class _Secured(HTTPSConnection):
    """The same with TLS."""

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        _follow(connection)
        return connection

    def request(self, *asked: Any, **named: Any) -> None:  # noqa: ANN401 - the library's
        _follow(self.sock)
        super().request(*asked, **named)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecuredPool(HTTPSConnectionPool):
    ConnectionCls = _Secured


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _PlainPool, "https": _SecuredPool}


class _Adapter(HTTPAdapter):
    """Connections for all threads, with one TLS context: reading the certificates takes longer than connecting."""

    _turn = threading.Lock()

    def init_poolmanager(self, *asked: Any, **named: Any) -> None:  # noqa: ANN401 - the library's
        """Watch every connection."""
        super().init_poolmanager(*asked, **named)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *asked: Any, **named: Any) -> Any:  # noqa: ANN401 - the library's
        """Watch connections to proxies, too."""
        manager = super().proxy_manager_for(*asked, **named)
        if type(manager) is urllib3.ProxyManager:
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, *asked: Any, **named: Any) -> requests.Response:  # noqa: ANN401 - the library's
        """Leave the body of a redirect unread: requests would read all of it into memory."""
        answer = super().send(*asked, **named)
        if answer.is_redirect:
            answer.raw.close()
            answer._content, answer._content_consumed = b"", True  # type: ignore[attr-defined] # noqa: SLF001
        return answer

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The TLS context of every connection."""
        trusted = _certificates()
        if Path(trusted).is_dir():
            return ssl.create_default_context(capath=trusted)
        return ssl.create_default_context(cafile=trusted)

    def build_connection_pool_key_attributes(self, *asked: Any, **named: Any) -> Any:  # noqa: ANN401 - the library's own
        """Return the key of a connection pool: the host, and for https the shared TLS context."""
        host, _ = super().build_connection_pool_key_attributes(*asked, **named)
        with self._turn:
            return host, {"ssl_context": self.context} if host["scheme"] == "https" else {}

    def cert_verify(self, *_asked: Any, **_named: Any) -> None:  # noqa: ANN401
        """Do nothing: the TLS context verifies."""


def _certificates() -> str:
    """Return the path of the trusted certificates, from the variables of requests, uv and OpenSSL."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return next((path for name in names if (path := os.environ.get(name))), DEFAULT_CA_BUNDLE_PATH)
