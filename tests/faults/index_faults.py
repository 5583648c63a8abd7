"""Campaign: build requirements are resolved at an index that answers a fifth of all requests wrongly."""

from __future__ import annotations

import time
from datetime import date
from random import Random
from typing import TYPE_CHECKING

from orchestrator.errors import WheelproofError
from orchestrator.model import Failure, Lock, Target
from orchestrator.requirements import lock
from tests.faults.faulty_index import DECOY, FaultyIndex
from tests.faults.harness import workspace
from tests.faults.report import OPEN, RIGHT, Trial
from tests.loopback_index import LoopbackIndex, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SHARE = 0.2
"""The share of requests that are answered wrongly."""

_RUN = 3  # resolutions that share one cache, as those of one run do
_LATEST = 60.0  # seconds of one resolution

# Each project has a version 1.0 as well, which nothing asks for: with a stale page there is no answer.
_PROJECTS: Mapping[str, tuple[str, ...]] = {
    "backend": ("helper>=2",),
    "plugin": ("tool>=2", "helper>=2"),
    "helper": (),
    "tool": (),
    DECOY: (),
}
_EXIST: tuple[tuple[str, ...], ...] = (
    ("backend>=2",),
    ("plugin==2.0",),
    ("helper>=2", "tool>=2"),
    ("backend>=2", "plugin>=2"),
    ("tool==2.0",),
)
_ABSENT: tuple[tuple[str, ...], ...] = (("backend>=3",), ("nowhere",), ("backend>=2", "nowhere"))


def index_faults(count: int, seed: int) -> Iterator[Trial]:
    """Resolve again and again: only what is absent may fail, and no lock may differ from the true one."""
    random = Random(seed)  # noqa: S311 - no secret
    with workspace() as place, LoopbackIndex(etags=False) as index, FaultyIndex(index.origin, seed, 0) as faulty:
        for project, requires in _PROJECTS.items():
            for version, needs in (("1.0", ()), ("2.0", requires)):
                index.publish(f"{project}-{version}-py3-none-any.whl", wheel(project, version, requires=needs))
        truth: dict[tuple[str, ...], Lock | Failure] = {
            asked: _resolved(asked, faulty.origin, place.folder / "truth") for asked in (*_EXIST, *_ABSENT)
        }
        _check(truth)
        faulty.share = SHARE
        for number in range(count):
            asked = random.choice(_EXIST * 2 + _ABSENT)
            yield _resolution(asked, truth[asked], faulty, place.folder / f"cache-{number // _RUN}")


def _resolved(requirements: tuple[str, ...], origin: str, cache: Path) -> Lock | Failure:
    """Resolve as a run does. The only place here that knows how the farm is built."""
    return lock(
        requirements,
        Target("3.11", "x86_64-manylinux_2_36"),
        index_url=f"{origin}/simple/",
        as_of=None,
        cache=cache,
        today=date(2024, 5, 2),
        read_timeout=1,
        retry_wait=0.01,
    )


def _check(truth: Mapping[tuple[str, ...], Lock | Failure]) -> None:
    """Raise a RuntimeError unless exactly what exists can be resolved without faults."""
    if wrong := [asked for asked, found in truth.items() if isinstance(found, Lock) != (asked in _EXIST)]:
        msg = f"resolving without faults: unexpected for {wrong}"
        raise RuntimeError(msg)


def _resolution(asked: tuple[str, ...], truth: Lock | Failure, index: FaultyIndex, cache: Path) -> Trial:
    before = index.met.copy()
    begun = time.monotonic()
    outcome = RIGHT
    wrong: tuple[str, ...] = ()
    try:
        found = _resolved(asked, index.origin, cache)
    except WheelproofError:
        outcome = OPEN
    else:
        wrong = _false(found, truth)
    seconds = time.monotonic() - begun
    if seconds > _LATEST:
        wrong += (f"no end after {_LATEST:g} s",)
    met = ", ".join((index.met - before).elements()) or "no fault"
    return Trial(f"{' and '.join(asked)}, meeting {met}", "wrong" if wrong else outcome, wrong, seconds)


def _false(found: Lock | Failure, truth: Lock | Failure) -> tuple[str, ...]:
    if isinstance(found, Failure):
        return () if isinstance(truth, Failure) else (f"a failure, though all of it exists: {found.detail}",)
    if isinstance(truth, Failure):
        return ("a lock, though there is nothing to lock",)
    return () if found == truth else (f"another lock than the true one: {found}",)
