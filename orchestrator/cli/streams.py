"""Standard output and error whose reader may disappear at any time; the run goes on without it."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from typing import TYPE_CHECKING, TextIO

from orchestrator.errors import ResultsError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_LOST = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO, errno.ECONNRESET})
"""A pipe without a reader, a terminal that has gone, a descriptor that was closed."""


class _Stream(io.FileIO):
    """A stream that accepts all output, even where its reader is gone."""

    def __init__(self, descriptor: int, *, needed: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._needed = needed
        self._defused: Defused | None = None

    def defuse(self, *, defused: bool) -> None:
        """Write so that no line is a command to a workflow, or as it is."""
        self._defused = Defused() if defused else None

    def write(self, data: Buffer, /) -> int:
        """Write; output without a reader is dropped, but output that found no room is an error."""
        if self._defused is not None:
            self._write_all(self._defused.feed(bytes(data)))
            return memoryview(data).nbytes
        return self._write(data)

    def _write_all(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._write(left) :]

    def _write(self, data: Buffer) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if self._needed and error.errno not in _LOST:
                self._needed = False  # once is enough
                msg = (
                    f"printing the results: {error.strerror}; make room in the place they are written to, and run again"
                )
                raise ResultsError(msg) from error
            return memoryview(data).nbytes


class Defused:
    r"""Rewrites output so that no line of it is a command to a workflow of GitHub Actions.

    The runner obeys a line that begins with two colons, and one with ##[ anywhere (ActionCommand.cs of
    actions/runner). The last character of either is written as \u003a or \u005b, which JSON reads as before.
    """

    def __init__(self) -> None:
        """Begin at the beginning of a line."""
        self._context = b""  # what the next bytes follow: at most three bytes that decide whether they are a command

    def feed(self, data: bytes) -> bytes:
        """Return the next bytes, rewritten; a command may be in two pieces."""
        text = self._context + data
        written = _BRACKET.sub(rb"##\\u005b", _COLONS.sub(rb"\1\\u003a", text))[len(self._context) :]
        line = _LINE_ENDS.split(text)[-1]
        self._context = (b"" if _BLANK.fullmatch(line) else b":") if _OPENING.fullmatch(line) else b"x" + line[-2:]
        return written


_COLONS = re.compile(rb"((?:\A|(?<=[\r\n]))[^!-~\r\n]*:):")
_BRACKET = re.compile(rb"##\[")
_LINE_ENDS = re.compile(rb"[\r\n]")
_BLANK = re.compile(rb"[^!-~]*")
_OPENING = re.compile(rb"[^!-~]*:?")


def defuse(*, defused: bool = True) -> None:
    """Let nothing that is printed from now on be a command to a workflow; or let it be one again."""
    for stream in (sys.stdout, sys.stderr):
        raw = getattr(getattr(stream, "buffer", None), "raw", None)
        if isinstance(raw, _Stream):
            stream.flush()
            raw.defuse(defused=defused)


def settle() -> None:
    """Open all three streams, so that the loss of one does not end the program.

    A descriptor that was closed is opened, since the next file to be opened would get its number,
    and what is printed would go there. Characters that the encoding lacks are escaped.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for good
    sys.stdout = _text(1, sys.stdout, needed=True)
    sys.stderr = _text(2, sys.stderr, needed=False)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        defuse()


def _text(number: int, former: TextIO | None, *, needed: bool) -> TextIO:
    if former is not None and former is not (sys.__stdout__ if number == 1 else sys.__stderr__):
        return former  # replaced by the caller, as in a test
    raw = _Stream(number, needed=needed)
    encoding = former.encoding if former else "utf-8"
    by_line = number != 1 or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=by_line)
