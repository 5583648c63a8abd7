"""The timer, the service and the cron line are what their programs accept, and run commands that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli import COMMANDS
from tests.installed import ROOT

if TYPE_CHECKING:
    from pathlib import Path

UNITS = ROOT / "scripts" / "systemd"
HOME = "/srv/wheelproof"

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this host has no systemd")


def installed(folder: Path, *, broken: str = "") -> list[str]:
    """Write the units as if the farm were in that folder; return their paths."""
    program = folder / ".venv" / "bin" / "wheelproof"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    paths = []
    for name in ("wheelproof.service", "wheelproof.timer"):
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
def test_the_service_is_confined(tmp_path: Path) -> None:
    """What it may do is little, in systemd's own estimate: below 3 of 10."""
    service = installed(tmp_path)[0]
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


def test_the_cron_line_has_seven_fields() -> None:
    """Time, user and command: five, one and the rest."""
    (line,) = [line for line in (UNITS / "wheelproof.cron").read_text().splitlines() if re.match(r"\d", line)]
    assert re.fullmatch(r"\d+ \d+ \* \* \* wheelproof cd /srv/wheelproof && .+", line)
    assert "%" not in line, "cron turns it into a line's end"
