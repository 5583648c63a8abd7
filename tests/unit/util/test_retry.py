"""Transient faults are tried again, within bounds; other errors are not."""

from __future__ import annotations

import threading
import time

import pytest

from orchestrator.errors import EngineError, PackageIndexError, TransientEngineError, TransientIndexError
from orchestrator.util.retry import ATTEMPTS, retrying


class Flaky:
    """An effect that fails so often, and notes each call."""

    def __init__(self, fault: Exception, times: int) -> None:
        """Fail that many times with that fault."""
        self.calls: list[tuple[int, str]] = []
        self._fault = fault
        self._times = times

    def act(self, number: int, *, text: str) -> str:
        self.calls.append((number, text))
        if len(self.calls) <= self._times:
            raise self._fault
        return f"{number} {text}"


@pytest.mark.parametrize("fault", [TransientEngineError("slipped"), TransientIndexError("503")])
def test_a_transient_fault_is_tried_again_with_the_same_arguments(fault: Exception) -> None:
    """Until it works; the value is that of the last call."""
    flaky = Flaky(fault, ATTEMPTS - 1)
    assert retrying(flaky.act, first_wait=0.001)(1, text="a") == "1 a"
    assert flaky.calls == [(1, "a")] * ATTEMPTS


def test_one_that_stays_is_raised_as_it_is() -> None:
    """After so many attempts, and no more."""
    fault = TransientIndexError("503")
    flaky = Flaky(fault, 99)
    with pytest.raises(TransientIndexError) as raised:
        retrying(flaky.act, attempts=3, first_wait=0.001)(1, text="a")
    assert raised.value is fault
    assert len(flaky.calls) == 3


@pytest.mark.parametrize("fault", [EngineError("refused"), PackageIndexError("404"), ValueError("ours")])
def test_what_another_try_cannot_mend_is_not_tried_again(fault: Exception) -> None:
    """Neither a refusal nor a fault of the program."""
    flaky = Flaky(fault, 99)
    with pytest.raises(type(fault)):
        retrying(flaky.act, first_wait=0.001)(1, text="a")
    assert len(flaky.calls) == 1


def test_a_stop_ends_the_waiting_at_once() -> None:
    """Nothing is tried again then."""
    stop = threading.Event()
    flaky = Flaky(TransientEngineError("slipped"), 99)
    failed = threading.Event()

    def act() -> None:
        failed.set()
        flaky.act(1, text="a")

    def ask() -> None:
        assert failed.wait(20)
        stop.set()

    asking = threading.Thread(target=ask)
    asking.start()
    begun = time.monotonic()
    with pytest.raises(TransientEngineError):
        retrying(act, stop=stop, attempts=99, first_wait=600, longest_wait=600)()
    asking.join()
    assert time.monotonic() - begun < 20
    assert len(flaky.calls) <= 2
