"""An image is suggested from failures, one after the other; the builds are an ordinary function here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ImageError, UsageError
from orchestrator.images import recipe as image_recipes
from orchestrator.images import suggest
from orchestrator.model import Failure, Missing, Phase, Reason, Verdict, Want
from tests.sample_results import sample

if TYPE_CHECKING:
    from orchestrator.model import Result

BUILT = sample()


def lacking(*packages: str) -> Result:
    """Fail for want of these packages."""
    failure = Failure(Reason.MISSING_HEADER, Phase.BUILD_WHEEL, "log", "evidence", debian_packages=packages)
    found = sample(verdict=Verdict.FTBFS, failure=failure)
    return replace(found, builds=tuple(replace(one, wheel=None, failure=failure) for one in found.builds))


@dataclass
class World:
    """A project that needs these packages, each of which is only named when those before are there."""

    needs: tuple[str, ...]
    impossible: str = ""
    hopeless: bool = False
    judged: list[tuple[str, ...]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def judge(self, packages: tuple[str, ...]) -> Result:
        self.judged.append(packages)
        if self.impossible in packages:
            msg = "it takes libc6 from its base"
            raise ImageError(msg)
        left = [one for one in self.needs if one not in packages]
        return lacking(*left[:1]) if left else lacking(*self.needs) if self.hopeless else BUILT

    def suggested(self) -> suggest.Suggestion:
        return suggest.suggest(self.judge, self.told.append)


def test_packages_are_added_until_it_builds() -> None:
    """Each step is logged, with its reason."""
    world = World(("libxml2-dev", "libxslt1-dev"))
    found = world.suggested()
    assert (found.packages, found.why) == (("libxml2-dev", "libxslt1-dev"), "")
    assert world.judged == [(), ("libxml2-dev",), ("libxml2-dev", "libxslt1-dev")]
    assert world.told[0] == "missing-header: evidence; adding libxml2-dev"
    assert not suggest.fails(found.result)


def test_what_builds_already_needs_no_image() -> None:
    """Nothing is added."""
    assert World(()).suggested() == suggest.Suggestion((), BUILT)


def test_it_ends_where_nothing_more_helps() -> None:
    """Packages that were tried are not tried again."""
    world = World(("one-dev",), hopeless=True)
    found = world.suggested()
    assert (found.packages, len(world.judged)) == (("one-dev",), 2)
    assert suggest.fails(found.result)
    assert "no package" in found.why


def test_a_package_that_cannot_be_installed_ends_it() -> None:
    """With what helped before."""
    found = World(("one-dev", "two-dev"), impossible="two-dev").suggested()
    assert (found.packages, found.why) == (("one-dev",), "it takes libc6 from its base")
    assert suggest.fails(found.result)


def test_rounds_are_bounded() -> None:
    """A package that lacks something else each time."""
    world = World(tuple(f"p{number}-dev" for number in range(100)))
    found = world.suggested()
    assert len(world.judged) == suggest.ROUNDS + 1
    assert len(found.packages) == suggest.ROUNDS


def test_the_recipe_is_one_that_images_understands(tmp_path: Path) -> None:
    """A custom image on a base by name."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in image_recipes.SHARED:
        (folder / name).write_bytes(b"")
    (folder / "bookworm").mkdir()
    (folder / "bookworm" / "image.toml").write_text('suite = "bookworm"\nbase = "debian@sha256:1"\n')
    suggest.write(suggest.unused(folder, "lxml"), "bookworm", ("libxslt1-dev", "libxml2-dev"))
    recipe = image_recipes.load(folder, "lxml")
    assert (recipe.base, recipe.suite) == ("bookworm", "bookworm")
    dockerfile = dict(recipe.files)["Dockerfile"].decode()
    assert dockerfile.endswith("provision \\\n    libxml2-dev \\\n    libxslt1-dev\n")
    with pytest.raises(UsageError, match="--name"):
        suggest.unused(folder, "lxml")


def test_a_folder_is_as_it_was_where_no_image_can_be_made(tmp_path: Path) -> None:
    """Or is none, where there was none."""
    for former in ((), ("one-dev",)):
        folder = tmp_path / f"image{len(former)}"
        if former:
            suggest.write(folder, "bookworm", former)
        before = {path.name: path.read_text() for path in folder.glob("*")}
        with pytest.raises(ImageError):
            _half_way(folder)
        assert {path.name: path.read_text() for path in folder.glob("*")} == before


def _half_way(folder: Path) -> None:
    with suggest.kept_on_error(folder):
        suggest.write(folder, "bookworm", ("two-dev",))
        (folder / "packages.lock").write_text("half")
        raise ImageError


@pytest.mark.parametrize(
    ("project", "name"),
    [("lxml", "lxml"), ("Zope.Interface==5.0", "zope-interface"), ("/home/me/my_project", "my-project")],
)
def test_an_image_is_named_after_its_project(project: str, name: str) -> None:
    """As a folder may be called."""
    assert suggest.named_for(project) == name


@pytest.mark.parametrize("name", ["lxml", "bookworm-3.12", "a" * 61])
def test_a_name_may_have_a_version(tmp_path: Path, name: str) -> None:
    """As that of an image with another Python, which its version is added to."""
    assert suggest.unused(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize("name", ["..", "a/b", "", "Upper", "3d", "auto", "a..b", "a.", "a-", ".a", "a\n", "a" * 62])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    """A folder of images/ is made of it."""
    with pytest.raises(UsageError):
        suggest.unused(tmp_path, name)


@pytest.mark.parametrize("name", ["bookworm-3.12", "noble-3.13", "bookworm-20250601", "a" * 61])
def test_an_image_may_be_named_after_a_version(tmp_path: Path, name: str) -> None:
    """As `images python` does; the name also has to be free."""
    assert suggest.unused(tmp_path, name) == tmp_path / name
    (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match="is in use"):
        suggest.unused(tmp_path, name)


IMAGES = Path(__file__).parents[3] / "images"


@pytest.mark.parametrize(
    ("missing", "packages", "image", "named"),
    [
        (("rustc", "cargo"), (), "bookworm", ("rust",)),
        (("rustc", "cargo"), (), "trixie", ("rust-trixie",)),
        (("gfortran",), (), "bookworm", ("scientific",)),
        (("cmake",), (), "bookworm", ("scientific", "graphics")),
        (("qmake",), (), "bookworm", ("qt",)),
        (("pg_config",), (), "bookworm", ("databases",)),
        (("swig",), ("swig",), "bookworm", ()),
        (("cmake", "swig"), ("cmake", "swig"), "bookworm", ()),
        (("cmake",), (), "graphics", ()),
        (("cmake",), (), "gone", ()),
        ((), (), "bookworm", ()),
    ],
)
def test_an_image_that_has_what_is_missing_is_named(
    missing: tuple[str, ...], packages: tuple[str, ...], image: str, named: tuple[str, ...]
) -> None:
    """Of the images that there are, on the same suite; none where one thing would still be missing."""
    wanted = tuple(Missing(Want.TOOL, name) for name in missing)
    failure = Failure(Reason.MISSING_TOOL, Phase.BUILD_WHEEL, missing=wanted, debian_packages=packages)
    recipes = [image_recipes.load(IMAGES, name) for name in image_recipes.names(IMAGES)]
    assert suggest.having(failure, image, recipes) == named


def test_a_header_is_found_by_its_debian_package() -> None:
    """As Debian's index of files names it."""
    failure = Failure(
        Reason.MISSING_HEADER,
        Phase.BUILD_WHEEL,
        missing=(Missing(Want.HEADER, "sql.h"),),
        debian_packages=("unixodbc-dev",),
    )
    recipes = [image_recipes.load(IMAGES, name) for name in image_recipes.names(IMAGES)]
    assert suggest.having(failure, "bookworm", recipes) == ("databases",)
