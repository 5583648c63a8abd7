"""What an sdist says of how it wants to be built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.model import Failure, Limits, Reason
from orchestrator.sdist import LEGACY_BACKEND, LEGACY_REQUIRES, Source, describe
from tests.samples import tar

if TYPE_CHECKING:
    from pathlib import Path


def described(tmp_path: Path, pyproject: bytes | None) -> Source | Failure:
    """Describe an sdist with that pyproject.toml."""
    members = [("pkg-1.0/setup.py", b"")]
    if pyproject is not None:
        members.append(("pkg-1.0/pyproject.toml", pyproject))
    return describe(tar(tmp_path / "pkg-1.0.tar.gz", members), Limits())


@pytest.mark.parametrize("pyproject", [None, b"", b"[tool.black]\nline-length = 100\n"])
def test_without_a_build_system_it_is_setuptools(tmp_path: Path, pyproject: bytes | None) -> None:
    """As PEP 517 and PEP 518 have it."""
    source = described(tmp_path, pyproject)
    assert isinstance(source, Source)
    assert (source.requires, source.backend) == (LEGACY_REQUIRES, LEGACY_BACKEND)


def test_a_build_system_is_taken_at_its_word(tmp_path: Path) -> None:
    """Requirements, backend and the folders of a backend of its own."""
    text = b'[build-system]\nrequires = ["flit_core >=3.2,<4"]\nbuild-backend = "own"\nbackend-path = ["tools"]\n'
    source = described(tmp_path, text)
    assert isinstance(source, Source)
    assert (source.requires, source.backend, source.backend_path) == (("flit_core >=3.2,<4",), "own", ("tools",))


@pytest.mark.parametrize(
    "pyproject",
    [
        b"[build-system",
        b"\xff\xfe",
        b"build-system = 3\n",
        b"[build-system]\n",
        b'[build-system]\nrequires = "setuptools"\n',
        b"[build-system]\nrequires = []\nbuild-backend = 3\n",
        b'[build-system]\nrequires = []\nbuild-backend = "x"\nbackend-path = ["../.."]\n',
        b"a = " + b"[" * 100_000,
    ],
)
def test_what_cannot_be_understood_is_a_failure_of_the_package(tmp_path: Path, pyproject: bytes) -> None:
    """Never an exception, and never a guess."""
    failure = described(tmp_path, pyproject)
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.BROKEN_SDIST
