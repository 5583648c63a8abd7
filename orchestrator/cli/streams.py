"""Standard output and error that may be lost at any time: whoever read them has gone, and the run goes on."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from orchestrator.errors import ResultsError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_LOST = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO, errno.ECONNRESET})
"""A pipe without a reader, a terminal that has gone, a descriptor that was closed."""


class _Stream(io.FileIO):
    """A stream that takes all that is written to it, even where nobody reads it any more."""

    def __init__(self, descriptor: int, *, needed: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._needed = needed

    def write(self, data: Buffer, /) -> int:
        """Write; what nobody can read is as good as read, but what did not fit where it was to be kept is not."""
        try:
            return super().write(data) or 0
        except OSError as error:
            if self._needed and error.errno not in _LOST:
                self._needed = False  # once is enough
                msg = f"printing the results: {error.strerror}; make room where they are to go, and run again"
                raise ResultsError(msg) from error
            return memoryview(data).nbytes


def settle() -> None:
    """Have all three streams, and let no one's end be ours.

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


def _text(number: int, former: TextIO | None, *, needed: bool) -> TextIO:
    if former is not None and former is not (sys.__stdout__ if number == 1 else sys.__stderr__):
        return former  # somebody's own, as in a test
    raw = _Stream(number, needed=needed)
    encoding = former.encoding if former else "utf-8"
    by_line = number != 1 or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=by_line)
