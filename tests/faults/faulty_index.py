"""Serves a package index through faults: each request has the same chance to be answered wrongly.

Faults are momentary: a path that was answered wrongly is answered rightly the next time. An index
that answers 404 whoever asks, and whenever, does not have the project.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import urllib.request
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import TYPE_CHECKING, Self
from urllib.error import HTTPError

from tests.loopback_index import HTML, JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

DECOY = "decoy"
"""The project whose page is served instead of another's."""

_DRIP = 0.3  # seconds between two bytes: no read waits as long as a client waits for one
_DRIPS = 8  # bytes, before the connection ends
_HANG = 30  # seconds; a client gives up long before
_RESET = struct.pack("ii", 1, 0)  # close with RST, see socket(7) on SO_LINGER


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, and the manner in which its body is sent: whole, reset, half, drip or hang."""

    status: int
    kind: str = "text/plain"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: str = "whole"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault: what is answered, given what answers truly and the path that was asked for."""

    name: str
    answer: Callable[[Callable[[str], Answer], str], Answer]
    of: tuple[str, ...] = ("/simple/", "/files/")  # how the paths begin that it can meet


def _status(status: int, headers: Mapping[str, str] | None = None) -> Callable[[Callable[[str], Answer], str], Answer]:
    return lambda _true, _path: Answer(status, body=b"no", headers=headers or {})


def _manner(manner: str) -> Callable[[Callable[[str], Answer], str], Answer]:
    return lambda true, path: replace(true(path), manner=manner)


def _without(keep: int) -> Callable[[Callable[[str], Answer], str], Answer]:
    """Answer with a page that has only the first files."""

    def answer(true: Callable[[str], Answer], path: str) -> Answer:
        answered = true(path)
        if answered.kind != JSON:
            return answered
        page = json.loads(answered.body)
        return replace(answered, body=json.dumps(page | {"files": page["files"][:keep]}).encode())

    return answer


def _damaged(true: Callable[[str], Answer], path: str) -> Answer:
    answered = true(path)
    middle = len(answered.body) // 2
    return replace(answered, body=answered.body[:middle] + bytes(64) + answered.body[middle + 64 :])


_PORTAL = (
    b"<!DOCTYPE html><html><body><h1>Welcome</h1><a href='/accept'>Accept the terms of this network</a></body></html>"
)

FAULTS = (
    Fault("not-found", _status(404)),
    Fault("gone", _status(410)),
    Fault("forbidden", _status(403)),
    Fault("too-many-requests", _status(429, {"Retry-After": "1"})),
    Fault("server-error", _status(500)),
    Fault("unavailable", _status(503)),
    Fault("reset", _manner("reset")),
    Fault("truncated", _manner("half")),
    Fault("drip", _manner("drip")),
    Fault("hang", _manner("hang")),
    Fault("portal", lambda _true, _path: Answer(200, HTML, _PORTAL)),
    Fault("wrong-type", lambda true, path: replace(true(path), kind="application/pdf")),
    Fault("empty-page", _without(0), ("/simple/",)),
    Fault("stale-page", _without(1), ("/simple/",)),
    Fault("other-project", lambda true, _path: true(f"/simple/{DECOY}/"), ("/simple/",)),
    Fault("damaged-file", _damaged, ("/files/",)),
)


class FaultyIndex:
    """Passes on what an index answers, with faults; served on loopback while the context lasts."""

    def __init__(self, origin: str, seed: int, share: float) -> None:
        """Ask that origin; `share` of the requests are answered wrongly."""
        self.share = share
        self.met = Counter[str]()  # how often each fault was met
        self._origin = origin
        self._seed = seed
        self._asked = Counter[str]()
        self._wrong: set[str] = set()  # paths whose last answer was wrong
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # clients hang up
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _drawn(self, path: str) -> Fault | None:
        """Draw a fault, or none, for the next request of a path: the same for the same seed."""
        with self._lock:
            self._asked[path] += 1
            random = Random(f"{self._seed} {path} {self._asked[path]}")  # noqa: S311 - no secret
            if path in self._wrong or random.random() >= self.share:
                self._wrong.discard(path)
                return None
            self._wrong.add(path)
            fault = random.choice([one for one in FAULTS if path.startswith(one.of)])
            self.met[fault.name] += 1
            return fault

    def _true(self, path: str) -> Answer:
        request = urllib.request.Request(self._origin + path, headers={"Accept": JSON})  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                body = answer.read().replace(self._origin.encode(), self.origin.encode())
                return Answer(200, answer.headers["Content-Type"], body)
        except HTTPError as error:
            with error:
                return Answer(error.code, body=b"no such page")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fault = index._drawn(self.path)
                answer = fault.answer(index._true, self.path) if fault else index._true(self.path)
                with suppress(OSError):  # the client may have hung up
                    _send(self, answer, index._closed)

            do_HEAD = do_GET  # noqa: N815 - the library's name

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        return Handler


def _send(handler: BaseHTTPRequestHandler, answer: Answer, closed: threading.Event) -> None:
    """Send an answer in its manner; to a HEAD, which has no body, every manner but whole ends without an answer."""
    handler.close_connection = answer.manner != "whole"
    headless = handler.command == "HEAD" and handler.close_connection
    if headless and answer.manner == "hang":
        closed.wait(_HANG)
    if headless or answer.manner == "reset":
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return
    handler.send_response(answer.status)
    for name, value in {**answer.headers, "Content-Type": answer.kind, "Content-Length": str(len(answer.body))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command == "GET":
        _send_body(handler, answer, closed)


def _send_body(handler: BaseHTTPRequestHandler, answer: Answer, closed: threading.Event) -> None:
    match answer.manner:
        case "drip":
            for at in range(min(_DRIPS, len(answer.body))):
                handler.wfile.write(answer.body[at : at + 1])
                closed.wait(_DRIP)
        case "half":
            handler.wfile.write(answer.body[: len(answer.body) // 2])
        case "hang":
            handler.wfile.write(answer.body[: len(answer.body) // 2])
            closed.wait(_HANG)
        case _:
            handler.wfile.write(answer.body)
