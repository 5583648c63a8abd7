"""The `.git` of a project's folder, reduced to what git needs to answer a build. Neither git nor a hook is run.

What is packed is a plain repository of the same commits: HEAD, refs, the index, objects, and the few settings that
change what git answers. Hooks, logs, credentials, aliases and programs that a setting names are left out. Layouts:
gitrepository-layout(5), gitformat-index(5), git-worktree(1), gitsubmodules(7).
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

GIT = ".git"

_LONGEST_TEXT = 1 << 20  # bytes of a setting's file, or of a ref
_LONGEST_REF = 4 << 10
_LONGEST_REFS = 64 << 20  # bytes of packed-refs
_LONGEST_INDEX = 128 << 20
_LONGEST_PATH = 4096  # bytes; PATH_MAX of Linux
_MOST_ALTERNATES = 16
_MOST_REFS = 1 << 17  # loose refs, and folders of them
_POINTER = re.compile(r"gitdir: ([^\n\0]{1,4096})\n?")
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HEAD = re.compile(r"(?:ref: refs/[^\n\0]{1,1024}|[0-9a-f]{40}(?:[0-9a-f]{24})?)\n?")
_SECTION = re.compile(r'\[([A-Za-z0-9.-]{1,64})(?: "([^"\\\n]{0,256})")?\]')
_SETTING = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,63})(?:\s*=\s*([^\n]{0,1024}))?")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]{0,1024}@|\?.*")  # a password may have an @; a query may be a token
_LOOSE = re.compile(r"[0-9a-f]{38}(?:[0-9a-f]{24})?")
_IN_PACK = re.compile(r"(?:pack-[0-9a-f]{40,64}\.(?:pack|idx|rev|keep|promisor|mtimes)|multi-pack-index)")
_SHARED_INDEX = re.compile(r"sharedindex\.[0-9a-f]{40,64}")

_KEPT = {
    "core": frozenset(
        {
            "repositoryformatversion",
            "filemode",
            "symlinks",
            "ignorecase",
            "precomposeunicode",
            "autocrlf",
            "eol",
            "safecrlf",
            "abbrev",
            "sparsecheckout",
            "sparsecheckoutcone",
        }
    ),
    "extensions": frozenset({"objectformat", "refstorage"}),
    "remote": frozenset({"url", "fetch"}),
    "branch": frozenset({"remote", "merge"}),
    "submodule": frozenset({"url", "active"}),  # without them, git takes a submodule for one that is not checked out
}
"""The settings that are packed. None of them names a program, a file or a password."""

_LFS = r"""[filter "lfs"]
	clean = "f=$(mktemp) && cat >\"$f\" && case $(head -c 42 \"$f\" | tr -d '\\000') in 'version https://git-lfs.github.com/spec/v1') cat \"$f\";; *) printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize %s\\n' $(sha256sum <\"$f\" | cut -d' ' -f1) $(stat -c %s \"$f\");; esac; rm -f \"$f\""
"""  # noqa: E501 - one setting
"""A filter in place of git-lfs, which images lack: without it, each of its files would count as changed."""


@dataclass(frozen=True, slots=True)
class GitFolder:
    """Where git keeps a checkout's state: its own, and what all worktrees of a repository share."""

    own: Path
    common: Path


@dataclass(frozen=True, slots=True)
class Packed:
    """One file below `.git`: its name there, and its content or the file that has it."""

    name: str
    content: bytes | Path


def find(folder: Path) -> GitFolder | None:
    """Return where the state of a checkout is; None if the folder has no `.git`, or one that is no repository.

    `.git` may be a folder, or a file that names one: that of a worktree or a submodule. A build that needs
    a repository where there is none fails by itself, and its log shows why.

    Raises
    ------
    OSError
        A file cannot be read, so it is not known what git would answer.

    """
    path = folder / GIT
    match = None if path.is_dir() else _POINTER.fullmatch(_text(path))
    own = _real(folder / match[1]) if match else path
    shared = _text(own / "commondir").strip("\n")
    common = _real(own / shared) if shared else own
    is_repository = (common / "objects").is_dir() and _HEAD.fullmatch(_text(own / "HEAD"))
    return GitFolder(own, common) if is_repository else None


def above(folder: Path) -> Path | None:
    """Return the nearest folder above one without `.git` that has the repository it belongs to; None if none has."""
    return next((one for one in folder.absolute().parents if find(one)), None)


def state(git: GitFolder) -> Iterator[Packed]:
    """Yield all files of a reduced `.git` but the objects; equal states give equal files.

    Raises
    ------
    OSError
        A file cannot be read.

    """
    config = _settings(git)
    yield Packed("HEAD", os.fsencode(_text(git.own / "HEAD")))
    yield Packed("config", os.fsencode(config + _LFS))
    yield Packed("packed-refs", _packed_refs(git))
    yield from (Packed(f"refs/{name}", os.fsencode(text)) for name, text in sorted(_symbolic(git).items()))
    if (index := git.own / "index").is_file():
        yield Packed("index", index_without_times(_own_bytes(index, _LONGEST_INDEX), _length_of_hashes(config)))
    yield from (Packed(name, path) for name, path in _plain_files(git.own) if _SHARED_INDEX.fullmatch(name))
    if (git.common / "shallow").is_file():
        yield Packed("shallow", _own_bytes(git.common / "shallow", _LONGEST_REFS))
    for name in ("attributes", "exclude", "grafts", "sparse-checkout"):
        folder = git.own if name == "sparse-checkout" else git.common
        if (folder / "info" / name).is_file():
            yield Packed(f"info/{name}", _own_bytes(folder / "info" / name, _LONGEST_TEXT))
    yield from (Packed(f"reftable/{name}", path) for name, path in _plain_files(git.common / "reftable"))


def objects(git: GitFolder) -> Iterator[Packed]:
    """Yield the objects of a repository, and those that it borrows from others (`objects/info/alternates`).

    Raises
    ------
    OSError
        A folder cannot be read.

    """
    seen: set[str] = set()
    for folder in _stores(git.common / "objects"):
        for name, path in _objects_in(folder):
            if name not in seen:
                seen.add(name)
                yield Packed(f"objects/{name}", path)


def _stores(first: Path) -> tuple[Path, ...]:
    """Return a folder of objects and those that it borrows from, each once."""
    stores, open_ = [_real(first)], [_real(first)]
    while open_ and len(stores) < _MOST_ALTERNATES:
        folder = open_.pop()
        for line in _text(folder / "info" / "alternates").splitlines():
            other = _real(folder / line)
            if line and not line.startswith("#") and other not in stores and other.is_dir():
                stores.append(other)
                open_.append(other)
    return tuple(stores)


def _objects_in(folder: Path) -> Iterator[tuple[str, Path]]:
    for name in (f"{number:02x}" for number in range(256)):
        files = _plain_files(folder / name)
        yield from ((f"{name}/{file}", path) for file, path in files if _LOOSE.fullmatch(file))
    packs = _plain_files(folder / "pack")
    yield from ((f"pack/{file}", path) for file, path in packs if _IN_PACK.fullmatch(file))


def _plain_files(folder: Path) -> Iterator[tuple[str, Path]]:
    if folder.is_dir() and not folder.is_symlink():
        for path in sorted(folder.iterdir()):
            if stat.S_ISREG(path.lstat().st_mode):
                yield path.name, path


# --- refs -------------------------------------------------------------------------------------


def _packed_refs(git: GitFolder) -> bytes:
    """Return all refs as one file, however git keeps them now; stashes are left out, since no build needs them."""
    refs = dict(packed_refs(os.fsdecode(_bytes(git.common / "packed-refs", _LONGEST_REFS))))
    refs |= {f"refs/{name}": text.strip() for name, text in loose(git) if _HASH.fullmatch(text.strip())}
    refs.pop("refs/stash", None)
    return os.fsencode("".join(f"{value} {name}\n" for name, value in sorted(refs.items())))


def packed_refs(text: str) -> Iterator[tuple[str, str]]:
    """Yield (ref, hash) of packed-refs; other lines are skipped: comments, and what an annotated tag leads to."""
    for line in text.splitlines():
        value, _, name = line.partition(" ")
        if _HASH.fullmatch(value) and name.startswith("refs/"):
            yield name, value


def _symbolic(git: GitFolder) -> Mapping[str, str]:
    """Return the refs that name another ref, such as remotes/origin/HEAD."""
    return {name: text for name, text in loose(git) if text.startswith("ref: ") and _HEAD.fullmatch(text)}


def loose(git: GitFolder, most: int = _MOST_REFS) -> Iterator[tuple[str, str]]:
    """Yield the names below refs/ and the texts of the refs that are files.

    Raises
    ------
    OSError
        A file cannot be read, or there are more than `most` files and folders: refs/ may be a link to a whole disk.

    """
    root, count = git.common / "refs", 0
    for here, folders, files in os.walk(root, onerror=_refuse):
        folders.sort()
        count += 1 + len(files)
        if count > most:
            msg = f"{root} has more than {most} files and folders; `git pack-refs --all` makes one file of them"
            raise OSError(msg)
        for name in files:
            path = Path(here, name)
            if not name.endswith(".lock"):
                yield path.relative_to(root).as_posix(), _text(path, _LONGEST_REF)


def _refuse(error: OSError) -> None:
    """Raise the error; os.walk would leave out the folder, and a version would be of another tag."""
    raise error


# --- settings and index ------------------------------------------------------------------------


def reduced_config(text: str) -> str:
    """Return the settings that change what git answers; all others are left out, and so are passwords in addresses.

    A value that goes on in a next line is left out.
    """
    kept: dict[str, list[str]] = {}
    section, allowed = "", frozenset[str]()
    for whole in map(str.strip, text.splitlines()):
        line = whole
        if match := _SECTION.match(line):
            name, sub = match[1].lower(), match[2] and _CREDENTIALS.sub("", match[2])
            line = line[match.end() :].strip()  # a setting may follow
            section = f'[{name} "{sub}"]' if sub is not None else f"[{name}]"
            allowed = _KEPT.get(name, frozenset())
        if (match := _SETTING.fullmatch(line)) and match[1].lower() in allowed and not line.endswith("\\"):
            value = _CREDENTIALS.sub("", match[2] or "true")
            kept.setdefault(section, []).append(f"\t{match[1].lower()} = {value}\n")
    return "".join(f"{name}\n{''.join(lines)}" for name, lines in kept.items())


def _settings(git: GitFolder) -> str:
    """Return the reduced settings of a repository, and of a worktree of it."""
    files = (git.common / "config", git.own / "config.worktree")
    return reduced_config("\n".join(map(_text, files)))


def _length_of_hashes(config: str) -> int:
    """Return the length of a hash in bytes, by reduced settings."""
    return 32 if "\tobjectformat = sha256\n" in config else 20


@dataclass(frozen=True, slots=True)
class _IndexEntry:
    at: int  # offset of the entry
    end: int  # offset behind it
    path: bytes


def index_without_times(content: bytes, size: int) -> bytes:
    """Return an index whose entries have no times, owners and inodes, and that has no caches.

    git then compares the files themselves. `size` is the length of a hash. An index that cannot be
    read is returned as it is: git decides about it.
    """
    try:
        entries = tuple(_entries(content, size))
    except (IndexError, ValueError):
        return content
    if content[-size:] not in (_checksum(content[:-size], size), bytes(size)):  # zeros: index.skipHash
        return content
    changed = bytearray(content[: entries[-1].end if entries else _INDEX_HEADER])
    for entry in entries:
        changed[entry.at : entry.at + 24] = bytes(24)  # both times, device, inode; the mode stays
        changed[entry.at + 28 : entry.at + 40] = bytes(12)  # owner, group, size
    changed += _needed_extensions(content, len(changed), len(content) - size)
    return bytes(changed) + _checksum(changed, size)


def _checksum(content: bytes | bytearray, size: int) -> bytes:
    """Return git's checksum of a file, by the length of its hashes."""
    name = {20: "sha1", 32: "sha256"}[size]
    return hashlib.new(name, content, usedforsecurity=False).digest()


def tracked(content: bytes, size: int) -> frozenset[str]:
    """Return the paths of an index; none where it cannot be read."""
    try:
        return frozenset(os.fsdecode(entry.path) for entry in _entries(content, size))
    except (IndexError, ValueError):
        return frozenset()


def tracked_by(git: GitFolder) -> frozenset[str]:
    """Return the paths that a checkout's index lists."""
    with suppress(OSError):
        return tracked(_bytes(git.own / "index", _LONGEST_INDEX), _length_of_hashes(_settings(git)))
    return frozenset()


_INDEX_HEADER = 12
_FIELDS = 40  # bytes before an entry's hash: times, device, inode, mode, owner, group, size


def _entries(content: bytes, size: int) -> Iterator[_IndexEntry]:
    """Yield the entries of an index of version 2, 3 or 4. Raises IndexError or ValueError where it is none."""
    version, count = int.from_bytes(content[4:8], "big"), int.from_bytes(content[8:12], "big")
    if content[:4] != b"DIRC" or version not in (2, 3, 4):
        msg = "no index"
        raise ValueError(msg)
    at, path = _INDEX_HEADER, b""
    for _ in range(count):
        flags = at + _FIELDS + size
        name = flags + (4 if content[flags] & 0x40 else 2)
        kept = 0
        if version == 4:  # noqa: PLR2004 - its paths are cut by what they share with the one before
            dropped, name = _number(content, name)
            kept = max(0, len(path) - dropped)
        stop = content.index(b"\0", name)
        path = path[:kept] + content[name : min(stop, name + _LONGEST_PATH)]
        end = stop + 1 if version == 4 else at + ((stop - at) // 8 + 1) * 8  # noqa: PLR2004 - as above
        if end > len(content) - size or len(path) >= _LONGEST_PATH:
            msg = "it is cut, or has a path that no file can have"
            raise ValueError(msg)
        yield _IndexEntry(at, end, path)
        at = end


def _number(content: bytes, at: int) -> tuple[int, int]:
    """Read a number as in an offset of a pack; return it and the place behind it."""
    value = content[at] & 0x7F
    while content[at] & 0x80:
        at += 1
        value = ((value + 1) << 7) | (content[at] & 0x7F)
        if value > _LONGEST_INDEX:
            msg = "no length of a path"
            raise ValueError(msg)
    return value, at + 1


def _needed_extensions(content: bytes, at: int, end: int) -> bytes:
    """Return the extensions that git may not ignore, by their first letter: those of split and sparse indexes."""
    needed = b""
    while at + 8 <= end:
        stop = at + 8 + int.from_bytes(content[at + 4 : at + 8], "big")
        if content[at : at + 1].islower():
            needed += content[at:stop]
        at = stop
    return needed


# --- files ------------------------------------------------------------------------------------


def _text(path: Path, most: int = _LONGEST_TEXT) -> str:
    """Return a small file's text, in which no NUL is; empty if there is none. Raises OSError as `_bytes` does."""
    return os.fsdecode(_bytes(path, most)).replace("\0", "\ufffd")


def _real(path: Path) -> Path:
    """Resolve links; Path.resolve raises RuntimeError for those that lead in a circle."""
    return Path(os.path.realpath(path))


def _own_bytes(path: Path, most: int) -> bytes:
    """Return the content of a file that is packed as it is: a link could lead to any file of the user's."""
    if path.is_symlink():
        msg = f"{path} is a link, which could lead to a private file; replace it with a copy"
        raise OSError(msg)
    return _bytes(path, most)


def _bytes(path: Path, most: int) -> bytes:
    """Return the content of a plain file; nothing where there is none. Raises OSError if it is too long.

    Nothing else is opened: to open a device can have an effect.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return b""
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor
        content = stream.read(most + 1)
    if len(content) > most:
        msg = f"{path} has more than {most} bytes"
        raise OSError(msg)
    return content


def parents(paths: Iterable[str]) -> frozenset[str]:
    """Return all folders that have one of the paths below them."""
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return frozenset(found)
