"""The manual pages that `make man` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click_man.core import write_man_pages  # type: ignore[import-untyped]

from orchestrator.cli import COMMANDS, NAME, cli

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.filterwarnings("ignore:.*make_default_short_help:DeprecationWarning")  # of click-man
def test_each_command_has_a_page(tmp_path: Path) -> None:
    """With its options; hidden ones are not in it."""
    write_man_pages(NAME, cli, target_dir=str(tmp_path))
    pages = {page.name: page.read_text() for page in tmp_path.iterdir()}
    assert {f"{NAME}-{command.name}.1" for command in COMMANDS} < pages.keys()
    assert "requirements" in pages[f"{NAME}-run.1"]
    assert "when-told" not in pages[f"{NAME}-publish.1"].replace("\\-", "-")
