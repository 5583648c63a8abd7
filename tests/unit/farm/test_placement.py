"""Tasks on `auto` get the first image whose Python their release admits, or no verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.config import Config
from orchestrator.errors import AbsentError, ImageError, UsageError
from orchestrator.farm.placement import Candidate, candidates, choose, insisted, placed
from orchestrator.model import AUTO_IMAGE, BuildTools, Policy, Release, Target
from orchestrator.util import shipped
from tests.loopback_index import LoopbackIndex, sdist
from tests.samples import TASK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.model import Task

OLD, NEW, NEWEST = (
    Candidate(name, Target(python, "x86_64-manylinux_2_36"))
    for name, python in (("old", "3.9"), ("new", "3.12"), ("newest", "3.13"))
)
ON_AUTO = replace(TASK, image=AUTO_IMAGE)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((("1.0", None), ("1.0", None), ("1.0", None)), "old"),
        ((("1.0", ">=3.10"), ("1.0", ">=3.10"), ("1.0", ">=3.10")), "new"),
        ((("1.0", ">=3.13"), ("1.0", ">=3.13"), ("1.0", ">=3.13")), "newest"),
        ((("1.0", ">=3.14"), ("1.0", ">=3.14"), ("1.0", ">=3.14")), "old"),
        ((("1.0", "!!"), ("1.0", "!!"), ("1.0", "!!")), "old"),
        ((("1.9", ""), ("1.10", ">=3.12"), ("1.10", ">=3.12")), "new"),
        ((("1.10", "<3.12"), ("1.9", ""), ("1.9", "")), "old"),
        ((("2.0rc1", "<3.12"), ("1.9", ">=3.12"), ("1.9", ">=3.12")), "new"),
    ],
)
def test_the_first_image_that_the_release_admits(found: tuple[tuple[str, str | None], ...], expected: str) -> None:
    """Of the newest release that any of them admits; where none does, the first image has the verdict."""
    releases = [Release("pkg", version, None, requires_python) for version, requires_python in found]
    assert choose((OLD, NEW, NEWEST), lambda _task, _pythons: releases, ON_AUTO) == expected


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("", "old"),
        ("python_version >= '3.12'", "new"),
        ("python_version == '3.13'", "newest"),
        ("python_version < '3'", "old"),
    ],
)
def test_an_image_for_which_a_marker_does_not_apply_is_none(marker: str, expected: str) -> None:
    """Where none is left, the index is not asked."""

    def releases(_task: Task, pythons: Sequence[str]) -> list[Release]:
        assert "< '3'" not in marker
        return [Release("pkg", "1.0", None) for _ in pythons]

    assert choose((OLD, NEW, NEWEST), releases, replace(ON_AUTO, marker=marker)) == expected


def test_tasks_are_placed_by_the_index(tmp_path: Path) -> None:
    """With the tools of their images; one whose project is not there stays on `auto`, with the error."""
    debian = BuildTools(policy=Policy.DEBIAN)
    with LoopbackIndex() as served:
        for version, requires in (("1.0", None), ("2.0", ">=3.12")):
            content = sdist("pkg", version, {"setup.py": b""})
            served.publish(f"pkg-{version}.tar.gz", content, requires_python=requires)
        settings = Config(index=served.url, cache=tmp_path, image_tools={"trixie": debian})
        names = ("pkg", "pkg==1.0", "pkg==2.0", "pkg<2", "nowhere")
        tasks = [replace(ON_AUTO, requirement=name) for name in names]
        placement = placed(settings, [*tasks, replace(TASK, requirement="pkg==2.0")])
        with pytest.raises(AbsentError):
            insisted(settings, tasks[-1])
    on = [(task.requirement, task.image, task.tools) for task in placement.tasks]
    assert on == [
        ("pkg", "trixie", debian),
        ("pkg==1.0", "bookworm", BuildTools()),
        ("pkg==2.0", "trixie", debian),
        ("pkg<2", "bookworm", BuildTools()),
        ("pkg==2.0", "bookworm", BuildTools()),
    ]
    ((left, error),) = placement.faults.items()
    assert (left.requirement, left.image) == ("nowhere", AUTO_IMAGE)
    assert isinstance(error, AbsentError)


def test_without_auto_nothing_is_asked(tmp_path: Path) -> None:
    """Neither an index nor a recipe."""
    settings = Config(index="http://127.0.0.1:9/", cache=tmp_path, auto_images=("nowhere",))
    assert placed(settings, [TASK]).tasks == (TASK,)


def test_an_image_without_a_lock_is_refused(tmp_path: Path) -> None:
    """Its Python is not known before it is built."""
    assert [one.target.python for one in candidates(("trixie", "rust"), (shipped.IMAGES,))] == ["3.13", "3.11"]
    folder = tmp_path / "bookworm"
    folder.mkdir()
    (folder / "Dockerfile").write_text("")
    (folder / "image.toml").write_text('suite = "bookworm"\nbase = "debian@sha256:' + "0" * 64 + '"\n')
    with pytest.raises(ImageError, match="bookworm: by its lock"):
        candidates(("trixie", "bookworm"), (tmp_path, shipped.IMAGES))
    with pytest.raises(UsageError, match="no such image"):
        candidates(("nowhere",), (shipped.IMAGES,))


def test_a_path_is_placed_by_its_own_words(tmp_path: Path) -> None:
    """Those of PKG-INFO of an sdist, and of pyproject.toml of a folder; without any, on the first image."""
    newer, plain, folder = tmp_path / "newer-1.0.tar.gz", tmp_path / "plain-1.0.tar.gz", tmp_path / "folder"
    newer.write_bytes(sdist("newer", "1.0", {"PKG-INFO": b"Name: newer\nRequires-Python: >=3.12\n"}))
    plain.write_bytes(sdist("plain", "1.0", {"setup.py": b""}))
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.12"\n')
    settings = Config(index="http://127.0.0.1:9/", cache=tmp_path / "cache")
    paths = [newer, plain, folder, tmp_path / "missing-1.0.tar.gz"]
    placement = placed(settings, [replace(ON_AUTO, requirement=str(path)) for path in paths])
    assert [task.image for task in placement.tasks] == ["trixie", "bookworm", "trixie", "bookworm"]
