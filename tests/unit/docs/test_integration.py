"""The examples for continuous integration are valid, and the action passes its inputs as variables only."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "check-checkout"
SECTION = (ROOT / "docs/usage.md").read_text().partition("## In continuous integration\n")[2].partition("\n## ")[0]
WORKFLOW, HOOKS = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)


def action() -> dict[str, Any]:
    """Return action.yml."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return found


def test_the_workflow_is_valid_and_has_inputs_of_the_action(tmp_path: Path) -> None:
    """By the schema of workflows."""
    path = tmp_path / "workflow.yml"
    path.write_text(WORKFLOW)
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path))
    subprocess.run(command, check=True, capture_output=True)
    *_, step = yaml.safe_load(WORKFLOW)["jobs"]["reproducible"]["steps"]
    assert step["with"].keys() <= action()["inputs"].keys()


def test_the_hook_of_the_example_exists() -> None:
    """By its id."""
    (repository,) = yaml.safe_load(HOOKS)["repos"]
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert repository["hooks"] == [{"id": hook["id"]}]


def test_no_input_is_part_of_a_program() -> None:
    """Each is an environment variable that the script documents and reads."""
    (step,) = action()["runs"]["steps"]
    assert "${{" not in step["run"]
    text = SCRIPT.read_text()
    for name in action()["inputs"]:
        variable = f"CHECK_{name.upper().replace('-', '_')}"
        assert step["env"][variable] == "${{ inputs." + name + " }}"
        assert f"#   {variable} " in text
        assert f"${{{variable}:-" in text


@pytest.mark.parametrize(
    ("name", "value"), [("PATH", "$(touch pwned)"), ("VERSION", "1; touch pwned"), ("VERSION", "--index-url=x")]
)
def test_a_wrong_setting_is_refused_and_never_run(tmp_path: Path, name: str, value: str) -> None:
    """With status 2, before anything is installed."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), f"CHECK_{name}": value}
    done = subprocess.run((str(SCRIPT),), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert f"checking a checkout: {name.lower()}: " in done.stderr
    assert not (tmp_path / "pwned").exists()
