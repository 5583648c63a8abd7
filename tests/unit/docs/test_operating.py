"""The commands of docs/operating.md run as they are; only folders are those of the test, and no engine is needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from orchestrator.model import ChangeKind, RunChange, RunStatus
from orchestrator.publish import news
from orchestrator.results.changes import last_run
from orchestrator.results.store import Results
from tests.installed import ROOT
from tests.sample_results import sample
from tests.sample_runs import run_of

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
STUB = '#!/bin/sh\necho "$(basename "$0") $*" >>"$CALLS"\n'


class Host:
    """A host with its own /srv, /etc and /mnt, on which systemctl only notes what it is asked for."""

    def __init__(self, folder: Path) -> None:
        """Install a farm on it."""
        self.folder = folder
        self.farm = folder / "srv" / "wheelproof"
        (self.farm / ".venv" / "bin").mkdir(parents=True)
        for name in ("etc/systemd/system", "etc/cron.d", "bin", "mnt/backup"):
            (folder / name).mkdir(parents=True)
        (self.farm / "scripts").symlink_to(ROOT / "scripts")
        (self.farm / "config.yaml").write_text("{}")
        program = f'[ "$1" = run ] || exec {sys.executable} -m orchestrator "$@"\n'  # a run needs an engine
        self.add(self.farm / ".venv" / "bin" / "wheelproof", STUB.replace('$(basename "$0")', "wheelproof") + program)
        self.add(folder / "bin" / "systemctl", STUB)
        self.store = Results(self.farm / "results", wheels=1 << 30, logs=1 << 30)

    def add(self, path: Path, text: str) -> None:
        """Write a program."""
        path.write_text(text)
        path.chmod(0o755)

    def run(self, block: str) -> subprocess.CompletedProcess[str]:
        """Run a block of the page; `set -e` ends it at the first command that fails."""
        text = re.sub(r"/(srv|etc|mnt)/", rf"{self.folder}/\1/", block)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "CALLS": str(self.folder / "calls"),
        }
        command = ["/bin/sh", "-euc", text]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def calls(self) -> list[str]:
        """Return what was called."""
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with a farm."""
    return Host(tmp_path)


def block(containing: str) -> str:
    """Return the block with that text."""
    (found,) = [text for text in BLOCKS if containing in text]
    return str(found)


def test_each_block_is_run_by_a_test() -> None:
    """Below."""
    known = ("wheelproof plan", "systemctl", "cron.d", "mmin", "save", "restore", "--new-key")
    assert sorted(BLOCKS) == sorted(map(block, known))


def test_the_set_up_runs(host: Host) -> None:
    """It plans, then runs."""
    assert host.run(block("wheelproof plan")).returncode == 0
    assert host.calls() == ["wheelproof plan", "wheelproof run"]


def test_the_timer_and_the_cron_line_are_installed(host: Host) -> None:
    """From the checkout."""
    for text in (block("systemctl"), block("cron.d")):
        done = host.run(text)
        assert done.returncode == 0, done.stderr
    assert host.calls() == ["systemctl daemon-reload", "systemctl enable --now wheelproof.timer"]
    written = [path.name for path in (host.folder / "etc").rglob("*") if path.is_file()]
    assert sorted(written) == ["wheelproof", "wheelproof.service", "wheelproof.timer"]


@pytest.mark.parametrize(
    ("status", "hours", "healthy"),
    [
        (RunStatus.COMPLETE, 1, True),
        (RunStatus.OPEN, 25, True),
        (RunStatus.COMPLETE, 27, False),
        (RunStatus.FAILED, 1, False),
        (RunStatus.INTERRUPTED, 1, False),
    ],
)
def test_monitoring_sees_what_is_wrong(host: Host, status: RunStatus, hours: int, *, healthy: bool) -> None:
    """A farm that does not run, and one that gives no verdicts."""
    host.store.note_last_run(last_run(run_of(0), status, ""))
    path = host.farm / "results" / "last_run.json"
    then = path.stat().st_mtime - hours * 3600
    os.utime(path, (then, then))
    assert (host.run(block("mmin")).returncode == 0) is healthy


def test_a_farm_without_any_run_is_unhealthy(host: Host) -> None:
    """There is nothing to read."""
    assert host.run(block("mmin")).returncode != 0


def test_a_backup_brings_everything_back(host: Host, tmp_path_factory: pytest.TempPathFactory) -> None:
    """On another host: records and runs are the same, and the site is written from them."""
    host.store.write(sample("six", days=-10))
    host.store.write_run(run_of(-10))
    remote = host.folder / "mnt" / "backup" / "results.git"
    assert host.run("git init --quiet --bare /mnt/backup/results.git").returncode == 0
    done = host.run(block("publish-results save"))
    assert done.returncode == 0, done.stderr

    other = Host(tmp_path_factory.mktemp("other"))
    remote.rename(other.folder / "mnt" / "backup" / "results.git")
    done = other.run(block("publish-results restore"))
    assert done.returncode == 0, done.stderr
    assert list(other.store.of("six")) == list(host.store.of("six"))
    assert list(other.store.runs()) == list(host.store.runs())
    assert (other.farm / "results" / "site" / "feed.atom").is_file()
    assert (other.farm / "results" / "changes.json").is_file()


def test_statements_are_signed_with_a_key_that_only_the_farm_reads(host: Host) -> None:
    """And git leaves the key out."""
    host.store.write(sample("six", days=-10))
    done = host.run(block("--new-key"))
    assert done.returncode == 0, done.stderr
    key = host.farm / "keys" / "farm.key"
    assert key.stat().st_mode & 0o077 == 0
    assert list(host.farm.glob("results/statements/six/*/verdict.intoto.jsonl"))
    assert {"*.key", "*.key.pub"} <= set((ROOT / ".gitignore").read_text(encoding="utf-8").split())


def test_the_example_has_the_form_that_is_written() -> None:
    """Of what on-change reads."""
    (example,) = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    written = json.loads(news.as_json(run_of(0)))
    assert list(example) == list(written)
    assert set(example["changes"][0]) <= {field.name for field in fields(RunChange)}


def test_each_kind_and_status_is_explained() -> None:
    """In the page's lists."""
    explained = set(re.findall(r"\*\*([a-z, ]+)\*\*:", PAGE))
    assert {kind for kinds in explained for kind in kinds.split(", ")} == set(ChangeKind)
    assert set(re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)) >= set(RunStatus)
