"""What to do about a verdict: the proven recipe for each kind of builder, and a report for the project itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.experiments.remedies import NAMES
from orchestrator.publish import recipes as writing

if TYPE_CHECKING:
    from orchestrator.model import Result


def recipes(result: Result) -> tuple[tuple[str, str], ...]:
    """Return the proven recipe as (title, text to paste) for each kind of builder; empty if there is none."""
    if not result.recipe or not _known(result):
        return ()
    return (
        ("pip", writing.pip(result)),
        ("python -m build", writing.build(result)),
        ("debian/rules", writing.debian_rules(result)),
    )


def report(result: Result) -> str:
    """Return a report for the upstream project, as Markdown; empty if there is nothing to report."""
    if not result.causes and not result.unexplained:
        return ""
    return writing.report(result if _known(result) else replace(result, recipe=()))


def _known(result: Result) -> bool:
    """Return whether the catalogue has every remedy of the recipe: an old record may name others."""
    return set(result.recipe) <= set(NAMES)
