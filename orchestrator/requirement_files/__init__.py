"""Reads files of requirements: each entry with its hashes, or all mistakes at once.

Six kinds are supported: requirements files (with or without --hash), poetry.lock, uv.lock,
pylock.toml (PEP 751), the output of sha256sum, and files of pinned build tools, which are requirements files
whose hashes are of their owner's wheels. A file's name and first line decide its kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import UsageError
from orchestrator.requirement_files import checksums, locks, pip_files
from orchestrator.requirement_files.entries import LONGEST, Mistake, Read, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

__all__ = ["Mistake", "Read", "Wanted", "read", "read_all", "report"]


def read_all(paths: Iterable[Path], reader: Callable[[Path], Read]) -> tuple[Wanted, ...]:
    """Read files of any kind. `reader` reads one file, as `read` does.

    Raises
    ------
    UsageError
        A file cannot be read, or has mistakes; the message lists all mistakes of all files.

    """
    wanted: list[Wanted] = []
    wrong: list[Mistake] = []
    for path in paths:
        content = reader(path)
        wanted.extend(content.wanted)
        wrong.extend(content.mistakes)
    if wrong:
        raise UsageError(report(wrong))
    return tuple(wanted)


def read(path: Path) -> Read:
    """Read one file of any kind; a file that cannot be read has that as its mistake."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            text = stream.read(LONGEST + 1)
    except OSError as error:
        return Read((), (Mistake(str(path), 0, f"cannot be read: {error.strerror or error}"),))
    except ValueError:
        return Read((), (Mistake(str(path), 0, "it is not text in UTF-8; save it as such"),))
    name = str(path)
    if len(text) > LONGEST:
        return Read((), (Mistake(name, 0, f"longer than {LONGEST:,} characters"),))
    if name.endswith((".toml", ".lock")):
        return locks.parse(text, name)
    return checksums.parse(text, name) if checksums.is_one(text) else pip_files.parse(path)


def report(mistakes: Iterable[Mistake]) -> str:
    """List mistakes as compilers do: by file and line."""
    ordered = sorted(set(mistakes))
    count = "1 mistake" if len(ordered) == 1 else f"{len(ordered)} mistakes"
    lines = (f"{mistake.file}:{f'{mistake.line}:' if mistake.line else ''} {mistake.what}" for mistake in ordered)
    return "\n".join((f"reading requirements: {count}; nothing was run", *lines))
