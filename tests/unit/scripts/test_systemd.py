"""The timer, the services and the cron line are what their programs accept, and run commands that exist."""

from __future__ import annotations

import re
import shlex
import shutil
import string
import subprocess
from pathlib import Path

import pytest
from distributed.cli import dask_worker

from orchestrator.cli import COMMANDS
from orchestrator.config.scheduler import is_loopback, scheduler_address
from tests.installed import ROOT

UNITS = ROOT / "scripts" / "systemd"
HOME = "/srv/wheelproof"
WORKER = "wheelproof-worker.service"

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this host has no systemd")


def installed(folder: Path, *, broken: str = "") -> list[str]:
    """Write the units as if the farm were in that folder; return their paths."""
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("wheelproof", "dask"):
        program = folder / ".venv" / "bin" / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    paths = []
    for name in ("wheelproof.service", WORKER, "wheelproof.timer"):
        path = folder / name
        path.write_text((UNITS / name).read_text().replace(HOME, str(folder)) + broken)
        paths.append(str(path))
    return paths


def verified(paths: list[str]) -> tuple[int, str]:
    """Return what systemd reports of units."""
    command = ["systemd-analyze", "verify", "--man=no", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


@needs_systemd
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """Without a warning."""
    assert verified(installed(tmp_path)) == (0, "")


@needs_systemd
def test_systemd_would_refuse_a_mistake(tmp_path: Path) -> None:
    """The check above can fail."""
    _, complaint = verified(installed(tmp_path, broken="\nNoSuchSetting=yes\n"))
    assert "NoSuchSetting" in complaint


@needs_systemd
def test_the_time_is_one_of_a_calendar() -> None:
    """Once a day, UTC."""
    text = (UNITS / "wheelproof.timer").read_text()
    (time,) = re.findall(r"^OnCalendar=(.*)$", text, re.MULTILINE)
    command = ["systemd-analyze", "calendar", time]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"Normalized form: \*-\*-\* \d\d:\d\d:00 UTC", done.stdout)


@needs_systemd
@pytest.mark.parametrize("number", [0, 1], ids=["wheelproof", "worker"])
def test_each_service_is_confined(tmp_path: Path, number: int) -> None:
    """What it may do is little, in systemd's own estimate: below 3 of 10."""
    service = installed(tmp_path)[number]
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", service]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    exposure = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert exposure, done.stderr
    assert float(exposure[1]) < 3


@pytest.mark.parametrize("name", ["wheelproof.service", "wheelproof.cron"])
def test_the_commands_have_options_that_exist(name: str) -> None:
    """Of the real command."""
    text = (UNITS / name).read_text()
    (line,) = re.findall(r"\.venv/bin/wheelproof (run [^>\n]*)", text)
    command, *options = line.split()
    (known,) = [one for one in COMMANDS if one.name == command]
    with known.make_context(command, options, resilient_parsing=False) as context:
        assert context.params["wanted"] == ()


def worker_options(folder: Path) -> list[str]:
    """Return the options of the worker's command, with the values of its variables; write its files of TLS."""
    pytest.importorskip("orchestrator.farm.worker")  # Dask imports it, and lets it check its own options
    for name in ("ca.pem", "worker.pem", "worker.key"):
        (folder / name).write_text("")
    text = (UNITS / WORKER).read_text().replace("\\\n", "").replace("/etc/wheelproof", str(folder))
    (settings,) = re.findall(r"^Environment=(.*)$", text, re.MULTILINE)
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    values = dict(setting.split("=", 1) for setting in settings.split())
    program, name, *options = shlex.split(string.Template(command).substitute(values))
    assert (Path(program).name, name) == ("dask", "worker")
    return options


def test_the_worker_has_options_that_exist(tmp_path: Path) -> None:
    """Dask passes on what it does not know: that is for the preload alone."""
    with dask_worker.main.make_context("worker", worker_options(tmp_path)) as context:
        given = context.params
    assert given["preload_argv"] == ("--folder", "/var/lib/wheelproof-worker")
    assert ([*given["preload"]], given["resources"], given["n_workers"]) == (
        ["orchestrator.farm.worker"],
        "builds=2",
        "1",
    )
    assert scheduler_address(given["scheduler"]).startswith("tls://")
    assert all(given[name] for name in ("tls_ca_file", "tls_cert", "tls_key"))


def test_nothing_of_the_worker_listens_without_tls(tmp_path: Path) -> None:
    """Dask's HTTP server has none; by default it is open to all hosts."""
    with dask_worker.main.make_context("worker", worker_options(tmp_path)) as context:
        assert is_loopback(context.params["dashboard_address"].rpartition(":")[0])
    with dask_worker.main.make_context("worker", ["tls://host:1"]) as context:
        assert not is_loopback(context.params["dashboard_address"].rpartition(":")[0])


def test_the_cron_line_has_seven_fields() -> None:
    """Time, user and command: five, one and the rest."""
    (line,) = [line for line in (UNITS / "wheelproof.cron").read_text().splitlines() if re.match(r"\d", line)]
    assert re.fullmatch(r"\d+ \d+ \* \* \* wheelproof cd /srv/wheelproof && .+", line)
    assert "%" not in line, "cron turns it into a line's end"
