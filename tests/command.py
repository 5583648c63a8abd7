"""Runs commands in processes that are forked from one that has imported the program already.

    code, out, err = command(["show", "six"], folder, environment)

A command imports for most of a second, and the tests run hundreds. Such a process is otherwise as that of
`python -m orchestrator`: its session, folder, variables, umask and arguments are its own, and it ends as Python
does. What Python reads at its start only cannot be changed by then: where a test sets that, a new Python is
started, or one more process that forks. Tests of signals and of leftovers start a new Python with Popen.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]

Ended = tuple[int, bytes, bytes]
"""The exit status, as that of subprocess, and what the command printed to standard output and standard error."""

_Variables = tuple[tuple[str, str], ...]

_EARLY = ("GLIBC", "LANG", "LC_", "LD_", "MALLOC_", "OPENSSL", "PYTHON", "TZ")
"""How the names of variables begin that are read when a process starts, not when they are needed."""

_USUAL = {**os.environ, "PYTHONPATH": str(ROOT)}
"""What such a variable is for most commands."""

_OFTEN = 3  # commands with unusual variables, from which on it is worth it to fork them
_AT_ONCE = 3  # processes that fork commands; each has some 100 MB
_APART = (
    "orchestrator.farm.cluster",
    "orchestrator.farm.worker",
    "orchestrator.guest",
    "orchestrator.recipes.programs",
)
"""Modules that a command seldom needs, or that are programs."""

_LONGEST = 1 << 17  # bytes of a request
_NUMBER = struct.Struct("i")


def command(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], umask: int = -1, patience: float = 300
) -> Ended:
    """Run a command in a folder, with those environment variables and no others.

    Raises
    ------
    subprocess.TimeoutExpired
        It has not ended after `patience` seconds, and was killed.

    """
    early = {name: value for name, value in environment.items() if name.startswith(_EARLY)}
    key = tuple(sorted(early.items()))
    _asked[key] += 1
    if _asked[key] < _OFTEN and any(_USUAL.get(name) != value for name, value in early.items()):
        return _started(arguments, folder, environment, umask, patience)
    request = {"arguments": [*arguments], "folder": str(folder), "environment": {**environment}, "umask": umask}
    return _forking(key).run(json.dumps(request).encode(), patience)


def _started(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], umask: int, patience: float
) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=folder,
        env=environment,
        umask=umask,
        start_new_session=True,
        capture_output=True,
        timeout=patience,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


# --- the side of the tests -------------------------------------------------------------------


class _Forking:
    """A process that forks commands, one at a time. It ends with this one, whose end of the socket then closes."""

    def __init__(self, early: Mapping[str, str]) -> None:
        self._turn = threading.Lock()
        self._calls, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with control:
            program = f"import runpy; runpy.run_path({__file__!r})['serve']({control.fileno()})"
            self._process = subprocess.Popen(
                [sys.executable, "-c", program],
                cwd="/",
                env=early,
                stdin=subprocess.DEVNULL,
                pass_fds=(control.fileno(),),
                start_new_session=True,
            )

    def run(self, request: bytes, patience: float) -> Ended:
        """Have a command run; read what it prints until nobody can print any more."""
        (out, to_out), (err, to_err) = os.pipe(), os.pipe()
        with self._turn, os.fdopen(out, "rb") as from_out, os.fdopen(err, "rb") as from_err:
            socket.send_fds(self._calls, [request], [to_out, to_err])
            os.close(to_out)
            os.close(to_err)
            process = self._number()
            late = threading.Event()
            timer = threading.Timer(patience, _kill, (process, late))
            timer.start()
            printed: list[bytes] = []
            reader = threading.Thread(target=lambda: printed.append(from_err.read()))
            reader.start()
            text = from_out.read()
            reader.join()
            status = self._number()
            timer.cancel()
        if late.is_set():
            raise subprocess.TimeoutExpired(request.decode(), patience, text, printed[0])
        return status, text, printed[0]

    def close(self) -> None:
        """Let the process end."""
        self._calls.close()
        self._process.wait()

    def _number(self) -> int:
        answer = self._calls.recv(_NUMBER.size)
        assert answer, "the process that forks commands has ended"
        return int(_NUMBER.unpack(answer)[0])


def _kill(process: int, late: threading.Event) -> None:
    late.set()
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


_asked: Counter[_Variables] = Counter()
_found: dict[_Variables, _Forking] = {}


@atexit.register
def _end() -> None:
    while _found:
        _found.popitem()[1].close()


def _forking(early: _Variables) -> _Forking:
    """Return the process that has those variables; start it if there is none."""
    if early not in _found:
        while len(_found) >= _AT_ONCE:
            _found.pop(next(iter(_found))).close()
        _found[early] = _Forking(dict(early))
    return _found[early]


# --- the side of the commands ----------------------------------------------------------------


def serve(control: int) -> None:
    """Fork for each request, and wait for what was forked; the forked process runs the command and ends."""
    for module in walk_packages(import_module("orchestrator").__path__, "orchestrator."):
        if not module.name.startswith(_APART) and not module.name.endswith("__main__"):
            import_module(module.name)
    assert threading.active_count() == 1, "a thread does not survive a fork"
    gc.freeze()  # a forked process need not copy, to look for cycles, what was there before
    calls = socket.socket(fileno=control)
    while True:
        request, descriptors, _, _ = socket.recv_fds(calls, _LONGEST, 2)
        if not request:
            return
        process = os.fork()
        if not process:
            calls.close()
            _become(json.loads(request), *descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        calls.send(_NUMBER.pack(process))
        _, status = os.waitpid(process, 0)
        calls.send(_NUMBER.pack(os.waitstatus_to_exitcode(status)))


def _become(request: dict[str, Any], out: int, err: int) -> None:
    """Become the process of a command; its SystemExit ends it."""
    os.setsid()
    for descriptor, of in ((out, 1), (err, 2)):
        os.dup2(descriptor, of)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    if request["umask"] != -1:
        os.umask(request["umask"])
    sys.path[0] = str(request["folder"])
    sys.argv = ["-m", *request["arguments"]]
    runpy.run_module("orchestrator", run_name="__main__", alter_sys=True)
