"""Builds the sample packages of tests/packages for real, as the farm would, and judges them."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.build_requirements.install import BuildEnvironments
from orchestrator.farm import recipe_effects
from orchestrator.farm.assemble import compiler
from orchestrator.farm.effects import JobEffects
from orchestrator.farm.workers import Cancellation, CpuSlots
from orchestrator.job.rebuild import rebuild
from orchestrator.model import Budget, Limits, Lock, Result, Task
from orchestrator.results.store import Results
from orchestrator.sources import sdist
from orchestrator.sources.index import Index, local
from tests.cause_cases import pack
from tests.samples import EPOCH

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.job.inputs import Effects, RecipeEffects
    from orchestrator.model import Image

SMALL = Limits(seconds=60, memory=512 << 20, scratch=64 << 20, processes=64, log=4 << 20, wheel=16 << 20)
LABEL = f"wheelproof-tests-{os.getpid()}"


@dataclass(frozen=True, slots=True)
class CaseBuilder:
    """A farm for packages without requirements, in a separate folder."""

    engine: Engine
    image: Image
    cache: Path
    folder: Path

    def judge(
        self,
        slug: str,
        *,
        limits: Limits = SMALL,
        hold: tuple[str, ...] = (),
        budget: Budget = Budget(),
        epoch: int | None = EPOCH,
        requirements: Path | None = None,
        recipes: bool = False,
        spread: bool = False,
    ) -> Result:
        """Judge the sample package of that name; `requirements` is the folder of its build requirements.

        Running `recipes` takes seconds for each.
        """
        release, file = local(pack(slug, self.folder))
        effects: Effects = replace(
            self.job_effects.effects(slug, limits, long=False, again=True),
            fetch=lambda _sdist: file,
            describe=lambda found, _sdist: sdist.describe(found, limits),
            recall=lambda _question: None,
            salt=lambda: secrets.token_hex(6),
            now=lambda: datetime.now(UTC),
            recipes=self.recipes(limits) if recipes else None,
        )
        if requirements is not None:
            folder = requirements
            effects = replace(effects, materialize=lambda _lock, _target: folder, recipes=None)
        task = Task(slug, self.image.name, hold=hold, source_date_epoch=epoch, limits=limits, budget=budget)
        task = replace(task, spread=spread)
        found = rebuild(task, release, self.image, effects)
        assert isinstance(found, Result)
        assert self.engine.sweep(LABEL) == 0, "a build left its container behind"
        return found

    def recipes(self, limits: Limits) -> RecipeEffects:
        """Return the effects of running recipes, which install pip and others from the real index."""
        index = Index(None, self.cache)
        return replace(
            self.job_effects.recipes(limits),
            offered=lambda wanted, target: recipe_effects.offered(index, wanted, target),
            wheels=lambda pins: recipe_effects.folder_of(self.cache, index, pins, 64 << 20),
            folder=lambda texts, tools: recipe_effects.folder_with(self.cache, index, texts, tools, 64 << 20),
        )

    @property
    def job_effects(self) -> JobEffects:
        """Real effects, but for the index: nothing is asked of it."""
        results = Results(self.folder / "results", wheels=1 << 30, logs=1 << 30)
        results.folder.mkdir(exist_ok=True)
        return JobEffects(
            engine=self.engine,
            index=Index("http://127.0.0.1:9/", self.cache),
            lock=lambda _requirements, _target: Lock(),
            # As the farm does; else each pip of a recipe would compile itself.
            buildenvs=BuildEnvironments(self.cache, compiled=compiler(self.engine, (self.image,), self.cache, LABEL)),
            results=results,
            slots=CpuSlots(2, (0, 1)),
            stop=Cancellation(),
            cache=self.cache,
            label=LABEL,
            log=lambda _project, _what: None,
            pause=0.0,
        )


def described(result: Result) -> str:
    """Describe the result, for a test that fails."""
    return f"{result.verdict} {result.holds} {result.causes} {result.unexplained} {result.remedies} {result.left_open}"
