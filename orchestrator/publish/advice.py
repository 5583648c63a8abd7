"""What to do about a verdict: recipes as they were run, and reports for those who can remove the causes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.publish import proof
from orchestrator.publish import report as writing

if TYPE_CHECKING:
    from orchestrator.model import Result


def recipes(result: Result) -> tuple[tuple[str, str], ...]:
    """Return each recipe of the record as (title with what is proven of it, text to paste)."""
    return tuple((f"{recipe.form}, {proof.of_recipe(result, recipe)}", recipe.text) for recipe in result.recipes)


def report(result: Result) -> str:
    """Return the reports for upstream, as Markdown; empty if there is nothing to report."""
    if not result.causes and not result.unexplained:
        return ""
    return writing.report(result)
