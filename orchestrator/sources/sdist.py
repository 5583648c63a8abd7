"""Reads how an sdist, or a project's folder, is to be built. Runs nothing of it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import posixpath
import re
import stat
import tarfile
import tomllib
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from orchestrator.errors import UsageError, is_of_the_host
from orchestrator.guest.archive import Unfit, Zip, opened, survey
from orchestrator.guest.main import members_of_zip
from orchestrator.model import DETAIL, Failure, Phase, Reason
from orchestrator.sources import git_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from orchestrator.guest.archive import Entry, Tar
    from orchestrator.model import Limits
    from orchestrator.sources.git_folder import GitFolder, Packed

LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
"""The backend of a project that names none (PEP 517)."""

LEGACY_REQUIRES = ("setuptools>=40.8.0",)
"""The build requirements of such a project (PEP 518); setuptools requires wheel itself if it needs it."""

_LONGEST_PYPROJECT = 4 << 20
_LONGEST_LOCK = 4 << 20
_LONGEST_METADATA = 4 << 20
_LONGEST_SPECIFIER = 1000  # characters of a Requires-Python
_REQUIRES = "requires-python:"  # a header of the core metadata
_LONGEST_BACKEND = 1 << 14  # characters as JSON: Linux starts no program with an argument of 131,072 bytes (execve(2))
_MOST_LOCKS = 8
_METHODS = frozenset({0, 8})  # how members of a zip are compressed: not at all, and deflated
_NEVER_PACKED = frozenset({".hg", ".svn", "__pycache__"})
_MARKS = ("pyvenv.cfg", "CACHEDIR.TAG")  # of a virtual environment (PEP 405), and of a cache (bford.info/cachedir)
_NO_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Source:
    """An sdist on disk, and how it is to be built."""

    path: Path
    requires: tuple[str, ...]
    backend: str
    backend_path: tuple[str, ...] = ()
    cargo: tuple[tuple[str, str], ...] = ()  # (folder, SHA-256) of each Cargo.lock that is not below another


def remembered(source: Source) -> tuple[str, ...]:
    """Serialize a source, without its path, as a tuple of texts for `recalled`."""
    groups = (source.requires, source.backend_path, tuple(chain.from_iterable(source.cargo)))
    return source.backend, *chain.from_iterable((str(len(group)), *group) for group in groups)


def recalled(path: Path, words: tuple[str, ...]) -> Source:
    """Return the source that `remembered` serialized."""
    backend, *rest = words
    groups = []
    for _ in range(3):
        end = 1 + int(rest[0])
        groups.append(tuple(rest[1:end]))
        rest = rest[end:]
    requires, backend_path, cargo = groups
    return Source(path, requires, backend, backend_path, tuple(zip(cargo[::2], cargo[1::2], strict=True)))


def describe(path: Path, limits: Limits) -> Source | Failure:
    """Return how an sdist is to be built, or why it cannot be unpacked.

    Raises
    ------
    OSError
        The host cannot read the file.
    MemoryError
        The archive takes more memory than there is.

    """
    try:
        _bound_members(path, limits.members)
        with closing(opened(str(path))) as archive:
            if isinstance(archive, Zip) and (failure := _of_methods(archive)):
                return failure
            entries = survey(archive, limits.sdist, limits.members)
            cargo = tuple(_cargo_locks(archive, entries))
            entry = entries.get("pyproject.toml")
            if entry is None or entry.kind != "file":
                return Source(path, LEGACY_REQUIRES, LEGACY_BACKEND, cargo=cargo)
            with archive.open(entry) as stream:
                text = stream.read(_LONGEST_PYPROJECT).decode()
        source = _build_system(path, tomllib.loads(text).get("build-system"))
        return source if isinstance(source, Failure) else replace(source, cargo=cargo)
    except Unfit as finding:
        _pass_on(finding.__context__)
        return _broken(str(finding), Reason(finding.reason))
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML
        return _broken(f"pyproject.toml: {error}")
    except Exception as error:  # noqa: BLE001 - a decompressor's own, on bytes made to break it
        _pass_on(error)
        return _broken(f"cannot be read: {type(error).__name__}: {error}")


def _bound_members(path: Path, most: int) -> None:
    """Raise Unfit where a zip has more members, before zipfile keeps 500 bytes of each."""
    if path.suffix == ".zip" and members_of_zip(str(path), most) > most:
        raise Unfit(Reason.SDIST_TOO_LARGE, f"has more than {most} files")


def _pass_on(error: BaseException | None) -> None:
    """Raise an error again if it is not about the sdist."""
    if error is not None and (isinstance(error, MemoryError) or is_of_the_host(error)):
        raise error


def _of_methods(archive: Zip) -> Failure | None:
    """Refuse compression methods that no sdist uses: with bzip2 or LZMA, a hundred bytes may unpack to gigabytes."""
    for info in archive._archive.infolist():  # noqa: SLF001 - the guest opens any of them
        if info.compress_type not in _METHODS:
            return _broken(f"{info.filename}: compressed by the method {info.compress_type}, which no sdist uses")
    return None


def _cargo_locks(archive: Tar | Zip, entries: Mapping[str, Entry]) -> Iterator[tuple[str, str]]:
    """Yield the outermost Cargo.lock files, which apply to all folders below them."""
    folders: list[str] = []
    for path in sorted(
        (name for name in entries if posixpath.basename(name) == "Cargo.lock"), key=lambda name: name.count("/")
    ):
        folder, entry = posixpath.dirname(path), entries[path]
        below = any(not name or folder == name or folder.startswith(f"{name}/") for name in folders)
        beside = entries.get(posixpath.join(folder, "Cargo.toml"))
        fits = entry.kind == "file" and entry.size <= _LONGEST_LOCK and beside is not None and beside.kind == "file"
        if fits and not below and len(folders) < _MOST_LOCKS:
            folders.append(folder)
            with archive.open(entry) as stream:
                yield folder, hashlib.sha256(stream.read(_LONGEST_LOCK)).hexdigest()


def _build_system(path: Path, table: Any) -> Source | Failure:  # noqa: ANN401 - whatever TOML gave
    if table is None:
        return Source(path, LEGACY_REQUIRES, LEGACY_BACKEND)
    requires = table.get("requires") if isinstance(table, dict) else None
    if requires is None or not _texts(requires):
        return _broken("pyproject.toml: build-system.requires is not a list of requirements (PEP 518)")
    backend = table.get("build-backend", LEGACY_BACKEND)
    folders = table.get("backend-path", [])
    # PEP 517 requires a list. pip also iterates over a text, letter by letter, which works for "." of flit-core 2.
    folders = list(folders) if isinstance(folders, str) else folders
    if not isinstance(backend, str) or not _texts(folders):
        return _broken("pyproject.toml: build-backend or backend-path is not as PEP 517 says")
    if len(json.dumps((backend, folders))) > _LONGEST_BACKEND:
        return _broken(f"pyproject.toml: build-backend and backend-path have more than {_LONGEST_BACKEND} characters")
    if any(folder.startswith("/") or ".." in folder.split("/") for folder in folders):
        return _broken("pyproject.toml: backend-path leads out of the sdist (PEP 517)")
    return Source(path, tuple(requires), backend, tuple(folders))


def _texts(value: Any) -> bool:  # noqa: ANN401 - whatever TOML gave
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _broken(detail: str, reason: Reason = Reason.BROKEN_SDIST) -> Failure:
    return Failure(reason, Phase.UNPACK, detail[:DETAIL])


# --- two sdists ------------------------------------------------------------------------------


def unlike(first: Path, second: Path, limits: Limits) -> tuple[str, ...]:
    """Return the paths of files whose contents differ between two sdists, or that only one of them has, sorted.

    Times, modes and order do not count. Raises as `describe` does; Unfit or another error where one cannot be read.
    """
    ours, theirs = _contents(first, limits), _contents(second, limits)
    return tuple(sorted(path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)))


def _contents(path: Path, limits: Limits) -> dict[str, str]:
    """Return what each file of an sdist contains, or a link leads to, as one text."""
    _bound_members(path, limits.members)
    found: dict[str, str] = {}
    with closing(opened(str(path))) as archive:
        for name, entry in survey(archive, limits.sdist, limits.members).items():
            found[name] = f"{entry.kind} {entry.target}"
            if entry.kind == "file":
                with archive.open(entry) as stream:
                    found[name] = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    return found


# --- a project's folder ----------------------------------------------------------------------


def project_of(folder: Path) -> str:
    """Return a project's normalized name from pyproject.toml or setup.cfg, or else a name for its path.

    The latter has the folder's name, that of the folder around it and a hash of the path, so that two projects whose
    names only their builds know are never taken for one.
    """
    return declared(folder) or _in_setup_cfg(folder) or _of_path(folder.resolve())


def _of_path(folder: Path) -> str:
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]
    names = (_NO_NAME.sub("-", name.lower()).strip("-")[:40].strip("-") for name in (folder.parent.name, folder.name))
    return "-".join((*filter(None, names), digest))


def _in_setup_cfg(folder: Path) -> str:
    """Return the name in setup.cfg, of setuptools; "" if it has none. Its build may still change it."""
    import configparser  # noqa: PLC0415 - few runs need it, and it compiles much

    parser = configparser.RawConfigParser(strict=False)
    try:
        with (folder / "setup.cfg").open("rb") as stream:
            parser.read_string(stream.read(_LONGEST_PYPROJECT).decode())
        return canonicalize_name(parser["metadata"]["name"], validate=True)
    except (OSError, ValueError, LookupError, configparser.Error):
        return ""


def declared(folder: Path) -> str:
    """Return a project's normalized name from pyproject.toml, or "" if it has none."""
    try:
        with (folder / "pyproject.toml").open("rb") as stream:
            name = tomllib.load(stream)["project"]["name"]
        return canonicalize_name(name, validate=True)
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return ""


def requires_python(path: Path, limits: Limits) -> str:
    """Return which Pythons a project admits: by pyproject.toml of a folder (PEP 621), by PKG-INFO of an sdist.

    "" where that is not written there, or cannot be read.
    """
    try:
        return _in_pyproject(path) if path.is_dir() else _in_metadata(path, limits)
    except Exception:  # noqa: BLE001 - whoever builds it reports what is wrong with it
        return ""


def _in_pyproject(folder: Path) -> str:
    with (folder / "pyproject.toml").open("rb") as stream:
        text = tomllib.loads(stream.read(_LONGEST_PYPROJECT).decode())["project"]["requires-python"]
    return _bounded(text)


def _in_metadata(path: Path, limits: Limits) -> str:
    _bound_members(path, limits.members)
    with closing(opened(str(path))) as archive:
        if isinstance(archive, Zip) and _of_methods(archive):
            return ""
        entry = survey(archive, limits.sdist, limits.members)["PKG-INFO"]
        if entry.kind != "file":
            return ""
        with archive.open(entry) as stream:
            text = stream.read(_LONGEST_METADATA).decode("utf-8", "replace")
    headers = text.replace("\r\n", "\n").partition("\n\n")[0].split("\n")
    return next((_bounded(line.partition(":")[2]) for line in headers if line.lower().startswith(_REQUIRES)), "")


def _bounded(text: str) -> str:
    """Return a specifier of usual length (PEP 440), or ""."""
    return text.strip() if len(text) < _LONGEST_SPECIFIER else ""


def check_project(folder: Path) -> None:
    """Check that a folder has what every project has.

    Raises
    ------
    UsageError
        It has neither pyproject.toml nor setup.py.

    """
    if not is_project(folder):
        msg = f"reading {folder}: it has neither pyproject.toml nor setup.py; name the folder of a project, or an sdist"
        raise UsageError(msg)


def is_project(folder: Path) -> bool:
    """Return whether a folder has what every project has: pyproject.toml or setup.py."""
    return any((folder / name).is_file() for name in ("pyproject.toml", "setup.py"))


def pack(
    folder: Path,
    stream: IO[bytes],
    limits: Limits,
    mtime: int,
    *,
    known: Callable[[str], bool] = lambda _content: False,
    ours: Collection[Path] = (),
) -> str:
    """Pack a project's folder into a .tar.gz: equal contents give equal bytes. Return what identifies the content.

    It leaves out folders of version control (.hg, .svn), virtual environments, caches (__pycache__, and folders
    marked as caches), and `ours`, the folders in which the farm itself writes, unless git tracks files in them.
    Everything else is packed, including files that git does not track or ignores, since a build in the folder
    sees them, too. All times are `mtime`. Of the modes, only the executable bit is kept.

    `.git` is packed as `git_folder` reduces it, and so are those of submodules, if the folder has one. The result
    identifies all but git's objects, which HEAD and the refs name by their hashes: packing them
    in another way changes nothing. `known` gets it, and the objects are left out if it returns True.

    Raises
    ------
    UsageError
        The folder has no project, or cannot be packed: it cannot be read, is larger than the
        limits, or has a link that leads out of it or something that is neither file nor folder.

    """
    check_project(folder)
    try:
        git = git_folder.find(folder)
        with (
            _Hashed(stream) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            room = _Room(folder, limits, "with its .git, it" if git else "it")
            repositories = _add_files(folder, archive, room, mtime, git, ours)
            content = packed.sha256.hexdigest()
            if repositories and not known(content):
                for place, repository in repositories:
                    _add_git(archive, room, place, git_folder.objects(repository), mtime)
            return content
    except OSError as error:
        msg = f"packing {folder}: {error}; make sure that all of it can be read and does not change meanwhile"
        raise UsageError(msg) from error


class _Hashed(gzip.GzipFile):
    """A gzip file that hashes what is written to it, before it is packed."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Write to that stream, with neither a name nor a time in the header."""
        super().__init__("", "wb", 1, stream, mtime=0)
        self.sha256 = hashlib.sha256()

    def write(self, data: Any) -> int:  # noqa: ANN401 - as gzip has it
        """Hash and write."""
        self.sha256.update(data)
        return super().write(data)


@dataclass(slots=True)
class _Room:
    """What the limits still allow."""

    folder: Path
    limits: Limits
    what: str
    size: int = 0
    members: int = 0

    def take(self, size: int) -> None:
        """Count one more file; raise UsageError if it is too much."""
        self.size, self.members = self.size + size, self.members + 1
        if self.size <= self.limits.sdist and self.members <= self.limits.members:
            return
        advice = "take away what does not belong to the project, or raise the limits"
        if self.what != "it":
            advice = f"{advice}; `git gc` makes fewer files of .git, and a shallow clone makes it smaller"
        msg = f"packing {self.folder}: {self.what} has more than {self.limits.sdist} bytes or "
        msg += f"{self.limits.members} files; {advice}"
        raise UsageError(msg)


def _add_files(
    folder: Path, archive: tarfile.TarFile, room: _Room, mtime: int, git: GitFolder | None, ours: Collection[Path]
) -> list[tuple[str, GitFolder]]:
    """Add all files, and the state of each repository of git; return the repositories with their places."""
    repositories = [("", git)] if git else []
    keep = git_folder.parents(git_folder.tracked_by(git)) if git else frozenset()
    leave = {path.resolve() for path in ours}
    for path in _found(folder, lambda path: _is_left_out(path, leave) and _relative(folder, path) not in keep):
        if path.name == git_folder.GIT:
            if git and path.parent != folder and (other := git_folder.find(path.parent)):
                repositories.append((f"{path.parent.relative_to(folder).as_posix()}/", other))
            continue
        entry = _entry(folder, path, mtime)
        room.take(entry.size)
        _add(archive, entry, path)
    for place, repository in repositories:
        for name in ("", "/objects", "/refs"):
            room.take(0)
            archive.addfile(_folder(f"project/{place}{git_folder.GIT}{name}", mtime))
        _add_git(archive, room, place, git_folder.state(repository), mtime)
    return repositories


def _add_git(archive: tarfile.TarFile, room: _Room, place: str, files: Iterable[Packed], mtime: int) -> None:
    for file in files:
        entry = tarfile.TarInfo(f"project/{place}{git_folder.GIT}/{file.name}")
        entry.mtime, entry.mode = mtime, 0o644
        entry.size = file.content.stat().st_size if isinstance(file.content, Path) else len(file.content)
        room.take(entry.size)
        with file.content.open("rb") if isinstance(file.content, Path) else io.BytesIO(file.content) as stream:
            archive.addfile(entry, stream)


def _folder(name: str, mtime: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mtime, entry.mode = tarfile.DIRTYPE, mtime, 0o755
    return entry


def _found(folder: Path, left_out: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield the paths to pack, in an order that depends only on their names; `.git` is yielded, and not entered."""

    def refuse(error: OSError) -> None:
        raise error

    for name, folders, files in os.walk(folder, onerror=refuse):
        here = Path(name)
        git = [git_folder.GIT] if git_folder.GIT in folders else []
        folders[:] = sorted(name for name in folders if name not in git and not left_out(here / name))
        yield from (here / name for name in sorted((*git, *folders, *files)))


def _relative(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _is_left_out(folder: Path, ours: Collection[Path]) -> bool:
    if folder.is_symlink():
        return False
    named = folder.name in _NEVER_PACKED or any((folder / mark).is_file() for mark in _MARKS)
    return named or (bool(ours) and folder.resolve() in ours)


def _entry(folder: Path, path: Path, mtime: int) -> tarfile.TarInfo:
    status = path.lstat()
    entry = tarfile.TarInfo(f"project/{path.relative_to(folder).as_posix()}")
    entry.mtime = mtime
    entry.mode = 0o755 if stat.S_ISDIR(status.st_mode) or status.st_mode & 0o100 else 0o644
    if stat.S_ISDIR(status.st_mode):
        entry.type = tarfile.DIRTYPE
    elif stat.S_ISREG(status.st_mode):
        entry.size = status.st_size
    elif stat.S_ISLNK(status.st_mode) and _stays(folder, path):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
    else:
        what = "links to what is outside of it" if stat.S_ISLNK(status.st_mode) else "is neither file, folder nor link"
        msg = f"packing {folder}: {path.relative_to(folder)} {what}, which no sdist may have; take it away"
        raise UsageError(msg)
    return entry


def _stays(folder: Path, link: Path) -> bool:
    target = link.readlink()
    # Path.resolve raises RuntimeError for links that lead in a circle.
    return not target.is_absolute() and Path(os.path.realpath(link.parent / target)).is_relative_to(folder.resolve())


def _add(archive: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> None:
    if entry.isreg():
        with path.open("rb") as stream:
            archive.addfile(entry, stream)
    else:
        archive.addfile(entry)
