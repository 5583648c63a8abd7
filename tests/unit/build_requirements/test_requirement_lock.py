"""Locks of requirements: what uv chooses on an index on loopback, what is kept, and what a conflict reads like."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from orchestrator.build_requirements.requirement_lock import Request, lock_requirements
from orchestrator.build_requirements.uv import Uv
from orchestrator.errors import PackageIndexError, UsageError
from orchestrator.model import Target
from tests.loopback_index import LoopbackIndex, sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TARGET = Target("3.11", "x86_64-manylinux_2_36")
TODAY = date(2024, 5, 2)


@pytest.fixture
def index() -> Iterator[LoopbackIndex]:
    """Serve a program that needs a library, and a newer version that excludes it."""
    with LoopbackIndex() as index:
        for version, requires in (("1.0", ("library<2",)), ("2.0", ("library>=2", "plugin; python_version < '3'"))):
            index.publish(f"program-{version}-py3-none-any.whl", wheel("program", version, requires=requires))
        index.publish("library-1.0-py3-none-any.whl", wheel("library", "1.0"))
        index.publish("library-1.0.tar.gz", sdist("library", "1.0", {"setup.py": b""}))
        index.publish("library-2.0-py3-none-any.whl", wheel("library", "2.0"), uploaded="2024-05-01T00:00:00Z")
        index.publish("alone-1.0.tar.gz", sdist("alone", "1.0", {"setup.py": b"raise SystemExit('built')"}))
        yield index


def request(index: LoopbackIndex, *requirements: str) -> Request:
    """Ask for requirements on the index as it is."""
    return Request(requirements, TARGET, index.url, None, TODAY)


def lines(path: Path) -> list[str]:
    """Return the releases of a lock."""
    return [line.partition(" ")[0] for line in path.read_text().splitlines() if line[:1].isalpha()]


def test_all_that_is_needed_is_locked_with_the_hashes_of_all_files(tmp_path: Path, index: LoopbackIndex) -> None:
    """What is required by markers of another Python is not."""
    path = lock_requirements(request(index, "program<2"), Uv(index.url, tmp_path))

    assert lines(path) == ["library==1.0", "program==1.0"]
    assert path.read_text().startswith("# Resolved for Python 3.11 on x86_64-manylinux_2_36.\n")
    assert all(
        index.sha256("library", name) in path.read_text()
        for name in ("library-1.0.tar.gz", "library-1.0-py3-none-any.whl")
    )


def test_a_moment_decides_what_the_index_has(tmp_path: Path, index: LoopbackIndex) -> None:
    """A lock of a past moment is kept for ever; one of today only for the day."""
    now = request(index, "library")
    then = replace(now, as_of=datetime(2024, 4, 1, tzinfo=UTC))

    assert lines(lock_requirements(now, Uv(index.url, tmp_path))) == ["library==2.0"]
    assert lines(lock_requirements(then, Uv(index.url, tmp_path))) == ["library==1.0"]
    assert then.key == replace(then, today=date(2024, 6, 1)).key
    assert now.key != replace(now, today=date(2024, 6, 1)).key


def test_a_lock_is_made_once(tmp_path: Path, index: LoopbackIndex) -> None:
    """The same request, in any order, is answered from the cache while the index is away."""
    path = lock_requirements(request(index, "program", "library"), Uv(index.url, tmp_path))
    index.answer("/", status=503)

    assert lock_requirements(request(index, "library", "program"), Uv(index.url, tmp_path)) == path


@pytest.mark.parametrize(
    ("requirements", "words"),
    [
        (("program==1.0", "library==2.0"), "depends on library<2 and you require library==2.0"),
        (("absent",), "absent was not found"),
        (("alone",), "resolving builds nothing"),
    ],
)
def test_a_conflict_is_one_error(
    tmp_path: Path, index: LoopbackIndex, requirements: tuple[str, ...], words: str
) -> None:
    """It has uv's explanation, in one printable line, without uv's options."""
    with pytest.raises(UsageError, match=words) as raised:
        lock_requirements(request(index, *requirements), Uv(index.url, tmp_path))

    assert str(raised.value).isprintable()
    assert "--" not in str(raised.value).replace("--resolve", "")


def test_nothing_but_requirements_reaches_uv(tmp_path: Path, index: LoopbackIndex) -> None:
    """An option of uv in a requirement's place is refused."""
    with pytest.raises(ValueError, match="alone"):
        lock_requirements(request(index, "alone\n--index-url x"), Uv(index.url, tmp_path))


def test_an_index_that_is_away_is_no_conflict(tmp_path: Path, index: LoopbackIndex) -> None:
    """The requirements are not at fault."""
    index.answer("/simple/program/", status=500, times=99)

    with pytest.raises(PackageIndexError):
        lock_requirements(request(index, "program"), Uv(index.url, tmp_path), retry_wait=0)
