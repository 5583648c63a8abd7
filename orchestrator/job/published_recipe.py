"""The recipes of one published wheel: their texts, and the build that runs one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator import recipes
from orchestrator.experiments.remedies import fixes, remedied
from orchestrator.job.recipes import PublishedGoal, RecipeRunner
from orchestrator.model import Recipe, RecipeForm, RecipeProof, WheelFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.job.inputs import Effects, Settled
    from orchestrator.model import Build, Environment, Image, Release, Task
    from orchestrator.model.request import Recreation

FORMS = tuple(form for form in RecipeForm if form is not RecipeForm.DEBIAN_RULES)
"""The forms that can yield published bytes: debian/rules builds with Debian's own tools, and names no hash."""

_OF_SCRIPT = frozenset({RecipeForm.DOCKERFILE, RecipeForm.GITHUB})
_OTHER_ZLIB = "gave all of that wheel but its packed bytes, which the zlib of the image does not make"
_OTHER_UMASK = 0o077
_OTHER_TIMEZONE = "GMT+12"


@dataclass(frozen=True, slots=True)
class PublishedRecipes:
    """Writes and runs the recipes of one published wheel."""

    runner: RecipeRunner
    goal: PublishedGoal
    remedies: tuple[str, ...]  # those that hold what the recreation holds

    @property
    def wheel(self) -> WheelFile:
        """The wheel that every text names."""
        offered = self.goal.wheel
        return WheelFile(offered.filename, offered.sha256, offered.size or self.goal.file.stat().st_size)

    def run(self, name: str, environment: Environment, form: RecipeForm = RecipeForm.SH) -> Build:
        """Run a recipe in an environment, which should differ from the first build's in all variations.

        The build has the published SHA-256 only if the recipe ended with status 0. The recipe itself sets what the
        publisher had, so that the environment gets other values.

        Raises
        ------
        WheelproofError
            The farm failed: nothing is known about the recipe.

        """
        plain = unlike(environment, self.goal.recreation)
        varied = remedied(plain, self.remedies, self.runner.release.version)
        return self.runner.run(name, varied, self.remedies, self.wheel, form)

    def text(self, form: RecipeForm) -> str:
        """Return the text of a form."""
        return recipes.write(form, self.runner.inputs(self.remedies, self.wheel))

    def gave(self, build: Build) -> bool:
        """Return whether a build that ran a recipe has the published bytes."""
        return build.wheel is not None and build.wheel.sha256 == self.goal.wheel.sha256

    def recipes(self, ran: Mapping[RecipeForm, Build], *, other_zlib: bool = False) -> tuple[Recipe, ...]:
        """Return the recipes in all forms that make sense, given the builds that ran them.

        `other_zlib`: those builds are proven to have all of the published wheel but its packed bytes.
        """
        return tuple(self._recipe(form, ran, other_zlib=other_zlib) for form in FORMS)

    def _recipe(self, form: RecipeForm, ran: Mapping[RecipeForm, Build], *, other_zlib: bool) -> Recipe:
        text, offered = self.text(form), self.goal.wheel
        build, script = ran.get(form), ran.get(RecipeForm.SH)
        if build and self.gave(build):
            return Recipe(form, text, offered.filename, offered.sha256, RecipeProof.PROVEN, (build.name,))
        if build:
            why = f"{build.name} {_OTHER_ZLIB if other_zlib else 'did not give that wheel'}"
            return Recipe(form, text, offered.filename, offered.sha256, RecipeProof.REJECTED, (build.name,), why)
        if form in _OF_SCRIPT and script and not self.gave(script):
            why = "it contains the text of the form sh, which did not give the wheel"
            return Recipe(form, text, offered.filename, offered.sha256, RecipeProof.REJECTED, (), why)
        why = (
            "it needs more than an offline container has"
            if form in _OF_SCRIPT
            else "the configuration does not ask for its proof"
        )
        return Recipe(form, text, offered.filename, offered.sha256, RecipeProof.NOT_RUN, (), why)


def published_recipes(
    task: Task, release: Release, image: Image, settled: Settled, effects: Effects, first: Build, goal: PublishedGoal
) -> PublishedRecipes | str:
    """Return what writes and runs the recipes of a published wheel; or in one sentence why none can be written.

    `first` is the build that gave its bytes, but for the fields that the goal takes from the published file.
    """
    recreation = goal.recreation
    if first.wheel is None or first.wheel.filename != goal.wheel.filename:
        return "the build gives a wheel of another name, which no recipe changes"
    if "time" in recreation.hold and recreation.clock is None:
        return "the wheel depends on the time of its build, which is not known"
    remedies = fixes(name for name in recreation.hold if name not in _set_by(recreation))
    runner = RecipeRunner(task, release, image, settled, effects, first, goal)
    return runner.obstacle(remedies) or PublishedRecipes(runner, goal, remedies)


def _set_by(recreation: Recreation) -> tuple[str, ...]:
    """Name the variations that a recipe sets to the publisher's values, whatever is held besides."""
    return replace(recreation, hold=()).fixes


def unlike(environment: Environment, recreation: Recreation) -> Environment:
    """Return an environment without what a recipe has to set itself, so that its run proves that it does."""
    return replace(
        environment,
        umask=_OTHER_UMASK if environment.umask == recreation.umask else environment.umask,
        timezone=_OTHER_TIMEZONE if environment.timezone == recreation.timezone else environment.timezone,
        source_date_epoch=None,
        line_ends="",
        variables=tuple(pair for pair in environment.variables if pair not in recreation.variables),
    )
