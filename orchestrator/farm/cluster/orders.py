"""One build that another worker does: its order, with paths in the cache, and its output, as JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from orchestrator.build.builder import Output
from orchestrator.build.container import Order, RecipeOrder
from orchestrator.farm.cluster.values import SentFile, SentRecipe, Terms  # noqa: TC001 - pydantic looks at types
from orchestrator.model import Build, Environment, Limits  # noqa: TC001 - as above
from orchestrator.results import coding
from orchestrator.sources.sdist import Source
from orchestrator.util.cache import content_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.model import Image


@dataclass(frozen=True, slots=True)
class SentOrder:
    """An order; each path is relative to the cache of the worker that sends it."""

    terms: Terms
    home: str  # the address of that worker
    recipe: SentRecipe  # of the image
    manifest: str
    runtime: str
    long: bool
    name: str
    environment: Environment
    source: str
    requires: tuple[str, ...]
    backend: str
    backend_path: tuple[str, ...]
    cargo: tuple[tuple[str, str], ...]
    requirements: str
    limits: Limits
    given: tuple[str, ...]
    ask: bool
    hook: str
    crates: str
    pip: str
    project: str
    recipe_file: str  # these five are empty, or those of a recipe
    recipe_wheels: str
    recipe_expected: str
    recipe_published: str
    recipe_program: str
    git: bool
    repair_tools: str
    spread: bool
    sums: tuple[tuple[str, str], ...] = ()  # (path, hash of its content), as `cache.content_of`

    def order(self, places: Mapping[str, Path], image: Image) -> Order:
        """Return the order on a worker that has each path at one of these places, and that image."""
        recipe = (
            RecipeOrder(
                places[self.recipe_file],
                places[self.recipe_wheels],
                self.recipe_expected,
                places.get(self.recipe_published),
                self.recipe_program,
            )
            if self.recipe_file
            else None
        )
        return Order(
            name=self.name,
            source=Source(places[self.source], self.requires, self.backend, self.backend_path, self.cargo),
            environment=self.environment,
            requirements=places[self.requirements],
            image=image,
            limits=self.limits,
            given=self.given,
            ask=self.ask,
            hook=self.hook,
            crates=places.get(self.crates),
            pip=self.pip,
            project=self.project,
            recipe=recipe,
            git=self.git,
            repair_tools=places.get(self.repair_tools),
            spread=self.spread,
        )


def sent_order(order: Order, cache: Path, *, terms: Terms, home: str, recipe: SentRecipe, long: bool) -> SentOrder:
    """Return an order as it is sent; raises ValueError where a path is not in the cache."""

    def within(path: Path | None) -> str:
        return str(path.resolve().relative_to(cache.resolve())) if path else ""

    asked = order.recipe
    of_recipe = (asked.file, asked.wheels, asked.published) if asked else ()
    needed = (order.source.path, order.requirements, order.crates, order.repair_tools, *of_recipe)
    sums = {within(path): content_of(path) for path in needed if path}
    return SentOrder(
        terms=terms,
        home=home,
        recipe=recipe,
        manifest=order.image.manifest,
        runtime=order.image.runtime,
        long=long,
        name=order.name,
        environment=order.environment,
        source=within(order.source.path),
        requires=order.source.requires,
        backend=order.source.backend,
        backend_path=order.source.backend_path,
        cargo=order.source.cargo,
        requirements=within(order.requirements),
        limits=order.limits,
        given=order.given,
        ask=order.ask,
        hook=order.hook,
        crates=within(order.crates),
        pip=order.pip,
        project=order.project,
        recipe_file=within(asked.file) if asked else "",
        recipe_wheels=within(asked.wheels) if asked else "",
        recipe_expected=asked.expected if asked else "",
        recipe_published=within(asked.published) if asked else "",
        recipe_program=asked.program if asked else "",
        git=order.git,
        repair_tools=within(order.repair_tools),
        spread=order.spread,
        sums=tuple(sums.items()),
    )


@dataclass(frozen=True, slots=True)
class SentOutput:
    """What came of a build on another worker: a build, or why that worker did not do it."""

    build: Build | None = None
    asked: tuple[str, ...] | None = None
    missing: bool = False
    doubt: str = ""
    refused: str = ""  # why this worker cannot build at present; another one may
    failed: str = ""
    kind: str = ""
    files: tuple[SentFile, ...] = ()
    worker: str = ""

    def output(self, log: Path) -> Output:
        """Return the output of the build, whose log is at that path; its wheel is in the store."""
        assert self.build is not None  # noqa: S101 - the caller has checked
        return Output(self.build, None, log, self.asked, self.missing, self.doubt)


def sent_output(output: Output, files: tuple[SentFile, ...]) -> SentOutput:
    """Return an output as it is sent."""
    return SentOutput(output.build, output.asked, output.missing, output.doubt, files=files)


def refused(why: str) -> SentOutput:
    """Return the answer of a worker that cannot build at present."""
    return replace(SentOutput(), refused=why)


@dataclass(frozen=True, slots=True)
class Packed:
    """Something of a cache, ready to be sent: a file, or a folder as a tar."""

    folder: bool
    file: SentFile


ORDER = TypeAdapter(SentOrder)
OUTPUT = TypeAdapter(SentOutput)
PACKED = TypeAdapter(Packed)

encoded = coding.encoded
