"""Reads files of requirements: each entry with its hashes, or all mistakes at once.

Seven kinds are supported: requirements files (with or without --hash), poetry.lock, uv.lock, pylock.toml (PEP 751),
pyproject.toml (PEP 621, PEP 735), the output of sha256sum, and files of pinned build tools: requirements files whose
hashes are of their owner's wheels. A file's name and first line decide its kind.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError
from orchestrator.model.names import is_path
from orchestrator.requirement_files import checksums, locks, pip_files, pyproject
from orchestrator.requirement_files.entries import LONGEST, Mistake, Read, Wanted, short
from orchestrator.requirement_files.selection import MAIN, WHOLE, Selection, selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = [
    "WHOLE",
    "Mistake",
    "Read",
    "Selection",
    "Wanted",
    "insist_on_pins",
    "read",
    "read_all",
    "report",
    "selection",
]

_LISTED = 10  # names in a message


def read_all(
    paths: Iterable[Path], reader: Callable[[Path, Selection], Read], chosen: Selection = WHOLE
) -> tuple[Wanted, ...]:
    """Read the chosen groups and extras of files of any kind. `reader` reads one file, as `read` does.

    Raises
    ------
    UsageError
        A file cannot be read, or has mistakes; the message lists all mistakes of all files. Or no file has a group or
        an extra of that name.

    """
    contents = [(str(path), reader(path, chosen)) for path in paths]
    wrong = [mistake for _, content in contents for mistake in content.mistakes]
    wrong += () if wrong else [*_unknown(contents, chosen), *_left_out(contents, chosen)]
    if wrong:
        raise UsageError(report(wrong))
    return tuple(one for _, content in contents for one in content.wanted)


def insist_on_pins(requirements: Iterable[str], wanted: Iterable[Wanted]) -> None:
    """Check that each requirement and each entry names one version, as a set that is built as a whole needs.

    Raises
    ------
    UsageError
        One does not; the message lists all of them, and names --resolve.

    """
    loose = [*(f"{short(text)}" for text in requirements if not _is_pinned(text))]
    loose += [f"{one.place}: {one.requirement}" for one in wanted if not one.version]
    if loose:
        more = f"\n... and {len(loose) - _LISTED} more" if len(loose) > _LISTED else ""
        listed = "\n".join(loose[:_LISTED]) + more
        msg = (
            f"reading requirements: these name no version; write NAME==VERSION, or lock them with --resolve:\n{listed}"
        )
        raise UsageError(msg)


def _is_pinned(text: str) -> bool:
    try:
        return is_path(text) or bool(pyproject.entry(text).version)
    except ValueError:
        return True  # another check reports it


def _unknown(contents: list[tuple[str, Read]], chosen: Selection) -> Iterator[Mistake]:
    """Yield the chosen groups and extras that no file has."""
    files = ", ".join(name for name, _ in contents)
    for what, asked, field in (("group", chosen.named, "groups"), ("extra", chosen.extras, "extras")):
        known = list(dict.fromkeys(name for _, content in contents for name in getattr(content, field)))
        for name in asked:
            if name not in known:
                has = f"there are {', '.join(map(short, known[:_LISTED]))}" if known else f"it has no {what}s"
                yield Mistake(files, 0, f"there is no {what} {short(name)}; {has}")


def _left_out(contents: list[tuple[str, Read]], chosen: Selection) -> Iterator[Mistake]:
    """Yield the files that have no groups, if --only leaves out the project's own dependencies."""
    for name, content in contents:
        if content.wanted and not content.groups and not chosen.has_main:
            what = f"it has no groups, so --only leaves nothing of it; add {MAIN} to --only, or leave the file out"
            yield Mistake(name, 0, what)


def read(path: Path, chosen: Selection = WHOLE) -> Read:
    """Read one file of any kind; a file that cannot be read has that as its mistake.

    Of a file whose kind has no groups, all entries are read.
    """
    text = _text(path)
    if isinstance(text, Mistake):
        return Read((), (text,))
    name = str(path)
    if name.endswith((".toml", ".lock")):
        return locks.parse(text, name, chosen, partial(_beside, path))
    return checksums.parse(text, name) if checksums.is_one(text) else pip_files.parse(path)


def _text(path: Path) -> str | Mistake:
    """Return the text of a file, or why it cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            text = stream.read(LONGEST + 1)
    except OSError as error:
        return Mistake(str(path), 0, f"cannot be read: {error.strerror or error}")
    except ValueError:
        return Mistake(str(path), 0, "it is not text in UTF-8; save it as such")
    return text if len(text) <= LONGEST else Mistake(str(path), 0, f"longer than {LONGEST:,} characters")


def _beside(path: Path) -> str | None:
    """Return the text of pyproject.toml in a file's folder; None if it is absent or cannot be read."""
    text = _text(path.parent / pyproject.NAME)
    return None if isinstance(text, Mistake) else text


def report(mistakes: Iterable[Mistake]) -> str:
    """List mistakes as compilers do: by file and line."""
    ordered = sorted(set(mistakes))
    count = "1 mistake" if len(ordered) == 1 else f"{len(ordered)} mistakes"
    lines = (f"{mistake.file}:{f'{mistake.line}:' if mistake.line else ''} {mistake.what}" for mistake in ordered)
    return "\n".join((f"reading requirements: {count}; nothing was run", *lines))
