"""All that the text of a recipe depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.model.request import Recreation

if TYPE_CHECKING:
    from orchestrator.model import OfferedWheel, Pin, Sdist, WheelFile
    from orchestrator.model.verification import ArchiveField

NOT_RECREATED = Recreation()
"""Nothing is set as a publisher had it."""


@dataclass(frozen=True, slots=True)
class RecipeInputs:
    """Equal inputs give equal text, byte for byte."""

    project: str  # normalized
    version: str
    sdist: Sdist
    backend: str  # of PEP 517, as pyproject.toml names it
    pins: tuple[Pin, ...]  # the build requirements, sorted by name
    remedies: tuple[str, ...]  # slugs, in the catalogue's order
    python: str  # "3.11": the version with which it was proven
    native: bool  # whether the wheel is for one Python or one platform
    image: str  # the image's name: "bookworm"
    base: str  # the Debian image on which that one is based, with its digest; empty if it has none
    packages: tuple[tuple[str, str], ...]  # (name:architecture, version) of Debian's packages in the image
    source_date_epoch: int | None
    config_settings: tuple[tuple[str, str], ...]  # the task's own, without those of remedies
    wheel: WheelFile | None = None  # the wheel that it gives; None until a first run has shown it
    recreation: Recreation = NOT_RECREATED  # what it sets as the publisher had it
    published: OfferedWheel | None = None  # the wheel from which it takes fields of the archive
    taken: tuple[ArchiveField, ...] = ()  # these fields
