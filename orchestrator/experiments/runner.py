"""Run experiments: build what is requested, within the budget, and record it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.build import variations
from orchestrator.errors import WheelproofError
from orchestrator.experiments.remedies import held_by, named, remedied
from orchestrator.model import Experiment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from orchestrator.model import Build, Diagnosis, Difference, Environment, Task, Variant, Verdict

AT_ONCE = 2
"""How many builds of one job are requested at once; each waits for a free processor."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The effects that explaining needs."""

    build: Callable[[str, Environment], Build]  # the build's name, and its environment
    diagnose: Callable[[Build, Build], Diagnosis | None]  # None where the wheels cannot be read
    cures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # cause -> its remedies, the gentlest first
    alike: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # causes of one trace -> variation -> cause


@dataclass(frozen=True, slots=True)
class Case:
    """Three builds of one release, of which some differ."""

    task: Task
    version: str
    verdict: Verdict  # sensitive or intrinsic
    first: Build
    second: Build
    control: Build
    differences: tuple[Difference, ...] = ()  # of the first two, as they were compared

    @property
    def unvaried(self) -> tuple[str, ...]:
        """The variations that the configuration holds or removes."""
        return (*self.task.hold, *self.task.remove)

    @property
    def names(self) -> tuple[str, ...]:
        """The variations that were varied, in the catalogue's order."""
        return tuple(name for name in variations.NAMES if name not in self.unvaried)

    def held(self, names: Iterable[str]) -> Environment:
        """Return the second environment with those variations held as well."""
        return variations.second_environment(self.first.environment, (*self.unvaried, *names))


def same(first: Build, second: Build) -> bool:
    """Check whether two builds gave the same bytes under the same name."""
    return (
        first.wheel is not None
        and second.wheel is not None
        and (first.wheel.sha256, first.wheel.filename) == (second.wheel.sha256, second.wheel.filename)
    )


def insist(seen: tuple[Variant, ...]) -> None:
    """Raise WheelproofError if a variation did not act as requested."""
    if wrong := variations.disobeyed(seen):
        msg = (
            f"checking the two environments: {', '.join(wrong)} did not act as requested; "
            "use an image and an engine that support it, or name it under variations: remove"
        )
        raise WheelproofError(msg)


class ExperimentRunner:
    """Builds what is requested, within the budget, and nothing twice unless it is requested again."""

    def __init__(self, case: Case, tools: Tools) -> None:
        """Begin with the three builds of the case."""
        self.case = case
        self.tools = tools
        self.builds: list[Build] = []  # all builds of this runner, in their order
        self.experiments: list[Experiment] = []
        self.refused: dict[str, None] = {}  # why something was not built, in order
        self._plain = [case.first, case.second, case.control]  # without remedies
        self._known = {case.second.environment: case.second, case.first.environment: case.control}
        self._seconds = 0.0
        self._each = max(case.first.seconds, case.second.seconds, case.control.seconds)

    def hold(self, sets: Sequence[frozenset[str]], *, again: bool = False) -> tuple[Build, ...] | None:
        """Build in the second environment, each time with one of those sets held; None where the budget is spent."""
        names = [f"{_holding(held)}{self._times(held) if again else ''}" for held in sets]
        wanted = [(name, self.case.held(held), held) for name, held in zip(names, sets, strict=True)]
        builds = self._make(wanted, again=again, plain=True)
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
        begun = sum(build.name.startswith("control") for build in self.builds)
        wanted = [(f"control-{begun + number + 2}", self.case.first.environment, everything) for number in range(count)]
        builds = self._make(wanted, again=True, plain=True)
        for build in builds or ():
            self._note(build, self.case.first, everything, ())
        return builds

    def remedy(self, names: Sequence[str], *, again: bool = False) -> tuple[Build, Build] | None:
        """Build in both environments, with those remedies applied; None where the budget is spent.

        Those that hold a variation do just that, in the second environment. `again` builds the
        first of the two once more.
        """
        case, held = self.case, held_by(names)
        first = remedied(case.first.environment, names, case.version)
        second = remedied(case.held(held), names, case.version)
        mixed = [name for name in names if not named(name).variation]
        applied = f"-with-{'+'.join(mixed)}" if mixed else ""
        wanted = [
            (f"first{applied}", first, frozenset(case.names)),
            (f"{_holding(held)}{applied}", second, frozenset(held)),
        ]
        if again:
            wanted = [(f"first{applied}-again", first, frozenset(case.names))]
        before = len(self.builds)
        builds = self._make(wanted, again=again, plain=not mixed)
        if builds is None:
            return None
        pair = (self._known[first], self._known[second]) if not again else (self._known[second], builds[0])
        self._look(self._known[first], self._known[second], held)
        if pair[1] in self.builds[before:]:
            self._note(pair[1], pair[0], frozenset(held), tuple(names))
        return pair

    def agreeing(self) -> int:
        """Count the builds that gave the first's bytes, itself included, without those that have remedies."""
        return sum(same(self.case.first, build) for build in self._plain)

    def judged(self, build: Build, diagnosis: Diagnosis | None) -> None:
        """Record how serious the difference of an experiment's build is."""
        for number, experiment in enumerate(self.experiments):
            if experiment.build == build.name and diagnosis is not None:
                self.experiments[number] = replace(experiment, severity=diagnosis.severity)

    def _make(
        self, wanted: Sequence[tuple[str, Environment, frozenset[str]]], *, again: bool, plain: bool
    ) -> tuple[Build, ...] | None:
        """Return a build for each; those that are missing are built at once."""
        missing = [order for order in wanted if again or order[1] not in self._known]
        if not self._affords(len(missing)):
            return None
        with ThreadPoolExecutor(AT_ONCE) as pool:
            builds = list(pool.map(self._build, missing))
        self.builds += builds
        self._plain += builds if plain else ()
        self._seconds += sum(build.seconds for build in builds)
        self._known |= {build.environment: build for build in builds}
        return tuple(builds) if again else tuple(self._known[environment] for _, environment, _ in wanted)

    def _build(self, wanted: tuple[str, Environment, frozenset[str]]) -> Build:
        name, environment, held = wanted
        build = self.tools.build(name, environment)
        if environment == self.case.held(held):  # a build with remedies is compared in `remedy`
            self._look(self.case.first, build, held)
        return build

    def _look(self, first: Build, second: Build, held: Iterable[str]) -> None:
        """Check that all variations act except those that are held."""
        if first.probe and second.probe:
            hold = (*self.case.task.hold, *held)
            insist(variations.variants(first.probe, second.probe, hold, self.case.task.remove))

    def _affords(self, count: int) -> bool:
        budget = self.case.task.budget
        if count and len(self.builds) + count > budget.builds:
            self.refused[f"the budget of {budget.builds} builds was spent"] = None
            return False
        if count and self._seconds + count * self._each > budget.seconds:
            self.refused[f"the budget of {budget.seconds} seconds were not enough for another build"] = None
            return False
        return True

    def _note(self, build: Build, against: Build, held: frozenset[str], remedies: tuple[str, ...]) -> None:
        equal = same(against, build)
        found = Experiment(build.name, against.name, tuple(sorted(held)), remedies, equal)
        if found not in self.experiments:
            self.experiments.append(found)


def _holding(held: Iterable[str]) -> str:
    """Name a build in the second environment by the variations that are held there."""
    names = sorted(held)
    return f"second-holding-{'+'.join(names)}" if names else "second"
