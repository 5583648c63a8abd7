"""The command explain: a recipe as a file, and the explanation as data."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.model import Experiment, Recipe, RecipeForm, RecipeProof, Remedied, RemedyOutcome, Severity, Verdict
from orchestrator.results.store import Results
from tests.sample_results import sample
from tests.unit.cli.commands import run

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Result

TEXT = "#!/bin/sh\nprintf '%s\\n' \"$1\"\n\texit 0\n"
PROVEN = Recipe(RecipeForm.SH, TEXT, "six-1.0-py3-none-any.whl", "a" * 64, RecipeProof.PROVEN, ("a", "b"))
REJECTED = Recipe(RecipeForm.UV, "exit 1\n", "six-1.0-py3-none-any.whl", "a" * 64, RecipeProof.REJECTED, ("c",), "no")


def explained(folder: Path, result: Result, *options: str) -> tuple[int, str, str]:
    """Return how `wheelproof explain six` ends, with a store that has that result."""
    (folder / "config.yaml").write_text("")
    Results(folder / "results", wheels=1, logs=1).write(result)
    ended = run("explain", "six", *options, folder=folder)
    return ended.status, ended.out, ended.err


def with_recipes() -> Result:
    """Return a result with a proven and a rejected recipe, and the experiment behind its remedy."""
    return replace(
        sample("six", "1.0", Verdict.SENSITIVE),
        recipe=("fix-umask",),
        recipes=(PROVEN, REJECTED),
        remedies=(Remedied("fix-umask", RemedyOutcome.PROVEN, Severity.NONE),),
        experiments=(
            Experiment("b", "a", (), ("fix-umask",), equal=True),
            Experiment("second-holding-umask", "first", ("umask",), (), equal=True),
        ),
    )


def test_a_recipe_is_printed_byte_for_byte(tmp_path: Path) -> None:
    """With its tabs and its last line's end, and nothing else."""
    assert explained(tmp_path, with_recipes(), "--recipe", "sh")[:2] == (0, TEXT)


@pytest.mark.parametrize(
    ("form", "why"), [("uv", "the form uv was rejected: no"), ("build", "judge it again with run --again")]
)
def test_a_recipe_that_there_is_not_ends_with_a_reason(tmp_path: Path, form: str, why: str) -> None:
    """A rejected text is not given away."""
    status, out, err = explained(tmp_path, with_recipes(), "--recipe", form)
    assert (status, out) == (2, "")
    assert why in " ".join(err.split())


def test_the_explanation_is_data(tmp_path: Path) -> None:
    """All forms, the expected wheel, and the experiments behind each remedy."""
    found = json.loads(explained(tmp_path, with_recipes(), "--json")[1])
    assert [(one["form"], one["text"], one["proof"]) for one in found["recipes"]] == [
        ("sh", TEXT, "proven"),
        ("uv", "exit 1\n", "rejected"),
    ]
    assert (found["sha256"], found["filename"]) == ("a" * 64, "six-1.0-py3-none-any.whl")
    (remedied,) = found["remedies"]
    assert [one["build"] for one in remedied["experiments"]] == ["b"]


def test_two_ways_to_print_it_exclude_each_other(tmp_path: Path) -> None:
    """Whichever two."""
    for options in (("--json", "--report"), ("--recipe", "sh", "--json")):
        status, out, err = explained(tmp_path, with_recipes(), *options)
        assert (status, out) == (2, "")
        assert "exclude each other" in err
