"""An order of every kind arrives on another worker as it was given, but for the places of its files."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.build.builder import Output
from orchestrator.build.container import Order, RecipeOrder
from orchestrator.build.environment import first_environment
from orchestrator.farm.cluster import orders, values
from orchestrator.farm.cluster.orders import SentOrder, SentOutput, sent_order
from orchestrator.model import Limits
from orchestrator.sources.sdist import Source
from orchestrator.util import cache
from tests import samples
from tests.dask_cluster import RECIPE, TERMS
from tests.sample_results import sample


class Home:
    """The cache of the worker that sends, with all that orders need."""

    def __init__(self, folder: Path) -> None:
        """Make files and sealed folders, each with its own content."""
        self.cache = folder / "cache"
        self.cache.mkdir()
        self.sdist, self.recipe, self.published = (self._file(f"{name}/pkg-1.0") for name in ("sdists", "text", "whl"))
        self.requirements, self.crates, self.wheels, self.repair = (
            self._folder(name) for name in ("buildenvs", "crates", "wheels", "tools")
        )

    def _file(self, name: str) -> Path:
        path = self.cache / name
        path.parent.mkdir()
        path.write_text(name)
        return path

    def _folder(self, name: str) -> Path:
        new = self.cache / "new" / name
        new.mkdir(parents=True)
        (new / "file").write_text(name)
        return cache.settle(new, self.cache / name)

    def plain(self) -> Order:
        """Return an order without anything that an order may lack."""
        source = Source(
            self.sdist, ("setuptools",), "backend:object", (".", "src"), ((".", "c" * 64), ("sub", "d" * 64))
        )
        return Order(
            "second", source, samples.ELSEWHERE, self.requirements, samples.IMAGE, Limits(seconds=7), spread=True
        )

    def orders(self) -> dict[str, Order]:
        """Return an order of every kind."""
        plain = self.plain()
        repaired = replace(plain.environment, repair="manylinux_2_28_x86_64", config_settings=(("a", "b"), ("a", "c")))
        return {
            "plain": plain,
            "asking": replace(plain, ask=True, given=("setuptools", "wheel"), project="pkg"),
            "sdist": replace(plain, hook="build_sdist", git=True),
            "crates": replace(plain, crates=self.crates),
            "pip": replace(plain, pip="pkg"),
            "recipe": replace(plain, recipe=RecipeOrder(self.recipe, self.wheels, "e" * 64), project="pkg"),
            "published": replace(plain, recipe=RecipeOrder(self.recipe, self.wheels, "", self.published)),
            "folder": replace(plain, recipe=RecipeOrder(self.wheels, self.wheels, program="rebuild.sh")),
            "repair": replace(plain, repair_tools=self.repair, environment=repaired),
            "not spread": replace(plain, spread=False),
        }

    def sent(self, order: Order, *, long: bool = True) -> SentOrder:
        """Return an order as it arrives."""
        one = sent_order(order, self.cache, terms=TERMS, home="tcp://a:1", recipe=RECIPE, long=long)
        found = values.decoded(orders.ORDER, orders.encoded(orders.ORDER, one))
        assert found == one
        return found


KINDS = ("plain", "asking", "sdist", "crates", "pip", "recipe", "published", "folder", "repair", "not spread")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give the cache of a worker that sends."""
    return Home(tmp_path)


def elsewhere(value: Any, places: dict[Path, Path]) -> Any:  # noqa: ANN401 - any field
    """Return a value with all paths in it replaced."""
    if isinstance(value, Path):
        return places[value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: elsewhere(getattr(value, field.name), places) for field in dataclasses.fields(value)}
        return replace(value, **fields)
    return value


@pytest.mark.parametrize("kind", KINDS)
def test_all_fields_of_an_order_arrive(home: Home, kind: str) -> None:
    """Only its paths are others, and only its image is that of the other worker."""
    order = home.orders()[kind]
    sent = home.sent(order)
    places = {path: Path("/there") / path for path, _ in sent.sums}
    image = replace(samples.IMAGE, id="sha256:there")
    moved = {home.cache / path: place for path, place in places.items()}
    assert sent.order(places, image) == replace(elsewhere(order, moved), image=image)
    assert (sent.manifest, sent.runtime, sent.long, sent.home) == (samples.IMAGE.manifest, "", True, "tcp://a:1")


def test_every_field_of_an_order_is_in_one_of_these(home: Home) -> None:
    """A field that is added has to be sent, and to be in an order here that shows it."""
    plain, all_ = home.plain(), home.orders()
    assert set(KINDS) == all_.keys()
    unchanged = {"name", "source", "requirements", "image", "limits"}  # `plain` has no default of these
    changed = {
        field.name
        for field in dataclasses.fields(Order)
        if any(getattr(order, field.name) != getattr(plain, field.name) for order in all_.values())
    }
    assert changed | unchanged == {field.name for field in dataclasses.fields(Order)}
    assert all(getattr(plain.source, field.name) for field in dataclasses.fields(Source))


def test_each_content_of_an_order_is_announced(home: Home) -> None:
    """By the hash of what a build reads there."""
    order = home.orders()["published"]
    assert dict(home.sent(order).sums) == {
        "sdists/pkg-1.0": cache.sha256_of(home.sdist),
        "buildenvs": (home.requirements / "seal").read_text(),
        "text/pkg-1.0": cache.sha256_of(home.recipe),
        "wheels": (home.wheels / "seal").read_text(),
        "whl/pkg-1.0": cache.sha256_of(home.published),
    }


def test_nothing_outside_of_the_cache_is_sent(home: Home, tmp_path: Path) -> None:
    """Nor what a link of it leads to."""
    (tmp_path / "secret").write_text("secret")
    (home.cache / "link").symlink_to(tmp_path / "secret")
    for path in (tmp_path / "secret", home.cache / "link"):
        order = home.plain()
        with pytest.raises(ValueError, match="secret"):
            home.sent(replace(order, source=replace(order.source, path=path)))


def test_all_fields_of_an_output_arrive(tmp_path: Path) -> None:
    """But the place of its wheel: that is in the store."""
    build = replace(sample().builds[1], environment=first_environment(source="x", salt="0", source_date_epoch=None))
    output = Output(build, tmp_path / "wheel", tmp_path / "log", ("setuptools",), missing=True, doubt="killed")
    sent = orders.sent_output(output, ())
    found: SentOutput = values.decoded(orders.OUTPUT, orders.encoded(orders.OUTPUT, sent))
    assert found.output(tmp_path / "here") == replace(output, file=None, log=tmp_path / "here")
    assert json.loads(orders.encoded(orders.OUTPUT, orders.refused("full")))["refused"] == "full"
