"""Requests that cannot succeed: each is refused at once, with advice, before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.cli import options, requests
from orchestrator.errors import UsageError
from tests.loopback_index import LoopbackIndex, sdist
from tests.unit.cli.commands import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Path]:
    """Make a folder with a configuration, whose index has the project six."""
    with LoopbackIndex() as index:
        for version in ("1.0", "1.9", "1.10", "2.0", "2.1", "2.2"):
            index.publish(f"six-{version}.tar.gz", sdist("six", version, {"setup.py": b""}))
        text = f"index: {index.url}\ncache: {tmp_path / 'cache'}\ngroups: {{all: {{packages: [six]}}}}\n"
        (tmp_path / "config.yaml").write_text(text)
        yield tmp_path


@pytest.mark.parametrize(
    ("requirement", "message"),
    [
        ("sixx", "looking for sixx: the index has no such project; did you mean 'six'?"),
        ("nothing-like-it", "looking for nothing-like-it: the index has no such project; check how it is spelled"),
        ("six==99", "asking the index for six==99: no release matches; the newest are 2.2, 2.1, 2.0, 1.10, 1.9"),
        ("six==1.0.0.1", "no release matches; the newest are 2.2, 2.1, 2.0, 1.10, 1.9; similar are 1.0"),
        ("six-1.0-py3-none-any.whl", "wheels are not built; name the release (NAME==VERSION), an sdist or a project"),
        ("./dist/six-1.0-py3-none-any.whl", "or compare two wheels: wheelproof compare FIRST.whl SECOND.whl"),
        ("./empty", "it has neither pyproject.toml nor setup.py; name the folder of a project, or an sdist"),
        ("./missing", "reading ./missing: it does not exist; name an sdist, or the folder of a project"),
        ("project", "the index has no such project; to build the folder, write ./project"),
        ("six=1", "'six=1' is not a requirement (PEP 508); write NAME or NAME==VERSION"),
    ],
)
@pytest.mark.parametrize("command", [("run",), ("plan",), ("images", "suggest")])
def test_a_request_that_cannot_succeed_is_refused(
    farm: Path, command: tuple[str, ...], requirement: str, message: str
) -> None:
    """By every command that builds, with the same text, and nothing is written."""
    (farm / "empty").mkdir()
    (farm / "project").mkdir()
    (farm / "project" / "setup.py").write_text("")
    ended = run(*command, requirement, folder=farm)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err
    assert "run again" not in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not (farm / "results").exists()


def test_of_several_versions_one_page_is_requested(tmp_path: Path) -> None:
    """It is requested again before a version is called missing: it may be new."""
    with LoopbackIndex() as index:
        for version in ("1.0", "2.0"):
            index.publish(f"six-{version}.tar.gz", sdist("six", version, {"setup.py": b""}))
        (tmp_path / "config.yaml").write_text(f"index: {index.url}\ncache: {tmp_path / 'cache'}\n")
        settings, _ = options.opened(tmp_path / "config.yaml", tmp_path / "results")
        requests.check_requirements(["six==1.0", "six==2.0", "six"], settings)
        assert index.count("/simple/six/") == 1
        with pytest.raises(UsageError, match=r"six==3.0: no release matches"):
            requests.check_requirements(["six==3.0"], settings)
        assert index.count("/simple/six/") == 2


def test_a_group_that_lists_nothing_is_no_empty_file(farm: Path) -> None:
    """The file lists releases, of another group."""
    (farm / "poetry.lock").write_text(
        '[[package]]\nname = "six"\nversion = "2.2"\ngroups = ["dev"]\nfiles = []\n[metadata]\nlock-version = "2.1"\n'
    )
    ended = run("plan", "-r", "poetry.lock", "--only", "main", folder=farm)
    assert ended.status == 2
    assert "reading poetry.lock: no release is listed in these groups; name other groups" in ended.err


def test_each_wrong_requirement_is_reported(farm: Path) -> None:
    """On a separate line."""
    ended = run("run", "sixx", "six==99", "idna", folder=farm)
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 3


@pytest.mark.parametrize(
    "command",
    [
        ("run", "six", "--image", "bookwurm"),
        ("plan", "--image", "bookwurm"),
        ("witness", "missing", "--image", "bookwurm"),
        ("images", "bookwurm"),
        ("images", "make", "--lock", "bookwurm"),
        ("images", "suggest", "six", "--image", "bookwurm"),
        ("show", "six", "--image", "bookwurm"),
        ("explain", "six", "--image", "bookwurm"),
    ],
)
def test_an_unknown_image_is_one_error(farm: Path, command: tuple[str, ...]) -> None:
    """With one text and one exit status, whatever command it is given to."""
    ended = run(*command, folder=farm)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "wheelproof: using the image 'bookwurm': there is no such image; did you mean 'bookworm'?\n"


@pytest.mark.parametrize("command", [("run", "six"), ("plan", "six")])
def test_an_index_that_is_down_is_exit_status_6(tmp_path: Path, command: tuple[str, ...]) -> None:
    """And it helps to run again."""
    (tmp_path / "config.yaml").write_text(f"index: http://127.0.0.1:9/simple/\ncache: {tmp_path / 'cache'}\n")
    ended = run(*command, folder=tmp_path)
    assert (ended.status, ended.out) == (6, "")
    assert "the index does not answer" in ended.err
    assert "Connection refused; check the network and the index's address, and run again" in ended.err
    assert not (tmp_path / "results").exists()
