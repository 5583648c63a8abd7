"""The story of one verification, with effects that are ordinary functions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.clues.facts import facts
from orchestrator.build.builder import Output
from orchestrator.job.inputs import Effects
from orchestrator.job.recreating import BUILDS, VerifyEffects, VerifySubject
from orchestrator.job.verify import verify
from orchestrator.model import (
    CauseFinding,
    Closeness,
    Diagnosis,
    Failure,
    Limits,
    Lock,
    OfferedWheel,
    Outcome,
    Phase,
    Reason,
    Severity,
    Verdict,
    Verification,
    Wheel,
    WheelFile,
)
from orchestrator.sources.sdist import Source
from tests.sample_results import sample
from tests.samples import IMAGE, RELEASE, SALT, TASK, built, failed, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.build.container import Order
    from orchestrator.model import Build, Recreation, Target

NOW = datetime(2026, 11, 22, tzinfo=UTC)
INFO = "pkg-1.0.dist-info"
PURE = "pkg-1.0-py3-none-any.whl"


def published(folder: Path) -> Path:
    """Write the published wheel, as setuptools makes it."""
    return wheel(
        folder / PURE,
        {
            "pkg.py": b"",
            f"{INFO}/METADATA": b"Metadata-Version: 2.4\nName: pkg\nVersion: 1.0\n",
            f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: bdist_wheel (0.45.1)\nTag: py3-none-any\n",
            f"{INFO}/RECORD": b"",
        },
    )


@dataclass
class World:
    """A farm in which builds and comparisons give what the test sets; it records what was built."""

    path: Path
    gives: Mapping[str, str]  # build -> the hash of its wheel; empty: it fails; absent: that of the published wheel
    near: Mapping[str, Outcome] = field(default_factory=dict)  # hash -> how near
    filename: str = PURE
    names: Mapping[str, str] = field(default_factory=dict)  # build -> the name of its wheel, if it is another one
    unmet: str = ""  # a build requirement that no index has
    suspects: tuple[str, ...] = ()
    switches: tuple[tuple[str, str], ...] = ()
    record: Path | None = None
    orders: list[Order] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def lock(self, recreation: Recreation) -> Callable[[Sequence[str], Target], Lock | Failure]:
        missing = self.unmet and any(self.unmet in pin for pin in recreation.overrides)
        why = Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, f"no such thing: {recreation.overrides}")
        return lambda _wanted, _target: why if missing else Lock()

    def build(self, order: Order, _answered: Callable[[tuple[str, ...]], None]) -> Output:
        self.orders.append(order)
        sha256 = self.gives.get(order.name, self.sha256)
        name = self.names.get(order.name, self.filename)
        made = built(order.name, order.environment, sha256, name) if sha256 else None
        return Output(made or failed(order.name, order.environment), Path("wheel"), Path("log"))

    def closeness(self, _path: Path, _file: WheelFile, build: Build) -> Closeness:
        assert build.wheel is not None
        outcome = self.near.get(build.wheel.sha256, Outcome.DIFFERS)
        changed = ("pkg.py",) if outcome is Outcome.DIFFERS else ()
        return Closeness(outcome, sha256="", changed=changed, reason=f"{build.wheel.sha256} is {outcome}")

    def diagnose(self, *_: object) -> Diagnosis:
        causes = (CauseFinding("hash-order", ("pkg.py",), self.suspects),) if self.suspects else ()
        return Diagnosis(Severity.DATA, causes, (), ())

    def effects(self) -> VerifyEffects:
        job = Effects(
            fetch=lambda sdist: Path(sdist.filename),
            describe=lambda path, _sdist: Source(path, ("setuptools",), "setuptools.build_meta"),
            lock=lambda _wanted, _target: Lock(),
            materialize=lambda lock, _target: Path("/envs") / lock.digest,
            recall=lambda _question: (),
            remember=lambda _question, _answer: None,
            build=self.build,
            read=lambda build: Wheel(build.wheel.filename, build.wheel.sha256) if build.wheel else Wheel("", ""),
            diagnose=self.diagnose,
            known=lambda _project, _job: None,
            salt=lambda: SALT,
            now=lambda: NOW,
        )
        return VerifyEffects(
            job=job,
            lock=self.lock,
            fetch=lambda _offered: (self.path, self.sha256),
            facts=lambda path, file, uploaded, _sdist: facts(path, file, uploaded, None, Limits()),
            switches=lambda _sdist: self.switches,
            closeness=self.closeness,
            diagnose=self.diagnose,
            known=lambda _project, _id: self.record,
        )

    def subject(self) -> VerifySubject:
        offered = OfferedWheel(PURE, "https://index.example/p.whl", self.sha256, None, "2025-06-18T14:07:40.0Z")
        return VerifySubject(TASK, replace(RELEASE, wheels=(offered,)), IMAGE, NOW, offered)

    def verify(self) -> Verification:
        return self.of(self.subject())

    def of(self, subject: VerifySubject) -> Verification:
        found = verify(subject, self.effects())
        assert isinstance(found, Verification)
        return found


def test_two_builds_that_are_the_published_wheel(tmp_path: Path) -> None:
    """The second differs in all variations but those that clues fix."""
    world = World(published(tmp_path), {})
    found = world.verify()
    assert (found.outcome, found.rebuilt_sha256, found.severity) == (Outcome.IDENTICAL, world.sha256, Severity.NONE)
    assert [build.name for build in found.builds] == ["rebuild-1", "varied"]
    first, second = (order.environment for order in world.orders)
    assert first.umask == second.umask == 0o022
    assert first.hostname != second.hostname
    assert first.hash_seed != second.hash_seed
    assert {clue.name for clue in found.clues if clue.used} >= {"upload-time", "generator", "umask"}
    assert found.recreation is not None
    assert found.recreation.as_of == datetime(2025, 6, 18, 14, 7, 40, tzinfo=UTC)


@pytest.mark.parametrize("second", [Outcome.RESTAMPED, Outcome.METADATA, Outcome.DIFFERS])
def test_the_outcome_is_that_of_the_weaker_build(tmp_path: Path, second: Outcome) -> None:
    """A wheel that comes out only once is not verified."""
    found = World(published(tmp_path), {"varied": "9" * 64}, {"9" * 64: second}).verify()
    assert found.outcome is second
    assert "9" * 64 in found.reason


def test_a_build_that_fails_elsewhere_proves_nothing(tmp_path: Path) -> None:
    """Though the first is the published wheel."""
    found = World(published(tmp_path), {"varied": ""}).verify()
    assert (found.outcome, found.severity) == (Outcome.UNBUILDABLE, None)
    assert "in one environment only" in found.reason


def test_a_build_that_fails_elsewhere_hides_no_difference(tmp_path: Path) -> None:
    """A source cannot be made to hide what was done to its wheel."""
    gives = {**{f"rebuild-{number}": "1" * 64 for number in range(1, 9)}, "varied": ""}
    found = World(published(tmp_path), gives).verify()
    assert found.outcome is Outcome.DIFFERS
    assert "fails in the other environment: build-error" in found.reason


def test_a_variation_that_the_publisher_had_as_we_had_it_is_held(tmp_path: Path) -> None:
    """It is named in the recreation; without it, the wheel would not come out twice."""
    world = World(published(tmp_path), {"varied": "9" * 64}, suspects=("hash-seed",))
    found = world.verify()
    assert (found.outcome, len(found.builds)) == (Outcome.IDENTICAL, 3)
    assert found.recreation is not None
    assert found.recreation.hold == ("hash-seed",)
    assert world.orders[0].environment.hash_seed == world.orders[2].environment.hash_seed


def test_what_never_comes_out_differs_after_six_builds_at_most(tmp_path: Path) -> None:
    """Every attempt and what it left different is kept."""
    world = World(published(tmp_path), {f"rebuild-{number}": str(number) * 64 for number in range(1, 9)})
    found = world.verify()
    assert (found.outcome, found.severity) == (Outcome.DIFFERS, Severity.DATA)
    assert 2 < len(found.builds) <= BUILDS
    recreations = [attempt.recreation for attempt in found.attempts]
    assert all(recreations.count(one) == 1 for one in recreations)
    assert all(attempt.closeness and attempt.closeness.changed for attempt in found.attempts)


def test_the_nearest_attempt_decides(tmp_path: Path) -> None:
    """A later one that is further away is passed over."""
    gives = {"rebuild-1": "1" * 64, "rebuild-2": "2" * 64, "varied": "2" * 64}
    near = {"2" * 64: Outcome.METADATA}
    found = World(published(tmp_path), {**{f"rebuild-{n}": "1" * 64 for n in range(3, 9)}, **gives}, near).verify()
    assert found.outcome is Outcome.METADATA
    assert found.recreation == found.attempts[1].recreation


def test_a_build_requirement_that_is_gone_is_replaced(tmp_path: Path) -> None:
    """The attempt without a build is kept with its reason, and costs none."""
    found = World(published(tmp_path), {}, unmet="setuptools==70.0.0").verify()
    assert (found.outcome, len(found.builds)) == (Outcome.IDENTICAL, 2)
    assert found.attempts[0].failure is not None
    assert found.attempts[0].build == ""


def test_a_release_that_no_recreation_builds(tmp_path: Path) -> None:
    """Its reason is that of the first attempt: the one that follows all clues."""
    found = World(published(tmp_path), {f"rebuild-{number}": "" for number in range(1, 9)}).verify()
    assert (found.outcome, found.rebuilt_sha256) == (Outcome.UNBUILDABLE, "")
    assert found.reason.startswith("build-error")
    assert len(found.builds) < BUILDS


def test_a_wheel_of_another_kind_is_no_counterpart(tmp_path: Path) -> None:
    """The published one is pure, ours has compiled what the publisher left out: neither proves the other."""
    world = World(published(tmp_path), {"rebuild-1": "1" * 64}, filename="pkg-1.0-cp311-cp311-linux_x86_64.whl")
    found = world.verify()
    assert found.outcome is Outcome.NO_COUNTERPART
    assert "cp311" in found.reason


def test_the_published_bytes_under_another_name_are_not_identical(tmp_path: Path) -> None:
    """An installer reads the tags of the name: what compares the two decides, and the builds of a verdict do not."""
    world = World(published(tmp_path), {}, filename="pkg-1.0-py2-none-any.whl")
    twice = tuple(
        replace(build, wheel=WheelFile(world.filename, world.sha256, 100))
        for build in sample("pkg", Verdict.REPRODUCIBLE).builds[:2]
    )
    judged = replace(sample("pkg", Verdict.REPRODUCIBLE), builds=twice)
    assert world.of(replace(world.subject(), result=judged)).outcome is Outcome.DIFFERS
    assert world.orders


def test_a_switch_of_the_source_makes_it_one_of_the_same_kind(tmp_path: Path) -> None:
    """The build files tell it; they are read only where the first recreation does not give the wheel."""
    native = "pkg-1.0-cp311-cp311-linux_x86_64.whl"
    world = World(published(tmp_path), {"rebuild-1": "1" * 64}, switches=(("PKG_NO_EXT", "1"),))
    world.names = {"rebuild-1": native}
    found = world.verify()
    assert (found.outcome, len(found.builds)) == (Outcome.IDENTICAL, 3)
    assert found.recreation is not None
    assert found.recreation.variables == (("PKG_NO_EXT", "1"),)
    assert [dict(order.environment.variables).get("PKG_NO_EXT") for order in world.orders] == [None, "1", "1"]


def test_nothing_is_built_without_an_sdist_or_a_wheel(tmp_path: Path) -> None:
    """The reason says what is missing."""
    world = World(published(tmp_path), {})
    subject = world.subject()
    bare = world.of(replace(subject, release=replace(RELEASE, sdist=None)))
    assert (bare.outcome, bare.wheel) == (Outcome.NO_SDIST, PURE)
    none = world.of(replace(subject, wheel=None, reason="needs image manylinux_2_28"))
    assert (none.outcome, none.reason) == (Outcome.NO_COUNTERPART, "needs image manylinux_2_28")
    assert not world.orders


def test_a_release_for_another_python_is_not_built(tmp_path: Path) -> None:
    """No image admits it."""
    world = World(published(tmp_path), {})
    subject = world.subject()
    found = world.of(replace(subject, release=replace(subject.release, requires_python=">=3.14")))
    assert (found.outcome, world.orders) == (Outcome.UNBUILDABLE, [])
    assert found.reason.startswith("wrong-python")


def test_a_published_file_that_is_no_wheel_differs(tmp_path: Path) -> None:
    """What installers refuse, or read in two ways, is what auditors look for."""
    path = tmp_path / PURE
    path.write_bytes(b"junk")
    found = World(path, {}).verify()
    assert (found.outcome, found.builds) == (Outcome.DIFFERS, ())
    assert "cannot be read" in found.reason


def test_a_published_file_that_exceeds_a_limit_does_not_differ(tmp_path: Path) -> None:
    """Nothing is known of it, and nothing is built."""
    world = World(published(tmp_path), {})
    large = Failure(Reason.WHEEL_TOO_LARGE, Phase.WHEEL, "has more than 2 files")
    found = verify(world.subject(), replace(world.effects(), facts=lambda *_: large))
    assert isinstance(found, Verification)
    assert (found.outcome, found.builds) == (Outcome.UNBUILDABLE, ())
    assert "more than 2 files" in found.reason


def test_an_existing_record_is_returned(tmp_path: Path) -> None:
    """Equal inputs are not verified again."""
    world = World(published(tmp_path), {}, record=Path("record.json"))
    assert verify(world.subject(), world.effects()) == Path("record.json")
    assert not world.orders


def test_the_builds_of_a_verdict_may_be_the_published_wheel(tmp_path: Path) -> None:
    """Then nothing is built again; but not if only one of them is, or the release is not reproducible."""
    world = World(published(tmp_path), {})
    twice = tuple(
        replace(build, wheel=WheelFile(PURE, world.sha256, 100))
        for build in sample("pkg", Verdict.REPRODUCIBLE).builds[:2]
    )
    judged = replace(sample("pkg", Verdict.REPRODUCIBLE), builds=twice)
    found = world.of(replace(world.subject(), result=judged))
    assert (found.outcome, found.builds, world.orders) == (Outcome.IDENTICAL, twice, [])
    once = replace(judged, builds=(twice[0], replace(twice[1], wheel=WheelFile(PURE, "9" * 64, 100))))
    assert world.of(replace(world.subject(), result=once)).builds != once.builds
    assert len(world.orders) == 2
