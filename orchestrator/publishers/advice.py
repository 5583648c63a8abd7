"""What to do about a verdict: the proven recipe for each kind of builder, and a report for the project itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.model import Result


def recipes(_result: Result) -> tuple[tuple[str, str], ...]:
    """Return the proven recipe as (title, text to be pasted), for each kind of builder; nothing where none is."""
    return ()


def report(_result: Result) -> str:
    """Return a report for the upstream project, as Markdown; empty where there is nothing to report."""
    return ""
