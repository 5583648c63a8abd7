"""Relay a package index with a delay before each answer: what a run takes that is far from its index.

`scripts/bench.py --delay SECONDS` uses it. What the index gave once is kept, so that the delay is all that later runs
wait for.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
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

Answer = tuple[int, str, bytes]
"""The status of an answer, its media type and its body."""


class SlowIndex:
    """An index on the loopback interface, while the context lasts. It relays pages, and files that they list."""

    def __init__(self, delay: float, upstream: str = "", *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Answer each request `delay` seconds late; `upstream` is the index that is relayed, PyPI if empty."""
        self._delay, self._sleep = delay, sleep
        self._upstream = (upstream or endpoint()).rstrip("/") + "/"
        self._kept: dict[str, Answer] = {}
        self._addresses: dict[str, str] = {}  # of files: path here -> address there
        handler = type("Relaying", (_Handler,), {"relay": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
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
        """Return the answer to a request for a path, which takes the delay; fetch it where it is not kept."""
        self._sleep(self._delay)
        if path not in self._kept:
            self._kept[path] = self._fetched(path)
        return self._kept[path]

    def _fetched(self, path: str) -> Answer:
        if path.startswith("/simple/"):
            address = urljoin(self._upstream, path.removeprefix("/simple/"))
            answer = requests.get(address, headers={"Accept": JSON}, timeout=60)
            return (answer.status_code, JSON, self._page(address, answer.content)) if answer.ok else _gone(answer)
        known = self._addresses.get(path.removesuffix(METADATA))
        if known is None:
            return 404, "text/plain", b"no page lists this file"
        answer = requests.get(known + METADATA * path.endswith(METADATA), timeout=300)
        return (200, "application/octet-stream", answer.content) if answer.ok else _gone(answer)

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


def _gone(answer: requests.Response) -> Answer:
    return answer.status_code, "text/plain", b""


class _Handler(BaseHTTPRequestHandler):
    relay: ClassVar[SlowIndex]
    protocol_version = "HTTP/1.1"  # connections are used again, as with PyPI

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        status, kind, body = self.relay.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Print nothing."""
