"""Suggestions of the right name in error messages."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(wrong: str, right: Iterable[str]) -> str:
    """Return the end of a message on an unknown name: the nearest right name, or else all of them."""
    known = sorted(right)
    listed = f"; known are {', '.join(known)}" if known else ""
    return similar(wrong, known) or listed


def similar(wrong: str, right: Iterable[str]) -> str:
    """Return the end of a message on an unknown name: the nearest right name; empty where none is near."""
    near = difflib.get_close_matches(wrong, sorted(right), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
