"""Answers of servers over HTTP, bounded in time from the first byte of the request to the last of the answer.

`requests` bounds only the time without a byte. A server that sends one byte a second would never end; so each
connection is followed, and shut down when the time is up, wherever it is: in the handshake, the head, the body.
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
"""Seconds that a server's Retry-After is waited for, at most."""

_REDIRECTS = 5
_CONNECTIONS = 16  # kept open to one host, for all threads together
_FAULTS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class TooLateError(Exception):
    """The answer did not end in time."""


class Sessions:
    """Sessions of all threads, which share their connections: the library does not promise that a session can be."""

    def __init__(self) -> None:
        """Connect to nothing yet."""
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
        found: requests.Session = self._local.session
        return found

    @contextmanager
    def get(
        self, url: str, headers: dict[str, str], auth: tuple[str, str] | None, timeout: float, deadline: float
    ) -> Iterator[requests.Response]:
        """Ask for an address; `timeout`: seconds without a byte; `deadline`: seconds for all that is done with it.

        Raises
        ------
        TooLateError
            The time was up.
        requests.RequestException
            The server did not answer, or not in full.

        """
        with _followed(deadline) as watch:
            try:
                with self.mine.get(url, headers=headers, auth=auth, timeout=timeout, stream=True) as answer:
                    yield answer
            except _FAULTS as error:
                if watch.late:
                    msg = f"no end after {deadline:g} s"
                    raise TooLateError(msg) from error
                if isinstance(error, urllib3.exceptions.HTTPError):  # of the body, which is read below the library
                    raise requests.ConnectionError(error) from error
                raise
            if watch.late:  # what was shut down may look like an answer that ends there
                msg = f"no end after {deadline:g} s"
                raise TooLateError(msg)


def pieces(answer: requests.Response) -> Iterator[bytes]:
    """Yield an answer's body as it comes, in pieces of at most CHUNK bytes, unpacked."""
    while piece := answer.raw.read1(CHUNK, decode_content=True):
        yield piece


def seconds_to_wait(retry_after: str) -> float:
    """Return how long a Retry-After asks to wait, in either of its forms (RFC 9110, 10.2.3): 0 to LONGEST_WAIT."""
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
    """The connections that one request has used, to be shut down when its time is up."""

    def __init__(self) -> None:
        self.late = False
        self._guard = threading.Lock()
        self._followed: list[socket.socket] = []

    def follow(self, connection: socket.socket) -> None:
        """Follow a connection by another descriptor: TLS takes the first one over."""
        with self._guard:
            with suppress(OSError):
                self._followed.append(socket.socket(fileno=os.dup(connection.fileno())))
            if self.late:
                self._shut()

    def expire(self) -> None:
        """Shut down all that is followed; whoever reads from it, wakes."""
        with self._guard:
            self.late = True
            self._shut()

    def _shut(self) -> None:
        for one in self._followed:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._guard:
            for one in self._followed:
                one.close()
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
    """A connection that is followed from its first byte; one that is used again, from its next request."""

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        _follow(made)
        return made

    def request(self, *asked: Any, **named: Any) -> None:  # noqa: ANN401 - the library's
        _follow(self.sock)
        super().request(*asked, **named)


class _Secured(HTTPSConnection):
    """The same, by TLS."""

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        _follow(made)
        return made

    def request(self, *asked: Any, **named: Any) -> None:  # noqa: ANN401 - the library's
        _follow(self.sock)
        super().request(*asked, **named)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecuredPool(HTTPSConnectionPool):
    ConnectionCls = _Secured


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _PlainPool, "https": _SecuredPool}


class _Adapter(HTTPAdapter):
    """Connections for all threads, with one TLS context: to read the certificates takes longer than to connect."""

    _turn = threading.Lock()

    def init_poolmanager(self, *asked: Any, **named: Any) -> None:  # noqa: ANN401 - the library's
        """Follow every connection."""
        super().init_poolmanager(*asked, **named)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *asked: Any, **named: Any) -> Any:  # noqa: ANN401 - the library's
        """Follow connections to proxies, too."""
        manager = super().proxy_manager_for(*asked, **named)
        if type(manager) is urllib3.ProxyManager:
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, *asked: Any, **named: Any) -> requests.Response:  # noqa: ANN401 - the library's
        """Leave the body of a redirect unread: the library would read all of it into memory."""
        answer = super().send(*asked, **named)
        if answer.is_redirect:
            answer.raw.close()
            answer._content, answer._content_consumed = b"", True  # type: ignore[attr-defined] # noqa: SLF001
        return answer

    @cached_property
    def context(self) -> ssl.SSLContext:
        """What every connection is secured by."""
        trusted = _certificates()
        if Path(trusted).is_dir():
            return ssl.create_default_context(capath=trusted)
        return ssl.create_default_context(cafile=trusted)

    def build_connection_pool_key_attributes(self, *asked: Any, **named: Any) -> Any:  # noqa: ANN401 - the library's own
        """Return what a connection is chosen by: the host, and for https the one context."""
        host, _ = super().build_connection_pool_key_attributes(*asked, **named)
        with self._turn:
            return host, {"ssl_context": self.context} if host["scheme"] == "https" else {}

    def cert_verify(self, *_asked: Any, **_named: Any) -> None:  # noqa: ANN401
        """Leave it to the context, which verifies."""


def _certificates() -> str:
    """Name the certificates to trust: what requests honours itself, and what uv and OpenSSL honour."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return next((found for name in names if (found := os.environ.get(name))), DEFAULT_CA_BUNDLE_PATH)
