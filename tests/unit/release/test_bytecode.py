"""`make venv` leaves bytecode of the checkout, so that no process of a run has to compile it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one module, whose virtual environment was set up before."""
    for folder in ("scripts", ".venv/bin", "orchestrator"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "scripts" / "setup-venv").write_text("#!/bin/sh\n")
    (tmp_path / "scripts" / "setup-venv").chmod(0o755)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "orchestrator" / "module.py").write_text("VALUE = 'former'\n")
    return tmp_path


def made(checkout: Path) -> None:
    """Run `make venv` where Python itself keeps no bytecode."""
    make = shutil.which("make")
    assert make
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([make, "-C", checkout, "venv"], env=environment, check=True)


def test_bytecode_is_kept_where_python_keeps_none(checkout: Path) -> None:
    """And made again for a module that changed, as by `git pull`."""
    module = checkout / "orchestrator" / "module.py"
    made(checkout)
    bytecode = Path(cache_from_source(str(module)))
    assert b"former" in bytecode.read_bytes()
    module.write_text("VALUE = 'the later one'\n")
    os.utime(module, (0, 0))  # compileall compares whole seconds only
    made(checkout)
    assert b"the later one" in bytecode.read_bytes()


def test_a_module_that_cannot_be_compiled_stops_nothing(checkout: Path) -> None:
    """The command that imports it says what is wrong."""
    (checkout / "orchestrator" / "broken.py").write_text("def\n")
    made(checkout)
