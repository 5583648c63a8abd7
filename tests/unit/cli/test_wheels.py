"""The command wheels: both wheels of a verdict by name, and what is not kept any more."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.wheels import again_command, planned
from orchestrator.model import Verdict
from orchestrator.results.store import Results
from tests.sample_results import IMAGE, sample
from tests.unit.cli.commands import run

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Result

WHEELS = (b"the first", b"the second")
LOGS = (b"log of the first\n", b"log of the second\n")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def result_with(filenames: tuple[str, str] = ("six-1.16.0-py3-none-any.whl",) * 2, requirement: str = "six") -> Result:
    """Return a sensitive result, whose wheels and logs have these contents."""
    found = sample(verdict=Verdict.SENSITIVE)
    builds = []
    for build, content, log, name in zip(found.builds, WHEELS, LOGS, filenames, strict=False):
        assert build.wheel is not None
        wheel = replace(build.wheel, filename=name, sha256=_hash(content))
        builds.append(replace(build, wheel=wheel, log=_hash(log)))
    return replace(found, builds=tuple(builds), requirement=requirement)


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """Make a folder with a record, its wheels and its logs."""
    (tmp_path / "config.yaml").write_text("")
    store = Results(tmp_path / "results", wheels=1 << 20, logs=1 << 20)
    store.write(result_with())
    for kept, contents in ((store.wheels, WHEELS), (store.logs, LOGS)):
        for content in contents:
            file = tmp_path / "file"
            file.write_bytes(content)
            kept.keep(file, _hash(content))
    return tmp_path


def test_both_wheels_are_written_with_hashes_and_logs(farm: Path) -> None:
    """sha256sum accepts them; a second time changes nothing."""
    for _ in range(2):
        ended = run("wheels", "six", "--to", "out", folder=farm)
        assert (ended.status, ended.err) == (0, "")
        for build, content, log in zip(("first", "second"), WHEELS, LOGS, strict=True):
            folder = farm / "out" / build
            assert (folder / "six-1.16.0-py3-none-any.whl").read_bytes() == content
            assert (folder / "build.log").read_bytes() == log
            subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=True)  # noqa: S607
    first, second = (f"out/{build}/six-1.16.0-py3-none-any.whl" for build in ("first", "second"))
    assert f"wheelproof compare {first} {second}" in ended.out
    assert f"diffoscope {first} {second}" in ended.out


def test_another_file_is_not_overwritten_unless_forced(farm: Path) -> None:
    """And then nothing is written at all."""
    mine = farm / "out/second/six-1.16.0-py3-none-any.whl"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    refused = run("wheels", "six", "--to", "out", folder=farm)
    assert refused.status == 2
    assert "--force" in refused.err
    assert mine.read_text() == "mine"
    assert not (farm / "out/first").exists()
    assert run("wheels", "six", "--to", "out", "--force", folder=farm).status == 0
    assert mine.read_bytes() == WHEELS[1]


def test_a_folder_is_no_option_and_an_error_names_it(farm: Path) -> None:
    """The printed commands run as they are."""
    ended = run("wheels", "six", "--to", "-x", folder=farm)
    assert "wheelproof compare ./-x/first/six-1.16.0-py3-none-any.whl ./-x/second/" in ended.out, ended
    (farm / "file").write_text("")
    ended = run("wheels", "six", "--to", "file", folder=farm)
    assert ended.err.startswith("wheelproof: writing the wheels in file: ")
    assert "cache" not in ended.err
    ended = run("wheels", "six", "--to", "x" * 300, folder=farm)
    assert (ended.status, "choose another folder" in ended.err) == (2, True)


def test_a_wheel_that_is_gone_is_named_with_the_command_that_builds_it(farm: Path) -> None:
    """What is left is written."""
    (farm / "results/wheels" / _hash(WHEELS[1])).unlink()
    ended = run("wheels", "six", "--to", "out", "--json", folder=farm)
    assert ended.status == 2
    assert "the wheel of the second build is not kept any more" in ended.err
    assert "wheelproof run --again --image bookworm six==1.16.0" in ended.err
    kept = {(one["build"], one["file"].rpartition(".")[2]): one["kept"] for one in json.loads(ended.out)}
    assert kept == {("first", "whl"): True, ("first", "log"): True, ("second", "whl"): False, ("second", "log"): True}
    assert (farm / "out/first/SHA256SUMS").is_file()
    assert not (farm / "out/second/SHA256SUMS").exists()


def test_a_damaged_wheel_is_not_handed_out(farm: Path) -> None:
    """It is an error of the results."""
    (farm / "results/wheels" / _hash(WHEELS[0])).write_bytes(b"another")
    ended = run("wheels", "six", "--to", "out", folder=farm)
    assert (ended.status, "is damaged" in ended.err) == (7, True)
    assert not (farm / "out").exists()


@pytest.mark.parametrize(
    "name", ["../../six-1.16.0-py3-none-any.whl", "six.whl", "/etc/passwd", "idna-3-py3-none-any.whl"]
)
def test_a_name_that_is_none_is_no_path(name: str) -> None:
    """Whatever a record has in its place."""
    plan = planned(result_with((name, "six-1.16.0-py3-none-any.whl")), lambda _: None, lambda _: None)
    assert [(one.build, one.name and one.name.filename) for one in plan] == [("second", "six-1.16.0-py3-none-any.whl")]


def test_a_release_that_was_not_built_has_no_wheels(farm: Path) -> None:
    """The verdict says why; a build without a wheel is named."""
    store = Results(farm / "results", wheels=1, logs=1)
    store.write(sample("only", verdict=Verdict.NO_SDIST))
    ended = run("wheels", "only", "--to", "out", folder=farm)
    assert (ended.status, "nothing was built (no-sdist)" in ended.err) == (2, True)
    store.write(sample("broken", verdict=Verdict.FTBFS))
    ended = run("wheels", "broken", "--to", "out", folder=farm)
    assert ended.status == 0
    assert "the first build gave no wheel: needs-network" in ended.out


def test_the_command_that_builds_again_has_what_was_asked_for() -> None:
    """A path stays one."""
    command = again_command(replace(result_with(requirement="./six.tar.gz"), image=replace(IMAGE, name="trixie")))
    assert command == ["wheelproof", "run", "--again", "--image", "trixie", "./six.tar.gz"]
