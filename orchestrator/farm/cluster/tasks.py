"""Submits functions of `orchestrator.farm.worker` as Dask tasks, by their names."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

from orchestrator.farm.cluster import resources, values

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client, Future

CALL = "getattr(__import__('orchestrator.farm.worker', fromlist=[name]), name)(*arguments)"
"""What a worker evaluates. Text, since the scheduler unpickles tasks too: it needs no wheelproof, nor this Python."""

_LOOK = 1.0  # seconds


def submit(
    client: Client,
    name: str,
    *arguments: object,
    among: tuple[str, ...] = (),
    priority: int = resources.FIRST,
    uses: tuple[str, ...] = (),
    label: str = "",
) -> Future[Any]:
    """Have a worker with this program call a function of its module.

    `among` are the addresses of the workers that may; empty: all. `uses` are the resources of which it takes one each.
    Dask groups tasks by `label`, and knows how long those of a group take; it is the name where it is empty.
    """
    wanted = {resources.of_code(values.code()): 1, **dict.fromkeys(uses, 1)}
    return client.submit(
        eval,
        CALL,
        {"name": name, "arguments": arguments},
        key=f"{label or name}-{secrets.token_hex(16)}",
        resources=wanted,
        workers=list(among) or None,
        priority=priority,
        pure=False,
    )


def result(client: Client, future: Future[Any], look: Callable[[], None]) -> Any:  # noqa: ANN401 - as the task gives it
    """Return the result of a task, or raise what it raised. `look` is called each second of the wait, and may end it.

    `Future.result` with a timeout would not do: Dask fetches several results at once, and a wait that ends so cancels
    that for all others.
    """
    loop: Any = client.loop
    fetching = asyncio.run_coroutine_threadsafe(client.gather(future, asynchronous=True), loop.asyncio_loop)
    while not wait([fetching], timeout=_LOOK).done:
        look()
    return fetching.result()
