"""Relay a package index with a delay before each answer: what a run takes that is far from its index.

`scripts/bench.py --delay SECONDS` uses it. What the index gave once is kept, so that the delay is all that later runs
wait for. As with PyPI, clients may keep a page for ten minutes and a file for good, and pages have an ETag.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import quote, urljoin, urlsplit

import requests

from orchestrator.sources.index_pages import endpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

JSON = "application/vnd.pypi.simple.v1+json"
METADATA = ".metadata"
"""Ends the address of a wheel's metadata (PEP 658)."""

LASTING = "max-age=365000000, immutable"
FRESH = "max-age=600"

_PAGE = re.compile(r"/simple/([A-Za-z0-9][A-Za-z0-9._-]*)/?")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a client, or what it is made from."""

    status: int
    kind: str = "text/plain"
    body: bytes = b""
    keeping: str = "no-store"  # Cache-Control (RFC 9111, 5.2)

    @property
    def etag(self) -> str:
        """A name of the body (RFC 9110, 8.8.3)."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


class SlowIndex:
    """An index on the loopback interface, while the context lasts. It relays pages, and files that they list."""

    def __init__(self, delay: float, upstream: str = "", *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Answer each request `delay` seconds late; `upstream` is the index that is relayed, PyPI if empty."""
        self._delay, self._sleep = delay, sleep
        self._upstream = (upstream or endpoint()).rstrip("/") + "/"
        self._kept: dict[str, Answer] = {}
        self._addresses: dict[str, str] = {}  # of files: path here -> address there
        handler = type("Relaying", (_Handler,), {"relay": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="slow-index", daemon=True)

    @property
    def url(self) -> str:
        """The address of the index."""
        return f"http://127.0.0.1:{self._server.server_port}/simple/"

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> Answer:
        """Return the answer to a request for a path, which takes the delay; what the index has is kept."""
        self._sleep(self._delay)
        if path not in self._kept:
            found = self._fetched(path)
            if found.status != HTTPStatus.OK:
                return found
            self._kept[path] = found
        return self._kept[path]

    def _fetched(self, path: str) -> Answer:
        if (project := _PAGE.fullmatch(path)) is not None:
            address = f"{self._upstream}{project[1]}/"
            answer = requests.get(address, headers={"Accept": JSON}, timeout=60)
            if answer.ok:
                return Answer(HTTPStatus.OK, JSON, self._page(address, answer.content), FRESH)
            return Answer(answer.status_code)
        known = self._addresses.get(path.removesuffix(METADATA))
        if known is None:
            return Answer(HTTPStatus.NOT_FOUND)
        answer = requests.get(known + METADATA * path.endswith(METADATA), timeout=300)
        if answer.ok:
            return Answer(HTTPStatus.OK, "application/octet-stream", answer.content, LASTING)
        return Answer(answer.status_code)

    def _page(self, address: str, content: bytes) -> bytes:
        """Return a project's page (PEP 691) whose files have addresses here."""
        page = json.loads(content)
        for file in page["files"]:
            there = urljoin(address, file["url"]).partition("#")[0]
            name = urlsplit(there).path.rpartition("/")[2]
            here = f"/files/{hashlib.sha256(there.encode()).hexdigest()[:16]}/{quote(name, safe='%')}"
            self._addresses[here] = there
            file["url"] = here
        return json.dumps(page).encode()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # a client that opens many connections at once waits for the delay only


class _Handler(BaseHTTPRequestHandler):
    relay: ClassVar[SlowIndex]
    protocol_version = "HTTP/1.1"  # connections are used again, as with PyPI
    disable_nagle_algorithm = True  # the body would wait until the client has acknowledged the header

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        found = self.relay.answer(self.path)
        if found.status == HTTPStatus.OK and self.headers.get("If-None-Match") == found.etag:
            found = replace(found, status=HTTPStatus.NOT_MODIFIED)
        has_body = found.status != HTTPStatus.NOT_MODIFIED
        self.send_response(found.status)
        self.send_header("Cache-Control", found.keeping)
        self.send_header("ETag", found.etag)
        if has_body:
            self.send_header("Content-Type", found.kind)
            self.send_header("Content-Length", str(len(found.body)))
        self.end_headers()
        if with_body and has_body:
            self.wfile.write(found.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Print nothing."""
