"""The stages of a job, with effects that are ordinary functions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.builder import Output
from orchestrator.errors import TransientEngineError, WheelproofError
from orchestrator.job import inputs
from orchestrator.job import rebuild as story
from orchestrator.job.hosts import spread_over
from orchestrator.model import Budget, Build, Failure, Lock, Origin, Phase, Pin, Reason, Result, Verdict, Wheel
from orchestrator.sources.sdist import Source
from tests.samples import FIRST, IMAGE, RELEASE, SALT, SECOND, built, failed, probe
from tests.samples import TASK as EXPLAINED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.build.container import Order
    from orchestrator.model import Image, Probe, Target, Task

SETUPTOOLS = Pin("setuptools", "80.9.0", "8" * 64, "setuptools-80.9.0-py3-none-any.whl", "https://index.example/s.whl")
TASK = replace(EXPLAINED, budget=Budget(builds=0))
"""Judged, but with no builds to explain; test_explain has those."""

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@dataclass
class World:
    """A farm in which builds give what the test sets; it records what was asked of it."""

    gives: Callable[[Order], Build]
    answer: tuple[str, ...] = ()
    remembered: tuple[str, ...] | None = None
    unresolvable: str = ""
    record: Path | None = None
    orders: list[Order] = field(default_factory=list)
    locked: list[tuple[str, ...]] = field(default_factory=list)
    noted: list[tuple[str, ...]] = field(default_factory=list)

    def lock(self, wanted: Sequence[str], _target: Target) -> Lock | Failure:
        self.locked.append(tuple(wanted))
        if self.unresolvable in wanted:
            return Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, "no such thing")
        return Lock(tuple(replace(SETUPTOOLS, name=name.split(">")[0]) for name in wanted))

    def build(self, order: Order, answered: Callable[[tuple[str, ...]], None]) -> Output:
        self.orders.append(order)
        if order.ask:
            answered(self.answer)
            if any(name not in order.given for name in self.answer):
                nothing = replace(built("first", order.environment, ""), wheel=None)
                return Output(nothing, None, Path("log"), self.answer, missing=True)
        return Output(self.gives(order), Path("wheel"), Path("log"), self.answer if order.ask else None)

    def effects(self) -> inputs.Effects:
        return inputs.Effects(
            fetch=lambda sdist: Path(sdist.filename),
            describe=lambda path, _sdist: Source(path, ("setuptools>=40.8.0",), "setuptools.build_meta"),
            lock=self.lock,
            materialize=lambda lock, _target: Path("/envs") / lock.digest,
            recall=lambda _question: self.remembered,
            remember=lambda _question, answer: self.noted.append(answer),
            build=self.build,
            read=lambda build: Wheel(build.wheel.filename, build.wheel.sha256) if build.wheel else Wheel("", ""),
            diagnose=lambda _first, _second, _grounds: None,
            known=lambda _project, _job: self.record,
            salt=lambda: SALT,
            now=lambda: NOW,
        )

    def judge(self) -> Result:
        found = story.rebuild(TASK, RELEASE, IMAGE, self.effects())
        assert isinstance(found, Result)
        return found


def by_name(**hashes: str) -> Callable[[Order], Build]:
    """Give each build the wheel of that hash; an empty one fails."""
    return lambda order: (
        built(order.name, order.environment, hashes[order.name])
        if hashes[order.name]
        else failed(order.name, order.environment)
    )


def test_the_crates_that_a_lock_names_reach_every_build() -> None:
    """Fetched once for all of them; where that fails it is the reason, and nothing is built."""
    world = World(by_name(first="1", second="2", control="1"))
    asked: list[Path] = []

    def fetched(source: Source, _image: Image) -> Path:
        asked.append(source.path)
        return Path("/crates/1")

    assert isinstance(story.rebuild(TASK, RELEASE, IMAGE, replace(world.effects(), crates=fetched)), Result)
    assert [order.crates for order in world.orders] == [Path("/crates/1")] * 3
    assert len(asked) == 1
    gone = Failure(Reason.NEEDS_CRATES, Phase.REQUIREMENTS, "the registry does not answer")
    world = World(by_name())
    result = story.rebuild(TASK, RELEASE, IMAGE, replace(world.effects(), crates=lambda *_: gone))
    assert isinstance(result, Result)
    assert (result.verdict, result.reason, world.orders) == (Verdict.FTBFS, "needs-crates", [])
    assert result.failure == replace(gone, evidence=gone.detail)
    assert result.inputs is not None
    assert result.inputs.build_requirements == "unsettled: the registry does not answer"


def test_a_folder_that_another_day_changes_gets_a_caution() -> None:
    """The builds agree, as its sdist is made once; what the second sdist showed is part of the release."""
    world = World(by_name(first="1", second="1"))
    dated = (("dated-version", "pkg-1.0.dev20261120.tar.gz\x1b[1m"),)
    result = story.rebuild(TASK, replace(RELEASE, origin=Origin.FOLDER, dated=dated), IMAGE, world.effects())
    assert isinstance(result, Result)
    assert result.verdict is Verdict.REPRODUCIBLE
    (caution,) = result.cautions
    assert (caution.name, caution.builds) == ("dated-version", ("first",))
    assert caution.evidence.isprintable()


def test_config_settings_reach_every_build_and_the_jobs_identity() -> None:
    """Both environments have them, and another setting is another job."""
    world = World(by_name(first="1", second="1"))
    task = replace(TASK, config_settings=(("build-dir", "b"),))
    result = story.rebuild(task, RELEASE, IMAGE, world.effects())
    assert isinstance(result, Result)
    assert {order.environment.config_settings for order in world.orders} == {(("build-dir", "b"),)}
    assert result.inputs is not None
    assert result.inputs.config_settings == task.config_settings
    assert result.job != World(by_name(first="1", second="1")).judge().job


@pytest.mark.parametrize(
    ("hashes", "verdict", "builds"),
    [
        ({"first": "1", "second": "1"}, Verdict.REPRODUCIBLE, 2),
        ({"first": "1", "second": "2", "control": "1"}, Verdict.SENSITIVE, 3),
        ({"first": "1", "second": "2", "control": "3"}, Verdict.INTRINSIC, 3),
        ({"first": "1", "second": "2", "control": "2"}, Verdict.INTRINSIC, 3),
        ({"first": "", "second": ""}, Verdict.FTBFS, 2),
        ({"first": "1", "second": "", "control": "1"}, Verdict.SENSITIVE, 3),
        ({"first": "", "second": "1", "control": ""}, Verdict.SENSITIVE, 3),
        ({"first": "1", "second": "", "control": ""}, Verdict.INTRINSIC, 3),
        ({"first": "1", "second": "2", "control": ""}, Verdict.INTRINSIC, 3),
        ({"first": "", "second": "1", "control": "1"}, Verdict.INTRINSIC, 3),
    ],
)
def test_the_verdict_follows_from_the_builds(hashes: dict[str, str], verdict: Verdict, builds: int) -> None:
    """Two that agree are enough; a third, in the first's environment, decides between the others."""
    result = World(by_name(**hashes)).judge()
    assert result.verdict is verdict
    assert [build.name for build in result.builds] == ["first", "second", "control"][:builds]
    assert all(build.environment == FIRST for build in result.builds if build.name != "second")


def test_wheels_that_differ_are_never_without_a_difference() -> None:
    """Even where neither can be unpacked."""
    effects = replace(
        World(by_name(first="1", second="2", control="1")).effects(),
        read=lambda _build: Failure(Reason.BROKEN_WHEEL, Phase.WHEEL),
    )
    result = story.rebuild(TASK, RELEASE, IMAGE, effects)
    assert isinstance(result, Result)
    assert [one.aspect.value for one in result.differences] == ["archive"]
    assert [one.aspect.value for one in result.unexplained] == ["archive"], "no diagnosis explains it"


def test_a_name_of_other_tags_is_not_the_same_wheel() -> None:
    """Though the bytes may be."""

    def gives(order: Order) -> Build:
        second = order.name == "second"
        return built(order.name, order.environment, "1", f"pkg-1.0-{'py2' if second else 'py3'}-none-any.whl")

    assert World(gives).judge().verdict is Verdict.SENSITIVE


@pytest.mark.parametrize("bytes_", [("1", "1"), ("1", "2")])
def test_a_wheel_of_another_version_is_a_failure(bytes_: tuple[str, str]) -> None:
    """Where both builds agree on it, whether or not they agree on the bytes: pip takes it from nobody."""

    def gives(order: Order) -> Build:
        return built(order.name, order.environment, bytes_[order.name == "second"], "pkg-0.0.0-py3-none-any.whl")

    result = World(gives).judge()
    assert (result.verdict, result.reason) == (Verdict.FTBFS, "wrong-name")
    assert result.failure is not None
    assert "version 0.0.0, and what is built is pkg 1.0" in result.failure.evidence
    assert [build.wheel for build in result.builds] == [None, None]


def test_a_version_that_is_made_up_in_each_build_is_a_difference() -> None:
    """Its cause can be found, and repaired, as that of any other."""

    def gives(order: Order) -> Build:
        version = "1.1.dev1+d2" if order.name == "second" else "1.1.dev1+d1"
        return built(order.name, order.environment, order.name, f"pkg-{version}-py3-none-any.whl")

    assert World(gives).judge().verdict is Verdict.INTRINSIC


@pytest.mark.parametrize("name", ["first", "second", "control"])
def test_a_limit_of_ours_tells_nothing_of_agreement(name: str) -> None:
    """Whichever build hits it: the package is not called sensitive for our time-out."""

    def gives(order: Order) -> Build:
        if order.name == name:
            return failed(order.name, order.environment, Reason.TIME_OUT)
        return built(order.name, order.environment, order.name)

    result = World(gives).judge()
    assert (result.verdict, result.reason) == (Verdict.FTBFS, "time-out")


def test_no_verdict_where_a_variation_did_not_act() -> None:
    """Not even of builds that agree: they may agree because nothing was varied."""

    def gives(order: Order) -> Build:
        asleep = replace(probe(order.environment), umask=FIRST.umask)
        return replace(built(order.name, order.environment, "1"), probe=asleep)

    with pytest.raises(WheelproofError, match="umask did not act"):
        World(gives).judge()


def test_no_verdict_where_the_control_build_was_in_another_environment() -> None:
    """It would make intrinsic what is not."""

    def gives(order: Order) -> Build:
        seen = replace(probe(order.environment), umask=0o077) if order.name == "control" else probe(order.environment)
        return replace(built(order.name, order.environment, order.name), probe=seen)

    with pytest.raises(WheelproofError, match="umask did not act as requested"):
        World(gives).judge()


def test_a_held_variation_is_in_the_record() -> None:
    """What the configuration holds is not varied, and the result lists it."""
    world = World(by_name(first="1", second="1"))
    held = story.rebuild(replace(TASK, hold=("umask",)), RELEASE, IMAGE, world.effects())
    assert isinstance(held, Result)
    assert {(one.name, one.mode.value, one.acted) for one in held.variations if one.name == "umask"} == {
        ("umask", "held", False)
    }
    assert world.orders[1].environment.umask == FIRST.umask


def test_a_fault_of_the_engine_is_no_verdict() -> None:
    """It reaches the caller, who leaves the job open."""

    def gives(_order: Order) -> Build:
        raise TransientEngineError("the engine died")  # noqa: EM101, TRY003

    with pytest.raises(TransientEngineError):
        World(gives).judge()


def test_both_builds_get_one_set_of_inputs() -> None:
    """The same requirements in the same folder, two environments."""
    world = World(by_name(first="1", second="1"))
    result = world.judge()
    first, second = sorted(world.orders, key=lambda order: order.name)
    assert first.requirements == second.requirements
    assert (first.environment, second.environment) == (FIRST, SECOND)
    assert [pin.name for pin in result.build_requirements] == ["setuptools"]


def test_dynamic_requirements_are_asked_for_once_and_remembered() -> None:
    """Nothing is built before they are settled, and both builds get them."""
    world = World(by_name(first="1", second="1"), answer=("cython",))
    result = world.judge()
    assert world.noted == [("cython",)]
    assert world.locked == [("setuptools>=40.8.0",), ("setuptools>=40.8.0", "cython")]
    assert [order.ask for order in world.orders] == [True, False, False]
    assert {order.requirements for order in world.orders[1:]} == {
        Path("/envs") / Lock(result.build_requirements).digest
    }


@pytest.mark.parametrize(
    ("unanswered", "verdict"),
    [
        ({"first", "second", "control"}, Verdict.FTBFS),
        ({"first", "control"}, Verdict.SENSITIVE),
        ({"first"}, Verdict.INTRINSIC),
    ],
)
def test_where_the_question_for_requirements_fails_every_build_is_asked(unanswered: set[str], verdict: Verdict) -> None:
    """A build that was not asked would not fail as the first did, and the two would seem to disagree."""
    world = World(by_name(first="1", second="1", control="1"))

    def build(order: Order, answered: Callable[[tuple[str, ...]], None]) -> Output:
        if order.ask and order.name in unanswered:
            world.orders.append(order)
            failure = Failure(Reason.MISSING_BUILD_REQUIREMENT, Phase.REQUIREMENTS, "no list")
            return Output(replace(failed(order.name, order.environment), failure=failure), None, Path("log"))
        return world.build(order, answered)

    result = story.rebuild(TASK, RELEASE, IMAGE, replace(world.effects(), build=build))
    assert isinstance(result, Result)
    assert result.verdict is verdict
    assert all(order.ask for order in world.orders)
    assert result.failure is not None
    assert result.failure.reason is Reason.MISSING_BUILD_REQUIREMENT


def test_what_the_second_build_is_asked_for_is_settled_too() -> None:
    """Where the first got no answer, and the second asks for more than there is: both are built again."""
    world = World(by_name(first="1", second="1"), answer=("cython",))

    def build(order: Order, answered: Callable[[tuple[str, ...]], None]) -> Output:
        if order.ask and order.name == "first":
            failure = Failure(Reason.BUILD_ERROR, Phase.REQUIREMENTS, "no answer")
            return Output(replace(failed(order.name, order.environment), failure=failure), None, Path("log"))
        return world.build(order, answered)

    result = story.rebuild(TASK, RELEASE, IMAGE, replace(world.effects(), build=build))
    assert isinstance(result, Result)
    assert result.verdict is Verdict.REPRODUCIBLE
    assert world.locked[-1] == ("setuptools>=40.8.0", "cython")


@pytest.mark.parametrize("text", ["\ud800", "setuptools>=" + "9" * 5000], ids=["surrogate", "digits"])
@pytest.mark.parametrize("dynamic", [True, False])
def test_a_text_that_can_be_no_requirement_goes_no_further(text: str, *, dynamic: bool) -> None:
    """Whether the sdist has it or a build backend asked for it, it is the package's failure, and safe to write."""
    world = World(by_name(first="1", second="1"), remembered=(text,) if dynamic else ())
    described = Source(Path("x"), () if dynamic else (text,), "backend")
    result = story.rebuild(TASK, RELEASE, IMAGE, replace(world.effects(), describe=lambda *_: described))
    assert isinstance(result, Result)
    assert (result.verdict, result.reason) == (Verdict.FTBFS, "missing-build-requirement")
    assert text not in [one for wanted in world.locked for one in wanted]
    assert result.failure is not None
    result.failure.detail.encode()


def test_remembered_requirements_are_not_asked_for_again() -> None:
    """A plain name that is there anyway needs no other lock."""
    world = World(by_name(first="1", second="1"), remembered=("setuptools",))
    world.judge()
    assert [order.ask for order in world.orders] == [False, False]
    assert world.locked == [("setuptools>=40.8.0",)]


@pytest.mark.parametrize("unresolvable", ["setuptools>=40.8.0", "cython"])
def test_what_cannot_be_resolved_is_ftbfs(unresolvable: str) -> None:
    """Whether the sdist states it or the build backend."""
    result = World(by_name(first="1", second="1"), answer=("cython",), unresolvable=unresolvable).judge()
    assert (result.verdict, result.reason) == (Verdict.FTBFS, "missing-build-requirement")
    assert result.builds == ()


def test_unchanged_inputs_are_not_built_again() -> None:
    """The record that there is comes back, and the engine is left in peace."""
    for remembered in ((), None):  # None: the backend failed when it was asked, and would again
        world = World(by_name(first="1", second="1"), remembered=remembered, record=Path("record.json"))
        assert_nothing_is_built(world)


def test_where_the_verdict_alone_is_asked_for_an_explained_one_will_do() -> None:
    """But not the other way round, for that would leave it unexplained."""
    alone = replace(TASK, or_budget=EXPLAINED.budget)
    world = World(by_name(first="1", second="1"))
    jobs = {}
    for task in (EXPLAINED, alone):
        result = story.rebuild(task, RELEASE, IMAGE, world.effects())
        assert isinstance(result, Result)
        jobs[task] = result.job
    assert len(set(jobs.values())) == 2
    record = Path("record.json")

    def only(known: str) -> Callable[[str, str], Path | None]:
        return lambda _project, job: record if job == known else None

    for asked, there, found in ((alone, EXPLAINED, True), (alone, alone, True), (EXPLAINED, alone, False)):
        effects = replace(world.effects(), known=only(jobs[there]))
        assert (story.rebuild(asked, RELEASE, IMAGE, effects) == record) is found


def assert_nothing_is_built(world: World) -> None:
    """The record comes back, and no container is ordered."""
    assert story.rebuild(TASK, RELEASE, IMAGE, world.effects()) == Path("record.json")
    assert world.orders == []


@pytest.mark.parametrize(
    "other",
    [
        {"task": replace(TASK, source_date_epoch=1_600_000_000)},
        {"task": replace(TASK, hold=("umask",))},
        {"image": replace(IMAGE, manifest="n" * 64)},
        {"release": replace(RELEASE, version="1.1")},
    ],
)
def test_the_job_is_the_hash_of_its_inputs(other: dict[str, object]) -> None:
    """Another input, another job; the same ones, the same job."""
    effects = World(by_name(first="1", second="1")).effects()
    given = {"task": TASK, "release": RELEASE, "image": IMAGE}
    jobs = [story.rebuild(**(given | change), effects=effects) for change in ({}, {}, other)]  # type: ignore[arg-type]
    assert all(isinstance(job, Result) for job in jobs)
    ids = [job.job for job in jobs if isinstance(job, Result)]
    assert ids[0] == ids[1] != ids[2]


def test_a_release_without_sdist_and_one_for_another_python_are_not_built() -> None:
    """Both are verdicts; nothing runs."""
    world = World(by_name(first="1", second="1"))
    none = story.rebuild(TASK, replace(RELEASE, sdist=None), IMAGE, world.effects())
    wrong = story.rebuild(TASK, replace(RELEASE, requires_python=">=3.12"), IMAGE, world.effects())
    assert isinstance(none, Result)
    assert isinstance(wrong, Result)
    assert none.verdict is Verdict.NO_SDIST
    assert (wrong.verdict, wrong.reason) == (Verdict.FTBFS, "wrong-python")
    assert world.orders == []


# --- on two hosts ----------------------------------------------------------------------------

SPREAD = replace(TASK, spread=True)
BOTH = "; the same bytes on two processors with different flags: "


def spread(gives: Callable[[Order], Build], task: Task = SPREAD, caution: str = "") -> tuple[Result, World]:
    """Judge a task on two hosts."""
    world = World(gives)
    result = story.rebuild(task, RELEASE, IMAGE, replace(world.effects(), cpu_caution=lambda _build: caution))
    assert isinstance(result, Result)
    return result, world


def by_host(order: Order) -> Build:
    """Give a wheel that follows the host."""
    return built(order.name, order.environment, order.environment.host or "home")


def on_one_kernel(order: Order) -> Build:
    """Give one wheel, on the kernel of the job's host whatever was ordered."""
    return replace(built(order.name, order.environment, "1"), probe=_home(probe(order.environment)))


def _home(seen: Probe) -> Probe:
    home = probe(FIRST)
    return replace(seen, processor=home.processor, cpu_flags=home.cpu_flags, boot_id=home.boot_id)


def of_host(result: Result) -> list[tuple[str, bool]]:
    """Return what a record has of the variation of hosts."""
    return [(one.mode.value, one.acted) for one in result.variations if one.name == "host"]


def test_a_wheel_that_follows_the_host_is_sensitive_to_just_that() -> None:
    """The second build runs elsewhere, the control build at home; experiments that hold `host` prove it."""
    result, world = spread(by_host, replace(SPREAD, budget=Budget(builds=20, remedies=False)))
    assert (result.verdict, result.holds) == (Verdict.SENSITIVE, ("host",))
    assert of_host(result) == [("varied", True)]
    assert [(order.name, order.environment.host) for order in world.orders[:3]] == [
        ("first", ""), ("second", "second"), ("control", ""),
    ]  # fmt: skip
    assert all(order.spread for order in world.orders)
    assert result.cautions == ()
    assert result.inputs is not None
    assert result.inputs.spread


def test_without_spread_a_record_is_as_it_was() -> None:
    """No build runs elsewhere, no variation is named, and the id is the same."""
    plain, world = spread(by_name(first="1", second="1"), TASK)
    assert not any(order.environment.host or order.spread for order in world.orders)
    assert of_host(plain) == []
    assert plain.verdict is Verdict.REPRODUCIBLE
    assert spread(by_name(first="1", second="1"))[0].job != plain.job


@pytest.mark.parametrize(
    ("hidden", "evidence"),
    [
        (False, "both builds ran on the kernel with the boot id 0d8f3c52-7a51-4f0e-9c56-000000000001"),
        (True, "the boot id of the kernel of the first and the second build is not known"),
    ],
)
def test_where_no_second_host_is_shown_the_record_claims_none(*, hidden: bool, evidence: str) -> None:
    """It has a caution, and the variation did not act; the verdict is that of the builds."""

    def gives(order: Order) -> Build:
        found = on_one_kernel(order)
        assert found.probe is not None
        return replace(found, probe=replace(found.probe, boot_id="")) if hidden else found

    result, _ = spread(gives, caution="gcc -march=native")
    assert (result.verdict, of_host(result)) == (Verdict.REPRODUCIBLE, [("varied", False)])
    assert [(one.name, one.evidence) for one in result.cautions] == [
        ("depends-on-cpu", "gcc -march=native"), ("not-spread", evidence),
    ]  # fmt: skip


@pytest.mark.parametrize("way", ["hold", "remove"])
def test_a_host_that_is_not_to_be_varied_is_the_jobs_own(way: str) -> None:
    """It is recorded as held or removed, and nothing is missed."""
    task = replace(SPREAD, hold=("host",)) if way == "hold" else replace(SPREAD, remove=("host",))
    result, world = spread(by_host, task)
    assert result.verdict is Verdict.REPRODUCIBLE
    assert not any(order.environment.host for order in world.orders)
    assert (of_host(result), result.cautions) == ([("held" if way == "hold" else "removed", False)], ())


@pytest.mark.parametrize(
    ("changes", "also"),
    [
        (
            {},
            f"{BOTH}Example Processor 100X and Example Processor 200X",
        ),
        ({"cpu_flags": probe(FIRST).cpu_flags}, ""),
        ({"cpu_flags": ""}, ""),
        ({"boot_id": probe(FIRST).boot_id}, ""),
        (
            {"processor": "\x1b[1m"},
            f"{BOTH}Example Processor 100X and",
        ),
    ],
)
def test_a_caution_on_the_processor_names_two_only_if_they_differ(changes: dict[str, str], also: str) -> None:
    """It stays in any case: a third processor may differ."""

    def gives(order: Order) -> Build:
        seen = probe(order.environment)
        seen = replace(seen, **changes) if order.environment.host else seen  # type: ignore[arg-type]
        return replace(built(order.name, order.environment, "1"), probe=seen)

    result, _ = spread(gives, caution="gcc -march=native")
    evidence = next(one.evidence for one in result.cautions if one.name == "depends-on-cpu")
    assert evidence.startswith(f"gcc -march=native{also}")
    assert evidence.isprintable()
    assert bool(also) or evidence == "gcc -march=native"


def test_a_control_build_on_another_host_gives_no_verdict() -> None:
    """It would prove nothing about the environment of the first."""

    def gives(order: Order) -> Build:
        elsewhere = order.name == "control"
        seen = probe(replace(order.environment, host="second") if elsewhere else order.environment)
        return replace(built(order.name, order.environment, order.name), probe=seen)

    with pytest.raises(WheelproofError, match="host did not act as requested"):
        spread(gives)


def test_a_run_on_one_host_spreads_nothing_and_warns() -> None:
    """Only if a task asks for it; the order of tasks stays."""
    other = replace(TASK, requirement="other")
    assert spread_over((SPREAD, other), hosts=True) == ((SPREAD, other), "")
    assert spread_over((other,), hosts=False) == ((other,), "")
    tasks, warning = spread_over((SPREAD, other), hosts=False)
    assert tasks == (TASK, other)
    assert "spread is not applied" in warning
