"""Explaining, with builds that an oracle makes up: what they give follows from their environment alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.causes.catalogue import CURES as OF_CATALOGUE
from orchestrator.build import variations
from orchestrator.experiments.explain import Explained, explain
from orchestrator.experiments.outcomes import NO_HOST, NO_ORDER
from orchestrator.experiments.runner import Case, Tools
from orchestrator.model import (
    Aspect,
    Budget,
    CauseFinding,
    Diagnosis,
    Difference,
    Grounds,
    Proof,
    Reason,
    Remedied,
    RemedyOutcome,
    Severity,
    Unexplained,
    Verdict,
)
from tests.samples import ELSEWHERE, FIRST, SECOND, TASK, built, failed, probe
from tests.unit.experiments.fakes import changed_fields, digest, inside

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.model import Build, Environment, Task, WheelFile

MODES = CauseFinding("archive-modes", ("a.py",), ("umask",))
PATHS = CauseFinding("debug-path", ("a.so",), ("build-path",))
SPREAD = replace(TASK, spread=True)
CURES = {
    "archive-modes": ("fix-umask", "canonical-archive"),
    "debug-path": ("prefix-map-source", "prefix-map-folder", "fix-build-path"),
}


@dataclass
class World:
    """Wheels whose bytes are what `captures` takes from an environment."""

    captures: Callable[[Environment], object]
    fails: Callable[[Environment], bool] = lambda _environment: False
    finds: Callable[[Build, Build], Diagnosis | None] = lambda _first, _second: None
    cures: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: CURES)
    budget: Budget = Budget()
    made: list[str] = field(default_factory=list)
    ran: dict[str, Environment] = field(default_factory=dict)  # run of a recipe -> what its build saw
    alike: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def build(self, name: str, environment: Environment) -> Build:
        self.made.append(name)
        if self.fails(environment):
            return failed(name, environment)
        return built(name, environment, repr(self.captures(environment)))

    def run(self, name: str, environment: Environment, names: tuple[str, ...], expected: WheelFile | None) -> Build:
        self.ran[name] = inside(environment, names)
        found = self.build(name, self.ran[name])
        ran = replace(environment, recipe=digest(names, expected))
        return replace(found, environment=ran, probe=probe(environment))

    def diagnose(self, first: Build, second: Build, grounds: Grounds) -> Diagnosis | None:
        sides = (replace(one, environment=self.ran.get(one.name, one.environment)) for one in (first, second))
        told = self.finds(*sides)
        return told and self._on(grounds, told)

    def _on(self, grounds: Grounds, told: Diagnosis) -> Diagnosis:
        """Return what a diagnosis says on those grounds: no cause that builds have disproved."""
        able = {one: self._variations(one) - {*grounds.disproved} for one in told.causes}
        causes = (
            one if not {*one.variations} & {*grounds.disproved} else replace(one, variations=tuple(able[one]))
            for one in told.causes
            if able[one] or not one.variations
        )
        lost = {path for one in told.causes if one.variations and not able[one] for path in one.members}
        left = (Unexplained(one.path, one.aspect) for one in told.differences if one.path in lost)
        return replace(told, causes=tuple(causes), unexplained=(*told.unexplained, *left))

    def _variations(self, one: CauseFinding) -> set[str]:
        return {*one.variations, *self.alike.get(one.name, ())}

    def explain(self, verdict: Verdict = Verdict.SENSITIVE, task: Task = TASK) -> Explained:
        second = ELSEWHERE if task.spread else SECOND
        builds = (self.build("first", FIRST), self.build("second", second), self.build("control", FIRST))
        self.made.clear()
        case = Case(replace(task, budget=self.budget), "1.0", verdict, *builds)
        return explain(case, Tools(self.build, self.run, self.diagnose, self.cures, self.alike))


def modes(environment: Environment) -> object:
    """Capture what six captures."""
    return environment.umask


def native(environment: Environment) -> object:
    """Capture what MarkupSafe captures, unless the compiler maps the path."""
    mapped = "prefix-map-source" in environment.flags
    return environment.umask, "." if mapped else environment.build_path


def traced(first: Build, second: Build) -> Diagnosis:
    """Find the causes whose values differ, as erasing traces would."""
    one, two = first.environment, second.environment
    mapped = "prefix-map-source" in one.flags
    causes = [
        *([MODES] if one.umask != two.umask else []),
        *([PATHS] if one.build_path != two.build_path and not mapped else []),
    ]
    return Diagnosis(Severity.DEBUG if PATHS in causes else Severity.ARCHIVE, tuple(causes), (), ())


def modes_traced(first: Build, second: Build) -> Diagnosis:
    """Find the modes alone."""
    causes = (MODES,) if first.environment.umask != second.environment.umask else ()
    return Diagnosis(Severity.ARCHIVE, causes, (), ())


def outcomes(found: Explained) -> dict[str, str]:
    """Return the outcome of each remedy."""
    return {one.name: one.outcome.value for one in found.remedies}


def test_one_suspect_is_proven_by_one_build_and_its_remedy_by_its_text() -> None:
    """The recipe's wheel is likely the first build's, so both runs have the final text."""
    world = World(modes, finds=modes_traced)
    found = world.explain()
    assert sorted(world.made) == ["first-with-fix-umask", "second-holding-umask", "second-with-fix-umask"]
    assert found.holds == ("umask",)
    assert found.causes == (replace(MODES, proof=Proof.ISOLATED),)
    assert found.recipe == ("fix-umask",)
    assert outcomes(found) == {"fix-umask": "proven", "canonical-archive": "not-tried"}
    assert (found.severity, found.left_open) == (Severity.ARCHIVE, "")
    assert (found.builds_compared, found.flake_bound) == (5, 0.6), "those that ran the recipe count as well"
    assert [(one.build, one.hold, one.equal) for one in found.experiments] == [
        ("second-holding-umask", ("umask",), True),
        ("second-with-fix-umask", (), True),
    ]
    texts = {build.name: build.environment.recipe for build in found.builds if build.environment.recipe}
    assert found.proof == ("first-with-fix-umask", "second-with-fix-umask")
    assert texts == dict.fromkeys(found.proof, digest(["fix-umask"], found.builds[0].wheel))


def test_two_suspects_are_proven_together_and_each_alone() -> None:
    """And the map of the path is tried in both environments, under all other variations."""
    world = World(native, finds=traced)
    found = world.explain()
    assert found.holds == ("build-path", "umask")
    assert found.recipe == ("fix-umask", "prefix-map-source")
    assert all(cause_finding.proof is Proof.ISOLATED for cause_finding in found.causes)
    both = "fix-umask+prefix-map-source"
    assert world.made[3:] == [f"first-with-{both}", f"second-with-{both}"]
    assert found.proof == (world.made[3], world.made[4])
    first, second = (build.environment for build in found.builds[3:])
    assert (first.umask, second.umask) == (FIRST.umask, SECOND.umask), "the text holds it, not the farm"
    assert first.build_path != second.build_path
    assert (first.recipe, second.recipe) == (
        digest(both.split("+"), None),
        digest(both.split("+"), found.builds[3].wheel),
    )
    assert [one.remedies for one in found.experiments[-1:]] == [("fix-umask", "prefix-map-source")]


def test_a_remedy_that_makes_it_deeper_is_rejected() -> None:
    """The next one is tried; the others of the set are not blamed for it."""

    def captures(environment: Environment) -> object:
        path = "." if "prefix-map-folder" in environment.flags else environment.build_path
        return environment.umask, path, bool(environment.flags)

    def finds(first: Build, second: Build) -> Diagnosis:
        told = traced(replace(first, environment=replace(first.environment, flags=())), second)
        return replace(told, severity=Severity.CODE) if first.environment.flags else told

    found = World(captures, finds=finds).explain()
    assert found.recipe == ("fix-umask", "prefix-map-folder")
    assert (
        Remedied(
            "prefix-map-source",
            RemedyOutcome.REJECTED,
            Severity.CODE,
            "makes the difference more serious: code instead of debug-only",
        )
        in found.remedies
    )
    assert outcomes(found)["fix-umask"] == "proven"


def test_without_a_remedy_the_variation_is_held() -> None:
    """By a text, which is built like any other."""
    found = World(lambda one: (one.umask, one.build_path), finds=traced).explain()
    assert found.recipe == ("fix-build-path", "fix-umask")
    assert outcomes(found) == {
        "fix-build-path": "proven",
        "fix-umask": "proven",
        "canonical-archive": "not-tried",
        "prefix-map-source": "rejected",
        "prefix-map-folder": "rejected",
    }


@pytest.mark.parametrize("name", [name for name in variations.names(spread=False) if name != "fileordering"])
def test_without_a_trace_the_variation_is_searched(name: str) -> None:
    """Nothing is known of it but that it differs."""
    world = World(lambda one: _acts(one, name))
    found = world.explain()
    assert found.holds == (name,)
    assert found.recipe == (f"fix-{name}",)
    searched = [build for build in found.builds if not build.environment.recipe]
    assert len(searched) < 2 * len(variations.NAMES).bit_length(), "each halving takes two builds at most"
    assert found.builds_compared >= 4, "the result of a search is built twice"


def test_no_recipe_is_proven_of_the_order_of_files() -> None:
    """That holding the order helps is proven; no script can hold it."""
    found = World(lambda one: _acts(one, "fileordering")).explain()
    assert (found.holds, found.recipe, found.proof) == (("fileordering",), (), ())
    assert outcomes(found) == {"fix-fileordering": "not-tried"}
    assert found.recipe_why == NO_ORDER


def test_a_host_is_isolated_as_any_variation_and_no_recipe_holds_it() -> None:
    """Nothing is known of it but that it differs, as with instruction sets; builds on the job's own host prove it."""
    world = World(lambda one: one.host)
    found = world.explain(task=SPREAD)
    assert (found.holds, found.recipe, found.proof) == (("host",), (), ())
    assert found.recipe_why == NO_HOST
    assert outcomes(found) == {"fix-host": "not-tried"}
    builds = {build.name: build.environment.host for build in found.builds}
    ran = {one.build: one for one in found.experiments if one.build.startswith("second-holding")}
    assert {name: builds[name] for name in ran} == {
        name: "" if "host" in one.hold else "second" for name, one in ran.items()
    }
    assert {"host" in one.hold for one in ran.values()} == {True, False}


def test_a_host_and_another_variation_are_isolated_together() -> None:
    """Each is needed."""
    assert set(World(lambda one: (one.host, one.umask)).explain(task=SPREAD).holds) == {"host", "umask"}


def test_a_host_is_never_blamed_without_spread() -> None:
    """Nor is another one built on."""
    found = World(lambda one: one.umask).explain()
    assert found.holds == ("umask",)
    assert not any(build.environment.host for build in found.builds)
    assert not any("host" in one.hold for one in found.experiments)


def test_with_spread_the_recipe_of_another_cause_is_run_on_both_hosts() -> None:
    """So that it is proven there, too."""
    world = World(modes, finds=modes_traced)
    found = world.explain(task=SPREAD)
    assert (found.holds, found.recipe) == (("umask",), ("fix-umask",))
    assert {one.host for one in world.ran.values()} == {"", "second"}


def _acts(environment: Environment, name: str) -> bool:
    """Check whether that variation acts."""
    alone = variations.second_environment(FIRST, tuple(other for other in variations.NAMES if other != name))
    changed = changed_fields(name)
    if changed == ("variables",):  # several variations set some, each its own
        return not set(alone.variables).isdisjoint(environment.variables)
    return any(getattr(environment, one) != getattr(FIRST, one) for one in changed)


def test_a_wrong_trace_does_not_change_the_answer() -> None:
    """The umask is suspected, but something else does it: so the difference is not explained."""
    difference = Difference("a.py", Aspect.MODE, severity=Severity.ARCHIVE)
    told = Diagnosis(Severity.ARCHIVE, (MODES,), (), (difference,))
    world = World(lambda one: (one.hash_seed,), finds=lambda _one, _two: told)
    found = world.explain()
    assert found.holds == ("hash-seed",)
    assert (found.causes, found.unexplained) == ((), (Unexplained("a.py", Aspect.MODE, variations=("hash-seed",)),))
    assert set(found.recipe) == {"fix-hash-seed"}


def test_a_masked_cause_is_suspected_once_it_appears() -> None:
    """Another cause comes to light when the first is held."""

    def finds(first: Build, second: Build) -> Diagnosis:
        told = traced(first, second)
        return replace(told, causes=told.causes[:1])

    found = World(native, finds=finds).explain()
    assert found.holds == ("build-path", "umask")
    assert [build.name for build in found.builds if not build.environment.recipe] == [
        "second-holding-umask",
        "second-holding-build-path+umask",
        "second-holding-build-path",
    ]


def test_equal_once_and_different_once_is_intrinsic() -> None:
    """A proof by a build that another contradicts is none."""
    coin = itertools.cycle("hth")
    world = World(lambda one: "h" if one == FIRST else next(coin))
    assert world.explain().flaky


def test_a_control_build_that_was_equal_by_chance_is_detected() -> None:
    """The difference is then explained and remedied as intrinsic."""
    ticks = itertools.chain("0", "1", "0", itertools.count())  # first, second, control, and whatever is built then
    clock = CauseFinding("archive-times", ("a.py",), ("time",))
    told = Diagnosis(Severity.ARCHIVE, (clock,), (), ())
    cures = {"archive-times": ("canonical-archive",)}
    world = World(lambda one: "fixed" if one.flags else next(ticks), finds=lambda _one, _two: told, cures=cures)
    found = world.explain()
    assert found.flaky
    assert found.causes == (replace(clock, variations=(), proof=Proof.ISOLATED),)
    assert (found.holds, found.recipe) == ((), ("canonical-archive",))
    assert len(found.builds) <= 10


def test_a_budget_limits_builds_and_reports_what_is_open() -> None:
    """Nothing is claimed that was not built."""
    found = World(native, finds=traced, budget=Budget(builds=2)).explain()
    assert len(found.builds) <= 2
    assert found.holds == ()
    assert {cause_finding.proof for cause_finding in found.causes} == {Proof.TRACE}
    assert "holding build-path, umask is enough, but less may be" in found.left_open
    assert "the budget of 2 builds was spent" in found.left_open
    assert found.recipe == ()


def test_a_budget_limits_time() -> None:
    """A build that would likely exceed it is not begun."""
    found = World(native, finds=traced, budget=Budget(seconds=2)).explain()
    assert len(found.builds) <= 2
    assert "2 seconds" in found.left_open


def test_without_a_budget_nothing_is_built() -> None:
    """The traces are still reported."""
    world = World(native, finds=traced, budget=Budget(builds=0))
    found = world.explain()
    assert world.made == []
    assert [cause_finding.name for cause_finding in found.causes] == ["archive-modes", "debug-path"]


def test_remedies_can_be_left_out() -> None:
    """Causes are isolated all the same."""
    found = World(native, finds=traced, budget=Budget(remedies=False)).explain()
    assert (found.holds, found.remedies, found.recipe) == (("build-path", "umask"), (), ())


def test_a_build_that_reaches_a_limit_proves_nothing() -> None:
    """Neither that a build is like the first nor that it is not."""

    def late(name: str, environment: Environment) -> Build:
        return failed(name, environment, Reason.TIME_OUT)

    first, second, control = built("first", FIRST, "1"), built("second", SECOND, "2"), built("control", FIRST, "1")
    case = Case(TASK, "1.0", Verdict.SENSITIVE, first, second, control)
    found = explain(case, Tools(late, World(modes).run, World(modes, finds=modes_traced).diagnose, CURES))
    assert found.holds == ()
    assert "reached a limit of the farm" in found.left_open


# --- intrinsic -------------------------------------------------------------------------------


def test_an_intrinsic_difference_gets_a_few_more_builds() -> None:
    """Its cause has no variation; the others keep theirs."""
    count = itertools.count()
    itself = CauseFinding("random-id", ("a.py",), ("tmpdir",))

    def finds(first: Build, second: Build) -> Diagnosis:
        found = modes_traced(first, second)
        return replace(found, causes=(*found.causes, itself), severity=Severity.DATA)

    world = World(lambda one: (one.umask, next(count)), finds=finds)
    found = world.explain(Verdict.INTRINSIC)
    assert world.made[:2] == ["control-2", "control-3"]
    assert found.causes == (MODES, replace(itself, variations=(), proof=Proof.ISOLATED))
    assert (found.holds, found.recipe, found.builds_compared) == ((), (), 1)


def test_a_guess_that_equal_environments_do_not_show_stays_listed() -> None:
    """It looks like a random identifier in both members; builds in one environment differ in one of them alone."""
    count = itertools.count()
    places = [Unexplained(path, Aspect.CONTENT, looks_like="random-id") for path in ("a.py", "b.py")]
    guess = CauseFinding("random-id", ("a.py", "b.py"), (), Proof.POSSIBLE)
    differences = tuple(Difference(one.path, Aspect.CONTENT, severity=Severity.CODE) for one in places)

    def finds(first: Build, second: Build) -> Diagnosis:
        number = 1 if first.environment == second.environment else 2
        shown = replace(guess, members=guess.members[:number])
        return Diagnosis(Severity.CODE, (shown,), tuple(places[:number]), differences[:number])

    found = World(lambda _one: next(count), finds=finds).explain(Verdict.INTRINSIC)
    assert [(one.name, one.proof) for one in found.causes] == [("random-id", Proof.ISOLATED)]
    assert found.unexplained == (places[1],)


def test_an_intrinsic_difference_is_recognised_without_a_budget() -> None:
    """The control build shows it; nothing more is built, and no remedy is tried."""
    count = itertools.count()
    itself = CauseFinding("random-folder", ("a.py",))

    def finds(first: Build, second: Build) -> Diagnosis:
        found = modes_traced(first, second)
        same_place = first.environment == second.environment
        return replace(found, causes=(itself,), severity=Severity.CODE) if same_place else found

    world = World(lambda _one: next(count), finds=finds, budget=Budget(builds=0))
    found = world.explain(Verdict.INTRINSIC)
    assert (world.made, found.causes, found.severity) == (
        [],
        (MODES, replace(itself, proof=Proof.ISOLATED)),
        Severity.CODE,
    )
    assert (found.remedies, found.left_open) == ((), "")


def test_a_remedy_of_an_intrinsic_difference_is_run_five_times() -> None:
    """Two equal builds may be luck, and so may the run of the final text."""
    count = itertools.count()
    itself = CauseFinding("random-folder", ("a.py",))
    cures = {"random-folder": ("strip-debug",)}

    def captures(environment: Environment) -> object:
        return "fixed" if environment.flags else next(count)

    world = World(captures, finds=lambda _one, _two: Diagnosis(Severity.DATA, (itself,), (), ()), cures=cures)
    found = world.explain(Verdict.INTRINSIC)
    assert found.recipe == ("strip-debug",)
    assert len([build for build in found.builds if build.environment.recipe]) == 5


def test_luck_is_no_remedy() -> None:
    """It gave the same bytes, and then others."""
    count = itertools.count()
    flips = itertools.chain("aa", itertools.count())
    cures = {"random-folder": ("strip-debug",)}

    def captures(environment: Environment) -> object:
        return next(flips) if environment.flags else next(count)

    told = Diagnosis(Severity.DATA, (CauseFinding("random-folder", ("a.py",)),), (), ())
    found = World(captures, finds=lambda _one, _two: told, cures=cures).explain(Verdict.INTRINSIC)
    assert outcomes(found) == {"strip-debug": "rejected"}
    assert found.recipe == ()


# --- fragile ---------------------------------------------------------------------------------


def test_what_makes_a_build_fail_is_isolated() -> None:
    """By building, and it is a cause like the others; what differs besides is found as well."""

    def fails(environment: Environment) -> bool:
        return environment.home.startswith("/nonexistent")

    found = World(modes, fails=fails, finds=modes_traced).explain()
    assert found.holds == ("umask", "home")
    fragile = next(cause_finding for cause_finding in found.causes if cause_finding.name == "fragile")
    assert (fragile.variations, fragile.proof) == (("home",), Proof.ISOLATED)
    assert fragile.evidence[0].second == "it broke"
    assert set(found.recipe) == {"fix-home", "fix-umask"}


def test_a_build_that_fails_in_the_first_environment_alone_is_isolated_too() -> None:
    """Holding that variation makes the second fail as well; there is nothing to be held then."""
    found = World(modes, fails=lambda one: one.cpus == 1).explain()
    assert [(cause_finding.name, cause_finding.variations) for cause_finding in found.causes] == [
        ("fragile", ("num-cpus",))
    ]
    assert (found.holds, found.recipe) == ((), ())


def test_isolation_decides_between_causes_with_the_same_trace() -> None:
    """The order of a folder was taken for the order of a set."""
    order = CauseFinding("hash-order", ("a.py",), ("hash-seed",))
    world = World(lambda one: one.reverse_files, finds=lambda _one, _two: Diagnosis(Severity.DATA, (order,), (), ()))
    world.alike = {"hash-order": {"hash-seed": "hash-order", "fileordering": "file-order"}}
    found = world.explain()
    assert found.causes == (CauseFinding("file-order", ("a.py",), ("fileordering",), Proof.ISOLATED),)
    assert found.recipe == ()
    assert len(found.builds) <= 3


def test_a_cause_that_any_variation_can_bring_about_gets_the_one_that_did() -> None:
    """The control build was the same: so it does not come about by itself."""
    member = CauseFinding("extra-member", ("more.py",))
    told = Diagnosis(Severity.MEMBERS, (member,), (), ())
    found = World(lambda one: _acts(one, "environment"), finds=lambda _one, _two: told).explain()
    assert found.causes == (replace(member, variations=("environment",), proof=Proof.ISOLATED),)
    assert found.recipe == ("fix-environment",)


class StoppedClock(World):
    """Wheels that are other ones in each build, unless a recipe stops the clock."""

    def run(self, name: str, environment: Environment, names: tuple[str, ...], expected: WheelFile | None) -> Build:
        ran = super().run(name, environment, names, expected)
        return replace(ran, wheel=built(name, environment, "still").wheel) if "fix-time" in names else ran


@pytest.mark.parametrize(
    ("names", "unexplained", "follows"),
    [
        (("build-date",), (), True),
        (("nested-archive", "build-date"), (), True),
        (("nested-archive",), (), False),  # anything may differ in it, by chance too
        (("build-date", "random-id"), (), False),
        (("build-date",), (Unexplained("a.py", Aspect.CONTENT),), False),
    ],
)
def test_only_a_date_tells_the_clock_from_chance(
    *, names: tuple[str, ...], unexplained: tuple[Unexplained, ...], follows: bool
) -> None:
    """Each cause must be the clock's, and one of them a date; or else the verdict stays, whatever the recipe gives."""
    ticks = itertools.count()
    causes = tuple(CauseFinding(name, ("a.py",)) for name in names)
    diagnosis = Diagnosis(Severity.DATA, causes, unexplained, ())
    cures = {name: OF_CATALOGUE[name] for name in names}
    world = StoppedClock(lambda _one: next(ticks), finds=lambda _one, _two: diagnosis, cures=cures)
    found = world.explain(Verdict.INTRINSIC)
    assert (found.clock != "", found.holds) == (follows, ("time",) if follows else ())
