"""Calls functions that read hostile bytes, each in a new child of a helper process, with limits and typed answers.

The helper is started when it is first needed, imports the functions that are called, and is shared by all threads. Each
call gets a child forked from it, so that no state of one package reaches the next. Only the farm pickles;
a child answers in JSON, which is checked against the type that is asked for.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import ValidationError

from orchestrator import errors
from orchestrator.errors import WheelproofError
from orchestrator.util.forms import form
from orchestrator.util.helper import ANSWER, ENDED, FARM, FAULT, LENGTH, LONG, MEMORY, NOT_BEGUN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_T = TypeVar("_T")

AT_ONCE = 2
"""The most short calls at the same time; others wait. This limits their total memory."""

_PATIENCE = 5  # seconds beyond its bound in which the kernel must end a child
_PIECE = 1 << 16
_TRIES = 2
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSYS})
_PROGRAM = "import sys; sys.path[:] = {path!r}; from orchestrator.util.helper import main; main({control}, {lifeline})"

_long_slots = threading.BoundedSemaphore(max(AT_ONCE, len(os.sched_getaffinity(0))))
_slots = threading.BoundedSemaphore(AT_ONCE)


class Bound(StrEnum):
    """The limit that a call exceeded, or how it failed."""

    MEMORY = "memory"
    PROCESSOR = "processor time"
    TIME = "time"  # real time: the host is slow, or the call waits
    ANSWER = "size of the answer"
    FAULT = "fault"  # an exception that the function is not known to raise
    CRASH = "crash"  # the process crashed, twice


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one call may use."""

    memory: int  # bytes of address space, over and above what Python and the modules have
    seconds: int = 30  # of processor time
    patience: float = 600  # seconds of real time
    answer: int = 32 << 20  # bytes
    long: bool = False  # it uses another set of slots: it does not wait for short calls, nor they for it


@dataclass(frozen=True, slots=True)
class Exceeded:
    """Why there is no answer: a finding about the bytes, not a fault of the farm."""

    bound: Bound
    detail: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What a call used."""

    memory: int  # bytes at its peak, including memory shared with the helper
    seconds: float  # of processor time


class _LostError(Exception):
    """A child, or the helper, ended for a reason other than the bytes."""


def run_limited(
    function: Callable[..., _T],
    *arguments: object,
    kind: object,
    bounds: Bounds,
    preload: tuple[str, ...] = (),
    spent: Callable[[Spent], None] | None = None,
) -> _T | Exceeded:
    """Return the function's result as a value of the type `kind`, or the limit that it exceeded.

    The function must be at the top level of a module; it and its arguments are pickled. Its answer may have
    dataclasses, named tuples, tuples, enumerations, paths and JSON's types. `preload` lists modules that it
    imports late, which the helper then imports once. `spent` is called with what was used; that takes some time.

    Raises
    ------
    WheelproofError
        The function raised it, or the helper was killed twice. Nothing is known about the bytes.

    """
    work = pickle.dumps((function, arguments, bounds.seconds, bounds.patience, bounds.memory, bounds.answer))
    modules = {function.__module__, *preload, *(type(argument).__module__ for argument in arguments)}
    lost = ""
    for attempt in range(_TRIES):
        try:
            with _long_slots if bounds.long else _slots:
                answer = _asked(work, modules, bounds, spent, last=attempt + 1 == _TRIES)
        except _LostError as error:
            lost = str(error)
        else:
            return answer if isinstance(answer, Exceeded) else _read(answer, kind, bounds)
    msg = (
        f"calling {function.__qualname__} in a helper process: {lost}, {_TRIES} times; "
        "see what kills processes on this host, and run again"
    )
    raise WheelproofError(msg)


def begin(
    modules: Iterable[str] = ("orchestrator.analysis.compare_files", "orchestrator.sources.sdist", "gzip"),
) -> None:
    """Start the helper ahead of the first call, and let it import the modules."""
    with suppress(_LostError):
        _asked(pickle.dumps((int, (), 1, 60.0, 1 << 26, 1 << 10)), set(modules), None, None, last=True)


def _asked(
    work: bytes, modules: set[str], bounds: Bounds | None, spent: Callable[[Spent], None] | None, *, last: bool
) -> bytes | Exceeded:
    """Let one child do the work; return its unchecked answer, or the limit that ended it."""
    with ExitStack() as stack:
        ours, theirs = socket.socketpair()
        stack.enter_context(ours)
        reading, writing = os.pipe()
        ended = stack.enter_context(os.fdopen(reading, "rb", buffering=0))
        try:
            server = _server()
            server.send(" ".join(sorted(modules)), theirs.fileno(), writing)
        finally:
            theirs.close()
            os.close(writing)
        if bounds is None:
            return b""
        end = time.monotonic() + bounds.patience + _PATIENCE
        try:
            answer = _exchanged(ours, work, bounds.answer, end)
            if answer is not None and spent is None:
                return answer
            _wait(ended, end)
        except TimeoutError:
            server.kill()
            msg = "its process neither answered nor ended"
            raise _LostError(msg) from None
        report = ended.read(ENDED.size)
        if len(report) < ENDED.size:
            server.kill()  # if it has not quite ended; the next call needs another
            msg = "the helper process ended"
            raise _LostError(msg)
        status, memory, seconds = ENDED.unpack(report)
        if status == NOT_BEGUN:
            msg = "no process could be begun"
            raise _LostError(msg)
        if spent is not None:
            spent(Spent(memory, seconds))
        return answer if answer is not None else _cause(status, bounds, last=last)


def _exchanged(ours: socket.socket, work: bytes, longest: int, end: float) -> bytes | None:
    """Send the work and receive the answer; None where the other end closes before it is whole."""
    try:
        ours.settimeout(max(0.001, end - time.monotonic()))
        ours.sendall(LENGTH.pack(len(work)))
        ours.sendall(work)
        head = _received(ours, LENGTH.size, end)
        size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else -1
        if not 0 < size <= longest:
            ours.shutdown(socket.SHUT_RDWR)
            return None
        answer = _received(ours, size, end)
    except (BrokenPipeError, ConnectionResetError):
        return None
    return answer if len(answer) == size else None


def _received(ours: socket.socket, size: int, end: float) -> bytes:
    pieces = bytearray()
    while len(pieces) < size:
        ours.settimeout(max(0.001, end - time.monotonic()))
        piece = ours.recv(min(_PIECE, size - len(pieces)))
        if not piece:
            break
        pieces += piece
    return bytes(pieces)


def _wait(ended: Any, end: float) -> None:  # noqa: ANN401 - a raw file
    if not select.select([ended], [], [], max(0.0, end - time.monotonic()))[0]:
        raise TimeoutError


def _cause(status: int, bounds: Bounds, *, last: bool) -> Exceeded:
    """Return the limit that a child exceeded, by how it ended; raise _LostError if it exceeded none."""
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number == signal.SIGXCPU:
        return Exceeded(Bound.PROCESSOR, f"it took more than {bounds.seconds} seconds of processor time")
    if number == signal.SIGALRM:
        return Exceeded(Bound.TIME, f"it took more than {bounds.patience:g} seconds")
    how = f"its process was ended by signal {number}" if number else f"its process ended with status {status >> 8}"
    if last and (number in _CRASHES or not number):
        return Exceeded(Bound.CRASH, how)
    raise _LostError(how)


def _read(answer: bytes, kind: object, bounds: Bounds) -> Any:  # noqa: ANN401 - of that kind
    """Check an answer, which may be forged."""
    what, body = answer[:1], answer[1:]
    if what == MEMORY:
        return Exceeded(Bound.MEMORY, f"it needed more than {bounds.memory} bytes of memory")
    if what == LONG:
        return Exceeded(Bound.ANSWER, f"the answer is longer than {bounds.answer} bytes")
    try:
        if what == ANSWER:
            return form(cast("type[Any]", kind)).validate_python(json.loads(body, parse_constant=_no_number))
        message = json.loads(body)
        if what == FARM:
            raise _of_the_farm(*message)
        if what == FAULT:
            return Exceeded(Bound.FAULT, str(message))
    except (ValueError, TypeError, RecursionError, ValidationError) as error:
        return Exceeded(Bound.FAULT, f"an answer that is none: {type(error).__name__}")
    return Exceeded(Bound.FAULT, "an answer that is none")


def _no_number(text: str) -> float:
    msg = f"{text} is no number of JSON"
    raise ValueError(msg)


def _of_the_farm(name: object, message: object) -> WheelproofError:
    kind = getattr(errors, str(name), WheelproofError)
    return kind(str(message)) if isinstance(kind, type) and issubclass(kind, WheelproofError) else WheelproofError()


# --- the helper ------------------------------------------------------------------------------


class _Server:
    """A helper process: it inherits only two descriptors, and gets no signals from the terminal."""

    def __init__(self) -> None:
        self._calls, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        lifeline, self._lifeline = os.pipe()
        try:
            program = _PROGRAM.format(path=sys.path, control=control.fileno(), lifeline=lifeline)
            self._process = subprocess.Popen(  # noqa: S603 - ours
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(control.fileno(), lifeline),
                start_new_session=True,
            )
        finally:
            control.close()
            os.close(lifeline)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, modules: str, *descriptors: int) -> None:
        """Send a call as one datagram, so that threads need not wait for each other."""
        try:
            socket.send_fds(self._calls, [modules.encode()], descriptors)
        except OSError as error:
            self.kill()
            msg = f"the helper process does not accept calls ({error.strerror})"
            raise _LostError(msg) from error

    def kill(self) -> None:
        """End the helper and its children; if it has already ended, closing the other pipe ends its children."""
        if self.alive:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        """End the helper, and close both ends."""
        self.kill()
        self._calls.close()
        with suppress(OSError):
            os.close(self._lifeline)


_current: list[_Server] = []
_turn = threading.Lock()


def _server() -> _Server:
    """Return the helper; start another if the last has ended."""
    with _turn:
        if _current and not _current[0].alive:
            _current.pop().close()
        if not _current:
            _current.append(_Server())
        return _current[0]


def processes() -> tuple[int, ...]:
    """Return the helper's process id, if it was started; its children are in its process group."""
    with _turn:
        return tuple(server.pid for server in _current)


@atexit.register
def _close() -> None:
    with _turn:
        while _current:
            _current.pop().close()
