"""A recipe: a file that builds a release to known bytes, and how well it is proven."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RecipeForm(StrEnum):
    """The form of a recipe: for whom it is written."""

    SH = "sh"  # a POSIX shell script that installs with pip and calls the build backend
    BUILD = "build"  # the same with `python -m build`
    UV = "uv"  # the same with uv
    DEBIAN_RULES = "debian-rules"
    DOCKERFILE = "dockerfile"
    GITHUB = "github"  # a step of a workflow


class RecipeProof(StrEnum):
    """How well a recipe is proven."""

    # Run as it stands in two containers that differ in everything else; both gave the wheel. For a published wheel: in
    # one, that differs in everything from the build that gave its bytes first.
    PROVEN = "proven"
    REJECTED = "rejected"  # run as it stands, and at least one container did not give the wheel
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One file of a recipe. Its text is stored, so that what is shown is what was run."""

    form: RecipeForm
    text: str
    filename: str  # of the wheel
    sha256: str  # of the wheel; empty: the form names none
    proof: RecipeProof
    builds: tuple[str, ...] = ()  # the names of the builds that ran this text, byte for byte
    why: str = ""  # one sentence, if it is not proven


class ProgramAspect(StrEnum):
    """What of a compiled program a remedy may change besides its purpose."""

    SIZE = "size"
    SECTIONS = "sections"
    IMPORTS = "imports"
    OPTIMISATION = "optimisation"
    HARDENING = "hardening"
    DEBUG_INFO = "debug-info"
    MEMBERS = "members"  # of the wheel


@dataclass(frozen=True, slots=True)
class ProgramChange:
    """One change that a remedy makes to a wheel, compared with the first build without it."""

    path: str  # the member; empty for the wheel itself
    aspect: ProgramAspect
    before: str  # untrusted where it quotes a name of the wheel; printable and cut
    after: str
    cost: bool = True  # whether the wheel is worse for it; a smaller path in debug information is not
