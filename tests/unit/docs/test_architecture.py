"""docs/architecture.md: its tree has the folders that there are, in the order of imports, and its table names code."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "orchestrator"
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def drawn() -> list[str]:
    """List the folders of the drawn tree, each by its path below orchestrator/."""
    (block,) = re.findall(r"^```\norchestrator/\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    folders: list[str] = []
    for indent, folder in re.findall(r"^( +)([a-z_]+)/ ", block, re.MULTILINE):
        above = [] if len(indent) == 2 else [folders[-1].split("/")[0]]
        folders.append("/".join([*above, folder]))
    return folders


def existing() -> set[str]:
    """Return the folders of the package that have files."""
    files = (file for file in PACKAGE.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {str(file.parent.relative_to(PACKAGE)) for file in files} - {"."}


def test_the_tree_names_just_the_folders_that_exist() -> None:
    """A new folder gets its line, and one that is gone loses it."""
    assert sorted(drawn()) == sorted(existing())


def test_the_tree_has_the_order_of_imports() -> None:
    """The contract in pyproject.toml decides; folders of one level may come in either order."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    level = {folder: number for number, line in enumerate(layers) for folder in line.split(" | ")}
    levels = [level[folder] for folder in drawn() if "/" not in folder]
    assert levels == sorted(levels)
    assert level.keys() - {"__main__", "errors"} == {folder for folder in drawn() if "/" not in folder}


@pytest.mark.parametrize("row", re.findall(r"^\| [a-z ]+ \| (`.*?) \|", PAGE, re.MULTILINE))
def test_each_stage_names_functions_that_exist(row: str) -> None:
    """In the module before them."""
    for module, names in re.findall(r"`([a-z_/]+\.py)`(?:: ((?:`[a-z_]+`(?:, )?)+))?", row):
        text = (PACKAGE / module).read_text(encoding="utf-8")
        for name in re.findall(r"[a-z_]+", names):
            assert re.search(rf"^(?:def {name}\(|from .* import .*\b{name}\b)", text, re.MULTILINE), (module, name)


@pytest.mark.parametrize("value", sorted(set(re.findall(r"`([A-Z][a-z]+[A-Za-z]*)`", PAGE)) - {"Effects"}))
def test_each_value_is_a_class(value: str) -> None:
    """Of the model, or of the file that the page names."""
    assert any(re.search(rf"^class {value}\b", file.read_text("utf-8"), re.MULTILINE) for file in PACKAGE.rglob("*.py"))


def test_the_debugger_example_names_a_test() -> None:
    """As it is written there."""
    name, file = re.findall(r"--trace -k (\w+) (\S+)", PAGE)[0]
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("folder", "column", "of_all"),
    [
        ("causes", 1, {"__init__.py", "catalogue.py", "erasers.py", "model.py", "upstream.py"}),
        ("formats", 2, {"__init__.py", "members.py", "program.py"}),
    ],
)
def test_each_cause_and_each_parser_has_its_layer(folder: str, column: int, of_all: set[str]) -> None:
    """The modules that serve all layers, or only compare programs, are in no row."""
    (table,) = re.findall(r"^\| Layer .*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    patterns = re.findall(r"`([a-z_*]+\.py)`", " ".join(row.split("|")[column + 1] for row in table.splitlines()[2:-1]))
    modules = {file.name for file in (PACKAGE / "analysis" / folder).glob("*.py")} - of_all
    assert {name for name in modules if not any(fnmatch(name, pattern) for pattern in patterns)} == set()
    assert [pattern for pattern in patterns if not any(fnmatch(name, pattern) for name in modules)] == []
