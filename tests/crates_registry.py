"""A registry of crates on loopback: a sparse index, and the crates themselves."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


class CratesRegistry:
    """What was published is served; all that was asked for is noted."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.asked.append(self.path)
                content = registry.files.get(self.path)
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}/index/"
        self.serve_crates_at(self.host)

    def serve_crates_at(self, host: str) -> None:
        """Set the index's host of downloads."""
        self.files["/index/config.json"] = json.dumps({"dl": f"http://{host}/crates"}).encode()

    def publish(self, name: str, version: str, files: Mapping[str, bytes]) -> str:
        """Publish a crate; return its checksum."""
        stream = io.BytesIO()
        with (
            gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            for path, content in files.items():
                member = tarfile.TarInfo(f"{name}-{version}/{path}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        crate = stream.getvalue()
        checksum = hashlib.sha256(crate).hexdigest()
        line = {"name": name, "vers": version, "deps": [], "cksum": checksum, "features": {}, "yanked": False}
        self.files[f"/crates/{name}/{version}/download"] = crate
        self.files[f"/index/{name[:2]}/{name[2:4]}/{name}"] = json.dumps(line).encode() + b"\n"
        return checksum

    def __enter__(self) -> Self:
        """Begin to serve."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
