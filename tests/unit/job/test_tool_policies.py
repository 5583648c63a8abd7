"""Where build tools come from, with an index and builds that are ordinary functions."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.builder import Output
from orchestrator.job import tool_policies
from orchestrator.job.inputs import Effects
from orchestrator.model import (
    BUILT_HERE,
    BuildTools,
    Failure,
    Frontend,
    Lock,
    OfferedWheel,
    Pin,
    Policy,
    Provided,
    Reason,
    Release,
    Sdist,
    ToolPin,
    Wheel,
)
from orchestrator.sources.sdist import Source
from tests.samples import IMAGE, NOON, SALT, TASK, built, failed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from orchestrator.build.container import Order
    from orchestrator.model import Build, Target, Tool, WheelFile
    from orchestrator.model.names import WheelName

VERSION = "1.0"


def sha(*words: object) -> str:
    """Return a hash made from those words."""
    return hashlib.sha256(repr(words).encode()).hexdigest()


@dataclass(frozen=True)
class Project:
    """A tool of the made-up index: what it requires to be built, and to be used."""

    builds_with: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


@dataclass
class Shop:
    """A made-up index, and builds whose wheels hash to what they were built with; it notes each build."""

    projects: dict[str, Project]
    random: frozenset[str] = frozenset()  # give another wheel each time
    broken: frozenset[str] = frozenset()
    called: dict[str, str] = field(default_factory=dict)  # project -> the name that it gives its wheel
    debian: tuple[Provided, ...] = ()
    built: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    answers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tools: dict[str, Tool] = field(default_factory=dict)
    materialized: dict[Path, Lock] = field(default_factory=dict)
    wheels: dict[str, str] = field(default_factory=dict)  # hash -> project

    # --- the bench ---

    def release(self, name: str, version: str) -> Release:
        sdist = Sdist(f"{name}-{version}.tar.gz", f"https://index.example/{name}", sha("sdist", name))
        wheel = OfferedWheel(
            f"{name}-{version}-py3-none-any.whl", f"https://index.example/{name}.whl", sha("index", name)
        )
        return Release(name, version, sdist, wheels=(wheel,))

    def keep(self, wheel: WheelFile, name: WheelName) -> Path:
        self.wheels[wheel.sha256] = name.project
        return Path(name.filename)

    def kept(self, sha256: str, name: WheelName) -> Path | None:
        return Path(name.filename) if sha256 in self.wheels else None

    def requires(self, wheel: Path | OfferedWheel) -> tuple[str, ...]:
        name = wheel.name if isinstance(wheel, Path) else wheel.filename
        return self.projects[name.partition("-")[0]].uses

    def provided(self) -> tuple[Provided, ...]:
        return self.debian

    def recall_tool(self, key: str) -> Tool | None:
        return self.tools.get(key)

    def remember_tool(self, key: str, tool: Tool) -> None:
        self.tools[key] = tool

    def turn(self, _key: str) -> AbstractContextManager[None]:
        return nullcontext()

    # --- the effects ---

    def lock(self, wanted: Sequence[str], _target: Target) -> Lock | Failure:
        """Resolve as an index does: with all that is required to be used."""
        names, open_ = set(), [one.partition("=")[0] for one in wanted]
        while open_:
            name = open_.pop()
            if name not in names:
                names.add(name)
                open_.extend(self.projects[name].uses)
        wheels = {name: self.release(name, VERSION).wheels[0] for name in sorted(names)}
        return Lock(tuple(Pin(name, VERSION, one.sha256, one.filename, one.url) for name, one in wheels.items()))

    def materialize(self, lock: Lock, _target: Target) -> Path:
        path = Path(lock.digest)
        self.materialized[path] = lock
        return path

    def describe(self, path: Path, _sdist: Sdist) -> Source:
        name = path.name.partition("-")[0]
        return Source(path, self.projects[name].builds_with, f"{name}.build")

    def build(self, order: Order, _answered: Callable[[tuple[str, ...]], None]) -> Output:
        name = order.source.path.name.partition("-")[0]
        self.built.append(name)
        self.hosts.add(order.environment.host)
        return Output(self._gives(order, name), Path("wheel"), Path("log"), () if order.ask else None)

    def _gives(self, order: Order, name: str) -> Build:
        if name in self.broken:
            return failed(order.name, order.environment)
        draw = len(self.built) if name in self.random else 0
        lock = self.materialized[order.requirements]
        code = sha("built", name, sorted(pin.name for pin in lock.pins), draw)
        return built(order.name, order.environment, code, self.called.get(name, f"{name}-{VERSION}-py3-none-any.whl"))

    def effects(self) -> Effects:
        return Effects(
            fetch=lambda sdist: Path(sdist.filename),
            describe=self.describe,
            lock=self.lock,
            materialize=self.materialize,
            recall=self.answers.get,
            remember=self.answers.__setitem__,
            build=self.build,
            read=lambda _build: Wheel("", ""),
            diagnose=lambda _first, _second, _grounds: None,
            known=lambda _project, _job: None,
            salt=lambda: SALT,
            now=lambda: NOON,
        )

    def asked(self, wanted: Sequence[str], chosen: BuildTools) -> Lock | Failure:
        """Ask for build requirements as a job does whose task has chosen those tools."""
        task = replace(TASK, tools=chosen, spread=True)
        return tool_policies.by_policy(task, IMAGE, self.effects(), self).lock(wanted, IMAGE.target)


BOOTSTRAP = {
    "flit": Project(),
    "setuptools": Project(),
    "wheel": Project(("setuptools",)),
    "scm": Project(("setuptools",), uses=("packaging", "setuptools")),
    "packaging": Project(("flit",)),
    "runner": Project(("setuptools", "wheel", "scm")),
}


def pinned(*names: str, strict: bool = False, **hashes: str) -> BuildTools:
    """Pin tools, to hashes of wheels that no index has unless another is given."""
    pins = tuple(ToolPin(name, VERSION, (hashes.get(name, sha("theirs", name)),)) for name in names or BOOTSTRAP)
    return BuildTools(Policy.PINNED, pins, "their.txt", strict)


def lock_of(found: Lock | Failure) -> Lock:
    """Return a lock, and fail with the reason where there is none."""
    assert isinstance(found, Lock), found
    return found


def detail_of(found: Lock | Failure) -> str:
    """Return why there is no lock."""
    assert isinstance(found, Failure), found
    assert found.reason is Reason.MISSING_BUILD_REQUIREMENT
    return found.detail


# --- debian ----------------------------------------------------------------------------------

SETUPTOOLS = Provided("setuptools", "66.1.1", "python3-setuptools", "66.1.1-1")


def test_debian_gives_what_the_image_has_and_nothing_is_installed() -> None:
    """The record names Debian's packages."""
    found = lock_of(Shop({}, debian=(SETUPTOOLS,)).asked(["setuptools>=40.8.0"], BuildTools(Policy.DEBIAN)))

    assert found.pins == ()
    assert found.provided == (SETUPTOOLS,)
    assert found.digest != Lock().digest, "another version of Debian's is another input"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("setuptools>=77", "setuptools>=77 (66.1.1 is there)"),
        ("flit-core", "no flit-core"),
        ("not a requirement", "not a requirement"),
    ],
)
def test_what_debian_lacks_is_named(wanted: str, words: str) -> None:
    """The error for a version that is too old names the version that is there."""
    shop = Shop({}, debian=(SETUPTOOLS,))

    assert words in detail_of(shop.asked(["setuptools", wanted], BuildTools(Policy.DEBIAN)))


def test_what_is_for_another_python_is_not_asked_for() -> None:
    """A marker that does not fit the image takes its requirement away."""
    found = Shop({}, debian=(SETUPTOOLS,)).asked(["tomli; python_version < '3.11'"], BuildTools(Policy.DEBIAN))

    assert isinstance(found, Lock)


# --- pinned ----------------------------------------------------------------------------------


def test_tools_are_built_on_one_host_although_their_job_is_built_on_two() -> None:
    """Jobs of both kinds use the same tools."""
    shop = Shop(BOOTSTRAP)
    assert lock_of(shop.asked(["setuptools"], pinned())).tools
    assert shop.hosts == {""}


def test_tools_are_built_before_what_requires_them() -> None:
    """What a tool uses is there too, when another is built with it."""
    shop = Shop(BOOTSTRAP)

    found = lock_of(shop.asked(["setuptools"], pinned()))

    assert [pin.name for pin in found.pins] == sorted(BOOTSTRAP)
    assert all(pin.url == BUILT_HERE for pin in found.pins)
    order = [one.name for one in found.tools if one.bootstrap]
    assert sorted(order) == sorted(BOOTSTRAP)
    for one in found.tools:
        if one.bootstrap:
            assert {name.partition("==")[0] for name in one.requires} <= set(order[: order.index(one.name)])
    (runner,) = [one for one in found.tools if one.name == "runner" and one.bootstrap]
    assert runner.requires == ("packaging==1.0", "scm==1.0", "setuptools==1.0", "wheel==1.0")


def test_tools_are_built_with_all_of_them_at_last_and_checked_against_the_file() -> None:
    """As their owner does, who has no isolation."""
    shop = Shop(BOOTSTRAP)
    right = sha("built", "flit", sorted(BOOTSTRAP), 0)

    found = lock_of(shop.asked(["setuptools"], pinned(*BOOTSTRAP, flit=right)))

    final = {one.name: one for one in found.tools if not one.bootstrap}
    assert {name for name, one in final.items() if one.as_expected} == {"flit"}
    assert {pin.name: pin.sha256 for pin in found.pins} == {name: one.sha256 for name, one in final.items()}
    assert all(len(one.requires) == len(BOOTSTRAP) for one in final.values())


def test_a_tool_that_is_not_as_pinned_is_refused_where_that_is_asked_for() -> None:
    """Both hashes are named."""
    why = detail_of(Shop(BOOTSTRAP).asked(["setuptools"], pinned(strict=True)))

    assert "has sha256" in why
    assert "their.txt says" in why


def test_a_wheel_of_the_index_that_bears_the_hash_is_not_built() -> None:
    """Nor is what is pinned to its sdist checked against anything."""
    shop = Shop({"flit": Project(), "packaging": Project(("flit",))})

    found = lock_of(
        shop.asked([], pinned("flit", "packaging", flit=sha("index", "flit"), packaging=sha("sdist", "packaging")))
    )

    assert "flit" not in shop.built
    assert [pin.url == BUILT_HERE for pin in found.pins] == [False, True]
    assert all(one.as_expected and not one.expected for one in found.tools)


def test_what_is_not_pinned_is_named() -> None:
    """And nothing is built in vain."""
    shop = Shop(BOOTSTRAP)

    assert "their.txt pins no hatchling" in detail_of(shop.asked(["hatchling"], pinned()))
    assert shop.built == []


def test_a_tool_that_cannot_be_built_is_named() -> None:
    """With why."""
    why = detail_of(Shop(BOOTSTRAP, broken=frozenset({"wheel"})).asked(["setuptools"], pinned()))

    assert "wheel 1.0 cannot be built from its sdist: build-error" in why


@pytest.mark.parametrize("called", ["pip-1.0-py3-none-any.whl", "wheel-2.0-py3-none-any.whl", "wheel-1.0/../../x.whl"])
def test_a_tool_whose_wheel_is_called_like_another_is_not_used(called: str) -> None:
    """It is kept nowhere, under whatever name."""
    shop = Shop(BOOTSTRAP, called={"wheel": called})
    assert "wheel 1.0 cannot be built from its sdist" in detail_of(shop.asked(["wheel"], pinned()))
    assert "wheel" not in shop.wheels.values()
    assert "pip" not in shop.wheels.values()


def test_a_tool_is_built_once_for_all_jobs() -> None:
    """What it was built from decides, and nothing else."""
    shop = Shop(BOOTSTRAP)
    first = shop.asked(["setuptools"], pinned())
    count = len(shop.built)

    assert shop.asked(["wheel"], pinned()) == first
    assert len(shop.built) == count


# --- source ----------------------------------------------------------------------------------


def test_every_tool_is_built_from_its_sdist() -> None:
    """And so are those that it is built with, and all of them are in the record."""
    shop = Shop(BOOTSTRAP)

    found = lock_of(shop.asked(["runner"], BuildTools(Policy.SOURCE)))

    assert [pin.name for pin in found.pins] == ["runner"]
    assert found.pins[0].url == BUILT_HERE
    assert {one.name for one in found.tools} == {"runner", "setuptools", "wheel", "scm", "packaging", "flit"}
    assert all(one.reproducible for one in found.tools)
    assert found.tools[-1].name == "runner"


def test_a_tool_that_gives_two_answers_is_not_used() -> None:
    """It is named, with both."""
    shop = Shop(BOOTSTRAP, random=frozenset({"wheel"}))

    assert "wheel 1.0 gave two answers" in detail_of(shop.asked(["runner"], BuildTools(Policy.SOURCE)))


def test_tools_that_require_each_other_end_with_the_indexs() -> None:
    """The substitute is named; the tool itself is built here all the same."""
    shop = Shop({"hen": Project(("egg",)), "egg": Project(("hen",))})

    found = lock_of(shop.asked(["hen"], BuildTools(Policy.SOURCE)))

    hen = found.tools[-1]
    assert (hen.name, hen.requires, hen.from_index) == ("hen", ("egg==1.0",), ())
    (egg,) = [one for one in found.tools if one.name == "egg"]
    assert egg.from_index == ("hen==1.0",)


# --- the frontend ----------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [Policy.INDEX, Policy.SOURCE])
def test_pip_is_a_build_requirement_where_it_is_the_frontend(policy: Policy) -> None:
    """It comes from where all others do."""
    shop = Shop({**BOOTSTRAP, "pip": Project(("setuptools",))})

    found = lock_of(shop.asked(["setuptools"], BuildTools(policy, frontend=Frontend.PIP)))

    assert [pin.name for pin in found.pins] == ["pip", "setuptools"]
