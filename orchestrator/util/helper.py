"""The helper process that `limited_call` starts: it forks a child for each call, and reports how the child ended.

Standard library only, besides the modules whose functions are called: those are imported before the fork, so
that a child need not import them. The server never reads data of a package; a child reads it once and ends.

A call comes as one datagram with two file descriptors: the names of modules to import, a socket on which the
child receives its work (pickled by the farm, which is trusted) and sends its answer (plain JSON), and a pipe for
the report of how it ended.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import json
import os
import pickle
import resource
import select
import signal
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from orchestrator.errors import WheelproofError, is_of_the_host

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTH = struct.Struct("<Q")
"""The prefix of the work and of an answer: its length in bytes."""

ENDED = struct.Struct("<iQd")
"""How a child ended: its wait status, its peak of memory in bytes, its processor time in seconds."""

NOT_BEGUN = -1
"""The wait status of a child that could not be forked."""

ANSWER, FAULT, FARM, MEMORY, LONG = b"A", b"E", b"F", b"M", b"L"
"""The first byte of an answer: a result, an exception, an error of the farm, out of memory, answer too long."""

_DATAGRAM = 1 << 16
_SHOWN = 500  # characters of an exception
_PAGE = resource.getpagesize()


def main(control: int, lifeline: int) -> None:
    """Serve calls until the farm closes its socket or ends."""
    _end_with_the_farm(lifeline)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    waker, wakened = socket.socketpair()
    for end in (waker, wakened):
        end.settimeout(0)
    signal.set_wakeup_fd(wakened.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    calls = socket.socket(fileno=control)
    children: dict[int, int] = {}  # process -> the pipe for how it ended
    while True:
        ready, _, _ = select.select([calls, waker], [], [])
        if waker in ready:
            with suppress(BlockingIOError):
                waker.recv(_DATAGRAM)
        _reap(children)
        if calls in ready:
            names, descriptors, _, _ = socket.recv_fds(calls, _DATAGRAM, 2)
            if not names:
                return
            _begin(names.decode(), descriptors, children, (calls, waker, wakened))


def _end_with_the_farm(lifeline: int) -> None:
    """Let the kernel end this process and its children when the farm's end of a pipe is closed.

    The kernel's signal works even in the middle of a regular expression. Nothing is ever written into the pipe.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it ended before
        sys.exit()


def _begin(names: str, descriptors: list[int], children: dict[int, int], own: tuple[socket.socket, ...]) -> None:
    work, ended = descriptors
    try:
        if missing := [name for name in names.split() if name not in sys.modules]:
            for name in missing:
                importlib.import_module(name)
            gc.collect()
            gc.freeze()  # objects that exist already are not copied when a child collects garbage
        process = os.fork()
    except Exception:  # noqa: BLE001 - the caller must learn of any error
        with suppress(OSError):
            os.write(ended, ENDED.pack(NOT_BEGUN, 0, 0))
        os.close(ended)
        os.close(work)
        return
    if process == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (ended, *children.values(), *(end.detach() for end in own)):
            os.close(descriptor)
        _child(socket.socket(fileno=work))
    os.close(work)
    children[process] = ended


def _reap(children: dict[int, int]) -> None:
    while children:
        process, status, spent = os.wait4(-1, os.WNOHANG)
        if not process:
            return
        ended = children.pop(process)
        with suppress(OSError):  # nobody waits for it any more
            os.write(ended, ENDED.pack(status, spent.ru_maxrss << 10, spent.ru_utime + spent.ru_stime))
        os.close(ended)


def _child(farm: socket.socket) -> None:
    """Do the one call, and end without Python's own shutdown."""
    status = 1
    try:
        with farm.makefile("rb") as stream:
            (size,) = LENGTH.unpack(stream.read(LENGTH.size))
            function, arguments, seconds, patience, memory, longest = pickle.loads(stream.read(size))  # noqa: S301 - the farm's
        _bound(seconds, patience, memory)
        answer = _answer(function, arguments)
        if len(answer) > longest:
            answer = LONG
        farm.sendall(LENGTH.pack(len(answer)))
        farm.sendall(answer)
        status = 0
    finally:
        os._exit(status)


def _bound(seconds: int, patience: float, memory: int) -> None:
    """Limit this process: processor time, real time, and memory beyond what it starts with."""
    with open("/proc/self/statm", "rb") as stream:  # noqa: PTH123 - for each call
        begun = int(stream.read().split()[0]) * _PAGE
    signal.setitimer(signal.ITIMER_REAL, patience)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (begun + memory, begun + memory))


def _answer(function: Callable[..., object], arguments: tuple[object, ...]) -> bytes:
    try:
        return ANSWER + json.dumps(function(*arguments), default=_plain, separators=(",", ":")).encode()
    except MemoryError:
        return MEMORY
    except Exception as error:  # noqa: BLE001 - whatever hostile bytes bring about
        name = type(error).__name__
        if is_of_the_host(error):
            return FARM + json.dumps(["ResultsError", f"reading a file: {error}; fix that, and run again"]).encode()
        if isinstance(error, WheelproofError):
            return FARM + json.dumps([name, str(error)]).encode()
        return FAULT + json.dumps(f"{name}: {error}"[:_SHOWN]).encode()


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a function returns
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    msg = f"an answer has a value of {type(value)}"
    raise TypeError(msg)
