"""The catalogue of causes: why two builds of one release differ, by the layer of the wheel that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.causes import archive, bytecode, content, metadata, native

if TYPE_CHECKING:
    from orchestrator.analysis.causes.model import Cause

CAUSES: tuple[Cause, ...] = (*archive.CAUSES, *metadata.CAUSES, *bytecode.CAUSES, *native.CAUSES, *content.CAUSES)
"""The most telling first: what one explains, those after it are not asked about."""

NAMES = tuple(cause.name for cause in CAUSES)

ALIKE = (("hash-order", "file-order", "locale-sorting"),)
"""Causes that leave one trace, and are told apart by which variation does it."""

CURES = {cause.name: cause.remedies for cause in CAUSES}
"""What repairs each cause, the gentlest first."""

TOLD_APART = {
    name: {variation: cause.name for cause in CAUSES if cause.name in group for variation in cause.variations}
    for group in ALIKE
    for name in group
}
"""Of causes that leave one trace: which of them it is, by the variation that does it."""
