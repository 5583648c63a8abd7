"""The sdist of a folder is built twice, on two days."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.builder import Output
from orchestrator.job.inputs import Effects
from orchestrator.job.local_project import BuiltSdist, build_sdist, packed
from orchestrator.model import Build, Failure, Lock, Reason, Wheel, WheelFile
from orchestrator.sources.sdist import Source
from tests.samples import EPOCH, IMAGE, NOON, SALT, TASK, built, failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.build.container import Order

PACKED = packed("pkg", "file:///pkg/", WheelFile("packed", "5" * 64, 1000), "c" * 64, git=True)


@dataclass(slots=True)
class Backend:
    """A build backend that gives what a test sets; it records what was asked of it."""

    gives: Callable[[Order], Build]
    differ: Callable[[str, str], tuple[str, ...]]
    orders: list[Order] = field(default_factory=list)

    def build(self, order: Order, _answered: Callable[[tuple[str, ...]], None]) -> Output:
        self.orders.append(order)
        return Output(self.gives(order), Path("sdist"), Path("log"), ())

    def judge(self) -> BuiltSdist | Failure:
        effects = Effects(
            fetch=lambda sdist: Path(sdist.filename),
            describe=lambda path, _sdist: Source(path, (), "backend"),
            lock=lambda _wanted, _target: Lock(),
            materialize=lambda _lock, _target: Path("/envs"),
            recall=lambda _question: None,
            remember=lambda _question, _answer: None,
            build=self.build,
            read=lambda _build: Wheel("", ""),
            diagnose=lambda _first, _second, _grounds: None,
            known=lambda _project, _job: None,
            salt=lambda: SALT,
            now=lambda: NOON,
        )
        return build_sdist(TASK, PACKED, IMAGE, effects, lambda one, other: self.differ(one.sha256, other.sha256))


def sdist(order: Order, sha256: str, version: str = "1.0") -> Build:
    """Return a build that gave an sdist."""
    return built(order.name, order.environment, sha256, f"pkg-{version}.tar.gz")


def is_later(order: Order) -> bool:
    """Return whether a build's clock is on another day."""
    return order.environment.clock_offset > 0


def no_epoch(order: Order) -> bool:
    """Return whether a build has no SOURCE_DATE_EPOCH."""
    return order.environment.source_date_epoch is None


@pytest.mark.parametrize(
    ("gives", "names", "evidence", "builds"),
    [
        (lambda _: ("1", "1.0"), [], "", 2),
        (lambda order: ("2" if is_later(order) else "1", "1.0"), [], "", 2),  # times only
        (lambda order: ("1", f"1.0.dev{order.environment.clock_offset}"), ["dated-version"], "pkg-1.0.dev0.tar.gz;", 2),
        (lambda order: ("1", "1+d2" if no_epoch(order) else "1+d1"), ["dated-version"], "later, pkg-1+d2.tar.gz", 2),
        (lambda order: ("3" if is_later(order) else "1", "1.0"), ["changing-sdist"], "contents: a.py", 3),
        (lambda order: ("3" if no_epoch(order) else "1", "1.0"), [], "", 3),  # it follows SOURCE_DATE_EPOCH
    ],
)
def test_what_follows_the_day_is_shown_by_a_second_sdist(
    gives: Callable[[Order], tuple[str, str]], names: list[str], evidence: str, builds: int
) -> None:
    """SOURCE_DATE_EPOCH hides a day in the version, and not one in the contents."""
    backend = Backend(lambda order: sdist(order, *gives(order)), lambda *both: ("a.py",) if "3" in both else ())
    found = backend.judge()
    assert isinstance(found, BuiltSdist)
    assert found.file.sha256 == "1"
    assert [name for name, _ in found.dated] == names
    assert all(evidence in text for _, text in found.dated)
    assert len({order.name for order in backend.orders}) == 2
    # Where only files differ, the third build has SOURCE_DATE_EPOCH again.
    assert [order.environment.source_date_epoch for order in backend.orders] == [EPOCH, None, EPOCH][
        : len(backend.orders)
    ]
    assert len(backend.orders) <= builds
    assert all(order.git and order.hook == "build_sdist" for order in backend.orders)


def test_an_sdist_that_fails_on_another_day_is_a_finding() -> None:
    """One that fails today is the verdict."""
    backend = Backend(
        lambda order: failed(order.name, order.environment) if is_later(order) else sdist(order, "1"), lambda *_: ()
    )
    found = backend.judge()
    assert isinstance(found, BuiltSdist)
    assert [name for name, _ in found.dated] == ["changing-sdist"]
    broken = Backend(lambda order: replace(failed(order.name, order.environment), wheel=None), lambda *_: ()).judge()
    assert isinstance(broken, Failure)
    assert broken.reason is Reason.BUILD_ERROR
