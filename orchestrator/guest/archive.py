"""Reads archives of sdists, and unpacks those that are safe to unpack.

Standard library only, for any Python from 3.9 on. The guest unpacks with it inside the container, and the host
surveys with it, so both accept the same archives.
"""

from __future__ import annotations

import os
import stat
import tarfile

# Every build waits for what is imported here; so typing, dataclasses and zipfile are not.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO, Any


CHUNK = 1 << 18
LONGEST_TARGET = 4096  # bytes, of a link's
LONGEST_READ = 16 << 20  # bytes; archives are read in pieces, except their headers
LOOKED_AT = 8000  # bytes in which git looks for a NUL
LARGEST_DIRECTORY = 128 << 20  # bytes, of a zip's list of members
KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.GNUTYPE_SPARSE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
}


class Unfit(Exception):  # noqa: N818 - a finding about the package, not an error of ours
    """The archive is not safe to unpack; `reason` is a slug, the text may be hostile."""

    def __init__(self, reason: str, detail: str) -> None:
        """Store the reason separately from the text."""
        super().__init__(detail)
        self.reason = reason


class Entry:
    """One file, folder or link of an sdist, as recorded in the archive."""

    __slots__ = ("executable", "kind", "mtime", "path", "size", "source", "target")

    def __init__(
        self,
        path: str,
        *,
        kind: str,  # file, folder, symlink, hardlink, device
        size: int,
        executable: bool,
        mtime: int,
        target: str,
        source: Any,  # noqa: ANN401 - the archive's own record
    ) -> None:
        """Store the fields of one entry."""
        self.path = path
        self.kind = kind
        self.size = size
        self.executable = executable
        self.mtime = mtime
        self.target = target
        self.source = source


class Measured:
    """A stream that limits a single read to the size of a valid header; a compressed header may expand to gigabytes."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Read from that stream."""
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Read that number of bytes; raises ValueError if it exceeds the limit."""
        if not 0 <= size <= LONGEST_READ:
            raise ValueError(f"a header of {size} bytes")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go elsewhere."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._stream.tell()

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


def decompressed(path: str) -> IO[bytes]:
    """Open a file for its decompressed contents, by its first bytes."""
    with open(path, "rb") as stream:
        magic = stream.read(6)
    if magic.startswith(b"\x1f\x8b"):
        import gzip  # noqa: PLC0415 - tarfile would import the same, one of the three

        return gzip.open(path)  # type: ignore[return-value] # it is read like a file
    if magic.startswith(b"BZh"):
        import bz2  # noqa: PLC0415

        return bz2.open(path)
    if magic == b"\xfd7zXZ\0":
        import lzma  # noqa: PLC0415

        return lzma.open(path)
    return open(path, "rb")


class Tar:
    """An sdist that is a tar archive, with any compression."""

    def __init__(self, path: str) -> None:
        """Open the archive at that path."""
        self._stream = Measured(decompressed(path))
        try:
            self._archive = tarfile.TarFile(fileobj=self._stream)  # type: ignore[arg-type] # it has all methods that tarfile calls
        except BaseException:
            self._stream.close()
            raise

    def entries(self) -> Iterator[Entry]:
        """Yield what is in it, in its own order."""
        for one in self._archive:
            yield Entry(
                one.name,
                kind=KINDS.get(one.type, "device"),
                size=one.size,
                executable=bool(one.mode & 0o100),
                mtime=int(one.mtime),
                target=one.linkname,
                source=one,
            )

    def open(self, entry: Entry) -> IO[bytes]:
        """Open one file of it."""
        stream = self._archive.extractfile(entry.source)
        if stream is None:
            raise Unfit("broken-sdist", f"{entry.path}: not a file")
        return stream

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()
        self._stream.close()


class Zip:
    """An sdist that is a zip archive, which some projects used to publish."""

    def __init__(self, path: str) -> None:
        """Open the archive at that path."""
        import zipfile  # noqa: PLC0415 - zips are rare, and every build waits for imports

        if directory_of_zip(path)[0] > LARGEST_DIRECTORY:
            raise Unfit("sdist-too-large", "its list of members is too long")
        self._archive = zipfile.ZipFile(path)

    def entries(self) -> Iterator[Entry]:
        """Yield what is in it, in its own order."""
        import calendar  # noqa: PLC0415

        for one in self._archive.infolist():
            mode = one.external_attr >> 16
            when = one.date_time if one.date_time[1] in range(1, 13) else (1980, 1, 1, 0, 0, 0)  # some have no date
            kind = "symlink" if stat.S_ISLNK(mode) else "folder" if one.is_dir() else "file"
            yield Entry(
                one.filename,
                kind=kind,
                size=one.file_size,
                executable=bool(mode & 0o100),
                mtime=calendar.timegm((*when, 0, 0, 0)),
                target=self._target(one) if kind == "symlink" else "",
                source=one,
            )

    def _target(self, link: Any) -> str:  # noqa: ANN401 - a zipfile.ZipInfo
        with self._archive.open(link) as stream:
            return stream.read(LONGEST_TARGET).decode("utf-8", "replace")

    def open(self, entry: Entry) -> IO[bytes]:
        """Open one file of it."""
        return self._archive.open(entry.source)

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()


def directory_of_zip(path: str) -> tuple[int, int]:
    """Return the size of a zip's central directory in bytes, as the zip states it, and the offset where it ends.

    It is read before anything loads the directory into memory, as in APPNOTE.TXT, 4.3.14 to 4.3.16. Both numbers
    are 0 where there is no directory, so that the library reports that. What counts is the record that zipfile
    uses, and not another that a comment or a field of it seems to begin.
    """
    with open(path, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        begins = max(0, size - (1 << 16) - 22)
        stream.seek(begins)
        tail = stream.read()
        end = len(tail) - 22
        if end < 0 or not (tail.startswith(b"PK\5\6", end) and tail.endswith(b"\0\0")):  # without a comment
            end = tail.rfind(b"PK\5\6")
        if end < 0:
            return 0, 0
        stated = int.from_bytes(tail[end + 12 : end + 16], "little")
        stream.seek(max(0, begins + end - 20))
        locator = stream.read(20)
        if not locator.startswith(b"PK\6\7"):
            return stated, begins + end
        # Older Pythons look for the larger record right before its locator, newer ones where that one says.
        wide = []
        for place in (begins + end - 20 - 56, int.from_bytes(locator[8:16], "little")):
            stream.seek(min(size, max(0, place)))
            record = stream.read(56)
            if record.startswith(b"PK\6\6"):
                wide.append(int.from_bytes(record[40:48], "little"))
    return (max(wide), begins + end - 20 - 56) if wide else (stated, begins + end)


def opened(path: str) -> Tar | Zip:
    """Open an sdist by its name's ending; raises Unfit if it is not such an archive."""
    try:
        return Zip(path) if path.endswith(".zip") else Tar(path)
    except Unfit:
        raise
    except Exception as error:  # noqa: BLE001 - each decompressor raises its own exceptions for hostile bytes
        raise Unfit("broken-sdist", f"not an archive: {error}") from None


def survey(archive: Tar | Zip, limit: int, members: int) -> dict[str, Entry]:
    """List an sdist's entries by their paths below its one top folder; of equal paths the last counts.

    Links follow PEP 721: they may not lead out of the tree.

    Raises Unfit if a path or link leads out, an entry is neither file, folder nor link,
    or the whole is larger than `limit` bytes or `members` entries.
    """
    found: dict[str, Entry] = {}
    total = 0
    try:
        for number, entry in enumerate(archive.entries(), start=1):
            total += entry.size
            _bound(total, limit, number, members)
            if path := _inside(entry):
                found[path] = entry
    except Unfit:
        raise
    except Exception as error:  # noqa: BLE001 - as in opened
        raise Unfit("broken-sdist", f"cannot be read: {error}") from None
    if not found:
        raise Unfit("broken-sdist", "the archive is empty")
    return _below_top(found)


def _bound(total: int, limit: int, number: int, members: int) -> None:
    if total > limit or number > members:
        raise Unfit("sdist-too-large", f"unpacks to more than {limit} bytes or {members} files")


def _inside(entry: Entry) -> str:
    """Return the entry's path, normalised; raises Unfit if it or its target is outside."""
    if entry.kind == "device":
        raise Unfit("unsafe-sdist", f"{entry.path}: neither file, folder nor link")
    path = _normal(entry.path, entry.path)
    if entry.kind == "symlink":
        base = os.path.dirname(path) + "/" if os.path.dirname(path) else ""
        if entry.target.startswith("/"):
            raise Unfit("unsafe-sdist", f"{entry.path}: links to {entry.target}")
        _normal(base + entry.target, entry.path)
    if entry.kind == "hardlink":
        _normal(entry.target, entry.path)
    return path


def _normal(path: str, shown: str) -> str:
    if path.startswith("/") or "\\" in path or "\0" in path:
        raise Unfit("unsafe-sdist", f"{shown}: not a relative path")
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise Unfit("unsafe-sdist", f"{shown}: leads out of the sdist")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _below_top(found: dict[str, Entry]) -> dict[str, Entry]:
    """Remove the top folder, which every sdist has except some very old ones."""
    tops = {path.split("/", 1)[0] for path in found}
    if len(tops) > 1 or not any("/" in path for path in found):
        return found
    return {path.split("/", 1)[1]: entry for path, entry in found.items() if "/" in path}


def unpack(archive: Tar | Zip, found: dict[str, Entry], root: str, *, reverse: bool) -> None:
    """Unpack under the current umask, not with the archive's modes, and in a fixed order of names.

    A tmpfs lists a folder's entries in the order of their creation. So all are created first, in
    order, and filled afterwards, in the archive's order.
    """
    links = {path for path, entry in found.items() if entry.kind.endswith("link")}
    os.makedirs(root)
    for path in sorted(found, reverse=reverse):
        entry = found[path]
        if any(parent in links for parent in _parents(path)):
            raise Unfit("unsafe-sdist", f"{entry.path}: is behind a link")
        _make(entry, os.path.join(root, path))
    for path, entry in found.items():
        if entry.kind == "file":
            _fill(archive, entry, os.path.join(root, path))
        elif entry.kind == "hardlink":
            _copy(found, entry, root, os.path.join(root, path))
    for path in links:
        if not _stays(os.path.join(root, path), root):
            raise Unfit("unsafe-sdist", f"{path}: leads out of the sdist")


def with_crlf(files: Iterable[str]) -> None:
    """End the lines of text files with CR LF, as a checkout on Windows does; git takes a file without NUL for text.

    Times stay as they are.
    """
    for place in files:
        with open(place, "rb") as stream:
            content = stream.read()
        if b"\0" in content[:LOOKED_AT] or b"\r\n" in content or b"\n" not in content:
            continue
        when = os.stat(place).st_mtime_ns
        with open(place, "wb") as out:
            out.write(content.replace(b"\n", b"\r\n"))
        os.utime(place, ns=(when, when))


def _parents(path: str) -> Iterator[str]:
    while path := os.path.dirname(path):
        yield path


def _make(entry: Entry, place: str) -> None:
    os.makedirs(os.path.dirname(place), exist_ok=True)
    if entry.kind == "folder":
        os.makedirs(place, exist_ok=True)
    elif entry.kind == "symlink":
        os.symlink(entry.target, place)
    else:
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o777 if entry.executable else 0o666))


def _fill(archive: Tar | Zip, entry: Entry, place: str) -> None:
    left = entry.size
    with archive.open(entry) as stream, open(place, "wb") as out:
        while piece := stream.read(min(CHUNK, left + 1)):
            left -= len(piece)
            if left < 0:
                raise Unfit("unsafe-sdist", f"{entry.path}: longer than declared")
            out.write(piece)
    when = max(0, entry.mtime)
    os.utime(place, (when, when))


def _copy(found: dict[str, Entry], entry: Entry, root: str, place: str) -> None:
    """Copy the target of a hard link; its path begins at the archive's root and includes the top folder."""
    for path, target in found.items():
        if target.path == entry.target and target.kind == "file":
            with open(os.path.join(root, path), "rb") as stream, open(place, "wb") as out:
                while piece := stream.read(CHUNK):
                    out.write(piece)
            os.utime(place, (max(0, entry.mtime),) * 2)
            return
    raise Unfit("broken-sdist", f"{entry.path}: links to {entry.target}, which does not exist")


def _stays(place: str, root: str) -> bool:
    real = os.path.realpath(place)
    return real == root or real.startswith(root + "/")
