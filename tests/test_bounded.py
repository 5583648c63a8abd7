"""What hostile bytes do to a parser stays in the process that parses them."""

from __future__ import annotations

import os
import time

import pytest

from orchestrator import bounded

ROOM = 1 << 30


def hang() -> None:
    """Never answer."""
    time.sleep(60)


def eat() -> int:
    """Need more memory than there is."""
    return len(b"x" * (8 << 30))


@pytest.mark.parametrize(
    ("function", "arguments", "seconds", "answer", "why"),
    [
        (pow, (2, 10), 60, 1024, ""),
        (hang, (), 1, None, "more than 1 seconds"),
        (eat, (), 60, None, "needed more than"),
        (os._exit, (3,), 60, None, "died"),
        (int, ("no number",), 60, None, "ValueError"),
    ],
)
def test_a_call_gives_an_answer_or_says_why_not(
    function: object, arguments: tuple[object, ...], seconds: int, answer: object, why: str
) -> None:
    """And the caller goes on, whatever happens there."""
    begun = time.monotonic()
    found, told = bounded.call(function, *arguments, seconds=seconds, memory=ROOM)  # type: ignore[arg-type]
    assert found == answer
    assert why in told
    assert bool(told) is bool(why)
    assert time.monotonic() - begun < 50
