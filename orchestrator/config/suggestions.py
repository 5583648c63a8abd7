"""Suggestions of the right name in error messages."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(wrong: str, right: Iterable[str]) -> str:
    """End a message on an unknown name with the nearest right one, or else with all of them."""
    known = sorted(right)
    near = difflib.get_close_matches(wrong, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known are {', '.join(known)}" if known else ""
