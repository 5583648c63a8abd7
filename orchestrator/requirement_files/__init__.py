"""Files that say what is wanted, as people have them: each line with its hashes, or all mistakes at once.

Five kinds are understood: requirements files (with --hash or without), poetry.lock, pylock.toml
(PEP 751), the output of sha256sum, and files of pinned build tools, which are requirements files
whose hashes are of their owner's own wheels. The kind is told by the file's name and first line.
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
    """Read files of any of the kinds; `reader` reads one, as `read` does.

    Raises
    ------
    UsageError
        One of them cannot be read, or has mistakes; the message lists all of every file.

    """
    wanted: list[Wanted] = []
    wrong: list[Mistake] = []
    for path in paths:
        found = reader(path)
        wanted.extend(found.wanted)
        wrong.extend(found.mistakes)
    if wrong:
        raise UsageError(report(wrong))
    return tuple(wanted)


def read(path: Path) -> Read:
    """Read one file of any kind; that it cannot be read is among its mistakes."""
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
    """List mistakes as compilers do, file by file, by line."""
    ordered = sorted(set(mistakes))
    count = "1 mistake" if len(ordered) == 1 else f"{len(ordered)} mistakes"
    lines = (f"{one.file}:{f'{one.line}:' if one.line else ''} {one.what}" for one in ordered)
    return "\n".join((f"reading what is wanted: {count}; nothing was run", *lines))
