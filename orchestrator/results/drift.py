"""Where a release's wheel is not what a former run built, and which of the inputs did it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.model import Lock
from orchestrator.results.summary import InputChange, changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from orchestrator.model import Result

_NO_INPUTS = frozenset({"variation", "limits"})
"""Of the second build, or of what a build may use: they do not touch the first build's bytes."""


@dataclass(frozen=True, slots=True)
class WheelDrift:
    """A release whose first build gives other bytes than it once gave, on one image."""

    earlier: Result  # the last that gave the other bytes
    later: Result  # the first that gave those of today
    changed: tuple[InputChange, ...]  # the inputs in which the two differ

    @property
    def was(self) -> str:
        """The hash of the wheel then."""
        return first_hash(self.earlier)

    @property
    def now(self) -> str:
        """The hash of the wheel since."""
        return first_hash(self.later)


@dataclass(frozen=True, slots=True)
class Swap:
    """The earlier result's build requirements with some of the later's; none: just as they were."""

    names: tuple[str, ...]
    lock: Lock


@dataclass(frozen=True, slots=True)
class Tried:
    """What a swap was seen to give; nothing where the build failed."""

    swap: Swap
    sha256: str


def first_hash(result: Result) -> str:
    """Return the hash of the first build's wheel; nothing where there is none."""
    return result.builds[0].wheel.sha256 if result.builds and result.builds[0].wheel else ""


def drifted(
    results: Iterable[Result], packages: Callable[[str], Mapping[str, str] | None] = lambda _manifest: None
) -> Iterator[WheelDrift]:
    """Yield the last drift of each release on each image; `packages` tells what an image's manifest held."""
    histories: dict[tuple[str, str, str], list[Result]] = {}
    for one in sorted(results, key=lambda one: one.finished):
        if first_hash(one):
            histories.setdefault((one.project, one.version, one.image.name), []).append(one)
    for history in histories.values():
        now = first_hash(history[-1])
        others = [number for number, one in enumerate(history) if first_hash(one) != now]
        if others:
            earlier, later = history[others[-1]], history[others[-1] + 1]
            yield WheelDrift(earlier, later, tuple(_detailed(earlier, later, packages)))


def _detailed(
    earlier: Result, later: Result, packages: Callable[[str], Mapping[str, str] | None]
) -> Iterator[InputChange]:
    for one in changes(earlier, later):
        if one.what in _NO_INPUTS:
            continue
        held, holds = packages(earlier.image.manifest), packages(later.image.manifest)
        if one.what != "image" or held is None or holds is None:
            yield one
            continue
        names = sorted(name for name in held.keys() | holds.keys() if held.get(name) != holds.get(name))
        if not names:  # the way in which it was made
            yield one
        yield from (InputChange("image", name, held.get(name), holds.get(name)) for name in names)


def swaps(drift: WheelDrift) -> tuple[Swap, ...]:
    """Return what is to be built to find the culprit: all as it was, and then one build requirement swapped each."""
    then = {pin.name: pin for pin in drift.earlier.build_requirements}
    since = {pin.name: pin for pin in drift.later.build_requirements}
    names = [one.name for one in drift.changed if one.what == "build-requirement" and one.name in {**then, **since}]
    as_it_was = Lock(drift.earlier.build_requirements)
    found = [Swap((), as_it_was)]
    for name in names:
        pins = {
            **{key: pin for key, pin in then.items() if key != name},
            **({name: since[name]} if name in since else {}),
        }
        found.append(Swap((name,), replace(as_it_was, pins=tuple(sorted(pins.values(), key=lambda pin: pin.name)))))
    return tuple(found)


def culprit(drift: WheelDrift, tried: Iterable[Tried] = ()) -> str:
    """Name what did it: proven by what was tried, or else what the records of the two runs leave to suspect."""
    seen = {one.swap.names: one.sha256 for one in tried if one.sha256}  # a build that failed proves nothing
    if () in seen and seen[()] != drift.was:
        guilty = [_told(one) for one in drift.changed if one.what != "build-requirement"]
        return f"proven: not the build requirements, but {_either(guilty) or 'the farm itself'}"
    by_name = {one.name: _told(one) for one in drift.changed if one.what == "build-requirement"}
    guilty = [by_name[names[0]] for names, sha256 in seen.items() if names and sha256 != drift.was]
    if guilty:
        return f"proven: {' and '.join(guilty)}"
    if len(seen) > 1 and len(seen) == len(by_name) + 1:
        return (
            f"proven: no build requirement alone; {_either([_told(one) for one in drift.changed])}, or several of them"
        )
    if not drift.changed:
        if drift.earlier.wheelproof != drift.later.wheelproof:
            return f"the farm: wheelproof {drift.earlier.wheelproof}, now {drift.later.wheelproof}"
        return "none of the inputs: the same inputs give one answer now and another then"
    return _either([_told(one) for one in drift.changed])


def _either(several: list[str]) -> str:
    return several[0] if len(several) == 1 else f"one of {len(several)}: {'; '.join(several)}" if several else ""


def _told(change: InputChange) -> str:
    what = {"build-requirement": "", "image": "the image's "}.get(change.what, f"{change.what} ")
    return f"{what}{change.name} {change.earlier or 'absent'}, now {change.later or 'absent'}".replace("  ", " ")
