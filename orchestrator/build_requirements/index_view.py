"""Serves the package index to uv on loopback, as the farm's own client sees it at that moment.

uv reports a project as absent after one bad page, and keeps the page. Here each page and each file that
it requests is read by the farm's client, past all caches, and is checked: a page must belong to the
project, a file must have its hash. A failed check is recorded as a fault of the index.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from orchestrator.errors import PackageIndexError, WheelproofError
from orchestrator.model import OfferedWheel, digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.sources.index import Index
    from orchestrator.sources.index_pages import Listed

JSON = "application/vnd.pypi.simple.v1+json"
LARGEST = 1 << 30  # bytes of a wheel that is read for its metadata
LARGEST_METADATA = 16 << 20
_METADATA = ".metadata"


class IndexView:
    """A view of the index, and what uv saw of it."""

    def __init__(self, index: Index) -> None:
        """Show an index as it is now."""
        self.index = index
        self.url = ""  # while it is served
        self.seen: dict[str, str] = {}  # project -> digest of its page; empty if the index has none
        self.faults: list[str] = []
        self._files: dict[str, Listed] = {}  # by the path under which it is shown
        self._pages: dict[str, bytes | None] = {}
        self._lock = threading.Lock()

    def answer(self, path: str) -> bytes | None:
        """Return the content of a path, or None if there is none.

        Raises
        ------
        WheelproofError
            The index is at fault.

        """
        match path.strip("/").split("/"):
            case ["simple", name]:
                return self._page(canonicalize_name(name))
            case ["files", *_]:
                return self._file(path)
            case _:
                return None

    def _page(self, name: str) -> bytes | None:
        with self._lock:
            if name not in self._pages:
                listed = self.index.look(name)
                self.seen[name] = "" if listed is None else digest(sorted(listed))
                self._pages[name] = None if listed is None else self._shown(name, listed)
            return self._pages[name]

    def _shown(self, name: str, listed: tuple[Listed, ...]) -> bytes:
        files = []
        for number, file in enumerate(listed):
            path = f"/files/{name}/{number}/{file.filename}"
            self._files[path] = file
            entry: dict[str, object] = {"filename": file.filename, "url": f"{self.url.removesuffix('/simple/')}{path}"}
            entry |= {"hashes": file.hashes, "requires-python": file.requires_python, "yanked": file.yanked}
            entry |= {"upload-time": file.uploaded} if file.uploaded else {}
            entry |= {"core-metadata": {"sha256": file.metadata}} if file.metadata else {}
            files.append(entry)
        return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": files}).encode()

    def _file(self, path: str) -> bytes | None:
        if (wheel := self._files.get(path)) is not None:
            offered = OfferedWheel(wheel.filename, wheel.url, wheel.hashes.get("sha256", ""), None)
            return self.index.fetch(offered, LARGEST).read_bytes()
        of = self._files.get(path.removesuffix(_METADATA))
        if of is None:
            return None
        content = self.index.answer(f"{of.url}{_METADATA}", LARGEST_METADATA)
        if hashlib.sha256(content).hexdigest() != of.metadata:
            msg = f"reading the metadata of {of.filename}: it does not have the hash that the index names"
            raise PackageIndexError(msg)
        return content


@contextmanager
def served(index: Index) -> Iterator[IndexView]:
    """Serve a view of an index on loopback."""
    view = IndexView(index)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                content = view.answer(self.path)
                self._send(404 if content is None else 200, content or b"")
            except WheelproofError as fault:
                view.faults.append(str(fault))
                self._send(503, b"")

        do_HEAD = do_GET  # noqa: N815 - the library's name

        def _send(self, status: int, body: bytes) -> None:
            with suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Type", JSON if self.path.startswith("/simple/") else "application/zip")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            """Record that the view is incomplete; uv's result is then not used."""
            view.faults.append("the index could not be shown to uv")

    with Server(("127.0.0.1", 0), Handler) as server:
        view.url = f"http://127.0.0.1:{server.server_port}/simple/"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="index view", daemon=True)
        thread.start()
        try:
            yield view
        finally:
            server.shutdown()
            thread.join()
