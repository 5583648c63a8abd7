"""Settle a difference by its traces, before any control build.

Where each difference has the trace of one variation, and the build that holds these variations gives the first one's
bytes in the second environment, nothing is left that a control build could tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.experiments import search
from orchestrator.experiments.explain import diagnosed
from orchestrator.experiments.outcomes import CLOCK
from orchestrator.experiments.remedies import fixes
from orchestrator.experiments.runner import ExperimentRunner, predicted, same
from orchestrator.model import Proof, RecipeForm, unaccounted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from orchestrator.experiments.explain import Explained
    from orchestrator.experiments.runner import Case, Tools


_BOTH = 3
"""Two runs of a recipe and, where they show nothing, the build without it."""


@dataclass(frozen=True, slots=True)
class Presumed:
    """What was diagnosed and built before the verdict."""

    runner: ExperimentRunner
    found: Explained
    holds: frozenset[str] = frozenset()  # holding exactly these was enough; empty: that is not known


def presume(case: Case, tools: Tools) -> Presumed:
    """Hold what the traces of a difference name, if they account for all of it.

    Raises
    ------
    WheelproofError
        The farm failed. Nothing is known about the package, and the job stays open.

    """
    runner = ExperimentRunner(case, tools)
    found = diagnosed(case, tools)
    named = traced(found, case.names, tools.alike) if case.task.budget.builds else frozenset()
    return Presumed(runner, found, named if named and _is_enough(runner, found, named) else frozenset())


def traced(found: Explained, names: Collection[str], alike: Mapping[str, Mapping[str, str]]) -> frozenset[str]:
    """Return the variations whose traces account for all of a difference; empty if any of it may have another cause.

    Each cause must be shown by the files or by a value that the environment planted, and be one that a single
    variation brings about, so that neither chance nor another variation leaves the same trace.
    """
    # The clock runs on: what follows it differs in any two builds.
    single = all(
        len(one.variations) == 1 and one.proof is Proof.TRACE and one.name not in alike for one in found.causes
    )
    named = frozenset(name for one in found.causes for name in one.variations)
    rest = found.unexplained or unaccounted(found.differences, found.causes, found.unexplained)
    return named if single and not rest and named <= {*names} - {CLOCK} else frozenset()


def _is_enough(runner: ExperimentRunner, found: Explained, named: frozenset[str]) -> bool:
    """Return whether the first build's bytes come out with those variations held, by the recipe if that holds them.

    The runs of the recipe are wanted in any case, and all that it does not hold varies in them.
    """
    names = search.ordered(fixes(named))
    asked = RecipeForm.SH in runner.case.task.budget.recipes
    likely = asked and predicted(names, runner.case) is not None and runner.affords(_BOTH)
    if likely and _is_first_choice(runner, found, named, names):
        runs = runner.remedy(names)
        if runs is not None and runs.proven and same(runner.case.first, runs.first):
            runner.enough.add(named)
            return True
    builds = runner.hold([named])
    return builds is not None and same(runner.case.first, builds[0])


def _is_first_choice(runner: ExperimentRunner, found: Explained, named: frozenset[str], names: tuple[str, ...]) -> bool:
    """Return whether the search for remedies begins with those that hold these variations."""
    if not runner.case.task.budget.remedies or runner.tools.obstacle(()) or runner.tools.obstacle(names):
        return False
    suggested = search.suggested(found.causes, sorted(named), runner.tools.cures)
    return search.plan(found.causes, sorted(named), search.choosing_for(runner, suggested)).current == names
