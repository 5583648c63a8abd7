"""Where a build's tools come from: each policy is another answer to what `lock` asks.

`index` locks wheels of the index. `debian` provides the image's own distributions and nothing else.
`pinned` provides all tools of a file: the index's wheels that have one of the file's hashes, and
for the rest wheels built here from the sdists of the pinned versions, each with those of the other
tools that it requires. `source` resolves as `index` does, and then builds every wheel of the lock
from its sdist in the same way. Each tool is built twice, after all that it requires. Where tools
require each other, the index's wheel is used in place of the one being built, and is named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

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

_LAYOUT = 1  # of what is remembered about a tool

TOOLS_HOLD = ("build-path", "umask")
"""Variations that are held while tools are built: no build sees debug information or the modes in an archive."""


class Bench(Protocol):
    """The effects of building tools, besides those of any job."""

    def release(self, name: str, version: str) -> Release: ...  # noqa: D102 - of the index
    def keep(self, wheel: WheelFile, name: WheelName) -> Path: ...  # noqa: D102 - a wheel, where builds look for it
    def kept(self, sha256: str, name: WheelName) -> Path | None: ...  # noqa: D102 - that wheel, if it is still there
    def requires(self, wheel: Path | OfferedWheel) -> tuple[str, ...]: ...  # noqa: D102 - its Requires-Dist
    def provided(self) -> tuple[Provided, ...]: ...  # noqa: D102 - by the image
    def recall_tool(self, key: str) -> Tool | None: ...  # noqa: D102 - built earlier from the same inputs
    def remember_tool(self, key: str, tool: Tool) -> None: ...  # noqa: D102
    def turn(self, key: str) -> AbstractContextManager[None]: ...  # noqa: D102 - one thread at a time


@dataclass(frozen=True, slots=True)
class UsableTool:
    """A tool that builds can use."""

    pin: Pin
    requires: tuple[str, ...] = ()  # when it is used
    tools: tuple[Tool, ...] = ()  # all that were built for it, itself last
    stands_in: bool = False  # the index's wheel, in place of a tool that is being built


def by_policy(task: Task, image: Image, effects: Effects, bench: Bench) -> Effects:
    """Return the effects of a job whose build tools come from where its task's policy takes them.

    What a policy cannot provide is a Failure whose detail names it. Exceptions of the effects and of
    the bench are passed on.
    """
    source = _ToolSource(task, image, effects, bench)
    policies: Mapping[Policy, Locking] = {
        Policy.INDEX: effects.lock,
        Policy.DEBIAN: source.from_debian,
        Policy.PINNED: source.from_pins,
        Policy.SOURCE: source.from_source,
    }
    lock = policies[task.tools.policy]
    if task.tools.frontend is Frontend.PIP:
        return replace(effects, lock=lambda wanted, target: lock((*wanted, "pip"), target))
    return replace(effects, lock=lock)


class _ToolSource:
    """Provides the tools of one job; it shares nothing with other jobs but the bench."""

    def __init__(self, task: Task, image: Image, effects: Effects, bench: Bench) -> None:
        hold = tuple(sorted({*task.hold, *(name for name in TOOLS_HOLD if name not in task.remove)}))
        self._task = replace(task, hold=hold, tools=BuildTools(), config_settings=(), spread=False)
        self._wanted = task.tools
        self._pins = {pin.name: pin for pin in task.tools.pins}
        self._image = image
        self._effects = effects
        self._bench = bench
        self._usable: dict[tuple[str, str], UsableTool | Failure] = {}

    # --- debian ------------------------------------------------------------------------------

    def from_debian(self, wanted: Sequence[str], target: Target) -> Lock | Failure:
        """Provide the image's distributions, if they are enough."""
        provided = self._bench.provided()
        missing = unmet(wanted, {distribution.name: distribution.version for distribution in provided}, target)
        if missing:
            return _missing(f"the image {self._image.name} has from Debian no {_listed(missing)}")
        return Lock(provided=provided)

    # --- pinned ------------------------------------------------------------------------------

    def from_pins(self, wanted: Sequence[str], target: Target) -> Lock | Failure:
        """Provide all pinned tools, if they are enough.

        An owner who pins tools builds them without isolation, and so with all of them. Each tool is
        therefore bootstrapped with what it requires, and then built again with all bootstrapped tools.
        """
        if (failure := self._enough(wanted, target)) is not None:
            return failure
        bootstrapped = self._all_of([self._pinned(name, target, ()) for name in self._pins])
        if isinstance(bootstrapped, Failure):
            return bootstrapped
        bootstrapped = replace(bootstrapped, tools=tuple(replace(tool, bootstrap=True) for tool in bootstrapped.tools))
        return self._all_of([self._settled(pin, bootstrapped) for pin in bootstrapped.pins])

    def _settled(self, pin: Pin, bootstrapped: Lock) -> UsableTool | Failure:
        """Build a pinned tool with all of them; a wheel of the index is used as it is."""
        if not pin.built_here:
            return UsableTool(pin)
        key = (pin.name, "")  # the version that it is pinned to
        if key not in self._usable:
            self._usable[key] = self._with_all(pin, bootstrapped)
        return self._usable[key]

    def _with_all(self, pin: Pin, bootstrapped: Lock) -> UsableTool | Failure:
        hashes = self._pins[pin.name].hashes
        release = self._bench.release(pin.name, pin.version)
        expected = () if release.sdist is None or release.sdist.sha256 in hashes else hashes
        usable = self._built(release, lambda wanted, target: self._enough(wanted, target) or bootstrapped, expected)
        if isinstance(usable, UsableTool) and self._wanted.strict and not usable.tools[-1].as_expected:
            return _missing(
                f"{pin.name} {pin.version}, built from its sdist, has sha256 {usable.pin.sha256}, and "
                f"{self._wanted.file} says {', '.join(hashes)}"
            )
        return usable

    def _enough(self, wanted: Sequence[str], target: Target) -> Failure | None:
        missing = unmet(wanted, {pin.name: pin.version for pin in self._pins.values()}, target)
        return _missing(f"{self._wanted.file} pins no {_listed(missing)}") if missing else None

    def _some_of_pins(self, wanted: Sequence[str], target: Target, under_way: tuple[str, ...]) -> Lock | Failure:
        """Provide the required pinned tools and, as far as they are pinned, what these require themselves."""
        if (failure := self._enough(wanted, target)) is not None:
            return failure
        usable: dict[str, UsableTool] = {}
        open_ = list(wanted)
        while open_:
            names = {canonicalize_name(requirement.name) for requirement in needed(open_, target)}
            open_ = []
            for name in sorted(name for name in names if name in self._pins and name not in usable):
                tool = self._pinned(name, target, under_way)
                if isinstance(tool, Failure):
                    return tool
                usable[name] = tool
                open_.extend(tool.requires)
        return self._all_of(usable.values())

    def _pinned(self, name: str, target: Target, under_way: tuple[str, ...]) -> UsableTool | Failure:
        pin = self._pins[name]
        if (known := self._usable.get((name, pin.version))) is not None:
            return known
        if name in under_way:
            return self._stand_in(name, pin.version, target)
        release = self._bench.release(name, pin.version)
        tool = self._of_index(pin, release, target) or self._built(
            release, lambda wanted, target: self._some_of_pins(wanted, target, (*under_way, name))
        )
        self._usable[name, pin.version] = tool
        return tool

    def _of_index(self, pin: ToolPin, release: Release, target: Target) -> UsableTool | None:
        """Return the published wheel that has one of a pin's hashes, if it fits the image."""
        offered = {wheel.filename: wheel for wheel in release.wheels if wheel.sha256 in pin.hashes}
        wheels = offered.values()
        chosen = best([Pin(pin.name, pin.version, wheel.sha256, wheel.filename, wheel.url) for wheel in wheels], target)
        return UsableTool(chosen, self._bench.requires(offered[chosen.filename])) if chosen else None

    # --- source ------------------------------------------------------------------------------

    def from_source(self, wanted: Sequence[str], target: Target) -> Lock | Failure:
        """Provide what the index would, each tool built from its sdist."""
        return self._sources(wanted, target, ())

    def _sources(self, wanted: Sequence[str], target: Target, under_way: tuple[str, ...]) -> Lock | Failure:
        lock = self._effects.lock(wanted, target)
        if isinstance(lock, Failure):
            return lock
        tools: list[UsableTool | Failure] = []
        for pin in lock.pins:
            tools.append(self._from_sdist(pin, under_way))
            if isinstance(tools[-1], Failure):
                break
        return self._all_of(tools)

    def _from_sdist(self, pin: Pin, under_way: tuple[str, ...]) -> UsableTool | Failure:
        key = (pin.name, pin.version)
        if key in self._usable:
            return self._usable[key]
        if pin.name in under_way:
            return UsableTool(pin, stands_in=True)
        release = self._bench.release(*key)
        usable = self._built(release, lambda wanted, target: self._sources(wanted, target, (*under_way, pin.name)))
        if isinstance(usable, UsableTool) and not usable.tools[-1].reproducible:
            other = usable.tools[-1].second or "nothing, as it failed"
            usable = _missing(
                f"{pin.name} {pin.version} gave two answers when it was built from its sdist: "
                f"{usable.pin.sha256} and {other}"
            )
        # A tool built with the index's wheel of another tool may differ from the one built with our wheel.
        if not (isinstance(usable, UsableTool) and usable.tools[-1].from_index and under_way):
            self._usable[key] = usable
        return usable

    # --- both --------------------------------------------------------------------------------

    def _stand_in(self, name: str, version: str, target: Target) -> UsableTool | Failure:
        lock = self._effects.lock([f"{name}=={version}"], target)
        if isinstance(lock, Failure):
            return lock
        return next(UsableTool(pin, stands_in=True) for pin in lock.pins if pin.name == name)

    def _all_of(self, tools: Iterable[UsableTool | Failure]) -> Lock | Failure:
        """Return the lock of several tools, or the first failure among them."""
        usable: list[UsableTool] = []
        for tool in tools:
            if isinstance(tool, Failure):
                return tool
            usable.append(tool)
        built = dict.fromkeys(inner for tool in usable for inner in tool.tools)
        pins = tuple(sorted((tool.pin for tool in usable), key=lambda pin: pin.name))
        stand_ins = tuple(f"{tool.pin.name}=={tool.pin.version}" for tool in usable if tool.stands_in)
        return Lock(pins, tools=tuple(built), stand_ins=stand_ins)

    def _built(self, release: Release, lock: Locking, expected: tuple[str, ...] = ()) -> UsableTool | Failure:
        """Build a tool from its sdist twice, or recall the tool that was built earlier from the same inputs."""
        what = f"{release.project} {release.version}"
        if release.sdist is None:
            return _missing(f"{what} has no sdist on the index from which it could be built")
        effects = replace(self._effects, lock=lock)
        settled = inputs.settle(release, self._image, effects)
        if isinstance(settled, Failure):
            return _missing(f"{what} cannot be built from its sdist: {settled.detail}")
        with self._bench.turn(self._key(release, settled.lock)):
            tool = self._recalled(release, settled.lock)
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
                self._bench.remember_tool(self._key(release, settled.lock), tool)
        tool = replace(tool, expected=expected)
        path = self._bench.kept(tool.sha256, wheel_of(tool.filename, release.project, release.version))
        return UsableTool(_pin(tool), self._bench.requires(path) if path else (), (*settled.lock.tools, tool))

    def _key(self, release: Release, lock: Lock) -> str:
        """Return the digest of all that decides the result of a tool's build."""
        assert release.sdist is not None  # noqa: S101 - the caller has checked
        task = self._task
        decided = (task.source_date_epoch, task.hold, task.remove, task.profile, task.limits)
        return digest(("tool", _LAYOUT, release.sdist.sha256, lock.digest, self._image.manifest, decided))

    def _recalled(self, release: Release, lock: Lock) -> Tool | None:
        tool = self._bench.recall_tool(self._key(release, lock))
        if tool is None:
            return None
        try:
            name = wheel_of(tool.filename, release.project, release.version)
        except BadNameError:
            return None
        return tool if self._bench.kept(tool.sha256, name) else None


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
