"""Submits functions of `orchestrator.farm.worker` as Dask tasks, by their names."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from orchestrator.farm.cluster import resources, values

if TYPE_CHECKING:
    from distributed import Client, Future

CALL = "getattr(__import__('orchestrator.farm.worker', fromlist=[name]), name)(*arguments)"
"""What a worker evaluates. Text, since the scheduler unpickles tasks too: it needs no wheelproof, nor this Python."""


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
