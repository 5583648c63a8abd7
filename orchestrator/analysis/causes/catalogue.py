"""The catalogue of causes: why two builds of one release differ, by the layer of the wheel that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.causes import archive, bytecode, content, foreign, layout, metadata, native

if TYPE_CHECKING:
    from orchestrator.analysis.causes.model import Cause

CAUSES: tuple[Cause, ...] = (
    *foreign.CAUSES,
    *archive.CAUSES,
    *metadata.CAUSES,
    *bytecode.CAUSES,
    *native.CAUSES,
    *content.CAUSES,
    *layout.CAUSES,
)
"""The most specific first: a difference that one cause explains is not passed to those after it."""

NAMES = tuple(cause.name for cause in CAUSES)

BY_NAME = {cause.name: cause for cause in CAUSES}
"""Causes by slug; a record of an earlier release may name one that is not here."""

ALIKE = (("hash-order", "file-order", "locale-sorting"),)
"""Causes that leave the same trace; the variation that causes it decides between them."""

CURES = {cause.name: cause.remedies for cause in CAUSES}
"""The remedies of each cause, the least invasive first."""

TOLD_APART = {
    name: {variation: cause.name for cause in CAUSES if cause.name in group for variation in cause.variations}
    for group in ALIKE
    for name in group
}
"""Of causes that leave the same trace: the cause, by the variation that causes it."""
