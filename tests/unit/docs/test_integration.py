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


FAKE = """#!/bin/bash
if [ "$1" = init ]; then mkdir -p "$2" && echo "# wheelproof" >"$2/config.yaml" && exit; fi
printf '%s\\n' "$@" >"$ARGUMENTS"
yes '::error::x' | head -30000
exit 12
"""


def checked(tmp_path: Path, **settings: str) -> tuple[int, list[str]]:
    """Check a project with a command in place of wheelproof; return its status, and the arguments that it got."""
    (tmp_path / "bin").mkdir()
    for name, text in (("wheelproof", FAKE), ("docker", "")):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
        "ARGUMENTS": f"{tmp_path}/arguments",
        "CHECK_WORK": f"{tmp_path}/work",
        **settings,
    }
    done = subprocess.run((str(SCRIPT),), cwd=tmp_path, env=environment, capture_output=True, check=False)
    return done.returncode, (tmp_path / "arguments").read_text().splitlines()


@pytest.mark.parametrize("summary", ["summary", "nowhere/summary"])
def test_the_status_is_the_gates_whatever_becomes_of_the_summary(tmp_path: Path, summary: str) -> None:
    """One that is too long is cut; one that cannot be written is not."""
    status, _ = checked(tmp_path, GITHUB_STEP_SUMMARY=f"{tmp_path}/{summary}")
    assert status == 12


def test_hostile_settings_are_arguments(tmp_path: Path) -> None:
    """Each is one, and none is an option; blanks and line ends around a form are no part of it."""
    (tmp_path / "-p $(id)").mkdir()
    settings = {"CHECK_PATH": "-p $(id)", "CHECK_FORMAT": " junit=a b.xml \r\n  \r\nsarif=$(id)\n", "CDPATH": "/"}
    _, arguments = checked(tmp_path, **settings, CHECK_IMAGE="--again")
    assert arguments[-2:] == ["--", f"{tmp_path}/-p $(id)"]
    assert arguments[arguments.index("--image") + 1] == "--again"
    assert arguments[-6:-2] == ["--format", "junit=a b.xml", "--format", "sarif=$(id)"]
