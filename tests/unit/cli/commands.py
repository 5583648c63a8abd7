"""Runs commands as users do, in processes, for the tests of them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


def run(*arguments: str | Path, folder: Path = ROOT, **environment: str) -> Ended:
    """Run a command in a folder, with those environment variables and no others."""
    command = [sys.executable, "-m", "orchestrator", *map(str, arguments)]
    environment = {"PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, env=environment)
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def assert_harmless(text: str) -> None:
    """Nothing in it that a terminal might obey, or that turns text around."""
    assert not {one for one in text if not one.isprintable()} - {"\n"}
