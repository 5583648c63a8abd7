"""The one retry policy: transient faults are tried again, with growing waits, up to a number of attempts.

It imports tenacity with the first fault: most runs have none, and need not wait for the import.
"""

from __future__ import annotations

import threading
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from orchestrator.errors import TransientEngineError, TransientIndexError
from orchestrator.util import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    import tenacity

ATTEMPTS = 5

_P = ParamSpec("_P")
_T = TypeVar("_T")
_TRANSIENT = (TransientEngineError, TransientIndexError)


def retrying(
    act: Callable[_P, _T],
    *,
    stop: threading.Event | None = None,
    attempts: int = ATTEMPTS,
    first_wait: float = 0.5,
    longest_wait: float = 20,
    sleep: Callable[[float], None] | None = None,
) -> Callable[_P, _T]:
    """Wrap an effect so that transient faults of index and engine are tried again.

    When `stop` is set, waits end and nothing is tried again. The waits double
    from `first_wait` to `longest_wait` seconds, with jitter; if an index asked for a longer wait, that wait
    is used. When the last attempt fails, its error is raised.
    """
    stop = stop or threading.Event()

    @wraps(act)
    def call(*arguments: _P.args, **named: _P.kwargs) -> _T:
        faults: list[Exception] = []
        try:
            return act(*arguments, **named)
        except _TRANSIENT as fault:
            faults.append(fault)

        def attempt() -> _T:
            if faults:  # the first attempt was made
                raise faults.pop()
            return act(*arguments, **named)

        return _policy(stop, attempts, first_wait, longest_wait, sleep)(attempt)

    return call


def _policy(
    stop: threading.Event,
    attempts: int,
    first_wait: float,
    longest_wait: float,
    sleep: Callable[[float], None] | None,
) -> tenacity.Retrying:
    import tenacity  # noqa: PLC0415 - see above

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_TRANSIENT),
        stop=tenacity.stop_after_attempt(attempts) | tenacity.stop_when_event_set(stop),
        sleep=sleep or tenacity.sleep_using_event(stop),
        wait=_longer(tenacity.wait_random_exponential(multiplier=first_wait, max=longest_wait)),
        before_sleep=_log,
        reraise=True,
    )


def _longer(usual: Callable[[tenacity.RetryCallState], float]) -> Callable[[tenacity.RetryCallState], float]:
    """Return a wait that is as long as usual, or as the fault asks if that is longer."""

    def wait(state: tenacity.RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        return max(usual(state), getattr(fault, "retry_after", 0.0))

    return wait


def _log(state: tenacity.RetryCallState) -> None:
    fault = state.outcome.exception() if state.outcome else None
    logs.warning("trying again", attempt=state.attempt_number, fault=str(fault))
