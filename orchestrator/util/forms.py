"""The form of a type: what reads its values from JSON, and writes them. Making that of a record takes 40 ms or more."""

from __future__ import annotations

from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Hashable

_T = TypeVar("_T")
_making = RLock()


def form(kind: type[_T]) -> TypeAdapter[_T]:
    """Return the form of a type, which is made when it is first needed: most commands need few.

    One thread at a time makes a form, and others that need any form wait.
    """
    with _making:
        return _made(cast("Hashable", kind))


@cache
def _made(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - any type, and unions are no types
    return TypeAdapter(kind)
