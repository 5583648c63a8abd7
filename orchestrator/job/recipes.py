"""The recipes of one job: their texts, and the builds that run them."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator import recipes
from orchestrator.build.container import Order, RecipeOrder
from orchestrator.experiments.runner import AT_ONCE, CHEAP
from orchestrator.job.build_pair import no_answer
from orchestrator.model import Lock, MemberKind, Pin, Recipe, RecipeForm, RecipeProof, Verdict
from orchestrator.model.names import BadNameError, WheelName
from orchestrator.recipes import wheelhouse

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.job.inputs import Effects, RecipeEffects, Settled
    from orchestrator.job.judge import JudgedBuilds
    from orchestrator.model import (
        Build,
        Environment,
        Image,
        OfferedWheel,
        ProgramChange,
        Release,
        Task,
        WheelFile,
    )
    from orchestrator.model.request import Recreation
    from orchestrator.model.verification import ArchiveField
    from orchestrator.recipes import SetInputs

_RUN_HERE = frozenset({RecipeForm.SH, RecipeForm.BUILD, RecipeForm.UV})
_OF_SCRIPT = frozenset({RecipeForm.DOCKERFILE, RecipeForm.GITHUB})
_PURE = ("none", "any")  # the tags of a wheel that fits every Python and platform (PEP 425)
_NOT_HERE = "recipes are not run here"


@dataclass(frozen=True, slots=True)
class PublishedGoal:
    """A published wheel that the recipes of a job have to give."""

    recreation: Recreation
    wheel: OfferedWheel
    file: Path
    taken: tuple[ArchiveField, ...] = ()  # fields of the archive that are taken from the file

    def applied(self, inputs: recipes.RecipeInputs) -> recipes.RecipeInputs:
        """Return the inputs of a recipe for it."""
        return replace(
            inputs,
            source_date_epoch=self.recreation.source_date_epoch,
            config_settings=(*inputs.config_settings, *self.recreation.config_settings),
            recreation=self.recreation,
            published=self.wheel,
            taken=self.taken,
        )


@dataclass(frozen=True, slots=True)
class RecipeRunner:
    """Writes and runs the recipes of one job."""

    task: Task
    release: Release
    image: Image
    settled: Settled
    effects: Effects
    first: Build  # the first build
    goal: PublishedGoal | None = None  # None: what the builds of the job agree on

    def obstacle(self, remedies: tuple[str, ...], form: RecipeForm = RecipeForm.SH) -> str:
        """Return why no recipe with these remedies can be written and run, in one sentence; empty if one can."""
        if self.effects.recipes is None:
            return _NOT_HERE
        if provided := self.settled.lock.provided:
            return f"the build requirement {provided[0].name} is a package of Debian's, which no recipe installs"
        inputs = self.inputs(remedies)
        if why := recipes.obstacle(inputs):
            return why
        found = _offered(self.effects.recipes, form, inputs, self.image)
        return found if isinstance(found, str) else ""

    def inputs(self, remedies: tuple[str, ...], wheel: WheelFile | None = None) -> recipes.RecipeInputs:
        """Return all that the text of a recipe depends on."""
        native = self.first.wheel is not None and is_native(self.first.wheel.filename)
        inputs = inputs_of(self.task, self.release, self.image, self.settled, native=native)
        inputs = replace(inputs, remedies=remedies, wheel=wheel)
        return self.goal.applied(inputs) if self.goal else inputs

    def run(
        self,
        name: str,
        environment: Environment,
        remedies: tuple[str, ...],
        wheel: WheelFile | None,
        form: RecipeForm = RecipeForm.SH,
    ) -> Build:
        """Run a recipe in an environment, and return the build; `wheel` is the one that its text names.

        Raises
        ------
        WheelproofError
            The farm failed: nothing is known about the recipe.

        """
        effects = self.effects.recipes
        assert effects is not None  # noqa: S101 - `obstacle` was asked
        inputs = self.inputs(remedies, wheel)
        text = recipes.write(form, inputs)
        digest = hashlib.sha256(text.encode()).hexdigest()
        tools, wheels = _wheels(effects, form, inputs, self.image)
        recipe = RecipeOrder(
            effects.file(text),
            effects.wheels(wheels),
            wheel.sha256 if wheel else "",
            self.goal.file if self.goal and self.goal.taken else None,
        )
        return _built(self, name, replace(environment, recipe=digest), tools, recipe)

    def changes(self, first: Build, remedied: Build) -> tuple[ProgramChange, ...]:
        """Return what a recipe changes in a wheel besides its purpose."""
        return self.effects.recipes.changes(first, remedied) if self.effects.recipes else ()


@dataclass(frozen=True, slots=True)
class MemberRunner:
    """Runs the recipe of a set, rebuild.sh, for one of its releases, in a folder as it is handed out.

    The folder has the program, the data of that release alone, and in tools/ the build tools that were built here. It
    has no SHA256SUMS, so that every run ends with status 10: the wheel is not listed.
    """

    task: Task
    release: Release
    image: Image
    settled: Settled
    effects: Effects

    def obstacle(self, given: SetInputs, inputs: recipes.RecipeInputs) -> str:
        """Return why rebuild.sh cannot be run for the release, in one sentence; empty if it can."""
        if self.effects.recipes is None:
            return _NOT_HERE
        if provided := self.settled.lock.provided:
            return f"the build requirement {provided[0].name} is a package of Debian's, which no recipe installs"
        if why := wheelhouse.set_obstacle(given) or wheelhouse.member_obstacle(inputs):
            return why
        found = _offered(self.effects.recipes, RecipeForm.SH, _with_own_remedies(inputs), self.image)
        return found if isinstance(found, str) else ""

    def run(
        self,
        name: str,
        environment: Environment,
        given: SetInputs,
        inputs: recipes.RecipeInputs,
        kind: MemberKind = MemberKind.WHEEL,
    ) -> Build:
        """Run rebuild.sh in an environment, and return the build; `inputs.remedies` are those of the set.

        `inputs` is of `inputs_of`. Where its pins were built here, their SHA-256 are those of the wheels in tools/,
        which the cache has as it has those of an index. `environment.recipe` of the build is `wheelhouse.digest_of`.

        Raises
        ------
        WheelproofError
            The farm failed: nothing is known about the release.

        """
        effects = self.effects.recipes
        assert effects is not None  # noqa: S101 - `obstacle` was asked
        text, data = wheelhouse.program(given), wheelhouse.data_of(inputs, kind)
        file = f"{wheelhouse.DATA}/{wheelhouse.data_name(inputs.project, inputs.version)}"
        built_here = tuple(pin for pin in inputs.pins if pin.built_here)
        tools, wheels = _wheels(effects, RecipeForm.SH, _with_own_remedies(inputs), self.image)
        recipe = RecipeOrder(
            effects.folder({wheelhouse.PROGRAM: text, file: data}, built_here),
            effects.wheels(tuple(pin for pin in wheels if not pin.built_here)),
            program=wheelhouse.PROGRAM,
        )
        ran = replace(environment, recipe=wheelhouse.digest_of(text, data))
        return _built(self, name, ran, tools, recipe)


def _built(
    runner: RecipeRunner | MemberRunner,
    name: str,
    environment: Environment,
    tools: tuple[Pin, ...],
    recipe: RecipeOrder,
) -> Build:
    """Run a recipe, which begins with these tools, in place of the build backend; return the build."""
    task, settled = runner.task, runner.settled
    order = Order(
        name=name,
        source=settled.source,
        environment=environment,
        requirements=runner.effects.materialize(Lock(pins=tools), runner.image.target),
        image=runner.image,
        limits=task.limits,
        crates=settled.crates,
        project=runner.release.project,
        spread=task.spread,
        recipe=recipe,
    )
    return runner.effects.build(order, no_answer).build


def inputs_of(task: Task, release: Release, image: Image, settled: Settled, *, native: bool) -> recipes.RecipeInputs:
    """Return what a recipe of a release depends on, without remedies, and without what a publisher had."""
    assert release.sdist is not None  # noqa: S101 - it was built
    return recipes.RecipeInputs(
        project=release.project,
        version=release.version,
        sdist=release.sdist,
        backend=settled.source.backend,
        pins=settled.lock.pins,
        remedies=(),
        python=image.target.python,
        native=native,
        image=image.name,
        base="",
        packages=image.packages,
        source_date_epoch=task.source_date_epoch,
        config_settings=task.config_settings,
        backend_path=settled.source.backend_path,
    )


def _with_own_remedies(inputs: recipes.RecipeInputs) -> recipes.RecipeInputs:
    return replace(inputs, remedies=wheelhouse.remedies_of(inputs))


def _wheels(
    effects: RecipeEffects, form: RecipeForm, inputs: recipes.RecipeInputs, image: Image
) -> tuple[tuple[Pin, ...], tuple[Pin, ...]]:
    """Return the tools with which a recipe begins, and all wheels that it installs."""
    tools = effects.offered(recipes.begins_with(form), image.target)
    offered = _offered(effects, form, inputs, image)
    assert not isinstance(tools, str)  # noqa: S101 - `obstacle` was asked
    assert not isinstance(offered, str)  # noqa: S101 - as above
    return tools, (*inputs.pins, *offered)


def _offered(
    effects: RecipeEffects, form: RecipeForm, inputs: recipes.RecipeInputs, image: Image
) -> tuple[Pin, ...] | str:
    tools = effects.offered(recipes.begins_with(form), image.target)
    return tools if isinstance(tools, str) else effects.offered(recipes.wanted(form, inputs), image.target)


def with_recipes(judged: JudgedBuilds, runner: RecipeRunner) -> JudgedBuilds:
    """Add the recipes of a release whose bytes are known: reproducible as it is, or with the proven set of remedies.

    Each requested form is run as it stands, in the two environments of the proof, unless the search for remedies
    has done so.
    """
    goal = _goal(judged)
    if goal is None or runner.effects.recipes is None or runner.obstacle(goal.remedies):
        return judged
    forms = [(form, *_proof(form, goal, runner)) for form in RecipeForm]
    builds = tuple(build for _, _, ran in forms for build in ran if build not in judged.builds)
    found = tuple(_recipe(form, goal, runner, proof, ran) for form, proof, ran in forms)
    return replace(judged, builds=(*judged.builds, *builds), recipes=_without_refuted(found))


def _without_refuted(found: tuple[Recipe, ...]) -> tuple[Recipe, ...]:
    """Reject what contains a text that was rejected."""
    script = next(recipe for recipe in found if recipe.form is RecipeForm.SH)
    if script.proof is not RecipeProof.REJECTED:
        return found
    why = "it contains the text of the form sh, which did not give the wheel"
    return tuple(
        replace(recipe, proof=RecipeProof.REJECTED, why=why) if recipe.form in _OF_SCRIPT else recipe
        for recipe in found
    )


@dataclass(frozen=True, slots=True)
class _Goal:
    """What the recipes of a job have to give."""

    remedies: tuple[str, ...]
    wheel: WheelFile
    environments: tuple[Environment, Environment]
    ran: tuple[Build, ...]  # the builds of the search that ran the final text of the form sh


def _goal(judged: JudgedBuilds) -> _Goal | None:
    """Return what recipes have to give; None where no bytes are known that every build gives."""
    by_name = {build.name: build for build in judged.builds}
    ran = tuple(by_name[name] for name in judged.explained.proof)
    # A set that was not run holds what the second build needs to give the first one's wheel.
    if not ran and (judged.explained.recipe or judged.judgement.verdict is Verdict.REPRODUCIBLE):
        first, second = judged.builds[:2]
        assert first.wheel is not None  # noqa: S101 - of a reproducible release, or of one with a set of remedies
        return _Goal(judged.explained.recipe, first.wheel, (first.environment, second.environment), ())
    wheel = ran[0].wheel if ran else None
    if wheel is None:
        return None
    first, second = ran
    return _Goal(judged.explained.recipe, wheel, (first.environment, second.environment), ran)


def _proof(form: RecipeForm, goal: _Goal, runner: RecipeRunner) -> tuple[str, tuple[Build, ...]]:
    """Return why a form was not run, and the builds that ran it."""
    if form is RecipeForm.SH and goal.ran:
        return "", goal.ran
    if form not in _RUN_HERE:
        return "it needs more than an offline container has", ()
    if form not in runner.task.budget.recipes:
        return "the configuration does not ask for its proof", ()
    if runner.first.seconds > CHEAP:
        return f"a build takes {runner.first.seconds:.0f} seconds", ()
    if why := runner.obstacle(goal.remedies, form):
        return why, ()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sides = zip(("first", "second"), goal.environments, strict=True)
        wanted = [(f"{side}-by-{form}", environment) for side, environment in sides]
        ran = pool.map(lambda one: runner.run(one[0], one[1], goal.remedies, goal.wheel, form), wanted)
    return "", tuple(ran)


def _recipe(form: RecipeForm, goal: _Goal, runner: RecipeRunner, unproven: str, ran: tuple[Build, ...]) -> Recipe:
    text = recipes.write(form, runner.inputs(goal.remedies, goal.wheel))
    names = tuple(build.name for build in ran)
    differing = [build.name for build in ran if build.wheel is None or build.wheel.sha256 != goal.wheel.sha256]
    sha256 = "" if form is RecipeForm.DEBIAN_RULES else goal.wheel.sha256
    if unproven:
        return Recipe(form, text, goal.wheel.filename, sha256, RecipeProof.NOT_RUN, why=unproven)
    if differing:
        why = f"{' and '.join(differing)} did not give that wheel"
        return Recipe(form, text, goal.wheel.filename, sha256, RecipeProof.REJECTED, names, why)
    return Recipe(form, text, goal.wheel.filename, sha256, RecipeProof.PROVEN, names)


def is_native(filename: str) -> bool:
    """Return whether a wheel is for one Python or one platform; a name that cannot be read is."""
    try:
        return any((tag.abi, tag.platform) != _PURE for tag in WheelName(filename).tags)
    except BadNameError:
        return True
