"""The command that README.md begins with, run as it is shown, on the real index and the real engine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.model import Image

ROOT = Path(__file__).resolve().parents[2]
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")


def lines(text: str) -> list[str]:
    """Split an output into lines without trailing blanks, whenever it was printed."""
    return [TIME.sub("TIME", line).rstrip() for line in text.splitlines()]


def test_the_first_command_prints_what_is_shown(tmp_path: Path, bookworm: Image) -> None:
    """In a folder without results; the virtual environment, the engine and the image are there."""
    assert bookworm.name == "bookworm"
    for name in ("Makefile", "config.yaml", "profiles", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name)
    (shown,) = re.findall(r"^\$ make (run .*)\n((?:.+\n)+?)```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    command = f"make -o venv -o engine {shown[0]}"
    ended = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S602 - as a reader's shell runs it
    assert ended.returncode == 0, ended.stderr
    printed = [*lines(ended.stderr), *lines(ended.stdout)]
    assert [line for line in lines(shown[1]) if line not in printed] == []
    assert (tmp_path / "results/site/index.html").is_file()
