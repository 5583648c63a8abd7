"""A package index of our own on loopback, for tests: PEP 503 and 691, with faults on request.

    with LoopbackIndex() as index:
        index.publish("six-1.0.tar.gz", sdist("six", "1.0", {"setup.py": b""}))
        index.answer("/simple/six/", status=503, times=2)

A fault acts on each request whose path begins with its prefix, as often as its count, and
those that were asked for first act first.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import io
import json
import ssl
import tarfile
import threading
import zipfile
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, unquote, urlsplit

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"

_ALWAYS = 1 << 30


@dataclass(frozen=True, slots=True)
class Published:
    """A file as the index offers it; what it claims need not be so."""

    filename: str
    content: bytes
    sha256: str | None
    requires_python: str | None
    yanked: str | None  # the reason, which may be empty
    uploaded: str | None  # RFC 3339


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next `times` requests for paths that begin with `path`."""

    path: str
    times: int
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    keep: float = 1.0  # the share of the body that is sent before the connection ends
    stall: bool = False  # instead of ending, wait until the index closes
    after: int = 0  # so many requests are let pass first


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Keep quiet about clients that hang up, as they should when something is wrong."""


class LoopbackIndex:
    """A package index, served from memory while the context lasts."""

    def __init__(
        self,
        *,
        html_only: bool = False,
        upload_times: bool = True,
        etags: bool = True,
        certificate: Path | None = None,  # and its key, in one file: then it serves https
        host: str = "127.0.0.1",  # an address of this machine
    ) -> None:
        """Prepare an empty index; `url` is known at once, served from the context's begin."""
        self._scheme = "https" if certificate else "http"
        self.html_only = html_only
        self.upload_times = upload_times
        self.etags = etags
        self.requests: list[str] = []  # "GET /simple/six/ 200", in the order of their answers
        self.authorizations: set[str] = set()  # the Authorization headers that were seen
        self._projects: dict[str, dict[str, Published]] = {}
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._server = _Server((host, 0), self._handler())
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, name="loopback-index", daemon=True
        )

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving, and let go of all that is stalled."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host, port = self._server.server_address[:2]
        return f"{self._scheme}://{host!s}:{port}"

    @property
    def url(self) -> str:
        """The address to configure."""
        return f"{self.origin}/simple/"

    def publish(
        self,
        filename: str,
        content: bytes,
        *,
        project: str | None = None,
        sha256: str | None = "",
        requires_python: str | None = None,
        yanked: str | None = None,
        uploaded: str | None = "2020-01-01T00:00:00Z",
    ) -> str:
        """Offer a file, and return its real SHA-256; `sha256` may be wrong, or None for no hash."""
        real = hashlib.sha256(content).hexdigest()
        claimed = real if sha256 == "" else sha256
        offered = Published(filename, content, claimed, requires_python, yanked, uploaded)
        self._projects.setdefault(project or _project(filename), {})[filename] = offered
        return real

    def sha256(self, project: str, filename: str) -> str:
        """Return the real SHA-256 of a file on offer."""
        return hashlib.sha256(self._projects[project][filename].content).hexdigest()

    def withdraw(self, project: str, filename: str) -> None:
        """Offer a file no more."""
        del self._projects[project][filename]

    def answer(
        self,
        path: str,
        *,
        status: int = 503,
        times: int = _ALWAYS,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        after: int = 0,
    ) -> None:
        """Answer with this status, instead of what there is, once so many requests have passed."""
        self._faults.append(Fault(path, times, status=status, headers=headers or {}, body=body, after=after))

    def truncate(self, path: str, *, times: int = _ALWAYS) -> None:
        """Promise the whole body, send half of it, and hang up."""
        self._faults.append(Fault(path, times, keep=0.5))

    def stall(self, path: str, *, times: int = _ALWAYS) -> None:
        """Send half of the body, and then nothing more."""
        self._faults.append(Fault(path, times, keep=0.5, stall=True))

    def mend(self) -> None:
        """Let all faults end."""
        with self._lock:
            self._faults.clear()

    def count(self, path: str) -> int:
        """How many requests for this very path were answered."""
        return sum(line.split()[1] == path for line in self.requests)

    def _fault(self, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and path.startswith(fault.path):
                    if fault.after > 0:
                        fault.after -= 1
                        return None
                    fault.times -= 1
                    return fault
        return None

    def _answer(self, path: str, accept: str) -> Answer:
        match path.strip("/").split("/"):
            case ["simple", name] if canonicalize_name(name) in self._projects:
                return self._page(canonicalize_name(name), accept)
            case ["files", name, filename] if filename in self._projects.get(name, {}):
                content = self._projects[name][filename].content
                return Answer(200, content, {"Content-Type": "application/octet-stream"})
            case _:
                return Answer(404, b"no such page")

    def _page(self, name: str, accept: str) -> Answer:
        files = self._projects[name].values()
        as_json = JSON in accept and not self.html_only
        body = self._json(name, files) if as_json else self._html(name, files)
        headers = {"Content-Type": JSON if as_json else HTML}
        if self.etags:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        return Answer(200, body, headers)

    def _json(self, name: str, files: Iterable[Published]) -> bytes:
        entries = [self._entry(name, file) for file in files]
        return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": entries}).encode()

    def _entry(self, name: str, file: Published) -> dict[str, object]:
        entry: dict[str, object] = {
            "filename": file.filename,
            "url": f"{self.origin}{_path(name, file)}",
            "hashes": {"sha256": file.sha256} if file.sha256 else {},
            "requires-python": file.requires_python,
            "yanked": False if file.yanked is None else file.yanked or True,
            "size": len(file.content),
        }
        if self.upload_times and file.uploaded:
            entry["upload-time"] = file.uploaded
        return entry

    def _html(self, name: str, files: Iterable[Published]) -> bytes:
        lines = [_anchor(name, file) for file in files]
        return ("<!DOCTYPE html><html><body>\n" + "\n".join(lines) + "\n</body></html>").encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = unquote(urlsplit(self.path).path)
                answer = index._answer(path, self.headers.get("Accept", ""))
                fault = index._fault(path)
                if fault is not None:
                    answer = _spoilt(answer, fault)
                elif self.headers.get("If-None-Match", "") == answer.headers.get("ETag", "none"):
                    answer = Answer(304, b"", {"ETag": answer.headers["ETag"]})
                index.authorizations.add(self.headers.get("Authorization", ""))
                index.requests.append(f"{self.command} {path} {answer.status}")
                self._send(answer, fault)

            do_HEAD = do_GET  # noqa: N815 - the library's name

            def _send(self, answer: Answer, fault: Fault | None) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command == "HEAD":
                    return
                keep = fault.keep if fault else 1
                self.wfile.write(answer.body[: int(len(answer.body) * keep)])
                self.wfile.flush()
                if fault and fault.stall:
                    index._closed.wait()
                if keep < 1:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Keep quiet; `requests` has it."""

        return Handler


def sdist(name: str, version: str, members: Mapping[str, bytes]) -> bytes:
    """Return a .tar.gz with one folder, name-version, of these members and a PKG-INFO."""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in {"PKG-INFO": metadata, **members}.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def wheel(
    name: str,
    version: str,
    members: Mapping[str, bytes] | None = None,
    *,
    tag: str = "py3-none-any",
    requires: tuple[str, ...] = (),
    extras: tuple[str, ...] = (),
    scripts: Mapping[str, str] | None = None,
) -> bytes:
    """Return a wheel with these members; `scripts` are console scripts, name -> module:function."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    needs = "".join(f"Provides-Extra: {extra}\n" for extra in extras)
    needs += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    entries = "[console_scripts]\n" + "".join(f"{key} = {value}\n" for key, value in (scripts or {}).items())
    files = {
        **(members or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        f"{info}/entry_points.txt": entries.encode(),
    }
    files[f"{info}/RECORD"] = "".join(_record(path, content) for path, content in files.items()).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    return packed.getvalue()


def _record(path: str, content: bytes) -> str:
    code = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={code},{len(content)}\n"


def _spoilt(answer: Answer, fault: Fault) -> Answer:
    if fault.body is None:
        return answer
    return Answer(fault.status, fault.body, {"Content-Type": "text/plain", **fault.headers})


def _project(filename: str) -> str:
    if filename.endswith(".whl"):
        return parse_wheel_filename(filename)[0]
    return parse_sdist_filename(filename)[0]


def _path(name: str, file: Published) -> str:
    return f"/files/{name}/{quote(file.filename)}"


def _anchor(name: str, file: Published) -> str:
    attributes = {"data-requires-python": file.requires_python, "data-yanked": file.yanked}
    said = "".join(f' {key}="{html.escape(value)}"' for key, value in attributes.items() if value is not None)
    fragment = f"#sha256={file.sha256}" if file.sha256 else ""
    return f'<a href="../..{_path(name, file)}{fragment}"{said}>{html.escape(file.filename)}</a>'
