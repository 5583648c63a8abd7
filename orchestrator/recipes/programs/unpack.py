"""Fetches an sdist, checks its hash, and unpacks it; creates a virtual environment, which nothing is in.

python3 unpack.py SDIST URL SHA256 FOLDER [ENVIRONMENT]

SDIST is a path; if it is empty, URL is fetched. FOLDER is created. Its files get the modes that the umask leaves, and
the archive's times; one top folder is removed. A path or a link that leads out of FOLDER ends the program. The order
in which some file systems list the files is that of their creation: SDIST_ORDER=reverse turns it round.
"""

from __future__ import annotations

import calendar
import hashlib
import io
import os
import stat
import sys
import tarfile
import zipfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn


class Entry:
    """One file, folder or link: `mode`, `mtime`, and where a symlink leads or what a file contains."""

    def __init__(self, path: str, mode: int, mtime: float, target: str | None, content: bytes | None) -> None:
        """Store the fields. A folder has neither target nor content."""
        self.path, self.mode, self.mtime, self.target, self.content = path, mode, mtime, target, content


def fetched(given: str, url: str, sha256: str) -> bytes:
    """Return the sdist; exits if it cannot be read, with status 2, or if its hash is another."""
    content = read(given) if given else download(url)
    if hashlib.sha256(content).hexdigest() != sha256:
        sys.exit(f"{given or url}: not the expected sdist: its SHA-256 is {hashlib.sha256(content).hexdigest()}")
    return content


def read(given: str) -> bytes:
    """Return the content of a file."""
    try:
        with open(given, "rb") as stream:
            return stream.read()
    except (OSError, ValueError) as error:
        unreadable(given, error)


def download(url: str) -> bytes:
    """Return what is at a URL."""
    import http.client  # noqa: PLC0415 - slow to import, as is the next
    import urllib.request  # noqa: PLC0415

    try:
        with urllib.request.urlopen(url, timeout=60) as stream:  # noqa: S310 - of the recipe
            content: bytes = stream.read()
    except (OSError, ValueError, http.client.HTTPException) as error:
        unreadable(url, error)
    return content


def unreadable(place: str, error: Exception) -> NoReturn:
    """End the program with a line that says what to do."""
    print(f"cannot read {place}: {error}; name the sdist as argument", file=sys.stderr)
    sys.exit(2)


def of_tar(content: bytes) -> Iterator[Entry]:
    """Yield the entries of a tar archive, with any compression."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for one in archive:
            if not (one.isreg() or one.isdir() or one.issym() or one.islnk()):
                sys.exit(f"unsafe sdist: {one.name!r}")
            target = one.linkname if one.issym() else None
            stream = archive.extractfile(one) if one.isreg() or one.islnk() else None
            yield Entry(one.name, one.mode, one.mtime, target, stream.read() if stream else None)


def of_zip(content: bytes) -> Iterator[Entry]:
    """Yield the entries of a zip archive; its times are read as UTC."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for one in archive.infolist():
            mode, data = one.external_attr >> 16, archive.read(one)
            link = data.decode() if stat.S_ISLNK(mode) else None
            mtime = calendar.timegm((*one.date_time, 0, 0, 0))
            yield Entry(one.filename, mode, mtime, link, None if one.is_dir() else data)


def survey(entries: Iterator[Entry]) -> dict[str, Entry]:
    """Return the entries by their paths below the top folder; of equal paths the last counts."""
    found = {}
    for one in entries:
        parts = [part for part in one.path.split("/") if part not in {"", "."}]
        if ".." in parts or "\\" in one.path or one.path.startswith("/"):
            sys.exit(f"unsafe sdist: {one.path!r}")
        if parts:
            found["/".join(parts)] = one
    if len({path.split("/")[0] for path in found}) > 1 or not any("/" in path for path in found):
        return found
    return {path.split("/", 1)[1]: one for path, one in found.items() if "/" in path}


def unpack(found: dict[str, Entry], root: str) -> None:
    """Create all entries in the order of their paths, or in the reverse order, then fill the files."""
    if not os.path.isdir(root):
        os.mkdir(root)
    for path, one in sorted(found.items(), reverse=os.environ.get("SDIST_ORDER") == "reverse"):
        place = os.path.join(root, path)
        folder = place if one.target is None and one.content is None else os.path.dirname(place)
        os.makedirs(folder, exist_ok=True)
        if os.path.realpath(folder) != folder:
            sys.exit(f"unsafe sdist: {path!r} is behind a link")
        if one.target is not None:
            os.symlink(one.target, place)
        elif one.content is not None:
            os.close(os.open(place, os.O_CREAT | os.O_EXCL, 0o777 if one.mode & 0o100 else 0o666))
    for path, one in found.items():
        place = os.path.join(root, path)
        if one.target is not None and not os.path.realpath(place).startswith(root + os.sep):
            sys.exit(f"unsafe sdist: {path!r} leads out")
        if one.content is not None:
            with open(place, "wb") as stream:
                stream.write(one.content)
            os.utime(place, (max(0, one.mtime),) * 2)


def main(given: str, url: str, sha256: str, root: str, environment: str = "") -> None:
    """Run the program."""
    content = fetched(given, url, sha256)
    unpack(survey((of_zip if zipfile.is_zipfile(io.BytesIO(content)) else of_tar)(content)), os.path.realpath(root))
    if environment:
        import venv  # noqa: PLC0415 - uv makes its own

        venv.create(environment, symlinks=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
