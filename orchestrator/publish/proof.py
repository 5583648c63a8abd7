"""What a record proves, in sentences. A sentence claims equal bytes only if builds of the record show them."""

from __future__ import annotations

import hashlib
from itertools import combinations
from typing import TYPE_CHECKING

from orchestrator.analysis.causes.catalogue import BY_NAME as CAUSES
from orchestrator.analysis.causes.model import Shown
from orchestrator.experiments.explain import FRAGILE
from orchestrator.experiments.outcomes import AS_SET, COSTS
from orchestrator.experiments.remedies import fixes
from orchestrator.model import Proof, RecipeProof, RemedyOutcome, Severity
from orchestrator.publish.phrases import DEPTHS, listed
from orchestrator.results.shown import (
    built_equal,
    gave_one_wheel,
    held_by,
    held_equal,
    held_in_recipe,
    is_shown,
    ran_equal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.model import (
        Build,
        CauseFinding,
        ProgramChange,
        Recipe,
        Remedied,
        Result,
        Verification,
    )

EQUAL = "the two wheels are the same bytes"
"""The claim of each sentence about two builds; no other sentence of this module contains it."""

_STRENGTHS = 4  # the first schema in which a cause that is only possible is no trace
_FEW = 3  # costs that a sentence names
_REPEATED = tuple(text.partition("{")[0] for text in (AS_SET, COSTS))  # a record's reasons that repeat its outcome


# --- what the builds show --------------------------------------------------------------------


def set_of(result: Result, name: str) -> tuple[str, ...]:
    """Return the set with a remedy that builds have shown to give equal bytes: the recipe, or the smallest; or ()."""
    sets = [tuple(dict.fromkeys(one.remedies)) for one in result.experiments if one.equal]
    wanted = (result.recipe, *sorted(sets, key=len), fixes(result.holds))
    shown = [one for one in wanted if name in one and is_shown(result, one)]
    return shown[0] if shown else ()


def is_proven(result: Result, remedied: Remedied) -> bool:
    """Check whether a remedy is recorded as proven, and builds show it."""
    return remedied.outcome is RemedyOutcome.PROVEN and bool(set_of(result, remedied.name))


def _build(result: Result, name: str) -> Build | None:
    return next((build for build in result.builds if build.name == name), None)


# --- sentences -------------------------------------------------------------------------------


def of_hold(result: Result) -> str:
    """Return what is proven of the variations that are to be held; empty if the record has none."""
    if not result.holds:
        return ""
    if held_equal(result, result.holds):
        return f"The bytes are the same when {listed(result.holds)} {_is_are(result.holds)} held."
    if built_equal(result, fixes(result.holds)):
        return f"The bytes are the same when a recipe holds {listed(result.holds)}."
    return f"The record names {listed(result.holds)} as what to hold, and has no build that shows it."


def of_cause(result: Result, cause: CauseFinding) -> str:
    """Return how well a cause of this result's verdict is proven."""
    if cause.proof is Proof.TRACE and result.schema < _STRENGTHS:
        return "found by its trace: without the trace, the two sides are the same there"
    if cause.proof is not Proof.ISOLATED:
        return of_claim(cause)
    if cause.name == FRAGILE:
        return _of_fragile(result, cause)
    return _of_isolated(result, cause) if cause.variations else _of_chance(result)


def _of_isolated(result: Result, cause: CauseFinding) -> str:
    by_recipe = not held_equal(result, result.holds)
    if by_recipe and not held_in_recipe(result, result.holds):
        return "recorded as proved by building; the record has no build that shows it"
    holder = " by a recipe" if by_recipe else ""
    if set(result.holds) <= set(cause.variations):
        return f"proved by building: with only {listed(result.holds)} held{holder}, {EQUAL}"
    return f"proved by building, as part of a set: with {listed(result.holds)} held together{holder}, {EQUAL}"


def of_claim(cause: CauseFinding) -> str:
    """Return how well a cause is proven, as far as the cause itself states it."""
    if cause.proof is Proof.POSSIBLE:
        return "it may be this: the difference has the form; nothing shows it"
    if cause.proof is Proof.ISOLATED:
        return "proved by building" if cause.variations else "two builds in one environment differ there"
    if cause.name == FRAGILE:
        return "its trace is there: one build failed where the other gave a wheel"
    return f"its trace is there: {_trace_of(cause.name)}"


def _trace_of(name: str) -> str:
    """Return what shows a cause where no build does."""
    shown = CAUSES[name].shown if name in CAUSES else Shown.FORM
    return _TRACES[shown]


_TRACES = {
    Shown.FILES: "the two files themselves show it",
    Shown.ENVIRONMENT: "each side has what its own environment planted, and without it they are the same",
    Shown.FORM: "without it, the two sides are the same",
}


def _of_chance(result: Result) -> str:
    """Return what shows that a difference depends on no variation."""
    if _differ_in_one_environment(result):
        return "two builds in one environment differ there"
    return "recorded as differing in one environment; the record has no two builds that show it"


def _differ_in_one_environment(result: Result) -> bool:
    """Check whether builds in equal environments, or with all that acts held, gave different bytes."""
    built = [one for one in result.builds if one.wheel]
    if any(
        one.environment == other.environment and not gave_one_wheel(result, (one.name, other.name))
        for one, other in combinations(built, 2)
    ):
        return True
    acting = {one.name for one in result.variations if one.acted}
    return any(not one.equal and acting and acting <= set(one.hold) for one in result.experiments)


def _of_fragile(result: Result, cause: CauseFinding) -> str:
    first, wanted = _build(result, "first"), set(cause.variations)
    held = [_build(result, one.build) for one in result.experiments if set(one.hold) == wanted and not one.remedies]
    if first and any(one and bool(one.wheel) is bool(first.wheel) for one in held):
        return f"proved by building: with only {listed(cause.variations)} held, the build ends as the first one does"
    return "recorded as proved by building; the record has no build that shows it"


def of_remedy(result: Result, remedied: Remedied) -> str:
    """Return the outcome of a remedy. A remedy of a set is only claimed as part of the set."""
    said = _OUTCOMES[remedied.outcome](result, remedied)
    why = "" if remedied.why.startswith(_REPEATED) else remedied.why
    details = "; ".join(filter(None, (_costs(remedied.changes), why)))
    return f"{said}{'; ' if ':' in said else ': '}{details}" if details else said


def _of_proven(result: Result, remedied: Remedied) -> str:
    return _claim("proven", result, remedied)


def _of_costly(result: Result, remedied: Remedied) -> str:
    return _claim("costly", result, remedied)


def _claim(outcome: str, result: Result, remedied: Remedied) -> str:
    together = set_of(result, remedied.name)
    if not together:
        return f"recorded as {outcome}, but no build of the record shows it"
    part = ", as part of a set" if len(together) > 1 else ""
    if not built_equal(result, together):
        return f"{outcome}{part}: {_with_held(together)}, {EQUAL}"
    what = f"{listed(together)} together" if part else "it"
    return f"{outcome}{part}: built with {what}, {EQUAL}"


def _with_held(remedies: tuple[str, ...]) -> str:
    """Name a set of remedies by the variations that builds have held in its place."""
    names = tuple(name.removeprefix("fix-") for name in remedies)
    return f"with {listed(names)} held {'together' if len(names) > 1 else ''}".rstrip()


def _of_rejected(_result: Result, remedied: Remedied) -> str:
    after = remedied.severity_after
    deep = f": the wheels then differ in {DEPTHS[after][0]}" if after and after is not Severity.NONE else ""
    return f"rejected{deep}"


def _of_untried(_result: Result, _remedied: Remedied) -> str:
    return "not tried"


_OUTCOMES = {
    RemedyOutcome.PROVEN: _of_proven,
    RemedyOutcome.COSTLY: _of_costly,
    RemedyOutcome.REJECTED: _of_rejected,
    RemedyOutcome.NOT_TRIED: _of_untried,
}


def _costs(changes: tuple[ProgramChange, ...]) -> str:
    """Return what of a program is worse with a remedy."""
    costs = [f"{one.aspect} {one.before} becomes {one.after}" for one in changes if one.cost]
    more = (f"{len(costs) - _FEW + 1} more",) if len(costs) > _FEW else ()
    shown = costs if not more else costs[: _FEW - 1]
    return f"its cost: {listed((*shown, *more))}" if costs else ""


def of_set(result: Result) -> str:
    """Return what is proven of the set of remedies that is the recipe; empty if the record has none."""
    if not result.recipe:
        return ""
    names = listed(result.recipe)
    if built_equal(result, result.recipe):
        return f"Built with {names}{_together(result.recipe)}, {EQUAL}."
    if held_by(result, result.recipe):
        return f"Built {_with_held(result.recipe)}, {EQUAL}."
    return f"The record names {names} as the recipe, and has no build that shows it."


def of_recipe(result: Result, recipe: Recipe) -> str:
    """Return how well the text of a recipe is proven."""
    if recipe.proof is not RecipeProof.PROVEN:
        return unproven(recipe)
    if not ran_equal(result, recipe):
        return "recorded as proven; the record has no two builds that ran this text and gave one wheel"
    environments = {_unlike(one) for name in recipe.builds if (one := _build(result, name))}
    where = "in different environments" if len(environments) > 1 else "in one environment"
    run = f"this text was run as it is in {len(set(recipe.builds))} containers, {where}"
    early = len(set(recipe.builds)) - len(_ran(result.builds, recipe))
    if early:
        run = f"this text was run in {len(set(recipe.builds))} containers, {where}, {_BEFORE}"
    return f"proven: {run}, and {EQUAL}"


def of_published_recipe(verification: Verification, recipe: Recipe) -> str:
    """Return how well the text of a recipe that builds a published wheel is proven: one build that ran it is enough.

    The wheel that it is to give is known before.
    """
    if recipe.proof is not RecipeProof.PROVEN:
        return unproven(recipe)
    if not recipe.sha256 or recipe.sha256 != verification.sha256:
        return "recorded as proven; it does not name the hash of the published wheel"
    ran = _ran(verification.builds, recipe)
    if not ran or any(one.wheel is None or one.wheel.sha256 != recipe.sha256 for one in ran):
        return "recorded as proven; the record has no build that ran this text and gave the published wheel"
    return "proven: this text was run as it is in a container, and gave the published wheel"


def unproven(recipe: Recipe) -> str:
    """Return what is known of a recipe that is not proven."""
    return "; ".join(filter(None, (_UNPROVEN[recipe.proof], recipe.why)))


def _ran(builds: Iterable[Build], recipe: Recipe) -> list[Build]:
    """Return the builds that a recipe names as those that ran its text, and that did."""
    text = hashlib.sha256(recipe.text.encode()).hexdigest()
    return [one for one in builds if one.name in recipe.builds and one.environment.recipe == text]


def _unlike(build: Build) -> tuple[str, str]:
    """Return what tells the first build's environment from the second's."""
    return build.environment.build_path, build.environment.timezone


_BEFORE = "in one of them before it named the wheel's hash"
"""The first run of a text shows the hash that its final form compares; nothing else in it changes."""

_UNPROVEN = {
    RecipeProof.REJECTED: "rejected: this text was run, and at least one container did not give the wheel",
    RecipeProof.NOT_RUN: "not run: nothing is known of the wheel that this text gives",
}


def _together(names: tuple[str, ...]) -> str:
    return " together" if len(names) > 1 else ""


def _is_are(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"
