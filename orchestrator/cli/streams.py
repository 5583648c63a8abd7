"""Standard output and error whose reader may disappear at any time; the run goes on without it."""

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
    """A stream that accepts all output, even where its reader is gone."""

    def __init__(self, descriptor: int, *, needed: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._needed = needed

    def write(self, data: Buffer, /) -> int:
        """Write; output without a reader is dropped, but output that found no room is an error."""
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


def _text(number: int, former: TextIO | None, *, needed: bool) -> TextIO:
    if former is not None and former is not (sys.__stdout__ if number == 1 else sys.__stderr__):
        return former  # replaced by the caller, as in a test
    raw = _Stream(number, needed=needed)
    encoding = former.encoding if former else "utf-8"
    by_line = number != 1 or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=by_line)
