"""The form sh builds what the farm's own builds do: real releases, each built by its hook and by its recipe."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.build.environment import first_environment
from orchestrator.build.variations import second_environment
from orchestrator.job.build_pair import no_answer, order_for
from orchestrator.job.inputs import Settled
from orchestrator.job.recipes import RecipeRunner
from orchestrator.model import Limits, Lock, Pin, Task
from orchestrator.sources import sdist
from orchestrator.sources.index import Index
from tests.docker.case_builder import CaseBuilder
from tests.samples import EPOCH

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.build.engine import Engine
    from orchestrator.model import Image

LIMITS = Limits(seconds=120, memory=1 << 30, scratch=256 << 20, processes=64, log=4 << 20, wheel=16 << 20)
SETUPTOOLS = "setuptools==80.9.0"


@dataclass(frozen=True, slots=True)
class Case:
    """One release, and with what it is built."""

    release: str
    requires: tuple[str, ...]
    remedies: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    filename: str = ""  # a part of the wheel's, which a setting has changed


CASES = {
    "setuptools": Case("six==1.16.0", (SETUPTOOLS,)),
    "flit": Case("idna==3.7", ("flit-core==3.12.0",)),
    "compiled": Case("markupsafe==2.1.5", (SETUPTOOLS,), remedies=("prefix-map-source",)),
    "backend-path": Case("flit-core==3.12.0", ()),
    "settings": Case(
        "six==1.16.0",
        (SETUPTOOLS,),
        settings=(("--build-option", "--build-number=7"), ("--build-option", "--keep-temp")),
        filename="-7-",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_recipe_gives_the_wheel_of_the_hook(
    engine: Engine, bookworm: Image, cache: Path, tmp_path: Path, case: Case
) -> None:
    """Byte for byte; one that has a remedy gives its wheel in both environments."""
    index, cases = Index(None, cache), CaseBuilder(engine, bookworm, cache, tmp_path)
    pins = []
    for required in case.requires:
        (wheel,) = index.release(required, "3.11").wheels
        name, _, version = required.partition("==")
        pins.append(Pin(name, version, wheel.sha256, wheel.filename, wheel.url))
    release = index.release(case.release, "3.11")
    assert release.sdist is not None
    source = sdist.describe(index.fetch(release.sdist, LIMITS.download), LIMITS)
    assert isinstance(source, sdist.Source), source
    assert bool(source.backend_path) == (case.release == "flit-core==3.12.0")
    settled = Settled(source, Lock(tuple(pins)), asked=True, question="")
    farm = replace(cases.job_effects, index=index).effects(release.project, LIMITS, long=False, again=True)
    effects = replace(farm, recipes=cases.recipes(LIMITS))
    task = Task(case.release, bookworm.name, limits=LIMITS, config_settings=case.settings, source_date_epoch=EPOCH)
    plain = first_environment(source="source", salt=secrets.token_hex(6), source_date_epoch=EPOCH)
    first = replace(plain, config_settings=case.settings)
    order = order_for("first", first, task=task, release=release, image=bookworm, settled=settled, effects=effects)
    built = effects.build(order, no_answer).build
    assert built.wheel is not None, built.failure
    assert case.filename in built.wheel.filename

    runner = RecipeRunner(task, release, bookworm, settled, effects, built)
    by_recipe = runner.run("first-by-sh", first, case.remedies, built.wheel)
    assert by_recipe.wheel is not None, by_recipe.failure
    if not case.remedies:
        assert by_recipe.wheel.sha256 == built.wheel.sha256
    again = runner.run("second-by-sh", second_environment(first), ("fix-umask", *case.remedies), by_recipe.wheel)
    assert again.wheel is not None, again.failure
    assert again.wheel.sha256 == by_recipe.wheel.sha256
