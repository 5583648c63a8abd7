"""The options that all commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator import __version__
from orchestrator.cli import COMMANDS
from orchestrator.results.store import Results
from tests.sample_results import sample
from tests.unit.cli.commands import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """Make a folder with a configuration and a result, which are not where commands look for them by default."""
    (tmp_path / "mine.yaml").write_text("")
    Results(tmp_path / "kept", wheels=1, logs=1).write(sample("six"))
    return tmp_path


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_printed(option: str) -> None:
    """With the program's name."""
    assert run(option).out == f"wheelproof, version {__version__}\n"


def test_the_help_documents_environment_variables_and_exit_statuses() -> None:
    """At its end, for all commands."""
    text = " ".join(run("--help").out.split())
    assert text.startswith("Usage: wheelproof ")
    assert "WHEELPROOF_RUN_JOBS=4" in text
    assert "_WHEELPROOF_COMPLETE=bash_source" in text
    assert "10 a witness found hashes that do not match" in text


@pytest.mark.parametrize("names", [("CONFIG", "RESULTS"), ("SHOW_CONFIG", "SHOW_RESULTS")])
def test_environment_variables_replace_options(farm: Path, names: tuple[str, str]) -> None:
    """Those of all commands, and those of one."""
    config, results = (f"WHEELPROOF_{name}" for name in names)
    ended = run("show", "six", folder=farm, **{config: "mine.yaml", results: "kept"})
    assert (ended.status, ended.err) == (0, "")
    assert run("show", "six", folder=farm).status == 3


@pytest.mark.parametrize("value", ["0", "x"])
def test_a_wrong_environment_variable_is_named(farm: Path, value: str) -> None:
    """The command line has no such option that could be corrected."""
    ended = run("run", folder=farm, WHEELPROOF_RUN_JOBS=value)
    assert (ended.status, ended.out) == (2, "")
    assert "'--jobs' (env var: 'WHEELPROOF_RUN_JOBS')" in ended.err
    assert "env var" not in run("run", "--jobs", value, folder=farm).err


def test_the_command_line_overrides_environment_variables(farm: Path) -> None:
    """Option by option."""
    ended = run("show", "six", "--results", "kept", folder=farm, WHEELPROOF_CONFIG="mine.yaml", WHEELPROOF_RESULTS="no")
    assert (ended.status, ended.err) == (0, "")


def test_each_command_that_logs_can_be_quiet() -> None:
    """And its log can be JSON."""
    for command in COMMANDS:
        names = {name for option in command.params for name in option.opts}
        assert ("--log-format" in names) == ("--quiet" in names)
