"""A lock -> a folder of installed build requirements, made once and mounted by every build that needs it.

FOLDER/lib       on PYTHONPATH
FOLDER/lib/bin   on PATH
FOLDER/seal      the hash of it all
"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from orchestrator.build_requirements.uv import Uv, raise_fault
from orchestrator.errors import PackageIndexError, TransientEngineError, TransientIndexError
from orchestrator.model import digest, names
from orchestrator.model.names import wheel_of
from orchestrator.sources import reading
from orchestrator.util import logs
from orchestrator.util.cache import Turns, settle, settled, sum_of, sweep, unfinished
from orchestrator.util.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.model import Lock, Pin, Target

LAYOUT = 2
"""Version of the folder made from a lock: raised by any change that a build could see."""

MTIME = 1_000_000_000
"""The time of every file in the folder: a constant, so that no build sees when it was installed."""

TOOLS = "tools"
"""The folder of the cache with the wheels that were built here: SHA-256/filename."""

SITECUSTOMIZE = """\
# Made with the build environment: folders on PYTHONPATH have no .pth files read, site folders have.
import os
import site

if __name__ == "sitecustomize":
    site.addsitedir(os.path.dirname(os.path.abspath(__file__)))
"""


class BuildEnvironments:
    """The build environments in one cache; threads and processes may share it."""

    def __init__(
        self,
        cache: Path,
        index_url: str | None = None,
        *,
        compiled: Callable[[Path, Target, IO[bytes]], None] | None = None,
        read_timeout: int = 30,
        retry_wait: float = 0.5,
    ) -> None:
        """Keep them in `cache`/buildenvs, and download from the index at `index_url` (PyPI if None).

        `compiled` writes a tar of bytecode for all modules below a folder, as pip's own build
        environments have it; without it, every build compiles what it imports.
        """
        self._compiled = compiled
        self._folder = cache / "buildenvs"
        self._wheels = cache / TOOLS
        self._uv = Uv(index_url, cache, read_timeout)
        self._make = retrying(self._make_once, first_wait=retry_wait)
        self._turns = Turns()
        sweep(self._folder)

    def materialize(self, lock: Lock, target: Target) -> Path:
        """Return the folder of a lock's wheels, unpacked for the target. Nothing of them is run.

        Two folders of one lock are equal, byte for byte, wherever and whenever they were made.

        Raises
        ------
        PackageIndexError
            A wheel is gone, is not the one that was locked, or cannot be installed.
        TransientIndexError
            The index does not answer, after several tries.
        ResultsError
            The cache cannot be written.

        """
        place = self.place(lock, target)
        with self._turns.turn(place.name):
            return settled(place) or self._make(lock, target, place)

    def place(self, lock: Lock, target: Target) -> Path:
        """Return where the folder of a lock's wheels is, or would be."""
        key = digest([LAYOUT, lock.digest, target.python, target.platform, self._compiled is not None])
        return self._folder / key

    def _make_once(self, lock: Lock, target: Target, place: Path) -> Path:
        with unfinished(self._folder) as lent:
            folder = lent / "environment"
            lib = folder / "lib"
            lib.mkdir(parents=True)
            if lock.pins:
                self._install_surely(lib, lock, target, lent / "again")
            reading.localize_scripts(lib, sys.executable)
            _replace(lib / "sitecustomize.py", SITECUSTOMIZE.encode())
            if self._compiled is not None and lock.pins:
                self._add_bytecode(lib, target, lent / "bytecode.tar")
            _make_uniform(folder)
            return settle(folder, place)

    def _add_bytecode(self, lib: Path, target: Target, archive: Path) -> None:
        """Add bytecode to the modules; bytecode without a module is skipped."""
        assert self._compiled is not None  # noqa: S101 - the caller has looked
        with archive.open("wb") as stream:
            self._compiled(lib, target, stream)
        if why := reading.add_bytecode(archive, lib):
            msg = f"compiling build requirements: what the container gave cannot be unpacked: {why}; run again"
            raise TransientEngineError(msg)

    def _install_surely(self, lib: Path, lock: Lock, target: Target, aside: Path) -> None:
        """Install, and check that uv's cached wheels are undamaged, for example by a power failure.

        What differs from RECORD is installed again from fresh downloads. If that gives the same,
        the wheels are published like that, as some are. If not, the fresh folder is used.
        """
        fault, failed = "", None
        try:
            self._install(self._uv, lib, lock, target)
            fault = reading.unlike_record(lib)
        except TransientIndexError:
            raise
        except PackageIndexError as error:
            fault, failed = str(error), error
        if not fault:
            return
        again = aside / "environment" / "lib"
        again.mkdir(parents=True)
        self._install(replace(self._uv, cache=aside), again, lock, target)
        if failed is None and sum_of(lib) == sum_of(again):
            return
        logs.warning("uv's cached build requirements are damaged, or came from a faulty index", fault=fault)
        self._uv.clean([pin.name for pin in lock.pins])
        if doubt := reading.unlike_record(again):
            msg = f"installing build requirements: {doubt} is not as its wheel has it; the cache was cleaned, run again"
            raise TransientIndexError(msg)
        lib.rename(aside / "damaged")
        again.rename(lib)

    def _install(self, uv: Uv, lib: Path, lock: Lock, target: Target) -> None:
        """Install each wheel by its hash, so that no other file of the release is accepted.

        Files are hard links into uv's cache, which is beside ours and which nobody else
        uses: a fifth of the time of copies, and none of the space. So they are never written
        to, only replaced.
        """
        built = tuple(pin for pin in lock.pins if pin.built_here)
        _install_from(uv, [], lib, tuple(pin for pin in lock.pins if not pin.built_here), target)
        if built:
            links = lib.parent.parent / "links"
            links.mkdir()
            for pin in built:
                name = wheel_of(pin.filename, pin.name, pin.version)
                (links / name.filename).symlink_to(names.place(self._wheels, pin.sha256, name).resolve())
            _install_from(uv, ["--no-index", "--find-links", str(links)], lib, built, target)
        (lib / ".lock").unlink(missing_ok=True)


def _install_from(uv: Uv, where: list[str], lib: Path, pins: tuple[Pin, ...], target: Target) -> None:
    arguments = ["--target", str(lib), "--require-hashes", "--no-deps", "--link-mode", "hardlink", *where, "-r"]
    done = uv.pip("install", target, arguments, [_line(pin) for pin in pins])
    if done.exit_code:
        raise_fault("installing build requirements", done)


def _line(pin: Pin) -> str:
    return f"{pin.name}=={pin.version} --hash=sha256:{pin.sha256}"


def _replace(path: Path, content: bytes) -> None:
    """Replace a file and keep its mode; the former file may have other hard links."""
    mode = path.stat().st_mode if path.exists() else 0o644
    replacement = path.with_name(f"{path.name}.anew")
    replacement.write_bytes(content)
    replacement.chmod(mode)
    replacement.replace(path)


def _make_uniform(folder: Path) -> None:
    """Give everything the same time, and the modes of an installer under umask 022.

    The modes are not read-only: a build that copies a file of its requirements copies the mode too,
    and may write to its copy. The mount is read-only.
    """
    for path, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            _set(Path(path, name))
    _set(folder)


def _set(path: Path) -> None:
    """Set mode and time of a file or folder; remove a link or device, which no wheel contains."""
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
        path.chmod(0o755 if stat.S_ISDIR(mode) or mode & 0o100 else 0o644)
        os.utime(path, (MTIME, MTIME))
    else:
        path.unlink()
