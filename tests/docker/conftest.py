"""The real engine and the real images, made once and shared by all tests that need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.build.engine import Engine, connect
from orchestrator.images.build import ensure
from tests.docker.case_builder import CaseBuilder
from tests.docker.containers import IMAGES

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Image


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine of this machine."""
    return connect()


@pytest.fixture(scope="session")
def cache() -> Path:
    """What is kept from one run of the tests to the next, the farm's own cache."""
    return IMAGES.parent / ".cache"


@pytest.fixture(scope="session")
def bookworm(engine: Engine, cache: Path) -> Image:
    """The image of that name, made if need be."""
    return ensure(engine, "bookworm", IMAGES, cache, strict=False, log=print)


@pytest.fixture(scope="session")
def trixie(engine: Engine, cache: Path) -> Image:
    """The image of that name, made if need be."""
    return ensure(engine, "trixie", IMAGES, cache, strict=False, log=print)


@pytest.fixture(scope="session")
def rust(engine: Engine, cache: Path) -> Image:
    """The custom image that has cargo, made if need be."""
    return ensure(engine, "rust", IMAGES, cache, strict=False, log=print)


@pytest.fixture(scope="session", params=["bookworm", "trixie"])
def image(request: pytest.FixtureRequest) -> Image:
    """Each image of ours in turn."""
    found: Image = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def cases(engine: Engine, bookworm: Image, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> CaseBuilder:
    """A farm for all tests of one file."""
    return CaseBuilder(engine, bookworm, cache, tmp_path_factory.mktemp("cases"))
