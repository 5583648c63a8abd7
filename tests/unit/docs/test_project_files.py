"""The workflows, hooks and templates: they call make targets that exist, and nothing that can change unseen."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = frozenset(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def load(file: Path) -> Any:  # noqa: ANN401 - whatever YAML has
    """Read a YAML file; `on` is a boolean in YAML 1.1, and no test needs it."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def steps(workflow: Path) -> list[dict[str, Any]]:
    """List the steps of all jobs."""
    return [step for job in load(workflow)["jobs"].values() for step in job["steps"]]


def make_targets(commands: list[str]) -> set[str]:
    """Return the targets that shell commands call."""
    return {target for command in commands for target in re.findall(r"\bmake ([a-z]+)", command)}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_each_action_is_pinned_by_its_commit(workflow: Path) -> None:
    """A tag can be moved to other code; the comment has the version for readers."""
    lines = re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8"))
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[0-9.]+", line)] == []


def test_the_workflows_call_make() -> None:
    """Lint, unit tests and engine tests are the developers' own targets."""
    commands = [step["run"] for workflow in WORKFLOWS for step in steps(workflow) if "run" in step]
    assert make_targets(commands) == {"lint", "unit", "containers", "dist", "images"}
    assert make_targets(commands) <= TARGETS


def test_the_hooks_call_make() -> None:
    """The tools that they run are those of requirements.lock."""
    (repository,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    called = make_targets([hook["entry"] for hook in repository["hooks"]])
    assert called == {"lint", "unit"}
    assert called <= TARGETS


def test_unit_tests_run_on_every_supported_python() -> None:
    """From the oldest Python that pyproject.toml admits."""
    matrix = load(ROOT / ".github/workflows/checks.yml")["jobs"]["unit"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f">={matrix[0]}" == project["requires-python"]
    assert matrix == ["3.11", "3.12", "3.13", "3.14"]


def test_only_the_publishing_job_can_prove_who_it_is() -> None:
    """The job with the identity runs no code of the repository: it has no checkout and no command."""
    jobs = load(ROOT / ".github/workflows/release.yml")["jobs"]
    assert [name for name, job in jobs.items() if "permissions" in job] == ["publish"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert all("run" not in step and "checkout" not in step["uses"] for step in jobs["publish"]["steps"])


def test_the_job_that_builds_each_night_can_write_nothing() -> None:
    """It runs other people's code. The jobs that may write run none of it, and each may write one thing."""
    workflow = load(ROOT / ".github/workflows/nightly.yml")
    jobs = workflow["jobs"]
    assert workflow["permissions"] == {}
    assert jobs["run"]["permissions"] == {"contents": "read"}
    assert jobs["push"]["permissions"] == {"contents": "write"}
    assert jobs["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert "permissions" not in jobs["report"]
    commands = [step["run"] for name in ("push", "deploy") for step in jobs[name]["steps"] if "run" in step]
    assert not [text for text in commands if "wheelproof run" in text or "make" in text]
    checkouts = [step for step in steps(ROOT / ".github/workflows/nightly.yml") if "checkout" in step.get("uses", "")]
    assert [step["with"] for step in checkouts] == [{"persist-credentials": False}] * 2


def test_no_workflow_puts_an_expression_into_a_shell() -> None:
    """It comes as a variable, so that its text is no code."""
    texts = [step["run"] for workflow in WORKFLOWS for step in steps(workflow) if "run" in step]
    assert not [text for text in texts if "${{" in text]


def test_the_documents_name_targets_that_exist() -> None:
    """A reader can paste each `make` command."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")]
    texts = [text for file in documents for text in re.findall(r"`(make [^`]*)`", file.read_text(encoding="utf-8"))]
    assert len(texts) >= 10
    assert make_targets(texts) <= TARGETS
