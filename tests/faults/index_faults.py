"""Campaign: build requirements are resolved at an index that answers a fifth of all requests wrongly."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING

from orchestrator.config import Config
from orchestrator.errors import WheelproofError
from orchestrator.farm.assemble import locking
from orchestrator.model import Failure, Lock, Target
from orchestrator.sources.index import Index
from tests.faults.faulty_index import DECOY, FaultyIndex
from tests.faults.harness import workspace
from tests.faults.report import OPEN, RIGHT, Trial
from tests.loopback_index import LoopbackIndex, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    Resolve = Callable[[tuple[str, ...]], Lock | Failure]

SHARE = 0.2
"""The share of requests that are answered wrongly."""

_RUN = 3  # resolutions of one run, which remembers what cannot be met
_RUNS = 2  # that share one cache
_LATEST = 60.0  # seconds of one resolution
_PATIENCE = 1  # seconds without a byte
_WAIT = 0.01  # seconds before a second try

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
        resolve = _run(faulty.origin, place.folder / "truth")
        truth = {asked: resolve(asked) for asked in (*_EXIST, *_ABSENT)}
        _check(truth)
        faulty.share = SHARE
        for number in range(count):
            if number % _RUN == 0:
                resolve = _run(faulty.origin, place.folder / f"cache-{number // _RUN // _RUNS}")
                unasked = random.sample((*_EXIST, *_ABSENT), _RUN)  # a run asks but once for a set
            asked = unasked.pop()
            yield _resolution(asked, truth[asked], faulty, resolve)


def _run(origin: str, cache: Path) -> Resolve:
    """Begin a run: it resolves with the farm's own function. The only place here that knows how the farm is built.

    No wait is kept. The faults last for one answer, however long that is ago, so waiting would not avoid any.
    """
    url = f"{origin}/simple/"
    index = Index(url, cache, timeout=_PATIENCE, retry_wait=_WAIT, sleep=_at_once)
    resolve = locking(Config(index=url, cache=cache), index)

    def resolved(requirements: tuple[str, ...]) -> Lock | Failure:
        found: Lock | Failure = resolve(
            requirements,
            Target("3.11", "x86_64-manylinux_2_36"),
            read_timeout=_PATIENCE,
            retry_wait=_WAIT,
            sleep=_at_once,
        )
        return found

    return resolved


def _at_once(_seconds: float) -> None:
    """Keep no wait."""


def _check(truth: Mapping[tuple[str, ...], Lock | Failure]) -> None:
    """Raise a RuntimeError unless exactly what exists can be resolved without faults."""
    if wrong := [asked for asked, found in truth.items() if isinstance(found, Lock) != (asked in _EXIST)]:
        msg = f"resolving without faults: unexpected for {wrong}"
        raise RuntimeError(msg)


def _resolution(asked: tuple[str, ...], truth: Lock | Failure, index: FaultyIndex, resolve: Resolve) -> Trial:
    before = index.met.copy()
    begun = time.monotonic()
    outcome = RIGHT
    wrong: tuple[str, ...] = ()
    try:
        found = resolve(asked)
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
        if not isinstance(truth, Failure):
            return (f"a failure, though all of it exists: {found.detail}",)
        return () if found == truth else (f"a failure for another reason than the true one: {found.detail}",)
    if isinstance(truth, Failure):
        return ("a lock, though there is nothing to lock",)
    return () if found == truth else (f"another lock than the true one: {found}",)
