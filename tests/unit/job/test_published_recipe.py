"""The recipes of a published wheel, with containers that give what a test sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.job.inputs import Settled
from orchestrator.job.published_recipe import FORMS, PublishedRecipes, published_recipes, unlike
from orchestrator.job.recipes import PublishedGoal
from orchestrator.model import BUILT_HERE, Lock, OfferedWheel, Pin, RecipeForm, RecipeProof
from orchestrator.model.request import LineEnds, Recreation
from orchestrator.model.verification import ArchiveField
from orchestrator.sources.sdist import Source
from tests.samples import FIRST, IMAGE, RELEASE, SECOND, TASK, built
from tests.unit.job.test_rebuild import SETUPTOOLS, World
from tests.unit.job.test_recipes import Shelf, gives

SHA = "9" * 64
WHEEL = OfferedWheel("pkg-1.0-py3-none-any.whl", "https://index.example/pkg.whl", SHA, 100)
TOLD = Recreation(umask=0o002, timezone="GMT-14", line_ends=LineEnds.CRLF, config_settings=(("key", "value"),))


def recipes(
    world: World,
    shelf: Shelf,
    recreation: Recreation = TOLD,
    *taken: ArchiveField,
    pin: Pin = SETUPTOOLS,
    wheel: OfferedWheel = WHEEL,
) -> PublishedRecipes | str:
    """Return the recipes of the published wheel."""
    settled = Settled(Source(Path("six-1.16.0.tar.gz"), (), "setuptools.build_meta"), Lock((pin,)), True, "")  # noqa: FBT003
    effects = replace(world.effects(), recipes=shelf.effects())
    goal = PublishedGoal(recreation, wheel, Path("/cache/published.whl"), taken)
    return published_recipes(TASK, RELEASE, IMAGE, settled, effects, built("first", FIRST, "1"), goal)


def writable(found: PublishedRecipes | str) -> PublishedRecipes:
    """Return the recipes that can be written."""
    assert isinstance(found, PublishedRecipes), found
    return found


def test_the_text_that_users_get_is_run_once_in_another_environment() -> None:
    """With the published file beside it, and without what it has to set itself; the build proves it by its hash."""
    world, shelf = gives({"second-by-sh": SHA}), Shelf()
    found = writable(recipes(world, shelf, TOLD, ArchiveField.TIMES))
    build = found.run("second-by-sh", replace(SECOND, source_date_epoch=7, line_ends="crlf"))
    (order,) = world.orders
    assert order.recipe is not None
    assert (order.recipe.expected, order.recipe.published) == (SHA, Path("/cache/published.whl"))
    given = order.environment
    assert given.umask != TOLD.umask
    assert given.timezone != TOLD.timezone
    assert (given.source_date_epoch, given.line_ends) == (None, "")
    assert found.gave(build)
    proven = {one.form: one for one in found.recipes({RecipeForm.SH: build})}
    assert tuple(proven) == FORMS
    assert (proven[RecipeForm.SH].proof, proven[RecipeForm.SH].builds) == (RecipeProof.PROVEN, ("second-by-sh",))
    assert shelf.texts == [proven[RecipeForm.SH].text]
    assert {proven[form].proof for form in FORMS[1:]} == {RecipeProof.NOT_RUN}
    assert {one.sha256 for one in proven.values()} == {SHA}
    assert "--config-setting=key=value" in proven[RecipeForm.SH].text
    assert "umask 002" in proven[RecipeForm.SH].text


def test_without_fields_to_take_the_published_file_is_not_given() -> None:
    """Its bytes have to come out of the build alone."""
    world = gives({"second-by-sh": SHA})
    writable(recipes(world, Shelf())).run("second-by-sh", SECOND)
    assert world.orders[0].recipe is not None
    assert world.orders[0].recipe.published is None


def test_a_text_that_gives_another_wheel_is_rejected_with_all_that_contains_it() -> None:
    """Nothing is claimed of it."""
    found = writable(recipes(gives({"second-by-sh": "2"}), Shelf()))
    build = found.run("second-by-sh", SECOND)
    assert not found.gave(build)
    proofs = {one.form: one.proof for one in found.recipes({RecipeForm.SH: build})}
    rejected = {RecipeForm.SH, RecipeForm.DOCKERFILE, RecipeForm.GITHUB}
    assert {form for form, proof in proofs.items() if proof is RecipeProof.REJECTED} == rejected
    script = found.recipes({RecipeForm.SH: build}, other_zlib=True)[0]
    assert (script.proof, "but its packed bytes" in script.why) == (RecipeProof.REJECTED, True)


@pytest.mark.parametrize(
    ("recreation", "pin", "why"),
    [
        (Recreation(hold=("time",)), SETUPTOOLS, "time of its build"),
        (Recreation(umask=0o777), SETUPTOOLS, "umask"),
        (TOLD, replace(SETUPTOOLS, url=BUILT_HERE), "built here"),
    ],
)
def test_what_cannot_be_written_has_a_reason(recreation: Recreation, pin: Pin, why: str) -> None:
    """And nothing is run."""
    world = gives({})
    assert why in str(recipes(world, Shelf(), recreation, pin=pin))
    assert world.orders == []


def test_a_wheel_that_is_renamed_after_its_build_has_no_recipe() -> None:
    """As one that is repaired for other platforms."""
    published = replace(WHEEL, filename="pkg-1.0-py3-none-manylinux_2_17_x86_64.whl")
    assert "another name" in str(recipes(gives({}), Shelf(), wheel=published))


def test_what_is_held_is_written_unless_the_recreation_sets_it() -> None:
    """As remedies that hold a variation."""
    found = writable(recipes(gives({}), Shelf(), replace(TOLD, hold=("hash-seed", "umask"))))
    assert found.remedies == ("fix-hash-seed",)
    text = found.text(RecipeForm.SH)
    assert "PYTHONHASHSEED" in text
    assert "umask 022" not in text


def test_an_environment_has_other_values_than_the_publisher() -> None:
    """Only where they would be the same."""
    assert unlike(SECOND, Recreation()) == replace(SECOND, source_date_epoch=None)
    assert unlike(SECOND, Recreation(umask=SECOND.umask)).umask != SECOND.umask
    assert unlike(SECOND, Recreation(timezone=SECOND.timezone)).timezone != SECOND.timezone
