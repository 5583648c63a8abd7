"""The catalogue of causes: why two builds of one release differ, by the layer of the wheel that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.causes.model import Cause

CAUSES: tuple[Cause, ...] = ()
