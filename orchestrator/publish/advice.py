"""What to do about a verdict: the proven recipe for each kind of builder, and a report for the project itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.experiments.remedies import NAMES
from orchestrator.model import RecipeForm, RecipeProof
from orchestrator.publish import recipes as writing

if TYPE_CHECKING:
    from orchestrator.model import Result

TITLES = {
    RecipeForm.SH: "pip",
    RecipeForm.BUILD: "python -m build",
    RecipeForm.UV: "uv",
    RecipeForm.DEBIAN_RULES: "debian/rules",
    RecipeForm.DOCKERFILE: "Dockerfile",
    RecipeForm.GITHUB: "GitHub Actions",
}


def recipes(result: Result) -> tuple[tuple[str, str], ...]:
    """Return the stored recipes as (title, text to paste), for each kind of builder; those that failed are left out."""
    return tuple((TITLES[one.form], one.text) for one in result.recipes if one.proof is not RecipeProof.REJECTED)


def report(result: Result) -> str:
    """Return a report for the upstream project, as Markdown; empty if there is nothing to report."""
    if not result.causes and not result.unexplained:
        return ""
    return writing.report(result if _known(result) else replace(result, recipe=()))


def _known(result: Result) -> bool:
    """Return whether the catalogue has every remedy of the recipe: an old record may name others."""
    return set(result.recipe) <= set(NAMES)
