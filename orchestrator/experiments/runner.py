"""Run experiments: build what is requested, within the budget, and record it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.build import variations
from orchestrator.errors import WheelproofError
from orchestrator.experiments.remedies import held_by, named, remedied
from orchestrator.model import NO_GROUNDS, Experiment, RecipeForm, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from orchestrator.model import (
        Budget,
        Build,
        Diagnosis,
        Difference,
        Environment,
        Grounds,
        ProgramChange,
        Task,
        Variant,
        WheelFile,
    )

AT_ONCE = 2
"""How many builds of one job are requested at once; each waits for a free processor."""

CHEAP = 120
"""Seconds: a build that takes longer is not repeated just to learn a rate or to find a smaller set."""

_AS_FIRST = frozenset({"fix-umask", "fix-locales", "fix-hash-seed", "fix-num-cpus"})
"""Remedies that give the value that the first build has, so that its wheel is likely the recipe's."""


def _none(_first: Build, _remedied: Build) -> tuple[ProgramChange, ...]:
    return ()


def _writable(_names: tuple[str, ...]) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Tools:
    """The effects that explaining needs."""

    build: Callable[[str, Environment], Build]  # the build's name, and its environment
    # The build's name, its environment, the remedies of the recipe to run there, and the wheel that it expects.
    run: Callable[[str, Environment, tuple[str, ...], WheelFile | None], Build]
    diagnose: Callable[[Build, Build, Grounds], Diagnosis | None]  # None where the wheels cannot be read
    cures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # cause -> its remedies, the gentlest first
    alike: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # causes of one trace -> variation -> cause
    backend: str = ""  # the build backend's module, as pyproject.toml names it
    changes: Callable[[Build, Build], tuple[ProgramChange, ...]] = _none  # the first build, and the remedied one
    obstacle: Callable[[tuple[str, ...]], str] = _writable  # why no recipe has these remedies; empty: one can


@dataclass(frozen=True, slots=True)
class Case:
    """Two builds of one release that differ, and what a third one in the first environment shows of them."""

    task: Task
    version: str
    verdict: Verdict | None  # sensitive or intrinsic; None: not known yet
    first: Build
    second: Build
    control: Build | None = None  # None: it was not built
    differences: tuple[Difference, ...] = ()  # of the first two, as they were compared

    @property
    def builds(self) -> tuple[Build, ...]:
        """The builds that were made before any experiment."""
        return (self.first, self.second, *((self.control,) if self.control else ()))

    @property
    def seconds(self) -> float:
        """What one of its builds takes at most, in seconds of real time."""
        return max(build.seconds for build in self.builds)

    @property
    def unvaried(self) -> tuple[str, ...]:
        """The variations that the configuration holds or removes."""
        return self.task.unvaried

    @property
    def names(self) -> tuple[str, ...]:
        """The variations that were varied, in the catalogue's order."""
        return tuple(name for name in variations.names(spread=self.task.spread) if name not in self.unvaried)

    def held(self, names: Iterable[str]) -> Environment:
        """Return the second environment with those variations held as well."""
        return variations.second_environment(self.first.environment, (*self.unvaried, *names), spread=self.task.spread)

    def look(self, first: Build, second: Build, held: Iterable[str]) -> None:
        """Check by the probes of two builds that all variations act between them, except those that are held.

        Raises
        ------
        WheelproofError
            A variation did not act as requested.

        """
        if first.probe and second.probe:
            hold = (*self.task.hold, *held)
            insist(variations.variants(first.probe, second.probe, hold, self.task.remove, spread=self.task.spread))


def same(first: Build, second: Build) -> bool:
    """Check whether two builds gave the same bytes under the same name."""
    return (
        first.wheel is not None
        and second.wheel is not None
        and (first.wheel.sha256, first.wheel.filename) == (second.wheel.sha256, second.wheel.filename)
    )


@dataclass(frozen=True, slots=True)
class RecipeRuns:
    """The builds that ran a recipe in both environments."""

    first: Build
    second: Build | None = None  # None: it was not run, because the first failed
    final: tuple[Build, Build] | None = None  # one program; the text of one of them at least names the wheel of both
    refusal: str = ""  # why the final text was not run

    @property
    def equal(self) -> bool:
        """Whether the recipe gave the same bytes in both environments."""
        return self.second is not None and same(self.first, self.second)

    @property
    def proven(self) -> bool:
        """Whether one text gave one wheel in both environments, and knew its hash in at least one of them."""
        return self.final is not None and all(same(self.first, build) for build in self.final)


def predicted(names: Iterable[str], case: Case) -> WheelFile | None:
    """Return the wheel that a recipe will likely give: the first build's, if the remedies keep its values.

    None: it cannot be predicted, or builds in one environment differ, so that a third run is wanted anyway.
    """
    keeps = _AS_FIRST.issuperset(names) and case.verdict is not Verdict.INTRINSIC
    return case.first.wheel if keeps else None


def kept_equal(names: Iterable[str]) -> tuple[str, ...]:
    """Return the variations that both environments of a recipe share, because no script can hold them."""
    found = (remedy for remedy in map(named, names) if remedy.written.check or remedy.written.note)
    return tuple(sorted(remedy.variation for remedy in found if remedy.variation))


def insist(seen: tuple[Variant, ...]) -> None:
    """Raise WheelproofError if a variation did not act as requested."""
    if wrong := variations.disobeyed(seen):
        msg = (
            f"checking the two environments: {', '.join(wrong)} did not act as requested; "
            "use an image and an engine that support it, or name it under variations: remove"
        )
        raise WheelproofError(msg)


def unaffordable(budget: Budget, builds: int, seconds: float, count: int, each: float) -> str:
    """Return why a budget allows no `count` more builds of `each` seconds; empty: it allows them."""
    if not count:
        return ""
    if builds >= budget.builds:
        return f"the budget of {budget.builds} builds was spent"
    if builds + count > budget.builds:
        return f"the budget of {budget.builds} builds left {budget.builds - builds}, too few for the next step"
    if seconds + count * each > budget.seconds:
        return f"the budget of {budget.seconds} seconds was not enough for another build"
    return ""


class ExperimentRunner:
    """Builds what is requested, within the budget, and nothing twice unless it is requested again."""

    def __init__(self, case: Case, tools: Tools) -> None:
        """Begin with the builds of the case."""
        self.case = case
        self.tools = tools
        self.builds: list[Build] = []  # all builds of this runner, in their order
        self.experiments: list[Experiment] = []
        self.refused: dict[str, None] = {}  # why something was not built, in order
        self.refusal = ""  # why the last request was not built
        self._plain = [case.first, case.second]  # without remedies
        self._known = {case.second.environment: case.second}
        self.enough: set[frozenset[str]] = set()  # variations that a recipe held, which then gave the first's bytes
        self._remedied: dict[tuple[str, ...], RecipeRuns] = {}
        self._confirmed: dict[tuple[str, ...], RecipeRuns] = {}  # the same, where builds in one environment differ
        self._seconds = 0.0
        if case.control is not None:
            self._add_control(case.control)

    def judge(self, verdict: Verdict, control: Build | None = None) -> None:
        """Go on with a verdict, and with the control build that shows it, if there is one."""
        self.case = replace(self.case, verdict=verdict, control=control)
        if control is not None:
            self._add_control(control)

    def _add_control(self, control: Build) -> None:
        self._plain.append(control)
        self._known[self.case.first.environment] = control

    def hold(self, sets: Sequence[frozenset[str]], *, again: bool = False) -> tuple[Build, ...] | None:
        """Build in the second environment, each time with one of those sets held; None where the budget is spent."""
        names = [f"{_holding(held)}{self._times(held) if again else ''}" for held in sets]
        wanted = [(name, self.case.held(held), held) for name, held in zip(names, sets, strict=True)]
        builds = self._make(wanted, again=again)
        for held, build in zip(sets, builds or (), strict=False):
            if build in self.builds:
                self._note(build, self.case.first, held, ())
        return builds

    def _times(self, held: frozenset[str]) -> str:
        """Return the ending that makes the name of one more build of the same set unique."""
        return f"-again-{sum(build.name.startswith(_holding(held)) for build in self.builds)}"

    def repeat(self, count: int) -> tuple[Build, ...] | None:
        """Build in the first environment again, that many times; None where the budget is spent."""
        everything = frozenset(self.case.names)
        control = (self.case.control,) if self.case.control else ()
        begun = len({build.name for build in (*self.builds, *control) if build.name.startswith("control")})
        names = ("control" if number == 1 else f"control-{number}" for number in range(begun + 1, begun + count + 1))
        wanted = [(name, self.case.first.environment, everything) for name in names]
        builds = self._make(wanted, again=True)
        for build in builds or ():
            self._note(build, self.case.first, everything, ())
        return builds

    def remedy(self, names: tuple[str, ...]) -> RecipeRuns | None:
        """Run the recipe with those remedies in both environments; None where the budget is spent.

        Two runs are enough: the last one has the text that names the wheel, and the other ran the same program. If
        the wheel can be predicted, both have that text, and run at once. Where builds in one environment differ,
        both run it again, and once more, as far as the budget allows.

        Raises
        ------
        WheelproofError
            A variation did not act, or two runs of one text had different texts.

        """
        if names not in self._remedied:
            runs = self._remedy(names)
            if runs is None or runs.refusal:  # the budget may allow a part of it later
                return runs
            self._remedied[names] = runs
        if self.case.verdict is Verdict.INTRINSIC and names not in self._confirmed:
            self._confirmed[names] = self._confirm(names, self._remedied[names])
        return self._confirmed.get(names) or self._remedied[names]

    def held(self, names: tuple[str, ...]) -> Build | None:
        """Return the build without a recipe that shows what those remedies give, if no run of the recipe is asked for.

        It held just what they hold, with the values that the recipe has, and gave the first build's bytes.
        """
        asked = RecipeForm.SH in self.case.task.budget.recipes
        if asked or predicted(names, self.case) is None:
            return None
        build = self._known.get(self.case.held(held_by(names)))
        return build if build is not None and same(self.case.first, build) else None

    def _remedy(self, names: tuple[str, ...]) -> RecipeRuns | None:
        expected = predicted(names, self.case)
        if expected is None:
            return self._remedy_in_turn(names)
        builds = self._run(names, ("first", "second"), expected)
        if builds is None:
            return None
        first, second = builds
        if not same(first, second):
            return RecipeRuns(first, second)
        if same(first, self.case.first):
            return self._finally(RecipeRuns(first, second), builds)
        final = self._run(names, ("first", "second"), first.wheel, "-again")
        return self._finally(RecipeRuns(first, second), final)

    def _remedy_in_turn(self, names: tuple[str, ...]) -> RecipeRuns | None:
        """Run the recipe in the first environment, and then in the second with the hash of the first one's wheel."""
        begun = self._run(names, ("first",), None)
        if begun is None:
            return None
        first = begun[0]
        if first.wheel is None:
            self._note(first, self.case.first, frozenset(kept_equal(names)), names)
            return RecipeRuns(first)
        rest = self._run(names, ("second",), first.wheel, first=first)
        if rest is None:
            return RecipeRuns(first, refusal=self.refusal)
        second = rest[0]
        if not same(first, second) or self.case.verdict is not Verdict.INTRINSIC:
            return RecipeRuns(first, second, final=(first, second) if same(first, second) else None)
        again = self._run(names, ("first",), first.wheel, "-again", first=second)
        return self._finally(RecipeRuns(first, second), again and (again[0], second))

    def _confirm(self, names: tuple[str, ...], runs: RecipeRuns) -> RecipeRuns:
        """Run the final text once more in both environments, where chance may have made its builds equal."""
        if not runs.proven:
            return runs
        more = self._run(names, ("first", "second"), runs.first.wheel, "-once-more")
        if more is None or all(same(runs.first, build) for build in more):
            return runs
        return replace(runs, final=(more[0], more[1]))

    def _finally(self, runs: RecipeRuns, final: Sequence[Build] | None) -> RecipeRuns:
        """Add the runs of the final text."""
        if final is None:
            return replace(runs, refusal=self.refusal)
        first, second = final
        if first.environment.recipe != second.environment.recipe:
            msg = f"running one recipe twice: {first.name} and {second.name} had different texts; report this as a bug"
            raise WheelproofError(msg)
        return replace(runs, final=(first, second))

    def _run(
        self,
        names: tuple[str, ...],
        sides: Sequence[str],
        expected: WheelFile | None,
        ending: str = "",
        *,
        first: Build | None = None,
    ) -> tuple[Build, ...] | None:
        """Run one text in some environments at once; compare the builds with `first`, or else with each other."""
        if not self._affords(len(sides)):
            return None
        held = kept_equal(names)
        wanted = [(f"{side}-with-{'+'.join(names)}{ending}", self._environment(side, names)) for side in sides]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            builds = tuple(pool.map(lambda order: self.tools.run(order[0], order[1], names, expected), wanted))
        self.builds += builds
        self._seconds += sum(build.seconds for build in builds)
        against, build = (first, builds[0]) if len(builds) == 1 else builds
        if against is not None:
            self._look_at_runs(against, build, held, sides)
            self._note(build, against, frozenset(held), names)
        return builds

    def _environment(self, side: str, names: tuple[str, ...]) -> Environment:
        """Return the environment in which a recipe runs, on that side."""
        plain = self.case.first.environment if side == "first" else self.case.held(kept_equal(names))
        return remedied(plain, names, self.case.version)

    def _look_at_runs(self, first: Build, second: Build, held: Sequence[str], sides: Sequence[str]) -> None:
        """Check that all variations act between the two environments, except those that both share."""
        pair = (first, second) if sides[-1] == "second" else (second, first)
        self.case.look(*pair, held)

    def acting(self, holds: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return, for each member that differs, the proven variations without which it has the first build's bytes.

        Isolation has built with all of them held but one; what differs there is due to that one. Where no such
        build can be compared, nothing is said of any member.
        """
        found: dict[str, list[str]] = {}
        for name in holds:
            paths = self._due_to(name, frozenset(holds) - {name})
            if paths is None:
                return ()
            for path in paths:
                found.setdefault(path, []).append(name)
        return tuple((path, tuple(names)) for path, names in found.items())

    def _due_to(self, name: str, others: frozenset[str]) -> frozenset[str] | None:
        """Return the members that differ when all but one of the proven variations are held; None if unknown."""
        builds = {build.name: build for build in self._plain}
        for experiment in self._held_all_but(name, others):
            build = builds.get(experiment)
            if build is not None and build.wheel is not None and not same(self.case.first, build):
                diagnosis = self.tools.diagnose(self.case.first, build, NO_GROUNDS)
                paths = (one.path for one in diagnosis.differences if not one.consequence) if diagnosis else None
                return None if paths is None else frozenset(paths)
        return None

    def _held_all_but(self, name: str, others: frozenset[str]) -> list[str]:
        """Name the builds that held the others, those that held the most first; the second build held nothing."""
        held = [(one.build, frozenset(one.hold)) for one in self.experiments if not one.remedies]
        found = [(build, hold) for build, hold in held if others <= hold and name not in hold]
        ranked = [build for build, _ in sorted(found, key=lambda pair: -len(pair[1]))]
        return ranked if others else [*ranked, self.case.second.name]

    def is_doubtful(self, holds: Iterable[str]) -> bool:
        """Return whether runs of a recipe with those variations held gave several wheels, or not the one predicted."""
        return any(
            len({(wheel.filename, wheel.sha256) for wheel in self._given(names, runs)}) > 1
            for names, runs in self._remedied.items()
            if frozenset(holds) <= {*held_by(names)}
        )

    def _given(self, names: tuple[str, ...], runs: RecipeRuns) -> tuple[WheelFile, ...]:
        """Return the wheels of all runs of a recipe, and the one that was predicted."""
        ran = (runs.first, runs.second, *(runs.final or ()))
        wheels = (*(build.wheel for build in ran if build is not None), predicted(names, self.case))
        return tuple(wheel for wheel in wheels if wheel is not None)

    def agreeing(self) -> int:
        """Count the builds that gave the first's bytes, itself included, by a recipe or without one."""
        remedied = (build for build in self.builds if build not in self._plain)
        return sum(same(self.case.first, build) for build in (*self._plain, *remedied))

    def judged(self, build: Build, diagnosis: Diagnosis | None) -> None:
        """Record how serious the difference of an experiment's build is."""
        for number, experiment in enumerate(self.experiments):
            if experiment.build == build.name and diagnosis is not None:
                self.experiments[number] = replace(experiment, severity=diagnosis.severity)

    def _make(
        self, wanted: Sequence[tuple[str, Environment, frozenset[str]]], *, again: bool
    ) -> tuple[Build, ...] | None:
        """Return a build for each; those that are missing are built at once."""
        missing = [order for order in wanted if again or order[1] not in self._known]
        if not self._affords(len(missing)):
            return None
        with ThreadPoolExecutor(AT_ONCE) as pool:
            builds = list(pool.map(self._build, missing))
        self.builds += builds
        self._plain += builds
        self._seconds += sum(build.seconds for build in builds)
        self._known |= {build.environment: build for build in builds}
        return tuple(builds) if again else tuple(self._known[environment] for _, environment, _ in wanted)

    def _build(self, wanted: tuple[str, Environment, frozenset[str]]) -> Build:
        name, environment, held = wanted
        build = self.tools.build(name, environment)
        self.case.look(self.case.first, build, held)
        return build

    def affords(self, count: int) -> bool:
        """Check whether the budget would allow that many more builds."""
        return not self._why_unaffordable(count)

    def _why_unaffordable(self, count: int) -> str:
        return unaffordable(self.case.task.budget, len(self.builds), self._seconds, count, self.case.seconds)

    def _affords(self, count: int) -> bool:
        """Check whether the budget allows that many more builds; if not, `refusal` has the reason."""
        self.refusal = self._why_unaffordable(count)
        if self.refusal:
            self.refused[self.refusal] = None
        return not self.refusal

    def _note(self, build: Build, against: Build, held: frozenset[str], remedies: tuple[str, ...]) -> None:
        equal = same(against, build)
        found = Experiment(build.name, against.name, tuple(sorted(held)), remedies, equal)
        if found not in self.experiments:
            self.experiments.append(found)


def _holding(held: Iterable[str]) -> str:
    """Name a build in the second environment by the variations that are held there."""
    names = sorted(held)
    return f"second-holding-{'+'.join(names)}" if names else "second"
