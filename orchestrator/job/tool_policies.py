"""Where a build's tools come from: each policy is another answer to what `lock` asks.

`index` locks wheels of the index. `debian` gives what the image has, and nothing else. `pinned`
gives all of a file: wheels of the index where they bear the file's hashes, and otherwise wheels
that are built here from the sdists of the pinned versions, each with those of the others that it
requires. `source` resolves as `index` does, and then builds every wheel of the lock from its sdist
in the same manner. Tools are built twice; what is required comes before what requires it; where
tools require each other, the index's wheel stands in for the one that is under way, and is named.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from packaging.utils import canonicalize_name

from orchestrator.build_requirements.markers import needed, unmet
from orchestrator.build_requirements.resolve import best
from orchestrator.job import build_pair, inputs
from orchestrator.model import (
    BUILT_HERE,
    DETAIL,
    BuildTools,
    Failure,
    Frontend,
    Lock,
    Phase,
    Pin,
    Policy,
    Reason,
    Tool,
    digest,
)
from orchestrator.model.names import BadNameError, wheel_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from orchestrator.job.inputs import Effects
    from orchestrator.model import Image, OfferedWheel, Provided, Release, Target, Task, ToolPin, WheelFile
    from orchestrator.model.names import WheelName

    Locking = Callable[[Sequence[str], Target], Lock | Failure]

_LAYOUT = 1  # of what is remembered of a tool

TOOLS_HOLD = ("build-path", "umask")
"""What does not vary while tools are built: debug information and the modes in an archive, which no build sees."""


class Bench(Protocol):
    """What building tools asks of the world, besides what any job does."""

    def release(self, name: str, version: str) -> Release: ...  # noqa: D102 - of the index
    def keep(self, wheel: WheelFile, name: WheelName) -> Path: ...  # noqa: D102 - what was built, where builds find it
    def kept(self, sha256: str, name: WheelName) -> Path | None: ...  # noqa: D102 - the same, if it is still there
    def requires(self, wheel: Path | OfferedWheel) -> tuple[str, ...]: ...  # noqa: D102 - its Requires-Dist
    def provided(self) -> tuple[Provided, ...]: ...  # noqa: D102 - by the image
    def turn(self, key: str) -> AbstractContextManager[None]: ...  # noqa: D102 - one thread at a time


@dataclass(frozen=True, slots=True)
class Made:
    """A tool that is there to be used."""

    pin: Pin
    requires: tuple[str, ...] = ()  # when it is used
    tools: tuple[Tool, ...] = ()  # what was built for it, itself last
    stands_in: bool = False  # the index's wheel, for one that is under way


def by_policy(task: Task, image: Image, effects: Effects, bench: Bench) -> Effects:
    """Return the effects of a job whose build tools come from where its task says.

    What a policy cannot give is a Failure, whose detail names it. Whatever the effects and the
    bench raise is passed on.
    """
    shop = _Shop(task, image, effects, bench)
    policies: Mapping[Policy, Locking] = {
        Policy.INDEX: effects.lock,
        Policy.DEBIAN: shop.from_debian,
        Policy.PINNED: shop.from_pins,
        Policy.SOURCE: shop.from_source,
    }
    lock = policies[task.tools.policy]
    if task.tools.frontend is Frontend.PIP:
        return replace(effects, lock=lambda wanted, target: lock((*wanted, "pip"), target))
    return replace(effects, lock=lock)


class _Shop:
    """Makes the tools of one job; nothing in it is shared with others but what the bench shares."""

    def __init__(self, task: Task, image: Image, effects: Effects, bench: Bench) -> None:
        hold = tuple(sorted({*task.hold, *(one for one in TOOLS_HOLD if one not in task.remove)}))
        self._task = replace(task, hold=hold, tools=BuildTools(), config_settings=())
        self._wanted = task.tools
        self._pins = {pin.name: pin for pin in task.tools.pins}
        self._image = image
        self._effects = effects
        self._bench = bench
        self._made: dict[tuple[str, str], Made | Failure] = {}

    # --- debian ------------------------------------------------------------------------------

    def from_debian(self, wanted: Sequence[str], target: Target) -> Lock | Failure:
        """Give what the image has, if that is enough."""
        provided = self._bench.provided()
        missing = unmet(wanted, {one.name: one.version for one in provided}, target)
        if missing:
            return _missing(f"the image {self._image.name} has from Debian no {_listed(missing)}")
        return Lock(provided=provided)

    # --- pinned ------------------------------------------------------------------------------

    def from_pins(self, wanted: Sequence[str], target: Target) -> Lock | Failure:
        """Give all that is pinned, if that is enough.

        Whoever pins his tools builds them without isolation, and so with all of them: what they
        were bootstrapped to by what each requires is what they are all built with once more.
        """
        if (failure := self._enough(wanted, target)) is not None:
            return failure
        bootstrapped = self._all_of([self._pinned(name, target, ()) for name in self._pins])
        if isinstance(bootstrapped, Failure):
            return bootstrapped
        bootstrapped = replace(bootstrapped, tools=tuple(replace(one, bootstrap=True) for one in bootstrapped.tools))
        return self._all_of([self._settled(pin, bootstrapped) for pin in bootstrapped.pins])

    def _settled(self, pin: Pin, bootstrapped: Lock) -> Made | Failure:
        """Build a pinned tool with all of them; one of the index is what it is."""
        if not pin.built_here:
            return Made(pin)
        key = (pin.name, "")  # the version that it is pinned to
        if key not in self._made:
            self._made[key] = self._with_all(pin, bootstrapped)
        return self._made[key]

    def _with_all(self, pin: Pin, bootstrapped: Lock) -> Made | Failure:
        hashes = self._pins[pin.name].hashes
        release = self._bench.release(pin.name, pin.version)
        expected = () if release.sdist is None or release.sdist.sha256 in hashes else hashes
        made = self._built(release, lambda wanted, target: self._enough(wanted, target) or bootstrapped, expected)
        if isinstance(made, Made) and self._wanted.strict and not made.tools[-1].as_expected:
            return _missing(
                f"{pin.name} {pin.version}, built from its sdist, has sha256 {made.pin.sha256}, and "
                f"{self._wanted.file} says {', '.join(hashes)}"
            )
        return made

    def _enough(self, wanted: Sequence[str], target: Target) -> Failure | None:
        missing = unmet(wanted, {pin.name: pin.version for pin in self._pins.values()}, target)
        return _missing(f"{self._wanted.file} pins no {_listed(missing)}") if missing else None

    def _some_of_pins(self, wanted: Sequence[str], target: Target, under_way: tuple[str, ...]) -> Lock | Failure:
        """Give just those pinned tools that are required, and what they require themselves, as far as it is pinned."""
        if (failure := self._enough(wanted, target)) is not None:
            return failure
        found: dict[str, Made] = {}
        open_ = list(wanted)
        while open_:
            names = {canonicalize_name(one.name) for one in needed(open_, target)}
            open_ = []
            for name in sorted(name for name in names if name in self._pins and name not in found):
                made = self._pinned(name, target, under_way)
                if isinstance(made, Failure):
                    return made
                found[name] = made
                open_.extend(made.requires)
        return self._all_of(found.values())

    def _pinned(self, name: str, target: Target, under_way: tuple[str, ...]) -> Made | Failure:
        pin = self._pins[name]
        if (known := self._made.get((name, pin.version))) is not None:
            return known
        if name in under_way:
            return self._stand_in(name, pin.version, target)
        release = self._bench.release(name, pin.version)
        made = self._of_index(pin, release, target) or self._built(
            release, lambda wanted, target: self._some_of_pins(wanted, target, (*under_way, name))
        )
        self._made[name, pin.version] = made
        return made

    def _of_index(self, pin: ToolPin, release: Release, target: Target) -> Made | None:
        """Return the published wheel that bears one of a pin's hashes, if it is for the image."""
        offered = {one.filename: one for one in release.wheels if one.sha256 in pin.hashes}
        found = best(
            [Pin(pin.name, pin.version, one.sha256, one.filename, one.url) for one in offered.values()], target
        )
        return Made(found, self._bench.requires(offered[found.filename])) if found else None

    # --- source ------------------------------------------------------------------------------

    def from_source(self, wanted: Sequence[str], target: Target) -> Lock | Failure:
        """Give what the index would, each built from its sdist."""
        return self._sources(wanted, target, ())

    def _sources(self, wanted: Sequence[str], target: Target, under_way: tuple[str, ...]) -> Lock | Failure:
        lock = self._effects.lock(wanted, target)
        if isinstance(lock, Failure):
            return lock
        found: list[Made | Failure] = []
        for pin in lock.pins:
            found.append(self._from_sdist(pin, under_way))
            if isinstance(found[-1], Failure):
                break
        return self._all_of(found)

    def _from_sdist(self, pin: Pin, under_way: tuple[str, ...]) -> Made | Failure:
        key = (pin.name, pin.version)
        if key in self._made:
            return self._made[key]
        if pin.name in under_way:
            return Made(pin, stands_in=True)
        release = self._bench.release(*key)
        made = self._built(release, lambda wanted, target: self._sources(wanted, target, (*under_way, pin.name)))
        if isinstance(made, Made) and not made.tools[-1].reproducible:
            other = made.tools[-1].second or "nothing, as it failed"
            made = _missing(
                f"{pin.name} {pin.version} gave two answers when it was built from its sdist: "
                f"{made.pin.sha256} and {other}"
            )
        # What was built with a stand-in is not what it is once the other is there.
        if not (isinstance(made, Made) and made.tools[-1].from_index and under_way):
            self._made[key] = made
        return made

    # --- both --------------------------------------------------------------------------------

    def _stand_in(self, name: str, version: str, target: Target) -> Made | Failure:
        lock = self._effects.lock([f"{name}=={version}"], target)
        if isinstance(lock, Failure):
            return lock
        return next(Made(pin, stands_in=True) for pin in lock.pins if pin.name == name)

    def _all_of(self, made: Iterable[Made | Failure]) -> Lock | Failure:
        """Put tools together; the first that could not be made tells why."""
        found = list(made)
        for one in found:
            if isinstance(one, Failure):
                return one
        there = [one for one in found if isinstance(one, Made)]
        tools = dict.fromkeys(tool for one in there for tool in one.tools)
        pins = tuple(sorted((one.pin for one in there), key=lambda pin: pin.name))
        stand_ins = tuple(f"{one.pin.name}=={one.pin.version}" for one in there if one.stands_in)
        return Lock(pins, tools=tuple(tools), stand_ins=stand_ins)

    def _built(self, release: Release, lock: Locking, expected: tuple[str, ...] = ()) -> Made | Failure:
        """Build a tool from its sdist, twice, or find it built before from the same inputs."""
        what = f"{release.project} {release.version}"
        if release.sdist is None:
            return _missing(f"{what} has no sdist on the index from which it could be built")
        effects = replace(self._effects, lock=lock)
        settled = inputs.settle(release, self._image, effects)
        if isinstance(settled, Failure):
            return _missing(f"{what} cannot be built from its sdist: {settled.detail}")
        with self._bench.turn(self._key(release, settled.lock)):
            tool = self._remembered(release, settled.lock)
            if tool is None:
                built = build_pair.build_twice(self._task, release, self._image, settled, effects)
                if isinstance(built, Failure):
                    return _missing(f"{what} cannot be built from its sdist: {built.detail}")
                settled, first, second = built
                if first.build.wheel is None:
                    failure = first.build.failure
                    why = f"{failure.reason}: {failure.detail}" if failure else "it gave no wheel"
                    return _missing(f"{what} cannot be built from its sdist: {why}")
                try:
                    name = wheel_of(first.build.wheel.filename, release.project, release.version)
                except BadNameError as error:
                    return _missing(f"{what} cannot be built from its sdist: {error}")
                self._bench.keep(first.build.wheel, name)
                other = second.build.wheel.sha256 if second.build.wheel else ""
                tool = _tool(release, settled.lock, first.build.wheel, other)
                self._effects.remember(self._key(release, settled.lock), (json.dumps(asdict(tool)),))
        tool = replace(tool, expected=expected)
        path = self._bench.kept(tool.sha256, wheel_of(tool.filename, release.project, release.version))
        return Made(_pin(tool), self._bench.requires(path) if path else (), (*settled.lock.tools, tool))

    def _key(self, release: Release, lock: Lock) -> str:
        """Name all that decides what a tool's build gives."""
        assert release.sdist is not None  # noqa: S101 - the caller has looked
        task = self._task
        decided = (task.source_date_epoch, task.hold, task.remove, task.profile, task.limits)
        return digest(("tool", _LAYOUT, release.sdist.sha256, lock.digest, self._image.manifest, decided))

    def _remembered(self, release: Release, lock: Lock) -> Tool | None:
        told = self._effects.recall(self._key(release, lock))
        if told is None:
            return None
        try:
            content = json.loads(told[0])
            fields: dict[str, Any] = {
                name: tuple(one) if isinstance(one, list) else one for name, one in content.items()
            }
            tool = Tool(**fields)
            kept = self._bench.kept(tool.sha256, wheel_of(tool.filename, release.project, release.version))
        except (ValueError, TypeError, LookupError, AttributeError):
            return None
        return tool if kept else None


def _tool(release: Release, lock: Lock, wheel: WheelFile, second: str) -> Tool:
    assert release.sdist is not None  # noqa: S101 - it was built from it
    return Tool(
        name=release.project,
        version=release.version,
        sdist=release.sdist.sha256,
        filename=wheel.filename,
        sha256=wheel.sha256,
        second=second,
        requires=tuple(f"{pin.name}=={pin.version}" for pin in lock.pins),
        from_index=lock.stand_ins,
    )


def _pin(tool: Tool) -> Pin:
    return Pin(tool.name, tool.version, tool.sha256, tool.filename, BUILT_HERE)


def _listed(missing: Iterable[str]) -> str:
    return " and no ".join(missing)


def _missing(detail: str) -> Failure:
    return Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, detail[:DETAIL])
