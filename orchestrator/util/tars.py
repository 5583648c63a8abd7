"""Unpack tars that our containers write: called in a helper process, since packages decide their contents.

Only plain files and folders are taken, and only where the caller wants them.
"""

from __future__ import annotations

import os
import tarfile
from contextlib import suppress
from pathlib import Path

CHUNK = 1 << 20


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the plain files and folders of an archive into a folder, with one time for all.

    Raises
    ------
    tarfile.TarError
        It is not a tar, or a member leads out of the folder.

    """
    with tarfile.open(archive) as tar:
        for member in tar:
            tar.members.clear()  # type: ignore[attr-defined] # it keeps every member that it has seen
            if member.isreg() or member.isdir():
                tar.extract(member, folder, filter="data")
    for path, folders, files in os.walk(folder):
        for name in folders:
            Path(path, name).chmod(0o755)
        for name in files:
            with suppress(OSError):
                os.utime(Path(path, name), (0, 0))


def add_bytecode(archive: Path, lib: Path) -> None:
    """Add bytecode to the modules of a folder; bytecode without a module is skipped.

    Raises
    ------
    tarfile.TarError
        It is not a tar.

    """
    with tarfile.open(archive) as tar:
        for member in tar:
            tar.members.clear()  # type: ignore[attr-defined] # as in `unpack`
            place = Path(os.path.normpath(lib / member.name))
            source = place.parent.parent / f"{place.name.split('.')[0]}.py"
            is_bytecode = member.isreg() and place.suffix == ".pyc" and place.parent.name == "__pycache__"
            stream = tar.extractfile(member) if is_bytecode else None
            if stream is not None and source.is_file() and source.is_relative_to(lib):
                place.parent.mkdir(exist_ok=True)
                place.unlink(missing_ok=True)  # it may be a link to a file that others have
                with place.open("wb") as out:
                    while piece := stream.read(CHUNK):
                        out.write(piece)
                place.chmod(0o644)
