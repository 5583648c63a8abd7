"""Compares a published wheel with ours, and decides how near ours comes. Both files may be hostile."""

from __future__ import annotations

import stat
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.utils import parse_wheel_filename

from orchestrator.analysis import dist_info, record, wheel
from orchestrator.analysis.excerpts import SHOWN, printable
from orchestrator.analysis.formats import spelling
from orchestrator.analysis.formats.members import depth
from orchestrator.analysis.formats.text import WHOLE
from orchestrator.analysis.restamp import restamped, unlike_fields
from orchestrator.model import Failure, Reason, Severity, Wheel, deepest
from orchestrator.model.verification import BY_MODES, Closeness, Line, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orchestrator.analysis.restamp import Restamp
    from orchestrator.model import Limits, Member, WheelFile

_MOST_PATHS = 200
_MOST_LINES = 200
_NAMED = 3  # paths in a reason
_HEAD = 4
_EXECUTABLE = 0o111
_SPECIAL = 0o7000  # setuid, setgid, sticky
_UNIX = 3  # the system of a member (APPNOTE.TXT, 4.4.2)
_RECORD = "RECORD"
_RECORD_ORDER = "record-order"
_LONGEST_RECORD = 64 << 20


def closeness(published: Path, theirs: WheelFile, ours: Path, built: WheelFile, limits: Limits) -> Closeness | Failure:
    """Compare two wheels. A failure is one of our file, or a limit: nothing is known.

    The hashes of both files are known to be right. A published file that no installer should take, or that cannot be
    unpacked, differs: our build is none.
    """
    renamed = "" if spelling.same_filename(theirs.filename, built.filename) else built.filename
    if theirs.sha256 == built.sha256 and not renamed:
        return Closeness(Outcome.IDENTICAL, sha256=theirs.sha256, reason="our build has the published bytes")
    second = wheel.read(ours, built, limits.wheel, limits.members)
    if isinstance(second, Failure):
        return replace(second, detail=f"our build: {second.detail}")
    first = wheel.read(published, theirs, limits.wheel, limits.members)
    if isinstance(first, Failure):
        return _unreadable(first)
    found = _compared(published, ours, first, second)
    if not renamed or found.outcome is Outcome.DIFFERS:
        return found
    reason = f"our build's file has another name: {_shown(renamed)}"
    return replace(found, outcome=Outcome.DIFFERS, sha256="", severity=Severity.MEMBERS, reason=reason)


def _unreadable(failure: Failure) -> Closeness | Failure:
    if failure.reason is Reason.WHEEL_TOO_LARGE:
        return failure
    return _differs(f"the published file is no sound wheel: {_shown(failure.detail)}", Severity.MEMBERS)


def _differs(reason: str, severity: Severity) -> Closeness:
    return Closeness(Outcome.DIFFERS, severity=severity, reason=reason)


@dataclass(frozen=True, slots=True)
class _Members:
    """In which members two wheels differ; paths as the archives have them, sorted."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]


def _members(first: Wheel, second: Wheel) -> _Members:
    theirs, ours = ({member.path: member for member in one.members} for one in (first, second))
    changed = (path for path in theirs.keys() & ours.keys() if _content(theirs[path]) != _content(ours[path]))
    return _Members(
        tuple(sorted(changed)), tuple(sorted(theirs.keys() - ours.keys())), tuple(sorted(ours.keys() - theirs.keys()))
    )


def _content(member: Member) -> tuple[str, int]:
    return member.sha256, member.size


def _compared(published: Path, ours: Path, first: Wheel, second: Wheel) -> Closeness:
    found = _members(first, second)
    with zipfile.ZipFile(published) as theirs, zipfile.ZipFile(ours) as mine:
        files = _Files(theirs, mine, _folder(first))
        lines = _lines(files, found, second)
        unexplained = _unexplained(found, files.folder, lines) or _unlike_record(files, found, first)
        severity = _severity(files, found)
        replaced = {} if unexplained else {path: theirs.read(path) for path in found.changed}
        modes = _unlike_modes(theirs, mine)
    if unexplained:
        decided, taken = _differs(unexplained, severity), unlike_fields(published, ours)
    else:
        made = restamped(published, first.sha256, ours, replaced)
        decided, taken = _decided(found, lines, made, severity, modes), made.taken
    return replace(
        decided,
        taken=taken,
        changed=_listed(found.changed),
        missing=_listed(found.missing),
        added=_listed(found.added),
        lines=lines[:_MOST_LINES],
    )


def _decided(found: _Members, lines: tuple[Line, ...], made: Restamp, severity: Severity, modes: str) -> Closeness:
    """Return the outcome where all members have our bytes, or differ in lines with a cause.

    `modes` tells what of the modes an installer or another unpacker follows; empty if nothing.
    """
    if not made.same:
        return _differs(f"the archive differs: {made.reason}", deepest((Severity.ARCHIVE, severity)))
    if found.changed:
        causes = ", ".join(sorted({line.cause for line in lines if line.cause}))
        reason = f"{_counted(found.changed)} in lines with a known cause only: {causes}"
        reason += f"; {_unmade(made)}" if made.unmade else ""
        reason += f"; {BY_MODES}{modes}" if modes else ""
        return Closeness(Outcome.METADATA, other_zlib=made.unmade > 0, severity=severity, reason=reason)
    reason = (
        f"every file has the published bytes; {', '.join(made.taken)} of the archive are taken from the published wheel"
    )
    reason += f"; {_unmade(made)}" if made.unmade else ""
    reason += f"; {BY_MODES}{modes}" if modes else ""
    return Closeness(
        Outcome.RESTAMPED,
        sha256=made.sha256,
        other_zlib=made.unmade > 0,
        severity=Severity.ARCHIVE,
        reason=reason,
    )


def _unmade(made: Restamp) -> str:
    return (
        f"packed bytes cannot be made with the zlib of this host, but unpack to the same bytes: those of {made.unmade} "
        f"{'member' if made.unmade == 1 else 'members'}"
    )


def _unlike_modes(published: zipfile.ZipFile, ours: zipfile.ZipFile) -> str:
    """Return which members run, or run as another user, in one of two wheels only; empty if there are none.

    An installer makes a file executable by its mode (PEP 427): some only where the mode has the type of a file, some
    only where the system is Unix.
    """
    mine = {info.orig_filename: info for info in ours.infolist()}
    pairs = [(info, mine[info.orig_filename]) for info in published.infolist() if info.orig_filename in mine]
    runs = sorted(one.orig_filename for one, other in pairs if _runs(one) != _runs(other))
    special = sorted(one.orig_filename for one, other in pairs if _special(one) != _special(other))
    named = {"installers make only one of both executable": runs, "only one of both has setuid or such bits": special}
    return "; ".join(f"{text}: {_some(tuple(paths))}" for text, paths in named.items() if paths)


def _runs(info: zipfile.ZipInfo) -> tuple[bool, ...]:
    """Return whether an installer makes a file executable: any, one that asks for its type, one for its system."""
    mode = info.external_attr >> 16
    runs = bool(mode & _EXECUTABLE)
    return runs, runs and stat.S_ISREG(mode), runs and info.create_system == _UNIX


def _special(info: zipfile.ZipInfo) -> int:
    return (info.external_attr >> 16) & _SPECIAL


# --- members -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Files:
    """Both archives, and the name of their dist-info folder, with its slash; empty if there is not exactly one."""

    published: zipfile.ZipFile
    ours: zipfile.ZipFile
    folder: str

    def both(self, name: str, longest: int = WHOLE) -> tuple[bytes, bytes] | None:
        """Return the contents of a file of the dist-info folder; None if one is absent or too large."""
        try:
            infos = [one.getinfo(self.folder + name) for one in (self.published, self.ours)]
        except KeyError:
            return None
        if max(info.file_size for info in infos) > longest:
            return None
        return self.published.read(infos[0]), self.ours.read(infos[1])


def _folder(published: Wheel) -> str:
    """Return the only dist-info folder, if it is named after the file (PEP 427), with its slash."""
    folders = {member.path.partition("/")[0] for member in published.members if ".dist-info/" in member.path}
    named = [one for one in folders if one.lower().endswith(".dist-info")]
    if len(named) != 1:
        return ""
    project, version, _, _ = parse_wheel_filename(published.filename)
    expected = f"{project}-{version}.dist-info/"
    return f"{named[0]}/" if spelling.member(f"{named[0]}/") == spelling.member(expected) else ""


def _lines(files: _Files, found: _Members, ours: Wheel) -> tuple[Line, ...]:
    """Return the lines that differ in the files of the dist-info folder that backends write."""
    if not files.folder:
        return ()
    same = {member.path for member in ours.members}.difference(found.changed, found.added)
    wheels = files.both("WHEEL")
    given = dist_info.Given(
        frozenset(path.removeprefix(files.folder) for path in same if path.startswith(files.folder)),
        (dist_info.generators(wheels[0]), dist_info.generators(wheels[1])) if wheels else ((), ()),
    )
    lines: list[Line] = []
    for name in dist_info.READ:
        path = files.folder + name
        if path in found.changed:
            both = files.both(name)
            lines += dist_info.lines(path, *both, given) if both else [Line(_shown(path), "", "")]
    return (*lines, *_record_lines(files, found))


def _record_lines(files: _Files, found: _Members) -> tuple[Line, ...]:
    if files.folder + _RECORD not in found.changed:
        return ()
    both = files.both(_RECORD, _LONGEST_RECORD)
    if both is None or record.follows(*both, found.changed) is not None:
        return ()
    return (Line(_shown(files.folder + _RECORD), "another order", "", _RECORD_ORDER),)


def _unexplained(found: _Members, folder: str, lines: tuple[Line, ...]) -> str:
    """Return which member or line differs without a cause; ""."""
    if found.missing:
        return f"{_counted(found.missing, 'is not in our build', 'are not in our build')}: {_some(found.missing)}"
    if found.added:
        return f"{_counted(found.added, 'is only in our build', 'are only in our build')}: {_some(found.added)}"
    known = {folder + name for name in (*dist_info.READ, _RECORD)} if folder else set()
    if unknown := sorted(set(found.changed) - known, key=lambda path: depth(path, b"") is not Severity.CODE):
        more = f", and {len(unknown) - 1} more" if unknown[1:] else ""
        return f"{_shown(unknown[0])} differs{more}"
    if line := next((line for line in lines if not line.cause), None):
        return f"{line.path} differs without a known cause: {_quoted(line.published)} is {_quoted(line.ours)} in ours"
    return ""


def _unlike_record(files: _Files, found: _Members, published: Wheel) -> str:
    """Return in what the published RECORD is more than a consequence of what differs; ""."""
    path = files.folder + _RECORD
    if path not in found.changed:
        return f"{_counted(found.changed)}, and RECORD does not: it cannot fit" if found.changed else ""
    both = files.both(_RECORD, _LONGEST_RECORD)
    if both is None:
        return "RECORD is too large"
    if unlike := record.is_unlike(both[0], path, published.members):
        return f"the published {unlike}"
    return "RECORD differs by itself" if record.follows(*both, found.changed) is False else ""


def _severity(files: _Files, found: _Members) -> Severity:
    if found.missing or found.added:
        return Severity.MEMBERS
    return deepest(depth(path, _head(one, path)) for path in found.changed for one in (files.published, files.ours))


def _head(archive: zipfile.ZipFile, path: str) -> bytes:
    with archive.open(path) as stream:
        return stream.read(_HEAD)


# --- texts ---------------------------------------------------------------------------------------


def _counted(paths: tuple[str, ...], one: str = "differs", several: str = "differ") -> str:
    return f"1 member {one}" if len(paths) == 1 else f"{len(paths)} members {several}"


def _some(paths: tuple[str, ...]) -> str:
    more = f", and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(map(_shown, paths[:_NAMED])) + more


def _listed(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_shown, tuple(paths)[:_MOST_PATHS]))


def _quoted(text: str) -> str:
    return f"`{text[:SHOWN]}`" if text else "a line that is absent"


def _shown(text: str) -> str:
    return printable(text.encode("utf-8", "surrogateescape"))[:SHOWN]
