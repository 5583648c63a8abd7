"""Calls a function in a process of its own, bounded in time and memory: what it reads may be made to break it."""

from __future__ import annotations

import multiprocessing
import resource
from functools import cache
from multiprocessing import forkserver
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext

_T = TypeVar("_T")
_PATIENCE = 5  # seconds for a process that has answered to end


@cache
def _context() -> ForkServerContext:
    """Fork from a server that has imported what is called, and has no threads and nothing open."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["orchestrator.pair"])
    return context


def begin() -> None:
    """Begin the server already: it will have something to fork."""
    _context()
    forkserver.ensure_running()


def call(function: Callable[..., _T], *arguments: object, seconds: float, memory: int) -> tuple[_T | None, str]:
    """Return what a function returned, and nothing; or None, and why there is no answer.

    The function, its arguments and its answer are pickled; `memory` is in bytes of address space.
    """
    receiver, sender = _context().Pipe(duplex=False)
    child = _context().Process(target=_child, args=(sender, function, arguments, memory, int(seconds)), daemon=True)
    child.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            return None, f"it took more than {seconds} seconds"
        answer, why = receiver.recv()
    except EOFError:
        return None, "its process died"
    else:
        child.join(_PATIENCE)
        return answer, why
    finally:
        receiver.close()
        child.kill()
        child.join()


def _child(
    sender: Connection, function: Callable[..., object], arguments: tuple[object, ...], memory: int, seconds: int
) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds + 1, seconds + 1))
    try:
        answer: tuple[object, str] = (function(*arguments), "")
    except MemoryError:
        answer = (None, f"it needed more than {memory} bytes")
    except Exception as error:  # noqa: BLE001 - whatever hostile bytes bring about
        answer = (None, f"{type(error).__name__}: {error}"[:500])
    sender.send(answer)
    sender.close()
