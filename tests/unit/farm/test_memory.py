"""Answers in the cache: they are read as they were written, also those of earlier releases."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from orchestrator.farm import memory
from orchestrator.model import Provided, Tool
from orchestrator.util import cache

if TYPE_CHECKING:
    from pathlib import Path

TOOL = Tool("flit", "1.0", "1" * 64, "flit-1.0-py3-none-any.whl", "2" * 64, "2" * 64, ("wheel==1.0",))
PROVIDED = (Provided("setuptools", "66.1.1", "python3-setuptools", "66.1.1-1"),)


def test_values_are_recalled_as_they_were_remembered(tmp_path: Path) -> None:
    """Texts, tools and distributions; nothing where nothing was remembered."""
    memory.remember(tmp_path, "texts", ("cython", "numpy"))
    memory.remember_tool(tmp_path, "tool", TOOL)
    memory.remember_provided(tmp_path, "provided", PROVIDED)
    assert memory.recall(tmp_path, "texts") == ("cython", "numpy")
    assert memory.recall_tool(tmp_path, "tool") == TOOL
    assert memory.recall_provided(tmp_path, "provided") == PROVIDED
    assert memory.recall(tmp_path, "other") is None
    assert memory.recall_tool(tmp_path, "other") is None
    assert memory.recall_provided(tmp_path, "other") is None


def test_answers_of_earlier_releases_are_read(tmp_path: Path) -> None:
    """They wrote a tool as JSON within a list, and a distribution as words."""
    cache.write_checked(tmp_path / "answers" / "tool", json.dumps([json.dumps(asdict(TOOL))]))
    cache.write_checked(
        tmp_path / "answers" / "provided", json.dumps(["setuptools 66.1.1 python3-setuptools 66.1.1-1"])
    )
    assert memory.recall_tool(tmp_path, "tool") == TOOL
    assert memory.recall_provided(tmp_path, "provided") == PROVIDED


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", "3", '["{"]', "[[]]", '[{"name": 1}]'])
def test_a_damaged_answer_is_none(tmp_path: Path, text: str) -> None:
    """The question is then answered again."""
    cache.write_checked(tmp_path / "answers" / "question", text)
    assert memory.recall_tool(tmp_path, "question") is None
    if text != "[]":
        assert memory.recall_provided(tmp_path, "question") is None
