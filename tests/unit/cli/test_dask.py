"""Where `run` builds: the options --dask, --local and --jobs, and the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli import options
from orchestrator.config import Config, DaskSettings
from orchestrator.errors import ConfigError, UsageError, WorkersError
from tests.cluster.certificates import certificates
from tests.unit.cli.commands import ROOT, run

HERE = Config()
ADDRESS, OTHER = "tls://a.example:1", "tls://b.example:1"
WORKERS = Config(dask=DaskSettings(ADDRESS))


@pytest.mark.parametrize(
    ("settings", "scheduler", "local", "expected"),
    [
        (HERE, None, False, None),
        (HERE, None, True, None),
        (HERE, OTHER, False, DaskSettings(OTHER)),
        (WORKERS, None, False, DaskSettings(ADDRESS)),
        (WORKERS, None, True, None),
        (WORKERS, OTHER, False, DaskSettings(OTHER)),
    ],
)
def test_where_builds_run(settings: Config, scheduler: str | None, *, local: bool, expected: DaskSettings) -> None:
    """The command line counts before the configuration."""
    found = options.on_workers(settings, scheduler, local=local, jobs=None)
    assert found.dask == expected


def test_another_address_keeps_the_files(tmp_path: Path) -> None:
    """Of the configuration."""
    party = certificates(tmp_path).client
    files = party.ca, party.certificate, party.key
    settings = Config(dask=DaskSettings(ADDRESS, *files))
    assert options.on_workers(settings, OTHER, local=False, jobs=None).dask == DaskSettings(OTHER, *files)


def test_files_count_only_where_workers_build() -> None:
    """A configuration is used on hosts without them, too."""
    absent = Path("/absent")
    settings = Config(dask=DaskSettings(ADDRESS, absent, absent, absent))
    with pytest.raises(ConfigError, match=r"dask\.ca: /absent: No such file"):
        options.on_workers(settings, None, local=False, jobs=None)
    assert options.on_workers(settings, None, local=True, jobs=2).dask is None


def test_only_run_has_the_workers(tmp_path: Path) -> None:
    """Each other command opens a configuration without them."""
    (tmp_path / "config.yaml").write_text(f"dask: {{address: '{ADDRESS}'}}")
    assert options.opened(tmp_path / "config.yaml", None)[0].dask is None
    settings, _ = options.opened_on_workers(tmp_path / "config.yaml", None, None, local=False, jobs=None)
    assert settings.dask == DaskSettings(ADDRESS)


@pytest.mark.parametrize(
    ("settings", "scheduler", "local", "jobs", "message"),
    [
        (HERE, OTHER, True, None, "give one of the two"),
        (HERE, OTHER, False, 2, "leave out --jobs$"),
        (WORKERS, None, False, 2, "leave out --jobs, or build on this host with --local"),
    ],
)
def test_options_that_exclude_each_other(
    settings: Config, scheduler: str | None, *, local: bool, jobs: int | None, message: str
) -> None:
    """The slots are the workers' own."""
    with pytest.raises(UsageError, match=message):
        options.on_workers(settings, scheduler, local=local, jobs=jobs)


def test_a_wrong_address_names_the_option(tmp_path: Path) -> None:
    """Or the variable that it comes from; nothing is written."""
    (tmp_path / "config.yaml").write_text("")
    for ended in (
        run("run", "--dask", "tcp://a:1", folder=tmp_path),
        run("run", folder=tmp_path, WHEELPROOF_RUN_DASK="tcp://a:1"),
    ):
        assert (ended.status, ended.out) == (UsageError.exit_status, "")
        assert "'--dask'" in ended.err
        assert "could run programs on the workers" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    """With the command that installs it: here, a module that cannot be imported is in its place."""
    (tmp_path / "config.yaml").write_text(f"dask: {{address: '{ADDRESS}'}}")
    (tmp_path / "distributed.py").write_text("raise ImportError('absent')")
    ended = run("run", folder=tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert ended.status == UsageError.exit_status
    assert "absent; pip install 'wheelproof[dask]'" in ended.err
    assert run("run", "--local", folder=tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}").status == 0


def test_the_status_of_workers_that_do_not_answer_is_documented() -> None:
    """The same command may succeed later."""
    assert WorkersError.is_transient
    assert f"; {WorkersError.exit_status} Dask's scheduler" in " ".join(run("--help").out.split())
