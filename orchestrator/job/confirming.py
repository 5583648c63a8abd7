"""The second build of a published wheel, under all variations that its clues do not fix. No I/O.

The second build runs the recipe that users get, where one can be written: it proves the wheel and the recipe at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.build.variations import second_environment
from orchestrator.job.published_recipe import PublishedRecipes, published_recipes
from orchestrator.job.recipes import PublishedGoal
from orchestrator.job.recreating import BUILDS, MATCHES, varied
from orchestrator.model import NO_GROUNDS, ArchiveField, Closeness, Failure, Outcome, Recipe, RecipeForm, weaker

if TYPE_CHECKING:
    from orchestrator.job.recreating import Course, Published, Rebuilt, VerifyEffects, VerifySubject
    from orchestrator.model import Build


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What two builds show: the closeness of the one that is further away, and what had to be kept for the second."""

    closeness: Closeness
    hold: tuple[str, ...]
    recipes: tuple[Recipe, ...] = ()


def confirmed(
    best: Rebuilt, subject: VerifySubject, published: Published, effects: VerifyEffects, course: Course
) -> Confirmation:
    """Build the best recreation again, and return what the two builds show."""
    first = best.attempt.closeness
    assert first is not None  # noqa: S101 - of an attempt that was built
    recipes = _recipes(best, first, subject, published, effects)
    ran: dict[RecipeForm, Build] = {}
    if recipes is not None and not first.other_zlib and RecipeForm.SH in subject.task.budget.recipes:
        assert best.build is not None  # noqa: S101 - of an attempt that was built
        environment = second_environment(best.build.environment, (*subject.task.hold, *subject.task.remove))
        ran[RecipeForm.SH] = recipes.run("varied-by-sh", environment)
        course.builds.append(ran[RecipeForm.SH])
        if recipes.gave(ran[RecipeForm.SH]):
            return Confirmation(first, best.attempt.recreation.hold, recipes.recipes(ran))
    closeness, hold = _by_hook(best, first, subject, published, effects, course)
    is_same = recipes is not None and closeness.outcome in MATCHES and hold == best.attempt.recreation.hold
    return Confirmation(
        closeness, hold, recipes.recipes(ran, other_zlib=first.other_zlib) if recipes is not None and is_same else ()
    )


def _recipes(
    best: Rebuilt, first: Closeness, subject: VerifySubject, published: Published, effects: VerifyEffects
) -> PublishedRecipes | None:
    """Return what writes and runs the recipes; None where the bytes did not come out, or no recipe can be written."""
    if first.outcome not in MATCHES or subject.wheel is None or best.settled is None or best.build is None:
        return None
    offered = replace(subject.wheel, sha256=published.file.sha256)
    goal = PublishedGoal(best.attempt.recreation, offered, published.path, first.taken)
    job = replace(effects.job, lock=effects.lock(best.attempt.recreation))
    found = published_recipes(best.task, subject.release, subject.image, best.settled, job, best.build, goal)
    return None if isinstance(found, str) else found


def _by_hook(
    best: Rebuilt,
    first: Closeness,
    subject: VerifySubject,
    published: Published,
    effects: VerifyEffects,
    course: Course,
) -> tuple[Closeness, tuple[str, ...]]:
    """Return the weaker closeness of two builds, and the variations that were kept for the second one.

    Where the second build is further away, the variations that its difference from the first one suggests are kept,
    and it is built once more: its publisher's build had one value of them, which the first build happens to have.
    """
    hold = best.attempt.recreation.hold
    again, second = varied("varied", best, hold, subject, published, effects, course)
    if isinstance(again, Failure) or _at_least(again, first) or len(course.builds) >= BUILDS:
        return _weaker(first, again), hold
    assert best.build is not None  # noqa: S101 - of an attempt that was built
    held = tuple(sorted({*hold, *_suspects(best.build, second, effects)}))
    if held == hold:
        return _weaker(first, again), hold
    once_more, _ = varied("varied-again", best, held, subject, published, effects, course)
    if isinstance(once_more, Closeness) and _at_least(once_more, first):
        return _weaker(first, once_more), held
    return _weaker(first, again), hold


def _at_least(one: Closeness, other: Closeness) -> bool:
    return weaker(one.outcome, other.outcome) is other.outcome


def _weaker(first: Closeness, second: Closeness | Failure) -> Closeness:
    """Return the closeness that the weaker build has.

    A build that fails in another environment proves no wheel; nor does it hide that the other build's differs.
    """
    if isinstance(second, Failure):
        why = f"the build fails in the other environment: {second.reason}"
        if first.outcome is Outcome.DIFFERS:
            return replace(first, reason=f"{first.reason}; {why}")
        return replace(first, outcome=Outcome.UNBUILDABLE, reason=f"our wheel comes out in one environment only: {why}")
    if _at_least(second, first):
        return replace(first, taken=tuple(one for one in ArchiveField if one in {*first.taken, *second.taken}))
    if second.outcome in MATCHES:
        return second
    return replace(second, reason=f"our two builds differ: {second.reason}")


def _suspects(first: Build, second: Build, effects: VerifyEffects) -> tuple[str, ...]:
    """Return the variations that may cause the difference between two builds of ours."""
    diagnosis = effects.job.diagnose(first, second, NO_GROUNDS)
    return tuple({name for cause in diagnosis.causes for name in cause.variations}) if diagnosis else ()
