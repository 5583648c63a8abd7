"""A snapshot archive and a registry on loopback, for tests of how an image begins."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CONFIG = "application/vnd.docker.container.image.v1+json"


class _Handler(BaseHTTPRequestHandler):
    server: Mirrors

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.server.asked.append(self.path)
        if elsewhere := self.server.redirect(self.path):
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", elsewhere)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        kind, content = self.server.blobs.get(self.path.rpartition("/")[2], ("text/plain", b""))
        self.send_response(HTTPStatus.OK if content or self.path == "/v2/" else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep quiet: what was asked is kept by the server."""


class Mirrors(ThreadingHTTPServer):
    """Debian's archive as of any time (today's, in truth), and a registry of one image."""

    def __init__(self, archives: Mapping[str, str]) -> None:
        """Send what is asked of each archive, "debian" and "debian-security", on to its mirror."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.archives = archives
        self.blobs: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []

    @property
    def host(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.server_port}"

    def redirect(self, path: str) -> str:
        """Return where the archive's mirror has a file."""
        found = re.fullmatch(r"/archive/([^/]+)/\d{8}T\d{6}Z/(.*)", path)
        return f"{self.archives[found[1]]}/{found[2]}" if found and found[1] in self.archives else ""

    def publish(self, root: Path) -> str:
        """Offer a root file system as an image; return the digest to pull it by."""
        layer = root.read_bytes()
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob(CONFIG, json.dumps(config).encode()),
            "layers": [self._blob(LAYER, gzip.compress(layer, 1, mtime=0))],
        }
        return str(self._blob(MANIFEST, json.dumps(manifest).encode())["digest"])

    def _blob(self, kind: str, content: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = (kind, content)
        return {"mediaType": kind, "size": len(content), "digest": digest}


@contextmanager
def serving(archives: Mapping[str, str]) -> Iterator[Mirrors]:
    """Serve on a free port until the test is done."""
    with Mirrors(archives) as mirrors:
        Thread(target=mirrors.serve_forever, daemon=True).start()
        try:
            yield mirrors
        finally:
            mirrors.shutdown()
