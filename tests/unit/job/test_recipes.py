"""The recipes of a job, with containers that give what a test sets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.experiments.explain import Explained
from orchestrator.job.inputs import RecipeEffects, Settled
from orchestrator.job.judge import JudgedBuilds, Judgement
from orchestrator.job.recipes import RecipeRunner, with_recipes
from orchestrator.model import BUILT_HERE, Budget, Lock, Pin, Provided, RecipeForm, RecipeProof, Verdict
from orchestrator.sources.sdist import Source
from tests.samples import FIRST, IMAGE, RELEASE, SECOND, TASK, built
from tests.unit.job.test_rebuild import SETUPTOOLS, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.build.container import Order
    from orchestrator.model import Build, Target
    from orchestrator.recipes import Pinned

FORMS = (RecipeForm.SH, RecipeForm.BUILD, RecipeForm.UV)


@dataclass
class Shelf:
    """What recipes install; `lacks` names a project that the index does not have."""

    lacks: str = ""
    texts: list[str] = field(default_factory=list)
    shelved: list[tuple[str, ...]] = field(default_factory=list)

    def offered(self, wanted: Iterable[Pinned], _target: Target) -> tuple[Pin, ...] | str:
        pinned = list(wanted)
        if any(one.name == self.lacks for one in pinned):
            return f"the index has no {self.lacks}"
        return tuple(Pin(one.name, one.version, one.hashes[0], f"{one.name}.whl", "https://x/") for one in pinned)

    def file(self, text: str) -> Path:
        self.texts.append(text)
        return Path(f"/recipes/{len(self.texts)}/recipe.sh")

    def wheels(self, pins: Sequence[Pin]) -> Path:
        self.shelved.append(tuple(pin.name for pin in pins))
        return Path("/shelf")

    def effects(self) -> RecipeEffects:
        return RecipeEffects(
            offered=self.offered,
            file=self.file,
            wheels=self.wheels,
            folder=lambda texts, _tools: self.file("".join(texts.values())),
            changes=lambda *_: (),
        )


def reproducible() -> JudgedBuilds:
    """Return the judgement of two builds that agree."""
    return JudgedBuilds(Judgement(Verdict.REPRODUCIBLE), (built("first", FIRST, "1"), built("second", SECOND, "1")))


def runner(world: World, shelf: Shelf, *, pin: Pin = SETUPTOOLS, seconds: float = 1.0) -> RecipeRunner:
    """Return a runner of recipes whose builds the world gives."""
    lock = Lock((pin,))
    settled = Settled(Source(Path("six-1.16.0.tar.gz"), (), "setuptools.build_meta"), lock, asked=True, question="")
    task = replace(TASK, budget=Budget(recipes=FORMS))
    first = replace(built("first", FIRST, "1"), seconds=seconds)
    return RecipeRunner(task, RELEASE, IMAGE, settled, replace(world.effects(), recipes=shelf.effects()), first)


def gives(hashes: dict[str, str]) -> World:
    """Return a world in which a build gives the wheel of its name's hash, or else the first build's."""

    def build(order: Order) -> Build:
        return built(order.name, order.environment, hashes.get(order.name, "1"))

    return World(build)


def test_each_form_runs_as_it_stands_in_both_environments() -> None:
    """The order has the text's file, the wheels beside it, the expected hash, and the tools that a user has."""
    world, shelf = gives({}), Shelf()
    judged = with_recipes(reproducible(), runner(world, shelf))
    proofs = {recipe.form: recipe.proof for recipe in judged.recipes}
    assert {form for form, proof in proofs.items() if proof is RecipeProof.PROVEN} == set(FORMS)
    assert {proofs[form] for form in set(RecipeForm) - set(FORMS)} == {RecipeProof.NOT_RUN}
    texts = {recipe.form: recipe.text for recipe in judged.recipes}
    assert shelf.texts == [texts[form] for form in FORMS for _ in range(2)]
    orders = {order.name: order for order in world.orders}  # the two of a form begin at once
    assert orders.keys() == {f"{side}-by-{form}" for form in FORMS for side in SIDES}
    ours = [order.recipe for order in world.orders if order.recipe]
    assert {recipe.expected for recipe in ours} == {judged.recipes[0].sha256}
    zones = {(name.partition("-")[0], order.environment.timezone) for name, order in orders.items()}
    assert zones == {("first", FIRST.timezone), ("second", SECOND.timezone)}
    assert {len(order.environment.recipe) for order in world.orders} == {64}
    assert set(shelf.shelved[0]) == {"setuptools"}, "pip is a tool, and in no index"
    assert [build.name for build in judged.builds[2:]] == [f"{side}-by-{form}" for form in FORMS for side in SIDES]


SIDES = ("first", "second")


def test_a_text_that_gives_another_wheel_is_rejected_with_all_that_contains_it() -> None:
    """A form that does not contain it stands for itself."""
    judged = with_recipes(reproducible(), runner(gives({"second-by-sh": "2"}), Shelf()))
    proofs = {recipe.form: (recipe.proof, recipe.why) for recipe in judged.recipes}
    assert proofs[RecipeForm.SH] == (RecipeProof.REJECTED, "second-by-sh did not give that wheel")
    assert proofs[RecipeForm.DOCKERFILE][0] is proofs[RecipeForm.GITHUB][0] is RecipeProof.REJECTED
    assert proofs[RecipeForm.BUILD][0] is RecipeProof.PROVEN


def test_a_recipe_that_was_not_run_names_the_wheel_that_holding_gave() -> None:
    """It is shown as what it is: no container ran it."""
    builds = (built("first", FIRST, "1"), built("second", SECOND, "2"), built("second-holding-umask", SECOND, "1"))
    explained = Explained(recipe=("fix-umask",), holds=("umask",))
    held = JudgedBuilds(Judgement(Verdict.SENSITIVE), builds, explained=explained)
    ours = runner(gives({}), Shelf())
    judged = with_recipes(held, replace(ours, task=replace(TASK, budget=Budget(recipes=()))))
    script = next(recipe for recipe in judged.recipes if recipe.form is RecipeForm.SH)
    assert (script.proof, script.builds, judged.builds) == (RecipeProof.NOT_RUN, (), builds)
    assert builds[0].wheel is not None
    assert script.sha256 == builds[0].wheel.sha256
    assert "umask 022" in script.text


def test_what_cannot_be_written_or_is_not_known_has_no_recipe() -> None:
    """And nothing is run for it."""
    for shelf, pin in (
        (Shelf(lacks="pip"), SETUPTOOLS),
        (Shelf(), replace(SETUPTOOLS, url=BUILT_HERE)),
    ):
        world = gives({})
        assert with_recipes(reproducible(), runner(world, shelf, pin=pin)).recipes == ()
        assert world.orders == []
    debian = runner(gives({}), Shelf())
    provided = replace(debian.settled.lock, provided=(Provided("wheel", "0.38", "python3-wheel", "0.38-2"),))
    debian = replace(debian, settled=replace(debian.settled, lock=provided))
    assert with_recipes(reproducible(), debian).recipes == ()
    assert "package of Debian's" in debian.obstacle(())
    unknown = JudgedBuilds(Judgement(Verdict.INTRINSIC), reproducible().builds, explained=Explained())
    assert with_recipes(unknown, runner(gives({}), Shelf())).recipes == ()


def test_a_form_is_run_only_where_that_is_quick() -> None:
    """A reproducible release that takes long keeps its verdict's price; its texts say that they were not run."""
    world = gives({})
    judged = with_recipes(reproducible(), runner(world, Shelf(), seconds=500))
    assert world.orders == []
    assert {recipe.proof for recipe in judged.recipes} == {RecipeProof.NOT_RUN}
    assert "a build takes 500 seconds" in judged.recipes[0].why


def test_the_text_that_the_search_has_run_is_not_run_again() -> None:
    """It is stored with the two builds that ran it."""
    ran = (built("a", FIRST, "3"), built("b", SECOND, "3"))
    explained = Explained(recipe=("fix-umask",), proof=("a", "b"))
    judged = JudgedBuilds(Judgement(Verdict.SENSITIVE), (*reproducible().builds, *ran), explained=explained)
    world = gives({f"{side}-by-{form}": "3" for side in SIDES for form in FORMS})
    found = with_recipes(judged, runner(world, Shelf()))
    assert (found.recipes[0].proof, found.recipes[0].builds) == (RecipeProof.PROVEN, ("a", "b"))
    assert "umask 022" in found.recipes[0].text
    assert {order.name.rpartition("-")[2] for order in world.orders} == {"build", "uv"}
