"""Reports of the program diffoscope on the two wheels of a verdict, for the site: site/diffoscope/FIRST-SECOND.html.

diffoscope runs many parsers on what packages write. It runs as a child process with limits, and a
run of it that fails leaves no report: the page shows the commands for it then.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.errors import WheelproofError
from orchestrator.results.files import write_file
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from contextlib import AbstractContextManager

FOLDER = "diffoscope"
"""The folder of the site with the reports."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""The Content-Security-Policy of a report: no script, and nothing of another host."""

_DIGITS = 16
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BEGINNING = re.compile(r"<!DOCTYPE html>\s{0,9}<html(?: lang=\"[a-z-]{1,9}\")?>\s{0,9}<head>", re.ASCII)
_REDIRECT = re.compile(r"<meta[^>]{0,500}refresh", re.IGNORECASE)
_DIFFERENT = 1  # diffoscope's exit status for files that differ
_PIECE = 0.1  # seconds between two looks at a process
_SHOWN = 300  # characters of a complaint

# Limits what it then executes, which ends with its parent (prctl's PR_SET_PDEATHSIG is 1).
_LAUNCHER = """
import ctypes, os, resource, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
memory, processor, file = map(int, sys.argv[1:4])
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 1))
resource.setrlimit(resource.RLIMIT_FSIZE, (file, file))
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
os.nice(10)
os.execv(sys.argv[4], sys.argv[4:])
"""

# In order of preference. With a PID namespace, no process survives that begins another session.
_APART = (
    ("--map-root-user", "--net", "--pid", "--fork", "--kill-child"),
    ("--map-root-user", "--net"),
)


class Pair(NamedTuple):
    """The SHA-256 of the wheels of the first and the second build."""

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What diffoscope may use."""

    memory: int = 1 << 30  # bytes of address space, each process
    processor: int = 20  # seconds, each process
    file: int = 64 << 20  # bytes, each file
    room: int = 512 << 20  # bytes of all files, the two wheels included
    seconds: float = 20  # of real time, for one report
    whole: float = 60  # of real time, for all reports of one publishing
    report: int = 4 << 20  # bytes of a report


# --- which reports are needed ----------------------------------------------------------------


def report_name(first: str, second: str) -> str:
    """Return the file name of the report on two wheels, by their SHA-256."""
    return f"{first[:_DIGITS]}-{second[:_DIGITS]}.html"


def pair(hashes: Iterable[str]) -> Pair | None:
    """Return the wheels of the first two builds, if they differ; the hash of a wheel that is lacking is empty."""
    first, second, *_ = (*hashes, "", "")
    are_hashes = _HASH.fullmatch(first) and _HASH.fullmatch(second)
    return Pair(first, second) if are_hashes and first != second else None


def due(
    pairs: Iterable[Pair], present: Collection[str], tried: Collection[str], kept: Callable[[str], bool], turn: str
) -> tuple[Pair, ...]:
    """Return the pairs of which a report is to be written: there is none, none was tried, and both wheels are kept.

    `turn` decides the order: with another one each time, wheels whose report fails do not keep the others waiting.
    """
    by_name = {report_name(*one): one for one in pairs}
    names = (name for name in by_name if name not in present and name not in tried)
    ordered = sorted(names, key=lambda name: hashlib.sha256(f"{turn} {name}".encode()).digest())
    return tuple(by_name[name] for name in ordered if all(map(kept, by_name[name])))


def with_policy(text: str) -> str:
    """Return a report with its policy; empty if it is not whole HTML as diffoscope's, or leads elsewhere."""
    beginning = _BEGINNING.match(text)
    if not beginning or not text.rstrip().endswith("</html>") or _REDIRECT.search(text):
        return ""
    policy = f'\n  <meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    return f"{beginning[0]}{policy}{text[beginning.end() :]}"


# --- the act ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Reports:
    """Writes the reports into a folder; `write` is called once in each publishing."""

    folder: Path
    find: Callable[[str], Path | None]  # a wheel, by its SHA-256
    bench: Callable[[], AbstractContextManager[Path]]  # gives a folder, and removes it
    tried: set[str]  # names of the reports that this process has tried to write, and could not
    program: str | None  # the path of diffoscope; None: it is not installed
    limits: Limits = field(default_factory=Limits)
    kept: frozenset[str] = frozenset()  # names of the reports that are there and needed

    def write(self, pairs: Iterable[Pair]) -> frozenset[str]:
        """Write the reports that are due, as long as there is time; return the names of all that are there."""
        needed = {report_name(*one): one for one in pairs}
        if self.program:
            self._write_due(needed, self.program, time.monotonic() + self.limits.whole)
        self.kept = frozenset(self._present(needed))
        return self.kept

    def _write_due(self, needed: dict[str, Pair], program: str, end: float) -> None:
        turn = str(time.time_ns())
        for one in due(needed.values(), self._present(needed), self.tried, lambda it: self.find(it) is not None, turn):
            if time.monotonic() + self.limits.seconds > end:
                return
            self.tried.add(report_name(*one))
            self._try(one, program)

    def _try(self, one: Pair, program: str) -> None:
        name, fault = report_name(*one), "a wheel is no longer kept"
        try:
            with self.bench() as folder:
                wheels = self.find(one.first), self.find(one.second)
                if wheels[0] and wheels[1]:
                    text, fault = report(program, wheels[0], wheels[1], folder, self.limits)
                    if text:
                        write_file(self.folder / name, text.encode("utf-8", "replace"))
                        self.tried.discard(name)
                        return
        except (OSError, WheelproofError) as error:
            fault = str(error)
        logs.warning("diffoscope wrote no report", report=name, fault=fault[:_SHOWN])

    def _present(self, names: Iterable[str]) -> set[str]:
        return {name for name in names if (self.folder / name).is_file()}


def installed() -> str | None:
    """Return the path of diffoscope; None if it is not on PATH."""
    return shutil.which("diffoscope", path=_path())


def report(program: str, first: Path, second: Path, folder: Path, limits: Limits) -> tuple[str, str]:
    """Run diffoscope on two wheels in an empty folder; return (the report, why there is none).

    The wheels are copied, so that nothing that parses them can reach the farm's own by a link.
    """
    folder = folder.resolve()
    for name, wheel in (("first.whl", first), ("second.whl", second)):
        shutil.copyfile(wheel, folder / name)
    fault = _run([program, *_options(limits), "first.whl", "second.whl"], folder, limits)
    if fault:
        return "", fault
    written = _content(folder / "report.html", limits.report)
    text = with_policy(written.replace(f"{folder}/", "").replace(program, "diffoscope"))  # it shows its command
    return text, "" if text else _with_complaint("it wrote no whole report, or a longer one than it may", folder)


def _options(limits: Limits) -> tuple[str, ...]:
    return (
        *("--html", "report.html", "--jquery", "disable", "--no-progress"),
        *("--max-report-size", str(limits.report // 2), "--max-page-size", str(limits.report // 2)),
        *("--max-diff-block-lines", "512", "--timeout", str(max(1, int(limits.seconds / 2)))),
    )


def _run(command: list[str], folder: Path, limits: Limits) -> str:
    """Run a command with limits, and end all its processes; return how it failed, empty if it found differences."""
    bounds = [str(limits.memory), str(limits.processor), str(limits.file)]
    with (folder / "complaint").open("wb") as complaint:
        process = subprocess.Popen(  # noqa: S603 - a program of the host
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *bounds, *apart(), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaint,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )
    try:
        fault = _exceeded(process.pid, folder, limits)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
    return fault or ("" if status == _DIFFERENT else _failure(status, folder))


def _exceeded(process: int, folder: Path, limits: Limits) -> str:
    """Wait for the end of a process, which is not reaped, or for a limit that it exceeds."""
    end = time.monotonic() + limits.seconds
    while os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > end:
            return f"it took more than {limits.seconds:g} seconds"
        if _size(folder) > limits.room:
            return f"it wrote more than {limits.room} bytes"
        time.sleep(_PIECE)
    return ""


def _size(folder: Path) -> int:
    """Return the room that the files in a folder take, in bytes; links are not followed."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(f"{place}/{name}").st_blocks * 512  # POSIX: the unit of st_blocks on Linux
    return total


def _failure(status: int, folder: Path) -> str:
    return _with_complaint(f"signal {-status} ended it" if status < 0 else f"it ended with status {status}", folder)


def _with_complaint(how: str, folder: Path) -> str:
    """Add the last line that it printed."""
    lines = _content(folder / "complaint", 1 << 20).strip().splitlines()
    return f"{how}: {lines[-1]}" if lines else how


def _content(path: Path, longest: int) -> str:
    """Read a plain file that a process left which may be hostile; empty if it is none, or longer than that."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return ""
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read(longest + 1)
    return data.decode("utf-8", "replace") if len(data) <= longest else ""


def _environment(folder: Path) -> dict[str, str]:
    own = {"HOME": str(folder), "TMPDIR": str(folder)}
    return {**own, "PATH": _path(), "LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1"}


def _path() -> str:
    """Return PATH without relative folders, which would be those of the hostile files."""
    every = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(one for one in every if Path(one).is_absolute())


@cache
def apart() -> tuple[str, ...]:
    """Return the command that takes the network from another one; empty if the host does not allow it."""
    program = shutil.which("unshare", path=_path())
    for options in _APART if program else ():
        command = (str(program), *options)
        with suppress(OSError, subprocess.TimeoutExpired):
            tried = subprocess.run([*command, "true"], check=False, capture_output=True, timeout=10)  # noqa: S603
            if tried.returncode == 0:
                return command
    return ()
