"""Find releases whose wheel differs from the wheel of an earlier run, and the input that changed it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.model import Lock
from orchestrator.results.history import AS_OF, REQUIREMENT, InputChange, changes, first_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from orchestrator.model import Result

_NO_INPUTS = frozenset({"variation", "limits"})
"""Inputs that cannot change the first build's bytes: those of the second build, and limits."""


@dataclass(frozen=True, slots=True)
class WheelDrift:
    """A release whose first build now gives other bytes than in an earlier run, on the same image."""

    earlier: Result  # the last result with the earlier bytes
    later: Result  # the first result with today's bytes
    changed: tuple[InputChange, ...]  # the inputs in which the two differ

    @property
    def was(self) -> str:
        """The SHA-256 of the earlier wheel."""
        return first_hash(self.earlier)

    @property
    def now(self) -> str:
        """The SHA-256 of the later wheel."""
        return first_hash(self.later)


@dataclass(frozen=True, slots=True)
class Swap:
    """The earlier result's build requirements, with the pins of `names` taken from the later result."""

    names: tuple[str, ...]
    lock: Lock


@dataclass(frozen=True, slots=True)
class Tried:
    """The SHA-256 of the wheel that a swap builds; empty if the build failed."""

    swap: Swap
    sha256: str


def drifted(
    results: Iterable[Result], packages: Callable[[str], Mapping[str, str] | None] = lambda _manifest: None
) -> Iterator[WheelDrift]:
    """Yield the last drift of each release on each image.

    `packages` maps an image's manifest to the versions of its packages, or returns None if it is unknown.
    """
    histories: dict[tuple[str, str, str], list[Result]] = {}
    for result in sorted(results, key=lambda result: result.finished):
        if first_hash(result):
            histories.setdefault((result.project, result.version, result.image.name), []).append(result)
    for history in histories.values():
        now = first_hash(history[-1])
        others = [number for number, result in enumerate(history) if first_hash(result) != now]
        if others:
            yield drift_of(history[others[-1]], history[others[-1] + 1], packages)


def drift_of(earlier: Result, later: Result, packages: Callable[[str], Mapping[str, str] | None]) -> WheelDrift:
    """Return the drift between two results with different bytes; `packages` is as for `drifted`."""
    return WheelDrift(earlier, later, tuple(_detailed(earlier, later, packages)))


def _detailed(
    earlier: Result, later: Result, packages: Callable[[str], Mapping[str, str] | None]
) -> Iterator[InputChange]:
    for change in changes(earlier, later):
        if change.what in _NO_INPUTS:
            continue
        before, after = packages(earlier.image.manifest), packages(later.image.manifest)
        if change.what != "image" or before is None or after is None:
            yield change
            continue
        names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        if not names:  # same packages: the image was built differently
            yield change
        yield from (InputChange("image", name, before.get(name), after.get(name)) for name in names)


def swaps(drift: WheelDrift) -> tuple[Swap, ...]:
    """Return the locks to build to find the cause: the earlier lock, then one swapped build requirement each."""
    known = {pin.name for one in (drift.earlier, drift.later) for pin in one.build_requirements}
    names = [change.name for change in drift.changed if change.what == REQUIREMENT and change.name in known]
    return tuple(swapped(drift.earlier, drift.later, several) for several in ((), *((name,) for name in names)))


def swapped(earlier: Result, later: Result, names: tuple[str, ...]) -> Swap:
    """Return the lock of the earlier result, with the pins of `names` as the later one has them, or lacks them."""
    kept = [pin for pin in earlier.build_requirements if pin.name not in names]
    taken = [pin for pin in later.build_requirements if pin.name in names]
    return Swap(names, Lock(tuple(sorted((*kept, *taken), key=lambda pin: pin.name))))


def culprit(drift: WheelDrift, tried: Iterable[Tried] = ()) -> str:
    """Name the cause: proven by the attempts in `tried`, or suspected from the records of the two runs."""
    seen = {
        attempt.swap.names: attempt.sha256 for attempt in tried if attempt.sha256
    }  # a build that failed proves nothing
    if () in seen and seen[()] != drift.was:
        guilty = [_described(change) for change in drift.changed if change.what not in {REQUIREMENT, AS_OF}]
        return f"proven: not the build requirements, but {_either(guilty) or 'the farm itself'}"
    by_name = {change.name: _described(change) for change in drift.changed if change.what == REQUIREMENT}
    guilty = [by_name[names[0]] for names, sha256 in seen.items() if names and sha256 != drift.was]
    if guilty:
        return f"proven: {' and '.join(guilty)}{_by_moment(drift.changed)}"
    if len(seen) > 1 and len(seen) == len(by_name) + 1:
        suspects = _either(_suspects(drift.changed))
        return f"proven: no build requirement alone; {suspects}, or several of them"
    return suspected(drift.changed, drift.earlier.wheelproof, drift.later.wheelproof)


def suspected(changed: tuple[InputChange, ...], earlier: str, later: str) -> str:
    """Name the inputs that may be the cause, by the records alone; `earlier` and `later` are versions of wheelproof."""
    if not changed:
        if earlier != later:
            return f"the farm: wheelproof {earlier}, now {later}"
        return "none of the inputs: the same inputs give one answer now and another then"
    return _either(_suspects(changed))


def _suspects(changed: tuple[InputChange, ...]) -> list[str]:
    """Describe what may be the cause; another moment of the index is one together with what it changed."""
    moment = [_described(change) for change in changed if change.what == AS_OF]
    requirements = [_described(change) for change in changed if change.what == REQUIREMENT]
    if moment and requirements:
        requirements = [f"{moment[0]} ({'; '.join(requirements)})"]
    others = [_described(change) for change in changed if change.what not in {REQUIREMENT, AS_OF}]
    return [*(requirements or moment), *others]


def _by_moment(changed: tuple[InputChange, ...]) -> str:
    return "".join(f" ({_described(change)})" for change in changed if change.what == AS_OF)


def _either(several: list[str]) -> str:
    return several[0] if len(several) == 1 else f"one of {len(several)}: {'; '.join(several)}" if several else ""


def _described(change: InputChange) -> str:
    what = {REQUIREMENT: "", "image": "the image's "}.get(change.what, f"{change.what} ")
    return f"{what}{change.name} {change.earlier or 'absent'}, now {change.later or 'absent'}".replace("  ", " ")
