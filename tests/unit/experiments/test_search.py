"""The search for remedies, in worlds whose wheels differ by known defects, each removed by known remedies."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import WheelproofError
from orchestrator.experiments.outcomes import (
    AS_SET,
    BREAKS,
    EPOCH_IS_SET,
    HELD_ALREADY,
    LIMIT,
    LUCK,
    NOT_NEEDED,
    NOTHING_REPAIRS,
    ONLY_HELD,
    OTHER_BACKEND,
    OTHER_PROVEN,
    OWN_CAUSE,
    STAYS,
    UNKNOWN_LEFT,
    RemedyTrial,
    may_cost,
    why_not_tried,
)
from orchestrator.experiments.remedies import NAMES, named
from orchestrator.experiments.runner import Case, ExperimentRunner, Tools, predicted
from orchestrator.experiments.search import RemedySearch, cheaper, needed, search_remedies
from orchestrator.model import (
    Budget,
    CauseFinding,
    Diagnosis,
    ProgramAspect,
    ProgramChange,
    Proof,
    Reason,
    RemedyOutcome,
    Severity,
    Verdict,
)
from tests.samples import FIRST, SECOND, TASK, built, failed, probe
from tests.unit.experiments.fakes import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.model import Build, Environment, Grounds, WheelFile

PROVEN, COSTLY, REJECTED, NOT_TRIED = (
    RemedyOutcome.PROVEN,
    RemedyOutcome.COSTLY,
    RemedyOutcome.REJECTED,
    RemedyOutcome.NOT_TRIED,
)
COST = ProgramChange("a.so", ProgramAspect.OPTIMISATION, "-O2", "none")
HARMLESS = ProgramChange("a.so", ProgramAspect.SIZE, "26626", "26620", cost=False)


@dataclass(frozen=True)
class Defect:
    """Something that makes wheels differ, and what really removes it: any of these sets."""

    name: str
    suggested: tuple[str, ...]  # by the catalogue
    cured_by: tuple[frozenset[str], ...]
    variations: tuple[str, ...] = ()  # none: it differs by itself, in one environment
    known: bool = True  # whether a diagnosis names it

    def remains(self, names: tuple[str, ...]) -> bool:
        return not any(cure <= set(names) for cure in self.cured_by)


def defect(name: str, suggested: str, cured_by: str, variations: str = "") -> Defect:
    """Return a defect of blank-separated slugs; those of `cured_by` remove it alone, or together as A+B."""
    cures = tuple(frozenset(cure.split("+")) for cure in cured_by.split())
    return Defect(name, tuple(suggested.split()), cures, tuple(variations.split()))


@dataclass
class World:
    """One package. What a recipe gives follows from its remedies and from the environment."""

    defects: tuple[Defect, ...]
    breaks: frozenset[str] = frozenset()
    costs: frozenset[str] = frozenset()
    lucky: frozenset[str] = frozenset()  # remedies with which the first runs are equal, and no other
    luck: int = 2  # how many of them
    deepens: frozenset[str] = frozenset()
    obstacles: Mapping[str, str] = field(default_factory=dict)
    backend: str = ""
    budget: Budget = Budget(builds=200)
    epoch: int | None = None
    seconds: float = 1.0
    reason: Reason = Reason.BUILD_ERROR
    ticks: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)
    made: list[tuple[str, ...]] = field(default_factory=list)  # the remedies of each run
    names: list[str] = field(default_factory=list)
    kept: dict[str, tuple[Defect, ...]] = field(default_factory=dict)
    builds: dict[str, Build] = field(default_factory=dict)

    def wheel(self, environment: Environment, names: tuple[str, ...]) -> str:
        left = [one for one in self.defects if one.remains(names)]
        if left and self.lucky & set(names) and self.made.count(names) <= self.luck:
            return f"luck {names}"
        second = environment.build_path != FIRST.build_path
        value = [(one.name, second if one.variations else self.ticks()) for one in left]
        return repr((value, [name for name in names if may_cost(name)]))

    def run(self, name: str, environment: Environment, names: tuple[str, ...], expected: WheelFile | None) -> Build:
        self.made.append(names)
        self.kept[name] = tuple(one for one in self.defects if one.remains(names))
        ran = replace(environment, recipe=digest(names, expected))
        found = built(name, ran, self.wheel(environment, names))
        if self.breaks & set(names):
            found = failed(name, ran, self.reason)
        self.builds[name] = replace(found, seconds=self.seconds, probe=probe(environment))
        return self.builds[name]

    def diagnose(self, first: Build, _second: Build, _grounds: Grounds) -> Diagnosis:
        names = next(names for names in self.made if first.name.startswith(f"first-with-{'+'.join(names)}"))
        severity = Severity.CODE if self.deepens & set(names) else Severity.DEBUG
        return Diagnosis(severity, tuple(map(finding, filter(lambda one: one.known, self.kept[first.name]))), (), ())

    def changes(self, _first: Build, remedied: Build) -> tuple[ProgramChange, ...]:
        names = remedied.name.removeprefix("first-with-").removesuffix("-again").split("+")
        return (HARMLESS, *(COST for name in names if name in self.costs))

    def obstacle(self, names: tuple[str, ...]) -> str:
        return next((why for name, why in self.obstacles.items() if name in (names or ("",))), "")

    def search(self, holds: str = "", **effects: Callable[..., object]) -> RemedySearch:
        environment = replace(FIRST, source_date_epoch=self.epoch)
        second = replace(SECOND, source_date_epoch=self.epoch)
        itself = any(not one.variations for one in self.defects)
        first, control = built("first", environment, "1"), built("control", environment, "3" if itself else "1")
        builds = (replace(one, seconds=self.seconds) for one in (first, built("second", second, "2"), control))
        verdict = Verdict.INTRINSIC if itself else Verdict.SENSITIVE
        case = Case(replace(TASK, budget=self.budget), "1.0", verdict, *builds)  # type: ignore[arg-type]
        cures = {one.name: one.suggested for one in self.defects}
        tools = Tools(
            run=self.run,
            build=lambda name, one: built(name, one, "0"),
            diagnose=self.diagnose,
            cures=cures,
            backend=self.backend,
            changes=self.changes,
            obstacle=self.obstacle,
        )
        self.runner = ExperimentRunner(case, replace(tools, **effects))  # type: ignore[arg-type]
        causes = [finding(one) for one in self.defects if one.known]
        return search_remedies(self.runner, causes, tuple(holds.split()), Severity.DEBUG)

    @property
    def sets(self) -> list[str]:
        """The sets that were run, in their order."""
        return ["+".join(names) for names in dict.fromkeys(self.made)]


def finding(one: Defect) -> CauseFinding:
    """Return what a diagnosis says of a defect."""
    return CauseFinding(one.name, ("a.so",), one.variations, Proof.ISOLATED if one.variations else Proof.TRACE)


def outcomes(found: RemedySearch) -> dict[str, str]:
    """Return the outcome of each remedy."""
    return {one.name: one.outcome.value for one in found.remedies}


def whys(found: RemedySearch) -> dict[str, str]:
    """Return what is said of each remedy."""
    return {one.name: one.why for one in found.remedies}


MODES = defect("archive-modes", "fix-umask canonical-archive", "fix-umask canonical-archive", "umask")
PATHS = defect(
    "debug-path",
    "prefix-map-source prefix-map-folder no-debug-info strip-debug fix-build-path",
    "prefix-map-folder no-debug-info strip-debug fix-build-path",
    "build-path",
)
DATE = defect("build-date", "set-epoch fix-time", "set-epoch fix-time", "time")
NESTED = defect("nested-archive", "set-epoch fix-time fix-timezone", "fix-time")


# --- cases -----------------------------------------------------------------------------------


def test_a_date_and_a_nested_archive_get_the_clock() -> None:
    """SOURCE_DATE_EPOCH is enough for one of the two; then it is not needed."""
    world = World((NESTED, DATE))
    found = world.search()
    assert world.sets == ["set-epoch", "fix-time+set-epoch", "fix-time"]
    assert found.recipe == ("fix-time",)
    assert outcomes(found) == {"fix-time": PROVEN, "set-epoch": REJECTED, "fix-timezone": NOT_TRIED}
    assert whys(found)["set-epoch"] == STAYS
    assert whys(found)["fix-timezone"] == HELD_ALREADY.format(variation="timezone")


def test_the_epoch_is_not_tried_where_it_is_set() -> None:
    """It would change nothing."""
    world = World((NESTED, DATE), epoch=1)
    found = world.search()
    assert world.sets == ["fix-time"]
    assert whys(found)["set-epoch"] == EPOCH_IS_SET


@pytest.mark.parametrize(("backend", "recipe"), [("mesonpy", "meson-build-dir"), ("hatchling.build", "strip-debug")])
def test_only_remedies_of_the_backend_are_tried(backend: str, recipe: str) -> None:
    """The first of these first."""
    folder = defect("random-folder", "meson-build-dir strip-debug", "meson-build-dir strip-debug")
    world = World((folder,), backend=backend)
    found = world.search()
    assert (found.recipe, world.sets) == ((recipe,), [recipe])
    assert set(outcomes(found)) == {"meson-build-dir", "strip-debug"}
    other = whys(found)["strip-debug" if backend == "mesonpy" else "meson-build-dir"]
    assert other == (OTHER_PROVEN if backend == "mesonpy" else OTHER_BACKEND)


def test_only_the_choices_that_failed_advance() -> None:
    """And nothing is said to be proven but the members of the final set."""
    world = World((MODES, PATHS))
    found = world.search("build-path umask")
    assert world.sets == ["fix-umask+prefix-map-source", "fix-umask+prefix-map-folder"]
    assert found.recipe == ("fix-umask", "prefix-map-folder")
    assert outcomes(found) == {
        "fix-umask": PROVEN,
        "prefix-map-folder": PROVEN,
        "prefix-map-source": REJECTED,
        "canonical-archive": NOT_TRIED,
        "no-debug-info": NOT_TRIED,
        "strip-debug": NOT_TRIED,
        "fix-build-path": NOT_TRIED,
    }
    assert whys(found)["fix-umask"] == AS_SET.format(names="fix-umask + prefix-map-folder")
    assert whys(found)["canonical-archive"] == OTHER_PROVEN


def test_the_builds_of_the_proof_ran_one_program() -> None:
    """The second run names the wheel that both gave; the first one showed it."""
    world = World((PATHS,))
    found = world.search("build-path")
    first, second = (world.builds[name] for name in found.proof)
    assert first.wheel == second.wheel
    assert first.environment.recipe == digest(found.recipe, None)
    assert second.environment.recipe == digest(found.recipe, first.wheel)
    assert {first.environment.build_path, second.environment.build_path} == {FIRST.build_path, SECOND.build_path}


def test_a_shared_remedy_makes_the_others_superfluous() -> None:
    """Removal finds that; it is a smaller set."""
    folder = defect("random-folder", "random-seed prefix-map-folder", "prefix-map-folder", "tmpdir")
    world = World(
        (folder, replace(PATHS, cured_by=(frozenset({"prefix-map-source"}), frozenset({"prefix-map-folder"}))))
    )
    found = world.search("build-path tmpdir")
    assert found.recipe == ("prefix-map-folder",)
    assert outcomes(found)["prefix-map-source"] == REJECTED
    assert whys(found)["prefix-map-source"] == NOT_NEEDED.format(names="prefix-map-folder")


def test_of_three_remedies_a_superfluous_one_is_left_out() -> None:
    """Whichever it is."""
    for spare in range(3):
        names = ["random-seed", "no-sbom", "strip-debug"]
        cures = [names[(number + 1) % 3] if number == spare else name for number, name in enumerate(names)]
        defects = tuple(
            defect(f"cause-{number}", name, f"{name} {cure}")
            for number, (name, cure) in enumerate(zip(names, cures, strict=True))
        )
        assert len(World(defects).search().recipe) == 2


def test_a_long_build_is_not_repeated_for_a_smaller_set() -> None:
    """The set that is equal is the recipe."""
    world = World((NESTED, DATE), seconds=121, budget=Budget(builds=50, seconds=10**6))
    assert world.search().recipe == ("fix-time", "set-epoch")


def test_a_costly_set_is_replaced_by_one_that_costs_nothing() -> None:
    """Its cost is recorded all the same."""
    world = World((MODES, replace(PATHS, suggested=("no-debug-info", "strip-debug", "fix-build-path"))))
    world.costs = frozenset({"no-debug-info", "strip-debug"})
    found = world.search("build-path umask")
    assert found.recipe == ("fix-build-path", "fix-umask")
    by_name = {one.name: one for one in found.remedies}
    assert by_name["no-debug-info"].outcome is COSTLY
    assert by_name["no-debug-info"].changes == (HARMLESS, COST)
    assert "optimisation of a.so: -O2 -> none" in by_name["no-debug-info"].why
    assert by_name["fix-umask"].outcome is PROVEN
    assert by_name["fix-umask"].changes == (HARMLESS,)
    assert found.why == ""


def test_without_another_the_costly_set_is_the_recipe() -> None:
    """The member that costs nothing is proven."""
    world = World((MODES, replace(PATHS, cured_by=(frozenset({"strip-debug"}),))), costs=frozenset({"strip-debug"}))
    found = world.search("build-path umask")
    assert found.recipe == ("fix-umask", "strip-debug")
    assert (outcomes(found)["fix-umask"], outcomes(found)["strip-debug"]) == (PROVEN, COSTLY)
    assert outcomes(found)["fix-build-path"] == REJECTED
    assert found.why.startswith("gives equal bytes, at a cost")


def test_of_two_costly_sets_the_one_with_fewer_costs_is_kept() -> None:
    """The former, if both cost as much."""
    little, much = (RemedyTrial((name,), equal=True, changes=(COST,) * count) for count, name in ((1, "a"), (2, "b")))
    assert cheaper(None, much) is much
    assert cheaper(much, little) is cheaper(little, much) is little
    assert cheaper(little, replace(little, names=("c",))) is little


@pytest.mark.parametrize(
    ("names", "verdict", "expected"),
    [
        (("fix-umask",), Verdict.SENSITIVE, True),
        (("fix-umask", "fix-hash-seed"), Verdict.SENSITIVE, True),
        (("fix-umask",), Verdict.INTRINSIC, False),
        (("fix-timezone", "fix-umask"), Verdict.SENSITIVE, False),
        (("fix-umask", "prefix-map-source"), Verdict.SENSITIVE, False),
    ],
)
def test_the_wheel_of_a_recipe_may_be_predicted(names: tuple[str, ...], verdict: Verdict, *, expected: bool) -> None:
    """It is the first build's, where the recipe has the same values."""
    first = built("first", FIRST, "1")
    case = Case(TASK, "1.0", verdict, first, built("second", SECOND, "2"), first)
    assert predicted(names, case) == (first.wheel if expected else None)


def test_a_wrong_prediction_costs_two_more_runs() -> None:
    """The text named another wheel in both environments, so the one that names the right wheel is run in both."""
    world = World((MODES,))
    found = world.search("umask")
    assert len(world.made) == 4
    assert found.proof == ("first-with-fix-umask-again", "second-with-fix-umask-again")
    checked(world, found)


def test_a_broken_build_blames_what_does_more_than_hold() -> None:
    """The other causes keep their choice; only what can break a build advances."""
    world = World((MODES, PATHS), breaks=frozenset({"prefix-map-source", "prefix-map-folder"}))
    found = world.search("build-path umask")
    assert found.recipe == ("fix-umask", "no-debug-info")
    assert whys(found)["prefix-map-folder"] == BREAKS
    assert Counter(world.made)["fix-umask", "prefix-map-folder"] == 1, "the second environment is not needed to see it"


def test_a_limit_of_the_farm_proves_nothing() -> None:
    """It is said as it is."""
    world = World((PATHS,), breaks=frozenset({"prefix-map-source"}), reason=Reason.TIME_OUT)
    assert whys(world.search("build-path"))["prefix-map-source"] == LIMIT


def test_of_two_that_may_have_broken_it_each_is_replaced() -> None:
    """The set without the guilty one is found, whichever it is."""
    one = defect("cause-1", "random-seed no-sbom", "random-seed no-sbom")
    two = defect("cause-2", "strip-debug canonical-archive", "strip-debug canonical-archive")
    assert World((one, two), breaks=frozenset({"random-seed"})).search().recipe == ("no-sbom", "strip-debug")
    assert World((one, two), breaks=frozenset({"strip-debug"})).search().recipe == ("random-seed", "canonical-archive")
    both = World((one, two), breaks=frozenset({"random-seed", "strip-debug"}))
    assert both.search().recipe == ("no-sbom", "canonical-archive")


@pytest.mark.parametrize("luck", [2, 3, 4])
def test_luck_is_rejected(luck: int) -> None:
    """The final text gave another wheel; where builds differ by chance, it runs twice in each environment."""
    folder = defect("random-folder", "random-seed strip-debug", "strip-debug")
    world = World((folder,), lucky=frozenset({"random-seed"}), luck=luck)
    found = world.search()
    assert found.recipe == ("strip-debug",)
    assert whys(found)["random-seed"] == LUCK


def test_a_cause_that_has_no_choice_left_does_not_end_the_search() -> None:
    """The next choice of another cause removes it as well."""
    one = defect("cause-1", "random-seed", "canonical-archive")
    two = defect("cause-2", "strip-debug canonical-archive", "canonical-archive")
    world = World((one, two))
    assert world.search().recipe == ("canonical-archive",)


def test_what_comes_to_light_gets_its_own_remedies() -> None:
    """Its first choice first."""
    hidden = replace(defect("archive-order", "strip-debug canonical-archive", "strip-debug"), known=False)
    world = World((MODES, hidden))

    def diagnose(first: Build, _second: Build, _grounds: Grounds) -> Diagnosis:
        return Diagnosis(Severity.DEBUG, tuple(map(finding, world.kept[first.name])), (), ())

    found = world.search(diagnose=diagnose)
    assert world.sets[:2] == ["fix-umask", "fix-umask+strip-debug"]
    assert found.recipe == ("fix-umask", "strip-debug")


def test_a_cause_that_nothing_repairs_is_named() -> None:
    """No choice of another cause is tried in vain."""
    world = World((MODES, defect("random-id", "", "")))
    found = world.search()
    assert (world.sets, found.recipe) == (["fix-umask"], ())
    assert whys(found) == {
        "fix-umask": OWN_CAUSE.format(left="random-id"),
        "canonical-archive": NOTHING_REPAIRS.format(left="random-id"),
    }
    assert outcomes(found) == {"fix-umask": REJECTED, "canonical-archive": NOT_TRIED}
    assert found.why == NOTHING_REPAIRS.format(left="random-id")


def test_what_is_not_explained_is_not_removed() -> None:
    """All choices are tried; the reason is true."""
    world = World((MODES, replace(defect("?", "", ""), known=False)))
    found = world.search()
    assert world.sets == ["fix-umask", "canonical-archive"]
    assert set(outcomes(found).values()) == {REJECTED}
    assert found.why == UNKNOWN_LEFT


def test_a_text_that_does_not_hold_what_the_farm_held_is_rejected() -> None:
    """That the farm's own builds were equal is no proof of the recipe."""
    world = World((defect("archive-modes", "fix-umask", "", "umask"),))
    found = world.search("umask")
    assert (found.recipe, found.proof) == ((), ())
    assert [(one.outcome, one.why) for one in found.remedies] == [(REJECTED, ONLY_HELD)]
    assert found.why == ONLY_HELD


def test_what_isolation_has_proven_is_tried_in_the_end() -> None:
    """Even if no plan had just that set."""
    both = "fix-umask+fix-build-path"
    modes = defect("archive-modes", "fix-umask canonical-archive", f"{both} canonical-archive", "umask")
    paths = defect("debug-path", "prefix-map-source", "fix-build-path", "build-path")
    world = World((modes, paths, replace(defect("?", "", both), known=False, variations=("umask",))))
    found = world.search("build-path umask")
    assert world.sets[:2] == ["fix-umask+prefix-map-source", "fix-build-path+canonical-archive"]
    assert world.sets[-1] == "fix-build-path+fix-umask"
    assert found.recipe == ("fix-build-path", "fix-umask")


def test_without_a_recipe_nothing_is_run() -> None:
    """Each remedy has the reason why none can be written."""
    world = World((MODES,), obstacles={"": "a pin was built here"})
    found = world.search("umask")
    assert (world.made, found.recipe) == ([], ())
    assert set(whys(found).values()) == {"a pin was built here"} == {found.why}


def test_a_remedy_that_cannot_be_written_is_passed_over() -> None:
    """The next choice is tried."""
    world = World((PATHS,), obstacles={"prefix-map-source": "no compiler", "prefix-map-folder": "no compiler"})
    found = world.search("build-path")
    assert found.recipe == ("no-debug-info",)
    assert whys(found)["prefix-map-folder"] == "no compiler"


def test_only_remedies_that_are_suggested_are_asked_about() -> None:
    """To ask may take a look at the index."""
    asked: set[str] = set()
    world = World((MODES,))

    def obstacle(names: tuple[str, ...]) -> str:
        asked.update(names)
        return ""

    world.search("umask", obstacle=obstacle)
    assert asked == {"fix-umask", "canonical-archive"}


def test_a_pair_that_cannot_be_written_is_passed_over() -> None:
    """Although each of the two can."""
    world = World((MODES, PATHS))

    def obstacle(names: tuple[str, ...]) -> str:
        return "not both" if len(names) > 1 and "prefix-map-folder" in names else ""

    found = world.search("build-path umask", obstacle=obstacle)
    assert found.recipe == ("fix-umask", "no-debug-info")
    assert whys(found)["prefix-map-folder"] == "not both"


def test_a_deeper_difference_rejects_what_caused_it() -> None:
    """As before."""
    world = World((MODES, PATHS), deepens=frozenset({"prefix-map-source"}))
    found = world.search("build-path umask")
    assert found.recipe == ("fix-umask", "prefix-map-folder")
    assert whys(found)["prefix-map-source"].startswith("makes the difference more serious")


def test_two_runs_of_one_text_have_one_digest() -> None:
    """Otherwise the farm is at fault, not the package."""
    world = World((MODES,))

    def run(name: str, environment: Environment, names: tuple[str, ...], _expected: WheelFile | None) -> Build:
        return world.run(name, environment, names, built(name, environment, name).wheel)

    with pytest.raises(WheelproofError, match="different texts"):
        world.search("umask", run=run)


def test_a_variation_that_did_not_act_ends_the_job() -> None:
    """A proof needs environments that differ."""
    world = World((MODES,))

    def run(name: str, environment: Environment, names: tuple[str, ...], expected: WheelFile | None) -> Build:
        return replace(world.run(name, environment, names, expected), probe=probe(FIRST))

    with pytest.raises(WheelproofError, match="did not act"):
        world.search("umask", run=run)


# --- budgets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("builds", range(30))
def test_a_budget_may_end_the_search_at_any_point(builds: int) -> None:
    """What is said is true: no build too many, nothing proven that was not, and the budget is named."""
    world = World((NESTED, DATE, replace(PATHS, variations=())), budget=Budget(builds=builds))
    found = world.search()
    assert len(world.made) <= builds
    checked(world, found)
    if not found.recipe:
        assert found.why.startswith(f"the budget of {builds} builds")
        assert any(one.outcome is NOT_TRIED and "the budget of" in one.why for one in found.remedies)
    if "was spent" in found.why:
        assert len(world.made) == builds


def test_a_budget_of_time_counts_runs_as_well() -> None:
    """None is begun that would exceed it."""
    world = World((PATHS,), seconds=100, budget=Budget(builds=50, seconds=350))
    found = world.search("build-path")
    assert (len(world.made), found.recipe) == (3, ())
    assert found.why == "the budget of 350 seconds was not enough for another build"


def test_equal_bytes_without_the_final_text_are_not_proven() -> None:
    """It says what was seen."""
    world = World((replace(PATHS, suggested=("strip-debug",), variations=()),), budget=Budget(builds=2))
    found = world.search()
    assert found.recipe == ()
    assert outcomes(found)["strip-debug"] == NOT_TRIED
    assert whys(found)["strip-debug"].startswith("gives equal bytes in two runs, but its final text was not run")


# --- any world -------------------------------------------------------------------------------

FEW = (
    "fix-umask",
    "fix-time",
    "set-epoch",
    "random-seed",
    "no-debug-info",
    "no-sbom",
    "strip-debug",
    "canonical-archive",
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a package of up to four defects."""
    defects = []
    for number in range(draw(st.integers(1, 4))):
        suggested = draw(st.lists(st.sampled_from(FEW), max_size=4, unique=True))
        cures = draw(st.lists(st.sampled_from(FEW), max_size=3, unique=True))
        variations = draw(st.sampled_from([(), ("umask",), ("time",), ("hash-seed", "umask")]))
        cured_by = (
            *(frozenset({cure}) for cure in cures),
            *([frozenset({f"fix-{name}" for name in variations})] * bool(variations)),
        )
        defects.append(
            Defect(f"cause-{number}", tuple(suggested), cured_by, variations, draw(st.booleans()) or not number)
        )
    few = st.frozensets(st.sampled_from(["random-seed", "no-debug-info", "no-sbom", "strip-debug"]), max_size=2)
    budget = Budget(builds=draw(st.sampled_from([0, 1, 2, 3, 5, 8, 24, 200])))
    return World(tuple(defects), draw(few), draw(few), budget=budget)


def checked(world: World, found: RemedySearch) -> None:
    """Check that all that is claimed is true."""
    for one in found.remedies:
        ran = any(one.name in names for names in world.made)
        assert (one.outcome in (PROVEN, COSTLY)) <= ran
        assert (one.outcome is REJECTED) <= ran, one
        assert (one.outcome is PROVEN) <= (one.name in found.recipe)
        assert bool(one.why) or (one.outcome is PROVEN and len(found.recipe) == 1)
    assert bool(found.recipe) == bool(found.proof)
    assert len({build.name for build in world.runner.builds}) == len(world.runner.builds), "each build has its own name"
    if found.recipe:
        assert not [one for one in world.defects if one.remains(found.recipe)]
        first, second = (world.builds[name] for name in found.proof)
        texts = {first.environment.recipe, second.environment.recipe}
        named, unnamed = digest(found.recipe, first.wheel), digest(found.recipe, None)
        assert named in texts <= {named, unnamed}
        assert first.wheel == second.wheel
        assert {one.name for one in found.remedies if one.outcome in (PROVEN, COSTLY)} >= set(found.recipe)
    else:
        assert found.why
    if "was spent" in found.why:
        assert len(world.made) == world.budget.builds
    assert len(world.made) <= world.budget.builds


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_in_any_world_all_claims_are_true(world: World) -> None:
    """Of recipes, of remedies, and of what was not tried."""
    checked(world, world.search())


@st.composite
def repairable(draw: st.DrawFn) -> World:
    """Draw a package whose causes each suggest a remedy that works."""
    defects = []
    for number in range(draw(st.integers(1, 4))):
        suggested = draw(st.lists(st.sampled_from(FEW[1:]), min_size=1, max_size=4, unique=True))
        more = draw(st.lists(st.sampled_from(FEW), max_size=2))
        cures = {*more, draw(st.sampled_from(suggested))}
        defects.append(Defect(f"cause-{number}", tuple(suggested), tuple(frozenset({cure}) for cure in sorted(cures))))
    return World(tuple(defects))


@given(repairable())
@settings(max_examples=150, deadline=None)
def test_if_each_cause_has_a_remedy_that_works_a_recipe_is_found(world: World) -> None:
    """And no remedy of it can be left out."""
    found = world.search()
    checked(world, found)
    assert found.recipe
    for name in found.recipe:
        rest = tuple(other for other in found.recipe if other != name)
        assert any(one.remains(rest) for one in world.defects)


@given(repairable(), st.frozensets(st.sampled_from(FEW[3:]), max_size=2), st.frozensets(st.sampled_from(FEW[3:])))
@settings(max_examples=150, deadline=None)
def test_what_breaks_or_costs_is_avoided_where_a_choice_is_left(
    world: World, breaks: frozenset[str], costs: frozenset[str]
) -> None:
    """The recipe is costly only if every set of choices that works is."""
    world.breaks, world.costs = breaks, costs
    found = world.search()
    checked(world, found)
    working = [[name for name in one.suggested if not one.remains((name,))] for one in world.defects]
    free = all(set(names) - breaks - costs for names in working)
    if free:
        assert found.recipe
        assert not costs & set(found.recipe)


# --- sentences -------------------------------------------------------------------------------


@pytest.mark.parametrize("useless", ["", "useless"])
@pytest.mark.parametrize("obstacle", ["", "obstacle"])
@pytest.mark.parametrize("proven", [False, True])
@pytest.mark.parametrize("costly", [False, True])
@pytest.mark.parametrize("spent", ["", "spent"])
@pytest.mark.parametrize("left", [(), ("random-id",)])
def test_why_a_remedy_was_not_tried(
    useless: str, obstacle: str, spent: str, left: tuple[str, ...], *, proven: bool, costly: bool
) -> None:
    """The reason of the remedy itself comes first, and the budget only where it was spent in vain."""
    why = why_not_tried(useless=useless, obstacle=obstacle, proven=proven, costly=costly, spent=spent, left=left)
    assert why
    assert (why == "useless") is bool(useless)
    assert (why == "obstacle") is (bool(obstacle) and not useless)
    if useless or obstacle:
        return
    assert (why == OTHER_PROVEN) is (proven and not (costly and spent))
    assert (why == "spent") is (bool(spent) and (costly or not proven))
    assert (why == NOTHING_REPAIRS.format(left="random-id")) is (not proven and not spent and bool(left))
    assert (why == UNKNOWN_LEFT) is (not proven and not spent and not left)


@pytest.mark.parametrize(
    ("name", "rest", "expected"),
    [
        ("fix-umask", ("prefix-map-source",), True),
        ("fix-umask", ("canonical-archive",), False),  # which removes the modes as well
        ("prefix-map-source", ("fix-umask",), True),  # isolation: the umask alone is not enough
        ("prefix-map-source", ("fix-build-path", "fix-umask"), False),
        ("canonical-archive", ("prefix-map-source",), False),
        ("fix-home", ("fix-umask", "fix-build-path"), False),
    ],
)
def test_isolation_has_shown_what_is_needed(name: str, rest: tuple[str, ...], *, expected: bool) -> None:
    """So that it is not built again."""
    cures = {one.name: one.suggested for one in (MODES, PATHS)}
    assert needed(name, rest, [finding(MODES), finding(PATHS)], ("build-path", "umask"), cures) is expected
    if not named(name).variation:
        assert not needed(name, rest, [], (), cures)


def test_what_holds_a_variation_or_sets_a_date_costs_nothing() -> None:
    """All others may."""
    assert {name for name in NAMES if not may_cost(name)} == {
        *(name for name in NAMES if name.startswith("fix-")),
        "set-epoch",
    }
