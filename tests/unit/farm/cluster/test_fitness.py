"""A worker whose clock, disk or image is wrong does not judge, and the reason is what to do about it."""

from __future__ import annotations

import pytest

from orchestrator.farm.cluster.fitness import CLOCK, other_image, unfit

M, N = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("clock", "scarce", "words"),
    [
        (0.0, False, ""),
        (CLOCK, False, ""),
        (-CLOCK, False, ""),
        (CLOCK + 1, False, "61 s behind the scheduler's"),
        (-CLOCK - 1, False, "61 s ahead of the scheduler's"),
        (0.0, True, "too little space is left in /cache"),
        (3600.0, True, "clock"),
        (float("inf"), False, "clock"),
        (float("nan"), False, "clock"),
    ],
)
def test_a_worker_is_unfit_by_its_clock_and_its_disk(clock: float, scarce: bool, words: str) -> None:  # noqa: FBT001
    """A difference that no number expresses is none that is small."""
    found = unfit(clock=clock, scarce=scarce, folder="/cache")
    assert words in found
    assert bool(found) == bool(words)


@pytest.mark.parametrize(
    ("wanted", "found", "words"),
    [
        ((M, ""), (M, ""), ""),
        ((M, "runsc"), (M, "runsc"), ""),
        ((M, ""), (N, ""), "bbbbbbbbbbbb"),
        ((M, "runsc"), (M, ""), "run with the engine"),
        ((M, ""), (M, "runsc"), "run with runsc"),
        ((M, ""), (N, "runsc"), "manifest"),
    ],
)
def test_another_image_or_runtime_is_named(wanted: tuple[str, str], found: tuple[str, str], words: str) -> None:
    """Both sides are in the reason."""
    why = other_image("bookworm", wanted=wanted, found=found)
    assert words in why
    assert bool(why) == bool(words)
