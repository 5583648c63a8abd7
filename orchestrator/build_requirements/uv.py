"""Runs uv without the host's configuration. The only module that runs it.

The first line of uv's error decides between a verdict and a fault of the index,
not its exit status, which is 1 or 2 for both.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import uv

from orchestrator.errors import Interrupted, NoRoomError, PackageIndexError, ResultsError, TransientIndexError
from orchestrator.util.cache import unfinished
from orchestrator.util.room import is_scarce, refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.model import Target

_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
_PASSED = frozenset({"SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT"}) | _PROXIES
_READ_TIMEOUT = 30  # seconds without a byte
_DEADLINE = 300  # seconds for one whole run
_MEMORY_OF_THREAD = 8 << 20  # bytes; it has a thread for each core
_INSTALL = "pip install"
_FEW_WHEELS = {"UV_CONCURRENT_DOWNLOADS": "4"}
"""By default it has 50, whose buffers alone may exceed its memory where a lock is long. Only for installing: where it
resolves, the same bound would let it read four pages at once, which takes five times as long from a distant index."""

_TRANSIENT = re.compile(
    r"Failed to fetch|error sending request|error decoding response body|request or response body error"
    r"|network timeout|operation timed out|connection (?:reset|closed|refused)",
    re.IGNORECASE,
)
_LASTING = re.compile(r"HTTP status client error \((?!408|425|429)")
_NO_ROOM = re.compile(r"os error (?:28|30|122)\)")  # ENOSPC, EROFS, EDQUOT


@dataclass(frozen=True, slots=True)
class Completed:
    """How uv ended."""

    exit_code: int
    output: str
    complaint: str

    @property
    def error(self) -> str:
        """Standard error from the first error on, without warnings and progress."""
        begin = re.search(r"^error: ", self.complaint, re.MULTILINE)
        return self.complaint[begin.end() :].strip() if begin else self.complaint.strip()


@dataclass(frozen=True, slots=True)
class Uv:
    """How to run uv: the index that it asks, and the folder of its cache."""

    index_url: str | None  # None: uv's default
    cache: Path
    read_timeout: int = _READ_TIMEOUT
    memory: int = 256 << 20  # bytes of data that it may use, besides what it needs for each core
    direct: bool = False  # whether the index is one of ours on loopback, which no proxy can reach

    def pip(
        self,
        command: str,
        target: Target,
        arguments: Sequence[str],
        lines: Sequence[str],
        overrides: Sequence[str] = (),
    ) -> Completed:
        """Run `uv pip COMMAND` on these lines of requirements, wheels only, for the target.

        Each of the `overrides` replaces all that is required of its project, extras and markers too.

        Raises
        ------
        TransientIndexError
            It does not end in time.
        ResultsError
            It cannot be started, or cannot write.
        Interrupted
            It was stopped by Ctrl-C.

        """
        if not overrides:
            return self._run(f"pip {command}", [*_command(command, target), *arguments, "-"], lines)
        with unfinished(self.cache / "uv") as lent:  # standard input has the requirements
            file = lent / "overrides.txt"
            file.write_text("".join(f"{line}\n" for line in overrides))
            more = ["--overrides", str(file)]
            return self._run(f"pip {command}", [*_command(command, target), *arguments, *more, "-"], lines)

    def clean(self, names: Sequence[str]) -> None:
        """Remove these projects from the cache, even while others use it; hard links to its files stay.

        Raises
        ------
        ResultsError
            The cache cannot be cleaned.

        """
        done = self._run("cache clean", [uv.find_uv_bin(), "cache", "clean", "--no-config", "--force", *names], ())
        if done.exit_code:
            msg = f"repairing the cache of uv in {self.cache / 'uv'}: {done.error}; remove that folder, and run again"
            raise ResultsError(msg)

    def _run(self, name: str, command: Sequence[str], lines: Sequence[str]) -> Completed:
        home = self.cache / "uv" / "home"
        try:
            home.mkdir(parents=True, exist_ok=True)
            done = subprocess.run(  # noqa: S603 - a fixed program, and no input in the shell's line
                _bounded(command, self._most),
                input="".join(f"{line}\n" for line in lines).encode(),
                capture_output=True,
                cwd=home,
                env=self._environment(home) | (_FEW_WHEELS if name == _INSTALL else {}),
                timeout=_DEADLINE,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            msg = f"running uv {name}: timed out after {_DEADLINE} s; run again"
            raise TransientIndexError(msg) from error
        except OSError as error:
            doing, advice = f"running uv {name}", f"check that uv is installed, and that {self.cache} can be written"
            raise refused(doing, self.cache, error, advice) from error
        if done.returncode in {-signal.SIGINT, 128 + signal.SIGINT}:
            msg = f"running uv {name}: interrupted; run again"
            raise Interrupted(msg)
        if done.returncode in {-signal.SIGABRT, -signal.SIGSEGV}:
            msg = (
                f"running uv {name}: it needs more than {self._most >> 20} MiB of memory; a page of the index, or a "
                "wheel, is far larger than any usual one: see which, and leave out what requires it"
            )
            raise PackageIndexError(msg)
        completed = Completed(done.returncode, _text(done.stdout), _text(done.stderr))
        if done.returncode and _NO_ROOM.search(completed.complaint) and is_scarce(self.cache):
            msg = f"running uv {name}: no space is left in {self.cache}; make room there, and run again"
            raise NoRoomError(msg)
        return completed

    @property
    def _most(self) -> int:
        return self.memory + _MEMORY_OF_THREAD * len(os.sched_getaffinity(0))

    def _environment(self, home: Path) -> dict[str, str]:
        admitted = _PASSED - _PROXIES if self.direct else _PASSED
        passed = {name: value for name, value in os.environ.items() if name.upper() in admitted}
        index = (
            {"UV_DEFAULT_INDEX": self.index_url} if self.index_url else {}
        )  # not on the command line: it may contain a password
        return {
            **passed,
            **index,
            "HOME": str(home),
            "PATH": "",
            "UV_CACHE_DIR": str(self.cache / "uv" / "cache"),
            "UV_HTTP_RETRIES": "0",  # util/retry.py retries
            "UV_HTTP_TIMEOUT": str(self.read_timeout),
            "UV_PYTHON_DOWNLOADS": "never",
        }


def _bounded(command: Sequence[str], memory: int) -> list[str]:
    """Return a command with a limit of memory for its data, since it reads hostile files."""
    return ["/bin/sh", "-c", 'ulimit -d "$0" && exec "$@"', str(memory >> 10), *command]


def raise_fault(doing: str, done: Completed) -> NoReturn:
    """Raise uv's error: TransientIndexError if another attempt may succeed, or else PackageIndexError."""
    fault = f"{doing}: {' '.join(done.error.split()) or f'uv ended with status {done.exit_code}'}"
    if _NO_ROOM.search(done.complaint):
        msg = f"{fault}; make room, or name another folder for the cache"
        raise ResultsError(msg)
    if _TRANSIENT.search(done.complaint) and not _LASTING.search(done.complaint):
        msg = f"{fault}; run again when the index answers"
        raise TransientIndexError(msg)
    msg = f"{fault}; check that the index is complete, and run again"
    raise PackageIndexError(msg)


def _command(command: str, target: Target) -> list[str]:
    fixed = ["--no-config", "--no-progress", "--color", "never", "--only-binary", ":all:", "--python", sys.executable]
    return [
        *(uv.find_uv_bin(), "pip", command, *fixed),
        *("--python-version", target.python, "--python-platform", target.platform),
    ]


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace")
