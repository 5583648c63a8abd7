"""Submits functions of `orchestrator.farm.worker` as Dask tasks, by their names.

What is pickled is one small function as a whole, so that the scheduler, which reads it too, needs no wheelproof.
"""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING, Any

import cloudpickle

from orchestrator.farm.cluster import resources, values

if TYPE_CHECKING:
    from distributed import Client, Future


def call(name: str, *arguments: object) -> Any:  # noqa: ANN401 - as the function gives it
    """Call a function of the worker's module."""
    from importlib import import_module  # noqa: PLC0415 - on the worker

    return getattr(import_module("orchestrator.farm.worker"), name)(*arguments)


cloudpickle.register_pickle_by_value(sys.modules[__name__])


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
        call,
        name,
        *arguments,
        key=f"{label or name}-{secrets.token_hex(16)}",
        resources=wanted,
        workers=list(among) or None,
        priority=priority,
        pure=False,
    )
