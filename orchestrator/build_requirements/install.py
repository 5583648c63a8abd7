"""A lock -> a folder of installed build requirements, made once, and mounted by every build that needs it.

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
"""Version of what is made of a lock: raised by any change that a build could see."""

MTIME = 1_000_000_000
"""When everything in the folder was last changed: one constant, for no build to see when it was installed."""

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
    """The build environments under one cache; safe to share, between processes too."""

    def __init__(
        self,
        cache: Path,
        index_url: str | None = None,
        *,
        compiled: Callable[[Path, Target, IO[bytes]], None] | None = None,
        read_timeout: int = 30,
        retry_wait: float = 0.5,
    ) -> None:
        """Keep them in `cache`/buildenvs, and download from the index at `index_url` (PyPI where None).

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
        """Return the folder of a lock's wheels, unpacked for the target; nothing of them is run.

        Two folders of one lock are the same, byte for byte, wherever and whenever they were made.

        Raises
        ------
        PackageIndexError
            A wheel is gone, is not the one that was locked, or cannot be installed.
        TransientIndexError
            The index does not answer, after several tries.
        ResultsError
            The cache cannot be written.

        """
        key = digest([LAYOUT, lock.digest, target.python, target.platform, self._compiled is not None])
        place = self._folder / key
        with self._turns.turn(key):
            return settled(place) or self._make(lock, target, place)

    def _make_once(self, lock: Lock, target: Target, place: Path) -> Path:
        with unfinished(self._folder) as lent:
            made = lent / "environment"
            lib = made / "lib"
            lib.mkdir(parents=True)
            if lock.pins:
                self._install_surely(lib, lock, target, lent / "again")
            reading.localize_scripts(lib, sys.executable)
            _write_anew(lib / "sitecustomize.py", SITECUSTOMIZE.encode())
            if self._compiled is not None and lock.pins:
                self._add_bytecode(lib, target, lent / "bytecode.tar")
            _make_uniform(made)
            return settle(made, place)

    def _add_bytecode(self, lib: Path, target: Target, archive: Path) -> None:
        """Lay bytecode beside the modules; only where a module is, whatever the archive holds."""
        assert self._compiled is not None  # noqa: S101 - the caller has looked
        with archive.open("wb") as stream:
            self._compiled(lib, target, stream)
        if why := reading.add_bytecode(archive, lib):
            msg = f"compiling build requirements: what the container gave cannot be unpacked: {why}; run again"
            raise TransientEngineError(msg)

    def _install_surely(self, lib: Path, lock: Lock, target: Target, aside: Path) -> None:
        """Install, and make sure that what uv kept of the wheels came to no harm, say because the host lost its power.

        What is not as RECORD has it is installed again from files that are downloaded for that. Where that gives
        the same, the wheels are like that themselves, as some are. Where it does not, it is what is taken.
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
        logs.warning("what uv kept of build requirements is damaged, or was fetched from a faulty index", fault=fault)
        self._uv.clean([pin.name for pin in lock.pins])
        if doubt := reading.unlike_record(again):
            msg = f"installing build requirements: {doubt} is not as its wheel has it; the cache was cleaned, run again"
            raise TransientIndexError(msg)
        lib.rename(aside / "damaged")
        again.rename(lib)

    def _install(self, uv: Uv, lib: Path, lock: Lock, target: Target) -> None:
        """Install each wheel by its one hash, so that no other file of the release will do.

        Files are hard links into uv's own cache, which lies beside ours and which nobody else
        uses: a fifth of the time, and none of the room, of copies. So they are never written
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


def _write_anew(path: Path, content: bytes) -> None:
    """Replace a file and keep its mode; what it was may be linked from elsewhere."""
    mode = path.stat().st_mode if path.exists() else 0o644
    anew = path.with_name(f"{path.name}.anew")
    anew.write_bytes(content)
    anew.chmod(mode)
    anew.replace(path)


def _make_uniform(folder: Path) -> None:
    """Give everything one time, and the modes that an installer under umask 022 gives.

    Not read-only modes: a build that copies a file of its requirements copies the mode too,
    and may well write to its copy. It is the mount that is read-only.
    """
    for path, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            _set(Path(path, name))
    _set(folder)


def _set(path: Path) -> None:
    """No wheel holds a link or a device; should an installer ever make one, it goes."""
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
        path.chmod(0o755 if stat.S_ISDIR(mode) or mode & 0o100 else 0o644)
        os.utime(path, (MTIME, MTIME))
    else:
        path.unlink()
