"""What to do about a verdict: recipes as they were run, and reports for those who can remove the causes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.model import RecipeForm, RecipeProof, Verdict
from orchestrator.publish import proof
from orchestrator.publish import report as writing

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
    """Return each recipe of the record that did not fail, as (title with what is proven of it, text to paste)."""
    return tuple(
        (f"{TITLES[recipe.form]}: {proof.of_recipe(result, recipe)}", recipe.text)
        for recipe in result.recipes
        if recipe.proof is not RecipeProof.REJECTED
    )


def report(result: Result) -> str:
    """Return the reports for upstream, as Markdown; empty if there is nothing to report."""
    if not result.causes and not result.unexplained:
        return ""
    return writing.report(result)


def why_no_recipe(result: Result) -> str:
    """Return in one sentence why a record has no recipe."""
    if result.recipe_why:
        return result.recipe_why
    if result.recipe or result.verdict is Verdict.REPRODUCIBLE:
        return "it was judged by an earlier release, or without running recipes; judge it again with run --again"
    return "no set of remedies is proven to give the same bytes"
