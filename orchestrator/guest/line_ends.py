"""Ends the lines of written text files as Python does on Windows. Standard library only: it runs in containers.

A recipe has this module in its environment, with a line in a file .pth that calls it.
"""

from __future__ import annotations

import builtins
import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def write_crlf() -> None:
    """Write CR LF from here on wherever a program of this process asks for no other end of lines."""
    plain = io.open

    def opened(
        file: Any,  # noqa: ANN401 - as io.open
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,  # noqa: FBT001, FBT002 - as io.open
        opener: Any = None,  # noqa: ANN401 - as io.open
    ) -> Any:  # noqa: ANN401 - as io.open
        if newline is None and "b" not in mode and set(mode) & set("wax+"):
            newline = "\r\n"
        return plain(file, mode, buffering, encoding, errors, newline, closefd, opener)

    builtins.open = io.open = opened
