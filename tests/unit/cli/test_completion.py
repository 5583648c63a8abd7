"""What a shell completes, asked for as bash does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.results.store import Results
from tests.sample_results import sample
from tests.unit.cli.commands import run

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
groups: {all: {packages: [sixer, idna]}}
exclusions: [{project: sixpence, reason: needs a network, since: 2026-01-01}]
"""


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """Make a folder with a configuration and the results of two projects."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    for name in ("six", "attrs"):
        Results(tmp_path / "results", wheels=1, logs=1).write(sample(name))
    return tmp_path


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("show s", ["plain,six"]),
        ("explain --image book", ["plain,bookworm"]),
        ("run --image book", ["plain,bookworm"]),
        ("run si", ["plain,sixer"]),
        ("run ./", ["file,./"]),
        ("exclusions six", ["plain,sixpence"]),
        ("drift a", ["plain,attrs"]),
        ("attest a", ["plain,attrs"]),
        ("images make book", ["plain,bookworm"]),
        ("images suggest id", ["plain,idna"]),
        ("--vers", ["plain,--version"]),
        ("show --config missing.yaml s", []),
    ],
)
def test_names_are_completed(farm: Path, line: str, completed: list[str]) -> None:
    """Those that the command can use; where the configuration cannot be read, none."""
    words = f"wheelproof {line}"
    environment = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    ended = run(folder=farm, _WHEELPROOF_COMPLETE="bash_complete", **environment)
    assert ended.out.split() == completed
    assert ended.err == ""
