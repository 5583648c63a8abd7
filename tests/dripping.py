"""A server that never ends an answer."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Dripping:
    """A server that sends an answer a byte at a time, a tenth of a second apart, and never ends one."""

    def __init__(self, part: str) -> None:
        """Drip in the head, in the body, or in chunks of it."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
        self._at_once = {
            "head": b"HTTP/1.1 200 OK\r\n",
            "body": head + b"Content-Length: 100000\r\n\r\n",
            "chunks": head + b"Transfer-Encoding: chunked\r\n\r\n",
        }[part]
        self._drop = {"head": b"x", "body": b"x", "chunks": b"1\r\nx\r\n"}[part]
        self._ended = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        """Serve; give the address."""
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/simple/"

    def __exit__(self, *_error: object) -> None:
        """Let all go."""
        self._ended.set()
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(self._at_once)
            while not self._ended.wait(0.1):
                connection.sendall(self._drop)
