"""All that the text of a recipe depends on: that of one release, or that of a set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from orchestrator.model.request import Recreation
from orchestrator.recipes.quoting import plain

if TYPE_CHECKING:
    from orchestrator.model import OfferedWheel, Pin, Profile, Sdist, WheelFile
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
    backend_path: tuple[str, ...] = ()  # folders of the source from which the backend is imported first
    wheel: WheelFile | None = None  # the wheel that it gives; None until a first run has shown it
    recreation: Recreation = NOT_RECREATED  # what it sets as the publisher had it
    published: OfferedWheel | None = None  # the wheel from which it takes fields of the archive
    taken: tuple[ArchiveField, ...] = ()  # these fields

    @property
    def written_version(self) -> str:
        """The version as a text of a shell may contain it."""
        return plain(self.version)


@dataclass(frozen=True, slots=True)
class SetInputs:
    """All that rebuild.sh of a wheelhouse depends on, and its Dockerfile: the same for all releases of the set."""

    remedies: tuple[str, ...]  # of the whole set: slugs, in the catalogue's order
    python: str  # "3.11": the version with which it is proven
    image: str  # the image's name: "bookworm"
    packages: tuple[tuple[str, str], ...]  # (name:architecture, version) of Debian's packages in the image
    source_date_epoch: int | None
    profile: Profile | None = None
    native: bool = False  # whether any wheel is for one Python or one platform
    base: str = ""  # the official image on which that one is based, with its digest; empty: by the packages

    config_settings: ClassVar[tuple[tuple[str, str], ...]] = ()  # these three are of one release, or of none
    published: ClassVar[OfferedWheel | None] = None
    taken: ClassVar[tuple[ArchiveField, ...]] = ()
    written_version: ClassVar[str] = "$release"  # a variable of rebuild.sh

    @property
    def recreation(self) -> Recreation:
        """What the profile sets, besides the folder of the source."""
        if self.profile is None:
            return NOT_RECREATED
        seed = self.profile.hash_seed
        variables = () if seed is None else (("PYTHONHASHSEED", str(seed)),)
        return Recreation(umask=self.profile.umask, timezone=self.profile.timezone, variables=variables)
